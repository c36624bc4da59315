"""``siamese-robust``: our own aligner, beyond the paper's four.

What it adds to them: human performances on many pianos in the training material, a mel spectrogram with a
short window beside the CQT, a loss on paths, D_w squared, the rise of the embedding beside it, a second pass
at the recording's tempo, a third one that places each onset where its keys are struck, and an ear for
recordings that are off by a semitone. What each is worth, and what was tried and left out:
``baselines/siamese/checkpoints/README.md``.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from align_bench.features import Features
from align_bench.paths import multiscale_dtw, path_to_alignment
from align_bench.paths.jumps import mean_cost
from align_bench.paths.tempo import frames_at, smooth_tempo, through
from align_bench.similarity import Metric
from align_bench.types import Alignment, Score

from ..dtw_aligner import LEAD_IN_S
from .aligner import Siamese
from .card import LOWEST_KEY, N_KEYS
from .onsets import place_onsets

_RISES = (0.7, 2.0)
"""Weight, in each pass, of what an embedding changed by since the frame before: where the tempo is known,
onsets may count for more than what rings."""

MISMATCH = 0.55
"""Where a frame pair on the path costs more than this share of one drawn at random, the recording does not
seem to be of this score. Of 81 recordings, many in bad acoustics, none costs more; with the score of another
piece all 81 do."""


class SiameseRobust(Siamese):
    """Our best: CQT and mel, many pianos and rooms, three passes: D_w, tempo, onsets.

    See `Siamese` for the parameters. The second pass has a decoder of its own, because the tempo-matched path
    runs close to the diagonal, where the multi-scale band finds the exact one. The third one needs a network
    that hears struck keys; it gives each onset a confidence.

    An alignment's ``info`` has ``relative_cost``, the cost of the second path as a share of that of frames
    drawn at random; ``mismatch``, whether that exceeds `MISMATCH`; and ``semitones``, by how many the
    recording sounds above the score, if it does.
    """

    name, network, binary = "siamese-robust", "robust", False
    metric: ClassVar[Metric] = "sqeuclidean"

    def compared(self, features: Features) -> Features:
        """Return the embedding with its rise, shape (2 * n_dims, n_frames)."""
        return _with_rise(super().compared(features), _RISES[0])

    def _aligned(self, score: Score, y: Features) -> Alignment:
        """Align a score with a recording, in the key in which it sounds.

        Records turned too fast or too slow, and old pianos, are off by up to a semitone. Which keys are heard
        says whether that may be; of two keys, the one whose path costs less is right.
        """
        found = super()._aligned(score, y)
        n_dims = self._encoder.config.n_dims
        shift = key_shift(score, y.values[n_dims:]) if self._encoder.config.n_pitches else 0
        if shift:
            pitches = (score.pitches + shift).clip(0, 127)
            other = super()._aligned(replace(score, pitches=pitches), y)
            if "relative_cost" in other.info and "relative_cost" in found.info:
                better = other.info["relative_cost"] < found.info["relative_cost"]
            else:  # a path with jumps has no cost: what is heard decides, unless the score fits as it is
                better = found.info.get("mismatch", True)
            if better:
                return replace(other, info={**other.info, "semitones": shift})
        return found

    def _time_map(self, score: Score, x: Features, y: Features, info: dict[str, Any]) -> Alignment:
        first = super()._time_map(score, x, y, info)
        n_frames = y.values.shape[1]
        if n_frames < 2:
            return first
        tempo = smooth_tempo(first, n_frames, y.frame_rate)
        laid_out = frames_at(super().compared(x), tempo + LEAD_IN_S)
        sides = [_with_rise(side, _RISES[1]).values for side in (laid_out, super().compared(y))]
        path = multiscale_dtw(*sides, metric=self.metric, tie_rule=self.tie_rule)
        cost = path.cost / len(path.steps) / mean_cost(*sides, metric=self.metric)
        info = {**info, "relative_cost": round(cost, 4), "mismatch": cost > MISMATCH}
        second = through(path_to_alignment(path, y.frame_rate, y.frame_rate, info), tempo, y.frame_rate)
        if not self._encoder.config.n_pitches:
            return second
        logits = Features(y.values[self._encoder.config.n_dims :], y.frame_rate)
        return place_onsets(score, logits, second)


def key_shift(score: Score, logits: NDArray[np.float32]) -> int:
    """Return by how many semitones a recording seems to be above a score: -1, 0 or 1.

    Parameters
    ----------
    score : Score
    logits : numpy.ndarray, shape (88, n_frames)
        Log odds that a key is struck in a frame of the recording.
    """
    heard = np.sqrt((1.0 / (1.0 + np.exp(np.minimum(-logits, 80.0)))).sum(axis=1))  # 80: within float32
    keys = (score.pitches - LOWEST_KEY).clip(0, N_KEYS - 1)
    written = np.sqrt(np.bincount(keys, minlength=N_KEYS))
    written = written - written.mean()  # so that how alike they are is a covariance
    alike = {shift: float(np.dot(np.roll(written, shift), heard)) for shift in (0, -1, 1)}
    return max(alike, key=lambda shift: alike[shift])


def _with_rise(embedding: Features, weight: float) -> Features:
    """Stack embeddings on their change since the frame before."""
    rise = np.diff(embedding.values, axis=1, prepend=embedding.values[:, :1])
    return Features(np.concatenate([embedding.values, np.float32(weight) * rise]), embedding.frame_rate)
