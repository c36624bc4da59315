"""Is a record what it says it is? Its figures are computed again, its data looked at, a sample run again.

Three questions, each answered on its own:

1. Do the scores follow from the onsets that lie beside the record? Nothing but the two is needed. A
   published record may have none: then 3. compares scores.
2. Is the dataset at hand the one that was used: index, ground truth, audio and scores?
3. Does the same aligner with the same parameters place the same onsets? Asked of a sample.

What a record names is run only if it is registered on this machine, or if the caller says so: a record may
come from anybody, and the name in it may be that of any file or command.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from align_bench.aligners.registry import list_aligners
from align_bench.aligners.session import reason_of
from align_bench.datasets import list_datasets, load
from align_bench.datasets.base import Collection
from align_bench.datasets.conditioned import in_conditions
from align_bench.errors import AlignBenchError, InvalidInputError, UsageError
from align_bench.execution import Bench
from align_bench.leaderboard.layout import printable
from align_bench.provenance import environment, synthesiser
from align_bench.recompute import apart, data_defects, first_of, record_defects
from align_bench.results import (
    ESTIMATES,
    Record,
    RecordingResult,
    load_onsets,
    load_record,
    onsets_path,
    record_path,
)
from align_bench.runner import run
from align_bench.store import Onsets
from align_bench.types import TIME_RESOLUTION, Recording

_SHOWN = 10


@dataclass
class Verification:
    """What was found, one sentence each.

    Attributes
    ----------
    record : Record
    same : list of str
        Was checked, and is as the record says.
    different : list of str
    unchecked : list of str
        Was asked for and could not be checked, with the reason.
    notes : list of str
        Differs without being wrong, and may explain what does: versions, platform, code.
    """

    record: Record
    same: list[str] = field(default_factory=list)
    different: list[str] = field(default_factory=list)
    unchecked: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Everything that was asked for was checked, and is the same."""
        return not self.different and not self.unchecked

    def lines(self) -> list[str]:
        """Return the findings for people."""
        found = []
        for mark, sentences in (
            ("same", self.same),
            ("note", self.notes),
            ("NOT CHECKED", self.unchecked),
            ("DIFFERENT", self.different),
        ):
            found += [printable(f"{mark:<12} {sentence}") for sentence in sentences[:_SHOWN]]
            if len(sentences) > _SHOWN:
                found.append(f"{mark:<12} and {len(sentences) - _SHOWN} more")
        verdict = (
            "differs" if self.different else "is as it says" if self.ok else "could not be checked in full"
        )
        return [*found, printable(f"{self.record.aligner.name} on {self.record.dataset.name} {verdict}")]

    def agree(self, found: Iterable[str], sentence: str) -> None:
        """Keep what differs; if nothing does, say so in one sentence."""
        found = list(found)
        self.different += found
        if not found:
            self.same.append(sentence)


def verify(
    path: str | Path,
    *,
    sample: int = 3,
    data_home: str | Path | None = None,
    aligner: str | None = None,
) -> Verification:
    """Check a record against its onsets, its dataset and its aligner.

    Parameters
    ----------
    path : path
        Of the record.
    sample : int, optional
        How many recordings, drawn at random, are run again. 0: neither dataset nor aligner is needed.
    data_home : path, optional
        Where the dataset is; a folder of one's own is the folder itself.
    aligner : str, optional
        Who is run again, if the record's own target is not registered here.

    Returns
    -------
    Verification

    Raises
    ------
    RecordError
        If there is no record.
    UsageError
        If the sample is negative.
    """
    if sample < 0:
        raise UsageError(f"sample must be >= 0, got {sample}.")
    path = Path(path)
    record = load_record(path)
    found = Verification(record)
    onsets = _read_onsets(record, path, found)
    _check_scores(record, onsets, found)
    if sample == 0:
        return found
    found.notes += _changed_since(record)
    try:
        collection = _dataset(record, data_home)
    except Exception as error:  # of a loader, too
        found.unchecked.append(f"dataset and aligner: {reason_of(error)}")
        return found
    recordings = {recording.id: recording for recording in collection.recordings}
    _check_dataset(record, collection, found)
    _check_data(record, recordings, onsets, found)
    _run_again(record, collection, sample, aligner, onsets, found)
    return found


def _read_onsets(record: Record, path: Path, found: Verification) -> dict[str, Onsets]:
    onsets: dict[str, Onsets] = {}
    if record.n_ok and not onsets_path(path, "any").parent.is_dir():
        found.unchecked.append("scores: the onsets that they are computed from do not lie beside the record")
        return onsets
    for row in record.recordings:
        if row.status == "ok":
            try:
                onsets[row.id] = load_onsets(onsets_path(path, row.id))
            except InvalidInputError as error:
                found.different.append(f"{row.id}: {reason_of(error)}")
    return onsets


def _check_scores(record: Record, onsets: Mapping[str, Onsets], found: Verification) -> None:
    complete = record.align_bench_version == environment()["align_bench_version"]
    different = record_defects(record, onsets, complete=complete)
    if record.n_ok == len(onsets):
        found.agree(different, f"scores of {len(onsets)} recordings, computed again from their onsets")
    else:
        found.different += different


def _changed_since(record: Record) -> list[str]:
    """Return what is otherwise on this machine than on the one that made the record."""
    then = record.model_dump(include={"align_bench_version", "commit", "platform"}) | record.versions
    here = environment()
    now = {**here, **here["versions"]}
    if record.synthesiser:
        then, now = then | {"synthesiser": record.synthesiser}, now | {"synthesiser": synthesiser()}
    return [f"{key} was {value}, is {now.get(key)}" for key, value in then.items() if value != now.get(key)]


def _dataset(record: Record, data_home: str | Path | None) -> Collection:
    whole = _whole_dataset(record, data_home)
    conditions = record.dataset.conditions
    return in_conditions(whole, conditions) if conditions else whole


def _whole_dataset(record: Record, data_home: str | Path | None) -> Collection:
    info = record.dataset
    if info.whole in list_datasets() and info.version != "local":
        return load(
            info.whole,
            data_home=data_home,
            version=info.version or "default",
            split=info.split or None,
            allow_missing=True,
        )
    if data_home is None:
        raise UsageError(
            f"{info.name} is a folder of somebody's own. Say where it is with --data-home, or check the "
            f"scores alone with --sample 0."
        )
    return load(Path(data_home), allow_missing=True)


def _check_dataset(record: Record, collection: Collection, found: Verification) -> None:
    then, now = record.dataset, collection
    found.agree(
        [
            f"{what} of the dataset was {old or 'not stated'}, is {new}"
            for what, old, new in (
                ("version", then.version, now.version),
                ("index hash", then.index_sha256, now.index_sha256),
                ("ground truth", then.ground_truth, now.ground_truth),
            )
            if old != new
        ],
        f"version, index hash and ground truth of {then.name}",
    )


def _check_data(
    record: Record,
    recordings: Mapping[str, Recording],
    onsets: Mapping[str, Onsets],
    found: Verification,
) -> None:
    """Compare the ground truth that was used, and the hashes of audio and scores, with what is there now."""
    different = []
    for row in record.recordings:
        if row.id not in recordings:
            found.unchecked.append(f"{row.id}: is not in the dataset at hand")
        elif defects := data_defects(row, recordings[row.id], onsets.get(row.id)):
            different.append(f"{row.id}: {first_of(defects)}")
    hashed = sum(row.audio_sha256 is not None for row in record.recordings)
    compared = {"ground truth": len(onsets), "audio and score": hashed}
    told = ", ".join(f"{what} of {n} recordings" for what, n in compared.items() if n)
    found.agree(different, told or "ids of the recordings")


def _run_again(
    record: Record,
    collection: Collection,
    sample: int,
    aligner: str | None,
    onsets: Mapping[str, Onsets],
    found: Verification,
) -> None:
    if record.aligner.target == ESTIMATES:
        found.notes.append("its onsets were made elsewhere: there is no aligner to run again")
        return
    rows = {row.id: row for row in record.recordings if row.status in ("ok", "error")}
    there = [recording for recording in collection.recordings if recording.id in rows]
    drawn = set(random.SystemRandom().sample([r.id for r in there], min(sample, len(there))))
    chosen = tuple(recording for recording in there if recording.id in drawn)
    if not chosen:
        found.unchecked.append("aligner: there is no recording to run it on")
        return
    with TemporaryDirectory(prefix="align-bench-") as output:
        try:
            subset = replace(collection, recordings=chosen)
            again = _align_again(record, subset, Path(output), aligner)
        except AlignBenchError as error:
            found.unchecked.append(f"aligner: {reason_of(error)}")
            return
        path = record_path(output, collection.label, again.aligner.name)
        different = []
        for now in again.recordings:
            then = rows[now.id]
            if now.status != then.status:
                different.append(f"{now.id}: was {then.status}, is {now.status} {now.reason}".rstrip())
            elif now.status == "ok" and now.id in onsets:
                estimated = load_onsets(onsets_path(path, now.id))[2]
                different += _moved(now, then, apart(estimated, onsets[now.id][2]))
            elif now.status == "ok":
                different += _scored_otherwise(now, then)
    found.notes += [
        f"{what} of the aligner was {old}, is {new}"
        for what, old, new in (
            ("code", record.aligner.code_sha256, again.aligner.code_sha256),
            ("checkpoint", record.aligner.checkpoint_sha256, again.aligner.checkpoint_sha256),
        )
        if old != new
    ]
    if sorted(record.aligner.trained_on) != sorted(again.aligner.trained_on):
        different.append("trained_on is not what the aligner says")
    what = "onsets" if onsets else "scores"
    found.agree(different, f"{what} of {', '.join(r.id for r in chosen)}, aligned again")


def _moved(now: RecordingResult, then: RecordingResult, apart: float) -> list[str]:
    if apart <= TIME_RESOLUTION:
        return []
    key = "accuracy_50ms"
    distance = f"by up to {apart * 1000:.3f} ms" if math.isfinite(apart) else "in number"
    return [f"{now.id}: onsets differ {distance}; {key} was {then.scores.get(key)}, is {now.scores.get(key)}"]


def _scored_otherwise(now: RecordingResult, then: RecordingResult) -> list[str]:
    """Compare scores where the onsets are not at hand."""
    return [
        f"{now.id}: {key} was {old}, is {now.scores.get(key)}"
        for key, old in then.scores.items()
        if not _equal(old, now.scores.get(key))
    ]


def _equal(a: float | None, b: float | None) -> bool:
    return a == b or (a is not None and b is not None and math.isclose(a, b, rel_tol=1e-6, abs_tol=1e-9))


def _align_again(record: Record, subset: Collection, output: Path, aligner: str | None) -> Record:
    if record.oracle:
        return Bench(subset, output, 1, "missing").run_oracle()
    target = record.aligner.target
    if aligner is None:
        registered = [entry.name for entry in list_aligners() if entry.target == target]
        if not registered:
            raise UsageError(
                f"aligner must be registered to be run again, got {target!r}, and what a record names is not "
                f"run unasked. If you trust it, name it with --aligner."
            )
        aligner = registered[0]
    plan = (aligner, record.aligner.parameters)
    return run([plan], subset, output=output, oracle=False, progress=False)[0]
