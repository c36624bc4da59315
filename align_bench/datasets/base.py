"""What a benchmark run needs to know of a dataset."""

from __future__ import annotations

from dataclasses import dataclass

from align_bench.types import Recording


@dataclass(frozen=True)
class Collection:
    """A dataset as a run sees it: its recordings, and where its ground truth comes from.

    Attributes
    ----------
    name : str
        E.g. ``"maps"``.
    version : str
    index_sha256 : str
        Hash of the index or of the files listed; tells whether two runs saw the same set.
    ground_truth : str
        Provenance in one of: ``"disklavier"``, ``"manual"``, ``"tapped and corrected"``,
        ``"transferred by DTW"``, ``"exact by construction"``, ``"user"``.
    recordings : tuple of Recording
        Sorted by id.
    split : str
        Which part of the dataset it is; empty for the whole.
    n_wanted : int or None
        How many recordings there would be if none were missing; None if that is not known.
    conditions : tuple of str
        Acoustic conditions that the recordings were put into; empty for the dataset as it is.
    """

    name: str
    version: str
    index_sha256: str
    ground_truth: str
    recordings: tuple[Recording, ...]
    split: str = ""
    n_wanted: int | None = None
    conditions: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """Name of its records and tables: ``maps``, ``maps-test``, ``maps-test@clean+noise``.

        A part of a dataset is another test set than the whole, and so is the dataset in other acoustics.
        """
        part = f"{self.name}-{self.split}" if self.split else self.name
        return f"{part}@{'+'.join(self.conditions)}" if self.conditions else part
