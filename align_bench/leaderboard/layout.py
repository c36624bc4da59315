"""Tables as text, Markdown, LaTeX or HTML; what stands in their cells is decided elsewhere.

Cells are plain text. Names come from plugins and from files, so each format escapes what would mean
something in it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from textwrap import wrap

from tabulate import tabulate

from align_bench.errors import unknown_name

MISSING = "–"

_LATEX = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "|": r"\textbar{}",
        **{character: "\\" + character for character in "&%$#_{}"},
        "†": r"$^\dagger$",
        "‡": r"$^\ddagger$",
        "≈": r"$\approx$",
        "≤": r"$\leq$",
        "–": "--",
    }
)
# A name from a file must not drive the reader's terminal.
_CONTROL = str.maketrans(dict.fromkeys((*range(32), *range(127, 160)), ""))
_MARKDOWN = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", **{character: "\\" + character for character in "\\|*_`"}}
)


@dataclass(frozen=True)
class Curve:
    """A line to be drawn.

    Attributes
    ----------
    label : str
    points : sequence of (float, float)
        Tolerance in milliseconds, > 0 and ascending, and percent.
    """

    label: str
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Table:
    """A table that is laid out, but not yet in any format.

    Attributes
    ----------
    title : str
    header : sequence of str
    rows : sequence of sequence of str
        Each as long as the header.
    notes : sequence of str
        Sentences below it.
    n_labels : int
        The first columns, which hold names and are set flush left; numbers are set flush right.
    curves : sequence of Curve
        To be drawn below it, in the formats that can.
    aside : bool
        For those who want to know more: folded away in the formats that can.
    """

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = ()
    n_labels: int = 1
    curves: Sequence[Curve] = ()
    aside: bool = False

    def translated(self, characters: Mapping[int, str]) -> Table:
        """Return the same table with characters replaced, as `str.translate` does."""

        def escape(texts: Sequence[str]) -> list[str]:
            return [text.translate(characters) for text in texts]

        return replace(
            self,
            title=self.title.translate(characters),
            header=escape(self.header),
            rows=[escape(row) for row in self.rows],
            notes=escape(self.notes),
            curves=[replace(curve, label=curve.label.translate(characters)) for curve in self.curves],
        )

    @property
    def alignment(self) -> list[str]:
        """``"left"`` or ``"right"`` for each column."""
        return ["left"] * self.n_labels + ["right"] * (len(self.header) - self.n_labels)


def render(tables: Sequence[Table], form: str) -> str:
    """Write tables one below the other.

    Parameters
    ----------
    tables : sequence of Table
    form : {"text", "markdown", "latex", "html"}

    Returns
    -------
    str
        Ends with a line break.

    Raises
    ------
    UsageError
        If there is no such format.
    """
    if form not in FORMATS:
        raise unknown_name("format", form, FORMATS)
    return FORMATS[form](tables)


def number(value: float | None, digits: int = 1, scale: float = 1.0) -> str:
    """Return a number times ``scale`` for people, or a dash where there is none."""
    # Adding 0.0 turns -0.0 into 0.0.
    return MISSING if value is None else f"{round(value * scale, digits) + 0.0:.{digits}f}"


def printable(text: str) -> str:
    """Return a text without control characters."""
    return text.translate(_CONTROL)


def _grid(table: Table, form: str) -> str:
    return tabulate(table.rows, table.header, tablefmt=form, disable_numparse=True, colalign=table.alignment)


def _text(table: Table) -> str:
    table = table.translated(_CONTROL)
    columns = zip(table.header, *table.rows, strict=True)
    widths = [max(map(len, cells), default=0) for _, *cells in columns]
    # Long headings would make a wide table of short numbers.
    header = [
        "\n".join(wrap(text, max(width, 7), break_long_words=False))
        for text, width in zip(table.header, widths, strict=True)
    ]
    grid = _grid(replace(table, header=header), "simple")
    return "\n".join([table.title, "", grid, "", *table.notes]).rstrip()


def _markdown(table: Table) -> str:
    table = table.translated(_CONTROL).translated(_MARKDOWN)
    notes = [f"- {note}" for note in table.notes]
    return "\n".join([f"### {table.title}", "", _grid(table, "pipe"), "", *notes]).rstrip()


def _latex(table: Table) -> str:
    label = "".join(c if c.isalnum() and c.isascii() else "-" for c in table.title.split(":")[0].lower())
    table = table.translated(_CONTROL).translated(_LATEX)
    columns = "".join(side[0] for side in table.alignment)
    lines = [" & ".join(row) + r" \\" for row in (table.header, *table.rows)]
    # A bracket right after \\ would be read as its argument.
    lines = [f"{{}}{line}" if line.startswith("[") else line for line in lines]
    caption = " ".join([f"{table.title}.", *table.notes])
    return "\n".join(
        [
            r"% needs \usepackage{booktabs}",
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{caption}}}",
            rf"\label{{tab:{label}}}",
            rf"\begin{{tabular}}{{{columns}}}",
            r"\toprule",
            lines[0],
            r"\midrule",
            *lines[1:],
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
        ]
    )


def _html(tables: Sequence[Table]) -> str:
    from align_bench.leaderboard.html import page

    return page([table.translated(_CONTROL) for table in tables])


def _each(write: Callable[[Table], str]) -> Callable[[Sequence[Table]], str]:
    return lambda tables: "\n\n".join(map(write, tables)) + "\n"


FORMATS: Mapping[str, Callable[[Sequence[Table]], str]] = {
    "text": _each(_text),
    "markdown": _each(_markdown),
    "latex": _each(_latex),
    "html": _html,
}
