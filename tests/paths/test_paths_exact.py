"""Exact DTW against librosa, a plain Python DTW, the textbook and itself in bounded memory."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from align_bench.errors import InvalidInputError, UsageError
from align_bench.paths import dtw, dtw_matrix, exact
from align_bench.paths._kernels import LANES
from align_bench.paths._solver import Solver, _whole_rows
from align_bench.similarity import METRICS, as_sequences, binary_matrix, cell_costs, distance_matrix

STEPS = {"diagonal": (1, 1), "score": (1, 0), "audio": (0, 1)}
ORDER = {
    "diagonal": ("diagonal", "audio", "score"),
    "score": ("score", "diagonal", "audio"),
    "audio": ("audio", "diagonal", "score"),
}


@pytest.fixture(params=["short", "long"], autouse=True, scope="module")
def length(request):
    """Run every test twice: the second time, sequences of any length count as long, and are pruned."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exact, "PRUNED_FROM", 1 if request.param == "long" else 10**9)
        yield request.param


@pytest.fixture
def shares(monkeypatch):
    """Return a list with the share of tiles that each sweep works through."""
    found = []
    forward = Solver._forward

    def watched(self, plan, *rest):
        planned = plan[:, 2].sum()
        words = forward(self, plan, *rest)
        found.append(plan[:, 2].sum() / planned)
        return words

    monkeypatch.setattr(Solver, "_forward", watched)
    return found


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


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("tie_rule", list(ORDER))
def test_pruning_leaves_most_of_the_matrix_out_and_the_path_as_it_is(monkeypatch, shares, metric, tie_rule):
    x, y = performance(np.random.default_rng(11), 2000, 1800, noise=0.02)
    found = {}
    for long in (1, 10**9):
        monkeypatch.setattr(exact, "PRUNED_FROM", long)
        for max_memory in (10**9, 0):
            shares.clear()
            found[long, max_memory] = dtw(x, y, metric=metric, tie_rule=tie_rule, max_memory=max_memory)
            if long == 1:
                # The guess, at two scales; then one sweep, or two for each block but the last.
                assert shares[:2] == [1, 1]
                assert all(share < 1 for share in shares[2:])
                assert shares[2] < 0.3
                assert (len(shares) == 3) == (max_memory > 0)
            else:
                assert all(share == 1 for share in shares)
    whole = found[10**9, 10**9]
    assert all(np.array_equal(path.steps, whole.steps) for path in found.values())
    assert all(path.cost == whole.cost for path in found.values())


@pytest.mark.parametrize("max_memory", [10**9, 0])
@pytest.mark.parametrize("part", [0.0, 0.5, 0.9, 0.9999])
def test_a_bound_that_is_too_low_does_no_harm(shares, part, max_memory):
    x, y = as_sequences(*performance(np.random.default_rng(13), 900, 1000), "cosine")
    solver = Solver(cell_costs(x, y, "cosine", None), (1.0, 1.0, 1.0), "diagonal")
    solver.sequences(x, y, None, root=False)
    whole = solver.exact(max_memory)
    slack = solver._bound(whole) - whole.cost
    shares.clear()
    path = solver.exact(max_memory, replace(whole, cost=part * whole.cost - slack))
    assert np.array_equal(path.steps, whole.steps)
    assert shares[0] < 1  # first with the bound,
    assert shares[-1] == 1  # and then without


def test_pruning_starts_with_long_sequences(shares, length):
    x = np.random.default_rng(11).normal(size=(4, 300))
    dtw(x, x)
    assert len(shares) == (3 if length == "long" else 1)


def plateau():
    """Make frames that fit a long stretch of the other side, and then only what comes after it."""
    return np.repeat([[0.0, 10.0]], 5 * LANES, axis=1), np.repeat([[0.0, 10.0]], [700, 100], axis=1)


def stretched():
    """Make a performance that costs nothing, among cells that cost much."""
    x = np.random.default_rng(9).normal(size=(4, 640))
    return x, np.repeat(x, 3, axis=1)


@pytest.mark.parametrize("part", [0.6, 1.0])
@pytest.mark.parametrize(
    "sides",
    [
        plateau(),
        stretched(),
        performance(np.random.default_rng(14), 700, 1100, noise=0.02),
        np.random.default_rng(15).normal(size=(2, 3, 500)),
    ],
    ids=["plateau", "stretched", "music", "noise"],
)
def test_within_the_bound_a_sweep_finds_what_one_without_finds(sides, part):
    x, y = as_sequences(*sides, "euclidean")
    solver = Solver(cell_costs(x, y, "euclidean", None), (1.0, 1.0, 1.0), "diagonal")
    solver.sequences(x, y, None, root=True)
    path, (n, m) = solver.exact(None), solver.shape
    bound = part * solver._bound(path)
    whole, pruned = solver._corner(), solver._corner()
    for strip in range(-(-n // LANES)):
        plan = _whole_rows(strip, strip + 1, m, keep=True)
        solver._forward(plan.copy(), whole)
        alive = (whole[1 : m + 1] <= bound).nonzero()[0]
        solver._forward(plan, pruned, bound)
        found = (pruned[1 : m + 1] <= bound).nonzero()[0]
        near = np.abs(whole[1 : m + 1] - bound) < 1e-5 * bound
        assert np.array_equal(alive[~near[alive]], found[~near[found]])
        assert pruned[1:][alive] == pytest.approx(whole[1:][alive], rel=1e-5, abs=1e-5)
        on_path = path.steps[path.steps[:, 0] == strip * LANES + LANES - 1, 1]
        if part == 1:
            assert (pruned[1:][on_path] < bound).all()


def test_a_row_is_swept_as_far_as_the_row_above_is_within_the_bound():
    """Its first tile may be out of the bound, and so may what is above the tile's end, but not the rest."""
    cost = np.full((3 * LANES, 400), 10.0, dtype=np.float32)
    cost[0] = cost[:LANES, 0] = cost[:LANES, 300] = 0.0  # two ways down to the first strip's last row,
    cost[LANES:, 300:] = 0.0  # the second of which goes on
    solver = Solver(lambda i, j: cost[i, j].astype(float), (1.0, 1.0, 1.0), "diagonal").matrix(cost)
    row = solver._corner()
    for strip in range(3):
        solver._forward(_whole_rows(strip, strip + 1, 400, keep=True), row, 5.0)
        assert np.array_equal((row[1:401] <= 5.0).nonzero()[0], [[0, 300], range(300, 400)][strip > 0])


@pytest.mark.parametrize("scale", [1e-15, 1.0, 1e14])
@pytest.mark.parametrize("metric", METRICS)
def test_small_and_large_numbers_have_the_same_path_in_every_memory(metric, scale):
    x, y = (scale * side for side in performance(np.random.default_rng(12), 700, 600))
    path, tight = dtw(x, y, metric=metric), dtw(x, y, metric=metric, max_memory=0)
    assert np.array_equal(path.steps, tight.steps)
    assert is_path(path.steps, (700, 600))
    total, steps = librosa_dtw(distance_matrix(x, y, metric))
    assert path.cost == pytest.approx(total, rel=1e-5)
    assert np.array_equal(path.steps, steps)


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
        ([[0.0]], [[-2e15]], r"y must be at most 1e\+15, got 2e\+15. Scale x and y down."),
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
