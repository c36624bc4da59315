"""The nouns refuse what is not one, and say what is wrong."""

from __future__ import annotations

import pickle
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from align_bench.errors import InvalidInputError
from align_bench.types import Alignment, Audio, Recording, Reference, Score, as_times

GOOD_SCORE: dict[str, Any] = {
    "starts": [0.5, 0.0, 0.5],
    "ends": [1.0, 0.4, 1.0],
    "pitches": [64, 60, 62],
    "velocities": [80, 70, 60],
}


def test_score_is_sorted_and_groups_chords() -> None:
    score = Score(**GOOD_SCORE)
    assert score.pitches.tolist() == [60, 62, 64]
    assert score.velocities.tolist() == [70, 60, 80]
    assert score.onsets.tolist() == [0.0, 0.5]
    assert score.pitches_at(0.5) == [62, 64]
    assert score.duration == 1.0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"starts": []} | {k: [] for k in ("ends", "pitches", "velocities")}, "must have notes, got none"),
        ({"starts": [0.0, 0.5]}, "must have one length"),
        ({"starts": [-0.1, 0.0, 0.5]}, "onsets must be >= 0 s, got -0.1"),
        ({"starts": [np.nan, 0.0, 0.5]}, "must be finite, got nan at index 0"),
        ({"starts": ["a", 0.0, 0.5]}, "must be numbers in seconds"),
        ({"ends": [0.4, 0.4, 1.0]}, "offsets must not precede"),
        ({"pitches": [128, 60, 62]}, "pitches must be 0 to 127, got 60 to 128"),
        ({"velocities": [0, 70, 60]}, "velocities must be 1 to 127, got 0 to 70"),
    ],
)
def test_score_refuses(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        Score(**(GOOD_SCORE | change))


def test_digest_depends_on_the_notes_only() -> None:
    score = Score(**GOOD_SCORE, name="a")
    assert score.digest == Score(**GOOD_SCORE, name="b").digest
    assert score.digest != Score(**(GOOD_SCORE | {"velocities": [81, 70, 60]})).digest


def test_nouns_cannot_be_changed(scale: Score, noise_burst: Audio) -> None:
    for values in (scale.starts, scale.onsets, noise_burst.samples, Alignment([0, 1], [0, 1]).audio_times):
        with pytest.raises(ValueError, match="read-only"):
            values[0] = 1


@pytest.mark.parametrize(
    ("samples", "rate", "message"),
    [
        (np.zeros((2, 5)), 8000, "must be mono"),
        (np.zeros(0), 8000, "must have samples, got none"),
        (np.zeros(5), 8000, "must not be silent"),
        (np.array([0.0, np.inf]), 8000, "samples must be finite"),
        (np.array([0.0, np.nan]), 8000, "samples must be finite"),
        (np.ones(5), 0, "sample_rate must be > 0 Hz, got 0"),
    ],
)
def test_audio_refuses(samples: np.ndarray, rate: int, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        Audio(samples, rate)


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg"])
def test_audio_is_read_and_mixed_to_mono(tmp_path: Path, suffix: str) -> None:
    time = np.arange(8000) / 8000
    stereo = 0.5 * np.stack([np.sin(2 * np.pi * 440 * time), np.zeros(8000)], axis=1)
    path = tmp_path / f"tone.{suffix}"
    soundfile.write(path, stereo, 8000)
    audio = Audio.load(path)
    assert audio.sample_rate == 8000
    assert audio.duration == 1.0
    assert np.sqrt(np.mean(audio.samples**2)) == pytest.approx(0.25 / np.sqrt(2), rel=0.02)


@pytest.mark.parametrize("n_channels", [1, 2, 3, 6])
def test_mono_is_the_mean_of_the_channels_in_long_files_too(tmp_path: Path, n_channels: int) -> None:
    samples = np.random.default_rng(0).uniform(-1, 1, (600_000, n_channels)).astype(np.float32)
    soundfile.write(tmp_path / "a.wav", samples, 8000, subtype="FLOAT")
    np.testing.assert_allclose(Audio.load(tmp_path / "a.wav").samples, samples.mean(axis=1), atol=1e-6)


def test_samples_too_large_to_be_mixed_are_refused_without_a_warning(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.full((10, 2), 3e38, dtype=np.float32), 8000, subtype="FLOAT")
    with pytest.raises(InvalidInputError, match="samples must be finite"):
        Audio.load(tmp_path / "a.wav")


def test_audio_of_more_than_ten_hours_is_refused(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.full(36_002, 0.1), 1)
    with pytest.raises(InvalidInputError, match=r"at most 10 hours, got more \(.*a\.wav\)\. Cut it"):
        Audio.load(tmp_path / "a.wav")


def test_audio_names_a_file_that_is_no_audio(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match=r"audio must be a file, got '.*nothing.wav'"):
        Audio.load(tmp_path / "nothing.wav")
    corrupt = tmp_path / "corrupt.wav"
    corrupt.write_bytes(b"RIFF\x00\x00\x00\x00WAVEjunk")
    with pytest.raises(InvalidInputError, match=r"must be WAV, FLAC, OGG or MP3, got '.*corrupt.wav'"):
        Audio.load(corrupt)


def test_resampling_keeps_duration_and_pitch(noise_burst: Audio) -> None:
    time = np.arange(44100) / 44100
    tone = Audio(np.sin(2 * np.pi * 1000 * time).astype(np.float32), 44100)
    halved = tone.resampled(22050)
    assert halved.duration == pytest.approx(1.0, abs=1e-3)
    spectrum = np.abs(np.fft.rfft(halved.samples))
    assert np.argmax(spectrum) == pytest.approx(1000, abs=1)
    assert noise_burst.resampled(22050) is noise_burst


def test_alignment_interpolates_and_goes_on_with_slope_one() -> None:
    alignment = Alignment([1.0, 2.0, 4.0], [10.0, 12.0, 13.0])
    assert alignment.at([0.5, 1.0, 1.5, 3.0, 4.0, 5.0]).tolist() == [9.5, 10.0, 11.0, 12.5, 13.0, 14.0]


@pytest.mark.parametrize(
    ("score_times", "audio_times", "message"),
    [
        ([0, 1], [0, 1, 2], "must have one length"),
        ([0], [0], "at least 2 knots"),
        ([0, 0], [0, 1], "ascend strictly"),
        ([0, 1], [1, 0], "audio_times must not decrease, got 0.000000 after 1.000000 at index 1"),
        ([0, 1], [0, np.nan], "audio_times must be finite"),
        ([[0, 1]], [0, 1], "one-dimensional"),
    ],
)
def test_alignment_refuses(score_times: list[float], audio_times: list[float], message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        Alignment(score_times, audio_times)


@given(st.lists(st.floats(0.01, 10), min_size=2, max_size=20), st.floats(-100, 100))
def test_shifting_the_recording_shifts_the_map(steps: list[float], shift: float) -> None:
    times = np.cumsum(steps)
    plain, shifted = Alignment(times, times * 0.5), Alignment(times, times * 0.5 + shift)
    wanted = np.linspace(-1, times[-1] + 1, 50)
    np.testing.assert_allclose(shifted.at(wanted), plain.at(wanted) + shift, atol=1e-9)


def test_chords_become_one_onset_at_their_mean() -> None:
    reference = Reference.from_notes([0.0, 0.0, 1.0, 1.0, 1.0], [0.1, 0.3, 1.0, 1.1, 1.5])
    assert reference.score_times.tolist() == [0.0, 1.0]
    np.testing.assert_allclose(reference.times, [0.2, 1.2])


def test_reference_may_step_back_but_score_times_may_not() -> None:
    Reference([0.0, 1.0], [1.0, 0.9])
    with pytest.raises(InvalidInputError, match="ascend strictly"):
        Reference([0.0, 0.0], [0.0, 1.0])
    with pytest.raises(InvalidInputError, match="score_times must not decrease"):
        Reference.from_notes([1.0, 0.0], [0.0, 1.0])
    with pytest.raises(InvalidInputError, match="must have onsets, got none"):
        Reference([], [])


def _score() -> Score:
    return Score(**GOOD_SCORE)


def _fail(path: Path) -> Any:
    raise AssertionError(f"read {path} unasked")


def test_a_recording_reads_on_first_use_and_travels() -> None:
    recording = Recording("a", "piece", _score, partial(_fail, Path("x")), partial(_fail, Path("y")))
    twin = pickle.loads(pickle.dumps(recording))
    assert twin.score.digest == recording.score.digest
    assert twin.score is twin.score


def test_as_times_refuses_two_dimensions() -> None:
    with pytest.raises(InvalidInputError, match=r"onsets must be one-dimensional.*\(1, 2\) \(here\)"):
        as_times([[0.0, 1.0]], "onsets", where="here")


def test_confidences_are_linear_between_knots_and_none_where_nobody_tells() -> None:
    alignment = Alignment([0.0, 1.0], [0.0, 2.0], confidences=[0.5, 1.0])
    np.testing.assert_allclose(alignment.confidence_at([-1.0, 0.0, 0.5, 3.0]), [0.5, 0.5, 0.75, 1.0])
    assert Alignment([0.0, 1.0], [0.0, 2.0]).confidence_at([0.5]) is None


@pytest.mark.parametrize("confidences", [[0.5], [0.5, 1.1], [-0.1, 1.0], [0.5, np.nan]])
def test_a_confidence_is_a_probability(confidences: list[float]) -> None:
    with pytest.raises(InvalidInputError, match="confidences must be 2 numbers from 0 to 1"):
        Alignment([0.0, 1.0], [0.0, 2.0], confidences=confidences)
