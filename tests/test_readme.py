"""The README keeps its word: its code is run, its names exist."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import align_bench
from align_bench.types import Score

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def _plugin() -> str:
    section = README.split("## Add an aligner")[1]
    return re.findall(r"```python\n(.*?)```", section, flags=re.DOTALL)[0]


def test_the_plugin_is_fifteen_lines() -> None:
    lines = [line for line in _plugin().splitlines() if line.strip()]
    assert len(lines) <= 15


def test_the_plugin_passes_the_check_and_aligns(tmp_path: Path, scale: Score) -> None:
    plugin = tmp_path / "mine.py"
    plugin.write_text(_plugin(), encoding="utf-8")
    report = align_bench.check_aligner(f"{plugin}:LibrosaDTW", {})
    assert report.passed, report
    audio = align_bench.render(scale)
    estimated = align_bench.align(scale, audio, aligner=f"{plugin}:LibrosaDTW").at(scale.onsets)
    assert np.abs(estimated - scale.onsets).max() < 0.05


def test_every_command_named_exists() -> None:
    from typer.main import get_command

    from align_bench.cli import app

    known = set(get_command(app).commands)  # type: ignore[attr-defined]
    named = set(re.findall(r"^align-bench ([\w-]+)", README, flags=re.MULTILINE))
    assert named
    assert named <= known, named - known


@pytest.mark.parametrize(
    "path", re.findall(r"^  (\w+(?:/|\.py))", README.split("## Find your room")[1], re.MULTILINE)
)
def test_every_room_named_exists(path: str) -> None:
    assert (ROOT / "align_bench" / path).exists()


def test_the_tables_are_those_of_the_records() -> None:
    from align_bench.leaderboard import leaderboard

    results = ROOT / "leaderboard" / "results"
    assert leaderboard(results / "demo", "markdown") in README
    page = (ROOT / "leaderboard" / "tables.md").read_text(encoding="utf-8")
    for directory in results.iterdir():
        assert leaderboard(directory, "markdown") in page, directory.name
