"""An aligner in a process of its own: whatever it does is an outcome, and the next recording goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from align_bench.aligners import process as process_module
from align_bench.aligners.process import AlignerProcess
from align_bench.aligners.session import Plan, Session
from align_bench.errors import AlignerError, InvalidInputError, UsageError
from align_bench.types import Alignment, Audio, Score

PLUGINS = Path(__file__).parents[1] / "plugins"


def plugin(file: str, cls: str) -> str:
    return f"{PLUGINS / file}.py:{cls}"


def same(thing):
    return thing


@pytest.fixture
def recording(scale: Score, noise_burst: Audio):
    return partial(same, scale), partial(same, noise_burst)


def refuse() -> Audio:
    raise InvalidInputError("audio must be WAV, got a cake.")


def test_outcome_is_bit_for_bit_that_of_this_process(recording):
    plan = Plan(plugin("straight", "Straight"), {"delay_s": 0.1})
    with AlignerProcess() as process, Session() as session:
        assert process.load(plan) == session.load(plan)
        theirs, ours = process.align(*recording), session.align(*recording)
    assert theirs.status == ours.status == "ok"
    np.testing.assert_array_equal(theirs.alignment.audio_times, ours.alignment.audio_times)
    np.testing.assert_array_equal(theirs.alignment.score_times, ours.alignment.score_times)
    assert theirs.alignment.info == {"mode": "even"}
    assert theirs.audio_seconds == ours.audio_seconds == 2.0
    assert theirs.seconds < 1.0


def test_description_quotes_the_constructor_and_names_what_differs(recording):
    with AlignerProcess() as process:
        description = process.load(Plan(plugin("straight", "Straight"), {"delay_s": 0.1}))
    assert description.name == "straight+delay_s=0.1"
    assert description.parameters == {"delay_s": 0.1, "mode": "even"}
    assert description.target == plugin("straight", "Straight")


@pytest.mark.parametrize("runner", [AlignerProcess, Session])
@pytest.mark.parametrize(
    ("file", "cls", "reason"),
    [
        ("raises", "Raises", "RuntimeError: no such chord"),
        ("system_exit", "SystemExits", "SystemExit: 3"),
        ("returns_nan", "ReturnsNan", "audio_times must be finite, got nan"),
        ("milliseconds", "Milliseconds", "audio_times must be seconds within 0 and 2.000, got 0.000 to 2000"),
        ("score_frames", "ScoreFrames", "score_times must be seconds within 0 and 3.950, got 0.000 to 197"),
        ("wrong_length", "WrongLength", "score_times and audio_times must have one length, got 8 and 7"),
        ("decreasing", "Decreasing", "audio_times must not decrease"),
        ("bare_array", "BareArray", "align must return an Alignment, got ndarray"),
    ],
)  # fmt: skip
def test_a_broken_contract_is_an_error_with_its_reason(recording, runner, file: str, cls: str, reason: str):
    with runner() as executor:
        executor.load(Plan(plugin(file, cls)))
        outcome = executor.align(*recording)
    assert outcome.status == "error"
    assert outcome.reason.startswith(reason)
    assert outcome.alignment is None
    assert outcome.audio_seconds == 2.0


@pytest.mark.parametrize("runner", [AlignerProcess, Session])
def test_a_recording_that_cannot_be_read_is_an_error(recording, runner):
    with runner() as executor:
        executor.load(Plan(plugin("straight", "Straight")))
        outcome = executor.align(recording[0], refuse)
        assert (outcome.status, outcome.reason) == ("error", "audio must be WAV, got a cake.")
        assert executor.align(*recording).status == "ok"


@pytest.mark.parametrize(
    ("file", "cls", "reason"),
    [
        ("segfaults", "Segfaults", "the aligner crashed with SIGSEGV"),
        ("quits", "Quits", "the aligner ended its process with exit code 0"),
        ("crashes_with_child", "CrashesWithChild", "the aligner crashed with SIGKILL, out of memory?"),
    ],
)  # fmt: skip
def test_a_crash_is_an_error_and_the_process_starts_again(recording, file: str, cls: str, reason: str):
    begin = time.monotonic()
    with AlignerProcess() as process:
        process.load(Plan(plugin(file, cls)))
        for _ in range(2):
            outcome = process.align(*recording)
            assert (outcome.status, outcome.reason) == ("error", reason)
    assert time.monotonic() - begin < 20


def test_a_hang_is_ended_on_time(recording):
    with AlignerProcess(timeout=1.0) as process:
        process.load(Plan(plugin("hangs", "Hangs")))
        begin = time.monotonic()
        outcome = process.align(*recording)
        assert 1.0 <= time.monotonic() - begin < 5.0
    assert (outcome.status, outcome.reason) == ("timeout", "the aligner took longer than 1 s, and was ended")


def test_a_hang_on_import_is_told_by_name(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(process_module, "START_LIMIT_S", 1.0)
    with (
        AlignerProcess() as process,
        pytest.raises(
            AlignerError, match=r"hangs_on_import.py:HangsOnImport must be loaded, but it took longer"
        ),
    ):
        process.load(Plan(plugin("hangs_on_import", "HangsOnImport")))


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory limits are enforced on Linux")
def test_eating_memory_is_an_error(recording):
    with AlignerProcess(max_memory=600 * 2**20) as process:
        process.load(Plan(plugin("eats_memory", "EatsMemory")))
        outcome = process.align(*recording)
    assert outcome.status == "error"
    assert "memory" in outcome.reason


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is watched on Linux")
def test_memory_is_watched_from_outside_too(recording, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(process_module, "_resident_bytes", lambda pid: 2**40)  # shared memory, say
    message = "needed more than 600 MiB of memory"
    with AlignerProcess(max_memory=600 * 2**20) as process, pytest.raises(AlignerError, match=message):
        process.load(Plan(plugin("hangs_on_import", "HangsOnImport")))


def test_a_copy_that_a_plugin_forks_does_not_answer(recording):
    with AlignerProcess() as process:
        process.load(Plan(plugin("forks", "Forks")))
        assert [process.align(*recording).status for _ in range(3)] == ["ok"] * 3


def test_what_a_plugin_prints_goes_to_the_log_up_to_a_limit(recording, tmp_path: Path):
    log = tmp_path / "some" / "prints.log"
    with AlignerProcess() as process:
        process.load(Plan(plugin("prints", "Prints")))
        process.log.open(log)
        assert process.align(*recording).status == "ok"
    text = log.read_bytes()
    assert b"to standard output\n" in text
    assert b"to standard error\n" in text
    assert text.endswith(b"[the rest was dropped]\n")
    assert 2**24 <= len(text) < 2**24 + 100


def test_a_traceback_goes_to_the_log(recording, tmp_path: Path):
    log = tmp_path / "raises.log"
    with AlignerProcess() as process:
        process.load(Plan(plugin("raises", "Raises")))
        process.log.open(log)
        process.align(*recording)
        deadline = time.monotonic() + 5
        while not (log.exists() and b"no such chord" in log.read_bytes()) and time.monotonic() < deadline:
            time.sleep(0.01)
    assert "raises.py" in log.read_text()


def test_an_object_travels_with_its_class(recording):
    class Local:
        def __init__(self, shift: float = 0.0) -> None:
            self.shift = shift

        def align(self, score: Score, audio: Audio) -> Alignment:
            return Alignment([0.0, 1.0], [self.shift, 1.0 + self.shift])

    with AlignerProcess() as process:
        description = process.load(Plan(instance=Local(0.5)))
        outcome = process.align(*recording)
    assert description.name == "local+shift=0.5"
    np.testing.assert_array_equal(outcome.alignment.audio_times, [0.5, 1.5])


def test_what_cannot_be_pickled_is_told(recording):
    with AlignerProcess() as process:
        process.load(Plan(plugin("straight", "Straight")))
        outcome = process.align(recording[0], partial(same, threading.Lock()))
        assert outcome.status == "error"
        assert "must be picklable" in outcome.reason
        assert process.align(*recording).status == "ok"


@pytest.mark.parametrize(
    ("file", "cls", "message"),
    [
        ("stored_otherwise", "StoredOtherwise", "must store radius as it was given, 1, got 2"),
        ("not_json", "NotJson", "parameter window of NotJson must be JSON-able"),
        ("raises_on_import", "RaisesOnImport", "OSError: libmagic.so is missing"),
    ],
)
def test_a_plugin_that_cannot_be_loaded_is_an_aligner_error(file: str, cls: str, message: str):
    with AlignerProcess() as process, pytest.raises(AlignerError, match=message):
        process.load(Plan(plugin(file, cls)))


def test_a_wrong_parameter_is_a_usage_error_across_the_border():
    with (
        AlignerProcess() as process,
        pytest.raises(UsageError, match=r"got 'delay'\. Did you mean 'delay_s'"),
    ):
        process.load(Plan(plugin("straight", "Straight"), {"delay": 1.0}))


def test_the_process_ends_with_its_parent(tmp_path: Path):
    """Kill the harness while a plugin hangs: nothing must be left behind."""
    code = f"""
from align_bench.aligners.process import AlignerProcess
from align_bench.aligners.session import Plan
process = AlignerProcess()
process.load(Plan({plugin("straight", "Straight")!r}))
print(process._process.pid, flush=True)
input()
"""
    parent = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with parent:
        child = int(parent.stdout.readline())
        parent.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 10
    while _alive(child) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _alive(child)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/stat")
    return not (status.exists() and status.read_text().rpartition(")")[2].split()[0] == "Z")
