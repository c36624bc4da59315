"""The form that every feature has."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Features:
    """A feature matrix and its frame rate; frame ``k`` is centred on ``k / frame_rate`` seconds.

    Attributes
    ----------
    values : numpy.ndarray, shape (n_bins, n_frames), float32
    frame_rate : float
        Frames a second, in Hz.
    """

    values: NDArray[np.float32]
    frame_rate: float
