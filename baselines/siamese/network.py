"""The twin network in NumPy, for alignment on a CPU: faster than torch there, and without its import.

Batch norm is folded into the convolutions, and each convolution is one matrix product for a block of
neighbouring bins, small enough for the second-level cache. Maps have shape (n_bins, n_frames, n_channels).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from align_bench.blas import one_thread
from align_bench.features import Features

from .card import ModelConfig, Weights

Frames = NDArray[np.float32]
Maps = NDArray[np.float32]

BEFORE, AFTER = 6, 5
"""Frames before and after one that its embedding depends on: the patch."""

_EPSILON = 1e-5  # of torch's batch norm
_CHUNK = 512  # frames
_BLOCK = 2**17  # floats that enter one matrix product: half a megabyte


class Network:
    """One twin, as `align_bench_baselines.siamese.model.Encoder`.

    Parameters
    ----------
    config : ModelConfig
    weights : dict
        Of that encoder.

    Raises
    ------
    KeyError, ValueError
        If the weights do not fit the configuration.
    """

    def __init__(self, config: ModelConfig, weights: Weights) -> None:
        self.config = config
        n = config.channels
        self._bodies = {
            bins: _Body(config, weights, name, bins[1] - bins[0]) for name, bins in config.bodies.items()
        }
        n_maps = 2 * n * sum(body.n_rows for body in self._bodies.values())
        hidden, bias = _folded(weights, "head.0", "head.1", (config.hidden, n_maps, 3))
        # torch flattens channels before rows, here they come after.
        places, at = [], 0
        for body in self._bodies.values():
            place = at + np.arange(2 * n * body.n_rows).reshape(2 * n, body.n_rows)
            places.append(place.T.ravel())
            at += place.size
        hidden = hidden.reshape(3, n_maps, config.hidden)[:, np.concatenate(places)]
        hidden = hidden.reshape(-1, config.hidden)
        n_out = config.n_dims + config.n_pitches
        last = _checked(weights, "head.3.weight", (n_out, config.hidden, 3))
        self._head = [
            (np.ascontiguousarray(hidden), bias),
            (_as_matrix(last), _checked(weights, "head.3.bias", (n_out,))),
        ]

    def embed(self, features: Features) -> Features:
        """Embed a recording.

        Parameters
        ----------
        features : Features
            Shape (n_bins, n_frames).

        Returns
        -------
        Features
            Shape (n_dims + n_pitches, n_frames): the embedding, then the logits of struck keys.
        """
        with one_thread():
            return in_chunks(self._embed, features, _CHUNK)

    def _embed(self, values: Frames) -> Frames:
        rise = np.maximum(np.diff(values, axis=1, prepend=values[:, :1]), 0.0)
        both = np.stack([values, np.float32(self.config.onset_gain) * rise], axis=2)
        frames = np.concatenate([body(both[a:b]) for (a, b), body in self._bodies.items()], axis=1)
        (hidden, bias), (last, last_bias) = self._head
        frames = np.maximum(_beside(frames) @ hidden + bias, 0.0)
        return np.asarray((_beside(frames) @ last + last_bias).T, dtype=np.float32)


class _Body:
    """The convolutions over one spectrogram: (n_bins, n_frames, 2) to (n_frames, n_rows * n_channels)."""

    def __init__(self, config: ModelConfig, weights: Weights, name: str, n_bins: int) -> None:
        n = config.channels
        pools_first = n_bins > 128
        second, third = (4, 8) if pools_first else (3, 7)
        layers = ((0, 2, n, 5, pools_first), (second, n, 2 * n, 3, True), (third, 2 * n, 2 * n, 3, True))
        self._layers = [
            (*_folded(weights, f"{name}.{at}", f"{name}.{at + 1}", (n_out, n_in, height, 3)), height, pools)
            for at, n_in, n_out, height, pools in layers
        ]
        self._stride = config.frequency_stride
        self.n_rows = 1 + (n_bins - 1) // config.frequency_stride
        for *_, pools in self._layers:
            self.n_rows = self.n_rows // 2 if pools else self.n_rows

    def __call__(self, maps: Maps) -> Frames:
        stride = self._stride
        for kernel, bias, height, pools in self._layers:
            maps = _convolve(maps, kernel, bias, height, stride)
            if pools:
                even = maps[: maps.shape[0] // 2 * 2]
                maps = np.maximum(even[::2], even[1::2])
            stride = 1
        return maps.swapaxes(0, 1).reshape(maps.shape[1], -1)


def in_chunks(embed: Callable[[Frames], Frames], features: Features, n_frames: int) -> Features:
    """Embed a recording in pieces; the result is that of one pass.

    Parameters
    ----------
    embed : callable
        Frames of shape (n_bins, n) to embeddings of shape (n_dims, n).
    features : Features
    n_frames : int
        Of a piece.
    """
    total = features.values.shape[1]
    parts = []
    for begin in range(0, total, n_frames):
        start, end = max(0, begin - BEFORE), min(total, begin + n_frames)
        part = embed(features.values[:, start : min(total, end + AFTER)])
        parts.append(part[:, begin - start : end - start])
    return Features(np.concatenate(parts, axis=1), features.frame_rate)


def _convolve(maps: Maps, kernel: Frames, bias: Frames, height: int, stride: int) -> Maps:
    """Return a convolution and ReLU of maps padded with zeros; their length in time stays."""
    padded = np.pad(maps, ((height // 2, height // 2), (1, 1), (0, 0)))
    windows = sliding_window_view(padded, (height, 3), axis=(0, 1))[::stride]
    windows = windows.transpose(0, 1, 3, 4, 2)  # (n_rows, n_frames, height, 3, n_channels)
    n_rows, n_frames = windows.shape[:2]
    out = np.empty((n_rows * n_frames, kernel.shape[1]), dtype=np.float32)
    step = max(1, _BLOCK // (n_frames * kernel.shape[0]))
    for row in range(0, n_rows, step):
        block = np.ascontiguousarray(windows[row : row + step]).reshape(-1, kernel.shape[0])
        np.matmul(block, kernel, out=out[row * n_frames : row * n_frames + len(block)])
    out += bias
    return np.maximum(out, 0.0, out=out).reshape(n_rows, n_frames, -1)


def _beside(frames: Frames) -> Frames:
    """Return each frame of shape (n_frames, n) with its neighbours, shape (n_frames, 3 * n)."""
    padded = np.pad(frames, ((1, 1), (0, 0)))
    return np.concatenate([padded[:-2], padded[1:-1], padded[2:]], axis=1)


def _folded(weights: Weights, convolution: str, norm: str, shape: tuple[int, ...]) -> tuple[Frames, Frames]:
    """Return a convolution without bias and the batch norm after it as one matrix and one bias."""
    kernel = _checked(weights, f"{convolution}.weight", shape)
    gain, shift, mean, variance = (
        _checked(weights, f"{norm}.{name}", shape[:1])
        for name in ("weight", "bias", "running_mean", "running_var")
    )
    scale = gain / np.sqrt(variance + np.float32(_EPSILON))
    return _as_matrix(kernel * scale.reshape(-1, *[1] * (len(shape) - 1))), shift - mean * scale


def _as_matrix(kernel: Frames) -> Frames:
    """Return a kernel (n_out, n_in, ...) as (... * n_in, n_out)."""
    return np.ascontiguousarray(np.moveaxis(kernel, (0, 1), (-1, -2)).reshape(-1, kernel.shape[0]))


def _checked(weights: Weights, name: str, shape: tuple[int, ...]) -> Frames:
    if weights[name].shape != shape:
        raise ValueError(f"size mismatch for {name}: {weights[name].shape} instead of {shape}")
    return weights[name]
