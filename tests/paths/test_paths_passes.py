"""From a path with jumps to passes and a time map, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from align_bench.paths import jump_dtw
from align_bench.paths.passes import in_score_order, passes, passes_to_alignment

STARTS = [20, 40, 60]


def played(frames):
    """Align 60 score frames, and two of a tail, with those that were played, one audio frame each."""
    x = np.random.default_rng(1).normal(size=(4, 62))
    return passes(jump_dtw(x, x[:, [*frames, 60, 61]], STARTS, penalty=1.0), [0, *STARTS])


def test_a_repeat_added_is_a_pass_and_the_map_follows_the_first():
    found = played([*range(40), *range(20, 60)])
    assert [p.section for p in found] == [0, 1, 1, 2, 3]
    chosen = in_score_order(found)
    assert chosen == [0, 1, 3, 4]
    alignment = passes_to_alignment(found, chosen, 10.0, 10.0, {})
    assert alignment.at([0.0, 2.5, 3.9, 4.0, 5.5]) == pytest.approx([0.0, 2.5, 3.9, 6.0, 7.5], abs=0.01)


def test_a_section_left_out_collapses_to_the_jump():
    found = played([*range(20), *range(40, 60)])
    assert [p.section for p in found] == [0, 2, 3]
    alignment = passes_to_alignment(found, in_score_order(found), 10.0, 10.0, {})
    assert alignment.at([0.5, 1.9, 4.0, 5.0]) == pytest.approx([0.5, 1.9, 2.0, 3.0], abs=0.01)
    inside = alignment.at(np.arange(2.0, 4.0, 0.1))
    assert ((inside >= 1.9) & (inside <= 2.0)).all()


def test_sections_in_another_order_keep_the_longest_part_in_score_order():
    found = played([*range(20), *range(40, 60), *range(20, 60)])
    assert [p.section for p in found] == [0, 2, 1, 2, 3]
    assert in_score_order(found) == [0, 2, 3, 4]
