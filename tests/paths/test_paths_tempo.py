"""The second pass: a smoothed tempo, frames laid out at it, and the way back."""

from __future__ import annotations

import numpy as np
import pytest

from align_bench.features import Features
from align_bench.paths.tempo import frames_at, smooth_tempo, through
from align_bench.types import Alignment

RATE = 50.0


def test_a_constant_tempo_stays():
    alignment = Alignment([0.0, 10.0], [0.0, 20.0])
    np.testing.assert_allclose(smooth_tempo(alignment, 1001, RATE), np.arange(1001) / RATE / 2, atol=1e-5)


def test_a_jitter_is_smoothed_away_and_a_ritardando_stays():
    times = np.arange(0.0, 30.0, 0.1)
    true = 20.0 * (1 - np.exp(-times / 20.0))
    jitter = np.random.default_rng(0).uniform(-0.04, 0.04, times.size)
    jitter[[0, -1]] = 0.0
    score = np.maximum.accumulate(true + jitter) + 1e-6 * np.arange(times.size)
    smoothed = smooth_tempo(Alignment(score, times), 1491, RATE, smoothing_s=1.0)
    frames = np.arange(1491) / RATE
    error = smoothed - np.interp(frames, times, true)
    assert np.abs(error[100:-100]).max() < 0.03
    assert smoothed[0] == pytest.approx(score[0])
    assert smoothed[-1] == pytest.approx(np.interp(frames[-1], times, score), abs=1e-4)


def test_silence_before_and_after_the_music_has_no_tempo_of_its_own():
    alignment = Alignment([0.0, 10.0], [5.0, 25.0])
    frames = np.arange(1501) / RATE
    np.testing.assert_allclose(smooth_tempo(alignment, 1501, RATE), (frames - 5.0) / 2, atol=1e-5)


def test_it_ascends_strictly_where_the_map_waits_and_leaps():
    alignment = Alignment([0.0, 1.0, 1.0001, 9.0], [0.0, 1.0, 6.0, 6.0])
    smoothed = smooth_tempo(alignment, 301, RATE)
    assert (np.diff(smoothed) > 0).all()


def test_frames_between_two_are_their_mixture():
    features = Features(np.array([[0.0, 2.0, 6.0]], dtype=np.float32), 2.0)
    at = frames_at(features, np.array([0.0, 0.25, 0.5, 0.75, 1.0, 7.0]))
    np.testing.assert_allclose(at.values, [[0.0, 1.0, 2.0, 4.0, 6.0, 6.0]])


def test_through_goes_back_to_score_time():
    score_times = np.linspace(0.0, 4.0, 101)  # laid out over 2 s
    second = Alignment([0.0, 1.0, 2.0], [0.5, 1.5, 3.0], {"decoder": "exact"})
    alignment = through(second, score_times, RATE)
    np.testing.assert_allclose(alignment.score_times, [0.0, 2.0, 4.0])
    np.testing.assert_allclose(alignment.audio_times, [0.5, 1.5, 3.0])
    assert alignment.info == {"decoder": "exact"}
