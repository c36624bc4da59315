"""Scores in nominal time: MIDI, MusicXML and kern.

MIDI keeps its own clock: score time is the file's time under its tempo map, and percussion (channel 10)
is left out. MusicXML and kern are laid out at one constant tempo, the first that the file states in
numbers (``<sound tempo>``, ``*MM``), or 120 quarter notes a minute. Grace notes have no time of their own
in a score and are left out; tied notes are one note; a pickup bar begins at 0 s.

Files come from anywhere, so every reader checks what it got before it builds anything: size, kind, XML
entities, zip members, tempo and duration. All that goes wrong is an `InvalidInputError`.
"""

from __future__ import annotations

import io
import sys
import warnings
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from xml.parsers import expat

import numpy as np
from numpy.typing import ArrayLike

from align_bench.errors import InvalidInputError
from align_bench.types import FloatArray, IntArray, Score

MIDI_SUFFIXES = (".mid", ".midi")
XML_SUFFIXES = (".musicxml", ".xml", ".mxl")
SUFFIXES = (*MIDI_SUFFIXES, *XML_SUFFIXES, ".krn")

MAX_BYTES = 16 * 2**20
MAX_DURATION_S = 10 * 3600.0
# A-MAPS holds single ticks at 3,750 quarter notes a minute; faster than this is no tempo but a defect.
MAX_MIDI_TEMPO = 60_000.0
TEMPO_RANGE = (5.0, 1000.0)
DEFAULT_TEMPO = 120.0
PERCUSSION_CHANNEL = 9
VELOCITY = 64


def load_score(path: str | Path, *, unfold_repeats: bool = False) -> Score:
    """Read a score.

    Parameters
    ----------
    path : str or pathlib.Path
        ``.mid``, ``.midi``, ``.musicxml``, ``.xml``, ``.mxl`` or ``.krn``.
    unfold_repeats : bool, optional
        Write out all repeats of a MusicXML or kern score (the longest path through it, da capo and dal
        segno included). MIDI has no repeats.

    Returns
    -------
    Score

    Raises
    ------
    InvalidInputError
        If there is no such file, it is not what its suffix says, it has no notes, it is longer than ten
        hours, or it is built to harm its reader (entities, zip members outside the archive).
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise InvalidInputError(
            f"score must be {', '.join(SUFFIXES)}, got {str(path)!r}. Convert it, e.g. with MuseScore."
        )
    data = read_file(path)
    if suffix in MIDI_SUFFIXES:
        return read_midi(data, str(path)).score()
    if suffix == ".krn":
        _check_kern(data, path)
    else:
        data = _unzip(data, path) if data[:2] == b"PK" else data
        _check_musicxml(data, path)
    return _notated_score(data, path, unfold_repeats)


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

    if data[:4] != b"MThd":
        raise InvalidInputError(f"score must be a standard MIDI file, got other bytes ({name}).")
    try:
        midi = mido.MidiFile(file=io.BytesIO(data))
    except Exception as error:  # mido lets IndexError, KeyError and others through on corrupt files
        raise InvalidInputError(
            f"score must be a readable MIDI file, got {_reason(error)} ({name})."
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
    _check_duration(float(parsed.seconds(parsed.off_ticks.max())), name)
    return parsed


def _read_track(track: Any, notes: list[tuple[int, int, int, int]], tempi: list[tuple[int, int]]) -> None:
    """Append the notes of a track (on, off, pitch, velocity) and its tempi (tick, microseconds)."""
    tick = 0
    sounding: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for message in track:
        tick += message.time
        if message.type == "set_tempo":
            tempi.append((tick, message.tempo))
        elif message.type in ("note_on", "note_off") and message.channel != PERCUSSION_CHANNEL:
            key = (message.channel, message.note)
            if message.type == "note_on" and message.velocity > 0:
                sounding.setdefault(key, []).append((tick, message.velocity))
            elif sounding.get(key):
                # A pitch that is struck again before its note-off: the first stroke ends first.
                on, velocity = sounding[key].pop(0)
                notes.append((on, tick, message.note, velocity))
    for (_, pitch), left in sounding.items():
        notes.extend((on, tick, pitch, velocity) for on, velocity in left)


def _notated_score(data: bytes, path: Path, unfold_repeats: bool) -> Score:
    """Lay out MusicXML or kern at its nominal tempo."""
    partitura = _import_partitura()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # partitura comments on slurs and beams, which we do not use
            if path.suffix.lower() == ".krn":
                parts = partitura.load_kern(str(path)).parts
            else:
                parts = partitura.load_musicxml(io.BytesIO(data)).parts
            rows = [row for part in parts for row in _part_notes(partitura, part, unfold_repeats)]
            tempi = [tempo for part in parts for tempo in part.iter_all(partitura.score.Tempo)]
            first = min(tempi, key=lambda tempo: tempo.start.t, default=None)
            tempo = (
                float(partitura.utils.music.to_quarter_tempo(first.unit or "q", first.bpm))
                if first
                else DEFAULT_TEMPO
            )
    except Exception as error:  # partitura raises whatever its parsers meet
        raise InvalidInputError(
            f"score must be readable MusicXML or kern, got {_reason(error)} ({path}). "
            f"Open and export it again, e.g. with MuseScore."
        ) from error
    if not rows:
        raise InvalidInputError(f"score must have notes, got none ({path}).")
    if not TEMPO_RANGE[0] <= tempo <= TEMPO_RANGE[1]:
        raise InvalidInputError(
            f"tempo must be {TEMPO_RANGE[0]:g} to {TEMPO_RANGE[1]:g} quarter notes a minute, "
            f"got {tempo:g} ({path})."
        )
    columns = np.array(rows, dtype=np.float64)
    times = columns[:, :2] * (60.0 / tempo)
    _check_duration(float(times.max()), str(path))
    return Score(
        times[:, 0], times[:, 1], columns[:, 2].astype(np.int64), np.full(len(rows), VELOCITY), str(path)
    )


def _part_notes(partitura: Any, part: Any, unfold_repeats: bool) -> list[tuple[float, float, int]]:
    """Return (onset, offset, pitch) of the notes of a part, in quarter notes from its beginning."""
    score = partitura.score
    notes = [n for n in part.notes_tied if not isinstance(n, score.GraceNote) and hasattr(n, "midi_pitch")]
    if not notes:
        return []
    begin = float(part.quarter_map(part.first_point.t))
    on = np.array([part.quarter_map(n.start.t) for n in notes], dtype=np.float64) - begin
    off = np.array([part.quarter_map(n.end_tied.t) for n in notes], dtype=np.float64) - begin
    pitches = [int(n.midi_pitch) for n in notes]
    if not unfold_repeats:
        return list(zip(on.tolist(), off.tolist(), pitches, strict=True))
    # partitura's own unfolding copies the part recursively and fails on whole pieces: order the notes
    # along its path instead. A note that is tied over a repeat sign keeps its written length.
    path = score.get_paths(part, no_repeats=False, all_repeats=True)[0]
    rows: list[tuple[float, float, int]] = []
    elapsed = 0.0
    for segment_id in path.path:
        segment = path.segments[segment_id]
        first = float(part.quarter_map(segment.start.t)) - begin
        last = float(part.quarter_map(segment.end.t)) - begin
        shift = elapsed - first
        for k in np.flatnonzero((on >= first) & (on < last)):
            rows.append((float(on[k]) + shift, float(off[k]) + shift, pitches[k]))
        elapsed += last - first
    return rows


def _import_partitura() -> Any:
    """Import partitura without letting it see pyfluidsynth.

    partitura 1.9.0 downloads a soundfont of 35 MB while it is *imported* if pyfluidsynth works, and
    fails without a network; we only read scores with it.
    """
    if "partitura" in sys.modules:
        return sys.modules["partitura"]
    seen = sys.modules.get("fluidsynth")
    sys.modules["fluidsynth"] = None  # type: ignore[assignment]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import partitura
    finally:
        if seen is None:
            del sys.modules["fluidsynth"]
        else:
            sys.modules["fluidsynth"] = seen
    return partitura


def read_file(path: Path) -> bytes:
    """Read a file of bounded size."""
    if not path.is_file():
        raise InvalidInputError(f"score must be a file, got {str(path)!r}, which does not exist.")
    try:
        with path.open("rb") as handle:
            data = handle.read(MAX_BYTES + 1)
    except OSError as error:
        raise InvalidInputError(f"score must be readable, got {error} ({path}).") from error
    _check_size(len(data), str(path))
    return data


def _check_size(size: int, name: str) -> None:
    if size > MAX_BYTES:
        raise InvalidInputError(f"score must be at most {MAX_BYTES // 2**20} MB, got more ({name}).")


def _check_duration(seconds: float, name: str) -> None:
    if not seconds <= MAX_DURATION_S:
        raise InvalidInputError(
            f"score must last at most {MAX_DURATION_S / 3600:g} hours, got {seconds / 3600:.1f} ({name}). "
            f"Check its tempo and its last note."
        )


def _check_musicxml(data: bytes, path: Path) -> None:
    """Refuse what is not well-formed MusicXML, or declares entities (which can expand without bound)."""
    roots: list[str] = []

    def on_entity(name: str, *_: Any) -> None:
        raise InvalidInputError(f"MusicXML must not declare entities, got {name!r} ({path}).")

    def on_start(name: str, _: Any) -> None:
        roots.append(name)
        parser.StartElementHandler = None

    parser = expat.ParserCreate()
    parser.EntityDeclHandler = on_entity
    parser.StartElementHandler = on_start
    try:
        parser.Parse(data, True)
    except (expat.ExpatError, ValueError, LookupError) as error:
        raise InvalidInputError(
            f"score must be MusicXML, got XML that does not parse: {error} ({path})."
        ) from error
    if roots[0] != "score-partwise":
        raise InvalidInputError(
            f"MusicXML must have the root <score-partwise>, got <{roots[0][:40]}> ({path}). Export it again, "
            f"e.g. with MuseScore."
        )


def _unzip(data: bytes, path: Path) -> bytes:
    """Return the score inside a compressed MusicXML file."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for member in archive.infolist():
                parts = PurePosixPath(member.filename.replace("\\", "/"))
                if parts.is_absolute() or ".." in parts.parts:
                    raise InvalidInputError(
                        f"zip members must stay inside the archive, got {member.filename!r} ({path})."
                    )
            scores = [
                m
                for m in archive.infolist()
                if m.filename.lower().endswith((".xml", ".musicxml"))
                and not m.filename.startswith("META-INF")
            ]
            if not scores:
                raise InvalidInputError(
                    f"compressed MusicXML must hold a .xml or .musicxml file, got none ({path})."
                )
            _check_size(scores[0].file_size, f"{path}, unpacked")
            return archive.read(scores[0])
    except (zipfile.BadZipFile, zlib.error, RuntimeError, OSError, EOFError, ValueError) as error:
        raise InvalidInputError(
            f"score must be compressed MusicXML, got {_reason(error)} ({path})."
        ) from error


def _check_kern(data: bytes, path: Path) -> None:
    """Refuse what is not kern, or would make partitura build a huge table of strings."""
    lines = [line for line in data.splitlines() if not line.startswith(b"!!")]
    if b"**kern" not in data:
        raise InvalidInputError(f"score must be kern with a **kern spine, got none ({path}).")
    columns = max(line.count(b"\t") + 1 for line in lines)
    widest = max(len(token) for line in lines for token in line.split(b"\t"))
    if len(lines) * columns * widest * 4 > 2**30:
        raise InvalidInputError(
            f"kern must be a table of short tokens, got one of {widest} characters ({path})."
        )


def _reason(error: Exception) -> str:
    """Return an exception in words, for those that have none too."""
    return f"{type(error).__name__}: {str(error)[:200]}" if str(error) else type(error).__name__
