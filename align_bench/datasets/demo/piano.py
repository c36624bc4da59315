"""A modal piano in NumPy: another instrument than any SoundFont, and exact to the sample.

Each note is a sum of decaying partials: inharmonic strings (stiffness by register), two slightly detuned
strings a note that beat against each other, two-stage decay that is faster in the treble and in high
partials, a spectrum that brightens with velocity, a soundboard with random resonances, and the thump of the
hammer. A tone starts at its onset without delay; its rise takes 1 to 3 ms.

References
----------
* F. Rigaud, B. David, L. Daudet, "A parametric model and estimation techniques for the inharmonicity and
  tuning of the piano", JASA 133(5), 2013: the inharmonicity is a sum of two exponentials of the key.
* G. Weinreich, "Coupled piano strings", JASA 62(6), 1977: why the decay has two stages.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from align_bench.datasets.demo.performance import Performance
from align_bench.types import Audio

_N_PARTIALS = 24
_LONGEST_S = 5.0
_HIGHEST_HZ = 9000.0
_SOFT_HZ, _HARD_HZ = 500.0, 2600.0  # where the spectra of the softest and the hardest stroke fall off
_STRIKE = 1 / 7.7  # where on the string the hammer strikes


@dataclass(frozen=True)
class Piano:
    """An instrument.

    Attributes
    ----------
    sample_rate : int
        In Hz.
    cents : float
        Tuning against A4 = 440 Hz.
    """

    sample_rate: int = 22050
    cents: float = 0.0

    def play(self, performance: Performance) -> Audio:
        """Return the sound of a performance; note-on ``t`` is at sample ``round(t * sample_rate)``."""
        rate = self.sample_rate
        mix = np.zeros(int(np.ceil(performance.duration * rate)), dtype=np.float64)
        rows = zip(
            performance.onsets, performance.offsets, performance.pitches, performance.velocities, strict=True
        )
        for onset, offset, pitch, velocity in rows:
            first = round(float(onset) * rate)
            tone = self._tone(int(pitch), int(velocity), float(offset - onset))[: mix.size - first]
            mix[first : first + tone.size] += tone
        return Audio(np.asarray(mix * (0.5 / np.abs(mix).max()), dtype=np.float32), rate)

    def _tone(self, pitch: int, velocity: int, length: float) -> NDArray[np.float32]:
        """Return one note, damped ``length`` seconds after its onset."""
        soft, hard = _strokes(pitch, self.cents, self.sample_rate)
        force = velocity / 127.0
        damping = 0.05 + 0.0015 * max(0, 72 - pitch)  # seconds to fall to 1/e: bass strings stop later
        n_samples = min(soft.size, round((length + 7.0 * damping) * self.sample_rate))
        tone = (1.0 - force) * soft[:n_samples] + force * hard[:n_samples]
        after = np.arange(max(0, n_samples - round(length * self.sample_rate))) / self.sample_rate
        if after.size:
            tone[-after.size :] *= np.exp(-after / damping)
        return np.asarray(force**1.6 * tone, dtype=np.float32)


@lru_cache(maxsize=512)
def _strokes(pitch: int, cents: float, rate: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the softest and the hardest tone of a key; strokes in between are mixed of the two."""
    rng = np.random.default_rng([pitch, 1908])
    key = np.exp(-8.47e-2 * pitch - 5.82) + np.exp(9.26e-2 * pitch - 13.64)
    k = np.arange(1, _N_PARTIALS + 1)
    f0 = 440.0 * 2.0 ** ((pitch - 69) / 12.0 + cents / 1200.0)
    hertz = k * f0 * np.sqrt((1.0 + key * k**2) / (1.0 + key))
    k, hertz = k[hertz < _HIGHEST_HZ], hertz[hertz < _HIGHEST_HZ]

    t = np.arange(round(_LONGEST_S * rate)) / rate
    body = np.abs(np.sin(np.pi * k * _STRIKE)) / k**0.5 * _soundboard(hertz)
    rate_1 = 1.1 * 2.0 ** ((pitch - 60) / 14.0) * (1.0 + hertz / 2500.0)  # 1/s, of the amplitude
    decay = 0.82 * np.exp(-np.outer(rate_1, t)) + 0.18 * np.exp(-np.outer(rate_1 / 5.0, t))
    spread = 2.0 ** (rng.uniform(0.4, 1.1) / 1200.0)
    phases = rng.uniform(0.0, 2.0 * np.pi, size=k.size)
    strings = np.sin(2.0 * np.pi * np.outer(hertz / spread, t) + phases[:, None])
    strings += 0.8 * np.sin(2.0 * np.pi * np.outer(hertz * spread, t) + phases[:, None])
    strings *= decay

    rise = np.minimum(1.0, t / np.interp(pitch, [36, 84], [0.003, 0.001]))
    fade = np.clip((_LONGEST_S - t) / 0.3, 0.0, 1.0)
    thump = _thump(rng, t, rate)
    tones = []
    for cutoff, level in ((_SOFT_HZ, 0.03), (_HARD_HZ, 0.08)):
        amplitudes = body * np.exp(-hertz / (cutoff + 0.7 * f0))
        amplitudes /= np.sqrt((amplitudes**2).sum())
        tones.append(np.asarray((amplitudes @ strings + level * thump) * rise * fade, dtype=np.float32))
    return tones[0], tones[1]


def _soundboard(hertz: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the gain of the soundboard: nothing below 60 Hz, and random hills and dips of 4 dB above."""
    centres = np.geomspace(50.0, 10000.0, 40)
    decibels = np.random.default_rng(88).normal(scale=4.0, size=centres.size)
    hills = 10.0 ** (np.interp(np.log(hertz), np.log(centres), decibels) / 20.0)
    return np.asarray(hills / np.sqrt(1.0 + (60.0 / hertz) ** 4))


def _thump(rng: np.random.Generator, t: NDArray[np.float64], rate: int) -> NDArray[np.float64]:
    """Return the noise of hammer and key: 60 ms of low-passed noise with the peak at its beginning."""
    from scipy.signal import butter, sosfilt

    noise = rng.normal(size=t.size) * (t < 0.06)
    low = sosfilt(butter(2, 1200.0, fs=rate, output="sos"), noise)
    return np.asarray(low / np.abs(low).max() * np.exp(-t / 0.012))
