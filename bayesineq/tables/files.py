"""Tables from files: csv, csv.gz and parquet, read whole or refused with a reason."""

from __future__ import annotations

import csv
import gzip
import warnings
import zipfile
import zlib
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Final, TextIO

import numpy as np
import pandas as pd

from bayesineq.errors import SchemaError
from bayesineq.tables.blanks import MISSING, blanked, trimmed

HEADER_ROWS: Final = 1
"""Rows above the first row of data in a csv file, so that row numbers are those of a spreadsheet."""

MOST_BYTES: Final = 100_000_000
MOST_TIMES: Final = 200
"""What a packed file may unpack to: so many bytes, or so many times its size where that is more."""

BOM: Final = "\ufeff"


def suffix(path: Path) -> str:
    """Kind of a file by the end of its name."""
    name = path.name.lower()
    if name.endswith((".csv", ".csv.gz")):
        return "csv"
    if name.endswith((".parquet", ".pq")):
        return "parquet"
    return "excel" if name.endswith((".xlsx", ".xls", ".xlsm", ".ods")) else path.suffix


def existing(path: str | Path) -> Path:
    """The path, if there is a file behind it with something in it."""
    path = Path(path)
    if not path.is_file():
        beside = sorted(p.name for p in path.parent.glob("*") if p.is_file())[:8] if path.parent.is_dir() else []
        there = f" The folder holds: {', '.join(beside)}." if beside else f" There is no folder {path.parent} either."
        if path.parent.is_dir() and not beside:
            there = f" The folder {path.parent} holds no files."
        raise SchemaError(f"There is no file {path}.{there} Check the path.")
    if path.stat().st_size == 0:
        raise SchemaError(f"The file {path} is empty (0 bytes). Fetch or export it again.")
    return path


def header(path: Path) -> list[str]:
    """Column names of a csv file as they stand, without a byte order mark."""
    with opened(path) as lines:
        names = next(csv.reader(lines), [])
    other = [mark for mark in (";", "\t", "|") if len(names) == 1 and mark in names[0]]
    if other:
        raise SchemaError(f"The file {path} is separated by {other[0]!r}, not by commas. Save it as 'CSV UTF-8'.")
    refuse_twice(names, f"The file {path}")
    return names


def refuse_twice(names: Sequence[object], what: str, *, any_case: bool = False) -> None:
    """Refuse a column that stands twice: whichever were taken, the other would be lost."""
    alike: dict[str, list[str]] = {}
    for name in map(trimmed, names):
        alike.setdefault(name.casefold() if any_case else name, []).append(name)
    twice = [" and ".join(map(repr, dict.fromkeys(same))) for same in alike.values() if len(same) > 1]
    if twice:
        raise SchemaError(f"{what} has more than one column named {', '.join(twice)}. Rename them, or keep one.")


def opened(path: Path) -> TextIO:
    """A csv file as text, gzipped or not, line ends as they are."""
    if path.name.lower().endswith(".gz"):
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def refuse_bombs(path: Path, most: int = MOST_BYTES) -> None:
    """Refuse a gzipped file that unpacks to more than anybody would call a table."""
    if not path.name.lower().endswith(".gz"):
        return
    packed, size = path.stat().st_size, 0
    try:
        with gzip.open(path, "rb") as file:
            while part := file.read(1 << 22):
                size += len(part)
                if size > MOST_TIMES * packed and size > most:
                    raise SchemaError(
                        f"The file {path} of {packed:,} bytes unpacks to more than {size:,}: that is no table. "
                        "Unpack it yourself, and look at what it holds."
                    )
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise SchemaError(f"The file {path} cannot be unpacked: {error}. Fetch or export it again.") from None


def refuse_packed(path: Path, most: int = MOST_BYTES) -> None:
    """Refuse a zipped workbook whose parts unpack to more than anybody would call one."""
    packed = path.stat().st_size
    with zipfile.ZipFile(path) as file:
        size = sum(part.file_size for part in file.infolist())
    if size > MOST_TIMES * packed and size > most:
        raise SchemaError(
            f"The workbook {path} of {packed:,} bytes unpacks to {size:,}: that is no table. "
            "Open it elsewhere, and look at what it holds."
        )


def refuse_lines_in_cells(path: Path) -> None:
    """
    Refuse a cell of a csv file that goes on over several lines: rows in between would vanish into it.

    A quotation mark that opens in one cell and closes rows later swallows them without a word. Titles may have lines.
    """
    if not _within_quotes(path):
        return
    with opened(path) as lines:
        reader = csv.reader(lines)
        names = next(reader, [])
        begins, wrong = reader.line_num + 1, []
        for cells in reader:
            if reader.line_num > begins:
                at = next((k for k, cell in enumerate(cells) if "\n" in cell or "\r" in cell), None)
                if at is not None:
                    wrong.append((begins, reader.line_num, names[at] if at < len(names) else f"column {at + 1}"))
            begins = reader.line_num + 1
    if wrong:
        shown = "; ".join(f"row {first}, column {name!r}, to row {last}" for first, last, name in wrong[:5])
        more = f"; and {len(wrong) - 5:,} more" if len(wrong) > 5 else ""
        raise SchemaError(
            f"The file {path} has a quotation mark that opens in one row and closes in another, so that rows between "
            f"would be lost: {shown}{more}. Remove the mark, or write it twice within a quoted cell.",
            pd.DataFrame(
                [(first, name, "a quotation mark that does not close in its row", None) for first, _, name in wrong],
                columns=["row", "column", "problem", "value"],
            ),
        )


def _within_quotes(path: Path) -> bool:
    """Whether any line ends after an odd number of quotation marks: a quick look, before a cell is looked for."""
    marks = 0
    with gzip.open(path, "rb") if path.name.lower().endswith(".gz") else path.open("rb") as file:
        while part := file.read(1 << 22):
            signs = np.frombuffer(part, dtype=np.uint8)
            found = np.cumsum(signs == ord('"'), dtype=np.int64)
            if ((found[signs == ord("\n")] + marks) % 2).any():
                return True
            marks = (marks + int(found[-1])) % 2
    return False


def _read_csv(path: Path, text: Collection[str], missing: Collection[str]) -> pd.DataFrame:
    refuse_bombs(path)
    names = header(path)
    refuse_lines_in_cells(path)
    with warnings.catch_warnings():
        # Rows longer than the header would lose their last fields with no more than a warning.
        warnings.simplefilter("error", pd.errors.ParserWarning)
        table = pd.read_csv(
            path,
            encoding="utf-8-sig",
            dtype={name: str for name in text if name in names},
            keep_default_na=False,
            na_values=list(missing),
            skip_blank_lines=False,
            index_col=False,
            low_memory=False,
        )
    # Lines of nothing at the end of a file are not rows; one in the middle is kept and fails as missing values do.
    last = table.notna().any(axis=1).to_numpy().nonzero()[0]
    table = table.iloc[: last[-1] + 1 if len(last) else 0]
    table.index = pd.RangeIndex(HEADER_ROWS + 1, HEADER_ROWS + 1 + len(table))
    return table


def read_table(path: str | Path, text: Collection[str] = (), missing: Collection[str] = MISSING) -> pd.DataFrame:
    """
    Read a csv, csv.gz or parquet file.

    Parameters
    ----------
    path : str or Path
        The file; csv is UTF-8 with or without a byte order mark.
    text : Collection of str, optional
        Columns of a csv to read as text, so that codes keep their leading zeros.
    missing : Collection of str, optional
        Texts that stand for a missing value, in any kind of file; spaces around them do not matter.

    Returns
    -------
    DataFrame
        The table. Rows of a csv are labelled as a spreadsheet counts them: the header is row 1, the first row of
        data is row 2. Rows of a parquet file are labelled from 0.

    Raises
    ------
    SchemaError
        The file is missing, empty, cut short, of another kind, or names a column twice.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "practices.csv"
    ...     pd.DataFrame({"practice": ["007", "012"], "patients": ["8100", "N/A"]}).to_csv(path, index=False)
    ...     read_table(path, text=["practice"])
      practice  patients
    2      007    8100.0
    3      012       NaN
    """
    path = existing(path)
    kind = suffix(path)
    if kind not in ("csv", "parquet"):
        hint = " Save the sheet as csv (UTF-8), or use the reader of the official file." if kind == "excel" else ""
        raise SchemaError(
            f"The file {path} ends in {path.suffix or 'nothing'!r}; tables are read from .csv, .csv.gz and .parquet."
            + hint
        )
    try:
        table = _read_csv(path, text, missing) if kind == "csv" else pd.read_parquet(path).reset_index(drop=True)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise SchemaError(
            f"The file {path} is cut short or is not gzip: {error}. Fetch it again; a plain csv must not end in .gz."
        ) from error
    except UnicodeDecodeError as error:
        raise SchemaError(
            f"The file {path} is not UTF-8 text (byte {error.start:,}). Save it as 'CSV UTF-8', "
            "or check that it is a csv file and was fetched whole."
        ) from error
    except (pd.errors.ParserError, pd.errors.ParserWarning, pd.errors.EmptyDataError, csv.Error) as error:
        raise SchemaError(
            f"The file {path} cannot be read as csv: {str(error).strip()}. Look for a missing quotation mark, "
            "a row with more fields than the header, or a file that was cut short."
        ) from error
    except (OSError, ValueError) as error:
        raise SchemaError(f"The file {path} cannot be read: {error}. Fetch or export it again.") from error
    table.columns = pd.Index([str(name).removeprefix(BOM) for name in table.columns])
    refuse_twice(list(table.columns), f"The file {path}")
    return blanked(table, missing)
