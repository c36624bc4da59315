import os

from align_bench.types import Alignment


class Forks:
    """Two processes return from one call."""

    def align(self, score, audio):
        os.fork()
        return Alignment([0.0, score.duration], [0.0, audio.duration])
