"""A whole plugin: the score is stretched evenly over the recording."""

from align_bench.types import Alignment, Audio, Score


class Straight:
    """Stretch the score evenly over the recording."""

    def __init__(self, *, delay_s: float = 0.0, mode: str = "even") -> None:
        self.delay_s = delay_s
        self.mode = mode

    def align(self, score: Score, audio: Audio) -> Alignment:
        return Alignment([0.0, score.duration], [self.delay_s, audio.duration], {"mode": self.mode})
