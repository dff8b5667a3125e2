"""Published files whose columns are known by their titles: csv, and sheets found among the notes of a workbook."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pandas as pd

from bayesineq.errors import SchemaError
from bayesineq.tables.files import existing, read_table, refuse_packed, refuse_twice, suffix
from bayesineq.tables.vintage import ONS_CODE

ZIP = b"PK"

HEADER_WITHIN = 15
"""Rows of a sheet in which its header is looked for, below titles and notes."""


def _tidy(title: Any) -> str:
    return " ".join(str(title).split())


def workbook(path: Path, rows: int | None = None) -> dict[str, pd.DataFrame]:
    """Every sheet of a workbook as cells, or its first rows; content tells the binary format from the zipped one."""
    try:
        with path.open("rb") as file:
            zipped = file.read(2) == ZIP
        if zipped:
            refuse_packed(path)
            if path.suffix.lower() == ".ods":
                return {name: cells.iloc[:rows] for name, cells in _open_document(path).items()}
            return pd.read_excel(path, sheet_name=None, header=None, dtype=object, engine="openpyxl", nrows=rows)
        import xlrd

        with path.open("rb") as file:
            book = xlrd.open_workbook(file_contents=file.read())
        most = {sheet.name: sheet.nrows if rows is None else min(rows, sheet.nrows) for sheet in book.sheets()}
        read = {sheet.name: [sheet.row_values(row) for row in range(most[sheet.name])] for sheet in book.sheets()}
        return {name: pd.DataFrame(cells, dtype=object).replace("", None) for name, cells in read.items()}
    except SchemaError:
        raise
    except Exception as error:
        # A damaged workbook makes its reader raise whatever its parser met: zip, XML, struct or look-up errors.
        raise SchemaError(
            f"The workbook {path} cannot be read: {error}. It may be cut short; fetch it again."
        ) from error


_TABLE, _OFFICE, _TEXT = (
    f"{{urn:oasis:names:tc:opendocument:xmlns:{name}:1.0}}" for name in ("table", "office", "text")
)
MOST_REPEATED = 1_000
"""Cells or rows said to be alike above which they only fill a sheet up to its edge."""


def _open_document(path: Path) -> dict[str, pd.DataFrame]:
    """Every sheet of an OpenDocument workbook, as the Welsh Government publishes."""
    with zipfile.ZipFile(path) as file, file.open("content.xml") as content:
        tree = ElementTree.parse(content)
    return {
        str(sheet.get(f"{_TABLE}name")): _filled([_row(row) for row in sheet.iter(f"{_TABLE}table-row")], sheet)
        for sheet in tree.iter(f"{_TABLE}table")
    }


def _filled(rows: list[list[Any]], sheet: ElementTree.Element) -> pd.DataFrame:
    times = [int(row.get(f"{_TABLE}number-rows-repeated", 1)) for row in sheet.iter(f"{_TABLE}table-row")]
    held = [row for row, many in zip(rows, times, strict=True) for _ in range(many if many < MOST_REPEATED else 0)]
    last = max((k for k, row in enumerate(held) if row), default=-1) + 1
    width = max(map(len, held[:last]), default=0)
    return pd.DataFrame([row + [None] * (width - len(row)) for row in held[:last]], dtype=object)


def _row(row: ElementTree.Element) -> list[Any]:
    cells: list[Any] = []
    for cell in row:
        if not cell.tag.endswith("table-cell"):
            continue
        number = cell.get(f"{_OFFICE}value")
        words = "\n".join("".join(text.itertext()) for text in cell.iter(f"{_TEXT}p"))
        value = float(number) if number is not None else words or None
        many = int(cell.get(f"{_TABLE}number-columns-repeated", 1))
        cells += [value] * (many if value is not None or many < MOST_REPEATED else 0)
    while cells and cells[-1] is None:
        cells.pop()
    return cells


type Fit = tuple[bool, int]

NO_FIT: Fit = (False, 0)


def _header(cells: pd.DataFrame, holds: Sequence[str]) -> tuple[Fit, int]:
    """Whether area codes stand below a sheet's best row of titles, how many patterns it matches, and which it is."""
    best, at = NO_FIT, -1
    for position in range(min(len(cells), HEADER_WITHIN)):
        titles = cells.iloc[position].dropna().map(_tidy)
        keys = titles.index[titles.map(lambda title: re.search(holds[0], title) is not None).astype(bool)]
        below = cells.iloc[position + 1 :]
        if len(keys) and below.notna().to_numpy().any():
            codes = bool(below[keys[0]].dropna().astype(str).str.strip().str.fullmatch(ONS_CODE).any())
            fit = (codes, sum(any(re.search(pattern, title) for title in titles) for pattern in holds))
            if fit > best:
                best, at = fit, position
    return best, at


def _sheet(path: Path, holds: Sequence[str], sheet: str | None) -> pd.DataFrame:
    """The one sheet whose columns fit best; which of several that fit alike is for the user to say."""
    sheets = workbook(path)
    listed = ", ".join(map(repr, sheets))
    if sheet is not None and sheet not in sheets:
        raise SchemaError(f"The workbook {path} has no sheet {sheet!r}; its sheets are {listed}.")
    fits = {name: _header(cells, holds) for name, cells in sheets.items() if sheet in (None, name)}
    best = max((fit for fit, _ in fits.values()), default=NO_FIT)
    chosen = [name for name, (fit, _) in fits.items() if fit == best > NO_FIT]
    if not chosen:
        raise SchemaError(
            f"No sheet of {path} has a column like {holds[0]!r} in its first {HEADER_WITHIN} rows; "
            f"its sheets are {listed}. Is it the right file?"
        )
    if len(chosen) > 1:
        raise SchemaError(
            f"{len(chosen)} sheets of {path} have these columns: {', '.join(map(repr, chosen))}. "
            f"Say which holds the data: sheet={chosen[0]!r}."
        )
    cells, position = sheets[chosen[0]], fits[chosen[0]][1]
    titles = cells.iloc[position]
    body = cells.iloc[position + 1 :, titles.notna().to_numpy()].infer_objects()
    rows = pd.RangeIndex(position + 2, position + 2 + len(body))
    return body.set_axis(titles.dropna().map(_tidy).to_numpy(), axis=1).set_axis(rows)


def read_titled(path: str | Path, holds: str | Sequence[str], *, sheet: str | None = None) -> pd.DataFrame:
    """
    Read a published table, as csv, parquet or a workbook.

    Parameters
    ----------
    path : str or Path
        A .csv, .csv.gz, .parquet, .xlsx or .xls file.
    holds : str or sequence of str
        Regular expressions that titles of the wanted table match, that of the area codes first. The sheet of a
        workbook is found by its columns: area codes stand below the first, and most of the others are there. Sheets of
        notes come first in some editions and last in others.
    sheet : str, optional
        Name of the sheet, where several have these columns.

    Returns
    -------
    DataFrame
        The table, titles with single spaces. Rows of a csv and of a sheet are labelled as a spreadsheet counts them.

    Raises
    ------
    SchemaError
        The file cannot be read, has no such column or has a column twice, or several sheets fit alike.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "published.csv"
    ...     pd.DataFrame({"LSOA21CD": ["E01000001"], "Mean  score": [18.2]}).to_csv(path, index=False)
    ...     read_titled(path, ["^LSOA21CD$", "score"])
        LSOA21CD  Mean score
    2  E01000001        18.2
    """
    path, patterns = existing(path), [holds] if isinstance(holds, str) else list(holds)
    table = _sheet(path, patterns, sheet) if suffix(path) == "excel" else read_table(path)
    table.columns = pd.Index([_tidy(title) for title in table.columns])
    refuse_twice(list(table.columns), f"The file {path}")
    if not any(re.search(patterns[0], title) for title in table.columns):
        shown = ", ".join(map(repr, table.columns[:6]))
        raise SchemaError(
            f"The file {path} has no column like {patterns[0]!r}; it begins with {shown}. Is it the right file?"
        )
    return table


def titled(table: pd.DataFrame, patterns: dict[str, str], path: str | Path) -> dict[str, str]:
    """Find columns by their titles, whatever the edition's spelling."""
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
