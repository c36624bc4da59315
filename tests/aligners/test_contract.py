"""The contract check: a whole plugin passes, and each broken one fails on the point that it breaks."""

from __future__ import annotations

from pathlib import Path

import pytest

from align_bench.aligners.contract import check_aligner
from align_bench.errors import UsageError

PLUGINS = Path(__file__).parents[1] / "plugins"

POINTS = [
    "loads",
    "aligns-a-scale",
    "aligns-one-note",
    "aligns-silence-at-the-ends",
    "aligns-another-sample-rate",
    "covers-the-recording",
    "heeds-the-sample-rate",
    "is-deterministic",
    "leaves-its-input-alone",
]


def plugin(file: str, cls: str) -> str:
    return f"{PLUGINS / file}.py:{cls}"


@pytest.mark.parametrize("spec", [plugin("straight", "Straight"), "linear"])
def test_a_whole_plugin_passes_every_point(spec: str):
    report = check_aligner(spec)
    assert [(check.name, check.reason) for check in report.checks] == [(name, "") for name in POINTS]
    assert report.passed


@pytest.mark.parametrize(
    ("file", "cls", "point", "reason"),
    [
        ("raises_on_import", "RaisesOnImport", "loads", "OSError: libmagic.so is missing"),
        ("no_default", "NoDefault", "loads", "radius of NoDefault must have a default"),
        ("not_stored", "NotStored", "loads", "must store its parameter radius"),
        ("not_json", "NotJson", "loads", "must be JSON-able"),
        ("raises", "Raises", "aligns-a-scale", "RuntimeError: no such chord"),
        ("returns_nan", "ReturnsNan", "aligns-a-scale", "must be finite, got nan"),
        ("milliseconds", "Milliseconds", "aligns-a-scale", "Are they milliseconds or frames?"),
        ("wrong_length", "WrongLength", "aligns-a-scale", "must have one length, got 15 and 14"),
        ("decreasing", "Decreasing", "aligns-a-scale", "must not decrease"),
        ("bare_array", "BareArray", "aligns-a-scale", "must return an Alignment, got ndarray"),
        ("segfaults", "Segfaults", "aligns-a-scale", "crashed with SIGSEGV"),
    ],
)
def test_a_broken_plugin_is_told_where_it_breaks(file: str, cls: str, point: str, reason: str):
    report = check_aligner(plugin(file, cls))
    failed = {check.name: check.reason for check in report.checks if not check.passed}
    assert not report.passed
    assert reason in failed[point]


@pytest.mark.parametrize(
    ("file", "cls", "point", "reason"),
    [
        ("half_speed", "HalfSpeed", "covers-the-recording", "must be 0.7 to 1.4 of the true one, got 0.5"),
        ("one_rate", "OneRate", "heeds-the-sample-rate", "Use audio.sample_rate"),
        ("unseeded", "Unseeded", "is-deterministic", "Seed every random generator"),
        ("mutates", "Mutates", "leaves-its-input-alone", "Audio differs"),
    ],
)
def test_each_point_alone_is_caught(file: str, cls: str, point: str, reason: str):
    failed = {
        check.name: check.reason for check in check_aligner(plugin(file, cls)).checks if not check.passed
    }
    assert list(failed) == [point]
    assert reason in failed[point]


def test_a_hang_is_told():
    report = check_aligner(plugin("hangs", "Hangs"), timeout=0.5)
    failed = {check.name: check.reason for check in report.checks if not check.passed}
    assert "took longer than 0.5 s" in failed["aligns-a-scale"]


def test_an_unknown_parameter_is_a_usage_error():
    with pytest.raises(UsageError, match="Did you mean 'delay_s'"):
        check_aligner(plugin("straight", "Straight"), {"delay": 1.0})
