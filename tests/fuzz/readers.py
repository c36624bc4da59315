"""Everything that reads a file which may come from anybody, with valid files to begin from."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from unittest import mock

import numpy as np
import soundfile
from mutations import (
    Mutation,
    of_bytes,
    of_json,
    of_json_lines,
    of_markup,
    of_safetensors,
    of_text,
    of_zip,
)
from test_scores import BAR_1, KERN, midi_bytes, musicxml, note, off, on, tempo, zipped

from align_bench.aligners.commands import CONFIG_VARIABLE
from align_bench.aligners.exchange import read_output
from align_bench.aligners.registry import list_aligners, load_aligner
from align_bench.cache import cached_arrays
from align_bench.datasets import amaps, folder, maps_recordings, mazurka_recordings
from align_bench.estimates import estimates_at, read_estimates
from align_bench.leaderboard import leaderboard, table1
from align_bench.leaderboard.rescoring import rescore
from align_bench.leaderboard.show import failures, show
from align_bench.metrics import evaluate
from align_bench.provenance import environment
from align_bench.results import (
    AlignerInfo,
    DatasetInfo,
    Record,
    RecordingResult,
    load_onsets,
    load_record,
    onsets_path,
    save_onsets,
)
from align_bench.scores import load_score
from align_bench.store import open_store
from align_bench.types import Audio, Score
from align_bench.verify import verify

DATA = Path(__file__).parents[1] / "data"
CHORD = Score([0.0, 0.5, 0.5, 1.0], [0.5, 1.0, 1.0, 2.0], [60, 62, 65, 62], [80] * 4, name="chord")
ONSETS = np.array([0.0, 0.5, 1.0])


@dataclass(frozen=True)
class Reader:
    """A reader under test.

    Attributes
    ----------
    file : str
        Name that the damaged file gets.
    seeds : sequence of bytes
    mutations : sequence of callable
    read : callable
        Reads the file and does with it what the program does.
    prepare : callable or None
        Writes what must lie beside the file.
    """

    file: str
    seeds: Sequence[bytes]
    mutations: Sequence[Mutation]
    read: Callable[[Path], object]
    prepare: Callable[[Path], object] | None = None


def _score(path: Path) -> None:
    """Read a score plain and unfolded, and look at it as an aligner does."""
    for unfold in (False, True):
        score = load_score(path, unfold_repeats=unfold)
        assert np.isfinite(score.duration)
        assert score.onsets.size
        assert score.digest


_TRACK = [
    tempo(500_000),
    on(60, 0),
    off(60, 480),
    on(62, 0),
    on(65, 0),
    off(62, 480),
    off(65, 0),
    on(62, 0),
    off(62, 480),
]
_MIDI = midi_bytes([tempo(400_000), tempo(600_000, 960)], _TRACK[1:])
_REPEAT = '<barline location="right"><repeat direction="backward"/></barline>'
_VOLTA = '<barline location="left"><ending number="1" type="start"/></barline>'
_XML = [musicxml().encode(), musicxml(note("C") + note("D") + _REPEAT, _VOLTA + BAR_1 + _REPEAT).encode()]
_REPEATS = b"**kern\n*M2/4\n=1\n4c\n4d\n=:|!\n4e 4g\n[4f\n=!|:\n4a]\n8b\n8cc\n=:|!\n*-\n"
_TWO_SPINES = (
    b"!!!COM: Chopin\n**kern\t**kern\n*clefF4\t*clefG2\n*k[b-]\t*k[b-]\n*M3/4\t*M3/4\n*MM90\t*MM90\n"
    b"=1\t=1\n4C\t8.cc\n.\t16dd-\n4r\t4ee 4gg\n*\t*^\n"
    b"4D\t4a\t(12f\n.\t.\t12g\n.\t.\t12a)\n*\t*v\t*v\n==\t==\n*-\t*-\n"
)


def _waves() -> list[bytes]:
    seeds = []
    noise = np.random.default_rng(0).normal(scale=0.1, size=(800, 2))
    for form, subtype in (
        ("WAV", "PCM_16"),
        ("WAV", "FLOAT"),
        ("WAV", "IMA_ADPCM"),
        ("W64", "PCM_24"),
        ("AIFF", "PCM_16"),
        ("AU", "ULAW"),
    ):
        seeds.append(_sound(noise, form, subtype))
    return seeds


def _sound(samples: np.ndarray, form: str, subtype: str | None = None) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, 8000, format=form, subtype=subtype)
    return file.getvalue()


def compressed(form: str) -> list[bytes]:
    noise = np.random.default_rng(1).normal(scale=0.1, size=4000)
    return [_sound(noise, form), _sound(np.stack([noise, noise], axis=1), form)]


# MAPS: three notes, their score with a tempo map, and two seconds of audio.


def _maps_files(directory: Path) -> None:
    (directory / "a.mid").write_bytes(midi_bytes(_TRACK))
    (directory / "a.txt").write_bytes(_NOTES)
    (directory / "a.wav").write_bytes(_sound(np.full(16000, 0.1), "WAV"))


_NOTES = b"OnsetTime\tOffsetTime\tMidiPitch\n0.0\t0.5\t60\n0.5\t1.0\t62\n0.5\t1.0\t65\n1.0\t1.5\t62\n\n"


def _maps_notes(path: Path) -> None:
    maps_recordings.load_reference(path.parent / "a.mid", path, path.parent / "a.wav")
    maps_recordings.load_nominal_score(path.parent / "a.mid", path, path.parent / "a.wav")


def _maps_score(path: Path) -> None:
    assert amaps.flatten_amaps(path).score().duration
    maps_recordings.load_reference(path, path.parent / "a.txt", path.parent / "a.wav")


# Mazurka: as many beats as Op. 30 No. 2 has, all of them notes.

_PIECE = "Chopin_Op030No2"
_BEATS = b"% Op. 30 No. 2\n" + b"".join(b"%.3f\t%.3f\t%d\n" % (k / 2, k / 2, k % 3 + 1) for k in range(193))


@lru_cache
def _mazurka_notation(path: Path, piece: str) -> tuple[np.ndarray, float, np.ndarray]:
    quarters = np.arange(193.0)
    return np.column_stack([quarters, quarters + 1, np.full(193, 60)]), 120.0, np.empty(0)


def _beats(path: Path) -> None:
    with mock.patch.object(mazurka_recordings, "_notation", _mazurka_notation):
        assert mazurka_recordings.load_reference(path.with_name("score.krn"), path, _PIECE).times.size


# A folder of recordings


def _recording_folder(path: Path) -> None:
    assert folder.collection(path.parents[1]).recordings


def _folder_files(directory: Path) -> None:
    for name in ("audio.wav", "score.mid", "truth.csv"):
        (directory / name).touch()


# Estimates, and what programs write


def _estimates(path: Path) -> None:
    estimated = estimates_at(ONSETS, *read_estimates(path))
    if not np.isnan(estimated).all():
        evaluate(ONSETS, ONSETS * 1.5, estimated)


def _output(form: str, path: Path) -> None:
    alignment = read_output(path, form, CHORD, "fuzz")
    assert np.isfinite(alignment.at(CHORD.onsets)).all()


_OUTPUT_CSV = [
    b"score_time_s,performance_time_s\n0.0,0.1\n0.5,0.7\n1.0,1.3\n",
    b"# made by hand\n0.0 0.1\n0.5 0.7\n0.5 0.8\n1.0 1.3\n",
    b"a;estimated_time_s;score_time_s\n'x';0.1;0.0\n'y';0.7;0.5\n",
]
_SVL = (
    '<?xml version="1.0" encoding="UTF-8"?><!DOCTYPE sonic-visualiser><sv><data><model id="1" name="" '
    'sampleRate="44100" start="0" end="9" type="sparse" dimensions="{}" resolution="1" dataset="0" />'
    '<dataset id="0" dimensions="{}">{}</dataset></data></sv>'
)
_INSTANTS = "".join(f'<point frame="{frame}" label="" />' for frame in (441, 22050, 44100))
_VALUES = "".join(f'<point frame="{k * 22050}" value="{k * 0.6}" label="x" />' for k in range(3))


# Records, journals and onsets: as a run leaves them, with one failure

_RESULT = {
    "piece": "Prelude",
    "seconds": 0.5,
    "audio_seconds": 30.0,
    "n_onsets": 3,
    "scores": dict(evaluate(ONSETS, ONSETS, ONSETS + 0.03)),
    "metadata": {"condition": "clean", "year": 1951},
    "info": {"dtw": "exact"},
    "audio_sha256": "0" * 64,
    "score_sha256": "1" * 64,
}
_RECORD = Record(
    align_bench_version="0.1.0",
    versions={"python": "3.11.2"},
    platform="Linux",
    aligner=AlignerInfo(
        name="siamese-cqt-distance", target="m:C", parameters={"hop_s": 0.02, "decoder": "exact"}
    ),
    dataset=DatasetInfo(name="tiny", version="1", index_sha256="abc", ground_truth="manual", n_wanted=3),
    synthesiser={"name": "fluidsynth"},
    created="2025-01-01T00:00:00+00:00",
    commit="c" * 40,
    command="align-bench run",
    recordings=[
        RecordingResult(id="a", status="ok", cold=True, **_RESULT),
        RecordingResult(id="b", status="ok", leaked=True, **{**_RESULT, "piece": "Waltz"}),
        RecordingResult(id="c", piece="Waltz", status="timeout", reason="the aligner took longer than 5 s"),
    ],
)


def _onset_files(directory: Path) -> None:
    for name in ("a", "b", "prelude-clean", "MAPS_MUS-chpn_op7_1_ENSTDkAm"):
        save_onsets(onsets_path(directory / "fuzz.json", name), ONSETS, ONSETS, ONSETS + 0.03)


_REPORTS: list[Callable[[Path, Record], object]] = [
    lambda path, record: show(record),
    lambda path, record: failures([record]),
    lambda path, record: leaderboard([record, _RECORD]),
    lambda path, record: leaderboard([record, _RECORD], "markdown"),
    lambda path, record: leaderboard([record, _RECORD], "csv"),
    lambda path, record: leaderboard([record, _RECORD], "latex"),
    lambda path, record: leaderboard([record], exclude_leaked=True),
    lambda path, record: table1([record, _RECORD]),
    lambda path, record: rescore(path.parent),
    lambda path, record: verify(path, sample=0).lines(),
    lambda path, record: _page(record),
]


def _page(record: Record) -> None:
    assert "<script>alert" not in leaderboard([record, _RECORD], "html")


def _record(path: Path) -> None:
    """Read a record, and let one of the reports be made of it; each has its turn."""
    record = load_record(path)
    _REPORTS[sum(path.read_bytes()) % len(_REPORTS)](path, record)


def _onsets(path: Path) -> None:
    evaluate(*load_onsets(path))


def _journal_seed(directory: Path) -> bytes:
    with open_store(
        directory / "fuzz.json", _RECORD.model_copy(update={"recordings": []}), "missing"
    ) as store:
        for row in _RECORD.recordings:
            store.add(row, (ONSETS, ONSETS, ONSETS + 0.03) if row.status == "ok" else None)
    return (directory / "fuzz.partial.jsonl").read_bytes()


def _journal(path: Path) -> None:
    record = _RECORD.model_copy(update={"recordings": []})
    with open_store(path.with_name("fuzz.json"), record, "missing") as store:
        assert set(store.done) <= {"a", "b", "c"} or store.done


# Configuration, checkpoints, cache

_TOML = b"""[aligners.mine]
command = "true {score} {audio} {output}"
environment = { OMP_NUM_THREADS = "1" }
directory = "."
format = "csv"
trained_on = ["a", "b"]
description = "Mine."

[aligners.other-one]
command = "sh -c 'true' {score_csv} {audio_float} {output}"
python = ""
"""


def _configuration(path: Path) -> None:
    with mock.patch.dict(os.environ, {CONFIG_VARIABLE: str(path)}):
        for entry in list_aligners():
            if entry.available and entry.target.startswith(str(path)):
                assert load_aligner(entry.name).code_sha256


def _checkpoint_seed(directory: Path) -> bytes:
    import torch
    from align_bench_baselines.siamese.card import ModelCard, ModelConfig
    from align_bench_baselines.siamese.model import Encoder, save_checkpoint

    torch.manual_seed(0)
    encoder = Encoder(ModelConfig("cqt", n_bins=24, channels=1, n_dims=2))
    card = ModelCard(encoder.config, 0.5, ["a"], ["b"], {"seed": 0}, {"accuracy_50ms": 0.9})
    save_checkpoint(directory / "seed.safetensors", encoder, card)
    return (directory / "seed.safetensors").read_bytes()


def _checkpoint(path: Path) -> None:
    from align_bench_baselines.siamese.card import read_checkpoint
    from align_bench_baselines.siamese.network import Network

    with np.errstate(all="ignore"):  # a variance below zero is found when the network is used
        read_checkpoint(path, Network)


def _cache_seed(directory: Path) -> bytes:
    with mock.patch.dict(os.environ, {"ALIGN_BENCH_CACHE": str(directory)}):
        cached_arrays("fuzz", {"key": 1}, lambda: [np.arange(6.0).reshape(2, 3), np.arange(4)])
    return next(directory.rglob("*.npy")).read_bytes()


def _cache(path: Path) -> None:
    """Read a damaged file of the cache: made again, whatever is in it."""
    place = next(path.parent.rglob("arrays/fuzz/*/*.npy"))
    place.write_bytes(path.read_bytes())
    with mock.patch.dict(os.environ, {"ALIGN_BENCH_CACHE": str(path.parent)}):
        cached_arrays("fuzz", {"key": 1}, lambda: [np.zeros(1)])


@lru_cache
def readers(directory: Path) -> dict[str, Reader]:
    """Return all readers by name; seeds that only our own writers can make are made in a directory."""
    binary = [of_bytes]
    text = [of_text, of_text, of_bytes]
    markup = [of_text, of_markup, of_bytes]
    document = [of_json, of_json, of_text, of_bytes]
    record = json.dumps(_RECORD.model_dump(mode="json")).encode()
    old = [path.read_bytes() for path in sorted(DATA.glob("record-*.json"))]
    journal, cache = _journal_seed(directory / "journal"), _cache_seed(directory / "cache")
    checkpoint = _checkpoint_seed(directory)
    environment()  # asks git, once
    estimates = [b"score_time_s,performance_time_s,pitches\n0.0,0.1,60\n0.5,,62 65\n1.0,1.3,62\n"]
    return {
        "midi": Reader("fuzz.mid", [_MIDI, midi_bytes(_TRACK)], binary, _score),
        "musicxml": Reader("fuzz.musicxml", _XML, markup, _score),
        "mxl": Reader(
            "fuzz.mxl",
            [zipped({"META-INF/container.xml": "<container/>", "a.xml": xml}) for xml in _XML],
            [of_zip, of_zip, of_bytes],
            _score,
        ),
        "kern": Reader("fuzz.krn", [KERN.encode(), _REPEATS, _TWO_SPINES], text, _score),
        "maps-txt": Reader("fuzz.txt", [_NOTES], text, _maps_notes, _maps_files),
        "a-maps": Reader("fuzz.mid", [midi_bytes(_TRACK)], binary, _maps_score, _maps_files),
        "mazurka-beat": Reader("fuzz.beat", [_BEATS], text, _beats),
        "truth-csv": Reader(
            "truth.csv",
            [b"score_time_sec,performance_time_sec,x\n0.0,0.1,a\n0.5,0.7,b\n1.0,1.2,c\n"],
            text,
            folder.read_truth,
        ),
        "meta-json": Reader(
            "r0/meta.json",
            [
                b'{"composer": "A", "title": "B (excerpt)", "real_acoustic_recording": true, '
                b'"year": 1951, "x": {"y": [1, 2.5]}}'
            ],
            document,
            _recording_folder,
            _folder_files,
        ),
        "estimates-csv": Reader("a.csv", estimates, text, _estimates),
        "output-csv": Reader("output.csv", _OUTPUT_CSV, text, partial(_output, "csv")),
        "output-instants": Reader(
            "output.csv",
            [b"0.1\n0.7\n1.2\n", b"time\n0.1,x\n0.7,y\n1.2,z\n"],
            text,
            partial(_output, "instants"),
        ),
        "output-svl": Reader(
            "output.svl",
            [_SVL.format(1, 1, _INSTANTS).encode(), _SVL.format(2, 2, _VALUES).encode()],
            markup,
            partial(_output, "svl"),
        ),
        "output-midi": Reader("output.mid", [midi_bytes(_TRACK), _MIDI], binary, partial(_output, "midi")),
        "wav": Reader("fuzz.wav", _waves(), binary, Audio.load),
        "flac": Reader("fuzz.flac", compressed("FLAC"), binary, Audio.load),
        "ogg": Reader("fuzz.ogg", compressed("OGG"), binary, Audio.load),
        "mp3": Reader("fuzz.mp3", compressed("MP3"), binary, Audio.load),
        "record": Reader("fuzz.json", [record, *old], document, _record, _onset_files),
        "onsets-csv": Reader(
            "a.csv",
            [b"score_time_s,reference_time_s,estimated_time_s\n0.0,0.0,0.1\n0.5,0.6,\n1.0,1.3,1.2\n"],
            text,
            _onsets,
        ),
        "journal": Reader(
            "fuzz.partial.jsonl",
            [journal],
            [of_json_lines, of_json_lines, of_text, of_bytes],
            _journal,
            _onset_files,
        ),
        "toml": Reader("fuzz.toml", [_TOML], text, _configuration),
        "checkpoint": Reader(
            "fuzz.safetensors", [checkpoint], [of_safetensors, of_safetensors, of_bytes], _checkpoint
        ),
        "cache": Reader("fuzz.npy", [cache], [of_text, of_bytes], _cache, _cache_seed),
    }


NAMES = (
    "midi",
    "musicxml",
    "mxl",
    "kern",
    "maps-txt",
    "a-maps",
    "mazurka-beat",
    "truth-csv",
    "meta-json",
    "estimates-csv",
    "output-csv",
    "output-instants",
    "output-svl",
    "output-midi",
    "wav",
    "flac",
    "ogg",
    "mp3",
    "record",
    "onsets-csv",
    "journal",
    "toml",
    "checkpoint",
    "cache",
)
