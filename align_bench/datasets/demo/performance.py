"""An expressive performer: where and how loudly the notes of a piece are played.

Tempo arcs over phrases and a final ritardando (the runner's curve of Friberg & Sundberg), breaths between
phrases, slow random drift, melody lead, rolled chords, small asynchronies, dynamics shaped by phrase, voice
and metre, and a sustain pedal that prolongs notes. Everything is drawn from one seed.

References
----------
* A. Friberg, J. Sundberg, "Does music performance allude to locomotion? A model of final ritardandi derived
  from measurements of stopping runners", JASA 105(3), 1999. Eq. 1: v(x) = (1 + (w^q - 1) x)^(1/q).
* W. Goebl, "Melody lead in piano performance: Expressive device or artifact?", JASA 110(1), 2001.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

import numpy as np

from align_bench.datasets.demo.notation import Piece, bar_starts, parse
from align_bench.types import FloatArray, IntArray, Reference

_ARC = 0.13  # how much slower a phrase begins and ends than it goes in its middle
_FINAL_SPEED, _FINAL_CURVATURE = 0.55, 2.5  # w and q of the ritardando
_MELODY_LEAD_S = 0.018
_JITTER_S = 0.006
_SHORTEST_S = 0.06


@dataclass(frozen=True, eq=False)
class Performance:
    """What was played, one row a note, ascending by score time.

    Attributes
    ----------
    score_times, onsets, offsets : numpy.ndarray, shape (n_notes,)
        Seconds of score time; seconds in the performance, offsets including the pedal.
    pitches, velocities : numpy.ndarray, shape (n_notes,)
    duration : float
        Seconds, with the silence before and after.
    """

    score_times: FloatArray
    onsets: FloatArray
    offsets: FloatArray
    pitches: IntArray
    velocities: IntArray
    duration: float

    @property
    def reference(self) -> Reference:
        """The ground truth, exact because the recording is made from it."""
        return Reference.from_notes(self.score_times, self.onsets)


def perform(piece: Piece, seed: int) -> Performance:
    """Play a piece.

    Parameters
    ----------
    piece : Piece
    seed : int
        The same seed gives the same performance.
    """
    rng = np.random.default_rng(seed)
    notes = parse(piece)
    positions, times = _time_map(piece, rng)

    def when(quarters: list[Fraction]) -> FloatArray:
        return np.interp([float(q) for q in quarters], positions, times)

    starts = [note.onset for note in notes]
    ends = [note.onset + note.duration for note in notes]
    voices = np.array([note.voice for note in notes])
    pitches = np.array([note.pitch for note in notes])
    beats, finish = when(starts), when(ends)
    lengths = finish - beats

    # Asynchronies stay well below the length of a note, so that quick notes keep their order.
    jitter = np.clip(rng.normal(scale=_JITTER_S, size=beats.size), -2 * _JITTER_S, 2 * _JITTER_S)
    lead = _MELODY_LEAD_S * rng.uniform(0.5, 1.5, size=beats.size)
    shift = jitter - np.where(voices == 0, lead, 0.0) * _in_company(starts, voices)
    onsets = beats + np.clip(shift, -0.25 * lengths, 0.25 * lengths) + _rolls(piece, starts, pitches, rng)

    held = onsets + lengths * np.where(voices == 0, 0.95, 0.88)
    if piece.pedal:
        # The pedal goes up just after the beat and catches what still sounds then.
        change = [(end // piece.pedal + 1) * piece.pedal if end % piece.pedal else end for end in ends]
        held = np.maximum(held, when(change) + 0.08)
    offsets = np.maximum(held, onsets + _SHORTEST_S)
    before, after = rng.uniform(0.6, 1.4), rng.uniform(1.2, 1.8)
    return Performance(
        score_times=np.array([float(s) for s in starts]) * 60.0 / piece.tempo,
        onsets=onsets + before,
        offsets=offsets + before,
        pitches=pitches,
        velocities=_velocities(piece, starts, voices, rng),
        duration=float(offsets.max() + before + after),
    )


def _phrases(piece: Piece) -> list[tuple[float, float]]:
    """Return the (start, end) of every phrase in quarters."""
    bars = bar_starts(piece)
    edges = [float(bars[bar - 1]) for bar in piece.phrases] + [float(bars[-1])]
    return list(pairwise(edges))


def _time_map(piece: Piece, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """Return score positions in quarters, eight a quarter, and when they are played, in seconds from 0."""
    bars = bar_starts(piece)
    end = float(bars[-1])
    grid = np.arange(0.0, end + 0.0625, 0.125)
    middles = grid[:-1] + 0.0625
    period = np.full(middles.size, 60.0 / piece.tempo * rng.uniform(0.84, 1.14))
    pauses = np.zeros(middles.size)
    for start, stop in _phrases(piece):
        inside = (middles >= start) & (middles < stop)
        x = (middles[inside] - start) / (stop - start)
        period[inside] *= 1.0 + _ARC * rng.uniform(0.5, 1.5) * (4.0 * (x - rng.uniform(0.35, 0.5)) ** 2 - 0.3)
        if stop < end:
            pauses[np.flatnonzero(inside)[-1]] = rng.uniform(0.0, 0.12)
    # Slow drift: a random walk through beats that is drawn back to 0.
    drift = np.zeros(int(np.ceil(end)) + 2)
    for beat in range(1, drift.size):
        drift[beat] = 0.6 * drift[beat - 1] + rng.normal(scale=0.035)
    period *= np.exp(np.interp(middles, np.arange(drift.size), drift))
    # Final ritardando over the last two bars.
    from_bar = float(bars[max(0, len(bars) - 3)])
    x = np.clip((middles - from_bar) / (end - from_bar), 0.0, 1.0)
    period /= (1.0 + (_FINAL_SPEED**_FINAL_CURVATURE - 1.0) * x) ** (1.0 / _FINAL_CURVATURE)
    return grid, np.concatenate(([0.0], np.cumsum(period * 0.125 + pauses)))


def _in_company(starts: list[Fraction], voices: IntArray) -> FloatArray:
    """Return 1.0 for notes that begin together with another voice, else 0.0."""
    together: dict[Fraction, set[int]] = {}
    for start, voice in zip(starts, voices.tolist(), strict=True):
        together.setdefault(start, set()).add(voice)
    return np.array([float(len(together[start]) > 1) for start in starts])


def _rolls(piece: Piece, starts: list[Fraction], pitches: IntArray, rng: np.random.Generator) -> FloatArray:
    """Return by how many seconds rolling puts each note off its beat, 30 to 50 ms a note, from below."""
    rolled = {note.onset for note in parse(piece) if note.rolled}
    delays = np.zeros(len(starts))
    for onset in sorted(rolled):
        here = [i for i, start in enumerate(starts) if start == onset]
        rank = np.argsort(np.argsort(pitches[here]))
        delays[here] = (rank - (len(here) - 1) / 2) * rng.uniform(0.03, 0.05)
    return delays


def _velocities(piece: Piece, starts: list[Fraction], voices: IntArray, rng: np.random.Generator) -> IntArray:
    """Return MIDI velocities: an arch over each phrase, the melody above the rest, downbeats stressed."""
    at = np.array([float(start) for start in starts])
    level = np.zeros(at.size)
    for (start, stop), loud in zip(_phrases(piece), piece.dynamics, strict=True):
        inside = (at >= start) & (at < stop)
        level[inside] = loud + 9.0 * np.sin(np.pi * (at[inside] - start) / (stop - start))
    downbeats = set(bar_starts(piece))
    stress = np.array([3.0 if start in downbeats else 0.0 for start in starts])
    voiced = level + np.where(voices == 0, 9.0, -5.0) + stress + rng.normal(scale=2.5, size=at.size)
    return np.asarray(np.clip(np.rint(voiced), 20, 115), dtype=np.int64)
