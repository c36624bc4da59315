"""Files that survive faults: atomic writes, names that stay inside their directory, a journal."""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

_LONGEST_NAME = 120


def jsonable(value: Any) -> Any:
    """Return a value as plain JSON data: NumPy becomes plain, NaN and infinity null, the unknown its text."""
    if isinstance(value, np.generic | np.ndarray):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(key): jsonable(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [jsonable(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, bool | int | str) else str(value)


def json_text(value: Any, indent: int | None = None) -> str:
    """Return plain data as JSON; what cannot be encoded, as in file names that are no UTF-8, is escaped."""
    text = json.dumps(value, indent=indent, ensure_ascii=False, allow_nan=False)
    return text.encode(errors="backslashreplace").decode()


def safe_name(text: str) -> str:
    """Return a file name for any text: no separators, no leading dot, not empty, not too long.

    Text that had to be changed gets a hash of the original, so that two names never share a file.
    """
    safe = re.sub(r"[^A-Za-z0-9._+=,-]", "_", text)[:_LONGEST_NAME].lstrip(".") or "_"
    if safe == text:
        return safe
    digest = hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
    return f"{safe}-{digest[:8]}"


def write_atomic(path: Path, text: str) -> None:
    """Write a text file in one step and have it on the disk before returning.

    Parameters
    ----------
    path : Path
        Its directory is made if need be.
    text : str
        Written as UTF-8, line ends unchanged.

    Raises
    ------
    OSError
        If it cannot be written; an older file of that name is then untouched.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".tmp")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, 0o644)  # mkstemp makes it private; results are to be shared
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


class Journal:
    """An append-only file of JSON lines, each on the disk before `append` returns.

    A line that a crash cut short or a power cut spoilt is dropped when the file is opened again, with all
    after it, so that what can be read was written whole.

    Parameters
    ----------
    path : Path
    header : str
        What the lines belong to. A file with another header is begun anew.
    """

    def __init__(self, path: Path, header: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        lines, end = _whole_lines(path.read_bytes() if path.exists() else b"")
        fresh = not lines or lines[0] != {"header": header}
        self.lines: list[dict[str, Any]] = [] if fresh else lines[1:]
        # Unbuffered: after a failed write nothing may be left that close would try again.
        self._file = open(path, "r+b" if path.exists() else "x+b", buffering=0)  # noqa: SIM115
        self._end = 0 if fresh else end
        self._file.truncate(self._end)
        if fresh:
            self.append({"header": header})

    def append(self, line: dict[str, Any]) -> None:
        """Write one line and wait until it is on the disk.

        Raises
        ------
        OSError
            If it cannot be written, e.g. on a full disk. The lines before it are untouched.
        """
        data = json_text(line).encode() + b"\n"
        self._file.seek(self._end)
        rest = memoryview(data)
        while rest:
            rest = rest[self._file.write(rest) :]
        os.fsync(self._file.fileno())
        self._end += len(data)

    def close(self, *, remove: bool = False) -> None:
        """Close the file; ``remove`` it where its lines have found another home."""
        self._file.close()
        if remove:
            self.path.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()


def _whole_lines(content: bytes) -> tuple[list[dict[str, Any]], int]:
    """Return the JSON objects at the beginning of a journal, and where they end."""
    lines: list[dict[str, Any]] = []
    end = 0
    for line in content.splitlines(keepends=True):
        try:
            parsed = json.loads(line)
        except (ValueError, RecursionError):
            break
        if not (line.endswith(b"\n") and isinstance(parsed, dict)):
            break
        lines.append(parsed)
        end += len(line)
    return lines, end
