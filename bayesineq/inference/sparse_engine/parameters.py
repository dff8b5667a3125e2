"""Hyperparameters on the whole real line, with their priors."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaln, expit, logit

from bayesineq.design.priors import Priors
from bayesineq.inference.pc_phi import phi_prior
from bayesineq.model.priors import Prior
from bayesineq.space.adjacency import Adjacency
from bayesineq.space.scaling import scale_factors

_STEP: Final = 1e-5
_FARTHEST: Final = 300.0

Density = Callable[[float], float]


@dataclass(frozen=True, slots=True)
class Parameter:
    """
    One hyperparameter: x on the real line, value = x, lower + exp(x), or lower + (upper - lower) expit(x).

    Parameters
    ----------
    name : str
        Name in the posterior.
    lower, upper : float
        Support of the value; `upper` may be infinite, or both.
    start : float
        Value to start from.
    log_prior : callable
        Logarithm of the prior density of the value.
    kept : bool
        Whether the posterior holds it; not where it is a means of integrating a prior.
    """

    name: str
    lower: float
    upper: float
    start: float
    log_prior: Density
    kept: bool = True

    def value(self, x: float | NDArray[np.float64]) -> NDArray[np.float64]:
        """Value at x."""
        if math.isinf(self.lower):
            return np.asarray(x, dtype=np.float64)
        if math.isinf(self.upper):
            return np.asarray(self.lower + np.exp(x))
        return np.asarray(self.lower + (self.upper - self.lower) * expit(x))

    def slope(self, x: float) -> float:
        """Derivative of the value at x."""
        if math.isinf(self.lower):
            return 1.0
        if math.isinf(self.upper):
            return math.exp(x)
        return float((self.upper - self.lower) * expit(x) * expit(-x))

    def position(self, value: float) -> float:
        """Position x of a value."""
        if math.isinf(self.lower):
            return value
        if math.isinf(self.upper):
            return math.log(value - self.lower)
        return float(logit((value - self.lower) / (self.upper - self.lower)))

    def log_density(self, x: float) -> float:
        """Log prior density of x: that of the value plus the log slope; minus infinity where either is rounded off."""
        if abs(x) > _FARTHEST:
            return -math.inf
        value, slope = float(self.value(x)), self.slope(x)
        return self.log_prior(value) + math.log(slope) if self.lower < value < self.upper else -math.inf

    def log_density_slope(self, x: float) -> float:
        """Derivative of `log_density`, by central difference of a smooth function of one number."""
        return (self.log_density(x + _STEP) - self.log_density(x - _STEP)) / (2.0 * _STEP)


def parameter(priors: Priors, name: str, start: float, adjacency: Adjacency | None = None) -> Parameter:
    """Hyperparameter of a term or of the outcome, whose prior may stand on a power of it."""
    on, power = priors.stands_on(name)
    prior = priors[on]
    if prior.law is None:
        assert adjacency is not None
        table = phi_prior(prior, adjacency, scale_factors(adjacency))
        # The table is the density of logit(phi).
        return Parameter(
            name, 0.0, 1.0, start, lambda v: float(table.log_density(logit(v))) - math.log(v) - math.log1p(-v)
        )
    if power != 1.0:
        return parameter_of_power(prior, power, name, start)
    lower, upper = (float(end) for end in prior.law.support())
    return Parameter(name, lower, upper, start if lower < start < upper else 0.5 * (lower + upper), prior.log_density)


def parameter_of_power(prior: Prior, power: float, name: str, start: float) -> Parameter:
    """Hyperparameter with a prior on a power of it: times the slope of the power."""
    slope = math.log(abs(power))
    return Parameter(
        name, 0.0, math.inf, start, lambda v: prior.log_density(v**power) + slope + (power - 1.0) * math.log(v)
    )


def partial_correlation(name: str, shape: float) -> Parameter:
    """
    A partial correlation on (-1, 1), of density in proportion to (1 - v^2)^(shape - 1).

    With shape eta + (K - 2 - j) / 2 for every pair whose first outcome has position j of K, the correlations that
    follow have an LKJ(eta) prior.

    References
    ----------
    Lewandowski D, Kurowicka D, Joe H. Generating random correlation matrices based on vines and extended onion method.
    Journal of Multivariate Analysis 2009. https://doi.org/10.1016/j.jmva.2009.04.008
    """
    constant = -(2.0 * shape - 1.0) * math.log(2.0) - float(betaln(shape, shape))
    return Parameter(name, -1.0, 1.0, 0.0, lambda v: (shape - 1.0) * math.log((1.0 - v) * (1.0 + v)) + constant)
