"""The hybrid aligner of Agrawal & Dixon (2019), in its four variants.

FluidSynth renders the score; patches of recording and rendering pass the twins; the frame-similarity matrix
(binary labels, or the distance D_w) goes to DTW.

References
----------
Agrawal and Dixon, "A Hybrid Approach to Audio-to-Score Alignment", ICML ML4MD workshop 2019.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import ClassVar

from align_bench.features import Features
from align_bench.paths import TieRule
from align_bench.types import Audio

from ..dtw_aligner import DTWAligner
from .model import load_checkpoint


class Siamese(DTWAligner):
    """What the four variants share; see `DTWAligner` for the first four parameters.

    Parameters
    ----------
    checkpoint : str, optional
        File made by ``align-bench train siamese``; by default the one that is shipped.
    device : {"auto", "cpu", "cuda"}, optional
        ``"auto"`` takes a GPU where there is one.
    """

    representation: ClassVar[str]
    binary: ClassVar[bool]
    metric = "euclidean"

    def __init__(
        self,
        decoder: str = "exact",
        radius: int = 1,
        tie_rule: TieRule = "diagonal",
        synthesiser: str = "auto",
        checkpoint: str = "",
        device: str = "auto",
    ) -> None:
        super().__init__(decoder, radius, tie_rule, synthesiser)
        self.checkpoint = checkpoint
        self.device = device
        path = Path(checkpoint) if checkpoint else shipped_checkpoint(self.representation)
        encoder, card, self.checkpoint_sha256 = load_checkpoint(path)
        self._encoder = encoder.to(pick_device(device))
        self.trained_on = card.trained_on
        self.threshold = card.threshold if self.binary else None

    def features(self, audio: Audio) -> Features:
        """Return the embedding of every frame, shape (32, n_frames)."""
        return self._encoder.embed(self._encoder.config.features(audio))


class SiameseSTFTBinary(Siamese):
    """STFT patches; a frame pair costs 1 where the network labels it dissimilar, else 0."""

    name, representation, binary = "siamese-stft-binary", "stft", True


class SiameseSTFTDistance(Siamese):
    """STFT patches; a frame pair costs its distance D_w."""

    name, representation, binary = "siamese-stft-distance", "stft", False


class SiameseCQTBinary(Siamese):
    """CQT patches; a frame pair costs 1 where the network labels it dissimilar, else 0."""

    name, representation, binary = "siamese-cqt-binary", "cqt", True


class SiameseCQTDistance(Siamese):
    """CQT patches; a frame pair costs its distance D_w: the best of the paper's four."""

    name, representation, binary = "siamese-cqt-distance", "cqt", False


def shipped_checkpoint(representation: str) -> Path:
    """Return the path of the checkpoint that comes with the package."""
    return Path(str(files(f"{__package__}.checkpoints") / f"siamese-{representation}.safetensors"))


def pick_device(device: str) -> str:
    """Return ``"cuda"`` or ``"cpu"`` for ``"auto"``, else what was given, checked."""
    import torch

    from align_bench.errors import UsageError, unknown_name

    if device not in ("auto", "cpu", "cuda"):
        raise unknown_name("device", device, ("auto", "cpu", "cuda"))
    if device == "cuda" and not torch.cuda.is_available():
        raise UsageError("device must be available, got 'cuda' (no GPU that this torch can use). Use 'cpu'.")
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    return device
