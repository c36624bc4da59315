"""score_following against hand-worked values and a plain loop."""

from __future__ import annotations

import math
import statistics
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from align_bench.errors import InvalidInputError
from align_bench.metrics import onset_deviation
from align_bench.metrics import score_following as sf

NAN = math.nan
deviation = st.one_of(st.just(NAN), st.floats(-0.5, 0.5))
piece = st.lists(deviation, min_size=1, max_size=30).map(
    lambda ds: (np.arange(len(ds)) * 0.5, np.arange(len(ds)) * 0.5 + np.array(ds))
)
Piece = tuple[np.ndarray, np.ndarray]


def by_loop(reference: np.ndarray, estimated: np.ndarray, threshold: float) -> dict[str, float]:
    """Count in plain Python what the module computes with arrays."""
    missed = misaligned = last = 0
    good = []
    for i, (r, e) in enumerate(zip(reference.tolist(), estimated.tolist(), strict=True), start=1):
        if math.isnan(e):
            missed += 1
        elif round(abs(e - r) * 1e6) > round(threshold * 1e6):
            misaligned += 1
        else:
            good.append(abs(e - r))
            last = i
    n = len(reference)
    return {
        "miss_rate": missed / n,
        "misalign_rate": misaligned / n,
        "piece_precision": 1 - missed / n - misaligned / n,
        "mean_imprecision_s": statistics.fmean(good) if good else NAN,
        "sd_imprecision_s": statistics.pstdev(good) if good else NAN,
        "piece_completion": last / n,
    }


def test_by_hand() -> None:
    reference = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]
    estimated = [0.0, 1.1, 2.3, NAN, 3.8, 9.0, NAN, 9.0]  # aligned: 0, 1 and 4
    scores = sf.evaluate(reference, estimated)
    expected = {
        "miss_rate": 2 / 8,
        "misalign_rate": 3 / 8,
        "piece_precision": 3 / 8,
        "mean_imprecision_s": 0.1,
        "sd_imprecision_s": math.sqrt(0.02 / 3),
        "piece_completion": 5 / 8,
    }
    assert scores == pytest.approx(expected)
    assert list(scores) == list(expected)


@given(piece)
@settings(max_examples=200, deadline=None)
def test_agrees_with_a_plain_loop(case: Piece) -> None:
    assert sf.evaluate(*case) == pytest.approx(by_loop(*case, 0.25), abs=1e-9, nan_ok=True)


@given(piece)
@settings(max_examples=50, deadline=None)
def test_precision_is_accuracy_at_the_threshold(case: Piece) -> None:
    for threshold in (0.1, 0.25, 0.3):
        assert sf.precision(*case, threshold) == onset_deviation.accuracy(*case, threshold)
        total = sf.miss_rate(*case) + sf.misalign_rate(*case, threshold) + sf.precision(*case, threshold)
        assert total == pytest.approx(1.0)


def test_the_threshold_itself_is_aligned() -> None:
    assert sf.misalign_rate([1.0], [1.05], 0.05) == 0.0
    assert sf.misalign_rate([1.0], [1.050001], 0.05) == 1.0
    assert sf.misalign_rate([1.0], [1.25]) == 0.0
    assert sf.misalign_rate([1.0], [1.250001]) == 1.0


def test_the_threshold_reaches_every_metric() -> None:
    given_ = ([0.0, 1.0, 2.0], [0.0, 1.1, 2.2])
    assert sf.misalign_rate(*given_, 0.15) == pytest.approx(1 / 3)
    assert sf.mean_imprecision(*given_, 0.15) == pytest.approx(0.05)
    assert sf.sd_imprecision(*given_, 0.15) == pytest.approx(0.05)
    assert sf.piece_completion(*given_, 0.15) == pytest.approx(2 / 3)
    assert sf.piecewise_precision([given_], 0.05) == pytest.approx(1 / 3)
    assert sf.overall_precision([given_], 0.05) == pytest.approx(1 / 3)


@pytest.mark.parametrize("estimated", [[NAN, NAN], [9.0, 9.0]])
def test_nothing_aligned(estimated: list[float]) -> None:
    given_ = ([0.0, 1.0], estimated)
    assert sf.precision(*given_) == sf.piece_completion(*given_) == 0.0
    assert math.isnan(sf.mean_imprecision(*given_))
    assert math.isnan(sf.sd_imprecision(*given_))


def test_aggregates_by_hand() -> None:
    pieces = [
        ([0.0, 1.0], [0.0, 1.0]),
        ([0.0, 1.0, 2.0, 3.0], [0.0, 9.0, NAN, 9.0]),
        ([0.0, 1.0], [NAN, NAN]),  # failed: counts as 0
    ]
    assert sf.piecewise_precision(pieces) == pytest.approx((1 + 0.25 + 0) / 3)
    assert sf.overall_precision(pieces) == pytest.approx(3 / 8)


@given(st.lists(piece, min_size=1, max_size=6), st.randoms(use_true_random=False))
@settings(max_examples=50, deadline=None)
def test_aggregates(pieces: list[Piece], random: Any) -> None:
    scores = [sf.evaluate(*p) for p in pieces]
    mean = statistics.fmean(1 - s["miss_rate"] - s["misalign_rate"] for s in scores)
    assert sf.piecewise_precision(pieces) == pytest.approx(mean)
    events = [len(p[0]) for p in pieces]
    weighted = sum(n * s["piece_precision"] for n, s in zip(events, scores, strict=True)) / sum(events)
    assert sf.overall_precision(pieces) == pytest.approx(weighted)
    shuffled = list(pieces)
    random.shuffle(shuffled)
    assert sf.piecewise_precision(shuffled) == pytest.approx(mean)
    assert sf.overall_precision(iter(shuffled)) == pytest.approx(weighted)


@pytest.mark.parametrize("metric", [sf.piecewise_precision, sf.overall_precision])
def test_no_pieces_are_refused(metric: Any) -> None:
    with pytest.raises(InvalidInputError, match=r"pieces must have at least one piece, got none"):
        metric([])


@pytest.mark.parametrize(
    "metric",
    [sf.misalign_rate, sf.precision, sf.mean_imprecision, sf.sd_imprecision, sf.piece_completion],
)
def test_unfit_thresholds_are_refused(metric: Any) -> None:
    with pytest.raises(InvalidInputError, match=r"threshold_s must be >= 0 s, got -0\.1"):
        metric([0.0], [0.0], -0.1)
    with pytest.raises(InvalidInputError, match=r"threshold_s must be within .* got nan"):
        metric([0.0], [0.0], NAN)


@pytest.mark.parametrize(
    "metric",
    [
        sf.validate, sf.evaluate, sf.miss_rate, sf.misalign_rate, sf.precision,
        sf.mean_imprecision, sf.sd_imprecision, sf.piece_completion,
    ],
)  # fmt: skip
def test_unfit_times_are_refused(metric: Any) -> None:
    with pytest.raises(InvalidInputError, match=r"reference_times must be within .* got nan"):
        metric([NAN], [0.0])
    with pytest.raises(InvalidInputError, match=r"one value for each of the 2 reference_times, got 1"):
        metric([0.0, 1.0], [0.0])
