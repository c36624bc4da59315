"""Running a program to its end, and ending everything that it started.

The program joins a process group that a small process of ours leads: a watch, which ends the group when the
program is through, and also when we are killed, as the harness does with an aligner that hangs.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from align_bench.aligners.exchange import MAX_OUTPUT_BYTES
from align_bench.errors import AlignerError

_POLL_S = 0.2  # how often the size of the output is looked at
_TAIL_BYTES = 4096

# Sleeps until its standard input is closed, by us or because we are no more, and then ends its group, itself
# included. Without a word from us it removes the directory too.
_WATCH = """
import os, signal, sys
if not sys.stdin.read():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.killpg(0, signal.SIGTERM)
    import shutil
    shutil.rmtree(sys.argv[1], ignore_errors=True)
os.killpg(0, signal.SIGKILL)
"""


@dataclass(frozen=True)
class Program:
    """What to run.

    Attributes
    ----------
    words : sequence of str
        Its path and its arguments.
    directory : Path
        Where it runs.
    variables : mapping of str to str
        Its environment.
    """

    words: Sequence[str]
    directory: Path
    variables: Mapping[str, str]


def run_program(
    program: Program, folder: Path, output: Path, prepare: Callable[[], None]
) -> tuple[int | None, bytes]:
    """Run a program; what it prints goes to our standard error.

    Parameters
    ----------
    program : Program
    folder : Path
        Removed if we are killed.
    output : Path
        The program is ended if this file grows beyond `MAX_OUTPUT_BYTES`.
    prepare : callable
        Called before it is started; what it leaves in the folder is removed too if we are killed.

    Returns
    -------
    code : int or None
        Exit code; negative if a signal ended it, None if its output grew too large.
    printed : bytes
        The last 4 kB of what it printed.

    Raises
    ------
    AlignerError
        If it cannot be started.
    """
    process = None
    printed = bytearray()
    try:
        with _group(folder) as group:
            prepare()
            process = _start(program, group)
            assert process.stdout is not None
            reader = threading.Thread(target=_forward, args=(process.stdout, printed), daemon=True)
            reader.start()
            code = _wait(process, output)
        reader.join(1.0)  # what has left the group may hold the other end for ever
        return code, bytes(printed)
    finally:
        if process is not None:
            process.wait()


def _start(program: Program, group: int) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            program.words,
            cwd=program.directory,
            env=program.variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            process_group=group,
        )
    except (OSError, ValueError) as error:
        raise AlignerError(
            f"program must be runnable, got {error}. A script needs a first line like #!/bin/sh, or its "
            f"interpreter in front."
        ) from error


@contextmanager
def _group(folder: Path) -> Iterator[int]:
    """Yield a process group; all that is in it is ended afterwards, and also if this process is ended."""
    watch = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", _WATCH, str(folder)], stdin=subprocess.PIPE, process_group=0
    )
    assert watch.stdin is not None
    try:
        yield watch.pid
    finally:
        try:
            watch.stdin.write(b"we are still here")
            watch.stdin.close()
        except OSError:
            pass  # it was ended by something else
        watch.wait()


def _wait(process: subprocess.Popen[bytes], output: Path) -> int | None:
    """Return the exit code of a process, or None if its output grows too large."""
    while True:
        try:
            return process.wait(_POLL_S)
        except subprocess.TimeoutExpired:
            if output.is_file() and output.stat().st_size > MAX_OUTPUT_BYTES:
                return None


def _forward(pipe: IO[bytes], printed: bytearray) -> None:
    """Copy what a program prints to our standard error, and keep the last of it."""
    with pipe:
        while chunk := os.read(pipe.fileno(), 65536):
            printed += chunk
            del printed[:-_TAIL_BYTES]
            sys.stderr.write(chunk.decode(errors="replace"))
