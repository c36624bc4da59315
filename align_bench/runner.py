"""Recordings x aligners -> records.

An estimate is ``alignment.at(reference.score_times)``. A recording that cannot be read, and an aligner that
raises, hangs, crashes or returns what is no time map, become rows with a reason, and the rest goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, get_args

from align_bench.aligners.base import Aligner
from align_bench.aligners.registry import resolve
from align_bench.aligners.session import Plan
from align_bench.cluster import Cluster
from align_bench.datasets.base import Collection
from align_bench.errors import UsageError, unknown_name
from align_bench.execution import Bench
from align_bench.results import Record
from align_bench.store import Rerun
from align_bench.work import LoadedAligner

AlignerSpec = str | tuple[str, Mapping[str, Any]] | Aligner


@dataclass(frozen=True)
class RunOptions:
    """How a run is carried out; no option changes the score of a recording that is aligned.

    Attributes
    ----------
    timeout : float or None
        Seconds that one recording may take, reading included.
    max_memory : int or None
        Bytes that an aligner's process may hold.
    jobs : int
        Processes at once.
    scheduler : str or None
        Address of a Dask scheduler whose workers do the work; see `align_bench.cluster`.
    isolate : bool
        Run aligners in processes of their own. Without it there are no limits, and a crash is the end.
    rerun : {"missing", "failed", "all"}
        What to do again where results are there already.
    oracle : bool
        Make the record ``oracle-20ms`` too.
    progress : bool
        Show a progress bar on standard error.
    split : str or None
        Part of the dataset; see `align_bench.datasets.load`.
    allow_missing : bool
        Take the recordings that are there; see `align_bench.datasets.load`.
    conditions : sequence of str
        Acoustic conditions in which each recording is heard, of `align_bench.conditions.CONDITIONS`; none:
        as it is.
    command : str
        The command line, for the record.
    """

    timeout: float | None = 1800.0
    max_memory: int | None = None
    jobs: int = 1
    scheduler: str | None = None
    isolate: bool = True
    rerun: Rerun = "missing"
    oracle: bool = True
    progress: bool = True
    split: str | None = None
    allow_missing: bool = False
    conditions: Sequence[str] = ()
    command: str = ""

    def __post_init__(self) -> None:
        for name in ("timeout", "max_memory"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise UsageError(f"{name} must be > 0, got {value}.")
        if self.jobs < 1:
            raise UsageError(f"jobs must be >= 1, got {self.jobs}.")
        if self.jobs > 1 and not self.isolate:
            raise UsageError(f"jobs must be 1 without isolation, got {self.jobs}.")
        if self.scheduler is not None and self.jobs > 1:
            raise UsageError(f"jobs must be 1 with a scheduler, got {self.jobs}. Start more Dask workers.")
        if self.scheduler is not None and not self.isolate:
            raise UsageError("isolate must be True with a scheduler, got False.")
        if self.rerun not in get_args(Rerun):
            raise unknown_name("rerun", self.rerun, get_args(Rerun))


def run(
    aligners: AlignerSpec | Sequence[AlignerSpec],
    dataset: str | Path | Collection = "demo",
    *,
    data_home: str | Path | None = None,
    output: str | Path = "results",
    **options: Any,
) -> list[Record]:
    """Run aligners on a dataset and keep what they did.

    Parameters
    ----------
    aligners : str, (str, mapping), Aligner, or a sequence of these
        A registered name, ``module:Class`` or ``file.py:Class``, alone or with its parameters; or an object.
    dataset : str, Path or Collection, optional
        A dataset's name, a directory of recordings, or a collection that is loaded already.
    data_home : path, optional
        Where the dataset is.
    output : path, optional
        Records go to ``<output>/<dataset>/<aligner>.json``.
    **options
        The attributes of `RunOptions`.

    Returns
    -------
    list of Record
        One for each aligner, in order, and then the oracle's.

    Raises
    ------
    UsageError
        If there is no such aligner, parameter, dataset or option. Nothing was run then.
    DatasetError
        If the dataset is not there.
    """
    settings = _options(options)
    plans = _plans(aligners)
    if not isinstance(dataset, Collection):
        from align_bench.datasets import load

        dataset = load(
            dataset, data_home=data_home, split=settings.split, allow_missing=settings.allow_missing
        )
    if settings.conditions:
        from align_bench.datasets.conditioned import in_conditions

        dataset = in_conditions(dataset, settings.conditions)
    records = []
    with ExitStack() as stack:
        cluster = stack.enter_context(Cluster(settings.scheduler)) if settings.scheduler else None
        bench = Bench(dataset, Path(output), settings.jobs, settings.rerun, settings.command, cluster)
        loaded = [stack.enter_context(_loaded(plan, settings)) for plan in plans]
        # What may be misspelt is loaded before anything runs, the rest when its turn comes.
        for aligner in loaded:
            if aligner.plan.parameters or aligner.plan.spec is None or ":" in aligner.plan.spec:
                aligner.load()
        _refuse_namesakes(loaded)
        # Only now, because a progress bar leaves an empty line before an error.
        progress = stack.enter_context(_progress(settings.progress, len(dataset.recordings)))
        for aligner in loaded:
            with aligner:
                aligner.load()
                records.append(bench.run(aligner, progress(aligner.description.name)))
    if settings.oracle:
        records.append(bench.run_oracle())
    return records


def _options(options: Mapping[str, Any]) -> RunOptions:
    known = [field.name for field in fields(RunOptions)]
    for name in options:
        if name not in known:
            raise unknown_name("option", name, known)
    return RunOptions(**options)


def _plans(aligners: AlignerSpec | Sequence[AlignerSpec]) -> list[Plan]:
    specs: Sequence[Any] = [aligners] if isinstance(aligners, str | Aligner) else aligners
    if len(specs) == 2 and isinstance(specs[1], Mapping):
        specs = [specs]  # one name with its parameters
    plans = []
    for spec in specs:
        if isinstance(spec, str):
            plans.append(Plan(spec))
        elif isinstance(spec, tuple) and len(spec) == 2 and isinstance(spec[1], Mapping):
            plans.append(Plan(spec[0], dict(spec[1])))
        elif isinstance(spec, Aligner) and not isinstance(spec, type):
            plans.append(Plan(instance=spec))
        else:
            raise UsageError(f"aligner must be a name, (name, parameters) or an object, got {spec!r}.")
    for plan in plans:
        if plan.spec is not None:
            resolve(plan.spec)
    if not plans:
        raise UsageError("aligners must name at least one, got none.")
    return plans


def _loaded(plan: Plan, settings: RunOptions) -> LoadedAligner:
    return LoadedAligner(plan, settings.timeout, settings.max_memory, settings.isolate, settings.jobs)


def _refuse_namesakes(aligners: Sequence[LoadedAligner]) -> None:
    """Two aligners must not write one record."""
    targets: dict[str, str] = {}
    for aligner in aligners:
        name, target = aligner.label
        if targets.setdefault(name, target) != target:
            raise UsageError(
                f"aligner names must differ, got {name!r} from {targets[name]} and {target}. "
                f"Give one class an attribute name."
            )


@contextmanager
def _progress(shown: bool, total: int) -> Iterator[Callable[[str], Callable[[], None]]]:
    """Yield a function that makes a bar and returns what moves it on by one."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), disable=not shown) as progress:

        def bar(name: str) -> Callable[[], None]:
            task = progress.add_task(name, total=total)
            return lambda: progress.advance(task)

        yield bar
