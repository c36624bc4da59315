"""Audio to feature matrices of shape (n_bins, n_frames)."""

from align_bench.features.base import Features
from align_bench.features.chroma import chroma_cqt
from align_bench.features.spectral import log_cqt, log_mel, log_stft, with_onsets

__all__ = ["Features", "chroma_cqt", "log_cqt", "log_mel", "log_stft", "with_onsets"]
