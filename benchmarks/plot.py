"""Draw the growth of time and memory with N from the tables in README.md.

python benchmarks/plot.py                     # writes benchmarks/growth.png; needs matplotlib
"""

from __future__ import annotations

import re
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from dtw import BEGIN, END, README

CELL = re.compile(r"([\d.]+) ns .*?, ([\d.]+) B")


def tables(text: str) -> dict[str, tuple[list[int], dict[str, list[tuple[float, float] | None]]]]:
    """Return what the tables say: for each heading the sizes, and for each method ns and bytes a cell."""
    found = {}
    section = text.partition(BEGIN)[2].partition(END)[0]
    for part in section.split("### ")[1:]:
        heading, *lines = part.splitlines()
        rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line[:1] == "|"]
        sizes = [int(cell.replace(",", "")) for cell in rows[0][1:]]
        methods = {}
        for name, *cells in rows[2:]:
            matches = [CELL.match(cell) for cell in cells]
            methods[name] = [(float(m[1]), float(m[2])) if m else None for m in matches]
        found[heading] = (sizes, methods)
    return found


def main() -> None:
    """Draw."""
    sizes, methods = tables(README.read_text(encoding="utf-8"))["32 dimensions"]
    figure, axes = plt.subplots(1, 2, figsize=(9, 4.2), layout="constrained")
    for name, cells in methods.items():
        known = [(n, *cell) for n, cell in zip(sizes, cells, strict=True) if cell]
        n, ns, n_bytes = np.array(known).T
        style = {"linewidth": 2.2, "marker": "o"} if name.startswith("align-bench") else {"marker": "."}
        axes[0].plot(n, ns * n**2 / 1e9, label=name, **style)
        # 0.00 in the table is too little to tell.
        axes[1].plot(n, np.where(n_bytes > 0, n_bytes * n**2 / 2**20, np.nan), **style)
    for axis, label in zip(axes, ("CPU seconds", "peak extra memory, MiB"), strict=True):
        axis.set(xscale="log", yscale="log", xlabel="N = M (frames)", title=f"{label}, 32 dimensions")
        axis.set_xticks(sizes, [f"{size:,}" for size in sizes])
        axis.minorticks_off()
        axis.grid(alpha=0.3)
    figure.legend(loc="outside right center", frameon=False, fontsize=8)
    figure.savefig(Path(__file__).parent / "growth.png", dpi=80)


if __name__ == "__main__":
    main()
