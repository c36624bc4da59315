"""One record for people: who made it, on what, and what became of each recording."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from align_bench.leaderboard.layout import Table, number, printable, render
from align_bench.results import Record, RecordingResult

_KEYS = ("accuracy_25ms", "accuracy_50ms", "accuracy_100ms")
_NAMED = 3


def show(record: Record) -> str:
    """Explain a record: provenance first, then a row a recording, then what failed and why.

    Parameters
    ----------
    record : Record

    Returns
    -------
    str
        Ends with a line break.
    """
    aligner, dataset = record.aligner, record.dataset
    facts = {
        "aligner": f"{aligner.name} ({aligner.target or 'no target'})",
        "parameters": _pairs(aligner.parameters),
        "seed": aligner.seed,
        "checkpoint": aligner.checkpoint_sha256,
        "code": aligner.code_sha256,
        "trained on": ", ".join(aligner.trained_on),
        "oracle": "made from the ground truth: a ceiling, not a competitor" if record.oracle else None,
        "dataset": f"{dataset.name} {dataset.version}".strip(),
        "index": dataset.index_sha256,
        "ground truth": dataset.ground_truth,
        "synthesiser": _pairs(record.synthesiser),
        "made": record.created,
        "by": f"align-bench {record.align_bench_version}, {_pairs(record.versions)}",
        "platform": record.platform,
    }
    lines = [printable(f"{name:<14}{value}") for name, value in facts.items() if value not in (None, "")]
    table = Table(
        f"{record.n_ok} of {len(record.recordings)} recordings aligned",
        ["recording", "piece", "status", "≤25 ms", "≤50 ms", "≤100 ms", "median ms", "bias ms", "s"],
        [_cells(result) for result in record.recordings],
        [*_leaks(record), *failures([record])],
        n_labels=3,
    )
    return "\n".join([*lines, "", render([table], "text")])


def failures(records: Iterable[Record]) -> list[str]:
    """Return one line for each reason for which recordings of an aligner failed.

    Parameters
    ----------
    records : iterable of Record

    Returns
    -------
    list of str
        ``"<aligner> on <recordings>: <status>: <reason>"``; empty if nothing failed.
    """
    groups: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for record in records:
        for result in record.recordings:
            if result.status != "ok":
                groups[record.aligner.name, result.status, result.reason].append(result.id)
    lines = []
    for (aligner, status, reason), ids in groups.items():
        more = f" and {len(ids) - _NAMED} more" if len(ids) > _NAMED else ""
        lines.append(printable(f"{aligner} on {', '.join(ids[:_NAMED])}{more}: {status}: {reason}"))
    return lines


def _pairs(values: Mapping[str, object]) -> str:
    return ", ".join(f"{key}={value}" for key, value in values.items())


def _cells(result: RecordingResult) -> list[str]:
    scores = result.scores
    return [
        result.id + (" †" if result.leaked else ""),
        result.piece,
        result.status,
        *(number(scores.get(key), scale=100) for key in _KEYS),
        number(scores.get("median_abs_deviation_s"), scale=1000),
        number(scores.get("mean_deviation_s"), scale=1000),
        number(result.seconds, 2),
    ]


def _leaks(record: Record) -> list[str]:
    leaked = sum(result.leaked for result in record.recordings)
    return [f"† the aligner was trained on this composition ({leaked} recordings)."] if leaked else []
