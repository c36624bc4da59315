"""Finding aligners: by name, as ``module:Class``, as ``path/to/file.py:Class``, or as a command.

A name is an entry point in the group ``align_bench.aligners`` or a table of the configuration file; the
harness itself knows no aligner by name. For commands see `align_bench.aligners.commands`.
"""

from __future__ import annotations

import importlib
import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from align_bench.aligners.base import Aligner, signature
from align_bench.aligners.commands import (
    PREFIX,
    configured,
    is_command,
    read_command,
    refuse_other_program,
)
from align_bench.aligners.source import import_file, source_of, summary_of
from align_bench.errors import AlignBenchError, AlignerError, UsageError, unknown_name

GROUP = "align_bench.aligners"


@dataclass(frozen=True)
class AlignerEntry:
    """One registered aligner.

    Attributes
    ----------
    name : str
    target : str
        ``module:Class`` or ``file.toml:NAME``.
    available : bool
    reason : str
        Why it is not available; empty if it is.
    summary : str
        First line of its docstring, or its description; empty if that cannot be read without importing it.
    """

    name: str
    target: str
    available: bool
    reason: str
    summary: str


def list_aligners(*, check: bool = False) -> list[AlignerEntry]:
    """Return every registered aligner, sorted by name, also those that do not work.

    Parameters
    ----------
    check : bool, optional
        Load each one in a process of its own, which finds missing dependencies and takes as long as they
        take to import. Without it the plugins' source is read, and nothing is imported.

    Returns
    -------
    list of AlignerEntry
    """
    tables = configured()
    registered = _registered()
    entries = [_static_entry(name, points) for name, points in registered.items() if name not in tables]
    entries += [_command_entry(name, target, registered.get(name, [])) for name, target in tables.items()]
    entries.sort(key=lambda entry: entry.name)
    if not check:
        return entries
    from align_bench.aligners.process import AlignerProcess
    from align_bench.aligners.session import Plan

    checked = []
    with AlignerProcess() as process:
        for entry in entries:
            if entry.available:
                try:
                    process.load(Plan(entry.name))
                except AlignBenchError as error:
                    entry = AlignerEntry(entry.name, entry.target, False, str(error), entry.summary)
            checked.append(entry)
    return checked


def load_aligner(spec: str, parameters: Mapping[str, Any] | None = None) -> Aligner:
    """Make an aligner.

    Parameters
    ----------
    spec : str
        A name, ``module:Class``, ``path/to/file.py:Class``, ``cmd: ...`` or ``file.toml:NAME``.
    parameters : mapping, optional
        Constructor parameters that differ from their defaults.

    Returns
    -------
    Aligner

    Raises
    ------
    UsageError
        If there is no such aligner, file or parameter, or a value has the wrong type.
    AlignerError
        If the plugin fails when it is imported or made, or two plugins have this name.
    """
    cls = load_class(spec)
    fixed, defaults = preset(spec), signature(cls)
    if is_command(resolve(spec)):
        refuse_other_program(spec, parameters or {}, {**defaults, **fixed})
    given = {**fixed, **(parameters or {})}
    for name, value in given.items():
        if name not in defaults:
            raise unknown_name(f"parameter of {spec}", name, defaults)
        _check_type(spec, name, value, defaults[name])
    try:
        aligner = cls(**given)
    except AlignBenchError as error:
        if spec.startswith(PREFIX):  # typed by hand, as a name is
            raise UsageError(str(error)) from error
        raise
    except (Exception, SystemExit) as error:
        raise _failed(spec, "be made", error) from error
    if not isinstance(aligner, Aligner):
        raise AlignerError(f"aligner must have a method align(score, audio), got none ({spec}).")
    return aligner


def load_class(spec: str) -> type:
    """Return the class that a spec names; see `load_aligner` for the errors."""
    target = resolve(spec)
    if is_command(target):
        from align_bench.aligners.executable import Executable

        return Executable
    where, _, name = target.rpartition(":")
    try:
        module = import_file(Path(where)) if where.endswith(".py") else importlib.import_module(where)
    except AlignBenchError:
        raise
    except (Exception, SystemExit) as error:
        missing = getattr(error, "name", None) if isinstance(error, ModuleNotFoundError) else None
        if ":" in spec and missing and f"{where}.".startswith(f"{missing}."):
            raise UsageError(f"aligner must be in a module, got {spec!r}: {error}.") from error
        raise _failed(spec, "be imported", error) from error
    found = getattr(module, name, None)
    if not isinstance(found, type):
        classes = [n for n, v in vars(module).items() if isinstance(v, type) and hasattr(v, "align")]
        unknown = unknown_name(f"class in {where}", name, classes)
        raise unknown if ":" in spec else AlignerError(f"aligner {spec} must exist: {unknown}")
    return found


def preset(spec: str) -> dict[str, Any]:
    """Return the constructor parameters that a spec itself sets: a command has some, a class none."""
    target = resolve(spec)
    return read_command(target).parameters if is_command(target) else {}


def resolve(spec: str) -> str:
    """Return the target that a spec stands for; imports nothing.

    It is ``module:Class``, ``file.py:Class``, ``cmd: ...`` or ``file.toml:NAME``.

    Raises
    ------
    UsageError
        If there is no such name or file, or a command does not fit.
    AlignerError
        If two plugins are registered under the name.
    """
    if is_command(spec):
        read_command(spec)
        return spec
    if ":" in spec:
        where, _, name = spec.rpartition(":")
        if where.endswith(".py") and not Path(where).is_file():
            raise UsageError(f"aligner must be in a file, got {where!r}, which does not exist ({spec}).")
        if not where or not name.isidentifier():
            raise UsageError(f"aligner must be module:Class or path/to/file.py:Class, got {spec!r}.")
        return spec
    if spec.endswith(".py"):
        raise UsageError(f"aligner must name its class, got {spec!r}. Write {spec}:ClassName.")
    registered, tables = _registered(), configured()
    if spec not in registered and spec not in tables:
        raise unknown_name("aligner", spec, {**registered, **tables})
    points = registered.get(spec, [])
    if len(points) + (spec in tables) > 1:
        raise AlignerError(_twice(spec, points, tables.get(spec)))
    if spec in tables:
        read_command(tables[spec])
        return tables[spec]
    return points[0].value


def name_of(spec: str | None, cls: type) -> str:
    """Return an aligner's name: as registered, else its attribute ``name``, else its class in kebab-case."""
    if spec and is_command(spec):
        return read_command(spec).name
    if spec and ":" not in spec:
        return spec
    declared = getattr(cls, "name", None)
    if isinstance(declared, str) and declared:
        return declared
    return kebab_case(cls.__name__)


def kebab_case(name: str) -> str:
    """Return ``ChromaDTW`` as ``chroma-dtw``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|_", "-", name).lower()


def _registered() -> dict[str, list[EntryPoint]]:
    """Return the entry points by name; one that is found twice on sys.path counts once."""
    found: dict[str, dict[tuple[str, str], EntryPoint]] = defaultdict(dict)
    for point in entry_points(group=GROUP):
        found[point.name][(point.value, _owner(point))] = point
    return {name: list(points.values()) for name, points in found.items()}


def _owner(point: EntryPoint) -> str:
    return point.dist.name if point.dist else "unknown package"


def _twice(name: str, points: list[EntryPoint], table: str | None = None) -> str:
    places = [f"{point.value} ({_owner(point)})" for point in points] + ([table] if table else [])
    cure = "Rename the table." if table else "Uninstall one, or use module:Class."
    return f"aligner name must be unique, got {name!r} from {' and '.join(places)}. {cure}"


def _command_entry(name: str, target: str, points: list[EntryPoint]) -> AlignerEntry:
    if points:
        return AlignerEntry(name, target, False, _twice(name, points, target), "")
    try:
        command = read_command(target)
        load_aligner(target)
    except AlignBenchError as error:
        return AlignerEntry(name, target, False, str(error), "")
    return AlignerEntry(name, target, True, "", command.description or command.parameters["command"])


def _static_entry(name: str, points: list[EntryPoint]) -> AlignerEntry:
    target = points[0].value
    if len(points) > 1:
        return AlignerEntry(name, " and ".join(p.value for p in points), False, _twice(name, points), "")
    module, _, cls = target.partition(":")
    try:
        source = source_of(module)
        summary = summary_of(source, cls) if source else ""
    except (OSError, SyntaxError, ValueError) as error:
        return AlignerEntry(name, target, False, f"{type(error).__name__}: {error}", "")
    if source is None:
        return AlignerEntry(name, target, False, f"there is no module {module!r}", "")
    return AlignerEntry(name, target, True, "", summary)


def _check_type(spec: str, name: str, value: Any, default: Any) -> None:
    """Compare a parameter with its default's type, where the default says something about it."""
    wanted: tuple[type, ...]
    if default is None or value is None:
        return
    wanted = (int, float) if isinstance(default, float) else (type(default),)
    if not isinstance(value, wanted) or (isinstance(value, bool) and bool not in wanted):
        raise UsageError(
            f"parameter {name} must be {wanted[-1].__name__}, got {value!r} ({spec}). "
            f"Its default is {default!r}."
        )


def _failed(spec: str, what: str, error: BaseException) -> AlignerError:
    return AlignerError(f"aligner {spec} must {what}, got {type(error).__name__}: {error}.")
