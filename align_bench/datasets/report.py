"""What a check of a dataset on disk found."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Report:
    """Which files of a dataset are there.

    Attributes
    ----------
    name, data_home : str
        The dataset, and where it was looked for.
    n_recordings : int
        How many recordings the dataset has.
    n_usable : int
        How many of them have every file that they need.
    missing : tuple of str
        Files that are not there, as paths below data_home.
    changed : tuple of str
        Files whose checksum differs from the index.
    unverified : tuple of str
        Files that are there but whose checksum is not known, e.g. audio that every owner ripped anew.
    """

    name: str
    data_home: str
    n_recordings: int
    n_usable: int
    missing: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    unverified: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether nothing is missing or changed."""
        return not self.missing and not self.changed and self.n_usable == self.n_recordings

    def lines(self, limit: int = 10) -> list[str]:
        """Return the report as text, with at most ``limit`` files of each kind."""
        lines = [
            f"{self.name}: {self.n_usable} of {self.n_recordings} recordings are complete ({self.data_home})"
        ]
        kinds = (
            ("missing", self.missing),
            ("changed", self.changed),
            ("present, checksum not known", self.unverified),
        )
        for kind, files in kinds:
            if files:
                lines.append(f"{len(files)} {kind}:")
                lines.extend(f"  {file}" for file in files[:limit])
                if len(files) > limit:
                    lines.append(f"  … and {len(files) - limit} more")
        return lines
