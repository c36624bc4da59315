"""Holds a record against the onsets that lie beside it, and these against the dataset at hand."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import numpy as np

from align_bench.aligners.session import reason_of
from align_bench.errors import InvalidInputError
from align_bench.leakage import trained_on_overlap
from align_bench.metrics import KEYS, evaluate
from align_bench.results import Record, RecordingResult
from align_bench.store import Onsets
from align_bench.types import TIME_RESOLUTION, FloatArray, Recording, Reference

TOLERANCE = 1e-12  # relative and absolute: another NumPy may add up in another order


def record_defects(record: Record, onsets: Mapping[str, Onsets], *, complete: bool = True) -> list[str]:
    """Return what in a record does not follow from its onsets.

    Parameters
    ----------
    record : Record
    onsets : mapping of str to (score_times, reference_times, estimated_times)
        By recording id, as `align_bench.results.load_onsets` reads them; recordings without are not scored.
    complete : bool, optional
        Whether a metric that the record lacks is a defect; not in one of another align-bench.

    Returns
    -------
    list of str
        One sentence for each recording that is not as it should be.
    """
    seen: set[str] = set()
    found = []
    for row in record.recordings:
        defects = list(_mark_defects(record, row))
        if row.id in seen:
            defects.append("is there twice")
        if row.id in onsets and row.status == "ok":
            defects += _score_defects(row, onsets[row.id], complete=complete)
        if defects:
            found.append(f"{row.id}: {first_of(defects)}")
        seen.add(row.id)
    return found


def first_of(defects: list[str]) -> str:
    """Return the first of several defects, and how many there are."""
    return defects[0] + (f" (and {len(defects) - 1} more)" if len(defects) > 1 else "")


def _mark_defects(record: Record, row: RecordingResult) -> Iterable[str]:
    if row.status != "ok" and row.scores:
        yield f"has scores, though its status is {row.status}"
    if trained_on_overlap(record.aligner.trained_on, row) != row.leaked:
        yield f"is {'' if row.leaked else 'not '}marked as trained on, which does not follow from trained_on"


def _score_defects(row: RecordingResult, onsets: Onsets, *, complete: bool) -> Iterable[str]:
    if row.n_onsets != onsets[1].size:
        yield f"n_onsets is {row.n_onsets}, but {onsets[1].size} onsets are there"
    try:
        scores = evaluate(*onsets)
    except InvalidInputError as error:
        yield reason_of(error)
        return
    for key in dict.fromkeys([*row.scores, *(scores if complete else ())]):
        if key not in KEYS:
            yield f"{key} is no metric"
        elif key not in row.scores:
            yield f"{key} is missing"
        elif not _close(row.scores[key], scores[key]):
            yield f"{key} is {row.scores[key]}, but {scores[key]} from the onsets"


def _close(stored: float | None, computed: float | None) -> bool:
    if stored is None or computed is None:
        return stored is computed
    return math.isclose(stored, computed, rel_tol=TOLERANCE, abs_tol=TOLERANCE)


def data_defects(row: RecordingResult, recording: Recording, onsets: Onsets | None) -> list[str]:
    """Return how a recording at hand differs from the one that a row is about.

    Parameters
    ----------
    row : RecordingResult
        With the hashes of what was aligned, where they are known.
    recording : Recording
    onsets : (score_times, reference_times, estimated_times) or None
        What the row was scored with.
    """
    defects = []
    try:
        if onsets is not None and not _same_truth(recording.load_reference(), onsets):
            defects.append("ground truth is not the one that it was scored with")
        if row.score_sha256 and row.score_sha256 != recording.load_score().digest:
            defects.append("score is not the one that was aligned")
        # Not recording.audio, which would keep every recording in memory.
        if row.audio_sha256 and row.audio_sha256 != recording.load_audio().digest:
            defects.append("audio is not the one that was aligned")
    except Exception as error:  # a file that cannot be read is not the one that was used
        defects.append(reason_of(error))
    return defects


def _same_truth(reference: Reference, onsets: Onsets) -> bool:
    pairs = ((reference.score_times, onsets[0]), (reference.times, onsets[1]))
    return all(apart(now, then) <= TIME_RESOLUTION for now, then in pairs)


def apart(first: FloatArray, second: FloatArray) -> float:
    """Return the largest distance between two lists of times, infinite where they cannot be compared."""
    if first.shape != second.shape or (np.isnan(first) != np.isnan(second)).any():
        return math.inf
    return float(np.nanmax(np.abs(first - second), initial=0.0))
