"""The table of score keys: what each number in a record means.

One row a key, in the order of a record. A key says statistic, quantity and unit, because the customary
abbreviations mean different things in different tools.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from align_bench.errors import unknown_name
from align_bench.metrics.onset_deviation import TOLERANCES_MS


@dataclass(frozen=True)
class MetricKey:
    """The meaning of one score.

    Attributes
    ----------
    name : str
        The key in a record.
    group : str
        The module that computes it: one of `GROUPS`.
    unit : str
        ``"share"`` (0 to 1) or ``"s"``; ``""`` for a scale of its own.
    direction : str
        ``"higher"`` or ``"lower"`` is better, or ``"zero"``: the nearer to zero the better.
    reference : str
        Where it is defined.
    description : str
        One sentence for people.
    """

    name: str
    group: str
    unit: Literal["share", "s", ""]
    direction: Literal["higher", "lower", "zero"]
    reference: str
    description: str


_CONT = "Cont, Schwarz, Schnell & Raphael, ISMIR 2007"
_THICKSTUN = "Thickstun, Brennan & Verma, arXiv:2009.14374, 2020"
_MIR_EVAL = "Raffel et al., mir_eval, ISMIR 2014"
_FUJIHARA = "Fujihara, Goto, Ogata & Okuno, IEEE JSTSP 5(6), 2011"
_LIZE = "Lizé-Masclef, Vaglio & Moussallam, ISMIR 2021"
_OURS = "align-bench, metrics/onset_deviation.py"


def _onset(name: str, description: str, direction: Literal["lower", "zero"] = "lower") -> MetricKey:
    return MetricKey(name, "onset_deviation", "s", direction, _OURS, description)


_TABLE = (
    *(
        MetricKey(
            f"accuracy_{ms}ms",
            "onset_deviation",
            "share",
            "higher",
            _OURS,
            f"Share of onsets placed within {ms} ms of the reference; an onset without an estimate is wrong.",
        )
        for ms in TOLERANCES_MS
    ),
    MetricKey(
        "accuracy_auc_200ms",
        "onset_deviation",
        "share",
        "higher",
        _OURS,
        "Mean accuracy over all tolerances from 0 to 200 ms.",
    ),
    _onset(
        "mean_abs_deviation_s", "Mean distance from the reference, over the onsets that have an estimate."
    ),
    _onset("median_abs_deviation_s", "Median distance from the reference."),
    _onset("sd_abs_deviation_s", "Standard deviation of the distance from the reference."),
    _onset("p90_abs_deviation_s", "Nine in ten distances from the reference are below this."),
    _onset("p95_abs_deviation_s", "Nineteen in twenty distances from the reference are below this."),
    _onset("mean_deviation_s", "Bias: mean of estimate minus reference, positive where late.", "zero"),
    _onset("sd_deviation_s", "Jitter: standard deviation of estimate minus reference."),
    _onset("rms_deviation_s", "Root mean square of estimate minus reference."),
    MetricKey(
        "time_err_s", "time_map", "s", "lower", _THICKSTUN, "TimeErr: mean absolute error over score time."
    ),
    MetricKey(
        "time_dev_s", "time_map", "s", "lower", _THICKSTUN, "TimeDev: root mean square error over score time."
    ),
    MetricKey(
        "miss_rate", "score_following", "share", "lower", _CONT, "Share of onsets without an estimate."
    ),
    MetricKey(
        "misalign_rate",
        "score_following",
        "share",
        "lower",
        _CONT,
        "Share of onsets with an estimate more than 250 ms away.",
    ),
    MetricKey(
        "piece_precision",
        "score_following",
        "share",
        "higher",
        _CONT,
        "Share of onsets neither missed nor misaligned; its mean over pieces is MIREX's piecewise precision.",
    ),
    MetricKey(
        "mean_imprecision_s",
        "score_following",
        "s",
        "lower",
        _CONT,
        "Mean distance from the reference over the onsets within 250 ms.",
    ),
    MetricKey(
        "sd_imprecision_s",
        "score_following",
        "s",
        "lower",
        _CONT,
        "Standard deviation of the distance from the reference over the onsets within 250 ms.",
    ),
    MetricKey(
        "piece_completion",
        "score_following",
        "share",
        "higher",
        _CONT,
        "Share of onsets up to the last one within 250 ms.",
    ),
    MetricKey(
        "mir_eval_percentage_correct_300ms",
        "mir_eval",
        "share",
        "higher",
        _MIR_EVAL,
        "mir_eval's pc: share of onsets within 300 ms, compared in floating point.",
    ),
    MetricKey(
        "mir_eval_percentage_correct_segments",
        "mir_eval",
        "share",
        "higher",
        _FUJIHARA,
        "mir_eval's pcs: share of the time in which the right inter-onset segment is shown.",
    ),
    MetricKey(
        "mir_eval_median_absolute_error_s", "mir_eval", "s", "lower", _MIR_EVAL, "mir_eval's mae, a median."
    ),
    MetricKey(
        "mir_eval_mean_absolute_error_s", "mir_eval", "s", "lower", _MIR_EVAL, "mir_eval's aae, a mean."
    ),
    MetricKey(
        "mir_eval_karaoke_perceptual",
        "mir_eval",
        "",
        "higher",
        _LIZE,
        "mir_eval's perceptual: synchrony as heard in karaoke; a perfect alignment scores 0.9606.",
    ),
)

KEYS: Mapping[str, MetricKey] = MappingProxyType({key.name: key for key in _TABLE})
GROUPS: tuple[str, ...] = tuple(dict.fromkeys(key.group for key in _TABLE))


def look_up(name: str) -> MetricKey:
    """Return the row of a key.

    Raises
    ------
    UsageError
        If there is no such key; names the nearest one.
    """
    if name not in KEYS:
        raise unknown_name("metric", str(name), KEYS)
    return KEYS[name]


def select(names: Sequence[str] | None) -> list[MetricKey]:
    """Return the rows that keys and groups name, in the order of the table; all of them for None.

    Parameters
    ----------
    names : sequence of str, str or None
        Keys and groups, in any order; one of them may stand alone.

    Raises
    ------
    UsageError
        If there is no such key or group; names the nearest one.
    """
    if names is None:
        return list(_TABLE)
    if isinstance(names, str):
        names = [names]
    for name in names:
        if name not in KEYS and name not in GROUPS:
            raise unknown_name("metric", str(name), [*KEYS, *GROUPS])
    return [key for key in _TABLE if key.name in names or key.group in names]
