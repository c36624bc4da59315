"""Arrays kept on disk by content, so that work on a score or recording is done once."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


def cache_home() -> Path:
    """Return the cache directory: ``$ALIGN_BENCH_CACHE``, else the platform's user cache."""
    import platformdirs

    return Path(os.environ.get("ALIGN_BENCH_CACHE") or platformdirs.user_cache_dir("align-bench"))


def cached_array(kind: str, key: Mapping[str, Any], compute: Callable[[], NDArray[Any]]) -> NDArray[Any]:
    """Return ``compute()``, from disk if it was computed before under the same key.

    A cache that cannot be read or written (corrupt file, full disk, read-only home) never fails the
    caller: the array is then computed again.

    Parameters
    ----------
    kind : str
        Sub-directory, e.g. ``"rendering"``.
    key : mapping
        JSON-able; everything that the result depends on.
    compute : callable
        Makes the array.

    Returns
    -------
    numpy.ndarray
    """
    name = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()
    path = cache_home() / kind / name[:2] / f"{name}.npy"
    try:
        loaded: NDArray[Any] = np.load(path, allow_pickle=False)
        return loaded
    except (OSError, ValueError, EOFError):
        pass
    array = compute()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Written beside its place and renamed, so that a killed run leaves no half array.
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".tmp", delete=False) as handle:
            try:
                np.save(handle, array, allow_pickle=False)
                handle.close()
                os.replace(handle.name, path)
            except BaseException:
                handle.close()
                os.unlink(handle.name)
                raise
    except OSError:
        pass
    return array
