"""Tables as one HTML page that needs nothing else: no other file, no network.

Names come from plugins and from files. jinja2 escapes whatever it inserts, and the page's policy lets no
script run but its own, which sorts tables.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from importlib.resources import files
from math import log

from align_bench.leaderboard.layout import Curve, Table

_WIDTH, _HEIGHT = 720, 400
_LEFT, _RIGHT, _TOP, _BOTTOM = 48, 704, 30, 356
_N_COLOURS, _N_DASHES = 8, 3


@dataclass(frozen=True)
class _Tick:
    at: float
    text: str


@dataclass(frozen=True)
class _Line:
    label: str
    style: str
    points: str


@dataclass(frozen=True)
class _Drawing:
    """Curves in the coordinates of the page: tolerances on a logarithmic axis, 0 to 100 % upwards."""

    lines: list[_Line]
    down: list[_Tick]
    across: list[_Tick]
    width: int = _WIDTH
    height: int = _HEIGHT
    left: int = _LEFT
    right: int = _RIGHT
    top: int = _TOP
    bottom: int = _BOTTOM


def page(tables: Sequence[Table]) -> str:
    """Write tables one below the other, as a page.

    Parameters
    ----------
    tables : sequence of Table

    Returns
    -------
    str
        ASCII, so that it is the same page in whatever encoding it is saved.
    """
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    style, script = _file("page.css"), _file("page.js")
    policy = f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; base-uri 'none'"
    environment = Environment(autoescape=True, undefined=StrictUndefined, keep_trailing_newline=True)
    text = environment.from_string(_file("page.html.jinja")).render(
        tables=list(tables),
        draw=_draw,
        policy=policy,
        style=Markup(style),  # ours, not to be escaped
        script=Markup(script),
        version=version("align-bench"),
    )
    return text.encode("ascii", "xmlcharrefreplace").decode()


def _file(name: str) -> str:
    return (files(__package__) / name).read_text(encoding="ascii")


def _hash(content: str) -> str:
    """Return what a policy calls a text that it allows."""
    return f"'sha256-{b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"


def _draw(curves: Sequence[Curve]) -> _Drawing:
    places = sorted({x for curve in curves for x, _ in curve.points})
    low, high = log(places[0]), log(places[-1])

    def across(x: float) -> float:
        share = (log(x) - low) / (high - low) if high > low else 0.5
        return round(_LEFT + share * (_RIGHT - _LEFT), 1)

    def up(percent: float) -> float:
        return round(_BOTTOM - percent / 100 * (_BOTTOM - _TOP), 1)

    lines = [
        _Line(
            curve.label,
            f"c{k % _N_COLOURS} dash{k // _N_COLOURS % _N_DASHES}",
            " ".join(f"{across(x)},{up(y)}" for x, y in curve.points),
        )
        for k, curve in enumerate(curves)
    ]
    return _Drawing(
        lines,
        [_Tick(across(x), f"{x:g}") for x in places],
        [_Tick(up(percent), str(percent)) for percent in range(0, 101, 20)],
    )
