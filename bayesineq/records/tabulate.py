"""Person-level records to counts by cell, on the engine where the records are."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayesineq.dims import AGE, AREA, DECILE, POPULATION
from bayesineq.errors import SchemaError
from bayesineq.records.engines import connect, reading
from bayesineq.tables.blanks import SPACE, blanked
from bayesineq.tables.check import ABSENT, column_findings
from bayesineq.tables.faults import AGE_YEARS, Fault, faults
from bayesineq.tables.files import suffix
from bayesineq.tables.findings import Finding, failing, raise_findings
from bayesineq.tables.schema import TableSchema, read_schema
from bayesineq.tables.vintage import mixed_areas

if TYPE_CHECKING:
    import ibis

OPEN_BAND: Final = "+"
FAULT: Final = "_fault_"
"""Prefix of the helper columns that count, by cell, the records with a value that cannot be."""


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

    Examples
    --------
    >>> from bayesineq.records.engines import connect
    >>> people = connect(pd.DataFrame({"age": [4, 17, 40, 90]}))
    >>> people.mutate(band=age_bands(people.age, [0, 18, 65])).to_pyarrow()["band"].to_pylist()
    ['00-17', '00-17', '18-64', '65+']
    """
    import ibis

    labels = band_labels(starts)
    limits = [*starts[1:], None]
    branches = [
        (age >= first if limit is None else (age >= first) & (age < limit), label)
        for first, limit, label in zip(starts, limits, labels, strict=True)
    ]
    return ibis.cases(*branches)


def cells(
    records: ibis.Table,
    by: Sequence[str],
    count: Mapping[str, str],
    *,
    total: str = POPULATION,
    bands: Sequence[int] | None = None,
) -> tuple[ibis.Table, list[Fault]]:
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

    Returns
    -------
    (ibis.Table, list of Fault)
        `by`, `total`, the columns of `count`, and for each fault how many records of the cell have it.

    Raises
    ------
    SchemaError
        A column is not there or is of a type that cannot be added up, or a name is used twice.

    Examples
    --------
    >>> from bayesineq.records.engines import connect
    >>> people = connect(pd.DataFrame({"sex": ["female", "female", "male"], "diabetes": [1, 0, 1]}))
    >>> expression, _ = cells(people, ["sex"], {"cases": "diabetes"})
    >>> expression.select("sex", "population", "cases").order_by("sex").to_pyarrow().to_pylist()[0]
    {'sex': 'female', 'population': 2, 'cases': 1}
    """
    columns = list(records.columns)
    if bands is not None:
        if AGE_YEARS not in columns:
            raise SchemaError(f"Age bands need a column 'age'; the records have {', '.join(columns)}.")
        if not records[AGE_YEARS].type().is_numeric():
            raise SchemaError(f"Column 'age' is of type {records[AGE_YEARS].type()}. Give completed years as numbers.")
        columns.append(AGE)
    names = [*by, total, *count]
    twice = sorted({name for name in names if names.count(name) > 1})
    absent = [name for name in dict.fromkeys([*by, *count.values()]) if name not in columns]
    if twice or absent or not by:
        wrong = [f"used twice: {', '.join(twice)}"] if twice else []
        wrong += [f"not in the records: {', '.join(absent)}"] if absent else []
        wrong += ["`by` is empty"] if not by else []
        raise SchemaError(f"Cannot tabulate ({'; '.join(wrong)}). The records have {', '.join(columns)}.")
    for name, column in count.items():
        kind = records[column].type()
        if not (kind.is_numeric() or kind.is_boolean()):
            raise SchemaError(
                f"Column {column!r}, to be added up as {name!r}, is of type {kind}. Give numbers or true and false."
            )
    if bands is not None:
        records = records.mutate(**{AGE: age_bands(records[AGE_YEARS], bands)})
    found = faults(records, count.values(), ages=bands is not None)
    sums = {name: records[column].cast(_adds_up(records[column].type())).sum() for name, column in count.items()}
    helpers = {f"{FAULT}{k}": fault.holds.cast("int64").sum() for k, fault in enumerate(found)}
    helpers |= {f"{FAULT}{k}_sum": fault.sums.sum() for k, fault in enumerate(found) if fault.sums is not None}
    return records.group_by(list(by)).aggregate(**{total: records.count()}, **sums, **helpers).order_by(list(by)), found


def _adds_up(kind: Any) -> str:
    return "int64" if kind.is_integer() or kind.is_boolean() else "float64"


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
    schema: str | Path = "people",
) -> pd.DataFrame:
    """
    Count people by cell.

    Parameters
    ----------
    records : DataFrame, Ibis table, str or Path
        One row a person: a csv, csv.gz or parquet file, a data frame, or a table of DuckDB, Polars or Spark by Ibis.
        The counting runs where the records are; for files and data frames that is DuckDB, inside this process.
    by : sequence of str
        Columns that make a cell, such as area, imd_decile, ethnicity, age_band, sex. Values of a column that `schema`
        names must be what it allows, as in `check`.
    count : Mapping of str to str, optional
        Column to add up by the name that its sum is to have: `{"cases": "diabetes"}` with 0 and 1 (or false and
        true), `{"missed": "missed", "appointments": "appointments"}` with whole numbers, `{"person_years": "years"}`
        with fractions.
    total : str, optional
        Name for the number of records in a cell. Where it is "population", a person who stands in several rows is
        refused.
    bands : sequence of int, optional
        First ages of bands: makes `age_band` from the column `age`, completed years from 0 to 120, for use in `by`.
    missing : Mapping of str to str or int, optional
        What stands for a missing value in a column of `by`: `{"ethnicity": "unknown"}`. A missing value in a column
        that is not named is an error, never a row left out. A text such as "NULL", "NA" or a space alone, listed in
        the schema's `missingValues`, is a missing value, from a file as from a data frame.
    full : bool, optional
        Whether cells in which nobody is are listed too, with zeros: the cross of all values that occur. They say
        nothing about rates, and there can be very many; ask for them to show a whole grid, or to total by hand.
    carried : Mapping of str to str, optional
        For `full`: columns that another one decides, and so are not crossed with it; an area has one decile.
    schema : str or Path, optional
        Schema of the records, as of `check`; give one of your own where codes differ from those of `people`.

    Returns
    -------
    DataFrame
        `by`, then `count`, then `total`, sorted by `by`: whole numbers (int64), and float64 where fractions were added.

    Raises
    ------
    SchemaError
        A column is not there, a value is missing or outside the schema, a person stands twice, or a column to add up
        holds negative or infinite numbers or none at all.

    Examples
    --------
    >>> people = pd.DataFrame({"sex": ["female", "female", "male"], "diabetes": [1, 0, 1]})
    >>> tabulate(people, ["sex"], {"cases": "diabetes"})
          sex  cases  population
    0  female      1           2
    1    male      1           1
    """
    rules = read_schema(schema)
    named = {field.name for field in rules.fields}
    # A code of a file that no schema names keeps its leading zeros; what is a number all through is made one again.
    codes = [name for name in by if name not in named and not isinstance(missing.get(name), int)]
    table = connect(records, text=[*rules.text, *codes])
    _refuse_fill(table, missing, [*table.columns, *([AGE] if bands is not None else [])])
    expression, looked_for = cells(table, by, count, total=total, bands=bands)
    with reading(records):
        result: pd.DataFrame = expression.to_pyarrow().to_pandas()
    if result.empty:
        raise SchemaError("There are no records: the table is empty. Check the export, or the filter that made it.")
    result = blanked(result, rules.missing)
    if isinstance(records, (str, Path)) and suffix(Path(records)) == "csv":
        result = result.assign(**{name: _numbers(result[name]) for name in codes})
    people = result[total].to_numpy(dtype=np.int64)
    findings = _missing(result, by, missing, people)
    for k, fault in enumerate(looked_for):
        of_each = result[f"{FAULT}{k}"].fillna(0)
        if fault.sums is not None:
            # A cell that adds up to no number holds one at least.
            of_each = of_each.clip(lower=result[f"{FAULT}{k}_sum"].isna().astype("int64"))
        lacking = int(of_each.sum())
        findings += _told(fault.column, fault.problem, fault.remedy, lacking, people)
    findings += _outside(result, by, rules, people)
    if total == POPULATION:
        findings += _twice(table, rules.primary_key, records)
    raise_findings(findings, "The records cannot be tabulated as they are:")
    result = _filled(result[[*by, *count, total]], by, missing)
    types = {name: np.float64 if table[column].type().is_floating() or table[column].type().is_decimal() else np.int64
             for name, column in count.items()}  # fmt: skip
    result = result.astype({total: np.int64, **types})
    return _full(result, list(by), [*count, total], carried) if full else result


def _numbers(texts: pd.Series) -> pd.Series:
    """Texts as numbers, or true and false, where every one is written as these are."""
    if not pd.api.types.is_string_dtype(texts.dtype):
        return texts
    given = texts.dropna()
    if given.str.fullmatch("-?(0|[1-9][0-9]{0,17})").all() and len(given):
        return pd.to_numeric(texts, downcast=None)
    if given.str.fullmatch(r"-?(0|[1-9][0-9]*)\.[0-9]+").all() and len(given):
        return texts.astype(float)
    if given.str.lower().isin(["true", "false"]).all() and len(given):
        return texts.str.lower().map({"true": True, "false": False})
    return texts


def _refuse_fill(table: ibis.Table, missing: Mapping[str, str | int], columns: Sequence[str]) -> None:
    if absent := [name for name in missing if name not in columns]:
        raise SchemaError(
            f"Cannot tabulate (not in the records: {', '.join(absent)}). The records have {', '.join(columns)}."
        )
    for name, value in missing.items():
        text = name == AGE or table[name].type().is_string()
        if text != isinstance(value, str):
            kind = "string" if name == AGE else table[name].type()
            raise SchemaError(f"{value!r} cannot stand for what is missing in {name!r}, of type {kind}.")


def _told(column: str, problem: str, remedy: str, lacking: int, people: NDArray[np.int64]) -> list[Finding]:
    return [Finding(column, f"{problem} in {lacking:,} of {people.sum():,} records", remedy)] if lacking else []


def _missing(
    result: pd.DataFrame, by: Sequence[str], missing: Mapping[str, str | int], people: NDArray[np.int64]
) -> list[Finding]:
    findings = []
    for name in by:
        if name not in missing:
            remedy = f'Complete it, or give it a level of its own: missing={{"{name}": "unknown"}}.'
            if name == AGE:
                remedy = "Complete the ages; an age below the first band is missing too."
            findings += _told(name, "missing", remedy, int(people[result[name].isna()].sum()), people)
    return findings


def _outside(result: pd.DataFrame, by: Sequence[str], rules: TableSchema, people: NDArray[np.int64]) -> list[Finding]:
    """What `check` would refuse in the columns of a cell, in records; values are withheld, as of people."""
    findings: list[Finding] = []
    fields = {field.name: field for field in rules.fields}
    for name in by:
        given = result[name]
        found: list[Finding] = []
        if name in fields:
            typed, found = column_findings(given, fields[name], rules.missing)
            if fields[name].areas and typed is not None and not found:
                found = mixed_areas(typed)
        elif pd.api.types.is_string_dtype(given.dtype):
            padded = given.notna() & (given != given.str.strip(SPACE))
            found = failing(given, padded, "spaces around the value", "Remove the spaces: they make another cell.")
        for finding in found:
            if finding.problem != ABSENT:
                lacking = int(people[result.index.isin(finding.rows)].sum()) if len(finding.rows) else people.sum()
                findings += _told(name, finding.problem, finding.remedy, int(lacking), people)
    return findings


def _twice(table: ibis.Table, key: Sequence[str], source: Any) -> list[Finding]:
    """People who stand in several rows, and would be counted as several."""
    if len(key) != 1 or key[0] not in table.columns:
        return []
    with reading(source):
        counts = table.aggregate(rows=table[key[0]].count(), people=table[key[0]].nunique()).to_pyarrow().to_pylist()[0]
    again = counts["rows"] - counts["people"]
    remedy = 'Keep one row for each; where rows are not people, say what they are: total="appointments".'
    return [Finding(key[0], f"the same in {again:,} more records", remedy)] if again else []


def _filled(result: pd.DataFrame, by: Sequence[str], missing: Mapping[str, str | int]) -> pd.DataFrame:
    """Cells whose missing values have a level: cells that become one are added up."""
    holed = [name for name in by if name in missing and result[name].isna().any()]
    if not holed:
        return result
    filled = result.assign(**{name: result[name].fillna(missing[name]) for name in holed})
    return filled.groupby(list(by), as_index=False, observed=True, dropna=False).sum()


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
    whole[counts] = whole[counts].fillna(0).astype(dict(cells.dtypes[counts]))
    result: pd.DataFrame = whole[[*by, *counts]].sort_values(by, ignore_index=True)
    return result
