"""Tables within a file: the header found below titles, what stands above it and below the last row kept as words."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final

import pandas as pd
from pyarrow import ArrowInvalid
from pyarrow.parquet import read_schema

from bayesineq.errors import SchemaError
from bayesineq.tables.blanks import blanked, trimmed
from bayesineq.tables.files import BOM, existing, header, opened, read_table, refuse_bombs, suffix
from bayesineq.tables.geographies import of_one
from bayesineq.tables.publishers.kinds import FileKind, file_kinds
from bayesineq.tables.sheets import workbook

WITHIN: Final = 40
"""Rows of a sheet or a csv in which its header is looked for."""

type KindOf = Callable[[Sequence[str], str], FileKind | None]


@dataclass(frozen=True, slots=True)
class Block:
    """A table of a file: its kind, its sheet, rows of titles above its header, its rows, and words around them."""

    kind: FileKind
    sheet: str
    above: tuple[tuple[str, ...], ...]
    table: pd.DataFrame
    below: tuple[str, ...] = ()

    @property
    def words(self) -> tuple[str, ...]:
        """Lines above the header, each as one text."""
        return tuple(line for row in self.above if (line := " ".join(dict.fromkeys(filter(None, row)))))


def tidy(title: Any) -> str:
    """A title on one line, without marks of byte order and spaces around it."""
    return " ".join(trimmed(title).removeprefix(BOM).split())


def blocks(path: str | Path, kind_of: KindOf) -> list[Block]:
    """Every table of a file whose row of titles is that of a known kind."""
    path = existing(path)
    if suffix(path) == "csv":
        return _of_csv(path, kind_of)
    if suffix(path) == "parquet":
        table = read_table(path).rename(columns=tidy)
        kind = kind_of(list(table.columns), path.stem)
        return [] if kind is None else [Block(kind, "", (), table)]
    if suffix(path) == "excel":
        found = [_of_cells(cells, name, kind_of) for name, cells in workbook(path).items()]
        return [block for block in found if block is not None]
    raise SchemaError(
        f"The file {path} ends in {path.suffix or 'nothing'!r}; published tables are read from .csv, .csv.gz, "
        ".parquet, .xlsx, .xls and .ods, and from a .zip of these."
    )


def heads(path: Path, kind_of: KindOf) -> list[tuple[FileKind, tuple[str, ...]]]:
    """Kinds of a file's tables with their titles, by first rows alone: none of a file that cannot be read."""
    try:
        sheets = _first_rows(path)
    except (SchemaError, OSError, EOFError, UnicodeDecodeError, csv.Error, ArrowInvalid):
        return []
    found = ((*_found(rows, name, kind_of), rows) for name, rows in sheets.items())
    titled = [(kind, tuple(rows[at])) for at, kind, rows in found if kind is not None]
    untitled = [_untitled(rows) for rows in sheets.values()] if suffix(path) == "csv" and not titled else []
    return titled + [(kind, kind.untitled) for kind in untitled if kind is not None]


def _first_rows(path: Path) -> dict[str, list[list[str]]]:
    """First rows of each sheet of a workbook, of a csv, or the titles of a parquet file."""
    match suffix(path):
        case "csv":
            refuse_bombs(path)
            return {path.stem: titles_of(path)}
        case "parquet":
            return {path.stem: [[str(name) for name in read_schema(path).names]]}
        case "excel":
            cells = workbook(path, rows=WITHIN)
            return {name: [[tidy(cell) for cell in row] for row in sheet.to_numpy()] for name, sheet in cells.items()}
        case _:
            return {}


def titles_of(path: Path) -> list[list[str]]:
    """First rows of a csv, as tidy titles."""
    with opened(path) as lines:
        return [[tidy(cell) for cell in row] for row in islice(csv.reader(lines), WITHIN)]


def _of_csv(path: Path, kind_of: KindOf) -> list[Block]:
    refuse_bombs(path)
    try:
        rows = titles_of(path)
    except (UnicodeDecodeError, OSError, EOFError):
        read_table(path)  # says what is wrong with the file
        raise
    at, kind = _found(rows, path.stem, kind_of)
    titled = kind is not None
    kind = kind or _untitled(rows)
    if kind is None:
        return []
    if at == 0 and titled:
        table = read_table(path, text=[title for title in header(path) if _is_text(tidy(title), kind)])
        return [_trimmed(kind, "", (), table.rename(columns=tidy))]
    with opened(path) as lines:
        reader = csv.reader(lines)
        for _ in range(at):
            next(reader)
        body = list(reader)
    names, body, first = (body[0], body[1:], at + 2) if titled else (list(kind.untitled), body, 1)
    width = len(names)
    long = [first + row for row, fields in enumerate(body) if any(map(trimmed, fields[width:]))]
    if long:
        header_row = f"the header of row {at + 1}" if titled else "the first"
        raise SchemaError(
            f"The file {path} has {len(long):,} rows with more fields than {header_row}, such as row "
            f"{long[0]}. Look for a comma that is not within quotation marks."
        )
    cells = pd.DataFrame([row[:width] + [""] * (width - len(row)) for row in body], dtype=object)
    cells = blanked(cells).set_axis(_unique(names), axis=1)
    cells.index = pd.RangeIndex(first, first + len(cells))
    return [_trimmed(kind, "", tuple(map(tuple, rows[:at])), cells)]


def _untitled(rows: Sequence[Sequence[str]]) -> FileKind | None:
    """Kind of a file that has no row of titles, by its first row."""
    return next((kind for kind in file_kinds() if rows and kind.fits_untitled(rows[0])), None)


def _is_text(title: str, kind: FileKind) -> bool:
    role = next((column.role for column in kind.columns if column.among([title])), "text")
    wide = kind.wide is not None and kind.wide.groups(title) is not None
    return role not in ("count", "number") and not (role == "text" and wide)


def _unique(titles: Sequence[Any]) -> list[str]:
    """Titles as they are, a repeated one numbered: sheets of several years repeat theirs below their year."""
    seen: dict[str, int] = {}
    named = []
    for position, title in enumerate(map(tidy, titles)):
        name = title or f"column {position + 1}"
        seen[name] = seen.get(name, 0) + 1
        named.append(name if seen[name] == 1 else f"{name} #{seen[name]}")
    return named


def _of_cells(cells: pd.DataFrame, sheet: str, kind_of: KindOf) -> Block | None:
    rows = [[tidy(cell) for cell in cells.iloc[row]] for row in range(min(WITHIN, len(cells)))]
    at, kind = _found(rows, sheet, kind_of)
    if kind is None:
        return None
    body = cells.iloc[at + 1 :].infer_objects().set_axis(_unique(rows[at]), axis=1)
    body.index = pd.RangeIndex(at + 2, at + 2 + len(body))
    return _trimmed(kind, sheet, tuple(map(tuple, rows[:at])), blanked(body))


def _found(rows: Sequence[Sequence[str]], name: str, kind_of: KindOf) -> tuple[int, FileKind | None]:
    """The first row that is the titles of a known kind, by its words and those above it."""
    around = name
    for at, row in enumerate(rows):
        if (kind := kind_of(row, around)) is not None:
            return at, kind
        around += "\n" + " ".join(row)
    return 0, None


def _trimmed(kind: FileKind, sheet: str, above: tuple[tuple[str, ...], ...], table: pd.DataFrame) -> Block:
    """Rows of one text alone are footnotes, unless the text is a code; rows of nothing are none."""
    if kind.missing:
        table = blanked(table.mask(table.isin([*kind.missing, *map(float, kind.missing)])))
    untitled = [str(title) for title in table if re.fullmatch(r"column \d+", str(title))]
    table = table.drop(columns=[title for title in untitled if table[title].isna().all()])
    held = table.notna().sum(axis=1)
    alone = held == 1
    if table.shape[1] > 1 and alone.any():
        text = table[alone].bfill(axis=1).iloc[:, 0].map(tidy)
        notes = text[[of_one(value) is None for value in text]]
        held = held.drop(notes.index)
    else:
        notes = pd.Series([], dtype=object)
    kept = table.loc[held.index[held > 0]]
    return Block(kind, sheet, above, kept, tuple(dict.fromkeys(notes)))
