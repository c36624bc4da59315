"""Carrying a run out: loaded aligners, their recordings in a good order, a row for each."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from threading import Lock
from typing import Any, Self

import numpy as np

from align_bench.aligners.process import AlignerProcess
from align_bench.aligners.registry import resolve
from align_bench.aligners.session import Description, Executor, Plan, Session, guessed_name, reason_of
from align_bench.datasets.base import Collection
from align_bench.errors import AlignBenchError, AlignerError
from align_bench.leakage import trained_on_overlap
from align_bench.metrics import evaluate
from align_bench.results import (
    AlignerInfo,
    DatasetInfo,
    Record,
    RecordError,
    RecordingResult,
    load_record,
    record_path,
    save_record,
)
from align_bench.storage import jsonable
from align_bench.store import Onsets, Rerun, Store, open_store
from align_bench.types import FloatArray, Recording

ORACLE = "oracle-20ms"
ORACLE_GRID_S = 0.02
_LIBRARIES = ("numpy", "scipy", "librosa", "numba", "soxr", "torch")


class LoadedAligner:
    """An aligner with what runs it, or with the reason why it cannot be loaded.

    Parameters
    ----------
    plan : Plan
    timeout : float or None
        Seconds a recording.
    max_memory : int or None
        Bytes a process.
    isolate : bool
    jobs : int
        How many processes share the machine.

    Attributes
    ----------
    failure : str
        Why it cannot be loaded; empty if it can.
    """

    def __init__(
        self, plan: Plan, timeout: float | None, max_memory: int | None, isolate: bool, jobs: int
    ) -> None:
        self.plan = plan
        self.failure = ""
        self._limits = (timeout, max_memory, isolate, jobs)
        self._description: Description | None = None
        self.executor = self.another()

    def another(self) -> Executor:
        """Return something else to run the same aligner in."""
        timeout, max_memory, isolate, jobs = self._limits
        if not isolate:
            return Session()
        threads = max(1, (os.cpu_count() or 1) // jobs) if jobs > 1 else None
        return AlignerProcess(timeout=timeout, max_memory=max_memory, threads=threads)

    def load(self) -> None:
        """Load it, unless that was done.

        Raises
        ------
        UsageError
            If there is no such class or parameter.
        """
        if self._description is None:
            try:
                self._description = self.executor.load(self.plan)
            except AlignerError as error:
                self.failure = str(error)
                name, target = self.label
                self._description = Description(name, target, dict(self.plan.parameters), None, None, [])

    @property
    def description(self) -> Description:
        """What it says about itself; `load` comes first."""
        assert self._description is not None
        return self._description

    @property
    def label(self) -> tuple[str, str]:
        """Name and target; before it is loaded as far as can be told."""
        if self._description is not None:
            return self._description.name, self._description.target
        return guessed_name(self.plan), resolve(self.plan.spec) if self.plan.spec else str(self.plan)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.executor.close()


class Bench:
    """Runs aligners over one dataset.

    Parameters
    ----------
    collection : Collection
    output : Path
        Records go to ``<output>/<dataset>/``.
    jobs : int
    rerun : {"missing", "failed", "all"}
    """

    def __init__(self, collection: Collection, output: Path, jobs: int, rerun: Rerun) -> None:
        self.collection = collection
        self.output = output
        self.jobs = jobs
        self.rerun = rerun

    def run(self, aligner: LoadedAligner, advance: Callable[[], None]) -> Record:
        """Run one aligner over every recording that is not done, and write its record."""
        description = aligner.description
        seed = description.parameters.get("seed")
        record = self._record(
            AlignerInfo(
                name=description.name,
                target=description.target,
                parameters=jsonable(description.parameters),
                seed=seed if isinstance(seed, int) else None,
                checkpoint_sha256=description.checkpoint_sha256,
                code_sha256=description.code_sha256,
                trained_on=description.trained_on,
            )
        )
        path = record_path(self.output, self.collection.name, description.name)
        if aligner.failure:
            return self._failed(record, path, aligner.failure)
        if isinstance(aligner.executor, AlignerProcess):
            aligner.executor.log.open(path.with_suffix(".log"))
        with open_store(path, record, self.rerun) as store:
            recordings = self.collection.recordings
            queue = _Queue(recording for recording in recordings if recording.id not in store.done)
            for _ in range(len(recordings) - len(queue)):
                advance()
            work = _Work(aligner, store, queue, advance)
            if self.jobs == 1:
                work.through(aligner.executor)
            else:
                work.in_parallel(self.jobs, path.with_suffix(".log"))
            return store.finish([recording.id for recording in recordings])

    def run_oracle(self) -> Record:
        """Write the record of the ground truth on a 20 ms grid: what no aligner on such a grid can beat."""
        info = AlignerInfo(name=ORACLE, target=f"{__name__}:Bench", parameters={"grid_s": ORACLE_GRID_S})
        record = self._record(info, oracle=True)
        path = record_path(self.output, self.collection.name, ORACLE)
        with open_store(path, record, self.rerun) as store:
            for recording in self.collection.recordings:
                if recording.id not in store.done:
                    store.add(*_scored(recording, _on_grid(recording), {}))
            return store.finish([recording.id for recording in self.collection.recordings])

    def _record(self, aligner: AlignerInfo, *, oracle: bool = False) -> Record:
        collection = self.collection
        return Record(
            align_bench_version=version("align-bench"),
            versions=_versions(),
            platform=platform.platform(),
            aligner=aligner,
            dataset=DatasetInfo(
                name=collection.name,
                version=collection.version,
                index_sha256=collection.index_sha256,
                ground_truth=collection.ground_truth,
            ),
            synthesiser={} if oracle else _synthesiser(),
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            oracle=oracle,
        )

    def _failed(self, record: Record, path: Path, reason: str) -> Record:
        """Write a record of an aligner that cannot be loaded, unless it would destroy results."""
        rows = [_row(recording, "error", reason) for recording in self.collection.recordings]
        record = record.model_copy(update={"recordings": rows})
        try:
            has_results = load_record(path).n_ok > 0
        except RecordError:
            has_results = False
        if not has_results:
            save_record(record, path)
        return record


class _Work:
    """One aligner's recordings, to be taken by one or several executors."""

    def __init__(
        self, aligner: LoadedAligner, store: Store, queue: _Queue, advance: Callable[[], None]
    ) -> None:
        self._aligner = aligner
        self._store = store
        self._queue = queue
        self._advance = advance
        self._lock = Lock()

    def through(self, executor: Executor) -> None:
        """Take recordings until there are none."""
        recording = None
        while recording := self._queue.take(recording):
            row, onsets = _align(executor, recording, self._aligner.description.trained_on)
            with self._lock:
                if self._queue.stopped:
                    return  # what was on its way was ended by us, not by the aligner
                self._store.add(row, onsets)
                self._advance()

    def in_parallel(self, jobs: int, log: Path) -> None:
        """Take recordings in several processes."""
        executors = [self._aligner.executor, *(self._aligner.another() for _ in range(jobs - 1))]

        def work(executor: Executor) -> None:
            if executor is self._aligner.executor:
                self.through(executor)
                return
            assert isinstance(executor, AlignerProcess)
            executor.log.open(log)
            with executor:
                try:
                    executor.load(self._aligner.plan)
                except AlignerError:
                    return  # it was loaded once, so that the others can do the work: short of memory, say
                self.through(executor)

        with ThreadPoolExecutor(jobs) as pool:
            futures = [pool.submit(work, executor) for executor in executors]
            try:
                for future in futures:
                    future.result()
            except BaseException:  # Ctrl-C, a full disk
                self._queue.stopped = True
                for executor in executors:
                    if isinstance(executor, AlignerProcess):
                        executor.kill()
                raise


class _Queue:
    """Recordings to be done, so that those with one score follow each other.

    Who takes the next recording stays with its piece; else it gets the piece with most left to do, which
    other executors may be at, but then that piece's score has been seen before.
    """

    def __init__(self, recordings: Iterable[Recording]) -> None:
        self._pieces: dict[str, list[Recording]] = {}
        for recording in recordings:
            self._pieces.setdefault(recording.piece, []).append(recording)
        self._fresh = list(reversed(self._pieces))
        self._lock = Lock()
        self.stopped = False

    def __len__(self) -> int:
        return sum(map(len, self._pieces.values()))

    def take(self, last: Recording | None) -> Recording | None:
        """Return the next recording for who has just done ``last``, or None if there is no more."""
        with self._lock:
            if self.stopped:
                return None
            if last is not None and self._pieces[last.piece]:
                return self._pieces[last.piece].pop(0)
            if self._fresh:
                return self._pieces[self._fresh.pop()].pop(0)
            most = max(self._pieces.values(), key=len, default=[])
            return most.pop(0) if most else None


def _align(
    executor: Executor, recording: Recording, trained_on: list[str]
) -> tuple[RecordingResult, Onsets | None]:
    """Return the row of one recording, and its onsets if it was aligned."""
    leaked = trained_on_overlap(trained_on, recording)
    try:
        reference = recording.reference
    except Exception as error:
        return _row(recording, "error", reason_of(error), leaked=leaked), None
    outcome = executor.align(recording.load_score, recording.load_audio)
    facts: dict[str, Any] = {
        "seconds": outcome.seconds,
        "audio_seconds": outcome.audio_seconds,
        "n_onsets": reference.times.size,
        "leaked": leaked,
    }
    if outcome.alignment is None:
        return _row(recording, outcome.status, outcome.reason, **facts), None
    facts["info"] = outcome.alignment.info
    return _scored(recording, outcome.alignment.at(reference.score_times), facts)


def _scored(
    recording: Recording, estimated: FloatArray | AlignBenchError, facts: dict[str, Any]
) -> tuple[RecordingResult, Onsets | None]:
    if isinstance(estimated, AlignBenchError):
        return _row(recording, "error", str(estimated), **facts), None
    reference = recording.reference
    onsets = (reference.score_times, reference.times, estimated)
    facts["n_onsets"] = reference.times.size
    try:
        return _row(recording, "ok", "", scores=dict(evaluate(*onsets)), **facts), onsets
    except AlignBenchError as error:
        return _row(recording, "error", str(error), **facts), None


def _row(recording: Recording, status: str, reason: str, **facts: Any) -> RecordingResult:
    return RecordingResult.model_validate(
        {
            "id": recording.id,
            "piece": recording.piece,
            "status": status,
            "reason": reason,
            "metadata": recording.metadata,
            **facts,
        }
    )


def _on_grid(recording: Recording) -> FloatArray | AlignBenchError:
    try:
        return np.round(recording.reference.times / ORACLE_GRID_S) * ORACLE_GRID_S
    except AlignBenchError as error:
        return error


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _synthesiser() -> dict[str, Any]:
    from align_bench.synthesis import describe

    try:
        return describe()
    except AlignBenchError:
        return {}  # none is installed: an aligner that needs one says so itself
