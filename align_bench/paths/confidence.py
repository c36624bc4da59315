"""How sure a time map is: the probability of the other paths near it.

Dynamic time warping finds the cheapest path; where others beside it cost nearly as little (a held chord, a
repeated note, noise), it is a guess. Here each path in a band around the map is as probable as its cost is
low, ``exp(-cost / temperature)``, so that the forward-backward algorithm tells how probable each cell is.

References
----------
Cuturi and Blondel, "Soft-DTW: a differentiable loss function for time-series", ICML, 2017: the expected
alignment, of which this is a part.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numba import njit
from numpy.typing import NDArray

from align_bench.features.base import Features
from align_bench.paths.jumps import mean_cost
from align_bench.similarity import Metric, as_sequences
from align_bench.types import CONFIDENCE_S, Alignment, FloatArray

REACH_S = 0.5
"""How far from the map a path may run."""
TEMPERATURE = 0.25
"""As a share of what two frames drawn at random cost. Chosen on validation recordings, where one value makes
the confidences of aligners as unlike as ``chroma-dtw``, ``flux-dtw`` and ``siamese-cqt-distance`` come true
about as often as they say."""

_TINY = np.float32(1e-9)  # of a row's mass: the map may wait for longer than the band is wide, or jump

Cells = NDArray[np.float32]


def with_confidences(
    alignment: Alignment,
    x: Features,
    y: Features,
    *,
    metric: Metric,
    threshold: float | None = None,
    lead_in_s: float = 0.0,
) -> Alignment:
    """Return an alignment with a confidence at each of its knots.

    Parameters
    ----------
    alignment : Alignment
        Of the score with the recording.
    x, y : Features
        Of the rendered score and of the recording, as the path was found by.
    metric, threshold
        As in `align_bench.paths.dtw`.
    lead_in_s : float, optional
        Where in the rendering the score begins, in seconds.

    Returns
    -------
    Alignment
    """
    n, m = x.values.shape[1], y.values.shape[1]
    centre = np.rint(alignment.at(np.arange(n) / x.frame_rate - lead_in_s) * y.frame_rate).astype(np.int64)
    reach = round(REACH_S * y.frame_rate)
    first = centre.clip(-reach, m - 1 + reach) - reach
    a, b = (np.ascontiguousarray(side.T) for side in as_sequences(x.values, y.values, metric))
    costs = _band(a, b, first, 2 * reach + 1)
    if metric == "euclidean":
        costs = np.sqrt(costs)
    if threshold is not None:
        costs = np.where(np.isfinite(costs), costs > np.float32(threshold), costs).astype(np.float32)
    scale = TEMPERATURE * mean_cost(x.values, y.values, metric=metric, threshold=threshold)
    lowest = costs.min(axis=1, keepdims=True)
    costs -= np.where(np.isfinite(lowest), lowest, np.float32(0.0))
    probable = _posterior(np.exp(costs / np.float32(-max(scale, 1e-12))), first)

    place = ((alignment.score_times + lead_in_s) * x.frame_rate).clip(0, n - 1)
    before = np.floor(place).astype(np.int64)
    share = place - before
    sure = sum(
        weight * _mass(probable[rows], first[rows], alignment.audio_times, y.frame_rate)
        for rows, weight in ((before, 1.0 - share), (np.minimum(before + 1, n - 1), share))
    )
    return replace(alignment, confidences=np.clip(sure, 0.0, 1.0))


def _mass(probable: Cells, first: NDArray[np.int64], times: FloatArray, rate: float) -> FloatArray:
    """Return the probability within the tolerance of a time in each row; cells at its edge count in part."""
    away = np.abs((first[:, None] + np.arange(probable.shape[1])) - (times * rate)[:, None])
    return np.asarray((probable * np.clip(CONFIDENCE_S * rate + 0.5 - away, 0.0, 1.0)).sum(axis=1))


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})  # infinity stays one
def _band(a: Cells, b: Cells, first: NDArray[np.int64], width: int) -> Cells:
    """Return the squared distance of score frame i and audio frame ``first[i] + k``; outside, infinity.

    `align_bench.similarity.cell_costs` takes two to three times as long for cells side by side.
    """
    costs = np.empty((a.shape[0], width), dtype=np.float32)
    for i in range(a.shape[0]):
        for k in range(width):
            j = first[i] + k
            if j < 0 or j >= b.shape[0]:
                costs[i, k] = np.float32(np.inf)
                continue
            total = np.float32(0.0)
            for d in range(a.shape[1]):
                difference = a[i, d] - b[j, d]
                total += difference * difference
            costs[i, k] = total
    return costs


@njit(cache=True, nogil=True)
def _posterior(weights: Cells, first: NDArray[np.int64]) -> Cells:
    """Return how probable each cell of the band is, as a share of its row, by the forward-backward algorithm.

    ``weights`` has shape (n_score_frames, width); cell ``k`` of row ``i`` is audio frame ``first[i] + k``.
    """
    n, width = weights.shape
    ahead = np.empty((n, width), dtype=np.float32)
    for i in range(n):
        shift = first[i] - first[i - 1] if i else 0
        waited = np.float32(0.0)
        for k in range(width):
            come = _TINY
            if i == 0:
                come = np.float32(1.0)
            else:
                for j in (k + shift - 1, k + shift):
                    if 0 <= j < width:
                        come += ahead[i - 1, j]
            waited = weights[i, k] * (come + waited)
            ahead[i, k] = waited
        _normalise(ahead[i])
    behind = np.ones(width, dtype=np.float32)  # times the weight of the cell itself
    for i in range(n - 1, -1, -1):
        shift = first[i + 1] - first[i] if i < n - 1 else 0
        after, waited = np.empty(width, dtype=np.float32), np.float32(0.0)
        for k in range(width - 1, -1, -1):
            go = _TINY
            if i == n - 1:
                go = np.float32(1.0)
            else:
                for j in (k - shift, k - shift + 1):
                    if 0 <= j < width:
                        go += behind[j]
            go += waited
            ahead[i, k] *= go
            waited = weights[i, k] * go
            after[k] = waited
        behind = after
        _normalise(behind)
        _normalise(ahead[i])
    return ahead


@njit(cache=True, nogil=True)
def _normalise(row: NDArray[np.float32]) -> None:
    """Make a row sum to 1, in place; if nothing in it is possible, everything is equally."""
    total = row.sum()
    if total > 0.0:
        row /= total
    else:
        row[:] = np.float32(1.0 / row.size)
