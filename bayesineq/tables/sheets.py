"""Published files whose columns are known by their titles: csv, and sheets found among the notes of a workbook."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pandas as pd

from bayesineq.errors import SchemaError
from bayesineq.tables.files import existing, read_table, suffix

ZIP = b"PK"

HEADER_WITHIN = 15
"""Rows of a sheet in which its header is looked for, below titles and notes."""


def _tidy(title: Any) -> str:
    return " ".join(str(title).split())


def _sheets(path: Path) -> dict[str, pd.DataFrame]:
    """Every sheet of a workbook as cells; content, not the name, tells the binary format from the zipped one."""
    try:
        with path.open("rb") as file:
            zipped = file.read(2) == ZIP
        if zipped:
            return pd.read_excel(path, sheet_name=None, header=None, dtype=object, engine="openpyxl")
        import xlrd

        with path.open("rb") as file:
            book = xlrd.open_workbook(file_contents=file.read())
        rows = {sheet.name: [sheet.row_values(row) for row in range(sheet.nrows)] for sheet in book.sheets()}
        return {name: pd.DataFrame(cells, dtype=object).replace("", None) for name, cells in rows.items()}
    except Exception as error:
        # A damaged workbook makes its reader raise whatever its parser met: zip, XML, struct or look-up errors.
        raise SchemaError(
            f"The workbook {path} cannot be read: {error}. It may be cut short; fetch it again."
        ) from error


def _sheet(path: Path, holds: str) -> pd.DataFrame:
    sheets = _sheets(path)
    for cells in sheets.values():
        for position in range(min(len(cells), HEADER_WITHIN)):
            titles = cells.iloc[position]
            if any(re.search(holds, _tidy(title)) for title in titles.dropna()):
                body = cells.iloc[position + 1 :, titles.notna().to_numpy()].infer_objects()
                rows = pd.RangeIndex(position + 2, position + 2 + len(body))
                return body.set_axis(titles.dropna().map(_tidy).to_numpy(), axis=1).set_axis(rows)
    raise SchemaError(
        f"No sheet of {path} has a column like {holds!r} in its first {HEADER_WITHIN} rows; "
        f"its sheets are {', '.join(map(repr, sheets))}. Is it the right file?"
    )


def read_published(path: str | Path, holds: str) -> pd.DataFrame:
    """
    Read a published table, as csv, parquet or a workbook.

    Parameters
    ----------
    path : str or Path
        A .csv, .csv.gz, .parquet, .xlsx or .xls file.
    holds : str
        Regular expression that a title of the wanted table matches. The sheet of a workbook is found by it: sheets
        of notes come first in some editions and last in others.

    Returns
    -------
    DataFrame
        The table, titles with single spaces. Rows of a csv and of a sheet are labelled as a spreadsheet counts them.

    Raises
    ------
    SchemaError
        The file cannot be read, or has no such column.
    """
    path = existing(path)
    table = _sheet(path, holds) if suffix(path) == "excel" else read_table(path)
    table.columns = pd.Index([_tidy(title) for title in table.columns])
    if not any(re.search(holds, title) for title in table.columns):
        shown = ", ".join(map(repr, table.columns[:6]))
        raise SchemaError(
            f"The file {path} has no column like {holds!r}; it begins with {shown}. Is it the right file?"
        )
    return table


def titled(table: pd.DataFrame, patterns: dict[str, str], path: str | Path) -> dict[str, str]:
    """
    Find columns by their titles, whatever the edition's spelling.

    Parameters
    ----------
    table : DataFrame
        A published table.
    patterns : dict of str to str
        Regular expression of the title (letters of either case), by the name that the column is to have.
    path : str or Path
        The file, for the message.

    Returns
    -------
    dict of str to str
        New name of each title found.

    Raises
    ------
    SchemaError
        A column is missing, or two titles match the same name.
    """
    names: dict[str, str] = {}
    wrong = []
    for name, pattern in patterns.items():
        found = [str(title) for title in table.columns if re.fullmatch(pattern, str(title), re.IGNORECASE)]
        if len(found) != 1:
            wrong.append(f"{name}: {'no title' if not found else ' and '.join(map(repr, found))} like {pattern!r}")
        else:
            names[found[0]] = name
    if wrong:
        shown = ", ".join(map(repr, table.columns[:8]))
        raise SchemaError(
            f"The file {path} is not laid out as expected:\n  - " + "\n  - ".join(wrong) + f"\nIt has {shown}."
        )
    return names
