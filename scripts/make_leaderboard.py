"""Measure the leaderboard and write its pages: ``python scripts/make_leaderboard.py [FOLDER ...]``.

Runs every aligner, and the four Siamese variants with fastdtw as the paper has it, on the demo set and on
each folder given; keeps the records in ``leaderboard/results``; writes ``leaderboard/tables.md`` and the demo
table of the README from them. ``--aligner`` measures only the aligners named, ``--condition`` the folders in
other acoustics, with the aligners of `IN_CONDITIONS`; ``--tables-only`` writes the pages from the records.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import align_bench
from align_bench.leaderboard import leaderboard, table1

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "leaderboard" / "results"
IN_CONDITIONS = ("chroma-dtw", "flux-dtw", "siamese-cqt-distance", "siamese-robust")
BEGIN, END = "<!-- demo table: begin -->", "<!-- demo table: end -->"


def aligners() -> list[tuple[str, dict[str, str]]]:
    """Return every registered aligner, and the paper's four once more with the paper's decoder."""
    names = [entry.name for entry in align_bench.list_aligners()]
    paper = [name for name in names if name.startswith(("siamese-cqt-", "siamese-stft-"))]
    return [*((name, {}) for name in names), *((name, {"decoder": "fastdtw"}) for name in paper)]


def measure(dataset: str | Path, only: list[str], conditions: list[str]) -> None:
    """Run aligners on one dataset and keep the records, without the onsets of other people's data."""
    everyone = [(name, {}) for name in IN_CONDITIONS] if conditions else aligners()
    specs = [(name, {}) for name in only] or everyone
    align_bench.run(specs, dataset, output=RESULTS, conditions=conditions, oracle=not only)
    for onsets in RESULTS.glob("*/*.onsets"):
        shutil.rmtree(onsets)
    for rest in [*RESULTS.glob("*/*.log"), *RESULTS.glob("*/.*.lock")]:
        rest.unlink()


def write_pages() -> None:
    """Write the tables from the records."""
    pages = ["# Measured results\n", "Made by `python scripts/make_leaderboard.py`; see README.md.\n"]
    for directory in sorted(path for path in RESULTS.iterdir() if path.is_dir()):
        pages += [f"## {directory.name}\n", leaderboard(directory, "markdown")]
        pages += [f"### {directory.name}: the paper's four variants\n", table1(directory, "markdown")]
    (ROOT / "leaderboard" / "tables.md").write_text("\n".join(pages), encoding="utf-8")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    before, rest = readme.split(BEGIN)
    after = rest.split(END)[1]
    table = leaderboard(RESULTS / "demo", "markdown")
    (ROOT / "README.md").write_text(f"{before}{BEGIN}\n{table}{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="*", type=Path, help="directories of recordings")
    parser.add_argument("--aligner", action="append", default=[], help="only this one; repeatable")
    parser.add_argument(
        "--condition", type=lambda names: names.split(","), default=[], help="separated by commas"
    )
    parser.add_argument("--tables-only", action="store_true")
    arguments = parser.parse_args()
    if not arguments.tables_only:
        for dataset in [*([] if arguments.condition else ["demo"]), *arguments.folders]:
            measure(dataset, arguments.aligner, arguments.condition)
    write_pages()
