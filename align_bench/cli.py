"""The command ``align-bench``: options in, Python API calls, text out.

Exit codes: 0 all went well, 1 some recording failed, 2 wrong usage or unusable input, 130 stopped by Ctrl-C.
Everything heavy is imported inside the commands, so that ``--help`` is quick.
"""

# ruff: noqa: D301 (a backspace character before a paragraph keeps its line breaks in --help)

from __future__ import annotations

import json
import os
import re
import sys
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from align_bench.errors import AlignBenchError, UsageError
from align_bench.trainers import TrainerCommands

if TYPE_CHECKING:
    from align_bench.types import Alignment, Score

_STOPPED = 130
_PIPE_CLOSED = 141
_EVERY = 10**9


class _Commands(TyperGroup):
    """Turns what goes wrong on purpose into one line and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            # Whoever read our output has had enough; nothing may be flushed to it any more.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(_PIPE_CLOSED) from None
        except KeyboardInterrupt:
            kept = "; finished recordings are kept, run the same command again to go on"
            typer.echo(f"stopped{kept if ctx.invoked_subcommand == 'run' else ''}", err=True)
            raise typer.Exit(_STOPPED) from None
        except AlignBenchError as error:
            typer.echo(f"error: {' '.join(str(error).split())}", err=True)
            raise typer.Exit(2) from None
        except OSError as error:
            typer.echo(f"error: {error.strerror or error}: {error.filename or '(no file)'}", err=True)
            raise typer.Exit(2) from None


_PLAIN: dict[str, Any] = {
    "add_completion": False,
    "no_args_is_help": True,
    "rich_markup_mode": None,
    "pretty_exceptions_enable": False,
}
app = typer.Typer(cls=_Commands, help="The benchmark for audio-to-score alignment.", **_PLAIN)
app.add_typer(
    typer.Typer(cls=TrainerCommands, help="Train an aligner; the trainers come with the aligners.", **_PLAIN),
    name="train",
)
_list = typer.Typer(help="List what there is: aligners or datasets.", **_PLAIN)
app.add_typer(_list, name="list")

Aligners = Annotated[
    list[str] | None,
    typer.Option(
        "--aligner",
        "-a",
        metavar="NAME",
        help="Name, module:Class, file.py:Class or 'cmd: ./program {score} {audio} {output}'; with "
        "parameters as NAME[key=value,...]. Repeat for several.",
    ),
]


def _use_config(file: Path | None) -> None:
    if file is not None:
        from align_bench.aligners.commands import CONFIG_VARIABLE

        os.environ[CONFIG_VARIABLE] = str(file)  # for the aligners' own processes too


Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        callback=_use_config,
        help="Where aligners that are commands have their tables; align-bench.toml if left out.",
    ),
]
Parameters = Annotated[
    list[str] | None,
    typer.Option("--parameter", "-p", metavar="KEY=VALUE", help="Aligner parameter. Repeat for several."),
]
Dataset = Annotated[
    str, typer.Option(metavar="NAME|FOLDER", help="Dataset, or a folder of recordings of your own.")
]
DataHome = Annotated[Path | None, typer.Option(metavar="DIR", help="Where the dataset is on this machine.")]
Results = Annotated[Path, typer.Argument(metavar="DIR", help="What align-bench run wrote to --output.")]
ExcludeLeaked = Annotated[
    bool, typer.Option(help="Leave out recordings of compositions that an aligner was trained on.")
]


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"align-bench {version('align-bench')}")
        raise typer.Exit


@app.callback()
def _root(
    show_version: Annotated[
        bool, typer.Option("--version", help="Print the version.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    pass


@app.command()
def run(
    aligner: Aligners = None,
    dataset: Dataset = "demo",
    data_home: DataHome = None,
    output: Annotated[Path, typer.Option(metavar="DIR", help="Where records go.")] = Path("results"),
    split: Annotated[str | None, typer.Option(help="Part of the dataset: train, validation or test.")] = None,
    allow_missing: Annotated[
        bool, typer.Option(help="Run on what is there of an incomplete dataset.")
    ] = False,
    condition: Annotated[
        str | None,
        typer.Option(
            metavar="NAMES",
            help="Hear each recording in these acoustics, separated by commas: clean, room, noise, "
            "old-record, detuned, mp3; or all.",
        ),
    ] = None,
    rerun: Annotated[str, typer.Option(help="What to do again: missing, failed or all.")] = "missing",
    jobs: Annotated[int, typer.Option(help="Processes at once.")] = 1,
    scheduler: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="Dask scheduler, tcp://HOST:PORT, to do the work elsewhere."),
    ] = None,
    timeout: Annotated[
        float | None, typer.Option(metavar="SECONDS", help="Longest time for one recording.")
    ] = None,
    max_memory: Annotated[
        float | None, typer.Option(metavar="GIB", help="Most memory for an aligner's process.")
    ] = None,
    parameter: Parameters = None,
    oracle: Annotated[bool, typer.Option(help="Add the row made from the ground truth.")] = True,
    config: Config = None,
) -> None:
    """Run aligners on a dataset and print the leaderboard.

    Without --aligner all registered aligners run. A run that was stopped goes on where it stopped. Exits
    with 1 if some recording failed; the others are kept.

    \b
    Examples:
      align-bench run
      align-bench run --aligner chroma-dtw --dataset maps --data-home ~/MAPS --split test
      align-bench run -a mine.py:Mine -a 'chroma-dtw[hop_s=0.01]' --dataset my_recordings/
      align-bench run -a chroma-dtw -a siamese-robust --dataset my_recordings/ --condition clean,noise,room
    """
    from align_bench.aligners.registry import list_aligners
    from align_bench.leaderboard import leaderboard
    from align_bench.leaderboard.show import failures
    from align_bench.provenance import command_line
    from align_bench.runner import run as run_aligners

    common = _parameters(parameter or [])
    names = aligner or [entry.name for entry in list_aligners()]
    options: dict[str, Any] = {
        "split": split,
        "allow_missing": allow_missing,
        "conditions": _conditions(condition),
        "rerun": rerun,
        "jobs": jobs,
        "scheduler": scheduler,
        "oracle": oracle,
        "command": command_line(sys.argv[1:]),
        "max_memory": None if max_memory is None else int(max_memory * 2**30),
    }
    if timeout is not None:
        options["timeout"] = timeout
    records = run_aligners(
        [_spec(name, common) for name in names], dataset, data_home=data_home, output=output, **options
    )
    typer.echo(leaderboard(records), nl=False)
    if failed := failures(records):
        typer.echo("\n".join(["", "Failed:", *failed]), err=True)
        raise typer.Exit(1)


@app.command()
def leaderboard(
    directory: Results,
    format: Annotated[str, typer.Option(help="text, markdown, csv, latex or html.")] = "text",
    exclude_leaked: ExcludeLeaked = False,
) -> None:
    """Print the leaderboard of a results directory.

    One table a dataset, one row an aligner.

    \b
    Examples:
      align-bench leaderboard results
      align-bench leaderboard results --format latex > table.tex
      align-bench leaderboard results --format html > leaderboard.html
    """
    from align_bench.leaderboard import leaderboard as write

    typer.echo(write(directory, format, exclude_leaked=exclude_leaked), nl=False)


@app.command()
def table1(
    directory: Results,
    format: Annotated[str, typer.Option(help="text, markdown, latex or html.")] = "text",
    exclude_leaked: ExcludeLeaked = False,
) -> None:
    """Print Table 1 of Agrawal & Dixon 2019.

    Its four aligners with both decoders, measured at every tolerance, beside what the paper reports.

    \b
    Examples:
      align-bench run -a siamese-cqt-distance -a 'siamese-cqt-distance[decoder=fastdtw]'
      align-bench table1 results
    """
    from align_bench.leaderboard import table1 as write

    typer.echo(write(directory, format, exclude_leaked=exclude_leaked), nl=False)


@app.command()
def reliability(
    record: Annotated[Path, typer.Argument(metavar="RECORD", help="A record, <aligner>.json.")],
    format: Annotated[str, typer.Option(help="text, markdown or latex.")] = "text",
    plot: Annotated[Path | None, typer.Option(metavar="FILE", help="Draw it too: PNG, PDF or SVG.")] = None,
) -> None:
    """Compare an aligner's confidences with the truth.

    Of the onsets that it is 90 % sure of, are 90 % within 50 ms?

    \b
    Examples:
      align-bench reliability results/demo/siamese-robust.json
      align-bench reliability results/demo/siamese-robust.json --plot reliability.png
    """
    from align_bench.leaderboard import plot_reliability, reliability_table
    from align_bench.leaderboard import reliability as compare

    found = compare(record)
    if plot is not None:
        plot_reliability(found, plot)
    typer.echo(reliability_table(found, format), nl=False)


@app.command()
def show(record: Annotated[Path, typer.Argument(metavar="RECORD", help="A record, <aligner>.json.")]) -> None:
    """Explain one record.

    Who made it, on what, and what became of each recording.

    \b
    Example:
      align-bench show results/demo/chroma-dtw.json
    """
    from align_bench.leaderboard.show import show as describe
    from align_bench.results import load_record

    typer.echo(describe(load_record(record)), nl=False)


@app.command()
def verify(
    record: Annotated[Path, typer.Argument(metavar="RECORD", help="A record, <aligner>.json.")],
    sample: Annotated[
        int, typer.Option(help="How many recordings to align again; 0 needs neither dataset nor aligner.")
    ] = 3,
    data_home: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where the dataset is; your own folder is itself.")
    ] = None,
    aligner: Annotated[
        str | None,
        typer.Option("--aligner", "-a", metavar="NAME", help="Who is run again, if it is not registered."),
    ] = None,
    config: Config = None,
) -> None:
    """Check that a record is what it says it is.

    Computes every score again from the stored onsets, compares ground truth, audio and scores with the
    dataset at hand, and aligns some recordings again. Exits with 1 if something differs, or could not be
    checked.

    \b
    Examples:
      align-bench verify results/demo/chroma-dtw.json
      align-bench verify results/maps-test/chroma-dtw.json --data-home ~/MAPS --sample 5
      align-bench verify downloaded.json --sample 0
    """
    from align_bench.verify import verify as check_record

    found = check_record(record, sample=sample, data_home=data_home, aligner=aligner)
    typer.echo("\n".join(found.lines()))
    if not found.ok:
        raise typer.Exit(1)


@app.command()
def score(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="Results of run; or, with --dataset, estimates.")
    ],
    convention: Annotated[
        list[str] | None,
        typer.Option("--convention", "-c", metavar="NAME", help="Convention or metric. Repeat for several."),
    ] = None,
    tolerance: Annotated[float, typer.Option(metavar="MS", help="For conventions without their own.")] = 50.0,
    format: Annotated[str, typer.Option(help="text, markdown, latex or html.")] = "text",
    dataset: Annotated[
        str | None, typer.Option(metavar="NAME|FOLDER", help="What the estimates are estimates of.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="Name of the row that the estimates get.")] = None,
    output: Annotated[Path, typer.Option(metavar="DIR", help="Where the record goes.")] = Path("results"),
    trained_on: Annotated[
        list[str] | None,
        typer.Option(metavar="ID", help="Recording or piece that it has learnt from. Repeat for several."),
    ] = None,
    data_home: DataHome = None,
    split: Annotated[str | None, typer.Option(help="Part of the dataset: train, validation or test.")] = None,
    allow_missing: Annotated[
        bool, typer.Option(help="Score what is there of an incomplete dataset.")
    ] = False,
) -> None:
    """Score onsets again, or for the first time.

    Of results: from their stored onsets, under several conventions side by side, with what each does to
    the ranking. With --dataset: onsets made elsewhere, one file RECORDING.csv for each recording with the
    columns score_time_s and performance_time_s, become a record; exits with 1 if some recording has none.

    \b
    Examples:
      align-bench score results
      align-bench score results -c align-bench -c survivors -c accuracy_100ms --tolerance 25
      align-bench score my_onsets/ --dataset maps --split test --data-home ~/MAPS --name mine
    """
    if dataset is None:
        from align_bench.leaderboard.conventions import DEFAULT
        from align_bench.leaderboard.rescoring import rescore

        text = rescore(directory, convention or DEFAULT, tolerance_ms=tolerance, format=format)
        typer.echo(text, nl=False)
        return
    if name is None:
        raise UsageError("name must be given with --dataset, got none. Add --name.")
    from align_bench.datasets import load
    from align_bench.estimates import score_estimates, unclaimed
    from align_bench.leaderboard import leaderboard
    from align_bench.leaderboard.show import failures
    from align_bench.provenance import command_line

    collection = load(dataset, data_home=data_home, split=split, allow_missing=allow_missing)
    record = score_estimates(
        directory,
        collection,
        name,
        output=output,
        trained_on=trained_on or (),
        command=command_line(sys.argv[1:]),
    )
    typer.echo(leaderboard([record], format), nl=False)
    if left := unclaimed(directory, collection):
        typer.echo(f"Belong to no recording of {collection.label}: {', '.join(left)}", err=True)
    if failed := failures([record]):
        typer.echo("\n".join(["", "Failed:", *failed]), err=True)
        raise typer.Exit(1)


@app.command()
def align(
    score: Annotated[Path, typer.Argument(metavar="SCORE", help="MIDI, MusicXML or kern.")],
    audio: Annotated[Path, typer.Argument(metavar="AUDIO", help="WAV, FLAC, OGG or MP3.")],
    aligner: Annotated[
        str | None, typer.Option("--aligner", "-a", metavar="NAME", help="Who aligns.")
    ] = None,
    parameter: Parameters = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="CSV file; printed if left out.")
    ] = None,
    unfold_repeats: Annotated[
        bool, typer.Option("--unfold-repeats", help="The recording plays the repeats of the score.")
    ] = False,
    structure: Annotated[
        str | None,
        typer.Option(metavar="plain|jumps", help="jumps: find out which repeats the recording plays."),
    ] = None,
    config: Config = None,
) -> None:
    """Write when each onset of a score sounds in a recording.

    Columns: score_time_s, performance_time_s, pitches (the MIDI note numbers that begin there), and from an
    aligner that tells it confidence, the probability that the time is good to 50 ms. siamese-robust warns if
    the recording does not seem to be of this score, and says if it is off by a semitone.

    \b
    Examples:
      align-bench align prelude.mid prelude.wav
      align-bench align prelude.musicxml prelude.flac --aligner chroma-dtw -o onsets.csv
      align-bench align sonata.musicxml sonata.flac --structure jumps -o onsets.csv
    """
    from align_bench.api import align as align_files
    from align_bench.scores import load_score
    from align_bench.storage import write_atomic

    notes = load_score(score, unfold_repeats=unfold_repeats)
    parameters = _parameters(parameter or [])
    if aligner is not None:
        aligner, parameters = _spec(aligner, parameters)
        parameters["aligner"] = aligner
    if structure is not None:
        parameters["structure"] = structure
    alignment = align_files(notes, audio, **parameters)
    if "structure" in alignment.info:
        typer.echo(_played(alignment.info["structure"]), err=True)
    if shift := alignment.info.get("semitones"):
        typer.echo(
            f"The recording sounds a semitone {'above' if shift > 0 else 'below'} the score.", err=True
        )
    if alignment.info.get("mismatch"):
        typer.echo(
            "warning: the recording does not seem to match the score. Are they of the same piece?",
            err=True,
        )
    text = _onsets_csv(notes, alignment)
    if output is None:
        typer.echo(text, nl=False)
    else:
        write_atomic(output, text)


@_list.command("aligners")
def list_aligners(
    check: Annotated[bool, typer.Option(help="Import each one to find what is missing; slower.")] = False,
    config: Config = None,
) -> None:
    """List the aligners that have a name, also those that cannot be used, with the reason.

    \b
    Example:
      align-bench list aligners --check
    """
    from align_bench.aligners.registry import list_aligners as find

    for entry in find(check=check):
        about = entry.summary if entry.available else f"NOT AVAILABLE: {entry.reason}"
        typer.echo(f"{entry.name:<24} {about}")


@_list.command("datasets")
def list_datasets() -> None:
    """List the datasets; a folder of recordings of your own works too.

    \b
    Example:
      align-bench list datasets
    """
    from align_bench.datasets import list_datasets as find

    for name, description in find().items():
        typer.echo(f"{name:<24} {description}")


@app.command()
def validate(
    dataset: Dataset,
    data_home: DataHome = None,
    list_all: Annotated[bool, typer.Option("--all", help="Name every file.")] = False,
) -> None:
    """Tell which files of a dataset are missing or changed.

    Exits with 1 if it is not complete.

    \b
    Example:
      align-bench validate --dataset maps --data-home ~/MAPS
    """
    from align_bench.datasets import validate as check

    report = check(dataset, data_home)
    typer.echo("\n".join(report.lines(_EVERY) if list_all else report.lines()))
    if not report.ok:
        raise typer.Exit(1)


@app.command("new-aligner")
def new_aligner(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Kebab-case, e.g. my-aligner.")],
    directory: Annotated[Path, typer.Option(metavar="DIR", help="Where its directory is made.")] = Path("."),
) -> None:
    """Write a package with a new aligner, its test and its README.

    \b
    Example:
      align-bench new-aligner my-aligner
    """
    from align_bench.aligners.scaffold import new_aligner as write

    folder = write(name, directory)
    typer.echo(f"{folder} is ready. Next: pip install -e {folder} && pytest {folder}")


@app.command()
def check(
    aligner: Annotated[str, typer.Option("--aligner", "-a", metavar="NAME", help="Who is checked.")],
    parameter: Parameters = None,
    timeout: Annotated[float, typer.Option(metavar="SECONDS", help="Longest time for one point.")] = 120.0,
    config: Config = None,
) -> None:
    """Check that an aligner keeps the contract.

    Exits with 1 if it breaks some point.

    \b
    Examples:
      align-bench check --aligner mine.py:Mine
      align-bench check --aligner 'cmd: ./mine {score} {audio} {output}'
    """
    from align_bench.aligners.contract import check_aligner

    report = check_aligner(*_spec(aligner, _parameters(parameter or [])), timeout=timeout)
    for point in report.checks:
        typer.echo(
            f"{'ok  ' if point.passed else 'FAIL'}  {point.name}{': ' * bool(point.reason)}{point.reason}"
        )
    if not report.passed:
        raise typer.Exit(1)


def _spec(text: str, common: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Read ``NAME`` or ``NAME[key=value,...]``; its own parameters go before the common ones."""
    from align_bench.aligners.commands import PREFIX

    match = re.fullmatch(r"(.+?)\[(.*=.*)\]", text)
    if match is None or text.startswith(PREFIX):
        return text, common
    return match[1], common | _parameters(match[2].split(","))


def _conditions(names: str | None) -> list[str]:
    """Return what --condition names."""
    if names == "all":
        from align_bench.conditions import CONDITIONS

        return list(CONDITIONS)
    return [name.strip() for name in names.split(",") if name.strip()] if names is not None else []


def _parameters(pairs: list[str]) -> dict[str, Any]:
    """Read ``key=value`` pairs; a value that is JSON is what it says, any other is text."""
    parameters = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key.strip().isidentifier():
            raise UsageError(f"parameter must be KEY=VALUE, got {pair!r}.")
        try:
            parameters[key.strip()] = json.loads(value)
        except ValueError:
            parameters[key.strip()] = value
    return parameters


def _onsets_csv(score: Score, alignment: Alignment) -> str:
    rows = ["score_time_s,performance_time_s,pitches"]
    for onset, time in zip(score.onsets, alignment.at(score.onsets), strict=True):
        pitches = " ".join(str(pitch) for pitch in score.pitches_at(onset))
        rows.append(f"{onset:.6f},{time:.6f},{pitches}")
    sure = alignment.confidence_at(score.onsets)
    if sure is not None:
        rows = [
            f"{row},{told}"
            for row, told in zip(rows, ["confidence", *(f"{c:.3f}" for c in sure)], strict=True)
        ]
    return "\n".join(rows) + "\n"


def _played(structure: dict[str, Any]) -> str:
    told = f"played: {structure['played']} (score: {structure['score']})"
    if structure["as_written"]:
        return told
    return (
        f"{told}\nwarning: the recording is not played as written; onsets of a section that is left out all "
        f"get the time of the jump over it, those of one that is played again that of its first playing"
    )


def main() -> None:
    """Run the command line."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal without ≤ or † shows ? and goes on
    app(prog_name="align-bench")
