"""One aligner at work: loaded once, then asked recording after recording, with an outcome for each.

`Session` runs it in this process; `align_bench.aligners.process.AlignerProcess` has the same methods and runs
it in another one. Neither ever sees a recording's ground truth.
"""

from __future__ import annotations

import json
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Thread
from typing import Any, Literal, Protocol, Self

from align_bench.aligners.base import Aligner, check_alignment, parameters, signature
from align_bench.aligners.commands import is_command, read_command
from align_bench.aligners.registry import kebab_case, load_aligner, name_of, preset, resolve
from align_bench.aligners.source import code_digest
from align_bench.errors import AlignBenchError, AlignerError
from align_bench.types import Alignment, Audio, Score

_LONGEST_REASON = 500


@dataclass(frozen=True)
class Plan:
    """Which aligner to load.

    Attributes
    ----------
    spec : str or None
        As for `align_bench.aligners.registry.load_aligner`; None if there is an ``instance``.
    parameters : mapping
        Constructor parameters that differ from their defaults.
    instance : Aligner or None
        An aligner made already.
    """

    spec: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    instance: Aligner | None = None

    def __str__(self) -> str:
        return self.spec or type(self.instance).__name__


@dataclass(frozen=True)
class Description:
    """What a loaded aligner says about itself; see `align_bench.results.AlignerInfo`."""

    name: str
    target: str
    parameters: dict[str, Any]
    checkpoint_sha256: str | None
    code_sha256: str | None
    trained_on: list[str]


@dataclass(frozen=True)
class Outcome:
    """What became of one alignment.

    Attributes
    ----------
    status : {"ok", "error", "timeout"}
    reason : str
        Empty if ``"ok"``.
    seconds : float or None
        Wall time of the alignment alone.
    audio_seconds : float or None
        Length of the recording, if it could be read.
    alignment : Alignment or None
        None unless ``"ok"``.
    audio_sha256, score_sha256 : str or None
        Of what was aligned, if it could be read.
    cold : bool
        The first alignment since the aligner was loaded.
    """

    status: Literal["ok", "error", "timeout"]
    reason: str = ""
    seconds: float | None = None
    audio_seconds: float | None = None
    alignment: Alignment | None = None
    audio_sha256: str | None = None
    score_sha256: str | None = None
    cold: bool = False


class Executor(Protocol):
    """What runs an aligner: `Session` or `align_bench.aligners.process.AlignerProcess`."""

    def load(self, plan: Plan) -> Description:
        """Load an aligner."""
        ...

    def align(self, load_score: Callable[[], Score], load_audio: Callable[[], Audio]) -> Outcome:
        """Read a recording and align it."""
        ...

    def close(self) -> None:
        """Let the aligner go."""
        ...


class Session:
    """Runs an aligner in this process: without limits, and a crash takes the harness with it."""

    def __init__(self) -> None:
        self._aligner: Aligner | None = None
        self._cold = True

    def load(self, plan: Plan) -> Description:
        """Load an aligner.

        Raises
        ------
        UsageError, AlignerError
            See `align_bench.aligners.registry.load_aligner`.
        """
        aligner = plan.instance or load_aligner(plan.spec or "", plan.parameters)
        self._aligner, self._cold = aligner, True
        return describe(plan, aligner)

    def align(self, load_score: Callable[[], Score], load_audio: Callable[[], Audio]) -> Outcome:
        """Read a recording and align it; whatever the reading or the plugin raises becomes the outcome.

        Parameters
        ----------
        load_score, load_audio : callable

        Returns
        -------
        Outcome
        """
        assert self._aligner is not None, "load comes first"
        facts: dict[str, Any] = {}
        begin = None
        try:
            score, audio = load_score(), load_audio()
            facts = {"audio_seconds": audio.duration, "cold": self._cold, "score_sha256": score.digest}
            self._cold = False
            # Beside the alignment: it takes 4 % of the time that a quick aligner does.
            hashing = Thread(target=getattr, args=(audio, "digest"))
            hashing.start()
            begin = time.perf_counter()
            try:
                alignment: object = self._aligner.align(score, audio)
                seconds = time.perf_counter() - begin
            finally:
                hashing.join()
                facts["audio_sha256"] = audio.digest
            checked = check_alignment(alignment, score, audio.duration)
            return Outcome("ok", "", seconds, alignment=checked, **facts)
        except (Exception, SystemExit) as error:
            if not isinstance(error, AlignBenchError):
                traceback.print_exc()
            spent = time.perf_counter() - begin if begin is not None else None
            return Outcome("error", reason_of(error), spent, **facts)

    def close(self) -> None:
        """Let the aligner go."""
        self._aligner = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def describe(plan: Plan, aligner: Aligner) -> Description:
    """Return what the record says of an aligner; parameters that differ from the defaults join its name.

    Raises
    ------
    AlignerError
        If the constructor does not store its parameters as they were given, or one is not JSON-able.
    """
    cls = type(aligner)
    values, defaults = parameters(aligner), signature(cls)
    if plan.spec:
        defaults |= preset(plan.spec)
    for name, value in values.items():
        _check_stored(cls.__name__, name, value)
    for name, given in ({} if plan.instance else {**defaults, **plan.parameters}).items():
        if values[name] != given:
            raise AlignerError(
                f"constructor of {cls.__name__} must store {name} as it was given, {given!r}, "
                f"got {values[name]!r}. Store it first, and derive what you need under another name."
            )
    changed = [f"{key}={value}" for key, value in values.items() if value != defaults[key]]
    trained_on = getattr(aligner, "trained_on", None) or ()
    checkpoint = getattr(aligner, "checkpoint_sha256", None)
    return Description(
        name="+".join([name_of(plan.spec, cls), *changed]),
        target=resolve(plan.spec) if plan.spec else f"{cls.__module__}:{cls.__qualname__}",
        parameters=values,
        checkpoint_sha256=str(checkpoint) if checkpoint else None,
        code_sha256=getattr(aligner, "code_sha256", None) or code_digest(cls),
        trained_on=[str(name) for name in trained_on],
    )


def _check_stored(cls: str, name: str, value: object) -> None:
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise AlignerError(f"parameter {name} of {cls} must be JSON-able, got {value!r}: {error}.") from error


def guessed_name(plan: Plan) -> str:
    """Return the name of an aligner that cannot be loaded, as far as its plan tells."""
    spec = plan.spec or type(plan.instance).__name__
    if plan.spec and is_command(spec):
        name = read_command(spec).name
    else:
        name = kebab_case(spec.rpartition(":")[2]) if ":" in spec or plan.spec is None else spec
    return "+".join([name, *(f"{key}={value}" for key, value in plan.parameters.items())])


def reason_of(error: BaseException) -> str:
    """Return an exception as one line: our own as they are, others with their type."""
    if isinstance(error, MemoryError):
        return f"out of memory: {error}"
    text = str(error) if isinstance(error, AlignBenchError) else f"{type(error).__name__}: {error}"
    return " ".join(text.split())[:_LONGEST_REASON]
