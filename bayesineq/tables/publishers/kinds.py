"""Kinds of published files, described as data: how one is told, what its columns mean, what its signs stand for."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final, Literal

from bayesineq.shipped import folder
from bayesineq.tables.codes import code_list
from bayesineq.tables.intervals import Ends

type Role = Literal["area", "code", "name", "group", "count", "number", "period", "note", "text"]
type End = Literal["lowest", "highest", ""]

SIGNS: Final = ("*", "c", "[c]", "-")
"""Signs of UK official statistics, which mean one thing to one publisher and another to the next."""

KEYS: Final = ("area", "code", "group", "period")
"""Roles of columns that say of whom and when a row is."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a tidy table: patterns of its published title, the likeliest first, and what it means."""

    name: str
    title: tuple[str, ...]
    role: Role
    means: str
    unit: str = ""
    most_deprived: End = ""
    total: tuple[str, ...] = ()
    optional: bool = False

    def among(self, titles: Sequence[str]) -> list[str]:
        """Titles that match the first of the patterns that any title matches."""
        of_each = ([t for t in titles if re.fullmatch(pattern, t, re.IGNORECASE)] for pattern in self.title)
        return next(filter(None, of_each), [])


@dataclass(frozen=True, slots=True)
class Wide:
    """Titles that hold groups, by the named groups of a pattern: they become rows, or columns where `across` says."""

    titles: str
    value: Column
    across: str = ""
    columns: Mapping[str, Column] = field(default_factory=dict)

    def groups(self, title: str) -> dict[str, str] | None:
        """Groups that a title holds, by their names; None where it holds none."""
        found = re.fullmatch(self.titles, title, re.IGNORECASE)
        return None if found is None else {name: text or "" for name, text in found.groupdict().items()}


@dataclass(frozen=True, slots=True)
class Limits:
    """Columns of confidence limits, and the probability that they hold."""

    value: str
    prob: float
    lower: str
    upper: str
    by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FileKind:
    """One kind of file of one publisher."""

    kind: str
    name: str
    publisher: str
    holds: tuple[str, ...]
    next: str
    columns: tuple[Column, ...] = ()
    lacks: tuple[str, ...] = ()
    wide: Wide | None = None
    layout: str = ""
    sheet: str = ""
    above: str = ""
    within: str = ""
    spelt: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    small: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    one_level: bool = False
    signs: Mapping[str, Ends | None] = field(default_factory=dict)
    base: int = 1
    choose: tuple[str, ...] = ()
    adds_up: tuple[str, ...] = ()
    withheld: str = ""
    untitled: tuple[str, ...] = ()
    tells: Mapping[str, str] = field(default_factory=dict)
    limits: Limits | None = None
    vintage: str = ""
    notes: tuple[str, ...] = ()

    def fits(self, titles: Sequence[str], around: str) -> bool:
        """Whether a row of titles is that of this kind, under such words: the name of its sheet, lines above it."""
        if not all(_any(pattern, titles) for pattern in self.holds) or any(_any(lack, titles) for lack in self.lacks):
            return False
        return re.search(self.within, around, re.IGNORECASE) is not None

    def fits_untitled(self, row: Sequence[str]) -> bool:
        """Whether the first row of a file without titles is one of this kind's, by the form of some of its cells."""
        if not self.untitled or len(row) != len(self.untitled):
            return False
        cells = dict(zip(self.untitled, row, strict=True))
        return all(re.fullmatch(form, cells[name]) for name, form in self.tells.items())


def _any(pattern: str, titles: Sequence[str]) -> bool:
    return any(re.fullmatch(pattern, title, re.IGNORECASE) for title in titles)


def _column(name: str, stated: Mapping[str, Any]) -> Column:
    given: dict[str, Any] = {key: tuple(value) if key == "total" else value for key, value in stated.items()}
    title = given.pop("title", ())
    return Column(name=name, title=(title,) if isinstance(title, str) else tuple(title), **given)


def _wide(stated: Mapping[str, Any]) -> Wide:
    value = _column(stated["value"], {"role": "count", "means": "", **stated.get("of", {})})
    within = {name: _column(name, {"role": "group", **of}) for name, of in stated.get("columns", {}).items()}
    return Wide(stated["titles"], value, stated.get("across", ""), within)


def _kind(publisher: str, stated: Mapping[str, Any]) -> FileKind:
    given = dict(stated)
    given["columns"] = tuple(_column(name, of) for name, of in given.get("columns", {}).items())
    if "wide" in given:
        given["wide"] = _wide(given["wide"])
    if "limits" in given:
        limits: dict[str, Any] = {k: tuple(v) if k == "by" else v for k, v in given["limits"].items()}
        given["limits"] = Limits(**limits)
    # What a sign means is its publisher's: one that the publisher does not state says nothing of the count.
    given["signs"] = dict.fromkeys(SIGNS) | {sign: tuple(ends) or None for sign, ends in given.get("signs", {}).items()}
    given["spelt"] = {name: _words(words) for name, words in given.get("spelt", {}).items()}
    for name in ("holds", "lacks", "choose", "small", "missing", "notes", "untitled", "adds_up"):
        given[name] = tuple(given.get(name, ()))
    return FileKind(publisher=publisher, **given)


def _words(words: str | Mapping[str, str]) -> dict[str, str]:
    """Spellings in small letters, with what they become; the name of a code list stands for its titles."""
    if isinstance(words, str):
        listed = code_list(words)
        words = dict(zip(listed["title"], listed["column"], strict=True))
    return {spelling.casefold(): word for spelling, word in words.items()}


@cache
def file_kinds() -> tuple[FileKind, ...]:
    """
    Kinds of files that the package knows, from `data_schema/publishers`, those that ask for most columns first.

    Examples
    --------
    >>> "Fingertips" in next(kind.name for kind in file_kinds() if kind.kind == "fingertips")
    True
    """
    found = []
    for path in sorted((folder("data_schema") / "publishers").glob("*.toml")):
        stated = tomllib.loads(path.read_text(encoding="utf-8"))
        found += [_kind(stated["publisher"], {"kind": name, **of}) for name, of in stated["file"].items()]
    return tuple(sorted(found, key=lambda kind: (-len(kind.holds), not kind.within)))
