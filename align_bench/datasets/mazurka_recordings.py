"""Five Chopin mazurkas in 299 commercial recordings as a collection: files, score and reference of each.

Kept apart from the mirdata loader in `mazurka`, because workers unpickle these functions and mirdata
takes a second and a half to import.

Nobody may pass the recordings on, and every owner ripped their own discs, so audio is looked up by its
Mazurka Project id (``pid9048-13``) anywhere below data_home, annotations in the MIR layout
(``annotations_beat/<piece>/<recording>.beat``) or in Sapp's (``<pid>-clean.txt``).

The annotation has one time a beat, the score a note at most of them. The reference is the beats at which a
note of the score begins: what sounds on no other beat is the annotator's interpolation, and is left out.
Left out are 10 of 396 beats in Op. 17/4, 10 of 360 in Op. 24/2, 2 of 193 in Op. 30/2, 1 of 229 in Op. 63/3
and 18 of 181 in Op. 68/3; a closing downbeat after the last bar is among them.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from align_bench.datasets.base import Collection
from align_bench.datasets.layout import default_home, home, read_index, report, require
from align_bench.datasets.report import Report
from align_bench.errors import InvalidInputError
from align_bench.scores import lay_out, load_notation
from align_bench.types import Audio, FloatArray, Recording, Reference, Score

VERSIONS = {"1.0": "mazurka_index_1.0.json"}
AUDIO_SUFFIXES = (".wav", ".flac", ".mp3")
# MusicXML first: MazurkaBL's has all repeats written out for certain.
SCORE_SUFFIXES = (".xml", ".musicxml", ".krn")
PID = re.compile(r"pid\d+[a-z]?-\d+")
# Annotated, but not of the form that the score has, so that beats and score cannot be paired.
EXCLUDED = {
    "Chopin_Op017No4_Ginzburg-1957_pid9156-10": "324 annotated beats where the score has 396",
    "Chopin_Op068No3_Koczalski-1948_pid9140-05": "193 annotated beats where the score has 181",
}
NOTES = {
    "Chopin_Op068No3_Cortot-1951_pid9066b-19": "reported to take extra repeats",
    "Chopin_Op068No3_Rubinstein-1952_pid9075b-19": "annotation measured 50 ms early throughout, left so",
}


@dataclass(frozen=True)
class Piece:
    """A mazurka: its name in file names and its beats.

    Attributes
    ----------
    title : str
    stem : str
        Name of the score file in the chopin-mazurkas and MazurkaBL repositories.
    n_beats : int
        Annotated beats of every recording.
    first_beat : int
        The first annotated beat, in quarter notes from the beginning of the score.
    """

    title: str
    stem: str
    n_beats: int
    first_beat: int


PIECES = {
    f"Chopin_Op{opus:03d}No{number}": Piece(
        f"Mazurka Op. {opus} No. {number}", f"mazurka{opus}-{number}", n_beats, first_beat
    )
    for opus, number, n_beats, first_beat in (
        (17, 4, 396, 1),
        (24, 2, 360, 0),
        (30, 2, 193, 0),
        (63, 3, 229, 0),
        (68, 3, 181, 0),
    )
}


def collection(
    data_home: Path | None, *, version: str = "default", allow_missing: bool = False
) -> Collection:
    """List the recordings that have audio, annotation and score.

    Parameters
    ----------
    data_home : pathlib.Path or None
        Holds audio and annotations in the MIR layout or Sapp's, and scores in kern or MusicXML.
    version : str, optional
    allow_missing : bool, optional
        Take what is there.

    Returns
    -------
    Collection

    Raises
    ------
    UsageError
        If there is no such version.
    DatasetError
        If the directory is not there, is empty, or is half there without leave.
    """
    index, index_sha256 = read_index("mazurka", version, VERSIONS)
    path = home("mazurka", data_home)
    finder = Finder(path)
    recordings: list[Recording] = []
    lacking: list[str] = []
    for recording_id in sorted(index["tracks"]):
        files = {kind: finder.find(recording_id, kind) for kind in ("audio", "beats", "score")}
        there = {kind: file for kind, file in files.items() if file is not None}
        if len(there) == len(files):
            recordings.append(_recording(recording_id, there))
        else:
            lacking.append(f"{recording_id} lacks {', '.join(k for k in files if k not in there)}")
    require("mazurka", path, lacking, len(recordings) + len(lacking), allow_missing)
    sha = hashlib.sha256((index_sha256 + "".join(r.id + "\n" for r in recordings)).encode())
    name = next(iter(VERSIONS)) if version == "default" else version
    return Collection("mazurka", name, sha.hexdigest(), "tapped and corrected", tuple(recordings))


def validate(data_home: Path | None) -> Report:
    """Tell which files are there, against the index of the default version."""
    path = default_home("mazurka") if data_home is None else data_home
    tracks = read_index("mazurka", "default", VERSIONS)[0]["tracks"]
    return report("mazurka", path, tracks, Finder(path).find)


class Finder:
    """Looks files up below a directory: audio and annotations by pid, scores by the piece.

    Parameters
    ----------
    data_home : pathlib.Path
    """

    def __init__(self, data_home: Path) -> None:
        self.audio: dict[str, Path] = {}
        self.beats: dict[str, Path] = {}
        self.scores: dict[str, Path] = {}
        for directory, directories, names in os.walk(data_home, followlinks=True):
            directories[:] = sorted(d for d in directories if not d.startswith("."))
            for name in sorted(names):
                path = Path(directory, name)
                pid = PID.search(name)
                if pid and path.suffix.lower() in AUDIO_SUFFIXES:
                    _keep_better(self.audio, pid[0], path, AUDIO_SUFFIXES)
                elif pid and name.endswith((".beat", "-clean.txt")):
                    _keep_better(self.beats, pid[0], path, (".beat", ".txt"))
                elif path.suffix in SCORE_SUFFIXES:
                    # scores/musicxml/mazurka17-4.xml, or scores/Chopin_Op017No4/score.musicxml
                    in_piece = path.stem == "score" and path.parent.name in PIECES
                    stem = PIECES[path.parent.name].stem if in_piece else path.stem.lower()
                    _keep_better(self.scores, stem, path, SCORE_SUFFIXES)

    def find(self, recording_id: str, kind: str) -> Path | None:
        """Return the ``"audio"``, ``"beats"`` or ``"score"`` of a recording, or None."""
        if kind == "score":
            return self.scores.get(PIECES[piece_id(recording_id)].stem)
        return {"audio": self.audio, "beats": self.beats}[kind].get(pid_of(recording_id))


def _keep_better(found: dict[str, Path], key: str, path: Path, preference: tuple[str, ...]) -> None:
    known = found.get(key)
    if known is None or preference.index(path.suffix.lower()) < preference.index(known.suffix.lower()):
        found[key] = path


def piece_id(recording_id: str) -> str:
    """Return the piece of a recording: ``Chopin_Op017No4``."""
    return "_".join(recording_id.split("_")[:2])


def pid_of(recording_id: str) -> str:
    """Return the Mazurka Project id of a recording: ``pid9048-13``."""
    return recording_id.rsplit("_", 1)[1]


def performer(recording_id: str) -> tuple[str, int]:
    """Return pianist and year of a recording, from its id."""
    name, _, year = recording_id.split("_")[2].rpartition("-")
    return name, int(year)


def piece_of_score(path: Path) -> str:
    """Return the piece that a score file is of, by its name or its directory's.

    Raises
    ------
    InvalidInputError
        If it is none of the five.
    """
    for piece, facts in PIECES.items():
        if path.stem.lower() == facts.stem or path.parent.name == piece:
            return piece
    raise InvalidInputError(
        f"score must be one of the five mazurkas, got {path.name!r}. Name it mazurka17-4.xml."
    )


def load_beats(lines: Iterable[str], name: str) -> tuple[FloatArray, list[str]]:
    """Parse a beat annotation, in the MIR form or Sapp's.

    Parameters
    ----------
    lines : iterable of str
        Tab-separated, the time in seconds first and the label last; ``%`` and ``#`` begin comments.
    name : str
        For messages.

    Returns
    -------
    times : numpy.ndarray, shape (n_beats,)
        In seconds, strictly ascending.
    labels : list of str
        ``"1"`` to ``"3"``, or ``"measure:beat"``.

    Raises
    ------
    InvalidInputError
        If a line has no time, or the times do not ascend; the message names the line.
    """
    times: list[float] = []
    labels: list[str] = []
    for number, line in enumerate(lines, 1):
        cells = line.split()
        if not cells or cells[0].startswith(("%", "#")):
            continue
        try:
            time = float(cells[0])
            valid = len(cells) > 1 and 0 <= time < np.inf
        except ValueError:
            valid = False
        if not valid:
            raise InvalidInputError(
                f"beat must be a time in seconds and a label, got {line[:60]!r} ({name}, line {number})."
            )
        if times and time <= times[-1]:
            raise InvalidInputError(
                f"beats must ascend, got {time} after {times[-1]} ({name}, line {number})."
            )
        times.append(time)
        labels.append(cells[-1])
    if not times:
        raise InvalidInputError(f"annotation must have beats, got none ({name}).")
    return np.array(times), labels


def load_nominal_score(path: Path, piece: str) -> Score:
    """Return the score of a piece, with its repeats written out."""
    notes, tempo = _notation(path, piece)
    return lay_out(notes, tempo, str(path))


def load_reference(score: Path, beats: Path, piece: str) -> Reference:
    """Return when the beats with a note sound.

    Parameters
    ----------
    score, beats : pathlib.Path
    piece : str
        A key of `PIECES`.

    Returns
    -------
    Reference

    Raises
    ------
    InvalidInputError
        If a file cannot be read, or annotation and score differ in their number of beats.
    """
    notes, tempo = _notation(score, piece)
    try:
        with beats.open(encoding="utf-8") as handle:
            times, _ = load_beats(handle, str(beats))
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInputError(f"annotation must be readable, got {error} ({beats}).") from error
    wanted = PIECES[piece]
    if times.size != wanted.n_beats:
        raise InvalidInputError(
            f"annotation of {wanted.title} must have {wanted.n_beats} beats, got {times.size} ({beats}). "
            f"Does this recording take other repeats?"
        )
    quarters = np.arange(times.size, dtype=np.float64) + wanted.first_beat
    on_note = np.isin(quarters, np.round(notes[:, 0], 6))
    return Reference(quarters[on_note] * (60.0 / tempo), times[on_note])


def _notation(path: Path, piece: str) -> tuple[FloatArray, float]:
    """Read a score, unfold it if its repeats are not written out, and check its length."""
    wanted = PIECES[piece]
    lengths: list[float] = []
    for unfold_repeats in (False, True):
        notes, tempo = load_notation(path, unfold_repeats=unfold_repeats)
        lengths.append(float(notes[:, 1].max()))
        # The annotation may end with a closing downbeat, or with a beat or two of rest.
        if 0 <= wanted.first_beat + wanted.n_beats - lengths[-1] < 3:
            return notes, tempo
    raise InvalidInputError(
        f"score of {wanted.title} must have about {wanted.n_beats} beats, got {lengths[0]:g}, or "
        f"{lengths[1]:g} with repeats ({path}). Take MazurkaBL's MusicXML."
    )


def _recording(recording_id: str, files: dict[str, Path]) -> Recording:
    piece = piece_id(recording_id)
    who, year = performer(recording_id)
    metadata: dict[str, Any] = {
        "composer": "Chopin",
        "title": PIECES[piece].title,
        "performer": who,
        "year": year,
        "pid": pid_of(recording_id),
        "score_format": "kern" if files["score"].suffix == ".krn" else "MusicXML",
        "real": True,
    }
    if recording_id in NOTES:
        metadata["note"] = NOTES[recording_id]
    return Recording(
        id=recording_id,
        piece=f"Chopin, {PIECES[piece].title}",
        load_score=partial(load_nominal_score, files["score"], piece),
        load_audio=partial(Audio.load, files["audio"]),
        load_reference=partial(load_reference, files["score"], files["beats"], piece),
        metadata=metadata,
    )
