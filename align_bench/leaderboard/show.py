"""One record for people: who made it, on what, and what became of each recording."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from align_bench.leaderboard.layout import Table, number, printable, render
from align_bench.leaderboard.rows import HEADLINE, Row, summarise
from align_bench.leaderboard.tables import provenance
from align_bench.results import ESTIMATES, Environment, Record, RecordingResult

_KEYS = ("accuracy_25ms", "accuracy_50ms", "accuracy_100ms")
_NAMED = 3


def show(record: Record) -> str:
    """Explain a record: in words, then its provenance, a row a recording, and what failed and why.

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
        "recordings": _present(record),
        "index": dataset.index_sha256,
        "ground truth": dataset.ground_truth,
        "synthesiser": _pairs(record.synthesiser),
        "made": record.created,
        "command": record.command,
        "by": f"align-bench {record.align_bench_version}, {_pairs(record.versions)}",
        "commit": record.commit,
        "platform": record.platform,
    }
    lines = [f"{name:<14}{value}" for name, value in facts.items() if value not in (None, "")]
    lines = [printable(line) for line in [*lines, *_earlier(record)]]
    table = Table(
        f"{record.n_ok} of {len(record.recordings)} recordings aligned",
        ["recording", "piece", "status", "≤25 ms", "≤50 ms", "≤100 ms", "median ms", "bias ms", "s"],
        [_cells(result) for result in record.recordings],
        [*_leaks(record), *_cold(record), *failures([record])],
        n_labels=3,
    )
    words = [printable(sentence) for sentence in _words(record)]
    return "\n".join([*words, "", *lines, "", render([table], "text")])


def _words(record: Record) -> list[str]:
    """Say in sentences what a record claims, and how far that goes."""
    row = summarise(record)
    name, dataset = record.aligner.name, record.dataset
    verb = "scored" if record.aligner.target == ESTIMATES else "run"
    sentences = [
        f"{name} was {verb} on {dataset.name} and aligned {row.n_ok} of {row.n_recordings} recordings "
        f"({row.n_pieces} {'piece' if row.n_pieces == 1 else 'pieces'}).",
        *_headline(row),
        f"The truth that this is held against: {provenance([row])}.",
    ]
    if record.aligner.target == ESTIMATES:
        sentences.append("Its onsets were made elsewhere, so that they cannot be made again here.")
    if record.oracle:
        sentences.append("It is no aligner: it was made from the truth, as a ceiling for others.")
    if record.earlier:
        n = sum(row.made_in is not None for row in record.recordings)
        sentences.append(f"The run was taken up again: {n} of its recordings come from another environment.")
    if dataset.split:
        sentences.append(f"This is the {dataset.split} part of {dataset.whole}, not the whole.")
    if dataset.n_wanted is not None and dataset.n_wanted > row.n_recordings:
        sentences.append(
            f"Only {row.n_recordings} of {dataset.n_wanted} recordings were there: compare it with no figure "
            "of the complete set."
        )
    if record.aligner.trained_on:
        n = len(record.aligner.trained_on)
        overlap = (
            f"recordings of these compositions: {row.n_leaked}"
            if row.n_leaked
            else "none of which is tested here"
        )
        what = "recording or piece" if n == 1 else "recordings or pieces"
        sentences.append(f"It says that it has learnt from {n} {what}; {overlap}.")
    return sentences


def _earlier(record: Record) -> list[str]:
    """Say which rows were made in another environment, and how it differed."""
    here = _flat(record.environment)
    lines = []
    for k, environment in enumerate(record.earlier):
        ids = [row.id for row in record.recordings if row.made_in == k]
        there = _flat(environment)
        differs = [
            f"{key} {there.get(key)} for {here.get(key)}"
            for key in {**here, **there}
            if there.get(key) != here.get(key)
        ]
        lines.append(f"{'made earlier':<14}{_named(ids)}, with {', '.join(differs)}")
    return lines


def _flat(environment: Environment) -> dict[str, str | None]:
    return {
        "align-bench": environment.align_bench_version,
        **environment.versions,
        "commit": environment.commit,
        "platform": environment.platform,
    }


def _headline(row: Row) -> list[str]:
    mean = row.mean(HEADLINE)
    if mean is None:
        return []
    interval = row.interval(HEADLINE)
    ends = (
        f", 95 % interval {number(interval.low, scale=100)} to {number(interval.high, scale=100)}"
        if interval
        else ""
    )
    failed = "; failed recordings count as 0 %" if row.n_ok < row.n_recordings else ""
    return [
        f"It placed {number(mean, scale=100)} % of the onsets within 50 ms (mean over pieces{ends}{failed})."
    ]


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
        lines.append(printable(f"{aligner} on {_named(ids)}: {status}: {reason}"))
    return lines


def _named(ids: list[str]) -> str:
    more = f" and {len(ids) - _NAMED} more" if len(ids) > _NAMED else ""
    return ", ".join(ids[:_NAMED]) + more


def _pairs(values: Mapping[str, object]) -> str:
    return ", ".join(f"{key}={value}" for key, value in values.items())


def _present(record: Record) -> str:
    n, wanted = len(record.recordings), record.dataset.n_wanted
    hashed = sum(result.audio_sha256 is not None for result in record.recordings)
    of_all = f" of {wanted}" if wanted is not None else ""
    return f"{n}{of_all}, audio hash of {hashed}"


def _cold(record: Record) -> list[str]:
    if not any(result.cold for result in record.recordings):
        return []
    return ["* first in its process: holds what is done once, such as imports and compilation."]


def _cells(result: RecordingResult) -> list[str]:
    scores = result.scores
    return [
        result.id + (" †" if result.leaked else ""),
        result.piece,
        result.status,
        *(number(scores.get(key), scale=100) for key in _KEYS),
        number(scores.get("median_abs_deviation_s"), scale=1000),
        number(scores.get("mean_deviation_s"), scale=1000),
        number(result.seconds, 2) + " *" * result.cold,
    ]


def _leaks(record: Record) -> list[str]:
    leaked = sum(result.leaked for result in record.recordings)
    return [f"† the aligner was trained on this composition ({leaked} recordings)."] if leaked else []
