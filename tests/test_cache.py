"""The cache gives back what was computed, and never fails who asks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from align_bench.cache import cache_home, cached_array


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALIGN_BENCH_CACHE", str(tmp_path / "cache"))


def _once(calls: list[int]) -> np.ndarray:
    calls.append(1)
    return np.arange(5.0)


def test_a_second_call_computes_nothing() -> None:
    calls: list[int] = []
    first = cached_array("kind", {"a": 1}, lambda: _once(calls))
    second = cached_array("kind", {"a": 1}, lambda: _once(calls))
    np.testing.assert_array_equal(first, second)
    assert len(calls) == 1


def test_another_key_or_kind_is_another_array() -> None:
    calls: list[int] = []
    for kind, key in (("kind", {"a": 1}), ("kind", {"a": 2}), ("other", {"a": 1})):
        cached_array(kind, key, lambda: _once(calls))
    assert len(calls) == 3


def test_a_corrupt_file_is_computed_again() -> None:
    calls: list[int] = []
    cached_array("kind", {"a": 1}, lambda: _once(calls))
    (stored,) = cache_home().rglob("*.npy")
    stored.write_bytes(stored.read_bytes()[:20])
    np.testing.assert_array_equal(cached_array("kind", {"a": 1}, lambda: _once(calls)), np.arange(5.0))
    assert len(calls) == 2


def test_a_cache_that_cannot_be_written_fails_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocked = tmp_path / "a file"
    blocked.write_text("not a directory")
    monkeypatch.setenv("ALIGN_BENCH_CACHE", str(blocked))
    np.testing.assert_array_equal(cached_array("kind", {"a": 1}, lambda: _once([])), np.arange(5.0))


def test_an_interrupted_computation_leaves_nothing() -> None:
    def stop() -> np.ndarray:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cached_array("kind", {"a": 1}, stop)
    assert not list(cache_home().rglob("*.*"))
