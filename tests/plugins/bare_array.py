class BareArray:
    def align(self, score, audio):
        return score.onsets
