"""Acoustic conditions: a recording made worse in a reproducible way, without moving anything in time.

Every condition keeps the length and the time of each event: rooms keep the direct sound at lag 0, filters
have zero phase, detuning does not change the tempo, and codec delay is measured and taken out. So the ground
truth of a recording stays valid. What is random depends on the condition and on a seed, normally the
recording's id, so that two runs hear the same.

The conditions are a few lines of SciPy each: augmentation libraries draw from global random state and
delay the signal by unstated amounts, which a benchmark cannot have.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from align_bench.errors import unknown_name
from align_bench.types import Audio, FloatArray

Effect = Callable[[FloatArray, int, np.random.Generator], FloatArray]

_PEAK = 0.99
_MP3_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)


@dataclass(frozen=True)
class Condition:
    """A named way to degrade a recording.

    Attributes
    ----------
    description : str
        For tables and records.
    effect : callable
        (samples, sample_rate, random generator) -> samples of the same length.
    """

    description: str
    effect: Effect


def apply_condition(audio: Audio, name: str, seed: int | str) -> Audio:
    """Return a recording as it would sound in a condition; events stay at their times.

    Parameters
    ----------
    audio : Audio
    name : str
        A key of `CONDITIONS`.
    seed : int or str
        What random parts are drawn from, normally the id of the recording.

    Returns
    -------
    Audio
        Of the same length and rate; scaled down only if it would clip.

    Raises
    ------
    UsageError
        If there is no such condition.
    """
    if name not in CONDITIONS:
        raise unknown_name("condition", name, CONDITIONS)
    digest = hashlib.sha256(f"{name}:{seed}".encode()).digest()
    rng = np.random.default_rng(int.from_bytes(digest[:8], "big"))
    changed = CONDITIONS[name].effect(audio.samples.astype(np.float64), audio.sample_rate, rng)
    changed *= min(1.0, _PEAK / max(float(np.abs(changed).max()), 1e-12))
    return Audio(changed.astype(np.float32), audio.sample_rate, name=f"{audio.name} ({name})")


def _clean(samples: FloatArray, rate: int, rng: np.random.Generator) -> FloatArray:
    return samples


def _room(samples: FloatArray, rate: int, rng: np.random.Generator) -> FloatArray:
    """Add a hall: RT60 1.2 s, half that in the treble, as loud as the direct sound."""
    from scipy.signal import butter, fftconvolve, sosfilt

    t = np.arange(round(1.5 * rate)) / rate
    noise = rng.normal(size=t.size)
    low = sosfilt(butter(1, min(2000.0, 0.4 * rate), fs=rate, output="sos"), noise)
    tail = low * 10 ** (-3 * t / 1.2) + (noise - low) * 10 ** (-3 * t / 0.6)
    tail *= 1.0 - np.exp(-t / 0.012)  # diffuse sound builds up after the direct sound
    early = rng.choice(np.arange(round(0.006 * rate), round(0.06 * rate)), size=8, replace=False)
    tail[early] += rng.choice([-1.0, 1.0], size=8) * 2.5 * np.abs(tail).max() * np.exp(-t[early] / 0.03)
    tail /= np.sqrt((tail**2).sum())
    return np.asarray(samples + fftconvolve(samples, tail)[: samples.size])


def _noise(samples: FloatArray, rate: int, rng: np.random.Generator) -> FloatArray:
    return np.asarray(samples + _at_snr(_pink(samples.size, rng), samples, 10.0))


def _old_record(samples: FloatArray, rate: int, rng: np.random.Generator) -> FloatArray:
    """Turn it into a 78: detuned, overdriven, 200 to 4000 Hz, hiss 7 dB below the music, crackle."""
    from scipy.signal import butter, sosfiltfilt

    band = butter(3, [200.0, min(4000.0, 0.45 * rate)], "bandpass", fs=rate, output="sos")

    def horn(signal: FloatArray) -> FloatArray:
        return np.asarray(sosfiltfilt(band, signal, padlen=min(100, signal.size - 1)))

    music = _shift_pitch(samples, rate, rng.uniform(-35.0, 35.0))
    music = horn(np.tanh(2.0 * music / (np.abs(music).max() + 1e-12)))
    hiss = _at_snr(horn(rng.normal(size=samples.size)), music, 7.0)
    clicks = (rng.random(samples.size) < 12.0 / rate) * rng.lognormal(sigma=0.8, size=samples.size)
    crackle = horn(clicks * rng.choice([-1.0, 1.0], size=samples.size))
    loudest = float(np.abs(crackle).max())
    if loudest > 0.0:
        crackle *= 0.5 * float(np.abs(music).max()) / loudest
    return np.asarray(music + hiss + crackle)


def _detuned(samples: FloatArray, rate: int, rng: np.random.Generator) -> FloatArray:
    return _shift_pitch(samples, rate, 30.0)


def _mp3(samples: FloatArray, rate: int, rng: np.random.Generator) -> FloatArray:
    """Encode and decode at a low bit rate; the delay is measured, as decoders differ in taking it out."""
    import soundfile
    import soxr
    from scipy.signal import correlate

    coded_rate = rate if rate in _MP3_RATES else 44100
    coded = np.asarray(soxr.resample(samples, rate, coded_rate)) if coded_rate != rate else samples
    file = io.BytesIO()
    soundfile.write(
        file,
        coded,
        coded_rate,
        format="MP3",
        subtype="MPEG_LAYER_III",
        bitrate_mode="CONSTANT",
        compression_level=0.85,
    )
    file.seek(0)
    decoded, _ = soundfile.read(file, dtype="float64")
    delay = int(np.argmax(correlate(decoded, coded, method="fft"))) - (coded.size - 1)
    decoded = np.concatenate([np.zeros(max(0, -delay)), decoded[max(0, delay) :], np.zeros(coded.size)])[
        : coded.size
    ]
    if coded_rate != rate:
        decoded = np.asarray(soxr.resample(decoded, coded_rate, rate))
    return np.pad(decoded, (0, max(0, samples.size - decoded.size)))[: samples.size]


def _shift_pitch(samples: FloatArray, rate: int, cents: float) -> FloatArray:
    """Detune a recording without touching time.

    Each eighth of an octave of the spectrum of the whole recording is moved by a constant number of Hz, which
    is a modulation: it displaces nothing, unlike resampling or a phase vocoder. Partials are at most a
    sixteenth of an octave from the centre of their band, so each is detuned by ``cents`` within about 5 %.
    """
    from scipy.fft import irfft, next_fast_len, rfft

    n = next_fast_len(
        samples.size + rate, real=True
    )  # a second of silence takes the ringing of the band edges
    spectrum = rfft(samples, n)
    bins = np.arange(spectrum.size)
    band = np.round(8.0 * np.log2(np.maximum(bins, 1) * rate / n / 27.5)) / 8.0
    centre = 27.5 * 2.0**band * n / rate
    moved = bins + np.round((2.0 ** (cents / 1200.0) - 1.0) * centre).astype(np.int64)
    kept = (moved >= 0) & (moved < spectrum.size)
    shifted = np.zeros_like(spectrum)
    np.add.at(shifted, moved[kept], spectrum[kept])
    return np.asarray(irfft(shifted, n)[: samples.size])


def _pink(n_samples: int, rng: np.random.Generator) -> FloatArray:
    """Return noise whose power falls by 3 dB an octave."""
    from scipy.fft import irfft, next_fast_len, rfft

    n = next_fast_len(n_samples, real=True)
    spectrum = rfft(rng.normal(size=n))
    spectrum[1:] /= np.sqrt(np.arange(1, spectrum.size))
    spectrum[0] = 0.0
    return np.asarray(irfft(spectrum, n)[:n_samples])


def _at_snr(noise: FloatArray, signal: FloatArray, decibels: float) -> FloatArray:
    """Scale noise to lie ``decibels`` below the signal, both by RMS over the whole recording."""
    wanted = float(np.sqrt((signal**2).mean())) * 10 ** (-decibels / 20)
    return noise * (wanted / max(float(np.sqrt((noise**2).mean())), 1e-12))


CONDITIONS: dict[str, Condition] = {
    "clean": Condition("as it was recorded", _clean),
    "room": Condition("in a hall, RT60 1.2 s, reverberation as loud as the direct sound", _room),
    "noise": Condition("with pink noise, 10 dB SNR", _noise),
    "old-record": Condition(
        "200-4000 Hz, 7 dB SNR, crackle, overdriven, detuned by up to 35 cents", _old_record
    ),
    "detuned": Condition("30 cents sharp, at the same tempo", _detuned),
    "mp3": Condition("through MP3 at a low bit rate, codec delay taken out", _mp3),
}
"""Every condition by name."""
