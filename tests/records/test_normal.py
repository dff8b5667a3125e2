"""The normal form of linked records: what is read, what is missing, and what is said of it."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import duckdb
import geopandas as gpd
import pandas as pd
import pytest
from shapely.geometry import box

from bayesineq.errors import SchemaError
from bayesineq.records.engines import connect
from bayesineq.records.normal import Records, read_normal, unmapped
from bayesineq.records.sources import open_tables
from bayesineq.records.written import ORDERS, Order, as_day, read_steps


def rows(table: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = table.to_pyarrow().to_pylist()
    return found


def persons() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "person": ["p1", "p2", "p3"],
            "birth": ["1950-03-01", "1980-05", "1999"],
            "sex": ["female", "Male", None],
            "registered_to": ["9999-12-31", "2020-01-31", None],
            "practice": ["A1", "A1", None],
            "postcode": ["NG16 1AA", None, None],
        }
    )


def events() -> pd.DataFrame:
    return pd.DataFrame(
        {"person": ["p1"], "date": ["2020-01-31"], "system": ["snomed"], "code": ["1234567890123456789"]}
    )


def noted(records: Records, table: str, column: str, kind: str) -> int:
    counts = unmapped(records)
    return int(counts[(counts["table"] == table) & (counts["column"] == column) & (counts["kind"] == kind)].rows.sum())


@pytest.mark.parametrize("kind", ["csv.gz", "parquet", "duckdb", "backend"])
def test_the_same_records_from_every_kind_of_source(kind: str, tmp_path: Path) -> None:
    import ibis

    source: Any = tmp_path
    tables = {"persons": persons(), "events": events()}
    if kind in ("duckdb", "backend"):
        source = tmp_path / "records.duckdb"
        with duckdb.connect(str(source)) as base:
            for name, table in tables.items():
                base.register("given", table)
                base.execute(f"CREATE TABLE {name} AS SELECT * FROM given")
        source = ibis.duckdb.connect(source) if kind == "backend" else source
    else:
        for name, table in tables.items():
            path = tmp_path / f"{name}.{kind}"
            table.to_parquet(path) if kind == "parquet" else table.to_csv(path, index=False)
    records = read_normal(source)
    found = rows(records.persons.order_by("person"))
    assert [(r["birth"], r["birth_known_to"], r["sex"]) for r in found] == [
        (dt.date(1950, 3, 1), "day", "female"),
        (dt.date(1980, 5, 1), "month", "male"),
        (dt.date(1999, 1, 1), "year", "unknown"),
    ]
    assert rows(records.events.select("date", "code", "value")) == [
        {"date": dt.date(2020, 1, 31), "code": "1234567890123456789", "value": None}
    ]
    assert rows(records.registration_periods.select("person", "end", "practice").order_by("person")) == [
        {"person": "p1", "end": None, "practice": "A1"},
        {"person": "p2", "end": dt.date(2020, 1, 31), "practice": "A1"},
    ]
    assert rows(records.addresses.select("person", "postcode")) == [{"person": "p1", "postcode": "NG16 1AA"}]
    assert records.spells.count().to_pyarrow().as_py() == 0


def test_somebody_in_several_rows_is_one_person_with_several_registrations() -> None:
    given = pd.DataFrame(
        {
            "person": ["p1", "p1", "p2", None],
            "registered_from": ["2001-01-01", "2010-01-01", "2005-01-01", "2005-01-01"],
            "practice": ["old", "new", "old", "old"],
        }
    )
    records = read_normal({"persons": given})
    assert {r["person"]: r["practice"] for r in rows(records.persons)} == {"p1": "new", "p2": "old"}
    assert records.registration_periods.count().to_pyarrow().as_py() == 4
    left = unmapped(records).query("kind == 'left out'").set_index("said")["rows"]
    assert left["a row without a person"] == 1
    assert left.drop("a row without a person").tolist() == [1]


@pytest.mark.parametrize(
    "written", [["F", "M", None], ["2", "1", "9"], [2, 1, 0], [2.0, 1.0, None], ["Female", "male", "X"]]
)
def test_sex_is_read_however_it_is_written_and_the_scheme_is_named(written: list[object]) -> None:
    records = read_normal({"persons": pd.DataFrame({"person": ["p1", "p2", "p3"], "sex": written})})
    found = [row["sex"] for row in rows(records.persons.order_by("person"))]
    assert found == ["female", "male", "indeterminate" if written[2] == "9" else "unknown"]
    forms = unmapped(records).query("column == 'sex'")
    assert set(forms["kind"]) == {"form"}
    assert forms["said"].str.fullmatch("codes of (letters|NHS numbers|words)").all()


def test_boundaries_among_records_are_named(tmp_path: Path) -> None:
    persons().to_parquet(tmp_path / "persons.parquet")
    square = gpd.GeoDataFrame({"area": ["E01000001"]}, geometry=[box(0, 0, 1, 1)], crs=4326)
    square.to_parquet(tmp_path / "areas.parquet")
    for read in (lambda: read_normal(tmp_path), lambda: connect(tmp_path / "areas.parquet")):
        with pytest.raises(SchemaError, match=r"areas.parquet is GeoParquet.*Keep it elsewhere"):
            read()


def test_what_cannot_be_read_is_missing_and_counted() -> None:
    given = persons().assign(birth=["1950-13-01", "1899-12-31", "31/12/1980"], sex=["Q", "female", "male"])
    records = read_normal({"persons": given, "events": events().assign(value="high", date=20200131)})
    assert rows(records.persons.order_by("person").birth.name("b").as_table()) == [{"b": None}] * 3
    assert noted(records, "persons", "birth", "unread") == 3
    assert noted(records, "persons", "sex", "unmapped") == 1
    assert noted(records, "events", "value", "unread") == 1
    assert rows(records.events.select("date", "value")) == [{"date": dt.date(2020, 1, 31), "value": None}]


WRITTEN: list[tuple[str, str, dt.date | None]] = [
    ("2020-02-29", "year first", dt.date(2020, 2, 29)),
    ("2019-02-29", "year first", None),
    ("2020-01-31T23:59:59Z", "year first", dt.date(2020, 1, 31)),
    ("2020/01/31", "year first", dt.date(2020, 1, 31)),
    ("20200131", "day first", dt.date(2020, 1, 31)),
    ("20201301", "year first", None),
    ("31/01/2020", "year first", None),
    ("31/01/2020", "day first", dt.date(2020, 1, 31)),
    ("1/2/2020 00:00", "day first", dt.date(2020, 2, 1)),
    ("1/2/2020", "month first", dt.date(2020, 1, 2)),
    ("31/01/2020", "month first", None),
    ("31-JAN-2020", "year first", dt.date(2020, 1, 31)),
    ("3 September 2020", "year first", dt.date(2020, 9, 3)),
    ("31JAN2020", "year first", dt.date(2020, 1, 31)),
    ("30 February 2020", "year first", None),
    ("NULL", "year first", None),
    ("tomorrow", "year first", None),
    ("01/01/20", "day first", None),
]


@pytest.mark.parametrize("order", ORDERS)
def test_a_day_is_read_as_it_is_written(order: Order) -> None:
    texts = [text for text, given, _ in WRITTEN if given == order]
    table = connect(pd.DataFrame({"place": range(len(texts)), "when": texts}))
    steps = read_steps(table, {"when": False}, [], order)
    read = as_day("when", steps, order)
    found = rows(steps.table.select("place", day=read.value, unread=read.unread).order_by("place"))
    assert [r["day"] for r in found] == [day for _, given, day in WRITTEN if given == order]
    assert [r["unread"] for r in found] == [
        day is None and text != "NULL" for text, given, day in WRITTEN if given == order
    ]


def test_a_code_that_lost_its_digits_is_no_code() -> None:
    given = events().assign(code=[1.234567890123456789e18])
    records = read_normal({"persons": persons(), "events": given})
    assert rows(records.events.select("code")) == [{"code": None}]
    assert noted(records, "events", "code", "unread") == 1


def test_errors_name_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match=r"no table 'persons' .* there is people\. .* mapping"):
        read_normal({"people": persons()})
    with pytest.raises(SchemaError, match="'events' of the tables has no column code; it has person, date, system"):
        read_normal({"persons": persons(), "events": events().drop(columns="code")})
    with pytest.raises(SchemaError, match="There is no file or folder"):
        read_normal(tmp_path / "none")
    with pytest.raises(SchemaError, match="holds no tables: nothing"):
        read_normal(tmp_path)


def test_columns_of_geometry_are_left_out_and_no_extension_is_looked_for(tmp_path: Path) -> None:
    """Ibis would fetch an extension of DuckDB for them, and DuckDB one for a view of an address."""
    source = tmp_path / "records.duckdb"
    with duckdb.connect(str(source)) as base:
        base.execute('CREATE TABLE homes (person INTEGER, "the ""place" GEOMETRY, since DATE)')
        base.execute("INSERT INTO homes VALUES (7, NULL, DATE '2020-01-31')")
    tables = open_tables(source)
    assert tables.tables["homes"].columns == ("person", "since")
    assert tables.tables["homes"].to_pyarrow().to_pylist() == [{"person": 7, "since": dt.date(2020, 1, 31)}]
    settings = "SELECT value FROM duckdb_settings() WHERE name LIKE 'auto%known_extensions'"
    assert {value for (value,) in tables.engine.raw_sql(settings).fetchall()} == {"false"}
