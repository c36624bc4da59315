"""Files built to harm who reads them: refused in words, within a second, and nothing else happens."""

from __future__ import annotations

import io
import json
import struct
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import mido
import pytest
from readers import compressed, readers
from test_fuzz import little_memory, read
from test_scores import KERN, midi_bytes, musicxml, note, off, on, tempo, zipped

from align_bench.errors import AlignBenchError

LAUGHS = "".join(f'<!ENTITY e{i + 1} "{f"&e{i};" * 10}">' for i in range(12))
ENTITIES = {
    "billion-laughs": f'<!DOCTYPE x [<!ENTITY e0 "boom">{LAUGHS}]>',
    "quadratic": f'<!DOCTYPE x [<!ENTITY e0 "{"a" * 100_000}">]>',
    "external-file": '<!DOCTYPE x [<!ENTITY e0 SYSTEM "file:///etc/passwd">]>',
    "external-url": '<!DOCTYPE x [<!ENTITY e0 SYSTEM "http://localhost:9/x">]>',
    "parameter": '<!DOCTYPE x [<!ENTITY % p SYSTEM "file:///etc/passwd"> %p;]>',
}
SVL = '<sv><data><model sampleRate="44100" type="sparse" dimensions="1"/>{}</data></sv>'


def entity_in_score(doctype: str) -> bytes:
    return musicxml(header=doctype).replace("<part-name>P", "<part-name>&e0;").encode()


def member(name: str, content: bytes, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        archive.writestr(name, content)
    return file.getvalue()


def lying(packed: bytes, size: int) -> bytes:
    """Return a zip whose directories understate how large its only member is."""
    content = bytearray(packed)
    content[22:26] = struct.pack("<I", size)
    at = content.rindex(b"PK\x01\x02")
    content[at + 24 : at + 28] = struct.pack("<I", size)
    return bytes(content)


def many_notes(n: int) -> bytes:
    """Return MIDI of one pitch that is struck ``n`` times, then released; running status keeps it short."""
    events = b"\x00\x90\x3c\x40" + b"\x00\x3c\x40" * (n - 1) + b"\x00\x3c\x00" * n
    body = events + b"\x60\x3e\x40\x00\xff\x2f\x00"
    return b"MThd" + struct.pack(">IHHH", 6, 0, 1, 480) + b"MTrk" + struct.pack(">I", len(body)) + body


def long_midi(hours: float) -> bytes:
    whole = round(hours * 3600 / 30)
    rest = [mido.MetaMessage("text", text="", time=60 * 480)] * whole
    return midi_bytes([tempo(500_000), on(60, 0), off(60, 480), *rest, on(62, 0), off(62, 480)])


BOMB = bytes(64 * 2**20)
NESTED = b"<score-partwise>" + b"<x>" * 200_000


def boastful_mp3() -> bytes:
    """Return an MP3 file of half a second whose header claims four thousand million frames."""
    content = bytearray(compressed("MP3")[0])
    at = content.index(b"Info") if b"Info" in content else content.index(b"Xing")
    content[at + 8 : at + 12] = b"\xff\xff\xff\xff"
    return bytes(content)


# The reader, what it is given, and what it says.
ATTACKS: dict[str, tuple[str, Callable[[], bytes | str], str]] = {
    **{f"musicxml-{n}": ("musicxml", partial(entity_in_score, d), "entities") for n, d in ENTITIES.items()},
    **{f"svl-{n}": ("output-svl", (d + SVL.format("&e0;")).encode, "entities") for n, d in ENTITIES.items()},
    "mxl-billion-laughs": (
        "mxl",
        lambda: member("a.xml", entity_in_score(ENTITIES["billion-laughs"])),
        "entities",
    ),
    "mxl-bomb": ("mxl", lambda: member("a.xml", BOMB), "at most 16 MB"),
    "mxl-bomb-that-lies": ("mxl", lambda: lying(member("a.xml", BOMB), 1000), "CRC"),
    "mxl-lzma": ("mxl", lambda: member("a.xml", BOMB[:9999], zipfile.ZIP_LZMA), "stored or deflated"),
    "mxl-many-members": ("mxl", lambda: zipped({f"{k}.txt": "" for k in range(20_000)}), "got none"),
    "mxl-outside": ("mxl", lambda: zipped({"a.xml": musicxml(), "../../x": "x"}), "inside the archive"),
    "mxl-outside-on-windows": (
        "mxl",
        lambda: zipped({"a.xml": musicxml(), "a\\..\\..\\x": ""}),
        "inside the archive",
    ),
    "musicxml-deep": ("musicxml", lambda: NESTED, "not parse"),
    "musicxml-tempo-0": ("musicxml", lambda: musicxml(tempo="0"), "tempo must be"),
    "musicxml-tempo-negative": ("musicxml", lambda: musicxml(tempo="-90"), "tempo must be"),
    "musicxml-tempo-huge": ("musicxml", lambda: musicxml(tempo="1e308"), "tempo must be"),
    "musicxml-tempo-nan": ("musicxml", lambda: musicxml(tempo="nan"), "tempo must be"),
    "musicxml-long": ("musicxml", lambda: musicxml(note("C", 10**12)), "at most 10 hours"),
    "kern-tempo-0": ("kern", lambda: KERN.replace("*MM90", "*MM0"), "tempo must be"),
    "kern-tempo-huge": (
        "kern",
        lambda: KERN.replace("*MM90", "*MM" + "9" * 400),
        "tempo must be|readable MusicXML",
    ),
    "midi-tempo-0": (
        "midi",
        lambda: midi_bytes([tempo(0), on(60, 0), off(60, 480)]),
        "tempo must be at most",
    ),
    "midi-10-hours": ("midi", lambda: long_midi(10.1), "at most 10 hours"),
    "midi-million-notes": ("midi", lambda: many_notes(1_000_000), "at most 1 MB"),
    "midi-200000-notes": ("midi", lambda: many_notes(200_000), "at most 1 MB"),
    "a-maps-million-beats": (
        "a-maps",
        lambda: midi_bytes([tempo(1000), on(60, 0), off(60, 480), on(62, 480 * 1_100_000), off(62, 480)]),
        "at most 1,000,000 quarter notes",
    ),
    "mp3-that-claims-much": ("mp3", boastful_mp3, ""),
    "record-deep": ("record", lambda: "[" * 100_000, "record must be JSON"),
    "toml-deep": ("toml", lambda: "a = " + "[" * 100_000, "must be TOML"),
    "checkpoint-that-claims-much": (
        "checkpoint",
        lambda: struct.pack("<Q", 2**62) + b"{}",
        "checkpoint must come",
    ),
    "checkpoint-pickle": (
        "checkpoint",
        lambda: b"\x80\x04cos\nsystem\n(S'true'\ntR.",
        "checkpoint must come",
    ),
    "cache-pickle-huge-shape": ("cache", lambda: npy("<f8", (10**12,)), ""),
    "cache-pickle-object": ("cache", lambda: npy("|O", (1,)) + b"cos\nsystem\n(S'true'\ntR.", ""),
    "meta-json-deep": (
        "meta-json",
        lambda: json.dumps("x").join(["[" * 99_999, "]" * 99_999]),
        "must be JSON",
    ),
}


def npy(kind: str, shape: tuple[int, ...]) -> bytes:
    header = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}}}\n".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header


@pytest.mark.parametrize("name", ATTACKS)
def test_attack_is_refused_within_a_second(
    name: str, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
):
    kind, make, message = ATTACKS[name]
    reader = readers(tmp_path_factory.getbasetemp() / "seeds-of-attacks")[kind]
    monkeypatch.chdir(tmp_path)
    path = tmp_path / reader.file
    path.parent.mkdir(exist_ok=True)
    if reader.prepare is not None:
        reader.prepare(path.parent)
    path.write_bytes(reader.seeds[0])
    read(reader, path)
    assert read(reader, path) == "read"
    content = make()
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with little_memory():
        outcome = read(reader, path)
    assert outcome == ("refused" if message else "read")
    if message:
        with pytest.raises(AlignBenchError, match=message):
            reader.read(path)
