"""The fastdtw package: what it gives, and the trap it is."""

from __future__ import annotations

import numpy as np
import pytest

from align_bench.errors import InvalidInputError, UsageError
from align_bench.paths import dtw, fast_dtw
from align_bench.similarity import distance_matrix


@pytest.fixture
def pair():
    """Features of a score of held chords, and of the same with another tempo and noise."""
    rng = np.random.default_rng(0)
    chords = rng.exponential(size=(12, 6))[:, rng.integers(0, 6, 63)]
    score = np.repeat(chords, 8, axis=1)[:, :500] * np.resize(0.9 ** np.arange(8), 500)
    when = np.linspace(0, 1, 600) + 0.08 * np.sin(np.linspace(0, 2 * np.pi, 600))
    audio = score[:, np.round(when * 499).astype(int)]
    return score + 0.1 * rng.normal(size=score.shape), audio + 0.1 * rng.normal(size=audio.shape)


@pytest.mark.parametrize("on", ["matrix", "sequence"])
@pytest.mark.parametrize("metric", ["euclidean", "sqeuclidean", "cosine"])
def test_a_huge_radius_is_exact(pair, on, metric):
    x, y = pair[0][:, :40], pair[1][:, :50]
    path = fast_dtw(x, y, radius=60, on=on, metric=metric)
    assert path.cost == pytest.approx(dtw(x, y, metric=metric).cost, rel=1e-5)
    assert (path.method, path.tie_rule) == ("fastdtw", "score")


def test_cost_is_that_of_the_path(pair):
    path = fast_dtw(*pair)
    along = distance_matrix(*pair)[path.steps[:, 0], path.steps[:, 1]]
    assert path.cost == pytest.approx(along.sum(), rel=1e-6)
    assert path.steps[0].tolist() == [0, 0]
    assert path.steps[-1].tolist() == [499, 599]


def test_sequences_lose_little_and_a_matrix_much(pair):
    exact = dtw(*pair).cost
    assert exact <= fast_dtw(*pair, on="sequence").cost < 1.05 * exact
    # The trap: at coarse levels the index trick sees one cell of each block.
    assert fast_dtw(*pair, on="matrix").cost > 1.5 * exact
    threshold = float(np.quantile(distance_matrix(*pair), 0.05))
    assert fast_dtw(*pair, threshold=threshold).cost > 2 * dtw(*pair, threshold=threshold).cost


@pytest.mark.parametrize("on", ["matrix", "sequence"])
def test_binary_costs_with_a_huge_radius_are_exact(pair, on):
    x, y = pair[0][:, :40], pair[1][:, :50]
    exact = dtw(x, y, threshold=2.0).cost
    assert 0 < exact == fast_dtw(x, y, radius=60, on=on, threshold=2.0).cost


def test_bad_radius_is_refused(pair):
    with pytest.raises(InvalidInputError, match="radius must be a number of cells >= 1, got 0"):
        fast_dtw(*pair, radius=0)


def test_unknown_form_is_refused(pair):
    with pytest.raises(
        UsageError, match=r"on must be one of matrix, sequence, got 'sequences'\. Did you mean"
    ):
        fast_dtw(*pair, on="sequences")
