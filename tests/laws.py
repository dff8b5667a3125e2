"""Likelihoods as distributions of SciPy: the one oracle of their densities, distribution functions and moments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import stats
from scipy.special import expit

from bayesineq.model.families import Family

LAWS: dict[str, Callable[..., Any]] = {
    "bernoulli": lambda eta, given: stats.bernoulli(expit(eta)),
    "beta_binomial": lambda eta, given, c: stats.betabinom(given, c * expit(eta), c * expit(-eta)),
    "binomial": lambda eta, given: stats.binom(given, expit(eta)),
    "gamma": lambda eta, given, shape: stats.gamma(shape, scale=np.exp(eta) / shape),
    "gaussian": lambda eta, given, sigma: stats.norm(eta, sigma),
    "log_normal": lambda eta, given, sigma: stats.lognorm(sigma, scale=np.exp(eta)),
    "negative_binomial": lambda eta, given, size: stats.nbinom(size, size / (size + np.exp(eta))),
    "poisson": lambda eta, given: stats.poisson(np.exp(eta)),
}
"""Linear predictor, what is given beside the outcome, and own parameters, to the law of a row."""


def own_of(family: Family, value: float) -> Any:
    """Own parameters for formulas: the value each, and for a share value / (1 + value)."""
    return family.density.own(*(value if own.upper > 1.0 else value / (1.0 + value) for own in family.parameters))


def log_density(family: Family, law: Any, y: Any) -> Any:
    """Log probability of a count, log density of a measurement."""
    return law.logpmf(y) if family.counts else law.logpdf(y)
