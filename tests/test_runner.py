"""Runs: a row for every recording, nothing lost, nothing done twice, results that can be computed again."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import soundfile
from tiny_dataset import make_collection, make_reference, make_score

import align_bench
from align_bench.aligners import process as process_module
from align_bench.datasets.base import Collection
from align_bench.errors import InvalidInputError, UsageError
from align_bench.metrics import evaluate
from align_bench.provenance import commit
from align_bench.results import Record, load_onsets, load_record, onsets_path
from align_bench.runner import run
from align_bench.types import Alignment, Audio, Recording, Reference, Score
from align_bench.work import Queue

PLUGINS = Path(__file__).parent / "plugins"
RATE = 8000


def plugin(file: str, cls: str) -> str:
    return f"{PLUGINS / file}.py:{cls}"


STRAIGHT = plugin("straight", "Straight")


def no_reference() -> Reference:
    raise InvalidInputError("truth.csv must have columns, got none.")


@pytest.fixture
def collection(tmp_path: Path):
    """Return a function that writes the audio of `make_collection` and returns it."""

    def make(n: int) -> Collection:
        (tmp_path / "audio").mkdir(exist_ok=True)
        for i in range(n):
            noise = np.random.default_rng(i).normal(scale=0.1, size=round(RATE * 2.5 * (1.0 + i / 100)))
            soundfile.write(tmp_path / "audio" / f"{i:03d}.wav", noise, RATE)
        return make_collection(tmp_path / "audio", n)

    return make


@pytest.fixture
def quick(tmp_path: Path):
    """Return `run` into a directory of this test, without a progress bar."""
    return partial(run, output=tmp_path / "out", progress=False)


def comparable(record: Record) -> dict:
    """Return what must not depend on when and how a record was made."""
    data = record.model_dump(mode="json", exclude={"created"})
    for row in data["recordings"]:
        del row["seconds"], row["cold"]
    return data


def test_a_run_writes_a_record_an_aligner_and_the_oracle(collection, quick, tmp_path: Path):
    data = collection(3)
    records = quick([STRAIGHT, (STRAIGHT, {"delay_s": 0.2})], data)
    assert [record.aligner.name for record in records] == ["straight", "straight+delay_s=0.2", "oracle-20ms"]
    for record in records:
        path = tmp_path / "out" / "tiny" / f"{record.aligner.name}.json"
        assert load_record(path) == record
        assert [row.id for row in record.recordings] == ["000", "001", "002"]
        assert record.n_ok == 3
        assert record.oracle == (record.aligner.name == "oracle-20ms")
    straight = records[0]
    assert straight.dataset.ground_truth == "exact by construction"
    assert straight.dataset.index_sha256 == "abc"
    assert straight.aligner.parameters == {"delay_s": 0.0, "mode": "even"}
    assert straight.aligner.target == STRAIGHT
    assert len(straight.aligner.code_sha256 or "") == 64
    assert straight.versions["numpy"] == np.__version__
    assert straight.recordings[2].metadata == {"number": 2}
    assert straight.recordings[2].info == {"mode": "even"}
    assert straight.recordings[2].n_onsets == 5
    assert straight.recordings[2].audio_seconds == pytest.approx(2.55)


def test_scores_are_those_of_the_known_deviation(collection, quick):
    """The straight line is the truth here, and 0.1 s late at the start where it is delayed by that much."""
    exact, late = quick([STRAIGHT, (STRAIGHT, {"delay_s": 0.1})], collection(1), oracle=False)
    assert exact.recordings[0].scores["mean_abs_deviation_s"] == pytest.approx(0.0, abs=1e-12)
    # Onsets at 0, 0.5 ... 2 of 2.5 s: the delay shrinks linearly from 0.1 s to 0.02 s.
    scores = late.recordings[0].scores
    assert scores["mean_deviation_s"] == pytest.approx(np.mean([0.1, 0.08, 0.06, 0.04, 0.02]))
    assert scores["accuracy_50ms"] == pytest.approx(2 / 5)


def test_every_score_can_be_computed_again_from_the_onsets(collection, quick, tmp_path: Path):
    (record,) = quick((STRAIGHT, {"delay_s": 0.1}), collection(2), oracle=False)
    for row in record.recordings:
        onsets = load_onsets(onsets_path(tmp_path / "out/tiny/straight+delay_s=0.1.json", row.id))
        assert dict(evaluate(*onsets)) == row.scores


def test_the_oracle_is_the_truth_on_its_grid(collection, quick, tmp_path: Path):
    oracle = quick(STRAIGHT, collection(4))[-1]
    for row in oracle.recordings:
        _, reference, estimated = load_onsets(onsets_path(tmp_path / "out/tiny/oracle-20ms.json", row.id))
        np.testing.assert_allclose(estimated / 0.02, np.round(estimated / 0.02), atol=1e-9)
        assert np.abs(estimated - reference).max() <= 0.01 + 1e-12


def test_jobs_processes_and_none_give_the_same_record(collection, quick, tmp_path: Path):
    data = collection(7)
    ways = [{}, {"jobs": 3}, {"isolate": False}]
    records = [quick(STRAIGHT, data, output=tmp_path / str(i), **way)[0] for i, way in enumerate(ways)]
    assert comparable(records[0]) == comparable(records[1]) == comparable(records[2])


def test_jobs_share_the_work_and_the_cores(
    collection, quick, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    diary = tmp_path / "diary"
    quick((plugin("counts", "Counts"), {"diary": str(diary), "seconds": 0.2}), collection(12), jobs=2)
    lines = [line.split() for line in diary.read_text().splitlines()]
    assert len({name for name, _, _ in lines}) == 12
    assert len({pid for _, pid, _ in lines}) == 2
    assert {threads for _, _, threads in lines} == {str(max(1, (os.cpu_count() or 1) // 2))}


def test_broken_recordings_are_rows_and_the_others_go_on(collection, quick, tmp_path: Path):
    good = collection(2).recordings
    corrupt = tmp_path / "corrupt.wav"
    corrupt.write_bytes(b"RIFF????WAVEjunk")
    broken = [
        Recording("bad-audio", "p", make_score, partial(Audio.load, corrupt), partial(make_reference, 1.0)),
        Recording(
            "no-audio",
            "p",
            make_score,
            partial(Audio.load, tmp_path / "no.wav"),
            partial(make_reference, 1.0),
        ),
        Recording("no-truth", "p", make_score, good[0].load_audio, no_reference),
    ]
    data = Collection("tiny", "1", "abc", "user", (*broken, *good))
    record, oracle = quick(STRAIGHT, data)
    assert [row.status for row in record.recordings] == ["error", "error", "error", "ok", "ok"]
    reasons = [row.reason for row in record.recordings]
    assert "audio must be WAV, FLAC, OGG or MP3" in reasons[0]
    assert "which does not exist" in reasons[1]
    assert reasons[2] == "truth.csv must have columns, got none."
    assert [row.status for row in oracle.recordings] == ["ok", "ok", "error", "ok", "ok"]
    assert [row.scores == {} for row in record.recordings] == [True, True, True, False, False]


@pytest.mark.parametrize(
    ("file", "cls", "status", "reason"),
    [
        ("raises", "Raises", "error", "RuntimeError: no such chord"),
        ("returns_nan", "ReturnsNan", "error", "must be finite, got nan"),
        ("milliseconds", "Milliseconds", "error", "Are they milliseconds or frames?"),
        ("wrong_length", "WrongLength", "error", "must have one length"),
        ("decreasing", "Decreasing", "error", "must not decrease"),
        ("bare_array", "BareArray", "error", "must return an Alignment"),
        ("quits", "Quits", "error", "ended its process with exit code 0"),
        ("hangs", "Hangs", "timeout", "took longer than 2 s"),
        ("raises_on_import", "RaisesOnImport", "error", "OSError: libmagic.so is missing"),
        ("hangs_on_import", "HangsOnImport", "error", "hangs_on_import.py:HangsOnImport must be loaded"),
    ],
)
def test_a_hostile_plugin_is_rows_and_the_next_one_goes_on(
    collection, quick, monkeypatch: pytest.MonkeyPatch, file: str, cls: str, status: str, reason: str
):
    # Short limits only for those that hang: on a busy machine the others need longer.
    if file == "hangs_on_import":
        monkeypatch.setattr(process_module, "START_LIMIT_S", 5.0)
    timeout = 2.0 if status == "timeout" else 60.0
    hostile, good, _ = quick([plugin(file, cls), STRAIGHT], collection(2), timeout=timeout)
    assert hostile.aligner.name == file.replace("_", "-")
    assert {row.status for row in hostile.recordings} == {status}
    assert all(reason in row.reason for row in hostile.recordings)
    assert len(hostile.recordings) == good.n_ok == 2


def test_a_plugin_that_no_longer_loads_does_not_destroy_its_results(collection, quick, tmp_path: Path):
    file = tmp_path / "mine.py"
    file.write_text((PLUGINS / "straight.py").read_text())
    path = tmp_path / "out" / "tiny" / "straight.json"
    quick(f"{file}:Straight", collection(2))
    before = path.read_text()
    file.write_text("import no_such_library\n")
    record = quick(f"{file}:Straight", collection(2))[0]
    assert "no_such_library" in record.recordings[0].reason
    assert path.read_text() == before


def test_what_is_printed_lies_beside_the_record(collection, quick, tmp_path: Path):
    quick(plugin("raises", "Raises"), collection(1))
    log = tmp_path / "out" / "tiny" / "raises.log"
    assert "no such chord" in log.read_text()


def test_training_data_is_marked(collection, quick):
    class Trained:
        trained_on = ("piece 1", "unheard of")

        def align(self, score: Score, audio: Audio) -> Alignment:
            return Alignment([0.0, score.duration], [0.0, audio.duration])

    record = quick(Trained(), collection(4))[0]
    assert record.aligner.trained_on == ["piece 1", "unheard of"]
    assert [row.leaked for row in record.recordings] == [False, True, False, False]


def count(diary: Path) -> int:
    return len(diary.read_text().splitlines()) if diary.exists() else 0


def test_what_is_done_is_not_done_again(collection, quick, tmp_path: Path):
    diary = tmp_path / "diary"
    counts = (plugin("counts", "Counts"), {"diary": str(diary)})
    first = quick(counts, collection(3))[0]
    assert count(diary) == 3
    assert quick(counts, collection(3))[0] == first
    assert count(diary) == 3
    assert quick(counts, collection(3), rerun="all")[0].n_ok == 3
    assert count(diary) == 6


def test_onsets_that_are_gone_are_made_again(collection, quick, tmp_path: Path):
    quick(STRAIGHT, collection(2))
    lost = onsets_path(tmp_path / "out/tiny/straight.json", "001")
    lost.unlink()
    quick(STRAIGHT, collection(2))
    assert lost.is_file()


def test_failures_are_repeated_only_when_asked(collection, quick, tmp_path: Path):
    switch = tmp_path / "broken"
    switch.touch()

    def moody(path: Path) -> Audio:
        if switch.exists():
            raise InvalidInputError("audio must be there, got an unmounted disk.")
        return Audio.load(path)

    one, two = collection(2).recordings
    flaky = Recording(
        two.id, two.piece, two.load_score, partial(moody, tmp_path / "audio/001.wav"), two.load_reference
    )
    data = Collection("tiny", "1", "abc", "user", (one, flaky))
    assert quick(STRAIGHT, data)[0].n_ok == 1
    switch.unlink()
    assert quick(STRAIGHT, data)[0].n_ok == 1
    assert quick(STRAIGHT, data, rerun="failed")[0].n_ok == 2


@pytest.mark.parametrize("change", ["code", "index", "parameter"])
def test_results_of_another_aligner_or_dataset_are_not_taken_up(
    collection, quick, tmp_path: Path, change: str
):
    diary, file = tmp_path / "diary", tmp_path / "mine.py"
    source = (PLUGINS / "counts.py").read_text().replace('diary: str = ""', f"diary: str = {str(diary)!r}")
    file.write_text(source)
    data = collection(2)
    quick(f"{file}:Counts", data)
    parameters = {}
    if change == "code":
        file.write_text(source + "\n# better now\n")
    elif change == "index":
        data = Collection(data.name, data.version, "another", data.ground_truth, data.recordings)
    else:
        parameters = {"seconds": 0.01}
    quick((f"{file}:Counts", parameters), data)
    assert count(diary) == 4


SCRIPT = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from align_bench.runner import run
from tiny_dataset import make_collection
run(({plugin!r}, {{"diary": {diary!r}}}), make_collection(Path({audio!r}), {n}),
    output={output!r}, progress=False, jobs={jobs})
"""


@pytest.fixture
def script(collection, tmp_path: Path):
    """Return a function that gives the source of a program which runs ``n`` recordings and keeps a diary."""

    def make(n: int, output: Path, jobs: int = 1) -> str:
        collection(n)
        return SCRIPT.format(
            tests=str(Path(__file__).parent), audio=str(tmp_path / "audio"), n=n, jobs=jobs,
            plugin=plugin("counts", "Counts"), diary=str(tmp_path / "diary"), output=str(output),
        )  # fmt: skip

    return make


def only_record(output: Path) -> Record:
    (path,) = (path for path in (output / "tiny").glob("*.json") if "oracle" not in path.name)
    return load_record(path)


@pytest.mark.parametrize("jobs", [1, 2])
def test_nothing_is_lost_when_it_is_killed_again_and_again(script, tmp_path: Path, jobs: int):
    """SIGKILL four times in mid-run: what the journal holds is never done again, and the record is whole."""
    n, random = 30, np.random.default_rng(jobs)
    source = script(n, tmp_path / "out", jobs)
    interrupted = 0
    for _ in range(4):
        reported = count_reported(tmp_path / "out")
        diary = count(tmp_path / "diary")
        process = subprocess.Popen([sys.executable, "-c", source])
        deadline = time.monotonic() + 60
        enough = reported + int(random.integers(1, 5))
        while count_reported(tmp_path / "out") < enough and process.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.001)
        process.send_signal(signal.SIGKILL)
        interrupted += process.wait() != 0
        time.sleep(0.3)  # let the workers end
        # Done in this round = newly reported, and at most two a job on their way when it was killed: one
        # that was being aligned, and one that was being kept.
        done = count(tmp_path / "diary") - diary
        assert done <= count_reported(tmp_path / "out") - reported + 2 * jobs
    assert interrupted >= 2
    subprocess.run([sys.executable, "-c", source], check=True)
    subprocess.run(
        [sys.executable, "-c", source.replace(str(tmp_path / "out"), str(tmp_path / "calm"))], check=True
    )
    assert comparable(only_record(tmp_path / "out")) == comparable(only_record(tmp_path / "calm"))
    assert only_record(tmp_path / "out").n_ok == n


def count_reported(output: Path) -> int:
    journals = list(output.glob("tiny/counts*.partial.jsonl"))
    return max(0, journals[0].read_bytes().count(b"\n") - 1) if journals else 0


def test_ctrl_c_ends_it_and_it_goes_on_later(script, tmp_path: Path):
    source = script(40, tmp_path / "out")
    process = subprocess.Popen([sys.executable, "-c", source], stderr=subprocess.PIPE, text=True)
    while count_reported(tmp_path / "out") < 3 and process.poll() is None:
        time.sleep(0.001)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert process.returncode != 0
    assert "KeyboardInterrupt" in errors
    assert count_reported(tmp_path / "out") >= 3
    subprocess.run([sys.executable, "-c", source], check=True)
    assert only_record(tmp_path / "out").n_ok == 40


def test_a_full_disk_loses_nothing(script, tmp_path: Path):
    """A file size limit stands for a disk that fills up in the middle of the journal."""
    source = script(12, tmp_path / "out")
    limit = "import resource, signal; resource.setrlimit(resource.RLIMIT_FSIZE, (9000, -1))\n"
    full = subprocess.run([sys.executable, "-c", limit + source], capture_output=True, text=True, check=False)
    assert full.returncode != 0
    assert "results must be writable" in full.stderr
    before = count_reported(tmp_path / "out")
    assert 0 < before < 12
    subprocess.run([sys.executable, "-c", source], check=True)
    assert only_record(tmp_path / "out").n_ok == 12
    # Done twice: the one that did not fit, and the one that was aligned meanwhile.
    assert count(tmp_path / "diary") in (13, 14)


def test_two_runs_into_one_directory_do_not_disturb_each_other(script, tmp_path: Path):
    source = script(20, tmp_path / "out")
    both = [subprocess.Popen([sys.executable, "-c", source]) for _ in range(2)]
    assert [process.wait(timeout=60) for process in both] == [0, 0]
    assert only_record(tmp_path / "out").n_ok == 20
    assert count(tmp_path / "diary") == 20


def test_who_takes_a_recording_stays_with_its_piece():
    recordings = [Recording(f"{p}{i}", p, make_score, None, None) for i in range(3) for p in "abc"]  # type: ignore[arg-type]
    queue = Queue(recordings)
    assert len(queue) == 9
    taken, last = [], None
    while last := queue.take(last):
        taken.append(last.id)
    assert taken == ["a0", "a1", "a2", "b0", "b1", "b2", "c0", "c1", "c2"]


def test_several_takers_begin_with_different_pieces_and_then_help_each_other():
    recordings = [Recording(f"{p}{i}", p, make_score, None, None) for i in range(2) for p in "ab"]  # type: ignore[arg-type]
    queue = Queue(recordings)
    first, second = queue.take(None), queue.take(None)
    assert (first.id, second.id) == ("a0", "b0")
    assert queue.take(first).id == "a1"
    assert queue.take(first).id == "b1"
    assert queue.take(second) is None


@pytest.mark.parametrize(
    ("aligners", "options", "message"),
    [
        ([], {}, "aligners must name at least one"),
        ("liner", {}, "Did you mean 'linear'"),
        ([STRAIGHT, "liner"], {}, "Did you mean 'linear'"),
        ((STRAIGHT, {"delay": 1.0}), {}, "Did you mean 'delay_s'"),
        ([plugin("straight", "Strait")], {}, "Did you mean 'Straight'"),
        ([3], {}, "aligner must be a name"),
        (STRAIGHT, {"jobs": 0}, "jobs must be >= 1, got 0"),
        (STRAIGHT, {"jobs": 2, "isolate": False}, "jobs must be 1 without isolation"),
        (STRAIGHT, {"timeout": 0}, "timeout must be > 0, got 0"),
        (STRAIGHT, {"max_memory": -1}, "max_memory must be > 0"),
        (STRAIGHT, {"rerun": "fail"}, "Did you mean 'failed'"),
        (STRAIGHT, {"job": 2}, "option must be one of .*Did you mean 'jobs'"),
    ],
)
def test_wrong_usage_is_refused_before_anything_runs(
    collection, quick, tmp_path: Path, aligners, options: dict, message: str
):
    with pytest.raises(UsageError, match=message):
        quick(aligners, collection(1), **options)
    assert not (tmp_path / "out").exists()


def test_two_aligners_of_one_name_are_refused(collection, quick, tmp_path: Path):
    other = tmp_path / "other.py"
    other.write_text((PLUGINS / "straight.py").read_text())
    with pytest.raises(UsageError, match="aligner names must differ, got 'straight'"):
        quick([STRAIGHT, f"{other}:Straight"], collection(1))


def test_an_output_that_is_a_file_is_refused(collection, quick, tmp_path: Path):
    (tmp_path / "out").touch()
    with pytest.raises(UsageError, match="output must be a directory to write in"):
        quick(STRAIGHT, collection(1))


def test_a_damaged_record_is_made_again(collection, quick, tmp_path: Path):
    quick(STRAIGHT, collection(2))
    path = tmp_path / "out/tiny/straight.json"
    path.write_text(path.read_text()[:100])
    assert quick(STRAIGHT, collection(2))[0].n_ok == 2
    assert load_record(path).n_ok == 2


def test_ids_with_separators_stay_inside(collection, quick, tmp_path: Path):
    one = collection(1).recordings[0]
    wild = Recording("../../wild/id", one.piece, one.load_score, one.load_audio, one.load_reference)
    record = quick(STRAIGHT, Collection("../up", "1", "abc", "user", (wild,)))[0]
    assert record.n_ok == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["audio", "out"]


def test_the_package_loads_nothing_heavy():
    code = "import sys, align_bench; print([m for m in ('torch', 'librosa', 'numpy') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_public_name_is_there():
    for name in align_bench.__all__:
        assert getattr(align_bench, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'alignn'"):
        align_bench.alignn  # noqa: B018


def test_a_row_names_what_was_aligned(collection, quick):
    data = collection(2)
    for way in ({}, {"isolate": False}):
        record, oracle = quick(STRAIGHT, data, output=f"{quick.keywords['output']}-{len(way)}", **way)
        for row, recording in zip(record.recordings, data.recordings, strict=True):
            samples, rate = soundfile.read(recording.load_audio.args[0], dtype="float32")
            sha = hashlib.sha256(str(rate).encode() + samples.tobytes())
            assert row.audio_sha256 == sha.hexdigest()
            assert row.score_sha256 == make_score().digest
        assert {row.audio_sha256 for row in oracle.recordings} == {None}


def test_a_recording_that_failed_is_named_too_where_it_was_read(collection, quick):
    record = quick(plugin("raises", "Raises"), collection(1), oracle=False)[0]
    assert record.recordings[0].audio_sha256 == collection(1).recordings[0].audio.digest


def test_the_first_alignment_of_a_process_is_marked(collection, quick):
    record = quick(STRAIGHT, collection(4), oracle=False)[0]
    assert [row.cold for row in record.recordings].count(True) == 1
    crashing = quick(plugin("quits", "Quits"), collection(2), oracle=False)[0]
    assert [row.cold for row in crashing.recordings] == [False, False]
    parallel = quick(STRAIGHT, collection(6), oracle=False, jobs=3, rerun="all")[0]
    assert 1 <= [row.cold for row in parallel.recordings].count(True) <= 3


def test_a_part_of_a_dataset_has_records_of_its_own(collection, quick, tmp_path: Path):
    whole = collection(3)
    part = replace(whole, recordings=whole.recordings[:1], split="test", index_sha256="other", n_wanted=2)
    quick(STRAIGHT, whole)
    before = (tmp_path / "out/tiny/straight.json").read_bytes()
    record, oracle = quick(STRAIGHT, part)
    assert load_record(tmp_path / "out/tiny-test/straight.json") == record
    assert load_record(tmp_path / "out/tiny-test/oracle-20ms.json") == oracle
    info = record.dataset
    assert (info.name, info.split, info.whole, info.n_wanted) == ("tiny-test", "test", "tiny", 2)
    assert (tmp_path / "out/tiny/straight.json").read_bytes() == before


def test_how_much_is_missing_is_kept_up_to_date_without_running_again(collection, quick, tmp_path: Path):
    diary = tmp_path / "diary"
    counts = (plugin("counts", "Counts"), {"diary": str(diary)})
    quick(counts, replace(collection(2), n_wanted=5))
    assert quick(counts, replace(collection(2), n_wanted=2))[0].dataset.n_wanted == 2
    assert only_record(tmp_path / "out").dataset.n_wanted == 2
    assert count(diary) == 2


def test_the_record_quotes_the_command_and_the_commit(collection, quick):
    record = quick(STRAIGHT, collection(1), command="align-bench run")[0]
    assert record.command == "align-bench run"
    assert record.commit == commit(Path(align_bench.__file__).parent)


def test_wrong_usage_prints_nothing(collection, quick, capfd: pytest.CaptureFixture[str]):
    with pytest.raises(UsageError):
        quick((STRAIGHT, {"delay": 1.0}), collection(1), progress=True)
    assert capfd.readouterr() == ("", "")


def spoil_middle(lines: list[bytes]) -> None:
    lines[3] = b"\0" * len(lines[3])


def cut_line(lines: list[bytes]) -> None:
    lines[3] = lines[3][:40] + b"\n"


def no_object(lines: list[bytes]) -> None:
    lines[3] = b"[]\n"


def another_form(lines: list[bytes]) -> None:
    lines[3] = lines[3].replace(b'"status"', b'"state"')


@pytest.mark.parametrize(
    ("spoil", "kept"), [(spoil_middle, 2), (cut_line, 2), (no_object, 2), (another_form, 4)]
)
def test_a_spoilt_journal_costs_what_is_spoilt(script, tmp_path: Path, spoil, kept: int):
    """Of five rows the third is spoilt: nothing after it is believed, unless it is a line at least."""
    source = script(5, tmp_path / "out")
    stop = "import align_bench.store as s; s.Store.finish = lambda *_: exit(3)\n"
    assert subprocess.run([sys.executable, "-c", stop + source], check=False).returncode == 3
    (journal,) = (tmp_path / "out" / "tiny").glob("*.partial.jsonl")
    lines = journal.read_bytes().splitlines(keepends=True)
    assert len(lines) == 6
    spoil(lines)
    journal.write_bytes(b"".join(lines))
    subprocess.run([sys.executable, "-c", source], check=True)
    assert only_record(tmp_path / "out").n_ok == 5
    assert count(tmp_path / "diary") == 5 + (5 - kept)


@pytest.mark.parametrize(
    "content", [b"", b"\0\0\0", b"score_time_s,reference_time_s,estimated_time_s\n0,0,0\n"]
)
def test_onsets_that_are_spoilt_are_made_again(collection, quick, tmp_path: Path, content: bytes):
    """A power cut can leave a file empty, or half of it."""
    quick(STRAIGHT, collection(2))
    file = onsets_path(tmp_path / "out/tiny/straight.json", "001")
    whole = file.read_bytes()
    file.write_bytes(content)
    quick(STRAIGHT, collection(2))
    assert file.read_bytes() == whole
