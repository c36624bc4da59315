"""Both synthesisers, for real, against the note times and against each other."""

from __future__ import annotations

import sys
import types
from pathlib import Path

import numpy as np
import pytest
from scipy.signal import correlate

from align_bench import synthesis
from align_bench.errors import InvalidInputError, UsageError
from align_bench.synthesis import SynthesiserError, describe, render
from align_bench.types import Score

BOTH = ["fluidsynth", "midirenderer"]


def _score(*starts: float, pitch: int = 72, length: float = 0.3) -> Score:
    begin = np.array(starts)
    return Score(begin, begin + length, np.full(begin.size, pitch), np.full(begin.size, 80))


def _lag_s(a: np.ndarray, b: np.ndarray, rate: int) -> float:
    """Return by how much ``a`` is later than ``b``."""
    return float(np.argmax(correlate(a, b, method="fft")) - (b.size - 1)) / rate


@pytest.mark.parametrize("synthesiser", BOTH)
@pytest.mark.parametrize("start", [0.1, 0.2345, 1.0007, 3.14159, 40.123])
def test_a_note_sounds_when_it_is_written(synthesiser: str, start: float) -> None:
    at_zero = render(_score(0.0), synthesiser=synthesiser, sample_rate=48000).samples
    later = render(_score(start), synthesiser=synthesiser, sample_rate=48000).samples
    assert abs(_lag_s(later, at_zero, 48000) - start) < 0.0007
    loud = np.flatnonzero(np.abs(at_zero) > 0.01)
    assert loud[0] / 48000 < 0.003


def test_the_two_synthesisers_agree() -> None:
    rng = np.random.default_rng(0)
    starts = np.sort(rng.uniform(0, 10, 60))
    score = Score(starts, starts + 0.4, rng.integers(36, 90, 60), rng.integers(30, 110, 60))
    a, b = (render(score, synthesiser=name, sample_rate=48000).samples for name in BOTH)
    assert _lag_s(a, b, 48000) == 0.0
    assert np.corrcoef(a, b)[0, 1] > 0.99


@pytest.mark.parametrize("synthesiser", BOTH)
@pytest.mark.parametrize("sample_rate", [16000, 22050])
def test_length_rate_and_tail(synthesiser: str, sample_rate: int) -> None:
    audio = render(_score(0.0, 1.0), synthesiser=synthesiser, sample_rate=sample_rate)
    assert audio.sample_rate == sample_rate
    assert audio.duration == pytest.approx(2.3, abs=0.001)
    assert np.abs(audio.samples).max() == pytest.approx(0.5, abs=0.02)
    # No reverb: half a second after the last offset there is nothing.
    assert np.abs(audio.samples[int(1.8 * sample_rate) :]).max() < 1e-3


@pytest.mark.parametrize("synthesiser", BOTH)
def test_a_key_struck_again_sounds_again_and_is_held_to_its_end(synthesiser: str) -> None:
    score = Score([0.0, 0.5], [0.8, 2.0], [60, 60], [90, 90])
    audio = render(score, synthesiser=synthesiser)

    def rms(a: float, b: float) -> float:
        return float(np.sqrt((audio.samples[int(a * 22050) : int(b * 22050)] ** 2).mean()))

    assert rms(0.5, 0.6) > 1.2 * rms(0.4, 0.5)  # the second stroke
    assert rms(1.0, 1.2) > 0.2 * rms(0.5, 0.6)  # not cut off by the first note's offset at 0.8 s


@pytest.mark.parametrize("synthesiser", BOTH)
def test_a_note_without_length_is_heard(synthesiser: str) -> None:
    audio = render(_score(0.0, length=0.0), synthesiser=synthesiser)
    assert np.sqrt((audio.samples[:1000] ** 2).mean()) > 0.05


def test_rendering_is_kept_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALIGN_BENCH_CACHE", str(tmp_path))
    first = render(_score(0.0))
    (kept,) = tmp_path.rglob("*.npy")
    np.save(kept, np.full_like(first.samples, 0.25))
    assert (render(_score(0.0)).samples == 0.25).all()
    assert not (render(_score(0.0), program=1).samples == 0.25).all()
    assert not (render(_score(0.01)).samples == 0.25).all()
    assert not (render(_score(0.0), synthesiser="midirenderer").samples == 0.25).all()


@pytest.mark.parametrize("synthesiser", BOTH)
def test_rendering_is_repeatable(synthesiser: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    renderings = []
    for name in "ab":
        monkeypatch.setenv("ALIGN_BENCH_CACHE", str(tmp_path / name))
        renderings.append(render(_score(0.0, 0.4), synthesiser=synthesiser).samples)
    np.testing.assert_array_equal(*renderings)


def test_fluidsynth_is_quiet(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    synthesis._fluidsynth.cache_clear()
    monkeypatch.delitem(sys.modules, "fluidsynth", raising=False)
    render(_score(0.0, pitch=71), synthesiser="fluidsynth")
    assert capfd.readouterr() == ("", "")


def test_describe_says_what_rendered() -> None:
    facts = describe(synthesiser="midirenderer")
    assert facts["synthesiser"] == "midirenderer"
    assert facts["soundfont"] == "TimGM6mb.sf2"
    assert facts["soundfont_sha256"] == "82475b91a76de15cb28a104707d3247ba932e228bada3f47bba63c6b31aaf7a1"
    assert describe()["synthesiser"] in BOTH


@pytest.fixture
def unloaded(monkeypatch: pytest.MonkeyPatch) -> object:
    synthesis._fluidsynth.cache_clear()
    yield monkeypatch
    synthesis._fluidsynth.cache_clear()


def test_without_libfluidsynth_the_other_one_plays(unloaded: pytest.MonkeyPatch) -> None:
    unloaded.setitem(sys.modules, "fluidsynth", None)  # importing it now raises ImportError
    assert describe()["synthesiser"] == "midirenderer"
    assert render(_score(0.0)).duration > 1
    with pytest.raises(SynthesiserError, match="apt install libfluidsynth3"):
        render(_score(0.0), synthesiser="fluidsynth")


def test_the_unrelated_package_of_that_name_is_told_apart(unloaded: pytest.MonkeyPatch) -> None:
    other = types.ModuleType("fluidsynth")
    other.__file__ = "site-packages/fluidsynth/__init__.py"
    unloaded.setitem(sys.modules, "fluidsynth", other)
    with pytest.raises(SynthesiserError, match="pip uninstall fluidsynth"):
        render(_score(0.0), synthesiser="fluidsynth")
    assert describe()["synthesiser"] == "midirenderer"


@pytest.mark.parametrize("synthesiser", BOTH)
def test_a_file_that_is_no_soundfont_is_refused(synthesiser: str, tmp_path: Path) -> None:
    fake = tmp_path / "fake.sf2"
    fake.write_bytes(b"not a soundfont")
    with pytest.raises(SynthesiserError, match="soundfont must be an SF2 file"):
        render(_score(0.0), synthesiser=synthesiser, soundfont=fake)


def test_a_missing_soundfont_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="does not exist"):
        render(_score(0.0), soundfont=tmp_path / "none.sf2")


def test_an_unknown_synthesiser_is_refused_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="Did you mean 'fluidsynth'"):
        render(_score(0.0), synthesiser="fluidsyth")


@pytest.mark.parametrize("program", [-1, 128])
def test_a_program_out_of_range_is_refused(program: int) -> None:
    with pytest.raises(UsageError, match="program must be 0 to 127"):
        render(_score(0.0), program=program)
