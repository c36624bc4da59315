"""What all our DTW aligners share: score -> rendering -> features -> path -> time map."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from align_bench.cache import cached_arrays
from align_bench.errors import UsageError, unknown_name
from align_bench.features import REVISION, Features
from align_bench.paths import Path, TieRule, dtw, fast_dtw, path_to_alignment
from align_bench.paths.confidence import with_confidences
from align_bench.paths.exact import TIE_RULES
from align_bench.similarity import Metric
from align_bench.synthesis import SYNTHESISERS, describe, render
from align_bench.types import Alignment, Audio, Score

from .structure import STRUCTURES, align_with_jumps

DECODERS = ("exact", "fastdtw")
LEAD_IN_S = 0.5
"""Silence before the rendered score. Where a score begins with a note and the recording with silence, the
path would otherwise pass the first note at once and then wait."""


class DTWAligner(ABC):
    """Align by dynamic time warping between a recording and the rendered score.

    A subclass says what a frame is (`features`) and how far two frames are apart (``metric``).

    Parameters
    ----------
    decoder : {"exact", "fastdtw"}, optional
        ``"fastdtw"`` is the approximation of the package of that name, on the cost matrix.
    radius : int, optional
        Of fastdtw; the exact decoder has none.
    tie_rule : {"diagonal", "score", "audio"}, optional
        Which predecessor wins on equal cost in the exact decoder; fastdtw has a rule of its own.
    synthesiser : {"auto", "fluidsynth", "midirenderer"}, optional
        What renders the score.
    structure : {"plain", "jumps"}, optional
        ``"jumps"`` follows a performer who leaves out or adds a repeat; `align_bench.structure` says where
        that may be. ``info["structure"]`` and ``info["passes"]`` then tell what was played.
    """

    name: ClassVar[str]
    metric: ClassVar[Metric] = "cosine"
    threshold: float | None = None  # of a binary cost; a subclass may have one

    def __init__(
        self,
        decoder: str = "exact",
        radius: int = 1,
        tie_rule: TieRule = "diagonal",
        synthesiser: str = "auto",
        structure: str = "plain",
    ) -> None:
        for kind, value, known in (
            ("decoder", decoder, DECODERS),
            ("tie_rule", tie_rule, TIE_RULES),
            ("synthesiser", synthesiser, SYNTHESISERS),
            ("structure", structure, STRUCTURES),
        ):
            if value not in known:
                raise unknown_name(kind, value, known)
        if radius < 1:
            raise UsageError(f"radius must be >= 1 frame, got {radius} ({self.name}).")
        if structure == "jumps" and (decoder, tie_rule) != ("exact", "diagonal"):
            raise UsageError(
                f"structure must be 'plain' with decoder={decoder!r} and tie_rule={tie_rule!r}, got 'jumps' "
                f"({self.name}). Only exact DTW with ties to the diagonal jumps."
            )
        self.decoder = decoder
        self.radius = radius
        self.tie_rule = tie_rule
        self.synthesiser = synthesiser
        self.structure = structure
        self._last_score: tuple[str, Features] | None = None

    @abstractmethod
    def features(self, audio: Audio) -> Features:
        """Return what is compared: a vector a frame, of a recording or of a rendered score."""

    def compared(self, features: Features) -> Features:
        """Return what of the features the path is found by; a subclass may use the rest otherwise."""
        return features

    def feature_key(self) -> dict[str, Any] | None:
        """Return what `features` depend on beside the audio, JSON-able; None: they are not kept on disk.

        A subclass with other features has a key of its own or none.
        """
        return None

    def __init_subclass__(cls, **given: Any) -> None:
        super().__init_subclass__(**given)
        if "features" in vars(cls) and "feature_key" not in vars(cls):
            cls.feature_key = DTWAligner.feature_key  # type: ignore[method-assign]

    def align(self, score: Score, audio: Audio) -> Alignment:
        """Align a score with a recording; see `align_bench.aligners.base.Aligner`."""
        return self._aligned(score, self.features(audio))

    def _aligned(self, score: Score, y: Features) -> Alignment:
        """Align a score with a recording whose features are ``y``."""
        x = self._score_features(score)
        facts: dict[str, Any] = {"rendering": describe(synthesiser=self.synthesiser)}
        if self.structure == "jumps":
            sides = self.compared(x), self.compared(y)
            found = align_with_jumps(score, *sides, LEAD_IN_S, self.metric, self.threshold)
            if isinstance(found, Alignment):
                return self._with_confidences(replace(found, info={**facts, **found.info}), x, y)
            facts |= found
        return self._with_confidences(self._time_map(score, x, y, facts), x, y)

    def _with_confidences(self, alignment: Alignment, x: Features, y: Features) -> Alignment:
        """Return the alignment with its confidences; if it tells none, the cost of other paths does."""
        if alignment.confidences is not None:
            return alignment
        sides = self.compared(x), self.compared(y)
        return with_confidences(
            alignment, *sides, metric=self.metric, threshold=self.threshold, lead_in_s=LEAD_IN_S
        )

    def _time_map(self, score: Score, x: Features, y: Features, info: dict[str, Any]) -> Alignment:
        """Return the alignment; the rendering, whose features ``x`` are, begins before the score."""
        path = self._path(self.compared(x), self.compared(y))
        return before_lead_in(path_to_alignment(path, x.frame_rate, y.frame_rate, info))

    def _path(self, x: Features, y: Features) -> Path:
        if self.decoder == "fastdtw":
            return fast_dtw(
                x.values, y.values, radius=self.radius, metric=self.metric, threshold=self.threshold
            )
        return dtw(x.values, y.values, metric=self.metric, threshold=self.threshold, tie_rule=self.tie_rule)

    def _score_features(self, score: Score) -> Features:
        """Render and analyse a score, once for all the recordings of it, also in other processes.

        What is made of a recording is not kept: it is needed once a run, and were it read from disk, the
        seconds in the record would say what ran before and not how fast the aligner is.
        """
        if self._last_score is None or self._last_score[0] != score.digest:
            self._last_score = (score.digest, self._from_disk(score))
        return self._last_score[1]

    def _from_disk(self, score: Score) -> Features:
        def compute() -> list[NDArray[Any]]:
            audio = render(score, synthesiser=self.synthesiser)
            samples = np.pad(audio.samples, (round(LEAD_IN_S * audio.sample_rate), 0))
            features = self.features(Audio(samples, audio.sample_rate, audio.name))
            return [features.values, np.array(features.frame_rate)]

        key = self.feature_key()
        if key is None:
            values, frame_rate = compute()
        else:
            rendering = describe(synthesiser=self.synthesiser)
            key |= {"revision": REVISION, "score": score.digest, "rendering": rendering, "lead_in": LEAD_IN_S}
            values, frame_rate = cached_arrays("score features", key, compute)
        return Features(values, float(frame_rate))


def before_lead_in(alignment: Alignment) -> Alignment:
    """Return the alignment of a score, given that of its rendering, which begins with silence."""
    return Alignment(alignment.score_times - LEAD_IN_S, alignment.audio_times, alignment.info)
