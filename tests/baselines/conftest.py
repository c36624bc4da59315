"""Pieces, performances of them in a known tempo, and a network trained on two of them for seconds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pretty_midi
import pytest
import soundfile
import torch
from align_bench_baselines.siamese.train import TrainingOptions, train

from align_bench.conditions import apply_condition
from align_bench.synthesis import render
from align_bench.types import Audio, Recording, Reference, Score


def compose(seed: int, n_onsets: int) -> Score:
    """Return a melody with chords, about 0.4 s an onset."""
    rng = np.random.default_rng(seed)
    onsets = np.cumsum(rng.choice([0.2, 0.4, 0.4, 0.6], n_onsets)) - 0.2
    notes, pitch = [], 66
    for i, onset in enumerate(onsets):
        pitch = int(np.clip(pitch + rng.integers(-5, 6), 54, 84))
        notes.append((onset, pitch))
        if i % 3 == 0:
            notes += [(onset, pitch - 12 - int(rng.integers(0, 5))), (onset, pitch - 5)]
    starts = np.array([onset for onset, _ in notes])
    pitches = np.array([pitch for _, pitch in notes])
    return Score(starts, starts + 0.35, pitches, rng.integers(50, 100, pitches.size), name=f"piece {seed}")


def tempo_curve(seed: int, duration: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the knots of a piecewise linear map of score time to performance time, 0.4 s late."""
    rng = np.random.default_rng([seed, 1])
    written = np.linspace(0.0, duration, 5)
    played = 0.4 + np.concatenate([[0.0], np.cumsum(rng.uniform(0.75, 1.35, 4) * np.diff(written))])
    return written, played


def play(seed: int, n_onsets: int, program: int, condition: str) -> Audio:
    score = compose(seed, n_onsets)
    curve = tempo_curve(seed, score.duration)
    starts, ends = (np.interp(times, *curve) for times in (score.starts, score.ends))
    performed = Score(starts, ends, score.pitches, score.velocities)
    return apply_condition(render(performed, program=program), condition, seed)


def truth(seed: int, n_onsets: int) -> Reference:
    score = compose(seed, n_onsets)
    return Reference(score.onsets, np.interp(score.onsets, *tempo_curve(seed, score.duration)))


def perform(seed: int, program: int, condition: str = "clean", n_onsets: int = 30) -> Recording:
    """Return a performance by another instrument than the one that renders scores."""
    return Recording(
        f"recording {seed}",
        f"piece {seed}",
        partial(compose, seed, n_onsets),
        partial(play, seed, n_onsets, program, condition),
        partial(truth, seed, n_onsets),
    )


def _write_score(path: Path, score: Score) -> None:
    midi = pretty_midi.PrettyMIDI(resolution=960)
    instrument = pretty_midi.Instrument(0)
    notes = zip(score.velocities, score.pitches, score.starts, score.ends, strict=True)
    instrument.notes = [pretty_midi.Note(int(v), int(p), s, e) for v, p, s, e in notes]
    midi.instruments.append(instrument)
    midi.write(str(path))


def _write(folder: Path, recordings: list[Recording]) -> Path:
    """Write recordings as a folder dataset."""
    for recording in recordings:
        directory = folder / recording.id
        directory.mkdir(parents=True)
        soundfile.write(directory / "audio.flac", recording.audio.samples, recording.audio.sample_rate)
        _write_score(directory / "score.mid", recording.score)
        rows = zip(recording.reference.score_times, recording.reference.times, strict=True)
        lines = [f"{written:.6f},{heard:.6f}" for written, heard in rows]
        text = "\n".join(["score_time_sec,performance_time_sec", *lines])
        (directory / "truth.csv").write_text(text + "\n")
    return folder


@pytest.fixture(scope="session")
def write() -> Callable[[Path, list[Recording]], Path]:
    return _write


@pytest.fixture(scope="session", autouse=True)
def _own_cache_for_the_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """As the fixture for single tests, because what lives as long as a session is made before it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ALIGN_BENCH_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        yield


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> Iterator[None]:
    """Small networks are slower on more threads, and sums of floats would depend on their number."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def to_train_on() -> list[Recording]:
    return [perform(0, 1, n_onsets=16), perform(1, 3, n_onsets=16)]


@pytest.fixture(scope="session")
def to_validate_on() -> list[Recording]:
    return [perform(2, 2, n_onsets=12)]


@pytest.fixture(scope="session")
def clean() -> Recording:
    """Return a recording that nothing here is trained on, of an electric piano."""
    return perform(3, 4)


@pytest.fixture(scope="session")
def halls() -> list[Recording]:
    """Return recordings that nothing here is trained on, in a hall."""
    return [perform(3, 4, "room"), perform(4, 0, "room"), perform(5, 2, "room")]


@pytest.fixture(scope="session")
def checkpoint(
    tmp_path_factory: pytest.TempPathFactory, to_train_on: list[Recording], to_validate_on: list[Recording]
) -> Path:
    """Return a network that has learnt a little."""
    path = tmp_path_factory.mktemp("checkpoint") / "tiny.safetensors"
    options = TrainingOptions(steps=30, validate_every=15, n_crops=2)
    train(to_train_on, to_validate_on, path, options, device="cpu")
    return path
