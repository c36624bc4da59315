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


def one_minute(folder: Path) -> tuple[Path, Path]:
    """Write a score of one minute and a recording of it, 0.5 s late."""
    import mido

    from align_bench.scores import load_score
    from align_bench.synthesis import render

    rng = np.random.default_rng(0)
    track = mido.MidiTrack([mido.MetaMessage("set_tempo", tempo=500_000)])
    for _ in range(240):
        pitch = int(rng.integers(48, 85))
        track.append(mido.Message("note_on", note=pitch, velocity=80))
        track.append(mido.Message("note_off", note=pitch, time=240))
    midi = mido.MidiFile(ticks_per_beat=480)
    midi.tracks.append(track)
    midi.save(folder / "score.mid")
    audio = render(load_score(folder / "score.mid"), program=1, sample_rate=44100)
    late = np.pad(audio.samples, (22050, 0))
    soundfile.write(folder / "audio.wav", np.stack([late, late], axis=1), 44100)
    return folder / "score.mid", folder / "audio.wav"
