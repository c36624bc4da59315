"""The contract check: what every plugin must do, shown on small rendered recordings.

The aligner runs in a process of its own, so that one that hangs or crashes is reported like any other. It
gets a score and a recording and nothing else: that no aligner sees the truth is how the harness is built,
and needs no check.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from align_bench.aligners.process import AlignerProcess
from align_bench.aligners.session import Outcome, Plan
from align_bench.errors import AlignerError
from align_bench.types import Alignment, Audio, FloatArray, Score

_STRETCH, _DELAY_S = 1.1, 0.3  # the recordings: slower than the score, and later
_SILENCE_S = 2.0
_C_MAJOR = [60, 62, 64, 65, 67, 69, 71, 72, 74, 76, 77, 79, 81, 83, 84]
_RATE, _OTHER_RATE = 22050, 16000
_SPAN = (0.7, 1.4)  # of the true time from first to last onset; even a straight line is well inside
_AGREEMENT_S = 0.25


@dataclass(frozen=True)
class Check:
    """One point of the contract.

    Attributes
    ----------
    name : str
    passed : bool
    reason : str
        What was wrong; empty if nothing was.
    """

    name: str
    passed: bool
    reason: str = ""


@dataclass
class ContractReport:
    """Every point of the contract that could be checked.

    Attributes
    ----------
    aligner : str
    checks : list of Check
    """

    aligner: str
    checks: list[Check] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Whether the aligner keeps the whole contract."""
        return all(check.passed for check in self.checks)

    def add(self, name: str, reason: str = "") -> None:
        """Note one point, passed if there is no reason against it."""
        self.checks.append(Check(name, not reason, reason))


def check_aligner(
    spec: str, parameters: Mapping[str, Any] | None = None, *, timeout: float = 120.0
) -> ContractReport:
    """Check that an aligner keeps the contract; it ends at once if it cannot be loaded or align a scale.

    These are the points:

    * ``loads``: it can be imported and made; its constructor takes keyword parameters with JSON-able
      defaults and stores each under its own name;
    * ``aligns-a-scale``, ``aligns-one-note``, ``aligns-silence-at-the-ends``, ``aligns-another-sample-rate``:
      it returns an `Alignment` in seconds, finite, monotone, and inside the recording;
    * ``covers-the-recording``: the notes of the scale are spread over the recording as they should be;
    * ``heeds-the-sample-rate``: a resampled recording gives nearly the same times;
    * ``is-deterministic``: the same input gives the same output;
    * ``leaves-its-input-alone``: score and audio are as before.

    Parameters
    ----------
    spec : str
        As for `align_bench.aligners.registry.load_aligner`: a class or a command.
    parameters : mapping, optional
        Constructor parameters that differ from their defaults.
    timeout : float, optional
        Seconds for loading and for each alignment.

    Returns
    -------
    ContractReport

    Raises
    ------
    UsageError
        If there is no such aligner or parameter.
    """
    report = ContractReport(spec)
    with AlignerProcess(timeout=timeout) as process:
        try:
            process.load(Plan(spec, dict(parameters or {})))
        except AlignerError as error:
            report.add("loads", str(error))
            return report
        report.add("loads")
        _check_alignments(process, report)
    return report


def _check_alignments(process: AlignerProcess, report: ContractReport) -> None:
    scale, note = _score(_C_MAJOR), _score([60])
    recording = _perform(scale)
    silence = np.zeros(round(_SILENCE_S * _RATE), dtype=np.float32)
    framed = Audio(np.concatenate([silence, recording.samples, silence]), _RATE, name="scale in silence")

    def align(name: str, score: Score, audio: Audio) -> Alignment | None:
        outcome = process.align(partial(_keep, name, score), partial(_keep, f"{name} audio", audio))
        report.add(name, outcome.reason)
        return outcome.alignment

    plain = align("aligns-a-scale", scale, recording)
    if plain is None:
        return  # what cannot do this will not do the rest, and one that hangs would hang each time
    align("aligns-one-note", note, _perform(note))
    align("aligns-silence-at-the-ends", scale, framed)
    resampled = align("aligns-another-sample-rate", scale, recording.resampled(_OTHER_RATE))
    report.add("covers-the-recording", _coverage(plain.at(scale.onsets), scale.onsets))
    if resampled is not None:
        report.add("heeds-the-sample-rate", _agreement(plain.at(scale.onsets), resampled.at(scale.onsets)))
    again = process.align(partial(_keep, "again", scale), partial(_keep, "again audio", recording))
    report.add("is-deterministic", _sameness(plain, again))
    kept = process.align(
        partial(_unchanged, "again", scale.digest), partial(_unchanged, "again audio", recording.digest)
    )
    report.add("leaves-its-input-alone", kept.reason)


def _score(pitches: list[int]) -> Score:
    starts = np.arange(len(pitches), dtype=np.float64) * 0.5
    return Score(starts, starts + 0.45, np.array(pitches), np.full(len(pitches), 80), name="contract check")


def _perform(score: Score) -> Audio:
    """Render a score slower and later than it is written."""
    from align_bench.synthesis import render

    starts: FloatArray = score.starts * _STRETCH + _DELAY_S
    ends: FloatArray = score.ends * _STRETCH + _DELAY_S
    return render(Score(starts, ends, score.pitches, score.velocities, name=score.name), sample_rate=_RATE)


def _coverage(estimated: FloatArray, onsets: FloatArray) -> str:
    ratio = float((estimated[-1] - estimated[0]) / (_STRETCH * (onsets[-1] - onsets[0])))
    if _SPAN[0] <= ratio <= _SPAN[1]:
        return ""
    return (
        f"time from first to last note must be {_SPAN[0]} to {_SPAN[1]} of the true one, got {ratio:.2f}. "
        f"Is every time in seconds, and is the whole recording used?"
    )


def _agreement(first: FloatArray, second: FloatArray) -> str:
    difference = float(np.median(np.abs(first - second)))
    if difference <= _AGREEMENT_S:
        return ""
    return (
        f"onsets must agree within {_AGREEMENT_S} s at {_RATE} and {_OTHER_RATE} Hz, got a median difference "
        f"of {difference:.2f} s. Use audio.sample_rate or audio.resampled."
    )


def _sameness(first: Alignment, again: Outcome) -> str:
    second = again.alignment
    if second is None:
        return again.reason
    if np.array_equal(first.score_times, second.score_times) and np.array_equal(
        first.audio_times, second.audio_times
    ):
        return ""
    return "two alignments of one recording must be equal, got two that differ. Seed every random generator."


# What the aligner was given, kept in its own process to be looked at again.
_kept: dict[str, Any] = {}


def _keep(key: str, thing: Any) -> Any:
    _kept[key] = thing
    return thing


def _unchanged(key: str, digest: str) -> Any:
    thing = _kept[key]
    again: Callable[[Any], str] = type(thing).digest.func  # past the value that is cached in it
    if again(thing) != digest:
        raise AlignerError(
            f"align must not change its input, but {type(thing).__name__} differs. Copy first."
        )
    return thing
