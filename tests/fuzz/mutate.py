"""Shipped cards, plans and tables, with one or several things in them made wrong."""

from __future__ import annotations

import copy
import datetime as dt
import math
from random import Random
from typing import Any

NUMBERS: tuple[Any, ...] = (
    *(0, -1, 1, 2, 7, 10**6, 10**18, 2**63, -(2**63), 10**400, -(10**400)),
    *(0.0, -0.0, 0.5, 1.0, 1.5, -1e-300, 1e-300, 1e308, -1e308, math.inf, -math.inf, math.nan),
)
TEXTS: tuple[str, ...] = (
    *("", " ", "\u200b", "a", "A" * 5_000, "../../etc/passwd", "/", ".", "name\nname", "a\tb", "=1+1", "@x", "-", "0"),
    *("<script>alert(1)</script>", "{{ x }}", "%s", "é", "\u202eabc", "area", "imd_decile", "ethnicity", "population"),
    *("binomial", "poisson", "icar", "bym2", "fixed", "linear", "worse", "nan", "inf", "1e400", "None", "true"),
)
OTHERS: tuple[Any, ...] = (
    *(True, False, [], [[]], {}, {"a": 1}, [1, "a"], ["a", "a"], [math.nan], [{}], {"value": []}, [0.1, 0.2]),
    *(dt.date(2020, 1, 1), dt.datetime(2020, 1, 1, 1, 1), dt.time(1, 1)),
)


def strange(random: Random) -> Any:
    """Any value that a TOML file can hold."""
    return random.choice(random.choice((NUMBERS, TEXTS, OTHERS)))


def mutated(document: dict[str, Any], random: Random, most: int = 2) -> dict[str, Any]:
    """A copy in which up to so many values, keys or tables are another, gone, doubled or moved."""
    changed = copy.deepcopy(document)
    for _ in range(random.randint(1, most)):
        places = list(_places(changed))
        if not places:
            break
        holder, key = random.choice(places)
        what = random.random()
        if what < 0.65:
            holder[key] = strange(random)
        elif what < 0.8:
            del holder[key]
        elif isinstance(holder, dict):
            name = random.choice([*TEXTS, *(k for _, k in places if isinstance(k, str))])
            holder[name] = strange(random) if random.random() < 0.5 else holder[key]
        else:
            holder.append(copy.deepcopy(holder[key]))
    return changed


def _places(value: Any) -> Any:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in list(items):
        yield value, key
        yield from _places(inner)


def to_toml(document: dict[str, Any]) -> str:
    """Write a document as TOML, tables inline."""
    return "\n".join(f"{_quoted(key)} = {_value(value)}" for key, value in document.items()) + "\n"


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return "nan" if math.isnan(value) else repr(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, (dt.datetime, dt.date, dt.time)):
        return value.isoformat()
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_quoted(k)} = {_value(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    return _quoted(value)


def _quoted(text: Any) -> str:
    escaped = "".join(c if c >= " " and c not in '"\\\x7f' else f"\\u{ord(c):04x}" for c in str(text))
    return f'"{escaped}"'


def mutated_rows(
    header: list[str], rows: list[list[str]], random: Random, most: int = 3
) -> tuple[list[str], list[Any]]:
    """A copy of a table of texts in which cells, rows or columns are others, gone, doubled or moved."""
    header, rows = list(header), [list(row) for row in rows]
    for _ in range(random.randint(1, most)):
        row, column = random.randrange(len(rows)) if rows else 0, random.randrange(len(header))
        what = random.random()
        if what < 0.5 and rows:
            rows[row][column % len(rows[row])] = random.choice([*TEXTS, *map(str, NUMBERS), "1,5", '"', "N/A", "*"])
        elif what < 0.6 and rows:
            rows.append(list(rows[row]))
        elif what < 0.7 and rows:
            del rows[row]
        elif what < 0.8:
            header[column] = random.choice([*TEXTS, *header])
        elif what < 0.9 and rows:
            text = random.choice([*TEXTS, *map(str, NUMBERS)])
            for cells in rows:
                cells[column % len(cells)] = text
        else:
            random.shuffle(header)
    return header, rows


def noise(content: bytes, random: Random, most: int = 4) -> bytes:
    """A copy with some bytes other, gone, doubled or put elsewhere, or cut short."""
    changed = bytearray(content)
    for _ in range(random.randint(1, most)):
        at = random.randrange(len(changed) + 1)
        what = random.random()
        if what < 0.4:
            changed[at : at + random.randint(1, 4)] = random.randbytes(random.randint(0, 4))
        elif what < 0.55:
            del changed[at:]
        elif what < 0.7:
            del changed[at : at + random.randint(1, 400)]
        elif what < 0.85:
            changed[at:at] = changed[random.randrange(len(changed) + 1) :][: random.randint(1, 400)]
        else:
            changed[at:at] = random.choice(
                (b'"', b"\x00", b"\r", b"\n", b"\xff\xfe", b"\xef\xbb\xbf", b",", b"'", b"\x1a")
            )
    return bytes(changed)
