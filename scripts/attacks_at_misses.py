"""Count on whose side the attacks are where an aligner and the ground truth disagree.

    python scripts/attacks_at_misses.py RECORD FOLDER

RECORD is what ``align-bench run`` wrote for FOLDER, with the onsets beside it. For each onset that is off by
more than 50 ms: is the attack (the greatest spectral flux within 20 ms) stronger at the estimate or at the
truth? An aligner looks for attacks, so the estimate is favoured; as a control, the place that lies as far
from the truth on its other side is compared with the truth, too. A recording's latency (see
`align_bench_baselines.siamese.patches.latency`) is taken out of the truth. Prints a Markdown table.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from align_bench_baselines.siamese.patches import latency, spectral_flux
from scipy.ndimage import maximum_filter1d
from tabulate import tabulate

from align_bench.datasets import load
from align_bench.results import load_onsets, load_record, onsets_path

NEAR_S, MISS_S = 0.02, 0.05

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("record", type=Path)
parser.add_argument("folder", type=Path)
given = parser.parse_args()

recordings = {recording.id: recording for recording in load(given.folder).recordings}
table = []
for row in load_record(given.record).recordings:
    if row.status != "ok":
        continue
    audio = recordings[row.id].audio
    _, truth, estimated = load_onsets(onsets_path(given.record, row.id))
    off = estimated - truth
    missed = np.abs(off) > MISS_S
    flux, rate = spectral_flux(audio)
    attack = maximum_filter1d(flux, 2 * round(NEAR_S * rate) + 1)

    sounding = truth + latency(audio, truth)
    at_truth, at_estimate, mirrored = (
        attack[np.rint(times[missed] * rate).astype(int).clip(0, attack.size - 1)]
        for times in (sounding, estimated, sounding - off)
    )
    counts = [truth.size, missed.sum(), (at_estimate > at_truth).sum(), (mirrored > at_truth).sum()]
    table.append([row.id, *map(int, counts)])
table.append(["all", *np.sum([counts for _, *counts in table], axis=0).tolist()])
headers = ["recording", "onsets", "off by > 50 ms", "stronger at the estimate", "stronger at the mirror"]
print(tabulate(table, headers, tablefmt="github"))
