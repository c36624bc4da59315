"""A dataset of noise, whose truth is a straight line; light enough for programs that are killed often."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from align_bench.datasets.base import Collection
from align_bench.types import Audio, Recording, Reference, Score


def make_score() -> Score:
    starts = np.arange(5) * 0.5
    return Score(starts, starts + 0.5, np.arange(60, 65), np.full(5, 80))


def make_reference(stretch: float) -> Reference:
    return Reference(make_score().onsets, make_score().onsets * stretch)


def make_collection(audio: Path, n: int) -> Collection:
    """Return ``n`` recordings of three pieces, each with its own stretch; their files are in ``audio``."""
    recordings = []
    for i in range(n):
        load_audio = partial(Audio.load, audio / f"{i:03d}.wav")
        load_reference = partial(make_reference, 1.0 + i / 100)
        recordings.append(
            Recording(f"{i:03d}", f"piece {i % 3}", make_score, load_audio, load_reference, {"number": i})
        )
    return Collection("tiny", "1", "abc", "exact by construction", tuple(recordings))
