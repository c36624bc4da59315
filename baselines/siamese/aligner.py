"""The hybrid aligner of Agrawal & Dixon (2019), in its four variants.

FluidSynth renders the score; patches of recording and rendering pass the twins; the frame-similarity matrix
(binary labels, or the distance D_w) goes to DTW.

References
----------
Agrawal and Dixon, "A Hybrid Approach to Audio-to-Score Alignment", ICML ML4MD workshop 2019.
"""

from __future__ import annotations

import ctypes
import sys
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from align_bench.errors import UsageError, unknown_name
from align_bench.features import Features
from align_bench.paths import TieRule
from align_bench.similarity import Metric
from align_bench.types import Audio

from ..dtw_aligner import DTWAligner
from .card import ModelCard, read_checkpoint

if TYPE_CHECKING:
    from .model import Encoder
    from .network import Network


class Siamese(DTWAligner):
    """What the four variants share; see `DTWAligner` for the first four parameters.

    Parameters
    ----------
    checkpoint : str, optional
        File made by ``align-bench train siamese``; by default the one that is shipped.
    device : {"auto", "cpu", "cuda"}, optional
        ``"auto"`` takes a GPU where there is one.
    structure : {"plain", "jumps"}, optional
        As in `DTWAligner`.
    """

    network: ClassVar[str]  # which of the shipped ones
    binary: ClassVar[bool]
    metric: ClassVar[Metric] = "euclidean"

    def __init__(
        self,
        decoder: str = "exact",
        radius: int = 1,
        tie_rule: TieRule = "diagonal",
        synthesiser: str = "auto",
        checkpoint: str = "",
        device: str = "auto",
        structure: str = "plain",
    ) -> None:
        super().__init__(decoder, radius, tie_rule, synthesiser, structure)
        self.checkpoint = checkpoint
        self.device = device
        path = Path(checkpoint) if checkpoint else shipped_checkpoint(self.network)
        self._device = pick_device(device)
        self._encoder, card, self.checkpoint_sha256 = _load(path, self._device)
        self.trained_on = card.trained_on
        self.threshold = card.threshold if self.binary else None

    def features(self, audio: Audio) -> Features:
        """Return the network's output for every frame; see `compared` for the embedding in it."""
        return self._encoder.embed(self._encoder.config.features(audio))

    def compared(self, features: Features) -> Features:
        """Return the embedding, shape (n_dims, n_frames), of what the network says."""
        return Features(features.values[: self._encoder.config.n_dims], features.frame_rate)

    def feature_key(self) -> dict[str, Any]:
        """Return the checkpoint's hash, and the device, which rounds in its own way."""
        return {"checkpoint": self.checkpoint_sha256, "device": self._device}


class SiameseSTFTBinary(Siamese):
    """STFT patches; a frame pair costs 1 where the network labels it dissimilar, else 0."""

    name, network, binary = "siamese-stft-binary", "stft", True


class SiameseSTFTDistance(Siamese):
    """STFT patches; a frame pair costs its distance D_w."""

    name, network, binary = "siamese-stft-distance", "stft", False


class SiameseCQTBinary(Siamese):
    """CQT patches; a frame pair costs 1 where the network labels it dissimilar, else 0."""

    name, network, binary = "siamese-cqt-binary", "cqt", True


class SiameseCQTDistance(Siamese):
    """CQT patches; a frame pair costs its distance D_w: the best of the paper's four."""

    name, network, binary = "siamese-cqt-distance", "cqt", False


def shipped_checkpoint(network: str) -> Path:
    """Return the path of the checkpoint that comes with the package."""
    return Path(str(files(f"{__package__}.checkpoints") / f"siamese-{network}.safetensors"))


def pick_device(device: str) -> str:
    """Return ``"cuda"`` or ``"cpu"`` for ``"auto"``, else what was given, checked."""
    if device not in ("auto", "cpu", "cuda"):
        raise unknown_name("device", device, ("auto", "cpu", "cuda"))
    available = device != "cpu" and _has_gpu()
    if device == "cuda" and not available:
        raise UsageError("device must be available, got 'cuda' (no GPU that this torch can use). Use 'cpu'.")
    return "cuda" if available else "cpu"


def _has_gpu() -> bool:
    """Return whether torch can use a GPU; torch, slow to import, is asked only where there is a driver."""
    try:
        ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return False
    import torch

    return torch.cuda.is_available()


def _load(path: Path, device: str) -> tuple[Encoder | Network, ModelCard, str]:
    if device == "cpu":
        from .network import Network

        return read_checkpoint(path, Network)
    from .model import load_checkpoint

    encoder, card, digest = load_checkpoint(path)
    return encoder.to(device), card, digest
