"""Chroma: the energy of the twelve pitch classes."""

from __future__ import annotations

import numpy as np

from align_bench.features.base import Features
from align_bench.features.spectral import SAMPLE_RATE
from align_bench.features.transforms import constant_q, tuning_of
from align_bench.types import Audio

CHROMA_HOP = 512
OCTAVES = 7
BINS_PER_OCTAVE = 36


def chroma_cqt(audio: Audio) -> Features:
    """Constant-Q chroma, tuned to the recording, each frame of unit length, hop 23.2 ms.

    Parameters
    ----------
    audio : Audio

    Returns
    -------
    Features
        ``values`` of shape (12, n_frames); a silent frame is flat instead of zero, so that distances to
        it are defined.
    """
    samples = audio.resampled(SAMPLE_RATE).samples
    tuning = tuning_of(samples, SAMPLE_RATE, BINS_PER_OCTAVE)
    magnitude = constant_q(
        samples, CHROMA_HOP, OCTAVES, BINS_PER_OCTAVE, sample_rate=SAMPLE_RATE, tuning=tuning
    )
    # A pitch class is the bin of its semitone and those beside it: below C, the highest bin is left over.
    bins = np.roll(magnitude, 1, axis=0).reshape(OCTAVES, 12, BINS_PER_OCTAVE // 12, -1)
    chroma = bins.sum(axis=(0, 2))
    chroma = chroma + 1e-3 * max(float(chroma.max()), 1e-10)
    chroma /= np.linalg.norm(chroma, axis=0, keepdims=True)
    return Features(chroma.astype(np.float32), SAMPLE_RATE / CHROMA_HOP)
