"""Oracles: sums that must not change, and cells shared out by hand."""

from __future__ import annotations

import pandas as pd
import pytest

from bayesineq.errors import SchemaError
from bayesineq.tables.unknown import complete_case, pro_rata, unknown_as_group

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
