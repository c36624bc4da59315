"""The 60 real-piano recordings of MAPS as a collection: files, split, score and reference of each.

Kept apart from the mirdata loader in `maps`, because workers unpickle these functions and mirdata takes
a second and a half to import.

The split is by composition (53 of them): no composition is in two of train, validation and test, also
where both pianos have it. It is written in ``indexes/maps_recordings.csv`` with reasons: the two mazurkas
are in test, so that nothing leaks into figures on the Mazurka collection.
"""

from __future__ import annotations

import csv
import hashlib
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from align_bench.datasets.amaps import MATCH_S, flatten_amaps, reference
from align_bench.datasets.base import Collection
from align_bench.datasets.layout import INDEXES, default_home, home, read_index, report, require
from align_bench.datasets.report import Report
from align_bench.errors import InvalidInputError, unknown_name
from align_bench.types import Audio, FloatArray, IntArray, Recording, Reference, Score

VERSIONS = {"1.0": "maps_index_1.0.json"}
SPLITS = ("train", "validation", "test")
HEADER = ["OnsetTime", "OffsetTime", "MidiPitch"]
# A-MAPS 1.1 has no file for it (ACPAS lists the other 59), so there is nothing to align it with.
WITHOUT_SCORE = ("MAPS_MUS-chpn-e01_ENSTDkCl",)
MICROPHONES = {"Am": "ambient", "Cl": "close"}


@dataclass(frozen=True)
class Entry:
    """One recording as the package knows it: its name, composition and split."""

    id: str
    piano: str
    composer: str
    title: str
    split: str


def entries() -> tuple[Entry, ...]:
    """Return the 60 recordings, sorted by id."""
    with (INDEXES / "maps_recordings.csv").open(encoding="utf-8", newline="") as handle:
        rows = [
            Entry(
                f"MAPS_MUS-{row['piece']}_ENSTDk{piano}", piano, row["composer"], row["title"], row["split"]
            )
            for row in csv.DictReader(handle)
            for piano in row["pianos"].split()
        ]
    return tuple(sorted(rows, key=lambda entry: entry.id))


def collection(
    data_home: Path | None, *, version: str = "default", split: str | None = None, allow_missing: bool = False
) -> Collection:
    """List the recordings that have audio, note list and score.

    Parameters
    ----------
    data_home : pathlib.Path or None
        Holds MAPS in any of its layouts, and A-MAPS in a directory ``A-MAPS*``.
    version : str, optional
    split : str, optional
        ``"train"``, ``"validation"`` or ``"test"``; all by default.
    allow_missing : bool, optional
        Take what is there.

    Returns
    -------
    Collection

    Raises
    ------
    UsageError
        If there is no such version or split.
    DatasetError
        If the directory is not there, is empty, or is half there without leave.
    """
    index_sha256 = read_index("maps", version, VERSIONS)[1]
    if split is not None and split not in SPLITS:
        raise unknown_name("split", split, SPLITS)
    path = home("maps", data_home)
    finder = Finder(path)
    recordings: list[Recording] = []
    lacking: list[str] = []
    for entry in entries():
        if split not in (None, entry.split):
            continue
        files = finder.files(entry)
        absent = [kind for kind in ("audio", "notes", "score") if kind not in files]
        if not absent:
            recordings.append(_recording(entry, files))
        elif entry.id not in WITHOUT_SCORE:
            lacking.append(f"{entry.id} lacks {', '.join(absent)}")
    n_wanted = len(recordings) + len(lacking)
    require("maps", path, lacking, n_wanted, allow_missing)
    sha = hashlib.sha256((index_sha256 + "".join(r.id + "\n" for r in recordings)).encode())
    return Collection(
        name="maps",
        version=_version(version),
        index_sha256=sha.hexdigest(),
        ground_truth="disklavier",
        recordings=tuple(recordings),
        split=split or "",
        n_wanted=n_wanted,
    )


def validate(data_home: Path | None) -> Report:
    """Tell which files are there, against the index of the default version."""
    path = default_home("maps") if data_home is None else data_home
    tracks = read_index("maps", "default", VERSIONS)[0]["tracks"]
    return report("maps", path, tracks, Finder(path).find)


class Finder:
    """Looks files up in the three layouts of MAPS, and A-MAPS wherever it was unpacked.

    Parameters
    ----------
    data_home : pathlib.Path
        MAPS itself or the directory that holds ``MAPS`` and ``A-MAPS`` (or ACPAS, which carries it).
    """

    def __init__(self, data_home: Path) -> None:
        self.bases = (data_home, data_home / "MAPS")
        self.score_dirs = [
            directory
            for base in self.bases
            for top in _directories(base)
            if top.name.lower().replace("_", "-").startswith(("a-maps", "amaps"))
            for directory in (top, *_directories(top))
        ]
        # ACPAS carries A-MAPS too, as R_1_A_MAPS_alb_se2_ENSTDkCl.mid in one directory a piece.
        self.acpas = {
            "MAPS_MUS-" + path.stem.split("_A_MAPS_")[1]: path
            for top in _directories(data_home)
            if top.name.upper().startswith("ACPAS")
            for path in top.rglob("R_*_A_MAPS_*_ENSTDk??.mid")
        }

    def files(self, entry: Entry) -> dict[str, Path]:
        """Return those of audio, notes and score that are there."""
        found = {kind: self.find(entry.id, kind) for kind in ("audio", "notes", "score")}
        return {kind: path for kind, path in found.items() if path is not None}

    def find(self, recording_id: str, kind: str) -> Path | None:
        """Return the ``"audio"``, ``"notes"`` or ``"score"`` of a recording, or None."""
        suffixes = {"audio": (".wav", ".flac"), "notes": (".txt",), "score": (".mid",)}[kind]
        # A-MAPS and the performance MIDI of MAPS share file names: scores are in A-MAPS only.
        directories = self.score_dirs if kind == "score" else list(self._maps_dirs(recording_id))
        for directory in directories:
            for suffix in suffixes:
                path = directory / f"{recording_id}{suffix}"
                if path.is_file():
                    return path
        return self.acpas.get(recording_id) if kind == "score" else None

    def _maps_dirs(self, recording_id: str) -> Iterator[Path]:
        subset = recording_id.rsplit("_", 1)[1]
        for base in self.bases:
            yield base / subset / "MUS"
            yield base / f"{subset}_2" / "MUS"
            yield base / f"MAPS_{subset}_2" / subset / "MUS"


def load_notes(lines: Iterable[str], name: str) -> tuple[FloatArray, FloatArray, IntArray]:
    """Parse a MAPS note list.

    Parameters
    ----------
    lines : iterable of str
        ``OnsetTime OffsetTime MidiPitch``, tab-separated, in seconds, with a header.
    name : str
        For messages.

    Returns
    -------
    onsets, offsets : numpy.ndarray, shape (n_notes,)
        In seconds.
    pitches : numpy.ndarray, shape (n_notes,)
        MIDI note numbers.

    Raises
    ------
    InvalidInputError
        If the header or a line is not as it should be; the message names the line.
    """
    rows: list[tuple[float, float, int]] = []
    for number, line in enumerate(lines, 1):
        cells = line.split()
        if number == 1:
            if cells != HEADER:
                raise InvalidInputError(
                    f"header must be {' '.join(HEADER)}, got {line[:60]!r} ({name}, line 1)."
                )
            continue
        if not cells:
            continue
        try:
            onset, offset, pitch = float(cells[0]), float(cells[1]), int(cells[2])
            valid = len(cells) == 3 and 0 <= onset <= offset < math.inf and 0 <= pitch <= 127
        except (ValueError, IndexError):
            valid = False
        if not valid:
            raise InvalidInputError(
                f"note must be onset, offset in seconds and MIDI pitch, got {line[:60]!r} "
                f"({name}, line {number})."
            )
        rows.append((onset, offset, pitch))
    if not rows:
        raise InvalidInputError(f"note list must have notes, got none ({name}).")
    columns = np.array(rows, dtype=np.float64)
    return columns[:, 0], columns[:, 1], columns[:, 2].astype(np.int64)


def load_nominal_score(score: Path, notes: Path, audio: Path) -> Score:
    """Return the flattened A-MAPS score, as far as the recording goes (some copies are excerpts)."""
    onsets = _annotated(notes, audio)[0]
    return flatten_amaps(score).score(until=float(onsets.max()) + MATCH_S)


def load_reference(score: Path, notes: Path, audio: Path) -> Reference:
    """Return when the onsets of the score sound, from the note list of MAPS."""
    return reference(flatten_amaps(score), *_annotated(notes, audio))


def _annotated(notes: Path, audio: Path) -> tuple[FloatArray, IntArray]:
    """Return onsets and pitches of the note list that are inside the audio."""
    import soundfile

    try:
        duration = float(soundfile.info(str(audio)).duration)
        with notes.open(encoding="utf-8") as handle:
            onsets, _, pitches = load_notes(handle, str(notes))
    except (OSError, UnicodeDecodeError, soundfile.SoundFileError) as error:
        raise InvalidInputError(f"MAPS files must be readable, got {error} ({notes.parent}).") from error
    inside = onsets < duration
    if not inside.any():
        raise InvalidInputError(f"audio must reach the first note, got {duration:.2f} s ({audio}).")
    return onsets[inside], pitches[inside]


def _recording(entry: Entry, files: dict[str, Path]) -> Recording:
    metadata: dict[str, Any] = {
        "composer": entry.composer,
        "title": entry.title,
        "split": entry.split,
        "instrument": f"Yamaha Disklavier Mark III, {MICROPHONES[entry.piano]} microphones",
        "real": True,
    }
    sources = (files["score"], files["notes"], files["audio"])
    return Recording(
        id=entry.id,
        piece=f"{entry.composer}, {entry.title}",
        load_score=partial(load_nominal_score, *sources),
        load_audio=partial(Audio.load, files["audio"]),
        load_reference=partial(load_reference, *sources),
        metadata=metadata,
    )


def _directories(path: Path) -> list[Path]:
    try:
        return sorted(d for d in path.iterdir() if d.is_dir())
    except OSError:
        return []


def _version(version: str) -> str:
    return next(iter(VERSIONS)) if version == "default" else version
