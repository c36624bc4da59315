"""Every feature against formulas: where a tone lies, when a note is heard, and what must not matter."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from align_bench.features import Features, chroma_cqt, log_cqt, log_mel, log_stft, with_onsets
from align_bench.synthesis import render
from align_bench.types import Audio, Score

RATE = 22050
SPECTRA = [log_cqt, log_stft, log_mel]
ALL = [*SPECTRA, chroma_cqt]
N_BINS = {log_cqt: 84, log_stft: 384, log_mel: 96, chroma_cqt: 12}
HOP = {log_cqt: 448, log_stft: 448, log_mel: 512, chroma_cqt: 512}

Feature = Callable[[Audio], Features]
every_feature = pytest.mark.parametrize("feature", ALL)
every_spectrum = pytest.mark.parametrize("feature", SPECTRA)


def tone(frequency: float, seconds: float = 2.0, rate: int = RATE) -> np.ndarray:
    return np.sin(2 * np.pi * frequency * np.arange(round(seconds * rate)) / rate)


def audio(samples: np.ndarray, rate: int = RATE) -> Audio:
    return Audio(samples.astype(np.float32), rate)


def power(features: Features) -> np.ndarray:
    """Undo the decibels: 0 is -80 dB, 1 is 0 dB."""
    return 10.0 ** ((features.values.astype(np.float64) - 1.0) * 8.0) - 1e-8


@pytest.fixture(scope="module")
def melody() -> Score:
    starts = np.array([0.3, 0.8, 1.1, 1.1, 1.6])
    return Score(starts, starts + 0.4, np.array([69, 72, 48, 76, 60]), np.array([90, 70, 80, 60, 100]))


@every_feature
@pytest.mark.parametrize("seconds", [0.05, 1.0, 2.345])
def test_shape_rate_and_type(feature: Feature, seconds: float):
    features = feature(audio(tone(440.0, seconds) + 0.01))
    n_samples = round(seconds * RATE)
    assert features.values.shape == (N_BINS[feature], 1 + n_samples // HOP[feature])
    assert features.values.dtype == np.float32
    assert features.frame_rate == RATE / HOP[feature]
    assert np.isfinite(features.values).all()


@every_feature
@pytest.mark.parametrize("n_samples", [1, 2, 100])
@pytest.mark.parametrize("rate", [8000, 22050, 44100])
def test_a_few_samples_are_enough(feature: Feature, n_samples: int, rate: int):
    noise = np.random.default_rng(0).normal(scale=0.1, size=n_samples)
    features = feature(audio(noise, rate))
    assert features.values.shape[1] == 1
    assert np.isfinite(features.values).all()


@every_feature
@pytest.mark.parametrize(
    "samples", [np.ones(RATE), tone(5.0), tone(10_900.0)], ids=["dc", "5 Hz", "10.9 kHz"]
)
def test_audio_without_music_is_no_trouble(feature: Feature, samples: np.ndarray):
    values = feature(audio(samples)).values
    assert np.isfinite(values).all()
    assert values.min() >= 0.0


@every_spectrum
def test_spectra_are_decibels_between_0_and_1(feature: Feature, melody: Score):
    values = feature(render(melody)).values
    assert values.min() == 0.0
    assert values.max() == 1.0


@every_spectrum
@pytest.mark.parametrize("decibels", [-6.0, -20.0, -40.0])
def test_a_level_of_so_many_decibels(feature: Feature, decibels: float):
    """A tone that falls by L dB falls by L / 80 of the range."""
    samples = np.concatenate([tone(440.0), 10 ** (decibels / 20) * tone(440.0)])
    features = feature(audio(samples))
    band = features.values[np.argmax(features.values.mean(axis=1))]
    loud, soft = (band[round(t * features.frame_rate)] for t in (1.0, 3.0))
    assert soft - loud == pytest.approx(decibels / 80, abs=1e-3)


def test_chroma_frames_have_length_1_and_silent_ones_are_flat(melody: Score):
    silence = np.zeros(2 * RATE, dtype=np.float32)
    values = chroma_cqt(audio(np.concatenate([silence, render(melody).samples]))).values
    np.testing.assert_allclose(np.linalg.norm(values, axis=0), 1.0, atol=1e-6)
    np.testing.assert_allclose(values[:, 10], 12**-0.5, rtol=1e-3)
    assert values.min() >= 0.0


@every_feature
@pytest.mark.parametrize("gain", [1e-5, 0.1, 3.7, 1000.0])
def test_gain_changes_nothing(feature: Feature, gain: float, melody: Score):
    samples = render(melody).samples
    np.testing.assert_allclose(
        feature(audio(samples)).values, feature(audio(gain * samples)).values, atol=2e-4
    )


@every_feature
def test_the_sample_rate_changes_nothing(feature: Feature):
    def sound(rate: int) -> Audio:
        t = np.arange(2 * rate) / rate
        partials = sum(np.sin(2 * np.pi * 220.0 * k * t) / k for k in range(1, 11))
        return audio(partials * np.exp(-((t - 1.0) ** 2) * 8), rate)

    a, b = feature(sound(44100)), feature(sound(22050))
    assert a.frame_rate == b.frame_rate
    assert a.values.shape == b.values.shape
    if feature is chroma_cqt:
        np.testing.assert_allclose(a.values, b.values, atol=0.02)
    else:  # what a listener would hear; the last 30 dB of the range are the resampler's
        heard = np.maximum(a.values, b.values) > 30 / 80
        assert np.abs(a.values - b.values)[heard].max() < 1 / 80


def hz_to_slaney_mel(hz: float) -> float:
    return hz * 3 / 200 if hz < 1000 else 15 + 27 * np.log(hz / 1000) / np.log(6.4)


@pytest.mark.parametrize("midi", [33, 45, 60, 69, 81, 93, 105])
def test_a_tone_is_where_the_formula_says(midi: int):
    """Each formula is written anew here, from the definition of the scale in the docstring."""
    hz = 440.0 * 2 ** ((midi - 69) / 12)
    sound = audio(tone(hz))

    def peak(feature: Feature) -> int:
        return int(feature(sound).values.mean(axis=1).argmax())

    assert peak(log_cqt) == midi - 24  # C1 is MIDI note 24
    assert abs((peak(log_stft) + 1) * RATE / 2048 - hz) <= RATE / 2048 / 2  # row 0 is bin 1
    assert peak(chroma_cqt) == midi % 12
    if midi >= 60:  # below, bands are narrower than the window's main lobe
        low, high = hz_to_slaney_mel(30.0), hz_to_slaney_mel(RATE / 2)
        position = (hz_to_slaney_mel(hz) - low) / (high - low) * 97 - 1
        assert abs(peak(log_mel) - position) <= 1.0


@every_spectrum
@pytest.mark.parametrize("when", [0.7, 1.0, 1.2345])
def test_frame_k_is_centred_on_k_over_the_frame_rate(feature: Feature, when: float):
    """A tone that swells and dies symmetrically around a moment has its centre of power there."""
    t = np.arange(2 * RATE) / RATE
    features = feature(audio(tone(880.0) * np.exp(-(((t - when) / 0.05) ** 2))))
    energy = power(features).sum(axis=0)
    centre = (np.arange(energy.size) * energy).sum() / energy.sum() / features.frame_rate
    assert centre == pytest.approx(when, abs=0.001)


@every_feature
@pytest.mark.parametrize("when", [0.9, 1.2345])
def test_a_change_of_note_is_seen_at_its_time(feature: Feature, when: float):
    """Where one note gives way to another, their two bands are equally strong within a third of a hop."""
    n = round(when * RATE)
    features = feature(audio(np.concatenate([tone(880.0)[:n], tone(622.25)[n:]])))
    values = features.values.astype(np.float64)
    difference = (
        values[values[:, -20].argmax()] - values[values[:, 20].argmax()]
    )  # from the first band to the second
    k = int(np.flatnonzero(difference > 0)[0])
    crossing = k - difference[k] / (difference[k] - difference[k - 1])
    assert crossing / features.frame_rate == pytest.approx(when, abs=HOP[feature] / RATE / 3)


@every_spectrum
@pytest.mark.parametrize("when", [0.8, 1.0, 1.3333])
def test_a_rendered_note_begins_at_its_frame(feature: Feature, when: float):
    note = Score([when], [when + 0.4], [69], [90])
    features = feature(render(note))
    rise = np.maximum(np.diff(power(features), axis=1), 0.0).sum(axis=0)
    steepest = (rise.argmax() + 0.5) / features.frame_rate
    assert steepest == pytest.approx(when, abs=0.025)


@every_spectrum
def test_a_delay_of_whole_hops_shifts_the_frames(feature: Feature, melody: Score):
    """Only near the ends can it matter what comes before and after."""
    samples = render(melody).samples
    delay = 64
    values = feature(audio(samples)).values
    later = feature(audio(np.concatenate([np.zeros(delay * HOP[feature]), samples]))).values
    np.testing.assert_allclose(later[:, delay + 5 : -5], values[:, 5 : later.shape[1] - delay - 5], atol=0.03)


def test_with_onsets_by_hand():
    values = np.array([[0.0, 0.5, 0.25, 0.25], [1.0, 0.0, 0.0, 0.75]], dtype=np.float32)
    stacked = with_onsets(Features(values, 50.0), weight=2.0)
    expected = [[0.0, 0.5, 0.25, 0.25], [1.0, 0.0, 0.0, 0.75], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.5]]
    assert stacked.values.tolist() == expected
    assert stacked.values.dtype == np.float32
    assert stacked.frame_rate == 50.0


def test_features_leave_the_audio_alone(melody: Score):
    sound = render(melody, sample_rate=44100)
    before = sound.samples.copy()
    for feature in ALL:
        feature(sound)
    np.testing.assert_array_equal(sound.samples, before)
