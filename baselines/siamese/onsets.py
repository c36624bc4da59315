"""The third pass: each score onset is placed where its keys are struck, at a tempo that stays plausible.

A hidden Markov model over the onsets of a score. Its states are the frames near the place that dynamic time
warping has found; a frame fits an onset if the network hears the onset's keys being struck there; and two
onsets in a row should be as far apart as the smoothed tempo says. Where nothing is heard (a soft chord on an
old record), the tempo decides. The posterior probabilities of the frames say how sure each onset is.

References
----------
Raphael, "Automatic segmentation of acoustic musical signals using hidden Markov models", IEEE PAMI, 1999, for
the model; Hawthorne et al., "Onsets and frames", ISMIR, 2018, for a network that hears struck keys.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from align_bench.features import Features
from align_bench.paths.tempo import smooth_tempo
from align_bench.types import CONFIDENCE_S, Alignment, FloatArray, Score

from .card import LOWEST_KEY, N_KEYS

# What follows was chosen on validation recordings; results change little with any of it.
REACH_S = 0.55
"""How far from the first estimate an onset may lie."""
STRENGTH = 1.34
"""Exponent on how probable it is that a key is struck."""
CHORD_POWER = 0.15
"""A chord of n notes counts as n to this power, as its notes are struck, and masked, together."""
LOG_ODDS = 3.0
"""Added to what the network says of a key: struck keys are rare, but the score says that these are."""
UNHEARD = 0.0013
"""Odds of a note that is soft, masked or left out."""
TEMPO_S, TEMPO_SHARE = 0.013, 0.16
"""Scale of the deviation of the time between two onsets from the tempo's: seconds, and a share of it."""
PLACE_S = 0.15
"""Scale of the deviation from the first estimate."""
ATTACK_S = 0.003
"""A struck key is heard this much after its onset: that long after it the spectral flux, by which training
places onsets, is greatest. Measured on renderings, whose onsets are exact."""

_STEP = np.array([0.0, 1.0])
_TINY = 1e-12  # keeps a chain of implausible steps possible


def place_onsets(score: Score, logits: Features, estimate: Alignment) -> Alignment:
    """Return the alignment with each score onset placed where its keys are struck.

    Parameters
    ----------
    score : Score
    logits : Features
        Shape (88, n_frames): log odds that a key of the piano is struck in a frame of the recording.
    estimate : Alignment
        Good to about `REACH_S`.

    Returns
    -------
    Alignment
        A knot for each of ``score.onsets``, with its confidence, and the ``info`` of ``estimate``.
    """
    rate, n_frames = logits.frame_rate, logits.values.shape[1]
    expected = estimate.at(score.onsets)
    tempo = smooth_tempo(estimate, n_frames, rate)
    steps = np.diff(np.interp(score.onsets, tempo, np.arange(n_frames) / rate))
    centre = np.rint(expected * rate).astype(np.int64)
    reach = round(REACH_S * rate)
    frames = centre[:, None] + np.arange(-reach, reach + 1)
    away = np.abs(frames / rate - expected[:, None])
    posterior = _posterior(
        _heard(score, logits.values, frames) - away / PLACE_S,
        centre,
        steps * rate,
        (TEMPO_S + TEMPO_SHARE * steps) * rate,
    )
    places, confidences = _estimates(posterior, frames, CONFIDENCE_S * rate)
    times = np.maximum.accumulate(places / rate - ATTACK_S)
    written = score.onsets
    if written.size == 1:  # a map has two knots; after the last one its slope is 1 anyway
        written, times, confidences = written + _STEP, times + _STEP, np.tile(confidences, 2)
    return Alignment(written, times, estimate.info, confidences)


def _heard(score: Score, logits: NDArray[np.float32], frames: NDArray[np.int64]) -> FloatArray:
    """Return the log likelihood of each onset at each of its frames, shape of ``frames``."""
    ratio = np.log(UNHEARD + np.exp(np.minimum(logits + LOG_ODDS, 12.0)))
    onset_of = np.searchsorted(score.onsets, score.starts + 1e-6, side="right") - 1
    keys = (score.pitches - LOWEST_KEY).clip(0, N_KEYS - 1)
    inside = frames.clip(0, logits.shape[1] - 1)
    heard = np.zeros(frames.shape)
    np.add.at(heard, onset_of, ratio[keys[:, None], inside[onset_of]])
    sizes = np.bincount(onset_of, minlength=len(frames))
    heard *= (STRENGTH * sizes ** (CHORD_POWER - 1.0))[:, None]
    heard[frames != inside] = STRENGTH * np.log(UNHEARD)
    return heard


@numba.njit(cache=True)
def _posterior(
    evidence: NDArray[np.float64],
    centre: NDArray[np.int64],
    steps: NDArray[np.float64],
    scales: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return the probability of each state of each onset, by the forward-backward algorithm.

    ``evidence`` has shape (n_onsets, n_states); ``centre``, ``steps`` and ``scales`` are in frames.
    """
    n, m = evidence.shape
    likely = np.empty((n, m))
    for k in range(n):
        likely[k] = np.exp(evidence[k] - evidence[k].max())
    # How plausible it is that state j follows state i depends on j - i only.
    follows = np.zeros((n, 2 * m - 1))
    for k in range(n - 1):
        for d in range(2 * m - 1):
            gap = centre[k + 1] - centre[k] + d - (m - 1)
            if gap >= 0:
                follows[k, d] = np.exp(-abs(gap - steps[k]) / scales[k])
    posterior, behind = np.empty((n, m)), np.ones(m)
    posterior[0] = likely[0] / likely[0].sum()
    for k in range(1, n):
        for j in range(m):
            total = _TINY
            for i in range(m):
                total += posterior[k - 1, i] * follows[k - 1, j - i + m - 1]
            posterior[k, j] = total * likely[k, j]
        posterior[k] /= posterior[k].sum()
    for k in range(n - 2, -1, -1):
        ahead = behind * likely[k + 1]
        ahead /= ahead.sum()
        for i in range(m):
            total = _TINY
            for j in range(m):
                total += ahead[j] * follows[k, j - i + m - 1]
            behind[i] = total
        posterior[k] *= behind
        posterior[k] /= posterior[k].sum()
    return posterior


def _estimates(
    posterior: FloatArray, frames: NDArray[np.int64], tolerance: float
) -> tuple[FloatArray, FloatArray]:
    """Return the place, inside frames too, with most probability around it, and that probability."""
    around = np.arange(-np.ceil(tolerance), np.ceil(tolerance) + 1)
    # Most probability within the tolerance, but the nearer the better: a plateau has a middle.
    triangle = 1.0 - np.abs(around) / (tolerance + 1.0)
    best = np.apply_along_axis(np.convolve, 1, posterior, triangle, "same").argmax(axis=1)
    rows = np.arange(len(best))[:, None]
    near = np.clip(best[:, None] + np.arange(-2, 3), 0, posterior.shape[1] - 1)
    weights = posterior[rows, near]
    places = (weights * frames[rows, near]).sum(axis=1) / weights.sum(axis=1)
    within = np.clip(tolerance + 0.5 - np.abs(frames - places[:, None]), 0.0, 1.0)
    return places, np.minimum((posterior * within).sum(axis=1), 1.0)
