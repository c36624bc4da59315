"""What every metric asks of its input, and the one comparison of a deviation with a tolerance."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from align_bench.errors import InvalidInputError
from align_bench.types import FloatArray

# Beyond this (31 years) a time is a defect, and its square or its microseconds could overflow.
LIMIT_S = 1e9


def times(values: ArrayLike, name: str, *, nan_ok: bool = False) -> FloatArray:
    """Check a list of times and return it as an array.

    Parameters
    ----------
    values : array_like, shape (n,)
        Times in seconds, n > 0.
    name : str
        What the error message calls them.
    nan_ok : bool, optional
        Let NaN pass: an onset without an estimate.

    Returns
    -------
    numpy.ndarray, shape (n,), float64

    Raises
    ------
    InvalidInputError
        If they are not numbers (text that looks like numbers included), not one-dimensional, empty,
        or not finite.
    """
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise InvalidInputError(f"{name} must be numbers in seconds, got {error}.") from error
    if array.dtype.kind not in "fiu":
        cure = " Write NaN for an onset without an estimate." if nan_ok else ""
        raise InvalidInputError(f"{name} must be numbers in seconds, got values of type {array.dtype}.{cure}")
    if array.ndim != 1:
        raise InvalidInputError(f"{name} must be one-dimensional, got shape {array.shape}.")
    if array.size == 0:
        raise InvalidInputError(f"{name} must have values, got none.")
    array = array.astype(np.float64)
    good = np.abs(array) <= LIMIT_S
    if nan_ok:
        good |= np.isnan(array)
    if not good.all():
        i = int(np.argmin(good))
        wanted = f"within ±{LIMIT_S:g} s{' or NaN' if nan_ok else ''}"
        raise InvalidInputError(f"{name} must be {wanted}, got {array[i]} at index {i}.")
    return array


def pair(reference_times: ArrayLike, estimated_times: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Check reference and estimate, shape (n_onsets,) each, and return them as arrays.

    Raises
    ------
    InvalidInputError
        If either is unfit (`times`), or their lengths differ.
    """
    reference = times(reference_times, "reference_times")
    estimated = times(estimated_times, "estimated_times", nan_ok=True)
    if reference.size != estimated.size:
        raise InvalidInputError(
            f"estimated_times must have one value for each of the {reference.size} reference_times, "
            f"got {estimated.size}. Write NaN for an onset without an estimate."
        )
    return reference, estimated


def tolerance(value: float, name: str) -> float:
    """Check a tolerance in seconds.

    Raises
    ------
    InvalidInputError
        If it is not a finite number >= 0.
    """
    seconds = float(times([value], name)[0])
    if seconds < 0:
        raise InvalidInputError(f"{name} must be >= 0 s, got {seconds}.")
    return seconds


def within(deviations: FloatArray, tolerance_s: float) -> NDArray[np.bool_]:
    """Return where ``|deviation| <= tolerance``, compared in whole microseconds.

    Deviation and tolerance are each rounded to the nearest microsecond, because 1.05 - 1.0 is
    0.050000000000000044 in floating point and would miss a tolerance of 0.05. NaN is never within.

    Parameters
    ----------
    deviations : numpy.ndarray, shape (n,)
        Seconds.
    tolerance_s : float
        Seconds.

    Returns
    -------
    numpy.ndarray, shape (n,), bool
    """
    return np.asarray(np.rint(np.abs(deviations) * 1e6) <= np.rint(tolerance_s * 1e6))
