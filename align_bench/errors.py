"""What can go wrong, in words that say the cure.

Messages follow one sentence: ``name must be WANTED, got VALUE (WHERE). CURE.``
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class AlignBenchError(Exception):
    """Base of every error that align-bench raises on purpose."""


class UsageError(AlignBenchError):
    """A name, parameter or argument that does not exist or does not fit."""


class InvalidInputError(AlignBenchError):
    """A file or array that cannot be used: corrupt audio, an empty score, text among the numbers."""


class DatasetError(AlignBenchError):
    """A dataset that is not where it was said to be, or is only half there."""


class AlignerError(AlignBenchError):
    """An aligner that cannot be loaded, or that broke its contract."""


def unknown_name(kind: str, got: str, known: Iterable[str]) -> UsageError:
    """Make the error for a name that is not known, with the nearest match and the whole list.

    Parameters
    ----------
    kind : str
        What the name should name, e.g. ``"aligner"``.
    got : str
        What was given.
    known : iterable of str
        Every valid name.

    Returns
    -------
    UsageError
        To be raised by the caller.
    """
    names = sorted(known)
    near = get_close_matches(got, names, n=1, cutoff=0.5)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return UsageError(f"{kind} must be one of {', '.join(names) or '(none)'}, got {got!r}.{hint}")
