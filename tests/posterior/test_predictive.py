"""
Replicated outcomes: their mean and variance over many replicates of one fixed draw against those of the distribution.

Tolerances: five standard errors of the mean of 4,000 replicates, and 12 per cent of the variance (five standard errors
of a variance, sqrt(2 / 4,000) each, of a normal; the skewed ones here lie within it for the parameters chosen).
"""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from bayesineq.errors import PosteriorError
from bayesineq.posterior.predictive import predictive

MANY = 4000


@pytest.fixture(scope="module")
def fixed(make, outcome_card, table):
    """A posterior whose 4,000 draws are all the same, so that replicates differ by the outcome's own noise alone."""

    def build(outcome: str, level: float, **parameters: float) -> xr.DataTree:
        rows = table.iloc[:6].assign(e=[2.0, 5.0, 9.0, 20.0, 40.0, 80.0], bit=[0, 1, 1, 0, 1, 0])
        tree = make(rows, outcome_card(outcome, ""), chains=1, draws=MANY)
        data = tree["posterior"].to_dataset()
        data["intercept"][...] = level
        for name, value in parameters.items():
            data[f"outcome.{name}"] = xr.full_like(data["intercept"], value)
        tree["posterior"] = data
        return tree

    return build


BINOMIAL = 'count = "cases"\nat_risk = "people"\nlikelihood = "binomial"'
POISSON = 'count = "cases"\nexposure = "e"\nlikelihood = "poisson"'


def moments(tree):
    got = predictive(tree, draws=MANY, seed=3)
    assert got.dims == ("draw", "row")
    return got.to_numpy().mean(axis=0), got.to_numpy().var(axis=0)


def compare(tree, mean, variance):
    found, spread = moments(tree)
    np.testing.assert_array_less(np.abs(found - mean), 5 * np.sqrt(variance / MANY) + 1e-12)
    np.testing.assert_allclose(spread, variance, rtol=0.12)


def test_binomial(fixed, table):
    n, p = table["people"].to_numpy()[:6], 1 / (1 + np.exp(1.0))
    compare(fixed(BINOMIAL, -1.0), n * p, n * p * (1 - p))


def test_beta_binomial(fixed, table):
    """Variance n p (1 - p) (c + n) / (c + 1)."""
    n, p, c = table["people"].to_numpy()[:6], 1 / (1 + np.exp(1.0)), 30.0
    tree = fixed(BINOMIAL.replace('"binomial"', '"beta_binomial"'), -1.0, concentration=c)
    compare(tree, n * p, n * p * (1 - p) * (c + n) / (c + 1))


def test_poisson_and_negative_binomial(fixed):
    mu = np.exp(0.5) * np.array([2.0, 5.0, 9.0, 20.0, 40.0, 80.0])
    compare(fixed(POISSON, 0.5), mu, mu)
    tree = fixed(POISSON.replace('"poisson"', '"negative_binomial"'), 0.5, size=12.0)
    compare(tree, mu, mu + mu**2 / 12)


def test_measurements(fixed):
    gaussian = 'value = "air"\nlikelihood = "gaussian"'
    compare(fixed(gaussian, 3.0, sigma=2.0), np.full(6, 3.0), np.full(6, 4.0))
    gamma = 'value = "air"\nlikelihood = "gamma"'
    compare(fixed(gamma, np.log(4.0), shape=16.0), np.full(6, 4.0), np.full(6, 1.0))
    log_normal = 'value = "air"\nlikelihood = "log_normal"'
    mean, factor = np.exp(1.0 + 0.2**2 / 2), np.exp(0.2**2) - 1
    compare(fixed(log_normal, 1.0, sigma=0.2), np.full(6, mean), np.full(6, mean**2 * factor))


def test_bernoulli(fixed):
    tree = fixed('value = "bit"\nlikelihood = "bernoulli"', 1.0)
    p = 1 / (1 + np.exp(-1.0))
    compare(tree, np.full(6, p), np.full(6, p * (1 - p)))


def test_groups_add_up_rows(post):
    rows = predictive(post, draws=10, seed=4)
    groups = predictive(post, ["imd_decile", "sex"], draws=10, seed=4)
    assert groups.dims == ("draw", "imd_decile", "sex")
    np.testing.assert_allclose(groups.sum(["imd_decile", "sex"]), rows.sum("row"))
    assert float(groups["population"].sum()) == float(rows["population"].sum())
    assert (rows <= rows["population"]).all()


def test_seeds_reproduce_and_draws_are_spread_over_chains(post):
    one, two = predictive(post, draws=4, seed=7), predictive(post, draws=4, seed=7)
    xr.testing.assert_identical(one, two)
    assert not one.equals(predictive(post, draws=4, seed=8))
    assert one["chain"].to_numpy().tolist() == [0, 0, 1, 1]
    assert predictive(post, draws=1000, seed=7).sizes["draw"] == 10


def test_trials_are_asked_for_where_the_posterior_does_not_keep_them(make, outcome_card, table):
    tree = make(table.assign(list_size=2.0), outcome_card(BINOMIAL + '\npopulation = "list_size"'))
    with pytest.raises(PosteriorError, match=r"pass trials= \(column 'people'\)"):
        predictive(tree)
    got = predictive(tree, trials=table["people"], draws=3, seed=1)
    assert (got <= table["people"].to_numpy()).all()
    with pytest.raises(PosteriorError, match="whole number of people for each of the 126 rows"):
        predictive(tree, trials=[1, 2])
    with pytest.raises(PosteriorError, match="draws=0"):
        predictive(tree, draws=0)
