"""Likelihoods as distributions of SciPy: the one oracle of their densities, distribution functions and moments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import stats
from scipy.special import expit

from bayesineq.model.families import Family


class ZeroInflated:
    """A law of SciPy of which a share is none: probabilities by the law of total probability."""

    def __init__(self, of: Any, zero: float) -> None:
        self.of, self.zero = of, zero

    def pmf(self, y: Any) -> Any:
        return self.zero * (np.asarray(y) == 0) + (1 - self.zero) * self.of.pmf(y)

    def logpmf(self, y: Any) -> Any:
        return np.where(np.asarray(y) == 0, np.log(self.pmf(y)), np.log1p(-self.zero) + self.of.logpmf(y))

    def cdf(self, y: Any) -> Any:
        return np.where(np.asarray(y) < 0, 0.0, self.zero + (1 - self.zero) * self.of.cdf(y))

    def mean(self) -> Any:
        return (1 - self.zero) * self.of.mean()

    def std(self) -> Any:
        second = (1 - self.zero) * (self.of.var() + self.of.mean() ** 2)
        return np.sqrt(second - self.mean() ** 2)

    def rvs(self, random_state: np.random.Generator) -> Any:
        drawn = np.asarray(self.of.rvs(random_state=random_state))
        return np.where(random_state.random(drawn.shape) < self.zero, 0, drawn)


LAWS: dict[str, Callable[..., Any]] = {
    "bernoulli": lambda eta, given: stats.bernoulli(expit(eta)),
    "beta_binomial": lambda eta, given, c: stats.betabinom(given, c * expit(eta), c * expit(-eta)),
    "binomial": lambda eta, given: stats.binom(given, expit(eta)),
    "estimate_with_error": lambda eta, given: stats.norm(eta, given),
    "gamma": lambda eta, given, shape: stats.gamma(shape, scale=np.exp(eta) / shape),
    "gaussian": lambda eta, given, sigma: stats.norm(eta, sigma),
    "log_normal": lambda eta, given, sigma: stats.lognorm(sigma, scale=np.exp(eta)),
    "negative_binomial": lambda eta, given, size: stats.nbinom(size, size / (size + np.exp(eta))),
    "poisson": lambda eta, given: stats.poisson(np.exp(eta)),
    "zero_inflated_negative_binomial": lambda eta, given, size, zero: ZeroInflated(
        stats.nbinom(size, size / (size + np.exp(eta))), zero
    ),
    "zero_inflated_poisson": lambda eta, given, zero: ZeroInflated(stats.poisson(np.exp(eta)), zero),
}
"""Linear predictor, what is given beside the outcome, and own parameters, to the law of a row."""


def own_of(family: Family, value: float) -> Any:
    """Own parameters for formulas: the value each, and for a share value / (1 + value)."""
    return family.density.own(*(value if own.upper > 1.0 else value / (1.0 + value) for own in family.parameters))


def log_density(family: Family, law: Any, y: Any) -> Any:
    """Log probability of a count, log density of a measurement."""
    return law.logpmf(y) if family.counts else law.logpdf(y)
