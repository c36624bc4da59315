"""An aligner in a process of its own, with a time limit and a memory limit.

The process starts once and then takes recording after recording. What the plugin prints goes to a log,
and whatever it does - raise, hang, exit, crash, eat memory - becomes an outcome with its reason; the
process is then started again for the next recording.

Tasks travel to it pickled; what comes back is JSON and raw float64, so that nothing that a plugin made is
ever unpickled here. Needs POSIX (Linux, macOS).
"""

from __future__ import annotations

import json
import math
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import IO, Any, NoReturn, Self

import numpy as np

from align_bench.aligners.session import Description, Outcome, Plan, reason_of
from align_bench.errors import AlignBenchError, AlignerError, UsageError
from align_bench.types import Alignment, Audio, Score

START_LIMIT_S = 60.0  # to import a plugin and read its weights from a cold disk
_LOG_LIMIT = 16 * 2**20  # bytes a process may print; the rest is dropped
_POLL_S = 0.1  # how often the memory is looked at
_LONGEST_MESSAGE = 2**30
_THREADED = ("OMP", "MKL", "OPENBLAS", "NUMBA")
_KNOTS_LIMIT_S = 30.0  # for the arrays of an alignment that is ready

_BOOT = "import sys; sys.path[:] = sys.argv[3:]; from align_bench.aligners.child import main; main(sys.argv)"


class AlignerProcess:
    """Runs an aligner in another process; see the module.

    Parameters
    ----------
    timeout : float, optional
        Seconds for one recording, reading included. None: no limit.
    max_memory : int, optional
        Bytes. None: no limit.
    threads : int, optional
        For numerical libraries inside the process, unless the environment has its own OMP_NUM_THREADS.

    Attributes
    ----------
    log : Log
        What the plugin prints; `Log.open` gives it a file.
    """

    def __init__(
        self,
        *,
        timeout: float | None = None,
        max_memory: int | None = None,
        threads: int | None = None,
    ) -> None:
        self.timeout = timeout
        self.max_memory = max_memory
        self.log = Log()
        self._threads = threads
        self._plan: Plan | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._tasks: Connection | None = None
        self._replies: Connection | None = None

    def load(self, plan: Plan) -> Description:
        """Load an aligner, starting the process if need be.

        Raises
        ------
        UsageError
            If there is no such aligner or parameter.
        AlignerError
            If the plugin fails, hangs or crashes when it is loaded.
        """
        self._plan = None
        limit = min(START_LIMIT_S, max(self.timeout or START_LIMIT_S, 20.0))
        try:
            reply = self._ask("load", plan, limit)
        except _EndedError as ended:
            raise AlignerError(f"aligner {plan} must be loaded, but it {ended.reason}.") from None
        if "error" in reply:
            raise (UsageError if reply["usage"] else AlignerError)(reply["error"])
        self._plan = plan
        return Description(**reply["description"])

    def align(self, load_score: Callable[[], Score], load_audio: Callable[[], Audio]) -> Outcome:
        """Read a recording and align it, both in the process.

        Parameters
        ----------
        load_score, load_audio : callable
            Picklable.

        Returns
        -------
        Outcome
        """
        assert self._plan is not None, "load comes first"
        if self._process is None:
            plan = self._plan
            try:
                self.load(plan)
            except AlignBenchError as error:
                self._plan = plan
                return Outcome("error", str(error))
        begin = time.perf_counter()
        try:
            reply = self._ask("align", (load_score, load_audio), self.timeout)
            if reply["status"] != "ok":
                return Outcome(**reply)
            score_times, audio_times, sure = (np.frombuffer(self._receive(_KNOTS_LIMIT_S)) for _ in range(3))
            confidences = sure if sure.size else None
            alignment = Alignment(score_times, audio_times, reply["alignment"], confidences)
            return Outcome(**{**reply, "alignment": alignment})
        except _EndedError as ended:
            seconds = time.perf_counter() - begin
            return Outcome("timeout" if ended.timeout else "error", f"the aligner {ended.reason}", seconds)
        except AlignBenchError as error:
            return Outcome("error", reason_of(error))

    def kill(self) -> None:
        """End the process and everything that it started, from any thread; who waits for it is told so."""
        process = self._process
        if process is None:
            return
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            process.kill()

    def close(self) -> None:
        """End the process and everything that it started."""
        self.kill()
        process, self._process = self._process, None
        if process is None:
            return
        process.wait()
        for connection in (self._tasks, self._replies):
            if connection is not None:
                connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _start(self) -> None:
        tasks_out, tasks_in = os.pipe()
        replies_out, replies_in = os.pipe()
        environment = dict(os.environ, PYTHONUNBUFFERED="1")
        if self._threads and "OMP_NUM_THREADS" not in os.environ:
            environment |= {f"{lib}_NUM_THREADS": str(self._threads) for lib in _THREADED}
        paths = [path or os.getcwd() for path in sys.path]
        options = ["-P", "-X", "faulthandler", "-c", _BOOT]
        self._process = subprocess.Popen(
            [sys.executable, *options, str(replies_in), str(self.max_memory or 0), *paths],
            stdin=tasks_out,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=(replies_in,),
            env=environment,
            start_new_session=True,
        )
        os.close(tasks_out)
        os.close(replies_in)
        self._tasks = Connection(tasks_in, readable=False)
        self._replies = Connection(replies_out, writable=False)
        assert self._process.stdout is not None
        threading.Thread(target=_drain, args=(self._process.stdout, self.log), daemon=True).start()

    def _ask(self, what: str, content: object, limit: float | None) -> dict[str, Any]:
        message = _pickled(content)
        if self._process is None:
            self._start()
        assert self._tasks is not None
        try:
            self._tasks.send_bytes(what.encode())
            self._tasks.send_bytes(message)
        except OSError:
            self._give_up()
        reply: dict[str, Any] = json.loads(self._receive(limit))
        return reply

    def _receive(self, limit: float | None) -> bytes:
        """Wait for a message, watching the clock, the memory and the process itself."""
        assert self._process is not None
        assert self._replies is not None
        begin = time.monotonic()
        deadline = math.inf if limit is None else begin + limit
        while True:
            ended = self._process.poll() is not None  # asked first: its last message may still be there
            try:
                if self._replies.poll(max(0.0, min(_POLL_S, deadline - time.monotonic()))):
                    return self._replies.recv_bytes(_LONGEST_MESSAGE)
            except (EOFError, OSError):
                ended = True
            if ended:
                self._give_up()
            if self.max_memory and _resident_bytes(self._process.pid) > self.max_memory:
                self.close()
                raise _EndedError(
                    f"needed more than {self.max_memory / 2**20:.0f} MiB of memory, and was ended"
                )
            if time.monotonic() >= deadline:
                self.close()
                raise _EndedError(f"took longer than {limit:g} s, and was ended", timeout=True)

    def _give_up(self) -> NoReturn:
        """Say how the process ended by itself."""
        assert self._process is not None
        try:
            code = self._process.wait(timeout=1.0)
        except subprocess.TimeoutExpired:
            code = None  # alive, but it has closed its end
        self.close()
        if code is None:
            raise _EndedError("stopped to answer, and was ended")
        if code < 0:
            name = signal.Signals(-code).name
            hint = ", out of memory?" if name == "SIGKILL" else ""
            raise _EndedError(f"crashed with {name}{hint}")
        raise _EndedError(f"ended its process with exit code {code}")


def _pickled(content: object) -> bytes:
    """Pickle by reference; with cloudpickle, much slower, what a notebook or __main__ defines travels too."""
    try:
        message = pickle.dumps(content)
        if b"__main__" not in message:
            return message
    except Exception:
        pass
    import cloudpickle  # type: ignore[import-untyped]

    try:
        return bytes(cloudpickle.dumps(content))
    except Exception as error:
        raise AlignerError(f"recording and aligner must be picklable, got {reason_of(error)}.") from error


class _EndedError(Exception):
    """The process is gone, and why."""

    def __init__(self, reason: str, *, timeout: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.timeout = timeout


def _resident_bytes(pid: int) -> int:
    """Return the memory that a process holds; 0 where the system does not tell."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError, ValueError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def _drain(pipe: IO[bytes], log: Log) -> None:
    """Copy what a process prints to its log until it ends."""
    with pipe:
        while chunk := os.read(pipe.fileno(), 65536):
            log.write(chunk)


class Log:
    """A file for what plugins print, of limited size; text that comes before the file has a name is kept."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._path: Path | None = None
        self._waiting = b""
        self._left = _LOG_LIMIT

    def open(self, path: Path) -> None:
        """Append to this file from now on."""
        with self._lock:
            self._path, waiting, self._waiting = path, self._waiting, b""
        self.write(waiting)

    def take(self) -> bytes:
        """Return and forget what has come before the file has a name."""
        with self._lock:
            waiting, self._waiting = self._waiting, b""
        return waiting

    def write(self, chunk: bytes) -> None:
        """Append, or drop what is too much."""
        with self._lock:
            chunk = chunk[: self._left]
            if not chunk:
                return
            if self._path is None:
                self._waiting = (self._waiting + chunk)[:_LOG_LIMIT]
                return
            self._left -= len(chunk)
            note = b"" if self._left else b"\n[the rest was dropped]\n"
            try:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                with self._path.open("ab") as file:
                    file.write(chunk + note)
            except OSError:
                self._left = 0  # a log that cannot be written must not stop the aligner
