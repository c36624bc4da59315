"""The sections of a score: what a performer may leave out or play again.

They begin where the file has signs (repeats, voltas, double bars, da capo). A score without signs (MIDI)
is searched for passages that come again note for note: written-out repeats begin and end there.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from string import ascii_uppercase

import numpy as np

from align_bench.types import TIME_RESOLUTION, FloatArray, IntArray, Score

SHORTEST_S = 4.0
"""A passage that comes again counts from this length, in seconds of score time; shorter ones are motifs."""
MOST_ONSETS = 20_000  # every pair of onsets is compared


@dataclass(frozen=True, eq=False)
class Sections:
    """Where the sections of a score start, and which of them are alike.

    Attributes
    ----------
    edges : numpy.ndarray, shape (n_sections + 1,)
        Seconds of score time; the last is the end of the music.
    labels : tuple of str
        One for each section; sections with the same notes have the same.
    source : {"signs", "repetitions"}
        Where the sections come from.
    """

    edges: FloatArray
    labels: tuple[str, ...]
    source: str


def sections(score: Score) -> Sections:
    """Divide a score into sections.

    Parameters
    ----------
    score : Score

    Returns
    -------
    Sections
        A single one if the score has neither signs nor repetitions.
    """
    first, last, end = float(score.onsets[0]), float(score.onsets[-1]), score.duration
    inside = _inside(score.boundaries, first, last)
    source = "signs" if inside.size else "repetitions"
    if not inside.size:
        inside = _inside(repetitions(score), first, last)
    edges = np.concatenate(([first], inside, [end]))
    return Sections(edges, _labels(score, edges), source)


def repetitions(score: Score, shortest: float = SHORTEST_S) -> FloatArray:
    """Return where passages begin and end that come again note for note.

    Parameters
    ----------
    score : Score
    shortest : float, optional
        In seconds of score time: of the passage, and from its beginning to that of its repetition.

    Returns
    -------
    numpy.ndarray, shape (n_boundaries,)
        Seconds of score time, ascending.
    """
    onsets = score.onsets
    if onsets.size > MOST_ONSETS:
        return np.empty(0)
    tokens = _tokens(score)
    ends = np.append(onsets[1:], score.duration)
    found: set[int] = set()
    for lag in range(1, tokens.size):
        if onsets[-1] - onsets[-1 - lag] < shortest and onsets[lag] - onsets[0] < shortest:
            continue
        same = np.concatenate(([False], tokens[lag:] == tokens[:-lag], [False]))
        turns = np.flatnonzero(np.diff(same.astype(np.int8)))
        for begin, stop in turns.reshape(-1, 2):
            long_enough = ends[stop - 1] - onsets[begin] >= shortest
            if long_enough and onsets[begin + lag] - onsets[begin] >= shortest:
                found |= {int(begin), int(stop), int(begin + lag), int(stop + lag)}
    return np.array([onsets[k] for k in sorted(found) if k < onsets.size], dtype=np.float64)


def _inside(times: FloatArray, first: float, last: float) -> FloatArray:
    return times[(times > first + TIME_RESOLUTION) & (times <= last + TIME_RESOLUTION)]


def _tokens(score: Score) -> IntArray:
    """Return a number for each onset: the same where pitches and the time to the next onset (in ms) are."""
    at = np.searchsorted(score.onsets, score.starts + TIME_RESOLUTION, side="right") - 1
    gaps = np.round(np.diff(score.onsets, append=score.duration) * 1000).astype(np.int64)
    chords: list[list[int]] = [[] for _ in score.onsets]
    for k, pitch in zip(at, score.pitches, strict=True):
        chords[k].append(int(pitch))
    known: dict[tuple[int, ...], int] = {}
    keys = [(int(gap), *chord) for gap, chord in zip(gaps, chords, strict=True)]
    return np.array([known.setdefault(key, len(known)) for key in keys], dtype=np.int64)


def _labels(score: Score, edges: FloatArray) -> tuple[str, ...]:
    """Return A, B, C, ..., the same for sections with the same notes; after Z come S27, S28, ..."""
    known: dict[bytes, str] = {}
    labels = []
    for begin, end in pairwise(edges):
        here = (score.starts > begin - TIME_RESOLUTION) & (score.starts < end - TIME_RESOLUTION)
        rows = np.column_stack([np.round((score.starts[here] - begin) * 1000), score.pitches[here]])
        n = len(known)
        label = ascii_uppercase[n] if n < len(ascii_uppercase) else f"S{n + 1}"
        labels.append(known.setdefault(rows.tobytes(), label))
    return tuple(labels)
