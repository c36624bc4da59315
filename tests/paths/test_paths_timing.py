"""The one rule from path to time: ends, waits, interpolation, and what an ideal path can reach."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from align_bench.errors import InvalidInputError
from align_bench.paths import Path, dtw, path_to_alignment
from align_bench.types import Alignment

DIAGONAL, SCORE, AUDIO = (1, 1), (1, 0), (0, 1)


def walk(*moves):
    """Make a path from moves, each a step or a (step, times) pair."""
    cells = [(0, 0)]
    for move, times in moves:
        cells += [(cells[-1][0] + k * move[0], cells[-1][1] + k * move[1]) for k in range(1, times + 1)]
    return Path(np.array(cells, dtype=np.int64), 0.0, "exact", "diagonal")


def seconds(path, at, rate=10.0):
    return path_to_alignment(path, rate, rate).at(np.asarray(at) / rate) * rate


def test_a_diagonal_is_the_identity():
    assert seconds(walk((DIAGONAL, 9)), [0, 3.5, 9]) == pytest.approx([0, 3.5, 9])


def test_rates_may_differ():
    alignment = path_to_alignment(walk((DIAGONAL, 10)), 50.0, 100.0)
    assert alignment.at([0.1]) == pytest.approx([0.05])


@pytest.mark.parametrize("wait", [1, 3, 30])
def test_silence_at_the_ends_does_not_pull_the_first_and_last_onset(wait):
    audio_waits = walk((AUDIO, wait), (DIAGONAL, 10), (AUDIO, wait))
    assert seconds(audio_waits, [0, 5, 10]) == pytest.approx([wait, wait + 5, wait + 10])
    score_waits = walk((SCORE, wait), (DIAGONAL, 10), (SCORE, wait))
    assert seconds(score_waits, [wait, wait + 5, wait + 10]) == pytest.approx([0, 5, 10])


def test_before_and_after_the_path_time_runs_on():
    path = walk((AUDIO, 5), (DIAGONAL, 10), (AUDIO, 5))
    assert seconds(path, [-1, 12]) == pytest.approx([4, 17])
    assert seconds(walk((SCORE, 4), (DIAGONAL, 6)), [0]) == pytest.approx([-4])


@pytest.mark.parametrize(("moves", "slope"), [([AUDIO, DIAGONAL], 2.0), ([SCORE, DIAGONAL], 0.5)])
def test_a_steady_other_tempo_is_a_straight_line(moves, slope):
    path = walk(*[(move, 1) for move in moves * 20])
    inside = np.linspace(3, 17, 50)
    assert np.diff(seconds(path, inside)) == pytest.approx(np.full(49, slope * 14 / 49))


def test_a_run_is_its_mean_and_a_long_wait_jumps():
    run = walk((DIAGONAL, 5), (AUDIO, 4), (DIAGONAL, 5))
    assert seconds(run, [4, 5, 5.2, 6]) == pytest.approx([4, 7, 7.6, 10])
    wait = walk((DIAGONAL, 5), (AUDIO, 40), (DIAGONAL, 5))
    assert seconds(wait, [4, 4.9, 5.1, 6]) == pytest.approx([4, 4.9, 45.1, 46], abs=0.1)
    skipped = walk((DIAGONAL, 5), (SCORE, 40), (DIAGONAL, 5))
    assert seconds(skipped, [4, 25, 46]) == pytest.approx([4, 5, 6])


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from([DIAGONAL, SCORE, AUDIO]), st.integers(1, 9)), min_size=1, max_size=30)
)
def test_every_path_gives_a_monotone_map_near_itself(moves):
    path = walk(*moves)
    alignment = path_to_alignment(path, 1.0, 1.0)  # refuses maps that are not monotone
    knots = np.stack([alignment.score_times, alignment.audio_times], axis=1)
    if len(path.steps) > 1 and ((1, 1), 1) in [(move, 1) for move, _ in moves]:
        distance = np.abs(knots[:, None] - path.steps[None]).max(axis=2)
        assert distance.min(axis=1).max() <= 0.5
    moves = np.diff(path.steps, axis=0).min(axis=1)
    inside = path.steps[1:-1][(moves[1:] == 1) & (moves[:-1] == 1)]
    assert alignment.at(inside[:, 0]) == pytest.approx(inside[:, 1])


def test_waits_on_both_sides_are_dropped():
    both = walk((SCORE, 3), (AUDIO, 5), (DIAGONAL, 10), (AUDIO, 2), (SCORE, 30))
    assert seconds(both, [3, 8, 13]) == pytest.approx([5, 10, 15])


def test_a_path_that_only_waits_has_slope_1():
    assert seconds(walk((AUDIO, 10)), [0, 5]) == pytest.approx([10, 15])
    assert seconds(walk((AUDIO, 10), (SCORE, 10)), [0, 10]) == pytest.approx([0, 10])
    assert seconds(walk(), [0, 5]) == pytest.approx([0, 5])


def test_info_says_how_the_path_was_found():
    path = dtw(np.eye(3), np.eye(3))
    assert path_to_alignment(path, 50, 50, {"hop": 448}).info == {
        "hop": 448,
        "dtw": "exact",
        "tie_rule": "diagonal",
        "path_cost": 0.0,
    }


@pytest.mark.parametrize("rates", [(0, 50), (50, -1), (np.nan, 50)])
def test_rates_must_be_positive(rates):
    with pytest.raises(InvalidInputError, match=r"(score|audio)_rate must be > 0 Hz"):
        path_to_alignment(walk((DIAGONAL, 3)), *rates)


def within(score_times, times, hop):
    """Share of onsets in % within 10, 25 and 50 ms, by the best path that frames of this hop allow."""
    truth = Alignment(score_times, np.maximum.accumulate(times))
    score_frames = np.arange(int(score_times[-1] / hop) + 50) * hop
    audio_frames = np.arange(int(times[-1] / hop) + 50) * hop
    path = dtw(truth.at(score_frames)[None], audio_frames[None])
    deviation = np.abs(path_to_alignment(path, 1 / hop, 1 / hop).at(score_times) - times)
    return [100 * np.mean(deviation <= limit) for limit in (0.010, 0.025, 0.050)]


# What the mean of a run reached with an ideal path, interpolated: 95/99/100, 85/97/100, 43/86/96, 21/50/85.
GRID = [(0.010, 99, 99.5, 99.5), (0.020, 91, 99, 99.5), (0.046, 54, 93, 99), (0.100, 27, 60, 92)]


@pytest.mark.parametrize(("hop", "at_10", "at_25", "at_50"), GRID)
def test_an_ideal_path_over_real_performances(shared_data, hop, at_10, at_25, at_50):
    from align_bench.datasets.folder import read_truth

    truths = [read_truth(path) for path in sorted((shared_data / "asap_mini").glob("*/truth.csv"))]
    reached = np.mean([within(truth.score_times, truth.times, hop) for truth in truths], axis=0)
    assert len(truths) >= 10
    assert (reached >= [at_10, at_25, at_50]).all(), reached


@pytest.mark.parametrize(("hop", "at_10", "at_25", "at_50"), [(0.010, 99, 100, 100), (0.020, 93, 100, 100)])
def test_an_ideal_path_over_a_made_performance(hop, at_10, at_25, at_50):
    rng = np.random.default_rng(0)
    score_times = np.cumsum(rng.choice([0.125, 0.25, 0.5], 400))
    times = 1.5 + np.cumsum(np.diff(score_times, prepend=0) * np.exp(0.25 * np.sin(np.arange(400) / 9)))
    assert (np.array(within(score_times, times, hop)) >= [at_10, at_25, at_50]).all()
