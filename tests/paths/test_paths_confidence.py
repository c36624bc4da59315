"""How sure a map is: paths counted one by one, held chords, noise, and what no path can be said of."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from align_bench.features import Features
from align_bench.paths import dtw, path_to_alignment
from align_bench.paths.confidence import _posterior, with_confidences
from align_bench.types import Alignment

RATE = 50.0


def _piece(n_frames: int, seed: int = 0) -> Features:
    """Return features of a piece in which every frame is unlike all others."""
    return Features(np.random.default_rng(seed).normal(size=(12, n_frames)).astype(np.float32), RATE)


def _confidences(alignment: Alignment, x: Features, y: Features, **options: object) -> np.ndarray:
    found = with_confidences(alignment, x, y, metric="euclidean", **options).confidences
    assert found is not None
    assert ((found >= 0.0) & (found <= 1.0)).all()
    return found


def test_every_path_counts_as_much_as_it_is_probable():
    weights = np.random.default_rng(0).uniform(0.1, 1.0, (3, 4)).astype(np.float32)
    first = np.array([0, 1, 1])
    cells = [(i, first[i] + k) for i in range(3) for k in range(4)]
    visits = np.zeros((3, 4))
    for start in range(4):
        for length in range(2, 7):
            for steps in itertools.product(((1, 0), (0, 1), (1, 1)), repeat=length):
                path = np.cumsum([(0, start), *steps], axis=0)
                if path[-1, 0] != 2 or any(tuple(cell) not in cells for cell in path):
                    continue
                at = path[:, 0], path[:, 1] - first[path[:, 0]]
                visits[at] += np.prod(weights[at])
    np.testing.assert_allclose(
        _posterior(weights, first), visits / visits.sum(axis=1, keepdims=True), rtol=1e-5
    )


def test_what_is_unlike_all_else_is_sure_and_what_is_held_is_not():
    values = _piece(400).values.copy()
    values[:, 150:250] = values[:, 150:151]
    x = Features(values, RATE)
    knots = np.arange(0.2, 7.8, 0.1)
    sure = _confidences(Alignment(knots, knots), x, x)
    held = (knots > 3.3) & (knots < 4.7)
    assert sure[(knots < 2.8) | (knots > 5.2)].min() > 0.99
    assert sure[held].max() < 0.7


def test_a_map_that_is_wrong_is_unsure_where_it_is():
    x = _piece(400)
    knots = np.arange(0.0, 7.9, 0.1)
    off = np.where((knots > 3) & (knots < 5), 0.2, 0.0)
    sure = _confidences(Alignment(knots, np.maximum.accumulate(knots + off)), x, x)
    assert sure[(knots > 3.2) & (knots < 4.8)].max() < 0.05
    assert sure[knots < 2.8].min() > 0.99


@pytest.mark.parametrize("threshold", [None, 4.0])
def test_noise_makes_it_unsure_and_the_scale_of_the_features_nothing(threshold: float | None):
    x = _piece(300)
    noisy = Features(x.values + 2.5 * _piece(300, seed=1).values, RATE)
    options = {"threshold": threshold}
    alignment = path_to_alignment(dtw(x.values, x.values), RATE, RATE)
    clean, worse = (_confidences(alignment, x, y, **options).mean() for y in (x, noisy))
    assert worse < clean - 0.1
    tenfold = [Features(10 * side.values, RATE) for side in (x, noisy)]
    options = {"threshold": threshold and 10 * threshold}
    assert _confidences(alignment, *tenfold, **options).mean() == pytest.approx(worse, abs=1e-4)


def test_a_lead_in_is_part_of_the_rendering_only():
    x = _piece(300)
    knots = np.arange(0.0, 5.0, 0.5)
    later = Features(x.values[:, 25:], RATE)
    whole = _confidences(Alignment(knots, knots), x, later, lead_in_s=0.5)
    assert whole[:-1].min() > 0.9


def test_waits_longer_than_the_band_is_wide_break_nothing():
    x = _piece(300)
    y = Features(np.concatenate([x.values[:, :150], _piece(200, 1).values, x.values[:, 150:]], axis=1), RATE)
    alignment = Alignment([0.0, 2.99, 3.0, 5.9], [0.0, 2.99, 7.0, 9.9])
    knots = np.array([0.5, 1.0, 2.0, 4.0, 5.0, 5.5])
    assert _confidences(Alignment(knots, alignment.at(knots)), x, y).min() > 0.99


def test_where_the_recording_has_nothing_nothing_is_sure():
    x = _piece(300)
    y = Features(x.values[:, 150:], RATE)  # begins in the middle
    knots = np.arange(0.0, 6.0, 0.5)
    sure = _confidences(Alignment(knots, np.maximum.accumulate(knots - 3.0)), x, y)
    assert sure[knots < 2.0].max() < 0.3
    assert sure[(knots > 3.5) & (knots < 5.5)].min() > 0.99


def test_silence_on_both_sides_is_unsure_everywhere():
    silence = Features(np.zeros((12, 200), dtype=np.float32), RATE)
    knots = np.arange(0.5, 3.5, 0.5)
    assert _confidences(Alignment(knots, knots), silence, silence).max() < 0.4
