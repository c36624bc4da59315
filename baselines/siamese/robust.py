"""``siamese-robust``: our own aligner, beyond the paper's four.

What it adds to them: human performances on many pianos in the training material, a mel spectrogram with a
short window beside the CQT, a loss on paths, D_w squared, the rise of the embedding beside it, and a second
pass at the recording's tempo. What each is worth, and what was tried and left out:
``baselines/siamese/checkpoints/README.md``.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from align_bench.features import Features
from align_bench.paths import multiscale_dtw, path_to_alignment
from align_bench.paths.tempo import frames_at, smooth_tempo, through
from align_bench.similarity import Metric
from align_bench.types import Alignment

from .aligner import Siamese

_RISES = (0.7, 2.0)
"""Weight, in each pass, of what an embedding changed by since the frame before: where the tempo is known,
onsets may count for more than what rings."""


class SiameseRobust(Siamese):
    """Our best: CQT and mel, many pianos and rooms, D_w squared, and a second pass at the recording's tempo.

    See `Siamese` for the parameters. The second pass has a decoder of its own, because the tempo-matched path
    runs close to the diagonal, where the multi-scale band finds the exact one.
    """

    name, network, binary = "siamese-robust", "robust", False
    metric: ClassVar[Metric] = "sqeuclidean"

    def _time_map(self, x: Features, y: Features, info: dict[str, Any]) -> Alignment:
        first = super()._time_map(_with_rise(x, _RISES[0]), _with_rise(y, _RISES[0]), info)
        if y.values.shape[1] < 2:
            return first
        score_times = smooth_tempo(first, y.values.shape[1], y.frame_rate)
        sides = (_with_rise(side, _RISES[1]).values for side in (frames_at(x, score_times), y))
        path = multiscale_dtw(*sides, metric=self.metric, tie_rule=self.tie_rule)
        return through(path_to_alignment(path, y.frame_rate, y.frame_rate, info), score_times, y.frame_rate)


def _with_rise(embedding: Features, weight: float) -> Features:
    """Stack embeddings on their change since the frame before."""
    rise = np.diff(embedding.values, axis=1, prepend=embedding.values[:, :1])
    return Features(np.concatenate([embedding.values, np.float32(weight) * rise]), embedding.frame_rate)
