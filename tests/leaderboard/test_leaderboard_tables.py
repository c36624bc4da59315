"""Tables are read back: CSV with the csv module, Markdown and LaTeX by their rows."""

from __future__ import annotations

import csv
import re
from io import StringIO
from pathlib import Path

import pytest

from align_bench.errors import AlignBenchError, UsageError
from align_bench.leaderboard import leaderboard, table1
from align_bench.leaderboard.table1 import REPORTED, variant
from align_bench.leaderboard.tables import CSV_COLUMNS
from align_bench.metrics import evaluate
from align_bench.results import (
    AlignerInfo,
    DatasetInfo,
    Record,
    RecordingResult,
    record_path,
    save_record,
)

PIECES = 8


def make(
    name: str,
    late_s: float,
    *,
    dataset: str = "set",
    oracle: bool = False,
    fails: tuple[int, ...] = (),
    leaks: tuple[int, ...] = (),
    parameters: dict[str, str] | None = None,
    truth: str = "disklavier",
) -> Record:
    """Make the record of an aligner that is late by ``late_s`` plus 4 ms a piece."""
    results = []
    for i in range(PIECES):
        reference = [0.0, 1.0, 2.0, 3.0]
        scores = evaluate(reference, reference, [time + late_s + 0.004 * i for time in reference])
        failed = i in fails
        results.append(
            RecordingResult(
                id=f"r{i}",
                piece=f"p{i}",
                status="error" if failed else "ok",
                reason="it raised" if failed else "",
                seconds=2.0,
                audio_seconds=60.0,
                n_onsets=4,
                scores={} if failed else dict(scores),
                leaked=i in leaks,
                metadata={"condition": "noise" if i % 2 else "clean"},
            )
        )
    return Record(
        align_bench_version="0",
        aligner=AlignerInfo(name=name, parameters=parameters or {}),
        dataset=DatasetInfo(name=dataset, ground_truth=truth),
        oracle=oracle,
        recordings=results,
    )


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def test_csv_has_the_columns_and_figures_that_were_asked_for() -> None:
    text = leaderboard([make("b", 0.03, fails=(7,)), make("a", 0.0)], "csv")
    rows = list(csv.DictReader(StringIO(text)))
    assert text.splitlines()[0] == (
        "dataset,aligner,n_ok,n_recordings,accuracy_10ms,accuracy_25ms,accuracy_50ms,accuracy_100ms,"
        "accuracy_200ms,accuracy_500ms,median_abs_deviation_s,mean_abs_deviation_s,mean_deviation_s,"
        "seconds_per_minute"
    )
    assert tuple(rows[0]) == CSV_COLUMNS
    # a: late by 0, 4, … 28 ms, so 3 of 8 pieces within 10 ms and 7 within 25; on average 14 ms.
    assert rows[0] == {
        "dataset": "set",
        "aligner": "a",
        "n_ok": "8",
        "n_recordings": "8",
        "accuracy_10ms": "37.5",
        "accuracy_25ms": "87.5",
        "accuracy_50ms": "100.0",
        "accuracy_100ms": "100.0",
        "accuracy_200ms": "100.0",
        "accuracy_500ms": "100.0",
        "median_abs_deviation_s": "0.014",
        "mean_abs_deviation_s": "0.014",
        "mean_deviation_s": "0.014",
        "seconds_per_minute": "2.0",
    }
    # b: late by 30, 34, … 54 ms and one failure: 6 of 8 within 50 ms, on average 42 ms over seven.
    assert (rows[1]["n_ok"], rows[1]["accuracy_50ms"], rows[1]["mean_deviation_s"]) == ("7", "75.0", "0.042")


def test_csv_is_empty_where_nothing_was_measured() -> None:
    (row,) = csv.DictReader(StringIO(leaderboard([make("a", 0.0, fails=tuple(range(PIECES)))], "csv")))
    assert row["accuracy_50ms"] == "0.0"
    assert row["median_abs_deviation_s"] == row["seconds_per_minute"] == ""


def test_text_has_a_row_an_aligner_with_coverage_interval_and_marks() -> None:
    text = leaderboard(
        [make("b", 0.03, fails=(7,), leaks=(0, 1)), make("a", 0.0), make("o", 0.0, oracle=True)], "text"
    )
    lines = {line.split()[0]: line for line in text.split("by condition")[0].splitlines() if line}
    assert re.search(r"^b † +7/8 +0\.0 +0\.0 +≈ 75\.0 \[\d+\.\d, \d+\.\d\] +87\.5 ", lines["b"])
    assert re.search(r"^o ‡ +8/8 ", lines["o"])
    assert re.search(r" 14\.0 +14\.0 +14\.0 +2\.00$", lines["a"])
    assert "set: 8 recordings of 8 pieces" in text
    assert "Ground truth: recorded by the piano that played (Disklavier)." in text
    assert "† trained on the composition of some recordings: b 2 of 8." in text
    assert "‡ oracle, made from the ground truth" in text
    assert "cannot be compared" not in text


def test_notes_appear_only_where_they_say_something() -> None:
    text = leaderboard([make("a", 0.0)])
    assert not set("†‡≈") & set(text)


def test_alike_rows_are_marked() -> None:
    text = leaderboard([make("a", 0.03), make("twin", 0.03)])
    assert re.search(r"^twin .* ≈ 75\.0", text, re.MULTILINE)
    assert "≈ not distinguishable" in text


def test_conditions_get_a_table_of_their_own() -> None:
    text = leaderboard([make("a", 0.03)])
    # Late by 30, 38, 46, 54 ms in clean, by 34, 42, 50, 58 ms in noise.
    assert re.search(r"aligner +clean +noise +largest\n +loss\n.*\na +75\.0 +75\.0 +0\.0\n", text)


def test_excluding_leaks_is_said() -> None:
    text = leaderboard([make("a", 0.0, leaks=(0, 1)), make("b", 0.0)], exclude_leaked=True)
    assert "set: 6 recordings of 6 pieces" in text
    assert "Left out of every row: 2 recordings" in text
    assert "†" not in text


def test_a_dataset_that_is_all_leaks_is_a_row_of_dashes() -> None:
    text = leaderboard([make("a", 0.0, leaks=tuple(range(PIECES)))], exclude_leaked=True)
    assert re.search(r"^a +0/0( +–){11}$", text, re.MULTILINE)


def test_rows_over_different_recordings_are_warned_of() -> None:
    short = make("b", 0.0)
    short = short.model_copy(update={"recordings": short.recordings[:3]})
    assert "Rows are not over the same recordings" in leaderboard([make("a", 0.0), short])


def test_a_transferred_ground_truth_says_whom_it_favours() -> None:
    assert "which favours aligners of that kind" in leaderboard([make("a", 0.0, truth="transferred by DTW")])


def test_datasets_have_tables_of_their_own() -> None:
    text = leaderboard([make("a", 0.0, dataset="two"), make("a", 0.0, dataset="one")])
    assert text.index("one: 8 recordings") < text.index("two: 8 recordings")


def test_markdown_is_a_pipe_table_that_names_cannot_break() -> None:
    text = leaderboard([make("a|<script>*x*", 0.0)], "markdown")
    assert "<script>" not in text
    header, rule, row = next(lines for lines in re.findall(r"^(\|.*)\n(\|.*)\n(\|.*)$", text, re.MULTILINE))
    assert cells(row.replace(r"\|", "/"))[:2] == [r"a/&lt;script&gt;\*x\*", "8/8"]
    assert len(cells(header)) == len(cells(rule)) == len(cells(row.replace(r"\|", "/")))


def test_latex_is_booktabs_with_everything_escaped() -> None:
    text = leaderboard([make("50%_a&b#{$}~^\\", 0.0, leaks=(0,))], "latex")
    name = r"50\%\_a\&b\#\{\$\}\textasciitilde{}\textasciicircum{}\textbackslash{} $^\dagger$"
    row = next(line for line in text.splitlines() if line.startswith("50"))
    assert row.startswith(f"{name} & 8/8 & 37.5 & 87.5 & 100.0 [100.0, 100.0] & ")
    columns = re.search(r"\\begin\{tabular\}\{(l+r+)\}", text)
    assert columns is not None
    assert len(re.findall(r"(?<!\\)&", row)) == len(columns[1]) - 1
    assert [text.count(rule) for rule in (r"\toprule", r"\midrule", r"\bottomrule")] == [2, 2, 2]
    unescaped = [line for line in text.splitlines() if re.search(r"(?<!\\)[%#]|[†‡≈≤–]", line)]
    assert unescaped == [r"% needs \usepackage{booktabs}"] * 2


def test_a_latex_row_never_begins_with_a_bracket() -> None:
    assert "\n{}[x] & " in leaderboard([make("[x]", 0.0)], "latex")


def test_names_cannot_drive_a_terminal() -> None:
    text = leaderboard([make("a\x1b[2J\nb", 0.0)])
    assert "\x1b" not in text
    assert "a[2Jb" in text


def test_records_are_read_from_a_directory(tmp_path: Path) -> None:
    records = [make("a", 0.0), make("b", 0.03, dataset="other")]
    for record in records:
        save_record(record, record_path(tmp_path, record.dataset.name, record.aligner.name))
    assert leaderboard(tmp_path, "csv") == leaderboard(records, "csv")
    assert leaderboard(str(tmp_path)) == leaderboard(reversed(records))


def test_a_directory_without_records_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AlignBenchError, match="results must hold records, got none"):
        leaderboard(tmp_path)


@pytest.mark.parametrize("write", [leaderboard, table1])
def test_unknown_formats_are_refused(write: object) -> None:
    assert callable(write)
    with pytest.raises(UsageError, match=r"format must be one of .*got 'markdwon'. Did you mean 'markdown'"):
        write([make("siamese-cqt-distance", 0.0)], "markdwon")


def test_table_1_has_the_four_variants_with_both_decoders() -> None:
    records = [
        make("siamese-cqt-distance", 0.0, parameters={"decoder": "exact"}),
        make("siamese-cqt-distance+decoder=fastdtw", 0.03, parameters={"decoder": "fastdtw"}),
        make("chroma-dtw", 0.0),
    ]
    text = table1(records, "markdown")
    rows = [cells(line) for line in text.splitlines() if line.startswith("| siamese")]
    assert [row[:3] for row in rows] == [
        ["siamese-stft-binary", "exact", "76.3"],
        ["siamese-stft-binary", "fastdtw", "76.3"],
        ["siamese-cqt-binary", "exact", "78.6"],
        ["siamese-cqt-binary", "fastdtw", "78.6"],
        ["siamese-stft-distance", "exact", "78.1"],
        ["siamese-stft-distance", "fastdtw", "78.1"],
        ["siamese-cqt-distance", "exact", "81.4"],
        ["siamese-cqt-distance+decoder=fastdtw", "fastdtw", "81.4"],
    ]
    assert all(cell == "–" for row in rows[:6] for cell in row[3:])
    assert rows[6][4:6] == ["37.5", "87.5"]
    header = next(cells(line) for line in text.splitlines() if line.startswith("| aligner"))
    assert [re.sub(r" \[.*", "", title) for title in header[4:]] == [
        f"≤{ms} ms" for ms in (10, 25, 50, 100, 200, 300, 500, 1000, 2000)
    ]
    assert "tolerance, aggregation and recordings unspecified" in text
    assert "chroma-dtw" not in text


def test_table_1_shows_other_decoders_too() -> None:
    text = table1([make("siamese-cqt-binary[x=1]", 0.0, parameters={"decoder": "banded"})])
    assert re.search(r"^siamese-cqt-binary\[x=1\] +banded +78\.6 +8/8 ", text, re.MULTILINE)


def test_table_1_needs_one_of_the_four() -> None:
    with pytest.raises(UsageError, match=r"records must hold one of siamese-stft-binary, .* got none"):
        table1([make("chroma-dtw", 0.0)])


def test_variants_are_told_by_name() -> None:
    for name in REPORTED:
        assert variant(f"{name}[decoder=fastdtw]") == variant(f"{name}+decoder=fastdtw") == name
    assert variant("siamese-cqt-distance-2") not in REPORTED


def test_a_dataset_that_is_not_complete_says_so() -> None:
    partial = Record(
        align_bench_version="0",
        aligner=AlignerInfo(name="mine"),
        dataset=DatasetInfo(name="maps", n_wanted=60),
        recordings=[RecordingResult(id="a", piece="a", status="error")],
    )
    note = "mine: only 1 of 60 recordings of the dataset were there."
    assert note in leaderboard([partial])
    complete = partial.model_copy(update={"dataset": DatasetInfo(name="maps", n_wanted=1)})
    assert "were there" not in leaderboard([complete])
