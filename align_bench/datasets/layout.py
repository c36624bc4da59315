"""What the loaders of published datasets share: indexes, and the rule for what is not there."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from align_bench.datasets.report import Report
from align_bench.errors import DatasetError, unknown_name

INDEXES = Path(__file__).parent / "indexes"


def read_index(name: str, version: str, versions: dict[str, str]) -> tuple[dict[str, Any], str]:
    """Return an index and its SHA-256.

    Parameters
    ----------
    name : str
        The dataset, for messages.
    version : str
        ``"default"`` or a version.
    versions : dict of str to str
        File name of each version in the package; the first is the default.

    Returns
    -------
    index : dict
    sha256 : str
    """
    wanted = next(iter(versions)) if version == "default" else version
    if wanted not in versions:
        raise unknown_name(f"version of {name}", version, versions)
    content = (INDEXES / versions[wanted]).read_bytes()
    index: dict[str, Any] = json.loads(content)
    return index, hashlib.sha256(content).hexdigest()


def home(name: str, data_home: Path | None) -> Path:
    """Return the directory of a dataset, mirdata's own by default.

    Raises
    ------
    DatasetError
        If there is no such directory.
    """
    path = default_home(name) if data_home is None else data_home
    if not path.is_dir():
        raise DatasetError(
            f"data_home must be the directory of {name}, got {str(path)!r}, which does not exist. "
            f"Say where it is with data_home (--data-home)."
        )
    return path


def default_home(name: str) -> Path:
    """Return where mirdata looks for a dataset."""
    return Path.home() / "mir_datasets" / name


def require(name: str, path: Path, lacking: Sequence[str], n_wanted: int, allow_missing: bool) -> None:
    """Refuse a dataset that is empty, or half there without leave.

    Parameters
    ----------
    name : str
    path : pathlib.Path
        Where it was looked for.
    lacking : sequence of str
        One entry a recording that cannot be used, saying what it lacks.
    n_wanted : int
        How many recordings were looked for.
    allow_missing : bool

    Raises
    ------
    DatasetError
    """
    n_there = n_wanted - len(lacking)
    if n_there and (allow_missing or not lacking):
        return
    first = "; ".join(lacking[:3]) + ("; …" if len(lacking) > 3 else "")
    cure = "allow missing recordings (allow_missing=True, --allow-missing)" if n_there else "check data_home"
    raise DatasetError(
        f"{name} must be complete, got {n_there} of {n_wanted} recordings: {first} ({path}). "
        f"Add the files (`align-bench validate --dataset {name}` lists them), or {cure}."
    )


def md5(path: Path) -> str:
    """Return the MD5 of a file, the checksum that mirdata's indexes hold."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


Tracks = dict[str, dict[str, list[str | None]]]
ByTrack = dict[str, list[str]]


def check_files(
    tracks: Tracks, find: Callable[[str, str], Path | None], data_home: Path
) -> dict[str, ByTrack]:
    """Sort the files of an index that are not as they should be.

    Parameters
    ----------
    tracks : dict
        ``{track_id: {kind: [path, md5 or None]}}`` of a mirdata index.
    find : callable
        Where the file of a track and kind is, or None.
    data_home : pathlib.Path

    Returns
    -------
    dict
        ``"missing"``, ``"changed"`` and ``"unverified"``, each ``{track_id: [path below data_home, ...]}``.
        A file is unverified if it is there but its checksum is not known: the index has none, or the file
        is of another format.
    """
    checksum_of = cache(md5)
    told: dict[str, ByTrack] = {"missing": {}, "changed": {}, "unverified": {}}
    for track_id, files in tracks.items():
        for kind, (relative, checksum) in files.items():
            if relative is None:
                continue
            file = find(track_id, kind)
            if file is None:
                told["missing"].setdefault(track_id, []).append(relative)
                continue
            name = str(file.relative_to(data_home))
            if checksum is None or file.suffix != Path(relative).suffix:
                told["unverified"].setdefault(track_id, []).append(name)
            elif checksum_of(file) != checksum:
                told["changed"].setdefault(track_id, []).append(name)
    return told


def report(name: str, data_home: Path, tracks: Tracks, find: Callable[[str, str], Path | None]) -> Report:
    """Return `check_files` as a report; a file that serves several tracks is told once.

    Tracks for which the index itself has no file of some kind cannot be used and are not counted.
    """
    told = check_files(tracks, find, data_home)
    usable = {track for track, files in tracks.items() if all(path is not None for path, _ in files.values())}
    flat = {
        kind: tuple(dict.fromkeys(file for files in by_track.values() for file in files))
        for kind, by_track in told.items()
    }
    return Report(name, str(data_home), len(usable), len(usable - set(told["missing"])), **flat)
