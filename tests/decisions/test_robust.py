"""Doubt about effects: hand cases and closed forms."""

import numpy as np
import pytest
from scipy.stats import norm

from bayesineq.decisions.benefit import from_effects
from bayesineq.decisions.robust import tipping_points, under_bias


def two(draws=40_000):
    values = np.tile([[[0.10, 0.06]]], (draws, 1, 1))
    return from_effects(values, scale="QALY", interventions=["a", "b"], units=["all"])


def test_doubt_spreads_the_probability_of_being_best_as_the_normal_says():
    cost = {"a": 1_000.0, "b": 1_000.0}
    table = under_bias(two(), cost, threshold=20_000, sds=[0.0, 0.05], comparator=None, seed=1)
    sure = table[table["sd"] == 0].set_index("intervention")
    assert sure["p_best"].tolist() == [1.0, 0.0]
    doubted = table[table["sd"] == 0.05].set_index("intervention")
    # a - b is normal with mean .04 and sd .05 sqrt 2
    expected = norm.cdf(0.04 / (0.05 * np.sqrt(2)))
    assert doubted.loc["a", "p_best"] == pytest.approx(expected, abs=6 * 0.5 / 200)
    assert doubted.loc["a", "best"]


def test_tipping_points_by_hand():
    # net benefit a: 2,000 - 500, b: 1,200 - 400, nothing 0; a's benefit is worth 2,000
    table = tipping_points(two(10), {"a": 500.0, "b": 400.0}, threshold=20_000).set_index("instead")
    assert (table["best"] == "a").all()
    assert table.loc["b", "overstated_by"] == pytest.approx((1_500 - 800) / 2_000)
    assert table.loc["no intervention", "overstated_by"] == pytest.approx(1_500 / 2_000)
    dear = tipping_points(two(10), {"a": 5_000.0, "b": 4_000.0}, threshold=20_000)
    assert (dear["best"] == "no intervention").all()
    assert dear["overstated_by"].isna().all()
