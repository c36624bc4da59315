"""Scores: every reader against values worked out by hand, every guard, and a short fuzz."""

from __future__ import annotations

import io
import subprocess
import sys
import zipfile
from pathlib import Path

import mido
import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from align_bench.errors import AlignBenchError, InvalidInputError
from align_bench.scores import MAX_BYTES, load_notation, load_score

# Two bars of 3/4 at 90: C4 quarter, E4+G4 quarter, rest; a grace note, then A4 tied over two quarters, B4.
NOTE = "<note>{head}<pitch><step>{step}</step><octave>4</octave></pitch>{length}<voice>1</voice>{tail}</note>"


def note(step: str, duration: int = 2, head: str = "", tail: str = "") -> str:
    length = "" if "grace" in head else f"<duration>{duration}</duration>"
    return NOTE.format(step=step, head=head, length=length, tail=tail)


BAR_1 = note("C") + note("E") + note("G", head="<chord/>") + "<note><rest/><duration>2</duration></note>"
TIE = ('<tie type="start"/>', '<tie type="stop"/>')
BAR_2 = note("D", head="<grace/>") + note("A", tail=TIE[0]) + note("A", tail=TIE[1]) + note("B")
DOCTYPE = '<!DOCTYPE score-partwise PUBLIC "-//Recordare//DTD MusicXML 3.0 Partwise//EN" "x.dtd">'
HEADER = '<?xml version="1.0"?>' + DOCTYPE
ENTITY = '<!DOCTYPE score-partwise [<!ENTITY {} "aa">]>'


def musicxml(bar_1: str = BAR_1, bar_2: str = BAR_2, tempo: str = "90", header: str = HEADER) -> str:
    sound = f'<sound tempo="{tempo}"/>' if tempo else ""
    return (
        f'{header}<score-partwise version="3.0"><part-list><score-part id="P1"><part-name>P</part-name>'
        f'</score-part></part-list><part id="P1"><measure number="1"><attributes><divisions>2</divisions>'
        f"<time><beats>3</beats><beat-type>4</beat-type></time></attributes>{sound}{bar_1}</measure>"
        f'<measure number="2">{bar_2}</measure></part></score-partwise>'
    )


KERN = "**kern\n*M3/4\n*MM90\n=1-\n4c\n4e 4g\n4r\n=2\n8qd\n[4a\n4a]\n4b\n==\n*-\n"
# In quarter notes: onset, offset, pitch of the five notes above.
EXPECTED = [[0, 1, 60], [1, 2, 64], [1, 2, 67], [3, 5, 69], [5, 6, 71]]


def midi_bytes(*tracks: list[mido.Message], ppq: int = 480, kind: int = 1) -> bytes:
    midi = mido.MidiFile(type=kind, ticks_per_beat=ppq)
    for messages in tracks:
        midi.tracks.append(mido.MidiTrack(messages))
    buffer = io.BytesIO()
    midi.save(file=buffer)
    return buffer.getvalue()


def on(pitch: int, time: int, velocity: int = 80, channel: int = 0) -> mido.Message:
    return mido.Message("note_on", note=pitch, velocity=velocity, time=time, channel=channel)


def off(pitch: int, time: int, channel: int = 0) -> mido.Message:
    return mido.Message("note_off", note=pitch, time=time, channel=channel)


def tempo(microseconds: int, time: int = 0) -> mido.MetaMessage:
    return mido.MetaMessage("set_tempo", tempo=microseconds, time=time)


def write(tmp_path: Path, name: str, content: bytes | str) -> Path:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def zipped(members: dict[str, bytes | str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def test_midi_times_follow_the_tempo_map(tmp_path: Path) -> None:
    # 120 a minute for two quarters, then 60: the third quarter begins at 1 s, the fourth at 2 s.
    notes = [on(60, 0), off(60, 480), on(62, 480), off(62, 480), on(64, 0), off(64, 240)]
    path = write(tmp_path, "a.mid", midi_bytes([tempo(500_000), tempo(1_000_000, 960)], notes))
    score = load_score(path)
    np.testing.assert_allclose(score.starts, [0.0, 1.0, 2.0])
    np.testing.assert_allclose(score.ends, [0.5, 2.0, 2.5])
    assert list(score.pitches) == [60, 62, 64]


def test_midi_without_tempo_is_at_120(tmp_path: Path) -> None:
    path = write(tmp_path, "a.midi", midi_bytes([on(60, 480), on(60, 480, velocity=0)]))
    score = load_score(path)
    assert (score.starts[0], score.ends[0]) == (0.5, 1.0)


def test_midi_tempo_of_another_track_and_later_at_one_tick_wins(tmp_path: Path) -> None:
    path = write(
        tmp_path, "a.mid", midi_bytes([on(60, 480), off(60, 480)], [tempo(250_000), tempo(1_000_000)])
    )
    assert load_score(path).starts[0] == 1.0


def test_midi_percussion_is_left_out(tmp_path: Path) -> None:
    track = [on(35, 0, channel=9), off(35, 10, channel=9), on(60, 0), off(60, 480)]
    assert list(load_score(write(tmp_path, "a.mid", midi_bytes(track))).pitches) == [60]


def test_midi_pitch_struck_twice_ends_in_order(tmp_path: Path) -> None:
    track = [on(60, 0, 10), on(60, 480, 20), off(60, 480), off(60, 480)]
    score = load_score(write(tmp_path, "a.mid", midi_bytes(track)))
    np.testing.assert_allclose(score.ends, [1.0, 1.5])
    assert list(score.velocities) == [10, 20]


def test_midi_note_that_is_never_released_ends_with_its_track(tmp_path: Path) -> None:
    track = [on(60, 0), on(62, 480), off(62, 480)]
    np.testing.assert_allclose(load_score(write(tmp_path, "a.mid", midi_bytes(track))).ends, [1.0, 1.0])


def test_midi_of_32767_ticks_a_quarter(tmp_path: Path) -> None:
    # As in MAPS; pretty_midi refuses such files.
    path = write(tmp_path, "a.mid", midi_bytes([on(60, 32767 * 4), off(60, 32767)], ppq=32767))
    np.testing.assert_allclose(load_score(path).starts, [2.0])


def test_midi_agrees_with_pretty_midi(shared_data: Path) -> None:
    import pretty_midi

    path = shared_data / "real" / "mazurka_op30_2_cortot1951" / "score.mid"
    notes = [n for instrument in pretty_midi.PrettyMIDI(str(path)).instruments for n in instrument.notes]
    score = load_score(path)
    ours = sorted(zip(score.starts.round(4), score.pitches, strict=True))
    assert ours == sorted((round(n.start, 4), n.pitch) for n in notes)
    assert score.duration == pytest.approx(max(n.end for n in notes))


@pytest.mark.parametrize("name", ["score.musicxml", "score.xml", "score.krn"])
def test_notation_by_hand(tmp_path: Path, name: str) -> None:
    path = write(tmp_path, name, KERN if name.endswith("krn") else musicxml())
    notes, quarters_a_minute, _ = load_notation(path)
    assert quarters_a_minute == 90
    np.testing.assert_allclose(notes[np.lexsort((notes[:, 2], notes[:, 0]))], EXPECTED)
    np.testing.assert_allclose(load_score(path).starts, np.array(EXPECTED)[:, 0] * 60 / 90)


def test_notation_without_tempo_is_at_120(tmp_path: Path) -> None:
    assert load_score(write(tmp_path, "a.xml", musicxml(tempo=""))).duration == pytest.approx(3.0)


def test_compressed_musicxml(tmp_path: Path) -> None:
    container = '<container><rootfiles><rootfile full-path="a.musicxml"/></rootfiles></container>'
    members = {"META-INF/container.xml": container, "a.musicxml": musicxml()}
    packed = load_score(write(tmp_path, "a.mxl", zipped(members)))
    assert packed.digest == load_score(write(tmp_path, "a.xml", musicxml())).digest


def test_pickup_bar_begins_at_zero(tmp_path: Path) -> None:
    pickup = note("C")
    bar = note("D") + note("E") + note("F")
    np.testing.assert_allclose(
        load_notation(write(tmp_path, "a.xml", musicxml(pickup, bar)))[0][:, 0], [0, 1, 2, 3]
    )


def test_repeats_are_unfolded_on_request(tmp_path: Path) -> None:
    repeat = '<barline location="right"><repeat direction="backward"/></barline>'
    path = write(tmp_path, "a.xml", musicxml(note("C") + note("D") + note("E") + repeat, note("F", 6)))
    assert list(load_score(path).pitches) == [60, 62, 64, 65]
    unfolded = load_score(path, unfold_repeats=True)
    assert list(unfolded.pitches) == [60, 62, 64, 60, 62, 64, 65]
    np.testing.assert_allclose(unfolded.starts, np.arange(7) * 60 / 90)


def test_repeats_of_kern_are_unfolded_too(tmp_path: Path) -> None:
    bars = "=1\n4c\n4d\n=:|!\n4e\n4f\n=!|:\n4g\n4a\n=:|!\n*-\n"
    path = write(tmp_path, "a.krn", "**kern\n*M2/4\n" + bars)
    assert list(load_score(path).boundaries) == [0.0, 1.0, 2.0, 3.0]
    unfolded = load_score(path, unfold_repeats=True)
    assert list(unfolded.pitches) == [60, 62, 60, 62, 64, 65, 67, 69, 67, 69]
    assert list(unfolded.boundaries) == [0.0, 1.0, 2.0, 3.0, 4.0]


def test_voltas_are_unfolded(tmp_path: Path) -> None:
    first = '<barline location="left"><ending number="1" type="start"/></barline>'
    close = (
        '<barline location="right"><ending number="1" type="stop"/><repeat direction="backward"/></barline>'
        '</measure><measure number="3"><barline location="left"><ending number="2" type="start"/></barline>'
    )
    last = '<barline location="right"><ending number="2" type="discontinue"/></barline>'
    xml = musicxml(note("C", 6), first + note("D", 6) + close + note("E", 6) + last)
    unfolded = load_score(write(tmp_path, "a.xml", xml), unfold_repeats=True)
    assert list(unfolded.pitches) == [60, 62, 60, 64]


def test_kern_and_musicxml_of_the_mazurkas_have_the_same_beats(shared_data: Path) -> None:
    scores = shared_data / "originals" / "mazurka" / "scores"
    for number in ("30-2", "68-3"):
        kern, *_ = load_notation(scores / "kern" / f"mazurka{number}.krn")
        xml, *_ = load_notation(scores / "musicxml" / f"mazurka{number}.xml")
        whole = [np.unique(n[:, 0][n[:, 0] % 1 == 0]) for n in (kern, xml)]
        np.testing.assert_array_equal(*whole)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.pdf", b"%PDF", r"score must be \.mid.*got .*a\.pdf.*Convert it"),
        ("a.mid", b"RIFF not MIDI", r"must be a standard MIDI file, got other bytes \(.*a\.mid\)"),
        ("a.mid", midi_bytes([on(60, 0), off(60, 480)])[:30], "must be a readable MIDI file"),
        ("a.mid", midi_bytes([tempo(500_000)]), "must have notes, got a MIDI file without any"),
        ("a.mid", midi_bytes([on(35, 0, channel=9), off(35, 9, channel=9)]), "without any"),
        ("a.mid", midi_bytes([on(60, 0), off(60, 480)], kind=2), "type 0 or 1 with .* got type 2"),
        ("a.mid", midi_bytes([tempo(1), on(60, 0), off(60, 480)]), "tempo must be at most 60000"),
        ("a.mid", midi_bytes([tempo(16_000_000), on(60, 0), off(60, 480 * 2251)]), r"10 hours, got 10\.0"),
        ("a.mid", b"MThd" + bytes(2 * 2**20), "MIDI must be at most 1 MB"),
        ("a.xml", bytes(MAX_BYTES + 1), "at most 16 MB, got more"),
        ("a.xml", musicxml()[:-9], "XML that does not parse"),
        ("a.xml", "", "XML that does not parse"),
        ("a.xml", "<html></html>", "root <score-partwise>, got <html>"),
        ("a.xml", musicxml(header=ENTITY.format("a")), "must not declare entities, got 'a'"),
        ("a.xml", musicxml(header=ENTITY.format("% p")), "must not declare entities"),
        ("a.xml", musicxml("<note><rest/><duration>6</duration></note>", ""), "must have notes, got none"),
        ("a.xml", musicxml(note("X")), "must be readable MusicXML or kern"),
        ("a.xml", musicxml(note("C").replace(">4<", f">{10**40}<")), "pitches must be 0 to 127"),
        ("a.xml", musicxml(note("C").replace(">4<", f">{10**400}<")), "pitches must be 0 to 127"),
        ("a.xml", musicxml(tempo="0.001"), "tempo must be 5 to 1000 quarter notes a minute, got 0.001"),
        ("a.xml", musicxml(tempo="1e9"), "tempo must be 5 to 1000"),
        ("a.xml", musicxml(note("C", 10_000_000)), "at most 10 hours, got 925.9"),
        ("a.mxl", b"PK\x03\x04 not a zip", "must be compressed MusicXML"),
        ("a.mxl", zipped({"../../a.xml": musicxml()}), r"inside the archive, got '\.\./\.\./a\.xml'"),
        ("a.mxl", zipped({"/etc/a.xml": musicxml()}), "must stay inside the archive"),
        ("a.mxl", zipped({"readme.txt": "no score"}), "must hold a .xml or .musicxml file, got none"),
        ("a.mxl", zipped({"a.xml": bytes(MAX_BYTES + 1)}), "at most 16 MB, got more .*unpacked"),
        ("a.krn", "4c\n4d\n", r"with a \*\*kern spine, got none"),
        ("a.krn", "!!**kern", r"with a \*\*kern spine, got none"),
        ("a.krn", "**kern\n" + "4c\n" * 100_000 + "c" * 10_000, "table of short tokens, got one of 10000"),
        ("a.krn", "**kern\n4zz\n*-\n", "must be readable MusicXML or kern"),
    ],
)  # fmt: skip
def test_guards(tmp_path: Path, name: str, content: bytes | str, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        load_score(write(tmp_path, name, content))


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match=r"must be a file, got .*which does not exist"):
        load_score(tmp_path / "a.mid")


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs a file that opens but cannot be read")
def test_file_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "a.mid").symlink_to("/proc/self/mem")
    with pytest.raises(InvalidInputError, match="score must be readable, got"):
        load_score(tmp_path / "a.mid")


def test_entities_that_expand_are_never_expanded(tmp_path: Path) -> None:
    import time

    levels = "".join(f'<!ENTITY e{i + 1} "{f"&e{i};" * 10}">' for i in range(12))
    bomb = musicxml(header=f'<!DOCTYPE score-partwise [<!ENTITY e0 "boom">{levels}]>').replace(
        "<part-name>P", "<part-name>&e12;"
    )
    path = write(tmp_path, "a.xml", bomb)
    began = time.perf_counter()
    with pytest.raises(InvalidInputError, match="must not declare entities"):
        load_score(path)
    assert time.perf_counter() - began < 1.0


def test_partitura_never_sees_fluidsynth(tmp_path: Path) -> None:
    # partitura downloads a soundfont when it finds fluidsynth; a stand-in tells whether it was looked for.
    write(tmp_path, "fluidsynth.py", "raise SystemExit('fluidsynth was imported')")
    write(tmp_path, "a.krn", KERN)
    code = (
        "import sys; from align_bench.scores import load_score; load_score('a.krn'); "
        "assert 'partitura' in sys.modules and 'fluidsynth' not in sys.modules"
    )
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(tmp_path)!r}); {code}"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_importing_scores_is_light() -> None:
    heavy = "('partitura', 'mido', 'scipy')"
    code = f"import sys, align_bench.scores; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


MIDI = midi_bytes([tempo(500_000), on(60, 0), off(60, 480), on(64, 0), off(64, 480)])
SEEDS = {
    ".mid": MIDI,
    ".xml": musicxml().encode(),
    ".krn": KERN.encode(),
    ".mxl": zipped({"a.xml": musicxml()}),
}


TOKENS = [b"0", b"-1", b"9" * 12, b"nan"]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    suffix=st.sampled_from(sorted(SEEDS)),
    edits=st.lists(
        st.tuples(
            st.floats(0, 1),
            st.integers(0, 6),
            st.binary(max_size=6) | st.sampled_from([b"0", b"-1", b"9" * 12, b"nan"]),
        ),
        max_size=5,
    ),
    unfold=st.booleans(),
)
@example(suffix=".xml", edits=[], unfold=True)
@example(suffix=".krn", edits=[], unfold=True)
def test_nothing_but_our_errors_escapes(
    tmp_path: Path, suffix: str, edits: list[tuple[float, int, bytes]], unfold: bool
) -> None:
    content = bytearray(SEEDS[suffix])
    for place, length, new in edits:
        start = int(place * len(content))
        content[start : start + length] = new
    path = write(tmp_path, f"fuzz{suffix}", bytes(content))
    try:
        score = load_score(path, unfold_repeats=unfold)
    except AlignBenchError:
        return
    assert np.isfinite(score.duration)
