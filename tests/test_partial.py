"""Importing the part of partitura that is needed, each time in an interpreter that has not seen it yet."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

SCORE = """<score-partwise><part-list><score-part id="P1"><part-name/></score-part></part-list><part id="P1">
<measure number="1"><attributes><divisions>1</divisions></attributes>
<note><pitch><step>C</step><octave>4</octave></pitch><duration>1</duration></note></measure></part></score-partwise>"""
KERN = "**kern\n*M4/4\n=1\n4c\n==\n*-\n"


def _told(tmp_path: Path, script: str) -> Any:
    """Return what a script prints as JSON, run where there are a score in MusicXML and one in kern."""
    (tmp_path / "score.xml").write_text(SCORE)
    (tmp_path / "score.krn").write_text(KERN)
    begin = "import json, sys\nfrom align_bench.scores import load_score\n"
    done = subprocess.run(
        [sys.executable, "-c", begin + script], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    return json.loads(done.stdout)


def test_reading_a_score_imports_only_what_reads_scores(tmp_path: Path) -> None:
    script = """
pitches = [load_score(name).pitches.tolist() for name in ("score.xml", "score.krn")]
heavy = ("pandas", "scipy.signal", "scipy.stats", "partitura.io.importmatch", "partitura.musicanalysis")
print(json.dumps([pitches, [name for name in heavy if name in sys.modules]]))
"""
    assert _told(tmp_path, script) == [[[60], [60]], []]


def test_who_imports_partitura_later_gets_all_of_it_and_the_same_classes(tmp_path: Path) -> None:
    script = """
load_score("score.xml")
reader = sys.modules["partitura.io.importmusicxml"].load_musicxml
import partitura
from partitura.io import load_score as any_format
note = partitura.load_score("score.xml").parts[0].notes[0]
print(json.dumps([
    partitura.load_musicxml is reader,
    partitura.io.load_score is any_format and partitura.load_score is any_format,
    isinstance(note, sys.modules["partitura.score"].Note), callable(partitura.load_match),
    partitura.musicanalysis.__name__, hasattr(partitura, "no_such_name"),
]))
"""
    assert _told(tmp_path, script) == [True, True, True, True, "partitura.musicanalysis", False]


def test_who_imported_partitura_before_keeps_it(tmp_path: Path) -> None:
    script = """
sys.modules["fluidsynth"] = None
import partitura
del sys.modules["fluidsynth"]
load_score("score.xml")
print(json.dumps([sys.modules["partitura"] is partitura, callable(partitura.load_match)]))
"""
    assert _told(tmp_path, script) == [True, True]


def test_partitura_never_sees_pyfluidsynth(tmp_path: Path) -> None:
    """With it, importing partitura downloads a soundfont."""
    script = """
from types import ModuleType
mine = sys.modules["fluidsynth"] = ModuleType("fluidsynth")
mine.Synth = object
load_score("score.xml")
import partitura
partitura.load_match
print(json.dumps([partitura.utils.fluidsynth.HAS_FLUIDSYNTH, sys.modules["fluidsynth"] is mine]))
"""
    assert _told(tmp_path, script) == [False, True]
