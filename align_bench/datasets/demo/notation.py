"""A small text notation for piano music, read into notes.

A piece is a few voices; a voice is bars between ``|``; a bar is notes, chords and rests between spaces:

======================  ============================================================================
``C4/4``                middle C, a quarter; durations are fractions of a whole note (1, 2, 4, 8, 16, 32;
                        12 and 24 are triplets), with ``.`` for a dot; a note without one takes the last
``F#3+A3+Eb4/2``        a chord
``r/8``                 a rest
``C4/4~``               tied to the same pitches in the note that follows
``C3+G3+E4/1^``         a chord rolled from below
``( C4 E4 G4 )*3``      a group three times
``%``                   the bar before, again
======================  ============================================================================
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from align_bench.errors import InvalidInputError
from align_bench.types import Score

_STEPS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_GROUP = re.compile(r"\(([^()|]*)\)\*(\d+)")
_TOKEN = re.compile(r"(r|[A-G][#b]?\d(?:\+[A-G][#b]?\d)*)(?:/(\d+)(\.?))?(\^?)(~?)")


@dataclass(frozen=True)
class Note:
    """A note in score time; onset and duration in quarter notes, ``voice`` 0 is the melody."""

    onset: Fraction
    duration: Fraction
    pitch: int
    voice: int
    rolled: bool = False


@dataclass(frozen=True)
class Piece:
    """A piece of music and what a performer needs to know of it.

    Attributes
    ----------
    id, composer, title : str
    voices : tuple of str
        In the notation of this module; the first is the melody.
    metre : Fraction
        Length of a full bar in quarter notes.
    tempo : float
        Quarter notes a minute, in nominal time.
    phrases : tuple of int
        The bars at which phrases begin; the first bar, full or not, is 1.
    dynamics : tuple of int
        The MIDI velocity around which each phrase is played.
    pedal : Fraction
        The sustain pedal is changed this often, in quarter notes; 0 is no pedal.
    """

    id: str
    composer: str
    title: str
    voices: tuple[str, ...]
    metre: Fraction
    tempo: float
    phrases: tuple[int, ...]
    dynamics: tuple[int, ...]
    pedal: Fraction = Fraction(0)


def bar_starts(piece: Piece) -> list[Fraction]:
    """Return where bars begin in quarter notes, and last where the piece ends.

    Raises
    ------
    InvalidInputError
        If the voices have different numbers of bars, a bar differs between them or has not the length
        of the metre (the first and the last may be shorter), or a token cannot be read.
    """
    lengths = [
        [sum((d for _, d, _, _ in bar), Fraction(0)) for bar in _bars(v, piece.id)] for v in piece.voices
    ]
    if len({len(voice) for voice in lengths}) != 1:
        counts = ", ".join(str(len(voice)) for voice in lengths)
        raise InvalidInputError(f"voices must have one number of bars, got {counts} ({piece.id}).")
    for number, bar in enumerate(zip(*lengths, strict=True), start=1):
        whole = bar[0] == piece.metre or (number in (1, len(lengths[0])) and bar[0] < piece.metre)
        if len(set(bar)) != 1 or not whole:
            got = ", ".join(str(length) for length in bar)
            raise InvalidInputError(f"bar {number} must last {piece.metre} quarters, got {got} ({piece.id}).")
    starts = [Fraction(0)]
    for length in lengths[0]:
        starts.append(starts[-1] + length)
    return starts


def parse(piece: Piece) -> list[Note]:
    """Read the notes of a piece, ascending by onset, then pitch.

    A pitch that two voices begin together is one note, of the longer duration and the first voice.

    Raises
    ------
    InvalidInputError
        As `bar_starts`, or if a tie leads to no note of its pitch.
    """
    bar_starts(piece)
    found: dict[tuple[Fraction, int], Note] = {}
    for voice, text in enumerate(piece.voices):
        for note in _voice(text, voice, piece.id):
            old = found.get((note.onset, note.pitch))
            if old is not None:
                longer = max(old.duration, note.duration)
                note = Note(old.onset, longer, old.pitch, old.voice, old.rolled or note.rolled)
            found[note.onset, note.pitch] = note
    return [found[key] for key in sorted(found)]


def score(piece: Piece) -> Score:
    """Return a piece in nominal time: every note at the tempo written, all equally loud."""
    notes = parse(piece)
    quarter = 60.0 / piece.tempo
    starts = np.array([float(note.onset) * quarter for note in notes])
    ends = np.array([float(note.onset + note.duration) * quarter for note in notes])
    pitches = np.array([note.pitch for note in notes])
    return Score(starts, ends, pitches, np.full(pitches.size, 64), name=piece.id)


def _voice(text: str, voice: int, where: str) -> Iterator[Note]:
    """Yield the notes of one voice, ties joined."""
    now = Fraction(0)
    held: dict[int, Note] = {}
    for pitches, duration, rolled, tied in (token for bar in _bars(text, where) for token in bar):
        if held.keys() - set(pitches):
            raise InvalidInputError(
                f"a tie must lead to the same pitch, got none at quarter {now} ({where})."
            )
        for pitch in pitches:
            old = held.pop(pitch, None)
            onset = old.onset if old else now
            note = Note(onset, now + duration - onset, pitch, voice, old.rolled if old else rolled)
            if tied:
                held[pitch] = note
            else:
                yield note
        now += duration
    if held:
        raise InvalidInputError(f"a tie must lead to the same pitch, got the end of the piece ({where}).")


def _bars(text: str, where: str) -> list[list[tuple[tuple[int, ...], Fraction, bool, bool]]]:
    """Return the (pitches, quarters, rolled, tied) of each bar of a voice."""
    bars: list[list[tuple[tuple[int, ...], Fraction, bool, bool]]] = []
    quarters = Fraction(1)
    for bar_text in _GROUP.sub(lambda m: " ".join([m[1]] * int(m[2])), text).split("|"):
        if bar_text.strip() == "%" and bars:
            bars.append(bars[-1])
            continue
        bar = []
        for word in bar_text.split():
            match = _TOKEN.fullmatch(word)
            if match is None:
                raise InvalidInputError(
                    f"a note must look like C#4+E4/8., got {word!r} ({where}, bar {len(bars) + 1})."
                )
            names, denominator, dot, roll, tie = match.groups()
            if denominator:
                quarters = Fraction(4, int(denominator)) * (Fraction(3, 2) if dot else 1)
            pitches = () if names == "r" else tuple(_pitch(name) for name in names.split("+"))
            bar.append((pitches, quarters, bool(roll), bool(tie)))
        bars.append(bar)
    return bars


def _pitch(name: str) -> int:
    """Return the MIDI number of a pitch name: C4 is 60."""
    accidental = {"#": 1, "b": -1}.get(name[1:-1], 0)
    return 12 * (int(name[-1]) + 1) + _STEPS[name[0]] + accidental
