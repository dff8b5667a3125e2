"""Hyperparameters on the whole real line, with their priors."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, gammaln, logit

from bayesineq.design.priors import Priors
from bayesineq.errors import DesignError
from bayesineq.inference.pc_phi import phi_prior
from bayesineq.model.families import DISPERSION, OwnParameter
from bayesineq.model.priors import Prior
from bayesineq.space.adjacency import Adjacency
from bayesineq.space.scaling import scale_factors

_STEP: Final = 1e-5
_FARTHEST: Final = 300.0

Density = Callable[[float], float]


@dataclass(frozen=True, slots=True)
class Parameter:
    """
    One hyperparameter: x on the real line, value = lower + exp(x), or lower + (upper - lower) expit(x).

    Parameters
    ----------
    name : str
        Name in the posterior.
    lower, upper : float
        Support of the value; `upper` may be infinite.
    start : float
        Value to start from.
    log_prior : callable
        Logarithm of the prior density of the value.
    """

    name: str
    lower: float
    upper: float
    start: float
    log_prior: Density

    def value(self, x: float | NDArray[np.float64]) -> NDArray[np.float64]:
        """Value at x."""
        if math.isinf(self.upper):
            return np.asarray(self.lower + np.exp(x))
        return np.asarray(self.lower + (self.upper - self.lower) * expit(x))

    def slope(self, x: float) -> float:
        """Derivative of the value at x."""
        if math.isinf(self.upper):
            return math.exp(x)
        return float((self.upper - self.lower) * expit(x) * expit(-x))

    def position(self, value: float) -> float:
        """Position x of a value."""
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


def parameter(
    priors: Priors,
    owner: str,
    kind: str,
    start: float,
    adjacency: Adjacency | None = None,
    *,
    upper: float | None = None,
) -> Parameter:
    """
    Hyperparameter of a term or of the outcome, with its prior.

    Parameters
    ----------
    priors : Priors
        The priors in force.
    owner : str
        Name of the term, or "outcome".
    kind : str
        "sigma", "phi" or "rho", or the name of one of the outcome's own.
    start : float
        Where to start, if the prior's support holds it.
    adjacency : Adjacency, optional
        Graph, for a PC prior on phi.
    upper : float, optional
        End of its support; by default that of its kind.

    Returns
    -------
    Parameter
        Its support and prior.

    Raises
    ------
    DesignError
        If the prior has a distribution that this parameter cannot have.
    """
    name = f"{owner}.{kind}"
    if kind == "sigma" and priors.states_precision(owner):
        precision = priors[f"{owner}.precision"]
        shape, rate = precision["shape"], precision["rate"]
        constant = shape * math.log(rate) - float(gammaln(shape)) + math.log(2.0)
        # tau ~ Gamma, sigma = tau^-1/2: density of sigma is that of tau times 2 sigma^-3.
        return Parameter(
            name, 0.0, math.inf, start, lambda s: constant - (2.0 * shape + 1.0) * math.log(s) - rate / (s * s)
        )
    prior = priors[name]
    lower = 0.0
    if upper is None:
        upper = 1.0 if kind in {"phi", "rho"} else math.inf
    if prior.distribution == "Uniform":
        lower, upper = prior["lower"], prior["upper"]
        start = start if lower < start < upper else 0.5 * (lower + upper)
    return Parameter(name, lower, upper, start, _log_density(prior, kind, adjacency))


def own_parameter(priors: Priors, own: OwnParameter) -> Parameter:
    """
    Parameter of the likelihood itself, whose prior may stand on the dispersion.

    Parameters
    ----------
    priors : Priors
        The priors in force.
    own : OwnParameter
        Which.

    Returns
    -------
    Parameter
        Its support and prior.
    """
    if own.dispersed and f"outcome.{DISPERSION}" in priors.force:
        # Density of value = dispersion^-2: that of the dispersion times value^-3/2 / 2.
        of = _log_density(priors[f"outcome.{DISPERSION}"], DISPERSION, None)
        name = f"outcome.{own.name}"
        return Parameter(name, 0.0, math.inf, own.start, lambda v: of(v**-0.5) - 1.5 * math.log(v) - math.log(2.0))
    return parameter(priors, "outcome", own.name, own.start, upper=own.upper)


def _log_density(prior: Prior, kind: str, adjacency: Adjacency | None) -> Density:
    match prior.distribution:
        case "Uniform":
            width = math.log(prior["upper"] - prior["lower"])
            return lambda value: -width
        case "HalfNormal":
            sd = prior["sd"]
            constant = 0.5 * math.log(2.0 / math.pi) - math.log(sd)
            return lambda value: constant - 0.5 * (value / sd) ** 2
        case "Exponential":
            rate = prior["rate"]
            return lambda value: math.log(rate) - rate * value
        case "Gamma":
            shape, rate = prior["shape"], prior["rate"]
            constant = shape * math.log(rate) - float(gammaln(shape))
            return lambda value: constant + (shape - 1.0) * math.log(value) - rate * value
        case "Beta":
            a, b = prior["a"], prior["b"]
            constant = float(gammaln(a + b) - gammaln(a) - gammaln(b))
            return lambda value: constant + (a - 1.0) * math.log(value) + (b - 1.0) * math.log1p(-value)
        case "PC" if kind == "phi" and adjacency is not None:
            table = phi_prior(prior, adjacency, scale_factors(adjacency))
            # The table is the density of logit(phi).
            return lambda value: float(table.log_density(logit(value))) - math.log(value) - math.log1p(-value)
        case "PC":
            rate = -math.log(prior["probability"]) / prior["above"]
            return lambda value: math.log(rate) - rate * value
    raise DesignError(f"prior {prior} cannot stand on a {kind}; choose one that the reference of cards lists for it")
