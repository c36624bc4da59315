"""The work of a run: a loaded aligner, its recordings in a good order, and a row for each."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from pathlib import Path
from threading import Lock
from typing import Any, Self

from align_bench.aligners.process import AlignerProcess
from align_bench.aligners.registry import resolve
from align_bench.aligners.session import (
    Description,
    Executor,
    Outcome,
    Plan,
    Session,
    guessed_name,
    reason_of,
)
from align_bench.cluster import Cluster, Job
from align_bench.errors import AlignerError
from align_bench.leakage import trained_on_overlap
from align_bench.metrics import evaluate
from align_bench.provenance import public
from align_bench.results import RecordingResult
from align_bench.storage import jsonable
from align_bench.store import Onsets, Store
from align_bench.types import FloatArray, Recording


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

    @property
    def limits(self) -> tuple[float | None, int | None]:
        """Seconds a recording, and bytes a process."""
        return self._limits[:2]

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


class Work:
    """One aligner's recordings, to be taken by one or several executors."""

    def __init__(
        self, aligner: LoadedAligner, store: Store, queue: Queue, advance: Callable[[], None]
    ) -> None:
        self._aligner = aligner
        self._store = store
        self._queue = queue
        self._advance = advance
        self._lock = Lock()

    def through(self, executor: Executor) -> None:
        """Take recordings until there are none.

        Beside a process, a result is scored and kept while the next recording is aligned. A `Session`
        shares its interpreter with us, and what it times must not.
        """
        if not isinstance(executor, AlignerProcess):
            for recording, outcome in self._aligned(executor):
                self._keep(recording, outcome)
            return
        with ThreadPoolExecutor(1) as beside:
            last: Future[None] | None = None
            for recording, outcome in self._aligned(executor):
                if last is not None:
                    last.result()
                last = beside.submit(self._keep, recording, outcome)
            if last is not None:
                last.result()

    def _aligned(self, executor: Executor) -> Iterator[tuple[Recording, Outcome]]:
        recording = None
        while recording := self._queue.take(recording):
            outcome = executor.align(recording.load_score, recording.load_audio)
            if self._queue.stopped:
                return  # what was on its way was ended by us, not by the aligner
            yield recording, outcome

    def _keep(self, recording: Recording, outcome: Outcome) -> None:
        row, onsets = judged(recording, outcome, self._aligner.description.trained_on)
        confidences = None
        if onsets is not None and outcome.alignment is not None:
            confidences = outcome.alignment.confidence_at(onsets[0])
        with self._lock:
            self._store.add(row, onsets, confidences)
            self._advance()

    def elsewhere(self, cluster: Cluster) -> None:
        """Have all recordings aligned by a cluster."""
        job = Job(self._aligner.plan, *self._aligner.limits, self._aligner.description)
        assert isinstance(self._aligner.executor, AlignerProcess)
        cluster.align(job, self._queue.rest(), self._keep, self._aligner.executor.log.write)

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
                for future in wait(futures, return_when=FIRST_EXCEPTION).done:
                    future.result()
            except BaseException:  # Ctrl-C, a full disk
                self._queue.stopped = True
                for executor in executors:
                    if isinstance(executor, AlignerProcess):
                        executor.kill()
                raise


class Queue:
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

    def rest(self) -> list[Recording]:
        """Return all that is left, piece after piece."""
        return [recording for piece in self._pieces.values() for recording in piece]

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


def judged(
    recording: Recording, outcome: Outcome, trained_on: list[str]
) -> tuple[RecordingResult, Onsets | None]:
    """Return the row of what became of a recording, and its onsets if it was aligned."""
    leaked = trained_on_overlap(trained_on, recording)
    try:
        reference = recording.reference
    except Exception as error:
        return make_row(recording, "error", reason_of(error), leaked=leaked), None
    facts: dict[str, Any] = {
        "seconds": outcome.seconds,
        "audio_seconds": outcome.audio_seconds,
        "audio_sha256": outcome.audio_sha256,
        "score_sha256": outcome.score_sha256,
        "cold": outcome.cold,
        "n_onsets": reference.times.size,
        "leaked": leaked,
    }
    if outcome.alignment is None:
        return make_row(recording, outcome.status, outcome.reason, **facts), None
    facts["info"] = public(jsonable(outcome.alignment.info))
    return scored(recording, outcome.alignment.at(reference.score_times), facts)


def scored(
    recording: Recording, estimated: FloatArray, facts: dict[str, Any]
) -> tuple[RecordingResult, Onsets | None]:
    """Return the row of estimated onsets, one for each of the reference, and what is kept of them."""
    reference = recording.reference
    onsets = (reference.score_times, reference.times, estimated)
    facts["n_onsets"] = reference.times.size
    try:
        return make_row(recording, "ok", "", scores=dict(evaluate(*onsets)), **facts), onsets
    except Exception as error:
        return make_row(recording, "error", reason_of(error), **facts), None


def make_row(recording: Recording, status: str, reason: str, **facts: Any) -> RecordingResult:
    """Return a row with what the dataset says about the recording; ``facts`` are further fields."""
    return RecordingResult.model_validate(
        {
            "id": recording.id,
            "piece": recording.piece,
            "status": status,
            "reason": public(reason),
            "metadata": recording.metadata,
            **facts,
        }
    )
