"""Multi-scale dynamic time warping: linear in time and memory, in a band that is nearly always wide enough.

After Müller, Mattes & Kurth (2006): sequences are averaged over ``POOL`` frames until a matrix is small, its
exact path is found, and at each finer level only a band around the coarser path is computed, with the same
kernels. It differs from the exact path where that leaves the band: on 33 recordings of piano music with three
features each, 97 of 99 paths were the exact ones, one was another of the same cost, and one cost 0.3 % more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from align_bench.errors import InvalidInputError
from align_bench.paths.path import Path, StepWeights, TieRule
from align_bench.similarity import Metric, as_sequences, cell_costs

if TYPE_CHECKING:
    from align_bench.paths._solver import Solver

POOL = 4  # frames of a level that make one of the next
SMALL = 2**22  # cells that are searched whole


def multiscale_dtw(
    x: ArrayLike,
    y: ArrayLike,
    *,
    radius: int = 256,
    metric: Metric = "euclidean",
    threshold: float | None = None,
    step_weights: StepWeights = (1.0, 1.0, 1.0),
    tie_rule: TieRule = "diagonal",
) -> Path:
    """Align two long sequences in time and memory that grow with their length, not its square.

    Parameters
    ----------
    x : array_like, shape (n_dims, n_score_frames)
    y : array_like, shape (n_dims, n_audio_frames)
    radius : int, optional
        Audio frames on either side of the coarser path that are searched, at every level; >= 1. The default
        is 5 s at 50 frames a second.
    metric, threshold, step_weights, tie_rule
        As in `align_bench.paths.dtw`. The threshold counts on the finest level only: averages of frames have
        other distances.

    Returns
    -------
    Path
        With ``method`` ``"multiscale"``, or ``"exact"`` where the whole matrix is small.

    Raises
    ------
    UsageError, InvalidInputError
        As `align_bench.paths.dtw`; or if ``radius`` is below 1.

    References
    ----------
    M. Müller, H. Mattes, F. Kurth: An efficient multiscale approach to audio synchronization, ISMIR 2006.
    """
    if radius < 1:
        raise InvalidInputError(f"radius must be a number of frames >= 1, got {radius}.")
    a, b = as_sequences(x, y, metric)
    return _solve(a, b, metric, threshold, step_weights, tie_rule, radius, SMALL)


def _solve(
    a: NDArray[np.float32],
    b: NDArray[np.float32],
    metric: Metric,
    threshold: float | None,
    step_weights: StepWeights,
    tie_rule: TieRule,
    radius: int,
    small: int,
) -> Path:
    from align_bench.paths._solver import Solver

    costs = cell_costs(a, b, metric, threshold)
    solver = Solver(costs, step_weights, tie_rule).sequences(a, b, threshold, root=metric == "euclidean")
    n, m = solver.shape
    if n * m <= small or min(n, m) <= POOL:
        return solver.exact(max_memory=None)
    return in_band(solver, a, b, metric, radius=radius, small=small)


def in_band(
    solver: Solver,
    a: NDArray[np.float32],
    b: NDArray[np.float32],
    metric: Metric,
    *,
    radius: int,
    small: int,
) -> Path:
    """Return the cheapest path near the one that the sequences have at a quarter of the frame rate.

    Parameters
    ----------
    solver : Solver
        Of the two sequences.
    a, b : numpy.ndarray
        As from `align_bench.similarity.as_sequences` with this metric.
    metric : {'euclidean', 'sqeuclidean', 'cosine'}
    radius : int
        As in `multiscale_dtw`.
    small : int
        Cells of a matrix that is searched whole.

    Returns
    -------
    Path
    """
    from align_bench.paths._kernels import LANES

    n, m = solver.shape
    weights, tie_rule = solver.step_weights, solver.tie_rule
    coarse = _solve(_pooled(a), _pooled(b), metric, None, weights, tie_rule, radius, small).steps
    edges = np.arange(0, n, LANES)
    # A coarser path has every coarser row; its steps do not decrease, so neither do these.
    enters = np.searchsorted(coarse[:, 0], edges // POOL, side="left")
    leaves = np.searchsorted(coarse[:, 0], (np.minimum(edges + LANES, n) - 1) // POOL, side="right") - 1
    first = np.maximum(coarse[enters, 1] * POOL - radius, 0)
    last = np.minimum(coarse[leaves, 1] * POOL + POOL - 1 + radius, m - 1)
    return solver.banded(first, last, "multiscale")


def _pooled(x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the means of ``POOL`` frames each; the last may have fewer."""
    starts = np.arange(0, x.shape[1], POOL)
    counts = np.diff(np.append(starts, x.shape[1]))
    return np.asarray(np.add.reduceat(x, starts, axis=1) / counts, dtype=np.float32)
