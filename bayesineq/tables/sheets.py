"""Published files whose columns are known by their titles: csv, and sheets found among the notes of a workbook."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from typing import Any

import pandas as pd

from bayesineq.errors import SchemaError
from bayesineq.tables.files import existing, read_table, suffix

HEADER_WITHIN = 15
"""Rows of a sheet in which its header is looked for, below titles and notes."""


def _tidy(title: Any) -> str:
    return " ".join(str(title).split())


def _sheet(path: Path, holds: str) -> pd.DataFrame:
    try:
        sheets = pd.read_excel(path, sheet_name=None, header=None, nrows=HEADER_WITHIN, dtype=object)
        for name, top in sheets.items():
            for position in range(len(top)):
                if any(re.search(holds, _tidy(cell)) for cell in top.iloc[position].dropna()):
                    table = pd.read_excel(path, sheet_name=name, header=position)
                    return table.set_axis(pd.RangeIndex(position + 2, position + 2 + len(table)))
    except (zipfile.BadZipFile, ValueError, OSError, KeyError, AssertionError) as error:
        raise SchemaError(
            f"The workbook {path} cannot be read: {error}. It may be cut short; fetch it again."
        ) from error
    except Exception as error:
        # The reader of .xls raises a class of its own for a damaged file.
        if type(error).__module__.partition(".")[0] not in ("xlrd", "openpyxl"):
            raise
        raise SchemaError(
            f"The workbook {path} cannot be read: {error}. It may be cut short; fetch it again."
        ) from error
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
