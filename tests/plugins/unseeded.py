import random

from align_bench.types import Alignment


class Unseeded:
    def align(self, score, audio):
        return Alignment([0.0, score.duration], [random.random() / 10, audio.duration])
