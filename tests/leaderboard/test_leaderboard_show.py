"""What failed is told once for each reason, in text that is safe to print; numbers are for people."""

from __future__ import annotations

import pytest

from align_bench.leaderboard.layout import MISSING, Table, number, render
from align_bench.leaderboard.show import failures, show
from align_bench.results import ESTIMATES, AlignerInfo, DatasetInfo, Record, RecordingResult


def record(*rows: tuple[str, str, str]) -> Record:
    """Make a record from (id, status, reason)."""
    results = [RecordingResult(id=id, piece=id, status=status, reason=reason) for id, status, reason in rows]
    return Record(
        align_bench_version="0",
        aligner=AlignerInfo(name="mine"),
        dataset=DatasetInfo(name="set"),
        recordings=results,
    )


def test_recordings_that_failed_alike_share_a_line() -> None:
    rows = [(f"r{i}", "error", "it raised") for i in range(5)]
    assert failures([record(*rows[:3])]) == ["mine on r0, r1, r2: error: it raised"]
    found = failures([record(("fine", "ok", ""), ("slow", "timeout", "30 s"), *rows)])
    assert found == ["mine on slow: timeout: 30 s", "mine on r0, r1, r2 and 2 more: error: it raised"]


def test_a_reason_cannot_drive_a_terminal() -> None:
    assert failures([record(("a", "error", "\x1b[2Jgone\r"))]) == ["mine on a: error: [2Jgone"]


@pytest.mark.parametrize(
    ("value", "digits", "scale", "text"),
    [(None, 1, 100, MISSING), (0.8136, 1, 100, "81.4"), (-0.00001, 1, 1000, "0.0"), (2, 2, 1, "2.00")],
)
def test_numbers_are_rounded_and_nought_has_no_sign(
    value: float | None, digits: int, scale: float, text: str
) -> None:
    assert number(value, digits, scale) == text


def told(**changes: object) -> str:
    """Show a record of two good recordings that is otherwise as given."""
    rows = [
        RecordingResult(id=name, piece=name, status="ok", seconds=1.0, scores={"accuracy_50ms": accuracy})
        for name, accuracy in (("a", 0.25), ("b", 0.75))
    ]
    base = {
        "align_bench_version": "0",
        "aligner": AlignerInfo(name="mine", target="mine.py:Mine"),
        "dataset": DatasetInfo(name="set", ground_truth="manual"),
        "recordings": rows,
    }
    return show(Record.model_validate(base | changes))


def test_a_record_is_told_in_words() -> None:
    text = told()
    assert text.startswith(
        "mine was run on set and aligned 2 of 2 recordings (2 pieces).\n"
        "It placed 50.0 % of the onsets within 50 ms (mean over pieces, 95 % interval "
    )
    assert "The truth that this is held against: annotated by hand.\n" in text
    for absent in ("only", "Only", "part of", "learnt", "elsewhere", "ceiling", "failed", "†"):
        assert absent not in text


def test_a_complete_dataset_is_not_called_incomplete() -> None:
    assert "Only" not in told(dataset=DatasetInfo(name="maps", n_wanted=2))


def test_what_failed_is_said_with_the_mean() -> None:
    rows = [
        RecordingResult(id="a", piece="a", status="ok", scores={"accuracy_50ms": 1.0}),
        RecordingResult(id="b", piece="b", status="error", reason="it raised"),
    ]
    text = told(recordings=rows)
    assert "aligned 1 of 2 recordings" in text
    assert "It placed 50.0 % of the onsets within 50 ms" in text
    assert "; failed recordings count as 0 %)." in text


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"dataset": DatasetInfo(name="maps-test", split="test")},
            "This is the test part of maps, not the whole.",
        ),
        (
            {"dataset": DatasetInfo(name="maps", n_wanted=60)},
            "Only 2 of 60 recordings were there: compare it",
        ),
        ({"dataset": DatasetInfo(name="maps", n_wanted=60)}, "recordings    2 of 60, audio hash of 0"),
        ({"oracle": True}, "It is no aligner: it was made from the truth, as a ceiling for others."),
        ({"aligner": AlignerInfo(name="x", target=ESTIMATES)}, "x was scored on set and aligned 2 of 2"),
        ({"aligner": AlignerInfo(name="x", target=ESTIMATES)}, "Its onsets were made elsewhere"),
        (
            {"aligner": AlignerInfo(name="x", trained_on=["q"])},
            "It says that it has learnt from 1 recording or piece; none of which is tested here.",
        ),
        ({"commit": "abc-dirty"}, "commit        abc-dirty"),
        ({"command": "align-bench run"}, "command       align-bench run"),
        ({"recordings": []}, "mine was run on set and aligned 0 of 0 recordings (0 pieces)."),
    ],
)
def test_what_a_reader_must_know_is_said(changes: dict[str, object], sentence: str) -> None:
    assert sentence in told(**changes)


def test_a_cold_start_and_a_leak_are_explained() -> None:
    row = RecordingResult(id="a", piece="a", status="ok", seconds=7.0, cold=True, leaked=True)
    text = told(recordings=[row], aligner=AlignerInfo(name="x", trained_on=["a", "b"]))
    assert "7.00 *" in text
    assert "* first in its process" in text
    assert "learnt from 2 recordings or pieces; recordings of these compositions: 1." in text
    assert "a †" in text
    assert "† the aligner was trained on this composition (1 recordings)." in text
    assert "* first" not in told()


def test_a_table_without_rows_is_its_header() -> None:
    for form in ("text", "markdown", "latex"):
        assert "median" in render([Table("t", ["a", "median"], [])], form)
