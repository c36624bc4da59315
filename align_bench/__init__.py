"""align-bench: the benchmark for audio-to-score alignment.

Names are imported on first use, so that importing the package costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from align_bench.aligners.base import Aligner
    from align_bench.aligners.contract import check_aligner
    from align_bench.aligners.registry import list_aligners, load_aligner
    from align_bench.api import align
    from align_bench.datasets import list_datasets
    from align_bench.datasets import load as load_dataset
    from align_bench.errors import AlignBenchError
    from align_bench.metrics import evaluate
    from align_bench.results import Record, load_record
    from align_bench.runner import run
    from align_bench.scores import load_score
    from align_bench.synthesis import render
    from align_bench.types import Alignment, Audio, Recording, Reference, Score

__all__ = [
    "AlignBenchError",
    "Aligner",
    "Alignment",
    "Audio",
    "Record",
    "Recording",
    "Reference",
    "Score",
    "__version__",
    "align",
    "check_aligner",
    "evaluate",
    "list_aligners",
    "list_datasets",
    "load_aligner",
    "load_dataset",
    "load_record",
    "load_score",
    "render",
    "run",
]

_HOMES = {
    "AlignBenchError": "errors",
    "Aligner": "aligners.base",
    "Alignment": "types",
    "Audio": "types",
    "Record": "results",
    "Recording": "types",
    "Reference": "types",
    "Score": "types",
    "align": "api",
    "check_aligner": "aligners.contract",
    "evaluate": "metrics",
    "list_aligners": "aligners.registry",
    "list_datasets": "datasets",
    "load_aligner": "aligners.registry",
    "load_dataset": "datasets:load",
    "load_record": "results",
    "load_score": "scores",
    "render": "synthesis",
    "run": "runner",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("align-bench")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, _, attribute = _HOMES[name].partition(":")
    return getattr(import_module(f"{__name__}.{module}"), attribute or name)


def __dir__() -> list[str]:
    return sorted(__all__)
