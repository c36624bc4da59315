"""Compiled inner loops of the exact DTW: import this module only where a path is wanted.

The matrix is worked through in strips of ``LANES`` score frames. Inside a strip, step ``t`` handles the
anti-diagonal of cells ``(lane, t - lane)``: they do not depend on each other, so they are computed together,
in four vector registers, which a row scan with its chain of minima forbids. Costs are made ``STEPS``
anti-diagonals at a time, in that same skewed order, in a ring buffer that stays in the first-level cache.

The distance is the sum of squared differences, not |x|² + |y|² - 2xy: that loses half of the digits
where frames are alike, which is where the path goes. Accumulated costs are float32 *relative to the
present level of the strip*, which is moved into a float64 after every tile: the rounding error does not grow
with the length of the recording.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from align_bench.paths._simd import below, bits, fma, last, load, select, shifted, splat, sqrt, store, sub

LANES = 64  # score frames in a strip: four vectors of 16
STEPS = 64  # anti-diagonals in a tile
WORDS = 4  # uint32 with the directions of one anti-diagonal: 16 bits "score" over 16 bits "audio"
_RING = 128  # anti-diagonals in the ring; vector v is filled 16 v steps ahead of vector 0

EUCLIDEAN, SQEUCLIDEAN, MATRIX = 0, 1, 2
DIAGONAL, SCORE, AUDIO = 0, 1, 2

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
UInt32 = NDArray[np.uint32]


def n_tiles(n_columns: int) -> int:
    """Return how many tiles a strip has: its last lane starts ``LANES - 1`` steps late."""
    return -(-(n_columns + LANES - 1) // STEPS)


@njit(cache=True, nogil=True)
def _cost(squared: Any, source: int, threshold: Any) -> Any:
    """Turn 16 squared distances into costs."""
    distance = sqrt(squared) if source == EUCLIDEAN else squared
    if threshold < 0:
        return distance
    return select(below(splat(threshold), distance, False), splat(np.float32(1)), splat(np.float32(0)))


@njit(cache=True, nogil=True)
def _put(
    ring: Float32, t: int, lane: int, at_0: Any, at_1: Any, at_2: Any, at_3: Any, source: int, threshold: Any
) -> None:
    """Store the costs of 16 lanes at steps ``t`` to ``t + 3``, ``t`` a multiple of 4."""
    at = (t % _RING) * LANES + lane
    store(ring, at, _cost(at_0, source, threshold))
    store(ring, at + LANES, _cost(at_1, source, threshold))
    store(ring, at + 2 * LANES, _cost(at_2, source, threshold))
    store(ring, at + 3 * LANES, _cost(at_3, source, threshold))


@njit(cache=True, nogil=True)
def _add(x: Any, y: Any, total: Any) -> Any:
    """Return the total plus the squared difference."""
    e = sub(x, y)
    return fma(e, e, total)


@njit(cache=True, nogil=True)
def _fill_distances(
    x: Float32, y: Float32, dims: int, left: int, t0: int, source: int, threshold: Any, ring: Float32
) -> None:
    """Write the costs of a tile: ``x`` is (dims, LANES) flat, ``y`` (dims, stride) flat, reversed in time.

    Vector ``v`` at step ``t`` meets audio frames ``s - lane``, where ``s = t - 16 v``: at one ``s`` the same
    for all four. So four vectors of ``x`` and four of ``y`` make sixteen sums, which stay in registers.
    Frame ``s`` is at ``left - s`` in a row of ``y``.
    """
    stride = y.size // dims
    zero = splat(np.float32(0))
    for s in range(0, STEPS, 4):
        a0 = a1 = a2 = a3 = zero
        b0 = b1 = b2 = b3 = zero
        c0 = c1 = c2 = c3 = zero
        d0 = d1 = d2 = d3 = zero
        at = left - s
        for k in range(0, dims * LANES, LANES):
            y0, y1, y2, y3 = load(y, at), load(y, at - 1), load(y, at - 2), load(y, at - 3)
            at += stride
            x0 = load(x, k)
            a0, a1 = _add(x0, y0, a0), _add(x0, y1, a1)
            a2, a3 = _add(x0, y2, a2), _add(x0, y3, a3)
            x0 = load(x, k + 16)
            b0, b1 = _add(x0, y0, b0), _add(x0, y1, b1)
            b2, b3 = _add(x0, y2, b2), _add(x0, y3, b3)
            x0 = load(x, k + 32)
            c0, c1 = _add(x0, y0, c0), _add(x0, y1, c1)
            c2, c3 = _add(x0, y2, c2), _add(x0, y3, c3)
            x0 = load(x, k + 48)
            d0, d1 = _add(x0, y0, d0), _add(x0, y1, d1)
            d2, d3 = _add(x0, y2, d2), _add(x0, y3, d3)
        t = t0 + s
        _put(ring, t, 0, a0, a1, a2, a3, source, threshold)
        _put(ring, t + 16, 16, b0, b1, b2, b3, source, threshold)
        _put(ring, t + 32, 32, c0, c1, c2, c3, source, threshold)
        _put(ring, t + 48, 48, d0, d1, d2, d3, source, threshold)


@njit(cache=True, nogil=True)
def _fill_matrix(cost: Float32, first_row: int, t0: int, ring: Float32) -> None:
    """Copy the costs of a tile from a matrix; cells outside it get 0 and reach no cell inside."""
    n, m = cost.shape
    for k in range(LANES):
        row = first_row + k
        for t in range(t0, t0 + STEPS):
            column = t - k
            inside = row < n and 0 <= column < m
            ring[(t % _RING) * LANES + k] = cost[row, column] if inside else np.float32(0)


@njit(cache=True, nogil=True)
def _cell(cost: Any, diagonal: Any, score: Any, audio: Any, w: Any, tie: int) -> Any:
    """Return 16 accumulated costs and their directions, from the costs and the three predecessors."""
    best = fma(w[0], cost, diagonal)
    by_audio = fma(w[2], cost, audio)
    by_score = fma(w[1], cost, score)
    take_audio = below(by_audio, best, tie == AUDIO)
    best = select(take_audio, by_audio, best)
    take_score = below(by_score, best, tie == SCORE)
    return select(take_score, by_score, best), bits(take_score, take_audio)


@njit(cache=True, nogil=True)
def _sweep(
    ring: Float32, t0: int, above: Float32, state: Float32, weights: Float32, tie: int, words: UInt32
) -> None:
    """Accumulate a tile. ``state`` is the last anti-diagonal, and the one before it moved up one lane.

    ``above[u]`` is the strip above at the column where lane 0 is at step ``t0 + u``; on return, the last lane
    at that step. ``words`` gets the directions, ``WORDS`` a step.
    """
    w = (splat(weights[0]), splat(weights[1]), splat(weights[2]))
    a, b, c, d = load(state, 0), load(state, 16), load(state, 32), load(state, 48)
    diagonal_a, diagonal_b = load(state, 64), load(state, 80)
    diagonal_c, diagonal_d = load(state, 96), load(state, 112)
    for u in range(STEPS):
        at = ((t0 + u) % _RING) * LANES
        score_a = shifted(splat(above[u]), a)
        score_b = shifted(a, b)
        score_c = shifted(b, c)
        score_d = shifted(c, d)
        a, words[WORDS * u] = _cell(load(ring, at), diagonal_a, score_a, a, w, tie)
        b, words[WORDS * u + 1] = _cell(load(ring, at + 16), diagonal_b, score_b, b, w, tie)
        c, words[WORDS * u + 2] = _cell(load(ring, at + 32), diagonal_c, score_c, c, w, tie)
        d, words[WORDS * u + 3] = _cell(load(ring, at + 48), diagonal_d, score_d, d, w, tie)
        diagonal_a, diagonal_b, diagonal_c, diagonal_d = score_a, score_b, score_c, score_d
        above[u] = last(d)
    store(state, 0, a)
    store(state, 16, b)
    store(state, 32, c)
    store(state, 48, d)
    store(state, 64, diagonal_a)
    store(state, 80, diagonal_b)
    store(state, 96, diagonal_c)
    store(state, 112, diagonal_d)


@njit(cache=True, nogil=True)
def forward(
    plan: NDArray[np.int64],
    source: int,
    x: Float32,
    y: Float32,
    threshold: Any,
    weights: Float32,
    tie: int,
    row: Float64,
    words: UInt32,
    bound: float,
) -> None:
    """Accumulate the costs of strips.

    Parameters
    ----------
    plan : int64, shape (n, 4)
        What to do, a row a strip: the strip, its first tile, how many tiles, and where in ``words`` its
        directions go. First and last tiles must not decrease, and a strip must begin in a column that the
        one before has reached. Cells outside the tiles count as infinitely far. With a ``bound``, tiles that
        the cheapest path cannot touch are taken out of the plan.
    source : int
        EUCLIDEAN or SQEUCLIDEAN (``x`` and ``y`` are packed frames), or MATRIX (``x`` is the cost).
    x : float32, shape (n_strips, dims * LANES); or the cost, shape (n_score, n_audio)
    y : float32, shape (dims, stride)
        Reversed in time: audio frame ``c`` is at column ``stride - LANES - c``.
    threshold : float32
        Costs become 1 above it and 0 elsewhere; negative for none.
    weights : float32, shape (3,)
        Diagonal, score step, audio step.
    tie : int
    row : float64, shape (n_tiles * STEPS + 1,)
        Accumulated cost of the score frame above, column ``c`` at ``c + 1``; replaced by the last one's.
    words : uint32, shape (n_words,)
        Directions, ``STEPS * WORDS`` a tile.
    bound : float
        What the cheapest path costs at most, or infinity. Costs are not negative, so it has no cell whose
        accumulated cost is more; such a cell may get a wrong cost here, but again one above the bound.
        Where no cell of a row is within it, nothing more is done.
    """
    dims, stride = y.shape
    tile_words = STEPS * WORDS
    ring = np.empty(_RING * LANES, np.float32)
    state = np.empty(2 * LANES, np.float32)
    above = np.empty(STEPS, np.float32)
    y_flat = y.reshape(y.size)
    pruned = bound < np.inf
    begin, end = 0, row.size - 1  # of what is within the bound in the row above
    for p in range(plan.shape[0]):
        if pruned:
            while begin <= end and row[begin] > bound:
                begin += 1
            while end >= begin and row[end] > bound:
                end -= 1
            if begin > end:
                plan[p:, 2] = 0
                return
            first = max(begin - 1, 0) // STEPS
            plan[p, 2] -= first - plan[p, 1]
            plan[p, 1] = first
            if p > 0:
                plan[p, 3] = min(plan[p, 3], plan[p - 1, 3] + plan[p - 1, 2] * tile_words)
        strip, start, at = plan[p, 0], plan[p, 1] * STEPS, plan[p, 3]
        level = row[begin] if pruned else min(row[start], row[start + 1])
        state[:] = np.inf
        state[LANES] = row[start] - level
        row[start] = np.inf
        for tile in range(plan[p, 2]):
            t0 = start + tile * STEPS
            if source == MATRIX:
                _fill_matrix(x, strip * LANES, t0, ring)
            else:
                left = stride - LANES - t0
                _fill_distances(x[strip], y_flat, dims, left, t0, source, threshold, ring)
            if tile == 0:  # lanes that have not reached the first column yet
                for t in range(t0, t0 + LANES):
                    stop = (t % _RING + 1) * LANES
                    ring[stop - LANES + 1 + t - t0 : stop] = np.inf
            for u in range(STEPS):
                above[u] = row[t0 + u + 1] - level
            _sweep(ring, t0, above, state, weights, tie, words[at : at + tile_words])
            at += tile_words
            for u in range(LANES - 1 if tile == 0 else 0, STEPS):
                row[t0 + u - LANES + 2] = level + above[u]
            lowest = state[:LANES].min()
            state -= lowest
            level += lowest
            if pruned and end <= t0 + STEPS and level + state.min() > bound:
                plan[p, 2] = tile + 1
                row[t0 + STEPS - LANES + 2 : t0 + STEPS + 1] = np.inf
                break
        end = start + plan[p, 2] * STEPS


@njit(cache=True, nogil=True)
def backtrack(
    words: UInt32, plan: NDArray[np.int64], i: int, j: int, steps: NDArray[np.int64], n_steps: int
) -> tuple[int, int, int]:
    """Follow the directions back from cell ``(i, j)`` through the strips of a plan.

    Cells are written to ``steps`` from its end, before the ``n_steps`` already there.

    Returns
    -------
    (int, int, int)
        The next cell, and how many steps there are now. A cell with ``-1`` is before the start. No steps at
        all if the way leaves the plan.
    """
    first_row = plan[0, 0] * LANES
    while i >= first_row and i >= 0 and j >= 0:
        n_steps += 1
        steps[steps.shape[0] - n_steps, 0] = i
        steps[steps.shape[0] - n_steps, 1] = j
        p, lane = divmod(i - first_row, LANES)
        step = j + lane - plan[p, 1] * STEPS
        if not 0 <= step < plan[p, 2] * STEPS:
            return i, j, 0
        word = words[plan[p, 3] + step * WORDS + lane // 16] >> np.uint32(lane % 16)
        by_score = (word >> np.uint32(16)) & np.uint32(1)
        by_audio = word & np.uint32(1) and not by_score
        if not by_audio:
            i -= 1
        if not by_score:
            j -= 1
    return i, j, n_steps
