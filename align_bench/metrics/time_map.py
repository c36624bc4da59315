"""How far an estimated time map lies from the reference, averaged over score time.

Onset metrics weigh a trill as much as many held chords. These two weigh each second of the score alike:
they integrate the error e(s) between the two time maps over score time s.

Conventions
-----------
Times are seconds, one value for each unique score onset; score times ascend strictly. The error is
``e(s) = estimated(s) - reference(s)``, given at the onsets and linear between them, over the S seconds from
the first onset to the last. Both metrics need the whole map: where an estimate is missing (NaN), or there
is only one onset (S = 0), they are NaN.

Metrics
-------
* :func:`time_err`: TimeErr, ``(1/S) ∫ |e(s)| ds``
* :func:`time_dev`: TimeDev, ``sqrt((1/S) ∫ e(s)² ds)``

Difference from the authors' own evaluation: that drops performances with TimeErr of 1 s or more from its
means; nothing is dropped here.

References
----------
.. [#thickstun2020] J. Thickstun, J. Brennan, H. Verma. "Rethinking evaluation methodology for
   audio-to-score alignment", arXiv:2009.14374, 2020.
"""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
from numpy.typing import ArrayLike

from align_bench.errors import InvalidInputError
from align_bench.metrics import _inputs
from align_bench.types import FloatArray


def validate(score_times: ArrayLike, reference_times: ArrayLike, estimated_times: ArrayLike) -> None:
    """Check that the input to a metric of this module is fit for it.

    Parameters
    ----------
    score_times : array_like, shape (n_onsets,)
        Seconds of score time; finite, strictly ascending.
    reference_times : array_like, shape (n_onsets,)
        Seconds in the recording; finite.
    estimated_times : array_like, shape (n_onsets,)
        Seconds in the recording; finite, or NaN where there is no estimate.

    Raises
    ------
    InvalidInputError
        If they are not numbers, not one-dimensional, empty, of different lengths or not finite, or if the
        score times do not ascend.
    """
    _segments(score_times, reference_times, estimated_times)


def _segments(
    score_times: ArrayLike, reference_times: ArrayLike, estimated_times: ArrayLike
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return each segment's share of S and the errors at its two ends, shape (n_onsets - 1,) each."""
    score = _inputs.times(score_times, "score_times")
    reference, estimated = _inputs.pair(reference_times, estimated_times)
    if score.size != reference.size:
        raise InvalidInputError(
            f"score_times must have one value for each of the {reference.size} reference_times, "
            f"got {score.size}."
        )
    lengths = np.diff(score)
    if (lengths <= 0).any():
        i = int(np.argmax(lengths <= 0)) + 1
        raise InvalidInputError(
            f"score_times must ascend strictly, got {score[i]} after {score[i - 1]} at index {i}. "
            f"Make the notes of a chord one onset (Reference.from_notes)."
        )
    errors = estimated - reference
    return lengths / (score[-1] - score[0]), errors[:-1], errors[1:]


def time_err(score_times: ArrayLike, reference_times: ArrayLike, estimated_times: ArrayLike) -> float:
    """Return TimeErr, the mean absolute error over score time, in seconds.

    A segment whose ends have errors a and b contributes ``½ (|a| + |b|)`` of its length if these have one
    sign, else, as |e| then is two triangles, ``½ (a² + b²) / (|a| + |b|)`` (Thickstun et al. 2020).

    Parameters
    ----------
    score_times, reference_times, estimated_times : array_like, shape (n_onsets,)
        Seconds; see `validate`.

    Returns
    -------
    float
        >= 0; NaN if an estimate is missing or there is only one onset.

    Raises
    ------
    InvalidInputError
        If an input is unfit.

    Examples
    --------
    >>> time_err([0.0, 1.0, 3.0], [0.0, 2.0, 4.0], [1.0, 3.0, 3.0])
    0.6666666666666666
    """
    shares, a, b = _segments(score_times, reference_times, estimated_times)
    if shares.size == 0:
        return float("nan")
    ends = np.abs(a) + np.abs(b)
    # Opposite signs imply ends > 0; the 1 only keeps the unused branch from dividing by zero.
    crossing = (a**2 + b**2) / np.where(ends == 0, 1.0, ends)
    return float(np.sum(shares * np.where(np.sign(a) * np.sign(b) >= 0, ends, crossing)) / 2)


def time_dev(score_times: ArrayLike, reference_times: ArrayLike, estimated_times: ArrayLike) -> float:
    """Return TimeDev, the root mean square error over score time, in seconds.

    A segment whose ends have errors a and b contributes ``⅓ (a² + ab + b²)`` of its length to the mean
    square (Thickstun et al. 2020).

    Parameters
    ----------
    score_times, reference_times, estimated_times : array_like, shape (n_onsets,)
        Seconds; see `validate`.

    Returns
    -------
    float
        >= `time_err`; NaN if an estimate is missing or there is only one onset.

    Raises
    ------
    InvalidInputError
        If an input is unfit.

    Examples
    --------
    >>> time_dev([0.0, 1.0], [0.0, 2.0], [1.0, 3.0])
    1.0
    """
    shares, a, b = _segments(score_times, reference_times, estimated_times)
    if shares.size == 0:
        return float("nan")
    return float(np.sqrt(np.sum(shares * (a**2 + a * b + b**2)) / 3))


def evaluate(
    score_times: ArrayLike, reference_times: ArrayLike, estimated_times: ArrayLike
) -> OrderedDict[str, float]:
    """Return every metric of this module by its key.

    Parameters
    ----------
    score_times, reference_times, estimated_times : array_like, shape (n_onsets,)
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
    given = (score_times, reference_times, estimated_times)
    return OrderedDict(time_err_s=time_err(*given), time_dev_s=time_dev(*given))
