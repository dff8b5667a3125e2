"""The same numbers on every engine that the docstrings name: DuckDB, Polars, and Spark where it is installed."""

from __future__ import annotations

import importlib.util
import itertools
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from bayesineq.errors import SchemaError
from bayesineq.records.ethnicity.resolution import (
    CVDPREVENT_PRIORITY,
    cvdprevent,
    first_source,
    most_frequent,
    most_recent,
    ohid,
)
from bayesineq.records.tabulate import tabulate

ENGINES = [name for name in ("duckdb", "polars", "pyspark") if importlib.util.find_spec(name)]


def records() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    n = 2_000
    codes = rng.choice(["A", "a ", "B", "H", "S", "T", "Z", "x", "99", "NULL", "not stated"], n)
    day = rng.choice(["2020-01-01", "2020-01-02T10:30:00", "2021-05-05", "2023-12-31", " ", ""], n)
    return pd.DataFrame(
        {
            "person_id": rng.integers(0, 400, n).astype(str),
            "source": rng.choice(CVDPREVENT_PRIORITY, n),
            "recorded_on": pd.Series(day, dtype="str").where(rng.random(n) > 0.05),
            "ethnicity": pd.Series(codes, dtype="str").where(rng.random(n) > 0.05),
        }
    )


def people() -> pd.DataFrame:
    rng = np.random.default_rng(4)
    n = 1_000
    return pd.DataFrame(
        {
            "area": rng.choice(["E01000001", "E01000002"], n),
            "sex": pd.Series(rng.choice(["female", "male", "NULL", " "], n, p=[0.5, 0.4, 0.05, 0.05]), dtype="str"),
            "age": rng.integers(0, 100, n).astype(float),
            "diabetes": rng.integers(0, 2, n),
            "years": rng.random(n),
        }
    )


@pytest.fixture(scope="module", params=ENGINES)
def on_engine(request: pytest.FixtureRequest) -> Callable[[pd.DataFrame], Any]:
    """A function that puts a data frame on the engine."""
    import ibis

    number = itertools.count()
    if request.param == "pyspark":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from pyspark.sql import SparkSession

            session = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
        spark = ibis.pyspark.connect(session)

        def put(table: pd.DataFrame) -> Any:
            name = f"t{next(number)}"
            session.createDataFrame(table.astype(object).where(table.notna(), None)).createOrReplaceTempView(name)
            return spark.table(name)

        return put
    engine = getattr(ibis, request.param).connect()
    return lambda table: engine.create_table(f"t{next(number)}", pa.Table.from_pandas(table, preserve_index=False))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "rule",
    [
        most_recent,
        most_frequent,
        lambda r: first_source(r, CVDPREVENT_PRIORITY),
        lambda r: ohid(r, CVDPREVENT_PRIORITY),
        cvdprevent,
    ],
    ids=["most_recent", "most_frequent", "first_source", "ohid", "cvdprevent"],
)
def test_resolution_is_the_same_on_every_engine(on_engine: Callable[[pd.DataFrame], Any], rule: Any) -> None:
    given = records()
    pd.testing.assert_frame_equal(rule(on_engine(given)), rule(given))


@pytest.mark.filterwarnings("ignore")
def test_cells_are_the_same_on_every_engine(on_engine: Callable[[pd.DataFrame], Any]) -> None:
    given = people()
    arguments: dict[str, Any] = {
        "by": ["area", "sex", "age_band"], "count": {"cases": "diabetes", "person_years": "years"},
        "bands": [0, 18, 65], "missing": {"sex": "unknown"},
    }  # fmt: skip
    found = tabulate(on_engine(given), **arguments)
    pd.testing.assert_frame_equal(found, tabulate(given, **arguments))
    sums = given.groupby(given["sex"].where(given["sex"].isin(["female", "male"]), "unknown"))["years"].sum()
    np.testing.assert_allclose(found.groupby("sex")["person_years"].sum(), sums)
    holed = given.assign(age=given["age"].where(given["age"] > 10, np.nan))
    lacking = int((given["age"] <= 10).sum())
    with pytest.raises(SchemaError, match=f"'age': missing in {lacking:,} of 1,000 records"):
        tabulate(on_engine(holed), **arguments)
