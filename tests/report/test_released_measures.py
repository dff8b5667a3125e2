"""Measures over some of the groups say that they are."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bayesineq.design.matrix import design
from bayesineq.inference.tree import posterior_tree
from bayesineq.model.read_card import parse_card
from bayesineq.report.tables.released import released_measures

CARD = """
name = "few"
question = "How unequal?"
table = "area_counts"
[outcome]
name = "prevalence"
count = "cases"
at_risk = "population"
likelihood = "binomial"
[terms]
deprivation = { kind = "exchangeable", by = "imd_decile" }
"""


def measured(large: list[int]) -> pd.DataFrame:
    """Ten deciles, of which those named have enough people to be shown."""
    people = [5_000 if decile in large else 60 for decile in range(1, 11)]
    rows = pd.DataFrame({"imd_decile": range(1, 11), "population": people, "cases": [n // 20 for n in people]})
    rows["area"] = [f"E01{k:06d}" for k in range(10)]
    study = design(rows.assign(ethnicity="A", age_band="40-49", sex="female"), parse_card(CARD))
    noise = 0.05 * np.random.default_rng(1).standard_normal((1, 400, 10))
    values = {"intercept": np.full((1, 400), -2.94), "deprivation": noise, "deprivation.sigma": np.ones((1, 400))}
    return released_measures(posterior_tree(study, values, engine="laplace", seed=1), "imd_decile")[0]


def test_measures_over_two_of_ten_deciles_say_so_in_words_and_in_every_row() -> None:
    table = measured([1, 10])
    over = "over 2 of 10 deprivation deciles: the others are withheld"
    assert any(over in said for said in table.attrs["words"])
    rows = table.set_index("parameter")["compared"]
    for name in ("difference", "ratio"):
        assert rows[name].endswith(over)
        assert "imd_decile 10 (least deprived)" in rows[name]
    assert not rows[rows.index.str.startswith("imd_decile[")].fillna("").str.contains("over").any()


def test_measures_over_all_of_them_say_nothing_of_the_kind() -> None:
    table = measured(list(range(1, 11)))
    assert not any("withheld" in said for said in table.attrs["words"])
    assert not table["compared"].fillna("").str.contains("withheld").any()


@pytest.mark.parametrize("name", ["sii", "rii"])
def test_a_slope_through_three_deciles_says_so(name: str) -> None:
    rows = measured([1, 5, 10]).set_index("parameter")["compared"]
    assert rows[name].startswith("slope, imd_decile 10")
    assert rows[name].endswith("; over 3 of 10 deprivation deciles: the others are withheld")
