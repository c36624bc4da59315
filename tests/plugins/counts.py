import os
import time
from pathlib import Path

from align_bench.types import Alignment


class Counts:
    """Writes down every recording that it is asked for, and in which process."""

    def __init__(self, diary: str = "", seconds: float = 0.0) -> None:
        self.diary = diary
        self.seconds = seconds

    def align(self, score, audio):
        time.sleep(self.seconds)
        with Path(self.diary).open("a") as file:
            file.write(f"{audio.name} {os.getpid()} {os.environ.get('OMP_NUM_THREADS')}\n")
        return Alignment([0.0, score.duration], [0.0, audio.duration])
