"""What all our DTW aligners share: score -> rendering -> features -> path -> time map."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from align_bench.errors import UsageError, unknown_name
from align_bench.features import Features
from align_bench.paths import Path, TieRule, dtw, fast_dtw, path_to_alignment
from align_bench.paths.exact import TIE_RULES
from align_bench.similarity import Metric
from align_bench.synthesis import SYNTHESISERS, describe, render
from align_bench.types import Alignment, Audio, Score

DECODERS = ("exact", "fastdtw")


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
    ) -> None:
        for kind, value, known in (
            ("decoder", decoder, DECODERS),
            ("tie_rule", tie_rule, TIE_RULES),
            ("synthesiser", synthesiser, SYNTHESISERS),
        ):
            if value not in known:
                raise unknown_name(kind, value, known)
        if radius < 1:
            raise UsageError(f"radius must be >= 1 frame, got {radius} ({self.name}).")
        self.decoder = decoder
        self.radius = radius
        self.tie_rule = tie_rule
        self.synthesiser = synthesiser
        self._last_score: tuple[str, Features] | None = None

    @abstractmethod
    def features(self, audio: Audio) -> Features:
        """Return what is compared: a vector a frame, of a recording or of a rendered score."""

    def align(self, score: Score, audio: Audio) -> Alignment:
        """Align a score with a recording; see `align_bench.aligners.base.Aligner`."""
        x, y = self._score_features(score), self.features(audio)
        rendering = describe(synthesiser=self.synthesiser)
        return path_to_alignment(self._path(x, y), x.frame_rate, y.frame_rate, {"rendering": rendering})

    def _path(self, x: Features, y: Features) -> Path:
        if self.decoder == "fastdtw":
            return fast_dtw(
                x.values, y.values, radius=self.radius, metric=self.metric, threshold=self.threshold
            )
        return dtw(x.values, y.values, metric=self.metric, threshold=self.threshold, tie_rule=self.tie_rule)

    def _score_features(self, score: Score) -> Features:
        """Render and analyse a score, once for all the recordings of it that come in a row."""
        if self._last_score is None or self._last_score[0] != score.digest:
            self._last_score = (score.digest, self.features(render(score, synthesiser=self.synthesiser)))
        return self._last_score[1]
