"""The command line: what it prints, what it writes, how it exits; with real plugins, files and signals."""

from __future__ import annotations

import csv
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from io import StringIO
from pathlib import Path

import mido
import numpy as np
import pytest
import soundfile
import typer
from typer.testing import CliRunner, Result

from align_bench.cli import app
from align_bench.results import load_record

RATE = 22050
STRETCH = 1.25
ONSETS = np.arange(8) * 0.5

PLUGIN = """
import time
from pathlib import Path
import numpy as np
from align_bench.types import Alignment

class Mine:
    def __init__(self, stretch: float = 1.25, sleep_s: float = 0.0):
        self.stretch, self.sleep_s = stretch, sleep_s

    def align(self, score, audio):
        time.sleep(self.sleep_s)
        times = np.array([0.0, score.duration])
        return Alignment(times, times * self.stretch)

class Raises(Mine):
    def align(self, score, audio):
        raise RuntimeError("no idea")
"""


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    path = tmp_path / "mine.py"
    path.write_text(PLUGIN)
    return path


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    """Write two recordings of a scale, each played ``STRETCH`` times as slow as its score."""
    root = tmp_path / "scales"
    for name, first in (("low", 48), ("high", 72)):
        write_recording(root / name, first)
    return root


def write_recording(folder: Path, first_pitch: int) -> None:
    folder.mkdir(parents=True)
    track = mido.MidiTrack([mido.MetaMessage("set_tempo", tempo=500_000)])
    samples = np.zeros(int((ONSETS[-1] * STRETCH + 1.0) * RATE))
    rows = ["score_time_sec,performance_time_sec"]
    for i, onset in enumerate(ONSETS):
        track.append(mido.Message("note_on", note=first_pitch + i, velocity=80))
        track.append(mido.Message("note_off", note=first_pitch + i, time=480))
        t = np.arange(RATE // 3) / RATE
        start = int(onset * STRETCH * RATE)
        tone = np.sin(2 * np.pi * 440 * 2 ** ((first_pitch + i - 69) / 12) * t) * np.exp(-6 * t)
        samples[start : start + t.size] += 0.3 * tone
        rows.append(f"{onset:.6f},{onset * STRETCH:.6f}")
    mido.MidiFile(tracks=[track], ticks_per_beat=480).save(folder / "score.mid")
    soundfile.write(folder / "audio.wav", samples, RATE)
    (folder / "truth.csv").write_text("\n".join(rows) + "\n")


def call(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def start(*arguments: object, **options: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "align_bench", *map(str, arguments)]
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,  # type: ignore[call-overload]
    )


def run_all(recordings: Path, plugin: Path, output: Path, *more: object) -> Result:
    return call("run", "-a", f"{plugin}:Mine", "--dataset", recordings, "--output", output, *more)


# Help, start-up


def test_help_is_quick() -> None:
    times = []
    for _ in range(3):
        begin = time.perf_counter()
        subprocess.run([sys.executable, "-m", "align_bench", "--help"], check=True, capture_output=True)
        times.append(time.perf_counter() - begin)
    assert min(times) < 1.0


@pytest.mark.parametrize("what", ["import align_bench", "import align_bench.cli", "--help", "run --help"])
def test_nothing_heavy_is_loaded_before_it_is_needed(what: str) -> None:
    heavy = ("torch", "librosa", "matplotlib", "numba", "partitura", "mirdata", "scipy", "pandas")
    code = (
        what
        if what.startswith("import")
        else f"from align_bench.cli import app\ntry: app({what.split()!r})\nexcept SystemExit: pass"
    )
    code += f"\nimport sys; print('LOADED', [name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "LOADED []"


def test_version_is_that_of_the_package() -> None:
    from importlib.metadata import version

    assert call("--version").output == f"align-bench {version('align-bench')}\n"
    done = start("--version")
    assert done.communicate() == (f"align-bench {version('align-bench')}\n", "")


def commands() -> dict[str, typer.core.TyperCommand]:
    root = typer.main.get_command(app)
    found = dict(root.commands)  # type: ignore[attr-defined]
    found |= {f"list {name}": command for name, command in found.pop("list").commands.items()}
    del found["train"]  # its commands come from plugins
    return found


@pytest.mark.parametrize("name", commands())
def test_every_command_has_help_with_examples_that_parse(name: str) -> None:
    text = call(*name.split(), "--help").output
    examples = re.findall(r"^ +align-bench (.*)$", text, re.MULTILINE)
    assert examples
    for example in examples:
        words = shlex.split(example.partition(" > ")[0])
        owner = next(key for key in commands() if words[: len(key.split())] == key.split())
        commands()[owner].make_context(owner, words[len(owner.split()) :])


# run


def test_run_keeps_records_and_prints_the_table(recordings: Path, plugin: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    result = run_all(recordings, plugin, output, "-a", f"{plugin}:Mine[stretch=1.2]")
    assert result.exit_code == 0, result.output
    rows = {line.split()[0]: line.split() for line in result.stdout.splitlines() if line}
    # 1.2 for 1.25 is late by 0, 25, … 175 ms: 2 of 8 onsets within 25 ms, 3 of 8 within 50 ms.
    assert rows["mine"][1:4] == ["2/2", "100.0", "100.0"]
    assert rows["mine+stretch=1.2"][1:4] == ["2/2", "12.5", "25.0"]
    assert rows["oracle-20ms"][1] == "‡"
    stored = {path.stem: load_record(path) for path in (output / "scales").glob("*.json")}
    assert set(stored) == {"mine", "mine+stretch=1.2", "oracle-20ms"}
    assert stored["mine+stretch=1.2"].aligner.parameters["stretch"] == 1.2


def test_common_parameters_go_to_every_aligner_and_give_way_to_its_own(
    recordings: Path, plugin: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out"
    more = ("-a", f"{plugin}:Mine[stretch=1.2]", "-p", "stretch=1.1", "-p", "sleep_s=0.01", "--no-oracle")
    assert run_all(recordings, plugin, output, *more).exit_code == 0
    found = [load_record(path).aligner.parameters for path in (output / "scales").glob("*.json")]
    assert sorted(parameters["stretch"] for parameters in found) == [1.1, 1.2]
    assert [parameters["sleep_s"] for parameters in found] == [0.01, 0.01]


def test_failed_recordings_are_named_with_their_reason_after_the_table(
    recordings: Path, plugin: Path, tmp_path: Path
) -> None:
    (recordings / "low" / "audio.wav").write_bytes(b"")
    result = run_all(recordings, plugin, tmp_path / "out", "-a", f"{plugin}:Raises")
    assert result.exit_code == 1
    assert re.search(r"^mine +1/2 ", result.stdout, re.MULTILINE)
    assert re.search(r"^raises +0/2 ", result.stdout, re.MULTILINE)
    assert re.search(r"^mine on low: error: .*audio\.wav", result.stderr, re.MULTILINE)
    assert re.search(r"^raises on high: error: RuntimeError: no idea$", result.stderr, re.MULTILINE)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-a", "chroma-dtv"], "aligner must be one of .*got 'chroma-dtv'. Did you mean 'chroma-dtw'"),
        (["-a", "{plugin}:Mine", "--dataset", "mapz"], "dataset must be one of .*Did you mean 'maps'"),
        (["-a", "{plugin}:Mine[strech=1]", "--dataset", "{data}"], "got 'strech'. Did you mean 'stretch'"),
        (["-a", "{plugin}:Mine", "-p", "stretch"], "parameter must be KEY=VALUE, got 'stretch'"),
        (["-a", "{plugin}:Mine", "-p", "=3"], "parameter must be KEY=VALUE, got '=3'"),
        (
            ["-a", "{plugin}:Mine", "--dataset", "{data}", "--rerun", "fail"],
            "rerun must be one of .*'failed'",
        ),
        (["-a", "{plugin}:Mine", "--dataset", "{data}", "--jobs", "0"], "jobs must be >= 1, got 0"),
        (["-a", "{plugin}:Mine", "--dataset", "{data}", "--timeout", "0"], "timeout must be > 0"),
        (["-a", "{plugin}:Mine", "--dataset", "{data}", "--max-memory", "-1"], "max_memory must be > 0"),
        (["-a", "nowhere.py:Mine", "--dataset", "{data}"], "aligner must be in a file, got 'nowhere.py'"),
        (
            ["-a", "{plugin}:Mine", "--dataset", "{data}", "--output", "{plugin}"],
            "Not a directory: .*mine.py",
        ),
    ],
)
def test_wrong_usage_is_one_line_and_exit_2(
    arguments: list[str], message: str, recordings: Path, plugin: Path
) -> None:
    filled = [argument.format(plugin=plugin, data=recordings) for argument in arguments]
    result = call("run", *filled)
    assert result.exit_code == 2, result.output
    assert re.search(rf"^error: .*{message}", result.stderr.splitlines()[-1])
    assert "Traceback" not in result.stderr
    assert result.stdout == ""


def test_ctrl_c_keeps_what_is_finished(recordings: Path, plugin: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    onsets = output / "scales" / "mine+sleep_s=1.5.onsets"
    arguments = ["run", "-a", f"{plugin}:Mine[sleep_s=1.5]", "--dataset", recordings, "--output", output]
    process = start(*arguments)
    deadline = time.monotonic() + 60
    while not list(onsets.glob("*.csv")) and time.monotonic() < deadline:
        time.sleep(0.02)
    (first,) = onsets.glob("*.csv")
    written = first.stat().st_mtime_ns
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=30)
    assert process.returncode == 130, stderr
    assert "stopped; finished recordings are kept, run the same command again to go on\n" in stderr
    assert "Traceback" not in stderr
    assert call(*arguments).exit_code == 0
    assert len(list(onsets.glob("*.csv"))) == 2
    assert first.stat().st_mtime_ns == written


def test_memory_is_given_in_gib(recordings: Path, plugin: Path, tmp_path: Path) -> None:
    assert run_all(recordings, plugin, tmp_path / "out", "--max-memory", "8").exit_code == 0


# leaderboard, table1, show


def test_leaderboard_formats_agree_with_the_api(recordings: Path, plugin: Path, tmp_path: Path) -> None:
    from align_bench.leaderboard import leaderboard

    output = tmp_path / "out"
    run_all(recordings, plugin, output)
    for form in ("text", "markdown", "csv", "latex"):
        result = call("leaderboard", output, "--format", form)
        assert result.exit_code == 0
        assert result.stdout == leaderboard(output, form)
    (mine, oracle) = sorted(
        csv.DictReader(StringIO(leaderboard(output, "csv"))), key=lambda row: row["aligner"]
    )
    assert (mine["accuracy_10ms"], mine["n_ok"], oracle["aligner"]) == ("100.0", "2", "oracle-20ms")


def test_reports_need_records(tmp_path: Path) -> None:
    for command in ("leaderboard", "table1"):
        result = call(command, tmp_path)
        assert result.exit_code == 2
        assert result.stderr.startswith("error: results must hold records, got none")
    result = call("show", tmp_path / "none.json")
    assert result.exit_code == 2
    assert result.stderr.startswith("error: record must be a readable file")


def test_table1_needs_one_of_the_four(recordings: Path, plugin: Path, tmp_path: Path) -> None:
    run_all(recordings, plugin, tmp_path / "out")
    result = call("table1", tmp_path / "out")
    assert result.exit_code == 2
    assert "records must hold one of siamese-stft-binary" in result.stderr


def test_show_explains_a_record(recordings: Path, plugin: Path, tmp_path: Path) -> None:
    (recordings / "low" / "audio.wav").write_bytes(b"")
    run_all(recordings, plugin, tmp_path / "out")
    result = call("show", tmp_path / "out" / "scales" / "mine.json")
    assert result.exit_code == 0
    assert re.search(r"^aligner +mine \(.*mine\.py:Mine\)$", result.stdout, re.MULTILINE)
    assert re.search(r"^parameters +stretch=1\.25, sleep_s=0\.0$", result.stdout, re.MULTILINE)
    assert re.search(r"^high +\S+ +ok +100\.0 ", result.stdout, re.MULTILINE)
    assert re.search(r"^low +\S+ +error +– ", result.stdout, re.MULTILINE)
    assert "1 of 2 recordings aligned" in result.stdout
    assert re.search(r"^mine on low: error: ", result.stdout, re.MULTILINE)


def test_a_closed_pipe_is_not_an_error(recordings: Path, plugin: Path, tmp_path: Path) -> None:
    run_all(recordings, plugin, tmp_path / "out")
    reader, writer = os.pipe()
    os.close(reader)
    process = subprocess.Popen(
        [sys.executable, "-m", "align_bench", "leaderboard", str(tmp_path / "out")],
        stdout=writer,
        stderr=subprocess.PIPE,
    )
    os.close(writer)
    _, stderr = process.communicate(timeout=60)
    assert (process.returncode, stderr) == (141, b"")


def test_a_terminal_without_unicode_gets_a_table(recordings: Path, plugin: Path, tmp_path: Path) -> None:
    run_all(recordings, plugin, tmp_path / "out")
    environment = os.environ | {"PYTHONIOENCODING": "latin-1"}
    stdout, stderr = start("leaderboard", tmp_path / "out", env=environment).communicate(timeout=60)
    assert stderr == ""
    assert "?50 ms [95 % CI]" in stdout


# verify, score


def test_verify_tells_what_differs(recordings: Path, plugin: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    run_all(recordings, plugin, output)
    record = output / "scales" / "mine.json"
    full = ("verify", record, "--data-home", recordings, "-a", f"{plugin}:Mine", "--sample", "2")
    good = call(*full)
    assert good.exit_code == 0, good.output
    assert re.search(r"^same +onsets of high, low, aligned again$", good.stdout, re.MULTILINE)
    assert good.stdout.splitlines()[-1] == "mine on scales is as it says"
    plugin.write_text(PLUGIN.replace("times * self.stretch", "times * self.stretch + 0.5"))
    bad = call(*full)
    assert bad.exit_code == 1
    assert re.search(r"^DIFFERENT +high: onsets differ by up to 500\.000 ms; acc", bad.stdout, re.MULTILINE)
    unasked = call("verify", record, "--data-home", recordings)
    assert unasked.exit_code == 1
    assert re.search(r"^NOT CHECKED +aligner: .* name it with --aligner\.$", unasked.stdout, re.MULTILINE)
    assert call("verify", record, "--sample", "0").exit_code == 0
    assert call("verify", record, "--sample", "-1").exit_code == 2
    assert call("verify", tmp_path / "none.json").exit_code == 2


def test_score_holds_conventions_side_by_side(recordings: Path, plugin: Path, tmp_path: Path) -> None:
    from align_bench.leaderboard.rescoring import rescore

    output = tmp_path / "out"
    run_all(recordings, plugin, output, "-a", f"{plugin}:Mine[stretch=1.2]")
    assert call("score", output).stdout == rescore(output)
    options = ("-c", "pooled", "-c", "accuracy_25ms", "--tolerance", "100", "--format", "markdown")
    result = call("score", output, *options)
    expected = rescore(output, ["pooled", "accuracy_25ms"], tolerance_ms=100, format="markdown")
    assert (result.exit_code, result.stdout) == (0, expected)
    # 0, 25, … 175 ms late: 5 of 8 onsets within 100 ms.
    assert re.search(r"mine\+stretch=1\.2 *\| *62\.5 \(2\) *\| *25\.0 \(2\) *\|", result.stdout)
    wrong = call("score", output, "-c", "poled")
    assert wrong.exit_code == 2
    assert "Did you mean 'pooled'" in wrong.stderr


def test_score_takes_onsets_made_elsewhere(recordings: Path, plugin: Path, tmp_path: Path) -> None:
    """The onsets that align writes are estimates."""
    estimates, output = tmp_path / "estimates", tmp_path / "out"
    for name in ("low", "high"):
        files = (recordings / name / "score.mid", recordings / name / "audio.wav")
        call("align", *files, "-a", f"{plugin}:Mine", "-p", "stretch=1.2", "-o", estimates / f"{name}.csv")
    command = ("score", estimates, "--dataset", recordings, "--name", "elsewhere", "--output", output)
    result = call(*command, "--trained-on", "low")
    assert result.exit_code == 0, result.output
    # As mine+stretch=1.2 above.
    assert re.search(r"^elsewhere † +2/2 +12\.5 +25\.0 ", result.stdout, re.MULTILINE)
    assert load_record(output / "scales" / "elsewhere.json").aligner.trained_on == ["low"]
    (estimates / "low.csv").rename(estimates / "lwo.csv")
    result = call(*command)
    assert result.exit_code == 1
    assert "Belong to no recording of scales: lwo.csv\n" in result.stderr
    assert "elsewhere on low: error: estimates must be there, got no file low.csv." in result.stderr
    assert re.search(r"^elsewhere +1/2 ", result.stdout, re.MULTILINE)


def test_score_of_estimates_needs_a_name(recordings: Path, tmp_path: Path) -> None:
    result = call("score", tmp_path, "--dataset", recordings)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == "error: name must be given with --dataset, got none. Add --name.\n"


def test_the_record_quotes_the_command_without_directories(
    recordings: Path, plugin: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out"
    process = start("run", "-a", f"{plugin}:Mine", "--dataset", recordings, "--output", output)
    assert process.communicate(timeout=60)[0]
    assert process.returncode == 0
    quoted = "align-bench run -a mine.py:Mine --dataset scales --output out"
    assert load_record(output / "scales" / "mine.json").command == quoted


def test_an_error_before_the_run_is_one_line(recordings: Path, plugin: Path) -> None:
    _, stderr = start("run", "-a", f"{plugin}:Mine[strech=1]", "--dataset", recordings).communicate(
        timeout=60
    )
    assert stderr.startswith("error: parameter of ")
    assert stderr.count("\n") == 1


# align


def test_align_prints_when_each_onset_sounds(recordings: Path, plugin: Path) -> None:
    folder = recordings / "low"
    result = call("align", folder / "score.mid", folder / "audio.wav", "-a", f"{plugin}:Mine")
    assert result.exit_code == 0, result.stderr
    rows = list(csv.DictReader(StringIO(result.stdout)))
    assert list(rows[0]) == ["score_time_s", "performance_time_s", "pitches"]
    assert [float(row["score_time_s"]) for row in rows] == pytest.approx(ONSETS.tolist())
    assert [float(row["performance_time_s"]) for row in rows] == pytest.approx((ONSETS * STRETCH).tolist())
    assert [row["pitches"] for row in rows] == [str(48 + i) for i in range(8)]


def test_align_lists_all_pitches_of_a_chord(plugin: Path, recordings: Path, tmp_path: Path) -> None:
    notes = [mido.Message("note_on", note=note, velocity=80) for note in (67, 60, 64)]
    ends = [mido.Message("note_off", note=note, time=480 * (note == 67)) for note in (67, 60, 64)]
    mido.MidiFile(tracks=[mido.MidiTrack([*notes, *ends])]).save(tmp_path / "chord.mid")
    result = call("align", tmp_path / "chord.mid", recordings / "low" / "audio.wav", "-a", f"{plugin}:Mine")
    assert result.stdout.splitlines()[1:] == ["0.000000,0.000000,60 64 67"]


def test_align_unfolds_repeats_on_request(plugin: Path, recordings: Path, tmp_path: Path) -> None:
    pitches = [f"<pitch><step>{step}</step><octave>4</octave></pitch>" for step in "CDEF"]
    notes = [f"<note>{pitch}<duration>1</duration></note>" for pitch in pitches]
    repeat = '<barline location="right"><repeat direction="backward"/></barline>'
    head = "<attributes><divisions>1</divisions></attributes>"
    measures = (head + "".join(notes[:3]) + repeat, notes[3])
    body = "".join(f'<measure number="{i}">{measure}</measure>' for i, measure in enumerate(measures, 1))
    part_list = '<part-list><score-part id="P1"><part-name>Piano</part-name></score-part></part-list>'
    score = tmp_path / "repeat.musicxml"
    score.write_text(f'<score-partwise>{part_list}<part id="P1">{body}</part></score-partwise>')
    files = ("align", score, recordings / "low" / "audio.wav", "-a", f"{plugin}:Mine")
    for options, pitches in (((), [60, 62, 64, 65]), (("--unfold-repeats",), [60, 62, 64, 60, 62, 64, 65])):
        result = call(*files, *options)
        assert [int(line.split(",")[2]) for line in result.stdout.splitlines()[1:]] == pitches


def test_align_takes_parameters_and_writes_a_file(recordings: Path, plugin: Path, tmp_path: Path) -> None:
    folder, target = recordings / "low", tmp_path / "deep" / "onsets.csv"
    files = (folder / "score.mid", folder / "audio.wav")
    result = call("align", *files, "-a", f"{plugin}:Mine", "-p", "stretch=1", "-o", target)
    assert (result.exit_code, result.output) == (0, "")
    assert target.read_text().splitlines()[-1] == "3.500000,3.500000,55"


def test_a_failed_align_leaves_the_old_file_alone(recordings: Path, plugin: Path, tmp_path: Path) -> None:
    folder, target = recordings / "low", tmp_path / "onsets.csv"
    target.write_text("kept")
    files = (folder / "score.mid", folder / "audio.wav")
    result = call("align", *files, "-a", f"{plugin}:Raises", "-o", target)
    assert result.exit_code == 2
    assert "RuntimeError: no idea" in result.stderr
    assert target.read_text() == "kept"
    assert [path.name for path in tmp_path.iterdir() if path.suffix in (".csv", ".tmp")] == ["onsets.csv"]


@pytest.mark.parametrize("missing", ["score.mid", "audio.wav"])
def test_align_names_the_file_that_is_not_there(missing: str, recordings: Path, plugin: Path) -> None:
    folder = recordings / "low"
    (folder / missing).unlink()
    result = call("align", folder / "score.mid", folder / "audio.wav", "-a", f"{plugin}:Mine")
    assert result.exit_code == 2
    assert missing in result.stderr
    assert result.stderr.count("\n") == 1


# list, validate, check, train


def test_list_names_every_aligner_and_dataset() -> None:
    from align_bench.aligners.registry import list_aligners
    from align_bench.datasets import list_datasets

    aligners, datasets = call("list", "aligners"), call("list", "datasets")
    assert aligners.exit_code == datasets.exit_code == 0
    assert [line.split()[0] for line in aligners.stdout.splitlines()] == [e.name for e in list_aligners()]
    assert [line.split()[0] for line in datasets.stdout.splitlines()] == list(list_datasets())


def test_list_tells_why_an_aligner_cannot_be_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch, "align_bench.aligners", "ghost = no_such_module:Ghost")
    line = next(line for line in call("list", "aligners").stdout.splitlines() if line.startswith("ghost"))
    assert re.search(r"^ghost +NOT AVAILABLE: .*no_such_module", line)


def test_validate_tells_what_is_missing(recordings: Path) -> None:
    assert call("validate", "--dataset", recordings).exit_code == 0
    (recordings / "low" / "audio.wav").unlink()
    result = call("validate", "--dataset", recordings)
    assert result.exit_code == 1
    assert "low" in result.stdout


def test_validate_can_name_every_file(tmp_path: Path) -> None:
    short, long = (
        call("validate", "--dataset", "maps", "--data-home", tmp_path, *more) for more in ([], ["--all"])
    )
    assert (short.exit_code, long.exit_code) == (1, 1)
    assert len(long.stdout.splitlines()) > 60 > len(short.stdout.splitlines())


def test_check_holds_a_plugin_to_the_contract(plugin: Path) -> None:
    good, bad = (call("check", "-a", f"{plugin}:{name}") for name in ("Mine[stretch=1.1]", "Raises"))
    assert good.exit_code == 0, good.output
    assert {line.split()[0] for line in good.stdout.splitlines()} == {"ok"}
    assert bad.exit_code == 1
    assert re.search(r"^FAIL +aligns-a-scale: RuntimeError: no idea$", bad.stdout, re.MULTILINE)


def install(folder: Path, monkeypatch: pytest.MonkeyPatch, group: str, line: str) -> None:
    """Make a distribution with one entry point, as pip leaves it, and put it on the path."""
    info = folder / "plugin-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: plugin\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{group}]\n{line}\n")
    monkeypatch.syspath_prepend(folder)


TRAINER = """
import json
import typer

def train(epochs: int = 3, name: str = "x") -> None:
    "Train a thing."
    print(json.dumps([epochs, name]))

app = typer.Typer()

@app.command()
def first(rate: float) -> None:
    print("first", rate)

@app.command()
def second() -> None:
    print("second")
"""


def test_trainers_are_functions_or_typer_apps_from_entry_points(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "trainers_of_a_plugin.py").write_text(TRAINER)
    lines = "one = trainers_of_a_plugin:train\nmany = trainers_of_a_plugin:app\ngone = not_there:app"
    install(tmp_path, monkeypatch, "align_bench.trainers", lines)
    assert json.loads(call("train", "one", "--epochs", "7").output) == [7, "x"]
    assert call("train", "many", "first", "0.5").output == "first 0.5\n"
    assert "Train a thing." in call("train", "one", "--help").output
    assert call("train", "one", "--epochs", "many").exit_code == 2
    gone = call("train", "gone")
    assert gone.exit_code == 2
    assert gone.stderr.startswith("error: trainer gone must be importable, got ModuleNotFoundError")
    unknown = call("train", "mny")
    assert unknown.exit_code == 2
    assert re.search(r"^error: trainer must be one of .*got 'mny'. Did you mean 'many'", unknown.stderr)


def test_listing_trainers_imports_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a_heavy_trainer.py").write_text("raise SystemExit('imported')")
    install(tmp_path, monkeypatch, "align_bench.trainers", "heavy = a_heavy_trainer:train")
    result = call("train", "--help")
    assert result.exit_code == 0
    assert re.search(r"^ +heavy +a_heavy_trainer:train$", result.stdout, re.MULTILINE)
