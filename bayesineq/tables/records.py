"""Person-level records to counts by cell, on the engine where the records are."""

from __future__ import annotations

import csv
import itertools
import re
import warnings
import zlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa

from bayesineq.dims import AGE, AREA, DECILE, POPULATION
from bayesineq.errors import SchemaError
from bayesineq.tables.files import MISSING, existing, header, suffix
from bayesineq.tables.findings import Finding, raise_findings
from bayesineq.tables.schema import read_schema

if TYPE_CHECKING:
    import ibis

OPEN_BAND: Final = "+"
NULLS: Final = "_missing_"
"""Prefix of the helper columns that count what is missing among the columns to add up."""


def band_labels(starts: Sequence[int]) -> list[str]:
    """
    Labels of age bands: two digits each, so that the order of the alphabet is that of age.

    Parameters
    ----------
    starts : sequence of int
        First age in completed years of each band, rising; the last band is open.

    Returns
    -------
    list of str
        Such as "00-04" or "85+".

    Raises
    ------
    SchemaError
        The starts do not rise, or are not ages.

    Examples
    --------
    >>> band_labels([0, 16, 65])
    ['00-15', '16-64', '65+']
    """
    if not starts or starts[0] < 0 or starts[-1] > 99 or any(b <= a for a, b in itertools.pairwise(starts)):
        raise SchemaError(f"{list(starts)} are not the first ages of bands: give rising whole numbers from 0 to 99.")
    closed = [f"{first:02d}-{following - 1:02d}" for first, following in itertools.pairwise(starts)]
    return [*closed, f"{starts[-1]:02d}{OPEN_BAND}"]


def age_bands(age: ibis.Value, starts: Sequence[int]) -> ibis.Value:
    """
    Age bands as an Ibis expression, which runs wherever the records are.

    Parameters
    ----------
    age : ibis integer column
        Age in completed years.
    starts : sequence of int
        First age of each band, rising; the last band is open.

    Returns
    -------
    ibis string column
        Labels as of `band_labels`; missing where age is missing or below the first band.
    """
    import ibis

    labels = band_labels(starts)
    limits = [*starts[1:], None]
    branches = [
        (age >= first if limit is None else (age >= first) & (age < limit), label)
        for first, limit, label in zip(starts, limits, labels, strict=True)
    ]
    return ibis.cases(*branches)


def connect(records: pd.DataFrame | ibis.Table | str | Path, text: Collection[str] | None = None) -> ibis.Table:
    """
    See records as an Ibis table: files and data frames through DuckDB, a table of any other engine as it is.

    Parameters
    ----------
    records : DataFrame, Ibis table, str or Path
        The records, or a csv, csv.gz or parquet file of them.
    text : collection of str, optional
        Columns of a csv to read as text, so that codes keep leading zeros; without it those that the schema `people`
        has as text.

    Returns
    -------
    ibis.Table
        A table expression; nothing is computed yet.

    Raises
    ------
    SchemaError
        The file is missing, of another kind, or cannot be read.
    """
    import ibis

    if isinstance(records, pd.DataFrame):
        return ibis.memtable(_arrow(records))
    if not isinstance(records, (str, Path)):
        return records if isinstance(records, ibis.Table) else ibis.memtable(records)
    path = existing(records)
    kind = suffix(path)
    if kind not in ("csv", "parquet"):
        raise SchemaError(f"The file {path} ends in {path.suffix!r}; records are read from .csv, .csv.gz and .parquet.")
    with _engine(path):
        engine = ibis.duckdb.connect()
        if kind == "parquet":
            return engine.read_parquet(path)
        names = header(path)
        if text is None:
            text = [field.name for field in read_schema("people").fields if field.type == "string"]
        types = {name: "string" for name in text if name in names}
        return engine.read_csv(path, types=types, nullstr=list(MISSING), header=True)


@contextmanager
def _engine(source: Any) -> Iterator[None]:
    """Turn failures of the embedded engine into one error that names the file and shows no person's line of it."""
    try:
        with warnings.catch_warnings():
            # Ibis still calls a function of DuckDB under its former name.
            warnings.filterwarnings("ignore", message="fetch_arrow_table", category=DeprecationWarning)
            yield
    except Exception as error:
        of_engine = type(error).__module__.partition(".")[0] in ("duckdb", "_duckdb")
        if not of_engine and not isinstance(error, (OSError, EOFError, zlib.error, UnicodeDecodeError, csv.Error)):
            raise
        where = f"The file {source}" if isinstance(source, (str, Path)) else "The table of records"
        first_line = re.sub(r"(['\"]).*?\1", "(a value)", str(error).partition("\n")[0])
        raise SchemaError(f"{where} cannot be read: {first_line} Is it whole? Fetch or export it again.") from None


def _arrow(records: pd.DataFrame) -> pa.Table:
    plain = {name: object for name in records.columns if records[name].dtype == "category"}
    try:
        return pa.Table.from_pandas(records.astype(plain), preserve_index=False)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        # The first argument of the error quotes a value, which belongs to a person; the last names the column.
        raise SchemaError(
            f"A column of the records is of mixed types: {error.args[-1]}. Give it one type, such as text for codes."
        ) from None


def cells(
    records: ibis.Table,
    by: Sequence[str],
    count: Mapping[str, str],
    *,
    total: str = POPULATION,
    bands: Sequence[int] | None = None,
    missing: Mapping[str, str | int] = MappingProxyType({}),
) -> ibis.Table:
    """
    The expression behind `tabulate`: one row a cell, not yet computed.

    Parameters
    ----------
    records : ibis.Table
        One row a person.
    by : sequence of str
        As of `tabulate`, and so are the rest.
    count : Mapping of str to str
        Column to add up by the name of its sum.
    total : str, optional
        Name for the number of records in a cell.
    bands : sequence of int, optional
        First ages of bands.
    missing : Mapping of str to str or int, optional
        What stands for a missing value in a column of `by`.

    Returns
    -------
    ibis.Table
        `by`, `total`, the columns of `count`, and for each of these how many records had no value.

    Raises
    ------
    SchemaError
        A column is not there, or a name is used twice.
    """
    if bands is not None:
        if "age" not in records.columns:
            raise SchemaError(f"Age bands need a column 'age'; the records have {', '.join(records.columns)}.")
        if not records["age"].type().is_numeric():
            raise SchemaError(f"Column 'age' is of type {records['age'].type()}. Give completed years as numbers.")
        records = records.mutate(**{AGE: age_bands(records["age"], bands)})
    names = [*by, total, *count]
    twice = sorted({name for name in names if names.count(name) > 1})
    absent = [name for name in dict.fromkeys([*by, *count.values(), *missing]) if name not in records.columns]
    if twice or absent or not by:
        wrong = [f"used twice: {', '.join(twice)}"] if twice else []
        wrong += [f"not in the records: {', '.join(absent)}"] if absent else []
        wrong += ["`by` is empty"] if not by else []
        raise SchemaError(f"Cannot tabulate ({'; '.join(wrong)}). The records have {', '.join(records.columns)}.")
    for name, value in missing.items():
        if records[name].type().is_string() != isinstance(value, str):
            raise SchemaError(
                f"{value!r} cannot stand for what is missing in {name!r}, of type {records[name].type()}."
            )
    records = records.mutate(**{name: records[name].fill_null(value) for name, value in missing.items()})
    sums = {name: records[column].cast("int64").sum() for name, column in count.items()}
    nulls = {NULLS + name: records[column].isnull().cast("int64").sum() for name, column in count.items()}  # noqa: PD003
    return records.group_by(list(by)).aggregate(**{total: records.count()}, **sums, **nulls).order_by(list(by))


def tabulate(
    records: pd.DataFrame | ibis.Table | str | Path,
    by: Sequence[str],
    count: Mapping[str, str] = MappingProxyType({}),
    *,
    total: str = POPULATION,
    bands: Sequence[int] | None = None,
    missing: Mapping[str, str | int] = MappingProxyType({}),
    full: bool = False,
    carried: Mapping[str, str] = MappingProxyType({DECILE: AREA}),
) -> pd.DataFrame:
    """
    Count people by cell.

    Parameters
    ----------
    records : DataFrame, Ibis table, str or Path
        One row a person: a csv, csv.gz or parquet file, a data frame, or a table of any engine that Ibis knows. The
        counting runs where the records are; for files and data frames that is DuckDB, inside this process.
    by : sequence of str
        Columns that make a cell, such as area, imd_decile, ethnicity, age_band, sex.
    count : Mapping of str to str, optional
        Column to add up by the name that its sum is to have: `{"cases": "diabetes"}` with 0 and 1 (or false and
        true), `{"missed": "missed", "appointments": "appointments"}` with whole numbers.
    total : str, optional
        Name for the number of records in a cell.
    bands : sequence of int, optional
        First ages of bands: makes `age_band` from the column `age`, for use in `by`.
    missing : Mapping of str to str or int, optional
        What stands for a missing value in a column of `by`: `{"ethnicity": "unknown"}`. A missing value in a column
        that is not named is an error, never a row left out.
    full : bool, optional
        Whether cells in which nobody is are listed too, with zeros: the cross of all values that occur. They say
        nothing about rates, and there can be very many; ask for them to show a whole grid, or to total by hand.
    carried : Mapping of str to str, optional
        For `full`: columns that another one decides, and so are not crossed with it; an area has one decile.

    Returns
    -------
    DataFrame
        `by`, then `count`, then `total` (int64), sorted by `by`.

    Raises
    ------
    SchemaError
        A column is not there, a value is missing, or a column to add up is not of whole numbers.
    """
    table = connect(records)
    expression = cells(table, by, count, total=total, bands=bands, missing=missing)
    for name, column in count.items():
        kind = table.schema()[column]
        if not (kind.is_integer() or kind.is_boolean()):
            raise SchemaError(
                f"Column {column!r}, to be added up as {name!r}, is of type {kind}. "
                "Give whole numbers or true and false."
            )
    with _engine(records):
        result = expression.to_pyarrow().to_pandas()
    if result.empty:
        raise SchemaError("There are no records: the table is empty. Check the export, or the filter that made it.")
    _refuse_missing(result, by, count, total)
    result = result.astype(dict.fromkeys([total, *count], np.int64))[[*by, *count, total]]
    return _full(result, list(by), [*count, total], carried) if full else result


def _refuse_missing(result: pd.DataFrame, by: Sequence[str], count: Mapping[str, str], total: str) -> None:
    findings = []
    for name in by:
        people = int(result.loc[result[name].isna(), total].sum())
        if people:
            remedy = f'Complete it, or give it a level of its own: missing={{"{name}": "unknown"}}.'
            if name == AGE:
                remedy = "Complete the ages; an age below the first band is missing too."
            findings.append(Finding(name, f"missing in {people:,} of {int(result[total].sum()):,} records", remedy))
    for name, column in count.items():
        people = int(result[NULLS + name].sum())
        if people:
            remedy = "Complete it: a missing value is neither yes nor no."
            findings.append(Finding(column, f"missing in {people:,} of {int(result[total].sum()):,} records", remedy))
    raise_findings(findings, "The records cannot be tabulated without leaving people out:")


def _full(cells: pd.DataFrame, by: list[str], counts: list[str], carried: Mapping[str, str]) -> pd.DataFrame:
    follows = {name: key for name, key in carried.items() if name in by and key in by}
    decided = {name: cells[[key, name]].drop_duplicates() for name, key in follows.items()}
    for name, pairs in decided.items():
        key = follows[name]
        if pairs[key].duplicated().any():
            shown = ", ".join(map(str, pairs.loc[pairs[key].duplicated(), key].unique()[:5]))
            raise SchemaError(f"{name!r} is not decided by {key!r}: {shown} have several. Leave it out of `carried`.")
    crossed = [name for name in by if name not in follows]
    grid = pd.MultiIndex.from_product([sorted(cells[name].unique()) for name in crossed], names=crossed)
    whole: Any = grid.to_frame(index=False)
    for name, pairs in decided.items():
        whole = whole.merge(pairs, on=follows[name], how="left", validate="many_to_one")
    whole = whole.merge(cells, on=by, how="left", validate="one_to_one")
    whole[counts] = whole[counts].fillna(0).astype(np.int64)
    result: pd.DataFrame = whole[[*by, *counts]].sort_values(by, ignore_index=True)
    return result
