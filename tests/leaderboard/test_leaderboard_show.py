"""What failed is told once for each reason, in text that is safe to print; numbers are for people."""

from __future__ import annotations

import pytest

from align_bench.leaderboard.layout import MISSING, number
from align_bench.leaderboard.show import failures
from align_bench.results import AlignerInfo, DatasetInfo, Record, RecordingResult


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
