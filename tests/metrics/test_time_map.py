"""time_map against hand-worked values, closed forms and dense numerical integration."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from align_bench.errors import InvalidInputError
from align_bench.metrics import time_map as tm

NAN = math.nan

maps = st.lists(
    st.tuples(st.floats(0.01, 5), st.floats(-2, 2), st.floats(-2, 2)), min_size=2, max_size=20
).map(
    lambda rows: (
        np.cumsum([ds for ds, _, _ in rows]),
        np.cumsum([1 + r for _, r, _ in rows]),
        np.cumsum([1 + r for _, r, _ in rows]) + np.array([d for _, _, d in rows]),
    )
)
Map = tuple[np.ndarray, np.ndarray, np.ndarray]


def integrate(score: np.ndarray, errors: np.ndarray) -> tuple[float, float]:
    """TimeErr and TimeDev by the midpoint rule on a dense grid."""
    n = 200_000
    grid = score[0] + (np.arange(n) + 0.5) / n * (score[-1] - score[0])
    dense = np.interp(grid, score, errors)
    return float(np.abs(dense).mean()), float(np.sqrt((dense**2).mean()))


def test_by_hand() -> None:
    # Errors 1, 1, -3, 0 over segments of 2, 4 and 2 s of score time:
    # same sign: 1 * 2; crossing: (1 + 9) / (1 + 3) / 2 * 4 = 5; one end at zero: 3 / 2 * 2 = 3.
    score, reference = [0.0, 2.0, 6.0, 8.0], [10.0, 11.0, 15.0, 16.0]
    estimated = [11.0, 12.0, 12.0, 16.0]
    assert tm.time_err(score, reference, estimated) == pytest.approx(10 / 8)
    # 1 * 2 + (1 - 3 + 9) / 3 * 4 + 9 / 3 * 2
    assert tm.time_dev(score, reference, estimated) == pytest.approx(math.sqrt((2 + 28 / 3 + 6) / 8))


@pytest.mark.parametrize("seed", range(5))
def test_agrees_with_numerical_integration(seed: int) -> None:
    rng = np.random.default_rng(seed)
    score = np.cumsum(rng.exponential(0.5, 80))
    reference = np.cumsum(rng.exponential(0.5, 80))
    estimated = reference + rng.normal(0, 0.1, 80)
    error, deviation = integrate(score, estimated - reference)
    assert tm.time_err(score, reference, estimated) == pytest.approx(error, rel=1e-5)
    assert tm.time_dev(score, reference, estimated) == pytest.approx(deviation, rel=1e-5)


def test_a_stretched_map_follows_the_closed_form() -> None:
    # e(s) = k s over 0..S, whatever the onsets: TimeErr = k S / 2, TimeDev = k S / sqrt(3).
    score = np.sort(np.concatenate(([0.0, 30.0], np.random.default_rng(1).uniform(0, 30, 50))))
    assert tm.time_err(score, score, 1.01 * score) == pytest.approx(0.15)
    assert tm.time_dev(score, score, 1.01 * score) == pytest.approx(0.3 / math.sqrt(3))


def test_a_map_that_crosses_halfway_follows_the_closed_form() -> None:
    # e(s) runs from -1 to 1 in one segment: a mean that ignores signs would give 1, a signed one 0.
    assert tm.time_err([0.0, 4.0], [0.0, 4.0], [-1.0, 5.0]) == pytest.approx(0.5)
    assert tm.time_dev([0.0, 4.0], [0.0, 4.0], [-1.0, 5.0]) == pytest.approx(1 / math.sqrt(3))


def test_each_second_of_score_counts_alike() -> None:
    # Twenty onsets in the first second are 1 s wrong, one long note of 9 s is right from its start on.
    score = np.concatenate((np.linspace(0, 1, 20), [1.0001, 10.0]))
    estimated = score + np.concatenate((np.ones(20), [0.0, 0.0]))
    assert tm.time_err(score, score, estimated) == pytest.approx(0.1, abs=1e-4)


@given(maps)
@settings(max_examples=100, deadline=None)
def test_properties(case: Map) -> None:
    score, reference, estimated = case
    assert set(tm.evaluate(score, reference, reference).values()) == {0.0}
    error, deviation = tm.evaluate(score, reference, estimated).values()
    assert 0 <= error <= deviation + 1e-9
    # Swapping the two maps, moving or stretching the score, and moving both maps change nothing.
    for same in (
        (score, estimated, reference),
        (score * 2 + 5, reference, estimated),
        (score, reference + 7, estimated + 7),
    ):
        assert list(tm.evaluate(*same).values()) == pytest.approx([error, deviation], abs=1e-9)


@given(maps, st.floats(0.01, 50))
@settings(max_examples=50, deadline=None)
def test_a_constant_delay_is_both(case: Map, delay: float) -> None:
    score, reference, _ = case
    scores = tm.evaluate(score, reference, reference + delay)
    assert scores == pytest.approx({"time_err_s": delay, "time_dev_s": delay}, abs=1e-9)


@given(maps, st.floats(0.01, 0.99))
@settings(max_examples=100, deadline=None)
def test_a_knot_on_the_line_changes_nothing(case: Map, where: float) -> None:
    score, reference, estimated = case
    knot = score[0] + where * (score[-1] - score[0])
    if np.abs(score - knot).min() < 1e-6:
        return
    finer = np.sort(np.append(score, knot))
    refined = (finer, np.interp(finer, score, reference), np.interp(finer, score, estimated))
    assert tm.evaluate(*refined) == pytest.approx(tm.evaluate(*case), abs=1e-9)


@pytest.mark.parametrize("metric", [tm.time_err, tm.time_dev])
def test_undefined_without_the_whole_map(metric: Any) -> None:
    assert math.isnan(metric([0.0, 1.0, 2.0], [0.0, 1.0, 2.0], [0.0, NAN, 2.0]))
    assert math.isnan(metric([0.0, 1.0], [0.0, 1.0], [0.0, NAN]))
    assert math.isnan(metric([3.0], [0.0], [0.0]))


@pytest.mark.parametrize(
    ("score", "reference", "estimated", "message"),
    [
        (
            [0.0, 1.0, 1.0],
            [0.0, 1.0, 2.0],
            [0.0, 1.0, 2.0],
            r"ascend strictly, got 1.0 after 1.0 at index 2.*chord",
        ),
        ([0.0, 2.0, 1.0], [0.0, 1.0, 2.0], [0.0, 1.0, 2.0], r"ascend strictly, got 1.0 after 2.0 at index 2"),
        (
            [0.0, 1.0],
            [0.0, 1.0, 2.0],
            [0.0, 1.0, 2.0],
            r"score_times must have one value for each of the 3 .* got 2",
        ),
        ([0.0, NAN], [0.0, 1.0], [0.0, 1.0], r"score_times must be within .* got nan at index 1"),
        ([0.0, math.inf], [0.0, 1.0], [0.0, 1.0], r"score_times must be within .* got inf at index 1"),
        (["0", "1"], [0.0, 1.0], [0.0, 1.0], r"score_times must be numbers in seconds"),
        ([[0.0, 1.0]], [0.0, 1.0], [0.0, 1.0], r"score_times must be one-dimensional"),
        ([0.0, 1.0], [0.0, NAN], [0.0, 1.0], r"reference_times must be within .* got nan"),
        ([0.0, 1.0], [0.0, 1.0], [0.0, math.inf], r"estimated_times must be within .* got inf"),
        ([0.0, 1.0], [0.0, 1.0], [0.0], r"estimated_times must have one value for each of the 2"),
    ],
)
def test_unfit_times_are_refused(score: Any, reference: Any, estimated: Any, message: str) -> None:
    for entry in (tm.validate, tm.time_err, tm.time_dev, tm.evaluate):
        with pytest.raises(InvalidInputError, match=message):
            entry(score, reference, estimated)
