"""Area codes of 2011 and of 2021 look alike: tell them apart, and never join one to the other unseen."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from functools import cache
from typing import Any, Literal

import pandas as pd

from bayesineq.dims import AREA
from bayesineq.errors import SchemaError
from bayesineq.shipped import folder
from bayesineq.tables.findings import Finding, failing, raise_findings

KIND_LENGTH = 3
"""The first characters of an ONS code name the kind of area: E01 an English LSOA, W01 a Welsh one, E02 an MSOA."""

ONS_CODE = "[A-Z][0-9]{8}"

CONVERT = "Use tables of one vintage, or carry counts over with the ONS look-up (`carry_counts`)."


@cache
def _only_in() -> dict[str, str]:
    """Vintage of every LSOA code of England and Wales that exists in one vintage alone."""
    codes = pd.read_csv(folder("data_schema") / "codes" / "lsoa_single_vintage.csv", dtype=str)
    return dict(zip(codes["code"], codes["vintage"], strict=True))


def vintage(codes: Iterable[str], lists: Mapping[str, Collection[str]] | None = None) -> str | None:
    """
    Vintage to which a set of LSOA codes belongs.

    Most LSOAs kept their code in 2021, so that a code alone often says nothing: the 1,106 codes of England and Wales
    that were retired in 2021 and the 2,025 that were new decide, unless complete lists are given.

    Parameters
    ----------
    codes : iterable of str
        LSOA codes; repeated codes count once.
    lists : Mapping of str to Collection of str, optional
        Complete code lists by the name of their vintage, which then decide instead.

    Returns
    -------
    str or None
        "2011", "2021" or a name of `lists`; None where every code exists in both vintages, or in neither.

    Raises
    ------
    SchemaError
        The codes are of two vintages, or some are on none of the given lists.
    """
    distinct = dict.fromkeys(codes)
    if lists is not None:
        fitting = [name for name, members in lists.items() if set(distinct) <= set(members)]
        if not fitting:
            best = min(lists, key=lambda name: len(set(distinct) - set(lists[name])))
            strangers = sorted(set(distinct) - set(lists[best]))
            raise SchemaError(
                f"The {len(distinct):,} codes are of no one vintage among {', '.join(lists)}. Nearest is {best}, "
                f"without {len(strangers):,} of them: {', '.join(strangers[:10])}. {CONVERT}"
            )
        return fitting[0] if len(fitting) == 1 else None
    single = _only_in()
    members: dict[str, list[str]] = {}
    for code in distinct:
        if code in single:
            members.setdefault(single[code], []).append(code)
    if len(members) > 1:
        detail = "; ".join(
            f"{len(found):,} only in {name}, such as {', '.join(found[:3])}" for name, found in sorted(members.items())
        )
        raise SchemaError(f"The codes are of two LSOA vintages: {detail}. {CONVERT}")
    return next(iter(members), None)


def mixed_areas(codes: pd.Series) -> list[Finding]:
    """
    What is wrong with a column of area codes as a set: several kinds of area, or LSOAs of two vintages.

    Parameters
    ----------
    codes : Series of str
        Area codes; its index labels the rows.

    Returns
    -------
    list of Finding
        The rows of the smaller kinds or vintage; empty where all codes are of one.
    """
    findings = []
    distinct = pd.Series(codes.dropna().unique(), dtype=object)
    distinct = distinct[distinct.str.fullmatch(ONS_CODE)]
    kinds = ("kind of area", distinct.str[:KIND_LENGTH], "Keep one kind of area of one nation in a table.")
    vintages = ("LSOA vintage", distinct.map(_only_in()), CONVERT)
    for what, by_code, remedy in (kinds, vintages):
        counts = by_code.value_counts()
        minority = distinct[by_code.notna() & (by_code != counts.index[0])] if len(counts) > 1 else distinct[:0]
        others = ", ".join(f"{name} (areas: {count:,})" for name, count in counts.iloc[1:].items())
        majority = ", ".join(f"{name} (areas: {count:,})" for name, count in counts.iloc[:1].items())
        findings += failing(codes, codes.isin(minority), f"{what} {others} among {majority}", remedy)
    return findings


def _vintage_findings(left: pd.Series, right: pd.Series, names: tuple[str, str]) -> list[Finding]:
    findings = []
    found = []
    for side, name in ((left, names[0]), (right, names[1])):
        try:
            found.append(vintage(side.dropna().astype(str)))
        except SchemaError as error:
            findings.append(Finding(str(left.name), f"{name} table: {error}", ""))
    if len(found) == 2 and None not in found and found[0] != found[1]:
        problem = f"LSOA {found[0]} codes in the {names[0]} table, LSOA {found[1]} codes in the {names[1]} table"
        findings.append(Finding(str(left.name), problem, CONVERT))
    return findings


def join(
    left: pd.DataFrame,
    right: pd.DataFrame,
    on: str = AREA,
    *,
    relation: Literal["one_to_one", "many_to_one"] = "one_to_one",
    extra: Literal["error", "leave"] = "error",
    names: tuple[str, str] = ("left", "right"),
) -> pd.DataFrame:
    """
    Join two tables by a code, refusing everything that a silent merge would hide.

    Parameters
    ----------
    left, right : DataFrame
        The tables; apart from `on` they share no column.
    on : str, optional
        The column of codes.
    relation : {"one_to_one", "many_to_one"}, optional
        Whether a code may stand in several rows of `left`; in `right` it stands once.
    extra : {"error", "leave"}, optional
        What to do with rows of `right` that no row of `left` asks for: refuse, or leave them out, as when areas of
        one system are joined to a file of all England.
    names : tuple of str, optional
        What to call the two tables in a message.

    Returns
    -------
    DataFrame
        The rows of `left` in their order, with the columns of `right`.

    Raises
    ------
    SchemaError
        The column is missing, its codes are of two LSOA vintages, a code is missing, stands twice, or has no partner.
    """
    heading = f"The {names[0]} and {names[1]} tables do not join by {on!r} (rows are index labels):"
    sides = tuple(zip((left, right), names, strict=True))
    absent = [(side, name) for side, name in sides if on not in side.columns]
    holds = [f"It has {', '.join(map(str, side.columns))}." for side, _ in absent]
    lost = [Finding(on, f"not in the {name} table", has) for (_, name), has in zip(absent, holds, strict=True)]
    raise_findings(lost, heading)
    raise_findings(_vintage_findings(left[on], right[on], names), heading)
    findings = []
    for side, name in sides:
        codes = side[on]
        findings += failing(codes, codes.isna(), f"missing code in the {name} table", "Give it, or take the row out.")
        if name == names[1] or relation == "one_to_one":
            again = codes.duplicated() & codes.notna()
            findings += failing(
                codes, again, f"stands more than once in the {name} table", "Keep one row for each code."
            )
    remedy = "Complete the other table, or select the areas of both first."
    alone = left[on].notna() & ~left[on].isin(right[on].dropna())
    findings += failing(left[on], alone, f"in the {names[0]} table and not in the {names[1]} table", remedy)
    if extra == "error":
        alone = right[on].notna() & ~right[on].isin(left[on].dropna())
        findings += failing(right[on], alone, f"in the {names[1]} table and not in the {names[0]} table", remedy)
    shared: list[Any] = [name for name in left.columns if name in right.columns and name != on]
    if shared:
        findings.append(Finding(", ".join(map(str, shared)), "in both tables", "Drop or rename it in one of them."))
    raise_findings(findings, heading)
    return left.merge(right, on=on, how="left", validate=relation)
