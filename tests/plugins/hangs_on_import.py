import time

time.sleep(3600)


class HangsOnImport:
    def align(self, score, audio):
        raise NotImplementedError
