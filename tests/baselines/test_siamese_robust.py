"""``siamese-robust`` as its users meet it: confidences on disk and on screen, and a warning."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
import soxr
from align_bench_baselines.siamese.robust import key_shift
from typer.testing import CliRunner

import align_bench
from align_bench.aligners.registry import load_aligner
from align_bench.cli import app
from align_bench.datasets import load
from align_bench.leaderboard import reliability
from align_bench.results import load_confidences, load_onsets, onsets_path, record_path
from align_bench.types import Audio, Recording, Score

Write = Callable[[Path, list[Recording]], Path]


@pytest.fixture
def folder(tmp_path: Path, write: Write, clean: Recording, halls: list[Recording]) -> Path:
    return write(tmp_path / "mine", [clean, *halls[1:]])


def test_a_run_keeps_the_confidences_that_the_aligner_tells(folder: Path, tmp_path: Path):
    """They come through the aligner's own process, and are those of the Python call."""
    output = tmp_path / "results"
    (record,) = align_bench.run(["siamese-robust"], folder, output=output, oracle=False)
    assert [row.status for row in record.recordings] == ["ok"] * 3
    path = record_path(output, "mine", "siamese-robust")
    for row in record.recordings:
        kept = load_confidences(onsets_path(path, row.id))
        score_times, truth, estimated = load_onsets(onsets_path(path, row.id))
        assert np.mean(np.abs(truth - estimated) < 0.05) > 0.95
        alignment = align_bench.align(folder / row.id / "score.mid", folder / row.id / "audio.flac")
        np.testing.assert_allclose(kept, alignment.confidence_at(score_times), atol=1e-4)
        assert alignment.info["mismatch"] is False
    assert reliability(path).counts.sum() == sum(row.n_onsets or 0 for row in record.recordings)


def test_align_prints_confidences(folder: Path, clean: Recording):
    files = folder / clean.id
    result = CliRunner().invoke(app, ["align", str(files / "score.mid"), str(files / "audio.flac")])
    assert result.exit_code == 0
    rows = list(csv.DictReader(StringIO(result.stdout)))
    assert list(rows[0]) == ["score_time_s", "performance_time_s", "pitches", "confidence"]
    assert all(0.0 <= float(row["confidence"]) <= 1.0 for row in rows)
    assert result.stderr == ""


def test_align_warns_of_another_piece(folder: Path, tmp_path: Path, write: Write):
    bach = write(tmp_path / "bach", load("demo").recordings[:1])
    (score,) = bach.glob("*/score.mid")
    (audio, *_) = folder.glob("*/audio.flac")
    result = CliRunner().invoke(app, ["align", str(score), str(audio)])
    assert result.exit_code == 0
    assert "does not seem to match the score" in result.stderr


@pytest.mark.parametrize("structure", ["plain", "jumps"])
@pytest.mark.parametrize("semitones", [-1, 0, 1])
def test_a_recording_that_is_off_by_a_semitone_is_aligned_in_its_key(
    tmp_path: Path, write: Write, clean: Recording, structure: str, semitones: int
):
    ratio = 2.0 ** (semitones / 12.0)
    rate = clean.audio.sample_rate
    audio = Audio(np.asarray(soxr.resample(clean.audio.samples, rate * ratio, rate)), rate)
    alignment = load_aligner("siamese-robust", {"structure": structure}).align(clean.score, audio)
    assert alignment.info.get("semitones", 0) == semitones
    files = write(tmp_path, [replace(clean, load_audio=partial(_same, audio))]) / clean.id
    command = ["align", str(files / "score.mid"), str(files / "audio.flac"), "--structure", structure]
    said = CliRunner().invoke(app, command).stderr
    assert ("semitone above" in said, "semitone below" in said) == (semitones == 1, semitones == -1)
    truth = clean.reference
    assert np.mean(np.abs(alignment.at(truth.score_times) - truth.times / ratio) < 0.05) > 0.97


def _same(audio: Audio) -> Audio:
    return audio


def test_which_key_is_heard():
    score = Score(np.arange(4.0), np.arange(4.0) + 0.5, np.array([60, 64, 67, 72]), np.full(4, 64))
    for shift in (-1, 0, 1):
        logits = np.full((88, 10), -8.0, dtype=np.float32)
        logits[np.array([60, 64, 67, 72]) - 21 + shift, [1, 3, 5, 7]] = 3.0
        assert key_shift(score, logits) == shift
    assert key_shift(score, np.full((88, 10), -8.0, dtype=np.float32)) == 0, "a silent recording"
