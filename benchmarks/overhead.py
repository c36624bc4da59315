"""What the harness costs: a run of chroma-dtw over 100 recordings, against the alignments alone.

    python benchmarks/overhead.py                 # about three minutes on two cores
    python benchmarks/overhead.py --recordings 20

The recordings are those of the demo set (28 s on average) or of a folder, over and over. Alone: one process
that reads each recording and aligns it, which is what a loop in a notebook does. Run: the same aligner
through `align_bench.run`, with its process, hashes, metrics, onsets, journal and record. Whole programs are
measured, which start cold, and share the cache; wall time says what one waits for, where a second core is
idle, and CPU time what it costs.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time

COMMON = """
from dataclasses import replace
from align_bench.datasets import load
found = load({dataset!r})
n = {n}
few = found.recordings
takes = [replace(few[i % len(few)], id=f"{{i:03d}}") for i in range(n)]
takes.sort(key=lambda take: take.piece)
"""
ALONE = """
from align_bench.aligners.registry import load_aligner
aligner = load_aligner("chroma-dtw")
for take in takes:
    aligner.align(take.load_score(), take.load_audio()).at(take.load_reference().score_times)
"""
RUN = """
from align_bench.runner import run
data = replace(found, recordings=tuple(takes))
(record,) = run("chroma-dtw", data, output={output!r}, oracle=False, progress=False)
assert record.n_ok == n, [row.reason for row in record.recordings if row.reason]
"""


def measure(code: str, dataset: str, n: int) -> tuple[float, float]:
    """Run a program; return its seconds, and the CPU seconds of all its processes."""
    with tempfile.TemporaryDirectory() as output:
        program = (COMMON + code).format(dataset=dataset, n=n, output=output)
        environment = os.environ | {"OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        begin = time.perf_counter()
        subprocess.run([sys.executable, "-c", program], check=True, env=environment)
        wall = time.perf_counter() - begin
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Measure both ways in turn, and print the shortest of each: the one that others disturbed least."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--recordings", type=int, default=100)
    parser.add_argument("--dataset", default="demo")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    measure(ALONE, options.dataset, options.recordings)  # renders the scores, makes the recordings
    programs = {"alone": ALONE, "run": RUN}
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in programs}
    for _ in range(options.repeats):
        for name, code in programs.items():
            found[name].append(measure(code, options.dataset, options.recordings))
    print(f"{options.recordings} recordings, shortest of {options.repeats}")
    for number, kind in enumerate(("wall", "CPU")):
        alone, run = (min(pair[number] for pair in found[name]) for name in programs)
        each = (run - alone) / options.recordings * 1000
        print(
            f"{kind:<5} alone {alone:6.2f} s, run {run:6.2f} s: {100 * (run / alone - 1):+.1f} %, "
            f"{each:+.1f} ms a recording"
        )


if __name__ == "__main__":
    main()
