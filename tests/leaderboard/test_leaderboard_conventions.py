"""Each convention by hand on three recordings of two pieces, one of which failed or is hopeless."""

from __future__ import annotations

import warnings

import mir_eval.alignment
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from align_bench.errors import UsageError
from align_bench.leaderboard.conventions import CONVENTIONS, DEFAULT, Figure, Take, find_convention
from align_bench.metrics import KEYS

TOLERANCE = 0.05


def take(piece: str, deviations: list[float], *, every: float = 1.0) -> Take:
    reference = np.arange(len(deviations)) * every
    return Take(piece, len(deviations), (reference, reference, reference + np.array(deviations)))


# Two good recordings of piece a and a bad one of piece b (mean distance 1 s); deviations in seconds.
ONE = take("a", [0.0, 0.02, 0.04, 0.2])
TWO = take("a", [0.0, 0.0])
BAD = take("b", [1.0, -1.0, 1.0, 1.0])
FAILED = Take("b", 4, None)


def figure(name: str, *takes: Take) -> Figure:
    return find_convention(name).figure(takes, TOLERANCE)


@pytest.mark.parametrize(
    ("name", "value", "n"),
    [
        ("align-bench", ((0.75 + 1.0) / 2 + 0.0) / 2, 3),
        ("per-recording", (0.75 + 1.0 + 0.0) / 3, 3),
        ("pooled", 5 / 10, 3),
        ("survivors", (0.75 + 1.0) / 2, 2),
        ("mir_eval", (0.75 + 1.0) / 2, 2),
        ("mirex-piecewise", (1.0 + 1.0 + 0.0) / 3, 3),
        ("mirex-overall", 6 / 10, 3),
        ("parangonar", (0.03 + 0.0) / 2, 2),
        ("median-asynchrony", 0.01, 2),
        ("mean-asynchrony", 0.26 / 6, 2),
        # Trapezoids over the score: ONE (0.01 + 0.03 + 0.12) / 3, TWO 0.
        ("thickstun", (0.16 / 3 + 0.0) / 2, 2),
        # Median of ONE 0.03 leaves -0.03, -0.01, 0.01, 0.17; its first onset is right already.
        ("median-shifted", ((0.75 + 1.0) / 2 + 0.0) / 2, 3),
        ("first-onset", ((0.75 + 1.0) / 2 + 0.0) / 2, 3),
        ("accuracy_200ms", ((1.0 + 1.0) / 2 + 0.0) / 2, 3),
        ("mean_abs_deviation_s", (0.26 / 4 + 0.0) / 2, 2),
        ("miss_rate", (0.0 + 1.0) / 2, 3),
    ],
)
def test_a_failed_recording_counts_as_the_convention_says(name: str, value: float, n: int) -> None:
    found = figure(name, ONE, TWO, FAILED)
    assert found.value == pytest.approx(value, abs=1e-12)
    assert found.n_counted == n


@pytest.mark.parametrize(
    ("name", "value", "n"),
    [
        ("align-bench", (0.875 + 0.0) / 2, 3),
        ("survivors", 0.875, 2),
        # Estimates 1, 0, 3, 4 step back, which mir_eval refuses.
        ("mir_eval", 0.875, 2),
        ("parangonar", (0.03 + 0.0 + 1.0) / 3, 3),
        ("mean-asynchrony", 4.26 / 10, 3),
        ("median-asynchrony", 0.12, 3),
        # The median deviation of BAD is 1.0, so three of its four onsets come right.
        ("median-shifted", (0.875 + 0.75) / 2, 3),
        ("first-onset", (0.875 + 0.75) / 2, 3),
        # |e| of BAD: two segments of which cross zero (0.5), one of 1: TimeErr 2/3, so that it stays.
        ("thickstun", (0.16 / 3 + 0.0 + 2 / 3) / 3, 3),
    ],
)
def test_a_hopeless_recording_counts_as_the_convention_says(name: str, value: float, n: int) -> None:
    found = figure(name, ONE, TWO, BAD)
    assert found.value == pytest.approx(value, abs=1e-12)
    assert found.n_counted == n


def test_exactly_the_tolerance_is_within_unless_strict() -> None:
    """1.05 - 1.0 is a little more than 0.05 in floating point: ours forgives that, mir_eval does not."""
    edge = take("a", [0.05, 0.05, 0.0])
    assert figure("align-bench", edge).value == 1.0
    assert figure("strict", edge).value == pytest.approx(1 / 3)
    assert figure("mir_eval", edge).value == pytest.approx(2 / 3)


@pytest.mark.parametrize("limit", [0.3, 0.300001])
def test_survivors_have_a_mean_distance_of_at_most_300_ms(limit: float) -> None:
    assert figure("survivors", take("a", [limit, limit])).n_counted == (1 if limit == 0.3 else 0)


def test_thickstun_drops_a_second_and_more() -> None:
    assert figure("thickstun", take("a", [1.0, 1.0])) == Figure(None, 0)
    assert figure("thickstun", take("a", [0.999, 0.999])).value == pytest.approx(0.999)


def test_mir_eval_is_mir_eval() -> None:
    random = np.random.default_rng(0)
    takes, expected = [], []
    for n in (5, 50, 500):
        reference = np.cumsum(random.uniform(0.1, 1.0, n))
        estimated = np.maximum.accumulate(reference + random.normal(scale=0.06, size=n))
        takes.append(Take("a", n, (reference, reference, estimated)))
        expected.append(mir_eval.alignment.percentage_correct(reference, estimated, window=TOLERANCE))
    assert figure("mir_eval", *takes).value == pytest.approx(np.mean(expected), abs=1e-15)


def test_onsets_that_were_not_placed_are_wrong_and_have_no_distance() -> None:
    part = take("a", [0.01, np.nan, 0.03, np.nan])
    assert figure("align-bench", part).value == 0.5
    assert figure("pooled", part).value == 0.5
    assert figure("strict", part).value == 0.5
    assert figure("median-shifted", part).value == 0.5
    assert figure("parangonar", part).value == pytest.approx(0.02)
    assert figure("mean-asynchrony", part).value == pytest.approx(0.02)
    assert figure("mir_eval", part) == Figure(None, 0)


def test_the_first_onset_is_the_first_one_placed() -> None:
    assert figure("first-onset", take("a", [np.nan, 0.5, 0.5, 0.5])).value == 0.75


def test_a_constant_offset_is_free_only_where_it_is_taken_away() -> None:
    late = take("a", [0.1, 0.1, 0.1])
    values = {name: figure(name, late).value for name in ("align-bench", "median-shifted", "first-onset")}
    assert values == {"align-bench": 0.0, "median-shifted": 1.0, "first-onset": 1.0}


@pytest.mark.parametrize("name", CONVENTIONS)
def test_nothing_at_all_has_a_figure_or_none_and_no_warning(name: str) -> None:
    nowhere = take("a", [np.nan, np.nan])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert figure(name).value is None
        for takes in ((FAILED,), (nowhere,), (FAILED, nowhere)):
            assert figure(name, *takes).value in (None, 0.0)


@pytest.mark.parametrize("name", CONVENTIONS)
def test_a_perfect_aligner_is_perfect_everywhere(name: str) -> None:
    way = find_convention(name)
    assert way.figure([take("a", [0.0] * 4), TWO], TOLERANCE).value == (1.0 if way.higher else 0.0)


@given(st.permutations([ONE, TWO, BAD, FAILED]))
def test_the_order_of_recordings_changes_nothing(takes: list[Take]) -> None:
    for name in CONVENTIONS:
        assert figure(name, *takes).value == pytest.approx(figure(name, ONE, TWO, BAD, FAILED).value)


def test_the_tolerance_is_taken_where_there_is_none_of_its_own() -> None:
    wide = {name: way.figure([ONE, BAD], 2.0).value for name, way in CONVENTIONS.items() if way.unit == "%"}
    own = {"mirex-piecewise": 0.5, "mirex-overall": 0.5}
    assert {name: value for name, value in wide.items() if value != 1.0} == own


def test_an_unknown_convention_is_named_with_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"convention must be one of .*Did you mean 'survivors'"):
        find_convention("survivor")


def test_every_metric_is_a_convention_and_the_default_is_known() -> None:
    assert set(DEFAULT) <= set(CONVENTIONS)
    for key in KEYS:
        assert find_convention(key).figure([ONE], TOLERANCE).n_counted == 1
