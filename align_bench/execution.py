"""Carrying a run out over one dataset: from loaded aligners to records."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from threading import Thread

import numpy as np

from align_bench.aligners.process import AlignerProcess
from align_bench.aligners.session import reason_of
from align_bench.cluster import Cluster
from align_bench.datasets.base import Collection
from align_bench.provenance import environment, synthesiser
from align_bench.results import (
    AlignerInfo,
    DatasetInfo,
    Record,
    RecordError,
    load_record,
    record_path,
    save_record,
)
from align_bench.storage import jsonable
from align_bench.store import Rerun, open_store
from align_bench.work import LoadedAligner, Queue, Work, make_row, scored

ORACLE = "oracle-20ms"
ORACLE_GRID_S = 0.02


class Bench:
    """Runs aligners over one dataset.

    Parameters
    ----------
    collection : Collection
    output : Path
        Records go to ``<output>/<dataset>/``.
    jobs : int
    rerun : {"missing", "failed", "all"}
    command : str, optional
        The command line, for the record.
    cluster : Cluster, optional
        Where the work is done, instead of here.
    """

    def __init__(
        self,
        collection: Collection,
        output: Path,
        jobs: int,
        rerun: Rerun,
        command: str = "",
        cluster: Cluster | None = None,
    ) -> None:
        self.collection = collection
        self.output = output
        self.jobs = jobs
        self.rerun = rerun
        self.command = command
        self.cluster = cluster

    def run(self, aligner: LoadedAligner, advance: Callable[[], None]) -> Record:
        """Run one aligner over every recording that is not done, and write its record."""
        description = aligner.description
        seed = description.parameters.get("seed")
        record = self.new_record(
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
        path = record_path(self.output, self.collection.label, description.name)
        if isinstance(aligner.executor, AlignerProcess):
            aligner.executor.log.open(path.with_suffix(".log"))
        if aligner.failure:
            return self._failed(record, path, aligner.failure)
        with open_store(path, record, self.rerun) as store:
            recordings = self.collection.recordings
            queue = Queue(recording for recording in recordings if recording.id not in store.done)
            for _ in range(len(recordings) - len(queue)):
                advance()
            work = Work(aligner, store, queue, advance)
            if len(queue) and isinstance(aligner.executor, AlignerProcess):
                # The metrics need it; it takes a second, in which the first recording is aligned.
                Thread(target=import_module, args=("mir_eval.alignment",), daemon=True).start()
            if self.cluster is not None and len(queue):
                work.elsewhere(self.cluster)
            elif self.jobs == 1:
                work.through(aligner.executor)
            else:
                work.in_parallel(self.jobs, path.with_suffix(".log"))
            return store.finish([recording.id for recording in recordings])

    def run_oracle(self) -> Record:
        """Write the record of the ground truth on a 20 ms grid: what no aligner on such a grid can beat."""
        info = AlignerInfo(name=ORACLE, target=f"{__name__}:Bench", parameters={"grid_s": ORACLE_GRID_S})
        record = self.new_record(info, oracle=True)
        path = record_path(self.output, self.collection.label, ORACLE)
        with open_store(path, record, self.rerun) as store:
            for recording in self.collection.recordings:
                if recording.id in store.done:
                    continue
                try:
                    times = recording.reference.times
                except Exception as error:
                    store.add(make_row(recording, "error", reason_of(error)), None)
                else:
                    store.add(*scored(recording, np.round(times / ORACLE_GRID_S) * ORACLE_GRID_S, {}))
            return store.finish([recording.id for recording in self.collection.recordings])

    def new_record(self, aligner: AlignerInfo, *, oracle: bool = False) -> Record:
        """Return a record of this dataset without recordings, made here and now."""
        return Record(
            aligner=aligner,
            dataset=dataset_info(self.collection),
            synthesiser={} if oracle else synthesiser(),
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            oracle=oracle,
            command=self.command,
            **environment(),
        )

    def _failed(self, record: Record, path: Path, reason: str) -> Record:
        """Write a record of an aligner that cannot be loaded, unless it would destroy results."""
        rows = [make_row(recording, "error", reason) for recording in self.collection.recordings]
        record = record.model_copy(update={"recordings": rows})
        try:
            has_results = load_record(path).n_ok > 0
        except RecordError:
            has_results = False
        if not has_results:
            save_record(record, path)
        return record


def dataset_info(collection: Collection) -> DatasetInfo:
    """Return what a record says of the dataset that it is about."""
    return DatasetInfo(
        name=collection.label,
        version=collection.version,
        index_sha256=collection.index_sha256,
        ground_truth=collection.ground_truth,
        split=collection.split,
        n_wanted=collection.n_wanted,
        conditions=list(collection.conditions),
    )
