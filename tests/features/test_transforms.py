"""The transforms against librosa, whose numbers they give by other means."""

from __future__ import annotations

import subprocess
import sys
import warnings
from functools import cache

import librosa
import numpy as np
import pytest

from align_bench.features import chroma_cqt, log_cqt, log_mel, log_stft
from align_bench.features.transforms import LOWEST_HZ, constant_q, mel_filters, stft, tuning_of
from align_bench.synthesis import render
from align_bench.types import Audio, Score

RATE = 22050


@cache
def sound(name: str) -> np.ndarray:
    """Return eight seconds of piano, or white noise of so many samples."""
    if name != "piano":
        return np.random.default_rng(0).normal(size=int(name)).astype(np.float32)
    rng = np.random.default_rng(1)
    starts = np.sort(rng.uniform(0.0, 7.5, 32))
    return render(Score(starts, starts + 0.4, rng.integers(24, 105, 32), rng.integers(20, 120, 32))).samples


def decibels(magnitude: np.ndarray) -> np.ndarray:
    return np.maximum(20 * np.log10(np.maximum(magnitude / magnitude.max(), 1e-10)) / 80 + 1, 0)


def librosa_cqt(samples: np.ndarray, hop: int, bins_per_octave: int, tuning: float = 0.0) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="n_fft=.* is too large")
        return np.abs(
            librosa.cqt(
                samples, sr=RATE, hop_length=hop, n_bins=7 * bins_per_octave, tuning=tuning,
                bins_per_octave=bins_per_octave,
            )
        )  # fmt: skip


each_sound = pytest.mark.parametrize("name", ["piano", "66167", "1", "2", "447", "448", "5001"])


@each_sound
@pytest.mark.parametrize(
    ("hop", "bins_per_octave", "tuning"), [(448, 12, 0.0), (512, 36, 0.31), (512, 36, -0.5), (64, 24, 0.1)]
)
def test_constant_q(name: str, hop: int, bins_per_octave: int, tuning: float):
    samples = sound(name)
    ours = constant_q(samples, hop, 7, bins_per_octave, sample_rate=RATE, tuning=tuning)
    theirs = librosa_cqt(samples, hop, bins_per_octave, tuning)
    assert ours.shape == theirs.shape
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours, theirs, atol=3e-6 * theirs.max())
    np.testing.assert_allclose(decibels(ours), decibels(theirs), atol=1e-3)


def test_the_lowest_bin_is_c1():
    assert pytest.approx(librosa.note_to_hz("C1")) == LOWEST_HZ


@each_sound
@pytest.mark.parametrize(("hop", "n_bins"), [(448, None), (512, 385)])
def test_stft(name: str, hop: int, n_bins: int | None):
    samples = sound(name)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="n_fft=.* is too large")
        theirs = np.abs(librosa.stft(samples, n_fft=2048, hop_length=hop))[:n_bins]
    ours = stft(samples, 2048, hop, n_bins)
    assert ours.shape == theirs.shape
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours, theirs, atol=1e-6 * theirs.max())


@pytest.mark.parametrize(("n_bands", "lowest"), [(96, 30.0), (40, 0.0), (20, 1500.0)])
def test_mel_filters(n_bands: int, lowest: float):
    theirs = librosa.filters.mel(sr=RATE, n_fft=2048, n_mels=n_bands, fmin=lowest)
    np.testing.assert_allclose(mel_filters(RATE, 2048, n_bands, lowest), theirs, atol=1e-8)


@pytest.mark.parametrize("bins_per_octave", [12, 36])
@pytest.mark.parametrize("cents", [-40, -15, 0, 8, 33, 49])
def test_tuning(cents: float, bins_per_octave: int):
    """A piano that is played back faster is higher; librosa hears it as we do."""
    faster = 2 ** (cents / 1200)
    samples = librosa.resample(sound("piano"), orig_sr=RATE * faster, target_sr=RATE)
    ours = tuning_of(samples, RATE, bins_per_octave)
    theirs = librosa.estimate_tuning(y=samples, sr=RATE, bins_per_octave=bins_per_octave)
    assert ours == pytest.approx(theirs, abs=1e-9)
    if bins_per_octave == 12:
        assert abs((ours - cents / 100 + 0.5) % 1 - 0.5) < 0.05


@pytest.mark.parametrize("samples", [np.zeros(RATE), 0.5 * np.ones(3 * RATE)])
def test_what_has_no_pitch_counts_as_tuned(samples: np.ndarray):
    assert tuning_of(samples.astype(np.float32), RATE, 36) == 0.0


@pytest.mark.parametrize("name", ["piano", "66167"])
def test_the_features_are_librosas(name: str):
    """What checkpoints are trained on: each feature by librosa, as it was when they were."""
    samples = sound(name)
    audio = Audio(samples, RATE)
    np.testing.assert_allclose(log_cqt(audio).values, decibels(librosa_cqt(samples, 448, 12)), atol=1e-3)
    spectrum = np.abs(librosa.stft(samples, n_fft=2048, hop_length=448))[1:385]
    np.testing.assert_allclose(log_stft(audio).values, decibels(spectrum), atol=1e-3)
    mel = librosa.feature.melspectrogram(y=samples, sr=RATE, hop_length=512, n_mels=96, fmin=30.0)
    np.testing.assert_allclose(log_mel(audio).values, decibels(np.sqrt(mel)), atol=1e-3)
    chroma = librosa.feature.chroma_cqt(y=samples, sr=RATE, norm=None)
    chroma += 1e-3 * chroma.max()
    chroma /= np.linalg.norm(chroma, axis=0)
    np.testing.assert_allclose(chroma_cqt(audio).values, chroma, atol=1e-3)


def test_no_slow_import():
    """Each of these takes longer to import than a minute of audio takes to analyse."""
    code = (
        "import sys, numpy as np\n"
        "from align_bench.features import *\n"
        "from align_bench.types import Audio\n"
        "audio = Audio(np.sin(np.arange(4000.0)), 8000)\n"
        "for feature in (log_cqt, log_stft, log_mel, chroma_cqt): feature(audio)\n"
        "print([name for name in ('librosa', 'scipy', 'numba', 'torch') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
