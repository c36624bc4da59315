from align_bench.types import Alignment


class ScoreFrames:
    def align(self, score, audio):
        return Alignment([0.0, 50 * score.duration], [0.0, audio.duration])
