"""Every feature, by us and by librosa, and a piece of one minute to try them on."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from align_bench.features import chroma_cqt, log_cqt, log_mel, log_stft
from align_bench.types import Audio

RATE = 22050


def _by_librosa(name: str, audio: Audio) -> Any:
    import librosa

    y = audio.samples
    if name == "chroma":
        return librosa.feature.chroma_cqt(y=y, sr=RATE)
    if name == "constant-Q":
        magnitude = np.abs(librosa.cqt(y, sr=RATE, hop_length=448))
    elif name == "STFT":
        magnitude = np.abs(librosa.stft(y, n_fft=2048, hop_length=448))[1:385]
    else:
        power = librosa.feature.melspectrogram(y=y, sr=RATE, hop_length=512, n_mels=96, fmin=30.0)
        magnitude = np.sqrt(power)
    return librosa.amplitude_to_db(magnitude, ref=np.max)


_OURS = {"constant-Q": log_cqt, "STFT": log_stft, "mel": log_mel, "chroma": chroma_cqt}
SPECTRA: dict[str, tuple[Callable[[Audio], Any], Callable[[Audio], Any]]] = {
    name: (ours, partial(_by_librosa, name)) for name, ours in _OURS.items()
}


def one_minute(folder: Path) -> tuple[Path, Path, Path]:
    """Write a score of one minute as MIDI, a recording of it, 0.5 s late, and the score as MusicXML."""
    import mido

    from align_bench.scores import load_score
    from align_bench.synthesis import render

    rng = np.random.default_rng(0)
    track = mido.MidiTrack([mido.MetaMessage("set_tempo", tempo=500_000)])
    pitches = rng.integers(48, 85, 240).tolist()
    for pitch in pitches:
        track.append(mido.Message("note_on", note=pitch, velocity=80))
        track.append(mido.Message("note_off", note=pitch, time=240))
    midi = mido.MidiFile(ticks_per_beat=480)
    midi.tracks.append(track)
    midi.save(folder / "score.mid")
    audio = render(load_score(folder / "score.mid"), program=1, sample_rate=44100)
    late = np.pad(audio.samples, (22050, 0))
    soundfile.write(folder / "audio.wav", np.stack([late, late], axis=1), 44100)
    (folder / "score.musicxml").write_text(_musicxml(pitches), encoding="utf-8")
    return folder / "score.mid", folder / "audio.wav", folder / "score.musicxml"


def _musicxml(pitches: list[int]) -> str:
    """Return eighth notes in bars of four quarters, at 120 quarters a minute."""
    head = (
        "<attributes><divisions>2</divisions>"
        "<time><beats>4</beats><beat-type>4</beat-type></time></attributes>"
    )
    bars = ""
    for k, pitch in enumerate(pitches):
        if k % 8 == 0:
            bars += f'{"</measure>" * (k > 0)}<measure number="{k // 8 + 1}">{head * (k == 0)}'
        bars += (
            f"<note><pitch><step>{'CCDDEFFGGAAB'[pitch % 12]}</step>"
            f"<alter>{int(pitch % 12 in (1, 3, 6, 8, 10))}</alter><octave>{pitch // 12 - 1}</octave></pitch>"
            f"<duration>1</duration><voice>1</voice><type>eighth</type></note>"
        )
    part = '<score-part id="P1"><part-name>Piano</part-name></score-part>'
    return (
        f'<score-partwise version="4.0"><part-list>{part}</part-list><part id="P1">{bars}</measure></part>'
        f"</score-partwise>"
    )
