"""How much adapting to one acoustic setting brings: accuracy there against minutes of material.

    python scripts/adaptation_curve.py RECORDINGS OUTPUT --condition old-record --minutes 3 --minutes 10

RECORDINGS is a folder dataset in one setting: a piano in a room, of compositions that the checkpoint has not
learnt; ``--condition`` degrades it further. A fifth of the recordings chooses the best step, others make up
the minutes, and those that are left, at least a third, are the test. With ``--unlabelled`` the minutes are
learnt once more without their ground truth; with ``--ceiling`` the test recordings themselves are learnt, to
see what adapting could bring at best. Prints a Markdown table; the checkpoints stay in OUTPUT.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from align_bench_baselines.siamese.adapt import self_labelled
from align_bench_baselines.siamese.aligner import shipped_checkpoint
from align_bench_baselines.siamese.robust import SiameseRobust
from align_bench_baselines.siamese.train import TrainingOptions, train

from align_bench.datasets import load
from align_bench.datasets.conditioned import in_conditions
from align_bench.errors import AlignBenchError, UsageError
from align_bench.metrics.onset_deviation import accuracy
from align_bench.types import Recording

TOLERANCES_S = (0.025, 0.05, 0.1)


@dataclass(frozen=True)
class Split:
    """Recordings of one setting, no composition twice."""

    material: list[Recording]
    validation: list[Recording]
    test: list[Recording]

    @classmethod
    def of(cls, recordings: list[Recording]) -> Split:
        """Split by composition, at random, but always in the same way."""
        pieces = sorted({r.piece for r in recordings})
        random.Random(0).shuffle(pieces)
        n = max(1, len(pieces) // 5)
        validation, test = pieces[:n], pieces[n : n + max(1, 2 * n)]
        rest = pieces[n + len(test) :]
        if not rest:
            raise UsageError(f"recordings must be of at least 4 compositions, got {len(pieces)}.")
        return cls(
            *([r for p in part for r in recordings if r.piece == p] for part in (rest, validation, test))
        )

    def first(self, minutes: float) -> list[Recording]:
        """Return at least so much of the material, in whole recordings."""
        taken: list[Recording] = []
        for recording in self.material:
            if sum(r.audio.duration for r in taken) >= 60.0 * minutes:
                break
            taken.append(recording)
        return taken


def row(name: str, checkpoint: Path, test: list[Recording]) -> None:
    """Print what a checkpoint reaches on the test recordings."""
    aligner = SiameseRobust(checkpoint=str(checkpoint))
    scores = []
    for recording in test:
        estimated = aligner.align(recording.score, recording.audio).at(recording.reference.score_times)
        scores.append([accuracy(recording.reference.times, estimated, t) for t in TOLERANCES_S])
    means = 100.0 * np.mean(scores, axis=0)
    worst = 100.0 * np.min(scores, axis=0)[1]
    typer.echo(f"| {name} | {' | '.join(f'{m:.1f}' for m in means)} | {worst:.1f} |")


def main(
    recordings: Annotated[Path, typer.Argument(help="Folder dataset, all in one setting.")],
    output: Annotated[Path, typer.Argument(help="Folder for the checkpoints.")],
    condition: Annotated[str, typer.Option(help="To degrade the recordings by.")] = "clean",
    minutes: Annotated[list[float] | None, typer.Option(help="Of material; repeatable. [3, 10]")] = None,
    steps: Annotated[int, typer.Option(help="Of training, at most.")] = 600,
    unlabelled: Annotated[bool, typer.Option(help="Without the material's truth, too.")] = False,
    ceiling: Annotated[bool, typer.Option(help="Learn the test recordings, too.")] = False,
    checkpoint: Annotated[Path | None, typer.Option(help="To adapt. [that of siamese-robust]")] = None,
    seed: Annotated[int, typer.Option(help="Of training.")] = 0,
) -> None:
    """Adapt to a setting and test there."""
    base = checkpoint or shipped_checkpoint("robust")
    undegraded = load(str(recordings))
    split = Split.of(list(in_conditions(undegraded, [condition]).recordings))
    options = TrainingOptions(steps=steps, validate_every=max(1, steps // 10), path_weight=0.5, seed=seed)
    output.mkdir(parents=True, exist_ok=True)
    typer.echo(f"{len(split.test)} test recordings, {condition}\n")
    typer.echo("| material | 25 | 50 | 100 | worst at 50 |\n|---|---|---|---|---|")
    if condition != "clean":  # what adapting to the condition can't mend
        row("none, before they were degraded", base, Split.of(list(undegraded.recordings)).test)
    row("none", base, split.test)

    def adapt(name: str, file: str, material: list[Recording]) -> None:
        adapted = output / f"{condition}-{file}.safetensors"
        train([], split.validation, adapted, options, more=material, adapt_from=base)
        row(name, adapted, split.test)

    for wanted in minutes or (3.0, 10.0):
        taken = split.first(wanted)
        name = f"{len(taken)} recordings, {sum(r.audio.duration for r in taken) / 60.0:.0f} min"
        adapt(name, f"{wanted:g}min", taken)
        if unlabelled:
            adapt(f"{name}, without truth", f"{wanted:g}min-unlabelled", self_labelled(taken, base))
    if ceiling:
        adapt("the test recordings themselves", "ceiling", split.test)


if __name__ == "__main__":
    try:
        typer.run(main)
    except AlignBenchError as error:
        raise SystemExit(f"error: {error}") from None
