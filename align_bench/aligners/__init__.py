"""Aligners: the protocol, the registry, the contract check, and processes to run them in."""

from align_bench.aligners.base import Aligner, parameters
from align_bench.aligners.registry import AlignerEntry, list_aligners, load_aligner

__all__ = ["Aligner", "AlignerEntry", "list_aligners", "load_aligner", "parameters"]
