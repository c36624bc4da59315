"""Standard MIDI files: notes in ticks, and the tempo map that says when they sound."""

from __future__ import annotations

import io
from collections import deque
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from align_bench.errors import InvalidInputError
from align_bench.types import FloatArray, IntArray, Score

# The longest scores take some 100 kB; mido needs more than a second for a MB.
MAX_BYTES = 2**20
MAX_DURATION_S = 10 * 3600.0
# A-MAPS holds single ticks at 3,750 quarter notes a minute; faster than this is no tempo but a defect.
MAX_MIDI_TEMPO = 60_000.0
PERCUSSION_CHANNEL = 9


@dataclass(frozen=True, eq=False)
class MidiNotes:
    """The notes of a MIDI file in ticks, and its tempo map.

    Attributes
    ----------
    on_ticks, off_ticks, pitches, velocities : numpy.ndarray, shape (n_notes,)
        Note onsets and offsets in ticks, MIDI note numbers and velocities, in the order of the file.
    ticks_per_quarter : int
    tempo_ticks, tempi : numpy.ndarray, shape (n_tempi,)
        Where each tempo begins, and how many microseconds a quarter note then takes. The first is at 0.
    name : str
        For messages only.
    """

    on_ticks: FloatArray
    off_ticks: FloatArray
    pitches: IntArray
    velocities: IntArray
    ticks_per_quarter: int
    tempo_ticks: FloatArray
    tempi: FloatArray
    name: str

    def seconds(self, ticks: ArrayLike) -> FloatArray:
        """Return the time of each tick under the tempo map, in seconds."""
        wanted = np.asarray(ticks, dtype=np.float64)
        per_tick = self.tempi / (self.ticks_per_quarter * 1e6)
        begins = np.concatenate(([0.0], np.cumsum(np.diff(self.tempo_ticks) * per_tick[:-1])))
        here = np.searchsorted(self.tempo_ticks, wanted, side="right") - 1
        return np.asarray(begins[here] + (wanted - self.tempo_ticks[here]) * per_tick[here], dtype=np.float64)

    def score(self) -> Score:
        """Return the notes at the file's own times."""
        return Score(
            self.seconds(self.on_ticks),
            self.seconds(self.off_ticks),
            self.pitches,
            self.velocities,
            self.name,
        )


def read_midi(data: bytes, name: str) -> MidiNotes:
    """Parse a standard MIDI file of type 0 or 1.

    Parameters
    ----------
    data : bytes
    name : str
        The file's name, for messages.

    Raises
    ------
    InvalidInputError
        If it cannot be parsed, has no notes besides percussion, or lasts longer than ten hours.
    """
    import mido

    if len(data) > MAX_BYTES:
        raise InvalidInputError(f"MIDI must be at most {MAX_BYTES // 2**20} MB, got more ({name}).")
    if data[:4] != b"MThd":
        raise InvalidInputError(f"score must be a standard MIDI file, got other bytes ({name}).")
    try:
        midi = mido.MidiFile(file=io.BytesIO(data))
    except Exception as error:  # mido lets IndexError, KeyError and others through on corrupt files
        raise InvalidInputError(
            f"score must be a readable MIDI file, got {reason(error)} ({name})."
        ) from error
    if midi.type not in (0, 1) or midi.ticks_per_beat <= 0:
        raise InvalidInputError(
            f"score must be MIDI of type 0 or 1 with ticks a quarter note, got type {midi.type} with "
            f"division {midi.ticks_per_beat} ({name}). Export it again."
        )
    notes: list[tuple[int, int, int, int]] = []
    tempi: list[tuple[int, int]] = []
    for track in midi.tracks:
        _read_track(track, notes, tempi)
    if not notes:
        raise InvalidInputError(f"score must have notes, got a MIDI file without any ({name}).")
    tempi.sort(key=lambda entry: entry[0])
    at_tick = {0: 500_000} | dict(tempi)
    columns = np.array(notes, dtype=np.int64)
    parsed = MidiNotes(
        on_ticks=columns[:, 0].astype(np.float64),
        off_ticks=columns[:, 1].astype(np.float64),
        pitches=columns[:, 2],
        velocities=columns[:, 3],
        ticks_per_quarter=int(midi.ticks_per_beat),
        tempo_ticks=np.array(list(at_tick), dtype=np.float64),
        tempi=np.array(list(at_tick.values()), dtype=np.float64),
        name=name,
    )
    if parsed.tempi.min() < 60e6 / MAX_MIDI_TEMPO:
        raise InvalidInputError(
            f"tempo must be at most {MAX_MIDI_TEMPO:.0f} quarter notes a minute, got "
            f"{parsed.tempi.min():.0f} microseconds a quarter note ({name})."
        )
    check_duration(float(parsed.seconds(parsed.off_ticks.max())), name)
    return parsed


def _read_track(track: Any, notes: list[tuple[int, int, int, int]], tempi: list[tuple[int, int]]) -> None:
    """Append the notes of a track (on, off, pitch, velocity) and its tempi (tick, microseconds)."""
    tick = 0
    sounding: dict[tuple[int, int], deque[tuple[int, int]]] = {}
    for message in track:
        tick += message.time
        if message.type == "set_tempo":
            tempi.append((tick, message.tempo))
        elif message.type in ("note_on", "note_off") and message.channel != PERCUSSION_CHANNEL:
            key = (message.channel, message.note)
            if message.type == "note_on" and message.velocity > 0:
                sounding.setdefault(key, deque()).append((tick, message.velocity))
            elif sounding.get(key):
                # A pitch that is struck again before its note-off: the first stroke ends first.
                on, velocity = sounding[key].popleft()
                notes.append((on, tick, message.note, velocity))
    for (_, pitch), left in sounding.items():
        notes.extend((on, tick, pitch, velocity) for on, velocity in left)


def check_duration(seconds: float, name: str) -> None:
    """Refuse a score of more than ten hours."""
    if not seconds <= MAX_DURATION_S:
        raise InvalidInputError(
            f"score must last at most {MAX_DURATION_S / 3600:g} hours, got {seconds / 3600:.1f} ({name}). "
            f"Check its tempo and its last note."
        )


def reason(error: Exception) -> str:
    """Return an exception in words, for those that have none too."""
    return f"{type(error).__name__}: {str(error)[:200]}" if str(error) else type(error).__name__
