"""Aligners that jump: a rendered score of which a section is left out, or played twice."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from align_bench_baselines.spectral_dtw import SpectralFluxDTW

from align_bench.errors import UsageError
from align_bench.synthesis import render
from align_bench.types import Score

SECTION_S = 5.0


def perform(order):
    """Return a score of sections in the order given, each five seconds of its own notes, with its signs."""
    starts, pitches = [], []
    for k, section in enumerate(order):
        rng = np.random.default_rng(ord(section))
        starts.append(k * SECTION_S + np.arange(10) * 0.5)
        pitches.append(rng.integers(48, 84, 10))
    starts, pitches = np.concatenate(starts), np.concatenate(pitches)
    boundaries = np.arange(1, len(order)) * SECTION_S
    return Score(starts, starts + 0.45, pitches, np.full(len(starts), 80), boundaries=boundaries)


def align(written, played, signs=True):
    score = perform(written)
    if not signs:
        score = replace(score, boundaries=np.empty(0))
    alignment = SpectralFluxDTW(structure="jumps").align(score, render(perform(played)))
    return alignment, alignment.at(score.onsets).reshape(len(written), -1)


def test_a_section_played_again_is_a_pass_of_its_own():
    alignment, times = align("ABC", "ABBC")
    assert alignment.info["structure"]["played"] == "A B B C"
    assert not alignment.info["structure"]["as_written"]
    truth = np.array([0, 5, 15])[:, None] + np.arange(10) * 0.5
    np.testing.assert_allclose(times, truth, atol=0.05)
    again = [one for one in alignment.info["passes"] if not one["in_time_map"]]
    assert [one["label"] for one in again] == ["B"]
    heard = np.interp(np.arange(1, 9) * 0.5 + 5, again[0]["score_times"], again[0]["audio_times"])
    np.testing.assert_allclose(heard, np.arange(1, 9) * 0.5 + 10, atol=0.05)


@pytest.mark.parametrize("signs", [True, False])
def test_a_repeat_left_out_collapses(signs):
    alignment, times = align("ABBC", "ABC", signs)
    assert alignment.info["structure"]["score"].count(" ") == 3
    assert len(alignment.info["passes"]) == 3
    truth = np.array([0, 10])[:, None] + np.arange(10) * 0.5
    np.testing.assert_allclose(times[[0, 3]], truth, atol=0.05)


def test_as_written_it_is_plain_dtw():
    score = perform("ABC")
    jumping, _ = align("ABC", "ABC")
    plain = SpectralFluxDTW().align(score, render(score))
    assert jumping.info["structure"] == {
        "score": "A B C",
        "played": "A B C",
        "as_written": True,
        "sections": [0.0, 5.0, 10.0, 14.95],
        "source": "signs",
    }
    np.testing.assert_array_equal(jumping.audio_times, plain.audio_times)


def test_only_exact_dtw_jumps():
    with pytest.raises(UsageError, match="structure must be 'plain' with decoder='fastdtw'"):
        SpectralFluxDTW(decoder="fastdtw", structure="jumps")
    with pytest.raises(UsageError, match="structure must be one of"):
        SpectralFluxDTW(structure="jump")
