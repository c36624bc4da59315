"""Records scored again from their stored onsets, under several conventions side by side."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from align_bench.errors import InvalidInputError, UsageError
from align_bench.leaderboard.conventions import DEFAULT, Convention, Figure, Take, find_convention
from align_bench.leaderboard.layout import MISSING, Table, number, render
from align_bench.results import Record, RecordError, find_records, load_onsets, load_record, onsets_path

_SCALE = {"%": 100.0, "ms": 1000.0, "": 1.0}
_DIGITS = {"%": 1, "ms": 1, "": 3}


def rescore(
    directory: str | Path,
    conventions: Sequence[str] = DEFAULT,
    *,
    tolerance_ms: float = 50.0,
    format: str = "text",
) -> str:
    """Score the records of a directory again, and tell how the ranking changes.

    Nothing but the stored onsets is used, and no file is written.

    Parameters
    ----------
    directory : path
        What `align_bench.run` wrote to.
    conventions : sequence of str, optional
        Names of `align_bench.leaderboard.conventions.CONVENTIONS` or metric keys. The first one is what
        the others are compared with.
    tolerance_ms : float, optional
        For the conventions that have none of their own.
    format : {"text", "markdown", "latex", "html"}, optional

    Returns
    -------
    str
        One table a dataset. Ends with a line break.

    Raises
    ------
    UsageError
        If there is no such convention or format, or the tolerance is not a number > 0.
    RecordError
        If the directory holds no records, one that cannot be read, or onsets are missing.
    """
    chosen = [find_convention(name) for name in dict.fromkeys(conventions)]
    if not chosen:
        raise UsageError("conventions must name at least one, got none.")
    if not (math.isfinite(tolerance_ms) and tolerance_ms > 0):
        raise UsageError(f"tolerance must be > 0 ms, got {tolerance_ms}.")
    groups: dict[str, dict[str, tuple[Record, list[Take]]]] = defaultdict(dict)
    for path in find_records(directory):
        record = load_record(path)
        groups[record.dataset.name][record.aligner.name] = (record, load_takes(record, path))
    tables = [_table(name, group, chosen, tolerance_ms) for name, group in sorted(groups.items())]
    return render(tables, format)


def load_takes(record: Record, path: Path) -> list[Take]:
    """Read the onsets of a record.

    Parameters
    ----------
    record : Record
    path : pathlib.Path
        Where it was read from.

    Returns
    -------
    list of Take
        One for each recording, in order.

    Raises
    ------
    RecordError
        If the onsets of a recording that was aligned cannot be read.
    """
    known = [row.n_onsets for row in record.recordings if row.n_onsets]
    average = float(np.mean(known)) if known else 1.0
    takes = []
    for row in record.recordings:
        onsets = None
        if row.status == "ok":
            try:
                onsets = load_onsets(onsets_path(path, row.id))
            except InvalidInputError as error:
                raise RecordError(
                    f"onsets of {row.id} must lie beside their record, got {error} ({path}). Run it again."
                ) from error
            if onsets[1].size == 0:
                raise RecordError(f"onsets of {row.id} must have rows, got none ({path}). Run it again.")
        n_onsets = row.n_onsets or average if onsets is None else onsets[1].size
        takes.append(Take(row.piece, n_onsets, onsets))
    return takes


def ranks(figures: Mapping[str, float | None], *, higher: bool) -> dict[str, int]:
    """Return the place of each aligner, 1 the best; equals share a place, who has no figure has none."""
    known = {name: value if higher else -value for name, value in figures.items() if value is not None}
    return {name: 1 + sum(other > value for other in known.values()) for name, value in known.items()}


def _table(
    dataset: str,
    group: Mapping[str, tuple[Record, list[Take]]],
    conventions: Sequence[Convention],
    tolerance_ms: float,
) -> Table:
    figures = [
        {name: way.figure(takes, tolerance_ms / 1000) for name, (_, takes) in group.items()}
        for way in conventions
    ]
    oracles = {name for name, (record, _) in group.items() if record.oracle}
    places = [
        ranks({name: f.value for name, f in by_name.items() if name not in oracles}, higher=way.higher)
        for way, by_name in zip(conventions, figures, strict=True)
    ]
    order = sorted(group, key=lambda name: (places[0].get(name, len(group) + 1), name in oracles, name))
    cells = [
        [
            name + " ‡" * (name in oracles),
            *(
                _cell(by_name[name], way, place.get(name), len(group[name][1]))
                for way, by_name, place in zip(conventions, figures, places, strict=True)
            ),
        ]
        for name in order
    ]
    header = ["aligner", *(f"{way.name} {way.unit}".rstrip() for way in conventions)]
    notes = [f"{way.name}: {way.about.format(ms=f'{tolerance_ms:g}')}" for way in conventions]
    notes.append("(1): the place under that convention. n/N: recordings that it looks at, where not at all.")
    if oracles:
        notes.append("‡ oracle, made from the ground truth: it has no place.")
    if len({frozenset(row.id for row in record.recordings) for record, _ in group.values()}) > 1:
        notes.append("Rows are not over the same recordings and cannot be compared.")
    notes += _changes(conventions, places)
    return Table(f"{dataset}: one set of onsets, {len(conventions)} conventions", header, cells, notes)


def _cell(figure: Figure, way: Convention, place: int | None, n: int) -> str:
    if figure.value is None:
        return MISSING
    text = number(figure.value, _DIGITS[way.unit], _SCALE[way.unit]) + (f" ({place})" if place else "")
    return text + (f" {figure.n_counted}/{n}" if figure.n_counted != n else "")


def _changes(conventions: Sequence[Convention], places: Sequence[Mapping[str, int]]) -> list[str]:
    """Return a sentence for each convention that ranks otherwise than the first, and one for the others."""
    notes, same = [], []
    for way, place in zip(conventions[1:], places[1:], strict=True):
        moved = [
            f"{name} {places[0].get(name, MISSING)} → {place.get(name, MISSING)}"
            for name in sorted(places[0].keys() | place.keys(), key=lambda name: (place.get(name, 99), name))
            if places[0].get(name) != place.get(name)
        ]
        if moved:
            notes.append(f"{way.name} ranks otherwise than {conventions[0].name}: {', '.join(moved)}.")
        else:
            same.append(way.name)
    if same:
        notes.append(f"Ranked as under {conventions[0].name}: {', '.join(same)}.")
    return notes
