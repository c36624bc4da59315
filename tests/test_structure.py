"""The sections of a score, by its signs and by what comes again."""

from __future__ import annotations

import numpy as np
import pytest

from align_bench.structure import repetitions, sections
from align_bench.types import Score

A = [60, 62, 64, 65, 67, 69, 71, 72]
B = [55, 60, 57, 62, 59, 64, 60, 66, 50, 51]


def score(pitches, boundaries=()):
    starts = np.arange(len(pitches)) * 1.0
    return Score(
        starts, starts + 0.9, np.array(pitches), np.full(len(pitches), 64), boundaries=np.array(boundaries)
    )


def test_signs_divide_the_score_and_equal_sections_share_a_letter():
    found = sections(score(A + A + B, [0, 8, 16, 26]))
    assert found.edges.tolist() == [0, 8, 16, 25.9]
    assert (found.labels, found.source) == (("A", "A", "B"), "signs")


def test_a_written_out_repeat_is_found():
    found = sections(score(A + A + B))
    assert found.edges.tolist() == [0, 8, 16, 25.9]
    assert (found.labels, found.source) == (("A", "A", "B"), "repetitions")


def test_a_passage_that_comes_again_later_is_found():
    assert sections(score(B + A + [40, 41, 42, 43, 44] + A + [90])).edges.tolist() == [
        0,
        10,
        18,
        23,
        31,
        31.9,
    ]


@pytest.mark.parametrize("pitches", [A + B, [60], A[:3] + B + A[:3]])
def test_a_score_without_repetitions_is_one_section(pitches):
    assert repetitions(score(pitches)).size == 0
    assert sections(score(pitches)).labels == ("A",)
