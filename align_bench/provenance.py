"""Where and with what a record was made: versions, commit, platform, synthesiser, command line."""

from __future__ import annotations

import os
import platform
import re
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from align_bench.errors import AlignBenchError

_LIBRARIES = ("numpy", "scipy", "librosa", "numba", "soxr", "soundfile", "torch")
_GIT_LIMIT_S = 10.0


def environment() -> dict[str, Any]:
    """Return the fields of a record that say which software made it, and on what."""
    return {
        "align_bench_version": version("align-bench"),
        "commit": commit(Path(__file__).parent),
        "versions": versions(),
        "platform": platform.platform(),
    }


def versions() -> dict[str, str]:
    """Return the versions of Python and of the libraries that decide about numbers, where installed."""
    found = {"python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


@lru_cache
def commit(package: Path) -> str | None:
    """Return the git commit that a package is checked out from, with ``-dirty`` where files differ from it.

    Parameters
    ----------
    package : pathlib.Path
        A directory with an ``__init__.py``.

    Returns
    -------
    str or None
        None if git does not keep that file: a package installed into somebody's checkout is not part of it.
    """
    kept = _git(package, "ls-files", "--error-unmatch", "__init__.py")
    return _git(package, "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*") if kept else None


def _git(directory: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", *arguments],
            cwd=directory,
            capture_output=True,
            text=True,
            timeout=_GIT_LIMIT_S,
            check=True,
            env=os.environ | {"GIT_OPTIONAL_LOCKS": "0"},
        )
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None


def synthesiser() -> dict[str, Any]:
    """Return what renders scores on this machine; empty if nothing can."""
    from align_bench.synthesis import describe

    try:
        return describe()
    except AlignBenchError:
        return {}  # none is installed: an aligner that needs one says so itself


def public(value: Any) -> Any:
    """Return plain data without the directories that tell whose machine it comes from.

    In every text, paths below the working directory become relative to it (``./mine.py``), those below the
    home directory begin with ``~``, and names of other people's homes are left out (``/home/…/data``).

    Parameters
    ----------
    value : JSON-able

    Returns
    -------
    The same kind of data.
    """
    if isinstance(value, str):
        for pattern, new in _private_places(os.getcwd(), os.environ.get("PWD", ""), Path.home()):
            value = pattern.sub(new, value)
        return value
    if isinstance(value, Mapping):
        return {key: public(item) for key, item in value.items()}
    return [public(item) for item in value] if isinstance(value, list | tuple) else value


@lru_cache
def _private_places(here: str, called: str, home: Path) -> list[tuple[re.Pattern[str], str]]:
    # As the shell calls them, and as they are called where links are followed.
    homes = {str(home), str(home.resolve())}
    places = [(place, ".") for place in {here, called} - homes] + [(place, "~") for place in homes]
    return [
        *((_beginning(re.escape(place)), new) for place, new in places if place.strip("/")),
        (_beginning(r"/(home|Users)/[^/\s'\":,;]+"), r"/\1/…"),
    ]


def _beginning(pattern: str) -> re.Pattern[str]:
    """Return a pattern for a whole directory, at the beginning of a path."""
    return re.compile(rf"(?<![\w.~-]){pattern}(?![\w.-])")


def command_line(arguments: Sequence[str]) -> str:
    """Return the arguments of ``align-bench`` as one line, each path in them reduced to its last part.

    Parameters
    ----------
    arguments : sequence of str
        Without the program's name.

    Returns
    -------
    str

    Examples
    --------
    >>> command_line(["run", "-a", "/home/ann/mine.py:Mine", "--data-home=../private/MAPS/"])
    'align-bench run -a mine.py:Mine --data-home=MAPS'
    """
    return shlex.join(["align-bench", *map(_without_directories, arguments)])


def _without_directories(argument: str) -> str:
    if argument.startswith("cmd:"):  # several words, where elsewhere a blank is part of a path
        return " ".join(map(_without_directories, ["cmd", *argument[4:].split()])).replace("cmd", "cmd:", 1)
    trimmed = re.sub(r"(?<=[^/\\])[/\\]+(?=[,\]]|$)", "", argument)
    return re.sub(r"[^=,\[\]]*[/\\]", "", trimmed)
