"""Performances that leave out or add a repeat: sections, DTW with jumps, and what was played, in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from align_bench.features import Features
from align_bench.paths import jump_dtw
from align_bench.paths.jumps import jumps, mean_cost
from align_bench.paths.passes import Pass, in_score_order, knots_of, passes, passes_to_alignment
from align_bench.similarity import Metric
from align_bench.structure import Sections, sections
from align_bench.types import Alignment, Score

STRUCTURES = ("plain", "jumps")
PENALTY_S = 1.0
"""A jump costs as much as this many seconds of frames drawn at random. With 4 s, plain DTW's way around a
section of 5 s (waiting where that is cheap) wins. With 1 s, ``benchmarks/structure.py`` found a jump in 2 of
37 recordings of real and rendered music that has none, in 19 of 19 with a section left out, and in 14 of 19
with one played twice; that is why jumps are an option."""


def align_with_jumps(
    score: Score, x: Features, y: Features, lead_in: float, metric: Metric, threshold: float | None
) -> Alignment | dict[str, Any]:
    """Align features of a rendered score with those of a recording that may jump between sections.

    Parameters
    ----------
    score : Score
    x, y : Features
        Of the rendering, which begins ``lead_in`` seconds before the score, and of the recording.
    lead_in : float
    metric, threshold
        As in `align_bench.paths.dtw`.

    Returns
    -------
    Alignment or dict
        The time map in seconds of score time, with ``structure`` and ``passes`` in its info; without jumps
        only the facts, because then plain DTW has the path.
    """
    parts = sections(score)
    frames = np.round((parts.edges + lead_in) * x.frame_rate).astype(np.int64)
    frames = np.minimum(frames, x.values.shape[1] - 1)
    starts = np.unique(frames[frames > 0])  # the last: a recording may end after any section
    if len(parts.labels) < 2 or starts.size != len(parts.edges):
        return {"structure": _facts(parts, list(range(len(parts.labels))))}
    penalty = PENALTY_S * y.frame_rate * mean_cost(x.values, y.values, metric=metric, threshold=threshold)
    path = jump_dtw(x.values, y.values, starts, penalty=penalty, metric=metric, threshold=threshold)
    if not jumps(path.steps).size:
        return {"structure": _facts(parts, list(range(len(parts.labels))))}
    played = passes(path, starts.tolist())
    chosen = in_score_order(played)
    music = [k for k, p in enumerate(played) if 0 <= p.section < len(parts.labels)]
    info = {
        "dtw": path.method,
        "tie_rule": path.tie_rule,
        "path_cost": path.cost,
        "structure": _facts(parts, [played[k].section for k in music]),
        "passes": [
            _described(played[k], parts, k in chosen, x.frame_rate, y.frame_rate, lead_in) for k in music
        ],
    }
    alignment = passes_to_alignment(played, chosen, x.frame_rate, y.frame_rate, info)
    return Alignment(alignment.score_times - lead_in, alignment.audio_times, info)


def _facts(parts: Sections, played: Sequence[int]) -> dict[str, Any]:
    return {
        "score": " ".join(parts.labels),
        "played": " ".join(parts.labels[k] for k in played),
        "as_written": list(played) == list(range(len(parts.labels))),
        "sections": [round(float(edge), 3) for edge in parts.edges],
        "source": parts.source,
    }


def _described(
    one: Pass, parts: Sections, mapped: bool, score_rate: float, audio_rate: float, lead_in: float
) -> dict[str, Any]:
    """Say which section was played when; a pass that the time map leaves out has a time map of its own."""
    told: dict[str, Any] = {
        "section": one.section,
        "label": parts.labels[one.section],
        "score_s": [round(float(k / score_rate - lead_in), 3) for k in one.cells[[0, -1], 0]],
        "audio_s": [round(float(k / audio_rate), 3) for k in one.cells[[0, -1], 1]],
        "in_time_map": mapped,
    }
    if not mapped:
        knots = knots_of(one.cells, score_rate, audio_rate)
        told["score_times"] = [round(float(t - lead_in), 4) for t in knots[:, 0]]
        told["audio_times"] = [round(float(t), 4) for t in knots[:, 1]]
    return told
