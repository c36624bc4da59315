"""What verify notices: edited scores, onsets, audio and truth, another aligner; and what it never runs."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from folder_dataset import write_folder

from align_bench.datasets import load
from align_bench.errors import UsageError
from align_bench.estimates import score_estimates
from align_bench.results import RecordError, load_onsets, load_record, onsets_path, save_onsets
from align_bench.runner import run
from align_bench.verify import Verification, verify

PLUGIN = """
from align_bench.types import Alignment

class Late:
    def __init__(self, delay_s: float = 0.0):
        self.delay_s = delay_s

    def align(self, score, audio):
        if audio.duration > 2.9:
            raise RuntimeError("too long for me")
        return Alignment([0.0, 2.5], [self.delay_s, audio.duration])
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make three recordings, with records of a registered aligner, a plugin, estimates and the oracle."""
    root = tmp_path_factory.mktemp("verify")
    data = write_folder(root / "mine", 3)
    (root / "late.py").write_text(PLUGIN)
    plugin = (f"{root / 'late.py'}:Late", {"delay_s": 0.1})
    run(["linear", plugin], data, output=root / "out", progress=False, isolate=False)
    (root / "estimates").mkdir()
    for name in ("r0", "r1"):
        text = (data / name / "truth.csv").read_text().replace("_sec", "_s")
        (root / "estimates" / f"{name}.csv").write_text(text)
    score_estimates(root / "estimates", load(data), "elsewhere", output=root / "out")
    return root


@pytest.fixture
def home(made: Path, tmp_path: Path) -> Path:
    """Return a copy that a test may spoil."""
    return Path(shutil.copytree(made, tmp_path / "copy"))


def record_of(home: Path, name: str = "linear") -> Path:
    (path,) = (home / "out" / "mine").glob(f"{name}*.json")
    return path


def edit(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    data = json.loads(path.read_text())
    change(data)
    path.write_text(json.dumps(data))


def check(home: Path, name: str = "linear", **options: Any) -> Verification:
    return verify(record_of(home, name), data_home=home / "mine", **options)


@pytest.mark.parametrize("name", ["linear", "oracle-20ms", "elsewhere"])
def test_what_was_left_alone_is_as_it_says(made: Path, name: str) -> None:
    found = check(made, name, sample=3)
    assert found.ok, found.lines()
    assert found.lines()[-1] == f"{name} on mine is as it says"
    again = "onsets of r0, r1, r2, aligned again"
    assert (again in found.same) == (name != "elsewhere")


def test_audio_and_score_were_compared(made: Path) -> None:
    assert "ground truth of 3 recordings, audio and score of 3 recordings" in check(made).same


def test_a_recording_that_failed_fails_again(made: Path) -> None:
    assert load_record(record_of(made, "late")).n_ok == 2
    found = check(made, "late", aligner=f"{made / 'late.py'}:Late")
    assert found.ok, found.lines()
    assert "onsets of r0, r1, r2, aligned again" in found.same


def test_the_scores_alone_need_neither_dataset_nor_aligner(home: Path) -> None:
    shutil.rmtree(home / "mine")
    (home / "late.py").unlink()
    found = verify(record_of(home, "late"), sample=0)
    assert found.ok
    assert found.same == ["scores of 2 recordings, computed again from their onsets"]


def set_score(key: str, value: object) -> Callable[[dict[str, Any]], object]:
    return lambda data: data["recordings"][1]["scores"].update({key: value})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (set_score("accuracy_50ms", 0.987), "r1: accuracy_50ms is 0.987, but "),
        (set_score("accuracy_50ms", None), "r1: accuracy_50ms is None, but "),
        (set_score("accuracy_51ms", 1.0), "r1: accuracy_51ms is no metric"),
        (lambda data: data["recordings"][1]["scores"].pop("time_err_s"), "r1: time_err_s is missing"),
        (lambda data: data["recordings"][1].update(scores={}), r"r1: accuracy_10ms is missing (and "),
        (
            lambda data: data["recordings"][1].update(n_onsets=500),
            "r1: n_onsets is 500, but 5 onsets are there",
        ),
        (lambda data: data["recordings"].append(data["recordings"][1]), "r1: is there twice"),
        (
            lambda data: data["recordings"][1].update(status="error"),
            "r1: has scores, though its status is error",
        ),
        (lambda data: data["recordings"][1].update(id="../r1"), "../r1: onsets must be a CSV file, got "),
        (lambda data: data["aligner"].update(trained_on=["r1"]), "r1: is not marked as trained on"),
        (lambda data: data["recordings"][1].update(leaked=True), "r1: is marked as trained on"),
    ],
)
def test_an_edited_record_does_not_follow_from_its_onsets(
    home: Path, change: Callable[[dict[str, Any]], object], message: str
) -> None:
    edit(record_of(home), change)
    found = check(home, sample=0)
    assert not found.ok
    assert found.different[0].startswith(message), found.different
    assert len(found.different) == 1
    assert found.lines()[-1] == "linear on mine differs"


@pytest.mark.parametrize("distance", [1e-9, 1e-14])
def test_the_last_bits_of_a_sum_are_forgiven_and_nothing_more(home: Path, distance: float) -> None:
    def move(data: dict[str, Any]) -> None:
        data["recordings"][1]["scores"]["mean_abs_deviation_s"] += distance

    edit(record_of(home), move)
    assert check(home, sample=0).ok == (distance < 1e-12)


def test_a_metric_that_did_not_exist_then_is_not_missed(home: Path) -> None:
    def age(data: dict[str, Any]) -> None:
        data["align_bench_version"] = "0.0.1"
        del data["recordings"][1]["scores"]["time_err_s"]

    edit(record_of(home), age)
    assert check(home, sample=0).ok


def test_lost_onsets_are_told(home: Path) -> None:
    onsets_path(record_of(home), "r2").unlink()
    found = check(home, sample=0)
    assert found.different[0].startswith("r2: onsets must be a CSV file, got ")
    assert not found.same


def test_a_record_that_was_published_without_onsets_is_aligned_again(home: Path) -> None:
    shutil.rmtree(onsets_path(record_of(home), "r0").parent)
    found = check(home, sample=3)
    assert "scores of r0, r1, r2, aligned again" in found.same
    assert "audio and score of 3 recordings" in found.same
    assert not found.different
    (unchecked,) = found.unchecked
    assert unchecked.startswith("scores: the onsets that they are computed from do not lie beside")
    edit(record_of(home), set_score("accuracy_50ms", 0.987))
    (different,) = check(home, sample=3).different
    assert different.startswith("r1: accuracy_50ms was 0.987, is ")
    edit(record_of(home), lambda data: data["recordings"][1].update(leaked=True))
    assert "r1: is marked as trained on" in check(home, sample=0).different[0]


def test_onsets_and_scores_that_were_edited_together_are_found_by_aligning_again(home: Path) -> None:
    """The forger put the truth in the place of one estimate, and computed the scores from it."""
    from align_bench.metrics import evaluate

    path = record_of(home, "late")
    score, reference, estimated = load_onsets(onsets_path(path, "r0"))
    assert np.abs(estimated - reference).max() == pytest.approx(0.1)
    save_onsets(onsets_path(path, "r0"), score, reference, reference)
    edit(path, lambda data: data["recordings"][0].update(scores=dict(evaluate(score, reference, reference))))
    assert check(home, "late", sample=0).ok
    (different,) = check(home, "late", aligner=f"{home / 'late.py'}:Late").different
    assert different.startswith("r0: onsets differ by up to 100.000 ms; accuracy_50ms was 1.0, is 0.4")


def test_truth_that_was_moved_is_noticed(home: Path) -> None:
    path = home / "mine" / "r1" / "truth.csv"
    path.write_text(path.read_text().replace("0.550000", "0.551000"))
    found = check(home)
    assert "r1: ground truth is not the one that it was scored with" in found.different
    assert any(line.startswith("index hash of the dataset was ") for line in found.different)


def test_audio_that_was_changed_is_noticed_where_the_index_is_not(home: Path) -> None:
    """One sample in the middle: name and size of the file stay, and with them the index of a folder."""
    path = home / "mine" / "r1" / "audio.wav"
    samples, rate = soundfile.read(path, dtype="int16")
    samples[100] += 1
    soundfile.write(path, samples, rate)
    found = check(home)
    assert found.different == ["r1: audio is not the one that was aligned"]


def test_the_same_samples_in_another_format_are_the_same_audio(home: Path) -> None:
    folder = home / "mine" / "r1"
    samples, rate = soundfile.read(folder / "audio.wav", dtype="int16")
    soundfile.write(folder / "audio.flac", samples, rate)
    (folder / "audio.wav").unlink()
    assert [line for line in check(home).different if "r1" in line] == []


def test_a_score_that_was_changed_is_noticed(home: Path) -> None:
    data = bytearray((home / "mine" / "r1" / "score.mid").read_bytes())
    data[data.index(bytes([0x90, 62])) + 1] = 74  # D becomes D an octave above
    data[data.index(bytes([0x80, 62])) + 1] = 74
    (home / "mine" / "r1" / "score.mid").write_bytes(data)
    assert "r1: score is not the one that was aligned" in check(home).different


def test_a_recording_that_cannot_be_read_is_told(home: Path) -> None:
    (home / "mine" / "r1" / "audio.wav").write_bytes(b"RIFF")
    assert any(line.startswith("r1: audio must be WAV") for line in check(home).different)


def test_a_recording_that_is_gone_is_not_checked(home: Path) -> None:
    shutil.rmtree(home / "mine" / "r1")
    found = check(home)
    assert "r1: is not in the dataset at hand" in found.unchecked


def test_a_dataset_that_is_not_there_is_not_checked(home: Path) -> None:
    found = verify(record_of(home))
    assert not found.ok
    assert "Say where it is with --data-home" in found.unchecked[0]
    assert found.same == ["scores of 3 recordings, computed again from their onsets"]
    assert found.lines()[-1] == "linear on mine could not be checked in full"
    found = verify(record_of(home), data_home=home / "nowhere")
    assert "dataset must be a directory" in found.unchecked[0]


def test_another_aligner_under_the_same_name_is_noticed(home: Path) -> None:
    plugin = home / "late.py"
    plugin.write_text(PLUGIN.replace("self.delay_s, audio", "self.delay_s + 0.2, audio"))
    found = check(home, "late", aligner=f"{plugin}:Late")
    assert [line.split(";")[0] for line in found.different] == [
        "r0: onsets differ by up to 200.000 ms",
        "r1: onsets differ by up to 200.000 ms",
    ]
    assert any(line.startswith("code of the aligner was ") for line in found.notes)


def test_an_aligner_that_now_fails_is_noticed(home: Path) -> None:
    plugin = home / "late.py"
    plugin.write_text(PLUGIN.replace("> 2.9", "> 2.6"))
    found = check(home, "late", aligner=f"{plugin}:Late")
    assert found.different == ["r1: was ok, is error RuntimeError: too long for me"]


def test_the_parameters_are_those_of_the_record(home: Path) -> None:
    edit(record_of(home, "late"), lambda data: data["aligner"]["parameters"].update(delay_s=0.3))
    found = check(home, "late", aligner=f"{home / 'late.py'}:Late")
    assert "r0: onsets differ by up to 200.000 ms" in found.different[0]


def test_more_training_data_than_stated_is_noticed(home: Path) -> None:
    plugin = home / "late.py"
    plugin.write_text(PLUGIN.replace("class Late:", "class Late:\n    trained_on = ('r0',)"))
    found = check(home, "late", aligner=f"{plugin}:Late")
    assert "trained_on is not what the aligner says" in found.different


@pytest.mark.parametrize(
    "target", ["{home}/trap.py:Trap", "trap:Trap", "cmd: touch {home}/sprung", "", "linear"]
)
def test_what_a_record_names_is_not_run_unasked(
    home: Path, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "trap.py").write_text("import pathlib\npathlib.Path(__file__).with_name('sprung').touch()\n")
    monkeypatch.syspath_prepend(home)
    edit(record_of(home), lambda data: data["aligner"].update(target=target.format(home=home)))
    found = check(home)
    assert not (home / "sprung").exists()
    assert "is not run unasked. If you trust it, name it with --aligner" in found.unchecked[0]
    assert not found.ok


def test_a_sample_is_as_large_as_asked(made: Path) -> None:
    (again,) = (line for line in check(made, sample=1).same if line.endswith(", aligned again"))
    assert again in [f"onsets of r{i}, aligned again" for i in range(3)]


def test_a_time_out_is_not_run_again(home: Path) -> None:
    edit(record_of(home), lambda data: data["recordings"][1].update(status="timeout", scores={}))
    assert "onsets of r0, r2, aligned again" in check(home).same


def test_what_differs_around_it_is_a_note(home: Path) -> None:
    def age(data: dict[str, Any]) -> None:
        data["versions"]["numpy"] = "1.0"
        data["synthesiser"] = {"synthesiser": "a music box"}

    edit(record_of(home), age)
    found = check(home)
    assert found.ok
    assert f"numpy was 1.0, is {np.__version__}" in found.notes
    assert any(note.startswith("synthesiser was {'synthesiser': 'a music box'}, is ") for note in found.notes)


def test_a_record_is_not_changed_by_looking_at_it(home: Path) -> None:
    before = {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}
    check(home)
    assert {path: path.read_bytes() for path in home.rglob("*") if path.is_file()} == before


def test_many_findings_are_cut_short_and_cannot_drive_a_terminal(home: Path) -> None:
    def spoil(data: dict[str, Any]) -> None:
        row = data["recordings"][0]
        data["recordings"] = [row | {"id": f"\x1b[2J{i}", "status": "error"} for i in range(30)]

    edit(record_of(home), spoil)
    found = check(home, sample=0)
    lines = found.lines()
    assert "DIFFERENT    and 20 more" in lines
    found.different = found.different[:10]
    assert not any(line.startswith("DIFFERENT    and ") for line in found.lines())
    assert "\x1b" not in "".join(lines)


def test_a_folder_of_the_name_of_a_dataset_is_a_folder(home: Path) -> None:
    data = home / "demo"
    (home / "mine").rename(data)
    run("linear", data, output=home / "out", progress=False, isolate=False, oracle=False)
    assert verify(home / "out" / "demo" / "linear.json", data_home=data).ok
    assert "folder of somebody's own" in verify(home / "out" / "demo" / "linear.json").unchecked[0]


def test_no_record_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="record must be a readable file"):
        verify(tmp_path / "none.json")


def test_a_negative_sample_is_refused(made: Path) -> None:
    with pytest.raises(UsageError, match="sample must be >= 0, got -1"):
        check(made, sample=-1)


@pytest.fixture
def command(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the record of an aligner that is a command in a table of the user's."""
    (home / "go.py").write_text(
        "import sys\nopen(sys.argv[1], 'w').write('score_time_s,performance_time_s\\n0,0\\n2,2\\n')\n"
    )
    table = f'[aligners.go]\ncommand = "{sys.executable} go.py {{output}} {{score}} {{audio}}"\n'
    (home / "align-bench.toml").write_text(table)
    monkeypatch.chdir(home)
    run("go", home / "mine", output=home / "out", progress=False, isolate=False, oracle=False)
    return record_of(home, "go")


def test_a_command_of_the_users_own_table_is_run_again(command: Path, home: Path) -> None:
    found = check(home, "go")
    assert found.ok, found.lines()
    assert "onsets of r0, r1, r2, aligned again" in found.same


@pytest.mark.parametrize(
    "parameters",
    [
        {"command": "touch sprung {score} {audio} {output}"},
        {"environment": {"PYTHONSTARTUP": "trap.py"}},
        {"python": "/bin/touch"},
        {"directory": "/"},
    ],
)
def test_a_record_cannot_put_another_command_in_its_place(
    command: Path, home: Path, parameters: dict[str, Any]
) -> None:
    edit(command, lambda data: data["aligner"]["parameters"].update(parameters))
    found = check(home, "go")
    assert not (home / "sprung").exists()
    (name,) = parameters
    assert found.unchecked[0].startswith(f"aligner: parameter {name} of go must be "), found.lines()
