"""The floor: no listening at all."""

from __future__ import annotations

import numpy as np

from align_bench.errors import UsageError
from align_bench.types import Alignment, Audio, Score


class Linear:
    """Stretch the score evenly over the sounding part of the recording.

    The first note is put where the recording first comes within ``threshold_db`` of its loudest moment,
    the end of the last note where it last does. What an aligner wins over this, it wins by listening.

    Parameters
    ----------
    threshold_db : float, optional
        Below the loudest 20 ms, in dB.
    """

    name = "linear"

    def __init__(self, threshold_db: float = 40.0) -> None:
        if not threshold_db >= 0:
            raise UsageError(f"threshold_db must be >= 0 dB, got {threshold_db} ({self.name}).")
        self.threshold_db = threshold_db

    def align(self, score: Score, audio: Audio) -> Alignment:
        """Align by two points; see `align_bench.aligners.base.Aligner`."""
        hop = max(1, round(0.02 * audio.sample_rate))
        padded = np.pad(audio.samples, (0, -audio.samples.size % hop))
        power = np.square(padded.reshape(-1, hop)).mean(axis=1)
        loud = np.flatnonzero(power >= power.max() * 10 ** (-self.threshold_db / 10))
        begin, end = loud[0] * hop / audio.sample_rate, (loud[-1] + 1) * hop / audio.sample_rate
        return Alignment(
            np.array([score.onsets[0], max(score.duration, score.onsets[0] + 1e-3)]),
            np.array([begin, min(end, audio.duration)]),
        )
