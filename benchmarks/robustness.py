"""What survives when recording and score differ in more than time?

``python benchmarks/robustness.py FOLDER [...] [--aligner NAME ...]`` takes the clean recordings of folders as
they are; tuned up or down as a turntable would; with silence or applause at both ends; and with scores that
lack notes or have notes that nobody plays. Then it plays each score at the recording's tempo, once plainly
and once with trills, which the score has not, on the long notes on top. Prints a Markdown table; the ground
truth stays exact.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import replace
from hashlib import sha256

import numpy as np
import soxr

from align_bench.aligners.registry import load_aligner
from align_bench.datasets import load
from align_bench.metrics.onset_deviation import accuracy
from align_bench.synthesis import render
from align_bench.types import Alignment, Audio, FloatArray, Recording, Score

TOLERANCE_S = 0.05
END_S = 10.0
TRILL_HZ, TRILLED_S = 12.0, 0.5

Case = tuple[Score, Audio, FloatArray]  # and the true time of each onset of the reference


def tuned(recording: Recording, rng: np.random.Generator, cents: float) -> Case:
    """Play the recording faster or slower."""
    ratio = 2.0 ** (cents / 1200.0)
    audio = recording.audio
    samples = np.asarray(soxr.resample(audio.samples, audio.sample_rate * ratio, audio.sample_rate))
    return recording.score, Audio(samples, audio.sample_rate), recording.reference.times / ratio


def between(recording: Recording, rng: np.random.Generator, loud: float) -> Case:
    """Put ten seconds of silence, or of applause as loud as ``loud`` of the music, at both ends."""
    audio = recording.audio
    hands = rng.normal(size=(2, round(END_S * audio.sample_rate)))
    claps = rng.random(hands.shape) < 150.0 / audio.sample_rate
    decay = np.exp(-np.arange(round(0.02 * audio.sample_rate)) / (0.004 * audio.sample_rate))
    power = np.stack([np.convolve(c, decay)[: c.size] for c in claps.astype(float)])
    hands *= power * loud * audio.samples.std() / (hands * power).std()
    samples = np.concatenate([hands[0], audio.samples, hands[1]]).astype(np.float32)
    return recording.score, Audio(samples, audio.sample_rate), recording.reference.times + END_S


def lacking(recording: Recording, rng: np.random.Generator, share: float) -> Case:
    """Leave notes out of the score."""
    kept = rng.random(recording.score.starts.size) >= share
    return _of(recording.score, kept), recording.audio, recording.reference.times


def wrong(recording: Recording, rng: np.random.Generator, share: float) -> Case:
    """Add notes to the score, a second to a sixth from others, that the recording has not."""
    score = recording.score
    chosen = rng.random(score.starts.size) < share
    more = _of(score, chosen)
    intervals = rng.choice([-9, -4, -3, -2, 2, 3, 4, 9], size=chosen.sum())
    together = Score(
        np.concatenate([score.starts, more.starts]),
        np.concatenate([score.ends, more.ends]),
        np.concatenate([score.pitches, (more.pitches + intervals).clip(21, 108)]),
        np.concatenate([score.velocities, more.velocities]),
    )
    return together, recording.audio, recording.reference.times


def played(recording: Recording, rng: np.random.Generator, trills: bool) -> Case:
    """Play the score at the recording's tempo, with trills if wanted."""
    score, truth = recording.score, recording.reference
    heard = Alignment(truth.score_times, np.maximum.accumulate(truth.times)).at
    notes: list[tuple[float, float, int]] = []
    begins = heard(score.starts)
    for start, end, pitch in zip(begins, heard(score.ends), score.pitches, strict=True):
        highest = pitch == score.pitches[np.abs(begins - start) < 0.01].max()
        if trills and highest and end - start > TRILLED_S:
            turns = np.arange(start, end, 1.0 / TRILL_HZ)
            notes += [(t, min(end, t + 1.0 / TRILL_HZ), pitch + 2 * (k % 2)) for k, t in enumerate(turns)]
        else:
            notes.append((start, max(end, start + 0.05), pitch))
    starts, ends, pitches = (np.array(column) for column in zip(*notes, strict=True))
    performance = Score(starts, ends, pitches, np.full(starts.size, 80))
    return score, render(performance), truth.times


CASES: dict[str, tuple[Callable[..., Case], object]] = {
    "as it is": (tuned, 0.0),
    "a quarter-tone flat": (tuned, -50.0),
    "a semitone flat": (tuned, -100.0),
    "a semitone sharp": (tuned, 100.0),
    "10 s of silence at both ends": (between, 0.0),
    "10 s of applause at both ends": (between, 1.0),
    "a tenth of the notes not in the score": (lacking, 0.1),
    "a third of the notes not in the score": (lacking, 1 / 3),
    "a tenth more notes in the score": (wrong, 0.1),
    "a third more notes in the score": (wrong, 1 / 3),
    "the score played at this tempo": (played, False),
    "… with trills on long notes on top": (played, True),
}


def _of(score: Score, kept: np.ndarray) -> Score:
    columns = {name: getattr(score, name)[kept] for name in ("starts", "ends", "pitches", "velocities")}
    return replace(score, **columns)


def recordings(folders: list[str]) -> Iterator[Recording]:
    """Yield the clean recordings of the folders."""
    for folder in folders:
        for recording in load(folder).recordings:
            if recording.metadata.get("condition", "clean") == "clean":
                yield recording


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="+")
    parser.add_argument("--aligner", action="append")
    arguments = parser.parse_args()
    names = arguments.aligner or ["chroma-dtw", "flux-dtw", "siamese-robust"]
    aligners = [load_aligner(name, {}) for name in names]
    found = list(recordings(arguments.folders))
    print(f"{len(found)} recordings, % of onsets within 50 ms\n")
    print(f"| case | {' | '.join(names)} |\n|---|{'---|' * len(names)}")
    for name, (make, option) in CASES.items():
        rows = []
        for recording in found:
            rng = np.random.default_rng(int.from_bytes(sha256(recording.id.encode()).digest()[:8], "big"))
            score, audio, times = make(recording, rng, option)
            maps = [aligner.align(score, audio) for aligner in aligners]
            rows.append([accuracy(times, m.at(recording.reference.score_times), TOLERANCE_S) for m in maps])
        print(f"| {name} | {' | '.join(f'{100 * m:.1f}' for m in np.mean(rows, axis=0))} |", flush=True)


if __name__ == "__main__":
    main()
