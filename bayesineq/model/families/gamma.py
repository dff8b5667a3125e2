"""Positive measurements, such as costs, whose standard deviation grows with their mean."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from scipy.special import gammainc

from bayesineq.model.families.density import Density, Floats, digamma
from bayesineq.model.families.family import DEFAULT_ABOVE, Family, Own, OwnParameter, not_positive
from bayesineq.model.priors import complexity


class Gamma(NamedTuple):
    """Its shape: one over the square of the coefficient of variation."""

    shape: float


def _fixed_part(own: Gamma, y: float, given: float) -> Any:
    shape = own.shape
    value = shape * math.log(shape) - math.lgamma(shape) + (shape - 1.0) * math.log(y)
    return value, (shape * (math.log(shape) + 1.0 - digamma(shape) + math.log(y)),)


def _point(own: Gamma, y: float, given: float, eta: float) -> Any:
    ratio = y * math.exp(-eta)
    value = -own.shape * (eta + ratio)
    return value, own.shape * (ratio - 1.0), -own.shape * ratio, (value,)


def _closed(own: Gamma, y: float, given: float, mean: float, variance: float) -> Any:
    ratio = y * math.exp(-mean + 0.5 * variance)
    value = -own.shape * (mean + ratio)
    return value, own.shape * (ratio - 1.0), -own.shape * ratio, (value,)


def _tail(own: Gamma, y: float, given: float) -> Any:
    return own.shape, math.inf, math.log(own.shape * y), True, 0.0


def _cdf(own: Gamma, y: Floats, given: Floats, eta: Floats) -> Floats:
    return np.asarray(gammainc(own.shape, own.shape * y * np.exp(-eta)))


def replicate(rng: np.random.Generator, mean: Floats, exposure: Floats, given: Floats, own: Own) -> Floats:
    """Values of mean `mean` and coefficient of variation one over the root of the shape."""
    return np.asarray(rng.gamma(own["shape"], mean * exposure / own["shape"]))


DENSITY = Density(own=Gamma, fixed_part=_fixed_part, point=_point, cdf=_cdf, closed=_closed, tail=_tail)

FAMILY = Family(
    name="gamma",
    link="log",
    counts=False,
    replicate=replicate,
    density=DENSITY,
    parameters=(OwnParameter("shape", complexity(DEFAULT_ABOVE["identity"]), dispersed=True),),
    checks=(not_positive("value", "gamma outcomes are"),),
)
