"""The MIREX measures of score following: what was missed, what was misaligned, how precise the rest is.

Conventions
-----------
Times are seconds, one value for each unique score onset, in score order; an event here is such an onset.
An event is *missed* where its estimate is NaN, *misaligned* where ``|d| > θ``, else *aligned*; θ is 0.25 s
unless told. ``|d| = θ`` is aligned (compared in whole microseconds). Miss rate, misalign rate and
precision are shares of all events, so that they add up to 1. Rates are from 0 to 1. A recording that
failed belongs into the aggregates with all estimates NaN.

Metrics
-------
* :func:`miss_rate`, :func:`misalign_rate`: shares of missed and of misaligned events
* :func:`precision`: share of aligned events, 1 - miss rate - misalign rate
* :func:`mean_imprecision`, :func:`sd_imprecision`: mean and standard deviation of ``|d|`` over the aligned
* :func:`piece_completion`: share of events up to and including the last aligned one
* :func:`piecewise_precision`, :func:`overall_precision`: over many pieces

Differences from :mod:`madmom.evaluation.alignment`: its misalign rate is a share of the events that were
not missed, and it compares floating-point numbers. The measures of real-time behaviour (latency) have no
meaning for an offline aligner and are left out.

References
----------
.. [#cont2007] A. Cont, D. Schwarz, N. Schnell, C. Raphael. "Evaluation of real-time audio-to-score
   alignment", International Society for Music Information Retrieval Conference (ISMIR), 2007.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from align_bench.errors import InvalidInputError
from align_bench.metrics import _inputs
from align_bench.metrics.onset_deviation import validate as validate
from align_bench.types import FloatArray

THRESHOLD_S = 0.25


def _judge(
    reference_times: ArrayLike, estimated_times: ArrayLike, threshold_s: float
) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Return each event's ``|d|`` and whether it is aligned, shape (n_events,) each."""
    reference, estimated = _inputs.pair(reference_times, estimated_times)
    deviations = np.abs(estimated - reference)
    return deviations, _inputs.within(deviations, _inputs.tolerance(threshold_s, "threshold_s"))


def miss_rate(reference_times: ArrayLike, estimated_times: ArrayLike) -> float:
    """Return the share of events without an estimate (NaN), 0 to 1.

    Inputs and errors as in `validate`.

    Examples
    --------
    >>> miss_rate([0.0, 1.0, 2.0, 3.0], [0.0, 1.5, 2.0, float("nan")])
    0.25
    """
    deviations, _ = _judge(reference_times, estimated_times, THRESHOLD_S)
    return float(np.isnan(deviations).mean())


def misalign_rate(
    reference_times: ArrayLike, estimated_times: ArrayLike, threshold_s: float = THRESHOLD_S
) -> float:
    """Return the share of events that have an estimate farther away than the threshold, 0 to 1.

    Parameters
    ----------
    reference_times, estimated_times : array_like, shape (n_events,)
        Seconds; see `validate`.
    threshold_s : float, optional
        Seconds, >= 0.

    Returns
    -------
    float

    Raises
    ------
    InvalidInputError
        If an input is unfit.

    Examples
    --------
    >>> misalign_rate([0.0, 1.0, 2.0, 3.0], [0.0, 1.5, 2.0, float("nan")])
    0.25
    """
    deviations, aligned = _judge(reference_times, estimated_times, threshold_s)
    return float((~aligned & ~np.isnan(deviations)).mean())


def precision(
    reference_times: ArrayLike, estimated_times: ArrayLike, threshold_s: float = THRESHOLD_S
) -> float:
    """Return the share of events that are neither missed nor misaligned, 0 to 1.

    Parameters and errors as in `misalign_rate`.

    Examples
    --------
    >>> precision([0.0, 1.0, 2.0, 3.0], [0.0, 1.5, 2.0, float("nan")])
    0.5
    """
    return float(_judge(reference_times, estimated_times, threshold_s)[1].mean())


def mean_imprecision(
    reference_times: ArrayLike, estimated_times: ArrayLike, threshold_s: float = THRESHOLD_S
) -> float:
    """Return the mean of ``|d|`` in seconds over the aligned events; NaN if there is none.

    Parameters and errors as in `misalign_rate`.

    Examples
    --------
    >>> mean_imprecision([0.0, 1.0, 2.0], [0.0, 1.125, 9.0])
    0.0625
    """
    deviations, aligned = _judge(reference_times, estimated_times, threshold_s)
    return float(deviations[aligned].mean()) if aligned.any() else float("nan")


def sd_imprecision(
    reference_times: ArrayLike, estimated_times: ArrayLike, threshold_s: float = THRESHOLD_S
) -> float:
    """Return the standard deviation (divided by n) of ``|d|`` over the aligned events; NaN if none.

    Parameters and errors as in `misalign_rate`; in seconds.

    Examples
    --------
    >>> sd_imprecision([0.0, 1.0, 2.0], [0.0, 1.125, 9.0])
    0.0625
    """
    deviations, aligned = _judge(reference_times, estimated_times, threshold_s)
    return float(deviations[aligned].std()) if aligned.any() else float("nan")


def piece_completion(
    reference_times: ArrayLike, estimated_times: ArrayLike, threshold_s: float = THRESHOLD_S
) -> float:
    """Return how much of the piece was followed before the follower got lost for good, 0 to 1.

    The share of events up to and including the last aligned one; 0 if there is none.
    Parameters and errors as in `misalign_rate`.

    Examples
    --------
    >>> piece_completion([0.0, 1.0, 2.0, 3.0], [9.0, 1.0, 9.0, 9.0])
    0.5
    """
    _, aligned = _judge(reference_times, estimated_times, threshold_s)
    return float((np.flatnonzero(aligned)[-1] + 1) / aligned.size) if aligned.any() else 0.0


def _all_aligned(
    pieces: Iterable[tuple[ArrayLike, ArrayLike]], threshold_s: float
) -> list[NDArray[np.bool_]]:
    judged = [_judge(reference, estimated, threshold_s)[1] for reference, estimated in pieces]
    if not judged:
        raise InvalidInputError("pieces must have at least one piece, got none.")
    return judged


def piecewise_precision(
    pieces: Iterable[tuple[ArrayLike, ArrayLike]], threshold_s: float = THRESHOLD_S
) -> float:
    """Return the mean of `precision` over pieces: each piece counts alike.

    Parameters
    ----------
    pieces : iterable of (reference_times, estimated_times)
        As in `validate`; all estimates NaN for a piece that failed.
    threshold_s : float, optional
        Seconds, >= 0.

    Returns
    -------
    float
        0 to 1.

    Raises
    ------
    InvalidInputError
        If there is no piece, or an input is unfit.

    Examples
    --------
    >>> piecewise_precision([([0.0], [0.0]), ([0.0, 1.0, 2.0], [9.0, 9.0, 9.0])])
    0.5
    """
    return float(np.mean([aligned.mean() for aligned in _all_aligned(pieces, threshold_s)]))


def overall_precision(
    pieces: Iterable[tuple[ArrayLike, ArrayLike]], threshold_s: float = THRESHOLD_S
) -> float:
    """Return the share of aligned events among those of all pieces: each event counts alike.

    Parameters and errors as in `piecewise_precision`.

    Examples
    --------
    >>> overall_precision([([0.0], [0.0]), ([0.0, 1.0, 2.0], [9.0, 9.0, 9.0])])
    0.25
    """
    return float(np.concatenate(_all_aligned(pieces, threshold_s)).mean())


def evaluate(reference_times: ArrayLike, estimated_times: ArrayLike) -> OrderedDict[str, float]:
    """Return every metric of one piece by its key, with the threshold at 0.25 s.

    Parameters
    ----------
    reference_times, estimated_times : array_like, shape (n_events,)
        Seconds; see `validate`.

    Returns
    -------
    OrderedDict of str to float
        NaN where a metric is undefined.

    Raises
    ------
    InvalidInputError
        If an input is unfit.
    """
    given = (reference_times, estimated_times)
    return OrderedDict(
        miss_rate=miss_rate(*given),
        misalign_rate=misalign_rate(*given),
        piece_precision=precision(*given),
        mean_imprecision_s=mean_imprecision(*given),
        sd_imprecision_s=sd_imprecision(*given),
        piece_completion=piece_completion(*given),
    )
