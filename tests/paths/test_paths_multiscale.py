"""Multi-scale DTW against the exact one."""

from __future__ import annotations

import numpy as np
import pytest

from align_bench.errors import InvalidInputError
from align_bench.paths import dtw, multiscale, multiscale_dtw
from align_bench.similarity import distance_matrix


def performance(n, m, seed, dims=12):
    """Held chords over a slow harmony, played with a wandering tempo and a pause, with noise."""
    rng = np.random.default_rng(seed)
    chords = np.repeat(rng.exponential(size=(dims, n)), rng.integers(4, 30, n), axis=1)[:, :n]
    score = chords * np.repeat(rng.exponential(size=(dims, n // 200 + 1)), 200, axis=1)[:, :n]
    time = np.linspace(0, 1, m)
    when = time + 0.05 * np.sin(2 * np.pi * 2 * time)
    when[m // 2 : m // 2 + 150] = when[m // 2]
    audio = score[:, np.round(np.maximum.accumulate(when) * (n - 1)).astype(int)]
    return [np.abs(side + 0.2 * rng.normal(size=side.shape)) for side in (score, audio)]


@pytest.fixture
def _many_levels(monkeypatch):
    """Make matrices of 250 x 250 the largest that are searched whole, so that there are levels to test."""
    monkeypatch.setattr(multiscale, "SMALL", 250**2)


@pytest.mark.usefixtures("_many_levels")
@pytest.mark.parametrize("metric", ["euclidean", "sqeuclidean", "cosine"])
@pytest.mark.parametrize(("n", "m"), [(1500, 1700), (3001, 2049), (2049, 4100)])
def test_finds_the_exact_path_of_music(n, m, metric):
    x, y = performance(n, m, seed=n)
    path, exact = multiscale_dtw(x, y, metric=metric), dtw(x, y, metric=metric)
    assert path.method == "multiscale"
    assert np.array_equal(path.steps, exact.steps)
    assert path.cost == exact.cost


@pytest.mark.usefixtures("_many_levels")
@pytest.mark.parametrize(
    "options", [{"threshold": 2.0}, {"step_weights": (2.0, 1.0, 1.0)}, {"tie_rule": "audio"}]
)
def test_takes_the_options_of_exact(options):
    x, y = performance(1500, 1700, seed=0)
    path, exact = multiscale_dtw(x, y, **options), dtw(x, y, **options)
    assert path.cost == pytest.approx(exact.cost, rel=0.01)
    assert path.tie_rule == exact.tie_rule
    assert path.cost != dtw(x, y).cost or "tie_rule" in options


@pytest.mark.usefixtures("_many_levels")
@pytest.mark.parametrize("radius", [1, 10, 64, 5000])
def test_any_radius_gives_a_path_that_costs_what_it_says(radius):
    rng = np.random.default_rng(radius)
    x, y = rng.normal(size=(3, 700)), rng.normal(size=(3, 555))  # noise: the coarse path means nothing
    path = multiscale_dtw(x, y, radius=radius)
    moves = set(map(tuple, np.diff(path.steps, axis=0).tolist()))
    assert moves <= {(1, 1), (1, 0), (0, 1)}
    assert path.steps[[0, -1]].tolist() == [[0, 0], [699, 554]]
    assert path.cost == pytest.approx(
        distance_matrix(x, y)[path.steps[:, 0], path.steps[:, 1]].sum(), rel=1e-6
    )
    exact = dtw(x, y)
    assert path.cost >= exact.cost * (1 - 1e-9)
    if radius == 5000:
        assert np.array_equal(path.steps, exact.steps)


def test_a_narrow_band_costs_more_where_the_coarse_path_is_wrong(monkeypatch):
    monkeypatch.setattr(multiscale, "SMALL", 250**2)
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(3, 2000)), rng.normal(size=(3, 2000))
    assert multiscale_dtw(x, y, radius=1).cost > multiscale_dtw(x, y, radius=400).cost >= dtw(x, y).cost


@pytest.mark.parametrize(("n", "m"), [(3, 5_000_000), (5_000_000, 3)])
def test_one_short_side_is_searched_whole(n, m):
    x, y = np.zeros((1, n)), np.zeros((1, m))
    assert multiscale_dtw(x, y).method == "exact"


def test_small_matrices_are_searched_whole():
    x, y = performance(300, 280, seed=2)
    assert multiscale_dtw(x, y).method == "exact"


def test_bad_radius_is_refused():
    with pytest.raises(InvalidInputError, match="radius must be a number of frames >= 1, got 0"):
        multiscale_dtw(np.eye(3), np.eye(3), radius=0)
