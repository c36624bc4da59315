import sys

sys.exit("run me from MATLAB")


class ExitsOnImport:
    def align(self, score, audio):
        raise NotImplementedError
