"""A directory of recordings: what it yields, and one defect a case."""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
from folder_dataset import write_folder
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from align_bench import datasets
from align_bench.datasets.folder import read_truth
from align_bench.errors import AlignBenchError, DatasetError, InvalidInputError, UsageError

HEADER = "score_time_sec,performance_time_sec"
TRUTH = f"{HEADER},score_beat,pitch\n0,0.1,0,60\n0.5,0.6,1,62\n0.5,0.64,1,65\n1,1.2,2,64\n"


def make(root: Path, name: str, truth: str = TRUTH, meta: object = None) -> Path:
    """Write a complete recording."""
    import mido

    path = root / name
    path.mkdir(parents=True)
    track = mido.MidiTrack()
    for pitch in (60, 62, 64):
        track.append(mido.Message("note_on", note=pitch, velocity=80, time=0))
        track.append(mido.Message("note_off", note=pitch, time=480))
    midi = mido.MidiFile()
    midi.tracks.append(track)
    midi.save(path / "score.mid")
    soundfile.write(path / "audio.flac", np.sin(np.arange(16000) / 5), 8000)
    (path / "truth.csv").write_text(truth)
    if meta is not None:
        (path / "meta.json").write_text(meta if isinstance(meta, str) else json.dumps(meta))
    return path


def test_recordings_of_a_directory(tmp_path: Path) -> None:
    make(
        tmp_path,
        "b",
        meta={"composer": "Bach", "title": "Fugue (excerpt)", "real_acoustic_recording": True, "x": {}},
    )
    make(tmp_path, "a")
    (tmp_path / ".hidden").mkdir()
    (tmp_path / ".hidden" / "audio.wav").touch()
    (tmp_path / "docs").mkdir()
    found = datasets.load(tmp_path)
    assert found.name == tmp_path.name
    assert [r.id for r in found.recordings] == ["a", "b"]
    first, second = found.recordings
    assert (first.piece, second.piece) == ("a", "Bach, Fugue")
    assert dict(second.metadata) == {"composer": "Bach", "title": "Fugue (excerpt)", "real": True}
    assert dict(first.metadata) == {}
    np.testing.assert_allclose(first.score.onsets, [0, 0.5, 1.0])
    np.testing.assert_allclose(first.reference.score_times, [0, 0.5, 1.0])
    np.testing.assert_allclose(first.reference.times, [0.1, 0.62, 1.2])
    assert first.audio.duration == pytest.approx(2.0)


def test_string_path_means_the_same(tmp_path: Path) -> None:
    make(tmp_path, "a")
    assert datasets.load(str(tmp_path)).index_sha256 == datasets.load(tmp_path).index_sha256


def test_recordings_can_be_pickled(tmp_path: Path) -> None:
    make(tmp_path, "a")
    recording = pickle.loads(pickle.dumps(datasets.load(tmp_path).recordings[0]))
    assert recording.score.starts.size == 3


def test_score_mid_is_preferred_and_score_full_is_not_read(tmp_path: Path) -> None:
    path = make(tmp_path, "a")
    (path / "score.musicxml").write_text("not read")
    (path / "score_full.musicxml").write_text("not read")
    assert datasets.load(tmp_path).recordings[0].score.starts.size == 3


def test_index_hash_knows_truth_and_files(tmp_path: Path) -> None:
    path = make(tmp_path, "a")
    before = datasets.load(tmp_path).index_sha256
    assert datasets.load(tmp_path).index_sha256 == before
    (path / "truth.csv").write_text(TRUTH.replace("0.64", "0.65"))
    assert datasets.load(tmp_path).index_sha256 != before


def test_an_unreadable_file_spoils_its_own_row_only(tmp_path: Path) -> None:
    (make(tmp_path, "a") / "audio.flac").write_bytes(b"")
    make(tmp_path, "b")
    bad, good = datasets.load(tmp_path).recordings
    assert good.audio.duration > 0
    with pytest.raises(InvalidInputError, match=r"audio must be WAV.*a/audio\.flac"):
        _ = bad.audio


def test_short_column_names_bom_blank_lines_and_spaces(tmp_path: Path) -> None:
    path = tmp_path / "truth.csv"
    path.write_text(
        "\ufeffpitch, performance_time_s ,score_time_s\n60,1.5,0\n\n61, 2.5 ,1\n", encoding="utf-8"
    )
    truth = read_truth(path)
    np.testing.assert_allclose(truth.score_times, [0, 1])
    np.testing.assert_allclose(truth.times, [1.5, 2.5])


def test_rolled_chords_may_step_back_a_little(tmp_path: Path) -> None:
    path = tmp_path / "truth.csv"
    path.write_text("score_time_sec,performance_time_sec\n0,1.0\n0,1.6\n0.5,1.4\n")
    np.testing.assert_allclose(read_truth(path).times, [1.3, 1.4])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", r"must have a column score_time_sec, got an empty file \(.*, line 1\)"),
        ("onset,time\n1,2\n", "must have a column score_time_sec, got onset, time"),
        ("score_time_sec\n1\n", "must have a column performance_time_sec, got score_time_sec"),
        (HEADER + "\n", "must have rows below its header, got none"),
        (HEADER + "\n0,0\n0.5,soon\n", r"performance_time_sec must be a number .*got 'soon' \(.*line 3\)"),
        (HEADER + "\n0,0\nx,1\n", r"score_time_sec must be a number .*got 'x' \(.*line 3\)"),
        (HEADER + "\n0,0\n1\n", r"performance_time_sec must be a number .*got '' \(.*line 3\)"),
        (HEADER + "\n0,nan\n", r"got 'nan' \(.*line 2\)"),
        (HEADER + "\n0,inf\n", r"got 'inf' \(.*line 2\)"),
        (HEADER + "\n0,-0.1\n", r"seconds >= 0, got '-0.1' \(.*line 2\)"),
        (HEADER + "\n-1,0\n", r"seconds >= 0, got '-1' \(.*line 2\)"),
        (
            HEADER + "\n0,0\n2,1\n1,2\n",
            r"score_time_sec must not decrease, got 1 after 2 \(.*line 4\)\. Sort",
        ),
        (
            HEADER + "\n0,0\n1,2\n2,1.7\n",
            r"must not step back by more than 0.25 s, got 1.7 after 2 \(.*line 4\)",
        ),
    ],
)
def test_truth_guards(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "truth.csv"
    path.write_text(content)
    with pytest.raises(InvalidInputError, match=message):
        read_truth(path)


def test_truth_that_is_not_there_or_not_text(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match=r"truth must be a file, got .*which does not exist"):
        read_truth(tmp_path / "truth.csv")
    (tmp_path / "truth.csv").write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(InvalidInputError, match="truth must be a CSV text file"):
        read_truth(tmp_path / "truth.csv")


def test_no_such_directory(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"dataset must be a directory, got .*which does not exist"):
        datasets.load(tmp_path / "nowhere")


def test_empty_directory(tmp_path: Path) -> None:
    with pytest.raises(
        DatasetError, match=r"got a directory without any .*audio\.wav, score\.mid and truth\.csv"
    ):
        datasets.load(tmp_path)


def test_a_recording_instead_of_a_directory_of_them(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"got one recording .*Give its parent"):
        datasets.load(make(tmp_path, "a"))


@pytest.mark.parametrize(
    ("file", "kind"), [("audio.flac", "audio"), ("score.mid", "score"), ("truth.csv", "truth")]
)
def test_half_a_recording(tmp_path: Path, file: str, kind: str) -> None:
    make(tmp_path, "a")
    (make(tmp_path, "b") / file).unlink()
    with pytest.raises(DatasetError, match=f"got 1 of 2 that do; b lacks {kind} .*allow missing"):
        datasets.load(tmp_path)
    assert [r.id for r in datasets.load(tmp_path, allow_missing=True).recordings] == ["a"]


def test_missing_may_not_be_allowed_where_nothing_is_left(tmp_path: Path) -> None:
    (make(tmp_path, "a") / "audio.flac").unlink()
    with pytest.raises(DatasetError, match="got 0 of 1"):
        datasets.load(tmp_path, allow_missing=True)


@pytest.mark.parametrize(("meta", "message"), [("{", "must be JSON, got"), ("[]", "a JSON object, got list")])
def test_broken_meta(tmp_path: Path, meta: str, message: str) -> None:
    make(tmp_path, "a", meta=meta)
    with pytest.raises(InvalidInputError, match=message):
        datasets.load(tmp_path)


def test_a_folder_has_no_splits(tmp_path: Path) -> None:
    make(tmp_path, "a")
    with pytest.raises(UsageError, match=r"split must be None .*got 'test'"):
        datasets.load(tmp_path, split="test")


def test_report_of_a_folder(tmp_path: Path) -> None:
    path = make(tmp_path, "a")
    assert datasets.validate(tmp_path).ok
    shutil.rmtree(path)
    report = datasets.validate(tmp_path)
    assert not report.ok
    assert "without any" in report.missing[0]


@pytest.mark.parametrize("pack", ["real", "asap_mini"])
def test_development_packs_without_conversion(shared_data: Path, pack: str) -> None:
    found = datasets.load(shared_data / pack)
    assert len(found.recordings) == {"real": 23, "asap_mini": 10}[pack]
    assert all(r.metadata["real"] == (pack == "real") for r in found.recordings)
    for recording in found.recordings:
        # Independent of our reader: every note of the truth is a note-on of the MIDI score.
        rows = np.genfromtxt(shared_data / pack / recording.id / "truth.csv", delimiter=",", names=True)
        assert recording.reference.times.size == np.unique(rows["score_time_sec"]).size
        if not np.isnan(rows["pitch"]).all():
            starts, pitches = recording.score.starts, recording.score.pitches
            for time, pitch in zip(rows["score_time_sec"][::20], rows["pitch"][::20], strict=True):
                assert np.abs(starts[pitches == pitch] - time).min() < 2e-3
    pieces = {r.piece for r in found.recordings if r.id.startswith("mazurka_op68_3")}
    assert len(pieces) == (pack == "real")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=80) | st.text(alphabet='score_time_sec,performance\n0123456789.-en"', max_size=120))
def test_nothing_but_our_errors_escapes_the_truth_reader(tmp_path: Path, content: bytes | str) -> None:
    path = tmp_path / "truth.csv"
    raw = content if isinstance(content, bytes) else content.encode()
    for prefix in (b"", f"{HEADER}\n".encode()):
        path.write_bytes(prefix + raw)
        try:
            truth = read_truth(path)
        except AlignBenchError:
            continue
        assert truth.times.size


def test_what_is_missing_is_counted(tmp_path: Path) -> None:
    root = write_folder(tmp_path / "mine", 3)
    assert datasets.load(root).n_wanted == 3
    (root / "r1" / "audio.wav").unlink()
    found = datasets.load(root, allow_missing=True)
    assert (len(found.recordings), found.n_wanted, found.label) == (2, 3, "mine")
