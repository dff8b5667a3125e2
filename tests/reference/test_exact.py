"""
The sparse engine against an exact posterior: Glasgow's house prices, Gaussian with a Leroux term of two components.

With rho towards one the common shift of a component of n areas has the variance sigma^2 / (n (1 - rho)), and the
density of rho falls as the root of 1 - rho: the fourth moments of the intercept and of every area are infinite but for
the prior of the intercept, so that the sd of a sample settles slowly: an integral is the better judge.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.reference.cases import case
from tests.reference.exact import posterior
from tests.reference.test_long_runs import MEAN_WITHIN, SD_WITHIN, moments


@pytest.mark.slow
def test_moments_are_the_exact_ones(shared: Path) -> None:
    exact = posterior(case("glasgow_price", shared), shape=1.0, rate=0.01, sd=316.2)
    found = moments("glasgow_price", shared)[["own_mean", "own_sd"]]
    both = exact.join(found, how="left", validate="1:1")
    assert both["own_mean"].notna().all()
    assert ((both["own_mean"] - both["mean"]).abs() < MEAN_WITHIN * both["sd"]).all()
    assert ((both["own_sd"] / both["sd"] - 1).abs() < SD_WITHIN).all(), both.to_string()
