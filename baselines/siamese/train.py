"""Training the twins: ``align-bench train siamese``."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import torch

from align_bench.errors import DatasetError, UsageError
from align_bench.features import Features
from align_bench.metrics.onset_deviation import accuracy
from align_bench.paths import dtw, path_to_alignment
from align_bench.types import FloatArray, Recording

from .aligner import pick_device
from .loss import crop_loss, pairwise_distance, strike_loss
from .model import Encoder, ModelCard, ModelConfig, as_stored, load_checkpoint, save_checkpoint
from .patches import Batch, Pair, draw_batch, shares_of
from .path_loss import path_loss

_TOLERANCES_S = (0.01, 0.025, 0.05, 0.1)
_CONDITIONS = ("noise", "room", "old-record")
_NOISE = 0.02
"""Validation scores this close are equal: a few recordings tell no finer, and the later step, at a lower
learning rate, is then the better guess."""


@dataclass(frozen=True)
class TrainingOptions:
    """What a training run depends on beside its recordings; quoted in the model card.

    Attributes
    ----------
    representation : {"cqt", "stft", "cqt+mel"}
    steps : int
        At most; the learning rate falls to 0 over them.
    validate_every : int
        Steps.
    patience : int
        Validations clearly below the best one before training stops.
    n_crops : int
        A step.
    learning_rate : float
        At its peak (AdamW, one cycle).
    margin : float
        Of the contrastive loss.
    path_weight : float
        Of `path_loss` beside the contrastive loss.
    hard : bool
        Prefer negatives that look alike or lie close by.
    augment : bool
        Change the acoustics of the recordings.
    seed : int
    """

    representation: str = "cqt"
    steps: int = 1000
    validate_every: int = 100
    patience: int = 6
    n_crops: int = 8
    learning_rate: float = 2e-3
    margin: float = 4.0
    path_weight: float = 0.0
    hard: bool = True
    augment: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("steps", "validate_every", "patience", "n_crops", "learning_rate", "margin"):
            if not getattr(self, name) > 0:
                raise UsageError(f"{name} must be > 0, got {getattr(self, name)}.")


@dataclass
class _State:
    """Where a run stands: all that must survive an interruption.

    ``run`` says which run it is: its options and recordings, as JSON.
    """

    run: str
    encoder: Encoder
    optimizer: torch.optim.Optimizer
    schedule: torch.optim.lr_scheduler.OneCycleLR
    step: int
    best_step: int
    best_weights: dict[str, torch.Tensor]
    history: list[dict[str, float]]

    @classmethod
    def begin(cls, run: str, options: TrainingOptions, device: str, base: Encoder | None = None) -> _State:
        torch.manual_seed(options.seed)
        encoder = base or Encoder(ModelConfig.of(options.representation))
        encoder = encoder.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        optimizer = torch.optim.AdamW(encoder.parameters(), options.learning_rate, weight_decay=1e-2)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, options.learning_rate, options.steps, pct_start=0.1
        )
        return cls(run, encoder, optimizer, schedule, 0, 0, copy.deepcopy(encoder.state_dict()), [])

    def save(self, path: Path) -> None:
        partial = path.with_name(path.name + ".tmp")
        torch.save(
            {
                "run": self.run,
                "encoder": self.encoder.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "schedule": self.schedule.state_dict(),
                "step": self.step,
                "best_step": self.best_step,
                "best_weights": self.best_weights,
                "history": self.history,
            },
            partial,
        )
        partial.replace(path)

    def restore(self, path: Path) -> None:
        stored = torch.load(path, weights_only=True)
        if stored.get("run") != self.run:
            raise UsageError(
                f"options and recordings must be those of the interrupted run, got others ({path}). "
                f"Give the same, or delete the file to begin anew."
            )
        self.encoder.load_state_dict(stored["encoder"])
        self.optimizer.load_state_dict(stored["optimizer"])
        self.schedule.load_state_dict(stored["schedule"])
        self.step, self.best_step = stored["step"], stored["best_step"]
        self.best_weights, self.history = stored["best_weights"], stored["history"]


def train(
    training: Sequence[Recording],
    validation: Sequence[Recording],
    output: Path,
    options: TrainingOptions | None = None,
    *,
    more: Sequence[Recording] = (),
    adapt_from: Path | None = None,
    device: str = "auto",
    resume: bool = True,
) -> ModelCard:
    """Train an encoder and write its checkpoint.

    The best step and the binary threshold are chosen by aligning the validation recordings, as they are and
    in one of the benchmark's acoustic conditions each. Interrupted runs go on from ``<output>.resume``, to
    the same result.

    Parameters
    ----------
    training, validation : sequence of Recording
        Of different compositions.
    output : pathlib.Path
        The safetensors file to write.
    options : TrainingOptions, optional
    more : sequence of Recording, optional
        To train on too, of another source: each source counts by the square root of its length.
    adapt_from : pathlib.Path, optional
        Checkpoint to go on from, at a tenth of the learning rate; its network decides the representation. If
        no step validates better than it did, its weights are kept.
    device : {"auto", "cpu", "cuda"}, optional
    resume : bool, optional

    Returns
    -------
    ModelCard

    Raises
    ------
    DatasetError
        If there is nothing to train or validate on, or a composition is on both sides.
    """
    options = options or TrainingOptions()
    both = {r.piece for r in (*training, *more)} & {r.piece for r in validation}
    if both:
        raise DatasetError(f"training and validation must share no composition, got {sorted(both)} in both.")
    chosen = pick_device(device)
    base = load_checkpoint(adapt_from) if adapt_from is not None else None
    if base is not None:
        representation = base[0].config.representation
        options = replace(options, representation=representation, learning_rate=options.learning_rate / 10)
    config = base[0].config if base is not None else ModelConfig.of(options.representation)
    sources = [
        [p for p in _prepared(source, config, "Reading training recordings") if p.is_long_enough]
        for source in (training, more)
        if source
    ]
    pairs = [pair for source in sources for pair in source]
    held_back = _prepared(validation, config, "Reading validation recordings")
    if not pairs or not held_back:
        raise DatasetError(
            f"training needs recordings of at least 5 s on both sides, got {len(pairs)} to train and "
            f"{len(held_back)} to validate on. Give --data-home, or another split."
        )
    output.parent.mkdir(parents=True, exist_ok=True)
    resume_file = output.with_name(output.name + ".resume")
    run = {**asdict(options), "training": [p.id for p in pairs], "validation": [p.id for p in held_back]}
    if base is not None:
        run["adapted_from"] = base[2]
    state = _State.begin(json.dumps(run), options, chosen, base[0] if base is not None else None)
    if resume and resume_file.is_file():
        state.restore(resume_file)
    degraded = [
        Pair.of(recording, config, condition)
        for recording, condition in zip(validation, cycle(_CONDITIONS), strict=False)
    ]
    shares = shares_of([source for source in sources if source])
    if base is not None and state.step == 0:
        state.history = [{"step": 0, **_validate(state.encoder, [*held_back, *degraded])}]
    _optimise(state, pairs, shares, [*held_back, *degraded], options, resume_file)
    state.encoder.load_state_dict(as_stored(state.best_weights))  # so that the card tells of what is stored
    card = _card(state, pairs, held_back, degraded, options)
    if base is not None:
        _, learnt, digest = base
        names = sorted({*card.trained_on, *learnt.trained_on})
        card = replace(card, trained_on=names, training={**card.training, "adapted_from": digest})
    save_checkpoint(output, state.encoder, card)
    resume_file.unlink(missing_ok=True)
    return card


def _prepared(recordings: Sequence[Recording], config: ModelConfig, title: str) -> list[Pair]:
    from rich.progress import track

    # Of copies, because a recording keeps its audio for as long as it lives.
    return [Pair.of(replace(recording), config) for recording in _tracked(track, recordings, title)]


def _tracked(track: Callable[..., Any], items: Sequence[Recording], title: str) -> Any:
    from rich.console import Console

    return track(items, title, console=Console(stderr=True))


def _optimise(
    state: _State,
    pairs: Sequence[Pair],
    shares: FloatArray,
    held_back: Sequence[Pair],
    options: TrainingOptions,
    resume_file: Path,
) -> None:
    """Run the training steps; ``state`` ends at the best of them."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("Training"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
        TextColumn("{task.fields[score]}"),
    )  # fmt: skip
    with Progress(*columns, console=Console(stderr=True)) as progress:
        bar = progress.add_task("", total=options.steps, completed=state.step, score="")
        while state.step < options.steps and not _is_over(state, options):
            # A generator a step, so that a resumed run draws what an undisturbed one would.
            rng = np.random.default_rng([options.seed, state.step])
            _step(
                state,
                draw_batch(pairs, shares, options.n_crops, rng, options.augment),
                options,
                pairs[0].frame_rate,
            )
            state.step += 1
            progress.update(bar, advance=1)
            if state.step % options.validate_every == 0 or state.step == options.steps:
                scores = _validate(state.encoder, held_back)
                state.history.append({"step": state.step, **scores})
                best = max(h["precision"] for h in state.history)
                noise = _NOISE if state.history[0]["step"] else 0.0  # adapting must gain something
                if scores["precision"] >= best - noise:
                    state.best_step = state.step
                    state.best_weights = copy.deepcopy(state.encoder.state_dict())
                state.save(resume_file)
                progress.update(bar, score=f"validation: {100 * scores['accuracy_50ms']:.1f} % within 50 ms")


def _has_matrix_units(device: torch.device) -> bool:
    """Whether the processor multiplies matrices of bfloat16 in hardware, which trains twice as fast."""
    told: Callable[[], dict[str, bool]] = getattr(torch.cpu, "get_capabilities", dict)  # not in torch 2.4
    return device.type == "cpu" and told().get("amx_bf16", False)


def _is_over(state: _State, options: TrainingOptions) -> bool:
    return state.step - state.best_step >= options.patience * options.validate_every and bool(state.history)


def _step(state: _State, batch: Batch, options: TrainingOptions, frame_rate: float) -> None:
    device = next(state.encoder.parameters()).device
    score, audio, struck, offsets = (
        torch.from_numpy(np.ascontiguousarray(part)).to(device)
        for part in (batch.score, batch.audio, batch.struck, batch.offsets)
    )
    state.encoder.train()
    n_dims = state.encoder.config.n_dims
    with torch.autocast(device.type, torch.bfloat16, enabled=_has_matrix_units(device)):
        of_score, of_audio = state.encoder(score)[:, :n_dims].float(), state.encoder(audio).float()
    distance = pairwise_distance(of_score, of_audio[:, :n_dims])
    loss = crop_loss(distance, offsets, frame_rate, options.margin, options.hard)
    if options.path_weight > 0.0:
        # At half the cost that aligning uses (D_w squared) a crop's second-best paths still count.
        loss = loss + options.path_weight * path_loss(0.5 * distance.square(), batch.corridors)
    if state.encoder.config.n_pitches:
        loss = loss + strike_loss(of_audio[:, n_dims:], struck)
    state.optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(state.encoder.parameters(), 5.0)
    state.optimizer.step()
    state.schedule.step()


def _validate(encoder: Encoder, pairs: Sequence[Pair], threshold: float | None = None) -> dict[str, float]:
    """Align the pairs and return mean accuracies, shares in [0, 1].

    ``precision`` is their mean after each recording's median deviation is taken out, as a constant offset is
    mostly that of the ground truth.
    """
    rows, centred = [], []
    for pair in pairs:
        x, y = (
            encoder.embed(Features(side.astype(np.float32), pair.frame_rate)).values[: encoder.config.n_dims]
            for side in (pair.score, pair.audio)
        )
        path = dtw(x, y, metric="euclidean", threshold=threshold)
        estimated = path_to_alignment(path, pair.frame_rate, pair.frame_rate).at(pair.reference.score_times)
        truth = pair.reference.times
        centre = estimated - np.median(estimated - truth)
        rows.append([accuracy(truth, estimated, tolerance) for tolerance in _TOLERANCES_S])
        centred.append([accuracy(truth, centre, tolerance) for tolerance in _TOLERANCES_S])
    means = np.mean(rows, axis=0)
    scores = {f"accuracy_{round(1000 * t)}ms": float(a) for t, a in zip(_TOLERANCES_S, means, strict=True)}
    return {**scores, "precision": float(np.mean(centred))}


def _card(
    state: _State,
    pairs: Sequence[Pair],
    held_back: Sequence[Pair],
    degraded: Sequence[Pair],
    options: TrainingOptions,
) -> ModelCard:
    """Choose the threshold of the binary variant, and write down what was done."""
    candidates = np.arange(0.3, 0.81, 0.1) * options.margin
    binary = {float(t): _validate(state.encoder, [*held_back, *degraded], float(t)) for t in candidates}
    threshold = max(binary, key=lambda t: binary[t]["precision"])
    device = next(state.encoder.parameters()).device
    return ModelCard(
        config=state.encoder.config,
        threshold=threshold,
        trained_on=_names(pairs),
        validated_on=_names(held_back),
        training={
            **asdict(options),
            "recordings": len(pairs),
            "best_step": state.best_step,
            "steps_run": state.step,
            "precision": "bfloat16" if _has_matrix_units(device) else "float32",
        },
        validation={
            "distance": _validate(state.encoder, held_back),
            "distance_degraded": _validate(state.encoder, degraded),
            "binary": _validate(state.encoder, held_back, threshold),
        },
    )


def _names(pairs: Sequence[Pair]) -> list[str]:
    """Return ids and compositions: other performances of what was learnt are no test either."""
    return sorted({name for pair in pairs for name in (pair.id, pair.piece)})
