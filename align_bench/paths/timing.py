"""From a path in frames to a map in seconds: one rule for all aligners."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from align_bench.errors import InvalidInputError
from align_bench.paths.path import Path
from align_bench.types import Alignment, FloatArray

LONGEST_RUN = 4  # steps of audio at one score frame that still count as tempo
HALF_JUMP = 0.05  # frames of score time on either side of a longer wait


def path_to_alignment(
    path: Path, score_rate: float, audio_rate: float, info: Mapping[str, Any] | None = None
) -> Alignment:
    """Turn a path into a time map. Frame ``k`` is the instant ``k / rate`` (features are centred there).

    The rule
    --------
    1. *Runs.* A run of audio steps at one score frame, or of score steps at one audio frame, becomes one knot
       at its mean: that is how a path writes a tempo other than its own. Cells with diagonal steps on both
       sides are knots themselves. The map is linear between knots, so times inside frames are interpolated.
    2. *Waits.* A run of more than 4 audio steps is no tempo: a note is held, and where in it the path waited
       is chance. The map then jumps at that score frame (two knots, 0.1 frames apart), so that the onset
       after the wait is not drawn into it. On 33 recordings this changed the accuracy at 25 ms by 0 to +2
       points with spectra and chroma against the mean of the run; its first or last frame did worse.
    3. *Ends.* A run at the very start or end of the path is the wait for the music, or what sounds after it
       (silence, applause, reverberation): it says nothing about tempo and must not pull the first or last
       onset. Of the run at the start only its last cell counts, of that at the end only its first, whichever
       side waits. Beyond these the map goes on with slope 1 (`Alignment.at`): where the audio starts inside
       the piece, the notes before it get times below 0.

    Parameters
    ----------
    path : Path
    score_rate, audio_rate : float
        Frames a second, in Hz.
    info : mapping, optional
        JSON-able facts for the record; the path's method, tie rule and cost are added.

    Returns
    -------
    Alignment

    Raises
    ------
    InvalidInputError
        If a rate is not positive, or the path stays in one score frame: it then maps nothing.
    """
    for name, rate in (("score_rate", score_rate), ("audio_rate", audio_rate)):
        if not (np.isfinite(rate) and rate > 0):
            raise InvalidInputError(f"{name} must be > 0 Hz, got {rate}.")
    cells = path.steps
    if cells[-1, 0] == cells[0, 0]:
        raise InvalidInputError(
            f"path must pass at least 2 score frames, got {cells[-1, 0] - cells[0, 0] + 1}."
        )
    knots = _knots(path)
    if len(knots) < 2:  # one corner: all score frames in one audio frame, or silence against the whole piece
        knots = cells[[0, -1]].astype(np.float64)
    facts = {**(info or {}), "dtw": path.method, "tie_rule": path.tie_rule, "path_cost": path.cost}
    return Alignment(knots[:, 0] / score_rate, knots[:, 1] / audio_rate, facts)


def _knots(path: Path) -> FloatArray:
    """Return the knots in frames, shape (n_knots, 2), by the rule of `path_to_alignment`."""
    cells = path.steps
    moves = np.diff(cells, axis=0)
    waits = (moves == 0).any(axis=1)
    # A run is a stretch of equal waiting moves; each diagonal move separates what is around it.
    new_run = np.ones(len(moves) + 1, dtype=bool)
    new_run[1:-1] = ~waits[1:] | ~waits[:-1] | (moves[1:] != moves[:-1]).any(axis=1)
    edges = np.flatnonzero(new_run)  # run r is the moves edges[r] to edges[r + 1], its cells one more
    first, last = cells[edges[:-1]].astype(np.float64), cells[edges[1:]].astype(np.float64)
    is_wait = waits[edges[:-1]]
    if is_wait[0]:
        first[0] = last[0]
    if is_wait[-1]:
        last[-1] = first[-1]
    first, last = first[is_wait], last[is_wait]
    jump = (last[:, 1] - first[:, 1]) > LONGEST_RUN
    aside = np.array([HALF_JUMP, 0.0])
    groups = [(first + last)[~jump] / 2.0, first[jump] - aside, last[jump] + aside]
    # Cells with diagonal moves (or the path's end) on both sides belong to no run.
    alone = np.flatnonzero(~np.concatenate(([False], waits)) & ~np.concatenate((waits, [False])))
    return np.unique(np.concatenate([*groups, cells[alone].astype(np.float64)]), axis=0)
