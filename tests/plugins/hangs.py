import time


class Hangs:
    def align(self, score, audio):
        time.sleep(3600)
