"""Two baselines that learn nothing: the raw log spectrum, and the spectrum beside its rise."""

from __future__ import annotations

from typing import Any

from align_bench.features import Features, log_cqt, log_mel, with_onsets
from align_bench.paths import TieRule
from align_bench.types import Audio

from .dtw_aligner import DTWAligner


class SpectralDTW(DTWAligner):
    """Raw constant-Q spectrum in dB, cosine distance, exact DTW, 20 ms frames.

    What the Siamese network sees, without the network: the difference is what learning buys. See
    `DTWAligner` for the parameters.
    """

    name = "spectral-dtw"

    def features(self, audio: Audio) -> Features:
        """Return the constant-Q spectrum, shape (84, n_frames)."""
        return log_cqt(audio)

    def feature_key(self) -> dict[str, Any]:
        """Return the name of the features."""
        return {"features": "log_cqt"}


class SpectralFluxDTW(DTWAligner):
    """Mel spectrum in dB beside its rectified difference, cosine distance, exact DTW, 23 ms frames.

    The spectrum says which notes sound, the difference (the spectral flux, band by band) when they began:
    the strongest that we know without learning. See `DTWAligner` for the other parameters.

    Parameters
    ----------
    onset_gain : float, optional
        Factor on the difference.

    References
    ----------
    Dixon and Widmer, "MATCH: a music alignment tool chest", ISMIR 2005. Ewert, Müller and Grosche, "High
    resolution audio synchronization using chroma onset features", ICASSP 2009.
    """

    name = "flux-dtw"

    def __init__(
        self,
        decoder: str = "exact",
        radius: int = 1,
        tie_rule: TieRule = "diagonal",
        synthesiser: str = "auto",
        onset_gain: float = 6.0,
        structure: str = "plain",
    ) -> None:
        super().__init__(decoder, radius, tie_rule, synthesiser, structure)
        self.onset_gain = onset_gain

    def features(self, audio: Audio) -> Features:
        """Return the mel spectrum and its weighted rise, shape (192, n_frames)."""
        return with_onsets(log_mel(audio), weight=self.onset_gain)

    def feature_key(self) -> dict[str, Any]:
        """Return the name of the features and the factor."""
        return {"features": "log_mel with_onsets", "onset_gain": self.onset_gain}
