"""Are confidences what they say? Of onsets that an aligner is 90 % sure of, 90 % should be right.

References
----------
Niculescu-Mizil and Caruana, "Predicting good probabilities with supervised learning", ICML 2005, for the
diagram; Naeini, Cooper and Hauskrecht, "Obtaining well calibrated probabilities using Bayesian binning",
AAAI 2015, for the expected calibration error.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from align_bench.errors import UsageError
from align_bench.leaderboard.layout import Table, number, render
from align_bench.results import (
    RecordError,
    load_confidences,
    load_onsets,
    load_record,
    onsets_path,
)
from align_bench.types import CONFIDENCE_S, FloatArray, IntArray

EDGES = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0)
"""Of the bins: most onsets are sure, so these are finer towards 1."""


@dataclass(frozen=True, eq=False)
class Reliability:
    """How an aligner's confidences compare with what became of its onsets.

    Attributes
    ----------
    name : str
        Of the aligner and the dataset.
    counts : numpy.ndarray, shape (n_bins,)
        Onsets in each bin of `EDGES`.
    stated, observed : numpy.ndarray, shape (n_bins,)
        Mean confidence, and share of onsets within 50 ms of the truth; NaN in an empty bin.
    halves : tuple of float
        Share within 50 ms in the less sure and in the surer half of the onsets of each recording; mean over
        recordings.
    calibration_error : float
        Distance of ``stated`` from ``observed``, mean over the onsets.
    """

    name: str
    counts: IntArray
    stated: FloatArray
    observed: FloatArray
    halves: tuple[float, float]
    calibration_error: float


def reliability(record: str | Path) -> Reliability:
    """Compare the confidences of a record with the ground truth.

    Parameters
    ----------
    record : path
        ``<aligner>.json``, as `align_bench.run` wrote it, its onsets beside it.

    Returns
    -------
    Reliability

    Raises
    ------
    RecordError
        If the record or its onsets cannot be read, or the aligner tells no confidence.
    """
    path = Path(record)
    document = load_record(path)
    sure, right, halves = [], [], []
    for row in document.recordings:
        if row.status != "ok":
            continue
        file = onsets_path(path, row.id)
        confidences = load_confidences(file)
        if confidences is None:
            continue
        _, truth, estimated = load_onsets(file)
        # In whole microseconds, as the metrics compare; an onset that was not placed (NaN) is wrong.
        hits = np.round(1e6 * np.abs(estimated - truth)) <= round(1e6 * CONFIDENCE_S)
        order = np.argsort(confidences, kind="stable")
        halves.append([hits[half].mean() for half in np.array_split(order, 2) if half.size])
        sure.append(confidences)
        right.append(hits)
    halves = [pair for pair in halves if len(pair) == 2]
    if not halves:
        raise RecordError(
            f"record must have onsets with confidences, got none ({path}). Of our aligners, all but "
            f"linear tell them."
        )
    return _binned(
        f"{document.aligner.name} on {document.dataset.name}",
        np.concatenate(sure),
        np.concatenate(right).astype(np.float64),
        np.mean(halves, axis=0).tolist(),
    )


def _binned(name: str, sure: FloatArray, right: FloatArray, halves: list[float]) -> Reliability:
    bins = np.digitize(sure, EDGES[1:-1])
    counts = np.bincount(bins, minlength=len(EDGES) - 1)
    with np.errstate(invalid="ignore"):
        stated, observed = (
            np.bincount(bins, weights=values, minlength=len(counts)) / counts for values in (sure, right)
        )
    gaps = np.abs(np.nan_to_num(stated - observed))
    return Reliability(
        name, counts, stated, observed, (halves[0], halves[1]), float((gaps * counts).sum() / counts.sum())
    )


def reliability_table(found: Reliability, format: str = "text") -> str:
    """Write a table of `reliability`.

    Parameters
    ----------
    found : Reliability
    format : {"text", "markdown", "latex"}, optional
    """
    rows = [
        [f"{100 * low:g} to {100 * high:g}", str(n), number(stated, scale=100), number(observed, scale=100)]
        for low, high, n, stated, observed in zip(
            EDGES[:-1], EDGES[1:], found.counts, found.stated, found.observed, strict=True
        )
        if n
    ]
    low, high = found.halves
    notes = [
        f"The surer half of each recording's onsets: {100 * high:.1f} % within 50 ms; the other half: "
        f"{100 * low:.1f} %.",
        f"Expected calibration error: {100 * found.calibration_error:.1f} percentage points.",
    ]
    header = ["confidence %", "onsets", "mean confidence", "within 50 ms %"]
    return render([Table(f"{found.name}: confidence and truth", header, rows, notes)], format)


def plot_reliability(found: Reliability, path: str | Path) -> None:
    """Draw a reliability diagram: observed share against stated confidence, and how many onsets.

    The bars are Wilson's 95 % intervals: a bin with one onset says nothing.

    Parameters
    ----------
    found : Reliability
    path : path
        PNG, PDF or SVG.

    Raises
    ------
    UsageError
        If matplotlib is not installed, or does not write such files.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise UsageError(
            f"plotting needs matplotlib, got {error}. pip install 'align-bench[plot]'."
        ) from error
    from scipy.stats import binomtest

    figure = Figure(figsize=(4.5, 4.5), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], ":", color="grey", label="perfect")
    some = found.counts > 0
    sizes = 20 + 300 * found.counts[some] / found.counts.sum()
    stated, observed, counts = (values[some] for values in (found.stated, found.observed, found.counts))
    intervals = [
        binomtest(round(share * n), int(n)).proportion_ci(method="wilson")
        for share, n in zip(observed, counts, strict=True)
    ]
    bars = np.abs(np.array([[ci.low, ci.high] for ci in intervals]).T - observed)
    axes.errorbar(stated, observed, bars, fmt="none", ecolor="C0", capsize=2)
    axes.scatter(stated, observed, s=sizes, color="C0", label="onsets (area: how many)")
    axes.set(
        xlabel="confidence", ylabel="share within 50 ms", title=found.name, xlim=(0, 1.02), ylim=(0, 1.02)
    )
    axes.legend(loc="upper left")
    try:
        figure.savefig(path, dpi=150)
    except ValueError as error:
        raise UsageError(f"plot must be a PNG, PDF or SVG file, got {str(path)!r}: {error}.") from error
