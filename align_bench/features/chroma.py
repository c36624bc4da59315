"""Chroma: the energy of the twelve pitch classes."""

from __future__ import annotations

import warnings

import numpy as np

from align_bench.features.base import Features
from align_bench.features.spectral import SAMPLE_RATE
from align_bench.types import Audio

CHROMA_HOP = 512


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
    import librosa

    samples = audio.resampled(SAMPLE_RATE).samples
    with warnings.catch_warnings():
        # A short recording is padded, and one without pitch counts as tuned: both are what is wanted.
        warnings.filterwarnings("ignore", message="n_fft=.* is too large", category=UserWarning)
        warnings.filterwarnings("ignore", message="Trying to estimate tuning", category=UserWarning)
        chroma = librosa.feature.chroma_cqt(y=samples, sr=SAMPLE_RATE, hop_length=CHROMA_HOP, norm=None)
    chroma = chroma + 1e-3 * max(float(chroma.max()), 1e-10)
    chroma /= np.linalg.norm(chroma, axis=0, keepdims=True)
    return Features(chroma.astype(np.float32), SAMPLE_RATE / CHROMA_HOP)
