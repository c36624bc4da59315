"""The page is parsed again: its cells, its curves, and that nothing in it comes from elsewhere or runs."""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from html.parser import HTMLParser
from itertools import pairwise

import pytest
from test_leaderboard_tables import make

from align_bench.leaderboard import leaderboard, table1
from align_bench.leaderboard.html import page
from align_bench.leaderboard.layout import Curve, Table

TAGS = (
    "html head meta title style body h1 h2 nav a section div table thead tbody tr th td button ul li figure "
    "figcaption svg line text polyline details summary footer script"
)
HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'-alert(1)-'",
    "</title></style></script><script>alert(1)</script>",
    "{{ 7 * 7 }}{% raw %}",
    "javascript:alert(1)",
    "&lt;b&gt;\x1b[2J\x00",
]


class Page(HTMLParser):
    """What is in a page: tags with their attributes, cells by table, the text of each kind of tag."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.tables: list[list[list[str]]] = []
        self.texts: dict[str, list[str]] = {}
        self._open: list[str] = []
        self.feed(text)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")
        if tag != "meta":
            self._open.append(tag)
            self.texts.setdefault(tag, []).append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open:
            self.texts[self._open[-1]][-1] += data
        if {"td", "th"}.intersection(self._open):
            self.tables[-1][-1][-1] += data


def numbers(polyline: dict[str, str | None]) -> list[tuple[float, float]]:
    return [tuple(map(float, pair.split(","))) for pair in (polyline["points"] or "").split()]  # type: ignore[misc]


def test_the_page_has_the_cells_of_the_text() -> None:
    records = [make("good", 0.0), make("late", 0.03, fails=(1,))]
    found = Page(leaderboard(records, "html"))
    main = found.tables[0]
    assert main[0][:2] == ["aligner", "ok"]
    assert [row[:2] for row in main[1:]] == [["good", "8/8"], ["late", "7/8"]]
    text = leaderboard(records)
    for cell in main[1] + main[2]:
        assert cell in text
    assert found.texts["h2"] == [
        "set: 8 recordings of 8 pieces",
        "set by condition: % of onsets within 50 ms",
    ]


def test_what_failed_and_where_rows_come_from_is_folded_away() -> None:
    late = make("late", 0.03, fails=(1, 2)).model_copy(
        update={"commit": "c" * 40, "command": "align-bench run"}
    )
    found = Page(leaderboard([make("good", 0.0), late], "html"))
    assert found.texts["summary"] == ["set: what failed, and why", "set: where the rows come from"]
    failed, made = found.tables[2:]
    assert failed[1:] == [["late", "r1", "error", "it raised"], ["late", "r2", "error", "it raised"]]
    assert [made[2][0], made[2][3], made[2][6]] == ["late", "c" * 12, "align-bench run"]
    assert "what failed" not in leaderboard([make("good", 0.0)], "html")


def test_each_dataset_has_its_own_asides() -> None:
    records = [make("a", 0.0, dataset="one"), make("b", 0.0, dataset="two")]
    found = Page(leaderboard(records, "html"))
    made = [rows[1:] for rows in found.tables if "commit" in rows[0]]
    assert [[row[0] for row in rows] for rows in made] == [["a"], ["b"]]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_with_script_in_it_is_text(name: str) -> None:
    record = make(name, 0.0, dataset=name, fails=(0,), parameters={"x": name}, truth=name)
    rows = [row.model_copy(update={"id": name, "reason": name, "piece": name}) for row in record.recordings]
    rows[1] = rows[1].model_copy(update={"metadata": {"condition": name}})
    record = record.model_copy(update={"recordings": rows, "platform": name, "commit": name, "command": name})
    text = leaderboard([record], "html")
    found = Page(text)
    assert {tag for tag, _ in found.tags} <= set(TAGS.split())
    assert sum(tag == "script" for tag, _ in found.tags) == 1
    assert not [
        key for _, attributes in found.tags for key in attributes if key.startswith("on") or key == "src"
    ]
    shown = re.sub(r"[\x00-\x1f]", "", name)
    assert found.tables[0][1][0] == shown
    assert found.texts["h2"][0].startswith(shown)
    assert shown in found.tables[2][1]


def test_no_script_runs_but_the_one_that_sorts() -> None:
    found = Page(leaderboard([make("a", 0.0)], "html"))
    policies = [attributes for tag, attributes in found.tags if tag == "meta" and "http-equiv" in attributes]
    policy = policies[0]["content"] or ""
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    for tag in ("script", "style"):
        digest = b64encode(hashlib.sha256(found.texts[tag][0].encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy


def test_the_page_is_alone() -> None:
    text = leaderboard([make("a", 0.0), make("b", 0.01, dataset="other")], "html")
    assert text.isascii()
    assert "http:" not in text
    assert "https:" not in text
    found = Page(text)
    links = [attributes["href"] or "" for tag, attributes in found.tags if tag == "a"]
    ids = [attributes["id"] for _, attributes in found.tags if "id" in attributes]
    assert links
    assert all(link[0] == "#" and link[1:] in ids for link in links)
    assert len(set(ids)) == len(ids)


def test_curves_by_hand() -> None:
    table = Table("t", ["a"], [["x"]], curves=[Curve("x", [(10, 0.0), (100, 50.0), (1000, 100.0)])])
    (line,) = [attributes for tag, attributes in Page(page([table])).tags if tag == "polyline"]
    (x0, y0), (x1, y1), (x2, y2) = numbers(line)
    assert (x0, x2) == (48, 704)
    assert (y0, y2) == (356, 30)
    assert (x1, y1) == pytest.approx(((48 + 704) / 2, (356 + 30) / 2))


def test_curves_are_those_of_the_records_and_each_looks_its_own() -> None:
    names = [f"a{k:02d}" for k in range(24)]
    found = Page(leaderboard([make(name, 0.01 * k) for k, name in enumerate(names)], "html"))
    lines = [attributes for tag, attributes in found.tags if tag == "polyline"]
    assert len({line["class"] for line in lines}) == len(names)
    assert found.texts["title"][1:] == names
    best = numbers(lines[0])
    assert len(best) == 9
    assert best[-1][1] == 30  # all onsets are within two seconds
    assert all(a[1] >= b[1] for a, b in pairwise(best))


def test_a_single_tolerance_and_no_records_at_all_are_pages_too() -> None:
    assert len(Page(page([Table("t", ["a"], [["x"]], curves=[Curve("x", [(50, 10.0)])])])).tables) == 1
    assert Page(page([])).tables == []


def test_table_1_is_a_page_too() -> None:
    found = Page(table1([make("siamese-cqt-distance", 0.0)], "html"))
    assert found.tables[0][0][:3] == ["aligner", "decoder", "as reported"]
