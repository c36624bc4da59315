"""The twin and its file: patches in one pass, and nothing but a checkpoint of ours is read."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from align_bench_baselines.siamese.model import (
    Encoder,
    ModelCard,
    ModelConfig,
    load_checkpoint,
    save_checkpoint,
)
from safetensors import safe_open
from safetensors.torch import save_file

from align_bench.errors import InvalidInputError, UsageError
from align_bench.features import Features
from align_bench.types import Audio

# The patch of frame k: k - 6 (for the difference at k - 5) to k + 5.
BEFORE, AFTER = 6, 5
each_representation = pytest.mark.parametrize("representation", ["cqt", "stft", "cqt+mel"])


def lively_encoder(representation: str, seed: int = 0) -> Encoder:
    """Return an untrained network in which batch norm does something, as after training."""
    torch.manual_seed(seed)
    encoder = Encoder(ModelConfig.of(representation))
    encoder.train()
    with torch.no_grad():
        for _ in range(3):
            encoder(torch.rand(2, encoder.config.n_bins, 50))
    return encoder.eval()


def spectrogram(encoder: Encoder, n_frames: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.random((encoder.config.n_bins, n_frames)).astype(np.float32)


@each_representation
def test_the_configuration_fits_the_features(representation: str, noise_burst: Audio):
    config = ModelConfig.of(representation)
    features = config.features(noise_burst)
    assert features.values.shape[0] == config.n_bins
    embedded = lively_encoder(representation).embed(features)
    assert embedded.values.shape == (config.n_dims + config.n_pitches, features.values.shape[1])
    assert embedded.frame_rate == features.frame_rate
    assert embedded.values.dtype == np.float32


def test_an_unknown_representation_is_refused():
    with pytest.raises(
        UsageError,
        match=r"must be one of cqt, cqt\+mel, stft, got 'qt'\. Did you mean 'cqt'\?",
    ):
        ModelConfig.of("qt")


@each_representation
def test_the_receptive_field_is_11_frames_and_one_for_the_difference(representation: str):
    """Which input frames reach output frame 20, by gradient, over many inputs (a ReLU may hide one)."""
    encoder, reached = lively_encoder(representation), set()
    for seed in range(5):
        x = torch.from_numpy(spectrogram(encoder, 41, seed))[None].requires_grad_()
        encoder(x)[0, :, 20].square().sum().backward()
        assert x.grad is not None
        reached |= set(torch.nonzero(x.grad[0].abs().sum(0))[:, 0].tolist())
    assert reached == set(range(20 - BEFORE, 20 + AFTER + 1))


@each_representation
def test_one_pass_equals_patch_by_patch(representation: str):
    encoder = lively_encoder(representation)
    values = spectrogram(encoder, 40)
    whole = encoder.embed(Features(values, 49.2)).values
    for k in range(BEFORE, 40 - AFTER):
        patch = encoder.embed(Features(values[:, k - BEFORE : k + AFTER + 1], 49.2)).values
        np.testing.assert_allclose(patch[:, BEFORE], whole[:, k], atol=1e-5)


@each_representation
def test_a_delay_delays_the_embedding(representation: str):
    encoder = lively_encoder(representation)
    values = spectrogram(encoder, 60)
    early, late = (encoder.embed(Features(part, 49.2)).values for part in (values[:, 7:], values))
    np.testing.assert_allclose(early[:, BEFORE:], late[:, 7 + BEFORE :], atol=1e-5)
    assert np.abs(early[:, 20:30] - late[:, 20:30]).max() > 0.01  # it is not constant


def test_the_second_channel_is_the_rectified_difference():
    """What never rises leaves it empty; otherwise its gain and its weights are one product."""
    encoder = lively_encoder("cqt")
    doubled = Encoder(replace(encoder.config, onset_gain=2 * encoder.config.onset_gain)).eval()
    doubled.load_state_dict(encoder.state_dict())
    falling = Features(np.sort(spectrogram(encoder, 30), axis=1)[:, ::-1], 49.2)
    rising = Features(spectrogram(encoder, 30), 49.2)
    np.testing.assert_array_equal(encoder.embed(falling).values, doubled.embed(falling).values)
    assert np.abs(encoder.embed(rising).values - doubled.embed(rising).values).max() > 0.01
    with torch.no_grad():
        doubled.body[0].weight[:, 1] /= 2
    np.testing.assert_allclose(encoder.embed(rising).values, doubled.embed(rising).values, atol=1e-5)


def test_embedding_one_frame_works_and_does_not_train():
    encoder = lively_encoder("cqt")
    encoder.train()
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    assert encoder.embed(Features(spectrogram(encoder, 1), 49.2)).values.shape == (32, 1)
    assert all(torch.equal(before[name], value) for name, value in encoder.state_dict().items())


CARD = ModelCard(
    config=ModelConfig.of("stft"),
    threshold=1.25,
    trained_on=["b", "a"],
    validated_on=["c"],
    training={"seed": 3, "augment": True, "learning_rate": 2e-3},
    validation={"distance": {"accuracy_50ms": 0.9}},
)


def test_a_checkpoint_comes_back_as_it_was(tmp_path: Path):
    encoder = lively_encoder("stft")
    path = tmp_path / "a.safetensors"
    save_checkpoint(path, encoder, CARD)
    again, card, digest = load_checkpoint(path)
    assert card == CARD
    values = Features(spectrogram(encoder, 30), 49.2)
    np.testing.assert_allclose(again.embed(values).values, encoder.embed(values).values, atol=2e-4)
    once_more = tmp_path / "b.safetensors"
    save_checkpoint(once_more, again, card)
    assert once_more.read_bytes() == path.read_bytes()
    once_more.unlink()
    assert [p.name for p in tmp_path.iterdir()] == ["a.safetensors"]
    save_checkpoint(path, lively_encoder("stft", seed=1), CARD)  # another, over it
    assert load_checkpoint(path)[2] != digest


def test_the_same_checkpoint_is_the_same_file(tmp_path: Path):
    for name in ("a", "b"):
        save_checkpoint(tmp_path / name, lively_encoder("cqt"), CARD)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_checkpoint_is_for_others_too(tmp_path: Path):
    """An installed package belongs to root, and its users must be able to read it."""
    save_checkpoint(tmp_path / "a", lively_encoder("cqt"), CARD)
    (tmp_path / "plain").touch()
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_the_card_can_be_read_without_us(tmp_path: Path):
    save_checkpoint(tmp_path / "a", lively_encoder("stft"), CARD)
    with safe_open(tmp_path / "a", framework="np") as file:
        card = json.loads(file.metadata()["card"])
    assert card["licence"].startswith("CC BY-NC-SA")
    assert card["config"]["representation"] == "stft"
    assert (card["threshold"], card["trained_on"], card["card_version"]) == (1.25, ["b", "a"], 1)


class Boobytrap:
    """What a malicious pickle does: something, as soon as it is read."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.target,)


def test_an_absent_checkpoint_is_told(tmp_path: Path):
    with pytest.raises(InvalidInputError, match=r"got '.*no\.safetensors', which does not exist"):
        load_checkpoint(tmp_path / "no.safetensors")


def test_nothing_is_unpickled(tmp_path: Path):
    sprung = tmp_path / "sprung"
    for name, save in (("a.pt", torch.save), ("a.pkl", lambda o, p: p.write_bytes(pickle.dumps(o)))):
        save({"weights": Boobytrap(sprung)}, tmp_path / name)
        with pytest.raises(InvalidInputError, match="must come from 'align-bench train siamese'"):
            load_checkpoint(tmp_path / name)
    assert not sprung.exists()
    pickle.loads((tmp_path / "a.pkl").read_bytes())
    assert sprung.exists()  # the trap works


def file_with(path: Path, encoder: Encoder, **metadata: str) -> None:
    save_file(dict(encoder.state_dict()), path, metadata=metadata)


def good_card(**changes: object) -> str:
    card = {"card_version": 1, "config": {}, "threshold": 1.0, "trained_on": []}
    return json.dumps({**card, **changes})


@pytest.mark.parametrize(
    ("card", "reason"),
    [
        ("{", "Expecting property name"),
        ("null", "NoneType"),
        ('"a card"', "dictionary"),
        ("[1]", "dictionary"),
        ("{}", "card_version"),
        (good_card(card_version=2), "its card is of another version"),
        (good_card(config={"colour": 1}), "unexpected keyword argument 'colour'"),
        (good_card(mood="merry"), "unexpected keyword argument 'mood'"),
        (good_card(config={"channels": 8}), "size mismatch"),
        (good_card(config={"representation": "stft", "n_bins": 384}), "size mismatch"),
        (json.dumps({"card_version": 1, "config": {}, "threshold": 1.0}), "trained_on"),
    ],
)
def test_a_card_that_is_not_ours_is_refused(tmp_path: Path, card: str, reason: str):
    path = tmp_path / "a.safetensors"
    file_with(path, Encoder(ModelConfig()), card=card)
    sentence = rf"(?s)must come from 'align-bench train siamese', got .*a\.safetensors': .*{reason}"
    with pytest.raises(InvalidInputError, match=sentence):
        load_checkpoint(path)


def test_the_plain_card_is_good(tmp_path: Path):
    """That what the cases above change is what makes them fail."""
    file_with(tmp_path / "a", Encoder(ModelConfig()), card=good_card())
    assert load_checkpoint(tmp_path / "a")[1].threshold == 1.0


@pytest.mark.parametrize("damage", ["no card", "missing weights", "cut short", "empty", "text"])
def test_a_damaged_checkpoint_is_refused(tmp_path: Path, damage: str):
    path, encoder = tmp_path / "a.safetensors", Encoder(ModelConfig())
    file_with(path, encoder, card=good_card())
    if damage == "no card":
        save_file(dict(encoder.state_dict()), path)
    elif damage == "missing weights":
        save_file({"head.3.bias": torch.zeros(32)}, path, metadata={"card": good_card()})
    else:
        content = {"cut short": path.read_bytes()[:5000], "empty": b"", "text": b"weights, honestly"}
        path.write_bytes(content[damage])
    with pytest.raises(InvalidInputError, match="must come from 'align-bench train siamese'"):
        load_checkpoint(path)
