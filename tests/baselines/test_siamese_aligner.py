"""The four variants: which checkpoint they take, and what the shipped ones learnt from."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from align_bench_baselines.dtw_aligner import LEAD_IN_S
from align_bench_baselines.siamese.aligner import (
    SiameseCQTBinary,
    SiameseCQTDistance,
    SiameseSTFTBinary,
    SiameseSTFTDistance,
    pick_device,
    shipped_checkpoint,
)
from align_bench_baselines.siamese.model import ModelCard, ModelConfig, load_checkpoint
from scipy.spatial.distance import cdist

from align_bench.aligners.session import Plan, describe
from align_bench.datasets import maps_recordings
from align_bench.errors import InvalidInputError, UsageError
from align_bench.leakage import trained_on_overlap
from align_bench.paths import dtw_matrix, path_to_alignment
from align_bench.synthesis import render
from align_bench.types import Audio, Recording

FOUR = [SiameseCQTBinary, SiameseCQTDistance, SiameseSTFTBinary, SiameseSTFTDistance]
REPRESENTATIONS = ["cqt", "stft"]


@pytest.mark.parametrize("variant", FOUR)
def test_the_shipped_checkpoint_is_taken(variant: type[SiameseCQTDistance]):
    aligner = variant()
    path = shipped_checkpoint(variant.network)
    card = load_checkpoint(path)[1]
    assert path.name == f"siamese-{variant.network}.safetensors"
    assert aligner.checkpoint == ""
    assert aligner.checkpoint_sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert aligner.trained_on == card.trained_on
    assert aligner.threshold == (card.threshold if variant.binary else None)


@pytest.mark.parametrize("variant", [SiameseCQTBinary, SiameseCQTDistance])
def test_ones_own_checkpoint_is_taken(variant: type[SiameseCQTDistance], checkpoint: Path):
    aligner = variant(checkpoint=str(checkpoint), device="cpu")
    description = describe(Plan(instance=aligner), aligner)
    assert description.trained_on == ["piece 0", "piece 1", "recording 0", "recording 1"]
    assert description.checkpoint_sha256 == hashlib.sha256(checkpoint.read_bytes()).hexdigest()
    assert description.parameters["checkpoint"] == str(checkpoint)


def test_binary_and_distance_are_the_two_matrices(checkpoint: Path, clean: Recording):
    """The whole aligner again, with SciPy's distances and the decoder for matrices."""
    encoder, card, _ = load_checkpoint(checkpoint)
    rendering = render(clean.score)
    samples = np.pad(rendering.samples, (round(LEAD_IN_S * rendering.sample_rate), 0))
    score = Audio(samples, rendering.sample_rate)
    sides = [encoder.embed(card.config.features(audio)) for audio in (score, clean.audio)]
    distance = cdist(sides[0].values.T, sides[1].values.T)
    for variant, cost in (
        (SiameseCQTDistance, distance),
        (SiameseCQTBinary, (distance > card.threshold).astype(float)),
    ):
        alignment = variant(checkpoint=str(checkpoint)).align(clean.score, clean.audio)
        path = dtw_matrix(cost)
        assert alignment.info["path_cost"] == pytest.approx(path.cost, rel=1e-4, abs=1.0)
        expected = path_to_alignment(path, sides[0].frame_rate, sides[1].frame_rate)
        onsets = clean.score.onsets
        assert np.mean(np.abs(alignment.at(onsets) - expected.at(onsets + LEAD_IN_S)) < 1e-6) > 0.9
    assert 0.0 < cost.mean() < 1.0


def test_an_absent_checkpoint_is_told():
    with pytest.raises(
        InvalidInputError, match=r"checkpoint must be a safetensors file, got 'no\.safetensors'"
    ):
        SiameseCQTDistance(checkpoint="no.safetensors")


def test_something_else_than_a_checkpoint_is_told(tmp_path: Path):
    path = tmp_path / "notes.txt"
    path.write_text("remember the milk")
    with pytest.raises(InvalidInputError, match="must come from 'align-bench train siamese'"):
        SiameseSTFTBinary(checkpoint=str(path))


def test_devices():
    with pytest.raises(UsageError, match=r"device must be one of auto, cpu, cuda, got 'gpu'"):
        SiameseCQTDistance(device="gpu")
    assert pick_device("cpu") == "cpu"
    assert pick_device("auto") == ("cuda" if torch.cuda.is_available() else "cpu")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_gpu_that_is_not_there():
    with pytest.raises(UsageError, match=r"device must be available, got 'cuda' .* Use 'cpu'"):
        SiameseCQTDistance(device="cuda")


@pytest.fixture(scope="module", params=REPRESENTATIONS)
def card(request: pytest.FixtureRequest) -> ModelCard:
    return load_checkpoint(shipped_checkpoint(request.param))[1]


def test_the_cards_of_the_shipped_checkpoints(card: ModelCard):
    assert card.config == ModelConfig.of(card.config.representation)
    assert card.training["representation"] == card.config.representation
    assert card.licence.startswith("CC BY-NC-SA 4.0")
    assert card.trained_on
    assert card.validated_on
    assert isinstance(card.training["seed"], int)
    assert card.training["best_step"] > 100
    assert card.validation["distance"]["accuracy_50ms"] > 0.9
    assert card.validation["distance_other_acoustics"]["accuracy_50ms"] > 0.8
    assert card.validation["binary"]["accuracy_50ms"] < card.validation["distance"]["accuracy_50ms"]


def test_the_shipped_checkpoints_learnt_from_the_training_split_only(card: ModelCard):
    split = {entry.id: entry.split for entry in maps_recordings.entries()}
    assert {split[name] for name in card.trained_on} == {"train"}
    assert {split[name] for name in card.validated_on} == {"validation"}


def test_no_composition_of_the_test_split_leaks(card: ModelCard):
    held_out = [entry for entry in maps_recordings.entries() if entry.split == "test"]
    assert len(held_out) > 5
    for entry in held_out:
        recording = Recording(entry.id, f"{entry.composer}, {entry.title}", *[lambda: None] * 3)
        assert not trained_on_overlap([*card.trained_on, *card.validated_on], recording)
    learnt = Recording(card.trained_on[0], "", *[lambda: None] * 3)
    assert trained_on_overlap(card.trained_on, learnt)  # the check can fail


def test_no_mazurka_was_trained_on(card: ModelCard):
    for opus, number in ((17, 4), (24, 2), (30, 2), (63, 3), (68, 3), (7, 1), (33, 2)):
        mazurka = Recording(f"Chopin_Op{opus:03d}No{number}_Someone-1950_pid0000-01", "", *[lambda: None] * 3)
        assert not trained_on_overlap([*card.trained_on, *card.validated_on], mazurka)


def test_a_checkpoint_that_was_trained_anew_is_read_anew(checkpoint: Path, tmp_path: Path):
    path = tmp_path / "mine.safetensors"
    shutil.copy(checkpoint, path)
    before = SiameseCQTDistance(checkpoint=str(path))
    shutil.copy(shipped_checkpoint("cqt"), path)
    after = SiameseCQTDistance(checkpoint=str(path))
    assert before.checkpoint_sha256 != after.checkpoint_sha256
    assert after.checkpoint_sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert before.trained_on != after.trained_on
