"""What is made of a score is made once, whatever process, aligner object or recording asks for it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from align_bench_baselines import dtw_aligner
from align_bench_baselines.chroma_dtw import ChromaDTW
from align_bench_baselines.dtw_aligner import DTWAligner
from align_bench_baselines.siamese.aligner import SiameseCQTBinary, SiameseCQTDistance
from align_bench_baselines.spectral_dtw import SpectralDTW, SpectralFluxDTW

from align_bench.features import Features
from align_bench.synthesis import render
from align_bench.types import Audio, Recording, Score


@pytest.fixture(autouse=True)
def _cold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALIGN_BENCH_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def rendered(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the digests of the scores that were rendered for an aligner."""
    digests: list[str] = []

    def counted(score: Score, **given: Any) -> Audio:
        digests.append(score.digest)
        return render(score, **given)

    monkeypatch.setattr(dtw_aligner, "render", counted)
    return digests


@pytest.mark.parametrize("make", [ChromaDTW, SpectralDTW, SpectralFluxDTW, SiameseCQTDistance])
def test_a_score_is_rendered_and_analysed_once(
    make: Callable[[], DTWAligner], clean: Recording, rendered: list[str]
):
    first, second = (make().align(clean.load_score(), clean.audio) for _ in range(2))
    assert len(rendered) == 1
    np.testing.assert_array_equal(first.audio_times, second.audio_times)
    np.testing.assert_array_equal(first.score_times, second.score_times)
    assert first.info == second.info


def test_two_readings_of_one_network_share_its_embedding(clean: Recording, rendered: list[str]):
    for make in (SiameseCQTDistance, SiameseCQTBinary):
        make().align(clean.score, clean.audio)
    assert len(rendered) == 1


class Backwards(SpectralDTW):
    """Features of its own, without a key."""

    name = "backwards"

    def features(self, audio: Audio) -> Features:
        features = super().features(audio)
        return Features(features.values[::-1].copy(), features.frame_rate)


def test_what_else_depends_on_something_else(
    clean: Recording, scale: Score, rendered: list[str], checkpoint: Path
):
    """None of these may get the features of another."""
    aligners: list[DTWAligner] = [
        SpectralFluxDTW(),
        SpectralFluxDTW(onset_gain=1.0),
        SpectralFluxDTW(synthesiser="midirenderer"),
        SpectralDTW(),
        Backwards(),
        ChromaDTW(),
        SiameseCQTDistance(),
        SiameseCQTDistance(checkpoint=str(checkpoint)),
    ]
    for aligner in aligners:
        aligner.align(scale, clean.audio)
        aligner.align(clean.score, clean.audio)
    assert len(rendered) == 2 * len(aligners)


def test_features_without_a_key_are_not_kept(clean: Recording, rendered: list[str]):
    assert Backwards().feature_key() is None
    for _ in range(2):
        Backwards().align(clean.score, clean.audio)
    assert len(rendered) == 2


def test_alignment_imports_nothing_slow(tmp_path: Path, scale: Score):
    """Each of these takes longer to import than all that is left takes together."""
    code = (
        "import sys, numpy as np, align_bench\n"
        "from align_bench.types import Score\n"
        "from align_bench.synthesis import render\n"
        "score = Score(np.arange(4.0), np.arange(4.0) + 0.5, [60, 64, 67, 72], [80] * 4)\n"
        "align_bench.align(score, render(score), 'siamese-cqt-distance', device='cpu')\n"
        "align_bench.align(score, render(score), 'chroma-dtw')\n"
        "print([name for name in ('librosa', 'scipy.signal', 'torch', 'partitura') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
