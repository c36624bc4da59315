"""Score checkpoints of siamese-robust on the validation recordings, three passes, as the model cards do.

    python scripts/validate_checkpoints.py material/validation CHECKPOINT ... --data-home MAPS

Each recording as it is and in one of three acoustic conditions, in turn, and the MAPS recordings of the
validation split; a recording's latency is taken out of its truth. Prints a Markdown table, and the mean and
the standard deviation of the checkpoints, which may be seeds of one recipe.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from itertools import cycle
from pathlib import Path

import numpy as np
from align_bench_baselines.siamese.patches import latency
from align_bench_baselines.siamese.robust import SiameseRobust

from align_bench.conditions import apply_condition
from align_bench.datasets import load
from align_bench.metrics.onset_deviation import accuracy

CONDITIONS = ("noise", "room", "old-record")
TOLERANCES_S = (0.025, 0.05, 0.1)

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("folder", type=Path)
parser.add_argument("checkpoints", nargs="+", type=Path)
parser.add_argument("--data-home", type=Path, help="of MAPS; without it, its four recordings are left out")
given = parser.parse_args()

held_back = load(given.folder).recordings
cases = [(r, c) for r, condition in zip(held_back, cycle(CONDITIONS)) for c in ("clean", condition)]
if given.data_home is not None:
    maps = load("maps", data_home=given.data_home, split="validation", allow_missing=True)
    cases += [(r, "clean") for r in maps.recordings]
aligners = [SiameseRobust(checkpoint=str(checkpoint)) for checkpoint in given.checkpoints]
scores = np.empty((len(aligners), len(cases), len(TOLERANCES_S)))
for k, (kept, condition) in enumerate(cases):
    recording = replace(kept)  # a copy, whose audio does not stay in memory
    audio = apply_condition(recording.audio, condition, recording.id)
    truth = recording.reference.times + latency(recording.audio, recording.reference.times)
    for a, aligner in enumerate(aligners):
        estimated = aligner.align(recording.score, audio).at(recording.reference.score_times)
        scores[a, k] = [accuracy(truth, estimated, tolerance) for tolerance in TOLERANCES_S]

print(f"{len(cases)} alignments\n\n| checkpoint | 25 | 50 | 100 |\n|---|---|---|---|")
means = 100 * scores.mean(axis=1)
rows = [*zip((path.name for path in given.checkpoints), means, strict=True), ("mean", means.mean(axis=0))]
if len(means) > 1:
    rows.append(("standard deviation", means.std(axis=0, ddof=1)))
for name, values in rows:
    print(f"| {name} | {' | '.join(f'{v:.1f}' for v in values)} |")
