"""The loss on paths, against every path of a small matrix, one by one."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from align_bench_baselines.siamese.path_loss import Corridor, path_loss

N, M = 5, 6
FIRST = np.array([0, 0, 1, 2, 4])
LAST = np.array([2, 3, 4, 6, 6])


def paths(i: int = 0, j: int = 0) -> Iterator[list[tuple[int, int]]]:
    if (i, j) == (N - 1, M - 1):
        yield [(i, j)]
        return
    for next_i, next_j in ((i + 1, j + 1), (i + 1, j), (i, j + 1)):
        if next_i < N and next_j < M:
            for rest in paths(next_i, next_j):
                yield [(i, j), *rest]


def allowed(path: list[tuple[int, int]]) -> bool:
    return all(FIRST[i] <= j < LAST[i] for i, j in path)


@pytest.fixture
def cost() -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.rand(2, N + 3, M + 4, generator=generator)


def corridor(row: int = 1, column: int = 2) -> Corridor:
    """Return the corridor inside a larger crop, from that row and column on."""
    first, last = np.zeros(N + 3, np.int64), np.zeros(N + 3, np.int64)
    first[row : row + N], last[row : row + N] = FIRST + column, LAST + column
    return Corridor((row, row + N - 1, column, column + M - 1), first, last)


def test_it_is_the_share_of_allowed_paths(cost: torch.Tensor):
    block = cost[0, 1:, 2:].numpy().astype(np.float64)
    weights = {True: 0.0, False: 0.0}
    for path in paths():
        weights[allowed(path)] += np.exp(-sum(block[cell] for cell in path))
    assert min(weights.values()) > 0
    expected = -np.log(weights[True] / sum(weights.values())) / M
    assert path_loss(cost[:1], [corridor()]).item() == pytest.approx(expected, rel=1e-6)


def test_its_gradient_is_that_of_differences(cost: torch.Tensor):
    corridors = [corridor(), corridor(2, 0)]
    cost = cost.requires_grad_()
    (3.0 * path_loss(cost, corridors)).backward()
    assert cost.grad is not None
    step = 1e-2
    for crop in range(2):
        for i in range(N + 3):
            for j in range(M + 4):
                around = []
                for sign in (1, -1):
                    moved = cost.detach().clone()
                    moved[crop, i, j] += sign * step
                    around.append(3.0 * path_loss(moved, corridors).item())
                slope = (around[0] - around[1]) / (2 * step)
                assert cost.grad[crop, i, j].item() == pytest.approx(slope, abs=2e-4)
    assert cost.grad.abs().max() > 0.01


def test_a_crop_without_a_corridor_does_not_count(cost: torch.Tensor):
    alone = path_loss(cost[:1], [corridor()])
    assert path_loss(cost, [corridor(), None]).item() == pytest.approx(alone.item())
    nothing = path_loss(cost.requires_grad_(), [None, None])
    nothing.backward()
    assert nothing.item() == 0.0
    assert cost.grad is not None
    assert not cost.grad.any()


def test_a_corridor_that_no_path_passes_does_not_count(cost: torch.Tensor):
    closed = corridor()
    closed.first[3], closed.last[3] = 20, 20
    assert path_loss(cost[:1], [closed]).item() == 0.0


def test_it_falls_where_the_true_path_gets_cheaper(cost: torch.Tensor):
    cheaper = cost[:1].clone()
    cheaper[0, torch.arange(1, 6), torch.tensor([2, 3, 4, 5, 7])] -= 0.3
    assert path_loss(cheaper, [corridor()]) < path_loss(cost[:1], [corridor()])
