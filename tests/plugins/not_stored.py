class NotStored:
    def __init__(self, radius=1):
        self._radius = radius

    def align(self, score, audio):
        raise NotImplementedError
