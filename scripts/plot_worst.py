"""Draw where an aligner's worst recordings go wrong: ``python scripts/plot_worst.py RECORD OUTPUT.png``.

The record's onsets lie beside it, where ``align-bench run`` wrote them. Each onset is a dot at its time in
the recording and its signed deviation; the colour is the aligner's confidence, if it tells one.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from align_bench.results import load_confidences, load_onsets, load_record, onsets_path

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("record", type=Path)
parser.add_argument("output", type=Path)
parser.add_argument("--recordings", type=int, default=3, help="how many, from the worst at 50 ms on")
given = parser.parse_args()

rows = [row for row in load_record(given.record).recordings if row.status == "ok"]
worst = sorted(rows, key=lambda row: row.scores["accuracy_50ms"] or 0.0)[: given.recordings]
figure = Figure(figsize=(9, 2.4 * len(worst)), layout="constrained")
for axes, row in zip(np.atleast_1d(figure.subplots(len(worst))), worst, strict=True):
    file = onsets_path(given.record, row.id)
    _, truth, estimated = load_onsets(file)
    confidences = load_confidences(file)
    dots = axes.scatter(
        truth, 1000 * (estimated - truth), s=8, c=confidences, cmap="viridis", vmin=0.5, vmax=1.0
    )
    axes.axhspan(-50, 50, color="0.92", zorder=0)
    axes.set(
        title=f"{row.id}: {100 * (row.scores['accuracy_50ms'] or 0):.0f} % within 50 ms",
        xlabel="time in the recording (s)",
        ylabel="deviation (ms)",
        ylim=(-250, 250),
    )
    if confidences is not None:
        figure.colorbar(dots, ax=axes, label="confidence")
figure.savefig(given.output, dpi=110)
