"""A loss on alignments instead of pairs of frames: how probable the paths near the true one are.

Costs make a distribution over warping paths, p(path) proportional to exp(-sum of its costs). The loss is
-log of the share of those paths that pass every onset within a tolerance, as connectionist temporal
classification sums over what agrees with a transcript. Its gradient is a difference of occupancies: how
often a path uses a cell, less how often an allowed path does.

References
----------
Cuturi and Blondel, "Soft-DTW: a differentiable loss function for time-series", ICML 2017, for the recursion.
Graves et al., "Connectionist temporal classification", ICML 2006, for the constrained sum.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_NONE = -1e30  # log of an impossible path's weight


@dataclass(frozen=True, eq=False)
class Corridor:
    """Where the path of a crop may run.

    Attributes
    ----------
    box : tuple of int
        First and last score frame, first and last audio frame between which the path is known: the cells of
        the first and the last onset.
    first, last : numpy.ndarray, shape (n_score_frames,), int64
        Audio frames from ``first`` up to, not including, ``last`` are allowed for a score frame.
    """

    box: tuple[int, int, int, int]
    first: NDArray[np.int64]
    last: NDArray[np.int64]


def path_loss(cost: Tensor, corridors: Sequence[Corridor | None]) -> Tensor:
    """Return the mean over crops of -log p(paths in the corridor), divided by the path's length.

    Parameters
    ----------
    cost : Tensor, shape (batch, n_score_frames, n_audio_frames)
    corridors : sequence of Corridor or None
        One a crop; a crop without one does not count.

    Returns
    -------
    Tensor
        Scalar.
    """
    loss: Tensor = _PathLoss.apply(cost, corridors)  # type: ignore[no-untyped-call]
    return loss


class _PathLoss(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, cost: Tensor, corridors: Sequence[Corridor | None]) -> Tensor:
        values = cost.detach().cpu().numpy()
        gradient, losses = np.zeros(values.shape, dtype=np.float32), []
        for crop, corridor in enumerate(corridors):
            if corridor is None:
                continue
            i, i_end, j, j_end = corridor.box
            block = np.ascontiguousarray(values[crop, i : i_end + 1, j : j_end + 1], dtype=np.float64)
            n, m = block.shape
            first = np.clip(corridor.first[i : i_end + 1] - j, 0, m - 1)
            last = np.clip(corridor.last[i : i_end + 1] - j, 1, m)
            first[0], last[-1] = 0, m
            occupancy = np.zeros((n, m))
            allowed = _add_occupancy(block, first, last, occupancy, 1.0)
            if allowed <= _NONE / 2:
                continue
            every = _add_occupancy(block, np.zeros(n, np.int64), np.full(n, m), occupancy, -1.0)
            losses.append((every - allowed) / max(n, m))
            gradient[crop, i : i_end + 1, j : j_end + 1] = occupancy / max(n, m)
        ctx.save_for_backward(torch.from_numpy(gradient / max(1, len(losses))).to(cost.device))
        return cost.new_tensor(float(np.mean(losses)) if losses else 0.0)

    @staticmethod
    def backward(ctx: Any, *outputs: Tensor) -> tuple[Tensor, None]:
        (gradient,) = ctx.saved_tensors
        return gradient * outputs[0], None


@numba.njit(cache=True)
def _add_occupancy(
    cost: NDArray[np.float64],
    first: NDArray[np.int64],
    last: NDArray[np.int64],
    occupancy: NDArray[np.float64],
    factor: float,
) -> float:
    """Add to each cell ``factor`` times the probability that a path uses it; return log of the sum."""
    n, m = cost.shape
    ahead = np.full((n + 1, m + 1), _NONE)  # log sum over paths up to a cell, shifted by one
    ahead[0, 0] = 0.0
    for i in range(n):
        for j in range(first[i], last[i]):
            into = _log_sum(ahead[i, j], ahead[i, j + 1], ahead[i + 1, j])
            if into > _NONE / 2:
                ahead[i + 1, j + 1] = into - cost[i, j]
    total = ahead[n, m]
    if total <= _NONE / 2:
        return float(total)
    behind = np.full((n + 1, m + 1), _NONE)  # log sum over paths from after a cell to the end
    behind[n - 1, m - 1] = 0.0
    for i in range(n - 1, -1, -1):
        for j in range(last[i] - 1, first[i] - 1, -1):
            if i < n - 1 or j < m - 1:
                both = down = right = _NONE
                if i + 1 < n and first[i + 1] <= j + 1 < last[i + 1]:
                    both = behind[i + 1, j + 1] - cost[i + 1, j + 1]
                if i + 1 < n and first[i + 1] <= j < last[i + 1]:
                    down = behind[i + 1, j] - cost[i + 1, j]
                if j + 1 < last[i]:
                    right = behind[i, j + 1] - cost[i, j + 1]
                behind[i, j] = _log_sum(both, down, right)
            share = ahead[i + 1, j + 1] + behind[i, j] - total
            if share > -30.0:
                occupancy[i, j] += factor * np.exp(share)
    return float(total)


@numba.njit(cache=True, inline="always")
def _log_sum(a: float, b: float, c: float) -> float:
    largest = max(a, b, c)
    if largest <= _NONE / 2:
        return _NONE
    return float(largest + np.log(np.exp(a - largest) + np.exp(b - largest) + np.exp(c - largest)))
