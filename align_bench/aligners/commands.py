"""Aligners that are commands: ``cmd: ./mine {score} {audio} {output}``, and tables of ``align-bench.toml``.

The file in the working directory, or the one that ``--config`` or ``ALIGN_BENCH_CONFIG`` names, may hold::

    [aligners.mine]
    command = "align.py {score} {audio} {output}"
    python = "~/venvs/mine"                # another environment's interpreter; the command is its arguments
    environment = { OMP_NUM_THREADS = "1" }
    directory = "tools"                    # where it runs; from where the file is
    format = "csv"                         # or instants, svl, midi
    trained_on = ["MAPS_MUS-chpn_op7_1_ENSTDkAm"]
    description = "What align-bench list aligners says."

Only ``command`` is needed. An aligner of a file that is not the configured one is ``path/to/file.toml:NAME``.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from align_bench.aligners.executable import program_name, split_command
from align_bench.errors import UsageError, unknown_name

PREFIX = "cmd:"
CONFIG_FILE = "align-bench.toml"
CONFIG_VARIABLE = "ALIGN_BENCH_CONFIG"

_WHAT_RUNS = ("command", "python", "environment", "directory")
_KEYS = (*_WHAT_RUNS, "format", "trained_on", "description")
_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_MAX_BYTES = 2**20


@dataclass(frozen=True)
class Command:
    """An aligner that is a command.

    Attributes
    ----------
    name : str
        Kebab-case.
    target : str
        ``cmd: ...`` or ``file.toml:NAME``.
    parameters : dict
        Of `align_bench.aligners.executable.Executable`; those that are left out have their defaults.
    description : str
    """

    name: str
    target: str
    parameters: dict[str, Any]
    description: str = ""


def is_command(spec: str) -> bool:
    """Return whether a spec is ``cmd: ...`` or ``file.toml:NAME``."""
    return spec.startswith(PREFIX) or spec.rpartition(":")[0].endswith(".toml")


def read_command(spec: str) -> Command:
    """Return what ``cmd: ...`` or ``file.toml:NAME`` stands for.

    Raises
    ------
    UsageError
        If the command lacks something, there is no such file or table, or the table does not fit.
    """
    if spec.startswith(PREFIX):
        command = spec.removeprefix(PREFIX).strip()
        split_command(command)
        return Command(program_name(command), spec, {"command": command})
    file, _, name = spec.rpartition(":")
    tables = _read_tables(Path(file))
    if name not in tables:
        raise unknown_name(f"aligner of {file}", name, tables)
    return _read_table(Path(file), name, tables[name])


def refuse_other_program(spec: str, given: Mapping[str, Any], own: Mapping[str, Any]) -> None:
    """Refuse parameters that would make a command run something else.

    Parameters come from records too, and what a record names is not run: only what the user has written
    after ``cmd:`` or into a table.

    Parameters
    ----------
    spec : str
    given : mapping
        Parameters beside the spec.
    own : mapping
        Those of the spec itself, with the defaults of the others.

    Raises
    ------
    UsageError
        If one of them differs that says what is run.
    """
    for name in _WHAT_RUNS:
        if name in given and given[name] != own[name]:
            raise UsageError(
                f"parameter {name} of {spec} must be {own[name]!r}, as it says itself, got {given[name]!r}."
            )


def configured() -> dict[str, str]:
    """Return the aligners of the configuration file: targets ``file.toml:NAME`` by name.

    Raises
    ------
    UsageError
        If the file cannot be used as a whole. What is wrong in one table is told by `read_command`.
    """
    given = os.environ.get(CONFIG_VARIABLE)
    file = Path(given or CONFIG_FILE)
    if not given and not file.is_file():
        return {}
    return {name: f"{file}:{name}" for name in _read_tables(file)}


def _read_tables(file: Path) -> dict[str, Any]:
    try:
        with file.open("rb") as handle:
            data = handle.read(_MAX_BYTES + 1)
    except OSError as error:
        raise UsageError(f"configuration must be a file, got {error.strerror} ({file}).") from error
    if len(data) > _MAX_BYTES:
        raise UsageError(f"configuration must be at most {_MAX_BYTES // 2**20} MB, got more ({file}).")
    try:
        content = tomllib.loads(data.decode())
    except (ValueError, RecursionError) as error:  # both of its errors are ValueErrors
        raise UsageError(f"configuration must be TOML, got {error} ({file}).") from error
    for key in content:
        if key != "aligners":
            raise unknown_name(f"table of {file}", key, ["aligners"])
    tables = content.get("aligners", {})
    if not isinstance(tables, dict):
        raise UsageError(f"aligners must be tables [aligners.NAME], got {tables!r} ({file}).")
    for name in tables:
        if not _NAME.fullmatch(name):
            raise UsageError(f"aligner name must be kebab-case such as my-dtw, got {name!r} ({file}).")
    return tables


def _read_table(file: Path, name: str, table: Any) -> Command:
    where = f"[aligners.{name}] of {file}"
    if not isinstance(table, dict):
        raise UsageError(f"{where} must be a table, got {table!r}.")
    for key in table:
        if key not in _KEYS:
            raise unknown_name(f"key in {where}", key, _KEYS)
    for key in ("command", "python", "directory", "format", "description"):
        if not isinstance(table.get(key, ""), str):
            raise UsageError(f"{key} must be a text, got {table[key]!r} ({where}).")
    if "command" not in table:
        raise UsageError(f"{where} must have a command, got none.")
    directory = file.parent / Path(table.get("directory", "")).expanduser()
    parameters = {**table, "directory": str(directory)}
    description = parameters.pop("description", "")
    return Command(name, f"{file}:{name}", parameters, description)
