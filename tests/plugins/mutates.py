import ctypes

import numpy as np

from align_bench.types import Alignment


class Mutates:
    """Writes through a pointer, as compiled code and torch.from_numpy do."""

    def align(self, score, audio):
        pointer = audio.samples.ctypes.data_as(ctypes.POINTER(ctypes.c_float))
        np.ctypeslib.as_array(pointer, audio.samples.shape)[:100] += 0.25
        return Alignment([0.0, score.duration], [0.0, audio.duration])
