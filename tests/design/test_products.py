"""Interactions of two covariates. Oracle: the same fit with their product as a column of the table."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import bayesineq as bi
from bayesineq.errors import CardError
from bayesineq.model.read_card import parse_card

CARD = """
name = "m"
question = "?"
[outcome]
count = "y"
at_risk = "population"
likelihood = "binomial"
[terms]
old  = { kind = "linear", by = "old" }
poor = { kind = "linear", by = "poor" }
both = { kind = "linear", by = "old", times = "poor", standardise = true }
"""


def rows() -> pd.DataFrame:
    rng = np.random.default_rng(4)
    table = pd.DataFrame({"old": rng.uniform(0.1, 0.4, 60), "poor": rng.normal(size=60), "population": 1000})
    risk = 1 / (1 + np.exp(2.0 - table["old"] - 0.3 * table["poor"] - 1.5 * table["old"] * table["poor"]))
    return table.assign(y=rng.binomial(1000, risk), product=table["old"] * table["poor"])


def test_a_product_of_two_covariates_is_the_column_of_their_product() -> None:
    table = rows()
    by_hand = CARD.replace('by = "old", times = "poor"', 'by = "product"')
    one, two = (bi.fit(bi.design(table, parse_card(card)), seed=1, draws=300) for card in (CARD, by_hand))
    for name in ("intercept", "old", "poor", "both"):
        np.testing.assert_allclose(one["posterior"][name], two["posterior"][name])
    np.testing.assert_allclose(bi.expected(one), bi.expected(two))
    # Elsewhere, the product is made of that population's covariates.
    moved = table.assign(old=0.3, poor=2.0, product=0.6)
    np.testing.assert_allclose(bi.expected(one, population=moved), bi.expected(two, population=moved))
    slope = bi.summarise(one["posterior"]["both"]).iloc[0]
    spread = one["posterior"]["both"].attrs["spread"]
    assert slope["lower"] < 1.5 * spread < slope["upper"]


def test_a_product_with_itself_is_refused() -> None:
    with pytest.raises(CardError, match=r"terms\.both\.times: is 'old', which the term stands on"):
        parse_card(CARD.replace('times = "poor"', 'times = "old"'))
