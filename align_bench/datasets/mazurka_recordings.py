"""Five Chopin mazurkas in 299 commercial recordings as a collection: files, score and reference of each.

Kept apart from the mirdata loader in `mazurka`, because workers unpickle these functions and mirdata
takes a second and a half to import.

Nobody may pass the recordings on, and every owner ripped their own discs, so audio is looked up by its
Mazurka Project id (``pid9048-13``) anywhere below data_home, annotations in the MIR layout
(``annotations_beat/<piece>/<recording>.beat``) or in Sapp's (``<pid>-clean.txt``).

The annotation has one time a beat, the score a note at most of them. The reference is the beats at which a
note of the score begins: what sounds on no other beat is the annotator's interpolation, and is left out.
Left out are 9 of 395 beats in Op. 17/4, 10 of 360 in Op. 24/2, 2 of 193 in Op. 30/2, 1 of 229 in Op. 63/3
and 17 of 180 in Op. 68/3, and a closing downbeat after the last bar where it is annotated.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from align_bench.datasets.base import Collection
from align_bench.datasets.layout import default_home, home, read_index, report, require
from align_bench.datasets.mazurka_files import NOTES, PIECES, Finder, performer, pid_of, piece_id
from align_bench.datasets.report import Report
from align_bench.errors import InvalidInputError
from align_bench.scores import lay_out, load_notation
from align_bench.types import Audio, FloatArray, Recording, Reference, Score

VERSIONS = {"1.0": "mazurka_index_1.0.json"}


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
    n_wanted = len(recordings) + len(lacking)
    require("mazurka", path, lacking, n_wanted, allow_missing)
    sha = hashlib.sha256((index_sha256 + "".join(r.id + "\n" for r in recordings)).encode())
    name = next(iter(VERSIONS)) if version == "default" else version
    return Collection(
        name="mazurka",
        version=name,
        index_sha256=sha.hexdigest(),
        ground_truth="tapped and corrected",
        recordings=tuple(recordings),
        n_wanted=n_wanted,
    )


def validate(data_home: Path | None) -> Report:
    """Tell which files are there, against the index of the default version."""
    path = default_home("mazurka") if data_home is None else data_home
    tracks = read_index("mazurka", "default", VERSIONS)[0]["tracks"]
    return report("mazurka", path, tracks, Finder(path).find)


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
    notes, tempo, boundaries = _notation(path, piece)
    return lay_out(notes, tempo, str(path), boundaries)


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
    notes, tempo, _ = _notation(score, piece)
    try:
        with beats.open(encoding="utf-8") as handle:
            times, _ = load_beats(handle, str(beats))
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInputError(f"annotation must be readable, got {error} ({beats}).") from error
    wanted = PIECES[piece]
    if times.size not in (wanted.n_beats, wanted.n_beats + 1):
        raise InvalidInputError(
            f"annotation of {wanted.title} must have {wanted.n_beats} beats, got {times.size} ({beats}). "
            f"Does this recording take other repeats?"
        )
    quarters = np.arange(times.size, dtype=np.float64) + wanted.first_beat
    on_note = np.isin(quarters, np.round(notes[:, 0], 6))
    return Reference(quarters[on_note] * (60.0 / tempo), times[on_note])


def _notation(path: Path, piece: str) -> tuple[FloatArray, float, FloatArray]:
    """Read a score, unfold it if its repeats are not written out, and check its length."""
    wanted = PIECES[piece]
    lengths: list[float] = []
    for unfold_repeats in (False, True):
        notes, tempo, boundaries = load_notation(path, unfold_repeats=unfold_repeats)
        lengths.append(float(notes[:, 1].max()))
        # The annotation may go on for a beat or two of rest after the last note.
        if 0 <= wanted.first_beat + wanted.n_beats - lengths[-1] < 3:
            return notes, tempo, boundaries
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
        "pid": pid_of(recording_id),
        "score_format": "kern" if files["score"].suffix == ".krn" else "MusicXML",
        "real": True,
    }
    if year is not None:
        metadata["year"] = year
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
