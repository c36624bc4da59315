r"""Make training and validation material from (n)ASAP: human performances on several pianos, in many rooms.

Each excerpt is a performance of the (n)ASAP data set, played by a SoundFont or a sampled piano, tuned up or
down, and put into a room; beside it lie the score side of its match file as MIDI and the ground truth::

    OUTPUT/train/<id>/{audio.flac, score.mid, truth.csv}
    OUTPUT/validation/<id>/...                              # other compositions, another piano

These are folder datasets: ``align-bench train siamese --more OUTPUT/train --validation OUTPUT/validation``.
Everything random depends on the excerpt's id alone.

    python scripts/make_training_material.py asap-dataset material \
        --piano FluidR3_GM.sf2:0 --piano MuseScore_General.sf3:1 --validation-piano salamander/

References
----------
Peter et al., "Automatic note-level score-to-performance alignments in the ASAP dataset", TISMIR, 2023.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any

import fluidsynth
import librosa
import numpy as np
import pretty_midi
import soundfile
import typer
from rich.progress import track
from scipy.signal import fftconvolve, lfilter

from align_bench.partial import import_partitura

RATE = 44100
EXCERPT_S = 60.0
VALIDATION = re.compile(
    "Bach/(Fugue|Prelude)/bwv_8(47|61|70|89)|Beethoven/Piano_Sonatas/(7-2|17-1|21-1)|Chopin/Etudes_op_25/11|"
    "Chopin/Ballades/2|Debussy|Glinka|Haydn/Keyboard_Sonatas/48|Mozart/Piano_Sonatas/11|Prokofiev|Ravel|"
    "Schubert/Piano_Sonatas|Schumann/(Arabeske|Kreisleriana/3)"
)
"""Folders of the compositions that are kept for validation."""


@dataclass(frozen=True)
class Excerpt:
    """What is written of a performance; times in seconds, of score and performance.

    ``notes`` are (start, end, pitch, velocity), ``pedal`` (time, value), ``score`` (start, end, pitch),
    ``truth`` (score time, performance time, pitch).
    """

    id: str
    notes: list[tuple[float, float, int, int]]
    pedal: list[tuple[float, int]]
    score: list[tuple[float, float, int]]
    truth: list[tuple[float, float, int]]


def plain(place: str) -> str:
    """Return the composition of a folder, without its repeats, as it stands in an id."""
    return re.sub("[^A-Za-z0-9]+", "_", re.sub("_(no|extra)_.*repeat$", "", place))


def cut(match: Path, name: str, rng: np.random.Generator) -> Excerpt | None:
    """Return a minute of a performance, and its score at a constant tempo; None if it has too few notes."""
    performance, alignment, score = import_partitura().load_match(str(match), create_score=True)
    played = {n["id"]: n for n in performance[0].notes}
    array = score[0].note_array(include_grace_notes=False)
    written = {n["id"]: n for n in array if n["duration_quarter"] > 0}
    pairs = [
        (float(written[a["score_id"]]["onset_quarter"]), played[a["performance_id"]])
        for a in alignment
        if a["label"] == "match" and a["score_id"] in written and a["performance_id"] in played
    ]
    if len(pairs) < 50:
        return None
    pairs.sort(key=lambda p: p[0])
    onsets = np.array([p[0] for p in pairs])
    times = np.array([p[1]["note_on"] for p in pairs])
    beats = np.unique(onsets)
    means = np.array([np.median(times[onsets == b]) for b in beats])
    # A wrong match contradicts its neighbours, which an ornament does by less.
    smooth = np.array([np.median(means[max(0, i - 3) : i + 4] - means[i]) for i in range(len(means))])
    slope = np.median(np.diff(means) / np.diff(beats))
    keep = np.abs(smooth) < 0.4 + 0.5 * slope
    beats, means = beats[keep], np.maximum.accumulate(means[keep])
    length = means[-1] - means[0]
    begin = means[0] + max(0.0, length - EXCERPT_S) * rng.random()
    inside = (means >= begin) & (means < begin + EXCERPT_S)
    if inside.sum() < 40:
        return None
    first, last = beats[inside][0], beats[inside][-1]
    t0, t1 = means[inside][0], means[inside][-1]
    seconds = (t1 - t0) / (last - first) * np.exp(rng.uniform(-0.45, 0.45))  # a quarter of the score
    lead, score_lead = rng.uniform(0.2, 2.0), rng.choice([0.0, rng.uniform(0.0, 1.0)])

    def heard(time: float) -> float:
        return time - t0 + lead

    def at(beat: float) -> float:
        return float((beat - first) * seconds + score_lead)

    truth = [
        (at(beat), heard(n["note_on"]), int(n["midi_pitch"]))
        for beat, n in pairs
        if first <= beat <= last and abs(n["note_on"] - np.interp(beat, beats, means)) < 0.12
    ]
    notes = [
        (
            heard(n["note_on"]),
            max(heard(n["note_off"]), heard(n["note_on"]) + 0.02),
            int(n["midi_pitch"]),
            int(n["velocity"]),
        )
        for n in performance[0].notes
        if t0 - 0.08 <= n["note_on"] <= t1 + 0.25
    ]
    pedal = [(0.0, 0)] + [
        (heard(c["time"]), int(c["value"]))
        for c in performance[0].controls
        if c["number"] == 64 and t0 - 2.0 < c["time"] < t1 + 1.0 and heard(c["time"]) > 0
    ]
    score_notes = [
        (at(n["onset_quarter"]), at(n["onset_quarter"] + n["duration_quarter"]), int(n["pitch"]))
        for n in array
        if first <= n["onset_quarter"] <= last and n["duration_quarter"] > 0
    ]
    return Excerpt(name, notes, pedal, score_notes, truth)


def play(excerpt: Excerpt, piano: str) -> np.ndarray[Any, Any]:
    """Return an excerpt on a piano: ``FILE.sf2:PROGRAM``, or a folder of samples, ``F#3v10.ogg`` etc."""
    path, _, program = piano.partition(":")
    if Path(path).is_dir():
        return sampled(excerpt, Path(path))
    midi = pretty_midi.PrettyMIDI(resolution=960)
    instrument = pretty_midi.Instrument(int(program or 0))
    instrument.notes = [pretty_midi.Note(v, p, s, e) for s, e, p, v in excerpt.notes]
    instrument.control_changes = [pretty_midi.ControlChange(64, v, t) for t, v in excerpt.pedal]
    midi.instruments.append(instrument)
    if path not in _SYNTHESISERS:  # a SoundFont of 500 MB takes longer to load than to play
        synthesiser = fluidsynth.Synth(samplerate=RATE)
        _SYNTHESISERS[path] = (synthesiser, synthesiser.sfload(path))
    synthesiser, soundfont = _SYNTHESISERS[path]
    synthesiser.system_reset()
    return np.asarray(midi.fluidsynth(RATE, synthesizer=synthesiser, sfid=soundfont))


_SYNTHESISERS: dict[str, tuple[Any, int]] = {}


_SAMPLES: dict[Path, dict[int, dict[int, np.ndarray[Any, Any]]]] = {}


def sampled(excerpt: Excerpt, folder: Path) -> np.ndarray[Any, Any]:
    """Return an excerpt on a sampled piano; a key takes the nearest sample, at its speed."""
    if folder not in _SAMPLES:
        bank: dict[int, dict[int, np.ndarray[Any, Any]]] = {}
        for file in sorted(folder.rglob("*v*.ogg")):
            pitch, layer = re.fullmatch(r"([A-G]#?\d)v(\d+)", file.stem).groups()  # type: ignore[union-attr]
            samples, rate = soundfile.read(file, dtype="float32")
            mono = samples if samples.ndim == 1 else samples.mean(axis=1)
            mono = librosa.resample(mono, orig_sr=rate, target_sr=RATE)
            attack = int(np.argmax(np.abs(mono) > 0.1 * np.abs(mono).max()))
            mono = mono[max(0, attack - round(0.002 * RATE)) :]
            bank.setdefault(int(layer) * 8, {})[int(librosa.note_to_midi(pitch))] = mono
        _SAMPLES[folder] = bank
    bank = _SAMPLES[folder]
    up = [t for t, v in excerpt.pedal if v < 64]
    down = [t for t, v in excerpt.pedal if v >= 64]
    events = np.array(sorted([(t, 0) for t in up] + [(t, 1) for t in down]))
    out = np.zeros(round((max(n[1] for n in excerpt.notes) + 4.0) * RATE), dtype=np.float32)
    cache: dict[tuple[int, int], np.ndarray[Any, Any]] = {}
    for start, end, pitch, velocity in excerpt.notes:
        i = int(np.searchsorted(events[:, 0], end)) - 1
        if i >= 0 and events[i, 1] == 1:
            later = [t for t in up if t > end]
            end = min(later) if later else end + 3.0
        layer = min(bank, key=lambda v: abs(v - velocity))
        if (layer, pitch) not in cache:
            near = min(bank[layer], key=lambda p: abs(p - pitch))
            ratio = 2 ** ((pitch - near) / 12)
            source = bank[layer][near]
            at = np.arange(0, min(source.size - 1, 8 * RATE * ratio), ratio)
            cache[layer, pitch] = np.interp(at, np.arange(source.size), source).astype(np.float32)
        tone = cache[layer, pitch]
        n = min(tone.size, round((end - start) * RATE) + round(0.15 * RATE), out.size - round(start * RATE))
        part = tone[:n] * 10 ** ((velocity - layer) / 60)
        held = round((end - start) * RATE)
        if n > held:
            part[held:] *= np.exp(-np.arange(n - held) / (0.04 * RATE))
        out[round(start * RATE) : round(start * RATE) + n] += part
    return out


def record(samples: np.ndarray[Any, Any], rng: np.random.Generator) -> tuple[np.ndarray[Any, Any], float]:
    """Return the sound in a room, and how much slower it became by being tuned down."""
    # Most pianos are near 440 Hz; old records turned too fast or too slow, by up to a semitone.
    cents = rng.uniform(-100.0, 100.0) if rng.random() < 0.2 else float(rng.normal(0.0, 18.0))
    slower = 2 ** (-cents / 1200)
    samples = np.interp(np.arange(0, samples.size - 1, 1 / slower), np.arange(samples.size), samples)
    if rng.random() < 0.75:
        t = np.arange(round(1.6 * RATE)) / RATE
        rt60 = rng.uniform(0.2, 1.5)
        tail = rng.normal(size=t.size)
        low = lfilter([0.2], [1.0, -0.8], tail)
        tail = low * 10 ** (-3 * t / rt60) + (tail - low) * 10 ** (-3 * t / (rt60 * rng.uniform(0.3, 0.9)))
        tail[: round(rng.uniform(0.001, 0.02) * RATE)] = 0
        tail /= np.sqrt((tail**2).sum())
        wet = 10 ** (rng.uniform(-16.0, 1.0) / 20)
        samples = samples + wet * fftconvolve(samples, tail)[: samples.size]
    samples = librosa.resample(samples.astype(np.float32), orig_sr=RATE, target_sr=22050)
    floor = 10 ** (rng.uniform(-75.0, -40.0) / 20) * np.abs(samples).max()
    samples = samples + floor * rng.normal(size=samples.size)
    return np.asarray(0.5 * samples / np.abs(samples).max(), dtype=np.float32), slower


def write(excerpt: Excerpt, samples: np.ndarray[Any, Any], slower: float, folder: Path) -> None:
    """Write an excerpt as a recording of a folder dataset."""
    folder.mkdir(parents=True, exist_ok=True)
    soundfile.write(folder / "audio.flac", samples, 22050)
    midi = pretty_midi.PrettyMIDI(resolution=960, initial_tempo=120)
    instrument = pretty_midi.Instrument(0)
    instrument.notes = [pretty_midi.Note(64, p, s, e) for s, e, p in excerpt.score]
    midi.instruments.append(instrument)
    midi.write(str(folder / "score.mid"))
    with (folder / "truth.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["score_time_sec", "performance_time_sec", "pitch"])
        writer.writerows((f"{s:.6f}", f"{t * slower:.6f}", p) for s, t, p in sorted(excerpt.truth))


def main(
    asap: Annotated[Path, typer.Argument(help="The (n)ASAP data set, or part of it.")],
    output: Annotated[Path, typer.Argument(help="Folder to write.")],
    piano: Annotated[list[str], typer.Option(help="FILE.sf2:PROGRAM or folder of samples; repeatable.")],
    validation_piano: Annotated[str, typer.Option(help="Heard in validation only.")],
    leave_out: Annotated[Path | None, typer.Option(help="Folder dataset whose pieces are left out.")] = None,
    excerpts: Annotated[int, typer.Option(help="Of each training performance.")] = 2,
) -> None:
    """Render (n)ASAP performances as folder datasets for training and validation."""
    tested = {p.name for p in leave_out.iterdir()} if leave_out else set()
    for match in track(sorted(asap.rglob("*.match")), "Rendering"):
        place = match.parent.relative_to(asap).as_posix()
        if any(t.startswith(plain(place) + "_") for t in tested):
            continue
        held_back = bool(VALIDATION.match(place))
        for k in range(1 if held_back else excerpts):
            name = f"{plain(place)}_{match.stem}_{k}"
            folder = output / ("validation" if held_back else "train") / name
            if (folder / "truth.csv").exists():
                continue
            rng = np.random.default_rng(int.from_bytes(sha256(name.encode()).digest()[:8], "big"))
            try:
                excerpt = cut(match, name, rng)
            except Exception as error:  # partitura's, of any kind
                typer.echo(f"{place}: left out, {error}", err=True)
                break
            if excerpt is None:
                continue
            sound = play(excerpt, validation_piano if held_back else str(rng.choice(piano)))
            write(excerpt, *record(sound, rng), folder)


if __name__ == "__main__":
    typer.run(main)
