from align_bench.types import Alignment


class WrongLength:
    def align(self, score, audio):
        return Alignment(score.onsets, score.onsets[:-1])
