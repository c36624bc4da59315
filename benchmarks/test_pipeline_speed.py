"""Features and aligners under pytest-benchmark, one minute of audio; ``pipeline.py`` makes the full table."""

from __future__ import annotations

import numpy as np
import pytest
from pipeline import ALIGNERS
from spectra import RATE, SPECTRA, one_minute

from align_bench.aligners.registry import load_aligner
from align_bench.scores import load_score
from align_bench.types import Audio


@pytest.fixture(scope="module")
def minute(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ALIGN_BENCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield one_minute(tmp_path_factory.mktemp("minute"))


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("who", ["align-bench", "librosa"])
@pytest.mark.parametrize("name", SPECTRA)
def test_feature(benchmark, minute, name, who):
    benchmark.group = f"{name}, one minute"
    audio = Audio.load(minute[1]).resampled(RATE)
    feature = SPECTRA[name][who == "librosa"]
    benchmark.pedantic(feature, args=(audio,), rounds=5, iterations=1, warmup_rounds=1)


@pytest.mark.parametrize("name", ALIGNERS)
def test_aligner(benchmark, minute, name):
    """From file to onset times, the score seen before."""
    benchmark.group = "aligners, one minute"
    score, aligner = load_score(minute[0]), load_aligner(name)
    alignment = benchmark.pedantic(
        lambda: aligner.align(score, Audio.load(minute[1])), rounds=5, iterations=1, warmup_rounds=1
    )
    assert np.median(np.abs(alignment.at(score.onsets) - score.onsets - 0.5)) < 0.15  # linear: 0.11
