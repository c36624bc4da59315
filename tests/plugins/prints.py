import os
import sys

from align_bench.types import Alignment


class Prints:
    def align(self, score, audio):
        print("to standard output")
        print("to standard error", file=sys.stderr)
        for _ in range(40):
            os.write(1, b"x" * 2**20)
        assert sys.stdin.read() == ""
        return Alignment([0.0, score.duration], [0.0, audio.duration])
