"""From a path with jumps to a time map, and to the list of the sections as they were played."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from align_bench.errors import InvalidInputError
from align_bench.paths.jumps import jumps
from align_bench.paths.path import Path
from align_bench.paths.timing import _knots, _without_ends
from align_bench.types import Alignment, FloatArray, IntArray

HALF_JUMP_S = 1e-4  # score time on either side of a place where the map jumps in the recording


@dataclass(frozen=True, eq=False)
class Pass:
    """One time that a section was played: the cells of a path within it."""

    section: int
    cells: IntArray


def passes(path: Path, starts: Sequence[int]) -> list[Pass]:
    """Cut a path where it jumps and where it enters a section.

    Parameters
    ----------
    path : Path
    starts : sequence of int
        The score frames at which sections start, ascending; what comes before the first is section -1.

    Returns
    -------
    list of Pass
        In the order in which they were played.
    """
    section = np.searchsorted(starts, path.steps[:, 0], side="right") - 1
    cuts = np.union1d(np.flatnonzero(np.diff(section)) + 1, jumps(path.steps))
    parts = np.split(np.arange(len(section)), cuts)
    return [Pass(int(section[part[0]]), path.steps[part]) for part in parts]


def in_score_order(played: Sequence[Pass]) -> list[int]:
    """Choose which passes the time map follows: the most score time in score order, early before late.

    Returns
    -------
    list of int
        Indices of passes, ascending; their sections ascend strictly.
    """
    length = [int(np.unique(p.cells[:, 0]).size) for p in played]
    best: list[int] = []
    back: list[int | None] = []
    for k, this in enumerate(played):
        before = [i for i in range(k) if played[i].section < this.section]
        top = max(before, key=lambda i: (best[i], -i), default=None)
        best.append(length[k] + (0 if top is None else best[top]))
        back.append(top)
    at: int | None = max(range(len(played)), key=lambda i: (best[i], -i))
    chosen: list[int] = []
    while at is not None:
        chosen.append(at)
        at = back[at]
    return chosen[::-1]


def passes_to_alignment(
    played: Sequence[Pass], chosen: Sequence[int], score_rate: float, audio_rate: float, info: dict[str, Any]
) -> Alignment:
    """Make a time map that follows some of the passes.

    Within a pass the rule is that of `align_bench.paths.path_to_alignment`. Between two that do not follow
    each other, the map jumps: in the recording where something was played that it leaves out, and over the
    score where a section was not played: all of that gets the time of the jump.

    Parameters
    ----------
    played : sequence of Pass
    chosen : sequence of int
        As from `in_score_order`.
    score_rate, audio_rate : float
        Frames a second, in Hz.
    info : dict
        JSON-able facts for the record.
    """
    runs: list[list[IntArray]] = []
    for k, index in enumerate(chosen):
        joined = k > 0 and index == chosen[k - 1] + 1 and _follows(played[index - 1], played[index])
        if joined:
            runs[-1].append(played[index].cells)
        else:
            runs.append([played[index].cells])
    knots = [knots_of(np.concatenate(run), score_rate, audio_rate) for run in runs]
    for k, (left, right) in enumerate(pairwise(runs)):
        # The edges of the gap, so that what was dropped at the end of a run is not drawn into it.
        edges = np.array([left[-1][-1], right[0][0]]) / (score_rate, audio_rate)
        knots[k] = _until(knots[k], edges[0] + (HALF_JUMP_S, 0.0))
        knots[k + 1] = knots[k + 1][knots[k + 1][:, 0] > edges[1][0] - HALF_JUMP_S]
        knots[k + 1] = np.concatenate([[edges[1] - (HALF_JUMP_S, 0.0)], knots[k + 1]])
    every = np.concatenate(knots)
    every = every[np.concatenate(([True], np.diff(np.maximum.accumulate(every[:, 0])) > 0))]
    if len(every) < 2:
        raise InvalidInputError("a path must have two places at least to make a time map, got one.")
    return Alignment(every[:, 0], np.maximum.accumulate(every[:, 1]), info)


def knots_of(cells: IntArray, score_rate: float, audio_rate: float) -> FloatArray:
    """Return the knots of a path without jumps in seconds, shape (n_knots, 2)."""
    return np.asarray(_knots(_without_ends(cells)) / (score_rate, audio_rate), dtype=np.float64)


def _until(knots: FloatArray, edge: FloatArray) -> FloatArray:
    return np.concatenate([knots[knots[:, 0] < edge[0]], [edge]])


def _follows(first: Pass, second: Pass) -> bool:
    return bool(0 <= second.cells[0, 0] - first.cells[-1, 0] <= 1)
