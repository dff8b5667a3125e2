"""Log densities of the outcome given its linear predictor, written for stable gradients."""

# pytensor publishes its types without annotating its functions.
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

import numpy as np
import pytensor.tensor as pt
from numpy.typing import NDArray
from pytensor.gradient import disconnected_grad
from scipy.special import gammaln

type Tensor = Any
type Kernel = Callable[[Tensor, Tensor, Tensor, Mapping[str, Tensor]], Tensor]
type Constant = Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]]


def binomial(eta: Tensor, value: Tensor, trials: Tensor, parameters: Mapping[str, Tensor]) -> Tensor:
    """Successes of `trials` at probability expit(eta), less the binomial coefficient."""
    return value * eta - trials * pt.softplus(eta)


def poisson(eta: Tensor, value: Tensor, trials: Tensor, parameters: Mapping[str, Tensor]) -> Tensor:
    """Count of mean exp(eta), less its log factorial."""
    return value * eta - pt.exp(eta)


def negative_binomial(eta: Tensor, value: Tensor, trials: Tensor, parameters: Mapping[str, Tensor]) -> Tensor:
    """Count of mean mu = exp(eta) and variance mu + mu^2 / size, less its log factorial."""
    size = parameters["size"]
    log_size = pt.log(size)
    # Everything relative to size, so that nothing large cancels as the distribution nears a Poisson.
    excess = pt.softplus(eta - log_size)
    return pt.gammaln(value + size) - pt.gammaln(size) - value * log_size + value * eta - (value + size) * excess


def beta_binomial(eta: Tensor, value: Tensor, trials: Tensor, parameters: Mapping[str, Tensor]) -> Tensor:
    """Successes at a probability Beta(mu c, (1 - mu) c) with mu = expit(eta), less the binomial coefficient."""
    concentration = parameters["concentration"]
    a, b = concentration * pt.sigmoid(eta), concentration * pt.sigmoid(-eta)
    return (
        pt.gammaln(value + a)
        - pt.gammaln(a)
        + pt.gammaln(trials - value + b)
        - pt.gammaln(b)
        - pt.gammaln(trials + concentration)
        + pt.gammaln(concentration)
    )


def gaussian(eta: Tensor, value: Tensor, trials: Tensor, parameters: Mapping[str, Tensor]) -> Tensor:
    """Value of mean eta and standard deviation sigma, less log sqrt(2 pi)."""
    return -0.5 * ((value - eta) / parameters["sigma"]) ** 2 - pt.log(parameters["sigma"])


def log_normal(eta: Tensor, value: Tensor, trials: Tensor, parameters: Mapping[str, Tensor]) -> Tensor:
    """Positive value whose logarithm has mean eta and standard deviation sigma."""
    return gaussian(eta, pt.log(value), trials, parameters)


def gamma(eta: Tensor, value: Tensor, trials: Tensor, parameters: Mapping[str, Tensor]) -> Tensor:
    """Positive value of mean exp(eta) and coefficient of variation 1 / sqrt(shape)."""
    shape = parameters["shape"]
    log_ratio = pt.log(value) - eta
    return shape * (pt.log(shape) + log_ratio - pt.exp(log_ratio)) - pt.gammaln(shape)


def zero_inflated(base: Line) -> Line:
    """A likelihood of counts of which a share `zero` is none whatever the rate."""

    def kernel(eta: Tensor, value: Tensor, given: Tensor, parameters: Mapping[str, Tensor]) -> Tensor:
        can = pt.log1p(-parameters["zero"]) + base.kernel(eta, value, given, parameters)
        cannot = pt.log(parameters["zero"])
        # The rest of the log density of a count of zero is zero.
        return pt.switch(pt.eq(value, 0), cannot + pt.softplus(can - cannot), can)

    return Line(kernel, base.constant)


def log_choose(value: NDArray[np.float64], trials: NDArray[np.float64]) -> NDArray[np.float64]:
    """Logarithm of the binomial coefficient."""
    return np.asarray(gammaln(trials + 1) - gammaln(value + 1) - gammaln(trials - value + 1))


def minus_log_factorial(value: NDArray[np.float64], trials: NDArray[np.float64]) -> NDArray[np.float64]:
    """Minus the logarithm of the factorial."""
    return np.asarray(-gammaln(value + 1))


def minus_log_root(value: NDArray[np.float64], trials: NDArray[np.float64]) -> NDArray[np.float64]:
    """Minus log sqrt(2 pi)."""
    return np.full(len(value), -0.5 * np.log(2 * np.pi))


def minus_log_value(value: NDArray[np.float64], trials: NDArray[np.float64]) -> NDArray[np.float64]:
    """Minus the logarithm of the value: the Jacobian of a logarithm."""
    return np.asarray(-np.log(value))


def minus_log_root_value(value: NDArray[np.float64], trials: NDArray[np.float64]) -> NDArray[np.float64]:
    """Minus log sqrt(2 pi) and the Jacobian of a logarithm."""
    return np.asarray(-0.5 * np.log(2 * np.pi) - np.log(value))


class Line(NamedTuple):
    """
    A likelihood, as the sampler has it.

    Parameters
    ----------
    kernel : callable
        (eta, value, given, parameters) to the part of the log density that parameters change.
    constant : callable
        (value, given) to the rest of the log density, computed once.
    """

    kernel: Kernel
    constant: Constant


LINES: Final[Mapping[str, Line]] = {
    "bernoulli": Line(binomial, log_choose),
    "beta_binomial": Line(beta_binomial, log_choose),
    "binomial": Line(binomial, log_choose),
    "estimate_with_error": Line(lambda eta, y, error, own: gaussian(eta, y, error, {"sigma": error}), minus_log_root),
    "gamma": Line(gamma, minus_log_value),
    "gaussian": Line(gaussian, minus_log_root),
    "log_normal": Line(log_normal, minus_log_root_value),
    "negative_binomial": Line(negative_binomial, minus_log_factorial),
    "poisson": Line(poisson, minus_log_factorial),
    "zero_inflated_negative_binomial": zero_inflated(Line(negative_binomial, minus_log_factorial)),
    "zero_inflated_poisson": zero_inflated(Line(poisson, minus_log_factorial)),
}
"""By the name of the likelihood; all else of it stands in `bayesineq.model.families`."""


def log_density(
    likelihood: str,
    eta: Tensor,
    value: Tensor,
    trials: Tensor,
    constant: Tensor,
    parameters: Mapping[str, Tensor],
) -> Tensor:
    """
    Log density of known values. Shapes: eta (n,); value, trials, constant (n,); returns (n,).

    `value, trials, constant`: Outcome, denominator, and the part of the log density that no parameter changes.
    """
    return LINES[likelihood].kernel(eta, value, trials, parameters) + constant


def log_interval(
    likelihood: str,
    eta: Tensor,
    value: Tensor,
    trials: Tensor,
    constant: Tensor,
    parameters: Mapping[str, Tensor],
) -> Tensor:
    """
    Log probability that a count lies in an interval: log(F(upper) - F(lower - 1)) as a sum over its counts.

    The sum on the log scale is exact far out in the tails, where differences of F lose every digit.

    Shapes: eta (n,); value, trials, constant (n, n_count); returns (n,).

    `value, trials, constant`: Every count of each interval; `constant` is minus infinity beyond the interval's end.
    """
    each = log_density(likelihood, eta[:, None], value, trials, constant, parameters)
    # Relative to the likeliest count; the shift cancels, and so does its gradient.
    top = disconnected_grad(pt.max(each, axis=1))
    return top + pt.log(pt.sum(pt.exp(each - top[:, None]), axis=1))
