"""Programs as aligners: real ones in C and Perl, and hostile ones, which all end with what they started."""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from align_bench.aligners import load_aligner
from align_bench.aligners.contract import check_aligner
from align_bench.aligners.executable import Executable, program_name, split_command
from align_bench.aligners.process import AlignerProcess
from align_bench.aligners.session import Plan, Session
from align_bench.api import align
from align_bench.errors import AlignerError, UsageError
from align_bench.types import Audio, Score

EXAMPLES = Path(__file__).parents[2] / "examples" / "programs"
NEEDED = "{output} {score} {audio}"


def shell(script: str) -> str:
    """Return the command of a script that gets the output, the score and the recording as $1, $2 and $3."""
    return f"sh -c {shlex.quote(script)} sh {NEEDED}"


def same(thing):
    return thing


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a directory of awkward name that temporary files go to."""
    folder = tmp_path / "a $(touch hacked) 'dir'"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return folder


def wait_until(condition) -> bool:
    deadline = time.monotonic() + 30
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/stat")
    return not (status.exists() and status.read_text().rpartition(")")[2].split()[0] == "Z")


def test_an_aligner_in_c_passes_the_check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler")
    command = [compiler, "-O2", "-o", tmp_path / "energy", EXAMPLES / "energy.c", "-lm"]
    subprocess.run(command, check=True)
    monkeypatch.chdir(tmp_path)
    spec = "cmd: ./energy {score_csv} {audio} {output}"
    report = check_aligner(spec)
    assert [check for check in report.checks if not check.passed] == []
    assert len(report.checks) == 9


def test_c_and_python_agree(tmp_path: Path, scale: Score):
    """The same rule in two languages, up to the 16 bits of the WAV file and its 20 ms."""
    if shutil.which("cc") is None:
        pytest.skip("no C compiler")
    subprocess.run(["cc", "-O2", "-o", tmp_path / "energy", EXAMPLES / "energy.c", "-lm"], check=True)
    samples = np.zeros(5 * 16000, np.float32)
    samples[10000:70000] = np.random.default_rng(0).normal(scale=0.1, size=60000)
    audio = Audio(samples, 16000)
    theirs = align(scale, audio, f"cmd: {tmp_path}/energy {{score_csv}} {{audio}} {{output}}")
    ours = align(scale, audio, "linear")
    assert theirs.at(scale.onsets) == pytest.approx(ours.at(scale.onsets), abs=1e-5)


def test_an_aligner_in_perl_passes_the_check():
    if shutil.which("perl") is None:
        pytest.skip("no perl")
    report = check_aligner(
        f"cmd: perl {EXAMPLES / 'energy.pl'} {{score_csv}} {{audio}} {{output}}", {"format": "instants"}
    )
    assert [check for check in report.checks if not check.passed] == []
    assert len(report.checks) == 9


def test_words_are_quoted_by_no_one(temporary: Path, scale: Score, noise_burst: Audio):
    """Spaces and shell characters in paths and arguments arrive as they are; other braces are left alone."""
    code = (
        "import sys; from pathlib import Path; a = sys.argv; "
        "assert a[1:4] == ['two words', '$HOME', '{print}'], a; "
        "assert Path(a[4]).read_bytes()[:4] == b'MThd' and Path(a[5]).read_bytes()[:4] == b'RIFF'; "
        "Path(a[6]).write_text('0,0\\n1,' + a[7])"
    )
    words = f"{shlex.quote(sys.executable)} -c {shlex.quote(code)}"
    aligner = Executable(f"{words} 'two words' $HOME '{{print}}' {{score}} {{audio}} {{output}} 1.5")
    assert aligner.align(scale, noise_burst).at([1.0]).tolist() == [1.5]
    assert list(temporary.iterdir()) == []


def test_description_quotes_the_command_and_hashes_the_program(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    program = tmp_path / "mine"
    program.write_text("#!/bin/sh\nexit 0\n")
    program.chmod(0o755)
    spec = f"cmd: ./mine --fast {NEEDED}"
    with AlignerProcess() as process, Session() as session:
        described = process.load(Plan(spec))
        assert session.load(Plan(spec)) == described
        changed = process.load(Plan(spec, {"trained_on": ["opus-1"], "format": "midi"}))
    assert (described.name, described.target) == ("mine", spec)
    assert described.parameters["command"] == f"./mine --fast {NEEDED}"
    assert described.code_sha256 == hashlib.sha256(program.read_bytes()).hexdigest()
    assert changed.trained_on == ["opus-1"]
    assert changed.name == "mine+format=midi+trained_on=['opus-1']"
    program.write_text("#!/bin/sh\nexit 1\n")
    assert load_aligner(spec).code_sha256 != described.code_sha256


def test_hash_covers_the_script_too(tmp_path: Path):
    script = tmp_path / "mine.sh"
    script.write_text("exit 0")
    aligners = []
    for text in ("exit 0", "exit 1", "exit 0"):
        script.write_text(text)
        aligners.append(Executable(f"sh mine.sh {NEEDED}", directory=str(tmp_path)).code_sha256)
    assert aligners[0] == aligners[2] != aligners[1]
    assert Executable(shell("x" * 5000)).code_sha256  # no file can have that name


@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("./My_Aligner2 {score}", "my-aligner2"),
        ("/opt/venv/bin/python tools/Sync.py {score}", "sync"),
        ("perl -w align.pl", "align"),
        ("sonic-annotator -t match.n3", "sonic-annotator"),
        ("'./???'", "cmd"),
    ],
)
def test_a_command_has_the_name_of_its_program(command: str, name: str):
    assert program_name(command) == name


def test_another_environment_is_not_led_by_our_python_path(monkeypatch, scale: Score, noise_burst: Audio):
    monkeypatch.setenv("PYTHONPATH", "/ours")
    monkeypatch.setenv("OTHER", "ours")
    code = (
        "import os, sys; e = os.environ; "
        "assert (sys.prefix, e.get('PYTHONPATH'), e['OTHER']) == (sys.argv[1], None, 'theirs'); "
        "open(sys.argv[2], 'w').write('0,0')"
    )
    command = f"-c {shlex.quote(code)} {shlex.quote(sys.prefix)} {NEEDED}"
    for python in (sys.executable, sys.prefix):  # the interpreter, or its environment's directory
        Executable(command, python=python, environment={"OTHER": "theirs"}).align(scale, noise_burst)
    with pytest.raises(AlignerError, match=r"AssertionError$"):
        Executable(f"{sys.executable} {command}", environment={"OTHER": "theirs"}).align(scale, noise_burst)


def test_relative_names_begin_at_the_directory(tmp_path: Path, scale: Score, noise_burst: Audio):
    (tmp_path / "tool").mkdir()
    program = tmp_path / "tool" / "mine"
    program.write_text('#!/bin/sh\ncp table.csv "$1"\n')
    program.chmod(0o755)
    (tmp_path / "tool" / "table.csv").write_text("0,0.5\n")
    aligner = Executable(f"./mine {NEEDED}", directory=str(tmp_path / "tool"))
    assert aligner.align(scale, noise_burst).at([0.0]).tolist() == [0.5]


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("", r"command must have \{score\} or \{score_csv\} or \{score_wav\}, got ''"),
        ("./mine {score} {audio}", r"command must have \{output\}"),
        ("./mine {score} {output}", r"command must have \{audio\} or \{audio_float\}"),
        ("./mine {audio} {output}", r"command must have \{score\}"),
        ("./mine {scores} {audio} {output}", r"got 'scores'\. Did you mean 'score'\?"),
        ("./mine {Score} {audio} {output}", r"placeholder must be one of .*, got 'Score'"),
        ("./mine {score} {audio} > {output}", r"must be one program, got '>' .* runs without a shell"),
        ("./mine '{score} {audio} {output}", "must be words as in a shell, got No closing quotation"),
    ],
)
def test_a_command_that_does_not_fit_is_refused(command: str, message: str):
    with pytest.raises(UsageError, match=message):
        split_command(command)
    with pytest.raises(UsageError, match=message):
        load_aligner(f"cmd: {command}")


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (
            {"format": "cvs"},
            r"format must be one of csv, instants, midi, svl, got 'cvs'\. Did you mean 'csv'",
        ),
        ({"environment": {"A": 1}}, "environment must be a table of texts"),
        ({"environment": ["A"]}, "environment must be a table of texts"),
        ({"trained_on": "opus-1"}, "trained_on must be a list of texts"),
        ({"trained_on": [1]}, "trained_on must be a list of texts"),
        ({"directory": "nowhere"}, "directory must exist, got 'nowhere'"),
        ({"python": "nowhere"}, "must be an executable file, got .*nowhere', which does not exist"),
    ],
)
def test_a_parameter_that_does_not_fit_is_refused(parameters: dict, message: str):
    with pytest.raises((UsageError, AlignerError), match=message):
        Executable(shell("true"), **parameters)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"radius": 3}, "parameter of cmd: .* must be one of command, .*, got 'radius'"),
        ({"format": "cvs"}, "format must be one of"),
        ({"format": 3}, "parameter format must be str, got 3"),
        ({"command": shell("false")}, "parameter command of cmd: sh .* must be .*, as it says itself"),
        ({"python": "/bin/sh"}, "parameter python of cmd: sh .* must be .., as it says itself, got"),
        ({"environment": {"LD_PRELOAD": "x"}}, "parameter environment of cmd: sh .* must be None"),
        ({"directory": "/"}, r"parameter directory of cmd: sh .* must be '\.'"),
    ],
)
def test_parameters_cannot_make_a_command_run_something_else(parameters: dict, message: str):
    with pytest.raises(UsageError, match=message):
        load_aligner(f"cmd: {shell('true')}", parameters)


@pytest.mark.parametrize(
    ("program", "message"),
    [
        ("./mime", r"got './mime', which does not exist \(.*\)\. Did you mean './mine'\?"),
        ("mine", r"got 'mine', which is not on PATH \(.*\)\. Did you mean './mine'\?"),
        ("gzipp", r"got 'gzipp', which is not on PATH \(.*\)\. Did you mean 'gzip'\?"),
        ("./notes", r"must be executable, got './notes', which is not .*chmod \+x ./notes"),
        (".", "got '.', which is not on PATH"),
        ("./nowhere/mine", "got './nowhere/mine', which does not exist"),
    ],
)
def test_a_program_that_is_not_there_is_told_with_the_nearest(
    program: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    for name, mode in (("mine", 0o755), ("notes", 0o644)):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(mode)
    with pytest.raises(UsageError, match=message):
        load_aligner(f"cmd: {program} {NEEDED}")
    with pytest.raises(AlignerError, match=message):
        Executable(f"{program} {NEEDED}")


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("exit 3", r"must end with exit code 0, got 3 \(.*\): it printed nothing"),
        ("for i in 1 2 3 4 5; do echo line $i >&2; done; exit 1", r"got 1 .*: line 3 / line 4 / line 5$"),
        ("yes | head -c 10000000; exit 1", r"got 1 .*: y / y / y$"),
        ("kill -SEGV $$", r"got signal 11 "),
        ("true", r"must be written to \{output\}, got no file"),
        (': > "$1"', "got an empty file"),
        ('mkfifo "$1"', "got no file"),
        ('echo sorry > "$1"', r"must have rows of numbers, got only 'sorry' \(csv of sh -c"),
        ('printf "0,1\\n1,0\\n" > "$1"', "must not decrease"),
        ('head -c 20000000 /dev/zero > "$1"', "must be at most 16 MB"),
        ('head -c 20000000 /dev/zero > "$1"; sleep 60', "must be at most 16 MB"),
    ],
)
def test_a_program_that_fails_is_told_and_leaves_nothing(
    script: str, message: str, temporary: Path, scale: Score, noise_burst: Audio
):
    begin = time.monotonic()
    with pytest.raises(AlignerError, match=message):
        Executable(shell(script)).align(scale, noise_burst)
    assert time.monotonic() - begin < 30
    assert list(temporary.iterdir()) == []


def test_a_file_that_the_system_cannot_run_is_told(tmp_path: Path, scale: Score, noise_burst: Audio):
    program = tmp_path / "mine"
    program.write_bytes(b"\x7fELF but not really")
    program.chmod(0o755)
    with pytest.raises(AlignerError, match=r"program must be runnable, got .*Exec format error"):
        Executable(f"./mine {NEEDED}", directory=str(tmp_path)).align(scale, noise_burst)


def test_times_in_milliseconds_are_refused_like_any_other(scale: Score, noise_burst: Audio):
    command = shell('printf "0,0\\n1,900\\n" > "$1"')
    with pytest.raises(AlignerError, match="must be seconds within"):
        align(scale, noise_burst, f"cmd: {command}")


def test_what_a_program_prints_does_not_mix_with_what_we_print(scale, noise_burst, capfd):
    aligner = Executable(shell('echo chatter; echo trouble >&2; printf "0,0" > "$1"'))
    aligner.align(scale, noise_burst)
    captured = capfd.readouterr()
    assert captured.out == ""
    assert "chatter" in captured.err
    assert "trouble" in captured.err


def test_a_program_does_not_read_our_input(scale: Score, noise_burst: Audio):
    reader, writer = os.pipe()
    ours = os.dup(0)
    os.write(writer, b"9\n")
    try:
        os.dup2(reader, 0)
        alignment = Executable(shell('read x; printf "0,%s" "${x:-0.5}" > "$1"')).align(scale, noise_burst)
    finally:
        os.dup2(ours, 0)
        for descriptor in (reader, writer, ours):
            os.close(descriptor)
    assert alignment.at([0.0]).tolist() == [0.5]


def test_what_a_program_leaves_behind_is_ended(tmp_path: Path, scale: Score, noise_burst: Audio):
    pid = tmp_path / "pid"
    script = f'sleep 1000 & echo $! > {shlex.quote(str(pid))}; printf "0,0" > "$1"'
    begin = time.monotonic()
    Executable(shell(script)).align(scale, noise_burst)
    assert time.monotonic() - begin < 5  # it holds the program's standard output, for which nobody waits
    assert wait_until(lambda: not alive(int(pid.read_text())))


@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited on Linux")
def test_a_program_is_held_to_the_memory_limit(scale: Score, noise_burst: Audio):
    code = "import sys; x = b'x' * (3 << 30); open(sys.argv[1], 'w').write('0,0')"
    with AlignerProcess(max_memory=2**30) as process:
        process.load(Plan(f"cmd: {sys.executable} -c {shlex.quote(code)} {NEEDED}"))
        outcome = process.align(partial(same, scale), partial(same, noise_burst))
    assert outcome.status == "error"
    assert outcome.reason.endswith("MemoryError")


@pytest.fixture
def hanging(tmp_path: Path, scale: Score, noise_burst: Audio):
    """Return a command that hangs with a child, the file of both their ids, and what it is to align."""
    pids = tmp_path / "pids"
    script = f"sleep 1000 & echo $! $$ > {shlex.quote(str(pids))}; wait"
    return f"cmd: {shell(script)}", pids, (partial(same, scale), partial(same, noise_burst))


def is_gone(pids: Path, temporary: Path) -> bool:
    return not any(map(alive, map(int, pids.read_text().split()))) and not list(temporary.iterdir())


def test_a_program_is_ended_on_timeout_with_its_children(hanging, temporary: Path):
    spec, pids, recording = hanging
    with AlignerProcess(timeout=3) as process:
        process.load(Plan(spec))
        outcome = process.align(*recording)
        assert (outcome.status, outcome.reason) == (
            "timeout",
            "the aligner took longer than 3 s, and was ended",
        )
        assert len(pids.read_text().split()) == 2
        assert wait_until(lambda: is_gone(pids, temporary))


def test_a_program_is_ended_when_we_are_killed(hanging, temporary: Path, tmp_path: Path):
    spec, pids, _ = hanging
    code = (
        "import sys; from align_bench import align, render, Score; "
        "score = Score([0.0, 1.0], [1.0, 2.0], [60, 62], [80, 80]); align(score, render(score), sys.argv[1])"
    )
    harness = subprocess.Popen([sys.executable, "-c", code, spec])
    assert wait_until(lambda: pids.exists() and len(pids.read_text().split()) == 2)
    assert not is_gone(pids, temporary)
    harness.send_signal(signal.SIGKILL)
    harness.wait()
    assert wait_until(lambda: is_gone(pids, temporary))


def test_ctrl_c_ends_a_program(hanging, temporary: Path):
    spec, pids, _ = hanging
    code = (
        "import sys; from align_bench import align, render, Score; "
        "score = Score([0.0, 1.0], [1.0, 2.0], [60, 62], [80, 80]); align(score, render(score), sys.argv[1])"
    )
    harness = subprocess.Popen([sys.executable, "-c", code, spec], stderr=subprocess.PIPE, text=True)
    assert wait_until(lambda: pids.exists() and len(pids.read_text().split()) == 2)
    harness.send_signal(signal.SIGINT)
    message = harness.communicate(timeout=30)[1]
    assert re.search(r"^KeyboardInterrupt", message, re.MULTILINE)
    assert is_gone(pids, temporary)
