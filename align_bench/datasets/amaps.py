"""A-MAPS: a score and a note-level reference for the piano pieces of MAPS.

MAPS holds performances only. A-MAPS (Ycart & Benetos, "A-MAPS: Augmented MAPS Dataset with Rhythm and Key
Annotations", ISMIR late-breaking 2018) gives the same notes on a beat grid, in MIDI files whose tempo map
follows the performance. So each note has two times: its position in quarter notes (the score), and its
time under the tempo map (the performance). The score is laid out here at one tempo: positions within
0.02 quarter of a grid line are put on it, and the tempo is the metronome mark nearest to the median.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from align_bench.errors import InvalidInputError
from align_bench.midi import MidiNotes, read_midi
from align_bench.scores import VELOCITY, read_file
from align_bench.types import FloatArray, IntArray, Reference, Score

# Divisions of a quarter note, coarse to fine: where two grids are equally near, the coarser one has it.
GRIDS = (8, 12, 16, 24, 32)
SNAP_QUARTERS = 0.02
# The marks of Maelzel's metronome, in quarter notes a minute.
METRONOME = (
    *range(40, 60, 2), *range(60, 72, 3), *range(72, 120, 4), *range(120, 144, 6), *range(144, 209, 8),
)  # fmt: skip
# Onsets of MAPS and A-MAPS agree to 3 ms; the text files round to microseconds.
MATCH_S = 0.003 + 1e-5
MIN_MATCHED = 0.9
# Ten hours at 200 a minute are 120,000; one number a beat is kept.
MAX_QUARTERS = 1_000_000


@dataclass(frozen=True, eq=False)
class NominalNotes:
    """Notes with their place in the score and their time in the performance.

    Attributes
    ----------
    on_quarters, off_quarters : numpy.ndarray, shape (n_notes,)
        Score positions in quarter notes.
    times : numpy.ndarray, shape (n_notes,)
        Performed onsets in seconds, non-decreasing.
    pitches : numpy.ndarray, shape (n_notes,)
        MIDI note numbers.
    tempo : float
        Nominal tempo in quarter notes a minute.
    name : str
        For messages only.
    """

    on_quarters: FloatArray
    off_quarters: FloatArray
    times: FloatArray
    pitches: IntArray
    tempo: float
    name: str

    def score(self, until: float = np.inf) -> Score:
        """Return the notes performed until a time in seconds, at the nominal tempo."""
        here = self.times <= until
        seconds = 60.0 / self.tempo
        return Score(
            self.on_quarters[here] * seconds,
            self.off_quarters[here] * seconds,
            self.pitches[here],
            np.full(int(here.sum()), VELOCITY),
            self.name,
        )


def flatten_amaps(path: str | Path) -> NominalNotes:
    """Read an A-MAPS MIDI file and take the performance out of its tempo map.

    Parameters
    ----------
    path : str or pathlib.Path

    Returns
    -------
    NominalNotes
        Sorted by performed onset.

    Raises
    ------
    InvalidInputError
        If it is not a MIDI file with notes, or has more than a million quarter notes.
    """
    return flatten(read_midi(read_file(Path(path)), str(path)))


def flatten(midi: MidiNotes) -> NominalNotes:
    """Return the notes of a parsed A-MAPS file at nominal times; see `flatten_amaps` for the errors."""
    n_beats = int(midi.on_ticks.max() / midi.ticks_per_quarter) + 2
    if n_beats > MAX_QUARTERS:
        raise InvalidInputError(
            f"A-MAPS score must have at most {MAX_QUARTERS:,} quarter notes, got {n_beats:,} ({midi.name})."
        )
    times = midi.seconds(midi.on_ticks)
    order = np.lexsort((midi.pitches, times))
    on_quarters = snap(midi.on_ticks / midi.ticks_per_quarter)[order]
    off_quarters = snap(midi.off_ticks / midi.ticks_per_quarter)[order]
    beats = np.arange(n_beats) * midi.ticks_per_quarter
    median = float(np.median(60.0 / np.diff(midi.seconds(beats))))
    return NominalNotes(
        on_quarters=on_quarters,
        off_quarters=np.maximum(off_quarters, on_quarters + 1 / max(GRIDS)),
        times=times[order],
        pitches=midi.pitches[order],
        tempo=float(min(METRONOME, key=lambda mark: abs(mark - median))),
        name=midi.name,
    )


def snap(quarters: FloatArray) -> FloatArray:
    """Put positions that are within 0.02 quarter of a grid line on the nearest one.

    Parameters
    ----------
    quarters : numpy.ndarray, shape (n,)

    Returns
    -------
    numpy.ndarray, shape (n,)
    """
    lines = np.stack([np.round(quarters * grid) / grid for grid in GRIDS])
    # Rounded, because equal distances to two grids differ in the last bit.
    distances = np.round(np.abs(lines - quarters), 9)
    nearest = distances.argmin(axis=0)
    columns = np.arange(quarters.size)
    near = distances[nearest, columns] <= SNAP_QUARTERS
    return np.where(near, lines[nearest, columns], quarters)


def reference(notes: NominalNotes, onsets: FloatArray, pitches: IntArray) -> Reference:
    """Match the annotated notes of a recording with the notes of its score.

    Parameters
    ----------
    notes : NominalNotes
    onsets : numpy.ndarray, shape (n_annotated,)
        Annotated onsets in the recording, in seconds.
    pitches : numpy.ndarray, shape (n_annotated,)
        Their MIDI note numbers.

    Returns
    -------
    Reference
        The annotated onsets of all matched notes, at the nominal times of their score notes.

    Raises
    ------
    InvalidInputError
        If fewer than 90 % of the annotated notes have a score note of the same pitch within 3 ms.
    """
    taken = np.zeros(notes.times.size, dtype=bool)
    matched: list[tuple[float, float]] = []
    for onset, pitch in zip(onsets, pitches, strict=True):
        low, high = np.searchsorted(notes.times, (onset - MATCH_S, onset + MATCH_S))
        same = low + np.flatnonzero((notes.pitches[low:high] == pitch) & ~taken[low:high])
        if same.size:
            k = int(same[np.abs(notes.times[same] - onset).argmin()])
            taken[k] = True
            matched.append((float(notes.on_quarters[k]) * 60.0 / notes.tempo, float(onset)))
    if not matched or len(matched) < MIN_MATCHED * len(onsets):
        raise InvalidInputError(
            f"annotated notes must be those of the score within {MATCH_S * 1e3:.0f} ms, got "
            f"{len(matched)} of {len(onsets)} that are ({notes.name}). "
            f"Is it the A-MAPS file of this recording?"
        )
    matched.sort()
    columns = np.array(matched)
    return Reference.from_notes(columns[:, 0], columns[:, 1])
