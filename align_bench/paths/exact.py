"""Exact dynamic time warping, in two bits a cell or in bounded memory.

The recurrence is that of Sakoe & Chiba (1978) with steps (1, 1), (1, 0), (0, 1),

    D[i, j] = min(D[i-1, j-1] + w_d c[i, j], D[i-1, j] + w_s c[i, j], D[i, j-1] + w_a c[i, j]),

and equals `librosa.sequence.dtw` with the same steps. `align_bench.paths._kernels` says how it is made fast.

When the directions of all cells exceed the memory allowed, only the accumulated costs of every k-th strip of
score frames are kept; the directions are then computed again, block by block from the end, and only left
of the column where the path enters the block (about half of the matrix). Same arithmetic, same path.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from align_bench.errors import InvalidInputError, unknown_name
from align_bench.paths.path import Path, StepWeights, TieRule, weighted_sum
from align_bench.similarity import Metric, as_matrix, as_sequences, cell_costs

TIE_RULES: tuple[str, ...] = ("diagonal", "score", "audio")
UNIT_WEIGHTS: StepWeights = (1.0, 1.0, 1.0)


def dtw(
    x: ArrayLike,
    y: ArrayLike,
    *,
    metric: Metric = "euclidean",
    threshold: float | None = None,
    step_weights: StepWeights = UNIT_WEIGHTS,
    tie_rule: TieRule = "diagonal",
    max_memory: int = 2**30,
) -> Path:
    """Align two sequences of feature vectors; the cost matrix never exists.

    Parameters
    ----------
    x : array_like, shape (n_dims, n_score_frames)
        Features or embeddings of the score, a frame a column.
    y : array_like, shape (n_dims, n_audio_frames)
        Those of the recording.
    metric : {'euclidean', 'sqeuclidean', 'cosine'}, optional
        Cost of a pair of frames. Silence (a frame of zeros) has cosine distance 0 from silence, else 1.
    threshold : float, optional
        If given, the cost is 1 where the distance exceeds it and 0 elsewhere: the binary matrix of
        Agrawal & Dixon (2019).
    step_weights : (float, float, float), optional
        Factors on the cost of a cell entered by a diagonal, score or audio step; > 0.
    tie_rule : {'diagonal', 'score', 'audio'}, optional
        Which predecessor wins on equal cost: first the one named, then diagonal, audio, score.
        ``'diagonal'`` is what librosa does.
    max_memory : int, optional
        Bytes allowed for the directions; above, the checkpointed form runs (half as much work again).

    Returns
    -------
    Path
        With ``method`` ``"exact"`` or ``"exact-checkpointed"``.

    Raises
    ------
    UsageError
        If the metric or tie rule is unknown.
    InvalidInputError
        If a matrix is empty, not finite, or the dimensions differ; or a weight or the threshold is negative.

    References
    ----------
    H. Sakoe, S. Chiba: Dynamic programming algorithm optimization for spoken word recognition, IEEE Trans.
    ASSP 26(1), 1978. D. Hirschberg: A linear space algorithm for computing maximal common subsequences,
    CACM 18(6), 1975, for the idea of trading one more pass for memory.
    """
    from align_bench.paths import _kernels

    a, b = as_sequences(x, y, metric)
    if threshold is not None and not (np.isfinite(threshold) and threshold >= 0):
        raise InvalidInputError(f"threshold must be a distance >= 0, got {threshold}.")
    source = _kernels.EUCLIDEAN if metric == "euclidean" else _kernels.SQEUCLIDEAN
    shape = (a.shape[1], b.shape[1])
    solve = _Solver(source, _pack_score(a), _pack_audio(b), shape, threshold, step_weights, tie_rule)
    return solve.path(cell_costs(a, b, metric, threshold), max_memory)


def dtw_matrix(
    cost: ArrayLike, *, step_weights: StepWeights = UNIT_WEIGHTS, tie_rule: TieRule = "diagonal"
) -> Path:
    """Find the cheapest path through a cost matrix.

    Parameters
    ----------
    cost : array_like, shape (n_score_frames, n_audio_frames)
    step_weights, tie_rule
        As in `dtw`.

    Returns
    -------
    Path
        With ``method`` ``"exact"``.

    Raises
    ------
    UsageError
        If the tie rule is unknown.
    InvalidInputError
        If the matrix is empty or not finite, or a weight is not positive.

    Examples
    --------
    >>> path = dtw_matrix([[0, 1, 1], [1, 0, 0]])
    >>> path.cost, path.steps.tolist()
    (0.0, [[0, 0], [1, 1], [1, 2]])
    """
    from align_bench.paths import _kernels

    matrix = np.ascontiguousarray(as_matrix(cost, "cost", "(n_score_frames, n_audio_frames)"))
    shape = (matrix.shape[0], matrix.shape[1])
    nothing = np.zeros((1, 1), np.float32)
    solve = _Solver(_kernels.MATRIX, matrix, nothing, shape, None, step_weights, tie_rule)
    return solve.path(lambda i, j: matrix[i, j].astype(np.float64), max_memory=None)


def _pack_score(x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Cut (dims, n) into strips of LANES frames, zeros after the last: (n_strips, dims * LANES)."""
    from align_bench.paths import _kernels

    dims, n = x.shape
    strips = -(-n // _kernels.LANES)
    packed = np.zeros((dims, strips * _kernels.LANES), np.float32)
    packed[:, :n] = x
    lanes = packed.reshape(dims, strips, _kernels.LANES).transpose(1, 0, 2)
    return np.ascontiguousarray(lanes).reshape(strips, -1)


def _pack_audio(y: NDArray[np.float32]) -> NDArray[np.float32]:
    """Reverse (dims, m) in time: frame ``c`` at column ``first - c`` with LANES columns after ``first``."""
    from align_bench.paths import _kernels

    dims, m = y.shape
    # 16 more, so that rows are not a power of two apart and do not fight for the same cache lines.
    first = _kernels.n_tiles(m) * _kernels.STEPS + 16
    packed = np.zeros((dims, first + _kernels.LANES), np.float32)
    packed[:, first - m + 1 : first + 1] = y[:, ::-1]
    return packed


class _Solver:
    """Runs the kernels forwards and backwards over one matrix, given or implied."""

    def __init__(
        self,
        source: int,
        x: NDArray[np.float32],
        y: NDArray[np.float32],
        shape: tuple[int, int],
        threshold: float | None,
        step_weights: Sequence[float],
        tie_rule: str,
    ) -> None:
        if tie_rule not in TIE_RULES:
            raise unknown_name("tie_rule", tie_rule, TIE_RULES)
        self.weights = np.array(step_weights, dtype=np.float32)
        if self.weights.shape != (3,) or not (np.isfinite(self.weights) & (self.weights > 0)).all():
            raise InvalidInputError(f"step_weights must be three numbers > 0, got {step_weights}.")
        self.source, self.x, self.y, self.shape = source, x, y, shape
        self.threshold = np.float32(-1.0 if threshold is None else threshold)
        self.tie_rule = tie_rule

    def path(self, costs: Any, max_memory: int | None) -> Path:
        """Return the path; ``costs`` gives the float64 costs of the cells ``(i, j)``."""
        from align_bench.paths import _kernels

        n, m = self.shape
        strips = -(-n // _kernels.LANES)
        strip_bytes = 4 * self._n_words(m)
        row = np.full(_kernels.n_tiles(m) * _kernels.STEPS + 1, np.inf)
        row[0] = 0.0  # a corner before the first cell; what that cell costs is the same for all paths

        block = strips
        if max_memory is not None and strips * strip_bytes > max_memory:
            # Rows kept and directions of a block cost least together when they cost the same.
            block = max(1, round((strips * row.nbytes / strip_bytes) ** 0.5))
        starts = list(range(0, strips, block))
        rows = []
        for start in starts[:-1]:
            rows.append(row.copy())
            self._forward(start, start + block, row, m, keep=False)
        rows.append(row)

        steps = np.empty((n + m - 1, 2), np.int64)
        i, j, n_steps = n - 1, m - 1, 0
        for start in reversed(starts):
            words = self._forward(start, min(start + block, strips), rows.pop(), j + 1, keep=True)
            i, j, n_steps = _kernels.backtrack(words, start * _kernels.LANES, i, j, steps, n_steps)
            del words
        steps = steps[steps.shape[0] - n_steps :].copy()
        steps.flags.writeable = False
        total = weighted_sum(steps, costs(steps[:, 0], steps[:, 1]), tuple(self.weights.tolist()))
        return Path(steps, total, "exact" if len(starts) == 1 else "exact-checkpointed", self.tie_rule)

    @staticmethod
    def _n_words(columns: int) -> int:
        """Return how many words the directions of a strip take."""
        from align_bench.paths import _kernels

        return _kernels.n_tiles(columns) * _kernels.STEPS * _kernels.WORDS

    def _forward(
        self, start: int, stop: int, row: NDArray[np.float64], columns: int, *, keep: bool
    ) -> NDArray[np.uint32]:
        """Accumulate strips ``start`` to ``stop``, updating ``row``; return their directions if kept."""
        from align_bench.paths import _kernels

        words = np.empty((stop - start if keep else 1, self._n_words(columns)), np.uint32)
        tie = TIE_RULES.index(self.tie_rule)
        _kernels.forward(
            (start, stop), self.source, self.x, self.y, self.threshold, self.weights, tie, row, words
        )
        return words
