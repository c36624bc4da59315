"""Distance and binary matrices against numpy's definition and each other."""

from __future__ import annotations

import numpy as np
import pytest

from align_bench.errors import UsageError
from align_bench.paths import dtw_matrix
from align_bench.similarity import METRICS, as_sequences, binary_matrix, cell_costs, distance_matrix

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(5, 30)), RNG.normal(size=(5, 40))


def test_distances_by_hand():
    assert distance_matrix([[0.0], [0.0]], [[3.0], [4.0]]).tolist() == [[5.0]]
    assert distance_matrix([[0.0], [0.0]], [[3.0], [4.0]], "sqeuclidean").tolist() == [[25.0]]
    assert distance_matrix([[1.0], [0.0]], [[1.0, 0.0, -2.0], [0.0, 3.0, 0.0]], "cosine") == pytest.approx(
        np.array([[0.0, 1.0, 2.0]]), abs=1e-6
    )


def test_cosine_is_one_minus_the_normalised_product():
    expected = 1 - (X.T @ Y) / np.outer(np.linalg.norm(X, axis=0), np.linalg.norm(Y, axis=0))
    assert distance_matrix(X, Y, "cosine") == pytest.approx(expected, abs=1e-6)


def test_silence_is_like_silence_only():
    x, y = X.copy(), Y.copy()
    x[:, 3] = 0
    y[:, 7] = 0
    distance = distance_matrix(x, y, "cosine")
    assert distance[3, 7] == 0
    assert np.delete(distance[3], 7) == pytest.approx(1.0)
    assert np.delete(distance[:, 7], 3) == pytest.approx(1.0)
    rest = distance_matrix(np.delete(x, 3, axis=1), np.delete(y, 7, axis=1), "cosine")
    assert np.delete(np.delete(distance, 3, axis=0), 7, axis=1) == pytest.approx(rest, abs=1e-6)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("threshold", [None, 1.0])
def test_cell_costs_are_the_cells_of_the_matrix(metric, threshold):
    matrix = distance_matrix(X, Y, metric) if threshold is None else binary_matrix(X, Y, threshold, metric)
    i, j = np.divmod(np.arange(matrix.size), matrix.shape[1])
    costs = cell_costs(*as_sequences(X, Y, metric), metric, threshold)(i, j)
    assert costs.reshape(matrix.shape) == pytest.approx(matrix, rel=1e-5)
    assert matrix.dtype == np.float32


def test_binary_matrix_is_one_above_the_threshold():
    assert binary_matrix([[0.0, 1.0]], [[0.0, 1.0, 2.5]], 1.0).tolist() == [[0, 0, 1], [0, 0, 1]]
    assert dtw_matrix(binary_matrix([[0.0, 1.0]], [[0.0, 1.0, 2.5]], 1.0)).cost == 1.0


def test_unknown_metric_is_refused():
    with pytest.raises(UsageError, match=r"metric must be one of cosine, .* Did you mean 'euclidean'"):
        distance_matrix(X, Y, "euclid")
