import os


class Quits:
    def align(self, score, audio):
        os._exit(0)
