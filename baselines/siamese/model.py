"""The twin network G_w, and its checkpoints.

The paper passes pairs of spectrogram patches through two twins with shared weights. A fully convolutional
twin whose receptive field is one patch gives the same numbers for every patch of a recording in one pass:
frame ``k`` of its output is the embedding of the patch centred on frame ``k``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from align_bench.features import Features

from .card import CARD_VERSION, ModelCard, ModelConfig, Weights, read_checkpoint
from .network import Frames, in_chunks

__all__ = ["Encoder", "ModelCard", "ModelConfig", "as_stored", "load_checkpoint", "save_checkpoint"]


class Encoder(nn.Module):
    """One twin: spectrogram (batch, n_bins, n_frames) -> (batch, n_dims + n_pitches, n_frames).

    The first ``n_dims`` rows are the embedding, the others the logits of struck keys. Its receptive field,
    the patch, is 11 frames (224 ms) and one more for the difference.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        n = config.channels
        n_maps = 0
        for name, (first, last) in config.bodies.items():
            body = nn.Sequential(
                *_conv(2, n, (5, 3), frequency_stride=config.frequency_stride),
                *([nn.MaxPool2d((2, 1))] if last - first > 128 else []),
                *_conv(n, 2 * n, (3, 3)),
                nn.MaxPool2d((2, 1)),
                *_conv(2 * n, 2 * n, (3, 3)),
                nn.MaxPool2d((2, 1)),
            )
            self.add_module(name, body)
            with torch.no_grad():
                n_maps += 2 * n * body(torch.zeros(1, 2, last - first, 1)).shape[2]
        self.head = nn.Sequential(
            nn.Conv1d(n_maps, config.hidden, 3, padding=1, bias=False),
            nn.BatchNorm1d(config.hidden),
            nn.ReLU(),
            nn.Conv1d(config.hidden, config.n_dims + config.n_pitches, 3, padding=1),
        )
        if config.n_pitches:  # a key is struck in few frames
            nn.init.constant_(self.head[3].bias[config.n_dims :], -5.0)  # type: ignore[index]

    def forward(self, spectrogram: Tensor) -> Tensor:
        """Embed every frame."""
        rise = torch.relu(torch.diff(spectrogram, dim=2, prepend=spectrogram[:, :, :1]))
        both = torch.stack([spectrogram, self.config.onset_gain * rise], dim=1)
        maps = [
            self.get_submodule(name)(both[:, :, first:last]).flatten(1, 2)
            for name, (first, last) in self.config.bodies.items()
        ]
        embeddings: Tensor = self.head(torch.cat(maps, dim=1))
        return embeddings

    def embed(self, features: Features) -> Features:
        """Embed a whole recording, in pieces that fit into any memory.

        Parameters
        ----------
        features : Features
            Shape (n_bins, n_frames).

        Returns
        -------
        Features
            Shape (n_dims + n_pitches, n_frames).
        """
        device = next(self.parameters()).device
        self.eval()

        def embed(values: Frames) -> Frames:
            # TF32, the default of convolutions on a GPU, has 10 bits: too few for the same embeddings.
            with torch.inference_mode(), torch.backends.cudnn.flags(allow_tf32=False, enabled=True):
                batch = torch.from_numpy(np.ascontiguousarray(values)).to(device)[None]
                return np.asarray(self(batch)[0].cpu().numpy(), dtype=np.float32)

        return in_chunks(embed, features, 8192)


def _conv(
    n_in: int, n_out: int, size: tuple[int, int], frequency_stride: int = 1
) -> tuple[nn.Module, nn.Module, nn.Module]:
    """Return convolution, batch norm and ReLU; the length in time stays."""
    padding = (size[0] // 2, size[1] // 2)
    convolution = nn.Conv2d(n_in, n_out, size, (frequency_stride, 1), padding, bias=False)
    return convolution, nn.BatchNorm2d(n_out), nn.ReLU()


def save_checkpoint(path: Path, encoder: Encoder, card: ModelCard) -> None:
    """Write weights and card as one safetensors file, in the precision of `as_stored`."""
    from safetensors.torch import save

    weights = {
        name: tensor.detach().cpu().contiguous() for name, tensor in as_stored(encoder.state_dict()).items()
    }
    document = {"card_version": CARD_VERSION, **asdict(card)}
    partial = path.with_name(path.name + ".tmp")
    # Not save_file, whose files nobody but their owner may read.
    partial.write_bytes(save(weights, metadata={"card": json.dumps(document, sort_keys=True)}))
    partial.replace(path)


def as_stored(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return weights in the precision of a checkpoint: kernels in half, what else there is as it is."""
    return {name: tensor.half() if tensor.ndim > 1 else tensor for name, tensor in weights.items()}


def load_checkpoint(path: Path) -> tuple[Encoder, ModelCard, str]:
    """Read a checkpoint into a network that can be trained, or run on a GPU; see `read_checkpoint`."""
    return read_checkpoint(path, _encoder)


def _encoder(config: ModelConfig, weights: Weights) -> Encoder:
    encoder = Encoder(config)
    encoder.load_state_dict({name: torch.from_numpy(values) for name, values in weights.items()})
    return encoder
