"""The rules of the house: imports go downhill, the harness knows no aligner, importing it is quick."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "align_bench"
MODULES = sorted(path for path in PACKAGE.rglob("*.py"))

# From the ground up: a module may import from its own floor and from those below.
FLOORS = (
    ("errors", "types", "cache", "storage", "blas", "partial"),
    ("midi", "scores", "structure", "synthesis", "features", "similarity", "conditions", "metrics"),
    ("paths",),
    ("aligners", "datasets"),
    ("leakage", "provenance", "results"),
    ("store", "cluster", "work", "execution", "runner", "api", "estimates"),
    ("leaderboard",),
    ("recompute", "verify"),
    ("trainers", "cli", "__main__"),
)


def _imports(path: Path) -> list[str]:
    names = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: the harness uses absolute imports"
            names.append(node.module or "")
    return names


def _floor(room: str) -> int:
    found = [i for i, rooms in enumerate(FLOORS) if room in rooms]
    assert found, f"{room} has no floor yet: give it one in FLOORS"
    return found[0]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_downhill(path: Path) -> None:
    room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    if room == "__init__":
        return  # names everything, lazily
    for name in _imports(path):
        parts = name.split(".")
        if parts[0] == "align_bench" and len(parts) > 1:
            assert _floor(parts[1]) <= _floor(room), f"{room} must not import {name}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_the_harness_knows_no_aligner(path: Path) -> None:
    for name in _imports(path):
        assert name.split(".")[0] not in ("baselines", "align_bench_baselines", "torch"), name


def test_importing_the_package_is_quick() -> None:
    heavy = ("torch", "librosa", "matplotlib", "scipy", "numba", "partitura", "mirdata", "pandas")
    script = f"import sys, align_bench; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_repository_holds_no_large_file() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    large = [
        n for n in listed.stdout.split("\0") if n and (ROOT / n).is_file() and (ROOT / n).stat().st_size > 5e6
    ]
    assert large == []
