"""Likelihood kernels against scipy.stats and dense quadrature."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

from bayesineq.inference.sparse_engine.likelihoods import Moments, Outcomes, Pulls, expectations, interval
from bayesineq.model.families import FAMILIES
from bayesineq.model.families.density import digamma, fixed_part, point, trigamma
from tests.laws import LAWS, log_density, own_of

NAMES = list({family.density.own: name for name, family in FAMILIES.items() if not family.logged}.values())
"""One likelihood for each set of formulas."""

COUNTS = [name for name in NAMES if FAMILIES[name].counts]


def oracle(name: str, y: float, trials: float, own: tuple[float, ...], eta: float) -> float:
    return float(log_density(FAMILIES[name], LAWS[name](eta, trials, *own), y))


def value(own: Any, y: float, trials: float, eta: float) -> float:
    return fixed_part(own, y, trials)[0] + point(own, y, trials, eta)[0]


def moved(own: Any, which: int, by: float) -> Any:
    """Own parameters, the logarithm of one of them moved."""
    return own._replace(**{own._fields[which]: own[which] * np.exp(by)})


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("y", "trials"), [(0.0, 7.0), (3.0, 7.0), (7.0, 7.0), (40.0, 900.0)])
@pytest.mark.parametrize("size", [0.7, 12.0])
@pytest.mark.parametrize("eta", [-3.1, 0.2, 2.4])
def test_values_and_derivatives(name: str, y: float, trials: float, size: float, eta: float) -> None:
    own = own_of(FAMILIES[name], size)
    if not FAMILIES[name].counts and FAMILIES[name].link == "log" and y == 0.0:
        y = 0.4
    assert_allclose(value(own, y, trials, eta), oracle(name, y, trials, own, eta), rtol=1e-9, atol=1e-9)
    _, slope, curvature, by_own = point(own, y, trials, eta)
    h = 1e-5
    difference = (point(own, y, trials, eta + h)[0] - point(own, y, trials, eta - h)[0]) / (2 * h)
    bend = (point(own, y, trials, eta + h)[1] - point(own, y, trials, eta - h)[1]) / (2 * h)
    assert_allclose(slope, difference, rtol=1e-6, atol=1e-5)
    assert_allclose(curvature, bend, rtol=1e-6, atol=1e-5)
    for which, (of_point, of_fixed) in enumerate(zip(by_own, fixed_part(own, y, trials)[1], strict=True)):
        up, down = (value(moved(own, which, by), y, trials, eta) for by in (h, -h))
        assert_allclose(of_point + of_fixed, (up - down) / (2 * h), rtol=1e-6, atol=1e-5)


@pytest.mark.parametrize("name", COUNTS)
def test_interval_is_the_log_of_summed_probabilities(name: str) -> None:
    lower, upper, trials = 1.0, 7.0, 60.0
    own = own_of(FAMILIES[name], 5.0)

    def total(eta: float, of: Any = own) -> float:
        return float(np.log(np.sum([np.exp(oracle(name, k, trials, of, eta)) for k in range(1, 8)])))

    for eta in (-4.0, -1.0, 0.5, 3.0):
        found, slope, curvature, by_own = interval(own, lower, upper, trials, eta)
        h = 1e-4
        assert_allclose(found, total(eta), rtol=1e-9)
        assert_allclose(slope, (total(eta + h) - total(eta - h)) / (2 * h), rtol=1e-5, atol=1e-6)
        bend = (total(eta + h) - 2 * total(eta) + total(eta - h)) / h**2
        assert_allclose(curvature, bend, rtol=1e-4, atol=1e-4)
        for which, of_own in enumerate(by_own):
            difference = (total(eta, moved(own, which, h)) - total(eta, moved(own, which, -h))) / (2 * h)
            assert_allclose(of_own, difference, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("variance", [0.01, 0.2, 1.0, 3.0])
@pytest.mark.parametrize("ends", [(6.0, 6.0), (1.0, 7.0)])
def test_expectations_are_those_of_a_fine_sum(name: str, variance: float, ends: tuple[float, float]) -> None:
    if name not in COUNTS and ends[0] != ends[1]:
        ends = (2.5, 2.5)
    lower, upper, trials, mean, own = ends[0], ends[1], 50.0, -0.8, own_of(FAMILIES[name], 4.0)
    x = np.linspace(-9.0, 9.0, 4001)
    weight = np.exp(-0.5 * x * x)
    weight /= weight.sum()
    eta = mean + np.sqrt(variance) * x
    base, base_own = fixed_part(own, lower, trials)
    rows = [point(own, lower, trials, e) if lower == upper else interval(own, lower, upper, trials, e) for e in eta]
    exact = lower == upper
    f = weight @ np.array([row[0] for row in rows]) + (base if exact else 0.0)
    g, h = (weight @ np.array([row[k] for row in rows]) for k in (1, 2))
    d = weight @ np.array([row[3] for row in rows]) + (np.array(base_own) if exact else 0.0)
    out, one = Pulls(np.empty(1), np.empty(1)), np.ones(1)
    data, at = Outcomes(lower * one, upper * one, trials * one), Moments(mean * one, variance * one)
    total, totals = expectations(own, data, at, 0, 1, out)
    # Gauss-Hermite sums of functions with poles off the real line lose digits as the variance grows.
    near = {"rtol": 2e-5, "atol": 2e-5} if variance < 2.0 else {"rtol": 5e-3, "atol": 5e-3}
    assert_allclose([total, out.slope[0], out.curvature[0]], [f, g, max(-h, 0.0)], **near)
    assert_allclose(totals, d, **near)


@pytest.mark.parametrize("x", [1e-3, 0.4, 1.0, 7.9, 8.1, 300.0])
def test_digamma_and_trigamma(x: float) -> None:
    from scipy.special import polygamma

    assert_allclose(digamma(x), polygamma(0, x), rtol=1e-10, atol=1e-10)
    assert_allclose(trigamma(x), polygamma(1, x), rtol=1e-10)
