"""Every registered baseline on performances whose tempo is known exactly, and what it refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from align_bench_baselines.chroma_dtw import ChromaDTW
from align_bench_baselines.dtw_aligner import LEAD_IN_S
from align_bench_baselines.linear import Linear
from align_bench_baselines.spectral_dtw import SpectralDTW, SpectralFluxDTW

from align_bench.aligners import contract
from align_bench.aligners.base import Aligner, check_alignment, parameters
from align_bench.aligners.registry import load_aligner
from align_bench.aligners.session import Session
from align_bench.errors import UsageError
from align_bench.metrics.onset_deviation import accuracy
from align_bench.synthesis import describe, render
from align_bench.types import Audio, Recording, Score

RATE = 22050
OURS = sorted(
    point.name
    for point in entry_points(group="align_bench.aligners")
    if point.value.startswith("align_bench_baselines")
)
DTW = [name for name in OURS if name != "linear"]
SIAMESE = [name for name in OURS if name.startswith("siamese")]


@pytest.fixture(scope="module")
def make() -> Callable[..., Aligner]:
    return lambda name, **given: load_aligner(name, given)


def test_the_nine_are_registered():
    assert OURS == [
        "chroma-dtw", "flux-dtw", "linear", "siamese-cqt-binary", "siamese-cqt-distance",
        "siamese-robust", "siamese-stft-binary", "siamese-stft-distance", "spectral-dtw",
    ]  # fmt: skip


@pytest.mark.parametrize("name", OURS)
def test_each_keeps_the_contract(name: str, monkeypatch: pytest.MonkeyPatch):
    """In this process, which has imported everything; what a process of its own adds is tested elsewhere."""
    monkeypatch.setattr(contract, "AlignerProcess", lambda timeout: Session())
    report = contract.check_aligner(name)
    assert [(check.name, check.reason) for check in report.checks if not check.passed] == []
    assert len(report.checks) == 9


@pytest.mark.parametrize("name", DTW)
def test_a_rendering_of_the_score_is_aligned_exactly(
    name: str, make: Callable[..., Aligner], clean: Recording
):
    """Silence before and after shifts all onsets by its length; binary labels leave a frame of slack."""
    score = clean.score
    late = Score(score.starts + 0.5, score.ends + 0.5, score.pitches, score.velocities)
    samples = np.concatenate([np.zeros(round(0.7 * RATE)), render(late).samples, np.zeros(RATE)])
    estimated = make(name).align(late, Audio(samples, RATE)).at(late.onsets)
    assert np.abs(estimated - late.onsets - 0.7).max() < (0.045 if name.endswith("binary") else 0.02)


def mean_accuracy(aligner: Aligner, recordings: list[Recording], tolerance: float = 0.05) -> float:
    shares = []
    for recording in recordings:
        alignment = aligner.align(recording.score, recording.audio)
        check_alignment(alignment, recording.score, recording.audio.duration)
        estimated = alignment.at(recording.reference.score_times)
        shares.append(accuracy(recording.reference.times, estimated, tolerance))
    return float(np.mean(shares))


@pytest.fixture(scope="module")
def accuracies(make: Callable[..., Aligner], halls: list[Recording]) -> dict[str, float]:
    return {name: mean_accuracy(make(name), halls) for name in OURS}


@pytest.mark.parametrize(
    ("name", "floor"),
    [
        ("chroma-dtw", 0.65),
        ("spectral-dtw", 0.9),
        ("flux-dtw", 0.95),
        ("siamese-robust", 0.97),
        ("siamese-cqt-distance", 0.95),
        ("siamese-cqt-binary", 0.7),
        ("siamese-stft-distance", 0.95),
        ("siamese-stft-binary", 0.7),
    ],
)
def test_a_tempo_curve_played_in_a_hall_is_followed(accuracies: dict[str, float], name: str, floor: float):
    assert accuracies[name] >= floor


def test_the_order_of_the_baselines(accuracies: dict[str, float]):
    assert accuracies["linear"] < accuracies["chroma-dtw"] - 0.3
    for name in ("spectral-dtw", "flux-dtw", "siamese-cqt-distance", "siamese-stft-distance"):
        assert accuracies["chroma-dtw"] < accuracies[name] - 0.05
    for representation in ("cqt", "stft"):
        assert (
            accuracies[f"siamese-{representation}-binary"] <= accuracies[f"siamese-{representation}-distance"]
        )


@pytest.mark.parametrize("name", DTW)
def test_each_tells_how_sure_it_is(name: str, make: Callable[..., Aligner], halls: list[Recording]):
    """What it is surer of is right more often, unless everything is right."""
    sure, right = [], []
    for recording in halls:
        written, true = recording.reference.score_times, recording.reference.times
        alignment = make(name).align(recording.score, recording.audio)
        confidences = alignment.confidence_at(written)
        assert confidences is not None
        sure.append(confidences)
        right.append(np.abs(alignment.at(written) - true) <= 0.05)
    hits = np.concatenate(right)[np.argsort(np.concatenate(sure), kind="stable")]
    low, high = (half.mean() for half in np.array_split(hits, 2))
    assert high > low or low == 1.0


@pytest.mark.parametrize("given", [{"decoder": "fastdtw"}, {"structure": "jumps"}])
def test_other_decoders_tell_it_too(given: dict[str, Any], make: Callable[..., Aligner], clean: Recording):
    alignment = make("chroma-dtw", **given).align(clean.score, clean.audio)
    assert alignment.confidences is not None
    assert alignment.confidences.mean() > 0.5


def with_lead_in(audio: Audio) -> Audio:
    """Return the rendering as `DTWAligner` analyses it."""
    return Audio(np.pad(audio.samples, (round(LEAD_IN_S * audio.sample_rate), 0)), audio.sample_rate)


@pytest.mark.parametrize(("name", "changes"), [("chroma-dtw", {}), ("flux-dtw", {"onset_gain": 1.0})])
def test_what_the_record_learns(
    name: str, changes: dict[str, Any], make: Callable[..., Aligner], scale: Score
):
    aligner = make(name, synthesiser="midirenderer", tie_rule="audio", **changes)
    info = aligner.align(scale, with_lead_in(render(scale, synthesiser="midirenderer"))).info
    assert info["rendering"] == describe(synthesiser="midirenderer")
    assert (info["dtw"], info["tie_rule"]) == ("exact", "audio")
    assert info["path_cost"] == pytest.approx(0.0, abs=1e-3)  # FluidSynth's rendering differs by 0.4 and more
    json.dumps(info, allow_nan=False)
    expected = {
        "decoder": "exact",
        "radius": 1,
        "tie_rule": "audio",
        "synthesiser": "midirenderer",
        "structure": "plain",
    }
    assert parameters(aligner) == {**expected, **changes}


@pytest.mark.parametrize("name", ["chroma-dtw", "siamese-cqt-distance", "siamese-cqt-binary"])
def test_fastdtw_decodes(name: str, make: Callable[..., Aligner], clean: Recording):
    """A wide band finds what the exact decoder finds; the path of the narrow one costs no less."""
    exact, narrow, wide = (
        make(name, **given).align(clean.score, clean.audio)
        for given in ({}, {"decoder": "fastdtw"}, {"decoder": "fastdtw", "radius": 15})
    )
    assert [a.info["dtw"] for a in (exact, narrow, wide)] == ["exact", "fastdtw", "fastdtw"]
    assert narrow.info["tie_rule"] == "score"
    assert narrow.info["path_cost"] >= exact.info["path_cost"] - 1e-6
    assert wide.info["path_cost"] <= 1.02 * exact.info["path_cost"] + 1.0
    if not name.endswith("binary"):
        onsets = clean.score.onsets
        assert np.median(np.abs(wide.at(onsets) - exact.at(onsets))) < 0.02


def test_the_radius_reaches_the_decoder(make: Callable[..., Aligner], scale: Score, noise_burst: Audio):
    """Where there is no alignment to be found, a narrow band misses the cheapest path."""
    narrow, wide = (
        make("chroma-dtw", decoder="fastdtw", radius=radius).align(scale, noise_burst) for radius in (1, 15)
    )
    assert narrow.info["path_cost"] > wide.info["path_cost"] + 0.1


def test_the_tie_rule_reaches_the_decoder(make: Callable[..., Aligner], clean: Recording):
    """On a binary matrix it decides."""
    a, b = (
        make("siamese-cqt-binary", tie_rule=rule).align(clean.score, clean.audio)
        for rule in ("score", "audio")
    )
    assert a.info["path_cost"] == b.info["path_cost"]
    assert not np.allclose(a.at(clean.score.onsets), b.at(clean.score.onsets))


@pytest.mark.parametrize(
    "name", ["chroma-dtw", "spectral-dtw", "flux-dtw", "siamese-stft-distance", "siamese-robust"]
)
@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"decoder": "exakt"},
            r"decoder must be one of exact, fastdtw, got 'exakt'\. Did you mean 'exact'",
        ),
        (
            {"tie_rule": "skore"},
            r"tie_rule must be one of audio, diagonal, score, got 'skore'\. Did you",
        ),
        ({"synthesiser": "timidity"}, r"synthesiser must be one of auto, fluidsynth, midirenderer, got"),
        ({"radius": 0}, r"radius must be >= 1 frame, got 0 \(.*\)"),
    ],
)
def test_a_parameter_that_does_not_fit_is_refused_at_once(
    name: str, given: dict[str, Any], message: str, make: Callable[..., Aligner]
):
    with pytest.raises(UsageError, match=message):
        make(name, **given)


class Counting(SpectralDTW):
    """Counts how many sounds are analysed."""

    def __init__(self) -> None:
        super().__init__()
        self.n = 0

    def features(self, audio: Audio) -> Any:
        self.n += 1
        return super().features(audio)


def test_a_score_is_analysed_once_for_its_recordings(clean: Recording, scale: Score):
    aligner, fresh = Counting(), SpectralDTW()
    first = aligner.align(clean.score, clean.audio)
    again = aligner.align(clean.load_score(), clean.audio)
    assert aligner.n == 3
    np.testing.assert_array_equal(first.audio_times, again.audio_times)
    other = aligner.align(scale, render(scale))  # another score is another score
    np.testing.assert_array_equal(other.audio_times, fresh.align(scale, render(scale)).audio_times)
    assert aligner.n == 5


def test_features_of_the_baselines(noise_burst: Audio):
    assert ChromaDTW().features(noise_burst).values.shape[0] == 12
    assert SpectralDTW().features(noise_burst).values.shape[0] == 84
    plain, doubled = (SpectralFluxDTW(onset_gain=gain).features(noise_burst).values for gain in (3.0, 6.0))
    assert plain.shape[0] == 192
    np.testing.assert_array_equal(doubled[:96], plain[:96])
    np.testing.assert_allclose(doubled[96:], 2 * plain[96:], rtol=1e-6)


def sounding(begin: float, end: float, total: float, rate: int = RATE, soft: float = 0.0) -> Audio:
    """Return a tone between two times, and a soft one around it."""
    t = np.arange(round(total * rate)) / rate
    return Audio(np.sin(2 * np.pi * 440 * t) * np.where((t >= begin) & (t < end), 1.0, soft), rate)


@pytest.mark.parametrize("rate", [8000, 22050, 44100])
def test_linear_by_hand(rate: int):
    """Score 0.5 to 4.5 s on sound 1 to 3 s: twice as fast, 0.75 s later."""
    score = Score([0.5, 2.5, 4.0], [1.0, 3.0, 4.5], [60, 62, 64], [80, 80, 80])
    alignment = Linear().align(score, sounding(1.0, 3.0, 4.0, rate))
    np.testing.assert_allclose(alignment.at([0.5, 2.5, 4.0, 4.5]), [1.0, 2.0, 2.75, 3.0], atol=0.02)


def test_linear_hears_only_what_is_loud_enough(scale: Score):
    audio = sounding(1.0, 3.0, 4.0, soft=0.003)  # 50 dB below
    assert Linear().align(scale, audio).at([0.0])[0] == pytest.approx(1.0, abs=0.02)
    assert Linear(threshold_db=60.0).align(scale, audio).at([0.0])[0] == 0.0


def test_linear_stays_inside_a_recording_of_a_few_samples():
    note = Score([0.0], [0.0], [60], [80])
    audio = Audio(np.ones(10), RATE)
    alignment = Linear().align(note, audio)
    assert alignment.audio_times[0] == 0.0
    assert alignment.audio_times[-1] <= audio.duration


@pytest.mark.parametrize("threshold_db", [-1.0, float("nan")])
def test_linear_refuses_a_threshold_above_the_loudest(threshold_db: float):
    with pytest.raises(UsageError, match=rf"threshold_db must be >= 0 dB, got {threshold_db} \(linear\)"):
        Linear(threshold_db=threshold_db)


@pytest.mark.parametrize("name", DTW)
def test_a_recording_shorter_than_a_frame_is_aligned(name: str, make: Callable[..., Aligner], scale: Score):
    audio = Audio(np.random.default_rng(0).normal(size=200), RATE)
    check_alignment(make(name).align(scale, audio), scale, audio.duration)


@pytest.mark.parametrize("name", ["chroma-dtw", "siamese-cqt-distance", "siamese-cqt-binary"])
def test_noise_is_aligned_somehow(name: str, make: Callable[..., Aligner], scale: Score, noise_burst: Audio):
    check_alignment(make(name).align(scale, noise_burst), scale, noise_burst.duration)


def test_an_aligner_is_the_same_from_a_file_elsewhere(
    make: Callable[..., Aligner], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scale: Score
):
    """The shipped checkpoints are found from any working directory."""
    here = make("siamese-cqt-distance").align(scale, render(scale)).audio_times
    monkeypatch.chdir(tmp_path)
    np.testing.assert_array_equal(make("siamese-cqt-distance").align(scale, render(scale)).audio_times, here)


@pytest.mark.parametrize("name", ["siamese-cqt-distance", "spectral-dtw", "flux-dtw"])
def test_silence_before_the_music_does_not_hold_the_first_onset(
    name: str, make: Callable[..., Aligner], scale: Score
):
    played = render(scale, program=1)
    silent_s = 1.5  # the score begins with its first note at 0 s
    audio = Audio(np.pad(played.samples, (round(silent_s * played.sample_rate), 0)), played.sample_rate)
    estimated = make(name).align(scale, audio).at(scale.onsets)
    np.testing.assert_allclose(estimated, scale.onsets + silent_s, atol=0.05)
