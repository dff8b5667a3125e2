"""Records as a table of an engine: files and data frames through DuckDB, tables of other engines as they are."""

from __future__ import annotations

import csv
import re
import warnings
import zlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from bayesineq.dims import PERSON
from bayesineq.errors import SchemaError
from bayesineq.tables.blanks import MISSING
from bayesineq.tables.files import existing, header, refuse_bombs, refuse_lines_in_cells, refuse_twice, suffix
from bayesineq.tables.schema import read_schema

if TYPE_CHECKING:
    import ibis


LAYOUT: Final = {
    "header": True, "delim": ",", "quote": '"', "escape": '"', "skip": 0, "comment": "", "null_padding": False,
}  # fmt: skip
"""How a csv is laid out. Stated, because an engine that guesses may skip lines that it takes for titles or remarks."""


def connect(
    records: pd.DataFrame | ibis.Table | str | Path, text: Collection[str] | None = None, *, beside: Any = None
) -> ibis.Table:
    """
    See records as an Ibis table: files and data frames through DuckDB, a table of another engine as it is.

    Parameters
    ----------
    records : DataFrame, Ibis table, str or Path
        The records, or a csv, csv.gz or parquet file of them.
    text : collection of str, optional
        Columns of a csv to read as text, so that codes keep leading zeros; without it those that the schema `people`
        has as text.
    beside : ibis.Table, optional
        A table of DuckDB with which a file is to be joined: it is read on the connection of that table.

    Returns
    -------
    ibis.Table
        A table expression; nothing is computed yet.

    Raises
    ------
    SchemaError
        The file is missing, of another kind, cannot be read, or has a column twice.

    Examples
    --------
    >>> table = connect(pd.DataFrame({"person_id": ["p1", "p2"], "age": [34, 71]}))
    >>> table.columns
    ('person_id', 'age')
    >>> table.count().to_pyarrow().as_py()
    2
    """
    import ibis

    if isinstance(records, pd.DataFrame):
        refuse_twice(list(records.columns), "The table of records", any_case=True)
        return ibis.memtable(_arrow(records))
    if not isinstance(records, (str, Path)):
        return records if isinstance(records, ibis.Table) else ibis.memtable(records)
    path = existing(records)
    kind = suffix(path)
    if kind not in ("csv", "parquet"):
        raise SchemaError(f"The file {path} ends in {path.suffix!r}; records are read from .csv, .csv.gz and .parquet.")
    with reading(path):
        if kind == "csv":
            refuse_bombs(path)
            refuse_lines_in_cells(path)
        fields = None if kind == "csv" else fields_of(path)
        names = header(path) if fields is None else fields.names
        refuse_twice(names, f"The file {path}", any_case=True)
        engine = ibis.duckdb.connect() if beside is None else beside.get_backend()
        # Statistics of a parquet file leave out what is no number, and the engine would not see it.
        engine.raw_sql("SET disabled_optimizers = 'statistics_propagation'")
        # The day of a time with a zone is that of its own zone, wherever the machine stands.
        engine.raw_sql(f"SET TimeZone = '{_zone(fields, path)}'")
        if kind == "parquet":
            return engine.read_parquet(path)
        if text is None:
            text = read_schema("people").text
        types = {name: "string" for name in text if name in names}
        return engine.read_csv(path, types=types, nullstr=[*MISSING, " "], **LAYOUT)


def fields_of(path: Path) -> pa.Schema:
    """Columns of a parquet file of records. Boundaries of areas are none, and need an engine of their own."""
    fields = pq.read_schema(path)
    if b"geo" in (fields.metadata or {}):
        raise SchemaError(
            f"The file {path} is GeoParquet: boundaries of areas, which are no table of records. Keep it elsewhere, or "
            "take its column of geometry out."
        )
    return fields


def collected(table: ibis.Table, source: Any = None) -> pd.DataFrame:
    """
    Counts as a data frame: the one way out of the engine, shut to rows of people.

    `source` is what an error names, where it is a file.
    """
    if PERSON in table.columns:
        raise SchemaError(f"A table with the column {PERSON!r} holds rows of people, which stay where they are.")
    with reading(source):
        found: pd.DataFrame = table.to_pyarrow().to_pandas()
    return found


def kept(table: ibis.Table, source: Any = None) -> ibis.Table:
    """A table computed once and held on its engine, for as long as what is returned here is in use."""
    with reading(source):
        if table.get_backend().name == "pyspark":
            # Ibis takes tables in memory to Spark when something is executed, and not when it is cached.
            table.limit(0).count().to_pyarrow()
        held = table.cache()
    # Spark keeps whole numbers in as few bytes as it needs; what was kept has the types that it had.
    return held if held.schema() == table.schema() else held.cast(dict(table.schema().items()))


def _zone(fields: pa.Schema | None, path: Path) -> str:
    zones = sorted({field.type.tz for field in fields or () if pa.types.is_timestamp(field.type) and field.type.tz})
    if len(zones) > 1:
        raise SchemaError(f"Times of {path} are in zones {', '.join(zones)}. Write them in one, or as dates.")
    zone = zones[0] if zones else "UTC"
    if not re.fullmatch("[A-Za-z]+(/[A-Za-z_+-]+)*", zone):
        raise SchemaError(f"Times of {path} are in the zone {zone}, which has no name. Write them as dates.")
    return zone


@contextmanager
def reading(source: Any) -> Iterator[None]:
    """Turn failures of the engine into one error that names the file and shows no person's line of it."""
    try:
        with warnings.catch_warnings():
            # Ibis still calls a function of DuckDB under its former name.
            warnings.filterwarnings("ignore", message="fetch_arrow_table", category=DeprecationWarning)
            yield
    except Exception as error:
        of_engine = type(error).__module__.partition(".")[0] in ("duckdb", "_duckdb", "pyarrow")
        if not of_engine and not isinstance(error, (OSError, EOFError, zlib.error, UnicodeDecodeError, csv.Error)):
            raise
        where = f"The file {source}" if isinstance(source, (str, Path)) else "The table of records"
        first_line = re.sub(r"(['\"]).*?\1", "(a value)", str(error).partition("\n")[0])
        if "sniffing" in first_line:
            first_line = "its lines do not have the fields of its first line, which must hold the names of the columns."
        raise SchemaError(f"{where} cannot be read: {first_line} Is it whole? Fetch or export it again.") from None


def _arrow(records: pd.DataFrame) -> pa.Table:
    plain: dict[Any, Any] = {name: object for name in records.columns if records[name].dtype == "category"}
    plain |= {name: "str" for name in records.columns if isinstance(records[name].dtype, pd.PeriodDtype)}
    # A time with a zone keeps the day on which it was written.
    zoned = {
        name: records[name].dt.tz_localize(None)
        for name in records.columns
        if isinstance(records[name].dtype, pd.DatetimeTZDtype)
    }
    try:
        return pa.Table.from_pandas(records.astype(plain).assign(**zoned), preserve_index=False)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        # The first argument of the error quotes a value, which belongs to a person; the last names the column.
        raise SchemaError(
            f"A column of the records is of mixed types: {error.args[-1]}. Give it one type, such as text for codes."
        ) from None
