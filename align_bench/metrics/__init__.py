"""The metrics, in mir_eval's form: pure functions over times in seconds, NumPy only.

Conventions
-----------
One value for each unique score onset, in score order. The reference is finite; it may step back a little
where rolled chords overlap. An estimate is finite, or NaN where the aligner placed nothing. Inf, text,
two-dimensional arrays and different lengths are refused with :class:`align_bench.errors.InvalidInputError`.

Functions of the modules return NaN where a metric is undefined. `evaluate` returns None there, so that its
result can be written as JSON: a record has no NaN. These are undefined:

* the statistics in seconds (deviation, imprecision) where no onset has an estimate to average over;
* TimeErr and TimeDev where any estimate is missing, or there is only one onset;
* mir_eval's metrics where any estimate is missing or the estimates step back, and its
  ``percentage_correct_segments`` where the reference has no duration.

Accuracies and rates are always defined.

Metrics
-------
* :mod:`align_bench.metrics.onset_deviation`: accuracies, and statistics of the deviation
* :mod:`align_bench.metrics.time_map`: TimeErr and TimeDev
* :mod:`align_bench.metrics.score_following`: MIREX
* :mod:`align_bench.metrics.mir_eval_bridge`: mir_eval.alignment
* :mod:`align_bench.metrics.keys`: what each key means
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence

from numpy.typing import ArrayLike

from align_bench.metrics import mir_eval_bridge, onset_deviation, score_following, time_map
from align_bench.metrics.keys import GROUPS, KEYS, MetricKey, look_up, select

__all__ = ["GROUPS", "KEYS", "MetricKey", "evaluate", "look_up"]

_EVALUATE: Mapping[str, Callable[[ArrayLike, ArrayLike, ArrayLike], OrderedDict[str, float]]] = {
    "onset_deviation": lambda score, reference, estimated: onset_deviation.evaluate(reference, estimated),
    "time_map": time_map.evaluate,
    "score_following": lambda score, reference, estimated: score_following.evaluate(reference, estimated),
    "mir_eval": lambda score, reference, estimated: mir_eval_bridge.evaluate(reference, estimated),
}


def evaluate(
    score_times: ArrayLike,
    reference_times: ArrayLike,
    estimated_times: ArrayLike,
    metrics: Sequence[str] | None = None,
) -> OrderedDict[str, float | None]:
    """Compute metrics of one alignment.

    Parameters
    ----------
    score_times : array_like, shape (n_onsets,)
        Unique score onsets in seconds of score time, strictly ascending.
    reference_times : array_like, shape (n_onsets,)
        When they sound, in seconds.
    estimated_times : array_like, shape (n_onsets,)
        When the aligner says that they sound; NaN where it does not say.
    metrics : sequence of str, optional
        Keys (`KEYS`) and groups (`GROUPS`) to compute; all of them by default.

    Returns
    -------
    OrderedDict of str to float or None
        In the order of `KEYS`; None where a metric is undefined.

    Raises
    ------
    InvalidInputError
        If the times are unfit for a metric.
    UsageError
        If there is no such metric.

    Examples
    --------
    >>> dict(evaluate([0.0, 1.0], [0.0, 2.0], [0.25, 2.25], metrics=["time_map", "accuracy_50ms"]))
    {'accuracy_50ms': 0.0, 'time_err_s': 0.25, 'time_dev_s': 0.25}
    """
    wanted = select(metrics)
    time_map.validate(score_times, reference_times, estimated_times)
    groups = dict.fromkeys(key.group for key in wanted)
    values = {group: _EVALUATE[group](score_times, reference_times, estimated_times) for group in groups}
    scores: OrderedDict[str, float | None] = OrderedDict()
    for key in wanted:
        value = values[key.group][key.name]
        scores[key.name] = None if math.isnan(value) else value
    return scores
