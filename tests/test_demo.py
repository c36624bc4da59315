"""The demo dataset: its notation, its performer, its piano, and the build."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from align_bench.datasets import demo
from align_bench.datasets.demo import dataset as building
from align_bench.datasets.demo.notation import Piece, bar_starts, parse, score
from align_bench.datasets.demo.performance import Performance, perform
from align_bench.datasets.demo.piano import Piano
from align_bench.datasets.demo.pieces import PIECES
from align_bench.errors import DatasetError, InvalidInputError

LAST_ONSETS = [
    35.3584,
    29.1354,
    31.2959,
    28.7269,
    27.1211,
    29.9657,
    25.6925,
    27.6154,
    27.1334,
    27.8663,
    35.5606,
    30.5651,
    25.4447,
    21.7819,
    35.7992,
    35.3697,
]
SHORT = "petzold-minuet-anh114"


def _piece(*voices: str, metre: int = 4) -> Piece:
    return Piece("test", "", "", voices, Fraction(metre), 60.0, (1,), (64,))


def _rows(piece: Piece) -> list[tuple[float, float, int]]:
    return [(float(n.onset), float(n.duration), n.pitch) for n in parse(piece)]


@pytest.fixture
def two_takes(monkeypatch: pytest.MonkeyPatch) -> tuple[building.Take, ...]:
    takes = (building.Take(SHORT, "clean", 0.0), building.Take("chopin-prelude-op28-20", "clean", 0.0))
    monkeypatch.setattr(building, "TAKES", takes)
    return takes


# Notation


def test_durations_dots_triplets_and_accidentals() -> None:
    piece = _piece("C4/4. D#4/8 ( E4/12 F4 Gb4 )*1 r/4")
    assert _rows(piece) == [
        (0.0, 1.5, 60),
        (1.5, 0.5, 63),
        (2.0, pytest.approx(1 / 3), 64),
        (pytest.approx(2 + 1 / 3), pytest.approx(1 / 3), 65),
        (pytest.approx(2 + 2 / 3), pytest.approx(1 / 3), 66),
    ]


def test_b_sharp_and_c_flat_cross_the_octave() -> None:
    assert [p for *_, p in _rows(_piece("B#3/2 Cb4"))] == [60, 59]


def test_chords_ties_rolls_and_repeated_bars() -> None:
    piece = _piece("C4+E4/2 G4/2~ | G4/2 r | A4/1^ | %")
    assert _rows(piece) == [(0, 2, 60), (0, 2, 64), (2, 4, 67), (8, 4, 69), (12, 4, 69)]
    assert [note.rolled for note in parse(piece)] == [False, False, False, True, True]


def test_a_unison_of_two_voices_is_one_note() -> None:
    (note,) = parse(_piece("C4/4 r/2.", "C4/1"))
    assert (note.duration, note.voice) == (4, 0)


def test_a_pickup_may_be_shorter() -> None:
    assert bar_starts(_piece("C4/4 | D4/1 | E4/2.")) == [0, 1, 5, 8]


@pytest.mark.parametrize(
    ("voices", "message"),
    [
        (("C4/1 | D4/2 | E4/1",), "bar 2 must last 4 quarters, got 2"),
        (("C4/1 | D4/1 D4/4 | E4/1",), "bar 2 must last 4 quarters, got 5"),
        (("C4/1 D4/4",), "bar 1 must last 4 quarters, got 5"),
        (("C4/2", "C4/4"), "bar 1 must last 4 quarters, got 2, 1"),
        (("C4/1 | D4/1", "C4/1"), "one number of bars, got 2, 1"),
        (("H4/1",), "got 'H4/1'"),
        (("C4/2~ D4/2",), "a tie must lead to the same pitch, got none at quarter 2"),
        (("C4/1~",), "a tie must lead to the same pitch, got the end"),
    ],
)
def test_bad_notation_is_refused(voices: tuple[str, ...], message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        parse(_piece(*voices))


# Pieces


@pytest.mark.parametrize("piece", PIECES, ids=lambda piece: piece.id)
def test_pieces_add_up(piece: Piece) -> None:
    bars = bar_starts(piece)  # checks that every bar of every voice has the length of the metre
    nominal = score(piece)
    assert 20 <= nominal.duration <= 45
    assert nominal.duration <= float(bars[-1]) * 60 / piece.tempo + 1e-9
    assert nominal.onsets.size >= 35
    assert len(piece.phrases) == len(piece.dynamics)
    assert piece.phrases[0] == 1
    assert piece.phrases[-1] < len(bars)
    assert nominal.pitches.min() >= 24
    assert nominal.pitches.max() <= 96


def test_a_tune_that_everybody_knows() -> None:
    elise = next(piece for piece in PIECES if piece.id == "beethoven-fur-elise")
    melody = [note.pitch for note in parse(elise) if note.voice == 0]
    assert melody[:9] == [76, 75, 76, 75, 76, 71, 74, 72, 69]


# Performer


@pytest.mark.parametrize("piece", PIECES, ids=lambda piece: piece.id)
def test_performances_are_expressive_and_in_order(piece: Piece) -> None:
    played = perform(piece, seed=1)
    reference = played.reference
    np.testing.assert_allclose(reference.score_times, score(piece).onsets, atol=1e-9)
    assert (np.diff(reference.times) > 0.02).all()
    assert (played.offsets > played.onsets).all()
    assert played.onsets.min() > 0.5
    assert played.duration > played.offsets.max() + 0.9
    speed = np.diff(reference.times) / np.diff(reference.score_times)
    assert np.ptp(np.log(speed)) > 0.2  # the tempo breathes
    assert np.ptp(played.velocities) > 10
    together = np.isclose(np.diff(played.score_times), 0)
    assert 0.001 < np.abs(np.diff(played.onsets)[together]).mean() < 0.06 if together.any() else True


def test_a_performance_slows_down_at_the_end() -> None:
    piece = _piece(" | ".join(["( C4/4 )*4"] * 8))
    beats = np.mean([np.diff(perform(piece, seed).onsets) for seed in range(20)], axis=0)
    assert beats[-3:].mean() > 1.3 * beats[12:20].mean()


def test_a_rolled_chord_goes_up_and_the_melody_leads() -> None:
    rolled = perform(_piece("C4+E4+G4+C5/1^"), seed=0)
    assert (np.diff(rolled.onsets) > 0.015).all()
    leads = [perform(_piece("C5/1", "C3/1"), seed).onsets for seed in range(30)]
    assert np.mean([bass - melody for bass, melody in leads]) == pytest.approx(0.018, abs=0.006)


def test_the_pedal_prolongs() -> None:
    dry = _piece("C4/8 r/8 r/2.")
    wet = Piece(**{**vars(dry), "pedal": Fraction(2)})
    assert perform(dry, 0).offsets[0] - perform(dry, 0).onsets[0] < 0.7
    assert perform(wet, 0).offsets[0] - perform(wet, 0).onsets[0] > 1.5


def test_performances_differ_by_seed_only() -> None:
    a, again, other = (perform(PIECES[0], seed).onsets for seed in (1, 1, 2))
    np.testing.assert_array_equal(a, again)
    assert not np.allclose(a, other, atol=0.1)


# Piano


def _one_note(onset: float, pitch: int, velocity: int = 80, length: float = 1.0) -> Performance:
    row = np.array([onset])
    return Performance(row, row, row + length, np.array([pitch]), np.array([velocity]), onset + length + 1.0)


@pytest.mark.parametrize("pitch", [28, 40, 60, 76, 95])
def test_the_piano_is_in_time_and_in_tune(pitch: int) -> None:
    audio = Piano().play(_one_note(0.5, pitch))
    loud = np.flatnonzero(np.abs(audio.samples) > 0.1 * np.abs(audio.samples).max())
    assert not audio.samples[: int(0.5 * 22050)].any()
    assert 0.0 <= loud[0] / 22050 - 0.5 < 0.005
    hertz = 440 * 2 ** ((pitch - 69) / 12)
    spectrum = np.abs(np.fft.rfft(audio.samples, 2**19))
    near = np.arange(int(hertz * 0.94 * 2**19 / 22050), int(hertz * 1.06 * 2**19 / 22050))
    heard = near[np.argmax(spectrum[near])] * 22050 / 2**19
    assert abs(1200 * np.log2(heard / hertz)) < 3.0


def test_a_tuned_piano_is_off_by_its_cents() -> None:
    heard = []
    for cents in (0.0, 20.0):
        spectrum = np.abs(np.fft.rfft(Piano(cents=cents).play(_one_note(0.0, 69)).samples, 2**19))
        heard.append(np.argmax(spectrum[9000:12000]) + 9000)
    assert 1200 * np.log2(heard[1] / heard[0]) == pytest.approx(20.0, abs=0.5)


def test_loud_notes_are_brighter_and_released_notes_stop() -> None:
    def centroid(velocity: int) -> float:
        power = np.abs(np.fft.rfft(Piano().play(_one_note(0.0, 60, velocity)).samples)) ** 2
        return float((np.arange(power.size) * power).sum() / power.sum())

    assert centroid(110) > 1.3 * centroid(30)
    samples = Piano().play(_one_note(0.0, 60, length=0.5)).samples
    assert np.abs(samples[int(1.2 * 22050) :]).max() < 1e-3 * np.abs(samples).max()


# Dataset


def test_the_collection(tmp_path: Path, two_takes: tuple[building.Take, ...]) -> None:
    collection = demo.collection(tmp_path)
    assert (collection.name, collection.ground_truth) == ("demo", "exact by construction")
    assert [r.id for r in collection.recordings] == [take.id for take in two_takes]
    recording = collection.recordings[0]
    assert recording.metadata["condition"] == "clean"
    assert recording.metadata["composer"] == "Christian Petzold"
    np.testing.assert_allclose(recording.reference.score_times, recording.score.onsets, atol=1e-6)
    assert recording.reference.times[-1] < recording.audio.duration - 1.0


def test_there_are_enough_takes_of_every_condition() -> None:
    takes = building.TAKES
    assert [take.id for take in takes] == sorted({take.id for take in takes})
    assert {take.piece for take in takes} == {piece.id for piece in PIECES}
    assert len(takes) >= 16
    for condition in ("clean", "room", "noise", "old-record"):
        assert sum(take.condition == condition for take in takes) == 4


def test_the_truth_is_when_energy_rises(tmp_path: Path, two_takes: tuple[building.Take, ...]) -> None:
    """An onset detector that knows nothing of the model finds the onsets within 10 ms, without bias."""
    for take in two_takes:
        played = take.performance()
        samples = take.record(played).samples.astype(float)
        hop, width = 64, 256
        frames = np.lib.stride_tricks.sliding_window_view(samples, width)[::hop] * np.hanning(width)
        log_power = np.log(np.abs(np.fft.rfft(frames, axis=1)) ** 2 + 1e-5)
        flux = np.maximum(np.diff(log_power, axis=0), 0.0).sum(axis=1)
        times = (np.arange(flux.size) * hop + hop / 2 + width / 2) / 22050
        deviations = []
        for onset in np.sort(played.onsets)[np.diff(np.sort(played.onsets), prepend=-1.0) > 0.06]:
            near = np.flatnonzero(np.abs(times - onset) < 0.04)
            deviations.append(times[near[np.argmax(flux[near])]] - onset)
        assert np.mean(np.abs(deviations) < 0.010) > 0.9
        assert abs(np.median(deviations)) < 0.005


def test_the_build_is_repeatable(tmp_path: Path, two_takes: tuple[building.Take, ...]) -> None:
    for home in ("a", "b"):
        demo.build(tmp_path / home, progress=False)
    files = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert files == sorted(f"{take.id}.{kind}" for take in two_takes for kind in ("csv", "flac"))
    for name in files:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_the_build_goes_on_where_it_was_killed(
    tmp_path: Path, two_takes: tuple[building.Take, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    write = building._write_audio

    def killed(audio: object, path: str) -> None:
        if any(tmp_path.glob("*.flac")):
            Path(path).write_bytes(b"half a file")
            raise KeyboardInterrupt
        write(audio, path)  # type: ignore[arg-type]

    monkeypatch.setattr(building, "_write_audio", killed)
    with pytest.raises(KeyboardInterrupt):
        demo.build(tmp_path, progress=False)
    first = tmp_path / f"{two_takes[0].id}.flac"
    assert [first] == list(tmp_path.glob("*.flac"))
    assert not list(tmp_path.glob("*.tmp"))
    before = first.stat().st_mtime_ns
    monkeypatch.setattr(building, "_write_audio", write)
    recordings = demo.collection(tmp_path).recordings
    assert all(recording.audio.duration > 20 for recording in recordings)
    assert first.stat().st_mtime_ns == before


def test_the_progress_bar_goes_to_stderr_and_is_not_shown_twice(
    tmp_path: Path, two_takes: tuple[building.Take, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    demo.build(tmp_path)
    first = capsys.readouterr()
    assert first.out == ""
    assert "demo recordings" in first.err
    demo.build(tmp_path)
    assert capsys.readouterr() == ("", "")


def test_a_directory_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DatasetError, match="Set ALIGN_BENCH_CACHE"):
        demo.build(tmp_path / "file", progress=False)


def test_the_version_stands_for_these_performances() -> None:
    """If this fails, the music changed (or NumPy's random numbers did): raise VERSION and measure again."""
    assert building.VERSION == "1"
    last = [take.performance().reference.times[-1] for take in building.TAKES]
    np.testing.assert_allclose(last, LAST_ONSETS, atol=1e-4)
