"""The twin in NumPy against the twin in torch, on a CPU and on a GPU."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from align_bench_baselines.siamese.aligner import SiameseCQTDistance, SiameseSTFTDistance, shipped_checkpoint
from align_bench_baselines.siamese.card import read_checkpoint
from align_bench_baselines.siamese.model import (
    Encoder,
    ModelCard,
    ModelConfig,
    load_checkpoint,
    save_checkpoint,
)
from align_bench_baselines.siamese.network import AFTER, BEFORE, Network, in_chunks
from safetensors.torch import save_file

from align_bench.errors import InvalidInputError
from align_bench.features import Features
from align_bench.types import Recording

CONFIGS = {
    "cqt": ModelConfig.of("cqt"),
    "stft": ModelConfig.of("stft"),
    "cqt+mel": ModelConfig.of("cqt+mel"),
    "odd": ModelConfig("cqt", n_bins=61, frequency_stride=1, channels=5, n_dims=7, onset_gain=1.5),
    "wide": ModelConfig("stft", n_bins=151, frequency_stride=3, channels=4, n_dims=9),
}


def lively(config: ModelConfig) -> Encoder:
    """Return an untrained network in which batch norm does something, as after training."""
    torch.manual_seed(3)
    encoder = Encoder(config)
    encoder.train()
    with torch.no_grad():
        for _ in range(3):
            encoder(torch.rand(2, config.n_bins, 50))
    return encoder.eval()


def one_pass(encoder: Encoder, features: Features) -> np.ndarray:
    with torch.inference_mode():
        return encoder(torch.from_numpy(features.values)[None])[0].numpy()


def spectrogram(n_bins: int, n_frames: int) -> Features:
    return Features(np.random.default_rng(n_frames).random((n_bins, n_frames), dtype=np.float32), 49.2)


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("n_frames", [1, 2, 7, 512, 513, 1100])
def test_numpy_embeds_as_torch_does(name: str, n_frames: int, tmp_path: Path):
    save_checkpoint(tmp_path / "a", lively(CONFIGS[name]), ModelCard(CONFIGS[name], 1.0, []))
    network, card, digest = read_checkpoint(tmp_path / "a", Network)
    encoder, *told = load_checkpoint(tmp_path / "a")
    encoder.eval()
    assert told == [card, digest]
    features = spectrogram(encoder.config.n_bins, n_frames)
    ours, theirs = network.embed(features), one_pass(encoder, features)
    assert ours.values.dtype == np.float32
    assert ours.frame_rate == features.frame_rate
    np.testing.assert_allclose(ours.values, theirs, atol=1e-5)
    np.testing.assert_allclose(encoder.embed(features).values, theirs, atol=1e-5)
    assert theirs.std() > 0.01


@pytest.mark.parametrize("representation", ["cqt", "stft", "robust"])
def test_the_shipped_networks_embed_as_in_torch(representation: str):
    path = shipped_checkpoint(representation)
    encoder, network = load_checkpoint(path)[0], read_checkpoint(path, Network)[0]
    features = spectrogram(encoder.config.n_bins, 600)
    np.testing.assert_allclose(network.embed(features).values, one_pass(encoder.eval(), features), atol=2e-5)


@pytest.mark.parametrize("n_frames", [1, 3, 16, 100, 101, 1000])
def test_pieces_make_the_whole(n_frames: int):
    encoder = lively(CONFIGS["odd"])
    features = spectrogram(61, 101)
    sizes = []

    def embed(values: np.ndarray) -> np.ndarray:
        sizes.append(values.shape[1])
        return one_pass(encoder, Features(np.ascontiguousarray(values), 1.0))

    pieces = in_chunks(embed, features, n_frames)
    np.testing.assert_allclose(pieces.values, one_pass(encoder, features), atol=1e-5)
    assert max(sizes) <= n_frames + BEFORE + AFTER


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ({"channels": 8}, r"size mismatch for body\.0\.weight: \(16, 2, 5, 3\) instead of \(8, 2, 5, 3\)"),
        ({"n_dims": 16}, r"size mismatch for head\.3\.weight"),
        ({"n_bins": 100}, r"size mismatch for head\.0\.weight"),
        ({"representation": "stft", "n_bins": 384}, r"body\.4\.weight"),
        ({"colour": 1}, "unexpected keyword argument 'colour'"),
        ({"frequency_stride": 0}, "zero"),
    ],
)
def test_weights_of_another_network_are_refused(tmp_path: Path, config: dict[str, object], reason: str):
    path = tmp_path / "a.safetensors"
    card = {"card_version": 1, "config": config, "threshold": 1.0, "trained_on": []}
    save_file(dict(Encoder(ModelConfig()).state_dict()), path, metadata={"card": json.dumps(card)})
    with pytest.raises(InvalidInputError, match=rf"must come from 'align-bench train siamese', .*{reason}"):
        SiameseCQTDistance(checkpoint=str(path), device="cpu")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU that this torch can use")
@pytest.mark.parametrize("aligner", [SiameseCQTDistance, SiameseSTFTDistance])
def test_a_gpu_embeds_and_aligns_as_the_cpu(aligner: type[SiameseCQTDistance], clean: Recording):
    cpu, gpu = aligner(device="cpu"), aligner(device="cuda")
    ours, theirs = (a.features(clean.audio).values for a in (cpu, gpu))
    np.testing.assert_allclose(ours, theirs, atol=1e-3)
    onsets = clean.score.onsets
    a, b = (a.align(clean.score, clean.audio).at(onsets) for a in (cpu, gpu))
    assert np.mean(np.abs(a - b) < 1e-3) > 0.98
