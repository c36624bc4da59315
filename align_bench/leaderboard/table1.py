"""Table 1 of the paper, measured at every tolerance.

References
----------
.. [1] R. Agrawal and S. Dixon, "A Hybrid Approach to Audio-to-Score Alignment", ICML Workshop on Machine
   Learning for Music Discovery, 2019, arXiv:2007.14333, Table 1.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from align_bench.errors import UsageError
from align_bench.leaderboard.layout import MISSING, Table, number, render
from align_bench.leaderboard.rows import HEADLINE, Row, make_rows
from align_bench.leaderboard.tables import (
    accuracy,
    mark_notes,
    marked_name,
    provenance,
    read_records,
    tolerance_title,
)
from align_bench.metrics.onset_deviation import TOLERANCES_MS
from align_bench.results import Record

# The four aligners that the paper compares, with its accuracies in %. It states no tolerance, no rule of
# aggregation and no list of recordings for them, so they stand beside our figures and are never compared.
REPORTED: Mapping[str, float] = MappingProxyType(
    {
        "siamese-stft-binary": 76.3,
        "siamese-cqt-binary": 78.6,
        "siamese-stft-distance": 78.1,
        "siamese-cqt-distance": 81.4,
    }
)
DECODERS = ("exact", "fastdtw")
_KEYS = tuple(f"accuracy_{ms}ms" for ms in TOLERANCES_MS)


def table1(
    records: str | Path | Iterable[Record], format: str = "text", *, exclude_leaked: bool = False
) -> str:
    """Write Table 1 of [1]_ for each dataset: its four aligners, each with both decoders.

    The variant is told by the aligner's name, the decoder by its parameter ``decoder``. A combination that
    was not run is a row of dashes.

    Parameters
    ----------
    records : path or iterable of Record
        Directory that `align_bench.run` wrote to, or the records themselves.
    format : {"text", "markdown", "latex", "html"}, optional
    exclude_leaked : bool, optional
        Leave out, from every row of a dataset, the recordings of compositions that any of the four was
        trained on.

    Returns
    -------
    str
        Ends with a line break.

    Raises
    ------
    UsageError
        If there is no such format, or no record of the four.
    RecordError
        If the directory holds no records, or one that cannot be read.
    """
    ours = [record for record in read_records(records) if variant(record.aligner.name) in REPORTED]
    if not ours:
        raise UsageError(
            f"records must hold one of {', '.join(REPORTED)}, got none. Make them with align-bench run."
        )
    tables = make_rows(ours, exclude_leaked=exclude_leaked)
    return render([_table(rows) for rows in tables.values()], format)


def variant(name: str) -> str:
    """Return the registered name within a row's name, which may go on with parameters."""
    return re.split(r"[^A-Za-z0-9-]", name, maxsplit=1)[0]


def _table(rows: Sequence[Row]) -> Table:
    headings = [tolerance_title(key) for key in _KEYS]
    headings[_KEYS.index(HEADLINE)] += " [95 % CI]"
    header = ["aligner", "decoder", "as reported", "ok", *headings]
    cells = []
    for name, reported in REPORTED.items():
        of_variant = [row for row in rows if variant(row.aligner) == name]
        decoders = {str(row.parameters.get("decoder", DECODERS[0])) for row in of_variant}
        for decoder in (*DECODERS, *sorted(decoders - set(DECODERS))):
            found = [row for row in of_variant if row.parameters.get("decoder", DECODERS[0]) == decoder]
            for row in found:
                coverage = f"{row.n_ok}/{row.n_recordings}"
                measured = [accuracy(row, key) for key in _KEYS]
                cells.append([marked_name(row), decoder, number(reported), coverage, *measured])
            if not found:
                cells.append([name, decoder, number(reported), *[MISSING] * (1 + len(_KEYS))])
    title = f"Table 1 of Agrawal & Dixon 2019 on {rows[0].dataset}"
    return Table(title, header, cells, _notes(rows), n_labels=2)


def _notes(rows: Sequence[Row]) -> list[str]:
    return [
        "As reported: the paper's accuracy in %; tolerance, aggregation and recordings unspecified, "
        "so that it can be compared with no column.",
        "Measured: % of onsets placed within the tolerance, mean over pieces of the mean over recordings; "
        "failed recordings count as 0 %. CI: bootstrap interval over pieces.",
        f"Ground truth: {provenance(rows)}.",
        *(
            ["≈ not distinguishable from the best row at 50 ms."]
            if any(row.like_best for row in rows)
            else []
        ),
        *mark_notes(rows),
    ]
