"""A folder of recordings on disk: five notes, played evenly, each recording at its own tempo."""

from __future__ import annotations

from pathlib import Path

import mido
import numpy as np
import soundfile

RATE = 8000
ONSETS = np.arange(5) * 0.5


def stretch_of(number: int) -> float:
    """Return how much slower than its score a recording is."""
    return 1.0 + number / 10


def write_folder(root: Path, n: int) -> Path:
    """Write ``n`` recordings, ``r0``, ``r1`` …; noise, because nobody listens."""
    for number in range(n):
        folder = root / f"r{number}"
        folder.mkdir(parents=True)
        track = mido.MidiTrack([mido.MetaMessage("set_tempo", tempo=500_000)])
        for pitch in range(60, 65):
            track.append(mido.Message("note_on", note=pitch, velocity=80))
            track.append(mido.Message("note_off", note=pitch, time=480))
        mido.MidiFile(tracks=[track], ticks_per_beat=480).save(folder / "score.mid")
        noise = np.random.default_rng(number).normal(scale=0.1, size=round(RATE * 2.5 * stretch_of(number)))
        soundfile.write(folder / "audio.wav", noise, RATE)
        rows = [f"{onset:.6f},{onset * stretch_of(number):.6f}" for onset in ONSETS]
        (folder / "truth.csv").write_text("\n".join(["score_time_sec,performance_time_sec", *rows]) + "\n")
    return root
