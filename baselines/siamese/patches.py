"""Training material: crops of a recording beside the crops of the rendered score that they play."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from align_bench.conditions import apply_condition
from align_bench.features.spectral import SAMPLE_RATE
from align_bench.synthesis import render
from align_bench.types import Audio, FloatArray, Recording, Reference, Score

from .card import LOWEST_KEY, N_KEYS
from .model import ModelConfig
from .path_loss import Corridor

CROP_FRAMES = 224
_TOLERANCE_S = 0.022  # within which a path must pass an onset: a frame before or after
_SAME_ONSET_S = 0.002  # truth files have decimals, MIDI files ticks
_SHIFT_FRAMES = 20  # crops are not aligned with each other, or position would give the answer away


@dataclass(frozen=True, eq=False)
class Pair:
    """A recording and its rendered score, as spectrograms, with the true map between them.

    Attributes
    ----------
    id, piece : str
        Of the recording.
    score, audio : numpy.ndarray, shape (n_bins, n_frames), float16
        In half precision, because all of the material is held in memory.
    frame_rate : float
        Of both, in Hz.
    reference : Reference
    strikes : numpy.ndarray, shape (n_notes, 2)
        Seconds of the recording and MIDI pitch of each note whose onset the reference has; all notes of a
        chord are at its reference time.
    views : tuple of (int, int)
        First and last bin of each of the spectrograms that are stacked.
    """

    id: str
    piece: str
    score: NDArray[np.float16]
    audio: NDArray[np.float16]
    frame_rate: float
    reference: Reference
    strikes: FloatArray
    views: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, recording: Recording, config: ModelConfig, condition: str = "clean") -> Pair:
        """Read, render and analyse a recording and its score; its latency is taken out of the reference."""
        score = config.features(render(recording.score))
        audio = config.features(apply_condition(recording.audio, condition, recording.id))
        truth = recording.reference
        truth = Reference(truth.score_times, truth.times + latency(recording.audio, truth.times))
        return cls(
            recording.id,
            recording.piece,
            score.values.astype(np.float16),
            audio.values.astype(np.float16),
            audio.frame_rate,
            truth,
            _strikes(recording.score, truth),
            tuple(config.bodies.values()),
        )

    @property
    def is_long_enough(self) -> bool:
        """Whether both sides hold a crop."""
        return bool(min(self.score.shape[1], self.audio.shape[1]) >= CROP_FRAMES)

    @property
    def played(self) -> FloatArray:
        """When each reference onset sounds, made to ascend strictly, so that it can be inverted."""
        times = np.maximum.accumulate(self.reference.times)
        return np.asarray(times + 1e-9 * np.arange(times.size), dtype=np.float64)


@dataclass(frozen=True, eq=False)
class Batch:
    """Crops.

    Attributes
    ----------
    score, audio : numpy.ndarray, shape (n_crops, n_bins, CROP_FRAMES), float32
    struck : numpy.ndarray, shape (n_crops, 88, CROP_FRAMES), float32
        1 where a key is struck in a frame of the recording; between two frames it is shared.
    corridors : list of Corridor or None
        For each crop, where its path may run; None if it holds too few onsets.
    offsets : numpy.ndarray, shape (n_crops, CROP_FRAMES, CROP_FRAMES), float32
        For each pair of a score frame (axis 1) and an audio frame (axis 2): seconds of performance between
        them; NaN for audio frames before the first or after the last onset, whose score time is not known;
        infinite for score frames there, which nothing in the crop plays.
    """

    score: NDArray[np.float32]
    audio: NDArray[np.float32]
    struck: NDArray[np.float32]
    corridors: list[Corridor | None]
    offsets: NDArray[np.float32]


def draw_batch(
    pairs: Sequence[Pair],
    shares: FloatArray,
    n_crops: int,
    rng: np.random.Generator,
    augment: bool = True,
) -> Batch:
    """Draw crops at random.

    Parameters
    ----------
    pairs : sequence of Pair
        Long enough, see `Pair.is_long_enough`.
    shares : numpy.ndarray, shape (n_pairs,)
        How often each is drawn; see `shares_of`.
    n_crops : int
    rng : numpy.random.Generator
    augment : bool, optional
        Change the acoustics of the recording's side, see `change_acoustics`.
    """
    crops = []
    for i in rng.choice(len(pairs), size=n_crops, p=shares):
        score, audio, struck, corridor, offsets = _draw_crop(pairs[i], rng)
        if augment:
            audio = np.concatenate(
                [
                    change_acoustics(audio[first:last], pairs[i].frame_rate, rng)
                    for first, last in pairs[i].views
                ]
            )
        crops.append((score, audio, struck, corridor, offsets))
    scores, recordings, keys, corridors, gaps = zip(*crops, strict=True)
    return Batch(
        np.stack(scores),
        np.stack(recordings),
        np.stack(keys),
        list(corridors),
        np.stack(gaps).astype(np.float32),
    )


def shares_of(sources: Sequence[Sequence[Pair]]) -> FloatArray:
    """Return how often to draw each pair of all sources, one after the other.

    Within a source longer recordings are drawn more often; a source's share grows with the square root of
    its length, so that hours of rendered music do not drown half an hour of a real piano.

    Parameters
    ----------
    sources : sequence of sequence of Pair
        None of them empty.

    Returns
    -------
    numpy.ndarray, shape (n_pairs,)
        They sum to 1.
    """
    shares = []
    for pairs in sources:
        frames = np.array([pair.audio.shape[1] for pair in pairs], dtype=np.float64)
        shares.append(frames / np.sqrt(frames.sum()))
    every = np.concatenate(shares)
    return np.asarray(every / every.sum())


def _draw_crop(
    pair: Pair, rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32], Corridor | None, FloatArray]:
    rate, played, written = pair.frame_rate, pair.played, pair.reference.score_times
    frames = np.arange(CROP_FRAMES)
    last = pair.audio.shape[1] - CROP_FRAMES
    begin = int(np.clip(rng.uniform(played[0] - 1.0, played[-1]) * rate, 0, last))
    heard_at = (begin + frames) / rate
    middle = np.interp(heard_at[CROP_FRAMES // 2], played, written) * rate
    shift = int(rng.integers(-_SHIFT_FRAMES, _SHIFT_FRAMES + 1))
    start = int(np.clip(middle - CROP_FRAMES // 2 + shift, 0, pair.score.shape[1] - CROP_FRAMES))
    score_at = (start + frames) / rate
    expected_at = np.interp(score_at, written, played, left=-np.inf, right=np.inf)
    offsets = heard_at[None, :] - expected_at[:, None]
    offsets[:, (heard_at < played[0]) | (heard_at > played[-1])] = np.nan
    return (
        pair.score[:, start : start + CROP_FRAMES].astype(np.float32),
        pair.audio[:, begin : begin + CROP_FRAMES].astype(np.float32),
        _struck(pair.strikes, begin, rate),
        _corridor(pair, score_at, heard_at),
        offsets,
    )


def _strikes(score: Score, reference: Reference) -> FloatArray:
    """Return time and pitch of the notes that begin at an onset of the reference."""
    near = np.searchsorted(reference.score_times, score.starts).clip(1, reference.score_times.size - 1)
    before = score.starts - reference.score_times[near - 1] < reference.score_times[near] - score.starts
    at = near - before
    known = np.abs(reference.score_times[at] - score.starts) < _SAME_ONSET_S
    return np.stack([reference.times[at][known], score.pitches[known]], axis=1)


def _struck(strikes: FloatArray, begin: int, rate: float) -> NDArray[np.float32]:
    """Return which keys are struck in a crop, shape (88, CROP_FRAMES)."""
    place = strikes[:, 0] * rate - begin
    frame = np.floor(place).astype(int)
    share = place - frame
    struck = np.zeros((N_KEYS, CROP_FRAMES), dtype=np.float32)
    for at, weight in ((frame, 1.0 - share), (frame + 1, share)):
        inside = (at >= 0) & (at < CROP_FRAMES)
        keys = (strikes[inside, 1] - LOWEST_KEY).astype(int).clip(0, N_KEYS - 1)
        np.maximum.at(struck, (keys, at[inside]), weight[inside])
    return struck


def _corridor(pair: Pair, score_at: FloatArray, heard_at: FloatArray) -> Corridor | None:
    """Return where the path of a crop may run: near each onset, and anywhere between two of them."""
    rate, played, written = pair.frame_rate, pair.played, pair.reference.score_times
    inside = (written >= score_at[0]) & (written <= score_at[-1])
    (k,) = np.nonzero(inside & (played >= heard_at[0]) & (played <= heard_at[-1]))
    if k.size < 4:
        return None
    ends = k[[0, -1]]
    i, i_end = np.rint((written[ends] - score_at[0]) * rate).astype(int).tolist()
    j, j_end = np.rint((played[ends] - heard_at[0]) * rate).astype(int).tolist()
    if i >= i_end or j >= j_end:
        return None
    half = 0.5 / rate
    after = np.searchsorted(written, score_at - half).clip(0, written.size - 1)
    before = (np.searchsorted(written, score_at + half) - 1).clip(0, written.size - 1)
    on_onset = before >= after
    earliest = played[np.where(on_onset, after, (after - 1).clip(0))] - _TOLERANCE_S
    latest = played[np.where(on_onset, before, after)] + _TOLERANCE_S
    first = np.ceil((earliest - heard_at[0]) * rate).astype(np.int64)
    last = np.floor((latest - heard_at[0]) * rate).astype(np.int64) + 1
    return Corridor((i, min(i_end, CROP_FRAMES - 1), j, min(j_end, CROP_FRAMES - 1)), first, last)


def latency(audio: Audio, onsets: FloatArray) -> float:
    """Return by how many seconds a recording trails a list of its onsets: where its flux is greatest.

    MAPS trails its own note list by 0 to 10 ms in the close recordings and by 15 to 30 ms in the ambient
    ones. Taught both, a network learns to be vague by a frame.

    Parameters
    ----------
    audio : Audio
    onsets : numpy.ndarray, shape (n_onsets,)
        Seconds.

    Returns
    -------
    float
        Between -20 and 45 ms, in steps of 2.9 ms.
    """
    flux, rate = spectral_flux(audio)
    lags = np.arange(round(-0.020 * rate), round(0.045 * rate) + 1)
    frames = np.arange(flux.size)
    strength = [np.interp(onsets * rate + lag, frames, flux).mean() for lag in lags]
    return float(lags[int(np.argmax(strength))] / rate)


def spectral_flux(audio: Audio) -> tuple[NDArray[np.float32], float]:
    """Return how much a recording's logarithmic spectrum rises into each frame, and the frames a second."""
    import librosa

    hop_length = 64
    samples = audio.resampled(SAMPLE_RATE).samples
    spectrum = np.abs(librosa.stft(samples, n_fft=512, hop_length=hop_length))
    level = np.log1p(1000.0 * spectrum / spectrum.max())
    rise = np.maximum(np.diff(level, axis=1, prepend=level[:, :1]), 0.0)
    return rise.sum(axis=0), SAMPLE_RATE / hop_length


def change_acoustics(
    spectrogram: NDArray[np.float32], frame_rate: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Put a spectrogram into another room, microphone and carrier, at random.

    Reverberation (0.2 to 1.6 s), equalisation, loss of bass and treble, and coloured noise (3 to 45 dB below
    the music), all on the powers of the bins, which costs a hundredth of what it does on samples.

    Parameters
    ----------
    spectrogram : numpy.ndarray, shape (n_bins, n_frames)
        In [0, 1], as `align_bench.features` make it.
    frame_rate : float
        In Hz.
    rng : numpy.random.Generator
    """
    from scipy.signal import lfilter

    n_bins = spectrogram.shape[0]
    axis = np.linspace(0.0, 1.0, n_bins)

    def curve(n_knots: int, spread_db: float) -> FloatArray:
        knots = rng.normal(0.0, spread_db, n_knots)
        return np.asarray(np.interp(axis, np.linspace(0.0, 1.0, n_knots), knots))

    power = np.exp((spectrogram - np.float32(1.0)) * np.float32(8.0 * np.log(10.0)))
    if rng.random() < 0.6:
        decay = 10.0 ** (-6.0 / (rng.uniform(0.2, 1.6) * frame_rate))
        forward = np.array([0.0, 5.0 * (1.0 - decay)], dtype=np.float32)
        back = np.array([1.0, -decay], dtype=np.float32)
        power = power + np.float32(rng.uniform(0.02, 0.5)) * lfilter(forward, back, power, axis=1)
    level = curve(int(rng.integers(3, 8)), 6.0)
    if rng.random() < 0.4:
        level -= rng.uniform(0.0, 40.0) * np.clip(1.0 - axis / rng.uniform(0.05, 0.33), 0.0, None)
    if rng.random() < 0.4:
        level -= np.minimum(60.0, rng.uniform(80.0, 500.0) * np.clip(axis - rng.uniform(0.5, 1.0), 0.0, None))
    power = power * (10.0 ** (level / 10.0)).astype(np.float32)[:, None]
    if rng.random() < 0.8:
        colour = 10.0 ** (curve(int(rng.integers(2, 5)), 8.0) / 10.0)
        loudness = float(power.mean()) * 10.0 ** (-rng.uniform(3.0, 45.0) / 10.0)
        # The power of noise in a bin is the mean of two exponential variables, drawn by their inverse.
        uniform = np.maximum(rng.random((2, *power.shape), dtype=np.float32), np.float32(1e-12))
        grain = np.float32(-0.5) * np.log(uniform[0] * uniform[1])
        power = power + (loudness * colour / colour.mean()).astype(np.float32)[:, None] * grain
    level_db = np.log(power / power.max() + np.float32(1e-12)) * np.float32(10.0 / np.log(10.0))
    return np.asarray(np.maximum(level_db / np.float32(80.0) + np.float32(1.0), 0.0), dtype=np.float32)
