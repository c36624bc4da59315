"""DTW with jumps against a plain Python one, plain DTW, and itself in bounded memory."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from align_bench.errors import InvalidInputError
from align_bench.paths import dtw, jump_dtw
from align_bench.paths.jumps import jumps, mean_cost
from align_bench.similarity import distance_matrix


def plain_jump_dtw(cost, starts, penalty):
    """The recurrence as it is written: the total cost, every jump tried."""
    n, m = cost.shape
    best = np.full((n, m), np.inf)
    best[0, 0] = cost[0, 0]
    for j, i in product(range(m), range(n)):
        before = [best[i - di, j - dj] for di, dj in ((1, 1), (1, 0), (0, 1)) if i >= di and j >= dj]
        if i in starts and j:
            before += [best[start - 1, j - 1] + penalty for start in starts]
        if before:
            best[i, j] = cost[i, j] + min(before)
    return best[-1, -1]


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(3, 23),
    m=st.integers(1, 20),
    penalty=st.floats(0, 3),
    metric=st.sampled_from(["euclidean", "cosine"]),
    binary=st.booleans(),
)
def test_it_finds_the_cheapest_path_and_reports_its_cost(seed, n, m, penalty, metric, binary):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(3, n)), rng.normal(size=(3, m))
    starts = np.flatnonzero(rng.random(n - 1) < 0.3) + 1
    threshold = 0.9 if binary else None
    cost = distance_matrix(x, y, metric).astype(np.float64)
    if binary:
        cost = (cost > threshold).astype(np.float64)
    path = jump_dtw(x, y, starts, penalty=penalty, metric=metric, threshold=threshold)
    assert path.cost == pytest.approx(plain_jump_dtw(cost, starts.tolist(), penalty), rel=1e-5)
    assert path.steps[0].tolist() == [0, 0]
    assert path.steps[-1].tolist() == [n - 1, m - 1]
    for (i, j), (k, h) in pairwise(path.steps.tolist()):
        assert (k - i, h - j) in {(1, 1), (1, 0), (0, 1)} or (k in starts and i + 1 in starts and h == j + 1)


def test_without_sections_it_is_plain_dtw():
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(12, 90)), rng.normal(size=(12, 110))
    for metric in ("euclidean", "cosine"):
        path = jump_dtw(x, y, [], penalty=0.0, metric=metric)
        assert path.steps.tolist() == dtw(x, y, metric=metric).steps.tolist()


def test_bounded_memory_gives_the_same_path():
    rng = np.random.default_rng(4)
    x = rng.normal(size=(4, 50))
    y = np.concatenate([x[:, :30], x[:, 10:30], x[:, 10:]], axis=1) + 0.1 * rng.normal(size=(4, 90))
    whole = jump_dtw(x, y, [10, 30], penalty=1.0)
    assert jumps(whole.steps).size == 2
    for max_memory in (1, 100, 700):
        assert (
            jump_dtw(x, y, [10, 30], penalty=1.0, max_memory=max_memory).steps.tolist()
            == whole.steps.tolist()
        )


def test_a_repeat_left_out_and_one_added_are_followed_frame_by_frame():
    x = np.random.default_rng(5).normal(size=(4, 60))
    played = [*range(20), *range(40, 60)]
    path = jump_dtw(x, x[:, played], [20, 40], penalty=1.0)
    assert path.steps[:, 0].tolist() == played
    assert path.cost == pytest.approx(1.0)
    played = [*range(40), *range(20, 60)]
    path = jump_dtw(x, x[:, played], [20, 40], penalty=1.0)
    assert path.steps[:, 0].tolist() == played
    assert jumps(path.steps).tolist() == [40]


def test_what_frames_that_do_not_match_cost():
    assert mean_cost([[1.0, 1.0]], [[4.0, 4.0]]) == 3.0


@pytest.mark.parametrize("starts", [[0], [4], [2, 2], [3, 1], [[1]]])
def test_starts_must_ascend_inside_the_score(starts):
    with pytest.raises(InvalidInputError, match="starts must be score frames"):
        jump_dtw(np.ones((1, 4)), np.ones((1, 5)), starts, penalty=1.0)


@pytest.mark.parametrize("penalty", [-1.0, np.nan, np.inf])
def test_the_penalty_must_be_a_cost(penalty):
    with pytest.raises(InvalidInputError, match="penalty must be a cost"):
        jump_dtw(np.ones((1, 4)), np.ones((1, 5)), [2], penalty=penalty)
