"""Other projects' ways to turn onsets into one number, so that a ranking can be held against all of them.

Published figures differ in what counts as correct, in what is averaged, and in what is left out before.
Each `Convention` is one such way over the same stored onsets. Where a project's own code was read, the
convention does what the code does; the differences are stated in its sentence.

References
----------
- align-bench: this package, `align_bench.leaderboard.rows`.
- mir_eval: Raffel et al., ISMIR 2014; ``mir_eval.alignment.percentage_correct``.
- mirex: Cont, Schwarz, Schnell and Raphael, ISMIR 2007; see `align_bench.metrics.score_following`.
- parangonar: ``parangonar.evaluate.evaluate_asynchrony``, whose ``mean_asynch`` is a median.
- thickstun: Thickstun, Brennan and Verma, arXiv:2009.14374, 2020; see `align_bench.metrics.time_map`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from align_bench.errors import unknown_name
from align_bench.leaderboard.rows import failure_value
from align_bench.leaderboard.statistics import piece_means
from align_bench.metrics import KEYS, evaluate
from align_bench.metrics.mir_eval_bridge import percentage_correct
from align_bench.metrics.onset_deviation import accuracy, mean_abs_deviation, median_abs_deviation
from align_bench.metrics.score_following import THRESHOLD_S, precision
from align_bench.metrics.time_map import time_err
from align_bench.types import FloatArray

SURVIVOR_LIMIT_S = 0.3
TIME_ERR_LIMIT_S = 1.0


@dataclass(frozen=True, eq=False)
class Take:
    """One recording as it was aligned.

    Attributes
    ----------
    piece : str
    n_onsets : float
        Onsets with ground truth; where that is not known, what the aligner's recordings have on average.
    onsets : (score_times, reference_times, estimated_times) or None
        Seconds, shape (n_onsets,) each, estimates NaN where there is none; None if the recording failed.
    """

    piece: str
    n_onsets: float
    onsets: tuple[FloatArray, FloatArray, FloatArray] | None


class Figure(NamedTuple):
    """What a convention makes of an aligner: a value, and how many recordings it is over."""

    value: float | None
    n_counted: int


Takes = Sequence[Take]
Metric = Callable[[FloatArray, FloatArray], float]  # of reference and estimated times
FigureOf = Callable[[Takes, float], Figure]


@dataclass(frozen=True)
class Convention:
    """A way to turn the recordings of an aligner into one number.

    Attributes
    ----------
    name : str
    about : str
        One sentence; ``{ms}`` stands for the tolerance.
    unit : {"%", "ms", ""}
    higher : bool
        Whether higher is better.
    figure : callable
        Takes the recordings and the tolerance in seconds.
    """

    name: str
    about: str
    unit: str
    higher: bool
    figure: FigureOf


def _mean(values: Sequence[float]) -> Figure:
    return Figure(float(np.mean(values)) if len(values) else None, len(values))


def _over_pieces(takes: Takes, values: Sequence[float]) -> Figure:
    means = piece_means(values, [take.piece for take in takes])
    return Figure(float(np.mean(list(means.values()))) if means else None, len(values))


def _scored(takes: Takes, metric: Metric, failed: float | None = None) -> list[float]:
    """Return the metric of each recording; failures count as ``failed``, or are left out if that is None."""
    values = [metric(*take.onsets[1:]) if take.onsets else failed for take in takes]
    return [value for value in values if value is not None and not np.isnan(value)]


def _over_onsets(takes: Takes, metric: Metric) -> Figure:
    """Average over onsets: a recording weighs as many as it has; a failed one has all of them wrong."""
    values = _scored(takes, metric, 0.0)
    weights = [take.n_onsets for take in takes]
    return Figure(float(np.average(values, weights=weights)) if values else None, len(values))


def _accuracy(tolerance: float) -> Metric:
    return partial(accuracy, tolerance_s=tolerance)


_CONVENTIONS: dict[str, Convention] = {}
_WITHIN = "% of onsets within {ms} ms"


def _convention(name: str, unit: str, about: str) -> Callable[[FigureOf], FigureOf]:
    def keep(figure: FigureOf) -> FigureOf:
        _CONVENTIONS[name] = Convention(name, about, unit, unit == "%", figure)
        return figure

    return keep


@_convention(
    "align-bench",
    "%",
    f"{_WITHIN}, mean over pieces of the mean over recordings; failed recordings count as 0 %.",
)
def _align_bench(takes: Takes, tolerance: float) -> Figure:
    return _over_pieces(takes, _scored(takes, _accuracy(tolerance), 0.0))


@_convention("pooled", "%", f"{_WITHIN}, over all onsets together; those of failed recordings are wrong.")
def _pooled(takes: Takes, tolerance: float) -> Figure:
    return _over_onsets(takes, _accuracy(tolerance))


@_convention("per-recording", "%", f"{_WITHIN}, mean over recordings; failed ones count as 0 %.")
def _per_recording(takes: Takes, tolerance: float) -> Figure:
    return _mean(_scored(takes, _accuracy(tolerance), 0.0))


@_convention("strict", "%", "As align-bench, but less than {ms} ms, where exactly {ms} ms is within there.")
def _strict(takes: Takes, tolerance: float) -> Figure:
    def below(reference: FloatArray, estimated: FloatArray) -> float:
        return float((np.rint(np.abs(estimated - reference) * 1e6) < np.rint(tolerance * 1e6)).mean())

    return _over_pieces(takes, _scored(takes, below, 0.0))


@_convention(
    "survivors",
    "%",
    f"Failed recordings, and those with a mean distance above {SURVIVOR_LIMIT_S * 1000:.0f} ms, are dropped; "
    f"then {_WITHIN}, mean over recordings.",
)
def _survivors(takes: Takes, tolerance: float) -> Figure:
    aligned = [take for take in takes if take.onsets]
    distances = [mean_abs_deviation(*take.onsets[1:]) for take in aligned if take.onsets]
    # In whole microseconds, as tolerances are.
    good = [t for t, d in zip(aligned, distances, strict=True) if round(d, 6) <= SURVIVOR_LIMIT_S]
    return _mean(_scored(good, _accuracy(tolerance)))


@_convention(
    "mir_eval",
    "%",
    "mir_eval's percentage_correct at {ms} ms, mean over the recordings that it takes: aligned, every onset "
    "placed, none stepping back.",
)
def _mir_eval(takes: Takes, tolerance: float) -> Figure:
    return _mean(_scored(takes, partial(percentage_correct, window_s=tolerance)))


@_convention(
    "median-shifted",
    "%",
    "As align-bench, after each recording's median deviation was taken away: a constant offset is free.",
)
def _median_shifted(takes: Takes, tolerance: float) -> Figure:
    return _shifted(takes, tolerance, lambda deviations: float(np.median(deviations)))


@_convention(
    "first-onset",
    "%",
    "As align-bench, after each recording was shifted so that the first onset placed is right.",
)
def _first_onset(takes: Takes, tolerance: float) -> Figure:
    return _shifted(takes, tolerance, lambda deviations: float(deviations[0]))


def _shifted(takes: Takes, tolerance: float, offset: Callable[[FloatArray], float]) -> Figure:
    def shifted(reference: FloatArray, estimated: FloatArray) -> float:
        known = (estimated - reference)[~np.isnan(estimated)]
        return accuracy(reference, estimated - (offset(known) if known.size else 0.0), tolerance)

    return _over_pieces(takes, _scored(takes, shifted, 0.0))


@_convention(
    "mirex-piecewise",
    "%",
    f"MIREX piecewise precision: % of onsets within {THRESHOLD_S * 1000:.0f} ms, mean over recordings.",
)
def _mirex_piecewise(takes: Takes, tolerance: float) -> Figure:
    return _mean(_scored(takes, precision, 0.0))


@_convention(
    "mirex-overall", "%", f"MIREX overall precision: % of all onsets within {THRESHOLD_S * 1000:.0f} ms."
)
def _mirex_overall(takes: Takes, tolerance: float) -> Figure:
    return _over_onsets(takes, precision)


@_convention(
    "parangonar",
    "ms",
    "Median distance in ms of each aligned recording over the onsets placed (parangonar calls it "
    "mean_asynch), mean over recordings.",
)
def _parangonar(takes: Takes, tolerance: float) -> Figure:
    return _mean(_scored(takes, median_abs_deviation))


@_convention("median-asynchrony", "ms", "Median distance in ms of all placed onsets together.")
def _median_asynchrony(takes: Takes, tolerance: float) -> Figure:
    return _of_distances(takes, np.median)


@_convention("mean-asynchrony", "ms", "Mean distance in ms of all placed onsets together.")
def _mean_asynchrony(takes: Takes, tolerance: float) -> Figure:
    return _of_distances(takes, np.mean)


def _of_distances(takes: Takes, statistic: Callable[[FloatArray], np.floating]) -> Figure:
    aligned = [take.onsets for take in takes if take.onsets]
    distances = [np.abs(estimated - reference) for _, reference, estimated in aligned]
    placed = np.concatenate([np.zeros(0), *(values[~np.isnan(values)] for values in distances)])
    return Figure(float(statistic(placed)) if placed.size else None, len(aligned))


@_convention(
    "thickstun",
    "ms",
    f"TimeErr in ms, mean over the recordings where it is below {TIME_ERR_LIMIT_S * 1000:.0f} ms; the others "
    "are dropped.",
)
def _thickstun(takes: Takes, tolerance: float) -> Figure:
    errors = [time_err(*take.onsets) for take in takes if take.onsets]
    return _mean([error for error in errors if error < TIME_ERR_LIMIT_S])


CONVENTIONS: Mapping[str, Convention] = MappingProxyType(_CONVENTIONS)
DEFAULT = ("align-bench", "pooled", "per-recording", "mir_eval", "survivors", "median-shifted", "parangonar")


def find_convention(name: str) -> Convention:
    """Return a convention by its name, or the one that is the headline mean of a metric key.

    Parameters
    ----------
    name : str
        One of `CONVENTIONS` or of `align_bench.metrics.KEYS`.

    Raises
    ------
    UsageError
        If there is no such name; tells the nearest one.
    """
    if name in CONVENTIONS:
        return CONVENTIONS[name]
    if name not in KEYS:
        raise unknown_name("convention", name, [*CONVENTIONS, *KEYS])
    key, failed = KEYS[name], failure_value(name)

    def figure(takes: Takes, tolerance: float) -> Figure:
        pairs = [(take, evaluate(*take.onsets, [name])[name] if take.onsets else failed) for take in takes]
        known = [(take, value) for take, value in pairs if value is not None]
        return _over_pieces([take for take, _ in known], [value for _, value in known])

    unit = {"share": "%", "s": "ms", "": ""}[key.unit]
    about = f"{key.description} Mean over pieces of the mean over recordings."
    return Convention(name, about, unit, key.direction == "higher", figure)
