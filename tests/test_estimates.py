"""Onsets made elsewhere: how files become estimates, what fails, what is refused."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_dataset import make_collection, make_reference, make_score

from align_bench.datasets.base import Collection
from align_bench.errors import InvalidInputError, UsageError
from align_bench.estimates import estimates_at, file_name, read_estimates, score_estimates, unclaimed
from align_bench.leaderboard import leaderboard
from align_bench.metrics import evaluate
from align_bench.results import (
    ESTIMATES,
    AlignerInfo,
    Record,
    load_onsets,
    load_record,
    onsets_path,
    save_record,
)
from align_bench.types import Recording

HEADER = "score_time_s,performance_time_s"


@pytest.fixture
def collection(tmp_path: Path) -> Collection:
    """Return three recordings; their audio is not there, because estimates need none."""
    return make_collection(tmp_path / "no audio", 3)


@pytest.fixture
def estimates(tmp_path: Path, collection: Collection) -> Path:
    """Write estimates for all three, each onset 30 ms late."""
    directory = tmp_path / "estimates"
    directory.mkdir()
    for recording in collection.recordings:
        write(
            directory / f"{recording.id}.csv",
            recording.reference.score_times,
            recording.reference.times + 0.03,
        )
    return directory


def write(path: Path, score_times: object, times: object) -> None:
    rows = [
        f"{s!r},{t!r}"
        for s, t in zip(np.asarray(score_times).tolist(), np.asarray(times).tolist(), strict=True)
    ]
    path.write_text("\n".join([HEADER, *rows]) + "\n")


def score(estimates: Path, collection: Collection, tmp_path: Path, **more: object) -> Record:
    return score_estimates(estimates, collection, "mine", output=tmp_path / "out", **more)  # type: ignore[arg-type]


def test_estimates_become_a_record_of_the_leaderboard(
    estimates: Path, collection: Collection, tmp_path: Path
) -> None:
    record = score(estimates, collection, tmp_path)
    assert load_record(tmp_path / "out/tiny/mine.json") == record
    assert (record.aligner.name, record.aligner.target, record.n_ok) == ("mine", ESTIMATES, 3)
    assert record.dataset.index_sha256 == "abc"
    for row, recording in zip(record.recordings, collection.recordings, strict=True):
        truth = recording.reference
        assert row.scores == dict(evaluate(truth.score_times, truth.times, truth.times + 0.03))
        assert row.scores["accuracy_25ms"] == 0.0
        assert row.scores["accuracy_50ms"] == 1.0
        assert (row.seconds, row.n_onsets) == (None, 5)
        stored = load_onsets(onsets_path(tmp_path / "out/tiny/mine.json", row.id))
        np.testing.assert_array_equal(stored[2], truth.times + 0.03)
    assert "mine" in leaderboard(tmp_path / "out")


def test_a_recording_without_a_file_has_failed(
    estimates: Path, collection: Collection, tmp_path: Path
) -> None:
    (estimates / "001.csv").unlink()
    record = score(estimates, collection, tmp_path)
    assert [row.status for row in record.recordings] == ["ok", "error", "ok"]
    assert record.recordings[1].reason == "estimates must be there, got no file 001.csv."
    assert record.recordings[1].n_onsets == 5


def test_a_damaged_file_spoils_its_own_row(estimates: Path, collection: Collection, tmp_path: Path) -> None:
    (estimates / "000.csv").write_bytes(b"\xff\xfe\x00")
    record = score(estimates, collection, tmp_path)
    assert [row.status for row in record.recordings] == ["error", "ok", "ok"]
    assert "estimates must be a CSV text file" in record.recordings[0].reason


def test_other_score_times_are_noticed(estimates: Path, collection: Collection, tmp_path: Path) -> None:
    """Ticks in the place of seconds: not one onset has an estimate."""
    write(estimates / "000.csv", [480, 960], [0.5, 1.0])
    reason = score(estimates, collection, tmp_path).recordings[0].reason
    assert (
        "score times must be those of the score, 0.000 to 2.000 s, got 480.000 to 960.000 (000.csv)" in reason
    )


def test_onsets_before_and_after_the_rows_are_wrong(
    estimates: Path, collection: Collection, tmp_path: Path
) -> None:
    truth = collection.recordings[0].reference
    write(estimates / "000.csv", truth.score_times[1:4], truth.times[1:4])
    row = score(estimates, collection, tmp_path).recordings[0]
    assert row.scores["accuracy_50ms"] == pytest.approx(3 / 5)
    assert row.scores["miss_rate"] == pytest.approx(2 / 5)
    assert row.scores["mean_abs_deviation_s"] == 0.0
    stored = load_onsets(onsets_path(tmp_path / "out/tiny/mine.json", "000"))[2]
    np.testing.assert_array_equal(np.isnan(stored), [True, False, False, False, True])


def test_training_data_is_marked(estimates: Path, collection: Collection, tmp_path: Path) -> None:
    record = score(estimates, collection, tmp_path, trained_on=["piece 1"])
    assert record.aligner.trained_on == ["piece 1"]
    assert [row.leaked for row in record.recordings] == [False, True, False]


def test_they_can_be_scored_again_with_the_rest_unchanged(
    estimates: Path, collection: Collection, tmp_path: Path
) -> None:
    score(estimates, collection, tmp_path)
    (estimates / "002.csv").unlink()
    assert score(estimates, collection, tmp_path).n_ok == 2
    assert not onsets_path(tmp_path / "out/tiny/mine.json", "002").exists()


def test_what_was_run_is_not_overwritten(estimates: Path, collection: Collection, tmp_path: Path) -> None:
    path = tmp_path / "out/tiny/mine.json"
    run = score(estimates, collection, tmp_path).model_copy(
        update={"aligner": AlignerInfo(name="mine", target="mine.py:Mine")}
    )
    save_record(run, path)
    with pytest.raises(UsageError, match=r"name must be new, got 'mine', which was run as mine\.py:Mine"):
        score(estimates, collection, tmp_path)
    assert load_record(path) == run


def test_an_empty_name_is_refused(estimates: Path, collection: Collection, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="got an empty one"):
        score_estimates(estimates, collection, " ", output=tmp_path / "out")


def test_files_of_another_dataset_are_refused(
    estimates: Path, collection: Collection, tmp_path: Path
) -> None:
    for path in list(estimates.iterdir()):
        path.rename(path.with_name(f"x{path.name}"))
    with pytest.raises(
        UsageError, match=r"named after recordings, e\.g\. 000\.csv, got none such among 3 CSV"
    ):
        score(estimates, collection, tmp_path)
    assert not (tmp_path / "out").exists()


def test_a_directory_that_is_not_there_is_refused(collection: Collection, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="estimates must be a directory"):
        score(tmp_path / "none", collection, tmp_path)


def test_files_that_belong_to_nothing_are_named(estimates: Path, collection: Collection) -> None:
    (estimates / "0003.csv").touch()
    (estimates / "readme.txt").touch()
    assert unclaimed(estimates, collection) == ["0003.csv"]


@pytest.mark.parametrize("wild", ["../secret", "/etc/passwd", "a/b", "..", "\0", "x" * 400])
def test_no_id_leads_out_of_the_directory(wild: str, estimates: Path, tmp_path: Path) -> None:
    write(tmp_path / "secret.csv", [0.0, 2.0], [0.0, 2.0])
    found = Recording(wild, "p", make_score, None, partial(make_reference, 1.0))  # type: ignore[arg-type]
    assert (estimates / file_name(wild)).resolve().parent == estimates.resolve()
    data = Collection("tiny", "1", "abc", "user", (found, *make_collection(tmp_path, 1).recordings))
    assert score(estimates, data, tmp_path).recordings[0].status == "error"
    assert {path.name for path in tmp_path.iterdir()} <= {"secret.csv", "estimates", "out"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"must have a column score_time_s, got an empty file \(a\.csv, line 1\)"),
        ("time,performance_time_s\n1,2\n", "must have a column score_time_s, got time, performance_time_s"),
        ("score_time_s,time\n1,2\n", "must have a column performance_time_s"),
        (f"{HEADER}\n", "must have rows below the header"),
        (
            f"{HEADER}\n0,0\nsoon,2\n",
            r"score_time_s must be a number of seconds, got 'soon' \(a\.csv, line 3\)",
        ),
        (f"{HEADER}\n0,later\n", r"performance_time_s must be a number of seconds, got 'later'"),
        (f"{HEADER}\n0,inf\n", "performance_time_s must be a number of seconds, got 'inf'"),
        (f"{HEADER}\nnan,1\n", "score_time_s must be a number of seconds, got 'nan'"),
        (f"{HEADER}\n,1\n", "score_time_s must be a number of seconds, got ''"),
    ],
)
def test_damaged_estimates_are_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(text)
    with pytest.raises(InvalidInputError, match=message):
        read_estimates(path)


@given(st.binary(max_size=200))
def test_any_bytes_are_estimates_or_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.mktemp("fuzz") / "a.csv"
    path.write_bytes(HEADER.encode() + b"\n" + content)
    try:
        score_times, times = read_estimates(path)
    except InvalidInputError:
        return
    assert score_times.shape == times.shape
    assert (np.diff(score_times) > 0).all()


def test_notes_of_a_chord_are_one_onset_and_rows_need_no_order(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"pitch,{HEADER}\n60,1.0,2.5\n62,0.0,1.0\n64,0.0,1.2\n65,2.0,\n67,0.0,\n")
    score_times, times = read_estimates(path)
    np.testing.assert_array_equal(score_times, [0.0, 1.0, 2.0])
    np.testing.assert_allclose(times, [1.1, 2.5, np.nan])


def test_what_align_writes_can_be_read(tmp_path: Path) -> None:
    from align_bench.cli import _onsets_csv
    from align_bench.types import Alignment

    path = tmp_path / "a.csv"
    path.write_text(_onsets_csv(make_score(), Alignment([0.0, 2.0], [1.0, 5.0])))
    score_times, times = read_estimates(path)
    np.testing.assert_allclose(score_times, [0.0, 0.5, 1.0, 1.5, 2.0])
    np.testing.assert_allclose(times, [1.0, 2.0, 3.0, 4.0, 5.0])


def test_estimates_between_rows_are_interpolated_and_rounding_is_forgiven() -> None:
    wanted = np.array([0.0, 1.0, 1.5, 2.0, 3.0])
    # 2.0004 is the onset at 2.0, rounded; the one at 3.0 was not placed.
    found = estimates_at(wanted, np.array([0.0, 1.0, 2.0004, 3.0]), np.array([10.0, 11.0, 13.0, np.nan]))
    expected = 11.0 + 2.0 * 0.5 / 1.0004
    np.testing.assert_allclose(found, [10.0, 11.0, expected, 13.0, np.nan], rtol=1e-12)


def test_a_gap_is_bridged_by_the_onsets_that_were_placed() -> None:
    found = estimates_at(np.array([0.0, 1.0, 1.5, 2.0]), np.arange(3.0), np.array([5.0, np.nan, 9.0]))
    np.testing.assert_allclose(found, [5.0, np.nan, 8.0, 9.0])


def test_one_row_is_the_estimate_of_one_onset() -> None:
    found = estimates_at(np.array([0.0, 1.0, 2.0]), np.array([1.0]), np.array([7.0]))
    np.testing.assert_array_equal(found, [np.nan, 7.0, np.nan])
    nothing = estimates_at(np.array([0.0, 1.0]), np.array([1.0]), np.array([np.nan]))
    assert np.isnan(nothing).all()


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=30, unique=True), st.data())
def test_estimates_at_their_own_score_times_are_themselves(ticks: list[int], data: st.DataObject) -> None:
    score_times = np.sort(np.array(ticks)) * 0.01
    times = np.array(data.draw(st.lists(st.floats(-1e3, 1e3), min_size=len(ticks), max_size=len(ticks))))
    np.testing.assert_array_equal(estimates_at(score_times, score_times, times), times)
