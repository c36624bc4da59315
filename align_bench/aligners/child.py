"""The other end of `align_bench.aligners.process`: what runs inside the process."""

from __future__ import annotations

import json
import os
import pickle
import threading
import time
from dataclasses import asdict, replace
from multiprocessing.connection import Connection
from typing import Any

from align_bench.aligners.session import Outcome, Session, reason_of
from align_bench.errors import UsageError
from align_bench.storage import jsonable


def main(arguments: list[str]) -> None:
    """Take tasks from standard input and answer them until it is closed.

    Parameters
    ----------
    arguments : list of str
        ``[_, descriptor to answer on, memory limit in bytes or 0, *sys.path]``.
    """
    replies = Connection(int(arguments[1]), readable=False)
    tasks = Connection(os.dup(0), writable=False)
    os.set_inheritable(int(arguments[1]), False)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)  # a plugin that reads its input must not read our tasks
    _limit_memory(int(arguments[2]))
    threading.Thread(target=_end_with_parent, args=(os.getppid(),), daemon=True).start()
    session, me = Session(), os.getpid()
    answers = {b"load": _load, b"align": _align}
    while True:
        try:
            answer_to, content = answers[tasks.recv_bytes()], tasks.recv_bytes()
        except EOFError:
            return
        answer, arrays = answer_to(session, content)
        if os.getpid() != me:
            os._exit(0)  # a copy that a plugin forked and let return: it is not the one that was asked
        replies.send_bytes(json.dumps(jsonable(answer)).encode())
        for array in arrays:
            replies.send_bytes(array)


_Answer = tuple[dict[str, Any], list[bytes]]


def _load(session: Session, content: bytes) -> _Answer:
    try:
        return {"description": asdict(session.load(pickle.loads(content)))}, []
    except (Exception, SystemExit) as error:
        return {"error": reason_of(error), "usage": isinstance(error, UsageError)}, []


def _align(session: Session, content: bytes) -> _Answer:
    try:
        outcome = session.align(*pickle.loads(content))
    except Exception as error:  # the recording cannot be unpickled here
        outcome = Outcome("error", reason_of(error))
    alignment = outcome.alignment
    answer = vars(replace(outcome, alignment=None)).copy()
    if alignment is None:
        return answer, []
    answer["alignment"] = alignment.info
    columns = (alignment.score_times, alignment.audio_times, alignment.confidences)
    return answer, [b"" if column is None else column.tobytes() for column in columns]


def _limit_memory(limit: int) -> None:
    if limit:
        import resource

        # Unlike RLIMIT_AS, this does not count address space that is only reserved (torch, CUDA).
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


def _end_with_parent(parent: int) -> None:
    """End when the harness was killed: nobody is left to end a plugin that hangs."""
    while os.getppid() == parent:
        time.sleep(1.0)
    os._exit(1)
