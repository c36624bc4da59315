"""The twin network G_w, and its checkpoints.

The paper passes pairs of spectrogram patches through two twins with shared weights. A fully convolutional
twin whose receptive field is one patch gives the same numbers for every patch of a recording in one pass:
frame ``k`` of its output is the embedding of the patch centred on frame ``k``.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from align_bench.errors import InvalidInputError, unknown_name
from align_bench.features import Features, log_cqt, log_stft
from align_bench.types import Audio

REPRESENTATIONS = {"cqt": log_cqt, "stft": log_stft}
CARD_VERSION = 1


@dataclass(frozen=True)
class ModelConfig:
    """What a network is built from.

    Attributes
    ----------
    representation : {"cqt", "stft"}
    n_bins : int
        Of the representation.
    frequency_stride : int
        Of the first layer: 2 for the CQT, 4 for the finer STFT.
    channels : int
        Of the first layer; the next two have twice as many.
    n_dims : int
        Of the embedding.
    onset_gain : float
        Factor on the rectified difference, the second input channel.
    """

    representation: str = "cqt"
    n_bins: int = 84
    frequency_stride: int = 2
    channels: int = 16
    n_dims: int = 32
    onset_gain: float = 3.0

    @classmethod
    def of(cls, representation: str) -> ModelConfig:
        """Return the configuration that we ship for a representation."""
        if representation == "cqt":
            return cls("cqt", n_bins=84, frequency_stride=2)
        if representation == "stft":
            return cls("stft", n_bins=384, frequency_stride=4)
        raise unknown_name("representation", representation, REPRESENTATIONS)

    def features(self, audio: Audio) -> Features:
        """Return the spectrogram that the network reads, shape (n_bins, n_frames)."""
        return REPRESENTATIONS[self.representation](audio)


class Encoder(nn.Module):
    """One twin: spectrogram (batch, n_bins, n_frames) -> embeddings (batch, n_dims, n_frames).

    Its receptive field, the patch, is 11 frames (224 ms) and one more for the difference.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        n = config.channels
        self.body = nn.Sequential(
            *_conv(2, n, (5, 3), frequency_stride=config.frequency_stride),
            *([nn.MaxPool2d((2, 1))] if config.n_bins > 128 else []),
            *_conv(n, 2 * n, (3, 3)),
            nn.MaxPool2d((2, 1)),
            *_conv(2 * n, 2 * n, (3, 3)),
            nn.MaxPool2d((2, 1)),
        )
        with torch.no_grad():
            height = self.body(torch.zeros(1, 2, config.n_bins, 1)).shape[2]
        self.head = nn.Sequential(
            nn.Conv1d(2 * n * height, 4 * n, 3, padding=1, bias=False),
            nn.BatchNorm1d(4 * n),
            nn.ReLU(),
            nn.Conv1d(4 * n, config.n_dims, 3, padding=1),
        )

    def forward(self, spectrogram: Tensor) -> Tensor:
        """Embed every frame."""
        rise = torch.relu(torch.diff(spectrogram, dim=2, prepend=spectrogram[:, :, :1]))
        maps: Tensor = self.body(torch.stack([spectrogram, self.config.onset_gain * rise], dim=1))
        embeddings: Tensor = self.head(maps.flatten(1, 2))
        return embeddings

    def embed(self, features: Features) -> Features:
        """Embed a whole recording in one pass.

        Parameters
        ----------
        features : Features
            Shape (n_bins, n_frames).

        Returns
        -------
        Features
            Shape (n_dims, n_frames).
        """
        device = next(self.parameters()).device
        self.eval()
        with torch.inference_mode():
            batch = torch.from_numpy(np.ascontiguousarray(features.values)).to(device)[None]
            values: NDArray[np.float32] = self(batch)[0].cpu().numpy()
        return Features(values, features.frame_rate)


def _conv(
    n_in: int, n_out: int, size: tuple[int, int], frequency_stride: int = 1
) -> tuple[nn.Module, nn.Module, nn.Module]:
    """Return convolution, batch norm and ReLU; the length in time stays."""
    padding = (size[0] // 2, size[1] // 2)
    convolution = nn.Conv2d(n_in, n_out, size, (frequency_stride, 1), padding, bias=False)
    return convolution, nn.BatchNorm2d(n_out), nn.ReLU()


@dataclass(frozen=True)
class ModelCard:
    """What a checkpoint says of itself.

    Attributes
    ----------
    config : ModelConfig
    threshold : float
        Distance D_w above which a pair of frames is labelled dissimilar; chosen on validation recordings.
    trained_on : list of str
        Recording ids; aligning these, or other recordings of the same compositions, is no test.
    validated_on : list of str
        Recording ids that chose the epoch and the threshold.
    training : dict
        Seed, steps, and the other options of the training command.
    validation : dict
        Scores on ``validated_on``.
    licence : str
        Of the weights.
    """

    config: ModelConfig
    threshold: float
    trained_on: list[str]
    validated_on: list[str] = field(default_factory=list)
    training: dict[str, Any] = field(default_factory=dict)
    validation: dict[str, Any] = field(default_factory=dict)
    licence: str = "CC BY-NC-SA 4.0 (learnt from MAPS, which is CC BY-NC-SA)"


def save_checkpoint(path: Path, encoder: Encoder, card: ModelCard) -> None:
    """Write weights and card as one safetensors file."""
    from safetensors.torch import save

    weights = {name: tensor.detach().cpu().contiguous() for name, tensor in encoder.state_dict().items()}
    document = {"card_version": CARD_VERSION, **asdict(card)}
    partial = path.with_name(path.name + ".tmp")
    # Not save_file, whose files nobody but their owner may read.
    partial.write_bytes(save(weights, metadata={"card": json.dumps(document, sort_keys=True)}))
    partial.replace(path)


def load_checkpoint(path: Path) -> tuple[Encoder, ModelCard, str]:
    """Read a checkpoint; nothing is unpickled.

    Parameters
    ----------
    path : pathlib.Path

    Returns
    -------
    tuple of Encoder, ModelCard, str
        The SHA-256 of the file comes last.

    Raises
    ------
    InvalidInputError
        If there is no such file, or it is not a checkpoint of ours.
    """
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise InvalidInputError(
            f"checkpoint must be a safetensors file, got {str(path)!r}, which does not exist."
        )
    try:
        with safe_open(path, framework="pt") as file:
            document = dict(json.loads((file.metadata() or {})["card"]))
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118, not a dict
        if document.pop("card_version") != CARD_VERSION:
            raise ValueError("its card is of another version")
        card = ModelCard(**{**document, "config": ModelConfig(**document["config"])})
        encoder = Encoder(card.config)
        encoder.load_state_dict(weights)
    except (SafetensorError, KeyError, TypeError, ValueError, RuntimeError, OSError) as error:
        raise InvalidInputError(
            f"checkpoint must come from 'align-bench train siamese', got {str(path)!r}: {error}."
        ) from error
    return encoder, card, hashlib.sha256(path.read_bytes()).hexdigest()
