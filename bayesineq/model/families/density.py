"""
Formulas of a likelihood for one row, picked by the type of its own parameters.

They are plain functions of numbers, here and in the files of likelihoods, so that reading a card needs no compiler; the
sparse engine compiles them (`bayesineq.inference.sparse_engine.likelihoods`). `fixed_part`
and `point` of this file, called with a named tuple of own parameters, are the formulas of the likelihood that the tuple
belongs to.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

type Floats = NDArray[np.float64]
type Values = tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Density:
    """
    A likelihood of one row: y given a linear predictor eta, `given` beside it, and own parameters.

    Parameters
    ----------
    own : type of NamedTuple
        Holds own parameters; every likelihood has a type of its own.
    fixed_part : callable
        (own, y, given): what of log p does not depend on eta, and its derivatives in the logarithms of own parameters.
    point : callable
        (own, y, given, eta): log p less its fixed part, its slope and second derivative in eta, and its derivatives in
        the logarithms of own parameters.
    cdf : callable
        (own, y, given, eta), arrays of shapes (n_row, 1) and (n_row, n_node): P(Y <= y) for y of zero or more.
    closed : callable, optional
        (own, y, given, mean, variance): `point` averaged over a Gaussian eta, where that has a closed form.
    noise : callable, optional
        (own, given), arrays: variance of y about eta where y is Gaussian.
    tail : callable, optional
        (own, y, given): (a, b, shift, turned, floor) such that P(Y <= y) is floor + (1 - floor) P(X > eta), with X =
        shift + log Gamma(a), or shift + logit Beta(a, b) where b is finite; `turned`: P(X < eta), X = shift - log
        Gamma(a).
    none : callable, optional
        (own, given, eta): (probability of a count of zero, odds), from which `next_count` counts, less the floor of
        `tail`, which must be there too.
    next_count : callable, optional
        (own, given, count, odds): probability of one more than a count, relative to that of the count.
    helpers : tuple of callable
        Functions that the formulas call, beside those of this file.
    missed : callable, optional
        (own, y, given): what a count falls short of its most; counted from there at -eta where that is nearer.
    """

    own: type[Any]
    fixed_part: Callable[..., Any]
    point: Callable[..., Any]
    cdf: Callable[..., Floats]
    closed: Callable[..., Any] | None = None
    noise: Callable[[Any, Floats], Floats] | None = None
    tail: Callable[..., Any] | None = None
    none: Callable[..., Any] | None = None
    next_count: Callable[..., Any] | None = None
    missed: Callable[..., Any] | None = None
    helpers: tuple[Callable[..., Any], ...] = ()

    def __post_init__(self) -> None:
        _BY_OWN[self.own] = self


_BY_OWN: dict[type, Density] = {}


def density_of(own: type) -> Density:
    """Formulas that own parameters belong to."""
    return _BY_OWN[own]


def fixed_part(own: Any, y: float, given: float) -> tuple[float, Values]:
    """What of log p does not depend on the linear predictor: as `Density.fixed_part`."""
    return density_of(type(own)).fixed_part(own, y, given)  # type: ignore[no-any-return]


def point(own: Any, y: float, given: float, eta: float) -> tuple[float, float, float, Values]:
    """Log p less its fixed part and its derivatives: as `Density.point`."""
    return density_of(type(own)).point(own, y, given, eta)  # type: ignore[no-any-return]


def digamma(x: float) -> float:
    """First derivative of log gamma, x > 0, to about 1e-12."""
    shift = 0.0
    while x < 8.0:
        shift -= 1.0 / x
        x += 1.0
    r = 1.0 / (x * x)
    series = r * (1 / 12 - r * (1 / 120 - r * (1 / 252 - r * (1 / 240 - r * (1 / 132 - r * 691 / 32760)))))
    return shift + math.log(x) - 0.5 / x - series


def trigamma(x: float) -> float:
    """Second derivative of log gamma, x > 0, to about 1e-12."""
    shift = 0.0
    while x < 8.0:
        shift += 1.0 / (x * x)
        x += 1.0
    r = 1.0 / (x * x)
    series = (1 + r * (1 / 6 - r * (1 / 30 - r * (1 / 42 - r * (1 / 30 - r * 5 / 66))))) / x
    return shift + 0.5 * r + series


def softplus(x: float) -> float:
    """log(1 + exp(x)), without overflow."""
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


def log_choose(y: float, trials: float) -> float:
    """Logarithm of the binomial coefficient."""
    return math.lgamma(trials + 1.0) - math.lgamma(y + 1.0) - math.lgamma(trials - y + 1.0)


HELPERS: tuple[Callable[..., Any], ...] = (digamma, trigamma, softplus, log_choose)
"""What formulas call: compiled where they are."""
