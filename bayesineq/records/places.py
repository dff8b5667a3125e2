"""Where people lived on a day: postcodes to small areas and what these lie in, on the engine where the records are."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import pandas as pd

from bayesineq.dims import AREA, PERSON
from bayesineq.errors import SchemaError
from bayesineq.records.engines import connect, reading
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
        The look-up has no postcodes, or no LSOAs of that vintage.

    Examples
    --------
    >>> lookup = pd.DataFrame({"pcds": ["NG16 1AA"], "lsoa21": ["E01028111"], "oslaua": ["E07000172"]})
    >>> read_postcodes(lookup).to_pyarrow().to_pylist()
    [{'key': 'NG161AA', 'area': 'E01028111', 'authority': 'E07000172'}]
    """
    text = None
    if not isinstance(lookup, pd.DataFrame) and str(lookup).lower().endswith((".csv", ".csv.gz")):
        text = header(Path(lookup))
    table = connect(lookup, text=text)
    names = {name.lower().strip(): name for name in table.columns}
    found = {"key": _first(names, POSTCODE), AREA: _first(names, LSOA[vintage])}
    if lacking := [name for name, column in found.items() if column is None]:
        wanted = {"key": "postcodes", AREA: f"LSOAs of {vintage}"}
        raise SchemaError(
            f"The look-up of postcodes has no {' and no '.join(wanted[name] for name in lacking)} (columns"
            f" {', '.join((*POSTCODE, *LSOA[vintage]))}); it has {', '.join(table.columns)}."
        )
    found |= {part: column for part, columns in PARTS.items() if (column := _first(names, columns))}
    made: dict[str, Any] = {
        name: table[str(column)].cast("string").strip().nullif("") for name, column in found.items()
    }
    made["key"] = postcode_key(made["key"])
    return table.select(**made).distinct(on="key")


def _first(names: Mapping[str, str], wanted: tuple[str, ...]) -> str | None:
    return next((names[name] for name in wanted if name in names), None)


def places(
    records: Records,
    lookup: str | Path | pd.DataFrame,
    index: ibis.Table,
    *,
    vintage: Literal["2011", "2021"] = "2021",
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

    postcodes = ibis.memtable(_collected_lookup(lookup, vintage))
    homes = records.addresses
    of = index.select(PERSON, index=index["index"].cast("date"))
    known = of.join(homes, PERSON)
    there = (known["start"].isnull() | (known["start"] <= known["index"])) & (  # noqa: PD003
        known["end"].isnull() | (known["end"] >= known["index"])  # noqa: PD003
    )
    latest = [ibis.desc("start", nulls_first=False), ibis.asc("end"), ibis.asc("postcode"), ibis.asc(AREA)]
    known = known.filter(there).mutate(_k=ibis.row_number().over(group_by=[PERSON, "index"], order_by=latest))
    known = known.filter(known["_k"] == 0).select(PERSON, "index", given=AREA, key=postcode_key(known["postcode"]))
    joined = of.left_join(known, [PERSON, "index"]).drop(f"{PERSON}_right", "index_right")
    joined = joined.left_join(postcodes, "key")
    pseudo = code_list("pseudo_postcodes")
    area = ibis.coalesce(joined["given"], joined[AREA])
    group = ibis.cases(
        (area.notnull(), PLACED),  # noqa: PD004
        *((joined["key"] == p, g) for p, g in zip(pseudo["postcode"], pseudo["group"], strict=True)),
        (joined["key"].startswith("ZZ99").fill_null(False), "abroad, by country"),
        ((joined["key"].length() > 0).fill_null(False), NOT_LISTED),
        else_=MISSING,
    )
    parts = [part for part in PARTS if part in joined.columns]
    placed = joined.select(PERSON, "index", *parts, **{AREA: area, "place_group": group})
    if deprivation is None:
        return placed
    _same_vintage(deprivation, vintage)
    # A relation of its own: Ibis takes a join of what it made from joins for one of its parts.
    placed, more = placed.distinct(), connect(deprivation).rename(_of=AREA)
    return placed.left_join(more, placed[AREA] == more["_of"]).drop("_of")


def _collected_lookup(lookup: str | Path | pd.DataFrame, vintage: Literal["2011", "2021"]) -> Any:
    """The look-up as a table that goes to any engine: it holds nobody."""
    table = read_postcodes(lookup, vintage=vintage)
    with reading(None if isinstance(lookup, pd.DataFrame) else lookup):
        return table.to_pyarrow()


def _same_vintage(deprivation: pd.DataFrame, vintage: Literal["2011", "2021"]) -> None:
    found = vintage_of(deprivation[AREA].dropna().astype(str))
    if found is not None and not found.endswith(vintage):
        raise SchemaError(
            f"The areas of the table of deprivation are of {found}, and postcodes are placed in LSOAs of {vintage}. "
            "Give the indices of the same vintage: those of 2019 are of LSOAs of 2011, those of 2025 of LSOAs of 2021."
        )
