"""Successes of a denominator, each with the same probability."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from scipy.special import betaincc, expit

from bayesineq.model.families.density import Density, Floats, log_choose, softplus
from bayesineq.model.families.family import Family, Own


class Binomial(NamedTuple):
    """No parameter of its own."""


def _fixed_part(own: Binomial, y: float, given: float) -> Any:
    return log_choose(y, given), ()


def _point(own: Binomial, y: float, given: float, eta: float) -> Any:
    tail = math.exp(-abs(eta))
    rest = 1.0 / (1.0 + tail)
    p = rest if eta > 0.0 else tail * rest
    value = y * eta - given * (max(eta, 0.0) + math.log1p(tail))
    return value, y - given * p, -given * tail * rest * rest, ()


def _tail(own: Binomial, y: float, given: float) -> Any:
    return y + 1.0, given - y, 0.0, False, 0.0


def _none(own: Binomial, given: float, eta: float) -> Any:
    return math.exp(-given * softplus(eta)), math.exp(eta)


def _next_count(own: Binomial, given: float, count: float, odds: float) -> float:
    return (given - count) * odds / (count + 1.0)


def _missed(own: Binomial, y: float, given: float) -> float:
    return given - y


def _cdf(own: Binomial, y: Floats, given: Floats, eta: Floats) -> Floats:
    # SciPy's own binomial distribution function deprecates sizes that are stored as floating point.
    return np.where(y >= given, 1.0, betaincc(y + 1.0, np.maximum(given - y, 1.0), expit(eta)))


def replicate(rng: np.random.Generator, mean: Floats, exposure: Floats, trials: Floats, own: Own) -> Floats:
    """Successes of `trials` people at probability `mean`."""
    return np.asarray(rng.binomial(trials.astype(np.int64), mean), dtype=np.float64)


DENSITY = Density(
    own=Binomial,
    fixed_part=_fixed_part,
    point=_point,
    cdf=_cdf,
    tail=_tail,
    none=_none,
    next_count=_next_count,
    missed=_missed,
)

FAMILY = Family(
    name="binomial",
    link="logit",
    counts=True,
    replicate=replicate,
    density=DENSITY,
    given="at_risk",
    needs=("at_risk",),
    between_people="binomial",
    wider="beta_binomial",
)
