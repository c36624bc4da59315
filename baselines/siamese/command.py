"""``align-bench train siamese``, a plugin of the command line like any other trainer."""

# ruff: noqa: D301 (a backspace character before a paragraph keeps its line breaks in --help)

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def train_siamese(
    output: Annotated[Path, typer.Option(help="Checkpoint to write, *.safetensors.")],
    dataset: Annotated[str, typer.Option(help="A dataset with a train and a validation split.")] = "maps",
    data_home: Annotated[Path | None, typer.Option(help="Where that dataset is.")] = None,
    more: Annotated[
        list[Path] | None, typer.Option(help="Folder dataset to train on too; repeatable.")
    ] = None,
    validation: Annotated[
        list[Path] | None,
        typer.Option(help="Folder dataset to validate on beside the validation split; repeatable."),
    ] = None,
    adapt_from: Annotated[
        Path | None,
        typer.Option(help="Checkpoint to adapt to the recordings of --more; the dataset is left out."),
    ] = None,
    unlabelled: Annotated[
        list[Path] | None,
        typer.Option(
            help="Folder of recordings and scores without truth, to adapt to: what the checkpoint aligns "
            "with confidence stands in for it; repeatable."
        ),
    ] = None,
    representation: Annotated[str, typer.Option(help="cqt, stft or cqt+mel.")] = "cqt",
    steps: Annotated[int, typer.Option(help="At most.")] = 1000,
    negatives: Annotated[str, typer.Option(help="hard, or plain: any other position.")] = "hard",
    path_weight: Annotated[
        float, typer.Option(help="Of the loss on paths; 0: on pairs of frames only.")
    ] = 0.0,
    augment: Annotated[bool, typer.Option(help="Change room, microphone and noise of recordings.")] = True,
    seed: Annotated[int, typer.Option(help="Same seed, same machine: same checkpoint.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    allow_missing: Annotated[
        bool, typer.Option(help="Train on what is there when part of the dataset is missing.")
    ] = False,
    resume: Annotated[bool, typer.Option(help="Go on with an interrupted run.")] = True,
) -> None:
    """Train the twins of the Siamese aligner; an interrupted run goes on where it stopped.

    \b
    align-bench train siamese --data-home ~/MAPS --representation cqt --output my-cqt.safetensors
    align-bench run --aligner 'siamese-cqt-distance[checkpoint=my-cqt.safetensors]'
    align-bench train siamese --data-home ~/MAPS --more material/train --validation material/validation \\
        --representation cqt+mel --path-weight 0.5 --steps 1500 --output my-robust.safetensors
    align-bench train siamese --adapt-from my-robust.safetensors --more my-hall/ --validation my-hall-too/ \\
        --path-weight 0.5 --steps 200 --output my-hall.safetensors
    align-bench train siamese --adapt-from my-robust.safetensors --unlabelled my-hall-without-truth/ \\
        --validation my-hall-too/ --path-weight 0.5 --steps 200 --output my-hall.safetensors
    """
    from align_bench.datasets import load
    from align_bench.errors import UsageError, unknown_name

    from .adapt import self_labelled
    from .adapt import unlabelled as without_truth
    from .train import TrainingOptions, train

    if negatives not in ("hard", "plain"):
        raise unknown_name("negatives", negatives, ("hard", "plain"))
    options = TrainingOptions(
        representation=representation,
        steps=steps,
        validate_every=max(1, steps // 10),
        hard=negatives == "hard",
        path_weight=path_weight,
        augment=augment,
        seed=seed,
    )
    training, held_back = (
        ()
        if adapt_from is not None
        else load(dataset, data_home=data_home, split=split, allow_missing=allow_missing).recordings
        for split in ("train", "validation")
    )
    if unlabelled and adapt_from is None:
        raise UsageError("unlabelled must go with adapt_from, got no checkpoint to align them with.")
    labelled_by_itself = (
        self_labelled([r for folder in unlabelled for r in without_truth(folder)], adapt_from)
        if unlabelled and adapt_from is not None
        else []
    )
    rendered, also_held_back = (
        [r for d in folders or () for r in load(d).recordings] for folders in (more, validation)
    )
    card = train(
        training,
        [*held_back, *also_held_back],
        output,
        options,
        more=[*rendered, *labelled_by_itself],
        adapt_from=adapt_from,
        device=device,
        resume=resume,
    )
    scores = card.validation["distance"]
    typer.echo(
        f"{output}: step {card.training['best_step']} of {card.training['steps_run']}, trained on "
        f"{card.training['recordings']} recordings; on {len(held_back) + len(also_held_back)} held-back ones "
        f"{100 * scores['accuracy_25ms']:.1f} / {100 * scores['accuracy_50ms']:.1f} / "
        f"{100 * scores['accuracy_100ms']:.1f} % of onsets within 25 / 50 / 100 ms (distance)."
    )
