"""Scores made again from stored onsets: the same figures, the places, and what changes them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from align_bench.errors import InvalidInputError, UsageError
from align_bench.leaderboard.conventions import CONVENTIONS
from align_bench.leaderboard.rescoring import ranks, rescore
from align_bench.leaderboard.rows import summarise
from align_bench.metrics import KEYS, evaluate
from align_bench.results import (
    AlignerInfo,
    DatasetInfo,
    Record,
    RecordError,
    RecordingResult,
    onsets_path,
    record_path,
    save_onsets,
    save_record,
)

REFERENCE = np.arange(10) * 0.5


def write(
    output: Path,
    name: str,
    deviations: Mapping[str, float | None],
    *,
    oracle: bool = False,
    dataset: str = "set",
) -> Record:
    """Write a record whose recordings are each off by one deviation; None is a failure."""
    path = record_path(output, dataset, name)
    rows = []
    for id, deviation in deviations.items():
        if deviation is None:
            rows.append(RecordingResult(id=id, piece=id[0], status="error", reason="it raised", n_onsets=10))
            continue
        onsets = (REFERENCE, REFERENCE, REFERENCE + deviation)
        save_onsets(onsets_path(path, id), *onsets)
        rows.append(
            RecordingResult(id=id, piece=id[0], status="ok", n_onsets=10, scores=dict(evaluate(*onsets)))
        )
    record = Record(
        align_bench_version="0",
        aligner=AlignerInfo(name=name),
        dataset=DatasetInfo(name=dataset),
        oracle=oracle,
        recordings=rows,
    )
    save_record(record, path)
    return record


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """Write two aligners that take turns: ``brave`` tries all, ``coward`` fails where it is hard."""
    write(tmp_path, "brave", {"a": 0.01, "b": 0.01, "c": 0.4})
    write(tmp_path, "coward", {"a": 0.0, "b": None, "c": None})
    write(tmp_path, "oracle", {"a": 0.0, "b": 0.0, "c": 0.0}, oracle=True)
    return tmp_path


def cells(text: str, aligner: str) -> list[str]:
    """Return the cells of a row; columns are two blanks apart."""
    line = next(line for line in text.splitlines() if line.startswith(aligner))
    return re.split(r" {2,}", line.strip())


def test_survivors_put_the_coward_first(output: Path) -> None:
    text = rescore(output, ["align-bench", "survivors", "pooled"])
    assert cells(text, "brave") == ["brave", "66.7 (1)", "100.0 (1) 2/3", "66.7 (1)"]
    assert cells(text, "coward") == ["coward", "33.3 (2)", "100.0 (1) 1/3", "33.3 (2)"]
    assert cells(text, "oracle") == ["oracle ‡", "100.0", "100.0", "100.0"]
    assert "‡ oracle, made from the ground truth: it has no place." in text
    assert "survivors ranks otherwise than align-bench: brave 1 → 1" not in text
    assert "survivors ranks otherwise than align-bench: coward 2 → 1." in text
    assert "Ranked as under align-bench: pooled." in text


def test_the_ranking_under_each_convention_is_told(output: Path) -> None:
    text = rescore(output, ["align-bench", "parangonar"])
    assert cells(text, "coward")[2] == "0.0 (1) 1/3"
    assert "parangonar ranks otherwise than align-bench: coward 2 → 1, brave 1 → 2." in text


def test_figures_are_those_of_the_leaderboard(output: Path) -> None:
    row = summarise(write(output, "third", {"a": 0.06, "b": -0.03, "c": None}, dataset="other"))
    for key in ("accuracy_50ms", "accuracy_100ms", "accuracy_auc_200ms"):
        text = rescore(output / "other", [key])
        assert cells(text, "third")[1].split()[0] == f"{row.mean(key) * 100:.1f}"
    text = rescore(output / "other", ["mean_deviation_s"])
    assert cells(text, "third")[1] == f"{row.mean('mean_deviation_s') * 1000:.1f} (1) 2/3"


def test_only_the_onsets_count_not_what_the_record_says(output: Path) -> None:
    path = record_path(output, "set", "brave")
    path.write_text(path.read_text().replace('"accuracy_50ms": 0.0', '"accuracy_50ms": 1.0'))
    assert cells(rescore(output), "brave")[1] == "66.7 (1)"


def test_another_tolerance(output: Path) -> None:
    text = rescore(output, ["align-bench"], tolerance_ms=400)
    assert cells(text, "brave") == ["brave", "100.0 (1)"]
    assert "% of onsets within 400 ms" in text


def test_all_conventions_and_metrics_at_once_in_every_format(output: Path) -> None:
    for form in ("text", "markdown", "latex"):
        text = rescore(output, [*CONVENTIONS, *KEYS], format=form)
        assert "karaoke" in text
        assert re.search(r"\bnan\b", text) is None


def test_nothing_is_written(output: Path) -> None:
    before = {path: path.read_bytes() for path in output.rglob("*") if path.is_file()}
    rescore(output)
    assert {path: path.read_bytes() for path in output.rglob("*") if path.is_file()} == before


def test_lost_onsets_are_told(output: Path) -> None:
    onsets_path(record_path(output, "set", "brave"), "b").unlink()
    with pytest.raises(RecordError, match=r"onsets of b must lie beside their record, got .*Run it again"):
        rescore(output)


def test_onsets_without_rows_are_told(output: Path) -> None:
    save_onsets(onsets_path(record_path(output, "set", "brave"), "b"), [], [], [])
    with pytest.raises(RecordError, match="onsets of b must have rows, got none"):
        rescore(output)


def test_onsets_that_no_metric_takes_are_told(output: Path) -> None:
    save_onsets(onsets_path(record_path(output, "set", "brave"), "b"), [0.0, 0.0], [0.0, 1.0], [0.0, 1.0])
    with pytest.raises(InvalidInputError, match="score_times must ascend strictly"):
        rescore(output, ["accuracy_50ms"])


def test_an_id_that_would_lead_out_is_looked_for_inside(output: Path) -> None:
    """The onsets of another record are not taken for its own."""
    write(output, "good", {"a": 0.0})
    path = record_path(output, "set", "good")
    path.write_text(path.read_text().replace('"id": "a"', '"id": "../brave.onsets/a"'))
    with pytest.raises(RecordError, match=r"onsets of \.\./brave\.onsets/a must lie beside their record"):
        rescore(output)


def test_a_name_cannot_drive_a_terminal(output: Path) -> None:
    write(output, "evil\x1b[2J", {"a": 0.0, "b": 0.0, "c": 0.0})
    assert "\x1b" not in rescore(output)


def test_rows_over_other_recordings_are_marked(output: Path) -> None:
    write(output, "partial", {"a": 0.0})
    assert "Rows are not over the same recordings" in rescore(output)


def test_only_what_is_there_is_explained(tmp_path: Path) -> None:
    write(tmp_path, "mine", {"a": 0.0})
    text = rescore(tmp_path)
    assert "‡" not in text
    assert "cannot be compared" not in text
    assert "ranks otherwise" not in text


@pytest.mark.parametrize(
    ("conventions", "options", "message"),
    [
        ([], {}, "conventions must name at least one"),
        (["mireval"], {}, "Did you mean 'mir_eval'"),
        (["pooled"], {"tolerance_ms": 0}, "tolerance must be > 0 ms, got 0"),
        (["pooled"], {"tolerance_ms": float("nan")}, "tolerance must be > 0 ms, got nan"),
        (["pooled"], {"format": "pdf"}, "format must be one of"),
    ],
)
def test_wrong_usage_is_refused(output: Path, conventions: list[str], options: dict, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        rescore(output, conventions, **options)


def test_equals_share_a_place_and_who_has_nothing_has_none() -> None:
    assert ranks({"a": 0.5, "b": 0.9, "c": 0.5, "d": None, "e": 0.1}, higher=True) == {
        "b": 1,
        "a": 2,
        "c": 2,
        "e": 4,
    }
    assert ranks({"a": 0.5, "b": 0.9}, higher=False) == {"a": 1, "b": 2}


def test_a_failure_of_unknown_size_weighs_like_the_average(tmp_path: Path) -> None:
    record = write(tmp_path, "mine", {"a": 0.0, "b": None})
    rows = [record.recordings[0], record.recordings[1].model_copy(update={"n_onsets": None})]
    save_record(record.model_copy(update={"recordings": rows}), record_path(tmp_path, "set", "mine"))
    assert cells(rescore(tmp_path, ["pooled"]), "mine")[1] == "50.0 (1)"
    nothing = record.model_copy(update={"recordings": rows[1:]})
    save_record(nothing, record_path(tmp_path, "set", "mine"))
    assert cells(rescore(tmp_path, ["pooled"]), "mine")[1] == "0.0 (1)"
