"""Names that readers understand for dimensions and their levels, and which levels say "unknown"."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Final

import pandas as pd

from bayesineq.dims import AGE, AREA, DECILE, DEPRIVATION, ETHNICITY, QUINTILE, SEX
from bayesineq.shipped import folder

type Labels = Mapping[str, Mapping[object, str]]

_DIMENSIONS: Final[Mapping[str, str]] = {
    AREA: "area",
    ETHNICITY: "ethnic group",
    DECILE: "deprivation decile",
    QUINTILE: "deprivation quintile",
    AGE: "age group",
    SEX: "sex",
}
_SEX: Final[Mapping[object, str]] = {"female": "Female", "male": "Male", "F": "Female", "M": "Male", "X": "Not known"}
_PARTS: Final = {DECILE: (10, "tenth"), QUINTILE: (5, "fifth")}
_SAYS_UNKNOWN: Final = frozenset({"unknown", "not known", "not stated", "missing", "prefer not to say"})
_CODES_UNKNOWN: Final = frozenset({"z", "99", "x"})
_CODE_LISTS: Final = (
    "ethnicity_nhs",
    "ethnicity_census_2021",
    "ethnicity_census_2011",
    "ethnicity_census_2001",
    "ethnicity_gdppr",
    "ethnicity_broad",
    "ethnicity_broad_6",
)
_SAID_FIRST: Final = {"white": "White", "mixed": "Mixed", "black": "Black"}
"""Broad groups that go before a label of their own which leaves them out: "British" alone is not who is meant."""


def dimension_label(dim: str) -> str:
    """Name of a dimension in words."""
    return _DIMENSIONS.get(dim, dim.replace("_", " "))


@cache
def column_label(table: str, column: str) -> str:
    """
    Name of a column of a shipped table in words.

    Returns: its title in the schema, else its own name: "share of residents aged 65 and over".
    """
    file = folder("data_schema") / f"{table}.json"
    fields = json.loads(file.read_text(encoding="utf-8"))["fields"] if file.is_file() else []
    titles = {field["name"]: field.get("title") for field in fields}
    return titles.get(column) or column.replace("_", " ")


def level_labels(dim: str, levels: Sequence[object], labels: Labels | None = None) -> list[str]:
    """
    Names of the levels of a dimension in words.

    `labels`: By dimension, names of codes; they go before the package's own.
    """
    own: dict[object, str] = {}
    if dim in DEPRIVATION:
        last = _PARTS[dim][0]
        own = {1: "1 (most deprived)", last: f"{last} (least deprived)"}
        own |= {str(level): name for level, name in own.items()}
    elif dim == SEX:
        own = dict(_SEX)
    elif dim == ETHNICITY:
        own = dict(_ethnic_names(tuple(str(level) for level in levels)))
    given = (labels or {}).get(dim, {})
    return [given.get(level) or given.get(str(level)) or own.get(level) or str(level) for level in levels]


def unknown_levels(dim: str, levels: Sequence[object], labels: Labels | None = None) -> list[bool]:
    """Tell which levels say that the characteristic is not known."""
    if dim in DEPRIVATION or dim == AREA:
        return [False] * len(levels)
    names = level_labels(dim, levels, labels)
    return [
        name.casefold() in _SAYS_UNKNOWN or (dim in {ETHNICITY, SEX} and str(level).casefold() in _CODES_UNKNOWN)
        for level, name in zip(levels, names, strict=True)
    ]


def ends_in_words(dim: str, labels: Sequence[str]) -> tuple[str, str]:
    """
    Name the first and the last group of an ordered dimension.

    Returns: for example "the most deprived tenth of areas" and "the least deprived tenth of areas".
    """
    if dim in _PARTS and len(labels) == _PARTS[dim][0]:
        part = _PARTS[dim][1]
        return f"the most deprived {part} of areas", f"the least deprived {part} of areas"
    return f"{dimension_label(dim)} {labels[0]}", f"{dimension_label(dim)} {labels[-1]}"


@cache
def _ethnic_names(levels: tuple[str, ...]) -> dict[object, str]:
    """Names from the first shipped list that knows every code."""
    for name in _CODE_LISTS:
        file = folder("data_schema") / "codes" / f"{name}.csv"
        if not file.is_file():
            continue
        listed = pd.read_csv(file, dtype=str).set_index("code")
        if set(levels) <= set(listed.index):
            broad = listed["broad"] if "broad" in listed else listed["label"].map(lambda _: "")
            return {
                code: _whole(str(label), str(group))
                for code, label, group in zip(listed.index, listed["label"], broad, strict=True)
            }
    return {}


def _whole(label: str, broad: str) -> str:
    """
    A label that says by itself which group is meant.

    Examples
    --------
    >>> _whole("British", "white"), _whole("Any other Black background", "black"), _whole("Indian", "asian")
    ('White British', 'Any other Black background', 'Indian')
    """
    first = _SAID_FIRST.get(broad, "")
    # "White and Asian" is a mixed group, whatever its own first word.
    return label if first.casefold() in label.casefold() else f"{first} {label}"


def plural(name: str) -> str:
    """
    Several of what a name says.

    Examples
    --------
    >>> [plural(name) for name in ("county", "ethnic group", "sex", "country of birth", "day")]
    ['counties', 'ethnic groups', 'sexes', 'countries of birth', 'days']
    """
    head, of, rest = name.partition(" of ")
    if re.search("[^aeiou]y$", head):
        head = f"{head[:-1]}ie"
    elif head.endswith(("s", "x", "z", "ch", "sh")):
        head = f"{head}e"
    return f"{head}s{of}{rest}"
