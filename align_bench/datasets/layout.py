"""What the loaders of published datasets share: indexes, and the rule for what is not there."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

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
