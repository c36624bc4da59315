"""Fixtures that several test modules share."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from align_bench.types import Audio, Score


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep tests out of the user's cache, but let them share one, so that renderings are made once."""
    monkeypatch.setenv("ALIGN_BENCH_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Directory of the real recordings with ground truth; they cannot be in the repository."""
    default = Path(__file__).resolve().parents[1].parent / "shared" / "data"
    path = Path(os.environ.get("ALIGN_BENCH_TEST_DATA", default))
    if not (path / "manifest.csv").is_file():
        pytest.skip(f"no real recordings at {path}; set ALIGN_BENCH_TEST_DATA to a directory that has them")
    return path


@pytest.fixture
def scale() -> Score:
    """Return one octave of C major, a note every half second."""
    starts = np.arange(8) * 0.5
    pitches = np.array([60, 62, 64, 65, 67, 69, 71, 72])
    return Score(starts, starts + 0.45, pitches, np.full(8, 80), name="C major scale")


@pytest.fixture
def noise_burst() -> Audio:
    """Return two seconds of seeded noise: audio that is valid and matches no score."""
    samples = np.random.default_rng(0).normal(scale=0.1, size=44100)
    return Audio(samples.astype(np.float32), 22050, name="noise burst")
