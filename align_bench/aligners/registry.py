"""Finding aligners: by registered name, as ``module:Class`` or as ``path/to/file.py:Class``.

Registered means an entry point in the group ``align_bench.aligners``; the harness knows no aligner by name.
"""

from __future__ import annotations

import ast
import hashlib
import importlib
import importlib.util
import inspect
import re
import sys
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from align_bench.aligners.base import Aligner, signature
from align_bench.errors import AlignBenchError, AlignerError, UsageError, unknown_name

GROUP = "align_bench.aligners"


@dataclass(frozen=True)
class AlignerEntry:
    """One registered aligner.

    Attributes
    ----------
    name : str
    target : str
        ``module:Class``.
    available : bool
    reason : str
        Why it is not available; empty if it is.
    summary : str
        First line of its docstring; empty if that cannot be read without importing it.
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
    entries = [_static_entry(name, points) for name, points in sorted(_registered().items())]
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
        A registered name, ``module:Class`` or ``path/to/file.py:Class``.
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
    given = dict(parameters or {})
    defaults = signature(cls)
    for name, value in given.items():
        if name not in defaults:
            raise unknown_name(f"parameter of {spec}", name, defaults)
        _check_type(spec, name, value, defaults[name])
    try:
        aligner = cls(**given)
    except AlignBenchError:
        raise
    except (Exception, SystemExit) as error:
        raise _failed(spec, "be made", error) from error
    if not isinstance(aligner, Aligner):
        raise AlignerError(f"aligner must have a method align(score, audio), got none ({spec}).")
    return aligner


def load_class(spec: str) -> type:
    """Return the class that a spec names; see `load_aligner` for the errors."""
    target = resolve(spec)
    where, _, name = target.rpartition(":")
    try:
        module = _import_file(Path(where)) if where.endswith(".py") else importlib.import_module(where)
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


def resolve(spec: str) -> str:
    """Return the target ``module:Class`` or ``file.py:Class`` that a spec stands for; imports nothing.

    Raises
    ------
    UsageError
        If there is no such name or file.
    AlignerError
        If two plugins are registered under the name.
    """
    if ":" in spec:
        where, _, name = spec.rpartition(":")
        if where.endswith(".py") and not Path(where).is_file():
            raise UsageError(f"aligner must be in a file, got {where!r}, which does not exist ({spec}).")
        if not where or not name.isidentifier():
            raise UsageError(f"aligner must be module:Class or path/to/file.py:Class, got {spec!r}.")
        return spec
    if spec.endswith(".py"):
        raise UsageError(f"aligner must name its class, got {spec!r}. Write {spec}:ClassName.")
    registered = _registered()
    if spec not in registered:
        raise unknown_name("aligner", spec, registered)
    points = registered[spec]
    if len(points) > 1:
        raise AlignerError(_twice(spec, points))
    return points[0].value


def name_of(spec: str | None, cls: type) -> str:
    """Return an aligner's name: as registered, else its attribute ``name``, else its class in kebab-case."""
    if spec and ":" not in spec:
        return spec
    declared = getattr(cls, "name", None)
    if isinstance(declared, str) and declared:
        return declared
    return kebab_case(cls.__name__)


def kebab_case(name: str) -> str:
    """Return ``ChromaDTW`` as ``chroma-dtw``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|_", "-", name).lower()


def code_digest(cls: type) -> str | None:
    """Return the SHA-256 of an aligner's Python files: those of its package, or its single file."""
    try:
        source = Path(inspect.getfile(cls)).resolve()
    except (TypeError, OSError):
        return None
    top = sys.modules.get(cls.__module__.partition(".")[0])
    package = [Path(path) for path in getattr(top, "__path__", [])]
    files = sorted(file for path in package for file in path.rglob("*.py")) or [source]
    sha = hashlib.sha256()
    try:
        for file in files:
            sha.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    except OSError:
        return None
    return sha.hexdigest()


def _registered() -> dict[str, list[EntryPoint]]:
    """Return the entry points by name; one that is found twice on sys.path counts once."""
    found: dict[str, dict[tuple[str, str], EntryPoint]] = defaultdict(dict)
    for point in entry_points(group=GROUP):
        found[point.name][(point.value, _owner(point))] = point
    return {name: list(points.values()) for name, points in found.items()}


def _owner(point: EntryPoint) -> str:
    return point.dist.name if point.dist else "unknown package"


def _twice(name: str, points: list[EntryPoint]) -> str:
    both = " and ".join(f"{point.value} ({_owner(point)})" for point in points)
    return f"aligner name must be unique, got {name!r} from {both}. Uninstall one, or use module:Class."


def _static_entry(name: str, points: list[EntryPoint]) -> AlignerEntry:
    target = points[0].value
    if len(points) > 1:
        return AlignerEntry(name, " and ".join(p.value for p in points), False, _twice(name, points), "")
    module, _, cls = target.partition(":")
    try:
        source = _source_of(module)
        summary = _summary(source, cls) if source else ""
    except (OSError, SyntaxError, ValueError) as error:
        return AlignerEntry(name, target, False, f"{type(error).__name__}: {error}", "")
    if source is None:
        return AlignerEntry(name, target, False, f"there is no module {module!r}", "")
    return AlignerEntry(name, target, True, "", summary)


def _source_of(module: str) -> Path | None:
    """Return the file of a module without importing it or its parents."""
    top, *rest = module.split(".")
    spec = importlib.util.find_spec(top)
    if spec is None:
        return None
    if not rest:
        return Path(spec.origin) if spec.origin else None
    for folder in spec.submodule_search_locations or []:
        base = Path(folder, *rest)
        for file in (base.with_suffix(".py"), base / "__init__.py", *base.parent.glob(f"{base.name}.*.so")):
            if file.is_file():
                return file
    return None


def _summary(source: Path, cls: str) -> str:
    if source.suffix != ".py":
        return ""
    for node in ast.parse(source.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef) and node.name == cls:
            return (ast.get_docstring(node) or "").partition("\n")[0]
    return ""


def _import_file(path: Path) -> ModuleType:
    path = path.resolve()
    name = f"align_bench_plugin_{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))  # a plugin may have helpers beside it, as a script may
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise AlignerError(f"aligner must be in a Python file, got {str(path)!r}.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pickle look a class's module up
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


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
