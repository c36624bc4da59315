import numpy as np


class EatsMemory:
    def align(self, score, audio):
        eaten = []
        while True:
            eaten.append(np.ones(2**22))
