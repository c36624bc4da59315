"""Exact DTW against librosa, a plain Python DTW, the textbook and itself in bounded memory."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from align_bench.errors import InvalidInputError, UsageError
from align_bench.paths import dtw, dtw_matrix
from align_bench.similarity import METRICS, binary_matrix, distance_matrix

STEPS = {"diagonal": (1, 1), "score": (1, 0), "audio": (0, 1)}
ORDER = {
    "diagonal": ("diagonal", "audio", "score"),
    "score": ("score", "diagonal", "audio"),
    "audio": ("audio", "diagonal", "score"),
}


def plain_dtw(cost, weights, tie_rule):
    """Ten lines of textbook: total cost and path."""
    factor = dict(zip(STEPS, weights, strict=True))
    best, back = {(0, 0): float(cost[0, 0])}, {}
    for i, j in product(range(cost.shape[0]), range(cost.shape[1])):
        for name in ORDER[tie_rule]:
            before = (i - STEPS[name][0], j - STEPS[name][1])
            if before in best and best[before] + factor[name] * cost[i, j] < best.get((i, j), np.inf):
                best[i, j], back[i, j] = best[before] + factor[name] * cost[i, j], before
    path = [(cost.shape[0] - 1, cost.shape[1] - 1)]
    while path[-1] != (0, 0):
        path.append(back[path[-1]])
    return best[path[0]], path[::-1]


def librosa_dtw(cost, weights=(1, 1, 1)):
    from librosa.sequence import dtw as reference

    total, path = reference(
        C=cost.astype(np.float64),
        step_sizes_sigma=np.array([[1, 1], [0, 1], [1, 0]]),
        weights_mul=np.array([weights[0], weights[2], weights[1]], dtype=float),
    )
    return total[-1, -1], path[::-1]


def performance(rng, n, m, dims=12, noise=0.3):
    """Held notes with attacks, played with a wandering tempo: features of both sides."""
    notes = rng.exponential(size=(dims, n // 8 + 1))
    score = np.repeat(notes, 8, axis=1)[:, :n] * np.resize(0.9 ** np.arange(8), n)
    when = np.cumsum(rng.uniform(0.5, 1.5, m))
    audio = score[:, np.round(when / when[-1] * (n - 1)).astype(int)]
    return [side + noise * rng.normal(size=side.shape) for side in (score, audio)]


def is_path(steps, shape):
    moves = {tuple(move) for move in np.diff(steps, axis=0).tolist()}
    return (
        steps[0].tolist() == [0, 0]
        and steps[-1].tolist() == [shape[0] - 1, shape[1] - 1]
        and moves <= {(1, 1), (1, 0), (0, 1)}
    )


def test_textbook_example():
    # Müller, Fundamentals of Music Processing, example 3.2 ff.: total cost 9.
    path = dtw([[1, 3, 9, 2, 1]], [[2, 0, 0, 8, 7, 2]])
    assert path.cost == 9
    assert path.steps.tolist() == [[0, 0], [0, 1], [1, 2], [2, 3], [2, 4], [3, 5], [4, 5]]
    assert (path.method, path.tie_rule) == ("exact", "diagonal")


@settings(max_examples=40, deadline=None)
@given(
    n=st.integers(1, 140),
    m=st.integers(1, 140),
    seed=st.integers(0, 2**32 - 1),
    levels=st.sampled_from([2, 3, 50]),
    weights=st.sampled_from([(1.0, 1.0, 1.0), (2.0, 1.0, 1.0), (1.5, 0.5, 1.0), (0.5, 1.0, 2.0)]),
    tie_rule=st.sampled_from(list(ORDER)),
)
def test_same_cost_and_path_as_plain_python_where_many_paths_tie(n, m, seed, levels, weights, tie_rule):
    rng = np.random.default_rng(seed)
    x, y = rng.integers(0, levels, (1, n)), rng.integers(0, levels, (1, m))
    cost = distance_matrix(x, y)
    total, steps = plain_dtw(cost, weights, tie_rule)
    for path in (
        dtw(x, y, step_weights=weights, tie_rule=tie_rule),
        dtw(x, y, step_weights=weights, tie_rule=tie_rule, max_memory=0),
        dtw_matrix(cost, step_weights=weights, tie_rule=tie_rule),
    ):
        assert path.cost == total
        assert path.steps.tolist() == [list(cell) for cell in steps]


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("weights", [(1, 1, 1), (2, 1, 1), (1.5, 1, 0.5)])
@pytest.mark.parametrize(("n", "m"), [(1, 1), (1, 90), (90, 1), (63, 65), (128, 127), (700, 500)])
def test_equals_librosa_on_musical_input(n, m, weights, metric):
    x, y = performance(np.random.default_rng(n + m), n, m)
    cost = distance_matrix(x, y, metric)
    total, steps = librosa_dtw(cost, weights)
    for path in (dtw(x, y, metric=metric, step_weights=weights), dtw_matrix(cost, step_weights=weights)):
        assert path.cost == pytest.approx(total, rel=1e-5)
        assert np.array_equal(path.steps, steps)


def test_equals_librosa_on_noise():
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(32, 1200)), rng.normal(size=(32, 1500))
    total, steps = librosa_dtw(distance_matrix(x, y))
    path = dtw(x, y)
    assert path.cost == pytest.approx(total, rel=1e-6)
    assert np.array_equal(path.steps, steps)


@pytest.mark.parametrize("metric", METRICS)
def test_equals_librosa_on_a_binary_matrix(metric):
    x, y = performance(np.random.default_rng(2), 400, 500)
    threshold = float(np.quantile(distance_matrix(x, y, metric), 0.2))
    cost = binary_matrix(x, y, threshold, metric)
    assert 0.7 < cost.mean() < 0.9
    total, steps = librosa_dtw(cost)
    for path in (dtw(x, y, metric=metric, threshold=threshold), dtw_matrix(cost)):
        assert path.cost == total
        assert np.array_equal(path.steps, steps)


def test_rounding_does_not_grow_with_length():
    # Float32 counts to 2e7 in steps of 2: plain sums would choose blindly among costs of 999 to 1001.
    rng = np.random.default_rng(3)
    x = 1000.1 + rng.uniform(size=(1, 300))
    y = rng.uniform(size=(1, 20_000))
    total, _ = librosa_dtw(np.abs(x.astype(np.float32).T.astype(float) - y.astype(np.float32)))
    path = dtw(x, y)
    assert path.cost == pytest.approx(total, rel=1e-7)


def test_tie_rules_walk_apart_on_a_constant_matrix():
    cost = np.ones((3, 5))
    assert dtw_matrix(cost, tie_rule="diagonal").steps.tolist() == [[0, 0], [0, 1], [0, 2], [1, 3], [2, 4]]
    assert dtw_matrix(cost * 0, tie_rule="score").steps[:, 1].tolist() == [0, 1, 2, 3, 4, 4, 4]
    assert dtw_matrix(cost * 0, tie_rule="audio").steps[:, 0].tolist() == [0, 1, 2, 2, 2, 2, 2]


@pytest.mark.parametrize("tie_rule", list(ORDER))
def test_bounded_memory_gives_the_same_path(tie_rule):
    x, y = performance(np.random.default_rng(4), 1500, 1300)
    free = dtw(x, y, tie_rule=tie_rule)
    tight = dtw(x, y, tie_rule=tie_rule, max_memory=100_000)
    assert (free.method, tight.method) == ("exact", "exact-checkpointed")
    assert np.array_equal(free.steps, tight.steps)
    assert free.cost == tight.cost
    assert is_path(free.steps, (1500, 1300))


def test_bounded_memory_where_the_path_enters_a_block_at_the_edge_of_a_tile():
    x = np.random.default_rng(9).normal(size=(4, 640))
    y = np.repeat(x, np.r_[6, np.full(639, 3)], axis=1)
    for shift in range(6):
        path = dtw(x, y[:, shift:], max_memory=0)
        assert path.method == "exact-checkpointed"
        assert (
            path.steps[:, 0].tolist() == np.repeat(np.arange(640), np.r_[6 - shift, np.full(639, 3)]).tolist()
        )


def test_costs_are_those_of_the_path():
    x, y = performance(np.random.default_rng(5), 200, 300)
    path = dtw(x, y, step_weights=(2.0, 1.0, 0.5))
    along = distance_matrix(x, y)[path.steps[:, 0], path.steps[:, 1]]
    moves = np.diff(path.steps, axis=0)
    factor = np.where(moves.sum(axis=1) == 2, 2.0, np.where(moves[:, 0] == 1, 1.0, 0.5))
    assert path.cost == pytest.approx(along[0] + factor @ along[1:], rel=1e-6)


def test_identical_sequences_cost_nothing():
    x = 1e3 + np.random.default_rng(6).normal(size=(20, 500))
    for metric in METRICS:
        path = dtw(x, x, metric=metric)
        assert path.cost == 0
        assert (path.steps[:, 0] == path.steps[:, 1]).all()


def test_swapping_the_sides_swaps_the_columns():
    x, y = performance(np.random.default_rng(7), 333, 222)
    there, back = dtw(x, y), dtw(y, x)
    assert there.cost == pytest.approx(back.cost, rel=1e-12)
    assert np.array_equal(there.steps, back.steps[:, ::-1])


def test_float64_and_transposed_views_are_accepted():
    x, y = performance(np.random.default_rng(8), 100, 120)
    as_views = dtw(np.asfortranarray(x), np.ascontiguousarray(y.T).T)
    assert np.array_equal(dtw(x.copy(), y.copy()).steps, as_views.steps)


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (np.zeros((3, 0)), np.zeros((3, 4)), r"x must have shape \(n_dims, n_score_frames\).*got \(3, 0\)"),
        (np.zeros((3, 4)), np.zeros((3, 0)), r"y must have shape \(n_dims, n_audio_frames\).*got \(3, 0\)"),
        (np.zeros(4), np.zeros((1, 4)), r"x must have shape .* got \(4,\)"),
        (np.zeros((3, 4)), np.zeros((2, 4)), r"one number of dimensions, got 3 and 2"),
        ([[0.0, np.nan]], [[0.0]], r"x must be finite, got nan at \[0, 1\]"),
        ([[0.0]], [[np.inf]], r"y must be finite, got inf at \[0, 0\]"),
        ([[0.0]], [[1e39]], r"y must be finite, got inf at \[0, 0\]"),
    ],
)
def test_bad_sequences_are_refused(x, y, message):
    with pytest.raises(InvalidInputError, match=message):
        dtw(x, y)


@pytest.mark.parametrize(
    ("cost", "message"),
    [
        (np.zeros((0, 3)), r"cost must have shape \(n_score_frames, n_audio_frames\)"),
        (np.zeros(3), r"cost must have shape .* got \(3,\)"),
        ([[0.0, np.nan]], r"cost must be finite, got nan at \[0, 1\]"),
    ],
)
def test_bad_matrices_are_refused(cost, message):
    with pytest.raises(InvalidInputError, match=message):
        dtw_matrix(cost)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"metric": "cosin"}, UsageError, "Did you mean 'cosine'"),
        ({"tie_rule": "diagonl"}, UsageError, "tie_rule must be one of .* Did you mean 'diagonal'"),
        ({"step_weights": (1, 0, 1)}, InvalidInputError, "step_weights must be three numbers > 0"),
        ({"step_weights": (1, 1)}, InvalidInputError, "step_weights must be three numbers > 0"),
        ({"step_weights": (1, np.nan, 1)}, InvalidInputError, "step_weights must be three numbers > 0"),
        ({"threshold": -0.1}, InvalidInputError, "threshold must be a distance >= 0, got -0.1"),
        ({"step_weights": (1, np.inf, 1)}, InvalidInputError, "step_weights must be three numbers > 0"),
        ({"threshold": np.inf}, InvalidInputError, "threshold must be a distance >= 0, got inf"),
        ({"threshold": np.nan}, InvalidInputError, "threshold must be a distance >= 0, got nan"),
    ],
)
def test_bad_options_are_refused(options, error, message):
    with pytest.raises(error, match=message):
        dtw([[0.0, 1.0]], [[0.0, 1.0]], **options)
