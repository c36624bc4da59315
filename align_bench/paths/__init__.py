"""Cost or embeddings -> path -> time map: exact DTW, also with jumps, multi-scale DTW, ``fastdtw``.

Conventions
-----------
- Score frames are rows, audio frames are columns; a path is ``(n_steps, 2)``, column 0 score, column 1
  audio, from start to end, through both corners of the matrix.
- Steps are diagonal (1, 1), score (1, 0) and audio (0, 1). The cost of a path is the cost of its first cell
  plus, for every later cell, its cost times the weight of the step that leads to it.
- Where several predecessors cost the same, the tie rule decides. On a binary matrix it decides most steps.
"""

from __future__ import annotations

from align_bench.paths.exact import dtw, dtw_matrix
from align_bench.paths.fast import fast_dtw
from align_bench.paths.jumps import jump_dtw
from align_bench.paths.multiscale import multiscale_dtw
from align_bench.paths.path import Path, TieRule
from align_bench.paths.timing import path_to_alignment

__all__ = [
    "Path",
    "TieRule",
    "dtw",
    "dtw_matrix",
    "fast_dtw",
    "jump_dtw",
    "multiscale_dtw",
    "path_to_alignment",
]
