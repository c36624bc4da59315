"""Audio to feature matrices of shape (n_bins, n_frames)."""

from align_bench.features.base import Features
from align_bench.features.chroma import chroma_cqt
from align_bench.features.spectral import log_cqt, log_cqt_mel, log_mel, log_stft, with_onsets

REVISION = 1
"""Raised when a feature changes, so that features of old revisions are not taken from a cache."""

__all__ = [
    "REVISION",
    "Features",
    "chroma_cqt",
    "log_cqt",
    "log_cqt_mel",
    "log_mel",
    "log_stft",
    "with_onsets",
]
