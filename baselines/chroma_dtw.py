"""The baseline of the literature: chroma and DTW."""

from __future__ import annotations

from typing import Any

from align_bench.features import Features, chroma_cqt
from align_bench.types import Audio

from .dtw_aligner import DTWAligner


class ChromaDTW(DTWAligner):
    """Constant-Q chroma, cosine distance, exact DTW, 23 ms frames.

    See `DTWAligner` for the parameters.

    References
    ----------
    Hu, Dannenberg and Tzanetakis, "Polyphonic audio matching and alignment for music retrieval", WASPAA 2003.
    """

    name = "chroma-dtw"

    def features(self, audio: Audio) -> Features:
        """Return constant-Q chroma, shape (12, n_frames)."""
        return chroma_cqt(audio)

    def feature_key(self) -> dict[str, Any]:
        """Return the name of the features."""
        return {"features": "chroma_cqt"}
