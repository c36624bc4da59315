"""Confidences against the truth, on onsets whose outcome is known by construction."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from align_bench.errors import InvalidInputError, UsageError
from align_bench.leaderboard import plot_reliability, reliability, reliability_table
from align_bench.results import (
    AlignerInfo,
    DatasetInfo,
    Record,
    RecordError,
    RecordingResult,
    load_confidences,
    onsets_path,
    save_onsets,
    save_record,
)


@pytest.fixture
def record(tmp_path: Path) -> Path:
    """Return a record of 100 onsets: 50 with confidence 1, all right; 50 with 0.65, of which 30 are."""
    path = tmp_path / "set" / "mine.json"
    rows = [RecordingResult(id="a", piece="p", status="ok", n_onsets=100)]
    rows.append(RecordingResult(id="b", piece="p", status="error", reason="too loud"))
    made_by, dataset = AlignerInfo(name="mine", target="m:M"), DatasetInfo(name="set")
    save_record(
        Record(align_bench_version="0", aligner=made_by, dataset=dataset, recordings=rows, created="now"),
        path,
    )
    truth = np.arange(100.0)
    late = np.where(np.arange(100) < 20, 0.0501, 0.05)  # exactly 50 ms is within 50 ms
    save_onsets(onsets_path(path, "a"), truth, truth, truth + late, np.where(np.arange(100) < 50, 0.65, 1.0))
    return path


def test_stated_and_observed(record: Path):
    found = reliability(record)
    assert found.name == "mine on set"
    filled = found.counts > 0
    assert found.counts[filled].tolist() == [50, 50]
    np.testing.assert_allclose(found.stated[filled], [0.65, 1.0])
    np.testing.assert_allclose(found.observed[filled], [0.6, 1.0])
    assert found.halves == pytest.approx((0.6, 1.0))
    assert found.calibration_error == pytest.approx(0.025)
    text = reliability_table(found)
    assert "100.0 % within 50 ms; the other half: 60.0 %" in text
    assert "2.5 percentage points" in text


def test_a_plot_is_drawn(record: Path, tmp_path: Path):
    plot_reliability(reliability(record), tmp_path / "r.png")
    assert (tmp_path / "r.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(UsageError, match="must be a PNG, PDF or SVG"):
        plot_reliability(reliability(record), tmp_path / "r.exe")


def test_a_record_without_confidences_is_refused(record: Path):
    save_onsets(onsets_path(record, "a"), [0.0], [0.0], [0.0])
    assert load_confidences(onsets_path(record, "a")) is None
    with pytest.raises(RecordError, match="must have onsets with confidences"):
        reliability(record)


@pytest.mark.parametrize("value", ["1.1", "-0.1", "nan", "much"])
def test_a_confidence_is_a_probability(tmp_path: Path, value: str):
    path = tmp_path / "a.csv"
    path.write_text(f"score_time_s,reference_time_s,estimated_time_s,confidence\n0,0,0,{value}\n")
    with pytest.raises(InvalidInputError, match="confidence must be"):
        load_confidences(path)
