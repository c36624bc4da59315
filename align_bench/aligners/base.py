"""The one-method interface that every aligner has, and what the harness holds an alignment to."""

from __future__ import annotations

import inspect
from typing import Any, Protocol, runtime_checkable

from align_bench.errors import AlignerError
from align_bench.types import Alignment, Audio, Score

# How far a map may reach beyond the ends: padding and the tail of a rendering, not another unit.
_AUDIO_MARGIN_S = 1.0
_SCORE_MARGIN_S = 10.0


@runtime_checkable
class Aligner(Protocol):
    """Says when each moment of a score sounds in a recording.

    The constructor takes only JSON-able keyword parameters with defaults and stores each under its own
    name: the constructor *is* the configuration, and the record quotes it (`parameters`). Optional
    attributes are ``trained_on`` (list of str: recording ids that it has learnt from, for the leakage
    guard), ``checkpoint_sha256`` (str), ``name`` (str, kebab-case), and ``code_sha256`` (str), if what does
    the work is not its Python package.
    """

    def align(self, score: Score, audio: Audio) -> Alignment:
        """Align a score with a recording.

        Parameters
        ----------
        score : Score
        audio : Audio

        Returns
        -------
        Alignment
            A monotone time map from score time to recording time.
        """
        ...


def signature(aligner: type) -> dict[str, Any]:
    """Return the constructor parameters of an aligner class with their defaults.

    Raises
    ------
    AlignerError
        If one has no default, or is positional-only, ``*args`` or ``**kwargs``.
    """
    defaults: dict[str, Any] = {}
    for parameter in inspect.signature(aligner).parameters.values():
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise AlignerError(
                f"constructor of {aligner.__name__} must take keyword parameters only, got {parameter}. "
                f"Name every parameter."
            )
        if parameter.default is parameter.empty:
            raise AlignerError(
                f"parameter {parameter.name} of {aligner.__name__} must have a default, got none. "
                f"An aligner must work as it is."
            )
        defaults[parameter.name] = parameter.default
    return defaults


def parameters(aligner: Aligner) -> dict[str, Any]:
    """Return the constructor parameters of an aligner with their present values.

    Raises
    ------
    AlignerError
        If the constructor does not store one under its own name.
    """
    names = signature(type(aligner))
    missing = [name for name in names if not hasattr(aligner, name)]
    if missing:
        raise AlignerError(
            f"constructor of {type(aligner).__name__} must store its parameter {missing[0]} under that name, "
            f"got no such attribute. Add self.{missing[0]} = {missing[0]}."
        )
    return {name: getattr(aligner, name) for name in names}


def check_alignment(alignment: object, score: Score, audio_seconds: float) -> Alignment:
    """Return what an aligner returned, if it can be a time map of this score and recording.

    Parameters
    ----------
    alignment : object
    score : Score
    audio_seconds : float
        Length of the recording.

    Raises
    ------
    AlignerError
        If it is no `Alignment`, or lies outside the score or the recording: milliseconds or frames.
    """
    if not isinstance(alignment, Alignment):
        raise AlignerError(
            f"align must return an Alignment, got {type(alignment).__name__}. "
            f"Wrap the times: Alignment(score_times, audio_times)."
        )
    for what, times, end, margin in (
        ("audio_times", alignment.audio_times, audio_seconds, _AUDIO_MARGIN_S),
        ("score_times", alignment.score_times, score.duration, _SCORE_MARGIN_S),
    ):
        if times[0] < -margin or times[-1] > end + margin:
            raise AlignerError(
                f"{what} must be seconds within 0 and {end:.3f}, got {times[0]:.3f} to {times[-1]:.3f}. "
                f"Are they milliseconds or frames?"
            )
    return alignment
