"""Runs by a real Dask scheduler and its workers give what runs at home give, also when workers die."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from test_faults_long import write_audio
from test_runner import PLUGINS, STRAIGHT, comparable, count, count_reported, only_record, plugin
from tiny_dataset import make_collection

from align_bench import cluster as cluster_module
from align_bench.aligners.process import AlignerProcess
from align_bench.errors import AlignBenchError, UsageError
from align_bench.runner import run

reason = "Dask is not installed: pip install align-bench[dask]"
Client = pytest.importorskip("distributed", reason=reason).Client


class Dask:
    """A scheduler and two workers, each a process of its own."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        file = directory / "scheduler.json"
        options = ["--host", "127.0.0.1", "--no-dashboard"]
        self.scheduler = self._start("scheduler", "--port", "0", *options, "--scheduler-file", str(file))
        deadline = time.monotonic() + 60
        while not file.exists() or not file.read_text().endswith("}"):
            assert time.monotonic() < deadline, "the scheduler does not start"
            time.sleep(0.05)
        self.address: str = json.loads(file.read_text())["address"]
        own = ["--no-nanny", "--nthreads", "1", "--local-directory", str(directory)]
        self.workers = [self._start("worker", self.address, *options, *own) for _ in range(2)]
        with Client(self.address, set_as_default=False) as client:
            client.wait_for_workers(2, timeout=60)

    def _start(self, what: str, *arguments: str) -> subprocess.Popen[bytes]:
        tests = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
        with (self.directory / f"{what}.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "dask", what, *arguments],
                stdout=log, stderr=log, env={**os.environ, "PYTHONPATH": tests},
            )  # fmt: skip

    def close(self) -> None:
        for process in (*self.workers, self.scheduler):
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dask]:
    dask = Dask(tmp_path_factory.mktemp("dask"))
    yield dask
    dask.close()


@pytest.fixture
def collection(tmp_path: Path):
    def make(n: int):
        write_audio(tmp_path / "audio", n)
        return make_collection(tmp_path / "audio", n)

    return make


@pytest.fixture
def quick(tmp_path: Path):
    return partial(run, output=tmp_path / "out", progress=False, oracle=False)


def test_a_killed_worker_changes_nothing(collection, quick, tmp_path: Path):
    """The scores are the serial ones, bit for bit; what had been reported is not done again."""
    n, diary = 60, tmp_path / "diary"
    counts = (plugin("counts", "Counts"), {"diary": str(diary), "seconds": 0.05})
    serial = quick(counts, collection(n), output=tmp_path / "serial")[0]
    onsets = {path.name: path.read_bytes() for path in (tmp_path / "serial").rglob("*.csv")}
    diary.unlink()
    dask = Dask(tmp_path)
    before: dict[str, set[str]] = {}

    def processes() -> set[str]:
        return {line.split()[1] for line in diary.read_text().splitlines()} if diary.exists() else set()

    def kill() -> None:
        deadline = time.monotonic() + 60
        while (count_reported(tmp_path / "out") < 10 or len(processes()) < 2) and time.monotonic() < deadline:
            time.sleep(0.001)
        (journal,) = (tmp_path / "out").glob("tiny/*.partial.jsonl")
        before["reported"] = {json.loads(line)["id"] for line in journal.read_bytes().splitlines()[1:-1]}
        before["processes"] = processes()
        dask.workers[0].kill()

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        record = quick(counts, collection(n), scheduler=dask.address)[0]
        assert dask.workers[0].wait(5) == -9
        assert dask.workers[1].poll() is None
    finally:
        killer.join(10)
        dask.close()
    assert comparable(record) == comparable(serial)
    assert onsets
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").rglob("*.csv")} == onsets
    names = [Path(line.split()[0]).stem for line in diary.read_text().splitlines()]
    assert len(before["processes"]) == 2, "the killed one must have had its share"
    assert len(before["reported"]) >= 9
    assert all(names.count(name) == 1 for name in before["reported"])
    # Twice: what the killed worker was at, and what it had just done.
    assert n <= len(names) <= n + 2


SCRIPT = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from align_bench.runner import run
from tiny_dataset import make_collection
run(({plugin!r}, {{"diary": {diary!r}, "seconds": 0.05}}), make_collection(Path({audio!r}), 30),
    output={output!r}, progress=False, scheduler={scheduler!r})
"""


def test_a_run_that_was_killed_goes_on(shared: Dask, collection, tmp_path: Path):
    collection(30)
    source = SCRIPT.format(
        tests=str(PLUGINS.parent), plugin=plugin("counts", "Counts"), diary=str(tmp_path / "diary"),
        audio=str(tmp_path / "audio"), output=str(tmp_path / "out"), scheduler=shared.address,
    )  # fmt: skip
    process = subprocess.Popen([sys.executable, "-c", source])
    while count_reported(tmp_path / "out") < 8 and process.poll() is None:
        time.sleep(0.001)
    process.kill()
    assert process.wait() == -9
    time.sleep(1.0)  # the workers finish what they are at
    reported, done = count_reported(tmp_path / "out"), count(tmp_path / "diary")
    subprocess.run([sys.executable, "-c", source], check=True)
    assert only_record(tmp_path / "out").n_ok == 30
    assert count(tmp_path / "diary") - done == 30 - reported


def test_a_scheduler_that_is_gone_ends_the_run_and_keeps_its_results(collection, quick, tmp_path: Path):
    counts = (plugin("counts", "Counts"), {"diary": str(tmp_path / "diary"), "seconds": 0.05})
    dask = Dask(tmp_path)

    def kill() -> None:
        while count_reported(tmp_path / "out") < 5:
            time.sleep(0.001)
        dask.scheduler.kill()

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        with pytest.raises(AlignBenchError, match="scheduler must stay until all is done"):
            quick(counts, collection(40), scheduler=dask.address)
    finally:
        killer.join(10)
        dask.close()
    reported = count_reported(tmp_path / "out")
    assert 5 <= reported < 40
    done = count(tmp_path / "diary")
    assert quick(counts, collection(40))[0].n_ok == 40
    assert count(tmp_path / "diary") - done == 40 - reported


def test_a_hostile_plugin_is_rows_and_its_output_is_kept(shared: Dask, collection, quick, tmp_path: Path):
    hostile, hangs, good = quick(
        [plugin("raises", "Raises"), plugin("hangs", "Hangs"), STRAIGHT],
        collection(2),
        scheduler=shared.address,
        timeout=0.5,
    )
    assert [row.reason for row in hostile.recordings] == ["RuntimeError: no such chord"] * 2
    assert [row.status for row in hangs.recordings] == ["timeout"] * 2
    assert good.n_ok == 2
    assert "no such chord" in (tmp_path / "out/tiny/raises.log").read_text()


def test_a_worker_with_other_software_is_refused(
    shared: Dask, collection, quick, monkeypatch: pytest.MonkeyPatch
):
    here = {**cluster_module._software(), "numpy": "1.0"}
    monkeypatch.setattr(cluster_module, "_software", lambda: here)
    with pytest.raises(UsageError, match=r"must run the aligner as this machine does, got another numpy='2"):
        quick(STRAIGHT, collection(1), scheduler=shared.address)


def test_dask_that_is_not_installed_is_told(collection, quick, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(UsageError, match=r"Install align-bench\[dask\]"):
        quick(STRAIGHT, collection(1), scheduler="tcp://127.0.0.1:1")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scheduler": "tcp://127.0.0.1:1"}, "must be the address of a Dask scheduler"),
        ({"scheduler": "no such thing"}, "must be the address of a Dask scheduler"),
        ({"scheduler": "tcp://127.0.0.1:1", "jobs": 2}, "jobs must be 1 with a scheduler, got 2"),
        ({"scheduler": "tcp://127.0.0.1:1", "isolate": False}, "isolate must be True with a scheduler"),
    ],
)
def test_wrong_usage_is_refused(
    collection, quick, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict, message: str
):
    monkeypatch.setattr(cluster_module, "_CONNECT_LIMIT_S", 0.5)
    with pytest.raises(UsageError, match=message):
        quick(STRAIGHT, collection(1), **options)
    assert not (tmp_path / "out").exists()


def test_what_is_printed_can_be_taken(tmp_path: Path):
    with AlignerProcess() as process:
        process.log.write(b"one")
        assert process.log.take() == b"one"
        assert process.log.take() == b""
