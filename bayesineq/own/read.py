"""A table as people have it: any titles, csv of any separator, a workbook with notes around its table, or parquet."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pandas as pd

from bayesineq.errors import SchemaError
from bayesineq.tables.blanks import is_blank, trimmed
from bayesineq.tables.files import existing, opened, refuse_bombs, refuse_twice, suffix
from bayesineq.tables.sheets import workbook

_HEADER_WITHIN: Final = 30
_COMMA: Final = re.compile(r"-?\d+,\d+")
_SEPARATORS: Final = (",", ";", "\t", "|")


@dataclass(frozen=True, slots=True)
class Cells:
    """
    A table as text.

    Parameters
    ----------
    table : DataFrame
        Every cell as text without spaces around it, or missing. Rows are labelled as a spreadsheet counts them, those
        of a DataFrame or a parquet file by position.
    notes : tuple of str
        What was left out or read otherwise than usual.
    sheet : str, optional
        The sheet of a workbook.
    """

    table: pd.DataFrame
    notes: tuple[str, ...] = ()
    sheet: str | None = None


def read_cells(table: pd.DataFrame | str | Path, sheet: str | None = None) -> Cells:
    """
    Read anybody's table as text.

    Parameters
    ----------
    table : DataFrame, str or Path
        The table, or a csv (of commas, semicolons, tabs or bars; gzipped or not), workbook or parquet file. Titles and
        notes above and below the table are left out, and said to be.
    sheet : str, optional
        Sheet of a workbook, where several hold a table.

    Returns
    -------
    Cells
        Its cells.

    Raises
    ------
    SchemaError
        The file cannot be read, holds no table, or names a column twice.

    Examples
    --------
    >>> read_cells(pd.DataFrame({"Area ": ["E01000001"], "n": [12.0]})).table.iloc[0].to_dict()
    {'Area': 'E01000001', 'n': '12'}
    """
    if isinstance(table, pd.DataFrame):
        plain = table if isinstance(table.index, pd.RangeIndex) else table.reset_index()
        return Cells(_as_text(plain, "the table"))
    path = existing(table)
    kind = suffix(path)
    if kind == "parquet":
        return Cells(_as_text(_parquet(path), f"the file {path}"))
    if kind == "csv" or path.suffix.lower() in (".txt", ".tsv"):
        rows, notes = _lines(path)
        return _without_notes(pd.DataFrame(rows, dtype=object), f"the file {path}", notes)
    if kind == "excel":
        return _workbook(path, sheet)
    raise SchemaError(
        f"The file {path} ends in {path.suffix or 'nothing'!r}; a table is read from .csv, .csv.gz, .tsv, .xlsx, .xls "
        "and .parquet. Save it as one of these."
    )


def _parquet(path: Path) -> pd.DataFrame:
    try:
        return pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise SchemaError(f"The file {path} cannot be read: {error}. Fetch or export it again.") from error


def _lines(path: Path) -> tuple[list[list[str]], list[str]]:
    """Fields of a csv, whatever separates them, and what is to be said of them."""
    refuse_bombs(path)
    notes = []
    try:
        with opened(path) as file:
            text = file.read()
    except UnicodeDecodeError:
        text = path.read_bytes().decode("cp1252", "replace")
        notes.append("The file is not UTF-8; it was read as Windows-1252. Look at names with accents.")
    head = text.splitlines()[:_HEADER_WITHIN]
    separator = max(_SEPARATORS, key=lambda mark: sum(line.count(mark) for line in head))
    if separator != ",":
        notes.append(f"Fields are separated by {separator!r}.")
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=separator))
    except csv.Error as error:
        raise SchemaError(f"The file {path} cannot be read as csv: {error}. Export it again.") from None
    cells = [cell for row in rows for cell in row] if separator == ";" else []
    commas = sum(_COMMA.fullmatch(cell) is not None for cell in cells)
    if commas and not any(re.fullmatch(r"\d*\.\d+", cell) for cell in cells):
        rows = [[cell.replace(",", ".") if _COMMA.fullmatch(cell) else cell for cell in row] for row in rows]
        notes.append(f"A comma in a number is read as a decimal point ({commas:,} cells).")
    return rows, notes


def _workbook(path: Path, sheet: str | None) -> Cells:
    sheets = workbook(path)
    if sheet is not None and sheet not in sheets:
        raise SchemaError(f"The workbook {path} has no sheet {sheet!r}; its sheets are {', '.join(map(repr, sheets))}.")
    tables = {name: cells for name, cells in sheets.items() if sheet in (None, name) and _is_table(cells)}
    if not tables:
        raise SchemaError(f"No sheet of {path} holds a table: a row of titles above rows of at least two columns.")
    if len(tables) > 1:
        listed = ", ".join(f"{name!r} ({len(cells):,} rows)" for name, cells in tables.items())
        raise SchemaError(
            f"Several sheets of {path} hold a table: {listed}. Say which: --sheet {next(iter(tables))!r}."
        )
    name, cells = next(iter(tables.items()))
    notes = [f"Sheet {name!r} of {len(sheets)}."] if len(sheets) > 1 else []
    found = _without_notes(cells, f"the sheet {name!r} of {path}", notes)
    return Cells(found.table, found.notes, name)


def _is_table(cells: pd.DataFrame) -> bool:
    filled = cells.notna().sum(axis=1)
    return bool((filled >= 2).sum() >= 3)


def _without_notes(cells: pd.DataFrame, what: str, notes: list[str]) -> Cells:
    """The table among titles and notes: from the first row that is as full as those below, to the last such row."""
    blank = pd.DataFrame({k: is_blank(cells[k]) for k in cells.columns}, index=cells.index)
    filled = (~blank).sum(axis=1).to_numpy()
    most = max(filled[:_HEADER_WITHIN], default=0)
    if most == 0:
        raise SchemaError(f"There is no table in {what}: it is empty. Export it again.")
    at = int((filled[:_HEADER_WITHIN] >= max(0.8 * most, min(2, most))).argmax())
    titles = cells.iloc[at]
    kept = [k for k in cells.columns if not blank.loc[cells.index[at], k]]
    body = cells.iloc[at + 1 :][kept]
    full = filled[at + 1 :]
    full_enough = (full >= min(2, len(kept))).nonzero()[0]
    end = full_enough[-1] + 1 if len(full_enough) else 0
    below = [trimmed(value) for row in body.iloc[end:].to_numpy() for value in row if trimmed(value)]
    above = [trimmed(value) for row in cells.iloc[:at].to_numpy() for value in row if trimmed(value)]
    for where, lines in (("above", above), ("below", below)):
        if lines:
            notes.append(f"Left out, as notes {where} the table: {'; '.join(lines)[:160]!r}.")
    untitled = [k for k in cells.columns if k not in kept and not blank.iloc[at + 1 : at + 1 + end][k].all()]
    if untitled:
        raise SchemaError(
            f"In {what} {len(untitled)} columns hold values and have no title in row {at + 1}. Give each a title, and "
            "look for a row with more fields than the row of titles."
        )
    table = body.iloc[:end].set_axis([trimmed(titles[k]) for k in kept], axis=1)
    table.index = pd.RangeIndex(at + 2, at + 2 + len(table))
    return Cells(_as_text(table, what), tuple(notes))


def _as_text(table: pd.DataFrame, what: str) -> pd.DataFrame:
    names = [re.sub(r"\s+", " ", trimmed(name)) for name in table.columns]
    refuse_twice(names, what[0].upper() + what[1:])
    if table.empty:
        raise SchemaError(f"There are no rows in {what}. Check the export, or the filter that made it.")
    columns = {}
    for k, name in enumerate(names):
        column = table.iloc[:, k].astype(object)
        # Millions of rows hold few texts: each is looked at once.
        place, given = pd.factorize(column)
        texts = pd.Series([*map(_written, given), None], dtype=object)
        read = texts.iloc[place].set_axis(table.index)
        columns[name] = read.mask(is_blank(read), None)
    found = pd.DataFrame(columns)
    return found[found.notna().any(axis=1)]


def _written(value: object) -> str:
    """A cell as text: a number as people write it, a date as a day."""
    if isinstance(value, pd.Timestamp) and value == value.normalize():
        return value.strftime("%Y-%m-%d")
    return trimmed(value)
