"""The source of a Python plugin: found and read without importing it, imported from a file, hashed."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import inspect
import sys
from pathlib import Path
from types import ModuleType

from align_bench.errors import AlignerError


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


def source_of(module: str) -> Path | None:
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


def summary_of(source: Path, cls: str) -> str:
    """Return the first line of a class's docstring; empty if it cannot be read without importing it."""
    if source.suffix != ".py":
        return ""
    for node in ast.parse(source.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef) and node.name == cls:
            return (ast.get_docstring(node) or "").partition("\n")[0]
    return ""


def import_file(path: Path) -> ModuleType:
    """Import a Python file as a module of its own, once for each call."""
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
