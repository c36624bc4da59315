"""Contrastive loss on the distances of a whole crop, and which of its pairs count."""

from __future__ import annotations

import torch
from torch import Tensor

POSITIVE_FRAMES = 0.5
"""A pair is similar if its frames are within half a frame of each other in the performance."""
IGNORED_S = 0.080
"""Pairs nearer than this, but not similar, are neither: notes ring, and annotations err."""
NEAR_S = 0.5
"""Negatives nearer than this are the ones that cost accuracy."""


def pairwise_distance(x: Tensor, y: Tensor) -> Tensor:
    """Return D_w for every pair of frames.

    Parameters
    ----------
    x : Tensor, shape (batch, n_dims, n_score_frames)
    y : Tensor, shape (batch, n_dims, n_audio_frames)

    Returns
    -------
    Tensor, shape (batch, n_score_frames, n_audio_frames)
        Euclidean distances.
    """
    squares = x.square().sum(1)[:, :, None] + y.square().sum(1)[:, None]
    return (squares - 2 * torch.bmm(x.transpose(1, 2), y)).clamp_min(1e-6).sqrt()


def contrastive_loss(distance: Tensor, dissimilar: Tensor, margin: float) -> Tensor:
    """Return the loss of each pair: (1-Y) 1/2 D_w^2 + Y 1/2 max(0, m - D_w)^2.

    Parameters
    ----------
    distance : Tensor
        D_w.
    dissimilar : Tensor, bool
        Y; shape of ``distance``.
    margin : float
        m.

    References
    ----------
    Agrawal and Dixon 2019, eq. 1; Hadsell, Chopra and LeCun, CVPR 2006, eq. 4.
    """
    return 0.5 * torch.where(dissimilar, torch.relu(margin - distance), distance).square()


def strike_loss(logits: Tensor, struck: Tensor) -> Tensor:
    """Return the cross-entropy of struck keys, summed over the keys, mean over frames.

    Parameters
    ----------
    logits, struck : Tensor, shape (batch, n_pitches, n_frames)
        ``struck`` in [0, 1].
    """
    return torch.nn.functional.binary_cross_entropy_with_logits(logits, struck) * logits.shape[1]


def crop_loss(
    distance: Tensor, offsets: Tensor, frame_rate: float, margin: float, hard: bool = True
) -> Tensor:
    """Return the contrastive loss of a batch of crops: similar and dissimilar pairs weigh the same.

    Parameters
    ----------
    distance : Tensor, shape (batch, n_score_frames, n_audio_frames)
        D_w.
    offsets : Tensor, same shape
        Seconds of performance between the two frames of a pair; NaN where that is not known.
    frame_rate : float
        In Hz.
    margin : float
    hard : bool, optional
        Dissimilar pairs: a third each the most similar ones of a recording frame, ones within half a
        second, and any. Otherwise any, as the paper may be read.
    """
    gap = offsets.abs()
    similar = gap <= POSITIVE_FRAMES / frame_rate
    dissimilar = gap > IGNORED_S  # False for NaN
    losses = contrastive_loss(distance, dissimilar, margin)
    # A crop at the very end of a piece may hold no similar pair.
    positive = losses[similar].sum() / similar.sum().clamp_min(1)
    if not hard:
        return positive + losses[dissimilar].mean()
    hardest = torch.where(dissimilar, losses, 0.0).topk(16, dim=1).values
    near = losses[dissimilar & (gap < NEAR_S)]
    return positive + (hardest.mean() + near.mean() + losses[dissimilar].mean()) / 3
