"""The third pass: onsets go where their keys are struck; where nothing is heard, the tempo decides."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from align_bench_baselines.siamese.card import LOWEST_KEY, N_KEYS
from align_bench_baselines.siamese.onsets import ATTACK_S, _posterior, place_onsets

from align_bench.features import Features
from align_bench.types import Alignment, Score

RATE = 50.0
PITCHES = [60, 64, 67, 72, 60, 64, 67, 72]


def score_of(pitches: list[int], step: float = 0.5) -> Score:
    starts = step * np.arange(len(pitches))
    return Score(starts, starts + step, pitches, np.full(len(pitches), 80))


def heard(
    times: np.ndarray, pitches: list[int], silent: tuple[int, ...] = (), seconds: float = 8.0
) -> Features:
    """Return logits in which each note is struck in the frames around its time."""
    logits = np.full((N_KEYS, round(seconds * RATE)), -8.0, dtype=np.float32)
    for k, (time, pitch) in enumerate(zip(times, pitches, strict=True)):
        if k not in silent:
            frame = int(time * RATE)
            share = time * RATE - frame
            for at, weight in ((frame, 1 - share), (frame + 1, share)):
                weight = np.clip(weight, 1e-3, 1 - 1e-3)
                logits[pitch - LOWEST_KEY, at] = np.log(weight / (1 - weight))
    return Features(logits, RATE)


@pytest.fixture
def score() -> Score:
    return score_of(PITCHES)


@pytest.fixture
def truth(score: Score) -> np.ndarray:
    """A performance that slows down."""
    return 1.0 + 1.1 * score.onsets + 0.03 * score.onsets**2


def off(truth: np.ndarray, score: Score, seed: int = 0) -> Alignment:
    """Return an estimate that errs by up to 120 ms."""
    shifts = np.random.default_rng(seed).uniform(-0.12, 0.12, truth.size)
    return Alignment(score.onsets, np.maximum.accumulate(truth + shifts), {"from": "the second pass"})


@pytest.mark.parametrize("seed", range(5))
def test_onsets_go_where_their_keys_are_struck(score: Score, truth: np.ndarray, seed: int):
    found = place_onsets(score, heard(truth, PITCHES), off(truth, score, seed))
    np.testing.assert_allclose(found.at(score.onsets) + ATTACK_S, truth, atol=0.004)
    assert found.confidences is not None
    assert found.confidences.min() > 0.95
    assert found.info == {"from": "the second pass"}


def test_where_nothing_is_heard_the_tempo_decides_and_confidence_falls(score: Score, truth: np.ndarray):
    wrong = truth + np.where(np.arange(truth.size) == 4, 0.15, 0.0)
    found = place_onsets(score, heard(truth, PITCHES, silent=(4,)), Alignment(score.onsets, wrong))
    assert abs(found.at(score.onsets)[4] - truth[4]) < 0.1
    assert found.confidences is not None
    assert found.confidences.argmin() == 4
    assert found.confidences[4] < 0.9


def test_a_chord_goes_where_most_of_its_keys_are_struck():
    starts = np.array([0.0, 0.5, 0.5, 0.5, 1.0])
    score = Score(starts, starts + 0.4, [60, 48, 55, 64, 60], np.full(5, 80))
    truth = np.array([1.0, 1.6, 1.6, 1.6, 2.1])
    logits = heard(truth, [60, 48, 55, 64, 60])
    logits.values[48 - LOWEST_KEY, round(1.4 * RATE)] = 3.0  # one of the keys is heard earlier, too
    found = place_onsets(score, logits, Alignment([0.0, 0.5, 1.0], [1.0, 1.5, 2.1]))
    assert abs(found.at([0.5])[0] + ATTACK_S - 1.6) < 0.01


def test_a_shift_of_the_recording_shifts_the_onsets(score: Score, truth: np.ndarray):
    first, later = (
        place_onsets(score, heard(truth + by, PITCHES), off(truth + by, score)) for by in (0.0, 1.0)
    )
    np.testing.assert_allclose(later.at(score.onsets), first.at(score.onsets) + 1.0, atol=1e-3)
    np.testing.assert_allclose(later.confidences, first.confidences, atol=1e-3)


def test_a_score_of_one_onset_is_placed():
    found = place_onsets(score_of([60]), heard(np.array([2.0]), [60]), Alignment([0.0, 1.0], [1.9, 2.9]))
    assert abs(found.at([0.0])[0] + ATTACK_S - 2.0) < 0.005


def test_pitches_beyond_a_piano_and_places_beyond_the_recording_do_no_harm(truth: np.ndarray):
    score = score_of([0, 127, *PITCHES[2:]])
    found = place_onsets(score, heard(truth, PITCHES, seconds=6.0), off(truth + 2.0, score))
    assert np.isfinite(found.at(score.onsets)).all()


def test_the_posterior_is_that_of_all_sequences_of_states():
    rng = np.random.default_rng(1)
    evidence, centre = rng.normal(size=(4, 3)), np.array([5, 7, 7, 11])
    steps, scales = np.array([2.0, 0.5, 3.0]), np.array([1.0, 0.7, 1.5])
    expected = np.zeros((4, 3))
    for states in product(range(3), repeat=4):
        gaps = np.diff(centre + np.array(states))
        weight = np.exp(sum(evidence[k, j] for k, j in enumerate(states)))
        for gap, step, scale in zip(gaps, steps, scales, strict=True):
            weight *= np.exp(-abs(gap - step) / scale) if gap >= 0 else 0.0
        for k, j in enumerate(states):
            expected[k, j] += weight
    expected /= expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(_posterior(evidence, centre, steps, scales), expected, atol=1e-9)
