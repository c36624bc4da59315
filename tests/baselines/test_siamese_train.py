"""Training: it learns, it can be stopped anywhere, and the card tells what was done."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from align_bench_baselines.siamese import train as module
from align_bench_baselines.siamese.loss import crop_loss, pairwise_distance
from align_bench_baselines.siamese.model import Encoder, ModelCard, ModelConfig, as_stored, load_checkpoint
from align_bench_baselines.siamese.patches import Pair, draw_batch
from align_bench_baselines.siamese.train import TrainingOptions, train

from align_bench.errors import DatasetError, UsageError
from align_bench.types import Recording, Reference, Score

SHORT = TrainingOptions(steps=6, validate_every=2, n_crops=1)

Run = Callable[..., ModelCard]


class PowerCutError(Exception):
    """The power goes."""


@pytest.fixture(scope="module")
def run(to_train_on: list[Recording], to_validate_on: list[Recording]) -> Run:
    def run(output: Path, options: TrainingOptions = SHORT, **changes: object) -> ModelCard:
        arguments = {"training": to_train_on, "validation": to_validate_on, "device": "cpu", **changes}
        return train(output=output, options=options, **arguments)  # type: ignore[arg-type]

    return run


def no_favourite(*_: object) -> dict[str, float]:
    """Stand in for the validation: all steps are equally good, so that the last one is kept."""
    return {"accuracy_50ms": 0.5, "precision": 0.5}


@pytest.fixture(scope="module")
def undisturbed(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("undisturbed") / "a.safetensors"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_validate", no_favourite)
        assert run(output).training["best_step"] == SHORT.steps
    return output


@pytest.fixture
def interrupt(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], list[int]]:
    """Return a function that lets the power go in step ``n``, after the weights have changed.

    What it returns is a list of the steps that are then done.
    """
    real = module._step

    def at(n: int) -> list[int]:
        steps = []

        def step(state: module._State, pairs: Sequence[Pair], options: TrainingOptions, rng: object) -> None:
            real(state, pairs, options, rng)  # type: ignore[arg-type]
            steps.append(state.step)
            if state.step == n:
                raise PowerCutError

        monkeypatch.setattr(module, "_step", step)
        return steps

    return at


def loss_of(encoder: Encoder, recording: Recording) -> float:
    """Return the loss on crops that training has not drawn, with batch statistics, as in training."""
    pair = Pair.of(recording, encoder.config)
    batch = draw_batch([pair], np.ones(1), 8, np.random.default_rng(99), augment=False)
    encoder.train()
    with torch.no_grad():
        sides = (encoder(torch.from_numpy(side)) for side in (batch.score, batch.audio))
        distance = pairwise_distance(*sides)
    return crop_loss(distance, torch.from_numpy(batch.offsets), 49.2, 4.0, hard=False).item()


def test_training_reduces_the_loss_on_music_it_has_not_heard(
    checkpoint: Path, to_validate_on: list[Recording]
):
    torch.manual_seed(0)
    before = loss_of(Encoder(ModelConfig.of("cqt")), to_validate_on[0])
    after = loss_of(load_checkpoint(checkpoint)[0], to_validate_on[0])
    assert after < 0.6 * before


def test_the_stft_network_trains_too(run: Run, tmp_path: Path):
    card = run(tmp_path / "a", replace(SHORT, representation="stft", steps=2, validate_every=2))
    encoder, read, _ = load_checkpoint(tmp_path / "a")
    assert read == card
    assert (encoder.config.representation, encoder.config.n_bins) == ("stft", 384)


@pytest.mark.parametrize(("n", "left"), [(1, [0, 1, 2, 3, 4, 5]), (2, [2, 3, 4, 5]), (5, [4, 5])])
def test_an_interrupted_run_ends_as_an_undisturbed_one(
    run: Run,
    undisturbed: Path,
    tmp_path: Path,
    interrupt: Callable[[int], list[int]],
    monkeypatch: pytest.MonkeyPatch,
    n: int,
    left: list[int],
):
    """Stopped before the first validation, right after it, and between two: bit for bit the same."""
    monkeypatch.setattr(module, "_validate", no_favourite)
    output = tmp_path / "a.safetensors"
    interrupt(n)
    with pytest.raises(PowerCutError):
        run(output)
    assert not output.exists()
    assert (tmp_path / "a.safetensors.resume").exists() is (n >= SHORT.validate_every)
    steps = interrupt(-1)
    run(output)
    assert steps == left
    assert output.read_bytes() == undisturbed.read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == ["a.safetensors"]


def test_without_resume_it_begins_anew(
    run: Run,
    undisturbed: Path,
    tmp_path: Path,
    interrupt: Callable[[int], list[int]],
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(module, "_validate", no_favourite)
    interrupt(4)
    with pytest.raises(PowerCutError):
        run(tmp_path / "a", replace(SHORT, seed=5))
    interrupt(-1)
    run(tmp_path / "a", resume=False)
    assert (tmp_path / "a").read_bytes() == undisturbed.read_bytes()


def test_another_seed_gives_other_weights(run: Run, undisturbed: Path, tmp_path: Path):
    run(tmp_path / "a", replace(SHORT, seed=1, steps=2))
    weights = [load_checkpoint(path)[0].state_dict() for path in (tmp_path / "a", undisturbed)]
    assert not torch.equal(weights[0]["head.3.weight"], weights[1]["head.3.weight"])


@pytest.mark.parametrize("what", ["options", "recordings"])
def test_resuming_another_run_is_refused(
    run: Run,
    tmp_path: Path,
    interrupt: Callable[[int], list[int]],
    to_train_on: list[Recording],
    what: str,
):
    """Else the card would name recordings other than those that the weights come from."""
    interrupt(4)
    with pytest.raises(PowerCutError):
        run(tmp_path / "a")
    interrupt(-1)
    before = (tmp_path / "a.resume").read_bytes()
    changes = {
        "options": {"options": replace(SHORT, margin=1.0)},
        "recordings": {"training": to_train_on[:1]},
    }
    message = r"options and recordings must be those of the interrupted run.*a\.resume"
    with pytest.raises(UsageError, match=message):
        run(tmp_path / "a", **changes[what])
    assert (tmp_path / "a.resume").read_bytes() == before


def test_training_stops_when_patience_ends(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The first validation is the best: training ends two validations later, and keeps its weights."""
    scores = iter([0.9, 0.5, 0.8, 0.85, 0.99])
    weights = []

    def validate(encoder: Encoder, *_: object) -> dict[str, float]:
        weights.append(copy.deepcopy(encoder.state_dict()))
        return {"accuracy_50ms": 0.5, "precision": next(scores, 0.0)}

    monkeypatch.setattr(module, "_validate", validate)
    card = run(tmp_path / "a", replace(SHORT, steps=30, validate_every=1, patience=2))
    assert (card.training["best_step"], card.training["steps_run"]) == (1, 3)
    kept = load_checkpoint(tmp_path / "a")[0].state_dict()
    for name, stored in as_stored(weights[0]).items():
        assert torch.equal(kept[name], stored.to(kept[name].dtype))
    assert not torch.equal(kept["head.3.weight"], weights[2]["head.3.weight"])


@pytest.fixture(scope="module")
def card(checkpoint: Path) -> ModelCard:
    return load_checkpoint(checkpoint)[1]


def test_the_card_tells_what_was_done(card: ModelCard):
    assert card.trained_on == ["piece 0", "piece 1", "recording 0", "recording 1"]
    assert card.validated_on == ["piece 2", "recording 2"]
    assert card.config == ModelConfig.of("cqt")
    options = TrainingOptions(steps=30, validate_every=15, n_crops=2)
    assert card.training.items() >= asdict(options).items()
    assert card.training["steps_run"] == 30
    assert card.training["best_step"] in (15, 30)
    assert "CC BY-NC-SA" in card.licence
    assert set(card.validation) == {"distance", "distance_degraded", "binary"}
    for scores in card.validation.values():
        assert {"accuracy_25ms", "accuracy_50ms", "accuracy_100ms"} <= set(scores)
        assert all(0.0 <= score <= 1.0 for score in scores.values())


def test_the_threshold_is_the_best_of_the_candidates(checkpoint: Path, to_validate_on: list[Recording]):
    encoder, card, _ = load_checkpoint(checkpoint)
    margin = card.training["margin"]
    candidates = [share * margin for share in (0.3, 0.4, 0.5, 0.6, 0.7, 0.8)]
    assert min(abs(card.threshold - candidate) for candidate in candidates) < 1e-9
    pairs = [Pair.of(recording, card.config) for recording in to_validate_on]
    pairs += [Pair.of(recording, card.config, "noise") for recording in to_validate_on]
    scores = {c: module._validate(encoder, pairs, c)["precision"] for c in candidates}
    best = max(scores.values())
    assert scores[min(scores, key=lambda c: abs(c - card.threshold))] == best
    assert min(scores.values()) < best  # the choice matters


def test_recordings_too_short_for_a_crop_are_left_out(run: Run, tmp_path: Path, to_train_on: list[Recording]):
    first = to_train_on[0]
    note = Score([0.0], [1.0], [60], [80])
    short = Recording("short", "a note", lambda: note, lambda: first.audio, lambda: Reference([0.0], [0.4]))
    options = replace(SHORT, steps=1, validate_every=1)
    assert run(tmp_path / "a", options, training=[first, short]).trained_on == ["piece 0", "recording 0"]
    with pytest.raises(DatasetError, match=r"at least 5 s on both sides, got 0 to train and 1 to validate"):
        run(tmp_path / "b", options, training=[short])


def test_nothing_to_train_or_validate_on(run: Run, tmp_path: Path):
    with pytest.raises(DatasetError, match=r"got 0 to train and 1 to validate on"):
        run(tmp_path / "a", training=[])
    with pytest.raises(DatasetError, match=r"got 2 to train and 0 to validate on"):
        run(tmp_path / "a", validation=[])


def test_no_composition_may_be_on_both_sides(run: Run, tmp_path: Path, to_train_on: list[Recording]):
    with pytest.raises(DatasetError, match=r"must share no composition, got \['piece 1'\] in both"):
        run(tmp_path / "a", validation=[replace(to_train_on[1], id="another performance")])


@pytest.mark.parametrize(
    "name", ["steps", "validate_every", "patience", "n_crops", "learning_rate", "margin"]
)
@pytest.mark.parametrize("value", [0, -1, float("nan")])
def test_options_must_be_positive(name: str, value: float):
    with pytest.raises(UsageError, match=f"{name} must be > 0, got {value}"):
        TrainingOptions(**{name: value})  # type: ignore[arg-type]


def test_an_unknown_representation_is_refused_before_anything_is_read(tmp_path: Path):
    with pytest.raises(UsageError, match=r"representation must be one of cqt, cqt\+mel, stft, got 'mel'"):
        train([], [], tmp_path / "a", TrainingOptions(representation="mel"))


def test_a_checkpoint_is_adapted(run: Run, undisturbed: Path, tmp_path: Path, to_train_on: list[Recording]):
    options = replace(SHORT, steps=2, validate_every=1, learning_rate=2e-2)
    card = run(tmp_path / "a", options, training=[], more=to_train_on[:1], adapt_from=undisturbed)
    before, learnt, digest = load_checkpoint(undisturbed)
    after, read, _ = load_checkpoint(tmp_path / "a")
    assert read == card
    assert card.training["adapted_from"] == digest
    assert set(card.trained_on) >= set(learnt.trained_on)
    assert (card.training["learning_rate"], card.training["recordings"]) == (2e-3, 1)
    moved = max(
        float((a - b).abs().max())
        for a, b in zip(before.state_dict().values(), after.state_dict().values(), strict=True)
    )
    assert (moved > 0) == (card.training["best_step"] > 0)
