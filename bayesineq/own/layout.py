"""How the columns of a table become those of a study: a mapping that can be read and edited, and what it does."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Literal

import numpy as np
import pandas as pd

from bayesineq.design.response import outcome_columns
from bayesineq.dims import AGE, AREA, CI_PROB, DEPRIVATION, QUINTILE
from bayesineq.errors import SchemaError
from bayesineq.measures.limits import standard_errors
from bayesineq.model.card import ModelCard
from bayesineq.own.read import read_cells
from bayesineq.shipped import card_of, card_text
from bayesineq.tables.findings import Finding, failing, raise_findings
from bayesineq.tables.geographies import geography
from bayesineq.tables.intervals import LOWER, UPPER, Publication, read_intervals
from bayesineq.tables.quantiles import quantile_groups
from bayesineq.tables.vintage import mixed_areas

COUNT: Final = "events"
PEOPLE: Final = "population"
YEARS: Final = "person_years"
EXPECTED: Final = "expected"
VALUE: Final = "value"
ERROR: Final = "standard_error"
RATE: Final = "rate"
ENDS: Final = (f"{COUNT}{LOWER}", f"{COUNT}{UPPER}")
NUMBERS: Final = (COUNT, PEOPLE, YEARS, EXPECTED, VALUE, "lower", "upper", ERROR, RATE)
"""Columns of a study that are numbers; all others say which row it is."""

_SUMMED: Final = (COUNT, *ENDS, PEOPLE, YEARS, EXPECTED)
_SMALL: Final = ("output_area", "lsoa", "msoa", "data_zone", "intermediate_zone", "super_output_area", "tract")
_EMPTY: Final[Mapping[str, Any]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Layout:
    """
    How the columns of a table become those of a study.

    Parameters
    ----------
    columns : mapping of str to str
        Name in the study (area, imd_decile, imd_quintile, ethnicity, age_band, sex, year; events, population,
        person_years, expected, rate, value, lower, upper, standard_error), to the title in the table.
    values : mapping of str to mapping
        By name in the study: value in the table, to the value in the study.
    leave_out : mapping of str to tuple of str
        By title: values whose rows are left out, such as totals.
    only : mapping of str to str
        By title: the one value whose rows are kept.
    long : mapping of str to mapping
        A wide table: the name of the dimension, to mappings of its level to the titles there, by name.
    fifths : str
        "lowest" or "highest" where `imd_quintile` is made of a score or rank: the end that is the most deprived.
    suppressed : tuple of int
        Least and most that a sign such as `*` stands for; empty where there is none.
    blanks : {"", "unknown", "suppressed", "zero"}
        What a blank count means: `unknown` counts are predicted.
    rounded : int
        Counts are rounded to a multiple of this.
    per : float
        A rate is of so many people: 100 for percentages; 0 where there is no rate.
    people : bool
        Whether a row is a person: `events` is then yes or no.
    add_up : bool
        Whether rows of one cell are parts, to be added up.
    age_width : int
        Single years of age are put into bands of so many years; 0 leaves them.
    file, sheet : str
        The table, relative to the mapping, and the sheet of a workbook.
    """

    columns: Mapping[str, str]
    values: Mapping[str, Mapping[str, str | int]] = _EMPTY
    leave_out: Mapping[str, tuple[str, ...]] = _EMPTY
    only: Mapping[str, str] = _EMPTY
    long: Mapping[str, Mapping[str, Mapping[str, str]]] = _EMPTY
    fifths: str = ""
    suppressed: tuple[int, ...] = ()
    blanks: str = ""
    rounded: int = 1
    per: float = 0.0
    people: bool = False
    add_up: bool = False
    age_width: int = 0
    file: str = ""
    sheet: str = ""


def read_mapped(mapping: str | Path, table: pd.DataFrame | str | Path | None = None) -> pd.DataFrame:
    r"""
    Read a table through a mapping that `start` wrote, perhaps edited since.

    Parameters
    ----------
    mapping : str or Path
        The mapping, a .toml file.
    table : DataFrame, str or Path, optional
        Another table of the same layout, such as next year's; by default the file that the mapping names.

    Returns
    -------
    DataFrame
        The columns of a study.

    Raises
    ------
    SchemaError
        The mapping or the table cannot be read, or they do not fit each other.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "mapping.toml"
    ...     _ = path.write_text('[columns]\narea = "LSOA"\nevents = "Diab"\npopulation = "List"')
    ...     read_mapped(path, pd.DataFrame({"LSOA": ["E01000001"], "Diab": ["80"], "List": ["1,500"]}))
            area  events  population
    0  E01000001      80        1500
    """
    path = Path(mapping)
    layout = read_layout(path)
    if table is None and not layout.file:
        raise SchemaError(f'The mapping {path} names no file: give it as file = "table.csv", or give the table.')
    given = path.parent / layout.file if table is None else table
    return lay_out(read_cells(given, layout.sheet or None).table, layout)


def read_layout(path: Path) -> Layout:
    """A mapping from its file, every mistake at once."""
    raw = card_of(card_text(path, "mapping", SchemaError), str(path), "mapping", SchemaError)
    known = {field.name for field in fields(Layout)}
    wrong = [f"{key}: no such key; known are {', '.join(sorted(known))}" for key in raw if key not in known]
    for key in [key for key in raw if key in known]:
        kind, said = _KINDS[key]
        if not kind(raw[key]):
            wrong.append(f"{key}: is {str(raw[key])[:80]!r}; write {said}")
    if not raw.get("columns") and not raw.get("long"):
        wrong.append('columns: missing; it says which title holds what, such as area = "LSOA code"')
    if wrong:
        raise SchemaError(f"The mapping {path} cannot be used:\n  - " + "\n  - ".join(wrong))
    made: dict[str, Any] = {"columns": {}, **raw, "suppressed": tuple(raw.get("suppressed", ()))}
    return Layout(**made)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_whole(value: Any, least: int = 0) -> bool:
    return type(value) is int and least <= value <= 10**9


def _is_table(value: Any, of: Callable[[Any], bool] = _is_text) -> bool:
    return isinstance(value, dict) and all(map(of, value.values()))


_KINDS: Final[dict[str, tuple[Callable[[Any], bool], str]]] = {
    "columns": (_is_table, "name in the study = title in the table, below [columns]"),
    "values": (
        partial(_is_table, of=partial(_is_table, of=lambda v: isinstance(v, str | int))),
        "value in the table = value in the study, below [values.NAME]",
    ),
    "leave_out": (
        partial(_is_table, of=lambda v: isinstance(v, list) and all(map(_is_text, v))),
        'title = ["value", ...], below [leave_out]',
    ),
    "only": (_is_table, "title = value, below [only]"),
    "long": (
        partial(_is_table, of=partial(_is_table, of=_is_table)),
        "name in the study = title in the table, below [long.NAME.LEVEL]",
    ),
    "fifths": (lambda v: v in ("", "lowest", "highest"), '"lowest" or "highest"'),
    "suppressed": (
        lambda v: isinstance(v, list) and (not v or (len(v) == 2 and all(map(_is_whole, v)) and v[0] <= v[1])),
        "the least and the most, as [1, 7]",
    ),
    "blanks": (lambda v: v in ("", "unknown", "suppressed", "zero"), '"unknown", "suppressed" or "zero"'),
    "rounded": (partial(_is_whole, least=1), "a whole number from 1"),
    "per": (lambda v: type(v) in (int, float) and 0 <= v <= 1e9, "a number, as 1000"),
    "people": (lambda v: isinstance(v, bool), "true or false"),
    "add_up": (lambda v: isinstance(v, bool), "true or false"),
    "age_width": (_is_whole, "a whole number of years"),
    "file": (_is_text, "text"),
    "sheet": (_is_text, "text"),
}
"""By key of a mapping: what its value must be, and how to say so."""


def layout_text(layout: Layout, source: str) -> str:
    """A mapping as TOML with comments."""
    said = {
        "file": "The table, seen from this file.",
        "sheet": "Sheet of the workbook.",
        "fifths": "The end of the score or rank that is the most deprived; fifths are of the areas of this table.",
        "suppressed": "Least and most that a sign such as * stands for.",
        "blanks": "What a blank count means: unknown, suppressed or zero.",
        "rounded": "Counts are rounded to a multiple of this.",
        "per": "The rate is of so many people.",
        "people": "A row is a person.",
        "age_width": "Single years of age are put into bands of so many years.",
        "add_up": "Rows of one cell are parts, and are added up.",
    }
    lines = [f"# How the columns of {source} are read. Edit it as you like: all that is done to the table stands here."]
    for key, comment in said.items():
        value = getattr(layout, key)
        if value != getattr(Layout({}), key):
            lines.append(f"{key} = {_toml(value)}  # {comment}")
    heads = {
        "columns": "name in the study = title in the table",
        "leave_out": "title = values whose rows are left out",
        "only": "title = the one value whose rows are kept",
    }
    for key, comment in heads.items():
        if table := getattr(layout, key):
            lines += ["", f"[{key}]  # {comment}", *(f"{_toml_key(k)} = {_toml(v)}" for k, v in table.items())]
    for name, table in layout.values.items():
        lines += ["", f"[values.{name}]  # value in the table = value in the study"]
        lines += [f"{_toml_key(k)} = {_toml(v)}" for k, v in table.items()]
    for dim, levels in layout.long.items():
        for level, titles in levels.items():
            lines += ["", f"[long.{dim}.{_toml_key(level)}]  # these columns are {dim} {level}"]
            lines += [f"{name} = {_toml(title)}" for name, title in titles.items()]
    return "\n".join(lines) + "\n"


def lay_out(cells: pd.DataFrame, layout: Layout) -> pd.DataFrame:
    """The columns of a study from a table of text."""
    rows = _kept(as_long(cells, layout), layout)
    findings = [
        Finding(title, "the column is missing", f"The table has {', '.join(map(repr, rows.columns[:12]))}.")
        for title in layout.columns.values() if title not in rows.columns
    ]  # fmt: skip
    raise_findings(findings, "The mapping and the table do not fit each other:")
    made: dict[str, pd.Series] = {}
    for name, title in layout.columns.items():
        column = rows[title]
        if values := layout.values.get(name):
            column = column.map(lambda value, v=values: v.get(value, value))
        if name in NUMBERS or (name == QUINTILE and layout.fifths):
            continue
        if column.isna().any():
            remedy = "Complete it in the table, or take the row out of it."
            findings += failing(column.rename(title), column.isna(), f"no value for {name}", remedy)
        made[name] = (
            _banded(column, layout.age_width, findings) if name == AGE and layout.age_width else typed(column, name)
        )
    if layout.fifths:
        made[QUINTILE] = _fifths(rows, layout, findings)
    made |= _outcome(rows, layout, findings)
    if AREA in made and not findings:
        findings += mixed_areas(made[AREA]) + _one_place(made)
    raise_findings(
        findings, "The table cannot be read (rows as a spreadsheet counts them, of a DataFrame by position):"
    )
    return _cells(pd.DataFrame(made), layout)


def _one_place(made: Mapping[str, pd.Series]) -> list[Finding]:
    """A small area has one decile; practices and larger places have several."""
    dim = next((name for name in DEPRIVATION if name in made), None)
    if dim is None or geography(made[AREA]).level not in _SMALL:
        return []
    first = made[dim].groupby(made[AREA]).transform("first")
    remedy = f"An area has one {dim}; join it again from one source, or say which column is the area."
    return failing(made[dim], made[dim] != first, f"differs within one area ({geography(made[AREA])})", remedy)


def _banded(column: pd.Series, width: int, findings: list[Finding]) -> pd.Series:
    age = pd.to_numeric(column, errors="coerce")
    findings += failing(column, age.isna(), "not a year of age", "Complete the ages, or leave the row out.")
    first = (age.fillna(0) // width * width).astype("int64")
    return first.map(lambda low: f"{low:02d}-{low + width - 1:02d}").astype("str")


def own_columns(table: str | Path, card: ModelCard) -> pd.DataFrame:
    """The columns that a card without a schema names, of a file with those titles: no schema file is needed."""
    cells = read_cells(table).table
    findings = [
        Finding(name, "the column is missing", f"The table has {', '.join(map(repr, cells.columns[:12]))}.")
        for name in card.columns if name not in cells.columns
    ]  # fmt: skip
    raise_findings(findings, f"{table} does not fit the card {card.name!r}:")
    lacking = {column for outcome in card.outcomes for column in outcome_columns(outcome)}
    numbers = {column for outcome in card.outcomes for column in outcome.columns.values()} | set(card.covariates)
    made = {}
    for name in card.columns:
        column = _number(cells, name, findings) if name in numbers else typed(cells[name], name)
        if name not in lacking:
            remedy = "Give a value, or take the row out and say so; nothing is filled in."
            findings += failing(cells[name], column.isna(), "missing value", remedy)
        made[name] = column
    raise_findings(findings, f"{table} does not fit the card {card.name!r} (rows as a spreadsheet counts them):")
    return pd.DataFrame(made).reset_index(drop=True)


def typed(column: pd.Series, name: str) -> pd.Series:
    """A column of text as whole numbers where all are, and none has zeros in front; codes of areas stay text."""
    texts = column.dropna().astype(str)
    whole = name != AREA and len(texts) and bool(texts.str.fullmatch(r"0|-?[1-9][0-9]{0,9}").all())
    if whole and not column.isna().any():
        return column.astype(str).astype("int64")
    return column.astype("str")


def as_long(cells: pd.DataFrame, layout: Layout) -> pd.DataFrame:
    """A wide table with a row for each level of what its columns stand for."""
    for dim, levels in layout.long.items():
        used = {title for titles in levels.values() for title in titles.values()}
        missing = sorted(used - set(cells.columns))
        raise_findings([Finding(t, "the column is missing", "It stands under [long].") for t in missing],
                       "The mapping and the table do not fit each other:")  # fmt: skip
        same = cells[[name for name in cells.columns if name not in used]]
        parts = []
        for level, titles in levels.items():
            of_level = cells[list(titles.values())].set_axis(list(titles), axis=1)
            parts.append(pd.concat([same.assign(**{dim: level}), of_level], axis=1))
        cells = pd.concat(parts)
    return cells


def _kept(cells: pd.DataFrame, layout: Layout) -> pd.DataFrame:
    for title, value in layout.only.items():
        if title not in cells.columns or not (cells[title] == value).any():
            raise SchemaError(f"No row has {value!r} in column {title!r}, which the mapping asks for under [only].")
        cells = cells[cells[title] == value]
    for title, values in layout.leave_out.items():
        if title in cells.columns:
            cells = cells[~cells[title].isin(values)]
    return cells


def _fifths(rows: pd.DataFrame, layout: Layout, findings: list[Finding]) -> pd.Series:
    """Fifths of the areas of the table by their score or rank."""
    value = _number(rows, layout.columns[QUINTILE], findings)
    area = rows[layout.columns[AREA]] if AREA in layout.columns else pd.Series(range(len(rows)), rows.index)
    if findings or value.isna().any():
        return value
    of_area = value.groupby(area, sort=False).mean()
    first: Literal["lowest", "highest"] = "highest" if layout.fifths == "highest" else "lowest"
    fifth = pd.Series(quantile_groups(of_area.to_numpy(), 5, first=first).tolist(), of_area.index)
    return area.map(fifth).astype("int64")


def _outcome(rows: pd.DataFrame, layout: Layout, findings: list[Finding]) -> dict[str, pd.Series]:
    names, made = layout.columns, {}
    if layout.people:
        yes = rows[names[COUNT]].map(lambda value: layout.values.get(COUNT, {}).get(value, value))
        read = pd.to_numeric(yes, errors="coerce")
        remedy = "Say what it means under [values.events], as 1 or 0, or leave the row out."
        findings += failing(rows[names[COUNT]], ~read.isin([0, 1]), "neither yes nor no", remedy)
        return {COUNT: read.fillna(0).astype("int64"), PEOPLE: pd.Series(1, rows.index)}
    for name in NUMBERS:
        if name in names and name not in (COUNT, RATE):
            made[name] = _number(rows, names[name], findings)
            if name == PEOPLE and (made[name].dropna() % 1 == 0).all() and made[name].notna().all():
                made[name] = made[name].astype("int64")
    if VALUE in made and "lower" in made and ERROR not in made and not findings:
        known = made[VALUE].notna() & made["lower"].notna() & made["upper"].notna()
        error = pd.Series(np.nan, rows.index)
        error[known] = standard_errors(made["lower"][known], made["upper"][known], prob=CI_PROB)
        made = {name: made[name] for name in made if name not in ("lower", "upper")} | {ERROR: error}
    if COUNT in names:
        made |= _counts(rows, layout, made.get(PEOPLE), findings)
    elif RATE in names and PEOPLE in made and not findings:
        made |= _counts_of_rates(
            _number(rows, names[RATE], findings), made[PEOPLE], layout, _decimals(rows[names[RATE]])
        )
    return {name: made[name] for name in dict.fromkeys((COUNT, *ENDS, *NUMBERS)) if name in made}


def _counts(
    rows: pd.DataFrame, layout: Layout, people: pd.Series | None, findings: list[Finding]
) -> dict[str, pd.Series]:
    """Counts, or the ends of intervals where some are suppressed or all are rounded."""
    column = rows[layout.columns[COUNT]]
    blank = column.isna()
    if blank.any() and layout.blanks == "zero":
        column = column.fillna("0")
    elif blank.any() and layout.blanks == "suppressed":
        column = column.fillna("*")
    elif blank.any() and layout.blanks != "unknown":
        remedy = 'Say what a blank means: blanks = "unknown" (predicted), "suppressed" or "zero".'
        findings += failing(column, blank, "blank", remedy)
    read = pd.to_numeric(_plain(column), errors="coerce")
    if layout.rounded == 1 and not (read.isna() & column.notna()).any():
        findings += failing(
            column, (read < 0) | (read.fillna(0) % 1 != 0), "not a count", "Counts are whole and not negative."
        )
        if people is not None and not findings:
            findings += failing(
                column, read > people, f"above {layout.columns[PEOPLE]!r}", "Do both count the same people?"
            )
        return {COUNT: read.astype("int64") if read.notna().all() and not findings else read}
    ends = (layout.suppressed[0], layout.suppressed[-1]) if layout.suppressed else None
    stated = {} if ends is None else {t: ends for t in column.dropna().unique() if not re.search(r"\d", t)}
    publication = Publication(ends or (0, 0), layout.rounded, signs=stated)
    try:
        known = column.notna()
        # Years of follow-up bound no count; people do.
        most = None if people is None else people[known]
        low, high = read_intervals(column[known], publication, at_most=most)
    except SchemaError as error:
        remedy = "Say what a sign stands for: suppressed = [1, 7]."
        findings.append(Finding(str(column.name), str(error), remedy))
        return {COUNT: read}
    return dict(zip(ENDS, (low.reindex(rows.index), high.reindex(rows.index)), strict=True))


def _counts_of_rates(rate: pd.Series, people: pd.Series, layout: Layout, decimals: int) -> dict[str, pd.Series]:
    """Counts that printed rates stand for: whole numbers that round to them, the interval where there are several."""
    half = 0.5 * 10.0**-decimals
    low, high = ((rate + sign * half) * people / layout.per for sign in (-1, 1))
    nearest = (rate * people / layout.per).round()
    first, last = np.ceil(low - 1e-9).clip(lower=0), np.floor(high + 1e-9)
    first, last = first.where(first <= last, nearest), last.where(first <= last, nearest)
    last = last.clip(upper=people)
    if (first == last)[rate.notna()].all():
        return {COUNT: first.astype("int64") if first.notna().all() else first}
    return dict(zip(ENDS, (first, last), strict=True))


def _decimals(column: pd.Series) -> int:
    parts = column.dropna().astype(str).str.extract(r"\.(\d+)")[0].str.len()
    return 0 if parts.isna().all() else int(parts.max())


def _number(rows: pd.DataFrame, title: str, findings: list[Finding]) -> pd.Series:
    read = pd.to_numeric(_plain(rows[title]), errors="coerce")
    remedy = "Give digits; where a number of people is suppressed, take it from another source or leave the row out."
    findings += failing(rows[title], read.isna() & rows[title].notna(), "not a number", remedy)
    return read


def _plain(column: pd.Series) -> pd.Series:
    return column.astype("str").str.replace(r"(?<=\d),(?=\d{3}\b)|%$|^£", "", regex=True)


def _cells(table: pd.DataFrame, layout: Layout) -> pd.DataFrame:
    """One row a cell: persons are counted, and parts added up where that was said."""
    keys = [name for name in table.columns if name not in (*NUMBERS, *ENDS)]
    if (layout.people or layout.add_up) and keys:
        numbers = [name for name in table.columns if name in _SUMMED]
        table = table.groupby(keys, as_index=False, sort=False, dropna=False)[numbers].sum(min_count=1)
        table = table.astype({name: "int64" for name in numbers if (table[name] % 1 == 0).all()})
    return table.reset_index(drop=True)


def beside(layout: Layout, file: Path, folder: Path) -> Layout:
    """The layout with its file as seen from the folder that the mapping is written to."""
    return replace(layout, file=Path(os.path.relpath(file.resolve(), folder.resolve())).as_posix())


def reversed_places(dim: str, texts: list[str], values: Mapping[str, str | int]) -> dict[str, int]:
    """Deprivation that was counted from the least deprived on, counted from the most deprived on."""
    last = dict(zip(DEPRIVATION, (10, 5), strict=True))[dim]
    return {text: last + 1 - int(values.get(text, text)) for text in texts}


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, (int, float, np.integer)):
        return f"{value:g}" if isinstance(value, float) else str(value)
    return quoted(str(value))


def quoted(text: str) -> str:
    r"""
    A text of TOML, in which nothing can end it.

    Examples
    --------
    >>> quoted('the "first"\n')
    '"the \\"first\\"\\u000a"'
    """
    safe = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(f"\\u{ord(sign):04x}" if ord(sign) < 32 or ord(sign) == 127 else sign for sign in safe) + '"'


def _toml_key(key: object) -> str:
    text = str(key)
    return text if re.fullmatch(r"[A-Za-z0-9_-]+", text) else quoted(text)
