"""Records: what a run leaves behind, and how it is read again.

Layout of an output directory::

    <output>/<dataset>/<aligner>.json            the record (`Record`)
    <output>/<dataset>/<aligner>.onsets/<id>.csv estimated and true onsets, one file a recording
    <output>/<dataset>/<aligner>.log             what the plugin printed

A record holds no NaN and no infinity (JSON has none): a score without a value is ``null``. Times inside the
onset files are written so that they read back bit for bit, hence every metric can be computed again
without running an aligner.
"""

from __future__ import annotations

import csv
import json
from io import StringIO
from math import isnan
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    ValidationError,
    field_validator,
    model_validator,
)

from align_bench.errors import AlignBenchError, InvalidInputError
from align_bench.storage import json_text, jsonable, safe_name, write_atomic
from align_bench.types import FloatArray, as_times

SCHEMA_VERSION = 1
ESTIMATES = "estimates made elsewhere"  # target of what was scored without an aligner
ONSET_COLUMNS = ("score_time_s", "reference_time_s", "estimated_time_s")
CONFIDENCE_COLUMN = "confidence"  # a fourth one, from aligners that tell

Status = Literal["ok", "error", "timeout", "skipped"]
# Wider than anything measured, and narrow enough that sums of them are numbers, whoever wrote the record.
Number = Annotated[float, Field(ge=-1e12, le=1e12)]
Count = Annotated[int, Field(ge=0, le=10**12)]


class RecordError(AlignBenchError):
    """A file that is not a record, or is one of a newer align-bench."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class RecordingResult(_Model):
    """What one aligner did with one recording.

    Attributes
    ----------
    id, piece : str
        From the dataset.
    status : {"ok", "error", "timeout", "skipped"}
    reason : str
        Why it is not ``"ok"``; empty if it is.
    seconds : float or None
        Wall time of the alignment alone, without reading files or starting a process.
    audio_seconds : float or None
        Length of the recording.
    n_onsets : int or None
        Score onsets with ground truth; ``None`` if the ground truth cannot be read.
    scores : dict of str to (float or None)
        Empty unless ``"ok"``. A table counts a recording without scores as 0 % accurate.
    leaked : bool
        The aligner was trained on this recording or on another one of the same composition.
    info : dict
        What the aligner says about how it worked (`Alignment.info`).
    metadata : dict
        What the dataset says about the recording.
    audio_sha256, score_sha256 : str or None
        Hash of what the aligner was given (`Audio.digest`, `Score.digest`): samples and notes, not files, so
        that WAV and FLAC of one recording have one hash. None if it was not read.
    cold : bool
        The first alignment of its process: ``seconds`` then holds what is done once (imports, compilation,
        reading weights).
    made_in : int or None
        Which of `Record.earlier` it was made in; None: in the environment that the record itself names.
    """

    id: str
    piece: str
    status: Status
    reason: str = ""
    seconds: Number | None = None
    audio_seconds: Number | None = None
    n_onsets: Count | None = None
    scores: dict[str, Number | None] = Field(default_factory=dict)
    leaked: bool = False
    info: dict[str, JsonValue] = Field(default_factory=dict)
    metadata: dict[str, JsonValue] = Field(default_factory=dict)
    audio_sha256: str | None = None
    score_sha256: str | None = None
    cold: bool = False
    made_in: Count | None = None

    @field_validator("seconds", "audio_seconds", "scores", "info", "metadata", mode="before")
    @classmethod
    def _plain(cls, value: Any) -> Any:
        return jsonable(value)


class AlignerInfo(_Model):
    """Which aligner made a record.

    Attributes
    ----------
    name : str
        Name of the row in a table; parameters that differ from the defaults are part of it.
    target : str
        ``module:Class`` or ``file.py:Class``; `ESTIMATES` if only its onsets are known.
    parameters : dict
        Every constructor parameter with its value.
    seed : int or None
        The parameter of that name, where there is one.
    checkpoint_sha256 : str or None
        Hash of the trained weights.
    code_sha256 : str or None
        Hash of the aligner's own Python files: a changed plugin is another plugin.
    trained_on : list of str
        Recordings or pieces that it has learnt from.
    """

    name: str
    target: str = ""
    parameters: dict[str, JsonValue] = Field(default_factory=dict)
    seed: int | None = None
    checkpoint_sha256: str | None = None
    code_sha256: str | None = None
    trained_on: list[str] = Field(default_factory=list)


class DatasetInfo(_Model):
    """Which recordings a record is about, and where their ground truth comes from.

    Attributes
    ----------
    name : str
        Of the directory of its records: ``"maps"``, ``"maps-test"`` for a split, and
        ``"maps@clean+noise"`` where conditions were asked for.
    version, index_sha256, ground_truth : str
        See `align_bench.datasets.base.Collection`.
    split : str
        Part of the dataset; empty for the whole.
    n_wanted : int or None
        How many recordings there would be if none were missing; None if that is not known.
    conditions : list of str
        Acoustic conditions that the recordings were put into; empty for the dataset as it is.
    """

    name: str
    version: str = ""
    index_sha256: str = ""
    ground_truth: str = ""
    split: str = ""
    n_wanted: Count | None = None
    conditions: list[str] = Field(default_factory=list)

    @property
    def whole(self) -> str:
        """Name of the dataset that this is a part of, without split and conditions."""
        name = self.name.removesuffix(f"@{'+'.join(self.conditions)}") if self.conditions else self.name
        return name.removesuffix(f"-{self.split}") if self.split else name


class Environment(_Model):
    """With which software something was made, and on what.

    Attributes
    ----------
    align_bench_version, versions, platform, commit
        As in `Record`.
    """

    align_bench_version: str
    versions: dict[str, str] = Field(default_factory=dict)
    platform: str = ""
    commit: str | None = None


class Record(_Model):
    """One aligner on one dataset.

    Attributes
    ----------
    schema_version : int
    align_bench_version : str
    versions : dict of str to str
        Of Python and of the libraries that decide about numbers.
    platform : str
    aligner : AlignerInfo
    dataset : DatasetInfo
    synthesiser : dict
        What renders scores on this machine (name, version, SoundFont and its hash); empty if nothing can.
    created : str
        ISO 8601, UTC.
    oracle : bool
        Made from the ground truth by the harness: a ceiling, not a competitor.
    recordings : list of RecordingResult
        In the order of the dataset.
    commit : str or None
        Git commit of align-bench, with ``-dirty`` where files differ from it; None if it is no checkout.
    command : str
        The command line, without the directories in it; empty if there was none.
    earlier : list of Environment
        Other environments that rows come from, where a run was taken up again in another one.
    """

    schema_version: int = SCHEMA_VERSION
    align_bench_version: str
    versions: dict[str, str] = Field(default_factory=dict)
    platform: str = ""
    aligner: AlignerInfo
    dataset: DatasetInfo
    synthesiser: dict[str, JsonValue] = Field(default_factory=dict)
    created: str = ""
    oracle: bool = False
    recordings: list[RecordingResult] = Field(default_factory=list)
    commit: str | None = None
    command: str = ""
    earlier: list[Environment] = Field(default_factory=list)

    @model_validator(mode="after")
    def _rows_come_from_somewhere(self) -> Self:
        for row in self.recordings:
            if row.made_in is not None and row.made_in >= len(self.earlier):
                raise ValueError(f"made_in of {row.id} is beyond the {len(self.earlier)} of earlier")
        return self

    @property
    def environment(self) -> Environment:
        """Where the record was finished, and all rows were made that say nothing else."""
        return Environment(**self.model_dump(include=set(Environment.model_fields)))

    def made_in(self, row: RecordingResult) -> Environment:
        """Return the environment that a row was made in."""
        return self.environment if row.made_in is None else self.earlier[row.made_in]

    @property
    def n_ok(self) -> int:
        """How many recordings were aligned."""
        return sum(row.status == "ok" for row in self.recordings)


def record_path(output: str | Path, dataset: str, aligner: str) -> Path:
    """Return where a record lives: always inside ``output``, whatever the two names contain."""
    return Path(output) / safe_name(dataset) / f"{safe_name(aligner)}.json"


def save_record(record: Record, path: str | Path) -> None:
    """Write a record in one step: a reader sees the old file or the new one, never half of it."""
    write_atomic(Path(path), json_text(record.model_dump(mode="json"), indent=1) + "\n")


def load_record(path: str | Path) -> Record:
    """Read a record.

    Raises
    ------
    RecordError
        If it cannot be read, is no record, or was written by a newer align-bench.
    """
    path = Path(path)
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RecordError(f"record must be a readable file, got {str(path)!r}: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:
        raise RecordError(f"record must be JSON, got {error} ({path}). Run it again.") from error
    version = data.get("schema_version") if isinstance(data, dict) else None
    if not isinstance(version, int):
        raise RecordError(f"record must have a schema_version, got none ({path}). Is it a record?")
    if not 1 <= version <= SCHEMA_VERSION:
        raise RecordError(
            f"schema_version must be 1 to {SCHEMA_VERSION}, got {version} ({path}). Update align-bench."
        )
    try:
        return Record.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "record"
        raise RecordError(f"{where} must be valid, got {first['msg']} ({path}). Run it again.") from error


def find_records(directory: str | Path) -> list[Path]:
    """Return the record files in an output directory (or one of its datasets), sorted.

    Raises
    ------
    RecordError
        If there is no such directory, or no record in it.
    """
    directory = Path(directory)
    if not directory.is_dir():
        raise RecordError(
            f"results must be a directory, got {str(directory)!r}. Make one with align-bench run."
        )
    found = sorted({*directory.glob("*.json"), *directory.glob("*/*.json")})
    if not found:
        raise RecordError(
            f"results must hold records, got none in {str(directory)!r}. Run align-bench run first."
        )
    return found


def onsets_path(record: str | Path, recording_id: str) -> Path:
    """Return where the onsets of one recording lie, given the path of the record."""
    return Path(record).with_suffix(".onsets") / f"{safe_name(recording_id)}.csv"


def save_onsets(
    path: Path,
    score_times: ArrayLike,
    reference_times: ArrayLike,
    estimated_times: ArrayLike,
    confidences: ArrayLike | None = None,
) -> None:
    """Write the onsets of one recording as CSV with the columns `ONSET_COLUMNS`, all in seconds.

    An estimate of NaN, an onset that was not placed, is an empty cell. Confidences, where the aligner tells
    them, are one more column.
    """
    columns = [
        np.asarray(values, dtype=np.float64).tolist()
        for values in (score_times, reference_times, estimated_times)
    ]
    header: tuple[str, ...] = ONSET_COLUMNS
    if confidences is not None:
        columns.append(np.round(np.asarray(confidences, dtype=np.float64), 4).tolist())
        header = (*ONSET_COLUMNS, CONFIDENCE_COLUMN)
    out = StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(header)
    rows = zip(*columns, strict=True)
    writer.writerows(
        (score, true, "" if isnan(found) else found, *sure) for score, true, found, *sure in rows
    )
    write_atomic(path, out.getvalue())


def load_onsets(path: str | Path) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Read what `save_onsets` wrote.

    Returns
    -------
    score_times, reference_times, estimated_times : numpy.ndarray, shape (n_onsets,)
        Seconds; estimates are NaN where an onset was not placed.

    Raises
    ------
    InvalidInputError
        If the file cannot be read, or its columns or numbers are not as they should be.
    """
    where = str(path)
    score_times, reference_times, estimates = _onset_columns(path)[:3]
    placed = np.array([cell != "" for cell in estimates], dtype=bool)
    estimated = np.full(placed.size, np.nan)
    estimated[placed] = as_times(
        [cell for cell in estimates if cell != ""], ONSET_COLUMNS[2], where=where, monotone=False
    )
    return (
        as_times(list(score_times), ONSET_COLUMNS[0], where=where),
        as_times(list(reference_times), ONSET_COLUMNS[1], where=where, monotone=False),
        estimated,
    )


def load_confidences(path: str | Path) -> FloatArray | None:
    """Read how sure the aligner was of the onsets that `save_onsets` wrote; None if it did not tell.

    Raises
    ------
    InvalidInputError
        If the file cannot be read, or a confidence is not a number from 0 to 1.
    """
    columns = _onset_columns(path)
    if len(columns) == len(ONSET_COLUMNS):
        return None
    confidences = as_times(list(columns[-1]), CONFIDENCE_COLUMN, where=str(path), monotone=False)
    if confidences.size and not 0.0 <= confidences.min() <= confidences.max() <= 1.0:
        raise InvalidInputError(
            f"{CONFIDENCE_COLUMN} must be from 0 to 1, got {confidences.min():g} to {confidences.max():g} "
            f"({path})."
        )
    return confidences


def _onset_columns(path: str | Path) -> list[tuple[str, ...]]:
    where = str(path)
    try:
        rows = list(csv.reader(Path(path).read_text(encoding="utf-8").splitlines()))
    except (OSError, ValueError, csv.Error) as error:
        raise InvalidInputError(f"onsets must be a CSV file, got {where!r}: {error}.") from error
    header = tuple(rows[0]) if rows else ()
    if header not in (ONSET_COLUMNS, (*ONSET_COLUMNS, CONFIDENCE_COLUMN)):
        raise InvalidInputError(f"columns must be {', '.join(ONSET_COLUMNS)}, got {rows[:1]} ({where}).")
    if any(len(row) != len(header) for row in rows):
        raise InvalidInputError(f"every row must have {len(header)} values ({where}).")
    return list(zip(*rows[1:], strict=True)) or [()] * len(header)
