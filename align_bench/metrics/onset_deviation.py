"""How far estimated onsets lie from their reference.

An aligner says when each onset of a score sounds in a recording. The deviation of onset *i* is
``d_i = estimated_i - reference_i``: positive where the estimate is late.

Conventions
-----------
Times are seconds, one value for each unique score onset, in score order. A chord is one onset, whose
reference time is the mean of its notes; such means may step back a little, so the reference need not be
monotone. An estimate of NaN is an onset that the aligner did not place. It counts as wrong in every
accuracy, and is left out of the statistics in seconds, which have no worst value: read them beside the
accuracies. Where no onset has an estimate these statistics are NaN.

Accuracies are shares from 0 to 1. A deviation that equals the tolerance is correct; both are rounded to
whole microseconds before they are compared.

Metrics
-------
* :func:`accuracy`: share of onsets within a tolerance; :func:`accuracy_curve` over many tolerances
* :func:`accuracy_auc`: mean height of that curve from 0 to a limit
* :func:`mean_abs_deviation`, :func:`median_abs_deviation`, :func:`percentile_abs_deviation`,
  :func:`sd_abs_deviation`: of ``|d|``
* :func:`mean_deviation` (bias), :func:`sd_deviation`, :func:`rms_deviation`: of ``d``;
  rms² = bias² + sd²

Differences from :mod:`mir_eval.alignment`: its ``pc`` compares floating-point numbers, so that
r = 1.0 s, e = 1.05 s fails a window of 0.05 s; its ``mae`` is the median; it takes no NaN.

References
----------
.. [#cont2007] A. Cont, D. Schwarz, N. Schnell, C. Raphael. "Evaluation of real-time audio-to-score
   alignment", International Society for Music Information Retrieval Conference (ISMIR), 2007.
.. [#raffel2014] C. Raffel, B. McFee, E. J. Humphrey, J. Salamon, O. Nieto, D. Liang, D. P. W. Ellis.
   "mir_eval: a transparent implementation of common MIR metrics", ISMIR, 2014.
"""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
from numpy.typing import ArrayLike

from align_bench.errors import InvalidInputError
from align_bench.metrics import _inputs
from align_bench.types import FloatArray

TOLERANCES_MS = (10, 25, 50, 100, 200, 300, 500, 1000, 2000)
AUC_LIMIT_S = 0.2


def validate(reference_times: ArrayLike, estimated_times: ArrayLike) -> None:
    """Check that the input to a metric of this module is fit for it.

    Parameters
    ----------
    reference_times : array_like, shape (n_onsets,)
        Seconds; finite.
    estimated_times : array_like, shape (n_onsets,)
        Seconds; finite, or NaN where there is no estimate.

    Raises
    ------
    InvalidInputError
        If they are not numbers, not one-dimensional, empty, of different lengths, or not finite.
    """
    _inputs.pair(reference_times, estimated_times)


def _deviations(reference_times: ArrayLike, estimated_times: ArrayLike) -> FloatArray:
    reference, estimated = _inputs.pair(reference_times, estimated_times)
    return estimated - reference


def _known(reference_times: ArrayLike, estimated_times: ArrayLike) -> FloatArray:
    """Return the deviations that exist; one NaN where there is none, so that statistics become NaN."""
    deviations = _deviations(reference_times, estimated_times)
    known = deviations[~np.isnan(deviations)]
    return known if known.size else np.array([np.nan])


def accuracy(reference_times: ArrayLike, estimated_times: ArrayLike, tolerance_s: float) -> float:
    """Return the share of onsets with ``|d| <= tolerance``, in whole microseconds; NaN is wrong.

    Parameters
    ----------
    reference_times, estimated_times : array_like, shape (n_onsets,)
        Seconds; see `validate`.
    tolerance_s : float
        Seconds, >= 0.

    Returns
    -------
    float
        0 to 1.

    Raises
    ------
    InvalidInputError
        If an input is unfit.

    Examples
    --------
    >>> accuracy([0.0, 1.0, 2.0, 3.0], [0.0, 1.05, 2.051, float("nan")], tolerance_s=0.05)
    0.5
    """
    deviations = _deviations(reference_times, estimated_times)
    return float(_inputs.within(deviations, _inputs.tolerance(tolerance_s, "tolerance_s")).mean())


def accuracy_curve(
    reference_times: ArrayLike, estimated_times: ArrayLike, tolerances_s: ArrayLike
) -> FloatArray:
    """Return `accuracy` at many tolerances.

    Takes ``tolerances_s``, shape (n_tolerances,), and returns shares of that shape. Errors as there.

    Examples
    --------
    >>> accuracy_curve([0.0, 1.0], [0.02, 1.08], [0.01, 0.05, 0.1])
    array([0. , 0.5, 1. ])
    """
    tolerances = _inputs.times(tolerances_s, "tolerances_s")
    return np.array([accuracy(reference_times, estimated_times, float(tau)) for tau in tolerances])


def accuracy_auc(
    reference_times: ArrayLike, estimated_times: ArrayLike, limit_s: float = AUC_LIMIT_S
) -> float:
    """Return the mean accuracy over all tolerances from 0 to a limit.

    The area under the accuracy curve divided by its width. The curve is a step function, so its integral
    is exact: an onset contributes ``max(0, 1 - |d| / limit)``, and nothing where it has no estimate.

    Parameters
    ----------
    reference_times, estimated_times : array_like, shape (n_onsets,)
        Seconds; see `validate`.
    limit_s : float, optional
        Seconds, > 0.

    Returns
    -------
    float
        0 to 1.

    Raises
    ------
    InvalidInputError
        If an input is unfit.

    Examples
    --------
    >>> accuracy_auc([0.0, 1.0], [0.0, 1.5])
    0.5
    """
    deviations = _deviations(reference_times, estimated_times)
    limit = _inputs.tolerance(limit_s, "limit_s")
    if limit == 0:
        raise InvalidInputError("limit_s must be > 0 s, got 0.0.")
    heights = 1 - np.abs(deviations) / limit
    return float(np.where(heights > 0, heights, 0.0).mean())


def mean_abs_deviation(reference_times: ArrayLike, estimated_times: ArrayLike) -> float:
    """Return the mean of ``|d|`` in seconds over the onsets that have an estimate; NaN if none has.

    Inputs and errors as in `validate`.

    Examples
    --------
    >>> mean_abs_deviation([0.0, 1.0], [0.5, 0.75])
    0.375
    """
    return float(np.abs(_known(reference_times, estimated_times)).mean())


def median_abs_deviation(reference_times: ArrayLike, estimated_times: ArrayLike) -> float:
    """Return the median of ``|d|`` in seconds (not the median distance from the median); NaN if none.

    Inputs and errors as in `validate`.

    Examples
    --------
    >>> median_abs_deviation([0.0, 1.0, 2.0], [0.5, 0.75, 12.0])
    0.5
    """
    return percentile_abs_deviation(reference_times, estimated_times, 50)


def percentile_abs_deviation(reference_times: ArrayLike, estimated_times: ArrayLike, percent: float) -> float:
    """Return a percentile of ``|d|`` in seconds, linear between order statistics; NaN if there is none.

    Parameters
    ----------
    reference_times, estimated_times : array_like, shape (n_onsets,)
        Seconds; see `validate`.
    percent : float
        0 to 100.

    Returns
    -------
    float

    Raises
    ------
    InvalidInputError
        If an input is unfit.

    Examples
    --------
    >>> percentile_abs_deviation([0.0, 0.0, 0.0], [0.0, 1.0, -2.0], 75)
    1.5
    """
    if not 0 <= percent <= 100:
        raise InvalidInputError(f"percent must be 0 to 100, got {percent}.")
    return float(np.percentile(np.abs(_known(reference_times, estimated_times)), percent))


def sd_abs_deviation(reference_times: ArrayLike, estimated_times: ArrayLike) -> float:
    """Return the standard deviation of ``|d|`` in seconds (divided by n); NaN if there is no estimate.

    Inputs and errors as in `validate`.

    Examples
    --------
    >>> sd_abs_deviation([0.0, 1.0], [-0.5, 1.25])
    0.125
    """
    return float(np.abs(_known(reference_times, estimated_times)).std())


def mean_deviation(reference_times: ArrayLike, estimated_times: ArrayLike) -> float:
    """Return the bias, the mean of ``d`` in seconds, positive where estimates are late; NaN if none.

    Inputs and errors as in `validate`.

    Examples
    --------
    >>> mean_deviation([0.0, 1.0], [-0.5, 1.25])
    -0.125
    """
    return float(_known(reference_times, estimated_times).mean())


def sd_deviation(reference_times: ArrayLike, estimated_times: ArrayLike) -> float:
    """Return the standard deviation of ``d`` in seconds (divided by n): the jitter without the bias.

    NaN if there is no estimate. Inputs and errors as in `validate`.

    Examples
    --------
    >>> sd_deviation([0.0, 1.0], [-0.5, 1.25])
    0.375
    """
    return float(_known(reference_times, estimated_times).std())


def rms_deviation(reference_times: ArrayLike, estimated_times: ArrayLike) -> float:
    """Return the root of the mean of ``d²`` in seconds; NaN if there is no estimate.

    Inputs and errors as in `validate`.

    Examples
    --------
    >>> rms_deviation([0.0, 0.0, 0.0, 0.0], [1.0, -1.0, 1.0, -1.0])
    1.0
    """
    return float(np.sqrt(np.mean(_known(reference_times, estimated_times) ** 2)))


def evaluate(reference_times: ArrayLike, estimated_times: ArrayLike) -> OrderedDict[str, float]:
    """Return every metric of this module by its key.

    Parameters
    ----------
    reference_times, estimated_times : array_like, shape (n_onsets,)
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
    scores = OrderedDict((f"accuracy_{ms}ms", accuracy(*given, ms / 1000)) for ms in TOLERANCES_MS)
    scores["accuracy_auc_200ms"] = accuracy_auc(*given, AUC_LIMIT_S)
    scores["mean_abs_deviation_s"] = mean_abs_deviation(*given)
    scores["median_abs_deviation_s"] = median_abs_deviation(*given)
    scores["sd_abs_deviation_s"] = sd_abs_deviation(*given)
    scores["p90_abs_deviation_s"] = percentile_abs_deviation(*given, 90)
    scores["p95_abs_deviation_s"] = percentile_abs_deviation(*given, 95)
    scores["mean_deviation_s"] = mean_deviation(*given)
    scores["sd_deviation_s"] = sd_deviation(*given)
    scores["rms_deviation_s"] = rms_deviation(*given)
    return scores
