"""Recordings without ground truth as material: the aligner's own confident onsets stand in for it.

References
----------
Lee, "Pseudo-label: the simple and efficient semi-supervised learning method for deep neural networks", ICML
workshop on challenges in representation learning, 2013.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from align_bench.datasets.folder import AUDIO_FILES, SCORE_FILES
from align_bench.errors import DatasetError
from align_bench.scores import load_score
from align_bench.types import Audio, Recording, Reference

from .robust import SiameseRobust

CONFIDENT = 0.95
FEWEST_ONSETS = 20


def unlabelled(folder: Path) -> list[Recording]:
    """Return the recordings of a folder that have no ground truth: reading it is an error.

    Parameters
    ----------
    folder : pathlib.Path
        A sub-directory a recording, each with ``audio.*`` and ``score.*`` as in a folder dataset.
    """
    found = []
    for directory in sorted(d for d in folder.iterdir() if d.is_dir()) if folder.is_dir() else ():
        score, audio = (
            next((directory / name for name in names if (directory / name).is_file()), None)
            for names in (SCORE_FILES, AUDIO_FILES)
        )
        if score is not None and audio is not None:
            name = directory.name
            found.append(
                Recording(name, name, partial(load_score, score), partial(Audio.load, audio), _no_truth)
            )
    return found


def self_labelled(recordings: Sequence[Recording], checkpoint: Path) -> list[Recording]:
    """Align recordings and take the onsets that the aligner is sure of for their truth.

    Parameters
    ----------
    recordings : sequence of Recording
        Their references are not read.
    checkpoint : pathlib.Path
        Of any network; it is used as ``siamese-robust`` uses its own.

    Returns
    -------
    list of Recording
        Those in which at least `FEWEST_ONSETS` onsets have a confidence of `CONFIDENT`.

    Raises
    ------
    DatasetError
        If there are none.
    """
    aligner = SiameseRobust(checkpoint=str(checkpoint))
    found = []
    for recording in recordings:
        alignment = aligner.align(recording.score, recording.audio)
        onsets = recording.score.onsets
        confidences = alignment.confidence_at(onsets)
        assert confidences is not None  # a DTWAligner always tells
        sure = confidences >= CONFIDENT
        if sure.sum() >= FEWEST_ONSETS and not alignment.info.get("mismatch", True):
            reference = Reference(onsets[sure], alignment.at(onsets[sure]))
            found.append(replace(recording, load_reference=partial(_same, reference)))
    if not found:
        raise DatasetError(
            "recordings without truth must have audio.* and score.* and be aligned with confidence, got none."
        )
    return found


def _no_truth() -> Reference:
    raise DatasetError("recordings must have a ground truth, got one without.")


def _same(reference: Reference) -> Reference:
    return reference
