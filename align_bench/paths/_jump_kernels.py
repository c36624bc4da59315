"""Compiled inner loops of DTW with jumps: import this module only where a path is wanted.

The matrix is worked through one audio frame at a time, because a jump leaves from the frame before.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

DIAGONAL, AUDIO, SCORE, JUMP = 0, 1, 2, 3

Ints = NDArray[np.int64]
Float64 = NDArray[np.float64]


@njit(cache=True, nogil=True)
def accumulate(
    x: NDArray[np.float32],
    y: NDArray[np.float32],
    root: bool,
    threshold: float,
    starts: Ints,
    penalty: float,
    first: bool,
    total: Float64,
    directions: NDArray[np.uint8],
    origins: NDArray[np.int32],
) -> None:
    """Accumulate the costs of a block of audio frames.

    Parameters
    ----------
    x : float32, shape (dims, n_score)
    y : float32, shape (n_block, dims)
    root : bool
        The cost is the distance, not its square.
    threshold : float
        Costs become 1 above it and 0 elsewhere; negative for none.
    starts : int64, shape (n_boundaries,)
        Where sections start: jumps lead here, from the frames before any of them.
    penalty : float
        Added by a jump.
    first : bool
        The block begins with the first audio frame.
    total : float64, shape (n_score,)
        Accumulated costs at the audio frame before; replaced by those at the last one.
    directions : uint8, shape (n_block, ceil(n_score / 4))
        Where the cheapest path to each cell comes from, two bits a cell.
    origins : int32, shape (n_block,)
        The score frame that a jump into this audio frame comes from.
    """
    dims, n = x.shape
    cost = np.empty(n, np.float32)
    for j in range(y.shape[0]):
        cost[:] = 0
        for d in range(dims):
            here = y[j, d]
            for i in range(n):
                e = x[d, i] - here
                cost[i] += e * e
        if root:
            for i in range(n):
                cost[i] = np.sqrt(cost[i])
        if threshold >= 0:
            for i in range(n):
                cost[i] = 1.0 if cost[i] > threshold else 0.0
        origin = -1
        jump = np.inf
        for start in starts:
            if total[start - 1] + penalty < jump:
                origin, jump = start - 1, total[start - 1] + penalty
        origins[j] = origin
        before = 0.0 if first and j == 0 else np.inf  # diagonally before the present cell
        below = np.inf  # a score frame before it
        k = 0
        packed = np.uint8(0)
        for i in range(n):
            best, way = before, DIAGONAL
            if total[i] < best:
                best, way = total[i], AUDIO
            if below < best:
                best, way = below, SCORE
            if k < starts.size and starts[k] == i:
                k += 1
                if jump < best:
                    best, way = jump, JUMP
            before = total[i]
            below = best + cost[i]
            total[i] = below
            packed |= np.uint8(way << (2 * (i % 4)))
            if i % 4 == 3 or i == n - 1:
                directions[j, i // 4] = packed
                packed = np.uint8(0)


@njit(cache=True, nogil=True)
def backtrack(
    directions: NDArray[np.uint8], origins: NDArray[np.int32], column: int, i: int, j: int, cells: Ints
) -> tuple[int, int, int]:
    """Follow the directions back from cell ``(i, j)`` through the block from audio frame ``column`` on.

    Cells are written to ``cells`` from its end, as many as it has room for.

    Returns
    -------
    (int, int, int)
        The next cell, and how many cells there were. A score frame of ``-1`` is before the start.
    """
    n = 0
    while j >= column and i >= 0:
        n += 1
        if n <= cells.shape[0]:
            cells[cells.shape[0] - n, 0] = i
            cells[cells.shape[0] - n, 1] = j
        way = (directions[j - column, i // 4] >> (2 * (i % 4))) & 3
        if way == JUMP:
            i = origins[j - column]
        elif way != AUDIO:
            i -= 1
        if way != SCORE:
            j -= 1
    return i, j, n
