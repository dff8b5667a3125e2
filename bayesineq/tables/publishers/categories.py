"""Categories of a census table, told by their own words: which is the total, which hold others, which are the parts."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final, Literal

import pandas as pd

type Part = Literal["total", "parent", "part"]

TOTAL: Final = re.compile(
    r"(?:.*: )?(?:total\b.*|all (?:usual residents|persons|people|households|categories|ages|sexes|dwellings).*"
    r"|all .*: total|all|persons)",
    re.IGNORECASE,
)
_YEARS: Final = r"(?:aged |age )?"
_AGES: Final[tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], tuple[int, int]]], ...]] = (
    (re.compile(_YEARS + r"under (\d+)(?: years?)?", re.I), lambda found: (0, int(found[1]) - 1)),
    (re.compile(_YEARS + r"(\d+) (?:years )?(?:and|or) under", re.I), lambda found: (0, int(found[1]))),
    (
        re.compile(_YEARS + r"(\d+) (?:years )?(?:and|or) over|" + _YEARS + r"(\d+)\+", re.I),
        lambda f: (int(f[1] or f[2]), 999),
    ),
    (re.compile(_YEARS + r"(\d+) ?(?:to|-|–|_) ?(\d+)(?: years)?", re.I), lambda found: (int(found[1]), int(found[2]))),
    (re.compile(_YEARS + r"(\d+)(?: years?)?", re.I), lambda found: (int(found[1]), int(found[1]))),
)


def ages_of(category: str) -> tuple[int, int] | None:
    """
    First and last age of a category in words; None where it is not one of ages.

    Examples
    --------
    >>> ages_of("Aged 5 to 9 years"), ages_of("Aged under 1 year"), ages_of("90+"), ages_of("White: Irish")
    ((5, 9), (0, 0), (90, 999), None)
    """
    return next((made(found) for form, made in _AGES if (found := form.fullmatch(category.strip()))), None)


def parts_of(categories: Sequence[str]) -> dict[str, Part]:
    """
    What each category of one variable is: the total, a parent of others, or a part that may be added up.

    A category is a parent where its words and a colon begin another one ("White" of "White: Irish"; "White: Total"
    too), or where its ages hold those of several others.

    Examples
    --------
    >>> parts_of(["Total: All usual residents", "White", "White: Irish", "Aged 4 years and under", "Aged 2 years"])
    {'Total: All usual residents': 'total', 'White': 'parent', 'White: Irish': 'part', 'Aged 4 years and under': \
'parent', 'Aged 2 years': 'part'}
    """
    distinct = list(dict.fromkeys(categories))
    found: dict[str, Part] = {}
    ages = {name: span for name in distinct if (span := ages_of(name)) is not None}
    for name in distinct:
        stem = re.sub(r": ?total\b.*$", "", name, flags=re.IGNORECASE)
        children = [other for other in distinct if other != name and re.match(re.escape(stem) + r" ?: ?\S", other)]
        span = ages.get(name)
        wide = span is not None and any(
            other != name and span[0] <= first and last <= span[1] and (first, last) != span
            for other, (first, last) in ages.items()
        )
        whole = TOTAL.fullmatch(name) is not None and ":" not in re.sub(r"^(?:total|all[^:]*): ?", "", name, flags=re.I)
        found[name] = "total" if whole and len(distinct) > 1 else "parent" if children or wide else "part"
    return found


def dimensions(titles: Sequence[str]) -> pd.DataFrame:
    """
    Variables and categories that titles of a bulk file hold, a row a title.

    Examples
    --------
    >>> dimensions(["Sex: Female; Age: Total; measures: Value"]).iloc[0].to_dict()
    {'Sex': 'Female', 'Age': 'Total'}
    """
    rows = []
    for title in titles:
        pairs = [pair.partition(":") for pair in re.split(r"; (?=[^;]*:)", title)]
        # A category may hold a semicolon of its own; a variable is then no new one, and the text goes on.
        row = {variable.strip(): category.strip() for variable, _, category in pairs}
        row.pop("measures", None)
        rows.append(row)
    return pd.DataFrame(rows, index=list(titles), dtype=object)
