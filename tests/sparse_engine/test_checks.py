"""Leave-one-out densities and probabilities. Oracle: SciPy's distributions averaged over 601 points of a Gaussian."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from bayesineq.inference.sparse_engine.below import probability_below
from bayesineq.inference.sparse_engine.checks import log_predictive
from bayesineq.inference.sparse_engine.likelihoods import Outcomes
from bayesineq.inference.sparse_engine.passes import Observed, Piece
from bayesineq.model.families import FAMILIES, Family
from tests.laws import LAWS, own_of

SIZE = 7.0
GRID = np.linspace(-9.0, 9.0, 601)
MASS = np.exp(-0.5 * GRID**2) / np.exp(-0.5 * GRID**2).sum()
NAMES = list({family.density.own: name for name, family in FAMILIES.items() if not family.logged}.values())
"""One likelihood for each set of formulas."""


def one_outcome(family: Family, outcomes: Outcomes) -> Observed:
    n_row = len(outcomes.upper)
    return Observed((Piece(family, outcomes, slice(0, n_row)),), np.zeros(n_row), 0.0, np.zeros(n_row))


@pytest.mark.parametrize("level", [-1.0, 1.0, 4.0])
@pytest.mark.parametrize("name", NAMES)
def test_left_out_rows_against_sums_over_a_fine_grid(name: str, level: float) -> None:
    rng, family = np.random.default_rng(1), FAMILIES[name]
    own = own_of(family, SIZE)
    # From rows that say nearly nothing to rows that say far more than the Gaussian, some of them far out in its tail.
    n_row = 100
    mean = rng.normal(level - (2.0 if family.link == "logit" else 0.0), 0.5, n_row)
    variance = rng.uniform(0.01, 1.0, n_row) ** 2
    trials = rng.integers(0, 200, n_row).astype(np.float64)
    given = trials if family.given == "at_risk" else rng.uniform(0.2, 2.0, n_row)
    y = LAWS[name](mean + 2.0 * np.sqrt(variance) * rng.normal(size=n_row), given, *own).rvs(random_state=rng)
    y = y.astype(np.float64)
    data = one_outcome(family, Outcomes(y, y, given))
    law = LAWS[name](mean[:, None] + np.sqrt(variance)[:, None] * GRID, given[:, None], *own)
    discrete = family.counts
    density = (law.pmf(y[:, None]) if discrete else law.pdf(y[:, None])) @ MASS
    below = law.cdf(y[:, None]) @ MASS - (0.5 * density if discrete else 0.0)
    found = log_predictive(data, (own,), mean, variance)
    assert_allclose(found, np.log(density), atol=1e-5)
    assert_allclose(probability_below(data, (own,), mean, variance, found), below, atol=5e-4)


def test_an_interval_of_one_value_and_a_wide_one() -> None:
    mean, variance, lower, upper = np.full(2, 1.0), np.full(2, 0.09), np.array([3.0, 1.0]), np.array([3.0, 7.0])
    family = FAMILIES["poisson"]
    data, own = (
        one_outcome(family, Outcomes(lower, upper, np.ones(2))),
        family.density.own(),
    )
    law = stats.poisson(np.exp(1.0 + 0.3 * GRID))
    probability = [law.pmf(3) @ MASS, (law.cdf(7) - law.cdf(0)) @ MASS]
    found = log_predictive(data, (own,), mean, variance)
    assert_allclose(np.exp(found), probability, rtol=1e-5)
    expected = [law.cdf(2) @ MASS + 0.5 * probability[0], 0.5 * (law.cdf(0) + law.cdf(7)) @ MASS]
    assert_allclose(probability_below(data, (own,), mean, variance, found), expected, atol=1e-5)


@pytest.mark.parametrize("trials", [3, 1_200, 200_000])
@pytest.mark.parametrize("own", [0.3, 50.0, 3e3, 1e8])
def test_the_beta_binomial_distribution_function_is_that_of_summed_probabilities(trials: int, own: float) -> None:
    for mean in (0.001, 0.4, 0.9):
        law = stats.betabinom(trials, own * mean, own * (1 - mean))
        exact = np.cumsum(law.pmf(np.arange(trials + 1)))
        count = np.unique([0, *np.searchsorted(exact, [0.001, 0.1, 0.5, 0.9, 0.999]).clip(0, trials), trials])
        eta, many = np.full((len(count), 1), np.log(mean / (1 - mean))), np.full((len(count), 1), float(trials))
        density = FAMILIES["beta_binomial"].density
        got = density.cdf(density.own(own), count.astype(float)[:, None], many, eta)[:, 0]
        np.testing.assert_allclose(got, exact[count], atol=1e-6)
