"""The border of the package: a table against its schema, every failure at once."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import replace
from numbers import Number
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayesineq.tables.blanks import SPACE, is_blank
from bayesineq.tables.dates import read_dates
from bayesineq.tables.files import BOM, read_table, suffix
from bayesineq.tables.findings import Finding, failing, raise_findings
from bayesineq.tables.meaning import meaning_findings
from bayesineq.tables.schema import Field, TableSchema, read_schema
from bayesineq.tables.vintage import mixed_areas

type Mask = NDArray[np.bool_]

SUM_TOLERANCE = 1e-6
"""Rounding allowed where shares are added up and compared with their total."""

IN_THE_FILE = "as in the file: the header is row 1"

LARGEST = 1e12
"""Nothing that is counted, from people to days of follow-up of a nation, comes to so many."""

ABSENT = "missing value"
"""The problem of a value that is required and not there."""

SUPPRESSED = ("*", "c", "C", "[c]", "-", "..", ":", "x", "[x]", "[z]", "~", "[low]")
"""What publishers print in place of a count."""


def check(
    table: pd.DataFrame | str | Path,
    schema: str | Path,
    *,
    source: str | Path | None = None,
    may_lack: Sequence[str] = (),
) -> pd.DataFrame:
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
    source : str or Path, optional
        The file that a DataFrame came from, for messages; its index is then taken to label rows as the file does.
    may_lack : sequence of str
        Columns that may be blank in some rows although the schema requires them: those of an outcome that is to be
        predicted where it is not known.

    Returns
    -------
    DataFrame
        The same rows in the same order, numbered from 0: columns of the schema first, codes as `str`, dates (as of
        `read_dates`) as `str` in the form YYYY-MM-DD, whole numbers as `int64` (`Int64` where missing values are
        allowed and present), other numbers as `float64`.

    Raises
    ------
    SchemaError
        The table does not fit. `failures` holds one row for every failure: `row`, `column`, `problem`, `value`. Rows
        of a csv are counted as a spreadsheet does (the header is row 1); rows of a DataFrame or a parquet file are
        index labels. Values are withheld where the rows are people.

    Examples
    --------
    >>> table = pd.DataFrame({"area": ["E01000001"], "imd_decile": ["3"], "residents": [1500], "bad_health": [1600]})
    >>> table = table.assign(asian=0.1, black=0.0, mixed=0.0, other=0.0, aged_65_and_over=0.2)
    >>> from bayesineq.errors import SchemaError
    >>> try:
    ...     check(table, "area_health")
    ... except SchemaError as error:
    ...     error.failures.loc[0, "problem"]
    'bad_health above residents'
    >>> check(table.assign(bad_health=75), "area_health")["imd_decile"].tolist()
    [3]
    """
    rules = read_schema(schema)
    if may_lack:
        rules = replace(rules, fields=tuple(_lenient(f) if f.name in may_lack else f for f in rules.fields))
    if isinstance(table, pd.DataFrame):
        labelled = source is not None and suffix(Path(source)) in ("csv", "excel")
        given, counted = table, IN_THE_FILE if labelled else "index labels of the DataFrame"
        given = given.rename(columns={name: str(name).removeprefix(BOM) for name in given.columns})
    else:
        given = read_table(table, text=rules.text, missing=rules.missing)
        counted = IN_THE_FILE if suffix(Path(table)) == "csv" else "counted from 0"
    called = source if source is not None else "The table" if isinstance(table, pd.DataFrame) else table
    heading = f"{called} does not fit the schema {rules.name!r} (rows are {counted}):"

    findings = _columns(given, rules)
    if given.empty and not findings:
        findings = [Finding("", "the table has no rows", "Check the export, or the filter that made it.")]
    typed: dict[str, pd.Series] = {}
    for field in rules.fields:
        if field.name in given.columns and not any(f.column == field.name for f in findings):
            column, problems = column_findings(given[field.name], field, rules.missing)
            findings += problems
            if column is not None:
                typed[field.name] = column
    if not given.empty:
        findings += _key(typed, rules) + _across(typed, rules)
        if not rules.personal:
            findings += meaning_findings(typed, given, rules)
    if rules.personal:
        findings = [Finding(f.column, f.problem, f.remedy, f.rows, [None] * len(f.rows)) for f in findings]
    raise_findings(findings, heading)

    extra = [name for name in given.columns if name not in typed]
    return pd.DataFrame({**typed, **{name: given[name] for name in extra}}).reset_index(drop=True)


def _lenient(field: Field) -> Field:
    return replace(field, constraints={key: value for key, value in field.constraints.items() if key != "required"})


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


def column_findings(series: pd.Series, field: Field, missing: Sequence[str]) -> tuple[pd.Series | None, list[Finding]]:
    """A column against its field."""
    absent = is_blank(series, missing)
    typed, findings = {"string": _text, "date": _day}.get(field.type, _number)(series, absent, field)
    if field.constraints.get("required"):
        remedy = "Give a value, or take the row out and say so; nothing is filled in."
        findings += failing(series.where(~absent), absent, ABSENT, remedy)
    if typed is None:
        return None, findings
    return typed, findings + _constraints(typed, field)


def _text(series: pd.Series, absent: Mask, field: Field) -> tuple[pd.Series | None, list[Finding]]:
    if pd.api.types.is_numeric_dtype(series.dtype) and not absent.all():
        remedy = "Give text: a code that was read as a number may have lost its leading zeros."
        return None, [Finding(field.name, f"holds numbers ({series.dtype}) where codes are text", remedy)]
    if series.dtype == object:
        wrong = ~series.map(lambda value: isinstance(value, str)).to_numpy(dtype=bool) & ~absent
        if wrong.any():
            return None, failing(series, wrong, "not text", "Give codes as text.")
    typed = series.astype("str").where(~absent)
    padded = ~absent & (typed != typed.str.strip(SPACE)).to_numpy(dtype=bool, na_value=False)
    remedy = "Remove the spaces: codes are compared letter by letter."
    return typed, failing(series, padded, "spaces around the value", remedy)


def _day(series: pd.Series, absent: Mask, field: Field) -> tuple[pd.Series | None, list[Finding]]:
    days, findings = read_dates(series.where(~absent))
    return days.dt.strftime("%Y-%m-%d").astype("str"), findings


def _number(series: pd.Series, absent: Mask, field: Field) -> tuple[pd.Series | None, list[Finding]]:
    given = series.astype(object) if series.dtype == "category" else series
    if pd.api.types.is_object_dtype(given.dtype) or pd.api.types.is_string_dtype(given.dtype):
        given = given.map(lambda value: value.strip(SPACE) if isinstance(value, str) else value)
        # What is neither text nor a number would stop the reader of numbers, where it is to be none.
        given = given.where(given.map(lambda value: isinstance(value, (str, Number))))
    elif not (pd.api.types.is_numeric_dtype(given.dtype) or pd.api.types.is_bool_dtype(given.dtype)) \
            or pd.api.types.is_complex_dtype(given.dtype):  # fmt: skip
        remedy = "Give numbers: a date or a length of time is none."
        return None, [Finding(field.name, f"holds {given.dtype} where numbers are", remedy)]
    try:
        numbers = pd.to_numeric(given, errors="coerce")
    except OverflowError:
        numbers = pd.to_numeric(given.map(_held), errors="coerce")
    values = numbers.to_numpy(dtype=np.float64, na_value=np.nan)
    whole = field.type == "integer"
    unreadable = np.isnan(values) & ~absent
    remedy = "Give digits alone: no text, no thousands separator."
    if any(str(value).strip() in SUPPRESSED for value in series[unreadable]):
        remedy = "Give the counts as they were before suppression, or read what each sign means: `with_intervals`."
    findings = failing(series, unreadable, f"not a {'whole ' if whole else ''}number", remedy)
    findings += failing(series, np.isinf(values), "infinite", "Give a finite number.")
    findings += (
        failing(series, np.abs(values) >= LARGEST, "too large a number", "Is a decimal point lost?") if whole else []
    )
    if whole:
        fraction = np.isfinite(values) & (values != np.floor(values))
        remedy = "Counts are of people or events: give whole numbers, or use a column meant for rates."
        findings += failing(series, fraction, "not a whole number", remedy)
    if findings or not whole:
        # What can be read as a number is still compared with its bounds and with other columns, to hear all at once.
        return pd.Series(np.where(np.isfinite(values), values, np.nan), index=series.index, name=field.name), findings
    return numbers.astype("Int64" if absent.any() else "int64"), []


def _held(value: object) -> object:
    """What a cell holds; a whole number of more digits than any type of a table has is infinite."""
    if isinstance(value, int):
        return np.inf if abs(value) >= LARGEST else value
    return np.inf if isinstance(value, str) and len(value) > 300 and value.lstrip("+-").isdecimal() else value


def _constraints(typed: pd.Series, field: Field) -> list[Finding]:
    allowed, findings, present = field.constraints, [], typed.notna().to_numpy()
    what = f"It holds: {field.description}"
    if (least := allowed.get("minimum")) is not None:
        problem = "negative" if least == 0 else f"below {least}"
        wrong = present & (typed.fillna(least) < least).to_numpy(dtype=bool)
        findings += failing(typed, wrong, problem, f"The least that is allowed is {least}. {what}")
    if (most := allowed.get("maximum")) is not None:
        wrong = present & (typed.fillna(most) > most).to_numpy(dtype=bool)
        findings += failing(typed, wrong, f"above {most}", f"The most that is allowed is {most}. {what}")
    if (options := allowed.get("enum")) is not None:
        wrong = present & ~typed.isin(options).to_numpy(dtype=bool)
        findings += failing(typed, wrong, "not an allowed value", f"Allowed: {', '.join(map(str, options))}.")
    if (pattern := allowed.get("pattern")) is not None:
        wrong = present & ~typed.fillna("").str.fullmatch(pattern).to_numpy(dtype=bool)
        findings += failing(typed, wrong, f"not of the form {pattern}", what)
    if (length := allowed.get("minLength")) is not None:
        wrong = present & (typed.fillna("").str.len() < length).to_numpy(dtype=bool)
        findings += failing(typed, wrong, f"shorter than {length} characters", what)
    if allowed.get("unique"):
        findings += failing(typed, present & typed.duplicated().to_numpy(), "stands more than once", "Keep one row.")
    return findings


def _key(typed: dict[str, pd.Series], schema: TableSchema) -> list[Finding]:
    optional = {field.name for field in schema.fields if field.optional}
    key = [name for name in schema.primary_key if name in typed]
    if not key or any(name not in typed and name not in optional for name in schema.primary_key):
        return []
    columns = pd.DataFrame({name: typed[name] for name in key})
    again = columns.duplicated().to_numpy() & columns.notna().all(axis=1).to_numpy()
    if not again.any():
        return []
    first, name = columns.iloc[:, 0], ", ".join(key)
    shown = first if len(key) == 1 else columns.itertuples(index=False, name=None)
    remedy = f"One row for each {' x '.join(key)}: add the duplicates up if they are parts, remove them if copies."
    return failing(first, again, "the same key stands in an earlier row", remedy, column=name, shown=shown)


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
            problem = f"add up to more than {rule['at_most']}"
            remedy = f"Shares of one whole add up to {rule['at_most']} or less; are they percentages?"
            wrong = total > rule["at_most"] + SUM_TOLERANCE
            findings += failing(total, wrong, problem, remedy, column=", ".join(rule["sum"]))
        elif "key" in rule and {rule["key"], rule["determines"]} <= set(typed):
            findings += _determines(typed[rule["key"]], typed[rule["determines"]])
    return findings


def _at_most(left: pd.Series, right: pd.Series) -> list[Finding]:
    wrong = (left > right).fillna(False).to_numpy(dtype=bool)
    shown = left.astype(str) + " > " + right.astype(str) if wrong.any() else None
    remedy = f"Are the columns swapped, or do {left.name!r} and {right.name!r} count different people?"
    return failing(left, wrong, f"{left.name} above {right.name}", remedy, shown=shown)


def _determines(key: pd.Series, value: pd.Series) -> list[Finding]:
    first = value.groupby(key).transform("first")
    wrong = ((value != first) & value.notna() & key.notna()).to_numpy(dtype=bool)
    shown = key.astype(object) + ": " + value.astype(str) + ", before " + first.astype(str) if wrong.any() else None
    remedy = f"Each {key.name} has one {value.name}; join it again from one source."
    return failing(value, wrong, f"differs within one {key.name}", remedy, shown=shown)
