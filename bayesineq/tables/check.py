"""The border of the package: a table against its schema, every failure at once."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayesineq.tables.files import BOM, read_table, suffix
from bayesineq.tables.findings import Finding, raise_findings
from bayesineq.tables.schema import Field, TableSchema, read_schema
from bayesineq.tables.vintage import mixed_areas

SUM_TOLERANCE = 1e-6
"""Rounding allowed where shares are added up and compared with their total."""


def check(table: pd.DataFrame | str | Path, schema: str | Path) -> pd.DataFrame:
    """
    Check a table against a schema and return it with canonical types.

    Columns that the schema does not name are kept as they are, after those it names: a study brings its own
    covariates. A misspelt column is still caught, because the column it stands for is then missing, and the message
    names the near match.

    Parameters
    ----------
    table : DataFrame, str or Path
        The table, or a csv, csv.gz or parquet file.
    schema : str or Path
        Name of a schema in `data_schema/`, or the path of a Frictionless Table Schema ending in `.json`.

    Returns
    -------
    DataFrame
        The same rows in the same order, numbered from 0: columns of the schema first, codes as `str`, whole numbers
        as `int64` (`Int64` where missing values are allowed and present), other numbers as `float64`.

    Raises
    ------
    SchemaError
        The table does not fit. `failures` holds one row for every failure: `row`, `column`, `problem`, `value`. Rows
        of a csv are counted as a spreadsheet does (the header is row 1); rows of a DataFrame or a parquet file are
        index labels. Values are withheld where the rows are people.
    """
    rules = read_schema(schema)
    text = [field.name for field in rules.fields if field.type == "string"]
    if isinstance(table, pd.DataFrame):
        given, source, counted = table, "The table", "index labels of the DataFrame"
        given = given.rename(columns={name: str(name).removeprefix(BOM) for name in given.columns})
    else:
        given, source = read_table(table, text=text, missing=rules.missing), str(table)
        counted = "as in the file: the header is row 1" if suffix(Path(table)) == "csv" else "counted from 0"
    heading = f"{source} does not fit the schema {rules.name!r} (rows are {counted}):"

    findings = _columns(given, rules)
    if given.empty and not findings:
        findings = [Finding("", "the table has no rows", "Check the export, or the filter that made it.")]
    typed: dict[str, pd.Series] = {}
    for field in rules.fields:
        if field.name in given.columns and not any(f.column == field.name for f in findings):
            column, problems = _column(given[field.name], field, rules.missing)
            findings += problems
            if column is not None:
                typed[field.name] = column
    if not given.empty:
        findings += _key(typed, rules) + _across(typed, rules)
    if rules.personal:
        findings = [Finding(f.column, f.problem, f.remedy, f.rows, [None] * len(f.rows)) for f in findings]
    raise_findings(findings, heading)

    extra = [name for name in given.columns if name not in typed]
    return pd.DataFrame({**typed, **{name: given[name] for name in extra}}).reset_index(drop=True)


def _columns(table: pd.DataFrame, schema: TableSchema) -> list[Finding]:
    present = list(table.columns)
    findings = []
    for name in dict.fromkeys(name for name in present if present.count(name) > 1):
        findings.append(Finding(str(name), "the table has this column more than once", "Keep one, or rename them."))
    named = {field.name for field in schema.fields}
    for field in schema.fields:
        if field.optional or field.name in present:
            continue
        strangers = {str(name).strip().lower(): str(name) for name in present if name not in named}
        near = difflib.get_close_matches(field.name, strangers, n=1, cutoff=0.7)
        remedy = f"Is it {strangers[near[0]]!r}? Rename that column." if near else f"It holds: {field.description}"
        findings.append(Finding(field.name, "the column is missing", remedy))
    return findings


def _column(series: pd.Series, field: Field, missing: Sequence[str]) -> tuple[pd.Series | None, list[Finding]]:
    """Typed column, or None where its type is wrong and nothing more can be said of it."""
    convert = _text if field.type == "string" else _number
    absent = series.isna().to_numpy()
    if series.dtype == object or isinstance(series.dtype, pd.StringDtype):
        absent = absent | series.isin(list(missing)).to_numpy()
    typed, findings = convert(series, absent, field)
    if absent.any() and field.constraints.get("required"):
        remedy = "Give a value, or take the row out and say so; nothing is filled in."
        findings.append(Finding(field.name, "missing value", remedy, *_failing(series, absent, values=False)))
    if typed is None:
        return None, findings
    return typed, findings + _constraints(typed, typed.notna().to_numpy(), field)


def _failing(series: pd.Series, wrong: NDArray[np.bool_], values: bool = True) -> tuple[list[Any], list[Any]]:
    rows = series.index[wrong].tolist()
    return rows, series[wrong].tolist() if values else [None] * len(rows)


def _text(series: pd.Series, absent: NDArray[np.bool_], field: Field) -> tuple[pd.Series | None, list[Finding]]:
    if pd.api.types.is_numeric_dtype(series.dtype) and not absent.all():
        remedy = "Give text: a code that was read as a number may have lost its leading zeros."
        return None, [Finding(field.name, f"holds numbers ({series.dtype}) where codes are text", remedy)]
    if series.dtype == object:
        wrong = ~series.map(lambda value: isinstance(value, str)).to_numpy(dtype=bool) & ~absent
        if wrong.any():
            return None, [Finding(field.name, "not text", "Give codes as text.", *_failing(series, wrong))]
    typed = series.astype("str").where(~absent)
    padded = ~absent & (typed != typed.str.strip()).to_numpy(dtype=bool, na_value=False)
    if padded.any():
        remedy = "Remove the spaces: codes are compared letter by letter."
        return typed, [Finding(field.name, "spaces around the value", remedy, *_failing(series, padded))]
    return typed, []


def _number(series: pd.Series, absent: NDArray[np.bool_], field: Field) -> tuple[pd.Series | None, list[Finding]]:
    numbers = pd.to_numeric(series.astype(object) if series.dtype == "category" else series, errors="coerce")
    values = numbers.to_numpy(dtype=np.float64, na_value=np.nan)
    kind = "a whole number" if field.type == "integer" else "a number"
    not_number = np.isnan(values) & ~absent
    findings = []
    if not_number.any():
        stars = series[not_number].astype(str).str.strip().isin(["*", "c", "C"]).any()
        remedy = (
            "Give the counts before suppression." if stars else "Give digits alone: no text, no thousands separator."
        )
        findings.append(Finding(field.name, f"not {kind}", remedy, *_failing(series, not_number)))
    infinite = np.isinf(values)
    if infinite.any():
        findings.append(Finding(field.name, "infinite", "Give a finite number.", *_failing(series, infinite)))
    if field.type == "integer":
        fraction = np.isfinite(values) & (values != np.floor(values))
        if fraction.any():
            remedy = "Counts are of people or events; give whole numbers, or use a column meant for rates."
            findings.append(Finding(field.name, "not a whole number", remedy, *_failing(series, fraction)))
    if findings:
        # What can be read as a number is still compared with its bounds and with other columns, to hear all at once.
        readable = pd.Series(np.where(np.isfinite(values), values, np.nan), index=series.index, name=field.name)
        return readable, findings
    if field.type == "number":
        return pd.Series(values, index=series.index, name=field.name), []
    return numbers.astype("Int64" if absent.any() else "int64"), []


def _constraints(typed: pd.Series, present: NDArray[np.bool_], field: Field) -> list[Finding]:
    allowed, findings = field.constraints, []

    def refuse(wrong: Any, problem: str, remedy: str) -> None:
        failing = np.asarray(wrong, dtype=bool) & present
        if failing.any():
            findings.append(Finding(field.name, problem, remedy, *_failing(typed, failing)))

    what = f"It holds: {field.description}"
    if (least := allowed.get("minimum")) is not None:
        problem = "negative" if least == 0 else f"below {least}"
        refuse(typed.fillna(least) < least, problem, f"The least that is allowed is {least}. {what}")
    if (most := allowed.get("maximum")) is not None:
        refuse(typed.fillna(most) > most, f"above {most}", f"The most that is allowed is {most}. {what}")
    if (options := allowed.get("enum")) is not None:
        refuse(~typed.isin(options), "not an allowed value", f"Allowed: {', '.join(map(str, options))}.")
    if (pattern := allowed.get("pattern")) is not None:
        shaped = typed.fillna("").str.fullmatch(pattern)
        refuse(~shaped, f"not of the form {pattern}", what)
    if (length := allowed.get("minLength")) is not None:
        refuse(typed.fillna("").str.len() < length, f"shorter than {length} characters", what)
    if allowed.get("unique"):
        refuse(typed.duplicated(), "stands more than once", "Keep one row for each.")
    return findings


def _key(typed: dict[str, pd.Series], schema: TableSchema) -> list[Finding]:
    key = [name for name in schema.primary_key if name in typed]
    required = [name for name in schema.primary_key if name in typed or not _field(schema, name).optional]
    if not key or key != required:
        return []
    columns = pd.DataFrame({name: typed[name] for name in key})
    again = columns.duplicated().to_numpy() & columns.notna().all(axis=1).to_numpy()
    if not again.any():
        return []
    values = columns[again].agg(tuple, axis=1).tolist() if len(key) > 1 else columns[again].iloc[:, 0].tolist()
    remedy = f"One row for each {' x '.join(key)}: add the duplicates up if they are parts, remove them if copies."
    rows = columns.index[again].tolist()
    return [Finding(", ".join(key), "the same key stands in an earlier row", remedy, rows, values)]


def _field(schema: TableSchema, name: str) -> Field:
    return next(field for field in schema.fields if field.name == name)


def _across(typed: dict[str, pd.Series], schema: TableSchema) -> list[Finding]:
    findings = []
    for field in schema.fields:
        if field.areas and field.name in typed:
            findings += mixed_areas(typed[field.name])
    for rule in schema.rules:
        if "left" in rule and {rule["left"], rule["at_most"]} <= set(typed):
            findings += _at_most(typed[rule["left"]], typed[rule["at_most"]])
        elif "sum" in rule and set(rule["sum"]) <= set(typed):
            total = pd.concat([typed[name] for name in rule["sum"]], axis=1).sum(axis=1)
            wrong = (total > rule["at_most"] + SUM_TOLERANCE).to_numpy()
            if wrong.any():
                remedy = f"Shares of one whole add up to {rule['at_most']} or less; are they percentages?"
                problem = f"add up to more than {rule['at_most']}"
                findings.append(Finding(", ".join(rule["sum"]), problem, remedy, *_failing(total, wrong)))
        elif "key" in rule and {rule["key"], rule["determines"]} <= set(typed):
            findings += _determines(typed[rule["key"]], typed[rule["determines"]])
    return findings


def _at_most(left: pd.Series, right: pd.Series) -> list[Finding]:
    wrong = (left > right).fillna(False).to_numpy(dtype=bool)
    if not wrong.any():
        return []
    values = [f"{a} > {b}" for a, b in zip(left[wrong], right[wrong], strict=True)]
    remedy = f"Are the columns swapped, or do {left.name!r} and {right.name!r} count different people?"
    problem = f"{left.name} above {right.name}"
    return [Finding(str(left.name), problem, remedy, left.index[wrong].tolist(), values)]


def _determines(key: pd.Series, value: pd.Series) -> list[Finding]:
    first = value.groupby(key).transform("first")
    wrong = ((value != first) & value.notna() & key.notna()).to_numpy(dtype=bool)
    if not wrong.any():
        return []
    values = [f"{k}: {v}, before {f}" for k, v, f in zip(key[wrong], value[wrong], first[wrong], strict=True)]
    problem = f"differs within one {key.name}"
    remedy = f"Each {key.name} has one {value.name}; join it again from one source."
    return [Finding(str(value.name), problem, remedy, key.index[wrong].tolist(), values)]
