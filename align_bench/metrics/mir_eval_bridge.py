"""The metrics of :mod:`mir_eval.alignment`, computed by mir_eval itself.

For comparison with published numbers. Our own definitions are in :mod:`onset_deviation`.

Conventions
-----------
Times are seconds, one value for each unique score onset, in score order. mir_eval wants both lists
non-decreasing and >= 0, reports NaN as "not monotonically increasing", lets inf pass, and ignores keywords
that it does not know. So before it is asked:

1. Input is checked as everywhere in this package: NaN in the reference, inf, text, other shapes and
   different lengths are refused, and a misspelt keyword is a TypeError.
2. A reference that steps back, as the means of rolled chords may, is raised to its running maximum. The
   deviations of these onsets change by as much as they stepped back.
3. If a time is negative, all times are shifted by the same amount until none is: no metric here depends on
   the origin.
4. If an estimate is missing (NaN), or the estimates step back, mir_eval defines no value: it is NaN.

Metrics
-------
* :func:`percentage_correct`: share within a window, compared in floating point
* :func:`percentage_correct_segments`: share of the reference's duration with the right segment, MIREX form
* :func:`median_absolute_error`, :func:`mean_absolute_error`: mir_eval's ``mae`` and ``aae``
* :func:`karaoke_perceptual`: synchrony as heard by karaoke singers; a perfect alignment scores 0.9606

References
----------
.. [#raffel2014] C. Raffel, B. McFee, E. J. Humphrey, J. Salamon, O. Nieto, D. Liang, D. P. W. Ellis.
   "mir_eval: a transparent implementation of common MIR metrics", ISMIR, 2014.
.. [#fujihara2011] H. Fujihara, M. Goto, J. Ogata, H. G. Okuno. "LyricSynchronizer: automatic
   synchronization system between musical audio signals and lyrics", IEEE Journal of Selected Topics in
   Signal Processing 5(6), 2011.
.. [#lizemasclef2021] N. Lizé-Masclef, A. Vaglio, M. Moussallam. "User-centered evaluation of lyrics to
   audio alignment", ISMIR, 2021.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from align_bench.metrics import _inputs
from align_bench.metrics.onset_deviation import validate as validate
from align_bench.types import FloatArray

WINDOW_S = 0.3


def _ask(
    metric: Callable[[FloatArray, FloatArray], float], reference_times: ArrayLike, estimated_times: ArrayLike
) -> float:
    """Return a metric of input that mir_eval accepts; NaN where it defines none (see the Conventions)."""
    reference, estimated = _inputs.pair(reference_times, estimated_times)
    if np.isnan(estimated).any() or (np.diff(estimated) < 0).any():
        return float("nan")
    reference = np.maximum.accumulate(reference)
    origin = min(reference[0], estimated[0], 0.0)
    return float(metric(reference - origin, estimated - origin))


def percentage_correct(
    reference_times: ArrayLike, estimated_times: ArrayLike, window_s: float = WINDOW_S
) -> float:
    """Return the share of onsets within a window, by mir_eval.

    The comparison is in floating point: r = 1.0 s, e = 1.05 s fails a window of 0.05 s.
    :func:`onset_deviation.accuracy` has no such edge.

    Parameters
    ----------
    reference_times, estimated_times : array_like, shape (n_onsets,)
        Seconds; see `validate`.
    window_s : float, optional
        Seconds, >= 0.

    Returns
    -------
    float
        0 to 1; NaN where mir_eval defines no value.

    Raises
    ------
    InvalidInputError
        If an input is unfit.
    """
    from mir_eval import alignment

    window = _inputs.tolerance(window_s, "window_s")
    return _ask(
        lambda r, e: alignment.percentage_correct(r, e, window=window), reference_times, estimated_times
    )


def percentage_correct_segments(reference_times: ArrayLike, estimated_times: ArrayLike) -> float:
    """Return the overlap of the segments between onsets with those of the reference, by mir_eval.

    The form of MIREX 2020: a share of the time from the first reference onset to the last. Inputs and
    errors as in `validate`; NaN also where that time is 0.
    """
    from mir_eval import alignment

    def metric(reference: FloatArray, estimated: FloatArray) -> float:
        if reference[0] == reference[-1]:
            return float("nan")
        return float(alignment.percentage_correct_segments(reference, estimated))

    return _ask(metric, reference_times, estimated_times)


def median_absolute_error(reference_times: ArrayLike, estimated_times: ArrayLike) -> float:
    """Return the median of ``|d|`` in seconds, by mir_eval (its ``mae``).

    Inputs and errors as in `validate`.
    """
    from mir_eval import alignment

    return _ask(lambda r, e: alignment.absolute_error(r, e)[0], reference_times, estimated_times)


def mean_absolute_error(reference_times: ArrayLike, estimated_times: ArrayLike) -> float:
    """Return the mean of ``|d|`` in seconds, by mir_eval (its ``aae``).

    Inputs and errors as in `validate`.
    """
    from mir_eval import alignment

    return _ask(lambda r, e: alignment.absolute_error(r, e)[1], reference_times, estimated_times)


def karaoke_perceptual(reference_times: ArrayLike, estimated_times: ArrayLike) -> float:
    """Return the perceived synchrony of lyrics (Lizé-Masclef et al. 2021), by mir_eval.

    Asymmetric: an early estimate is forgiven more than a late one, and a perfect one scores 0.9606.
    Inputs and errors as in `validate`.
    """
    from mir_eval import alignment

    return _ask(alignment.karaoke_perceptual_metric, reference_times, estimated_times)


def evaluate(reference_times: ArrayLike, estimated_times: ArrayLike) -> OrderedDict[str, float]:
    """Return every metric of this module by its key, with the window at 0.3 s.

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
    return OrderedDict(
        mir_eval_percentage_correct_300ms=percentage_correct(*given),
        mir_eval_percentage_correct_segments=percentage_correct_segments(*given),
        mir_eval_median_absolute_error_s=median_absolute_error(*given),
        mir_eval_mean_absolute_error_s=mean_absolute_error(*given),
        mir_eval_karaoke_perceptual=karaoke_perceptual(*given),
    )
