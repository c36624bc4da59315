"""Any program as an aligner: another language, MATLAB, a Vamp host, another Python environment.

A command such as ``./mine {score} {audio} {output}`` is run once for each recording, without a shell. The
words in braces become the names of files in a directory of its own; see `align_bench.aligners.exchange` for
what is in them. Whatever becomes of the program, the harness included, it and everything that it started are
ended and the directory is removed. Needs POSIX.
"""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path

from align_bench.aligners.exchange import (
    FORMATS,
    INPUTS,
    read_output,
    too_large,
    write_input,
)
from align_bench.aligners.program import Program, run_program
from align_bench.errors import AlignerError, InvalidInputError, UsageError, unknown_name
from align_bench.types import Alignment, Audio, Score

_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_KNOWN = (*INPUTS, "output")
_NEEDED = (("score", "score_csv", "score_wav"), ("audio", "audio_float"), ("output",))
_SHELL = ("|", ">", ">>", "<", "&&", "||", ";", "&")
_SCRIPT = re.compile(r".+\.(py|pl|js|mjs|rb|jl|R|m|sh|awk|lua|jar)")
_LONGEST = 100  # characters of a command in a message
_REASON_LINES, _REASON_CHARACTERS = 3, 300


class Executable:
    """Run a command for each recording and read what it wrote.

    Parameters
    ----------
    command : str
        Words as in a shell, with ``{output}``, ``{audio}`` or ``{audio_float}``, and ``{score}``,
        ``{score_csv}`` or ``{score_wav}``.
    python : str, optional
        The interpreter, or the directory of a virtual environment; the command is then its arguments.
    environment : mapping of str to str, optional
        Variables to be set.
    directory : str, optional
        Where the command runs; relative names of programs and files begin there.
    format : {"csv", "instants", "svl", "midi"}, optional
        What it writes; see `align_bench.aligners.exchange.read_output`.
    trained_on : list of str, optional
        Recordings or pieces that it has learnt from.

    Raises
    ------
    UsageError
        If the command or another parameter does not fit.
    AlignerError
        If there is no such program.
    """

    def __init__(
        self,
        command: str = "",
        python: str = "",
        environment: Mapping[str, str] | None = None,
        directory: str = ".",
        format: str = "csv",
        trained_on: Sequence[str] | None = None,
    ) -> None:
        self.command = command
        self.python = python
        self.environment = environment
        self.directory = directory
        self.format = format
        self.trained_on = trained_on
        self._where = command if len(command) <= _LONGEST else f"{command[:_LONGEST]}..."  # for messages
        self._words = split_command(command)
        if format not in FORMATS:
            raise unknown_name("format", format, FORMATS)
        if environment is not None and not (
            isinstance(environment, Mapping) and all(isinstance(value, str) for value in environment.values())
        ):
            raise UsageError(f"environment must be a table of texts, got {environment!r} ({self._where}).")
        if trained_on is not None and not (
            isinstance(trained_on, list | tuple) and all(isinstance(name, str) for name in trained_on)
        ):
            raise UsageError(f"trained_on must be a list of texts, got {trained_on!r} ({self._where}).")
        self._base = Path(directory).expanduser().absolute()
        if not self._base.is_dir():
            raise AlignerError(f"directory must exist, got {directory!r} ({self._where}).")
        self._variables = dict(os.environ)
        if python:
            for name in ("PYTHONPATH", "PYTHONHOME"):  # these are for our Python, not for that one
                self._variables.pop(name, None)
            interpreter = self._base / Path(python).expanduser()
            if interpreter.is_dir():
                interpreter /= "bin/python"
            self._words.insert(0, str(interpreter))
        self._variables |= environment or {}
        self._words[0] = self._find(self._words[0])

    @cached_property
    def code_sha256(self) -> str:
        """SHA-256 of the program's file; if the command names other files too, over all their hashes."""
        files = [self._base / word for word in self._words]
        hashes = [_sha256(file) for file in files if os.path.isfile(file)]  # no file name may be too long
        return hashes[0] if len(hashes) == 1 else hashlib.sha256("\n".join(hashes).encode()).hexdigest()

    def align(self, score: Score, audio: Audio) -> Alignment:
        """Run the program; see `align_bench.aligners.base.Aligner`.

        Raises
        ------
        AlignerError
            If it cannot be started, fails, or writes no time map of this score.
        """
        with tempfile.TemporaryDirectory(prefix="align-bench-") as name:
            folder = Path(name)
            files = {key: folder / file for key, file in INPUTS.items()}
            files["output"] = folder / FORMATS[self.format]
            asked = {key for word in self._words for key in _PLACEHOLDER.findall(word)} & INPUTS.keys()

            def prepare() -> None:
                for key in asked:
                    write_input(key, files[key], score, audio)

            try:
                self._run(files, folder, prepare)
                return read_output(files["output"], self.format, score, f"{self.format} of {self._where}")
            except InvalidInputError as error:
                raise AlignerError(str(error)) from error

    def _run(self, files: Mapping[str, Path], folder: Path, prepare: Callable[[], None]) -> None:
        words = [
            _PLACEHOLDER.sub(lambda found: str(files.get(found[1], found[0])), word) for word in self._words
        ]
        program = Program(words, self._base, self._variables)
        code, printed = run_program(program, folder, files["output"], prepare)
        if code is None:
            raise too_large(self._where)
        if code:
            raise AlignerError(
                f"program must end with exit code 0, got {code if code > 0 else f'signal {-code}'} "
                f"({self._where}): {_last_lines(printed)}"
            )

    def _find(self, program: str) -> str:
        """Return the path of the program."""
        if "/" not in program:
            if found := shutil.which(program, path=self._variables.get("PATH")):
                return str(Path(found).absolute())
            near = get_close_matches(program, _programs(self._variables.get("PATH", "")), n=1)
            if (self._base / program).is_file():
                near = [f"./{program}"]
            raise _missing(program, "which is not on PATH", self._where, near)
        path = self._base / Path(program).expanduser()
        if not path.is_file():
            beside = [file.name for file in path.parent.iterdir()] if path.parent.is_dir() else []
            names = get_close_matches(path.name, beside, n=1)
            near = [f"{program.rpartition('/')[0]}/{name}" for name in names]
            raise _missing(program, "which does not exist", self._where, near)
        if not os.access(path, os.X_OK):
            raise AlignerError(
                f"program must be executable, got {program!r}, which is not ({self._where}). "
                f"Run chmod +x {program}, or put its interpreter in front."
            )
        return str(path)


def split_command(command: str) -> list[str]:
    """Return the words of a command with its placeholders in them.

    Raises
    ------
    UsageError
        If it is empty, has an open quotation or words for a shell, or lacks or misspells a placeholder.
    """
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise UsageError(f"command must be words as in a shell, got {error} ({command}).") from error
    for word in words:
        if word in _SHELL:
            raise UsageError(
                f"command must be one program, got {word!r} ({command}). It runs without a shell: put it "
                f"into a script, or into sh -c '...'."
            )
    found = {name for word in words for name in _PLACEHOLDER.findall(word)}
    for name in sorted(found - set(_KNOWN)):
        if get_close_matches(name.lower(), _KNOWN, n=1):  # other braces may be the program's own
            raise unknown_name("placeholder", name, _KNOWN)
    for choice in _NEEDED:
        if not found.intersection(choice):
            wanted = " or ".join(f"{{{name}}}" for name in choice)
            raise UsageError(
                f"command must have {wanted}, got {command!r}. "
                f"An example: ./mine {{score}} {{audio}} {{output}}."
            )
    return words


def program_name(command: str) -> str:
    """Return a kebab-case name for a command: that of its script or of its program."""
    words = shlex.split(command)
    script = next((word for word in words if _SCRIPT.fullmatch(word)), words[0])
    return re.sub(r"[^a-z0-9]+", "-", Path(script).stem.lower()).strip("-") or "cmd"


def _last_lines(tail: bytes) -> str:
    lines = [line.strip() for line in tail.decode(errors="replace").splitlines() if line.strip()]
    return " / ".join(lines[-_REASON_LINES:])[-_REASON_CHARACTERS:] or "it printed nothing"


def _missing(program: str, why: str, command: str, near: list[str]) -> AlignerError:
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return AlignerError(f"program must be an executable file, got {program!r}, {why} ({command}).{hint}")


def _programs(path: str) -> list[str]:
    names: set[str] = set()
    for folder in path.split(os.pathsep):
        try:
            names.update(os.listdir(folder))
        except OSError:
            continue
    return sorted(names)


def _sha256(file: Path) -> str:
    with file.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
