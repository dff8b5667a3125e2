"""Where records are: a folder of files, a file of DuckDB, a connection of Ibis or tables by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bayesineq.errors import SchemaError
from bayesineq.records.engines import LAYOUT, connect, fields_of, reading
from bayesineq.tables.blanks import MISSING
from bayesineq.tables.files import header, refuse_twice, suffix

if TYPE_CHECKING:
    import ibis

type Source = str | Path | Mapping[str, Any] | ibis.BaseBackend

_ALONE: Final = {"autoinstall_known_extensions": False, "autoload_known_extensions": False}
"""No extension is looked for on the network, whatever a file holds."""

DATABASES: Final = (".duckdb", ".db", ".ddb")
NDJSON: Final = (".ndjson", ".jsonl", ".ndjson.gz", ".jsonl.gz")


@dataclass(frozen=True, slots=True)
class Tables:
    """
    Tables of a source by name in small letters, none of them read yet.

    Parameters
    ----------
    tables : Mapping of str to ibis.Table
        The tables.
    origin : str
        Where they are, in words for an error.
    engine : ibis backend or None
        The engine that reads the files, where there are files.
    lines : Mapping of str to tuple of str
        Files of JSON lines by the start of their name, which only a mapping can read.
    """

    tables: Mapping[str, ibis.Table]
    origin: str
    engine: Any
    lines: Mapping[str, tuple[str, ...]]


def open_tables(source: Source) -> Tables:
    """
    See a source as tables by name; nothing is read yet.

    Parameters
    ----------
    source : str, Path, Mapping or Ibis backend
        A folder of parquet, csv, csv.gz or NDJSON files, each a table by its name (a folder in it is one table in
        parts); one such file; a DuckDB file; a connection of Ibis; or tables and data frames by name. Columns
        of geometry are left out.

    Returns
    -------
    Tables
        The tables.

    Raises
    ------
    SchemaError
        Nothing is there, or nothing that can be read.
    """
    if isinstance(source, Mapping):
        return Tables({str(name).lower(): connect(table) for name, table in source.items()}, "the tables", None, {})
    if not isinstance(source, (str, Path)):
        with reading(source.name):
            tables = {name.lower(): _without_shapes(source, name) for name in _names(source)}
        return Tables(tables, f"the tables of {source.name}", source, {})
    path = Path(source)
    if path.is_dir():
        return _folder(path)
    if not path.is_file():
        raise SchemaError(f"There is no file or folder {path}. Check the path.")
    if path.name.lower().endswith(DATABASES):
        return _database(path)
    return _files([path], path)


def _engine() -> Any:
    import ibis

    engine = ibis.duckdb.connect(**_ALONE)
    # Statistics of a parquet file leave out what is no number, and the engine would not see it.
    engine.raw_sql("SET disabled_optimizers = 'statistics_propagation'")
    # The day of a time with a zone is the same on every machine.
    engine.raw_sql("SET TimeZone = 'UTC'")
    return engine


def _database(path: Path) -> Tables:
    import ibis

    with reading(path):
        engine = ibis.duckdb.connect(path, read_only=True, **_ALONE)
        engine.raw_sql("SET disabled_optimizers = 'statistics_propagation'")
        engine.raw_sql("SET TimeZone = 'UTC'")
        tables = {name.lower(): _without_shapes(engine, name) for name in _names(engine)}
    if not tables:
        raise SchemaError(f"The database {path} has no tables. Is it the right file?")
    return Tables(tables, str(path), engine, {})


def _without_shapes(engine: Any, name: str) -> ibis.Table:
    """A table without columns of geometry, for which Ibis would fetch an extension of DuckDB: no record needs them."""
    import ibis

    if engine.name != "duckdb":
        return engine.table(name)
    asked = (
        "SELECT column_name FROM information_schema.columns WHERE table_schema = current_schema() "
        "AND table_name = ? AND data_type LIKE 'GEOMETRY%'"
    )
    shapes = [column for (column,) in engine.con.execute(asked, [name]).fetchall()]
    if not shapes:
        return engine.table(name)
    excluded = ", ".join(map(_quoted, shapes))
    query = f"SELECT * EXCLUDE ({excluded}) FROM {_quoted(name)}"
    # Ibis asks for the types of a query in a way that later versions of DuckDB do not answer.
    types = ibis.Schema.from_pyarrow(engine.con.sql(f"{query} LIMIT 0").to_arrow_table().schema)
    return engine.sql(query, schema=types)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _names(engine: Any) -> list[str]:
    """Tables and views of a connection; Ibis asks DuckDB in a way that later versions do not answer."""
    if engine.name == "duckdb":
        listed = "SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema()"
        return sorted(name for (name,) in engine.raw_sql(listed).fetchall())
    return sorted(engine.list_tables())


def _folder(path: Path) -> Tables:
    found = [entry for entry in sorted(path.iterdir()) if not entry.name.startswith((".", "_"))]
    usable = [entry for entry in found if entry.is_dir() or _kind(entry)]
    if not usable:
        there = ", ".join(entry.name for entry in found[:8]) or "nothing"
        raise SchemaError(
            f"The folder {path} holds no tables: {there}. Give a folder of .parquet, .csv, .csv.gz or .ndjson files."
        )
    return _files(usable, path)


def _kind(path: Path) -> str:
    if path.name.lower().endswith(NDJSON):
        return "lines"
    kind = suffix(path)
    return kind if kind in ("csv", "parquet") else ""


def _name(path: Path) -> str:
    return path.name.lower().partition(".")[0]


def _files(paths: list[Path], origin: Path) -> Tables:
    engine = _engine()
    tables: dict[str, ibis.Table] = {}
    lines: dict[str, tuple[str, ...]] = {}
    for path in paths:
        name, parts = _name(path), [path]
        if path.is_dir():
            parts = [part for part in sorted(path.rglob("*")) if part.is_file() and _kind(part)]
            if not parts:
                continue
        if _kind(parts[0]) == "lines":
            lines[name] = tuple(map(str, parts))
            continue
        if name in tables:
            raise SchemaError(f"{origin} holds the table {name!r} twice. Keep one of the files.")
        tables[name] = _table(engine, parts)
    if not tables and not lines:
        raise SchemaError(f"{origin} holds no tables. Give .parquet, .csv, .csv.gz or .ndjson files.")
    return Tables(tables, str(origin), engine, lines)


def _table(engine: Any, parts: list[Path]) -> ibis.Table:
    kinds = {_kind(part) for part in parts}
    if len(kinds) > 1:
        raise SchemaError(f"The parts of one table in {parts[0].parent} are of several kinds: {', '.join(kinds)}.")
    for part in parts:
        if part.stat().st_size == 0:
            raise SchemaError(f"The file {part} is empty (0 bytes). Fetch or export it again.")
        with reading(part):
            names = header(part) if kinds == {"csv"} else fields_of(part).names
            refuse_twice(names, f"The file {part}", any_case=True)
    with reading(parts[0]):
        if kinds == {"parquet"}:
            return engine.read_parquet([str(part) for part in parts])
        return engine.read_csv(
            [str(part) for part in parts], all_varchar=True, nullstr=[*MISSING, " "], union_by_name=True, **LAYOUT
        )
