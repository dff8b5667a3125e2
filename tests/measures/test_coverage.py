"""Intervals of every measure hold the truth as often as they say, and the usual route's do not: simulated worlds."""

from __future__ import annotations

import pytest
from scipy.stats import binom

from bayesineq.measures.registry import MEASURES
from tests.measures.worlds import simulate

# What the share of 200 worlds whose 95% interval holds the truth should stay within, 999 times in 1,000.
LEAST, MOST = binom.interval(0.999, 200, 0.95)[0] / 200, binom.interval(0.999, 200, 0.95)[1] / 200
DISPERSION = [name for name, stated in MEASURES.items() if stated.family in {"dispersion", "entropy"}]


@pytest.mark.calibration
def test_intervals_hold_the_truth_as_often_as_they_say_over_worlds_from_the_prior():
    table = simulate(equal=False)
    off = table[(table["coverage"] < LEAST) | (table["coverage"] > MOST)]
    assert off.empty, off.to_string()
    naive = table.loc[DISPERSION]
    assert (naive["coverage_independent"] < naive["coverage"]).all(), naive.to_string()
    assert (naive["bias"].abs() < naive["bias_independent"].abs()).all(), naive.to_string()


@pytest.mark.calibration
def test_at_true_equality_signed_measures_hold_it_and_others_are_less_than_half_as_far_off():
    table = simulate(equal=True)
    # Measures that cannot fall below their value at equality, or cannot rise above it.
    one_sided = {"range_ratio", "population_attributable_risk", "population_attributable_fraction", "range_difference"}
    one_sided |= {name for name, stated in MEASURES.items() if stated.equality == stated.bounds[0] == 0.0}
    signed = [name for name, stated in MEASURES.items() if stated.equality is not None and name not in one_sided]
    assert (table.loc[signed, "coverage"] >= LEAST).all(), table.loc[signed].to_string()
    spread = table.loc[sorted(one_sided)]
    assert (spread["bias"] < 0.5 * spread["bias_independent"]).all(), spread.to_string()
