"""``align-bench train siamese`` from the command line, on a MAPS of our own making."""

from __future__ import annotations

import csv
from pathlib import Path

import mido
import numpy as np
import pytest
import soundfile
from align_bench_baselines.siamese.aligner import SiameseSTFTDistance
from align_bench_baselines.siamese.model import load_checkpoint
from typer.testing import CliRunner, Result

from align_bench.cli import app
from align_bench.types import Recording

# One recording of each split that training reads: of the first piano that the index gives them.
MADE = {"MAPS_MUS-chpn-p14_ENSTDkAm": "to_train_on", "MAPS_MUS-scn15_9_ENSTDkAm": "to_validate_on"}


def write_maps(home: Path, name: str, recording: Recording) -> None:
    """Write a recording as MAPS (audio and note list) and A-MAPS (the score in quarter notes) have it."""
    score, reference, audio = recording.score, recording.reference, recording.audio
    folder = home / name.rpartition("_")[2] / "MUS"
    folder.mkdir(parents=True, exist_ok=True)
    soundfile.write(folder / f"{name}.flac", audio.samples, audio.sample_rate)
    played = np.interp(score.starts, reference.score_times, reference.times)
    with (folder / f"{name}.txt").open("w") as file:
        writer = csv.writer(file, delimiter="\t")
        writer.writerow(["OnsetTime", "OffsetTime", "MidiPitch"])
        writer.writerows(zip(played.round(6), (played + 0.3).round(6), score.pitches, strict=True))
    # A-MAPS has the notes on a beat grid, and a tempo map that leads to the times in MAPS.
    ticks = 960 + np.rint(score.starts / 0.2 * 480).astype(int)
    events = [(int(t), "note_on", int(p)) for t, p in zip(ticks, score.pitches, strict=True)]
    events += [(t + 300, "note_off", p) for t, _, p in events]
    notes = mido.MidiTrack()
    last = 0
    for tick, kind, pitch in sorted(events):
        notes.append(mido.Message(kind, note=pitch, velocity=70, time=tick - last))
        last = tick
    at_tick = np.concatenate([[0], np.unique(ticks)])
    at_time = np.concatenate([[0.0], reference.times])
    tempi, last = mido.MidiTrack(), 0
    for tick, seconds, span in zip(at_tick, np.diff(at_time), np.diff(at_tick), strict=False):
        tempo = round(1e6 * seconds / span * 480)
        tempi.append(mido.MetaMessage("set_tempo", tempo=tempo, time=int(tick) - last))
        last = int(tick)
    midi = mido.MidiFile(type=1, ticks_per_beat=480)
    midi.tracks += [tempi, notes]
    (home / "A-MAPS").mkdir(exist_ok=True)
    midi.save(home / "A-MAPS" / f"{name}.mid")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    home = tmp_path_factory.mktemp("maps")
    for name, fixture in MADE.items():
        write_maps(home, name, request.getfixturevalue(fixture)[0])
    return home


def train(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["train", "siamese", *map(str, arguments)])


def test_the_command_trains_a_checkpoint_that_aligners_take(home: Path, tmp_path: Path):
    output = tmp_path / "new" / "mine.safetensors"
    result = train(
        "--data-home", home, "--allow-missing", "--representation", "stft", "--steps", 1, "--seed", 7,
        "--negatives", "plain", "--no-augment", "--device", "cpu", "--output", output,
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "step 1 of 1, trained on 1 recordings; on 1 held-back ones" in result.output
    card = load_checkpoint(output)[1]
    for name, names in zip(MADE, (card.trained_on, card.validated_on), strict=True):
        assert name in names
    options = {"representation": "stft", "steps": 1, "seed": 7, "hard": False, "augment": False}
    assert card.training.items() >= options.items()
    assert SiameseSTFTDistance(checkpoint=str(output)).trained_on == card.trained_on


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--negatives", "soft"], "negatives must be one of hard, plain, got 'soft'"),
        (["--representation", "mel"], "representation must be one of cqt, cqt+mel, stft, got 'mel'"),
        (["--steps", "0"], "steps must be > 0, got 0"),
        (["--device", "tpu"], "device must be one of auto, cpu, cuda, got 'tpu'"),
        (["--dataset", "demo"], "split must be None for demo"),
        (["--dataset", "mapps"], "Did you mean 'maps'"),
        (["--unlabelled", "folder"], "unlabelled must go with adapt_from"),
    ],
)
def test_what_the_command_refuses(home: Path, tmp_path: Path, arguments: list[str], message: str):
    output = tmp_path / "a.safetensors"
    result = train("--data-home", home, "--allow-missing", "--output", output, *arguments)
    assert result.exit_code == 2
    assert message in " ".join(result.output.split())
    assert "Traceback" not in result.output
    assert not output.exists()


def test_half_a_dataset_must_be_allowed(home: Path, tmp_path: Path):
    result = train("--data-home", home, "--output", tmp_path / "a")
    assert result.exit_code == 2
    assert "allow" in result.output
