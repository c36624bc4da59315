"""Spectrograms on a decibel scale: STFT, constant-Q and mel, and their onset emphasis."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from align_bench.blas import one_thread
from align_bench.features.base import Features
from align_bench.features.transforms import constant_q, mel_filters, stft
from align_bench.types import Audio

SAMPLE_RATE = 22050
"""Every feature is computed at this rate, in Hz: pianos have little to say above 11 kHz."""

DYNAMIC_RANGE_DB = 80.0
CQT_OCTAVES = 7
CQT_HOP = 448  # 20.3 ms; a multiple of 2**6, as a recursive constant-Q needs for seven octaves
STFT_HOP = 448
STFT_WINDOW = 2048
STFT_BINS = 384  # up to 4.1 kHz: all fundamentals of a piano but the topmost
MEL_HOP = 512
MEL_BINS = 96


def log_cqt(audio: Audio) -> Features:
    """Constant-Q spectrogram, 84 bins from C1, 12 an octave, hop 20.3 ms.

    Parameters
    ----------
    audio : Audio

    Returns
    -------
    Features
        ``values`` of shape (84, n_frames): decibels, from 80 dB below the maximum (0) to the maximum (1).

    References
    ----------
    Schörkhuber and Klapuri, "Constant-Q transform toolbox for music processing", SMC 2010.
    """
    samples = audio.resampled(SAMPLE_RATE).samples
    magnitude = constant_q(samples, CQT_HOP, CQT_OCTAVES, 12, sample_rate=SAMPLE_RATE)
    return Features(_decibels(magnitude), SAMPLE_RATE / CQT_HOP)


def log_stft(audio: Audio) -> Features:
    """Short-time Fourier spectrogram, the lowest 384 bins of a 93 ms Hann window, hop 20.3 ms.

    Parameters
    ----------
    audio : Audio

    Returns
    -------
    Features
        ``values`` of shape (384, n_frames): decibels, from 80 dB below the maximum (0) to the maximum (1).
    """
    samples = audio.resampled(SAMPLE_RATE).samples
    magnitude = stft(samples, STFT_WINDOW, STFT_HOP, STFT_BINS + 1)[1:]
    return Features(_decibels(magnitude), SAMPLE_RATE / STFT_HOP)


def log_mel(audio: Audio, window: int = STFT_WINDOW, hop: int = MEL_HOP) -> Features:
    """Mel spectrogram, 96 bands from 30 Hz, by default with a 93 ms Hann window and a hop of 23.2 ms.

    Parameters
    ----------
    audio : Audio
    window, hop : int, optional
        Samples at 22,050 Hz.

    Returns
    -------
    Features
        ``values`` of shape (96, n_frames): decibels, from 80 dB below the maximum (0) to the maximum (1).
    """
    power = np.square(stft(audio.resampled(SAMPLE_RATE).samples, window, hop))
    with one_thread():
        magnitude = np.sqrt(mel_filters(SAMPLE_RATE, window, MEL_BINS, 30.0) @ power)
    return Features(_decibels(magnitude), SAMPLE_RATE / hop)


def log_cqt_mel(audio: Audio) -> Features:
    """Constant-Q spectrogram above a mel spectrogram with a short window: pitch and time, both sharp.

    The mel bands reach up to 11 kHz, where hammers are heard, and their window is 46 ms.

    Parameters
    ----------
    audio : Audio

    Returns
    -------
    Features
        ``values`` of shape (84 + 96, n_frames), each part scaled as in `log_cqt`; hop 20.3 ms.
    """
    audio = audio.resampled(SAMPLE_RATE)
    parts = log_cqt(audio).values, log_mel(audio, window=1024, hop=CQT_HOP).values
    return Features(np.concatenate(parts), SAMPLE_RATE / CQT_HOP)


def with_onsets(features: Features, weight: float = 1.0) -> Features:
    """Stack a spectrogram on its rectified difference in time, which is large where notes begin.

    Parameters
    ----------
    features : Features
        Shape (n_bins, n_frames).
    weight : float, optional
        Factor on the difference.

    Returns
    -------
    Features
        Shape (2 * n_bins, n_frames).
    """
    values = features.values
    rise = np.maximum(np.diff(values, axis=1, prepend=values[:, :1]), 0.0)
    return Features(
        np.concatenate([values, np.float32(weight) * rise]).astype(np.float32), features.frame_rate
    )


def _decibels(magnitude: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scale magnitudes to [0, 1]: 0 is 80 dB or more below the maximum, 1 the maximum."""
    level = np.log10(np.maximum(magnitude / max(float(magnitude.max()), 1e-10), np.float32(1e-10)))
    return np.asarray(np.maximum(level * (20.0 / DYNAMIC_RANGE_DB) + 1.0, 0.0), dtype=np.float32)
