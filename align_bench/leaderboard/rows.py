"""Records become rows: one aligner on one dataset, with its means, intervals and marks.

Conventions
-----------
1. A headline figure is the mean over pieces of the mean over recordings; the pooled figure weighs every onset
   alike.
2. A recording that failed counts as 0 % accurate. It has no deviation in seconds, so those means are over the
   recordings that were aligned, and the coverage ``n_ok/n`` stands beside them.
3. The best aligner of a dataset is the one with the highest `HEADLINE` accuracy that is no oracle. A row is
   marked where it cannot be told from the best one.
4. A recording *leaks* if the aligner was trained on its composition. Leaving leaks out leaves them out of
   every row of the dataset, because rows over different recordings cannot be compared.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from align_bench.leaderboard.statistics import Interval, compare, mean_interval, piece_means
from align_bench.metrics import KEYS, look_up
from align_bench.results import Record, RecordingResult

HEADLINE = "accuracy_50ms"


@dataclass(frozen=True)
class Row:
    """One aligner on one dataset.

    Attributes
    ----------
    dataset, aligner, ground_truth : str
    parameters : mapping
        Constructor parameters of the aligner.
    oracle : bool
        Made from the ground truth: a ceiling, not a competitor.
    n_ok, n_recordings, n_pieces, n_leaked : int
    n_left_out : int
        Recordings that were left out because they leak; the other counts are without them.
    recording_ids : frozenset of str
        What the row is about.
    by_piece : mapping of str to mapping of str to float
        For every key of `align_bench.metrics.KEYS`, the mean over recordings of each piece, in its unit.
    pooled : float or None
        Share of all onsets placed within the `HEADLINE` tolerance.
    by_condition : mapping of str to (float or None)
        `HEADLINE` accuracy of the recordings of each condition, where the dataset names conditions.
    seconds_per_minute : float or None
        Seconds of work for a minute of audio, over the recordings that were aligned; without those that
        came first in their process, as these hold what is done once, unless there are no others.
    n_wanted : int or None
        Recordings of the complete dataset; None if that is not known.
    like_best : bool
        Not distinguishable from the best row of its dataset.
    """

    dataset: str
    aligner: str
    ground_truth: str
    parameters: Mapping[str, Any]
    oracle: bool
    n_ok: int
    n_recordings: int
    n_pieces: int
    n_leaked: int
    n_left_out: int
    recording_ids: frozenset[str]
    by_piece: Mapping[str, Mapping[str, float]]
    pooled: float | None
    by_condition: Mapping[str, float | None]
    seconds_per_minute: float | None
    n_wanted: int | None = None
    like_best: bool = False

    def mean(self, key: str) -> float | None:
        """Return the headline figure of a key in its own unit; None where there is nothing to average."""
        return _mean(self.by_piece[key])

    def interval(self, key: str) -> Interval | None:
        """Return the 95 % interval of `mean`; None with fewer than two pieces."""
        return mean_interval(list(self.by_piece[key].values()))


def make_rows(records: Sequence[Record], *, exclude_leaked: bool = False) -> dict[str, list[Row]]:
    """Summarise records by dataset.

    Parameters
    ----------
    records : sequence of Record
        In any order.
    exclude_leaked : bool, optional
        Leave out, from every row of a dataset, the recordings whose composition any of its aligners was
        trained on.

    Returns
    -------
    dict of str to list of Row
        By dataset name, alphabetically; in each the highest `HEADLINE` accuracy first.
    """
    by_dataset: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        by_dataset[record.dataset.name].append(record)
    tables = {}
    for dataset, group in sorted(by_dataset.items()):
        leaked = {result.id for record in group for result in record.recordings if result.leaked}
        rows = [summarise(record, without=leaked if exclude_leaked else frozenset()) for record in group]
        rows.sort(key=lambda row: (-(row.mean(HEADLINE) or 0.0), row.aligner))
        tables[dataset] = _mark_like_best(rows)
    return tables


def summarise(record: Record, *, without: frozenset[str] | set[str] = frozenset()) -> Row:
    """Make the row of one record.

    Parameters
    ----------
    record : Record
    without : set of str, optional
        Ids of recordings to leave out.

    Returns
    -------
    Row
    """
    results = [result for result in record.recordings if result.id not in without]
    ok = [result for result in results if result.status == "ok"]
    return Row(
        dataset=record.dataset.name,
        aligner=record.aligner.name,
        ground_truth=record.dataset.ground_truth,
        parameters=record.aligner.parameters,
        oracle=record.oracle,
        n_ok=len(ok),
        n_recordings=len(results),
        n_pieces=len({result.piece for result in results}),
        n_leaked=sum(result.leaked for result in results),
        n_left_out=len(record.recordings) - len(results),
        recording_ids=frozenset(result.id for result in results),
        by_piece={key: values_by_piece(results, key) for key in KEYS},
        pooled=_pooled(results),
        by_condition=_by_condition(results),
        seconds_per_minute=_seconds_per_minute(ok),
        n_wanted=record.dataset.n_wanted,
    )


def values_by_piece(results: Sequence[RecordingResult], key: str) -> dict[str, float]:
    """Return the mean of one score over the recordings of each piece.

    Parameters
    ----------
    results : sequence of RecordingResult
    key : str
        One of `align_bench.metrics.KEYS`.

    Returns
    -------
    dict of str to float
        Pieces without any value are left out.

    Raises
    ------
    UsageError
        If there is no such key.
    """
    failure = failure_value(key)
    pairs = [
        (result.piece, result.scores.get(key) if result.status == "ok" else failure) for result in results
    ]
    known = [(piece, value) for piece, value in pairs if value is not None]
    return piece_means([value for _, value in known], [piece for piece, _ in known])


def failure_value(key: str) -> float | None:
    """Return what a failed recording scores: the worst share, or None for what cannot be measured then.

    Raises
    ------
    UsageError
        If there is no such key.
    """
    metric = look_up(key)
    if metric.direction == "higher":
        return 0.0
    return 1.0 if key == "miss_rate" else None


def _pooled(results: Sequence[RecordingResult]) -> float | None:
    """Average over onsets; a recording whose ground truth cannot be read weighs like the average one."""
    if not results:
        return None
    known = [result.n_onsets for result in results if result.n_onsets]
    average = float(np.mean(known)) if known else 1.0
    weights = [result.n_onsets or average for result in results]
    shares = [(result.scores.get(HEADLINE) or 0.0) if result.status == "ok" else 0.0 for result in results]
    return float(np.average(shares, weights=weights))


def _by_condition(results: Sequence[RecordingResult]) -> dict[str, float | None]:
    groups: dict[str, list[RecordingResult]] = defaultdict(list)
    for result in results:
        if (condition := result.metadata.get("condition")) not in (None, ""):
            groups[str(condition)].append(result)
    return {name: _mean(values_by_piece(group, HEADLINE)) for name, group in sorted(groups.items())}


def _mean(by_piece: Mapping[str, float]) -> float | None:
    return float(np.mean(list(by_piece.values()))) if by_piece else None


def _seconds_per_minute(ok: Sequence[RecordingResult]) -> float | None:
    warm = [result for result in ok if not result.cold] or ok
    timed = [(r.seconds, r.audio_seconds) for r in warm if r.seconds is not None and r.audio_seconds]
    if not timed:
        return None
    return 60.0 * sum(seconds for seconds, _ in timed) / sum(audio for _, audio in timed)


def _mark_like_best(rows: list[Row]) -> list[Row]:
    """Mark the rows that cannot be told from the best aligner of their dataset."""
    best = next((row for row in rows if not row.oracle and row.n_recordings), None)
    if best is None:
        return rows
    return [replace(row, like_best=_like(row, best)) for row in rows]


def _like(row: Row, best: Row) -> bool:
    if row is best or row.oracle or row.recording_ids.isdisjoint(best.recording_ids):
        return False
    return not compare(best.by_piece[HEADLINE], row.by_piece[HEADLINE]).distinguishable
