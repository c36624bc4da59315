"""Conditions keep time, are repeatable, and do what their table says."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import correlate

from align_bench.conditions import CONDITIONS, apply_condition
from align_bench.errors import UsageError
from align_bench.types import Audio

RATE = 22050


def _tone(hertz: float, seconds: float = 4.0, rate: int = RATE) -> Audio:
    t = np.arange(round(seconds * rate)) / rate
    return Audio((0.4 * np.sin(2 * np.pi * hertz * t)).astype(np.float32), rate)


def _plucks(rate: int = RATE) -> tuple[Audio, np.ndarray]:
    """Return eight decaying chords with silence between, and when they start."""
    starts = np.array([0.3, 1.1, 1.7, 2.6, 3.05, 3.9, 4.4, 5.2])
    t = np.arange(6 * rate) / rate
    samples = np.zeros(t.size)
    for i, start in enumerate(starts):
        late = np.maximum(t - start, 0.0)
        for hertz in (330 * 2 ** (i / 12), 700 * 2 ** (i / 12), 1500 * 2 ** (i / 12)):
            samples += (t >= start) * np.exp(-late / 0.08) * np.sin(2 * np.pi * hertz * late)
    return Audio((0.1 * samples).astype(np.float32), rate), starts


def _envelope(audio: Audio, hop: int = 44) -> np.ndarray:
    frames = audio.samples[: audio.samples.size // hop * hop].reshape(-1, hop)
    rise = np.diff(np.convolve(np.sqrt((frames.astype(float) ** 2).mean(axis=1)), np.ones(5) / 5, "same"))
    return np.maximum(rise, 0.0)


@pytest.mark.parametrize("name", CONDITIONS)
@pytest.mark.parametrize("rate", [22050, 44100])
def test_nothing_moves_in_time(name: str, rate: int) -> None:
    audio, starts = _plucks(rate)
    changed = apply_condition(audio, name, seed="a")
    assert changed.sample_rate == rate
    assert changed.samples.size == audio.samples.size
    before, after = _envelope(audio), _envelope(changed)
    lags = []
    for start in starts:  # each attack for itself, so that a drift or a jitter is seen too
        here = slice(int((start - 0.1) * rate / 44), int((start + 0.1) * rate / 44))
        lag = np.argmax(correlate(after[here], before[here])) - (here.stop - here.start - 1)
        lags.append(lag * 44 / rate)
    assert np.median(np.abs(lags)) <= 0.003
    assert np.abs(lags).max() <= 0.012  # filters and noise change the shape of an attack, and so this witness


@pytest.mark.parametrize("name", CONDITIONS)
def test_the_same_seed_sounds_the_same_and_another_does_not(name: str) -> None:
    audio, _ = _plucks()
    first, again, other = (apply_condition(audio, name, seed).samples for seed in ("a", "a", "b"))
    np.testing.assert_array_equal(first, again)
    random = name in {"room", "noise", "old-record"}
    assert np.array_equal(first, other) != random


def test_clean_changes_nothing() -> None:
    audio, _ = _plucks()
    np.testing.assert_array_equal(apply_condition(audio, "clean", 0).samples, audio.samples)


def test_noise_is_pink_and_10_db_below() -> None:
    audio = _tone(440.0, seconds=8.0)
    noise = apply_condition(audio, "noise", 1).samples.astype(float) - audio.samples
    assert 10 * np.log10((audio.samples.astype(float) ** 2).mean() / (noise**2).mean()) == pytest.approx(
        10, abs=0.1
    )
    power = np.abs(np.fft.rfft(noise)) ** 2
    octaves = [power[int(8 * f) : int(16 * f)].sum() for f in (100, 400, 1600)]
    assert np.ptp(10 * np.log10(octaves)) < 1.0  # pink: as much power in every octave


def test_the_room_decays_by_60_db_in_its_time() -> None:
    impulse = np.zeros(2 * RATE, dtype=np.float32)
    impulse[100] = 0.1
    response = apply_condition(Audio(impulse, RATE), "room", 3).samples.astype(float)
    assert np.argmax(np.abs(response)) == 100
    assert not response[:100].round(6).any()
    assert (response[101:] ** 2).sum() == pytest.approx(response[100] ** 2, rel=0.1)
    left = 10 * np.log10(np.cumsum(response[::-1] ** 2)[::-1])  # Schroeder's backward integration
    i, j = int(0.3 * RATE), int(0.8 * RATE)
    assert 60 / ((left[i] - left[j]) / 0.5) == pytest.approx(1.2, rel=0.15)


def test_an_old_record_has_no_bass_and_no_treble() -> None:
    noise = np.random.default_rng(0).normal(scale=0.1, size=4 * RATE).astype(np.float32)
    power = np.abs(np.fft.rfft(apply_condition(Audio(noise, RATE), "old-record", 0).samples)) ** 2
    middle = power[4 * 500 : 4 * 2000].mean()
    assert power[4 * 20 : 4 * 80].mean() < 1e-3 * middle
    assert power[4 * 8000 :].mean() < 1e-3 * middle


@pytest.mark.parametrize("hertz", [60.0, 130.8, 440.0, 452.0, 466.2, 1000.0, 3000.0])
def test_detuned_is_30_cents_sharp(hertz: float) -> None:
    changed = apply_condition(_tone(hertz), "detuned", 0).samples[RATE : 3 * RATE]
    spectrum = np.abs(np.fft.rfft(changed * np.hanning(changed.size), 2**19))
    heard = np.argmax(spectrum) * RATE / 2**19
    assert 1200 * np.log2(heard / hertz) == pytest.approx(30.0, abs=2.5)


@pytest.mark.parametrize("rate", [16000, 22050, 44100, 96000])
def test_mp3_is_lossy_but_in_place(rate: int) -> None:
    audio, _ = _plucks(rate)
    changed = apply_condition(audio, "mp3", 0).samples.astype(float)
    rest = changed - audio.samples
    snr = 10 * np.log10((audio.samples.astype(float) ** 2).mean() / (rest**2).mean())
    assert 5 < snr < 60


def test_loud_recordings_are_scaled_and_not_clipped() -> None:
    loud = Audio(_tone(440.0).samples * 2.4, RATE)
    changed = apply_condition(loud, "noise", 0).samples
    assert np.abs(changed).max() == pytest.approx(0.99)
    assert (np.abs(changed) > 0.989).sum() < 5


def test_an_unknown_condition_is_refused_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="Did you mean 'noise'"):
        apply_condition(_tone(440.0), "nois", 0)
