"""Arrays kept on disk by content, so that work on a score is done once.

Files lie under ``arrays/`` of the cache directory and can be deleted at any time. Together they take at most
``$ALIGN_BENCH_CACHE_MB`` megabytes (default 2048; 0 keeps nothing): those used longest ago go first.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from align_bench.errors import UsageError

DEFAULT_LIMIT_MB = 2048

_KEPT_WHEN_FULL = 0.9  # of the limit, so that the next few arrays need no new look at all files
_PER_LOOK = 1 / 16  # of the limit: written by one process between two looks
_FORGOTTEN_S = 3600.0  # an unfinished file this old belongs to a run that was killed

_unlooked: dict[Path, float] = {}  # bytes that this process has written to a directory since its last look


def cache_home() -> Path:
    """Return the cache directory: ``$ALIGN_BENCH_CACHE``, else the platform's user cache."""
    import platformdirs

    return Path(os.environ.get("ALIGN_BENCH_CACHE") or platformdirs.user_cache_dir("align-bench"))


def cache_limit() -> float:
    """Return how many bytes all cached arrays may take: ``$ALIGN_BENCH_CACHE_MB``, else 2 GB.

    Raises
    ------
    UsageError
        If the variable is not a number >= 0.
    """
    text = os.environ.get("ALIGN_BENCH_CACHE_MB") or str(DEFAULT_LIMIT_MB)
    try:
        limit = float(text)
    except ValueError:
        limit = math.nan
    if not limit >= 0:
        raise UsageError(f"ALIGN_BENCH_CACHE_MB must be megabytes >= 0, got {text!r}. 0 keeps nothing.")
    return limit * 2**20


def cached_array(kind: str, key: Mapping[str, Any], compute: Callable[[], NDArray[Any]]) -> NDArray[Any]:
    """Return ``compute()``, from disk if it was computed before under the same key; see `cached_arrays`."""
    return cached_arrays(kind, key, lambda: [compute()])[0]


def cached_arrays(
    kind: str, key: Mapping[str, Any], compute: Callable[[], Sequence[NDArray[Any]]]
) -> list[NDArray[Any]]:
    """Return ``compute()``, from disk if it was computed before under the same key.

    A cache that cannot be read or written (corrupt file, full disk, read-only home) never fails the
    caller: the arrays are then computed again.

    Parameters
    ----------
    kind : str
        Sub-directory, e.g. ``"rendering"``.
    key : mapping
        JSON-able; everything that the result depends on.
    compute : callable
        Makes the arrays, at least one.

    Returns
    -------
    list of numpy.ndarray
    """
    limit = cache_limit()
    if limit == 0:
        return list(compute())
    home = cache_home() / "arrays"
    name = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()
    path = home / kind / name[:2] / f"{name}.npy"
    try:
        return _read(path)
    except Exception:  # NumPy lets through what its parser meets in a damaged file
        pass
    arrays = list(compute())
    try:
        _write(path, arrays)
        _unlooked[home] = _unlooked.get(home, limit) + path.stat().st_size
        if _unlooked[home] > limit * _PER_LOOK:
            _unlooked[home] = 0.0
            _make_room(home, limit)
    except OSError:
        pass
    return arrays


def _read(path: Path) -> list[NDArray[Any]]:
    """Read the arrays of a file, and mark it as used now."""
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        arrays = []
        while file.tell() < size:
            arrays.append(np.load(file, allow_pickle=False))
    if not arrays:
        raise EOFError(f"{path} is empty")
    with suppress(OSError):  # a cache that can only be read
        os.utime(path)
    return arrays


def _write(path: Path, arrays: Sequence[NDArray[Any]]) -> None:
    """Write arrays to a file, which exists only when it is whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".tmp", delete=False) as file:
        try:
            for array in arrays:
                np.save(file, array, allow_pickle=False)
            file.close()
            os.replace(file.name, path)
        except BaseException:
            file.close()
            os.unlink(file.name)
            raise


def _make_room(home: Path, limit: float) -> None:
    """Delete what was used longest ago, until the rest fits.

    Several processes may do so at once: they choose the same files, and one that has gone already counts
    as deleted. Who is reading a deleted file reads on; who comes later computes it again.
    """
    files: list[tuple[float, int, Path]] = []
    for path in home.rglob("*"):
        try:
            stat = path.stat()
        except OSError:
            continue
        if path.suffix == ".tmp" and time.time() - stat.st_mtime > _FORGOTTEN_S:
            path.unlink(missing_ok=True)
        elif path.suffix == ".npy":
            files.append((stat.st_mtime, stat.st_size, path))
    total = sum(size for _, size, _ in files)
    if total <= limit:
        return
    for _, size, path in sorted(files):
        if total <= limit * _KEPT_WHEN_FULL:
            return
        path.unlink(missing_ok=True)
        total -= size
