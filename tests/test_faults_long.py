"""The long fault-injection suite: killed twenty times, and on a disk that is full again and again.

It takes minutes, and so it runs only where ALIGN_BENCH_LONG is set; `test_runner` has its short version.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from test_runner import PLUGINS, RATE, SCRIPT, comparable, only_record

from align_bench.results import load_record

pytestmark = [
    pytest.mark.skipif("ALIGN_BENCH_LONG" not in os.environ, reason="long: set ALIGN_BENCH_LONG=1"),
    pytest.mark.timeout(1200),
]

N = 200
KILLS = 20


def write_audio(directory: Path, n: int) -> None:
    """Write the files of `make_collection`."""
    directory.mkdir(exist_ok=True)
    for i in range(n):
        noise = np.random.default_rng(i).normal(scale=0.1, size=round(RATE * 2.5 * (1.0 + i / 100)))
        soundfile.write(directory / f"{i:03d}.wav", noise, RATE)


class Bench:
    """A run of `N` tiny recordings as a program of its own, and what it has left behind."""

    def __init__(self, directory: Path, output: Path, jobs: int) -> None:
        audio = directory / "audio"
        write_audio(audio, N)
        self.output = output
        self.diary = directory / "diary"
        self.diary.touch()
        source = SCRIPT.format(
            tests=str(Path(__file__).parent), plugin=f"{PLUGINS / 'counts.py'}:Counts", diary=str(self.diary),
            audio=str(audio), n=N, jobs=jobs, output=str(output),
        )  # fmt: skip
        self.command = [sys.executable, "-c", source]
        self.calm = [sys.executable, "-c", source.replace(repr(str(output)), repr(str(directory / "calm")))]

    def reported(self) -> set[str]:
        """Return the recordings that the journal holds, or the record that has come of it."""
        if list(self.output.glob("tiny/counts*.json")):
            return {row.id for row in load_record(next(self.output.glob("tiny/counts*.json"))).recordings}
        journals = [path.read_bytes() for path in self.output.glob("tiny/counts*.partial.jsonl")]
        lines = journals[0][: journals[0].rfind(b"\n") + 1].splitlines()[1:] if journals else []
        return {json.loads(line)["id"] for line in lines}

    def done(self) -> list[str]:
        """Return which recordings were aligned, in order, once their processes have ended."""
        lines = -1
        while lines != (lines := self.diary.read_bytes().count(b"\n")):
            time.sleep(0.3)
        return [Path(line.split()[0]).stem for line in self.diary.read_text().splitlines()]

    def is_whole(self) -> None:
        """Compare the record with that of a run which nothing disturbed."""
        subprocess.run(self.calm, check=True)
        record = only_record(self.output)
        assert record.n_ok == N
        assert comparable(record) == comparable(only_record(self.diary.parent / "calm"))


@pytest.mark.parametrize("jobs", [1, 2])
def test_killed_at_twenty_random_moments(tmp_path: Path, jobs: int):
    bench = Bench(tmp_path, tmp_path / "out", jobs)
    random = np.random.default_rng(jobs)
    interrupted, lost = 0, 0
    while interrupted < KILLS:
        reported, done = bench.reported(), bench.done()
        process = subprocess.Popen(bench.command)
        enough = len(reported) + int(random.integers(0, 9))
        while len(bench.reported()) < enough and process.poll() is None:
            pass
        time.sleep(float(random.uniform(0.0, 0.03)))
        process.kill()
        assert process.wait() != 0, "it was through before it was killed"
        interrupted += 1
        assert reported <= bench.reported(), "what was reported is lost"
        again = bench.done()[len(done) :]
        assert not reported.intersection(again), "done twice after it was reported"
        assert len(again) == len(set(again))
        lost += len(set(again) - bench.reported())
    reported, done = bench.reported(), bench.done()
    subprocess.run(bench.command, check=True)
    assert not reported.intersection(bench.done()[len(done) :])
    print(f"\njobs={jobs}: {interrupted} kills, {len(reported)} of {N} reported by then; {lost} on their way")
    assert lost <= 2 * jobs * KILLS
    assert len(bench.done()) == N + lost
    bench.is_whole()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 200 KiB, in memory."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(disk)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"a small disk cannot be mounted here: {error}")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_disk_that_is_full_again_and_again(tmp_path: Path, small_disk: Path, jobs: int):
    """Each time there is a little more room, as if somebody had tidied up."""
    bench = Bench(tmp_path, small_disk / "out", jobs)
    full, lost = 0, 0
    for size in range(200, 8000, 200):
        reported, done = bench.reported(), bench.done()
        remount = ["mount", "-o", f"remount,size={size}k", str(small_disk)]
        subprocess.run(remount, check=True, capture_output=True)
        process = subprocess.run(bench.command, capture_output=True, text=True, check=False)
        again = bench.done()[len(done) :]
        assert not reported.intersection(again), "done twice after it was reported"
        if process.returncode == 0:
            lost += len(again) - (N - len(reported))
            break
        assert "must be writable" in process.stderr
        full += 1
        assert reported <= bench.reported(), "what was reported is lost"
        lost += len(set(again) - bench.reported())
    else:
        pytest.fail("it never got through")
    print(f"\njobs={jobs}: full {full} times, through with {size} KiB; {lost} on their way")
    assert full >= 3
    assert lost <= 2 * jobs * full
    bench.is_whole()
