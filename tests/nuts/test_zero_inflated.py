"""Counts with more zeros than a rate explains: both engines find what was planted, and each other."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from bayesineq.design.matrix import design
from bayesineq.inference.fit import NutsOptions, fit
from bayesineq.model.read_card import parse_card
from bayesineq.posterior.calibration import calibration_data, most_by_chance, outside_band
from bayesineq.posterior.expected import expected
from bayesineq.posterior.predictive import predictive

CARD = """name = "c"
question = "?"
table = "t"
[outcome]
count = "count"
exposure = "years"
likelihood = "{}"
[terms]
group = {{ kind = "exchangeable", by = "group" }}
x = {{ kind = "linear", by = "x" }}
"""
ZERO, SIZE, SLOPE = 0.3, 2.0, 0.5


def world(likelihood: str, n: int = 800) -> pd.DataFrame:
    rng = np.random.default_rng(11)
    group, x = rng.integers(0, 12, n), rng.normal(size=n)
    years = rng.uniform(1.0, 6.0, n)
    rate = years * np.exp(0.2 + SLOPE * x + 0.4 * rng.normal(size=12)[group])
    scatter = rng.gamma(SIZE, 1 / SIZE, n) if likelihood.endswith("negative_binomial") else 1.0
    count = np.where(rng.random(n) < ZERO, 0, rng.poisson(rate * scatter))
    return pd.DataFrame({"group": group, "x": x, "years": years, "count": count})


def draws(post: xr.DataTree, name: str) -> np.ndarray:
    return post["posterior"][name].to_numpy().ravel()


@pytest.mark.slow
@pytest.mark.parametrize("likelihood", ["zero_inflated_poisson", "zero_inflated_negative_binomial"])
def test_engines_agree_and_find_what_was_planted(likelihood: str) -> None:
    """Means within 0.2 posterior standard deviations of each other, some three Monte Carlo errors; truth within 3."""
    table = world(likelihood)
    made = design(table, parse_card(CARD.format(likelihood)))
    sparse = fit(made, seed=1, draws=4000, progress=False)
    nuts = fit(made, engine=NutsOptions(chains=2), seed=1, draws=2000, progress=False)
    truth = {
        "outcome.zero": ZERO,
        "x": SLOPE,
        **({"outcome.size": SIZE} if "outcome.size" in sparse["posterior"] else {}),
    }
    for name in (*truth, "intercept", "group.sigma"):
        one, other = draws(sparse, name), draws(nuts, name)
        assert abs(one.mean() - other.mean()) < 0.2 * other.std(), name
        assert abs(one.std() / other.std() - 1) < 0.2, name
        if name in truth:
            assert abs(one.mean() - truth[name]) < 3 * one.std(), name
    a, b = (expected(post, by="group") for post in (sparse, nuts))
    sd = b.std(("chain", "draw"))
    assert float((abs(a.mean(("chain", "draw")) - b.mean(("chain", "draw"))) / sd).max()) < 0.2


@pytest.mark.parametrize("likelihood", ["zero_inflated_poisson", "zero_inflated_negative_binomial"])
def test_rows_left_out_fall_where_they_are_expected_and_replicates_hold_the_zeros(likelihood: str) -> None:
    """Held-out rows are uniform where the likelihood is right, and are not under the one without its zeros."""
    table = world(likelihood, 1500)
    post = fit(design(table, parse_card(CARD.format(likelihood))), seed=1, progress=False)
    plain = fit(design(table, parse_card(CARD.format("poisson"))), seed=1, progress=False)
    outside = []
    for fitted in (post, plain):
        checks = fitted["checks"]
        data = calibration_data(checks["pit"].to_numpy(), mass=checks["cpo"].to_numpy())
        outside.append(outside_band(data))
    assert outside[0] <= most_by_chance()
    assert outside[1] > most_by_chance()
    again = predictive(post, draws=200, seed=2).to_numpy()
    zeros = (again == 0).mean(axis=1)
    assert abs(zeros.mean() - (table["count"] == 0).mean()) < 3 * zeros.std()
    assert abs(again.mean() - table["count"].mean()) < 3 * again.mean(axis=1).std()
