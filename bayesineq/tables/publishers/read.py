"""A published file read as long rows that may be added up, with what every column means: one function for all kinds."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pandas as pd

from bayesineq.errors import SchemaError
from bayesineq.tables.geographies import OWN, geographies, years_findings
from bayesineq.tables.packed import is_packed, unpacked
from bayesineq.tables.publishers.beside import LEVEL, rows_said, split
from bayesineq.tables.publishers.blocks import Block, blocks, heads
from bayesineq.tables.publishers.kinds import Column, FileKind, file_kinds
from bayesineq.tables.publishers.layouts import LAYOUTS
from bayesineq.tables.publishers.limits import with_errors
from bayesineq.tables.publishers.tidy import numbered
from bayesineq.tables.vintage import vintage

_SHOWN = 8
_LEAST = 5


@dataclass(frozen=True, slots=True)
class Published:
    """
    A published file as it was read.

    Parameters
    ----------
    kind, name, publisher : str
        Kind of file by its short name and in words, and who publishes it.
    table : DataFrame
        Long rows that may be added up: nobody is counted twice in them.
    beside : DataFrame
        Rows of the file that count the same people again (totals, larger areas, other estimates), `why` in words.
    columns : DataFrame
        A row for each column: `column`, `means`, `unit`, `role`, and `most_deprived`, the end of a measure of
        deprivation at which the most deprived areas stand ("lowest" or "highest").
    level, nation, vintage : str
        Geography of the areas of `table`; vintage is empty where codes do not tell.
    notes : tuple of str
        What a reader must know: quirks of the file, and what was done with them.
    next : str
        What to do with the file.

    Examples
    --------
    >>> none = pd.DataFrame()
    >>> Published("qof", "Quality and Outcomes Framework", "NHS England", none, none, none, "practice", "England").level
    'practice'
    """

    kind: str
    name: str
    publisher: str
    table: pd.DataFrame
    beside: pd.DataFrame
    columns: pd.DataFrame
    level: str
    nation: str
    vintage: str = ""
    notes: tuple[str, ...] = ()
    next: str = field(default="")


def kind_of(titles: Sequence[str], around: str) -> FileKind | None:
    """Kind of file whose titles stand in a row: the one that asks for most of them."""
    return next((kind for kind in file_kinds() if kind.fits(titles, around)), None)


def kinds_in(path: str | Path) -> list[tuple[FileKind, tuple[str, ...]]]:
    """
    Kinds of the tables of a file with their titles, told by its first rows alone; none where it cannot be read.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "ages.csv"
    ...     pd.DataFrame({"lsoa11_code": ["E01000001"], "0": 1, "45": 2, "90+": 3}).to_csv(path, index=False)
    ...     [(kind.kind, titles[0]) for kind, titles in kinds_in(path)]
    [('mid_year_age', 'lsoa11_code')]
    """
    return heads(Path(path), kind_of)


def read_published(path: str | Path, *, sheet: str | None = None, choose: Mapping[str, str] | None = None) -> Published:
    """
    Read a file as its publisher laid it out: census tables, registers, registrations, indices, indicators, look-ups.

    What a file is, is told by its titles, wherever in it they stand; kinds are described in `data_schema/publishers`.
    Groups that titles hold become rows, suppressed counts become intervals, limits become standard errors, and rows
    that count the same people again are set beside.

    Parameters
    ----------
    path : str or Path
        A .csv, .csv.gz, .parquet, .xlsx, .xls or .ods file, or a .zip archive of such.
    sheet : str, optional
        The one sheet of a workbook to read; by default all that hold such a table. Of an archive of several files, the
        one to read.
    choose : Mapping of str to str, optional
        Which value of a column is wanted where several count the same people, such as {"level": "region"}; by
        default the one of most rows.

    Returns
    -------
    Published
        The rows, what their columns mean, and what a reader must know.

    Raises
    ------
    SchemaError
        The file cannot be read, is of no known kind, or holds nothing of what was chosen.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "ts008.csv"
    ...     counts = {"Sex: All persons": [15], "Sex: Female": [8], "Sex: Male": [7]}
    ...     published = {"date": [2021], "geography": ["Somewhere 001A"], "geography code": ["E01000001"]} | counts
    ...     pd.DataFrame(published).to_csv(path, index=False)
    ...     found = read_published(path)
    >>> found.table[["area", "sex", "count"]]
            area     sex  count
    0  E01000001  Female      8
    1  E01000001    Male      7
    >>> found.level, found.notes[-1]
    ('lsoa', 'beside the table: 1 row (total of sex, count 15)')
    """
    if is_packed(Path(path)):
        with unpacked(Path(path), sheet) as (inside, name):
            within = read_published(inside, choose=choose)
        return replace(within, notes=(f"read from {name} in the archive", *within.notes))
    found = blocks(path, kind_of)
    sheets = [block.sheet for block in found]
    if sheet is not None:
        found = [block for block in found if block.sheet == sheet]
        if not found:
            raise SchemaError(f"The file {path} has no sheet {sheet!r} of a known kind; those are {', '.join(sheets)}.")
    if not found:
        raise SchemaError(
            f"The file {path} is of no kind that is known by its titles. A table of your own: `bayesineq start "
            f"{path}`, or `bayesineq check {path} --schema NAME`; records of people: `bayesineq cohort`. Files are "
            "known of "
            + ", ".join(sorted({kind.publisher for kind in file_kinds()}))
            + "."
        )  # fmt: skip
    # Sheets of one workbook may be of several kinds; the kind of most rows is the file's, the others are named.
    sizes = pd.Series([len(block.table) for block in found]).groupby([block.kind.kind for block in found]).sum()
    kind = next(block.kind for block in found if block.kind.kind == sizes.idxmax())
    others = [f"sheet {b.sheet!r} is {b.kind.name}: read it by its name" for b in found if b.kind.kind != kind.kind]
    return _put_together(kind, [block for block in found if block.kind.kind == kind.kind], dict(choose or {}), others)


def _put_together(kind: FileKind, found: list[Block], choose: dict[str, str], others: list[str]) -> Published:
    parts = [LAYOUTS[kind.layout](block) for block in found]
    notes = [*kind.notes, *others, *dict.fromkeys(note for part in parts for note in part.notes)]
    notes += [f"footnote: {line}" for line in dict.fromkeys(line for block in found for line in block.below)]
    rows = pd.concat([part.rows for part in parts], ignore_index=len(parts) > 1)
    columns = tuple(dict.fromkeys(column for part in parts for column in part.columns))
    columns = tuple({column.name: column for column in reversed(columns)}.values())[::-1]
    read = numbered(rows, columns, kind)
    divided = split(read.rows, read.columns, choose, kind)
    table, columns = divided.table, read.columns
    notes += [*read.notes, *divided.notes, *_remarks(table, columns), *_against(table, columns)]
    if kind.limits is not None and kind.limits.value in table:
        table, more, said = with_errors(table, kind.limits)
        columns = (*columns, *more)
        notes += said
    level, nation, year, said = _geography(table, columns)
    return Published(
        kind.kind, kind.name, kind.publisher, table, divided.beside, _described(table, columns),
        level, nation, year or kind.vintage, tuple(notes + said), kind.next,
    )  # fmt: skip


def _remarks(table: pd.DataFrame, columns: Sequence[Column]) -> list[str]:
    """What the publisher remarks on values of the table, and of how many rows."""
    counts = {column.name: table[column.name].value_counts() for column in columns if column.role == "note"}
    return [
        f"{name}, {rows_said(int(number))}: {text}"
        for name, found in counts.items()
        for text, number in found.iloc[:_SHOWN].items()
    ]


def _against(table: pd.DataFrame, columns: Sequence[Column]) -> list[str]:
    """Measures of deprivation that run against one another: which end is the most deprived must then be asked."""
    ends = {c.name: c.most_deprived for c in columns if c.most_deprived and c.name in table}
    first, *others = ends or [""]
    notes = []
    # Scores of domains have scales of their own: those of the whole index are compared.
    if "domain" in table and (table["domain"] == "imd").any():
        table = table[table["domain"] == "imd"]
    for name in others:
        both = table[[first, name]].apply(pd.to_numeric, errors="coerce").dropna()
        if len(both) < _LEAST or both[first].nunique() < 2 or both[name].nunique() < 2:
            continue
        runs = both[first].rank().corr(both[name].rank())
        if runs * (1 if ends[first] == ends[name] else -1) < 0:
            notes.append(
                f"{name!r} runs against {first!r}: by one of them the {ends[name]} {name} is not the most deprived. "
                "Ask who made the file which end is, and turn the other round before anything is read from either"
            )
    return notes


def _geography(table: pd.DataFrame, columns: Sequence[Column]) -> tuple[str, str, str, list[str]]:
    area = next((column.name for column in columns if column.role == "area" and column.name in table), None)
    if area is None or table.empty:
        return "", "", "", []
    codes = pd.Series(table[area].dropna().unique(), dtype=object).astype(str)
    level = str(table[LEVEL].mode().iloc[0])
    nations = dict.fromkeys(
        known.nation for known in geographies() if known.level == level and codes.str.fullmatch(known.pattern).any()
    )
    notes = [finding.problem for finding in years_findings(codes)]
    try:
        year = vintage(codes) or ""
    except SchemaError as error:
        year = ""
        notes.append(str(error))
    return level, ", ".join(filter(None, nations)), year, notes


def words_of(found: Published, path: str | Path) -> list[str]:
    """What a file is, holds and is to be used for, in lines for a reader."""
    beside = f"; {len(found.beside):,} more beside it" if len(found.beside) else ""
    where = f" of {found.level.replace('_', ' ')} level ({found.nation})" if found.level not in ("", OWN) else ""
    year = f", codes of {found.vintage}" if found.vintage else ""
    lines = [f"{path}: {found.name} ({found.publisher})", f"{rows_said(len(found.table))}{where}{year}{beside}"]
    width = max(map(len, found.columns["column"].astype(str)), default=0)
    for name, means, unit, end in found.columns[["column", "means", "unit", "most_deprived"]].to_numpy():
        most = f"; the {end} is the most deprived" if end and "most" not in means else ""
        lines.append(f"  {name!s:<{width}}  {means}{f' ({unit})' if unit else ''}{most}")
    lines += [f"Note: {note}" for note in found.notes]
    of_python = re.sub(r"(?<=\()FILE\b", lambda _: repr(str(path)), found.next)
    return [*lines, f"Next: {re.sub(r'\bFILE\b', lambda _: shlex.quote(str(path)), of_python)}"]


def _described(table: pd.DataFrame, columns: Sequence[Column]) -> pd.DataFrame:
    known = {column.name: column for column in columns} | {
        LEVEL: Column(LEVEL, (), "text", "level of geography of the row")
    }
    rows = [known.get(str(name), Column(str(name), (), "text", "as published")) for name in table]
    return pd.DataFrame(
        [(c.name, c.means, c.unit, c.role, c.most_deprived) for c in rows],
        columns=["column", "means", "unit", "role", "most_deprived"],
    )
