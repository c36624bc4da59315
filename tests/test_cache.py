"""What is kept, what is computed again, and that the cache stays small."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from align_bench import cache
from align_bench.cache import cached_array, cached_arrays
from align_bench.errors import UsageError

MB = 2**20 // 4  # floats


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ALIGN_BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("ALIGN_BENCH_CACHE_MB", raising=False)
    return tmp_path / "cache"


class Maker:
    """Makes arrays and counts how often."""

    def __init__(self, size: int = 3) -> None:
        self.size, self.n = size, 0

    def __call__(self) -> np.ndarray:
        self.n += 1
        return np.full(self.size, self.n, dtype=np.float32)


def used(home: Path) -> int:
    return sum(path.stat().st_size for path in home.rglob("*.npy"))


def test_an_array_is_made_once_for_a_key(home: Path):
    make = Maker()
    for _ in range(3):
        assert cached_array("kind", {"a": 1, "b": [2]}, make).tolist() == [1, 1, 1]
    assert cached_array("kind", {"b": [2], "a": 1}, make)[0] == 1
    assert cached_array("kind", {"a": 2, "b": [2]}, make)[0] == 2
    assert cached_array("other kind", {"a": 1, "b": [2]}, make)[0] == 3


def test_several_arrays_come_back_as_they_were(home: Path):
    given = [np.arange(6.0).reshape(2, 3).T, np.float64(49.2), np.array([], dtype=np.int16)]
    for _ in range(2):
        back = cached_arrays("kind", {}, lambda: given)
        assert [(a.dtype, a.shape) for a in back] == [(a.dtype, a.shape) for a in given]
        for a, b in zip(back, given, strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: data[:50],
        lambda data: data + b"junk",
        lambda data: data.replace(b"}", b" "),
    ],
)
def test_a_damaged_file_is_made_again(home: Path, damage: Callable[[bytes], bytes]):
    make = Maker()
    cached_array("kind", {}, make)
    (file,) = home.rglob("*.npy")
    file.write_bytes(damage(file.read_bytes()))
    assert cached_array("kind", {}, make)[0] == 2
    assert cached_array("kind", {}, make)[0] == 2


def test_a_cache_that_cannot_be_written_is_no_cache(home: Path):
    home.write_text("a file where the directory should be")
    make = Maker()
    assert [cached_array("kind", {}, make)[0] for _ in range(2)] == [1, 2]


def test_what_fails_leaves_nothing(home: Path):
    def fail() -> np.ndarray:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        cached_array("kind", {}, fail)
    cached_array("kind", {}, lambda: np.array(1.0))  # float64, as a whole
    with pytest.raises(ValueError, match="Object arrays"):
        cached_array("kind", {"of": "objects"}, lambda: np.array([None]))
    assert len([path for path in home.rglob("*") if path.is_file()]) == 1


@pytest.mark.parametrize("text", ["much", "-1", "nan"])
def test_a_limit_that_is_none_is_refused(home: Path, text: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("ALIGN_BENCH_CACHE_MB", text)
    with pytest.raises(UsageError, match=f"ALIGN_BENCH_CACHE_MB must be megabytes >= 0, got '{text}'"):
        cached_array("kind", {}, Maker())


def test_no_megabytes_keep_nothing(home: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("ALIGN_BENCH_CACHE_MB", "0")
    make = Maker()
    assert [cached_array("kind", {}, make)[0] for _ in range(2)] == [1, 2]
    assert not home.exists()


def test_two_gigabytes_by_default(home: Path):
    assert cache.cache_limit() == 2 * 2**30


def test_what_was_used_longest_ago_goes_first(home: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("ALIGN_BENCH_CACHE_MB", "4.5")
    (home / "demo").mkdir(parents=True)
    (home / "demo" / "audio.npy").write_bytes(b"not ours to delete" * 10**6)
    before = time.time() - 1000.0
    for k in range(4):
        cached_array("kind", {"k": k}, Maker(MB))
        path = next(p for p in (home / "arrays").rglob("*.npy") if p.stat().st_mtime > before + 500)
        os.utime(path, (before + k, before + k))
    make = Maker(MB)
    cached_array("kind", {"k": 0}, make)  # used, and so the youngest
    assert make.n == 0
    cached_array("kind", {"k": 4}, Maker(MB))
    assert used(home / "arrays") <= 4.5 * 2**20
    kept = [k for k in range(5) if (m := Maker(1), cached_array("kind", {"k": k}, m))[0].n == 0]
    assert kept == [0, 2, 3, 4]
    assert (home / "demo" / "audio.npy").exists()


def test_unfinished_files_go_when_they_are_old(home: Path, monkeypatch: pytest.MonkeyPatch):
    folder = home / "arrays" / "kind" / "ab"
    folder.mkdir(parents=True)
    for name, age in (("killed.tmp", 4000), ("being written.tmp", 10)):
        (folder / name).write_bytes(b"half")
        os.utime(folder / name, (time.time() - age, time.time() - age))
    cached_array("kind", {}, Maker())
    assert [path.name for path in folder.iterdir() if path.suffix == ".tmp"] == ["being written.tmp"]


def test_many_processes_share_a_cache_that_is_too_small(home: Path):
    """Each writes and reads 120 arrays of 100 kB, of 40 kinds, while there is room for 20."""
    code = (
        "import sys, numpy as np\n"
        "from align_bench.cache import cached_array\n"
        "rng = np.random.default_rng(int(sys.argv[1]))\n"
        "for k in rng.integers(0, 40, 120):\n"
        "    array = cached_array('kind', {'k': int(k)}, lambda: np.full(25_000, k, dtype=np.float32))\n"
        "    assert array.shape == (25_000,) and (array == k).all()\n"
    )
    environment = {**os.environ, "ALIGN_BENCH_CACHE_MB": "2"}
    running = [subprocess.Popen([sys.executable, "-c", code, str(i)], env=environment) for i in range(4)]
    assert [process.wait(60) for process in running] == [0] * 4
    assert 0.5 * 2**20 < used(home) <= 2.6 * 2**20
    assert not list(home.rglob("*.tmp"))
