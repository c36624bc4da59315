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
import warnings
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import Any
from xml.parsers import expat

import numpy as np
from numpy.typing import ArrayLike

from align_bench.errors import InvalidInputError
from align_bench.midi import check_duration, read_midi, reason
from align_bench.partial import import_partitura
from align_bench.types import FloatArray, Score

MIDI_SUFFIXES = (".mid", ".midi")
XML_SUFFIXES = (".musicxml", ".xml", ".mxl")
SUFFIXES = (*MIDI_SUFFIXES, *XML_SUFFIXES, ".krn")

MAX_BYTES = 16 * 2**20
TEMPO_RANGE = (5.0, 1000.0)
DEFAULT_TEMPO = 120.0
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
    if suffix in MIDI_SUFFIXES:
        return read_midi(read_file(path), str(path)).score()
    notes, tempo, boundaries = load_notation(path, unfold_repeats=unfold_repeats)
    return lay_out(notes, tempo, str(path), boundaries)


def load_notation(path: Path, *, unfold_repeats: bool = False) -> tuple[FloatArray, float, FloatArray]:
    """Read the notes of a MusicXML or kern score.

    Parameters
    ----------
    path : pathlib.Path
    unfold_repeats : bool, optional

    Returns
    -------
    notes : numpy.ndarray, shape (n_notes, 3)
        Onset and offset in quarter notes from the beginning of the first bar, and MIDI note number.
    tempo : float
        Quarter notes a minute.
    boundaries : numpy.ndarray, shape (n_boundaries,)
        Where repeats, voltas, double bars and the like stand, in quarter notes.

    Raises
    ------
    InvalidInputError
        As `load_score`.
    """
    data = read_file(path)
    kern = path.suffix.lower() == ".krn"
    if kern:
        _check_kern(data, path)
    else:
        data = _unzip(data, path) if data[:2] == b"PK" else data
        _check_musicxml(data, path)
    partitura = import_partitura()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # partitura comments on slurs and beams, which we do not use
            if kern:
                score = partitura.io.importkern.load_kern(str(path))
            else:
                score = partitura.io.importmusicxml.load_musicxml(io.BytesIO(data))
            if kern:
                _add_kern_repeats(partitura, score, data)
            rows, boundaries = [], set()
            for part in score.parts:
                part_notes, part_boundaries = _part_notes(partitura, part, unfold_repeats)
                rows += part_notes
                boundaries.update(part_boundaries)
            tempo = _tempo(partitura, score)
    except Exception as error:  # partitura raises whatever its parsers meet
        raise InvalidInputError(
            f"score must be readable MusicXML or kern, got {reason(error)} ({path}). "
            f"Open and export it again, e.g. with MuseScore."
        ) from error
    if not rows:
        raise InvalidInputError(f"score must have notes, got none ({path}).")
    if not all(0 <= pitch <= 127 for _, _, pitch in rows):  # before it is a float, which has a largest one
        raise InvalidInputError(f"pitches must be 0 to 127, got one beyond ({path}).")
    if not TEMPO_RANGE[0] <= tempo <= TEMPO_RANGE[1]:
        raise InvalidInputError(
            f"tempo must be {TEMPO_RANGE[0]:g} to {TEMPO_RANGE[1]:g} quarter notes a minute, "
            f"got {tempo:g} ({path})."
        )
    return np.array(rows, dtype=np.float64), tempo, np.array(sorted(boundaries), dtype=np.float64)


def lay_out(notes: FloatArray, tempo: float, name: str, boundaries: ArrayLike = ()) -> Score:
    """Return notes and boundaries in quarters, as from `load_notation`, at one tempo."""
    times = notes[:, :2] * (60.0 / tempo)
    check_duration(float(times.max()), name)
    pitches, velocities = notes[:, 2].astype(np.int64), np.full(len(notes), VELOCITY)
    signs = np.asarray(boundaries, dtype=np.float64) * (60.0 / tempo)
    return Score(times[:, 0], times[:, 1], pitches, velocities, name, signs)


def _tempo(partitura: Any, score: Any) -> float:
    """Return the first tempo mark in numbers, in quarter notes a minute."""
    tempi = [tempo for part in score.parts for tempo in part.iter_all(partitura.score.Tempo)]
    if not tempi:
        return DEFAULT_TEMPO
    first = min(tempi, key=lambda tempo: tempo.start.t)
    return float(partitura.utils.music.to_quarter_tempo(first.unit or "q", first.bpm))


def _part_notes(
    partitura: Any, part: Any, unfold_repeats: bool
) -> tuple[list[tuple[float, float, int]], list[float]]:
    """Return (onset, offset, pitch) of a part's notes, and its boundaries, in quarters from its beginning."""
    score = partitura.score
    notes = [n for n in part.notes_tied if not isinstance(n, score.GraceNote) and hasattr(n, "midi_pitch")]
    if not notes:
        return [], []
    begin = float(part.quarter_map(part.first_point.t))
    on = np.asarray(part.quarter_map([n.start.t for n in notes]), dtype=np.float64) - begin
    off = np.asarray(part.quarter_map([n.end_tied.t for n in notes]), dtype=np.float64) - begin
    pitches = [int(n.midi_pitch) for n in notes]
    signs = np.asarray(part.quarter_map(_boundaries(score, part)), dtype=np.float64) - begin
    if not unfold_repeats:
        return list(zip(on.tolist(), off.tolist(), pitches, strict=True)), signs.tolist()
    # partitura's own unfolding copies the part recursively and fails on whole pieces: order the notes
    # along its path instead. A note that is tied over a repeat sign keeps its written length.
    path = score.get_paths(part, no_repeats=False, all_repeats=True)[0]
    rows: list[tuple[float, float, int]] = []
    boundaries: list[float] = []
    elapsed = 0.0
    for segment_id in path.path:
        segment = path.segments[segment_id]
        first = float(part.quarter_map(segment.start.t)) - begin
        last = float(part.quarter_map(segment.end.t)) - begin
        shift = elapsed - first
        for k in np.flatnonzero((on >= first) & (on < last)):
            rows.append((float(on[k]) + shift, float(off[k]) + shift, pitches[k]))
        boundaries += (signs[(signs >= first) & (signs < last)] + shift).tolist()
        elapsed += last - first
    return rows, boundaries


def _boundaries(score: Any, part: Any) -> list[int]:
    """Return where performers may jump from or to, in partitura's divisions: also the part's beginning."""
    found = {int(part.first_point.t)}
    for kind in (score.Repeat, score.Ending):
        found |= {int(sign.start.t) for sign in part.iter_all(kind)}
        found |= {int(sign.end.t) for sign in part.iter_all(kind) if sign.end is not None}
    for kind in (score.DaCapo, score.DalSegno, score.Segno, score.ToCoda, score.Coda, score.Fine):
        found |= {int(sign.start.t) for sign in part.iter_all(kind)}
    double = [bar for bar in part.iter_all(score.Barline) if bar.style in ("light-light", "light-heavy")]
    found |= {int(bar.start.t) for bar in double}
    return sorted(found)


def _add_kern_repeats(partitura: Any, score: Any, data: bytes) -> None:
    """Give partitura the repeat signs of a kern file, which its reader drops: ``=:|!`` ends, ``=!|:`` begins.

    It makes a measure for every line of barlines, in their order.
    """
    bars = [line.split(b"\t")[0] for line in data.splitlines() if line.startswith(b"=")]
    for part in score.parts:
        measures = sorted(part.iter_all(partitura.score.Measure), key=lambda measure: measure.number)
        if len(measures) != len(bars):
            continue
        begin = part.first_point.t
        for bar, measure in zip(bars, measures, strict=True):
            at = measure.start.t
            if b":|" in bar or b":!" in bar:
                if at > begin:
                    part.add(partitura.score.Repeat(), begin, at)
                begin = at
            if b"|:" in bar or b"!:" in bar:
                begin = at


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
            if scores[0].compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                # MusicXML allows no other, and the decoders of others take as much memory as a file asks for.
                raise InvalidInputError(
                    f"compressed MusicXML must be stored or deflated, got method {scores[0].compress_type} "
                    f"({path}). Zip it again."
                )
            _check_size(scores[0].file_size, f"{path}, unpacked")
            return archive.read(scores[0])
    except (zipfile.BadZipFile, zlib.error, RuntimeError, OSError, EOFError, ValueError) as error:
        raise InvalidInputError(
            f"score must be compressed MusicXML, got {reason(error)} ({path})."
        ) from error


def _check_kern(data: bytes, path: Path) -> None:
    """Refuse what is not kern, or would make partitura build a huge table of strings."""
    lines = [line for line in data.splitlines() if not line.startswith(b"!!")]
    if not any(b"**kern" in line for line in lines):
        raise InvalidInputError(f"score must be kern with a **kern spine, got none ({path}).")
    columns = max(line.count(b"\t") + 1 for line in lines)
    widest = max(len(token) for line in lines for token in line.split(b"\t"))
    if len(lines) * columns * widest * 4 > 2**30:
        raise InvalidInputError(
            f"kern must be a table of short tokens, got one of {widest} characters ({path})."
        )
