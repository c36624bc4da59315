"""Compiled inner loops of the exact DTW: import this module only where a path is wanted.

The matrix is worked through in strips of ``LANES`` score frames. Inside a strip, step ``t`` handles the
anti-diagonal of cells ``(lane, t - lane)``: they do not depend on each other, so the compiler turns the
loop over lanes into vector instructions, which a row scan with its chain of minima forbids. Costs are made
``STEPS`` anti-diagonals at a time, in that same skewed order, so nothing but one small tile ever exists.

Accumulated costs are float32 *relative to the strip's present level*, which is moved into a float64 after
every tile: the rounding error therefore does not grow with the length of the recording.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Float32 = NDArray[np.float32]

LANES = 64  # score frames in a strip
STEPS = 64  # anti-diagonals in a tile
WORD = 16  # two-bit directions in a uint32
_PAD = 16  # floats before lane 0 in the state, so that lane 0 is aligned; the last one is the strip above

EUCLIDEAN, SQEUCLIDEAN, MATRIX = 0, 1, 2
DIAGONAL, SCORE, AUDIO = 0, 1, 2

# Safe subset: infinities mark cells outside the matrix, so "ninf" and "nnan" must stay away.
_FAST = {"contract", "nsz", "arcp"}


def n_tiles(n_audio: int) -> int:
    """Return how many tiles a strip has: its last lane starts ``LANES - 1`` steps late."""
    return -(-(n_audio + LANES - 1) // STEPS)


@njit(cache=True, nogil=True, fastmath=_FAST, boundscheck=False)
def _fill_distances(x: Float32, y: Float32, left: int, tile: Float32, root: bool) -> None:
    """Write the distances of a tile: ``x`` is (dims, LANES), ``y`` reversed in time (dims, ...)."""
    for u in range(STEPS):
        out = tile[u]
        start = left - u
        for d in range(0, x.shape[0], 4):
            x0, x1, x2, x3 = x[d], x[d + 1], x[d + 2], x[d + 3]
            y0 = y[d, start : start + LANES]
            y1 = y[d + 1, start : start + LANES]
            y2 = y[d + 2, start : start + LANES]
            y3 = y[d + 3, start : start + LANES]
            if d == 0:
                for k in range(LANES):
                    e0, e1, e2, e3 = x0[k] - y0[k], x1[k] - y1[k], x2[k] - y2[k], x3[k] - y3[k]
                    out[k] = e0 * e0 + e1 * e1 + e2 * e2 + e3 * e3
            else:
                for k in range(LANES):
                    e0, e1, e2, e3 = x0[k] - y0[k], x1[k] - y1[k], x2[k] - y2[k], x3[k] - y3[k]
                    out[k] += e0 * e0 + e1 * e1 + e2 * e2 + e3 * e3
        if root:
            for k in range(LANES):
                out[k] = np.sqrt(out[k])


@njit(cache=True, nogil=True, boundscheck=False)
def _fill_matrix(cost: Float32, first_row: int, t0: int, tile: Float32) -> None:
    """Copy the costs of a tile from a matrix; cells outside it get 0 and are never read."""
    n, m = cost.shape
    for k in range(LANES):
        row = first_row + k
        for u in range(STEPS):
            column = t0 + u - k
            tile[u, k] = cost[row, column] if row < n and 0 <= column < m else 0.0


@njit(cache=True, nogil=True, fastmath=_FAST, boundscheck=False)
def _sweep(
    tile: Float32, state: Float32, t0: int, weights: Float32, tie: int, words: NDArray[np.uint32]
) -> None:
    """Accumulate a tile of costs; two-bit directions (0 diagonal, 1 audio, 2 score) go to ``words``.

    ``state[r, _PAD + k]`` is lane ``k`` at step ``t0 + r - 2``; column ``_PAD - 1`` is the strip above.
    """
    w_diagonal, w_score, w_audio = weights[0], weights[1], weights[2]
    audio_first = tie == AUDIO
    score_first = tie == SCORE
    for group in range(STEPS // WORD):
        word = words[group]
        for q in range(WORD):
            u = group * WORD + q
            cost = tile[u]
            shift = np.uint32(2 * q)
            diagonal = state[u, _PAD - 1 : _PAD - 1 + LANES]
            score = state[u + 1, _PAD - 1 : _PAD - 1 + LANES]
            audio = state[u + 1, _PAD : _PAD + LANES]
            out = state[u + 2, _PAD : _PAD + LANES]
            for k in range(LANES):
                best = diagonal[k] + w_diagonal * cost[k]
                by_audio = audio[k] + w_audio * cost[k]
                by_score = score[k] + w_score * cost[k]
                take_audio = (by_audio < best) | ((by_audio == best) & audio_first)
                best = by_audio if take_audio else best
                take_score = (by_score < best) | ((by_score == best) & score_first)
                out[k] = by_score if take_score else best
                code = np.uint32(2) if take_score else (np.uint32(1) if take_audio else np.uint32(0))
                word[k] = (word[k] if q else np.uint32(0)) | (code << shift)
            for k in range(t0 + u + 1, LANES):  # lanes that have not reached column 0 yet
                out[k] = np.inf


@njit(cache=True, nogil=True, boundscheck=False)
def forward(
    strips: tuple[int, int],
    source: int,
    x: Float32,
    y: Float32,
    n_columns: int,
    threshold: Any,
    weights: Float32,
    tie: int,
    row: NDArray[np.float64],
    words: NDArray[np.uint32],
) -> None:
    """Accumulate strips ``strips[0]`` to ``strips[1]`` over columns 0 to ``n_columns``.

    Parameters
    ----------
    strips : (int, int)
        First strip and the one after the last.
    source : int
        EUCLIDEAN, SQEUCLIDEAN (``x`` and ``y`` packed by the caller) or MATRIX (``x`` is the cost).
    x : float32, shape (n_strips * dims, LANES); or the cost, shape (n_score, n_audio)
    y : float32, shape (dims, n_steps + LANES)
        Reversed in time: column ``y.shape[1] - LANES - c`` is audio frame ``c``.
    n_columns : int
    threshold : float
        Costs become 1 above it and 0 elsewhere; negative for none.
    weights : float32, shape (3,)
        Diagonal, score step, audio step.
    tie : int
    row : float64, shape (n_audio + LANES + STEPS + 1,)
        Accumulated cost of the score frame above, column ``c`` at ``c + 1``; replaced by the last one's.
    words : uint32, shape (n_strips or 1, n_words, LANES)
        Directions; with one strip only they are overwritten, that is, dropped.
    """
    dims = y.shape[0]
    tiles = -(-(n_columns + LANES - 1) // STEPS)
    keep = words.shape[0] > 1 or strips[1] - strips[0] == 1
    tile = np.empty((STEPS, LANES), np.float32)
    state = np.empty((STEPS + 2, _PAD + LANES), np.float32)
    for strip in range(strips[0], strips[1]):
        state[:2] = np.inf
        level = min(row[0], row[1])
        directions = words[strip - strips[0] if keep else 0]
        for b in range(tiles):
            t0 = b * STEPS
            if source == MATRIX:
                _fill_matrix(x, strip * LANES, t0, tile)
            else:
                left = y.shape[1] - LANES - t0
                _fill_distances(x[strip * dims : (strip + 1) * dims], y, left, tile, source == EUCLIDEAN)
            if threshold >= 0:
                for u in range(STEPS):
                    for k in range(LANES):
                        tile[u, k] = np.float32(1.0) if tile[u, k] > threshold else np.float32(0.0)
            for r in range(STEPS + 1):
                state[r, _PAD - 1] = row[t0 + r] - level
            _sweep(tile, state, t0, weights, tie, directions[t0 // WORD : (t0 + STEPS) // WORD])
            for u in range(STEPS):
                column = t0 + u - (LANES - 1)
                if 0 <= column < n_columns:
                    row[column + 1] = level + state[u + 2, _PAD + LANES - 1]
            lowest = state[STEPS + 1, _PAD : _PAD + LANES].min()
            for k in range(LANES):
                state[0, _PAD + k] = state[STEPS, _PAD + k] - lowest
                state[1, _PAD + k] = state[STEPS + 1, _PAD + k] - lowest
            level += lowest
        row[0] = np.inf


@njit(cache=True, nogil=True, boundscheck=False)
def backtrack(
    words: NDArray[np.uint32], first_row: int, i: int, j: int, steps: NDArray[np.int64], n_steps: int
) -> tuple[int, int, int]:
    """Follow the directions back from cell ``(i, j)`` while ``i >= first_row``.

    Cells are written to ``steps`` from its end, behind the ``n_steps`` already there.

    Returns
    -------
    (int, int, int)
        The next cell, and how many steps there are now. ``(-1, -1)`` is before the start.
    """
    while i >= first_row and i >= 0 and j >= 0:
        n_steps += 1
        steps[steps.shape[0] - n_steps, 0] = i
        steps[steps.shape[0] - n_steps, 1] = j
        lane = (i - first_row) % LANES
        t = j + lane
        code = (words[(i - first_row) // LANES, t // WORD, lane] >> np.uint32(2 * (t % WORD))) & 3
        if code != 1:
            i -= 1
        if code != 2:
            j -= 1
    return i, j, n_steps
