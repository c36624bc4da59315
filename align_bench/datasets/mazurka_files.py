"""The five mazurkas, and where the files of their recordings are on an owner's disk."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from align_bench.errors import InvalidInputError

AUDIO_SUFFIXES = (".wav", ".flac", ".mp3")
# MusicXML first: MazurkaBL's has all repeats written out for certain.
SCORE_SUFFIXES = (".xml", ".musicxml", ".krn")
PID = re.compile(r"pid\d+[a-z]?-\d+")
# Annotated, but not of the form that the score has, so that beats and score cannot be paired.
EXCLUDED = {
    "Chopin_Op017No4_Ginzburg-1957_pid9156-10": "324 annotated beats where the others have 396",
    "Chopin_Op068No3_Koczalski-1948_pid9140-05": "193 annotated beats where the others have 181",
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
        Annotated beats of every recording; a closing downbeat after the last bar may follow.
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
        (17, 4, 395, 1),
        (24, 2, 360, 0),
        (30, 2, 193, 0),
        (63, 3, 229, 0),
        (68, 3, 180, 0),
    )
}


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


def performer(recording_id: str) -> tuple[str, int | None]:
    """Return pianist and year of a recording, from its id; a few ids hold no year."""
    name, _, year = recording_id.split("_")[2].rpartition("-")
    return (name, int(year)) if year.isdigit() else (f"{name}-{year}", None)


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
