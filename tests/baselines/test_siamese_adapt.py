"""Recordings without truth: the aligner's own confident onsets are near what was played."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from align_bench_baselines.siamese.adapt import FEWEST_ONSETS, self_labelled, unlabelled
from align_bench_baselines.siamese.aligner import shipped_checkpoint

from align_bench.errors import DatasetError
from align_bench.types import Recording

Write = Callable[[Path, list[Recording]], Path]


def test_confident_onsets_are_near_the_truth(tmp_path: Path, write: Write, halls: list[Recording]):
    found = self_labelled(unlabelled(write(tmp_path, halls)), shipped_checkpoint("robust"))
    assert [r.id for r in found] == [r.id for r in halls]
    for own, true in zip(found, halls, strict=True):
        reference = own.reference
        assert FEWEST_ONSETS <= reference.times.size <= true.score.onsets.size
        at = np.interp(reference.score_times, true.reference.score_times, true.reference.times)
        assert np.mean(np.abs(reference.times - at) < 0.025) > 0.95


def test_a_network_that_hears_no_keys_labels_too(tmp_path: Path, write: Write, halls: list[Recording]):
    (own,) = self_labelled(unlabelled(write(tmp_path, halls[:1])), shipped_checkpoint("cqt"))
    at = np.interp(own.reference.score_times, halls[0].reference.score_times, halls[0].reference.times)
    assert np.mean(np.abs(own.reference.times - at) < 0.05) > 0.9


def test_a_recording_of_another_piece_is_no_material(
    tmp_path: Path, write: Write, clean: Recording, halls: list[Recording]
):
    wrong = write(tmp_path / "a", [clean])
    write(tmp_path / "b", halls[1:2])
    shutil.copy(tmp_path / "b" / halls[1].id / "score.mid", wrong / clean.id)
    with pytest.raises(DatasetError, match="must have audio"):
        self_labelled(unlabelled(wrong), shipped_checkpoint("robust"))


def test_an_empty_folder_is_refused(tmp_path: Path):
    with pytest.raises(DatasetError, match="must have audio"):
        self_labelled(unlabelled(tmp_path), shipped_checkpoint("robust"))
