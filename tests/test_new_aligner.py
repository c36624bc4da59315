"""``align-bench new-aligner``: the package that it writes passes its own tests as it is."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from align_bench.aligners import list_aligners
from align_bench.aligners.scaffold import new_aligner
from align_bench.cli import app
from align_bench.errors import UsageError


def test_its_tests_pass_at_once(tmp_path: Path):
    """In a process of their own, without installing anything, warnings as errors."""
    done = CliRunner().invoke(app, ["new-aligner", "my-aligner", "--directory", str(tmp_path / "new")])
    folder = tmp_path / "new" / "my-aligner"
    assert done.exit_code == 0
    assert f"pip install -e {folder}" in done.output
    tests = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", str(folder)],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
    )
    assert "2 passed" in tests.stdout, tests.stdout + tests.stderr


def test_it_is_registered_once_it_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """What pip would make of its pyproject.toml is laid out by hand here."""
    folder = new_aligner("my-aligner", tmp_path)
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    info = folder / "my_aligner-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: 0.1.0\n")
    points = project["entry-points"]["align_bench.aligners"]
    lines = "\n".join(f"{name} = {target}" for name, target in points.items())
    (info / "entry_points.txt").write_text(f"[align_bench.aligners]\n{lines}\n")
    monkeypatch.syspath_prepend(str(folder))
    (entry,) = [entry for entry in list_aligners(check=True) if entry.name == "my-aligner"]
    assert (entry.target, entry.available) == ("my_aligner:MyAligner", True)
    assert entry.summary.startswith("Chroma of the rendered score")


def test_its_files_are_tidy(tmp_path: Path):
    folder = new_aligner("dtw-2000-x", tmp_path)
    assert sorted(path.name for path in folder.iterdir()) == [
        "README.md",
        "dtw_2000_x.py",
        "pyproject.toml",
        "test_dtw_2000_x.py",
    ]
    assert "class Dtw2000X:" in (folder / "dtw_2000_x.py").read_text()
    assert not [path.name for path in folder.iterdir() if "$" in path.read_text().replace("'$name", "")]
    body = (folder / "dtw_2000_x.py").read_text().split("class ")[1].splitlines()
    assert len([line for line in body if line.strip()]) <= 15
    ruff = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--isolated", "--select", "E,F,I,B,UP", "."],
        cwd=folder,
        capture_output=True,
        text=True,
    )
    if "No module named ruff" not in ruff.stderr:
        assert ruff.returncode == 0, ruff.stdout


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("MyAligner", "must be kebab-case such as my-aligner, got 'MyAligner'"),
        ("my_aligner", "must be kebab-case"),
        ("2fast", "must be kebab-case"),
        ("-x", "must be kebab-case"),
        ("../evil", "must be kebab-case"),
        ("", "must be kebab-case"),
        ("lambda", "must be kebab-case"),
        ("linear", "must be new, got 'linear', which align-bench list aligners has"),
        ("json", "there is a module json"),
        ("numpy", "there is a module numpy"),
        ("align-bench", "there is a module align_bench"),
    ],
)
def test_a_name_that_does_not_fit_is_refused(name: str, message: str, tmp_path: Path):
    with pytest.raises(UsageError, match=message):
        new_aligner(name, tmp_path / "new")
    assert not (tmp_path / "new").exists()
    assert not (tmp_path / "evil").exists()


def test_nothing_is_overwritten(tmp_path: Path):
    (new_aligner("note-follower", tmp_path) / "note_follower.py").write_text("my work")
    with pytest.raises(
        UsageError, match=r"must be new, got .*note-follower', which exists\. Nothing was written"
    ):
        new_aligner("note-follower", tmp_path)
    assert (tmp_path / "note-follower" / "note_follower.py").read_text() == "my work"
