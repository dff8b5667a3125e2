"""Oracles: sums that must not change, and cells shared out by hand."""

from __future__ import annotations

import pandas as pd
import pytest

from bayesineq.errors import SchemaError
from bayesineq.records.ethnicity.unknown import complete_case, pro_rata, unknown_as_group

TABLE = pd.DataFrame({
    "area": ["x", "x", "x", "x", "y", "y"], "ethnicity": ["A", "H", "Z", "99", "A", "99"],
    "cases": [10, 5, 2, 1, 4, 0], "population": [60, 30, 8, 4, 50, 3],
})  # fmt: skip


def test_contrasts_by_hand() -> None:
    assert complete_case(TABLE)["cases"].tolist() == [10, 5, 4]
    grouped = unknown_as_group(TABLE, ["cases", "population"])
    assert grouped.set_index(["area", "ethnicity"]).loc[("x", "unknown")].tolist() == [3, 12]
    assert grouped["population"].sum() == TABLE["population"].sum()
    shared = pro_rata(TABLE, ["cases", "population"], share="population")
    # 3 cases and 12 people of x by 60 : 30.
    assert shared["cases"].tolist() == [12, 6, 4]
    assert shared["population"].tolist() == [68, 34, 53]


def test_sums_stay_whatever_the_remainders() -> None:
    table = pd.DataFrame({"ethnicity": [*"ABCD", "99"], "cases": [1, 1, 1, 0, 5], "population": [7, 7, 7, 1, 11]})
    shared = pro_rata(table, ["cases", "population"], share="population")
    assert shared[["cases", "population"]].sum().tolist() == [8, 33]


def test_misuse_is_refused() -> None:
    with pytest.raises(SchemaError, match="unknown category only"):
        pro_rata(TABLE.iloc[3:], ["cases"], share="population")
    with pytest.raises(SchemaError, match="no columns"):
        complete_case(TABLE, recorded="ethnos")


def test_unknown_is_told_by_the_code_list_in_any_spelling() -> None:
    codes = ["A", "z", "X", "not stated", "NULL", " ", None, "99", "unknown", "refused"]
    table = pd.DataFrame({"ethnicity": codes, "cases": 1})
    assert complete_case(table)["ethnicity"].tolist() == ["A"]
    broad = pd.DataFrame({"ethnicity": ["asian", "unknown", "other"], "cases": [1, 2, 3]})
    assert complete_case(broad)["cases"].tolist() == [1, 3]
    # Categories that are numbered have Pakistani as 9.
    numbered = pd.DataFrame({"ethnicity": ["1", "9", "16"], "cases": [1, 2, 3]})
    assert complete_case(numbered)["cases"].tolist() == [1, 2, 3]
    assert complete_case(numbered, unknown=["16"])["cases"].tolist() == [1, 2]


def test_people_of_a_cell_with_a_missing_column_are_not_dropped() -> None:
    table = TABLE.assign(area=["x", "x", "x", "x", None, None])
    grouped = unknown_as_group(table, ["cases", "population"])
    assert grouped[["cases", "population"]].sum().tolist() == [22, 155]
    shared = pro_rata(table, ["cases", "population"], share="population")
    assert shared["population"].tolist() == [68, 34, 53]
