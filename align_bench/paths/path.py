"""The path: which score frame sounds in which audio frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from align_bench.types import IntArray

TieRule = Literal["diagonal", "score", "audio"]
StepWeights = tuple[float, float, float]


@dataclass(frozen=True, eq=False)
class Path:
    """A warping path from the first to the last frames.

    Attributes
    ----------
    steps : numpy.ndarray, shape (n_steps, 2), int64
        Score frame and audio frame, from start to end.
    cost : float
        Sum of the (weighted) costs along ``steps``, in float64.
    method : str
        ``"exact"``, ``"exact-checkpointed"`` (the same path in bounded memory), ``"multiscale"``
        or ``"fastdtw"``.
    tie_rule : str
        Which predecessor won on equal cost: ``"diagonal"``, ``"score"`` or ``"audio"``.
    """

    steps: IntArray
    cost: float
    method: str
    tie_rule: str


def weighted_sum(steps: IntArray, costs: NDArray[np.floating], weights: StepWeights) -> float:
    """Return the cost of a path from the costs of its cells, shape (n_steps,): the first has weight 1."""
    moves = np.diff(steps, axis=0)
    kind = np.where(moves[:, 0] == 0, 2, np.where(moves[:, 1] == 0, 1, 0))
    factors = np.concatenate(([1.0], np.asarray(weights, dtype=np.float64)[kind]))
    return float(factors @ costs.astype(np.float64))
