"""The table of keys, and evaluate() held to it."""

from __future__ import annotations

import doctest
import importlib
import json
import math
import subprocess
import sys
from collections import OrderedDict
from typing import Any

import numpy as np
import pytest

from align_bench import metrics
from align_bench.errors import InvalidInputError, UsageError
from align_bench.metrics import mir_eval_bridge, onset_deviation, score_following, time_map

NAN = math.nan
SCORE = np.arange(20) * 0.5
REFERENCE = SCORE * 1.1 + 0.3


def test_the_keys_are_these() -> None:
    """Records are kept for years: a key that changes its name is a decision, not an accident."""
    assert list(metrics.KEYS) == [
        *("accuracy_10ms", "accuracy_25ms", "accuracy_50ms", "accuracy_100ms", "accuracy_200ms"),
        *("accuracy_300ms", "accuracy_500ms", "accuracy_1000ms", "accuracy_2000ms", "accuracy_auc_200ms"),
        *("mean_abs_deviation_s", "median_abs_deviation_s", "sd_abs_deviation_s", "p90_abs_deviation_s"),
        *("p95_abs_deviation_s", "mean_deviation_s", "sd_deviation_s", "rms_deviation_s"),
        *("time_err_s", "time_dev_s"),
        *("miss_rate", "misalign_rate", "piece_precision", "mean_imprecision_s", "sd_imprecision_s"),
        "piece_completion",
        *("mir_eval_percentage_correct_300ms", "mir_eval_percentage_correct_segments"),
        *(
            "mir_eval_median_absolute_error_s",
            "mir_eval_mean_absolute_error_s",
            "mir_eval_karaoke_perceptual",
        ),
    ]
    assert metrics.GROUPS == ("onset_deviation", "time_map", "score_following", "mir_eval")


def test_evaluate_returns_the_table() -> None:
    scores = metrics.evaluate(SCORE, REFERENCE, REFERENCE + 0.01)
    assert isinstance(scores, OrderedDict)
    assert list(scores) == list(metrics.KEYS)
    assert all(type(value) is float for value in scores.values())


def test_each_module_returns_its_group() -> None:
    given = (REFERENCE, REFERENCE + 0.01)
    results = {
        "onset_deviation": onset_deviation.evaluate(*given),
        "time_map": time_map.evaluate(SCORE, *given),
        "score_following": score_following.evaluate(*given),
        "mir_eval": mir_eval_bridge.evaluate(*given),
    }
    everything = metrics.evaluate(SCORE, *given)
    for group, scores in results.items():
        assert list(scores) == [key.name for key in metrics.KEYS.values() if key.group == group]
        assert {name: everything[name] for name in scores} == scores


@pytest.mark.parametrize("name", metrics.KEYS)
def test_each_row_keeps_its_word(name: str) -> None:
    key = metrics.KEYS[name]
    assert key.name == name
    assert key.description.endswith(".")
    assert key.reference
    assert (key.unit == "s") == name.endswith("_s")
    perfect, near, far = (
        metrics.evaluate(SCORE, REFERENCE, REFERENCE + late)[name] for late in (0.0, 0.02, 0.24)
    )
    assert perfect is not None
    assert near is not None
    assert far is not None
    if key.unit == "share":
        assert all(0 <= value <= 1 for value in (perfect, near, far))
    if key.direction == "higher":
        assert perfect >= near >= far
        assert perfect > 0.96
    else:
        assert perfect == 0.0
        assert near <= far + 1e-12
    early = metrics.evaluate(SCORE, REFERENCE, REFERENCE - 0.02)[name]
    assert early is not None
    assert (key.direction == "zero") == (early < 0)  # only what may be negative strives for zero


def test_directions_tell_better_from_worse() -> None:
    """An estimate that runs away quadratically is worse than a perfect one by every key but one."""
    good = metrics.evaluate(SCORE, REFERENCE, REFERENCE)
    bad = metrics.evaluate(SCORE, REFERENCE, REFERENCE + 0.05 * np.arange(SCORE.size) ** 2)
    for key in metrics.KEYS.values():
        before, after = good[key.name], bad[key.name]
        assert before is not None
        assert after is not None
        if key.name == "miss_rate":
            assert before == after == 0.0
        else:
            assert after < before if key.direction == "higher" else after > before, key.name


def test_undefined_is_none_and_json_holds_no_nan() -> None:
    scores = metrics.evaluate(SCORE, REFERENCE, np.full(SCORE.size, NAN))
    defined = {name: value for name, value in scores.items() if value is not None}
    assert json.loads(json.dumps(scores, allow_nan=False)) == scores
    # What failed is wrong, not absent: accuracies and rates stay defined.
    shares = [key.name for key in metrics.KEYS.values() if key.unit == "share" and key.group != "mir_eval"]
    assert sorted(defined) == sorted(shares)
    assert {name for name, value in defined.items() if value} == {"miss_rate"}


def test_one_missing_estimate() -> None:
    estimated = REFERENCE.copy()
    estimated[3] = NAN
    scores = metrics.evaluate(SCORE, REFERENCE, estimated)
    assert scores["accuracy_50ms"] == scores["piece_precision"] == 0.95
    assert scores["mean_abs_deviation_s"] == 0.0
    undefined = [name for name, value in scores.items() if value is None]
    assert undefined == [k.name for k in metrics.KEYS.values() if k.group in ("time_map", "mir_eval")]


def test_a_single_onset() -> None:
    scores = metrics.evaluate([0.0], [1.0], [1.0])
    assert scores["accuracy_10ms"] == 1.0
    undefined = [name for name, value in scores.items() if value is None]
    assert undefined == ["time_err_s", "time_dev_s", "mir_eval_percentage_correct_segments"]


def test_metrics_can_be_chosen() -> None:
    everything = metrics.evaluate(SCORE, REFERENCE, REFERENCE + 0.07)
    some = metrics.evaluate(
        SCORE, REFERENCE, REFERENCE + 0.07, metrics=["miss_rate", "time_map", "accuracy_50ms"]
    )
    assert list(some) == ["accuracy_50ms", "time_err_s", "time_dev_s", "miss_rate"]
    assert all(some[name] == everything[name] for name in some)
    assert list(metrics.evaluate(SCORE, REFERENCE, REFERENCE, metrics="time_map")) == [
        "time_err_s",
        "time_dev_s",
    ]


def test_unknown_names_are_refused_with_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"metric must be one of .*Did you mean 'accuracy_50ms'"):
        metrics.look_up("acuracy_50ms")
    with pytest.raises(UsageError, match=r"metric must be one of .*time_map.*Did you mean 'time_map'"):
        metrics.evaluate(SCORE, REFERENCE, REFERENCE, metrics=["accuracy_50ms", "timemap"])
    assert metrics.look_up("time_err_s").unit == "s"


@pytest.mark.parametrize("chosen", [None, ["accuracy_50ms"]])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"score": SCORE[::-1]}, r"score_times must ascend strictly"),
        ({"score": SCORE[:-1]}, r"score_times must have one value for each of the 20"),
        ({"estimated": REFERENCE[:-1]}, r"estimated_times must have one value for each of the 20"),
        (
            {"estimated": np.where(SCORE == 1, np.inf, REFERENCE)},
            r"estimated_times must be .* got inf at index 2",
        ),
        (
            {"reference": np.where(SCORE == 1, np.nan, REFERENCE)},
            r"reference_times must be .* got nan at index 2",
        ),
    ],
)
def test_unfit_times_are_refused_whatever_is_asked(chosen: Any, change: dict[str, Any], message: str) -> None:
    times = {"score": SCORE, "reference": REFERENCE, "estimated": REFERENCE, **change}
    with pytest.raises(InvalidInputError, match=message):
        metrics.evaluate(times["score"], times["reference"], times["estimated"], metrics=chosen)


def test_the_table_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        metrics.KEYS["mine"] = metrics.KEYS["time_err_s"]  # type: ignore[index]


@pytest.mark.parametrize("name", ["", ".onset_deviation", ".time_map", ".score_following"])
def test_the_examples_in_the_docstrings_are_true(name: str) -> None:
    result = doctest.testmod(importlib.import_module(f"align_bench.metrics{name}"))
    assert result.attempted > 0
    assert result.failed == 0


def test_mir_eval_is_loaded_only_when_asked() -> None:
    code = (
        "import sys; from align_bench import metrics\n"
        "metrics.evaluate([0., 1.], [0., 1.], [0., 1.], ['onset_deviation', 'time_map', 'score_following'])\n"
        "print(sorted({'mir_eval', 'scipy', 'torch', 'librosa'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
