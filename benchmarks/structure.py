"""Do jumps help where a repeat is left out or played once more, and do they harm where none is?

``python benchmarks/structure.py [FOLDER ...] [--aligner NAME]`` takes the clean recordings of the demo set
and of folders, as they are, with a section that has been heard before cut out, and with one played twice.
The audio is cut at section boundaries 20 ms before the onset, so the ground truth stays exact.
"""

from __future__ import annotations

import argparse
from collections import defaultdict

import numpy as np

from align_bench.aligners.registry import load_aligner
from align_bench.datasets import load
from align_bench.metrics.onset_deviation import accuracy
from align_bench.structure import sections
from align_bench.types import Audio, Recording

SHORTEST_S = 5.0
EARLY_S = 0.02


def edited(recording: Recording, added: bool):
    """Return audio, score times and times with a section added or left out; None if none fits."""
    audio, truth, parts = recording.audio, recording.reference, sections(recording.score)
    edges = np.interp(parts.edges, truth.score_times, truth.times) - EARLY_S
    for k in range(1, len(parts.labels) - 1):
        if parts.labels[k] in parts.labels[:k] and edges[k + 1] - edges[k] > SHORTEST_S:
            break
    else:
        return None
    start, end = (round(edge * audio.sample_rate) for edge in edges[k : k + 2])
    inside = (truth.score_times >= parts.edges[k] - 1e-6) & (truth.score_times < parts.edges[k + 1] - 1e-6)
    after = truth.score_times >= parts.edges[k + 1] - 1e-6
    length = (end - start) / audio.sample_rate
    if added:  # an added section follows its first pass
        samples = np.concatenate([audio.samples[:end], audio.samples[start:]])
        return Audio(samples, audio.sample_rate), truth.score_times, truth.times + length * after
    samples = np.concatenate([audio.samples[:start], audio.samples[end:]])
    times = truth.times - length * after
    return Audio(samples, audio.sample_rate), truth.score_times[~inside], times[~inside]


def main() -> None:
    """Print, for each case, how often jumps were found and the accuracy without and with them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="*")
    parser.add_argument("--aligner", default="siamese-cqt-distance")
    arguments = parser.parse_args()
    plain, jumping = (load_aligner(arguments.aligner, {"structure": s}) for s in ("plain", "jumps"))
    rows = defaultdict(list)
    for name in ["demo", *arguments.folders]:
        for recording in load(name).recordings:
            if recording.metadata.get("condition", "clean") != "clean":
                continue
            truth = recording.reference
            cases = {
                "as written": (recording.audio, truth.score_times, truth.times),
                "section left out": edited(recording, added=False),
                "section played twice": edited(recording, added=True),
            }
            for case, made in cases.items():
                if made is None:
                    continue
                audio, score_times, times = made
                found = [aligner.align(recording.score, audio) for aligner in (plain, jumping)]
                written = found[1].info["structure"]["as_written"]
                rows[case].append([not written, *(accuracy(times, a.at(score_times), 0.1) for a in found)])
    print("| case | recordings | jumps found | plain, % within 100 ms | jumps |\n|---|---|---|---|---|")
    for case, values in rows.items():
        jumped, without, with_jumps = np.mean(values, axis=0) * (len(values), 100, 100)
        print(f"| {case} | {len(values)} | {jumped:.0f} | {without:.1f} | {with_jumps:.1f} |", flush=True)


if __name__ == "__main__":
    main()
