"""The same work on many machines, handed out by a Dask scheduler.

``--scheduler tcp://host:port`` sends each recording to whichever Dask worker is free. Each thread of a worker
keeps an `align_bench.aligners.process.AlignerProcess` of its own, with the limits that it has here; what
comes back is scored and kept here, so that a run that was stopped goes on as ever. When a Dask worker dies,
the recordings that it was at are done elsewhere. A worker with other software than this machine's is refused:
a record names one set of versions.

All machines need align-bench, the aligner and the dataset at the same paths (a shared disk, one container
image). Give each worker as many threads (``--nthreads``) as it shall align recordings at once.

Examples
--------
By hand, on any machines::

    dask scheduler                                       # prints its address
    dask worker tcp://head:8786 --nthreads 4             # on each machine
    align-bench run --scheduler tcp://head:8786

On SLURM with dask-jobqueue, from a Python process that stays while the benchmark runs; each job is a worker::

    from dask_jobqueue import SLURMCluster
    cluster = SLURMCluster(cores=4, processes=1, memory="16GB", walltime="04:00:00")
    cluster.scale(jobs=20)
    align_bench.run("chroma-dtw", "maps", data_home=..., scheduler=cluster.scheduler_address)

On Kubernetes with dask-kubernetes, where the image has align-bench and the dataset's volume is mounted::

    from dask_kubernetes.operator import KubeCluster
    cluster = KubeCluster(name="align", image="registry.example/align-bench", n_workers=20)
    align_bench.run("chroma-dtw", "maps", data_home=..., scheduler=cluster.scheduler_address)
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import import_module
from importlib.metadata import version
from typing import Any, Self
from uuid import uuid4

from align_bench.aligners.process import AlignerProcess
from align_bench.aligners.session import Description, Outcome, Plan, reason_of
from align_bench.errors import AlignBenchError, UsageError
from align_bench.provenance import synthesiser, versions
from align_bench.types import Audio, Recording, Score

_CONNECT_LIMIT_S = 10.0


@dataclass(frozen=True)
class Job:
    """What a Dask worker needs to know to align as this machine would.

    Attributes
    ----------
    plan : Plan
    timeout : float or None
        Seconds a recording.
    max_memory : int or None
        Bytes a process.
    description : Description
        What the aligner says about itself here, and so must there.
    software : dict
        Versions here, and so there.
    token : str
        Tells this job from others on the same workers.
    """

    plan: Plan
    timeout: float | None
    max_memory: int | None
    description: Description
    software: dict[str, Any] = field(default_factory=lambda: _software())
    token: str = field(default_factory=lambda: uuid4().hex)


class Cluster:
    """A Dask scheduler and its workers.

    Parameters
    ----------
    address : str
        Of the scheduler, ``tcp://host:port``.

    Raises
    ------
    UsageError
        If there is no scheduler, or Dask is not installed.
    """

    def __init__(self, address: str) -> None:
        try:
            self._dask = import_module("distributed")
        except ImportError:
            raise UsageError(
                "scheduler needs the package distributed, got none. Install align-bench[dask]."
            ) from None
        try:
            self._client = self._dask.Client(address, timeout=_CONNECT_LIMIT_S, set_as_default=False)
        except (OSError, ValueError, TypeError) as error:
            raise UsageError(
                f"scheduler must be the address of a Dask scheduler, tcp://host:port, got {address!r} "
                f"({reason_of(error)}). Start one with `dask scheduler`."
            ) from error

    def align(
        self,
        job: Job,
        recordings: Sequence[Recording],
        keep: Callable[[Recording, Outcome], None],
        log: Callable[[bytes], None],
    ) -> None:
        """Align recordings on the workers; waits for workers if there are none yet.

        Parameters
        ----------
        job : Job
        recordings : sequence of Recording
        keep : callable
            Gets each recording with its outcome, as soon as it is there.
        log : callable
            Gets what the aligner prints.

        Raises
        ------
        UsageError
            If a worker has other software, or cannot load the aligner.
        AlignBenchError
            If the scheduler is gone.
        """
        waiting = {(f"align-{job.token}", i): recording for i, recording in enumerate(recordings)}
        futures = self._client.map(
            _align,
            [recording.load_score for recording in recordings],
            [recording.load_audio for recording in recordings],
            job=job,
            key=list(waiting),
            pure=False,
        )
        try:
            for future in self._dask.as_completed(futures, loop=self._client.loop):
                outcome, printed = self._result(future)
                # Before it is kept: what the scheduler has been told to forget is not done again when the
                # worker dies that holds the result.
                future.release()
                log(printed)
                keep(waiting.pop(future.key), outcome)
        finally:
            with suppress(OSError, RuntimeError):  # the scheduler is gone: its workers have nothing to forget
                self._client.cancel(futures)
                for printed in self._client.run(_release, job.token, on_error="ignore").values():
                    log(printed)

    def _result(self, future: Any) -> tuple[Outcome, bytes]:
        try:
            outcome, printed = future.result()
            return outcome, printed
        except self._dask.KilledWorker:
            return Outcome("error", "the Dask workers that aligned it ended, one after the other"), b""
        except AlignBenchError:
            raise
        except (CancelledError, self._dask.comm.CommClosedError) as error:
            raise AlignBenchError(
                "scheduler must stay until all is done, got none. Start it and its workers, and run the same "
                "command again: it goes on where it stopped."
            ) from error
        except Exception as error:
            raise UsageError(
                f"Dask workers must have this machine's software and files, got {reason_of(error)}. "
                f"Make them alike and run the same command again: it goes on where it stopped."
            ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()


class _Seat:
    """An aligner's process, and who uses it."""

    def __init__(self, job: Job, process: AlignerProcess) -> None:
        self.token = job.token
        self.process = process
        self.lock = threading.Lock()

    def close(self) -> bytes:
        self.process.kill()  # first: who waits for it holds the lock
        with self.lock:
            self.process.close()
        return self.process.log.take()


_seats: dict[int, _Seat] = {}  # on a Dask worker: one for each of its threads


def _align(
    load_score: Callable[[], Score], load_audio: Callable[[], Audio], job: Job
) -> tuple[Outcome, bytes]:
    """Align one recording on a Dask worker; return what the aligner has printed, too."""
    seat = _seats.get(threading.get_ident())
    if seat is None or seat.token != job.token:
        if seat is not None:
            seat.close()
        seat = _seats[threading.get_ident()] = _Seat(job, _load(job))
    with seat.lock:
        return seat.process.align(load_score, load_audio), seat.process.log.take()


def _load(job: Job) -> AlignerProcess:
    worker = import_module("distributed").get_worker()
    threads = max(1, (os.cpu_count() or 1) // worker.state.nthreads)
    process = AlignerProcess(timeout=job.timeout, max_memory=job.max_memory, threads=threads)
    wanted, got = job.software, _software()
    try:
        if got == wanted:
            wanted, got = vars(job.description), vars(process.load(job.plan))
        differ = [f"{key}={value!r}" for key, value in got.items() if value != wanted.get(key)]
        if wanted != got:
            raise UsageError(f"another {', '.join(differ) or 'set of versions'}")
    except AlignBenchError as error:
        process.close()
        raise UsageError(
            f"Dask worker {worker.address} must run the aligner as this machine does, got {error}. "
            f"Install the same on both and run the same command again: it goes on where it stopped."
        ) from error
    return process


def _release(token: str) -> bytes:
    """End a job's processes on a Dask worker; return what they printed last."""
    return b"".join(seat.close() for seat in list(_seats.values()) if seat.token == token)


def _software() -> dict[str, Any]:
    return {"align-bench": version("align-bench"), **versions(), "synthesiser": synthesiser()}
