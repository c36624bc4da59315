"""A record whose rows were made at different times, on different machines."""

from __future__ import annotations

from pathlib import Path

from align_bench.leaderboard.show import show
from align_bench.results import AlignerInfo, DatasetInfo, Record, RecordingResult, load_record
from align_bench.store import open_store


def unfinished(platform: str, numpy: str) -> Record:
    return Record(
        align_bench_version="0.1.0",
        versions={"numpy": numpy},
        platform=platform,
        aligner=AlignerInfo(name="mine", target="m:M"),
        dataset=DatasetInfo(name="set"),
        created="now",
    )


def row(id: str) -> RecordingResult:
    return RecordingResult(id=id, piece=id, status="error", reason="too loud")


def test_each_row_tells_the_environment_that_it_was_made_in(tmp_path: Path) -> None:
    path = tmp_path / "set" / "mine.json"
    with open_store(path, unfinished("old machine", "2.0"), "missing") as store:
        store.add(row("a"), None)  # and then the power goes
    with open_store(path, unfinished("new machine", "2.4"), "missing") as store:
        assert set(store.done) == {"a"}
        store.add(row("b"), None)
        store.finish(["a", "b"])
    record = load_record(path)
    assert [record.made_in(r).platform for r in record.recordings] == ["old machine", "new machine"]
    assert [r.made_in for r in record.recordings] == [0, None]
    assert "made earlier  a, with numpy 2.0 for 2.4, platform old machine for new machine" in show(record)


def test_a_finished_record_that_is_gone_on_with_keeps_what_it_says(tmp_path: Path) -> None:
    path = tmp_path / "set" / "mine.json"
    for platform, id in (("first", "a"), ("second", "b"), ("third", "c")):
        with open_store(path, unfinished(platform, "2.0"), "missing") as store:
            store.add(row(id), None)
            store.finish(["a", "b", "c"])
    record = load_record(path)
    assert {r.id: record.made_in(r).platform for r in record.recordings} == {
        "a": "first",
        "b": "second",
        "c": "third",
    }
    assert record.platform == "third"


def test_a_record_of_one_environment_says_nothing_of_it(tmp_path: Path) -> None:
    path = tmp_path / "set" / "mine.json"
    with open_store(path, unfinished("here", "2.0"), "missing") as store:
        store.add(row("a"), None)
        record = store.finish(["a"])
    assert record.earlier == []
    assert "made earlier" not in show(record)
