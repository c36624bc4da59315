"""Records and onsets on disk: what is written reads back, what is not a record is refused with the cure."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from align_bench.errors import InvalidInputError
from align_bench.results import (
    ESTIMATES,
    AlignerInfo,
    DatasetInfo,
    Record,
    RecordError,
    RecordingResult,
    find_records,
    load_onsets,
    load_record,
    onsets_path,
    record_path,
    save_onsets,
    save_record,
)
from align_bench.storage import Journal

VERSION_1 = Path(__file__).parent / "data" / "record-version-1.json"


def record(*rows: RecordingResult) -> Record:
    return Record(
        align_bench_version="0.1.0",
        aligner=AlignerInfo(name="mine"),
        dataset=DatasetInfo(name="demo"),
        recordings=list(rows),
    )


def test_a_record_reads_back_as_it_was_written(tmp_path: Path):
    row = RecordingResult(
        id="a", piece="p", status="ok", seconds=0.1, scores={"accuracy_50ms": 1 / 3}, n_onsets=3
    )
    written = record(row)
    save_record(written, tmp_path / "demo" / "mine.json")
    assert load_record(tmp_path / "demo" / "mine.json") == written


def test_names_that_are_no_unicode_read_back_too(tmp_path: Path):
    name = os.fsdecode(b"caf\xe9")  # a directory from a machine with another encoding
    row = RecordingResult(id=name, piece=name, status="error", reason=name)
    save_record(record(row), tmp_path / "r.json")
    assert load_record(tmp_path / "r.json").recordings == [row]
    assert onsets_path(tmp_path / "r.json", name).name != onsets_path(tmp_path / "r.json", "caf\ufffd").name
    with Journal(tmp_path / "j", "header") as journal:
        journal.append(row.model_dump(mode="json"))
    with Journal(tmp_path / "j", "header") as journal:
        assert RecordingResult.model_validate(journal.lines[0]) == row


def test_records_of_version_1_stay_readable():
    old = load_record(VERSION_1)
    assert old.aligner.parameters == {"delay_s": 0.25, "mode": "even"}
    assert old.recordings[0].scores == {"accuracy_50ms": 0.5, "time_err_s": None}
    assert old.recordings[1].status == "timeout"
    assert old.n_ok == 1


def test_version_1_is_written_as_it_always_was_and_what_came_later_is_unknown_of_it(tmp_path: Path):
    save_record(load_record(VERSION_1), tmp_path / "again.json")
    old, new = (json.loads(path.read_text()) for path in (VERSION_1, tmp_path / "again.json"))
    later = {"commit": None, "command": "", "earlier": []}
    later_of_a_row = {"audio_sha256": None, "score_sha256": None, "cold": False, "made_in": None}
    assert new == old | later | {
        "dataset": old["dataset"] | {"split": "", "n_wanted": None, "conditions": []},
        "recordings": [row | later_of_a_row for row in old["recordings"]],
    }


def test_no_nan_and_no_infinity_get_into_json(tmp_path: Path):
    row = RecordingResult(
        id="a",
        piece="p",
        status="ok",
        seconds=math.nan,
        audio_seconds=math.inf,
        scores={"x": np.float64("nan"), "y": -math.inf, "z": 1.0},
        info={"cost": np.float32(0.5), "band": np.array([1, 2]), "worst": math.nan, "where": Path("a/b")},
    )
    save_record(record(row), tmp_path / "r.json")
    text = (tmp_path / "r.json").read_text()
    assert "NaN" not in text
    assert "Infinity" not in text
    back = load_record(tmp_path / "r.json").recordings[0]
    assert (back.seconds, back.audio_seconds) == (None, None)
    assert back.scores == {"x": None, "y": None, "z": 1.0}
    assert back.info == {"cost": 0.5, "band": [1, 2], "worst": None, "where": "a/b"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "record must be JSON"),
        ('{"schema_version": 1', "record must be JSON"),
        ("[" * 100_000, "record must be JSON"),
        ("[]", "must have a schema_version, got none"),
        ("{}", "must have a schema_version, got none"),
        ('{"schema_version": "one"}', "must have a schema_version, got none"),
        ('{"schema_version": 2}', r"schema_version must be 1 to 1, got 2 .*Update align-bench"),
        ('{"schema_version": 0}', "schema_version must be 1 to 1, got 0"),
        ('{"schema_version": 1}', "align_bench_version must be valid, got Field required"),
    ],
)
def test_what_is_no_record_is_refused(tmp_path: Path, text: str, message: str):
    path = tmp_path / "r.json"
    path.write_text(text)
    with pytest.raises(RecordError, match=message):
        load_record(path)


def test_a_misspelt_field_is_refused(tmp_path: Path):
    data = json.loads(VERSION_1.read_text())
    data["recordings"][0]["secunds"] = 1.0
    path = tmp_path / "r.json"
    path.write_text(json.dumps(data))
    with pytest.raises(RecordError, match=r"recordings\.0\.secunds must be valid"):
        load_record(path)


@pytest.mark.parametrize(
    ("key", "value"),
    [("n_onsets", 10**400), ("n_onsets", -1), ("seconds", 1e308), ("scores", {"accuracy_50ms": -1e300})],
    ids=["huge", "negative", "long", "score"],
)
def test_numbers_that_nothing_could_have_are_refused(tmp_path: Path, key: str, value: object):
    data = json.loads(VERSION_1.read_text())
    data["recordings"][0][key] = value
    path = tmp_path / "r.json"
    path.write_text(json.dumps(data))
    with pytest.raises(RecordError, match=rf"recordings\.0\.{key}.* must be valid"):
        load_record(path)


def test_a_missing_file_is_told(tmp_path: Path):
    with pytest.raises(RecordError, match=r"must be a readable file, got .*No such file"):
        load_record(tmp_path / "none.json")


def test_a_failed_write_leaves_the_old_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "r.json"
    save_record(record(), path)
    before = path.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        save_record(record(RecordingResult(id="a", piece="p", status="ok")), path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "/etc/passwd", "..", ".", "", "a/b", "a\\b", "x" * 500, "\0", "c:d"]
)
def test_no_name_leads_out_of_the_output_directory(tmp_path: Path, name: str):
    path = record_path(tmp_path, name, name)
    assert path.resolve().parent.parent == tmp_path.resolve()
    file = onsets_path(path, name)
    assert file.resolve().is_relative_to(tmp_path.resolve())
    save_onsets(file, [0.0], [0.0], [0.0])
    assert file.is_file()


@given(st.text(), st.text())
def test_two_names_never_share_a_file(first: str, second: str):
    assert (record_path("r", "d", first) == record_path("r", "d", second)) == (first == second)


def test_ordinary_names_stay_as_they_are():
    assert (
        record_path("out", "demo", "siamese-cqt-distance+radius=1.5").name
        == "siamese-cqt-distance+radius=1.5.json"
    )
    assert onsets_path("out/x+radius=1.5.json", "chpn-p4_ENSTDkAm") == Path(
        "out/x+radius=1.5.onsets/chpn-p4_ENSTDkAm.csv"
    )


def test_records_are_found_in_a_dataset_and_above_it(tmp_path: Path):
    for name in ("b", "a"):
        save_record(record(), record_path(tmp_path, "demo", name))
    assert [path.stem for path in find_records(tmp_path)] == ["a", "b"]
    assert [path.stem for path in find_records(tmp_path / "demo")] == ["a", "b"]


def test_no_records_are_told(tmp_path: Path):
    with pytest.raises(RecordError, match="must hold records, got none"):
        find_records(tmp_path)
    with pytest.raises(RecordError, match="must be a directory"):
        find_records(tmp_path / "none")


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=20))
def test_onsets_read_back_bit_for_bit(tmp_path_factory: pytest.TempPathFactory, times: list[float]):
    path = tmp_path_factory.mktemp("onsets") / "a.csv"
    ascending = sorted(times)
    save_onsets(path, ascending, times, times[::-1])
    score, reference, estimated = load_onsets(path)
    np.testing.assert_array_equal(score, ascending)
    np.testing.assert_array_equal(reference, times)
    np.testing.assert_array_equal(estimated, times[::-1])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "columns must be score_time_s, reference_time_s, estimated_time_s"),
        ("score_time_s,estimated_time_s\n1,2\n", "columns must be"),
        ("score_time_s,reference_time_s,estimated_time_s\n1,2\n", "every row must have 3 values"),
        ("score_time_s,reference_time_s,estimated_time_s\n1,2,soon\n", "estimated_time_s must be numbers"),
        ("score_time_s,reference_time_s,estimated_time_s\n1,nan,2\n", "reference_time_s must be finite"),
        ("score_time_s,reference_time_s,estimated_time_s\n1,,2\n", "reference_time_s must be numbers"),
        ("score_time_s,reference_time_s,estimated_time_s\n1,1,nan\n", "estimated_time_s must be finite"),
        ("score_time_s,reference_time_s,estimated_time_s\n1,1,inf\n", "estimated_time_s must be finite"),
        ("score_time_s,reference_time_s,estimated_time_s\n1,1,1\n0,2,2\n", "score_time_s must not decrease"),
    ],
)
def test_damaged_onsets_are_refused(tmp_path: Path, text: str, message: str):
    path = tmp_path / "a.csv"
    path.write_text(text)
    with pytest.raises(InvalidInputError, match=message):
        load_onsets(path)


def test_a_record_with_its_provenance_stays_readable():
    """Version 1 as it has been since records name commit, command, split and hashes."""
    full = load_record(VERSION_1.with_name("record-version-1-provenance.json"))
    assert (full.commit, full.command) == ("0123abc-dirty", "align-bench run --dataset maps --split test")
    assert (full.dataset.name, full.dataset.whole, full.dataset.n_wanted) == ("maps-test", "maps", 11)
    row = full.recordings[0]
    assert (row.audio_sha256, row.score_sha256, row.cold) == ("aa", "bb", True)
    assert (full.aligner.target, full.aligner.trained_on) == (ESTIMATES, ["alb_se2"])


@pytest.mark.parametrize(
    ("name", "split", "whole"), [("maps-test", "test", "maps"), ("my-test", "", "my-test")]
)
def test_a_split_belongs_to_its_whole(name: str, split: str, whole: str):
    assert DatasetInfo(name=name, split=split).whole == whole


def test_an_onset_that_was_not_placed_is_an_empty_cell(tmp_path: Path):
    path = tmp_path / "a.csv"
    save_onsets(path, [0.0, 1.0], [0.1, 1.1], [math.nan, 1.2])
    assert path.read_text().splitlines()[1:] == ["0.0,0.1,", "1.0,1.1,1.2"]
    np.testing.assert_array_equal(load_onsets(path)[2], [math.nan, 1.2])
    save_onsets(path, [0.0], [0.1], [math.nan])
    np.testing.assert_array_equal(load_onsets(path)[2], [math.nan])
