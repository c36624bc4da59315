"""One recording, one score: the whole of align-bench for who only wants to know when the notes sound."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from align_bench.aligners.base import Aligner, check_alignment
from align_bench.aligners.registry import load_aligner
from align_bench.errors import AlignBenchError, AlignerError, UsageError
from align_bench.types import Alignment, Audio, Score


def align(
    score: Score | str | Path,
    audio: Audio | str | Path,
    aligner: str | Aligner = "siamese-robust",
    **parameters: Any,
) -> Alignment:
    """Align a recording with its score.

    Parameters
    ----------
    score : Score or path
        MIDI, MusicXML or kern.
    audio : Audio or path
        WAV, FLAC, OGG or MP3.
    aligner : str or Aligner, optional
        A name, ``module:Class``, ``file.py:Class``, ``cmd: ...``, or an object.
    **parameters
        Of the aligner's constructor, if it is given by name.

    Returns
    -------
    Alignment
        ``alignment.at(score.onsets)`` are the onset times in the recording, in seconds.

    Raises
    ------
    InvalidInputError
        If the score or the audio cannot be read.
    UsageError
        If there is no such aligner or parameter.
    AlignerError
        If the aligner cannot be loaded, or fails.

    Examples
    --------
    >>> alignment = align_bench.align("prelude.mid", "prelude.flac")  # doctest: +SKIP
    >>> alignment.at([0.0, 1.5])  # doctest: +SKIP
    """
    if isinstance(aligner, str):
        chosen, name = load_aligner(aligner, parameters), aligner
    elif parameters:
        raise UsageError(f"parameters must go with an aligner's name, got an object and {parameters}.")
    else:
        chosen, name = aligner, type(aligner).__name__
    if not isinstance(score, Score):
        from align_bench.scores import load_score

        score = load_score(score)
    if not isinstance(audio, Audio):
        audio = Audio.load(audio)
    try:
        alignment: object = chosen.align(score, audio)
    except AlignBenchError:
        raise
    except (Exception, SystemExit) as error:
        raise AlignerError(
            f"aligner {name} must align the recording, got {type(error).__name__}: {error}."
        ) from error
    return check_alignment(alignment, score, audio.duration)
