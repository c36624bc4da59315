"""Magnitude spectra in NumPy: short-time Fourier, constant-Q, mel bands, tuning.

The same numbers as librosa 0.11 (tests hold that), by other means: each octave of the constant-Q transform
is one matrix product, and nothing here needs SciPy or numba, whose import takes longer than the analysis of
a minute of audio.

Conventions
-----------
Frame ``k`` is centred on sample ``k * hop``; what lies outside the recording is 0; there are
``1 + n_samples // hop`` frames.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from align_bench.blas import one_thread
from align_bench.types import FloatArray

Samples = NDArray[np.float32]
Spectrum = NDArray[np.float32]  # (n_bins, n_frames)

LOWEST_HZ = 440.0 * 2.0 ** (-45 / 12)
"""C1, the lowest bin of the constant-Q transforms."""

_FRAMES_AT_ONCE = 256  # what is done to them stays in the second-level cache
_SPARSITY = 0.01  # share of a filter's spectrum (in sum of magnitudes) that librosa drops as too small
_TUNING_RANGE_HZ = (150.0, 4000.0)
_TUNING_THRESHOLD = 0.1


def stft(samples: Samples, n_fft: int, hop: int, n_bins: int | None = None) -> Spectrum:
    """Return magnitudes of the short-time Fourier transform with a periodic Hann window.

    Parameters
    ----------
    samples : numpy.ndarray, shape (n_samples,), float32
    n_fft : int
        Length of window and transform.
    hop : int
        Samples between frames.
    n_bins : int, optional
        How many bins to return, from 0 Hz on; by default all ``1 + n_fft // 2``.

    Returns
    -------
    numpy.ndarray, shape (n_bins, n_frames), float32
    """
    n_bins = 1 + n_fft // 2 if n_bins is None else n_bins
    window = _hann(n_fft).astype(np.float32)
    out = np.empty((n_bins, 1 + samples.size // hop), dtype=np.float32)
    for begin, frames in _frames(samples, n_fft, hop):
        spectrum = np.fft.rfft(frames * window, axis=1)[:, :n_bins]
        out[:, begin : begin + len(frames)] = np.abs(spectrum).T
    return out


def constant_q(
    samples: Samples, hop: int, n_octaves: int, bins_per_octave: int, *, sample_rate: int, tuning: float = 0.0
) -> Spectrum:
    """Return magnitudes of a constant-Q transform from C1 up.

    The filters of the top octave are applied to the recording, then to the recording at half the rate for
    the next octave down, and so on.

    Parameters
    ----------
    samples : numpy.ndarray, shape (n_samples,), float32
    hop : int
        Samples between frames; a multiple of ``2 ** (n_octaves - 1)``.
    n_octaves, bins_per_octave : int
    sample_rate : int
        In Hz; more than 2.1 times the highest bin.
    tuning : float, optional
        By how many bins the recording is tuned above A440.

    Returns
    -------
    numpy.ndarray, shape (n_octaves * bins_per_octave, n_frames), float32

    References
    ----------
    Schörkhuber and Klapuri, "Constant-Q transform toolbox for music processing", SMC 2010, section 3.
    """
    import soxr

    kernels = _octave_kernels(n_octaves, bins_per_octave, sample_rate, tuning)
    n_frames = 1 + samples.size // hop
    out = np.empty((n_octaves, bins_per_octave, n_frames), dtype=np.float32)
    for octave in reversed(range(n_octaves)):
        for begin, frames in _frames(samples, kernels.shape[0], hop, n_frames):
            with one_thread():
                response = frames @ kernels
            response = np.square(response, out=response).reshape(-1, 2, bins_per_octave).sum(axis=1)
            out[octave, :, begin : begin + len(frames)] = np.sqrt(response, out=response).T
        if octave > 0:
            # Louder by the square root of 2, so that the filters of one octave fit them all.
            n_samples, hop = (samples.size + 1) // 2, hop // 2
            half = soxr.resample(samples, 2, 1)[:n_samples] * np.float32(np.sqrt(2.0))
            samples = np.pad(half, (0, n_samples - half.size))
    return out.reshape(-1, n_frames)


def mel_filters(sample_rate: int, n_fft: int, n_bands: int, lowest_hz: float) -> Spectrum:
    """Return triangular filters, evenly spaced on Slaney's mel scale up to half the sample rate.

    Parameters
    ----------
    sample_rate, n_fft : int
        Of the spectrum that they are for.
    n_bands : int
    lowest_hz : float
        Where the first one begins.

    Returns
    -------
    numpy.ndarray, shape (n_bands, 1 + n_fft // 2), float32
        Each has the area of 1 Hz.

    References
    ----------
    Slaney, "Auditory Toolbox: version 2", technical report, Interval Research 1998.
    """
    # Linear below 1 kHz, 15 mel; above, each mel is a factor.
    step = np.log(6.4) / 27.0
    low, high = (
        f * 3.0 / 200.0 if f < 1000.0 else 15.0 + np.log(f / 1000.0) / step
        for f in (lowest_hz, sample_rate / 2.0)
    )
    mel = np.linspace(low, high, n_bands + 2)
    edges = np.where(mel < 15.0, mel * 200.0 / 3.0, 1000.0 * np.exp(step * (mel - 15.0)))
    bins = np.arange(1 + n_fft // 2) * (sample_rate / n_fft)
    begin, peak, end = (edges[k : n_bands + k, None] for k in range(3))
    triangles = np.minimum((bins - begin) / (peak - begin), (end - bins) / (end - peak))
    return np.asarray(np.maximum(triangles, 0.0) * 2.0 / (end - begin), dtype=np.float32)


def tuning_of(samples: Samples, sample_rate: int, bins_per_octave: int) -> float:
    """Return by how much a recording is tuned above A440, in bins, -0.5 to 0.5, in steps of 0.01.

    The peaks of its spectrum that are louder than half of them vote, each at its interpolated frequency.

    Parameters
    ----------
    samples : numpy.ndarray, shape (n_samples,), float32
    sample_rate : int
        In Hz.
    bins_per_octave : int

    Returns
    -------
    float
        0 if there are no peaks.
    """
    n_fft = 2048
    magnitude = stft(samples, n_fft, n_fft // 4)
    floor = _TUNING_THRESHOLD * magnitude.max(axis=0)
    first, last = (int(np.ceil(f * n_fft / sample_rate)) for f in _TUNING_RANGE_HZ)
    here = magnitude[first:last]
    below, above = magnitude[first - 1 : last - 1], magnitude[first + 1 : last + 1]
    peaks = np.nonzero((here > floor) & (here > below) & (here >= above))
    if not peaks[0].size:
        return 0.0
    height, left, right = here[peaks], below[peaks], above[peaks]
    slope, curvature = (right - left) / 2.0, right + left - 2.0 * height
    flat = np.abs(slope) >= np.abs(curvature)
    shift = np.where(flat, 0.0, -slope / np.where(flat, 1.0, curvature))
    level = height + 0.5 * slope * shift
    pitch = ((first + peaks[0] + shift) * (sample_rate / n_fft))[level >= np.median(level)]
    residual = np.mod(bins_per_octave * np.log2(pitch / 27.5), 1.0)
    residual[residual >= 0.5] -= 1.0
    counts, edges = np.histogram(residual, np.linspace(-0.5, 0.5, 101))
    return float(edges[np.argmax(counts)])


def _frames(
    samples: Samples, length: int, hop: int, n_frames: int | None = None
) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Cut samples into frames; yield the number of the first one and a view of shape (n, length)."""
    n_frames = 1 + samples.size // hop if n_frames is None else n_frames
    padded = np.zeros((n_frames - 1) * hop + length, dtype=np.float32)
    inside = min(samples.size, padded.size - length // 2)
    padded[length // 2 : length // 2 + inside] = samples[:inside]
    frames = np.lib.stride_tricks.sliding_window_view(padded, length)[::hop]
    for begin in range(0, n_frames, _FRAMES_AT_ONCE):
        yield begin, frames[begin : begin + _FRAMES_AT_ONCE]


def _hann(length: int) -> FloatArray:
    """Return a periodic Hann window."""
    return np.asarray(0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(length) / length), dtype=np.float64)


@lru_cache(maxsize=8)
def _octave_kernels(n_octaves: int, bins_per_octave: int, sample_rate: int, tuning: float) -> Spectrum:
    """Return the filters of the top octave, shape (n_fft, 2 * bins_per_octave): real, then imaginary parts.

    A filter is a windowed sinusoid; librosa drops the smallest parts of its spectrum, and what is left
    comes back to time here, so that a product with a frame does all that librosa does with its transform.
    """
    bins = np.arange((n_octaves - 1) * bins_per_octave, n_octaves * bins_per_octave)
    frequencies = LOWEST_HZ * 2.0 ** ((bins + tuning) / bins_per_octave)
    ratio = 2.0 ** (2.0 / bins_per_octave)
    lengths = (ratio + 1.0) / (ratio - 1.0) * sample_rate / frequencies
    n_fft = 2 ** int(np.ceil(np.log2(lengths.max())))
    filters = np.zeros((bins_per_octave, n_fft), dtype=np.complex128)
    for row, length, frequency in zip(filters, lengths, frequencies, strict=True):
        at = np.arange(-length // 2, length // 2)
        begin = (n_fft - at.size) // 2
        row[begin : begin + at.size] = np.exp(2j * np.pi * at * frequency / sample_rate) * _hann(at.size)
        row *= np.sqrt(length) / n_fft / np.abs(row).sum()
    spectra = np.fft.fft(filters, axis=1)[:, : n_fft // 2 + 1]
    sizes = np.sort(np.abs(spectra), axis=1)
    dropped = np.cumsum(sizes, axis=1) < _SPARSITY * sizes.sum(axis=1, keepdims=True)
    smallest = np.take_along_axis(sizes, np.argmin(dropped, axis=1)[:, None], axis=1)
    spectra[np.abs(spectra) < smallest] = 0.0
    kernels = np.fft.fft(spectra, n=n_fft, axis=1)
    return np.ascontiguousarray(np.concatenate([kernels.real, kernels.imag]).T, dtype=np.float32)
