"""Means, intervals and comparisons against hand-worked figures, SciPy and simulation."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from align_bench.errors import InvalidInputError
from align_bench.leaderboard.statistics import Comparison, Interval, compare, mean_interval, piece_means


def test_pieces_weigh_alike_however_many_recordings_they_have() -> None:
    means = piece_means([1.0, 0.0, 0.5, 0.5], ["b", "a", "b", "b"])
    assert list(means.items()) == [("a", 0.0), ("b", pytest.approx(2 / 3))]


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from("abcdefgh"), st.floats(0, 1)), min_size=2, max_size=40), st.randoms()
)
def test_the_order_of_recordings_changes_nothing(rows: list[tuple[str, float]], rng: random.Random) -> None:
    shuffled = list(rows)
    rng.shuffle(shuffled)
    one, other = (piece_means([v for _, v in r], [p for p, _ in r]) for r in (rows, shuffled))
    assert list(one.items()) == list(other.items())
    assert mean_interval(list(one.values()), n_resamples=200) == mean_interval(
        list(other.values()), n_resamples=200
    )


def test_interval_is_scipys_percentile_interval_with_tails_moved_out() -> None:
    values = np.array([0.55, 0.61, 0.72, 0.80, 0.83, 0.90, 0.91, 0.97])
    # Hesterberg 2015, section 4.4, worked with scipy.stats where the code uses scipy.special.
    tail = stats.norm.cdf(stats.t.ppf(0.025, df=7) * np.sqrt(8 / 7))
    expected = stats.bootstrap(
        (values,), np.mean, method="percentile", confidence_level=1 - 2 * tail, n_resamples=50_000, rng=1
    ).confidence_interval
    ours = mean_interval(values, n_resamples=50_000)
    assert ours is not None
    assert ours.low == pytest.approx(expected.low, abs=0.003)
    assert ours.high == pytest.approx(expected.high, abs=0.003)


def test_interval_holds_the_true_mean_as_often_as_it_says() -> None:
    rng = np.random.default_rng(5)
    intervals = [mean_interval(rng.normal(size=8), n_resamples=1000, seed=i) for i in range(600)]
    share = np.mean([interval is not None and 0.0 in interval for interval in intervals])
    # The plain percentile interval reaches 0.88; the standard error of this count is 0.009.
    assert 0.915 <= share <= 0.97


def test_interval_is_repeatable_and_moves_with_the_values() -> None:
    values = np.array([0.2, 0.4, 0.9])
    first, again = mean_interval(values), mean_interval(values)
    assert first == again
    moved = mean_interval(values + 1.0)
    assert first is not None
    assert moved is not None
    assert (moved.low, moved.high) == pytest.approx((first.low + 1, first.high + 1))


def test_one_piece_has_no_interval_and_equal_pieces_a_narrow_one() -> None:
    assert mean_interval([0.5]) is None
    assert mean_interval([0.5, 0.5, 0.5]) == Interval(0.5, 0.5)


def test_comparison_is_paired() -> None:
    # Pieces differ by 0.1 a step, the aligners by 0.02: only pairing can tell them apart.
    first = {f"piece {i}": 0.1 * i for i in range(8)}
    second = {piece: value - 0.02 - 0.001 * (i % 3) for i, (piece, value) in enumerate(first.items())}
    result = compare(first, second)
    assert result.difference == pytest.approx(0.02 + 0.001 * (0 + 1 + 2 + 0 + 1 + 2 + 0 + 1) / 8)
    assert result.distinguishable
    backwards = compare(second, first)
    assert backwards.difference == -result.difference
    assert backwards.distinguishable


def test_noise_is_not_a_difference() -> None:
    first = {f"piece {i}": 0.5 for i in range(8)}
    second = {f"piece {i}": 0.5 + 0.01 * (-1) ** i for i in range(8)}
    assert not compare(first, second).distinguishable


@pytest.mark.parametrize(("n_pieces", "expected"), [(4, False), (5, True)])
def test_four_pieces_never_prove_a_difference(n_pieces: int, expected: bool) -> None:
    first = {f"piece {i}": 0.9 for i in range(n_pieces)}
    second = {f"piece {i}": 0.5 + 0.001 * i for i in range(n_pieces)}
    assert compare(first, second).distinguishable is expected


def test_comparison_uses_only_pieces_that_both_have() -> None:
    result = compare({"a": 1.0, "b": 0.5, "c": 0.0}, {"b": 0.25, "c": 0.25, "d": 9.0})
    assert result.n_pieces == 2
    assert result.difference == pytest.approx(0.0)
    assert compare({"a": 1.0}, {"a": 0.0}) == Comparison(1.0, None, 1)


def test_lengths_must_agree() -> None:
    with pytest.raises(InvalidInputError, match="values and pieces must have one length"):
        piece_means([1.0], ["a", "b"])


def test_values_must_be_finite() -> None:
    with pytest.raises(InvalidInputError, match="values must be finite"):
        piece_means([1.0, np.nan], ["a", "b"])


@pytest.mark.parametrize("confidence", [0.0, 1.0, 95.0, float("nan")])
def test_confidence_must_be_a_share(confidence: float) -> None:
    with pytest.raises(InvalidInputError, match="confidence must be between 0 and 1"):
        mean_interval([0.1, 0.2], confidence=confidence)


def test_aligners_must_share_pieces() -> None:
    with pytest.raises(InvalidInputError, match="must share pieces"):
        compare({"a": 1.0}, {"b": 1.0})
