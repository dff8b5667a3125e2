"""Area codes of several years look alike: tell them apart, and never join one to the other unseen."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from functools import cache
from typing import Any, Literal

import pandas as pd

from bayesineq.dims import AREA
from bayesineq.errors import SchemaError
from bayesineq.shipped import folder
from bayesineq.tables.findings import Finding, failing, raise_findings
from bayesineq.tables.geographies import geography_findings, years_findings

KIND_LENGTH = 3
"""The first characters of an ONS code name the kind of area: E01 an English LSOA, W01 a Welsh one, E02 an MSOA."""

ONS_CODE = "[A-Z][0-9]{8}"

NUMBERS = {2: "two", 3: "three"}

CONVERT = "Use tables of one vintage, or carry counts over with the ONS look-up (`carry_counts`)."


VINTAGED = {
    "E01": "LSOA",
    "W01": "LSOA",
    "E02": "MSOA",
    "S01": "data zone",
    "S02": "intermediate zone",
    "E14": "constituency",
}

NUMBERED = {
    "S01": ((6_505, "2001"), (13_481, "2011"), (999_999, "2022")),
    "S02": ((1_235, "2001"), (2_514, "2011"), (999_999, "2022")),
    "E14": ((529, "2005"), (1_062, "2010"), (999_999, "2024")),
}
"""Last number of the codes of each vintage, where they are numbered on: Scottish zones, constituencies of England."""


@cache
def _only_in() -> dict[str, str]:
    """Vintage of every LSOA code of England and Wales, and MSOA code of England, that exists in one vintage alone."""
    lists = [folder("data_schema") / "codes" / f"{name}_single_vintage.csv" for name in ("lsoa", "msoa")]
    codes = pd.concat([pd.read_csv(path, dtype=str) for path in lists])
    return dict(zip(codes["code"], codes["vintage"], strict=True))


def _vintage_of(code: str) -> str | None:
    """Vintage that a code alone decides, with the kind of area."""
    kind = code[:KIND_LENGTH]
    if kind in NUMBERED and code[KIND_LENGTH:].isdigit():
        number = int(code[KIND_LENGTH:])
        year = next(year for last, year in NUMBERED[kind] if number <= last)
    else:
        year = _only_in().get(code, "")
    return f"{VINTAGED[kind]} {year}" if year and kind in VINTAGED else None


def vintage(codes: Iterable[str], lists: Mapping[str, Collection[str]] | None = None) -> str | None:
    """
    Vintage to which a set of codes of LSOAs, MSOAs, data zones or intermediate zones belongs.

    Most LSOAs and MSOAs kept their code in 2021, so that a code alone often says nothing: the 1,106 LSOAs of England
    and Wales and 114 MSOAs of England that were retired in 2021 and the 2,025 and 179 that were new decide, unless
    complete lists are given. (MSOAs of Wales are not told apart.) Scotland gave new numbers to every zone.

    Parameters
    ----------
    codes : iterable of str
        Codes of one kind of area; repeated codes count once.
    lists : Mapping of str to Collection of str, optional
        Complete code lists by the name of their vintage, which then decide instead.

    Returns
    -------
    str or None
        "2001", "2011", "2021", "2022" or a name of `lists`; None where every code exists in several, or in none.

    Raises
    ------
    SchemaError
        The codes are of several vintages, or some are on none of the given lists.

    Examples
    --------
    >>> vintage(["E01000001", "E01000010"])
    '2011'
    >>> vintage(["E01000001", "E01033769"])
    '2021'
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
    members: dict[str, list[str]] = {}
    for code in distinct:
        if found := _vintage_of(str(code)):
            members.setdefault(found, []).append(str(code))
    if len(members) > 1:
        detail = "; ".join(
            f"{len(found):,} only in {name}, such as {', '.join(found[:3])}" for name, found in sorted(members.items())
        )
        raise SchemaError(f"The codes are of {NUMBERS.get(len(members), len(members))} vintages: {detail}. {CONVERT}")
    return next((name.rpartition(" ")[2] for name in members), None)


def mixed_areas(codes: pd.Series) -> list[Finding]:
    """
    What is wrong with a column of area codes as a set: several kinds of area, or several vintages of one.

    English local authorities of four kinds (E06 to E09) are one geography, and so are counties and unitary authorities
    (E10 with E06, E08 and E09); districts and the counties that hold them are not. Codes of your own, of no geography
    in `data_schema/geographies.csv`, are taken as they are.

    Parameters
    ----------
    codes : Series of str
        Area codes; its index labels the rows.

    Returns
    -------
    list of Finding
        The rows of the smaller kinds or vintage; empty where all codes are of one.

    Examples
    --------
    >>> mixed_areas(pd.Series(["E01000001", "E01000002", "E02000001"]))[0].problem
    'kind of area: MSOA (England) (areas: 1) among LSOA (England) (areas: 2)'
    """
    findings = geography_findings(codes) + years_findings(codes)
    distinct = pd.Series(codes.dropna().unique(), dtype=object)
    of_each = distinct[distinct.str.fullmatch(ONS_CODE)].str[:KIND_LENGTH].map(VINTAGED)
    for name in of_each.dropna().unique():
        years = distinct[of_each.index[of_each == name]].map(_vintage_of).dropna().str.split().str[-1]
        counts = years.value_counts()
        minority = distinct[years.index[years != counts.index[0]]] if len(counts) > 1 else distinct[:0]
        others = ", ".join(f"{name} (areas: {count:,})" for name, count in counts.iloc[1:].items())
        majority = ", ".join(f"{name} (areas: {count:,})" for name, count in counts.iloc[:1].items())
        findings += failing(codes, codes.isin(minority), f"{name} vintage {others} among {majority}", CONVERT)
    return findings


def _vintage_findings(left: pd.Series, right: pd.Series, names: tuple[str, str]) -> list[Finding]:
    findings = []
    found = []
    for side, name in ((left, names[0]), (right, names[1])):
        codes = side.dropna().astype(str)
        try:
            vintage(codes)
        except SchemaError as error:
            findings.append(Finding(str(left.name), f"{name} table: {error}", ""))
        found.append(next(filter(None, map(_vintage_of, codes.unique())), None))
    if not findings and None not in found and found[0] != found[1]:
        problem = f"{found[0]} codes in the {names[0]} table, {found[1]} codes in the {names[1]} table"
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
        The column is missing, its codes are of several vintages, a code is missing, stands twice, or has no partner.

    Examples
    --------
    >>> counts = pd.DataFrame({"area": ["E01000001", "E01000002"], "deaths": [3, 4]})
    >>> deciles = pd.DataFrame({"area": ["E01000002", "E01000001"], "imd_decile": [9, 2]})
    >>> join(counts, deciles)
            area  deaths  imd_decile
    0  E01000001       3           2
    1  E01000002       4           9
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
