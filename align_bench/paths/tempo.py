"""A second pass at the recording's tempo.

A score is rendered at tempi of its own. Where the recording is slower or faster, the true warping path is
steep or flat, and every wrong path of the same slope costs as many frames. Once a first pass has found the
tempo, roughly, the score's frames can be laid out at it; then the true path runs close to the diagonal, and
wrong ones are longer. A smooth tempo carries no more than that: the second pass finds each onset anew.
"""

from __future__ import annotations

import numpy as np

from align_bench.features.base import Features
from align_bench.types import Alignment, FloatArray

SMOOTHING_S = 2.0


def smooth_tempo(
    alignment: Alignment, n_frames: int, frame_rate: float, smoothing_s: float = SMOOTHING_S
) -> FloatArray:
    """Return the score time at each frame of a recording, with the tempo of an alignment smoothed.

    Parameters
    ----------
    alignment : Alignment
    n_frames : int
        Of the recording, at least 2.
    frame_rate : float
        In Hz.
    smoothing_s : float, optional
        Standard deviation of the Gaussian, in seconds.

    Returns
    -------
    numpy.ndarray, shape (n_frames,)
        Seconds of score time, ascending strictly. Before the first knot and after the last one it goes on at
        the mean tempo: silence there is none of the music's.
    """
    times = np.arange(n_frames) / frame_rate
    # Where the map waits, a knot an instant later keeps it a function of recording time.
    heard = alignment.audio_times + 1e-9 * np.arange(alignment.audio_times.size)
    tempo = (alignment.score_times[-1] - alignment.score_times[0]) / max(heard[-1] - heard[0], 1e-3)
    beyond = np.minimum(times - heard[0], 0.0) + np.maximum(times - heard[-1], 0.0)
    written = np.interp(times, heard, alignment.score_times) + tempo * beyond
    sigma = smoothing_s * frame_rate
    # Turned about its ends, so that these stay and a constant tempo is not bent there.
    margin = min(round(4 * sigma), n_frames - 1)
    turned = np.pad(written, margin, mode="reflect", reflect_type="odd")
    window = np.exp(-0.5 * (np.arange(-margin, margin + 1) / sigma) ** 2)
    smoothed = np.convolve(turned, window / window.sum(), mode="valid")
    return np.asarray(np.maximum.accumulate(smoothed) + 1e-9 * np.arange(n_frames))


def frames_at(features: Features, times: FloatArray) -> Features:
    """Return the frames of a recording or a score at other times, linear between its own.

    Parameters
    ----------
    features : Features
        At least 2 frames.
    times : numpy.ndarray, shape (n_frames,)
        Seconds.

    Returns
    -------
    Features
        Shape (n_bins, n_frames); the frame rate is that of ``features``.
    """
    place = times * features.frame_rate
    before = np.clip(np.floor(place).astype(np.int64), 0, features.values.shape[1] - 2)
    share = np.clip(place - before, 0.0, 1.0).astype(np.float32)
    values = features.values[:, before] * (1 - share) + features.values[:, before + 1] * share
    return Features(values, features.frame_rate)


def through(second: Alignment, score_times: FloatArray, frame_rate: float) -> Alignment:
    """Return the alignment of a score from that of its frames laid out by `smooth_tempo`.

    Parameters
    ----------
    second : Alignment
        From the time at which a frame was laid out, to the time in the recording.
    score_times : numpy.ndarray, shape (n_frames,)
        The score time of each laid-out frame.
    frame_rate : float
        Of these frames, in Hz.

    Returns
    -------
    Alignment
    """
    laid_out = np.arange(score_times.size) / frame_rate
    written = np.interp(second.score_times, laid_out, score_times)
    ascends = np.concatenate([[True], np.diff(written) > 0.0])
    return Alignment(written[ascends], second.audio_times[ascends], second.info)
