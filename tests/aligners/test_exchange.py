"""Files to and from programs: what is written reads back, what comes back is read, or refused in words."""

from __future__ import annotations

import csv
import os
import re
from pathlib import Path

import mido
import numpy as np
import pretty_midi
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from align_bench.aligners.exchange import FORMATS, MAX_OUTPUT_BYTES, read_output, write_input
from align_bench.errors import InvalidInputError
from align_bench.scores import load_score
from align_bench.synthesis import render
from align_bench.types import Alignment, Audio, Score

# A chord of two notes at 0.5 s; the same pitch again at 1 s.
CHORD = Score([0.0, 0.5, 0.5, 1.0], [0.5, 1.0, 1.0, 2.0], [60, 62, 65, 62], [80, 80, 80, 80], name="chord")


def read(content: str | bytes, form: str, folder: Path, score: Score = CHORD) -> Alignment:
    path = folder / "output"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_output(path, form, score, "a test")


# What a program is given


def test_score_reads_back_within_its_tick(tmp_path: Path, noise_burst: Audio):
    starts = np.sort(np.random.default_rng(0).uniform(0, 60, 300)).round(3) + 1 / 3
    score = Score(starts, starts + 0.2, np.random.default_rng(1).integers(21, 108, 300), np.full(300, 64))
    write_input("score", tmp_path / "score.mid", score, noise_burst)
    again = load_score(tmp_path / "score.mid")
    assert np.abs(again.starts - score.starts).max() <= 0.5e-4 + 1e-9
    assert np.abs(again.ends - score.ends).max() <= 0.5e-4 + 1e-9
    assert sorted(again.pitches) == sorted(score.pitches)


def test_a_chord_stays_one_onset_and_a_note_without_length_a_note(tmp_path: Path, noise_burst: Audio):
    score = Score([1 / 3, 1 / 3, 1.0], [1 / 3, 1.0, 2.0], [60, 64, 60], [1, 127, 80])
    write_input("score", tmp_path / "score.mid", score, noise_burst)
    again = load_score(tmp_path / "score.mid")
    assert again.starts.size == 3
    assert again.onsets.size == 2
    assert again.velocities.tolist() == [1, 127, 80]
    assert again.ends == pytest.approx([1 / 3, 1.0, 2.0], abs=2e-4)


@pytest.mark.parametrize("minutes", [15, 17, 200])
def test_long_scores_are_read_by_pretty_midi(tmp_path: Path, noise_burst: Audio, minutes: int):
    end = minutes * 60.0
    score = Score([0.0, end - 1], [1.0, end], [60, 62], [80, 80])
    write_input("score", tmp_path / "score.mid", score, noise_burst)
    notes = pretty_midi.PrettyMIDI(str(tmp_path / "score.mid")).instruments[0].notes
    assert [note.start for note in notes] == pytest.approx([0.0, end - 1], abs=0.005)


def test_notes_are_exact_in_csv(tmp_path: Path, noise_burst: Audio):
    score = Score([1 / 3, 0.1], [0.7, 0.2], [60, 61], [80, 81])
    write_input("score_csv", tmp_path / "score.csv", score, noise_burst)
    with (tmp_path / "score.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["start_s"]) for row in rows] == [0.1, 1 / 3]
    assert [float(row["end_s"]) for row in rows] == [0.2, 0.7]
    assert [(row["pitch"], row["velocity"]) for row in rows] == [("61", "81"), ("60", "80")]


@pytest.mark.parametrize(
    ("what", "subtype", "error"), [("audio", "PCM_16", 2**-15), ("audio_float", "FLOAT", 0)]
)
def test_recording_reads_back(tmp_path: Path, noise_burst: Audio, what: str, subtype: str, error: float):
    write_input(what, tmp_path / "audio.wav", CHORD, noise_burst)
    info = soundfile.info(tmp_path / "audio.wav")
    assert (info.format, info.subtype, info.samplerate, info.channels) == ("WAV", subtype, 22050, 1)
    samples = soundfile.read(tmp_path / "audio.wav", dtype="float32")[0]
    assert np.abs(samples - noise_burst.samples).max() <= error


def test_loud_samples_are_clipped_not_wrapped(tmp_path: Path):
    write_input("audio", tmp_path / "audio.wav", CHORD, Audio(np.array([1.5, -1.5, 0.5], np.float32), 8000))
    assert soundfile.read(tmp_path / "audio.wav")[0] == pytest.approx([1.0, -1.0, 0.5], abs=1e-4)


def test_score_is_rendered_at_the_rate_of_the_recording(tmp_path: Path):
    audio = Audio(np.ones(100, np.float32), 16000)
    write_input("score_wav", tmp_path / "score.wav", CHORD, audio)
    samples, rate = soundfile.read(tmp_path / "score.wav", dtype="float32")
    assert rate == 16000
    assert np.abs(samples - render(CHORD, sample_rate=16000).samples).max() <= 2**-15


# What a program gives back


@pytest.mark.parametrize(
    "text",
    [
        "0,0.1\n0.5,0.8\n1,1.5\n",
        "score_time_s,performance_time_s\n0,0.1\n0.5,0.8\n1,1.5",
        "score_time_s,performance_time_s,pitches\n0,0.1,60\n0.5,0.8,62 65\n1,1.5,62\n",  # align-bench align
        "score_time_s,reference_time_s,estimated_time_s\n0,9,0.1\n0.5,9,0.8\n1,9,1.5\n",  # of a record
        "performance_time_s,score_time_s\n0.1,0\n0.8,0.5\n1.5,1\n",
        "a;b\r\n0;0.1\r\n0.5;0.8\r\n1;1.5\r\n",
        "\ufeff0\t0.1\n# made by mine\n\n0.5\t0.8\n1\t1.5\n",
        "0.0 0.1\n 0.5   8e-1\n 1 1.5\n",
        '"0","0.1","New Point"\n0.5,0.8,"a, b"\n1,1.5,\n',
        "0,0.1\n0.5,0.7\n0.5,0.9\n1,1.5\n",  # a row for each note of the chord: their mean
    ],
)
def test_csv(text: str, tmp_path: Path):
    alignment = read(text, "csv", tmp_path)
    assert alignment.score_times.tolist() == [0.0, 0.5, 1.0]
    assert alignment.audio_times.tolist() == pytest.approx([0.1, 0.8, 1.5])


@pytest.mark.parametrize("text", ["0.1\n0.8\n1.5\n", "TIME,LABEL\n0.1,1\n0.8,2\n1.5,3\n"])
def test_instants(text: str, tmp_path: Path):
    assert read(text, "instants", tmp_path).at(CHORD.onsets).tolist() == [0.1, 0.8, 1.5]


def svl(points: str, model: str = 'type="sparse" dimensions="1" sampleRate="1000"') -> str:
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE sonic-visualiser>\n<sv><data>\n'
        f'<model id="1" name="" start="0" end="2000" {model} resolution="1" dataset="0"/>\n'
        f'<dataset id="0" dimensions="1">{points}</dataset></data></sv>\n'
    )


INSTANTS = svl('<point frame="100" label="1"/><point frame="800" label=""/><point frame="1500" label=""/>')
VALUES = svl(
    '<point frame="0" value="0.1"/><point frame="500" value="0.8"/><point frame="1000" value="1.5"/>',
    'type="sparse" dimensions="2" sampleRate="1000"',
)


@pytest.mark.parametrize("text", [INSTANTS, VALUES])
def test_sonic_visualiser_layers(text: str, tmp_path: Path):
    assert read(text, "svl", tmp_path).at(CHORD.onsets).tolist() == [0.1, 0.8, 1.5]


def midi(notes: list[tuple[int, float, float]], tempi: list[tuple[int, int]] = ()) -> mido.MidiFile:
    """Return notes (pitch, start, end), in ticks of 1 ms if there are no tempi (tick, microseconds)."""
    events = [(round(t * 1000), mido.Message(kind, note=pitch)) for pitch, start, end in notes
              for kind, t in (("note_on", start), ("note_off", end))]  # fmt: skip
    events += [(tick, mido.MetaMessage("set_tempo", tempo=tempo)) for tick, tempo in tempi]
    track, now = mido.MidiTrack(), 0
    for tick, message in sorted(events, key=lambda event: event[0]):
        track.append(message.copy(time=tick - now))
        now = tick
    return mido.MidiFile(ticks_per_beat=500, tracks=[track])


def saved(file: mido.MidiFile, folder: Path) -> bytes:
    file.save(folder / "made.mid")
    return (folder / "made.mid").read_bytes()


def test_midi_with_moved_notes(tmp_path: Path):
    """Notes in any order: the k-th of a pitch is the k-th of that pitch, a chord is at its mean."""
    notes = [(65, 0.9, 1.0), (60, 0.1, 0.5), (62, 0.7, 1.0), (62, 1.5, 2.0)]
    alignment = read(saved(midi(notes), tmp_path), "midi", tmp_path)
    assert alignment.at(CHORD.onsets) == pytest.approx([0.1, 0.8, 1.5])


def test_midi_with_another_tempo_map(tmp_path: Path, noise_burst: Audio):
    """Our own score with half the tempo from 0.5 s on: 1.0 s of score time is then 1.5 s."""
    write_input("score", tmp_path / "score.mid", CHORD, noise_burst)
    file = mido.MidiFile(tmp_path / "score.mid")
    slow = mido.MetaMessage("set_tempo", tempo=1_000_000)
    file.tracks.append(mido.MidiTrack([slow.copy(time=file.ticks_per_beat)]))
    alignment = read(saved(file, tmp_path), "midi", tmp_path)
    assert alignment.at(CHORD.onsets) == pytest.approx([0.0, 0.5, 1.5])


def test_one_point_is_a_map_of_slope_one(tmp_path: Path):
    assert read("1.0,1.5\n", "csv", tmp_path).at([0.0, 1.0, 3.0]) == pytest.approx([0.5, 1.5, 3.5])


@pytest.mark.parametrize(
    ("form", "content", "message"),
    [
        ("csv", "", "got an empty file"),
        ("csv", " \n\n", "got an empty file"),
        ("csv", "# nothing\n", "must have rows of numbers, got none"),
        ("csv", "score_time_s,performance_time_s\n", "got only 'score_time_s performance_time_s'"),
        ("csv", "could not open the score\n", "got only 'could not open the score'"),
        ("csv", "0,0.1\n0.5,late\n", r"must have a number in column 2, got '0.5,late' \(line 2, a test\)"),
        ("csv", "0,0.1\n0.5\n", "must have a number in column 2, got '0.5'"),
        ("csv", "0;0,1\n0,5;0,8\n", "must have a number in column 1, got '0,5,0,8'"),  # decimal commas
        ("csv", "0,nan\n1,2\n", "times in the recording must be finite, got nan at index 0"),
        ("csv", "0,1\ninf,2\n", "score times must be finite, got inf at index 1"),
        ("csv", "0,1\n1,0.5\n", "times in the recording must not decrease, got 0.500000 after 1.000000"),
        ("csv", "1,1\n0,2\n", "score times must not decrease, got 0.000000 after 1.000000"),
        ("csv", b"\x89PNG\x00\xff\xfe", "must be text"),
        ("csv", b"1,1\n" * (MAX_OUTPUT_BYTES // 4 + 1), "must be at most 16 MB"),
        ("instants", "0.1\n0.8\n", "a time for each of the 3 distinct onsets of the score, got 2"),
        ("instants", "0.1\n0.8\n0.9\n1.5\n", "a time for each of the 3 distinct onsets of the score, got 4"),
        ("instants", "0.1\n1.8\n1.5\n", "must not decrease"),
        ("svl", "0,1\n", "must be a Sonic Visualiser layer, got syntax error"),
        ("svl", svl(""), "got 1 sparse models and 0 points"),
        ("svl", INSTANTS.replace("sparse", "dense"), "got 0 sparse models and 3 points"),
        ("svl", INSTANTS.replace("</data>", re.findall("<model.*?/>", INSTANTS)[0] + "</data>"),
         "got 2 sparse models"),
        ("svl", INSTANTS.replace('s="1" sample', 's="3" sample'), "got one of dimensions '3'"),
        ("svl", INSTANTS.replace('sampleRate="1000"', 'sampleRate="0"'), "must have points with numbers"),
        ("svl", INSTANTS.replace("frame=", "time="), "with numbers, got KeyError: 'frame'"),
        ("svl", INSTANTS.replace('frame="800"', 'frame="x"'), "with numbers, got ValueError"),
        ("svl", INSTANTS.replace('<point frame="800" label=""/>', ""), "of the 3 distinct onsets"),
        ("svl", INSTANTS.replace("iser>", 'iser [<!ENTITY a "b">]>', 1), "must not declare entities"),
        ("midi", "0,1\n", "must be a standard MIDI file"),
    ],
)  # fmt: skip
def test_what_is_no_time_map_is_refused(form: str, content: str | bytes, message: str, tmp_path: Path):
    with pytest.raises(InvalidInputError, match=message):
        read(content, form, tmp_path)


@pytest.mark.parametrize(
    ("notes", "message"),
    [
        ([(60, 0, 1), (62, 1, 2), (65, 1, 2)], "got 1 of pitch 62 for 2"),
        ([(60, 0, 1), (62, 1, 2), (65, 1, 2), (62, 3, 4), (70, 4, 5)], "got 1 of pitch 70 for 0"),
        ([(60, 2, 3), (62, 1, 2), (65, 1, 2), (62, 3, 4)], "times in the recording must not decrease"),
    ],
)
def test_midi_with_other_notes_is_refused(notes: list, message: str, tmp_path: Path):
    with pytest.raises(InvalidInputError, match=message):
        read(saved(midi(notes), tmp_path), "midi", tmp_path)


@pytest.mark.parametrize("make", ["mkdir", "mkfifo", "nothing"])
def test_what_is_no_file_is_refused_at_once(make: str, tmp_path: Path):
    if make != "nothing":
        getattr(os, make)(tmp_path / "output")
    with pytest.raises(InvalidInputError, match=r"must be written to \{output\}, got no file"):
        read_output(tmp_path / "output", "csv", CHORD, "a test")


GARBAGE = [b"nan", b"-inf", b"1e999", b",", b"\n", b"\0", b"<", b"\xff"]
SEEDS = {
    "csv": b"score_time_s,performance_time_s\n0,0.1\n0.5,0.8\n1,1.5\n",
    "instants": b"0.1\n0.8\n1.5\n",
    "svl": VALUES.encode(),
    "midi": None,
}


@pytest.mark.parametrize("form", FORMATS)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_mutated_output_is_read_or_refused(form: str, data: st.DataObject, tmp_path: Path):
    notes = [(65, 0.9, 1.0), (60, 0.1, 0.5), (62, 0.7, 1.0), (62, 1.5, 2.0)]
    content = bytearray(SEEDS[form] or saved(midi(notes), tmp_path))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 1)) if content else 0
        new = data.draw(st.binary(max_size=4) | st.sampled_from(GARBAGE))
        content[at : at + data.draw(st.integers(0, 3))] = new
    try:
        alignment = read(bytes(content), form, tmp_path)
    except InvalidInputError:
        return  # and nothing else
    assert np.isfinite(alignment.at(CHORD.onsets)).all()
