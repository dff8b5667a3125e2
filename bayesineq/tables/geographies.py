"""Which geography a set of codes is: its level and nation, told by the form of the codes, and the years it stood."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

import pandas as pd

from bayesineq.shipped import folder
from bayesineq.tables.findings import Finding, failing

OWN = "own"
"""Level of codes that are none of the geographies that the package knows."""

ONE_KIND = "Keep one kind of area of one nation in a table."

TOTALS = frozenset(
    {"all", "total", "totals", "england", "england and wales", "scotland", "wales", "united kingdom", "uk"}
)
"""Names, in small letters, of a row that adds up the others."""

_MEMBERS_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Geography:
    """
    One kind of area.

    Parameters
    ----------
    level : str
        Level, one word whatever the nation: lsoa, msoa, data_zone, ward, authority, board, practice, trust; `own` for
        codes that are none of these.
    name : str
        What its areas are called, in the singular.
    nation : str
        Where it is used; empty where in several nations.
    pattern : str
        Regular expression that its codes match as a whole.
    specific : bool
        Whether a code of this form can hardly be anything else.
    """

    level: str
    name: str
    nation: str
    pattern: str
    specific: bool

    def __str__(self) -> str:
        return f"{self.name} ({self.nation})" if self.nation else self.name


_OWN = Geography(OWN, "area with a code of your own", "", ".+", False)


@cache
def geographies() -> tuple[Geography, ...]:
    """
    Geographies that the package knows, from `data_schema/geographies.csv`.

    Returns
    -------
    tuple of Geography
        One for each level and nation, and for each form of its codes.

    Examples
    --------
    >>> sorted({known.level for known in geographies()})[:4]
    ['authority', 'board', 'combined_authority', 'constituency']
    """
    table = pd.read_csv(folder("data_schema") / "geographies.csv", dtype=str, keep_default_na=False)
    return tuple(
        Geography(row["level"], row["name"], row["nation"], row["pattern"], row["specific"] == "1")
        for row in table.to_dict("records")
    )


def geography(codes: Iterable[str]) -> Geography:
    """
    Geography of a set of codes.

    Parameters
    ----------
    codes : iterable of str
        Codes of areas, practices or trusts; repeated codes count once, missing ones not at all.

    Returns
    -------
    Geography
        The one of whose form most of the codes are, the first of `geographies` among equals; of level `own` where
        most are of none, as codes of your own are.

    Examples
    --------
    >>> print(geography(["E07000202", "E06000033"]), geography(["A81001", "Y02045"]), sep="; ")
    local authority (England); general practice (England)
    >>> geography(["North Town", "South Town"]).level
    'own'
    """
    distinct = pd.Series(list(dict.fromkeys(codes)), dtype=object).dropna().astype(str)
    return _matched(distinct)[0]


def _matched(distinct: pd.Series) -> tuple[Geography, pd.Series]:
    """Geography of most of the distinct codes, and which are of its form."""
    best, of_best = _OWN, pd.Series(True, index=distinct.index)
    most = len(distinct) / 2
    for known in geographies():
        fits = distinct.str.fullmatch(known.pattern)
        if fits.sum() > most:
            best, of_best, most = known, fits, int(fits.sum())
    return best, of_best


def plain(code: str) -> str:
    """A code without what the eye does not see: invisible characters, spaces, small letters, wide digits."""
    folded = unicodedata.normalize("NFKC", code)
    return "".join(sign for sign in folded if sign.isalnum()).upper()


def geography_findings(codes: pd.Series) -> list[Finding]:
    """
    What is wrong with a column of area codes as a set: several kinds of area, or codes written in another way.

    Codes of your own, which no known geography has, are taken as they are.
    """
    distinct = pd.Series(codes.dropna().unique(), dtype=object).astype(str)
    own, fits = _matched(distinct)
    strange = distinct[~fits] if own.level != OWN else distinct
    if strange.empty:
        return []
    tidy = strange.map(plain)
    known = pd.concat([tidy.str.fullmatch(one.pattern) for one in geographies() if one.specific], axis=1).any(axis=1)
    otherwise = strange[known & (tidy != strange)]
    findings = failing(
        codes,
        codes.isin(otherwise),
        "a code of a known kind written otherwise: in small letters, or with spaces or signs that cannot be seen",
        "Write capitals and digits alone: codes are compared letter by letter.",
    )
    cut = strange[strange.str.fullmatch(r"[EWSN][0-9]{2}[0-9]+|[EWSN][0-9]+") & (strange.str.len() > 6) & ~known]
    findings += failing(codes, codes.isin(cut), "not of nine characters", "An ONS code is a letter and eight digits.")
    rest = strange.drop(otherwise.index).drop(cut.index)
    return findings + (_others(codes, rest, own, int(fits.sum())) if own.level != OWN else _several(codes, rest))


def _others(codes: pd.Series, rest: pd.Series, own: Geography, count: int) -> list[Finding]:
    """Codes that are not of the kind of area that most are."""
    findings = []
    kinds = pd.Series([of_one(code) for code in rest], index=rest.index, dtype=object)
    for kind in dict.fromkeys(kinds):
        members = rest[[of is kind for of in kinds]]
        if kind is None and not own.specific:
            continue
        totals = members[members.str.casefold().isin(TOTALS)]
        for some, what, remedy in (
            (totals, "a total", "Take it out of the table: its people are counted in the other rows too."),
            (members.drop(totals.index), str(kind) if kind else f"codes of no {own.name}", ONE_KIND),
        ):
            problem = f"kind of area: {what} (areas: {len(some):,}) among {own} (areas: {count:,})"
            findings += failing(codes, codes.isin(some), problem, remedy)
    return findings


def _several(codes: pd.Series, rest: pd.Series) -> list[Finding]:
    """Codes none of which is in the majority, though many are of kinds that are known for certain."""
    kinds = pd.Series([of_one(code) for code in rest], index=rest.index, dtype=object)
    known = pd.Series([kind is not None and kind.specific for kind in kinds], index=rest.index)
    held = kinds[known].map(str).value_counts()
    if (len(held) < 2 and known.all()) or not known.any():
        return []
    said = ", ".join(f"{name} (areas: {count:,})" for name, count in held.items())
    other = f", and others (areas: {int((~known).sum()):,})" if not known.all() else ""
    return failing(codes, codes.isin(rest), f"kind of area: {said}{other} in one column", ONE_KIND)


@cache
def of_one(code: str) -> Geography | None:
    """Kind of area of one code, the first that has its form."""
    return next((known for known in geographies() if re.fullmatch(known.pattern, code)), None)


@cache
def _years() -> pd.DataFrame:
    """First and last year of the codes that came or went, by code."""
    table = pd.read_csv(folder("data_schema") / "codes" / "code_years.csv", dtype={"code": str, "note": str})
    return table.set_index("code").fillna({"first": 0, "last": 9999}).astype({"first": int, "last": int})


def years_findings(codes: pd.Series) -> list[Finding]:
    """
    Codes that no one year has together: an authority beside one that it became part of.

    Authorities of England and Scotland, health boards of Scotland and Wales, and sub-ICB locations; wards change
    each year, and only complete lists tell (`vintage(codes, lists)`).
    """
    years = _years()
    distinct = pd.Index(codes.dropna().unique())
    held = years.loc[distinct.intersection(years.index)]
    if held.empty or held["first"].max() <= held["last"].min():
        return []
    edges = sorted({*held["first"], *held["last"]})
    alive = {year: int(((held["first"] <= year) & (year <= held["last"])).sum()) for year in edges}
    year = max(alive, key=lambda edge: (alive[edge], edge))
    gone = held[(held["first"] > year) | (held["last"] < year)]
    said = "; ".join(f"{code} {note}" for code, note in gone["note"].iloc[:_MEMBERS_SHOWN].items())
    problem = f"codes that do not stand beside the others in any year ({len(gone):,} of {len(distinct):,}: {said})"
    return failing(codes, codes.isin(gone.index), problem, "Use tables of one year, or add up the parts.")
