"""Trainers as sub-commands of ``align-bench train``.

Aligners that learn bring their trainer: an entry point in the group ``align_bench.trainers`` that names a
function with typed keyword parameters, or a ``typer.Typer`` app. Only the one that is asked for is imported,
because trainers bring their deep-learning library.
"""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from typing import Any

import typer
from typer.core import TyperGroup

from align_bench.errors import AlignerError, unknown_name

GROUP = "align_bench.trainers"


def list_trainers() -> dict[str, EntryPoint]:
    """Return the registered trainers by name; imports none of them."""
    return {point.name: point for point in sorted(entry_points(group=GROUP), key=lambda point: point.name)}


class TrainerCommands(TyperGroup):
    """The group of sub-commands that `list_trainers` finds."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of all trainers."""
        return list(list_trainers())

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return one trainer as a command.

        Raises
        ------
        UsageError
            If there is no such trainer.
        AlignerError
            If it cannot be imported.
        """
        trainers = list_trainers()
        if cmd_name not in trainers:
            raise unknown_name("trainer", cmd_name, trainers)
        point = trainers[cmd_name]
        try:
            target = point.load()
        except Exception as error:
            raise AlignerError(
                f"trainer {cmd_name} must be importable, got {type(error).__name__}: {error} ({point.value})."
            ) from error
        if not isinstance(target, typer.Typer):
            function, target = target, typer.Typer(add_completion=False, rich_markup_mode=None)
            target.command(cmd_name)(function)
        command = typer.main.get_command(target)
        command.name = cmd_name
        return command

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the list for ``--help`` from the entry points, without importing a trainer."""
        if rows := [(name, point.value) for name, point in list_trainers().items()]:
            with formatter.section("Trainers"):
                formatter.write_dl(rows)
