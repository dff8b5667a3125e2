"""Log densities against scipy.stats, to 1e-9 relative: both evaluate the same closed forms in double precision."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from numpy.typing import NDArray
from pytensor.compile.mode import Mode
from scipy import stats

from bayesineq.inference.nuts.likelihoods import LINES, log_density, log_interval
from bayesineq.model.families import FAMILIES
from tests.laws import LAWS, own_of
from tests.laws import log_density as law_density

PYTHON = Mode("py", None)
ETA = np.array([-9.0, -2.0, -0.5, 0.0, 0.7, 1.9, 3.0])
COUNT = np.array([0.0, 1.0, 4.0, 9.0, 0.0, 12.0, 12.0])
TRIALS = np.array([40.0, 12.0, 12.0, 30.0, 9.0, 12.0, 25.0])
POSITIVE = np.array([0.01, 0.4, 1.0, 2.5, 7.0, 9.0, 40.0])
VALUE = 2.7


def parameters_of(likelihood: str) -> dict[str, np.float64]:
    return {name: np.float64(value) for name, value in own_of(FAMILIES[likelihood], VALUE)._asdict().items()}


def oracle(likelihood: str, eta: NDArray[np.float64], given: NDArray[np.float64]) -> Any:
    return LAWS[likelihood](eta, given, *parameters_of(likelihood).values())


def data(likelihood: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if likelihood == "bernoulli":
        return np.array([0.0, 1, 1, 0, 1, 0, 1]), np.ones(7)
    return (COUNT if FAMILIES[likelihood].counts else POSITIVE), TRIALS


@pytest.mark.parametrize("likelihood", LINES)
def test_density_is_that_of_scipy(likelihood: str) -> None:
    value, trials = data(likelihood)
    ours = log_density(
        likelihood,
        pt.constant(ETA),
        value,
        trials,
        LINES[likelihood].constant(value, trials),
        parameters_of(likelihood),
    ).eval(mode=PYTHON)
    theirs = oracle(likelihood, ETA, trials)
    np.testing.assert_allclose(ours, law_density(FAMILIES[likelihood], theirs, value), rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("likelihood", LINES)
def test_gradient_is_finite_far_from_the_data(likelihood: str) -> None:
    value, trials = data(likelihood)
    eta = pt.dvector()
    total = pt.sum(
        log_density(
            likelihood, eta, value, trials, LINES[likelihood].constant(value, trials), parameters_of(likelihood)
        )
    )
    slope = pytensor.function([eta], pt.grad(total, eta), mode=PYTHON)
    for far in (-30.0, 30.0):
        assert np.isfinite(slope(np.full(7, far))).all()


def test_negative_binomial_tends_to_poisson() -> None:
    """At size 1e8 the two differ by about (y - mu)^2 / 2 size, below 1e-5 here."""
    constant = LINES["poisson"].constant(COUNT, TRIALS)
    near = log_density("negative_binomial", pt.constant(ETA), COUNT, TRIALS, constant, {"size": np.float64(1e8)})
    np.testing.assert_allclose(near.eval(mode=PYTHON), stats.poisson(np.exp(ETA)).logpmf(COUNT), atol=1e-5)


@pytest.mark.parametrize("likelihood", [n for n, f in FAMILIES.items() if f.counts and f.observed is None])
def test_interval_is_a_difference_of_distribution_functions(likelihood: str) -> None:
    """log(F(b) - F(a - 1)) from scipy.stats, where that difference keeps its digits."""
    eta = np.array([-1.5, 0.2, 1.1])
    lower, upper, trials = np.array([1.0, 3.0, 0.0]), np.array([7.0, 4.0, 9.0]), np.array([20.0, 12.0, 15.0])
    value = lower[:, None] + np.arange(10)
    outside = value > upper[:, None]
    value = np.where(outside, lower[:, None], value)
    many = np.broadcast_to(trials[:, None], value.shape)
    constant = np.where(outside, -np.inf, LINES[likelihood].constant(value, many))
    ours = log_interval(likelihood, pt.constant(eta), value, many, constant, parameters_of(likelihood)).eval(
        mode=PYTHON
    )
    theirs = oracle(likelihood, eta, trials)
    np.testing.assert_allclose(ours, np.log(theirs.cdf(upper) - theirs.cdf(lower - 1)), rtol=1e-9)


def test_interval_in_the_tail_keeps_its_digits() -> None:
    """Poisson of mean 0.001 in 8 to 12: the difference of F is 0 in doubles; the sum of scipy's log pmf is not."""
    value = np.arange(8.0, 13.0)[None]
    constant = LINES["poisson"].constant(value, value)
    eta = pt.dvector()
    interval = log_interval("poisson", eta, value, value, constant, {})
    at = np.log([0.001])
    ours, slope = (f({eta: at}, mode=PYTHON) for f in (interval.eval, pt.grad(interval.sum(), eta).eval))
    np.testing.assert_allclose(ours, np.logaddexp.reduce(stats.poisson(0.001).logpmf(value[0])), rtol=1e-12)
    # The slope of log P(Y in 8..12) in log mean is E(Y | 8..12) - mean, and Y is 8 all but certainly.
    np.testing.assert_allclose(slope, 8.0, atol=0.01)


def test_every_likelihood_has_its_line() -> None:
    assert set(LINES) == set(FAMILIES)
