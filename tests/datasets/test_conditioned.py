"""Datasets in other acoustics: what is heard, what it is called, and that everybody hears the same."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import align_bench
from align_bench.conditions import apply_condition
from align_bench.datasets import load
from align_bench.datasets.base import Collection
from align_bench.datasets.conditioned import in_conditions
from align_bench.errors import UsageError
from align_bench.leaderboard import leaderboard
from align_bench.results import load_record, record_path


@pytest.fixture(scope="module")
def two() -> Collection:
    """Return two clean recordings of the demo set and one that is in a condition already."""
    demo = load("demo")
    clean = [r for r in demo.recordings if r.metadata["condition"] == "clean"][:2]
    noisy = [r for r in demo.recordings if r.metadata["condition"] == "noise"][:1]
    return Collection("few", "1", "0" * 64, "exact by construction", (*clean, *noisy), n_wanted=3)


def test_each_clean_recording_is_heard_in_each_condition(two: Collection):
    heard = in_conditions(two, ["clean", "noise"])
    one, other, _ = two.recordings
    assert [r.id for r in heard.recordings] == [one.id, other.id, f"{one.id}@noise", f"{other.id}@noise"]
    assert [r.metadata["condition"] for r in heard.recordings] == ["clean", "clean", "noise", "noise"]
    assert (heard.label, heard.n_wanted) == ("few@clean+noise", 4)
    plain, _, noisy, _ = heard.recordings
    np.testing.assert_array_equal(plain.audio.samples, one.audio.samples)
    np.testing.assert_array_equal(noisy.audio.samples, apply_condition(one.audio, "noise", one.id).samples)
    assert noisy.piece == one.piece


def test_a_worker_hears_the_same(two: Collection):
    recording = in_conditions(two, ["room"]).recordings[0]
    there = pickle.loads(pickle.dumps(recording))
    np.testing.assert_array_equal(there.audio.samples, recording.audio.samples)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["noisy"], "condition must be one of clean, .*Did you mean 'noise'"),
        (["noise", "noise"], "named once each, got noise, noise"),
        ([], "got none"),
    ],
)
def test_what_is_refused(two: Collection, names: list[str], message: str):
    with pytest.raises(UsageError, match=message):
        in_conditions(two, names)


def test_a_dataset_without_clean_recordings_is_refused(two: Collection):
    noisy = Collection("noisy", "1", "", "user", two.recordings[2:])
    with pytest.raises(UsageError, match="must hold clean recordings"):
        in_conditions(noisy, ["noise"])


def test_records_and_tables_say_the_condition(two: Collection, tmp_path):
    options = {"conditions": ["clean", "noise"], "progress": False, "output": tmp_path, "oracle": False}
    (record,) = align_bench.run("flux-dtw", two, isolate=False, **options)
    (parallel,) = align_bench.run("flux-dtw", two, jobs=2, rerun="all", **options)
    assert [row.scores for row in record.recordings] == [row.scores for row in parallel.recordings]
    stored = load_record(record_path(tmp_path, "few@clean+noise", "flux-dtw"))
    assert stored.dataset.conditions == ["clean", "noise"]
    assert stored.dataset.whole == "few"
    assert [row.metadata["condition"] for row in stored.recordings] == ["clean", "clean", "noise", "noise"]
    clean, noisy = stored.recordings[0], stored.recordings[2]
    assert clean.scores != noisy.scores
    table = leaderboard([stored])
    assert "few@clean+noise by condition" in table
    assert "largest" in table
