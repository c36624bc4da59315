"""Repeats left out and added: DTW that jumps against plain DTW.

    python benchmarks/structure.py                             # the demo set, about three minutes
    python benchmarks/structure.py --folder DIR --folder DIR   # and folders of recordings, as for --dataset

Each recording is divided into about eight sections (the demo's phrases; else onsets an eighth of the score
apart). From it and its score come four cases with exact truth, because what is edited is cut at true onsets:

as-written   nothing is changed
added        the recording plays two sections again
left-out     the score has the two sections twice, the recording once
cut          the recording leaves two sections out

Each is aligned with the boundaries given, as from a score with signs, and without, as from MIDI. The figures
are the % of the onsets that sound which the map puts within 50 and 100 ms of one of their soundings, the % of
soundings that the map or the list of passes has within 50 ms, and how many recordings were found to be played
otherwise than written.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from align_bench import datasets
from align_bench.aligners.registry import load_aligner
from align_bench.datasets.demo.notation import bar_starts
from align_bench.datasets.demo.pieces import PIECES
from align_bench.types import Alignment, Audio, Recording, Score

CASES = ("as-written", "added", "left-out", "cut")
AHEAD_S, FADE_S = 0.02, 0.01  # a cut is this long before the first onset after it, and faded this long


@dataclass(frozen=True)
class Case:
    """A score and a recording, and for every onset where it stands and when it sounds."""

    score: Score
    audio: Audio
    written: list[list[float]]
    sounding: list[list[float]]


def boundaries(recording: Recording) -> np.ndarray:
    """Return where sections begin, but the first: phrases of the demo's pieces, eighths of others."""
    onsets = recording.reference.score_times
    for piece in PIECES:
        if piece.id == recording.piece:
            bars = bar_starts(piece)
            wanted = [float(bars[k - 1]) * 60.0 / piece.tempo for k in piece.phrases[1:]]
            break
    else:
        wanted = list(onsets[0] + np.arange(1, 8) / 8 * (onsets[-1] - onsets[0]))
    return onsets[np.unique([np.abs(onsets - t).argmin() for t in wanted])]


def make(recording: Recording, kind: str, signs: bool) -> Case | None:
    """Make a case, or none where a piece has too few sections."""
    score, audio, truth = recording.score, recording.audio, recording.reference
    edges = boundaries(recording)
    if edges.size < 3:
        return None
    k = edges.size // 2 - 1
    begin, end = edges[k], edges[min(k + 2, edges.size - 1)]
    written = [[float(t)] for t in truth.score_times]
    sounding = [[float(t)] for t in truth.times]
    inside = (truth.score_times >= begin) & (truth.score_times < end)
    if kind == "left-out":
        score, written = _twice(score, begin, end, truth.score_times)
        edges = np.unique([*edges[edges <= end], *(edges[edges >= begin] + end - begin)])
    elif kind in ("added", "cut"):
        a, b = (truth.times[truth.score_times >= t].min() - AHEAD_S for t in (begin, end))
        pieces = [(0.0, b), (a, audio.duration)] if kind == "added" else [(0.0, a), (b, audio.duration)]
        audio = _spliced(audio, pieces)
        shift = pieces[0][1] - pieces[1][0]
        for i, t in enumerate(truth.times):
            after = truth.score_times[i] >= end
            if inside[i]:
                sounding[i] = [t, t + shift] if kind == "added" else []
            elif after:
                sounding[i] = [t + shift]
    return Case(replace(score, boundaries=edges if signs else np.empty(0)), audio, written, sounding)


def _twice(score: Score, begin: float, end: float, onsets: np.ndarray) -> tuple[Score, list[list[float]]]:
    """Write a passage of a score twice; return also where each onset then stands."""
    e, length = 1e-6, end - begin
    first, second = score.starts < end - e, score.starts >= begin - e
    columns = [np.concatenate([c[first], c[second]]) for c in (score.pitches, score.velocities)]
    starts = np.concatenate([score.starts[first], score.starts[second] + length])
    ends = np.concatenate([score.ends[first], score.ends[second] + length])
    written = [[float(t)] * (t < end - e) + [float(t + length)] * (t >= begin - e) for t in onsets]
    return Score(starts, ends, *columns, score.name), written


def _spliced(audio: Audio, pieces: list[tuple[float, float]]) -> Audio:
    fade = round(FADE_S * audio.sample_rate)
    ramp = np.linspace(0, 1, fade, dtype=np.float32)
    parts = []
    for k, (a, b) in enumerate(pieces):
        part = audio.samples[round(a * audio.sample_rate) : round(b * audio.sample_rate)].copy()
        if k:
            part[:fade] *= ramp
        if k < len(pieces) - 1:
            part[-fade:] *= ramp[::-1]
        parts.append(part)
    return Audio(np.concatenate(parts), audio.sample_rate, audio.name)


def judge(case: Case, alignment: Alignment) -> dict[str, float]:
    """Return the figures of one alignment."""
    maps = [alignment] + [
        Alignment(p["score_times"], p["audio_times"])
        for p in alignment.info.get("passes", [])
        if not p["in_time_map"] and len(p["score_times"]) > 1
    ]
    onsets, soundings = [], []
    for written, sounding in zip(case.written, case.sounding, strict=True):
        if not sounding:
            continue
        onsets.append(np.abs(np.subtract.outer(alignment.at(written), sounding)).min())
        by_any = np.concatenate([m.at(written) for m in maps])
        soundings += np.abs(np.subtract.outer(by_any, sounding)).min(axis=0).tolist()
    return {
        "50": 100 * float(np.mean(np.array(onsets) <= 0.05)),
        "100": 100 * float(np.mean(np.array(onsets) <= 0.1)),
        "soundings": 100 * float(np.mean(np.array(soundings) <= 0.05)),
        "otherwise": float(not alignment.info.get("structure", {}).get("as_written", True)),
    }


def recordings(folders: list[Path]) -> Iterator[tuple[str, Recording]]:
    """Yield the first take of each demo piece, and all recordings of the folders."""
    seen: set[str] = set()
    for recording in datasets.load("demo").recordings:
        if recording.piece not in seen:
            seen.add(recording.piece)
            yield "demo", recording
    for folder in folders:
        for recording in datasets.load(folder).recordings:
            yield folder.name, recording


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, action="append", default=[])
    parser.add_argument("--aligner", action="append", default=[])
    parser.add_argument("--case", action="append", default=[], choices=CASES)
    options = parser.parse_args()
    print(
        "| aligner | dataset | case | boundaries | n | ≤50 plain | jumps | ≤100 plain | jumps "
        "| soundings ≤50 plain | jumps | played otherwise |"
    )
    print("|" + ":--|" * 4 + "--:|" * 8)
    for name in options.aligner or ["siamese-cqt-distance", "flux-dtw"]:
        plain, jumping = load_aligner(name, {}), load_aligner(name, {"structure": "jumps"})
        rows: dict[tuple[str, str, str], list[list[dict[str, float]]]] = defaultdict(list)
        for dataset, recording in recordings(options.folder):
            for kind in options.case or CASES:
                for signs in (True, False):
                    case = make(recording, kind, signs)
                    if case is not None:
                        figures = [judge(case, a.align(case.score, case.audio)) for a in (plain, jumping)]
                        rows[dataset, kind, "given" if signs else "found"].append(figures)
        for key, found in rows.items():
            cells = [
                f"{np.mean([f[side][what] for f in found]):.1f}"
                for what in ("50", "100", "soundings")
                for side in (0, 1)
            ]
            wrong = sum(int(f[1]["otherwise"]) for f in found)
            print("|", " | ".join([name, *key, str(len(found)), *cells, str(wrong)]), "|", flush=True)


if __name__ == "__main__":
    main()
