"""DTW side by side: CPU time and memory a cell, and how far the path is from the cheapest.

    python benchmarks/dtw.py                      # about ten minutes; rewrites the table in README.md
    python benchmarks/dtw.py --sizes 1000 --dims 12 --stdout

Each measurement is a process of its own, one thread, after one warm-up call on a short input (compilation);
the figure is the median of the repeats' CPU time divided by the N x N cells.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np
from peers import PEERS, path_cost, performance

README = Path(__file__).parent / "README.md"
BEGIN, END = "<!-- dtw:begin -->", "<!-- dtw:end -->"
MEMORY_LIMIT = 4 * 2**30  # bytes; what would need more is left out
SECONDS_LIMIT = 12.0  # no further repeat after this long
PACKAGES = ("numba", "numpy", "aeon", "tslearn", "dtaidistance", "librosa", "fastdtw", "synctoolbox")


def measure(name: str, n: int, dims: int, repeats: int) -> dict[str, float]:
    """Run one method here and return its figures."""
    x, y = performance(n, n, dims)
    PEERS[name].path(x[:, :200], y[:, :210])
    _forget_peak()
    before = _resident("VmRSS")
    times: list[float] = []
    while len(times) < repeats and (not times or sum(times) < SECONDS_LIMIT):
        start = time.process_time()
        steps = PEERS[name].path(x, y)
        times.append(time.process_time() - start)
        if len(times) == 1:
            peak = _resident("VmHWM")
    return {
        "ns": float(np.median(times)) / n**2 * 1e9,
        "bytes": (peak - before) / n**2,
        "cost": path_cost(x, y, steps),
        "repeats": len(times),
    }


def _forget_peak() -> None:
    """Reset the kernel's mark of this process's peak memory, which compilation has raised."""
    Path("/proc/self/clear_refs").write_text("5")


def _resident(key: str) -> int:
    """Return a line of /proc/self/status in bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{key}:"):
            return int(line.split()[1]) * 1024
    raise KeyError(key)


def in_own_process(name: str, n: int, dims: int, repeats: int) -> dict[str, float] | str:
    """Measure in a fresh process; return the figures, or why there are none."""
    if PEERS[name].bytes_per_cell * n**2 > MEMORY_LIMIT:
        return f"would take {PEERS[name].bytes_per_cell * n**2 / 2**30:.0f} GiB"
    threads = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL", "NUMBA")}
    done = subprocess.run(
        [sys.executable, __file__, "--one", name, str(n), str(dims), str(repeats)],
        capture_output=True,
        text=True,
        env={**os.environ, **threads},
        check=False,
    )
    if done.returncode != 0:
        return done.stderr.strip().splitlines()[-1] if done.stderr.strip() else f"exit {done.returncode}"
    figures: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return figures


def table(sizes: Sequence[int], dims: Sequence[int], repeats: int) -> str:
    """Measure everything and return the section of the README."""
    lines: list[str] = []
    reasons: dict[str, str] = {}
    for d in dims:
        heads = [f"{n:,}" for n in sizes]
        lines += [
            f"### {d} dimensions",
            "",
            "| N = M | " + " | ".join(heads) + " |",
            "|---" * (1 + len(sizes)) + "|",
        ]
        rows = {name: [in_own_process(name, n, d, repeats) for n in sizes] for name in PEERS}
        best = [figures["cost"] if isinstance(figures, dict) else np.nan for figures in rows["align-bench"]]
        ours = [figures["ns"] if isinstance(figures, dict) else np.nan for figures in rows["align-bench"]]
        for name, row in rows.items():
            cells = []
            for figures, cost, ns in zip(row, best, ours, strict=True):
                if isinstance(figures, str):
                    reasons[name] = figures
                    cells.append("–")
                    continue
                excess = 100 * (figures["cost"] / cost - 1)
                over = "" if abs(excess) < 0.01 else f", cost {excess:+.1f} %"
                times = float(f"{figures['ns'] / ns:.2g}")  # two digits
                cells.append(f"{figures['ns']:.2f} ns ({times:g}×), {figures['bytes']:.2f} B{over}")
            lines.append(f"| {name} | " + " | ".join(cells) + " |")
            print(lines[-1], flush=True)
        lines.append("")
    lines += [f"- – is left out: {name}: {reason}." for name, reason in reasons.items()]
    return "\n".join(lines)


def environment(packages: Sequence[str] = PACKAGES, threads: str = "one thread") -> str:
    """Return one line on what was measured where."""
    versions = []
    for package in packages:
        try:
            versions.append(f"{package} {version(package)}")
        except ModuleNotFoundError:
            versions.append(f"no {package}")
    model = next(
        (
            line.split(":")[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        platform.machine(),
    )
    return f"Python {platform.python_version()} on {model}, {threads}; {', '.join(versions)}."


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[1000, 3000, 10000, 30000])
    parser.add_argument("--dims", type=int, nargs="+", default=[12, 32, 84])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--stdout", action="store_true", help="print the table only, leave README.md alone")
    parser.add_argument("--one", nargs=4, metavar=("NAME", "N", "DIMS", "REPEATS"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        name, n, dims, repeats = options.one
        print(json.dumps(measure(name, int(n), int(dims), int(repeats))))
        return
    section = f"{environment()}\n\n{table(options.sizes, options.dims, options.repeats)}"
    if not options.stdout:
        head, _, rest = README.read_text(encoding="utf-8").partition(BEGIN)
        README.write_text(f"{head}{BEGIN}\n{section}\n{END}{rest.partition(END)[2]}", encoding="utf-8")


if __name__ == "__main__":
    main()
