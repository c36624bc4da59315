"""What a checkpoint says of itself, and reading it: nothing is unpickled, and torch is not needed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from align_bench.errors import InvalidInputError, unknown_name
from align_bench.features import Features, log_cqt, log_cqt_mel, log_stft
from align_bench.types import Audio

REPRESENTATIONS = {"cqt": log_cqt, "stft": log_stft, "cqt+mel": log_cqt_mel}
CARD_VERSION = 1
LOWEST_KEY, N_KEYS = 21, 88  # of a piano, MIDI note numbers

Weights = dict[str, NDArray[np.float32]]
Model = TypeVar("Model")


@dataclass(frozen=True)
class ModelConfig:
    """What a network is built from.

    Attributes
    ----------
    representation : {"cqt", "stft", "cqt+mel"}
    n_bins : int
        Of the representation.
    views : tuple of int
        Bins of each of the spectrograms that the representation stacks; each has convolutions of its own.
        Empty: there is one.
    frequency_stride : int
        Of the first layer: 2 for the CQT, 4 for the finer STFT.
    channels : int
        Of the first layer; the next two have twice as many.
    n_dims : int
        Of the embedding.
    onset_gain : float
        Factor on the rectified difference, the second input channel.
    hidden : int
        Channels of the layer before the last.
    n_pitches : int
        88: the network also says how likely each key of a piano is struck in a frame, as a logit; 0: it
        does not.
    """

    representation: str = "cqt"
    n_bins: int = 84
    views: tuple[int, ...] = ()
    frequency_stride: int = 2
    channels: int = 16
    n_dims: int = 32
    onset_gain: float = 3.0
    hidden: int = 64
    n_pitches: int = 0

    @classmethod
    def of(cls, representation: str) -> ModelConfig:
        """Return the configuration that we ship for a representation."""
        if representation == "cqt":
            return cls("cqt", n_bins=84, frequency_stride=2)
        if representation == "stft":
            return cls("stft", n_bins=384, frequency_stride=4)
        if representation == "cqt+mel":
            return cls(
                "cqt+mel", n_bins=180, views=(84, 96), frequency_stride=2, hidden=128, n_pitches=N_KEYS
            )
        raise unknown_name("representation", representation, REPRESENTATIONS)

    @property
    def bodies(self) -> dict[str, tuple[int, int]]:
        """First and last bin of each view, by the name of its convolutions."""
        ends = np.cumsum(self.views or (self.n_bins,))
        return {
            f"body{k or ''}": (int(end - n), int(end))
            for k, (n, end) in enumerate(zip(self.views or (self.n_bins,), ends, strict=True))
        }

    def features(self, audio: Audio) -> Features:
        """Return the spectrogram that the network reads, shape (n_bins, n_frames)."""
        return REPRESENTATIONS[self.representation](audio)


@dataclass(frozen=True)
class ModelCard:
    """What a checkpoint says of itself.

    Attributes
    ----------
    config : ModelConfig
    threshold : float
        Distance D_w above which a pair of frames is labelled dissimilar; chosen on validation recordings.
    trained_on : list of str
        Recording ids and compositions; aligning any recording of these is no test.
    validated_on : list of str
        Recording ids and compositions that chose the epoch and the threshold.
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


def read_checkpoint(
    path: Path, build: Callable[[ModelConfig, Weights], Model]
) -> tuple[Model, ModelCard, str]:
    """Read a checkpoint and make a model of it.

    Parameters
    ----------
    path : pathlib.Path
    build : callable
        Makes the model; raises KeyError, ValueError or RuntimeError if the weights do not fit.

    Returns
    -------
    tuple
        The model, its `ModelCard`, and the SHA-256 of the file.

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
        with safe_open(path, framework="np") as file:
            document = dict(json.loads((file.metadata() or {})["card"]))
            stored = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118, not a dict
        if document.pop("card_version") != CARD_VERSION:
            raise ValueError("its card is of another version")
        config = ModelConfig(**document["config"])
        config = replace(config, views=tuple(config.views))
        card = ModelCard(**{**document, "config": config})
        model = build(card.config, {name: _in_float32(values) for name, values in stored.items()})
    except (
        SafetensorError,
        KeyError,
        TypeError,
        ValueError,
        ArithmeticError,
        RuntimeError,
        OSError,
    ) as error:
        raise InvalidInputError(
            f"checkpoint must come from 'align-bench train siamese', got {str(path)!r}: {error}."
        ) from error
    return model, card, hashlib.sha256(path.read_bytes()).hexdigest()


def _in_float32(weights: NDArray[Any]) -> NDArray[Any]:
    """Return weights as they are computed with; kernels may be stored in half precision."""
    return weights.astype(np.float32) if weights.dtype == np.float16 else weights
