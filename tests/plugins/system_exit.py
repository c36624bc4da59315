import sys


class SystemExits:
    def align(self, score, audio):
        sys.exit(3)
