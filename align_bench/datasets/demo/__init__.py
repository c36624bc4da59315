"""The demo dataset: ten piano pieces, made on this machine on first use, with exact ground truth.

Nothing is downloaded: `pieces` holds the music as text, `performance` plays it expressively, `piano` is the
instrument, and `align_bench.conditions` the microphone. The truth is the performance that the audio is
made from.
"""

from align_bench.datasets.demo.dataset import build, collection

__all__ = ["build", "collection"]
