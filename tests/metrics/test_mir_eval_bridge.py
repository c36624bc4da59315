"""The bridge returns mir_eval's own numbers, and keeps its traps shut."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from mir_eval import alignment

from align_bench.errors import InvalidInputError
from align_bench.metrics import mir_eval_bridge as bridge

NAN = math.nan
METRICS = (
    bridge.percentage_correct,
    bridge.percentage_correct_segments,
    bridge.median_absolute_error,
    bridge.mean_absolute_error,
    bridge.karaoke_perceptual,
)


def draw(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    reference = np.sort(rng.uniform(1, 60, 100))
    return reference, np.sort(np.abs(reference + rng.laplace(0.02, 0.2, 100)))


@pytest.mark.parametrize("seed", range(5))
def test_is_mir_eval(seed: int) -> None:
    reference, estimated = draw(seed)
    theirs = alignment.evaluate(reference, estimated)
    assert bridge.evaluate(reference, estimated) == {
        "mir_eval_percentage_correct_300ms": theirs["pc"],
        "mir_eval_percentage_correct_segments": theirs["pcs"],
        "mir_eval_median_absolute_error_s": theirs["mae"],
        "mir_eval_mean_absolute_error_s": theirs["aae"],
        "mir_eval_karaoke_perceptual": theirs["perceptual"],
    }
    pc = alignment.percentage_correct(reference, estimated, window=0.05)
    assert bridge.percentage_correct(reference, estimated, window_s=0.05) == pc


def test_by_hand() -> None:
    reference, estimated = [0.0, 2.0, 3.0, 4.0], [0.0, 1.0, 3.0, 4.5]
    assert bridge.percentage_correct(reference, estimated) == 0.5
    # Segments 0-2, 2-3, 3-4 against 0-1, 1-3, 3-4.5 overlap for 1 + 1 + 1 of 4 s.
    assert bridge.percentage_correct_segments(reference, estimated) == 0.75
    assert bridge.median_absolute_error(reference, estimated) == 0.25
    assert bridge.mean_absolute_error(reference, estimated) == 0.375
    assert bridge.karaoke_perceptual(reference, reference) == pytest.approx(0.9606, abs=5e-5)


@pytest.mark.parametrize("metric", METRICS)
def test_undefined_where_mir_eval_defines_nothing(metric: Any) -> None:
    assert math.isnan(metric([0.0, 1.0, 2.0], [0.0, NAN, 2.0]))
    assert math.isnan(metric([0.0], [NAN]))
    assert math.isnan(metric([0.0, 1.0, 2.0], [0.0, 2.0, 1.0]))


def test_a_reference_without_duration_has_no_segments() -> None:
    assert math.isnan(bridge.percentage_correct_segments([1.0], [1.0]))
    assert math.isnan(bridge.percentage_correct_segments([1.0, 1.0], [1.0, 2.0]))
    assert bridge.percentage_correct([1.0], [1.0]) == 1.0


def test_a_reference_that_steps_back_is_raised_to_its_running_maximum() -> None:
    reference, estimated = [0.0, 1.25, 1.0, 2.0], [0.0, 1.25, 1.5, 2.0]
    assert bridge.mean_absolute_error(reference, estimated) == 0.25 / 4  # the onset at 1.0 counts as 1.25
    flat = bridge.evaluate([0.0, 1.25, 1.25, 2.0], estimated)
    assert bridge.evaluate(reference, estimated) == flat


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("which", [0, 1])
def test_negative_times_are_shifted_together(seed: int, which: int) -> None:
    reference, estimated = draw(seed)
    expected = bridge.evaluate(reference, estimated)
    origin = (reference, estimated)[which][3]  # so that one list or both begin below zero
    assert bridge.evaluate(reference - origin, estimated - origin) == pytest.approx(expected)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize(
    ("reference", "estimated", "message"),
    [
        ([0.0, NAN], [0.0, 1.0], r"reference_times must be within .* got nan"),
        ([0.0, math.inf], [0.0, 1.0], r"reference_times must be within .* got inf"),
        ([0.0, 1.0], [0.0, math.inf], r"estimated_times must be within .* got inf"),
        ([0.0, 1.0], [0.0], r"one value for each of the 2 reference_times"),
        ([[0.0, 1.0]], [[0.0, 1.0]], r"reference_times must be one-dimensional"),
        (["0", "1"], [0.0, 1.0], r"reference_times must be numbers"),
    ],
)
def test_unfit_times_are_refused(metric: Any, reference: Any, estimated: Any, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        metric(reference, estimated)
    with pytest.raises(InvalidInputError, match=message):
        bridge.validate(reference, estimated)


@pytest.mark.parametrize("metric", METRICS)
def test_misspelt_keywords_are_refused(metric: Any) -> None:
    assert "pc" in alignment.evaluate(np.array([0.0, 1.0]), np.array([0.0, 1.0]), windw=0.1)  # the trap
    with pytest.raises(TypeError, match="windw"):
        metric([0.0, 1.0], [0.0, 1.0], windw=0.1)


def test_unfit_windows_are_refused() -> None:
    with pytest.raises(InvalidInputError, match=r"window_s must be >= 0 s, got -0\.3"):
        bridge.percentage_correct([0.0], [0.0], -0.3)
    with pytest.raises(InvalidInputError, match=r"window_s must be within .* got nan"):
        bridge.percentage_correct([0.0], [0.0], NAN)
