"""Onsets that were made elsewhere become a record, without a plugin.

A directory holds one file a recording, ``<recording id>.csv``, as ``align-bench align`` writes them: the
columns ``score_time_s`` and ``performance_time_s`` in seconds, one row an onset or a note; other columns are
ignored. Rows of one score time are averaged. An empty performance time is an onset that was not placed.

Conventions
-----------
An onset of the ground truth takes the estimate whose score time is within a millisecond of its own. Where
there is none it is interpolated between the rows before and after. Before the first row and after the last
one there is no estimate, which counts as wrong. A recording without a file has failed, and says so.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from align_bench.aligners.session import reason_of
from align_bench.datasets.base import Collection
from align_bench.datasets.folder import AUDIO_COLUMNS, SCORE_COLUMNS
from align_bench.errors import InvalidInputError, UsageError
from align_bench.execution import Bench
from align_bench.leakage import trained_on_overlap
from align_bench.results import ESTIMATES, AlignerInfo, Record, RecordError, RecordingResult, load_record
from align_bench.results import record_path as path_of
from align_bench.storage import safe_name
from align_bench.store import Onsets, open_store
from align_bench.types import TIME_RESOLUTION, FloatArray, Recording
from align_bench.work import make_row, scored

SAME_ONSET_S = 1e-3


def score_estimates(
    directory: str | Path,
    collection: Collection,
    name: str,
    *,
    output: str | Path = "results",
    trained_on: Sequence[str] = (),
    command: str = "",
) -> Record:
    """Score onsets that were made elsewhere, and write their record.

    Parameters
    ----------
    directory : path
        Holds ``<recording id>.csv``; see the module.
    collection : Collection
        From `align_bench.datasets.load`.
    name : str
        Of the row in the leaderboard.
    output : path, optional
        The record goes to ``<output>/<dataset>/<name>.json``.
    trained_on : sequence of str, optional
        Recordings or pieces that the aligner has learnt from, for the leakage guard.
    command : str, optional
        The command line, for the record.

    Returns
    -------
    Record

    Raises
    ------
    UsageError
        If there is no such directory, none of its files belongs to a recording, or the name is that of an
        aligner which was run.
    """
    directory = Path(directory)
    if not directory.is_dir():
        raise UsageError(f"estimates must be a directory, got {str(directory)!r}.")
    recordings = collection.recordings
    if not any((directory / file_name(recording.id)).is_file() for recording in recordings):
        raise UsageError(
            f"estimates must be named after recordings, e.g. {file_name(recordings[0].id)}, got none such "
            f"among {len(list(directory.glob('*.csv')))} CSV files ({directory})."
        )
    path = path_of(output, collection.label, name)
    _refuse_run(path, name)
    bench = Bench(collection, Path(output), 1, "all", command)
    info = AlignerInfo(name=name, target=ESTIMATES, trained_on=list(trained_on))
    record = bench.new_record(info).model_copy(update={"synthesiser": {}})
    with open_store(path, record, "all") as store:
        for recording in recordings:
            store.add(*_row(directory, recording, trained_on))
        return store.finish([recording.id for recording in recordings])


def file_name(recording_id: str) -> str:
    """Return the name of the file with the estimates of a recording: no id leads out of its directory."""
    return f"{safe_name(recording_id)}.csv"


def unclaimed(directory: str | Path, collection: Collection) -> list[str]:
    """Return the names of the CSV files that belong to no recording, sorted: misspelt, or of another set."""
    wanted = {file_name(recording.id) for recording in collection.recordings}
    return sorted(path.name for path in Path(directory).glob("*.csv") if path.name not in wanted)


def read_estimates(path: str | Path) -> tuple[FloatArray, FloatArray]:
    """Read one file of estimates.

    Returns
    -------
    score_times : numpy.ndarray, shape (n_onsets,)
        Seconds, strictly ascending.
    times : numpy.ndarray, shape (n_onsets,)
        Seconds in the recording; NaN where the onset was not placed.

    Raises
    ------
    InvalidInputError
        If it cannot be read, a column is missing, or a time is no finite number; the message names the line.
    """
    path = Path(path)
    rows: list[tuple[float, float]] = []
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            header = [column.strip() for column in reader.fieldnames or ()]
            reader.fieldnames = header
            score_column, audio_column = (
                _column(header, SCORE_COLUMNS, path),
                _column(header, AUDIO_COLUMNS, path),
            )
            for row in reader:
                where = f"({path.name}, line {reader.line_num})"
                time = (row[audio_column] or "").strip()
                rows.append(
                    (
                        _seconds(row[score_column], score_column, where),
                        _seconds(time, audio_column, where) if time else math.nan,
                    )
                )
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InvalidInputError(f"estimates must be a CSV text file, got {error} ({path.name}).") from error
    if not rows:
        raise InvalidInputError(f"estimates must have rows below the header, got none ({path.name}).")
    score, times = np.array(sorted(rows, key=lambda row: row[0])).T
    group = np.cumsum(np.concatenate(([True], np.diff(score) > TIME_RESOLUTION))) - 1
    placed = ~np.isnan(times)
    n = np.bincount(group, weights=placed)
    total = np.bincount(group, weights=np.where(placed, times, 0.0))
    means = np.divide(total, n, out=np.full(n.size, np.nan), where=n > 0)
    return score[np.searchsorted(group, np.arange(n.size))], means


def estimates_at(wanted: FloatArray, score_times: FloatArray, times: FloatArray) -> FloatArray:
    """Return the estimates for the onsets of a ground truth.

    Parameters
    ----------
    wanted : numpy.ndarray, shape (n_wanted,)
        Score times of the ground truth, in seconds.
    score_times, times : numpy.ndarray, shape (n_onsets,)
        From `read_estimates`.

    Returns
    -------
    numpy.ndarray, shape (n_wanted,)
        Seconds in the recording; NaN where there is no estimate.
    """
    known = ~np.isnan(times)
    found = np.full(wanted.size, np.nan)
    if known.any():
        found = np.interp(wanted, score_times[known], times[known], left=np.nan, right=np.nan)
    right = np.clip(np.searchsorted(score_times, wanted), 1, max(1, score_times.size - 1))
    left = right - 1
    right = np.minimum(right, score_times.size - 1)
    nearest = np.where(wanted - score_times[left] <= score_times[right] - wanted, left, right)
    same = np.abs(score_times[nearest] - wanted) <= SAME_ONSET_S
    return np.where(same, times[nearest], found)


def _row(
    directory: Path, recording: Recording, trained_on: Iterable[str]
) -> tuple[RecordingResult, Onsets | None]:
    path = directory / file_name(recording.id)
    leaked = trained_on_overlap(trained_on, recording)
    n_onsets = None
    try:
        reference = recording.reference
        n_onsets = reference.times.size
        if not path.is_file():
            raise InvalidInputError(f"estimates must be there, got no file {path.name}.")
        score_times, times = read_estimates(path)
        estimated = estimates_at(reference.score_times, score_times, times)
        if np.isnan(estimated).all():
            raise InvalidInputError(
                f"score times must be those of the score, {reference.score_times[0]:.3f} to "
                f"{reference.score_times[-1]:.3f} s, got {score_times[0]:.3f} to {score_times[-1]:.3f} "
                f"({path.name}). Are they seconds at the score's nominal tempo?"
            )
    except Exception as error:  # of a loader, too: a recording that cannot be read spoils its own row only
        return make_row(recording, "error", reason_of(error), leaked=leaked, n_onsets=n_onsets), None
    return scored(recording, estimated, {"leaked": leaked})


def _refuse_run(path: Path, name: str) -> None:
    """Estimates must not take the place of results that took hours."""
    if not name.strip():
        raise UsageError("name must be that of a row in the leaderboard, got an empty one.")
    try:
        target = load_record(path).aligner.target
    except RecordError:
        return
    if target != ESTIMATES:
        raise UsageError(
            f"name must be new, got {name!r}, which was run as {target} ({path}). Choose another."
        )


def _column(header: Sequence[str], names: Sequence[str], path: Path) -> str:
    for name in names:
        if name in header:
            return name
    got = ", ".join(header)[:200] or "an empty file"
    raise InvalidInputError(f"estimates must have a column {names[-1]}, got {got} ({path.name}, line 1).")


def _seconds(text: str | None, column: str, where: str) -> float:
    try:
        value = float(text or "")
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InvalidInputError(f"{column} must be a number of seconds, got {(text or '')[:40]!r} {where}.")
    return value
