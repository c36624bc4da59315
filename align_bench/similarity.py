"""Two feature matrices -> a cost matrix: for inspection, the ``fastdtw`` package and tests.

The exact DTW of `align_bench.paths` never makes this matrix; it computes the same costs block by block.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from align_bench.errors import InvalidInputError, unknown_name

Metric = Literal["euclidean", "sqeuclidean", "cosine"]
METRICS: tuple[str, ...] = ("euclidean", "sqeuclidean", "cosine")
LARGEST = 1e15
"""A feature. Squared and summed over its dimensions and some frames of a path it still is a float32."""


def as_sequences(x: ArrayLike, y: ArrayLike, metric: str) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Check two feature matrices and bring them into the space where the metric is Euclidean.

    The cosine distance ``1 - cos`` is half the squared Euclidean distance of unit vectors, so cosine
    features come back with length ``sqrt(1/2)``. A frame of zeros has no direction: it is given one of its
    own (an added dimension), so that silence costs 0 against silence and 1 against everything else.

    Parameters
    ----------
    x : array_like, shape (n_dims, n_score_frames)
    y : array_like, shape (n_dims, n_audio_frames)
    metric : {'euclidean', 'sqeuclidean', 'cosine'}

    Returns
    -------
    tuple of numpy.ndarray, float32
        The two matrices. The distance is squared Euclidean for ``'cosine'``, else as named.

    Raises
    ------
    UsageError
        If the metric is unknown.
    InvalidInputError
        If a matrix is empty, not two-dimensional, not finite or larger than ``LARGEST`` somewhere, or the
        numbers of dimensions differ.
    """
    if metric not in METRICS:
        raise unknown_name("metric", metric, METRICS)
    matrices = [as_matrix(x, "x", "(n_dims, n_score_frames)"), as_matrix(y, "y", "(n_dims, n_audio_frames)")]
    if matrices[0].shape[0] != matrices[1].shape[0]:
        raise InvalidInputError(
            f"x and y must have one number of dimensions, got {matrices[0].shape[0]} and "
            f"{matrices[1].shape[0]}. Their shape is (n_dims, n_frames): transpose what has frames first."
        )
    for name, matrix in zip("xy", matrices, strict=True):
        if (peak := max(matrix.max(), -matrix.min())) > LARGEST:
            raise InvalidInputError(f"{name} must be at most {LARGEST:g}, got {peak:g}. Scale x and y down.")
    if metric == "cosine":
        norms = [np.linalg.norm(m.astype(np.float64), axis=0) for m in matrices]
        matrices = [
            np.vstack([m / np.where(norm > 0, norm, 1.0), norm == 0]).astype(np.float32)
            * np.float32(np.sqrt(0.5))
            for m, norm in zip(matrices, norms, strict=True)
        ]
        if all((norm > 0).all() for norm in norms):
            matrices = [m[:-1] for m in matrices]
    return matrices[0], matrices[1]


def as_matrix(values: ArrayLike, name: str, shape: str) -> NDArray[np.float32]:
    """Check a matrix of numbers and return it as float32.

    Raises
    ------
    InvalidInputError
        If it is empty, not two-dimensional or not finite.
    """
    matrix: NDArray[Any] = np.asarray(values)
    if matrix.ndim != 2 or matrix.size == 0:
        raise InvalidInputError(
            f"{name} must have shape {shape} and no axis of length 0, got {matrix.shape}."
        )
    with np.errstate(over="ignore"):  # what float32 cannot hold becomes inf, and is refused below
        matrix = matrix.astype(np.float32, copy=False)
    if not np.isfinite(matrix).all():
        row, column = np.argwhere(~np.isfinite(matrix))[0]
        raise InvalidInputError(f"{name} must be finite, got {matrix[row, column]} at [{row}, {column}].")
    return matrix


def cell_costs(
    a: NDArray[np.float32], b: NDArray[np.float32], metric: str, threshold: float | None
) -> Callable[[NDArray[Any], NDArray[Any]], NDArray[np.float64]]:
    """Return a function from cells ``(i, j)`` to their costs in float64, for sequences of `as_sequences`."""

    def costs(i: NDArray[Any], j: NDArray[Any]) -> NDArray[np.float64]:
        values = np.empty(i.size)
        for k in range(0, i.size, 4096):  # in blocks: all frames of a long path in float64 are many bytes
            difference = a[:, i[k : k + 4096]].astype(np.float64) - b[:, j[k : k + 4096]]
            values[k : k + 4096] = np.einsum("dk,dk->k", difference, difference)
        if metric == "euclidean":
            values = np.sqrt(values)
        if threshold is None:
            return values
        return np.asarray(values.astype(np.float32) > np.float32(threshold), dtype=np.float64)

    return costs


def distance_matrix(x: ArrayLike, y: ArrayLike, metric: Metric = "euclidean") -> NDArray[np.float32]:
    """Return the distance of every score frame from every audio frame.

    Parameters
    ----------
    x : array_like, shape (n_dims, n_score_frames)
    y : array_like, shape (n_dims, n_audio_frames)
    metric : {'euclidean', 'sqeuclidean', 'cosine'}
        Silent frames (all zeros) have cosine distance 0 from each other and 1 from all others.

    Returns
    -------
    numpy.ndarray, shape (n_score_frames, n_audio_frames), float32

    Raises
    ------
    UsageError, InvalidInputError
        As `as_sequences`.
    """
    from scipy.spatial.distance import cdist

    a, b = as_sequences(x, y, metric)
    return np.asarray(
        cdist(a.T, b.T, "euclidean" if metric == "euclidean" else "sqeuclidean"), dtype=np.float32
    )


def binary_matrix(
    x: ArrayLike, y: ArrayLike, threshold: float, metric: Metric = "euclidean"
) -> NDArray[np.float32]:
    """Return the binary cost matrix of Agrawal & Dixon (2019): 1 where two frames differ, 0 where they match.

    Parameters
    ----------
    x : array_like, shape (n_dims, n_score_frames)
    y : array_like, shape (n_dims, n_audio_frames)
    threshold : float
        Frames match if their distance is at most this.
    metric : {'euclidean', 'sqeuclidean', 'cosine'}

    Returns
    -------
    numpy.ndarray, shape (n_score_frames, n_audio_frames), float32

    Raises
    ------
    UsageError, InvalidInputError
        As `as_sequences`.
    """
    return (distance_matrix(x, y, metric) > np.float32(threshold)).astype(np.float32)
