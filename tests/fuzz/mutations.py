"""Damaged copies of valid files: of their bytes, of their numbers and lines, and of what is inside them.

Every copy follows from its number alone, so that one that finds a bug can be made again.
"""

from __future__ import annotations

import io
import json
import re
import struct
import zipfile
from collections.abc import Callable, Sequence
from copy import deepcopy
from random import Random
from typing import Any

Mutation = Callable[[bytes, Random], bytes]

WORDS = [
    b"",
    b"0",
    b"-1",
    b"nan",
    b"inf",
    b"-inf",
    b"1e308",
    b"1e-308",
    b"1e999",
    b"9" * 40,
    b"9" * 5000,
    b"1_0",
    "٣".encode(),
    b"\x00",
    b"\xff",
    b"\xef\xbb\xbf",
    b"../../x",
    b"\r",
    b"'",
    b'"',
    b"<x>",
    b"0x10",
    b"True",
]
NUMBERS = [0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF]
VALUES: list[Any] = [
    None,
    True,
    0,
    -1,
    1e308,
    10**400,
    float("nan"),
    float("inf"),
    "",
    "x" * 1000,
    "\ud800",
    "\0",
    "../../etc/passwd",
    "<script>alert(1)</script>",
    [],
    {},
    [[]],
    {"a": None},
    2**63,
]


def of_bytes(data: bytes, random: Random) -> bytes:
    """Change, drop, repeat or move a few bytes, or write a striking number over them."""
    content = bytearray(data)
    for _ in range(random.choice((1, 1, 2, 4, 16))):
        at = random.randrange(len(content) + 1)
        length = min(random.choice((1, 1, 2, 4, 8, 64, 512)), len(content) - at)
        kind = random.randrange(7)
        if kind == 0 and length:
            content[at] ^= 1 << random.randrange(8)
        elif kind == 1:
            content[at : at + length] = random.randbytes(length)
        elif kind == 2:
            del content[at : at + length]
        elif kind == 3:
            content[at:at] = content[at : at + length] * random.choice((1, 1, 2, 50))
        elif kind == 4:
            form = random.choice("<>") + random.choice("BHIQ")
            new = struct.pack(form, random.choice(NUMBERS) & (256 ** struct.calcsize(form) - 1))
            content[at : at + len(new)] = new
        elif kind == 5:
            content[at : at + length] = random.choice(WORDS)
        elif random.random() < 0.1:
            del content[at:]
    return bytes(content)


def of_text(data: bytes, random: Random) -> bytes:
    """Put strange words where numbers or words are, and drop, repeat or swap lines."""
    for _ in range(random.choice((1, 1, 2, 5))):
        kind = random.randrange(5)
        if kind < 2:
            found = list(re.finditer(rb"-?\d+(\.\d+)?" if kind else rb"[A-Za-z_]+", data))
            if found:
                place = random.choice(found)
                data = data[: place.start()] + random.choice(WORDS) + data[place.end() :]
            continue
        lines = data.splitlines(keepends=True) or [b""]
        at, other = random.randrange(len(lines)), random.randrange(len(lines))
        if kind == 2:
            del lines[at]
        elif kind == 3:
            lines[at:at] = [lines[other]] * random.choice((1, 2, 100))
        else:
            lines[at], lines[other] = lines[other], lines[at]
        data = b"".join(lines)
    return data


def of_markup(data: bytes, random: Random) -> bytes:
    """Drop, repeat, move, nest or rename whole elements."""
    for _ in range(random.choice((1, 1, 2, 4))):
        elements = list(re.finditer(rb"<(\w[\w-]*)[^<>]*?(/>|>[^<>]*</\1>)", data))
        if not elements:
            return data
        here, there = random.choice(elements), random.choice(elements)
        element = here[0]
        new = random.choice(
            (
                b"",
                element * 2,
                element * 200,
                there[0],
                b"<x>" * 500 + element + b"</x>" * 500,
                element.replace(here[1], there[1]),
                element[: -len(here[1]) - 3] + there[0] + element[-len(here[1]) - 3 :],
            )
        )
        data = data[: here.start()] + new + data[here.end() :]
    return data


def of_json(data: bytes, random: Random) -> bytes:
    """Put a strange value somewhere into JSON, or take or move a part."""
    content = json.loads(data)
    for _ in range(random.choice((1, 1, 2, 4))):
        nodes = list(_nodes(content))
        if not nodes:
            break
        parent, key = random.choice(nodes)
        kind = random.randrange(4)
        if kind == 0:
            del parent[key]
        elif kind == 1:
            other, place = random.choice(nodes)
            parent[key] = json.loads(json.dumps(other[place])) if place in _keys(other) else None
        elif kind == 2 and isinstance(parent, dict):
            parent[random.choice(("", "x", "\ud800", key + "x"))] = parent.pop(key)
        else:
            parent[key] = deepcopy(random.choice(VALUES))  # which later changes may go into
    return json.dumps(content).encode()


def _keys(node: Any) -> Sequence[Any]:
    return list(node) if isinstance(node, dict) else range(len(node))


def _nodes(node: Any) -> Any:
    """Yield (parent, key) of everything inside."""
    if isinstance(node, dict | list):
        for key in _keys(node):
            yield node, key
            yield from _nodes(node[key])


def of_json_lines(data: bytes, random: Random) -> bytes:
    """Damage one line of a file of JSON lines."""
    lines = data.splitlines()
    at = random.randrange(len(lines))
    lines[at] = of_json(lines[at], random)
    return b"\n".join([*lines, b""])


def of_zip(data: bytes, random: Random) -> bytes:
    """Damage what is inside a zip, its names or its kind of compression, and pack it again."""
    packed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old:
        members = [(name, old.read(name)) for name in old.namelist()]
    method = random.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA))
    with zipfile.ZipFile(packed, "w", method) as new:
        for name, content in members:
            if random.random() < 0.1:
                name = (
                    random.choice(("../", "/", "..\\", "a/../../", "META-INF/", "\u0416", "x" * 300)) + name
                )
            if random.random() < 0.7:
                content = random.choice((of_bytes, of_text, of_markup))(content, random)
            new.writestr(name, content)
    return of_bytes(packed.getvalue(), random) if random.random() < 0.5 else packed.getvalue()


def of_safetensors(data: bytes, random: Random) -> bytes:
    """Damage the header of a safetensors file, or the card inside it."""
    (length,) = struct.unpack("<Q", data[:8])
    header, rest = json.loads(data[8 : 8 + length]), data[8 + length :]
    metadata = header["__metadata__"]
    if random.random() < 0.6:
        damage = random.choice((of_json, of_json, of_text))
        card = damage(metadata["card"].encode(), random)
        metadata["card"] = card.decode(errors="replace")
        changed = json.dumps(header).encode()
    else:
        changed = of_json(json.dumps(header).encode(), random)
    size = len(changed) if random.random() < 0.95 else random.choice(NUMBERS)
    return struct.pack("<Q", size) + changed + rest


def mutate(seeds: Sequence[bytes], mutations: Sequence[Mutation], number: int) -> bytes:
    """Return the damaged copy of a number: of one seed, or of two seeds spliced together."""
    random = Random(number)
    data = random.choice(seeds)
    if random.random() < 0.03:
        other = random.choice(seeds)
        data = data[: random.randrange(len(data))] + other[random.randrange(len(other)) :]
        return of_bytes(data, random)
    data = random.choice(mutations)(data, random)
    return of_bytes(data, random) if random.random() < 0.1 else data
