"""Where people lived on a day: postcodes to small areas and what these lie in, on the engine where the records are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import pandas as pd

from bayesineq.dims import AREA, PERSON
from bayesineq.errors import SchemaError
from bayesineq.records.engines import collected, connect, reading
from bayesineq.records.written import stripped
from bayesineq.tables.codes import code_list
from bayesineq.tables.files import header
from bayesineq.tables.vintage import vintage as vintage_of

if TYPE_CHECKING:
    import ibis

    from bayesineq.records.normal import Records

POSTCODE: Final = ("pcds", "pcd8", "pcd7", "pcd2", "pcd", "postcode")
LSOA: Final = {"2011": ("lsoa11cd", "lsoa11", "lsoa_2011"), "2021": ("lsoa21cd", "lsoa21", "lsoa_2021")}
PARTS: Final = {
    "authority": ("ladcd", "laua", "oslaua", "lad25cd", "lad24cd", "lad23cd", "lad22cd"),
    "ward": ("wdcd", "osward", "ward", "wd25cd", "wd24cd", "wd23cd", "wd22cd"),
    "board": ("icbcd", "icb", "icb24cd", "icb23cd", "icb22cd"),
    "rural_urban": ("ruc21ind", "ruc21", "ru21ind", "ruc11ind", "ru11ind", "ruc11"),
}
PLACED, NOT_LISTED, MISSING = "placed", "not in the look-up", "missing"
GROUP: Final = "place_group"
ISLANDS: Final = "Channel Islands or Isle of Man"
_NO_AREA: Final = "^[A-Z]9{8}$"
"""Codes that stand for no small area: those of the Channel Islands and the Isle of Man in the look-up."""


def postcode_key(postcode: ibis.Value) -> ibis.Value:
    """
    A postcode as it is compared: capitals, without spaces or any other mark.

    Parameters
    ----------
    postcode : ibis string column
        Postcodes as written.

    Returns
    -------
    ibis string column
        Letters and digits alone.

    Examples
    --------
    >>> table = connect(pd.DataFrame({"postcode": ["ng16 1aa", "NG161AA", "NG16  1AA "]}))
    >>> table.select(key=postcode_key(table["postcode"])).distinct().to_pyarrow().to_pylist()
    [{'key': 'NG161AA'}]
    """
    return postcode.upper().re_replace("[^A-Z0-9]", "")


def read_postcodes(lookup: str | Path | pd.DataFrame, *, vintage: Literal["2011", "2021"] = "2021") -> ibis.Table:
    """
    See the ONS look-up of postcodes as published as a table of postcodes and places.

    Parameters
    ----------
    lookup : str, Path or DataFrame
        The National Statistics Postcode Lookup or ONS Postcode Directory: csv, csv.gz or parquet.
    vintage : {"2011", "2021"}, optional
        Which LSOAs are wanted.

    Returns
    -------
    ibis.Table
        `key`, `area`, and those of `authority`, `ward`, `board`, `rural_urban` that the look-up has.

    Raises
    ------
    SchemaError
        The look-up has no postcodes or no LSOAs of that vintage, or a postcode lies in several.

    Examples
    --------
    >>> lookup = pd.DataFrame({"pcds": ["NG16 1AA"], "lsoa21": ["E01028111"], "oslaua": ["E07000172"]})
    >>> read_postcodes(lookup).to_pyarrow().to_pylist()
    [{'key': 'NG161AA', 'area': 'E01028111', 'authority': 'E07000172'}]
    """
    table = _looked_up(lookup, {"key": POSTCODE, AREA: LSOA[vintage]}, vintage)
    table = table.mutate(key=postcode_key(table["key"])).distinct()
    _refuse_two_places(table, "key", "postcodes", lookup)
    return table


def read_area_parts(lookup: str | Path | pd.DataFrame, *, vintage: Literal["2011", "2021"] = "2021") -> ibis.Table:
    """What each LSOA lies in, of a look-up as the ONS publishes them: `area`, and the parts that it has."""
    table = _looked_up(lookup, {AREA: LSOA[vintage]}, vintage).distinct()
    if len(table.columns) == 1:
        titles = "; ".join(f"{part}: {', '.join(columns)}" for part, columns in PARTS.items())
        raise SchemaError(f"The look-up of areas has no column of what they lie in. Titles that are known: {titles}.")
    _refuse_two_places(table, AREA, "areas", lookup)
    return table


def _looked_up(lookup: str | Path | pd.DataFrame, wanted: Mapping[str, tuple[str, ...]], vintage: str) -> ibis.Table:
    """The columns that are wanted, and those of the parts that are there, as text."""
    text = None
    if not isinstance(lookup, pd.DataFrame) and str(lookup).lower().endswith((".csv", ".csv.gz")):
        text = header(Path(lookup))
    table = connect(lookup, text=text)
    names = {name.lower().strip(): name for name in table.columns}
    found = {name: _first(names, titles) for name, titles in wanted.items()}
    if lacking := [name for name, column in found.items() if column is None]:
        words = {"key": "postcodes", AREA: f"LSOAs of {vintage}"}
        titles = ", ".join(title for name in lacking for title in wanted[name])
        raise SchemaError(
            f"The look-up has no {' and no '.join(words[name] for name in lacking)} (columns {titles}); it has "
            f"{', '.join(table.columns)}."
        )
    found |= {part: column for part, columns in PARTS.items() if (column := _first(names, columns))}
    return table.select(
        **{name: stripped(table[str(column)].cast("string")).nullif("") for name, column in found.items()}
    )


def _refuse_two_places(table: ibis.Table, key: str, what: str, lookup: Any) -> None:
    again = table.group_by(key).aggregate(rows=table.count()).filter(lambda t: t["rows"] > 1)
    number = int(collected(again.aggregate(n=again.count()), lookup)["n"].iloc[0])
    if number:
        raise SchemaError(f"{number:,} {what} of the look-up stand in several places. Keep one row for each.")


def _first(names: Mapping[str, str], wanted: tuple[str, ...]) -> str | None:
    return next((names[name] for name in wanted if name in names), None)


def places(
    records: Records,
    lookup: str | Path | pd.DataFrame,
    index: ibis.Table,
    *,
    vintage: Literal["2011", "2021"] = "2021",
    areas: str | Path | pd.DataFrame | None = None,
    deprivation: pd.DataFrame | None = None,
) -> ibis.Table:
    """
    Where each person lived on an index date, by the address of that day and not of today.

    Parameters
    ----------
    records : Records
        The records; their addresses are asked.
    lookup : str, Path or DataFrame
        As of `read_postcodes`.
    index : ibis.Table
        `person` and `index` (date), one row a person, on the engine of the records.
    vintage : {"2011", "2021"}, optional
        Which LSOAs are wanted.
    areas : str, Path or DataFrame, optional
        A look-up from LSOAs of that vintage to authorities, wards, boards or rural-urban classes (ONS titles, such as
        LAD24CD, WD24CD, ICB24CD, RUC21), for records that hold areas and no postcodes; it is believed before that of
        postcodes.
    deprivation : DataFrame, optional
        `area` and what is known of it (`imd_decile`), of the same vintage.

    Returns
    -------
    ibis.Table
        One row for each row of `index`: `person`, `index`, `area` and what the look-up says of it, and `place_group`:
        "placed", "no fixed abode" (an inclusion-health group, not a missing value) and other groups of
        pseudo-postcodes, "not in the look-up", "missing". Of several addresses on a day the one that began last counts.

    Raises
    ------
    SchemaError
        The look-up or the table of deprivation is of another vintage.

    Examples
    --------
    >>> from bayesineq.records.normal import read_normal
    >>> homes = pd.DataFrame({"person": ["p1", "p1", "p2"], "start": ["2000-01-01", "2015-01-01", None],
    ...     "end": ["2014-12-31", None, None], "postcode": ["ng161aa", "ZZ99 3VZ", "ZZ99 3VZ"]})
    >>> records = read_normal({"persons": pd.DataFrame({"person": ["p1", "p2"]}), "addresses": homes})
    >>> lookup = pd.DataFrame({"pcds": ["NG16 1AA"], "lsoa21cd": ["E01028111"]})
    >>> index = connect(pd.DataFrame({"person": ["p1", "p2"], "index": pd.to_datetime(["2010-06-01"] * 2)}))
    >>> found = places(records, lookup, index).select("person", "area", "place_group").order_by("person")
    >>> found.to_pyarrow().to_pylist()
    [{'person': 'p1', 'area': 'E01028111', 'place_group': 'placed'},
     {'person': 'p2', 'area': None, 'place_group': 'no fixed abode'}]
    """
    import ibis

    homes = _homes(records, lookup, vintage)
    if areas is not None:
        homes = _with_parts(homes, areas, vintage)
    of = index.select(PERSON, index=index["index"].cast("date"))
    known = of.join(homes, PERSON)
    there = (known["start"].isnull() | (known["start"] <= known["index"])) & (  # noqa: PD003
        known["end"].isnull() | (known["end"] >= known["index"])  # noqa: PD003
    )
    latest = [ibis.desc(name, nulls_first=False) for name in ("start", AREA, "key")]
    known = known.filter(there).mutate(_k=ibis.row_number().over(group_by=[PERSON, "index"], order_by=latest))
    told = [AREA, GROUP, *(part for part in PARTS if part in homes.columns)]
    known = known.filter(known["_k"] == 0).select(PERSON, "index", *told)
    joined = of.left_join(known, [PERSON, "index"])
    placed = joined.select(PERSON, "index", *told)
    placed = placed.mutate(**{GROUP: placed[GROUP].fill_null(MISSING)})
    if deprivation is None:
        return placed
    _same_vintage(deprivation, vintage)
    # A relation of its own: Ibis takes a join of what it made from joins for one of its parts.
    placed, more = placed.distinct(), connect(deprivation).rename(_of=AREA)
    return placed.left_join(more, placed[AREA] == more["_of"]).drop("_of")


def placed_by_postcode(
    records: Records, lookup: str | Path | pd.DataFrame, *, vintage: Literal["2011", "2021"] = "2021"
) -> Records:
    """Records whose addresses have the area of their postcode, where they have none, and a `place_group`."""
    homes = _homes(records, lookup, vintage)
    return replace(records, addresses=homes.select(*records.addresses.columns, GROUP))


def place_group(area: ibis.Value, key: ibis.Value) -> ibis.Value:
    """Group of an address: placed, one of pseudo-postcodes, not in the look-up, missing."""
    import ibis

    pseudo = code_list("pseudo_postcodes")
    return ibis.cases(
        (area.notnull(), PLACED),  # noqa: PD004
        *((key == p, g) for p, g in zip(pseudo["postcode"], pseudo["group"], strict=True)),
        (key.startswith("ZZ99").fill_null(False), "abroad, by country"),
        ((key.length() > 0).fill_null(False), NOT_LISTED),
        else_=MISSING,
    )


def _homes(records: Records, lookup: str | Path | pd.DataFrame, vintage: Literal["2011", "2021"]) -> ibis.Table:
    """Addresses with `key`, the area of the postcode where they have none of their own, its parts, and their group."""
    import ibis

    homes = records.addresses
    listed = read_postcodes(lookup, vintage=vintage)
    with reading(None if isinstance(lookup, pd.DataFrame) else lookup):
        # It holds nobody, and so may go to any engine.
        postcodes = ibis.memtable(listed.to_pyarrow())
    kept = [name for name in homes.columns if name not in (AREA, *PARTS)]
    joined = homes.mutate(key=postcode_key(homes["postcode"])).left_join(postcodes.rename(_of=AREA), "key")
    islands = joined["_of"].re_search(_NO_AREA).fill_null(False)
    area = ibis.coalesce(joined[AREA], islands.ifelse(None, joined["_of"]))
    group = (area.isnull() & islands).ifelse(ISLANDS, place_group(area, joined["key"]))  # noqa: PD003
    parts = [part for part in PARTS if part in postcodes.columns]
    return joined.select(*kept, "key", *parts, **{AREA: area, GROUP: group})


def _with_parts(homes: ibis.Table, areas: str | Path | pd.DataFrame, vintage: Literal["2011", "2021"]) -> ibis.Table:
    """Addresses with what their area lies in."""
    import ibis

    listed = ibis.memtable(read_area_parts(areas, vintage=vintage).to_pyarrow())
    given = {f"_{part}": part for part in PARTS if part in listed.columns}
    # A relation of its own: Ibis takes a join of what it made from joins for one of its parts.
    names, homes = list(homes.columns), homes.view()
    joined = homes.left_join(listed.rename(given), AREA)
    both = {
        part: joined[f"_{part}"].coalesce(joined[part]) if part in names else joined[f"_{part}"]
        for part in given.values()
    }
    return joined.select(*[name for name in names if name not in both], **both)


def _same_vintage(deprivation: pd.DataFrame, vintage: Literal["2011", "2021"]) -> None:
    found = vintage_of(deprivation[AREA].dropna().astype(str))
    if found is not None and not found.endswith(vintage):
        raise SchemaError(
            f"The areas of the table of deprivation are of {found}, and postcodes are placed in LSOAs of {vintage}. "
            "Give the indices of the same vintage: those of 2019 are of LSOAs of 2011, those of 2025 of LSOAs of 2021."
        )
