"""Counts of events that come one by one."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from scipy.special import gammaincc

from bayesineq.model.families.density import Density, Floats
from bayesineq.model.families.family import Family, Own


class Poisson(NamedTuple):
    """No parameter of its own."""


def _fixed_part(own: Poisson, y: float, given: float) -> Any:
    return -math.lgamma(y + 1.0), ()


def _point(own: Poisson, y: float, given: float, eta: float) -> Any:
    mean = math.exp(eta)
    return y * eta - mean, y - mean, -mean, ()


def _closed(own: Poisson, y: float, given: float, mean: float, variance: float) -> Any:
    rate = math.exp(mean + 0.5 * variance)
    return y * mean - rate, y - rate, -rate, ()


def _tail(own: Poisson, y: float, given: float) -> Any:
    return y + 1.0, math.inf, 0.0, False, 0.0


def _none(own: Poisson, given: float, eta: float) -> Any:
    return math.exp(-math.exp(eta)), math.exp(eta)


def _next_count(own: Poisson, given: float, count: float, odds: float) -> float:
    return odds / (count + 1.0)


def _cdf(own: Poisson, y: Floats, given: Floats, eta: Floats) -> Floats:
    return np.asarray(gammaincc(y + 1.0, np.exp(eta)))


def replicate(rng: np.random.Generator, mean: Floats, exposure: Floats, given: Floats, own: Own) -> Floats:
    """Counts of mean `mean` times `exposure`."""
    return np.asarray(rng.poisson(mean * exposure), dtype=np.float64)


DENSITY = Density(
    own=Poisson,
    fixed_part=_fixed_part,
    point=_point,
    cdf=_cdf,
    closed=_closed,
    tail=_tail,
    none=_none,
    next_count=_next_count,
)

FAMILY = Family(
    name="poisson",
    link="log",
    counts=True,
    replicate=replicate,
    density=DENSITY,
    takes=("expected", "exposure", "population"),
    between_people="poisson",
    wider="negative_binomial",
    with_none="zero_inflated_poisson",
)
