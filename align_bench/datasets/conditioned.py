"""A dataset heard in other acoustics: each of its recordings once in every condition asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from align_bench.conditions import CONDITIONS, apply_condition
from align_bench.datasets.base import Collection
from align_bench.errors import UsageError, unknown_name
from align_bench.types import Audio, Recording


def in_conditions(collection: Collection, conditions: Sequence[str]) -> Collection:
    """Return a collection in which every recording is heard in every condition.

    The copies are degraded where they are read, seeded by the recording's id, so that everybody hears the
    same. ``one@noise`` is recording ``one`` in ``noise``; in ``clean`` it keeps its id. Recordings that are
    in a condition already, as most of the demo set's are, are left out.

    Parameters
    ----------
    collection : Collection
    conditions : sequence of str
        Names of `align_bench.conditions.CONDITIONS`, each once.

    Returns
    -------
    Collection

    Raises
    ------
    UsageError
        If there is no such condition, or it is named twice, or no recording is clean.
    """
    for name in conditions:
        if name not in CONDITIONS:
            raise unknown_name("condition", name, CONDITIONS)
    if not conditions or len(set(conditions)) < len(conditions):
        raise UsageError(f"conditions must be named once each, got {', '.join(conditions) or 'none'}.")
    clean = [r for r in collection.recordings if r.metadata.get("condition", "clean") == "clean"]
    if not clean:
        raise UsageError(f"{collection.name} must hold clean recordings to degrade, got none.")
    return replace(
        collection,
        recordings=tuple(_heard(recording, name) for name in conditions for recording in clean),
        conditions=tuple(conditions),
        n_wanted=None
        if collection.n_wanted is None
        else len(conditions) * (collection.n_wanted - len(collection.recordings) + len(clean)),
    )


def _heard(recording: Recording, condition: str) -> Recording:
    metadata = {**recording.metadata, "condition": condition}
    if condition == "clean":
        return replace(recording, metadata=metadata)
    return replace(
        recording,
        id=f"{recording.id}@{condition}",
        load_audio=partial(_degraded, recording.load_audio, condition, recording.id),
        metadata=metadata,
    )


def _degraded(load_audio: Callable[[], Audio], condition: str, seed: str) -> Audio:
    return apply_condition(load_audio(), condition, seed)
