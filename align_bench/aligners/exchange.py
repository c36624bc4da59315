"""Files between align-bench and an aligner that is a program: what it is given, and what it gives back.

What a program writes comes from anywhere, so every reader bounds its size and checks what it got; all that
goes wrong is an `InvalidInputError` that says where.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.parsers import expat

import numpy as np

from align_bench.errors import InvalidInputError
from align_bench.midi import read_midi
from align_bench.types import Alignment, Audio, FloatArray, Reference, Score, as_times

INPUTS = {
    "score": "score.mid",
    "score_csv": "score.csv",
    "score_wav": "score.wav",
    "audio": "audio.wav",
    "audio_float": "audio_float.wav",
}
"""What a command may ask for, and the name of its file."""

FORMATS = {"csv": "output.csv", "instants": "output.csv", "svl": "output.svl", "midi": "output.mid"}
"""What a program may write, and the name of its file."""

MAX_OUTPUT_BYTES = 16 * 2**20

_MAX_TICKS = 10_000_000  # pretty_midi reads no more
_RATES = (10_000, 1_000, 100)  # ticks a second: the finest that is within it
_SCORE_COLUMN = "score_time_s"
_TIME_COLUMNS = ("performance_time_s", "estimated_time_s")

_STEP = np.array([0.0, 1e-3])

Pairs = tuple[Any, Any]


def write_input(what: str, path: Path, score: Score, audio: Audio) -> None:
    """Write one of `INPUTS`.

    Parameters
    ----------
    what : str
        ``score``: MIDI at the score's own times, rounded to 0.1 ms (1 ms beyond 16 minutes);
        ``score_csv``: its notes as ``start_s,end_s,pitch,velocity``, sorted by start, then pitch;
        ``score_wav``: the score rendered at the recording's sample rate, 16 bit;
        ``audio``: the recording, mono, 16 bit; ``audio_float``: the same as 32-bit floats.
    path : Path
    score : Score
    audio : Audio
    """
    if what == "score":
        _write_midi(path, score)
    elif what == "score_csv":
        columns = (score.starts, score.ends, score.pitches, score.velocities)
        notes = zip(*(column.tolist() for column in columns), strict=True)
        rows = [f"{start!r},{end!r},{pitch},{velocity}" for start, end, pitch, velocity in notes]
        path.write_text("\n".join(["start_s,end_s,pitch,velocity", *rows]) + "\n", encoding="ascii")
    else:
        import soundfile

        if what == "score_wav":
            from align_bench.synthesis import render

            audio = render(score, sample_rate=audio.sample_rate)
        subtype = "FLOAT" if what == "audio_float" else "PCM_16"
        soundfile.write(path, audio.samples, audio.sample_rate, subtype=subtype, format="WAV")


def _write_midi(path: Path, score: Score) -> None:
    import mido

    rate = next((rate for rate in _RATES if score.duration * rate < _MAX_TICKS), _RATES[-1])
    on = np.rint(score.starts * rate).astype(int)
    off = np.maximum(np.rint(score.ends * rate).astype(int), on + 1)
    events = []
    for begin, end, pitch, velocity in zip(on, off, score.pitches, score.velocities, strict=True):
        events.append((int(begin), 1, int(pitch), int(velocity)))
        events.append((int(end), 0, int(pitch), 0))
    track = mido.MidiTrack([mido.MetaMessage("set_tempo", tempo=500_000)])
    now = 0
    for tick, is_on, pitch, velocity in sorted(events):
        kind = "note_on" if is_on else "note_off"
        track.append(mido.Message(kind, note=pitch, velocity=velocity, time=tick - now))
        now = tick
    mido.MidiFile(tracks=[track], ticks_per_beat=rate // 2).save(path)


def read_output(path: Path, form: str, score: Score, where: str) -> Alignment:
    """Read what a program wrote.

    Parameters
    ----------
    path : Path
    form : str
        One of `FORMATS`. ``csv``: a row for each point, score time and time in the recording, in seconds;
        of a header the columns ``score_time_s`` and ``performance_time_s`` count, else the first two.
        ``instants``: a row for each distinct onset of the score, its time in the recording in the first
        column. ``svl``: a Sonic Visualiser layer, time values (score time, time in the recording) or time
        instants (one for each distinct onset). ``midi``: the notes of the score at the times of the
        recording; the k-th note of each pitch is the k-th of that pitch in the score. A chord may have a
        row or note for each of its notes; their mean counts.
    score : Score
    where : str
        For messages.

    Raises
    ------
    InvalidInputError
        If there is no such file, or it is not in that format: empty, text, not finite, decreasing, of the
        wrong length, too large.
    """
    if not path.is_file():
        raise InvalidInputError(f"output must be written to {{output}}, got no file ({where}).")
    with path.open("rb") as file:
        data = file.read(MAX_OUTPUT_BYTES + 1)
    if len(data) > MAX_OUTPUT_BYTES:
        raise too_large(where)
    if not data.strip():
        raise InvalidInputError(f"output must have times, got an empty file ({where}).")
    readers = {"csv": _read_csv, "instants": _read_instants, "svl": _read_svl, "midi": _read_notes}
    score_times, audio_times = readers[form](data, score, where)
    score_times = as_times(score_times, "score times", where=where)
    audio_times = as_times(audio_times, "times in the recording", where=where, monotone=False)
    knots = Reference.from_notes(score_times, audio_times)
    times = as_times(knots.times, "times in the recording", where=where)
    if times.size == 1:  # a map needs two points; beyond its ends it has slope 1 anyway
        return Alignment(knots.score_times + _STEP, times + _STEP)
    return Alignment(knots.score_times, times)


def too_large(where: str) -> InvalidInputError:
    """Return the error for an output of too many bytes."""
    return InvalidInputError(f"output must be at most {MAX_OUTPUT_BYTES // 2**20} MB, got more ({where}).")


def _read_csv(data: bytes, score: Score, where: str) -> Pairs:
    header, rows = _table(data, where)
    first = header.index(_SCORE_COLUMN) if _SCORE_COLUMN in header else 0
    second = next((header.index(name) for name in _TIME_COLUMNS if name in header), 1)
    return _column(rows, first, where), _column(rows, second, where)


def _read_instants(data: bytes, score: Score, where: str) -> Pairs:
    return _one_each(_column(_table(data, where)[1], 0, where), score, where)


def _one_each(times: list[float], score: Score, where: str) -> Pairs:
    if len(times) != score.onsets.size:
        raise InvalidInputError(
            f"output must have a time for each of the {score.onsets.size} distinct onsets of the score, got "
            f"{len(times)} ({where})."
        )
    return score.onsets, as_times(times, "times in the recording", where=where)


_Rows = list[tuple[int, list[str]]]


def _table(data: bytes, where: str) -> tuple[list[str], _Rows]:
    """Return the header, if there is one, and the rows with their line numbers."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidInputError(f"output must be text, got {error} ({where}).") from error
    lines = [(n, line.strip()) for n, line in enumerate(text.splitlines(), 1)]
    lines = [(n, line) for n, line in lines if line and line[0] not in "#%"]
    separator = next((s for s in ";\t," if lines and s in lines[-1][1]), None)
    rows = [(n, [field.strip(" \t\"'") for field in line.split(separator)]) for n, line in lines]
    header = rows.pop(0)[1] if rows and not _is_number(rows[0][1][0]) else []
    if not rows:
        got = f"only {' '.join(header)[:80]!r}" if header else "none"
        raise InvalidInputError(f"output must have rows of numbers, got {got} ({where}).")
    return header, rows


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _column(rows: _Rows, index: int, where: str) -> list[float]:
    for n, fields in rows:
        if len(fields) <= index or not _is_number(fields[index]):
            got = ",".join(fields)[:80]
            raise InvalidInputError(
                f"output must have a number in column {index + 1}, got {got!r} (line {n}, {where})."
            )
    return [float(fields[index]) for _, fields in rows]


def _read_svl(data: bytes, score: Score, where: str) -> Pairs:
    models: list[dict[str, str]] = []
    points: list[dict[str, str]] = []

    def on_entity(name: str, *_: Any) -> None:
        raise InvalidInputError(f"output must not declare entities, got {name[:40]!r} ({where}).")

    def on_start(tag: str, attributes: dict[str, str]) -> None:
        if tag == "model" and "sampleRate" in attributes:
            models.append(attributes)
        elif tag == "point":
            points.append(attributes)

    parser = expat.ParserCreate()
    parser.EntityDeclHandler = on_entity
    parser.StartElementHandler = on_start
    try:
        parser.Parse(data, True)
    except (expat.ExpatError, ValueError, LookupError) as error:
        raise InvalidInputError(
            f"output must be a Sonic Visualiser layer, got {str(error)[:80]} ({where})."
        ) from error
    sparse = [model for model in models if model.get("type") == "sparse"]
    if len(sparse) != 1 or not points:
        raise InvalidInputError(
            f"output must be a Sonic Visualiser layer with points, got {len(sparse)} sparse models and "
            f"{len(points)} points ({where})."
        )
    dimensions = sparse[0].get("dimensions", "")
    try:
        rate = float(sparse[0]["sampleRate"])
        times = [float(point["frame"]) / rate for point in points]
        if dimensions == "1":
            return _one_each(times, score, where)
        if dimensions == "2":
            return times, [float(point["value"]) for point in points]
    except (KeyError, ValueError, ZeroDivisionError) as error:
        raise InvalidInputError(
            f"output must have points with numbers, got {type(error).__name__}: {str(error)[:80]} ({where})."
        ) from error
    raise InvalidInputError(
        f"output must be a layer of time instants or time values, got one of dimensions "
        f"{dimensions[:20]!r} ({where})."
    )


def _read_notes(data: bytes, score: Score, where: str) -> Pairs:
    notes = read_midi(data, where).score()
    times: FloatArray = np.empty(score.starts.size)
    for pitch in np.union1d(score.pitches, notes.pitches):
        wanted, got = score.pitches == pitch, notes.starts[notes.pitches == pitch]
        if got.size != wanted.sum():
            raise InvalidInputError(
                f"output must have the notes of the score, got {got.size} of pitch {pitch} for "
                f"{wanted.sum()} ({where})."
            )
        times[wanted] = got
    return score.starts, times
