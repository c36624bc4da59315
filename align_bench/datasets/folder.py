"""Your own recordings: any directory of ``<id>/{audio.*, score.*, truth.csv}``.

One sub-directory a recording: ``audio.wav`` (or ``.flac``, ``.ogg``, ``.mp3``), ``score.mid`` (or
``.musicxml``, ``.mxl``, ``.xml``, ``.krn``) and ``truth.csv``, with a header and one row a note or beat:
``score_time_sec`` (seconds in the score, not decreasing) and ``performance_time_sec`` (seconds in the
recording). Other columns are ignored. An optional ``meta.json`` may give ``composer``, ``title`` and
whatever else a record should quote. Hidden directories are ignored.
"""

from __future__ import annotations

import csv
import hashlib
import json
import math
import re
from functools import partial
from pathlib import Path
from typing import Any

from align_bench.datasets.base import Collection
from align_bench.errors import DatasetError, InvalidInputError
from align_bench.scores import load_score
from align_bench.types import TIME_RESOLUTION, Audio, Recording, Reference

# In order of preference, where a recording has several.
SCORE_FILES = tuple(f"score{s}" for s in (".mid", ".midi", ".musicxml", ".mxl", ".xml", ".krn"))
AUDIO_FILES = tuple(f"audio{s}" for s in (".wav", ".flac", ".ogg", ".mp3"))
TRUTH_FILE = "truth.csv"
SCORE_COLUMNS = ("score_time_sec", "score_time_s")
AUDIO_COLUMNS = ("performance_time_sec", "performance_time_s")
# Rolled chords overlap what follows, so onsets may step back a little; more than this is a defect.
MAX_STEP_BACK_S = 0.25


def collection(root: Path, *, allow_missing: bool = False) -> Collection:
    """List the recordings in a directory.

    Parameters
    ----------
    root : pathlib.Path
    allow_missing : bool, optional
        Leave out recordings that lack a file instead of refusing the directory.

    Returns
    -------
    Collection

    Raises
    ------
    DatasetError
        If there is no such directory, it holds no recordings, or some of them lack a file.
    """
    if not root.is_dir():
        raise DatasetError(f"dataset must be a directory, got {str(root)!r}, which does not exist.")
    layout = f"A recording is a directory with {AUDIO_FILES[0]}, {SCORE_FILES[0]} and {TRUTH_FILE}."
    if (root / TRUTH_FILE).is_file():
        raise DatasetError(
            f"dataset must be a directory of recordings, got one recording ({root}). Give its parent."
        )
    found: list[tuple[str, dict[str, Path]]] = []
    incomplete: list[str] = []
    for directory in sorted(d for d in root.iterdir() if d.is_dir() and not d.name.startswith(".")):
        files = _files(directory)
        lacking = [kind for kind in ("audio", "score", "truth") if kind not in files]
        if not lacking:
            found.append((directory.name, files))
        elif files:
            incomplete.append(f"{directory.name} lacks {' and '.join(lacking)}")
    if incomplete and not (allow_missing and found):
        first = "; ".join(incomplete[:5]) + ("; …" if len(incomplete) > 5 else "")
        raise DatasetError(
            f"every recording must have audio, score and truth, got {len(found)} of "
            f"{len(found) + len(incomplete)} that do; {first} ({root}). "
            f"Add the files, or allow missing recordings."
        )
    if not found:
        raise DatasetError(f"dataset must hold recordings, got a directory without any ({root}). {layout}")
    return Collection(
        name=root.resolve().name,
        version="local",
        index_sha256=_digest(found),
        ground_truth="user",
        recordings=tuple(_recording(name, files) for name, files in found),
        n_wanted=len(found) + len(incomplete),
    )


def read_truth(path: str | Path) -> Reference:
    """Read a ``truth.csv``.

    Parameters
    ----------
    path : str or pathlib.Path
        Comma-separated, with a header that has ``score_time_sec`` and ``performance_time_sec``
        (or ``…_s``), both in seconds.

    Returns
    -------
    Reference

    Raises
    ------
    InvalidInputError
        If there is no such file, a column is missing, or a time is not a number, is negative or
        decreases; the message names the line.
    """
    path = Path(path)
    try:
        with path.open(encoding="utf-8-sig", newline="") as handle:
            rows = csv.reader(handle)
            header = [column.strip() for column in next(rows, [])]
            score_column = _column(header, SCORE_COLUMNS, path)
            audio_column = _column(header, AUDIO_COLUMNS, path)
            score_times: list[float] = []
            times: list[float] = []
            lines: list[int] = []
            for row in rows:
                if not row or not any(cell.strip() for cell in row):
                    continue
                lines.append(rows.line_num)
                score_times.append(_time(row, score_column, header, path, rows.line_num))
                times.append(_time(row, audio_column, header, path, rows.line_num))
    except FileNotFoundError as error:
        raise InvalidInputError(f"truth must be a file, got {str(path)!r}, which does not exist.") from error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InvalidInputError(f"truth must be a CSV text file, got {error} ({path}).") from error
    if not score_times:
        raise InvalidInputError(f"truth must have rows below its header, got none ({path}).")
    for i in range(1, len(lines)):
        where = f"({path}, line {lines[i]})"
        if score_times[i] < score_times[i - 1]:
            raise InvalidInputError(
                f"{header[score_column]} must not decrease, got {score_times[i]:g} after "
                f"{score_times[i - 1]:g} {where}. Sort the rows by score time."
            )
        next_onset = score_times[i] - score_times[i - 1] > TIME_RESOLUTION
        if next_onset and times[i] < times[i - 1] - MAX_STEP_BACK_S:
            raise InvalidInputError(
                f"{header[audio_column]} must not step back by more than {MAX_STEP_BACK_S:g} s, got "
                f"{times[i]:g} after {times[i - 1]:g} {where}. Are its rows matched with the right notes?"
            )
    return Reference.from_notes(score_times, times)


def _column(header: list[str], names: tuple[str, ...], path: Path) -> int:
    for name in names:
        if name in header:
            return header.index(name)
    got = ", ".join(header)[:200] or "an empty file"
    raise InvalidInputError(f"truth must have a column {names[0]}, got {got} ({path}, line 1).")


def _time(row: list[str], column: int, header: list[str], path: Path, line: int) -> float:
    text = row[column].strip() if column < len(row) else ""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or value < 0:
        raise InvalidInputError(
            f"{header[column]} must be a number of seconds >= 0, got {text[:40]!r} ({path}, line {line})."
        )
    return value


def _files(directory: Path) -> dict[str, Path]:
    """Return which of audio, score, truth and meta are there."""
    wanted = {"audio": AUDIO_FILES, "score": SCORE_FILES, "truth": (TRUTH_FILE,), "meta": ("meta.json",)}
    files: dict[str, Path] = {}
    for kind, names in wanted.items():
        for name in names:
            if (directory / name).is_file():
                files[kind] = directory / name
                break
    if set(files) == {"meta"}:
        return {}
    return files


def _recording(name: str, files: dict[str, Path]) -> Recording:
    metadata = _metadata(files["meta"]) if "meta" in files else {}
    composer, title = metadata.get("composer"), metadata.get("title")
    # An excerpt is of the same composition as the whole.
    piece = re.sub(r"\s*\(excerpt\)$", "", f"{composer}, {title}") if composer and title else name
    return Recording(
        id=name,
        piece=piece,
        load_score=partial(load_score, files["score"]),
        load_audio=partial(Audio.load, files["audio"]),
        load_reference=partial(read_truth, files["truth"]),
        metadata=metadata,
    )


def _metadata(path: Path) -> dict[str, Any]:
    """Return the plain fields of a meta.json; ``real_acoustic_recording`` becomes ``real``."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InvalidInputError(
            f"meta.json must be JSON, got {error} ({path}). Correct it or take it away."
        ) from error
    if not isinstance(content, dict):
        raise InvalidInputError(f"meta.json must be a JSON object, got {type(content).__name__} ({path}).")
    plain = {
        key: value
        for key, value in content.items()
        if isinstance(value, str | bool | int) or (isinstance(value, float) and math.isfinite(value))
    }
    if isinstance(plain.get("real_acoustic_recording"), bool):
        plain["real"] = plain.pop("real_acoustic_recording")
    return plain


def _digest(found: list[tuple[str, dict[str, Path]]]) -> str:
    """Hash names and sizes of all files, and the content of the truth."""
    sha = hashlib.sha256()
    for name, files in found:
        sizes = {kind: [path.name, path.stat().st_size] for kind, path in sorted(files.items())}
        sha.update(json.dumps([name, sizes]).encode())
        sha.update(files["truth"].read_bytes())
    return sha.hexdigest()
