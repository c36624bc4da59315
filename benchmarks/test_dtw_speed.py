"""DTW peers under pytest-benchmark, at sizes that take seconds; ``dtw.py`` makes the full table."""

from __future__ import annotations

import numpy as np
import pytest
from peers import PEERS, path_cost, performance


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("dims", [12, 32, 84])
@pytest.mark.parametrize("name", PEERS)
def test_dtw(benchmark, name, dims):
    benchmark.group = f"DTW, 1,000 x 1,000 frames, {dims} dimensions"
    x, y = performance(1000, 1000, dims)
    try:
        PEERS[name].path(x[:, :50], y[:, :60])
    except ModuleNotFoundError as error:
        pytest.skip(str(error))
    steps = benchmark.pedantic(PEERS[name].path, args=(x, y), rounds=5, iterations=1, warmup_rounds=1)
    assert set(map(tuple, np.diff(steps, axis=0).tolist())) <= {(1, 1), (1, 0), (0, 1)}
    cheapest = path_cost(x, y, PEERS["align-bench"].path(x, y))
    assert path_cost(x, y, steps) >= cheapest * (1 - 1e-6)
    if PEERS[name].exact:
        assert path_cost(x, y, steps) == pytest.approx(cheapest, rel=1e-4)
