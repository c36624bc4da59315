"""The contrastive loss against values worked by hand and against plain loops."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from align_bench_baselines.siamese.loss import contrastive_loss, crop_loss, pairwise_distance
from scipy.spatial.distance import cdist

RATE = 50.0  # frames of 20 ms: similar up to 10 ms, ignored up to 80 ms, near up to 500 ms
N = 40


@pytest.mark.parametrize(
    ("distance", "dissimilar", "margin", "loss"),
    [
        (0.0, False, 2.0, 0.0),
        (0.5, False, 2.0, 0.125),  # 1/2 0.5^2
        (3.0, False, 2.0, 4.5),  # 1/2 3^2: the margin is for dissimilar pairs only
        (0.0, True, 2.0, 2.0),  # 1/2 2^2
        (0.5, True, 2.0, 1.125),  # 1/2 1.5^2
        (0.5, True, 4.0, 6.125),  # 1/2 3.5^2
        (2.0, True, 2.0, 0.0),
        (3.0, True, 2.0, 0.0),  # far enough is far enough
    ],
)
def test_equation_1_by_hand(distance: float, dissimilar: bool, margin: float, loss: float):
    assert contrastive_loss(torch.tensor(distance), torch.tensor(dissimilar), margin).item() == loss


def test_distances_are_those_of_scipy():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(3, 32, 20)), rng.normal(size=(3, 32, 30))
    distance = pairwise_distance(torch.from_numpy(x).float(), torch.from_numpy(y).float()).numpy()
    for i in range(3):
        np.testing.assert_allclose(distance[i], cdist(x[i].T, y[i].T), rtol=1e-5)


def test_equal_frames_have_no_distance_and_a_finite_gradient():
    x = torch.randn(1, 4, 5, requires_grad=True)
    distance = pairwise_distance(x, x.detach())
    assert distance[0].diagonal().max().item() < 2e-3
    distance.sum().backward()
    assert x.grad is not None
    assert torch.isfinite(x.grad).all()


@pytest.fixture
def offsets() -> torch.Tensor:
    """Offsets of two crops, 20 ms a frame, the second 140 ms askew; ten columns are not known."""
    frames = np.arange(N) / RATE
    straight = frames[None, :] - frames[:, None]
    both = np.stack([straight, straight + 0.14])
    both[0, :, :10] = np.nan
    return torch.from_numpy(both).float()


@pytest.fixture
def distance() -> torch.Tensor:
    return torch.rand(2, N, N, generator=torch.Generator().manual_seed(0)) * 3


def loops(distance: np.ndarray, offsets: np.ndarray, margin: float, hard: bool) -> float:
    """Compute the loss pair by pair, as the docstring tells it."""
    similar, dissimilar, near, hardest = [], [], [], []
    for crop in range(distance.shape[0]):
        for audio in range(N):
            column = []
            for score in range(N):
                d, gap = distance[crop, score, audio], abs(offsets[crop, score, audio])
                if gap <= 0.5 / RATE:
                    similar.append(0.5 * d**2)
                elif gap > 0.080:
                    column.append(0.5 * max(0.0, margin - d) ** 2)
                    if gap < 0.5:
                        near.append(column[-1])
            dissimilar += column
            hardest += (sorted(column, reverse=True) + [0.0] * 16)[:16]
    if not hard:
        return float(np.mean(similar) + np.mean(dissimilar))
    return float(np.mean(similar) + (np.mean(hardest) + np.mean(near) + np.mean(dissimilar)) / 3)


@pytest.mark.parametrize("hard", [False, True])
@pytest.mark.parametrize("margin", [1.0, 2.0])
def test_crop_loss_equals_plain_loops(
    distance: torch.Tensor, offsets: torch.Tensor, margin: float, hard: bool
):
    expected = loops(distance.double().numpy(), offsets.numpy(), margin, hard)
    assert crop_loss(distance, offsets, RATE, margin, hard).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("hard", [False, True])
def test_a_perfect_embedding_has_no_loss(offsets: torch.Tensor, hard: bool):
    perfect = torch.where(offsets.abs() <= 0.5 / RATE, 0.0, 2.0)
    assert crop_loss(perfect, offsets, RATE, 2.0, hard).item() == 0.0
    assert crop_loss(2.0 - perfect, offsets, RATE, 2.0, hard).item() >= 3.9  # 1/2 2^2 + 1/2 2^2


@pytest.mark.parametrize("hard", [False, True])
@pytest.mark.parametrize("what", ["unknown", "neither similar nor dissimilar"])
def test_some_pairs_do_not_count(distance: torch.Tensor, offsets: torch.Tensor, hard: bool, what: str):
    gap = offsets.abs()
    ignored = gap.isnan() if what == "unknown" else (gap > 0.5 / RATE) & (gap <= 0.080)
    assert ignored.any()
    before = crop_loss(distance, offsets, RATE, 2.0, hard)
    assert crop_loss(torch.where(ignored, 0.123, distance), offsets, RATE, 2.0, hard) == before
    counted = torch.where(ignored, distance, distance / 2)
    assert crop_loss(counted, offsets, RATE, 2.0, hard) != before


@pytest.mark.parametrize("hard", [False, True])
def test_descent_on_the_loss_leads_to_the_perfect_embedding(offsets: torch.Tensor, hard: bool):
    generator = torch.Generator().manual_seed(0)
    x, y = (torch.randn(2, 16, N, generator=generator).requires_grad_() for _ in range(2))
    optimizer = torch.optim.Adam([x, y], lr=0.1)
    losses = []
    for _ in range(150):
        loss = crop_loss(pairwise_distance(x, y), offsets, RATE, 2.0, hard)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.05 * losses[0]
    distance = pairwise_distance(x, y)[0, :, 10:].detach()  # the known columns
    assert (distance.argmin(dim=0) == torch.arange(10, N)).all()
