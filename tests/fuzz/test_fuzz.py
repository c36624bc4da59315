"""Files that are damaged by accident or on purpose: read, or refused in words, and nothing else happens.

The short version runs with all tests. The long one, of 10,000 damaged files a reader, takes a while::

    ALIGN_BENCH_LONG=1 pytest tests/fuzz -s                            # all readers
    ALIGN_BENCH_FUZZ=1000000 pytest tests/fuzz -s -k 'midi'            # one, as long as you like
    ALIGN_BENCH_FUZZ_FROM=52341 ALIGN_BENCH_FUZZ=1 pytest tests/fuzz -k 'midi'   # one file again

Each reader runs on copies of valid files with mutations that follow from a number. It may take at most
`LIMIT_S` seconds and `LIMIT_BYTES` of memory a file, raises nothing but `AlignBenchError`, writes into the
directory of that file only, starts no program, opens no connection and unpickles nothing.
"""

from __future__ import annotations

import os
import resource
import sys
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from mutations import mutate
from readers import NAMES, Reader, readers

from align_bench.errors import AlignBenchError

LONG = 10_000
SHORT = 40
N = int(os.environ.get("ALIGN_BENCH_FUZZ") or (LONG if "ALIGN_BENCH_LONG" in os.environ else SHORT))
FIRST = int(os.environ.get("ALIGN_BENCH_FUZZ_FROM") or 0)
LIMIT_S = 1.0
LIMIT_BYTES = 2**30
SHOWN = 5
MAKES_AGAIN = ("journal", "cache")  # what is lost there is made again, without an error

_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_CHANGES = {
    "os.remove",
    "os.rename",
    "os.rmdir",
    "os.mkdir",
    "os.chmod",
    "os.link",
    "os.symlink",
    "os.truncate",
}
_NEVER = (
    "pickle.find_class",
    "subprocess.Popen",
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.fork",
    "socket.",
    "ctypes.dlopen",
)
_allowed: Path | None = None
_done: list[str] = []


def _watch(event: str, arguments: tuple[object, ...]) -> None:
    """Note what a reader must not do; Python tells of it before it happens."""
    if _allowed is None:
        return
    if event.startswith(_NEVER):
        _done.append(f"{event} {arguments}")
    elif event == "open":
        name, mode, flags = arguments
        writes = set(mode) & set("wax+") if isinstance(mode, str) else flags & _WRITES  # type: ignore[operator]
        if writes and not _inside(name):
            _done.append(f"open {name!r} {mode}")
    elif event in _CHANGES and not all(_inside(name) for name in arguments if isinstance(name, str | Path)):
        _done.append(f"{event} {arguments}")


def _inside(name: object) -> bool:
    assert _allowed is not None
    return not isinstance(name, str | Path) or Path(os.path.abspath(name)).is_relative_to(_allowed)


sys.addaudithook(_watch)


@contextmanager
def watched(directory: Path) -> Iterator[list[str]]:
    """Yield the list of what happens outside of a directory."""
    global _allowed
    _allowed = directory
    _done.clear()
    try:
        yield _done
    finally:
        _allowed = None


@contextmanager
def little_memory() -> Iterator[None]:
    """Let this process have `LIMIT_BYTES` more than it has."""
    limits = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + LIMIT_BYTES, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limits)


@pytest.fixture(scope="session")
def all_readers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Reader]:
    found = readers(tmp_path_factory.mktemp("seeds"))
    assert tuple(found) == NAMES
    return found


def read(reader: Reader, path: Path) -> str:
    """Return ``"read"``, ``"refused"``, or what went wrong."""
    begin = time.thread_time()
    try:
        with watched(path.parent) as done:
            reader.read(path)
        outcome = "read"
    except AlignBenchError:
        outcome = "refused"
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        outcome = f"{type(error).__name__}: {error}"
    if done:
        return f"did {done[:3]}"
    spent = time.thread_time() - begin
    return f"took {spent:.1f} s" if spent > LIMIT_S else outcome


@pytest.mark.timeout(7200)
@pytest.mark.parametrize("name", NAMES)
def test_nothing_but_our_errors_escapes(
    name: str, all_readers: dict[str, Reader], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    reader = all_readers[name]
    monkeypatch.chdir(tmp_path)
    path = tmp_path / reader.file
    path.parent.mkdir(exist_ok=True)
    if reader.prepare is not None:
        reader.prepare(path.parent)
    outcomes: Counter[str] = Counter()
    found: dict[str, tuple[int, Path]] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        for seed in reader.seeds:
            path.write_bytes(seed)
            read(reader, path)  # once without limits: modules are imported, functions compiled
            assert read(reader, path) == "read"
        with little_memory():
            for number in range(FIRST, FIRST + N):
                path.write_bytes(mutate(reader.seeds, reader.mutations, number))
                outcome = read(reader, path)
                outcomes[outcome if outcome in ("read", "refused") else "wrong"] += 1
                if outcome not in ("read", "refused"):
                    kept = tmp_path / f"{number}{path.suffix}.found"
                    kept.write_bytes(path.read_bytes())
                    found.setdefault(outcome[:80], (number, kept))
    print(f"\n{name}: {dict(outcomes)}")
    assert not found, "\n".join(f"{what} ({kept})" for what, (_, kept) in list(found.items())[:SHOWN])
    if N > 1:  # else it may be that the mutations are too weak, or that nothing gets past the first check
        assert outcomes["read"]
        assert outcomes["refused"] or name in MAKES_AGAIN
