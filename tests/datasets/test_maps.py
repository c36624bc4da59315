"""MAPS: layouts, split, score and reference, by hand on a small MAPS and against the development data."""

from __future__ import annotations

import pickle
from collections import Counter
from pathlib import Path

import maps_home
import numpy as np
import pytest

from align_bench import datasets
from align_bench.datasets.amaps import flatten_amaps, snap
from align_bench.datasets.maps_recordings import SPLITS, WITHOUT_SCORE, entries, load_notes
from align_bench.errors import DatasetError, InvalidInputError, UsageError

AM = "MAPS_MUS-scn15_9_ENSTDkAm"
CL = "MAPS_MUS-mz_545_3_ENSTDkCl"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Two recordings of MAPS, one of each piano, with A-MAPS."""
    maps_home.recording(tmp_path / "ENSTDkAm" / "MUS", AM)
    maps_home.recording(tmp_path / "ENSTDkCl" / "MUS", CL, suffix=".flac")
    for name in (AM, CL):
        maps_home.amaps(tmp_path / "A-MAPS" / f"{name}.mid")
    return tmp_path


def test_the_sixty_recordings_and_their_split() -> None:
    all_entries = entries()
    assert len({e.id for e in all_entries}) == 60
    assert Counter(e.piano for e in all_entries) == {"Am": 30, "Cl": 30}
    assert Counter(e.split for e in all_entries) == {"train": 42, "validation": 7, "test": 11}
    assert set(WITHOUT_SCORE) < {e.id for e in all_entries}


def test_no_composition_is_in_two_splits() -> None:
    splits: dict[tuple[str, str], set[str]] = {}
    for entry in entries():
        splits.setdefault((entry.composer, entry.title), set()).add(entry.split)
    assert len(splits) == 53
    assert all(len(of_piece) == 1 for of_piece in splits.values())
    assert sum(n == 2 for n in Counter((e.composer, e.title) for e in entries()).values()) == 7


def test_mazurkas_are_in_test() -> None:
    mazurkas = [e for e in entries() if "Mazurka" in e.title]
    assert len(mazurkas) == 2
    assert {e.split for e in mazurkas} == {"test"}


def test_score_and_reference_by_hand(home: Path) -> None:
    found = datasets.load("maps", data_home=home, allow_missing=True)
    assert [r.id for r in found.recordings] == [CL, AM]
    assert found.ground_truth == "disklavier"
    recording = pickle.loads(pickle.dumps(found.recordings[1]))
    # Of the six quarters 4 take 0.5 s and 2 take 1 s: the median is 120, so a quarter is 0.5 s.
    np.testing.assert_allclose(recording.score.starts, [0, 0.5, 0.5, 1.0, 1.5, 2.0, 2.5])
    np.testing.assert_allclose(recording.reference.score_times, [0, 0.5, 1.0, 1.5, 2.0, 2.5])
    off_grid = maps_home.TICKS_OFF_GRID / 480 * 0.5
    np.testing.assert_allclose(
        recording.reference.times, [0.001, 0.501, 1.001 + off_grid, 1.501, 2.001, 3.001], atol=1e-6
    )
    assert recording.audio.duration == pytest.approx(4.0)
    assert recording.piece == "Schumann, Kinderszenen Op. 15 No. 9"
    assert recording.metadata["split"] == "validation"
    assert recording.metadata["real"] is True


def test_excerpt_keeps_what_is_inside_the_audio(home: Path) -> None:
    maps_home.recording(home / "ENSTDkAm" / "MUS", AM, seconds=1.2)
    recording = datasets.load("maps", data_home=home, allow_missing=True).recordings[1]
    np.testing.assert_allclose(recording.reference.score_times, [0, 0.5, 1.0])
    np.testing.assert_allclose(recording.score.starts, [0, 0.5, 0.5, 1.0])


def test_excerpt_keeps_what_is_inside_the_note_list(home: Path) -> None:
    path = home / "ENSTDkAm" / "MUS" / f"{AM}.txt"
    path.write_text("\n".join(path.read_text().splitlines()[:5]))
    recording = datasets.load("maps", data_home=home, allow_missing=True).recordings[1]
    np.testing.assert_allclose(recording.score.starts, [0, 0.5, 0.5, 1.0])
    assert recording.reference.times.size == 3


@pytest.mark.parametrize(
    "layout", ["ENSTDkAm/MUS", "ENSTDkAm_2/MUS", "MAPS_ENSTDkAm_2/ENSTDkAm/MUS", "MAPS/ENSTDkAm/MUS"]
)
@pytest.mark.parametrize(
    "scores", ["A-MAPS", "A-MAPS_1.1", "a-maps/midi", "MAPS/A-MAPS", "ACPAS-dataset/subset_R/Schumann/461_x"]
)
def test_layouts(tmp_path: Path, layout: str, scores: str) -> None:
    maps_home.recording(tmp_path / layout, AM, suffix=".flac")
    name = f"R_50_A_MAPS_{AM[9:]}.mid" if "ACPAS" in scores else f"{AM}.mid"
    maps_home.amaps(tmp_path / scores / name)
    (recording,) = datasets.load("maps", data_home=tmp_path, allow_missing=True).recordings
    assert recording.reference.times.size == 6


def test_performance_midi_of_maps_is_not_taken_for_the_score(tmp_path: Path) -> None:
    folder = tmp_path / "ENSTDkAm" / "MUS"
    maps_home.recording(folder, AM)
    maps_home.amaps(folder / f"{AM}.mid")
    with pytest.raises(DatasetError, match=r"got 0 of 59 recordings: .*check data_home"):
        datasets.load("maps", data_home=tmp_path, allow_missing=True)


def test_half_a_dataset_is_refused_without_leave(home: Path) -> None:
    with pytest.raises(
        DatasetError, match=r"got 2 of 59 recordings: .* lacks audio, notes, score.*--allow-missing"
    ):
        datasets.load("maps", data_home=home)


def test_empty_and_absent_directories(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="got 0 of 59"):
        datasets.load("maps", data_home=tmp_path)
    with pytest.raises(DatasetError, match=r"data_home must be the directory of maps, got .*does not exist"):
        datasets.load("maps", data_home=tmp_path / "nowhere")


def test_splits_of_a_collection(home: Path) -> None:
    loaded = {
        s: datasets.load("maps", data_home=home, split=s, allow_missing=True) for s in ("validation", "test")
    }
    assert [r.id for r in loaded["validation"].recordings] == [AM]
    assert [r.id for r in loaded["test"].recordings] == [CL]
    assert loaded["test"].index_sha256 != loaded["validation"].index_sha256
    with pytest.raises(DatasetError, match="got 0 of 41"):
        datasets.load("maps", data_home=home, split="train", allow_missing=True)


def test_unknown_split_and_version(home: Path) -> None:
    with pytest.raises(
        UsageError, match=r"split must be one of test, train, validation, got 'tests'. Did you mean 'test'"
    ):
        datasets.load("maps", data_home=home, split="tests")
    with pytest.raises(UsageError, match=r"version of maps must be one of 1\.0, got '2\.0'"):
        datasets.load("maps", data_home=home, version="2.0")


def test_snapping_by_hand() -> None:
    # On the grid; 1/3; equally near to 2/3 and 11/16 (the coarser wins); between the lines of 1/32.
    positions = np.array([1.0, 1.004, 2.34, 0.677083333, 3.0167, 5.2])
    np.testing.assert_allclose(snap(positions), [1.0, 1.0, 2.34375, 2 / 3, 3.03125, 5 + 5 / 24], atol=1e-6)


def test_another_recordings_score_is_refused(home: Path) -> None:
    maps_home.recording(home / "ENSTDkAm" / "MUS", AM, late=0.004)
    recording = datasets.load("maps", data_home=home, allow_missing=True).recordings[1]
    with pytest.raises(
        InvalidInputError, match=r"those of the score within 3 ms, got 0 of 7 .*Is it the A-MAPS file"
    ):
        _ = recording.reference


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "note list must have notes, got none"),
        ("OnsetTime\tOffsetTime\tMidiPitch\n\n", "must have notes, got none"),
        ("Onset Offset Pitch\n", r"header must be OnsetTime .*line 1"),
        ("OnsetTime\tOffsetTime\tMidiPitch\n0\t1\t60\n0.5\tx\t60", r"got '0.5\\tx\\t60' \(a, line 3\)"),
        ("OnsetTime\tOffsetTime\tMidiPitch\n0\t1", r"line 2"),
        ("OnsetTime\tOffsetTime\tMidiPitch\n0\t1\t60\t9", r"line 2"),
        ("OnsetTime\tOffsetTime\tMidiPitch\n2\t1\t60", r"line 2"),
        ("OnsetTime\tOffsetTime\tMidiPitch\n-1\t1\t60", r"line 2"),
        ("OnsetTime\tOffsetTime\tMidiPitch\nnan\t1\t60", r"line 2"),
        ("OnsetTime\tOffsetTime\tMidiPitch\n0\tinf\t60", r"line 2"),
        ("OnsetTime\tOffsetTime\tMidiPitch\n0\t1\t128", r"line 2"),
    ],
)
def test_note_list_guards(text: str, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        load_notes(text.splitlines(), "a")


def test_unreadable_audio_spoils_its_own_row(home: Path) -> None:
    (home / "ENSTDkAm" / "MUS" / f"{AM}.wav").write_bytes(b"RIFF")
    good, bad = datasets.load("maps", data_home=home, allow_missing=True).recordings
    assert good.reference.times.size == 6
    with pytest.raises(InvalidInputError, match="MAPS files must be readable"):
        _ = bad.reference


def test_audio_that_ends_before_the_first_note(home: Path) -> None:
    maps_home.recording(home / "ENSTDkAm" / "MUS", AM, seconds=0.2, late=0.5)
    recording = datasets.load("maps", data_home=home, allow_missing=True).recordings[1]
    with pytest.raises(InvalidInputError, match=r"audio must reach the first note, got 0\.20 s"):
        _ = recording.score


def test_report_tells_what_is_missing_changed_and_unverified(home: Path) -> None:
    report = datasets.validate("maps", home)
    assert (report.n_usable, report.n_recordings, report.ok) == (2, 59, False)
    assert "ENSTDkAm/MUS/MAPS_MUS-waldstein_1_ENSTDkAm.wav" in report.missing
    # The index knows the checksum of the published A-MAPS file, and of no audio.
    assert set(report.changed) == {f"A-MAPS/{AM}.mid", f"A-MAPS/{CL}.mid"}
    assert f"ENSTDkAm/MUS/{AM}.wav" in report.unverified
    text = "\n".join(report.lines())
    assert "maps: 2 of 59 recordings are complete" in text
    assert "present, checksum not known" in text


def test_report_of_a_directory_that_is_not_there(tmp_path: Path) -> None:
    assert datasets.validate("maps", tmp_path / "nowhere").n_usable == 0


@pytest.fixture(scope="module")
def all_28(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The complete recordings and the excerpts of the development data, as one MAPS."""
    home = tmp_path_factory.mktemp("maps")
    for source in (shared_data / "originals" / "maps" / "MAPS", shared_data / "maps_like" / "MAPS"):
        for file in source.glob("*/MUS/*"):
            link = home / "MAPS" / file.relative_to(source)
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(file)
    (home / "A-MAPS").symlink_to(shared_data / "originals" / "maps" / "A-MAPS")
    return home


def test_published_files_have_the_checksums_of_the_index(all_28: Path) -> None:
    report = datasets.validate("maps", all_28)
    assert report.n_usable == 28
    assert report.changed == ()


def test_every_split_has_recordings_of_the_development_data(all_28: Path) -> None:
    sizes = {
        s: len(datasets.load("maps", data_home=all_28, split=s, allow_missing=True).recordings)
        for s in SPLITS
    }
    assert sizes == {"train": 18, "validation": 4, "test": 6}


def test_development_truth_agrees(all_28: Path, shared_data: Path) -> None:
    """Scores and times were made from A-MAPS by others: equal but for the tempo."""
    n_compared = 0
    for recording in datasets.load("maps", data_home=all_28, allow_missing=True).recordings:
        whole = shared_data / "real" / recording.id.replace("MAPS_MUS-", "maps_")
        pack = whole if whole.is_dir() else shared_data / "maps_like" / "scores" / recording.id
        truth = np.genfromtxt(pack / "truth.csv", delimiter=",", names=True)
        beats = np.unique(truth["score_beat"])
        means = [truth["performance_time_sec"][truth["score_beat"] == beat].mean() for beat in beats]
        ours = recording.reference
        notes = flatten_amaps(all_28 / "A-MAPS" / f"{recording.id}.mid")
        quarters = ours.score_times * notes.tempo / 60
        # A constant apart: A-MAPS files begin with a fraction of a bar in some, at 0 in others.
        assert quarters.size == beats.size, recording.id
        np.testing.assert_allclose(quarters - quarters[0], beats - beats[0], atol=1e-5, err_msg=recording.id)
        np.testing.assert_allclose(ours.times, means, atol=1e-5, err_msg=recording.id)
        assert recording.score.starts.size == truth.size, recording.id
        n_compared += beats.size
    assert n_compared > 10_000


def test_a_split_is_a_dataset_of_its_own_and_what_is_missing_is_counted(home: Path) -> None:
    whole = datasets.load("maps", data_home=home, allow_missing=True)
    part = datasets.load("maps", data_home=home, split="test", allow_missing=True)
    # A-MAPS has scores for 59 of the 60 recordings, the test split among them.
    assert (whole.label, whole.split, whole.n_wanted) == ("maps", "", 59)
    assert (part.label, part.split, part.name, part.n_wanted) == ("maps-test", "test", "maps", 11)
    assert whole.index_sha256 != part.index_sha256
