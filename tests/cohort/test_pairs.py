"""Pairs of conditions counted where the records are."""

from __future__ import annotations

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from bayesineq.cohort.pairs import condition_pairs
from bayesineq.errors import SchemaError
from bayesineq.measures.pairs import associations

NAMES = ["asthma", "diabetes", "stroke"]


def people(n: int = 4000) -> pd.DataFrame:
    """Stroke follows diabetes; asthma goes with neither but through age, in which all rise."""
    stream = np.random.default_rng(5)
    old = stream.random(n) < 0.5
    diabetes = stream.random(n) < np.where(old, 0.3, 0.05)
    stroke = stream.random(n) < np.where(old, 0.2, 0.03) * np.where(diabetes, 2.0, 1.0)
    asthma = stream.random(n) < np.where(old, 0.3, 0.05)
    return pd.DataFrame(
        {"age": np.where(old, "old", "young"), "asthma": asthma, "diabetes": diabetes, "stroke": stroke}
    )


def test_counts_are_those_of_a_hand_count_on_either_kind_of_table() -> None:
    table = people()
    found = condition_pairs(table, NAMES, strata=["age"])
    lazy = condition_pairs(ibis.memtable(pa.Table.from_pandas(table)), NAMES, strata=["age"])
    pd.testing.assert_frame_equal(found.table, lazy.table)
    row = found.table.query("first == 'diabetes' and second == 'stroke' and age == 'old'").iloc[0]
    old = table[table["age"] == "old"]
    assert row["both"] == (old["diabetes"] & old["stroke"]).sum()
    assert (row["with_first"], row["with_second"], row["people"]) == (
        old["diabetes"].sum(),
        old["stroke"].sum(),
        len(old),
    )
    assert list(zip(found.pairs["first"], found.pairs["second"], strict=True)) == [
        ("asthma", "diabetes"), ("asthma", "stroke"), ("diabetes", "stroke"),
    ]  # fmt: skip


def test_what_meets_through_age_alone_is_chance_within_ages() -> None:
    table = people(40_000)
    crude = associations(*condition_pairs(table, NAMES).arrays(), seed=1)
    within = associations(*condition_pairs(table, NAMES, strata=["age"]).arrays(), seed=1)
    assert (crude.above() > 0.999).all()
    assert (within.above(1.1) > 0.975).tolist() == [False, False, True]


def test_days_of_onset_say_which_came_first() -> None:
    day = pd.to_datetime(["2020-01-01", "2021-05-01", None, "2019-03-03", "2020-02-02"])
    other = pd.to_datetime(["2021-01-01", "2020-05-01", "2020-01-01", "2019-03-03", None])
    found = condition_pairs(pd.DataFrame({"a": day, "b": other}), ["a", "b"])
    assert found.table[["both", "with_first", "with_second", "people", "earlier", "later"]].iloc[0].tolist() == [
        3,
        4,
        4,
        5,
        1,
        1,
    ]


def test_people_of_whom_something_is_missing_are_counted_and_left_out() -> None:
    table = people(200).astype({"stroke": "boolean"})
    table.loc[:9, "stroke"] = pd.NA
    table.loc[20:24, "age"] = None
    found = condition_pairs(table, NAMES, strata=["age"])
    assert found.left_out == 15
    assert found.table.groupby(["first", "second"])["people"].sum().tolist() == [185] * 3


def test_what_is_no_condition_is_named_all_at_once() -> None:
    table = people(20).assign(score=1.5)
    with pytest.raises(SchemaError) as caught:
        condition_pairs(table, ["diabetes", "score", "gout"], strata=["ward"])
    assert "['gout', 'ward']" in str(caught.value)
    assert "score (float64)" in str(caught.value)
    with pytest.raises(SchemaError, match="two conditions or more"):
        condition_pairs(table, ["diabetes"])
    with pytest.raises(SchemaError, match="of 20 people none is left"):
        condition_pairs(people(20).assign(age=None), NAMES, strata=["age"])
