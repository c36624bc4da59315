"""DTW implementations under one signature: two sequences in, path (score, audio) out, squared Euclidean cost.

On vectors of unit length the squared Euclidean distance is twice the cosine distance, so that MrMsDTW, which
knows only the latter, looks for the same path as everyone else. Peers are imported when they are called.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Frames = NDArray[np.float32]  # (n_dims, n_frames)
PathArray = NDArray[np.int64]  # (n_steps, 2)


@dataclass(frozen=True)
class Peer:
    """A way to align two sequences.

    Attributes
    ----------
    path : callable
    bytes_per_cell : float
        About what it needs at its peak, to leave out what would not fit.
    exact : bool
    """

    path: Callable[[Frames, Frames], PathArray]
    bytes_per_cell: float
    exact: bool = True


def _ours(x: Frames, y: Frames) -> PathArray:
    from align_bench.paths import dtw

    return dtw(x, y, metric="sqeuclidean").steps


def _ours_bounded(x: Frames, y: Frames) -> PathArray:
    from align_bench.paths import dtw

    return dtw(x, y, metric="sqeuclidean", max_memory=0).steps


def _ours_multiscale(x: Frames, y: Frames) -> PathArray:
    from align_bench.paths import multiscale_dtw

    return multiscale_dtw(x, y, metric="sqeuclidean").steps


def _librosa(x: Frames, y: Frames) -> PathArray:
    import librosa

    return librosa.sequence.dtw(x, y, metric="sqeuclidean")[1][::-1]


def _aeon(x: Frames, y: Frames) -> PathArray:
    from aeon.distances import dtw_alignment_path

    return np.array(dtw_alignment_path(x.astype(np.float64), y.astype(np.float64))[0])


def _tslearn(x: Frames, y: Frames) -> PathArray:
    from tslearn.metrics import dtw_path

    return np.array(dtw_path(x.T.astype(np.float64), y.T.astype(np.float64))[0])


def _dtaidistance(x: Frames, y: Frames) -> PathArray:
    from dtaidistance import dtw_ndim

    a, b = (np.ascontiguousarray(side.T, dtype=np.float64) for side in (x, y))
    return np.array(dtw_ndim.warping_path(a, b, use_c=True))


def _fastdtw(x: Frames, y: Frames) -> PathArray:
    from fastdtw import fastdtw

    def distance(a: Frames, b: Frames) -> float:
        difference = a - b
        return float(difference @ difference)

    return np.array(fastdtw(x.T, y.T, 1, distance)[1])


def _mrmsdtw(x: Frames, y: Frames) -> PathArray:
    from synctoolbox.dtw.mrmsdtw import sync_via_mrmsdtw

    steps = sync_via_mrmsdtw(x, y, step_weights=np.ones(3), verbose=False)
    return np.round(steps.T).astype(np.int64)


PEERS: dict[str, Peer] = {
    "align-bench": Peer(_ours, 0.26),
    "align-bench, bounded memory": Peer(_ours_bounded, 0.05),
    "align-bench, multi-scale": Peer(_ours_multiscale, 0.05, exact=False),
    "aeon": Peer(_aeon, 9),
    "tslearn": Peer(_tslearn, 9),
    "dtaidistance": Peer(_dtaidistance, 9),
    "librosa": Peer(_librosa, 20),
    "fastdtw, radius 1": Peer(_fastdtw, 0.5, exact=False),
    "synctoolbox MrMsDTW": Peer(_mrmsdtw, 1.2, exact=False),
}


def performance(n: int, m: int, dims: int, seed: int = 0) -> tuple[Frames, Frames]:
    """Make features of a score of held, decaying chords and of a performance of it with noise.

    Returns
    -------
    tuple of numpy.ndarray, float32, shapes (dims, n) and (dims, m)
        Vectors of unit length.
    """
    rng = np.random.default_rng(seed)
    chords = np.repeat(rng.exponential(size=(dims, n)), rng.integers(4, 30, n), axis=1)[:, :n]
    # Harmony that moves every 200 frames, for the methods that look at a coarse level first.
    score = chords * np.repeat(rng.exponential(size=(dims, n // 200 + 1)) ** 2, 200, axis=1)[:, :n]
    time = np.linspace(0, 1, m)
    when = time + 0.02 * np.sin(2 * np.pi * 3 * time)
    audio = score[:, np.round(when * (n - 1)).astype(int)]
    noisy = [np.abs(side + 0.3 * rng.normal(size=side.shape)) for side in (score, audio)]
    x, y = ((side / np.linalg.norm(side, axis=0)).astype(np.float32) for side in noisy)
    return x, y


def path_cost(x: Frames, y: Frames, steps: PathArray) -> float:
    """Return the summed squared distances along a path."""
    difference = x[:, steps[:, 0]].astype(np.float64) - y[:, steps[:, 1]]
    return float(np.square(difference).sum())
