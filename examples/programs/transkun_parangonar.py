"""Transcribe, then match notes: Transkun and parangonar as an aligner, in an environment of their own.

A neural network (Transkun 2) transcribes the recording, and its notes are matched with those of the score
(parangonar's DualDTWNoteMatcher, which it recommends, or its AutomaticNoteMatcher where that fits better).
Among the most accurate that there is on clean recordings, and the dearest: one to two CPU-minutes a minute of
audio, 2 GB of memory. The table is in align-bench.toml, the environment is made by::

    python -m venv transkun-venv && transkun-venv/bin/pip install -r transkun_parangonar.txt

If ``TRANSCRIPTIONS`` names a directory, transcriptions are kept there, and a recording that has been heard
before takes seconds. Leave it unset where time is measured.

Y. Yan, Z. Duan: "Scoring time intervals using non-hierarchical Transformer for automatic piano
transcription", ISMIR 2024. S. D. Peter: "Online symbolic music alignment with offline reinforcement
learning", ISMIR 2023.
"""

import hashlib
import os
import sys
import types
from collections.abc import Iterator
from operator import itemgetter
from pathlib import Path

import numpy as np
import soundfile
import soxr
import torch

try:
    import torchaudio  # noqa: F401
except (ImportError, OSError):
    # Transkun asks it for a filter bank only, which the checkpoint then overwrites; and torchaudio as it
    # comes from PyPI does not load beside a torch that is built without CUDA.
    stand_in = types.ModuleType("torchaudio")
    stand_in.functional = types.SimpleNamespace(
        melscale_fbanks=lambda n_freqs, n_mels, **_: torch.empty(n_freqs, n_mels)
    )
    sys.modules["torchaudio"] = stand_in

import moduleconf
import transkun
from parangonar import AutomaticNoteMatcher, DualDTWNoteMatcher
from parangonar.dp import dtw

# On a matrix of one cell, as of a score of one note, this would never end.
backtracking = dtw.dtw_backtracking
dtw.dtw_backtracking = lambda costs: backtracking(costs) if costs.size > 1 else np.zeros((1, 2), int)

WRONG_S = 0.3  # a note this far from the median of its chord has been matched wrongly
TEMPO_ONSETS = 8  # beyond the first and last match, the tempo of so many onsets goes on


def transcribe(file: str) -> np.ndarray:
    """Return the notes of a recording as rows of start and end in seconds, pitch and velocity.

    The steps are those of ``transkun.transcribe``, whose command line needs an old setuptools.
    """
    samples, rate = soundfile.read(file, dtype="float32", always_2d=True)
    kept = Path(os.environ.get("TRANSCRIPTIONS", ""), hashlib.sha256(samples.tobytes()).hexdigest() + ".npy")
    if "TRANSCRIPTIONS" in os.environ and kept.is_file():
        return np.load(kept)
    pretrained = Path(transkun.__file__).parent / "pretrained"
    settings = moduleconf.parseFromFile(str(pretrained / "2.0.conf"))["Model"]
    model = settings.module.TransKun(conf=settings.config)
    checkpoint = torch.load(pretrained / "2.0.pt", map_location="cpu")
    model.load_state_dict(checkpoint["state_dict"], strict=False)
    model.eval()
    with torch.no_grad():
        events = model.transcribe(torch.from_numpy(soxr.resample(samples, rate, model.fs)))
    # Pedals come as negative pitches.
    rows = [(event.start, event.end, event.pitch, event.velocity) for event in events if event.pitch > 0]
    notes = np.array(sorted(rows), dtype=float).reshape(-1, 4)
    if "TRANSCRIPTIONS" in os.environ:
        kept.parent.mkdir(parents=True, exist_ok=True)
        np.save(kept, notes)
    return notes


def note_array(notes: np.ndarray, unit: str) -> np.ndarray:
    """Return notes as parangonar takes them; a beat is half a second, as in MIDI without a tempo."""
    scale = 2.0 if unit == "beat" else 1.0
    kinds = [(f"onset_{unit}", float), (f"duration_{unit}", float), ("pitch", int), ("velocity", int)]
    array = np.zeros(len(notes), dtype=[*kinds, ("id", "U16"), ("is_grace", bool)])
    array[f"onset_{unit}"] = notes[:, 0] * scale
    array[f"duration_{unit}"] = (notes[:, 1] - notes[:, 0]) * scale
    array["pitch"], array["velocity"] = notes[:, 2], notes[:, 3]
    array["id"] = [f"n{i}" for i in range(len(notes))]
    return array


def match(score: np.ndarray, performance: np.ndarray) -> Iterator[list[tuple[int, int]]]:
    """Yield each matcher's pairs of a note of the score and one of the performance."""
    arrays = note_array(score, "beat"), note_array(performance, "sec")
    np.random.seed(0)  # noqa: NPY002  # AutomaticNoteMatcher draws from it
    for matcher in (DualDTWNoteMatcher(), AutomaticNoteMatcher()):
        try:
            found = matcher(*(array.copy() for array in arrays))
        except Exception as error:
            print(f"{type(matcher).__name__}: {error!r}", file=sys.stderr)
            continue
        matches = [note for note in found if note["label"] == "match"]
        yield [(int(note["score_id"][1:]), int(note["performance_id"][1:])) for note in matches]


def anchors(
    pairs: list[tuple[int, int]], score: np.ndarray, performance: np.ndarray
) -> tuple[int, np.ndarray]:
    """Return how many notes are matched in order, and rows of their score time and time in the recording."""
    chords: dict[float, list[float]] = {}
    for i, j in pairs:
        chords.setdefault(score[i, 0], []).append(performance[j, 0])
    times, weights = [], []
    for onset, heard in sorted(chords.items()):
        right = [time for time in heard if abs(time - np.median(heard)) <= WRONG_S]
        if right:
            times.append((onset, np.mean(right)))
            weights.append(len(right))
    rows = np.array(times).reshape(-1, 2)
    # Matching is pitch by pitch, so some onsets go back in time. Of all increasing sequences of onsets, keep
    # the one with most notes in it.
    total, before = np.zeros(len(rows), int), np.full(len(rows), -1)
    for k, weight in enumerate(weights):
        earlier = np.flatnonzero(rows[:k, 1] < rows[k, 1])
        if earlier.size:
            before[k] = earlier[np.argmax(total[earlier])]
        total[k] = weight + (total[before[k]] if earlier.size else 0)
    chain = [int(np.argmax(total))] if len(rows) else []
    while chain and before[chain[-1]] >= 0:
        chain.append(int(before[chain[-1]]))
    return int(total.max(initial=0)), rows[chain[::-1]]


def beyond(edge: np.ndarray, inner: np.ndarray, onset: float) -> tuple[float, float]:
    """Return an onset and its time in the recording if the tempo between two others goes on."""
    tempo = (edge[1] - inner[1]) / (edge[0] - inner[0]) if edge[0] != inner[0] else 1.0
    return onset, edge[1] + tempo * (onset - edge[0])


def time_map(score: np.ndarray, performance: np.ndarray, duration: float) -> np.ndarray:
    """Return rows of every distinct onset of the score and its time in the recording."""
    # Both matchers take a second. On repeated chords each may be off by one; the better one shows by its
    # matches being in order.
    found = [anchors(pairs, score, performance) for pairs in match(score, performance)]
    weight, known = max(found, key=itemgetter(0), default=(0, None))
    if not weight:
        raise SystemExit(f"no match between {len(score)} notes and {len(performance)} transcribed ones")
    onsets = np.unique(score[:, 0])
    n = min(TEMPO_ONSETS, len(known)) - 1
    begin = beyond(known[0], known[n], onsets[0])
    end = beyond(known[-1], known[-1 - n], onsets[-1])
    times = np.interp(onsets, *np.vstack([begin, known, end]).T)
    return np.column_stack([onsets, np.clip(times, 0, duration)])


def main(score: str, audio: str, output: str) -> None:
    """Write the time map of a score and a recording."""
    notes = np.loadtxt(score, delimiter=",", skiprows=1, ndmin=2)
    rows = time_map(notes, transcribe(audio), soundfile.info(audio).duration)
    header = "score_time_s,performance_time_s"
    np.savetxt(output, rows, delimiter=",", fmt="%.6f", header=header, comments="")


if __name__ == "__main__":
    main(*sys.argv[1:])
