"""Runs the compiled kernels over one matrix: at once, in bounded memory, or inside a band."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from align_bench.errors import InvalidInputError, unknown_name
from align_bench.paths import _kernels
from align_bench.paths._kernels import LANES, STEPS, WORDS, n_tiles
from align_bench.paths.path import Path, StepWeights, TieRule, weighted_sum
from align_bench.types import FloatArray, IntArray

TIE_RULES: tuple[str, ...] = ("diagonal", "score", "audio")

CellCosts = Callable[[NDArray[Any], NDArray[Any]], FloatArray]


class Solver:
    """A matrix, given or implied by two sequences, and the rules for paths through it.

    Parameters
    ----------
    costs : callable
        Gives the float64 costs of cells ``(i, j)``.
    step_weights, tie_rule
        As in `align_bench.paths.dtw`.
    """

    def __init__(self, costs: CellCosts, step_weights: StepWeights, tie_rule: TieRule) -> None:
        if tie_rule not in TIE_RULES:
            raise unknown_name("tie_rule", tie_rule, TIE_RULES)
        self.weights = np.array(step_weights, dtype=np.float32)
        if self.weights.shape != (3,) or not (np.isfinite(self.weights) & (self.weights > 0)).all():
            raise InvalidInputError(f"step_weights must be three numbers > 0, got {step_weights}.")
        self.costs, self.step_weights, self.tie_rule = costs, step_weights, tie_rule

    def sequences(
        self, x: NDArray[np.float32], y: NDArray[np.float32], threshold: float | None, *, root: bool
    ) -> Solver:
        """Take two sequences of one number of dimensions; the cost is their distance, or its square."""
        if threshold is not None and not (np.isfinite(threshold) and threshold >= 0):
            raise InvalidInputError(f"threshold must be a distance >= 0, got {threshold}.")
        self.shape = (x.shape[1], y.shape[1])
        self.source = _kernels.EUCLIDEAN if root else _kernels.SQEUCLIDEAN
        self.x, self.y = _pack_score(x), _pack_audio(y)
        self.threshold = np.float32(-1.0 if threshold is None else threshold)
        return self

    def matrix(self, cost: NDArray[np.float32]) -> Solver:
        """Take a matrix of costs."""
        self.shape = (cost.shape[0], cost.shape[1])
        self.source, self.x, self.y = (
            _kernels.MATRIX,
            np.ascontiguousarray(cost),
            np.zeros((1, 1), np.float32),
        )
        self.threshold = np.float32(-1.0)
        return self

    def exact(self, max_memory: int | None, some: Path | None = None) -> Path:
        """Return the cheapest path, checkpointed if the directions would take more than ``max_memory``.

        Given some path, cells that cost more to reach than all of that are left out.
        """
        n, m = self.shape
        strips = -(-n // LANES)
        strip_bytes = 4 * n_tiles(m) * STEPS * WORDS
        bound = np.inf if some is None else self._bound(some)
        row = self._corner()
        block = strips
        if max_memory is not None and strips * strip_bytes > max_memory:
            # Rows kept and directions of a block cost least together when they cost the same.
            block = max(1, round((strips * row.nbytes / strip_bytes) ** 0.5))
        starts = list(range(0, strips, block))
        rows = []
        for start in starts[:-1]:
            rows.append(row.copy())
            self._forward(_whole_rows(start, start + block, m, keep=False), row, bound)
        rows.append(row)

        steps, cell = np.empty((n + m - 1, 2), np.int64), (n - 1, m - 1, 0)
        for start in reversed(starts):
            plan = _whole_rows(start, min(start + block, strips), cell[1] + 1, keep=True)
            words = self._forward(plan, rows.pop(), bound)
            cell = _kernels.backtrack(words, plan, cell[0], cell[1], steps, cell[2])
            if cell[2] == 0:
                return self.exact(max_memory)  # there is no path within the bound
            del words
        path = self._path(steps, cell[2], "exact" if len(starts) == 1 else "exact-checkpointed")
        return path if path.cost <= bound else self.exact(max_memory)

    def _bound(self, some: Path) -> float:
        """Return what the cheapest path costs at most in the kernels' arithmetic, given some path.

        Their rounding errors are those of accumulated costs across a strip, so they grow with the costs far
        from the path. One such cost is many times the error of an hour.
        """
        across = np.arange(min(self.shape))
        far = self.costs(across, self.shape[1] - 1 - across).max()
        first = self.costs(some.steps[:1, 0], some.steps[:1, 1])[0]  # weighs as a diagonal step there
        return float((1 + 1e-4) * some.cost + self.weights.max() * (first + far))

    def banded(self, first: IntArray, last: IntArray, method: str) -> Path:
        """Return the cheapest path within a band.

        Parameters
        ----------
        first, last : numpy.ndarray, shape (n_strips,)
            First and last audio frame of each strip of LANES score frames, non-decreasing; the first of a
            strip is at most the last of the one before. The band may come out wider, by whole tiles.
        method : str
            Name for the path.
        """
        n, m = self.shape
        begin = first // STEPS
        tiles = n_tiles(np.minimum(last, m - 1) + 1) - begin
        plan = np.stack(
            [np.arange(len(first)), begin, tiles, (np.cumsum(tiles) - tiles) * STEPS * WORDS], axis=1
        )
        words = self._forward(plan, self._corner())
        steps = np.empty((n + m - 1, 2), np.int64)
        _, _, n_steps = _kernels.backtrack(words, plan, n - 1, m - 1, steps, 0)
        return self._path(steps, n_steps, method)

    def _corner(self) -> FloatArray:
        """Return the row before the first: a free corner, which all paths start from."""
        row = np.full(n_tiles(self.shape[1]) * STEPS + 1, np.inf)
        row[0] = 0.0
        return row

    def _forward(self, plan: IntArray, row: FloatArray, bound: float = np.inf) -> NDArray[np.uint32]:
        """Accumulate the strips of a plan, updating ``row``; return their directions."""
        words = np.empty(int((plan[:, 3] + plan[:, 2] * STEPS * WORDS).max()), np.uint32)
        tie = TIE_RULES.index(self.tie_rule)
        sides = (self.source, self.x, self.y, self.threshold)
        _kernels.forward(plan, *sides, self.weights, tie, row, words, bound)
        return words

    def _path(self, steps: IntArray, n_steps: int, method: str) -> Path:
        """Make a path of the last ``n_steps`` cells of an array."""
        steps = steps[steps.shape[0] - n_steps :].copy()
        steps.flags.writeable = False
        along = self.costs(steps[:, 0], steps[:, 1])
        total = weighted_sum(steps, along, tuple(self.weights.tolist()))
        return Path(steps, total, method, self.tie_rule)


def _whole_rows(start: int, stop: int, columns: int, *, keep: bool) -> IntArray:
    """Return the plan for strips ``start`` to ``stop`` from column 0 on.

    Directions that need not be kept are overwritten by each strip.
    """
    strips = np.arange(start, stop)
    tiles = n_tiles(columns)
    offset = (strips - start) * (tiles * STEPS * WORDS if keep else 0)
    return np.stack([strips, np.zeros_like(strips), np.full_like(strips, tiles), offset], axis=1)


def _pack_score(x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Cut (dims, n) into strips of LANES frames, zeros after the last: (n_strips, dims * LANES)."""
    dims, n = x.shape
    strips = -(-n // LANES)
    packed = np.zeros((dims, strips * LANES), np.float32)
    packed[:, :n] = x
    lanes = packed.reshape(dims, strips, LANES).transpose(1, 0, 2)
    return np.ascontiguousarray(lanes).reshape(strips, -1)


def _pack_audio(y: NDArray[np.float32]) -> NDArray[np.float32]:
    """Reverse (dims, m) in time: frame ``c`` at column ``first - c`` with LANES columns after ``first``."""
    dims, m = y.shape
    # 16 more, so that rows are not a power of two apart and do not fight for the same cache lines.
    first = n_tiles(m) * STEPS + 16
    packed = np.zeros((dims, first + LANES), np.float32)
    packed[:, first - m + 1 : first + 1] = y[:, ::-1]
    return packed
