"""Aligners of a configuration file: listed, checked and run like any other; what does not fit is told."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile
from tiny_dataset import make_collection, make_score

from align_bench.aligners import list_aligners, load_aligner, parameters
from align_bench.aligners.commands import configured, read_command
from align_bench.aligners.contract import check_aligner
from align_bench.aligners.exchange import write_input
from align_bench.aligners.registry import AlignerEntry, resolve
from align_bench.errors import AlignBenchError, AlignerError, UsageError
from align_bench.results import load_record
from align_bench.runner import run
from align_bench.synthesis import render

EXAMPLES = Path(__file__).parents[2] / "examples" / "programs"
# The score at half its tempo, from 0.25 s on.
SLOW = """
import csv, sys
with open(sys.argv[1]) as score, open(sys.argv[2], "w") as output:
    for row in csv.DictReader(score):
        print(row["start_s"], 0.25 + 2 * float(row["start_s"]), sep=",", file=output)
"""
TABLE = f"""
[aligners.half-speed]
command = "slow.py {{score_csv}} {{output}} {{audio}}"
python = "{sys.executable}"
trained_on = ["000"]
description = "Half the tempo."
"""


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a directory with an ``align-bench.toml``, and return its path."""
    (tmp_path / "slow.py").write_text(SLOW)
    (tmp_path / "align-bench.toml").write_text(TABLE)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "align-bench.toml"


def entry(name: str) -> AlignerEntry:
    return next(entry for entry in list_aligners() if entry.name == name)


def command_line(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "align_bench", *arguments],
        env=os.environ | variables,
        capture_output=True,
        text=True,
    )


def test_a_table_is_listed_among_the_registered(config: Path):
    names = [entry.name for entry in list_aligners()]
    assert names == sorted(names)
    assert {"linear", "half-speed"} <= set(names)
    assert entry("half-speed") == AlignerEntry(
        "half-speed", "align-bench.toml:half-speed", True, "", "Half the tempo."
    )
    assert all(entry.available for entry in list_aligners(check=True) if entry.name == "half-speed")


def test_without_a_file_there_are_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    assert configured() == {}


def test_a_table_is_held_to_the_contract(config: Path):
    failed = {check.name: check.reason for check in check_aligner("half-speed").checks if not check.passed}
    assert list(failed) == ["aligns-a-scale"]
    assert "audio_times must be seconds within 0 and 9.4" in failed["aligns-a-scale"]
    (config.parent / "slow.py").write_text(SLOW.replace("2 *", "1.1 *"))
    assert check_aligner("half-speed").passed


def test_a_run_records_the_table_and_marks_what_it_has_learnt_from(config: Path, tmp_path: Path):
    for i in range(2):
        soundfile.write(tmp_path / f"{i:03d}.wav", render(make_score()).samples.repeat(2), 22050)
    (record, linear) = run(
        ["half-speed", "linear"], make_collection(tmp_path, 2), output="out", oracle=False, progress=False
    )
    assert record == load_record(tmp_path / "out" / "tiny" / "half-speed.json")
    assert record.aligner.name == "half-speed"
    assert record.aligner.target == "align-bench.toml:half-speed"
    assert record.aligner.parameters["command"] == "slow.py {score_csv} {output} {audio}"
    assert record.aligner.code_sha256 == load_aligner("half-speed").code_sha256
    assert record.aligner.trained_on == ["000"]
    assert [(row.status, row.reason) for row in record.recordings] == [("ok", "")] * 2
    assert [row.leaked for row in record.recordings] == [True, False]
    assert not any(row.leaked for row in linear.recordings)
    # Score onsets k/2 truly sound at k/2 (1 + i/100), and are said to sound at 1/4 + k.
    assert record.recordings[0].scores["mean_abs_deviation_s"] == pytest.approx(0.25 + 1.0, abs=1e-6)
    # A target finds its table again, and what it says is what was run.
    again = load_aligner(record.aligner.target, record.aligner.parameters)
    assert again.code_sha256 == record.aligner.code_sha256


def test_relative_names_begin_where_the_file_is(config: Path, tmp_path: Path, scale, monkeypatch):
    (tmp_path / "deep" / "tools").mkdir(parents=True)
    (tmp_path / "slow.py").rename(tmp_path / "deep" / "tools" / "slow.py")
    file = tmp_path / "deep" / "mine.toml"
    file.write_text(TABLE + 'directory = "tools"\n')
    aligner = load_aligner("deep/mine.toml:half-speed")
    assert aligner.directory == "deep/tools"
    assert aligner.align(scale, render(scale)).at([1.0]).tolist() == [2.25]
    monkeypatch.setenv("ALIGN_BENCH_CONFIG", "deep/mine.toml")
    assert resolve("half-speed") == "deep/mine.toml:half-speed"


def test_the_command_line_takes_a_file(config: Path, tmp_path: Path):
    elsewhere = tmp_path / "elsewhere.toml"
    config.rename(elsewhere)
    assert "half-speed" not in command_line("list", "aligners").stdout
    assert (
        "half-speed               Half the tempo."
        in command_line("list", "aligners", "--config", "elsewhere.toml").stdout
    )
    assert "half-speed" in command_line("list", "aligners", ALIGN_BENCH_CONFIG="elsewhere.toml").stdout
    done = command_line("check", "-a", "half-speed", "--config", "elsewhere.toml")
    assert (done.returncode, done.stdout.splitlines()[0]) == (1, "ok    loads")  # half the tempo is too slow
    assert "Did you mean" in command_line("check", "-a", "half-sped", "--config", "elsewhere.toml").stderr
    missing = command_line("list", "aligners", "--config", "nowhere.toml")
    assert missing.returncode == 2
    assert "configuration must be a file, got No such file or directory (nowhere.toml)" in missing.stderr


def test_align_takes_a_command_and_writes_only_onsets(config: Path, tmp_path: Path, scale, noise_burst):
    write_input("score", tmp_path / "score.mid", scale, noise_burst)
    soundfile.write(tmp_path / "audio.wav", render(scale).samples.repeat(2), 22050)
    done = command_line("align", "score.mid", "audio.wav", "-a", "half-speed")
    assert done.stdout.splitlines()[:3] == [
        "score_time_s,performance_time_s,pitches",
        "0.000000,0.250000,60",
        "0.500000,1.250000,62",
    ]
    # What it writes is what a program may write.
    (tmp_path / "onsets.csv").write_text(done.stdout)
    spec = "cmd: sh -c 'cp onsets.csv \"$1\"' sh {output} {score} {audio}"
    again = command_line("align", "score.mid", "audio.wav", "-a", spec)
    assert again.stdout == done.stdout


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[aligners.mine", r"configuration must be TOML, got .* \(align-bench.toml\)"),
        ("x = 1", "table of align-bench.toml must be one of aligners, got 'x'"),
        ("[aligner.mine]", r"got 'aligner'\. Did you mean 'aligners'\?"),
        ("aligners = 3", r"must be tables \[aligners.NAME\], got 3"),
        ("[aligners.My_Tool]\ncommand = 'x'", "must be kebab-case such as my-dtw, got 'My_Tool'"),
        ("[aligners.'a:b']\ncommand = 'x'", "must be kebab-case"),
        ("[aligners.'../../etc']\ncommand = 'x'", "must be kebab-case"),
        ("a = " + "[" * 20000, "must be TOML"),
        ("#" * (2**20 + 1), "must be at most 1 MB"),
        ("a = '\udcff'", "must be TOML"),
    ],
)
def test_a_file_that_does_not_fit_is_refused_as_a_whole(text: str, message: str, config: Path):
    config.write_text(text, errors="surrogateescape")
    for find in (list_aligners, lambda: resolve("linear")):
        with pytest.raises(UsageError, match=message):
            find()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("comand = 'x'", r"key in \[aligners.mine\] of align-bench.toml must be .*'comand'\..*'command'"),
        ("trained_om = []", r"got 'trained_om'\. Did you mean 'trained_on'\?"),
        ("format = 'csv'", r"\[aligners.mine\] of align-bench.toml must have a command, got none"),
        ("command = 3", r"command must be a text, got 3 \(\[aligners.mine\]"),
        ("command = './a {score} {audio}'", r"command must have \{output\}"),
        ("command = './a {score} {audio} {output}'", "got './a', which does not exist"),
        ("command = 'sh {score} {audio} {output}'\nformat = 'xml'", "format must be one of"),
        ("command = 'sh {score} {audio} {output}'\nenvironment = 3", "environment must be a table of texts"),
        ("command = 'sh {score} {audio} {output}'\ntrained_on = 'a'", "trained_on must be a list of texts"),
        ("command = 'sh {score} {audio} {output}'\ndirectory = 'gone'", "directory must exist, got 'gone'"),
        ("command = 'x.py {score} {audio} {output}'\npython = 'venv'", "venv', which does not exist"),
    ],
)  # fmt: skip
def test_a_table_that_does_not_fit_is_listed_with_its_reason(text: str, message: str, config: Path):
    config.write_text(f"{TABLE}\n[aligners.mine]\n{text}\n")
    with pytest.raises(AlignBenchError, match=message) as told:
        load_aligner("mine")
    assert not entry("mine").available
    assert entry("mine").reason == str(told.value)
    assert entry("half-speed").available


def test_a_program_that_is_not_there_does_not_stop_a_run(config: Path, tmp_path: Path):
    config.write_text(TABLE + "[aligners.gone]\ncommand = './gone {score} {audio} {output}'\n")
    soundfile.write(tmp_path / "000.wav", render(make_score()).samples.repeat(2), 22050)
    gone, here = run(
        ["gone", "half-speed"], make_collection(tmp_path, 1), output="out", oracle=False, progress=False
    )
    assert gone.recordings[0].status == "error"
    assert "which does not exist" in gone.recordings[0].reason
    assert here.recordings[0].status == "ok"


def test_a_name_that_is_registered_too_is_refused_with_both(config: Path):
    config.write_text(TABLE.replace("half-speed", "linear"))
    message = r"'linear' from align_bench_baselines.linear:Linear \(align-bench\) and align-bench.toml:linear"
    with pytest.raises(AlignerError, match=message):
        load_aligner("linear")
    assert [entry.available for entry in list_aligners() if entry.name == "linear"] == [False]
    assert "Rename the table" in entry("linear").reason
    assert load_aligner("align-bench.toml:linear")


def test_a_record_cannot_make_a_table_run_something_else(config: Path):
    """What verify does with a record: its parameters go to the aligner of that target."""
    for name, value in (("command", "rm {score} {audio} {output}"), ("environment", {"LD_PRELOAD": "x.so"})):
        for spec in ("half-speed", "align-bench.toml:half-speed"):
            with pytest.raises(UsageError, match=f"parameter {name} of {spec} must be .* as it says itself"):
                load_aligner(spec, {name: value})
    assert load_aligner("half-speed", parameters(load_aligner("half-speed"))).format == "csv"


def test_an_unknown_table_is_told_with_the_nearest(config: Path):
    with pytest.raises(UsageError, match=r"got 'half-sped'\. Did you mean 'half-speed'\?"):
        read_command("align-bench.toml:half-sped")
    with pytest.raises(UsageError, match=r"got 'half-sped'\. Did you mean 'half-speed'\?"):
        resolve("half-sped")


def test_the_examples_are_in_order(monkeypatch: pytest.MonkeyPatch):
    """Whether they can be used depends on what is installed; their tables are read all the same."""
    file = EXAMPLES / "align-bench.toml"
    monkeypatch.setenv("ALIGN_BENCH_CONFIG", str(file))
    assert sorted(configured()) == ["energy-c", "energy-perl", "sync-toolbox", "transkun-parangonar"]
    for target in configured().values():
        command = read_command(target)
        script = [word for word in command.parameters["command"].split() if word.endswith((".pl", ".py"))]
        assert all((EXAMPLES / word).is_file() for word in script)
    assert entry("energy-perl").available == (shutil.which("perl") is not None)
