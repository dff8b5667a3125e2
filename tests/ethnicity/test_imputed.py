"""Oracles: sums by hand, and totals that no imputation may change."""

from __future__ import annotations

import pandas as pd
import pytest

from bayesineq.errors import SchemaError
from bayesineq.records.ethnicity.imputed import imputed_effect


def cells(rows: list[tuple[str, str, float, float]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["sex", "ethnicity", "events", "years"])


BEFORE = cells(
    [("f", "A", 10, 100.0), ("f", "H", 4, 20.0), ("f", "Z", 6, 80.0), ("m", "A", 20, 100.0), ("m", "99", 5, 50.0)]
)
AFTER = cells(
    [("f", "A", 14, 150.0), ("f", "H", 5, 30.0), ("f", "Z", 1, 20.0), ("m", "A", 22, 125.0), ("m", "H", 3, 25.0)]
)


def test_each_figure_by_hand() -> None:
    table = imputed_effect(
        {"admissions": BEFORE}, {"admissions": AFTER}, {"admissions": ("events", "years")}, within=["sex"]
    ).set_index("group")
    assert table.index.tolist() == ["A", "H", "all"]
    # Women's 20 unknown years go 150 to 30; their one unknown event to the group with the larger remainder.
    years = {"A": 150 * 200 / 180 + 125, "H": 30 * 200 / 180 + 25}
    assert table["shared_out"].to_dict() == pytest.approx({"A": 37 / years["A"], "H": 8 / years["H"], "all": 45 / 350})
    assert table["recorded"].to_dict() == pytest.approx({"A": 30 / 200, "H": 4 / 20, "all": 34 / 220})
    assert table["linked"].to_dict() == pytest.approx({"A": 36 / 275, "H": 8 / 55, "all": 44 / 330})
    assert table["imputed_share"].to_dict() == pytest.approx(
        {"A": 1 - 200 / years["A"], "H": 1 - 20 / years["H"], "all": 1 - 220 / 350}
    )
    assert table["effect"]["H"] == pytest.approx(8 / years["H"] / 0.2)
    assert table.loc["A", ["against_recorded", "against_shared_out"]].tolist() == [1.0, 1.0]


def test_people_are_shared_out_whole_and_none_is_lost() -> None:
    whole = [table.rename(columns={"years": "people"}).astype({"people": int}) for table in (BEFORE, AFTER)]
    table = imputed_effect({"x": whole[0]}, {"x": whole[1]}, {"x": ("events", "people")})
    assert table["shared_out"].iloc[-1] == 45 / 350
    people = 1 / (1 - table["imputed_share"].to_numpy()[:2]) * [200, 20]
    assert people.sum() == pytest.approx(350)
    assert people == pytest.approx(people.round())


def test_what_cannot_be_compared_is_refused() -> None:
    rates = {"x": ("events", "years")}
    with pytest.raises(SchemaError, match="no cells of 'x' in `after`"):
        imputed_effect({"x": BEFORE}, {}, rates)
    with pytest.raises(SchemaError, match="count the same people"):
        imputed_effect({"x": BEFORE}, {"x": AFTER.assign(years=1.0)}, rates)
    with pytest.raises(SchemaError, match=r"have no column \['age'\]"):
        imputed_effect({"x": BEFORE}, {"x": AFTER}, rates, within=["age"])
    alone = pd.concat([AFTER, cells([("i", "Z", 0, 0.5)])])
    more = pd.concat([BEFORE, cells([("i", "Z", 0, 0.5)])])
    with pytest.raises(SchemaError, match="unknown category only"):
        imputed_effect({"x": more}, {"x": alone}, rates, within=["sex"])
