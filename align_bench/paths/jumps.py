"""DTW that may jump between the sections of a score: for performers who leave out or add a repeat.

Where a section starts, a cell has one more predecessor: the end of whichever section is cheapest one audio
frame before, for a penalty,

    D[i, j] = c[i, j] + min(D[i-1, j-1], D[i, j-1], D[i-1, j], penalty + min_e D[e, j-1]),

the last only for the first frame ``i`` of a section, ``e`` over the last frames of sections. One penalty for
all jumps makes the best ``e`` the same for all targets, so a jump costs one pointer an audio frame, and the
whole is as exact as plain DTW and takes hardly longer than it would take written in the same way.

References
----------
C. Fremerey, M. Müller, M. Clausen: Handling repeats and jumps in score-performance synchronization, ISMIR
2010 (JumpDTW).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from align_bench.errors import InvalidInputError
from align_bench.paths.path import Path
from align_bench.similarity import Metric, as_sequences, cell_costs
from align_bench.types import IntArray


def jump_dtw(
    x: ArrayLike,
    y: ArrayLike,
    starts: ArrayLike,
    *,
    penalty: float,
    metric: Metric = "euclidean",
    threshold: float | None = None,
    max_memory: int = 2**30,
) -> Path:
    """Align two sequences of feature vectors, with jumps between sections of the first.

    Parameters
    ----------
    x : array_like, shape (n_dims, n_score_frames)
    y : array_like, shape (n_dims, n_audio_frames)
    starts : array_like, shape (n_sections - 1,)
        The score frames at which sections start, but the first one's, ascending.
    penalty : float
        Added to the cost of a path by each jump; >= 0. `mean_cost` is the unit to think in.
    metric, threshold
        As in `align_bench.paths.dtw`.
    max_memory : int, optional
        Bytes allowed for the directions; above, they are computed again block by block from the end.

    Returns
    -------
    Path
        With ``method`` ``"jumps"``. Where it jumps, the score frame changes by another number than 0 or 1 and
        the audio frame by 1. Its cost is that of its cells and the penalties.

    Raises
    ------
    InvalidInputError
        If a matrix is empty or not finite, the dimensions differ, the starts do not ascend inside the score,
        or the penalty is negative.
    """
    from align_bench.paths._jump_kernels import accumulate, backtrack

    a, b = as_sequences(x, y, metric)
    n, m = a.shape[1], b.shape[1]
    targets = _checked(starts, n)
    if not (np.isfinite(penalty) and penalty >= 0):
        raise InvalidInputError(f"penalty must be a cost >= 0, got {penalty}.")
    score, audio = np.ascontiguousarray(a), np.ascontiguousarray(b.T)
    packed = -(-n // 4)
    # The totals kept at the head of each block and the directions of one cost least when they cost the same.
    block = m if packed * m <= max_memory else max(1, round((m * n * 8 / packed) ** 0.5))

    def forward(begin: int, total: NDArray[np.float64]) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
        columns = audio[begin : begin + block]
        directions = np.empty((len(columns), packed), np.uint8)
        origins = np.empty(len(columns), np.int32)
        accumulate(
            score,
            columns,
            metric == "euclidean",
            -1.0 if threshold is None else float(np.float32(threshold)),
            targets,
            float(penalty),
            begin == 0,
            total,
            directions,
            origins,
        )
        return directions, origins

    begins = list(range(0, m, block))
    total = np.full(n, np.inf)
    heads = [total.copy()]
    for begin in begins[:-1]:
        forward(begin, total)
        heads.append(total.copy())
    i, j, parts = n - 1, m - 1, []
    for begin in reversed(begins):
        found = forward(begin, heads.pop())
        # A path that jumps back visits frames again, so that its length is known only when it is walked.
        _, _, length = backtrack(*found, begin, i, j, np.empty((0, 2), np.int64))
        parts.append(np.empty((length, 2), np.int64))
        i, j, _ = backtrack(*found, begin, i, j, parts[-1])
    steps = np.concatenate(parts[::-1])
    steps.flags.writeable = False
    cost = cell_costs(a, b, metric, threshold)(steps[:, 0], steps[:, 1]).sum()
    return Path(steps, float(cost) + penalty * jumps(steps).size, "jumps", "diagonal")


def jumps(steps: IntArray) -> IntArray:
    """Return the indices of the cells that a path jumps to, shape (n_jumps,)."""
    moves = np.diff(steps[:, 0])
    return np.flatnonzero((moves < 0) | (moves > 1)) + 1


def mean_cost(
    x: ArrayLike, y: ArrayLike, *, metric: Metric = "euclidean", threshold: float | None = None
) -> float:
    """Return the mean cost of cells drawn at random (always the same): what frames that do not match cost."""
    a, b = as_sequences(x, y, metric)
    rng = np.random.default_rng(0)
    i, j = rng.integers(0, a.shape[1], 10_000), rng.integers(0, b.shape[1], 10_000)
    return float(cell_costs(a, b, metric, threshold)(i, j).mean())


def _checked(starts: ArrayLike, n: int) -> IntArray:
    targets = np.asarray(starts, dtype=np.int64)
    inside = targets.ndim == 1 and (targets.size == 0 or (targets[0] > 0 and targets[-1] < n))
    if not inside or (np.diff(targets) <= 0).any():
        raise InvalidInputError(
            f"starts must be score frames that ascend from 1 to {n - 1} at most, got {targets.tolist()}."
        )
    return targets
