"""Records to rows: what is averaged, what a failure counts, what leaks, which rows are alike."""

from __future__ import annotations

import numpy as np
import pytest

from align_bench.errors import UsageError
from align_bench.leaderboard.rows import HEADLINE, failure_value, make_rows, summarise, values_by_piece
from align_bench.leaderboard.statistics import mean_interval
from align_bench.metrics import KEYS, evaluate
from align_bench.results import AlignerInfo, DatasetInfo, Record, RecordingResult


def result(id: str, accuracy: float | None, **changes: object) -> RecordingResult:
    """Make the result of a recording: ``accuracy`` at 50 ms, or a failure for None."""
    values: dict[str, object] = {
        "id": id,
        "piece": id[0],
        "status": "error" if accuracy is None else "ok",
        "reason": "it raised" if accuracy is None else "",
        "seconds": None if accuracy is None else 3.0,
        "audio_seconds": 120.0,
        "n_onsets": 10,
        "scores": {} if accuracy is None else {HEADLINE: accuracy, "mean_abs_deviation_s": 0.02},
    }
    return RecordingResult.model_validate(values | changes)


def record(
    name: str, results: list[RecordingResult], *, oracle: bool = False, dataset: str = "set"
) -> Record:
    return Record(
        align_bench_version="0",
        aligner=AlignerInfo(name=name),
        dataset=DatasetInfo(name=dataset, ground_truth="manual"),
        oracle=oracle,
        recordings=results,
    )


def test_headline_is_the_mean_over_pieces_and_pooled_the_mean_over_onsets() -> None:
    # Piece a: three recordings of 10 onsets at 100 %; piece b: one of 90 onsets at 0 %.
    rows = [result("a1", 1.0), result("a2", 1.0), result("a3", 1.0), result("b1", 0.0, n_onsets=90)]
    row = summarise(record("x", rows))
    assert row.mean(HEADLINE) == 0.5
    assert row.pooled == pytest.approx(30 / 120)
    assert (row.n_ok, row.n_recordings, row.n_pieces) == (4, 4, 2)


def test_figures_are_those_of_evaluate() -> None:
    reference = np.arange(50) * 0.5
    scores = evaluate(reference, reference, reference + 0.03)
    row = summarise(record("x", [result("a1", 1.0, scores=dict(scores))]))
    assert {key: row.mean(key) for key in KEYS} == dict(scores)


@pytest.mark.parametrize("status", ["error", "timeout", "skipped"])
def test_a_failure_is_nought_percent_and_has_no_deviation(status: str) -> None:
    rows = [result("a1", 0.8), result("b1", None, status=status)]
    row = summarise(record("x", rows))
    assert row.mean(HEADLINE) == pytest.approx(0.4)
    assert row.pooled == pytest.approx(0.4)
    assert row.mean("mean_abs_deviation_s") == 0.02
    assert (row.n_ok, row.n_recordings) == (1, 2)


def test_a_failure_scores_the_worst_share_of_every_key_that_has_one() -> None:
    assert {key for key in KEYS if failure_value(key) == 0.0} == {
        key for key in KEYS if KEYS[key].direction == "higher"
    }
    assert failure_value("miss_rate") == 1.0
    assert failure_value("median_abs_deviation_s") is None


def test_a_failure_whose_ground_truth_cannot_be_read_weighs_like_the_average() -> None:
    rows = [result("a1", 1.0, n_onsets=10), result("b1", 1.0, n_onsets=30), result("c1", None, n_onsets=None)]
    assert summarise(record("x", rows)).pooled == pytest.approx(40 / 60)


def test_scores_of_a_failure_are_not_believed() -> None:
    assert summarise(record("x", [result("a1", 1.0, status="timeout")])).mean(HEADLINE) == 0.0


def test_undefined_scores_are_left_out() -> None:
    rows = [
        result("a1", 1.0, scores={"time_err_s": None}),
        result("a2", 1.0, scores={"time_err_s": 0.5}),
        result("b1", 1.0, scores={"time_err_s": None}),
    ]
    assert values_by_piece(rows, "time_err_s") == {"a": 0.5}


def test_nothing_ok_leaves_no_speed_and_no_deviation() -> None:
    row = summarise(record("x", [result("a1", None, n_onsets=None)]))
    assert row.seconds_per_minute is None
    assert row.mean("mean_abs_deviation_s") is None
    assert row.pooled == 0.0
    assert row.mean(HEADLINE) == 0.0
    assert row.interval(HEADLINE) is None


def test_speed_is_total_work_over_total_audio() -> None:
    rows = [
        result("a1", 1.0, seconds=1.0, audio_seconds=30.0),
        result("b1", 1.0, seconds=9.0, audio_seconds=270.0),
    ]
    assert summarise(record("x", [*rows, result("c1", None)])).seconds_per_minute == pytest.approx(
        60 * 10 / 300
    )


def test_interval_is_over_pieces_not_recordings() -> None:
    rows = [result(f"{piece}{i}", share) for piece, share in (("a", 0.2), ("b", 0.8)) for i in range(20)]
    assert summarise(record("x", rows)).interval(HEADLINE) == mean_interval([0.2, 0.8])


def test_conditions_are_averaged_apart() -> None:
    rows = [
        result("a1", 1.0, metadata={"condition": "clean"}),
        result("a2", 0.5, metadata={"condition": "noise"}),
        result("b1", None, metadata={"condition": "noise"}),
        result("c1", 0.1),
    ]
    assert summarise(record("x", rows)).by_condition == {"clean": 1.0, "noise": 0.25}


def test_best_come_first_by_dataset() -> None:
    tables = make_rows(
        [
            record("worse", [result("a1", 0.2)]),
            record("nothing", [result("a1", None)]),
            record("better", [result("a1", 0.9)]),
            record("other", [result("a1", 0.1)], dataset="another set"),
        ]
    )
    assert list(tables) == ["another set", "set"]
    assert [row.aligner for row in tables["set"]] == ["better", "worse", "nothing"]


def test_rows_like_the_best_are_marked_and_oracles_stand_apart() -> None:
    def of(*shares: float) -> list[RecordingResult]:
        return [result(f"{piece}1", share) for piece, share in zip("abcdefgh", shares, strict=True)]

    rows = make_rows(
        [
            record("oracle", of(*[1.0] * 8), oracle=True),
            record("best", of(0.9, 0.8, 0.9, 0.8, 0.9, 0.8, 0.9, 0.8)),
            record("alike", of(0.8, 0.9, 0.8, 0.9, 0.8, 0.9, 0.8, 0.79)),
            record("modest oracle", of(0.8, 0.9, 0.8, 0.9, 0.8, 0.9, 0.8, 0.79), oracle=True),
            record("worse", of(0.5, 0.4, 0.5, 0.4, 0.5, 0.4, 0.5, 0.45)),
        ]
    )["set"]
    assert {row.aligner: row.like_best for row in rows} == {
        "oracle": False,
        "modest oracle": False,
        "best": False,
        "alike": True,
        "worse": False,
    }


def test_leaks_are_counted_and_left_out_of_every_row() -> None:
    learnt = [result("a1", 1.0, leaked=True), result("b1", 0.5), result("c1", 0.4)]
    plain = [result("a1", 0.0), result("b1", 0.5), result("c1", 0.4)]
    records = [record("learnt", learnt), record("plain", plain)]
    kept = {row.aligner: row for row in make_rows(records)["set"]}
    assert (kept["learnt"].n_leaked, kept["plain"].n_leaked) == (1, 0)
    assert kept["learnt"].mean(HEADLINE) == pytest.approx(1.9 / 3)
    for row in make_rows(records, exclude_leaked=True)["set"]:
        assert row.mean(HEADLINE) == pytest.approx(0.45)
        assert (row.n_leaked, row.n_left_out, row.n_recordings) == (0, 1, 2)


def test_leaks_of_one_dataset_leave_another_alone() -> None:
    records = [
        record("learnt", [result("a1", 1.0, leaked=True)]),
        record("learnt", [result("a1", 1.0)], dataset="another set"),
    ]
    tables = make_rows(records, exclude_leaked=True)
    assert tables["another set"][0].n_recordings == 1
    assert tables["set"][0].n_recordings == 0
    assert tables["set"][0].mean(HEADLINE) is None


def test_unknown_keys_are_refused() -> None:
    with pytest.raises(UsageError, match=r"metric must be one of .* Did you mean 'accuracy_50ms'"):
        values_by_piece([], "accuracy_50")


def test_seconds_a_minute_leave_out_what_is_done_once() -> None:
    cold = result("a1", 1.0, seconds=60.0, cold=True)
    warm = [result("a2", 1.0, seconds=2.0), result("b1", 1.0, seconds=4.0, audio_seconds=60.0)]
    assert summarise(record("x", [cold, *warm])).seconds_per_minute == pytest.approx(2.0)
    assert summarise(record("x", [cold])).seconds_per_minute == pytest.approx(30.0)
