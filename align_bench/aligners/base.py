"""The one-method interface that every aligner has."""

from __future__ import annotations

import inspect
from typing import Any, Protocol, runtime_checkable

from align_bench.types import Alignment, Audio, Score


@runtime_checkable
class Aligner(Protocol):
    """Says when each moment of a score sounds in a recording.

    The constructor takes only JSON-able keyword parameters with defaults and stores each under its own
    name: the constructor *is* the configuration, and the record quotes it (`parameters`). Optional
    attributes are ``trained_on`` (list of str: recording ids that it has learnt from, for the leakage
    guard) and ``checkpoint_sha256`` (str).
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


def parameters(aligner: Aligner) -> dict[str, Any]:
    """Return the constructor parameters of an aligner with their present values."""
    names = [p.name for p in inspect.signature(type(aligner)).parameters.values()
             if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    return {name: getattr(aligner, name) for name in names}
