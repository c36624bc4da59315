"""The leaderboard: one row an aligner, one table a dataset."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from io import StringIO
from pathlib import Path

from align_bench.errors import unknown_name
from align_bench.leaderboard.layout import FORMATS, MISSING, Curve, Table, number, render
from align_bench.leaderboard.rows import HEADLINE, Row, make_rows
from align_bench.leaderboard.statistics import MIN_PIECES_TO_COMPARE
from align_bench.metrics.onset_deviation import TOLERANCES_MS
from align_bench.results import Record, find_records, load_record

ACCURACIES = tuple(f"accuracy_{ms}ms" for ms in (10, 25, 50, 100, 200, 500))
DEVIATIONS = ("median_abs_deviation_s", "mean_abs_deviation_s", "mean_deviation_s")
CSV_COLUMNS = (
    "dataset",
    "aligner",
    "n_ok",
    "n_recordings",
    *ACCURACIES,
    *DEVIATIONS,
    "seconds_per_minute",
)

_PROVENANCE = {
    "disklavier": "recorded by the piano that played (Disklavier)",
    "manual": "annotated by hand",
    "tapped and corrected": "tapped, then corrected by hand",
    "transferred by DTW": "transferred from another recording by DTW, which favours aligners of that kind",
    "exact by construction": "exact, because the audio was rendered from it",
    "user": "as given by the owner of the recordings",
}


def leaderboard(
    records: str | Path | Iterable[Record], format: str = "text", *, exclude_leaked: bool = False
) -> str:
    """Write the leaderboard of a run.

    Parameters
    ----------
    records : path or iterable of Record
        Directory that `align_bench.run` wrote to, or the records themselves.
    format : {"text", "markdown", "csv", "latex", "html"}, optional
        CSV has the columns `CSV_COLUMNS`: accuracies in %, deviations in seconds, empty where there is no
        value. The others have deviations in milliseconds, intervals, marks and notes. HTML is a page of its
        own, with accuracy drawn over tolerance, what failed and why, and where each row comes from.
    exclude_leaked : bool, optional
        Leave out, from every row of a dataset, the recordings of compositions that any of its aligners
        was trained on.

    Returns
    -------
    str
        Ends with a line break.

    Raises
    ------
    UsageError
        If there is no such format.
    RecordError
        If the directory holds no records, or one that cannot be read.
    """
    if format not in (*FORMATS, "csv"):
        raise unknown_name("format", format, [*FORMATS, "csv"])
    records = read_records(records)
    tables = make_rows(records, exclude_leaked=exclude_leaked)
    if format == "csv":
        return _csv([row for rows in tables.values() for row in rows])
    laid_out: list[Table] = []
    for rows in tables.values():
        laid_out.append(_main_table(rows))
        if any(row.by_condition for row in rows):
            laid_out.append(_condition_table(rows))
        if format == "html":
            laid_out += _asides([record for record in records if record.dataset.name == rows[0].dataset])
    return render(laid_out, format)


def read_records(records: str | Path | Iterable[Record]) -> list[Record]:
    """Return records, read from a directory if need be; see `leaderboard` for the errors."""
    if isinstance(records, (str, Path)):
        return [load_record(path) for path in find_records(records)]
    return list(records)


def tolerance_title(key: str) -> str:
    """Return the heading of an accuracy column: ``"≤50 ms"`` for ``"accuracy_50ms"``."""
    return f"≤{key.removeprefix('accuracy_').removesuffix('ms')} ms"


def provenance(rows: Sequence[Row]) -> str:
    """Return where the ground truth of a dataset comes from, in words."""
    kinds = sorted({row.ground_truth for row in rows})
    return " / ".join(_PROVENANCE.get(kind, kind or "not stated") for kind in kinds)


def marked_name(row: Row) -> str:
    """Return an aligner's name with its marks: † trained on these compositions, ‡ oracle."""
    return row.aligner + (" †" if row.n_leaked else "") + (" ‡" if row.oracle else "")


def accuracy(row: Row, key: str) -> str:
    """Return an accuracy in %; at the headline tolerance with its interval and mark."""
    text = number(row.mean(key), scale=100)
    if key != HEADLINE:
        return text
    interval = row.interval(key)
    if interval is not None:
        text += f" [{number(interval.low, scale=100)}, {number(interval.high, scale=100)}]"
    return ("≈ " if row.like_best else "") + text


def _csv(rows: Sequence[Row]) -> str:
    out = StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    for row in rows:
        percent = [(row.mean(key), 100.0) for key in ACCURACIES]
        seconds = [*((row.mean(key), 1.0) for key in DEVIATIONS), (row.seconds_per_minute, 1.0)]
        figures = ["" if value is None else round(value * scale, 6) for value, scale in percent + seconds]
        writer.writerow([row.dataset, row.aligner, row.n_ok, row.n_recordings, *figures])
    return out.getvalue()


def _title(rows: Sequence[Row]) -> str:
    n_recordings = max(row.n_recordings for row in rows)
    n_pieces = max(row.n_pieces for row in rows)
    return f"{rows[0].dataset}: {_count(n_recordings, 'recording')} of {_count(n_pieces, 'piece')}"


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def _main_table(rows: Sequence[Row]) -> Table:
    headings = [tolerance_title(key) for key in ACCURACIES]
    headings[ACCURACIES.index(HEADLINE)] += " [95 % CI]"
    header = ["aligner", "ok", *headings, "pooled ≤50 ms", "median ms", "mean ms", "bias ms", "s/min"]
    cells = [
        [
            marked_name(row),
            f"{row.n_ok}/{row.n_recordings}",
            *(accuracy(row, key) for key in ACCURACIES),
            number(row.pooled, scale=100),
            *(number(row.mean(key), scale=1000) for key in DEVIATIONS),
            number(row.seconds_per_minute, 2),
        ]
        for row in rows
    ]
    return Table(_title(rows), header, cells, _notes(rows), curves=_curves(rows))


def _curves(rows: Sequence[Row]) -> list[Curve]:
    """Return accuracy over tolerance for every row that has one."""
    curves = []
    for row in rows:
        measured = [(ms, row.mean(f"accuracy_{ms}ms")) for ms in TOLERANCES_MS]
        points = [(float(ms), 100.0 * share) for ms, share in measured if share is not None]
        if points:
            curves.append(Curve(marked_name(row), points))
    return curves


def _asides(records: Sequence[Record]) -> list[Table]:
    """Return what failed and why, and who made each record when and with what."""
    name = records[0].dataset.name
    tables = []
    failed = [
        [record.aligner.name, row.id, row.status, row.reason]
        for record in records
        for row in record.recordings
        if row.status != "ok"
    ]
    if failed:
        header = ["aligner", "recording", "status", "reason"]
        tables.append(Table(f"{name}: what failed, and why", header, failed, n_labels=4, aside=True))
    made = [
        [
            record.aligner.name,
            ", ".join(f"{key}={value}" for key, value in record.aligner.parameters.items()),
            record.align_bench_version,
            (record.commit or MISSING)[:12],
            record.created,
            record.platform,
            record.command,
        ]
        for record in records
    ]
    header = ["aligner", "parameters", "align-bench", "commit", "made", "platform", "command"]
    tables.append(Table(f"{name}: where the rows come from", header, made, n_labels=7, aside=True))
    return tables


def _notes(rows: Sequence[Row]) -> list[str]:
    notes = [
        f"Ground truth: {provenance(rows)}.",
        "Accuracies: % of onsets placed within the tolerance, mean over pieces of the mean over recordings; "
        "failed recordings count as 0 %. Pooled: % of all onsets.",
        "Deviations: over the aligned recordings; ok says how many those are. "
        "s/min: seconds of work for a minute of audio.",
    ]
    if any(row.mean(HEADLINE) is not None and row.n_pieces > 1 for row in rows):
        notes.append("CI: bootstrap interval over pieces.")
    if any(row.like_best for row in rows):
        notes.append(
            "≈ not distinguishable from the best aligner at 50 ms (paired bootstrap over pieces, 95 %; "
            f"never claimed with fewer than {MIN_PIECES_TO_COMPARE} pieces)."
        )
    return notes + mark_notes(rows)


def mark_notes(rows: Sequence[Row]) -> list[str]:
    """Return the notes that explain † and ‡ and warn of rows that cannot be compared."""
    notes = []
    if leaked := [row for row in rows if row.n_leaked]:
        each = ", ".join(f"{row.aligner} {row.n_leaked} of {row.n_recordings}" for row in leaked)
        notes.append(f"† trained on the composition of some recordings: {each}.")
    if any(row.oracle for row in rows):
        notes.append("‡ oracle, made from the ground truth: a ceiling, not a competitor.")
    if left_out := max(row.n_left_out for row in rows):
        notes.append(
            f"Left out of every row: {_count(left_out, 'recording')} of compositions "
            "that an aligner was trained on."
        )
    for row in rows:
        there = row.n_recordings + row.n_left_out
        if row.n_wanted is not None and there < row.n_wanted:
            notes.append(
                f"{row.aligner}: only {there} of {row.n_wanted} recordings of the dataset were there."
            )
    if len({row.recording_ids for row in rows}) > 1:
        notes.append("Rows are not over the same recordings and cannot be compared.")
    return notes


def _condition_table(rows: Sequence[Row]) -> Table:
    conditions = sorted({condition for row in rows for condition in row.by_condition})
    cells = [
        [
            marked_name(row),
            *(number(row.by_condition.get(condition), scale=100) for condition in conditions),
            number(_largest_loss(row), scale=100),
        ]
        for row in rows
    ]
    title = f"{rows[0].dataset} by condition: % of onsets within 50 ms"
    return Table(title, ["aligner", *conditions, "largest loss"], cells)


def _largest_loss(row: Row) -> float | None:
    """Return by how much accuracy falls from clean recordings to the worst condition."""
    clean = row.by_condition.get("clean")
    others = [value for name, value in row.by_condition.items() if name != "clean" and value is not None]
    return clean - min(others) if clean is not None and others else None
