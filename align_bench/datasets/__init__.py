"""Datasets by name, or any directory of recordings.

``load`` gives what a benchmark run needs. MAPS and Mazurka are mirdata loaders as well: ``initialize``
has mirdata's own signature, and ``register_with_mirdata`` makes ``mirdata.initialize("maps")`` work.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from align_bench.datasets.base import Collection
from align_bench.datasets.report import Report
from align_bench.errors import DatasetError, UsageError, unknown_name

__all__ = ["Collection", "Report", "initialize", "list_datasets", "load", "register_with_mirdata", "validate"]

_DESCRIPTIONS = {
    "demo": "Short public-domain piano pieces, performed and rendered on this machine; exact truth.",
    "maps": "MAPS, the real Disklavier recordings (ENSTDkAm, ENSTDkCl), with scores from A-MAPS.",
    "mazurka": "Five Chopin mazurkas in 299 commercial recordings, beats tapped and corrected by hand.",
}
# Where the collections are listed. The mirdata loaders have modules of their own, named as mirdata wants.
_MODULES = {"demo": "demo", "maps": "maps_recordings", "mazurka": "mazurka_recordings"}
_WITH_MIRDATA = ("maps", "mazurka")


def list_datasets() -> dict[str, str]:
    """Return every dataset name with a one-line description."""
    return dict(_DESCRIPTIONS)


def load(
    name_or_path: str | Path,
    *,
    data_home: str | Path | None = None,
    version: str = "default",
    split: str | None = None,
    allow_missing: bool = False,
) -> Collection:
    """Return the recordings of a dataset.

    Parameters
    ----------
    name_or_path : str or pathlib.Path
        A name of `list_datasets`, or a directory of ``<id>/{audio.*, score.*, truth.csv}``.
    data_home : str or pathlib.Path, optional
        Where the dataset is; by default ``~/mir_datasets/<name>``, as in mirdata.
    version : str, optional
        Version of the index.
    split : str, optional
        ``"train"``, ``"validation"`` or ``"test"``, for datasets that have splits (maps).
    allow_missing : bool, optional
        Take the recordings that are there. By default a dataset that is only half there is refused, so
        that nobody reports a benchmark on half of it unawares.

    Returns
    -------
    Collection

    Raises
    ------
    UsageError
        If there is no such dataset, version or split.
    DatasetError
        If the files are not there, or not all of them.
    """
    if not (isinstance(name_or_path, str) and name_or_path in _DESCRIPTIONS):
        root = Path(name_or_path).expanduser()
        if not root.is_dir() and isinstance(name_or_path, str) and len(root.parts) == 1:
            raise _unknown(name_or_path)
        _refuse_split(str(name_or_path), split)
        folder = import_module("align_bench.datasets.folder")
        found: Collection = folder.collection(root, allow_missing=allow_missing)
        return found
    home = None if data_home is None else Path(data_home).expanduser()
    module = import_module(f"align_bench.datasets.{_MODULES[name_or_path]}")
    if name_or_path == "maps":
        loaded: Collection = module.collection(
            home, version=version, split=split, allow_missing=allow_missing
        )
        return loaded
    _refuse_split(name_or_path, split)
    if name_or_path == "demo":
        loaded = module.collection(home)
    else:
        loaded = module.collection(home, version=version, allow_missing=allow_missing)
    return loaded


def initialize(name: str, data_home: str | Path | None = None, version: str = "default") -> Any:
    """Return the mirdata dataset, as ``mirdata.initialize`` does for its own.

    Parameters
    ----------
    name : str
        ``"maps"`` or ``"mazurka"``.
    data_home : str or pathlib.Path, optional
    version : str, optional

    Returns
    -------
    mirdata.core.Dataset
    """
    if name not in _WITH_MIRDATA:
        raise unknown_name("mirdata dataset", name, _WITH_MIRDATA)
    module = import_module(f"align_bench.datasets.{name}")
    return module.Dataset(
        data_home=None if data_home is None else str(Path(data_home).expanduser()), version=version
    )


def register_with_mirdata() -> None:
    """Make our loaders known to mirdata: ``mirdata.initialize("maps")`` then works in this process.

    mirdata has no registration for third parties; it imports ``mirdata.datasets.<name>``.
    """
    import mirdata

    for name in _WITH_MIRDATA:
        sys.modules[f"mirdata.datasets.{name}"] = import_module(f"align_bench.datasets.{name}")
        if name not in mirdata.DATASETS:
            mirdata.DATASETS.append(name)


def validate(name_or_path: str | Path, data_home: str | Path | None = None) -> Report:
    """Tell which files of a dataset are there, missing or changed.

    Parameters
    ----------
    name_or_path : str or pathlib.Path
        A name of `list_datasets`, or a directory of recordings.
    data_home : str or pathlib.Path, optional

    Returns
    -------
    Report
        An absent dataset is a report in which everything is missing, not an error.
    """
    if isinstance(name_or_path, str) and name_or_path in _WITH_MIRDATA:
        report: Report = import_module(f"align_bench.datasets.{_MODULES[name_or_path]}").validate(
            None if data_home is None else Path(data_home).expanduser()
        )
        return report
    try:
        collection = load(name_or_path, data_home=data_home)
    except DatasetError as error:
        return Report(str(name_or_path), str(data_home or name_or_path), 0, 0, missing=(str(error),))
    n = len(collection.recordings)
    return Report(collection.name, str(data_home or name_or_path), n, n)


def _unknown(name: str) -> UsageError:
    error = unknown_name("dataset", name, _DESCRIPTIONS)
    return UsageError(f"{error} A directory of recordings works too.")


def _refuse_split(name: str, split: str | None) -> None:
    if split is not None:
        raise UsageError(f"split must be None for {name}, which has no splits, got {split!r}.")
