"""Making the demo dataset, once, into the cache.

Each recording is a CSV file of its truth and then a FLAC file, both written under another name and renamed
when they are whole, so that a build may be killed or run twice at a time: what is there is right, and what is
missing is made. The truth is kept beside the audio because another version of NumPy may draw another
performance.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from align_bench.cache import cache_home
from align_bench.conditions import apply_condition
from align_bench.datasets.base import Collection
from align_bench.datasets.demo.notation import Piece, score
from align_bench.datasets.demo.performance import Performance, perform
from align_bench.datasets.demo.piano import Piano
from align_bench.datasets.demo.pieces import PIECES
from align_bench.errors import DatasetError
from align_bench.types import Audio, Recording, Reference, Score

VERSION = "1"
"""Raised whenever a note, the performer, the piano or a condition changes."""

_PIECES = {piece.id: piece for piece in PIECES}


@dataclass(frozen=True)
class Take:
    """One recording of the dataset: a piece, an acoustic condition and the tuning of the piano."""

    piece: str
    condition: str
    cents: float

    @property
    def id(self) -> str:
        """Unique within the dataset, and the name of the file."""
        return f"{self.piece}_{self.condition}"

    @property
    def seed(self) -> int:
        """What the performance is drawn from: every take is another performance."""
        return int.from_bytes(hashlib.sha256(self.id.encode()).digest()[:4], "big")

    def performance(self) -> Performance:
        """Play the piece."""
        return perform(_PIECES[self.piece], self.seed)

    def record(self, performance: Performance) -> Audio:
        """Play the piano and put the microphone up."""
        dry = Piano(cents=self.cents).play(performance)
        return apply_condition(dry, self.condition, self.id)


_TUNING_CENTS = {"clean": 0.0, "room": 6.0, "noise": -7.0, "old-record": 0.0}
_CONDITIONS = {
    "bach-prelude-bwv846": ("clean", "noise"),
    "beethoven-fur-elise": ("old-record", "room"),
    "beethoven-moonlight": ("clean", "noise"),
    "burgmuller-arabesque-op100-2": ("old-record", "room"),
    "chopin-prelude-op28-20": ("noise", "old-record"),
    "chopin-prelude-op28-7": ("clean", "room"),
    "mozart-sonata-k545": ("noise",),
    "petzold-minuet-anh114": ("clean",),
    "satie-gymnopedie-1": ("room",),
    "schumann-foreign-lands-op15-1": ("old-record",),
}
TAKES = tuple(
    Take(piece, condition, _TUNING_CENTS[condition])
    for piece, conditions in _CONDITIONS.items()
    for condition in conditions
)
"""Every recording, sorted by id: sixteen, four in each condition."""


def index_sha256() -> str:
    """Return a hash over the version, the encoded pieces and the list of takes."""
    return hashlib.sha256(repr((VERSION, PIECES, TAKES)).encode()).hexdigest()


def build(data_home: Path | None = None, *, progress: bool = True) -> Path:
    """Make the recordings that are not there yet.

    Parameters
    ----------
    data_home : Path, optional
        Where to; the default is ``demo/<version>-<hash>`` in the cache.
    progress : bool, optional
        Show a progress bar on standard error while there is something to make.

    Returns
    -------
    Path
        The directory.

    Raises
    ------
    DatasetError
        If the directory cannot be written.
    """
    home = data_home or cache_home() / "demo" / f"{VERSION}-{index_sha256()[:8]}"
    missing = [take for take in TAKES if not (home / f"{take.id}.flac").is_file()]
    if not missing:
        return home
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    try:
        home.mkdir(parents=True, exist_ok=True)
        for take in track(missing, "Making the demo recordings", console=console, disable=not progress):
            performance = take.performance()
            _replace(home / f"{take.id}.csv", partial(_write_truth, performance.reference))
            _replace(home / f"{take.id}.flac", partial(_write_audio, take.record(performance)))
    except OSError as error:
        raise DatasetError(
            f"the demo dataset must be in a writable directory, got {error} ({home}). "
            f"Set ALIGN_BENCH_CACHE to another one."
        ) from error
    return home


def collection(data_home: Path | None = None) -> Collection:
    """Return the demo dataset, made first where it is not there.

    Parameters
    ----------
    data_home : Path, optional
        As for `build`.
    """
    home = build(data_home)
    return Collection(
        name="demo",
        version=VERSION,
        index_sha256=index_sha256(),
        ground_truth="exact by construction",
        recordings=tuple(
            Recording(
                id=take.id,
                piece=take.piece,
                load_score=partial(_load_score, take.piece),
                load_audio=partial(Audio.load, home / f"{take.id}.flac"),
                load_reference=partial(_load_truth, home / f"{take.id}.csv"),
                metadata=_metadata(take, _PIECES[take.piece]),
            )
            for take in TAKES
        ),
        n_wanted=len(TAKES),
    )


def _metadata(take: Take, piece: Piece) -> dict[str, str]:
    return {"condition": take.condition, "composer": piece.composer, "title": piece.title}


def _load_score(piece: str) -> Score:
    return score(_PIECES[piece])


def _load_truth(path: Path) -> Reference:
    rows = np.loadtxt(path, delimiter=",", skiprows=1, ndmin=2)
    return Reference(rows[:, 0], rows[:, 1])


def _write_truth(reference: Reference, path: str) -> None:
    rows = np.column_stack([reference.score_times, reference.times])
    np.savetxt(path, rows, fmt="%.9f", delimiter=",", header="score_time_s,performance_time_s", comments="")


def _write_audio(audio: Audio, path: str) -> None:
    import soundfile

    soundfile.write(path, audio.samples, audio.sample_rate, format="FLAC", subtype="PCM_16")


def _replace(path: Path, write: Callable[[str], None]) -> None:
    """Write a file in one step, as seen from outside."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
    os.close(handle)
    try:
        write(temporary)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
