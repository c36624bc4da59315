"""One recording and one score, from objects or files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pretty_midi
import pytest
import soundfile

from align_bench import align
from align_bench.errors import AlignerError, InvalidInputError, UsageError
from align_bench.types import Alignment, Audio, Score

PLUGINS = Path(__file__).parent / "plugins"
STRAIGHT = f"{PLUGINS / 'straight.py'}:Straight"


def test_objects_by_name_with_parameters(scale: Score, noise_burst: Audio):
    alignment = align(scale, noise_burst, STRAIGHT, delay_s=0.5)
    np.testing.assert_allclose(alignment.at([0.0, 3.95]), [0.5, 2.0])


def test_files(tmp_path: Path):
    midi = pretty_midi.PrettyMIDI()
    midi.instruments.append(pretty_midi.Instrument(0))
    midi.instruments[0].notes = [pretty_midi.Note(80, 60 + i, i * 0.5, i * 0.5 + 0.5) for i in range(4)]
    midi.write(str(tmp_path / "score.mid"))
    soundfile.write(tmp_path / "audio.wav", np.random.default_rng(0).normal(scale=0.1, size=32000), 8000)
    alignment = align(tmp_path / "score.mid", str(tmp_path / "audio.wav"), STRAIGHT)
    np.testing.assert_allclose(alignment.at([0.0, 1.0, 2.0]), [0.0, 2.0, 4.0], atol=0.01)


def test_an_object_aligner(scale: Score, noise_burst: Audio):
    class Mine:
        def align(self, score: Score, audio: Audio) -> Alignment:
            return Alignment([0.0, 1.0], [0.0, 0.5])

    np.testing.assert_allclose(align(scale, noise_burst, Mine()).at([1.0]), [0.5])
    with pytest.raises(UsageError, match="parameters must go with an aligner's name"):
        align(scale, noise_burst, Mine(), radius=1)


def test_failures_name_the_aligner(scale: Score, noise_burst: Audio):
    with pytest.raises(
        AlignerError, match=r"raises.py:Raises must align the recording, got RuntimeError: no such chord"
    ):
        align(scale, noise_burst, f"{PLUGINS / 'raises.py'}:Raises")
    with pytest.raises(AlignerError, match="must return an Alignment, got ndarray"):
        align(scale, noise_burst, f"{PLUGINS / 'bare_array.py'}:BareArray")


def test_files_that_are_not_there(scale: Score, noise_burst: Audio, tmp_path: Path):
    with pytest.raises(InvalidInputError, match="does not exist"):
        align(scale, tmp_path / "none.wav", STRAIGHT)
    with pytest.raises(InvalidInputError, match=r"none\.mid"):
        align(tmp_path / "none.mid", noise_burst, STRAIGHT)
