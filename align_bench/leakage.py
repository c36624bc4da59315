"""Whether an aligner was trained on what it is tested on.

A recording leaks if the aligner has learnt from it, or from another performance of the same composition.
Compositions are recognised across datasets by name: MAPS pieces wherever they occur, and Chopin's works by
opus and number, because MAPS holds mazurkas, preludes and etudes that Mazurka and (n)ASAP hold too. Names
that carry no such mark are compared as they stand; two spellings of one work may then go unnoticed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Protocol

# MAPS_MUS-chpn-p4_ENSTDkCl, maps_chpn-p4_ENSTDkAm: the piece is what stands between.
_MAPS_AFFIXES = re.compile(
    r"^maps_mus-|^maps[_-]|_(?:enstdk(?:am|cl)|akpn\w+|sptkbg(?:am|cl)|stbgtgd2)$", re.IGNORECASE
)
_MAPS_PRELUDE = re.compile(r"chpn[_-]p0*(\d+)", re.IGNORECASE)
_MAZURKA = re.compile(r"^(?:m|mazurka)0*(\d+)-(\d)$", re.IGNORECASE)
_CHOPIN = re.compile(r"chopin|chpn|mazurka", re.IGNORECASE)
_OPUS = re.compile(r"op[._ -]*0*(\d+)(?:[._ -]+|(?=n))(?:no|nr|n|e)?[._ -]*0*(\d{1,2})(?!\d)", re.IGNORECASE)


@lru_cache(maxsize=100_000)
def _compositions(name: str) -> frozenset[str]:
    """Return every key that a recording or piece name is known by."""
    keys = {_plain(name), _plain(_MAPS_AFFIXES.sub("", name))}
    if match := _MAPS_PRELUDE.search(name):
        keys.add(f"chopin op28 no{match[1]}")
    elif match := _MAZURKA.match(name) or (_CHOPIN.search(name) and _OPUS.search(name)):
        keys.add(f"chopin op{match[1]} no{match[2]}")
    return frozenset(keys)


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


class Named(Protocol):
    """What has the names of a recording: a `Recording`, or its row in a record."""

    @property
    def id(self) -> str:
        """Unique within the dataset."""
        ...

    @property
    def piece(self) -> str:
        """The composition."""
        ...


def trained_on_overlap(trained_on: Iterable[str], recording: Named) -> bool:
    """Tell whether a recording or its composition is among those that an aligner was trained on.

    Parameters
    ----------
    trained_on : iterable of str
        Recording ids or piece names.
    recording : Recording or RecordingResult

    Returns
    -------
    bool
    """
    mine = _compositions(recording.id) | _compositions(recording.piece)
    return any(mine & _compositions(name) for name in trained_on)
