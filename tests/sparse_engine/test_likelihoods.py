"""Likelihood kernels against scipy.stats and dense quadrature."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats
from scipy.special import expit

from bayesineq.inference.sparse_engine.likelihoods import (
    BETA_BINOMIAL,
    BINOMIAL,
    GAMMA,
    GAUSSIAN,
    NEGATIVE_BINOMIAL,
    NODES,
    POISSON,
    WEIGHTS,
    digamma,
    expectations,
    fixed_part,
    interval,
    point,
    trigamma,
)

FAMILIES = [POISSON, BINOMIAL, NEGATIVE_BINOMIAL, BETA_BINOMIAL, GAUSSIAN, GAMMA]
COUNTS = FAMILIES[:4]


def oracle(family: int, y: float, trials: float, own: float, eta: float) -> float:
    match family:
        case 0:
            return float(stats.poisson.logpmf(y, np.exp(eta)))
        case 1:
            return float(stats.binom.logpmf(y, trials, expit(eta)))
        case 2:
            return float(stats.nbinom.logpmf(y, own, own / (own + np.exp(eta))))
        case 3:
            return float(stats.betabinom.logpmf(y, trials, own * expit(eta), own * expit(-eta)))
        case 4:
            return float(stats.norm.logpdf(y, eta, own))
    return float(stats.gamma.logpdf(y, own, scale=np.exp(eta) / own))


def value(family: int, y: float, trials: float, own: float, eta: float) -> float:
    return fixed_part(family, y, trials, own)[0] + point(family, y, trials, own, eta)[0]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(("y", "trials"), [(0.0, 7.0), (3.0, 7.0), (7.0, 7.0), (40.0, 900.0)])
@pytest.mark.parametrize("own", [0.7, 12.0])
@pytest.mark.parametrize("eta", [-3.1, 0.2, 2.4])
def test_values_and_derivatives(family: int, y: float, trials: float, own: float, eta: float) -> None:
    if family == GAMMA and y == 0.0:
        y = 0.4
    assert_allclose(value(family, y, trials, own, eta), oracle(family, y, trials, own, eta), rtol=1e-9, atol=1e-9)
    _, slope, curvature, own_slope = point(family, y, trials, own, eta)
    own_slope += fixed_part(family, y, trials, own)[1]
    h = 1e-5
    difference = (point(family, y, trials, own, eta + h)[0] - point(family, y, trials, own, eta - h)[0]) / (2 * h)
    bend = (point(family, y, trials, own, eta + h)[1] - point(family, y, trials, own, eta - h)[1]) / (2 * h)
    assert_allclose(slope, difference, rtol=1e-6, atol=1e-5)
    assert_allclose(curvature, bend, rtol=1e-6, atol=1e-5)
    if family >= NEGATIVE_BINOMIAL:
        up, down = value(family, y, trials, own * np.exp(h), eta), value(family, y, trials, own * np.exp(-h), eta)
        assert_allclose(own_slope, (up - down) / (2 * h), rtol=1e-6, atol=1e-5)


@pytest.mark.parametrize("family", COUNTS)
def test_interval_is_the_log_of_summed_probabilities(family: int) -> None:
    lower, upper, trials, own = 1.0, 7.0, 60.0, 5.0

    def total(eta: float, size: float = own) -> float:
        return float(np.log(np.sum([np.exp(oracle(family, k, trials, size, eta)) for k in range(1, 8)])))

    for eta in (-4.0, -1.0, 0.5, 3.0):
        found, slope, curvature, own_slope = interval(family, lower, upper, trials, own, eta)
        h = 1e-4
        assert_allclose(found, total(eta), rtol=1e-9)
        assert_allclose(slope, (total(eta + h) - total(eta - h)) / (2 * h), rtol=1e-5, atol=1e-6)
        bend = (total(eta + h) - 2 * total(eta) + total(eta - h)) / h**2
        assert_allclose(curvature, bend, rtol=1e-4, atol=1e-4)
        if family >= NEGATIVE_BINOMIAL:
            by_size = (total(eta, own * np.exp(h)) - total(eta, own * np.exp(-h))) / (2 * h)
            assert_allclose(own_slope, by_size, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("variance", [0.01, 0.2, 1.0, 3.0])
@pytest.mark.parametrize("ends", [(6.0, 6.0), (1.0, 7.0)])
def test_expectations_are_those_of_a_fine_sum(family: int, variance: float, ends: tuple[float, float]) -> None:
    if family not in COUNTS and ends[0] != ends[1]:
        ends = (2.5, 2.5)
    lower, upper, trials, own, mean = ends[0], ends[1], 50.0, 4.0, -0.8
    x = np.linspace(-9.0, 9.0, 4001)
    weight = np.exp(-0.5 * x * x)
    weight /= weight.sum()
    eta = mean + np.sqrt(variance) * x
    if lower == upper:
        base, base_own = fixed_part(family, lower, trials, own)
        rows = np.array([point(family, lower, trials, own, e) for e in eta]) + np.array([base, 0.0, 0.0, base_own])
    else:
        rows = np.array([interval(family, lower, upper, trials, own, e) for e in eta])
    f, g, h, d = weight @ rows
    slope, curvature = np.empty(1), np.empty(1)
    one = np.ones(1)
    total, own_total = expectations(
        family, lower * one, upper * one, trials * one, own, mean * one, variance * one, NODES, WEIGHTS, 0, 1, slope,
        curvature,
    )  # fmt: skip
    # Gauss-Hermite sums of functions with poles off the real line lose digits as the variance grows.
    near = {"rtol": 2e-5, "atol": 2e-5} if variance < 2.0 else {"rtol": 5e-3, "atol": 5e-3}
    assert_allclose([total, slope[0], curvature[0]], [f, g, -h], **near)
    if family >= NEGATIVE_BINOMIAL:
        assert_allclose(own_total, d, **near)


@pytest.mark.parametrize("x", [1e-3, 0.4, 1.0, 7.9, 8.1, 300.0])
def test_digamma_and_trigamma(x: float) -> None:
    from scipy.special import polygamma

    assert_allclose(digamma(x), polygamma(0, x), rtol=1e-10, atol=1e-10)
    assert_allclose(trigamma(x), polygamma(1, x), rtol=1e-10)
