"""onset_deviation against hand-worked values, the standard library, mir_eval and closed forms."""

from __future__ import annotations

import math
import statistics
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mir_eval import alignment

from align_bench.errors import InvalidInputError
from align_bench.metrics import onset_deviation as od

NAN = math.nan
STATISTICS = (
    od.mean_abs_deviation,
    od.median_abs_deviation,
    od.sd_abs_deviation,
    od.mean_deviation,
    od.sd_deviation,
    od.rms_deviation,
)

onsets = st.lists(
    st.tuples(st.floats(0, 600), st.one_of(st.just(NAN), st.floats(-3, 3))), min_size=1, max_size=40
).map(lambda rows: (np.array([r for r, _ in rows]), np.array([r + d for r, d in rows])))


def draw(seed: int, n: int = 200) -> tuple[np.ndarray, np.ndarray]:
    """Ascending reference and ascending estimate, some close and some far."""
    rng = np.random.default_rng(seed)
    reference = np.sort(rng.uniform(0, 60, n))
    return reference, np.sort(np.abs(reference + rng.laplace(0.01, 0.2, n)))


def test_by_hand() -> None:
    reference = [0.0, 1.0, 2.0, 3.0, 4.0]
    estimated = [0.0, 1.1, 1.8, 3.6, NAN]  # d = 0, 0.1, -0.2, 0.6, missing
    scores = od.evaluate(reference, estimated)
    expected = {
        "accuracy_10ms": 1 / 5,
        "accuracy_25ms": 1 / 5,
        "accuracy_50ms": 1 / 5,
        "accuracy_100ms": 2 / 5,
        "accuracy_200ms": 3 / 5,
        "accuracy_300ms": 3 / 5,
        "accuracy_500ms": 3 / 5,
        "accuracy_1000ms": 4 / 5,
        "accuracy_2000ms": 4 / 5,
        "accuracy_auc_200ms": (1 + 0.5) / 5,
        "mean_abs_deviation_s": 0.9 / 4,
        "median_abs_deviation_s": 0.15,
        "sd_abs_deviation_s": math.sqrt(0.41 / 4 - 0.225**2),
        "p90_abs_deviation_s": 0.2 + 0.7 * 0.4,  # rank 0.9 * 3 = 2.7
        "p95_abs_deviation_s": 0.2 + 0.85 * 0.4,  # rank 2.85
        "mean_deviation_s": 0.125,
        "sd_deviation_s": math.sqrt(0.41 / 4 - 0.125**2),
        "rms_deviation_s": math.sqrt(0.41 / 4),
    }
    assert scores == pytest.approx(expected, abs=1e-12)
    assert list(scores) == list(expected)


@pytest.mark.parametrize("reference", [0.0, 1.0, 2.0, 7.3, 599.9, 3600.0])
@pytest.mark.parametrize("ms", od.TOLERANCES_MS)
@pytest.mark.parametrize("sign", [-1, 1])
def test_a_deviation_that_equals_the_tolerance_is_correct(reference: float, ms: int, sign: int) -> None:
    tau = ms / 1000
    assert od.accuracy([reference], [reference + sign * tau], tau) == 1.0
    assert od.accuracy([reference], [reference + sign * (tau + 1e-6)], tau) == 0.0


def test_where_mir_eval_misses_the_boundary() -> None:
    assert alignment.percentage_correct(np.array([1.0]), np.array([1.05]), window=0.05) == 0.0
    assert od.accuracy([1.0], [1.05], 0.05) == 1.0


def test_deviation_and_tolerance_are_rounded_to_microseconds() -> None:
    assert od.accuracy([0.0], [0.0500004], 0.05) == 1.0
    assert od.accuracy([0.0], [0.0500006], 0.05) == 0.0
    assert od.accuracy([0.0], [0.05], 0.0499996) == 1.0
    assert od.accuracy([5.0], [5.0], 0.0) == 1.0


@pytest.mark.parametrize("seed", range(5))
def test_agrees_with_mir_eval_on_random_input(seed: int) -> None:
    reference, estimated = draw(seed)
    for tau in (0.01, 0.05, 0.3, 1.0):
        theirs = alignment.percentage_correct(reference, estimated, window=tau)
        assert od.accuracy(reference, estimated, tau) == theirs
    median, mean = alignment.absolute_error(reference, estimated)
    assert od.median_abs_deviation(reference, estimated) == pytest.approx(median, abs=1e-12)
    assert od.mean_abs_deviation(reference, estimated) == pytest.approx(mean, abs=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_agrees_with_the_standard_library_over_the_known(seed: int) -> None:
    reference, estimated = draw(seed)
    estimated[::7] = NAN
    signed = [e - r for r, e in zip(reference, estimated, strict=True) if not math.isnan(e)]
    absolute = [abs(d) for d in signed]
    twentieths = statistics.quantiles(absolute, n=20, method="inclusive")
    expected = {
        "mean_abs_deviation_s": statistics.fmean(absolute),
        "median_abs_deviation_s": statistics.median(absolute),
        "sd_abs_deviation_s": statistics.pstdev(absolute),
        "p90_abs_deviation_s": twentieths[17],
        "p95_abs_deviation_s": twentieths[18],
        "mean_deviation_s": statistics.fmean(signed),
        "sd_deviation_s": statistics.pstdev(signed),
        "rms_deviation_s": math.sqrt(statistics.fmean(d * d for d in signed)),
    }
    scores = od.evaluate(reference, estimated)
    assert {key: scores[key] for key in expected} == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_auc_is_the_integral_of_the_curve(seed: int) -> None:
    reference, estimated = draw(seed)
    estimated[::9] = NAN
    middles = (np.arange(4000) + 0.5) * 0.2 / 4000
    numerical = od.accuracy_curve(reference, estimated, middles).mean()
    assert od.accuracy_auc(reference, estimated) == pytest.approx(numerical, abs=1e-4)


def test_deviations_spread_evenly_follow_the_closed_forms() -> None:
    n = 100_000
    reference = np.linspace(0, 100, n)
    spread = (np.arange(n) + 0.5) / n  # uniform over 0 to 1 s
    scores = od.evaluate(reference, reference + spread)
    assert scores["accuracy_300ms"] == pytest.approx(0.3, abs=1e-4)
    assert scores["accuracy_auc_200ms"] == pytest.approx(0.1, abs=1e-4)
    assert scores["rms_deviation_s"] == pytest.approx(1 / math.sqrt(3), abs=1e-4)
    assert scores["sd_deviation_s"] == pytest.approx(1 / math.sqrt(12), abs=1e-4)
    assert scores["p95_abs_deviation_s"] == pytest.approx(0.95, abs=1e-4)


def test_sd_keeps_the_sign_and_sd_abs_does_not() -> None:
    given_ = ([0.0, 1.0], [-0.1, 1.1])
    assert od.sd_deviation(*given_) == pytest.approx(0.1)
    assert od.sd_abs_deviation(*given_) == pytest.approx(0.0)


@given(onsets)
@settings(max_examples=100, deadline=None)
def test_identity_is_perfect(pair: tuple[np.ndarray, np.ndarray]) -> None:
    for key, value in od.evaluate(pair[0], pair[0]).items():
        assert value == (1.0 if key.startswith("accuracy") else 0.0), key


@given(onsets, st.floats(-100, 100))
@settings(max_examples=100, deadline=None)
def test_a_late_estimate_adds_to_the_bias_alone(pair: tuple[np.ndarray, np.ndarray], shift: float) -> None:
    reference, estimated = pair
    before = od.mean_deviation(reference, estimated)
    assert od.mean_deviation(reference, estimated + shift) == pytest.approx(
        before + shift, abs=1e-9, nan_ok=True
    )
    jitter = od.sd_deviation(reference, estimated)
    assert od.sd_deviation(reference, estimated + shift) == pytest.approx(jitter, abs=1e-9, nan_ok=True)


@given(onsets, st.randoms(use_true_random=False))
@settings(max_examples=100, deadline=None)
def test_the_order_of_onsets_changes_nothing(pair: tuple[np.ndarray, np.ndarray], random: Any) -> None:
    order = list(range(pair[0].size))
    random.shuffle(order)
    shuffled = od.evaluate(pair[0][order], pair[1][order])
    assert shuffled == pytest.approx(od.evaluate(*pair), abs=1e-9, nan_ok=True)


@given(onsets, st.lists(st.floats(0, 4), min_size=2, max_size=8))
@settings(max_examples=100, deadline=None)
def test_accuracy_grows_with_the_tolerance(
    pair: tuple[np.ndarray, np.ndarray], tolerances: list[float]
) -> None:
    curve = od.accuracy_curve(*pair, sorted(tolerances))
    assert (np.diff(curve) >= 0).all()
    assert 0 <= curve[0] <= curve[-1] <= 1


@given(onsets)
@settings(max_examples=100, deadline=None)
def test_rms_is_made_of_bias_and_jitter(pair: tuple[np.ndarray, np.ndarray]) -> None:
    parts = od.mean_deviation(*pair) ** 2 + od.sd_deviation(*pair) ** 2
    assert od.rms_deviation(*pair) ** 2 == pytest.approx(parts, abs=1e-9, nan_ok=True)


def test_a_missing_estimate_is_wrong_at_every_tolerance() -> None:
    assert od.accuracy([0.0, 1.0], [0.0, NAN], 1e8) == 0.5
    assert od.accuracy_auc([0.0, 1.0], [0.0, NAN], 1e8) == 0.5


@pytest.mark.parametrize("metric", STATISTICS)
def test_statistics_of_nothing_are_nan(metric: Any) -> None:
    assert math.isnan(metric([0.0, 1.0], [NAN, NAN]))
    assert math.isnan(od.percentile_abs_deviation([0.0], [NAN], 90))


def test_the_reference_may_step_back() -> None:
    assert od.accuracy([0.0, 1.02, 1.0], [0.0, 1.0, 1.0], 0.05) == 1.0


def test_input_is_left_as_it_was() -> None:
    reference, estimated = np.array([0.0, 1.0]), np.array([NAN, 1.5])
    od.evaluate(reference, estimated)
    np.testing.assert_array_equal(reference, [0.0, 1.0])
    np.testing.assert_array_equal(estimated, [NAN, 1.5])


@pytest.mark.parametrize(
    ("reference", "estimated", "message"),
    [
        ([0.0, NAN], [0.0, 1.0], r"reference_times must be within ±1e\+09 s, got nan at index 1"),
        ([0.0, math.inf], [0.0, 1.0], r"reference_times must be within .* got inf at index 1"),
        (
            [0.0, 1.0],
            [-math.inf, 1.0],
            r"estimated_times must be within ±1e\+09 s or NaN, got -inf at index 0",
        ),
        ([0.0, 1.0], [0.0, 1e300], r"estimated_times must be within .* got 1e\+300 at index 1"),
        (["0.0", "1.0"], [0.0, 1.0], r"reference_times must be numbers in seconds, got values of type <U3\."),
        (
            [0.0, 1.0],
            ["0.0", "1.0"],
            r"estimated_times must be numbers .* <U3\. Write NaN for an onset without",
        ),
        ([0.0, 1.0], [0.0, None], r"estimated_times must be numbers in seconds, got values of type object"),
        ([0.0, 1.0], [True, False], r"estimated_times must be numbers in seconds, got values of type bool"),
        ([0.0, 1.0], [0j, 1j], r"estimated_times must be numbers in seconds, got values of type complex128"),
        ([[0.0], [1.0, 2.0]], [0.0, 1.0], r"reference_times must be numbers in seconds, got .*inhomogeneous"),
        ([[0.0, 1.0]], [[0.0, 1.0]], r"reference_times must be one-dimensional, got shape \(1, 2\)"),
        ([0.0, 1.0], [[0.0, 1.0]], r"estimated_times must be one-dimensional, got shape \(1, 2\)"),
        (0.0, 0.0, r"reference_times must be one-dimensional, got shape \(\)"),
        ([], [], r"reference_times must have values, got none"),
        ([0.0], [], r"estimated_times must have values, got none"),
        ([0.0, 1.0], [0.0], r"one value for each of the 2 reference_times, got 1\. Write NaN"),
    ],
)
def test_unfit_times_are_refused(reference: Any, estimated: Any, message: str) -> None:
    for entry in (od.validate, od.evaluate, od.accuracy_auc, *STATISTICS):
        with pytest.raises(InvalidInputError, match=message):
            entry(reference, estimated)


def test_validate_accepts_what_is_fit() -> None:
    od.validate([0, 1, 2], (0.5, NAN, 1.0))
    od.validate(np.array([0.0]), np.array([-0.5], dtype=np.float32))


@pytest.mark.parametrize(
    ("tolerance", "message"),
    [
        (-0.05, r"tolerance_s must be >= 0 s, got -0\.05"),
        (NAN, r"tolerance_s must be within .* got nan"),
        (math.inf, r"tolerance_s must be within .* got inf"),
        ("0.05", r"tolerance_s must be numbers in seconds"),
        ([0.05], r"tolerance_s must be one-dimensional, got shape \(1, 1\)"),
    ],
)
def test_unfit_tolerances_are_refused(tolerance: Any, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        od.accuracy([0.0], [0.0], tolerance)


def test_other_unfit_parameters_are_refused() -> None:
    with pytest.raises(InvalidInputError, match=r"tolerances_s must have values"):
        od.accuracy_curve([0.0], [0.0], [])
    with pytest.raises(InvalidInputError, match=r"tolerance_s must be >= 0 s, got -1"):
        od.accuracy_curve([0.0], [0.0], [0.1, -1.0])
    with pytest.raises(InvalidInputError, match=r"limit_s must be > 0 s, got 0"):
        od.accuracy_auc([0.0], [0.0], 0.0)
    with pytest.raises(InvalidInputError, match=r"limit_s must be >= 0 s, got -1"):
        od.accuracy_auc([0.0], [0.0], -1.0)
    for percent in (-1, 101, NAN):
        with pytest.raises(InvalidInputError, match=f"percent must be 0 to 100, got {percent}"):
            od.percentile_abs_deviation([0.0], [0.0], percent)


def test_misspelt_keywords_are_refused() -> None:
    with pytest.raises(TypeError, match="tolerence_s"):
        od.accuracy([0.0], [0.0], tolerence_s=0.05)  # type: ignore[call-arg]
