"""``align-bench new-aligner NAME``: a package with an aligner that works, to be changed from there."""

from __future__ import annotations

import importlib.util
import keyword
import re
import sys
from pathlib import Path
from string import Template

from align_bench.aligners.registry import list_aligners
from align_bench.errors import UsageError

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")

_PYPROJECT = """\
[build-system]
requires = ["setuptools>=61"]
build-backend = "setuptools.build_meta"

[project]
name = "$name"
version = "0.1.0"
description = "An aligner for align-bench."
readme = "README.md"
requires-python = ">=3.11"
dependencies = ["align-bench"]

[project.optional-dependencies]
test = ["pytest"]

[project.entry-points."align_bench.aligners"]
$name = "$module:$cls"

[tool.setuptools]
py-modules = ["$module"]
"""

_MODULE = '''\
"""The aligner $name."""

from align_bench import Alignment, Audio, Score, render
from align_bench.features import chroma_cqt
from align_bench.paths import dtw, path_to_alignment


class $cls:
    """Chroma of the rendered score and of the recording, aligned by DTW."""

    def __init__(self, metric: str = "cosine") -> None:
        self.metric = metric

    def align(self, score: Score, audio: Audio) -> Alignment:
        """Say when each moment of the score sounds in the recording."""
        played, heard = chroma_cqt(render(score)), chroma_cqt(audio)
        path = dtw(played.values, heard.values, metric=self.metric)
        return path_to_alignment(path, played.frame_rate, heard.frame_rate)
'''

_TEST = '''\
"""The aligner keeps the contract, and finds notes whose times are known."""

import numpy as np
from align_bench import Score, align, check_aligner, render

ALIGNER = "$module:$cls"


def test_keeps_the_contract():
    report = check_aligner(ALIGNER)
    assert report.passed, [check for check in report.checks if not check.passed]


def test_finds_the_notes_of_a_slower_performance():
    starts = np.arange(8) * 0.5
    pitches, velocities = np.array([60, 62, 64, 65, 67, 69, 71, 72]), np.full(8, 80)
    score = Score(starts, starts + 0.45, pitches, velocities)
    starts = starts * 1.2 + 0.3
    performance = Score(starts, starts + 0.5, pitches, velocities)
    estimated = align(score, render(performance), ALIGNER).at(score.onsets)
    assert np.abs(estimated - performance.onsets).max() < 0.1
'''

_README = """\
# $name

An aligner for align-bench: `$module.py`.

```
pip install -e .[test]
pytest
align-bench check --aligner $name
align-bench run --aligner $name --aligner chroma-dtw
```

Without installing it: `align-bench check --aligner $module.py:$cls`.

- `align(score, audio)` returns a time map: seconds of score time, seconds in the recording, both ascending.
- The constructor takes keyword parameters with defaults and stores each under its own name: that is what a
  record quotes, and what `--aligner '$name[metric=euclidean]'` changes.
- If it has learnt from recordings, name them in an attribute `trained_on` (a list of their ids), and the hash
  of its weights in `checkpoint_sha256`. Rows in which it is tested on what it knows are then marked.
"""

_FILES = {
    "pyproject.toml": _PYPROJECT,
    "$module.py": _MODULE,
    "test_$module.py": _TEST,
    "README.md": _README,
}


def new_aligner(name: str, directory: str | Path = ".") -> Path:
    """Write a package with a new aligner, its test and its README.

    Parameters
    ----------
    name : str
        Kebab-case.
    directory : path, optional
        The package goes to ``<directory>/<name>``.

    Returns
    -------
    Path
        Of the package.

    Raises
    ------
    UsageError
        If the name does not fit or is taken, or the directory is there already.
    """
    folder = Path(directory) / name
    module = name.replace("-", "_")
    if not _NAME.fullmatch(name) or keyword.iskeyword(module):
        raise UsageError(f"aligner name must be kebab-case such as my-aligner, got {name!r}.")
    if folder.exists() or folder.is_symlink():
        raise UsageError(f"directory must be new, got {str(folder)!r}, which exists. Nothing was written.")
    if name in [entry.name for entry in list_aligners()]:
        raise UsageError(f"aligner name must be new, got {name!r}, which align-bench list aligners has.")
    if module in sys.stdlib_module_names or _is_module(module):
        raise UsageError(f"aligner name must be no module's, got {name!r}: there is a module {module}.")
    names = {"name": name, "module": module, "cls": "".join(map(str.capitalize, name.split("-")))}
    folder.mkdir(parents=True)
    for file, text in _FILES.items():
        path = folder / Template(file).substitute(names)
        path.write_text(Template(text).substitute(names), encoding="utf-8")
    return folder


def _is_module(name: str) -> bool:
    spec = importlib.util.find_spec(name)
    return spec is not None and spec.origin is not None  # a directory alone is found too
