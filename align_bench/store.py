"""Where a run keeps what it has finished, so that it can stop at any moment and go on later.

Each finished recording is on the disk before the next one begins: its onsets as a file, its result as one
line of a journal (``<aligner>.partial.jsonl``) that also says in which environment it was made. When all are
done the journal becomes the record. Results are taken up again only if they were made by the same aligner
(code, parameters, weights) on the same dataset with the same synthesiser and the same align-bench; if other
libraries or another machine made them, the record says so.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from align_bench.errors import AlignBenchError, InvalidInputError, UsageError
from align_bench.results import (
    Environment,
    Record,
    RecordError,
    RecordingResult,
    load_onsets,
    load_record,
    onsets_path,
    save_onsets,
    save_record,
)
from align_bench.storage import Journal
from align_bench.types import FloatArray

Rerun = Literal["missing", "failed", "all"]
Onsets = tuple[FloatArray, FloatArray, FloatArray]


class Store:
    """The unfinished record of one aligner on one dataset; made by `open_store`.

    Attributes
    ----------
    done : dict of str to RecordingResult
        What need not be done again, by recording id.
    """

    def __init__(self, path: Path, record: Record, rerun: Rerun) -> None:
        self.path = path
        self._record = record
        self._here = record.environment
        identity = _identity(record)
        self._journal = Journal(path.with_suffix(".partial.jsonl"), identity)
        self._old: Record | None = None
        try:
            old = load_record(path)
            self._old = old if _identity(old) == identity else None
        except RecordError:
            pass  # none yet, or one that cannot be read: done again
        self._made_in = {row.id: self._old.made_in(row) for row in self._old.recordings} if self._old else {}
        rows = {row.id: row for row in self._old.recordings} if self._old else {}
        for row, environment in _readable(self._journal.lines):
            rows[row.id] = row
            self._made_in[row.id] = environment or self._here
        self.done = {key: row for key, row in rows.items() if self._keep(row, rerun)}

    def _keep(self, row: RecordingResult, rerun: Rerun) -> bool:
        if rerun == "all":
            return False
        if row.status != "ok":
            return rerun == "missing"
        try:
            onsets = load_onsets(onsets_path(self.path, row.id))
        except InvalidInputError:
            return False  # lost, or spoilt by a power cut
        return onsets[1].size == row.n_onsets

    def add(self, row: RecordingResult, onsets: Onsets | None, confidences: FloatArray | None = None) -> None:
        """Keep one result; it is on the disk when this returns.

        Raises
        ------
        AlignBenchError
            If it cannot be written, e.g. on a full disk. What was kept before is safe.
        """
        file = onsets_path(self.path, row.id)
        try:
            if onsets is None:
                file.unlink(missing_ok=True)
            else:
                save_onsets(file, *onsets, confidences)
            line = row.model_dump(mode="json")
            self._journal.append(line | {"environment": self._here.model_dump(mode="json")})
        except OSError as error:
            raise AlignBenchError(
                f"results must be writable, got {error} ({self.path}). Make room and run the same command "
                f"again: it goes on where it stopped."
            ) from error
        self.done[row.id] = row
        self._made_in[row.id] = self._here

    def finish(self, order: list[str]) -> Record:
        """Turn the journal into the record, rows in the given order of recording ids."""
        rows = [self.done[key] for key in order if key in self.done]
        if self._old and self._old.recordings == rows and self._old.dataset == self._record.dataset:
            record = self._old  # nothing is new: the file stays as it is
        else:
            record = self._record.model_copy(update=self._with_environments(rows))
            try:
                save_record(record, self.path)
            except OSError as error:
                raise AlignBenchError(f"record must be writable, got {error} ({self.path}).") from error
        self._journal.close(remove=True)
        return record

    def _with_environments(self, rows: list[RecordingResult]) -> dict[str, Any]:
        """Return rows that say where they were made, if not here, and the other environments."""
        earlier: list[Environment] = []
        told = []
        for row in rows:
            environment = self._made_in[row.id]
            if environment != self._here and environment not in earlier:
                earlier.append(environment)
            made_in = None if environment == self._here else earlier.index(environment)
            told.append(row.model_copy(update={"made_in": made_in}))
        return {"recordings": told, "earlier": earlier}

    def close(self) -> None:
        """Leave the journal for a later run."""
        self._journal.close()


@contextmanager
def open_store(path: Path, record: Record, rerun: Rerun) -> Iterator[Store]:
    """Open the unfinished record at ``path``; a second run of the same one waits until the first ends.

    Parameters
    ----------
    path : Path
        Of the record.
    record : Record
        Everything but its recordings.
    rerun : {"missing", "failed", "all"}
        What to do again: nothing that was done, what failed, or everything.

    Raises
    ------
    UsageError
        If the directory cannot be written.
    """
    from filelock import FileLock

    lock = FileLock(path.parent / f".{path.stem}.lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except OSError as error:
        raise UsageError(f"output must be a directory to write in, got {error}.") from error
    try:
        store = Store(path, record, rerun)
        try:
            yield store
        finally:
            store.close()
    finally:
        lock.release()


def _readable(lines: list[dict[str, Any]]) -> Iterator[tuple[RecordingResult, Environment | None]]:
    """Yield the rows of a journal, and in which environment each was made, if it says so.

    What another state of align-bench wrote otherwise is done again.
    """
    for line in lines:
        row = dict(line)
        environment = row.pop("environment", None)
        try:
            told = None if environment is None else Environment.model_validate(environment)
            yield RecordingResult.model_validate(row), told
        except ValidationError:
            continue


def _identity(record: Record) -> str:
    """Return a hash over what decides about results."""
    facts = [
        record.align_bench_version,
        record.aligner.model_dump(mode="json"),
        # The index tells what is there; how much is missing changes no result.
        record.dataset.model_dump(mode="json", exclude={"n_wanted"}),
        record.synthesiser,
    ]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
