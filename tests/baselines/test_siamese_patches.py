"""Crops of spectrograms that hold their own frame numbers, so that each crop tells where it was cut."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from align_bench_baselines.siamese.model import ModelConfig
from align_bench_baselines.siamese.patches import (
    CROP_FRAMES,
    Batch,
    Pair,
    _strikes,
    change_acoustics,
    draw_batch,
    latency,
    shares_of,
)

from align_bench.types import Recording, Reference, Score

RATE = 50.0
SLOPE, DELAY = 1.25, 0.6  # the performance: slower than the score, and later
N_SCORE, N_AUDIO = 800, 1050  # 16 s and 21 s


FRAME = np.float32(2**-11)  # what the value rises by from frame to frame: exact, and within [0, 1]


def numbered(n_frames: int) -> np.ndarray:
    return np.tile(np.arange(n_frames, dtype=np.float32) * FRAME, (3, 1))


def made(name: str, n_score: int, n_audio: int, reference: Reference, sign: int = 1) -> Pair:
    strikes = np.stack([reference.times, 60.0 + np.arange(reference.times.size) % 12], axis=1)
    sides = sign * numbered(n_score), sign * numbered(n_audio)
    return Pair(name, name, *sides, RATE, reference, strikes, ((0, 2), (2, 3)))


@pytest.fixture
def pair() -> Pair:
    onsets = np.linspace(0.2, 15.0, 30)
    return made("one", N_SCORE, N_AUDIO, Reference(onsets, SLOPE * onsets + DELAY))


def draw(pair: Pair, seed: int, n_crops: int = 4, augment: bool = False) -> Batch:
    return draw_batch([pair], np.ones(1), n_crops, np.random.default_rng(seed), augment)


def test_shapes(pair: Pair):
    batch = draw(pair, 0)
    assert batch.score.shape == batch.audio.shape == (4, 3, CROP_FRAMES)
    assert batch.offsets.shape == (4, CROP_FRAMES, CROP_FRAMES)
    assert batch.struck.shape == (4, 88, CROP_FRAMES)
    arrays = (batch.score, batch.audio, batch.struck, batch.offsets)
    assert {a.dtype for a in arrays} == {np.dtype(np.float32)}


def test_keys_are_struck_where_the_reference_says(pair: Pair):
    """Between two frames a strike is shared by distance, so that its centre of mass is its time."""
    n_struck = 0
    for seed in range(10):
        batch = draw(pair, seed)
        for audio, struck in zip(batch.audio, batch.struck, strict=True):
            heard = audio[0].astype(np.float64) / FRAME / RATE
            expected = np.zeros((88, CROP_FRAMES))
            for time, pitch in pair.strikes:
                if heard[0] <= time <= heard[-1]:
                    near = np.clip(1.0 - np.abs(heard - time) * RATE, 0.0, None)
                    expected[int(pitch) - 21] = np.maximum(expected[int(pitch) - 21], near)
                    n_struck += 1
            np.testing.assert_allclose(struck[:, 1:-1], expected[:, 1:-1], atol=1e-5)
    assert n_struck > 100


def test_strikes_are_the_notes_whose_onset_has_a_truth():
    score = Score([0.0, 0.0, 0.5, 1.0], [0.4, 0.4, 0.9, 1.4], [60, 64, 65, 67], [80] * 4)
    reference = Reference([0.0, 1.0004], [2.0, 3.5])  # nobody knows when the second chord sounds
    np.testing.assert_allclose(_strikes(score, reference), [[2.0, 60], [2.0, 64], [3.5, 67]])


def test_offsets_by_formula(pair: Pair):
    """Score frame i sounds at SLOPE * i / RATE + DELAY."""
    first, last = pair.reference.times[[0, -1]]
    n_unknown = 0
    for seed in range(20):
        batch = draw(pair, seed)
        for score, audio, offsets in zip(batch.score, batch.audio, batch.offsets, strict=True):
            for side in (score, audio):
                np.testing.assert_array_equal(side, side[0, 0] + numbered(CROP_FRAMES))
            written, heard = (side[0].astype(np.float64) / FRAME / RATE for side in (score, audio))
            expected = heard[None, :] - (SLOPE * written[:, None] + DELAY)
            known = (heard >= first) & (heard <= last)
            np.testing.assert_array_equal(np.isnan(offsets), np.tile(~known, (CROP_FRAMES, 1)))
            inside = (written >= 0.2) & (written <= 15.0)
            np.testing.assert_allclose(
                offsets[np.ix_(inside, known)], expected[np.ix_(inside, known)], atol=1e-5
            )
            # A score frame outside the onsets is no match for any frame that is known.
            assert np.isinf(offsets[np.ix_(~inside, known)]).all()
            n_unknown += int((~known).sum())
    assert n_unknown > 0


def test_the_two_sides_of_a_crop_belong_together(pair: Pair):
    """Every crop has similar pairs, their place in it varies, and all of the recording is drawn."""
    shifts, begins = [], []
    for seed in range(60):
        batch = draw(pair, seed)
        begins += (batch.audio[:, 0, 0] / FRAME).tolist()
        for score, offsets in zip(batch.score, batch.offsets, strict=True):
            assert (np.abs(offsets) <= 0.5 / RATE).any()
            start, middle = score[0, 0] / FRAME, offsets[:, CROP_FRAMES // 2]
            if 0 < start < N_SCORE - CROP_FRAMES and np.isfinite(middle).any():
                shifts.append(np.abs(middle).argmin() - CROP_FRAMES // 2)
    assert -21 <= min(shifts) < -15
    assert 15 < max(shifts) <= 21
    assert min(begins) < 50
    assert max(begins) > N_AUDIO - CROP_FRAMES - 50


def test_the_seed_decides(pair: Pair):
    a, b, c = (draw(pair, seed, augment=True) for seed in (1, 1, 2))
    for name in ("score", "audio", "offsets"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
    assert not np.array_equal(a.audio, c.audio)


def test_only_the_recording_is_augmented(pair: Pair):
    plain, changed = draw(pair, 3, n_crops=1), draw(pair, 3, n_crops=1, augment=True)
    np.testing.assert_array_equal(plain.score, changed.score)
    np.testing.assert_array_equal(plain.offsets, changed.offsets)
    assert not np.array_equal(plain.audio, changed.audio)


def test_longer_recordings_are_drawn_more_often(pair: Pair):
    short = made("short", N_SCORE, N_AUDIO // 3, pair.reference, sign=-1)
    shares = shares_of([[pair, short]])
    batch = draw_batch([pair, short], shares, 400, np.random.default_rng(0), augment=False)
    share = float((batch.audio[:, 0, -1] > 0).mean())
    assert share == pytest.approx(0.75, abs=0.07)  # three standard deviations of a binomial


def test_a_source_counts_by_the_square_root_of_its_length(pair: Pair):
    long = made("long", N_SCORE, 4 * N_AUDIO, pair.reference)
    shares = shares_of([[pair], [long, long, long, long]])
    np.testing.assert_allclose(shares, [1 / 5, 1 / 5, 1 / 5, 1 / 5, 1 / 5])


def test_the_corridor_holds_the_true_path_and_is_narrow_at_onsets(pair: Pair):
    n_found = 0
    for seed in range(20):
        batch = draw(pair, seed)
        for score, audio, corridor in zip(batch.score, batch.audio, batch.corridors, strict=True):
            assert corridor is not None
            written, heard = (side[0].astype(np.float64) / FRAME / RATE for side in (score, audio))
            i, i_end, j, j_end = corridor.box
            for frame, at in ((i, j), (i_end, j_end)):  # the box reaches from an onset to an onset
                assert abs(SLOPE * written[frame] + DELAY - heard[at]) < 1.2 / RATE * SLOPE
                assert np.abs(pair.reference.score_times - written[frame]).min() <= 0.51 / RATE
            for onset, played in zip(pair.reference.score_times, pair.reference.times, strict=True):
                frame = round((onset - written[0]) * RATE)
                if i < frame < i_end:
                    allowed = heard[corridor.first[frame] : corridor.last[frame]]
                    assert 2 <= allowed.size <= 3
                    assert np.abs(allowed - played).max() <= 0.0221
                    n_found += 1
    assert n_found > 100


@pytest.mark.parametrize(
    ("n_score", "n_audio", "enough"),
    [(CROP_FRAMES, CROP_FRAMES, True), (CROP_FRAMES - 1, 900, False), (900, CROP_FRAMES - 1, False)],
)
def test_a_pair_must_hold_a_crop(n_score: int, n_audio: int, enough: bool):
    reference = Reference([0.1, 4.0], [0.1, 4.0])
    pair = made("a", n_score, n_audio, reference)
    assert pair.is_long_enough is enough
    if enough and n_score == n_audio:
        assert draw(pair, 0).score.shape[2] == CROP_FRAMES


def test_played_ascends_where_rolled_chords_step_back():
    reference = Reference([0.0, 1.0, 2.0, 3.0], [0.5, 1.6, 1.5, 3.0])
    played = made("a", 300, 300, reference).played
    np.testing.assert_allclose(played, [0.5, 1.6, 1.6, 3.0], atol=1e-6)
    assert (np.diff(played) > 0).all()


@pytest.mark.parametrize("representation", ["cqt", "stft", "cqt+mel"])
def test_a_recording_becomes_a_pair(to_train_on: list[Recording], representation: str):
    recording, config = to_train_on[0], ModelConfig.of(representation)
    pair = Pair.of(recording, config)
    assert pair.id == recording.id
    assert pair.is_long_enough
    for side, seconds in (
        (pair.score, recording.score.duration + 1.0),
        (pair.audio, recording.audio.duration),
    ):
        assert side.shape == (config.n_bins, pytest.approx(seconds * pair.frame_rate, abs=1.5))


@pytest.mark.parametrize("late_ms", [-12, 0, 8, 20, 35])
def test_the_latency_of_a_recording_is_measured(clean: Recording, halls: list[Recording], late_ms: int):
    """A note list that is too early by so much makes the recording late by so much."""
    for recording in (clean, *halls):
        measured = latency(recording.audio, recording.reference.times - late_ms / 1000)
        assert 1000 * measured == pytest.approx(late_ms, abs=8.0)  # 3 ms a step, and the attack


def test_a_pair_has_the_latency_taken_out(clean: Recording):
    truth = clean.reference
    early = replace(clean, load_reference=lambda: Reference(truth.score_times, truth.times - 0.02))
    pairs = [Pair.of(recording, ModelConfig.of("cqt")) for recording in (clean, early)]
    np.testing.assert_allclose(pairs[0].reference.times, pairs[1].reference.times, atol=0.003)
    np.testing.assert_array_equal(pairs[0].reference.score_times, truth.score_times)
    np.testing.assert_array_equal(early.reference.times, truth.times - 0.02)  # the recording's own stays


@pytest.mark.parametrize("n_bins", [84, 384])
def test_changed_acoustics_keep_shape_range_and_input(n_bins: int):
    before = np.random.default_rng(0).random((n_bins, 60)).astype(np.float32)
    spectrogram = before.copy()
    results = []
    for seed in range(30):
        changed = change_acoustics(spectrogram, RATE, np.random.default_rng(seed))
        assert changed.shape == before.shape
        assert changed.dtype == np.float32
        assert changed.min() >= 0.0
        assert changed.max() == 1.0
        results.append(changed)
    np.testing.assert_array_equal(spectrogram, before)
    np.testing.assert_array_equal(results[7], change_acoustics(before, RATE, np.random.default_rng(7)))
    assert all(np.abs(changed - before).max() > 0.01 for changed in results)


def test_changed_acoustics_move_nothing_in_time():
    """However reverberant and noisy, an onset stays at its frame, and nothing comes before it but noise."""
    spectrogram = np.zeros((84, 200), dtype=np.float32)
    spectrogram[10:50, 100:] = np.linspace(1.0, 0.6, 100)
    for seed in range(60):
        changed = change_acoustics(spectrogram, RATE, np.random.default_rng(seed))
        power = 10.0 ** (8.0 * (changed[10:50].astype(np.float64) - 1.0))
        assert np.diff(power.sum(axis=0)).argmax() + 1 == 100
        before = power[:, :100].mean()
        assert before < 0.5 * power[:, 100:105].mean()


def test_silence_can_be_changed():
    changed = change_acoustics(np.zeros((84, 30), dtype=np.float32), RATE, np.random.default_rng(0))
    assert np.isfinite(changed).all()
