"""What our two mirdata loaders share: indexes inside this package, and files in several layouts."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import numpy as np
from mirdata import core, io
from numpy.typing import NDArray

from align_bench.datasets.layout import INDEXES, check_files, report


class Finder(Protocol):
    """Finds a file of a track by its key in the index."""

    def find(self, track_id: str, kind: str) -> Path | None:
        """Return where the file is, or None."""
        ...


class PackageIndex(core.Index):  # type: ignore[misc]
    """An index that lies in this package; mirdata's own would look into mirdata."""

    def __init__(self, filename: str) -> None:
        super().__init__(filename)
        self.indexes_dir = str(INDEXES)


def indexes(dataset: str) -> dict[str, Any]:
    """Return the INDEXES of a loader: version 1.0, and a sample of one track for contract tests."""
    return {
        "default": "1.0",
        "test": "sample",
        "1.0": PackageIndex(f"{dataset}_index_1.0.json"),
        "sample": PackageIndex(f"{dataset}_index_1.0_sample.json"),
    }


def found_path(finder: Finder, track_id: str, kind: str, canonical: str | None) -> str | None:
    """Return where a file of a track is, or where the index would have it."""
    if canonical is None:
        return None
    path = finder.find(track_id, kind)
    return canonical if path is None else str(path)


def validate(dataset: core.Dataset, finder: Finder, verbose: bool) -> tuple[dict[str, Any], dict[str, Any]]:
    """Check the files of a dataset, with the results of mirdata's ``Dataset.validate``.

    mirdata calls a file of unknown checksum invalid. Audio that every owner ripped anew has no checksum, so
    such files count as present here.

    Parameters
    ----------
    dataset : mirdata.core.Dataset
    finder : Finder
    verbose : bool
        Whether to log the findings.

    Returns
    -------
    missing, invalid : dict
        ``{"tracks": {track_id: [path, ...]}}``.
    """
    home = Path(dataset.data_home)
    tracks = dataset._index["tracks"]
    told = check_files(tracks, finder.find, home)
    if verbose:
        for line in report(dataset.name, home, tracks, finder.find).lines():
            logging.warning(line)
    missing, invalid = (
        {"tracks": {track: [str(home / file) for file in files] for track, files in told[kind].items()}}
        for kind in ("missing", "changed")
    )
    return missing, invalid


@io.coerce_to_bytes_io  # type: ignore[untyped-decorator]
def load_audio(fhandle: BinaryIO) -> tuple[NDArray[np.float32], float]:
    """Load Mazurka audio, mixed to mono.

    Parameters
    ----------
    fhandle : str or file-like
        Path or file-like object of a WAV, FLAC or MP3 file.

    Returns
    -------
    np.ndarray
        Audio signal.
    float
        Sample rate.
    """
    import soundfile

    samples, sample_rate = soundfile.read(fhandle, dtype="float32", always_2d=True)
    return samples.mean(axis=1), float(sample_rate)
