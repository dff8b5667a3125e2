"""Hyperparameters on the whole real line, with their priors."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from scipy.special import expit, gammaln, logit

from bayesineq.design.card import ModelCard, Prior
from bayesineq.errors import DesignError
from bayesineq.space.adjacency import Adjacency
from bayesineq.space.scaling import scale_factors
from bayesineq.sparse.inverse import selected_inverse
from bayesineq.sparse.numeric import factorise
from bayesineq.sparse.symbolic import analyse

_STEP: Final = 1e-5
_PHI_KNOTS: Final = 33
_PHI_RANGE: Final = 12.0

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
        """Log prior density of x: that of the value plus the log slope."""
        return self.log_prior(float(self.value(x))) + math.log(self.slope(x))

    def log_density_slope(self, x: float) -> float:
        """Derivative of `log_density`, by central difference of a smooth function of one number."""
        return (self.log_density(x + _STEP) - self.log_density(x - _STEP)) / (2.0 * _STEP)


def parameter(card: ModelCard, owner: str, kind: str, start: float, adjacency: Adjacency | None = None) -> Parameter:
    """
    Hyperparameter of a term or of the outcome, with the card's prior.

    Parameters
    ----------
    card : ModelCard
        The model.
    owner : str
        Name of the term, or "outcome".
    kind : str
        "sigma", "phi", "rho", "size", "concentration" or "shape".
    start : float
        Where to start, if the prior's support holds it.
    adjacency : Adjacency, optional
        Graph, for a PC prior on phi.

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
    if kind == "sigma" and card.states_precision(owner):
        precision = card.prior(f"{owner}.precision")
        shape, rate = precision["shape"], precision["rate"]
        constant = shape * math.log(rate) - float(gammaln(shape)) + math.log(2.0)
        # tau ~ Gamma, sigma = tau^-1/2: density of sigma is that of tau times 2 sigma^-3.
        return Parameter(
            name, 0.0, math.inf, start, lambda s: constant - (2.0 * shape + 1.0) * math.log(s) - rate / (s * s)
        )
    prior = card.prior(name)
    lower, upper = 0.0, (1.0 if kind in {"phi", "rho"} else math.inf)
    if prior.distribution == "Uniform":
        lower, upper = prior["lower"], prior["upper"]
        start = start if lower < start < upper else 0.5 * (lower + upper)
    return Parameter(name, lower, upper, start, _log_density(prior, kind, adjacency))


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
            return pc_phi(adjacency, prior)
        case "PC":
            rate = -math.log(prior["probability"]) / prior["above"]
            return lambda value: math.log(rate) - rate * value
    raise DesignError(f"prior {prior} cannot stand on a {kind}; choose one that the reference of cards lists for it")


def pc_phi(adjacency: Adjacency, prior: Prior) -> Density:
    """
    Penalised complexity prior of the spatial share of a BYM2 term.

    The distance from phi = 0 is d(phi) = sqrt(2 KLD(phi)) with, for the scaled structure Q of k components on n areas,
    KLD(phi) = [phi (tr Q^- - n) - log|Sigma(phi)|] / 2 and
    log|Sigma| = k log(1 - phi) - k log phi + log|(1 - phi) Q + phi I| - log|Q|*; d is exponential. The log
    determinant is tabulated once over logit phi from sparse factorisations, and log d interpolated by a cubic spline.

    Parameters
    ----------
    adjacency : Adjacency
        Graph of areas.
    prior : Prior
        PC(above, probability) states P(phi > above), PC(below, probability) states P(phi < below).

    Returns
    -------
    callable
        Log density of phi.

    References
    ----------
    Simpson et al. 2017, https://doi.org/10.1214/16-STS576; Riebler et al. 2016,
    https://doi.org/10.1177/0962280216660421
    """
    knots = np.linspace(-_PHI_RANGE, _PHI_RANGE, _PHI_KNOTS)
    log_distance = CubicSpline(knots, np.log(_phi_distance(adjacency, expit(knots))))
    slope = log_distance.derivative()
    at = prior.parameters.get("above", prior.parameters.get("below", 0.5))
    exceeding = prior["probability"] if "above" in prior.parameters else 1.0 - prior["probability"]
    rate = -math.log(exceeding) / math.exp(float(log_distance(logit(at))))

    def log_density(phi: float) -> float:
        x = float(np.clip(logit(phi), -_PHI_RANGE, _PHI_RANGE))
        distance = math.exp(float(log_distance(x)))
        jacobian = distance * float(slope(x)) / (phi * (1.0 - phi))
        return math.log(rate) - rate * distance + math.log(max(jacobian, 1e-300))

    return log_density


def _phi_distance(adjacency: Adjacency, phi: NDArray[np.float64]) -> NDArray[np.float64]:
    n, component = len(adjacency), adjacency.component
    single = adjacency.component_sizes[component] == 1
    edge = adjacency.edges
    scale = scale_factors(adjacency)[component]
    degree = np.bincount(edge.ravel(), minlength=n) * scale
    degree[single] = 1.0
    row, column = np.concatenate([np.arange(n), edge[:, 0]]), np.concatenate([np.arange(n), edge[:, 1]])
    symbolic = analyse(n, row, column)
    off = -scale[edge[:, 0]]
    # k counts null directions: singletons have none, their structure is the identity.
    k = int((adjacency.component_sizes > 1).sum())
    ridge = 1e-7
    closed = factorise(symbolic, np.concatenate([degree + ridge, off]))
    # With a small ridge each null direction adds log(ridge) to the log determinant and 1/ridge to the trace.
    log_determinant = closed.log_determinant - k * math.log(ridge)
    trace = float(selected_inverse(closed)[:n].sum()) - k / ridge
    divergence = np.empty(len(phi))
    for i, p in enumerate(phi):
        mixed = factorise(symbolic, np.concatenate([(1.0 - p) * degree + p, (1.0 - p) * off])).log_determinant
        log_sigma = k * (math.log1p(-p) - math.log(p)) + mixed - log_determinant
        divergence[i] = 0.5 * (p * (trace - n) - log_sigma)
    return np.sqrt(2.0 * np.maximum(divergence, 1e-300))
