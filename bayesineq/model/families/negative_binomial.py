"""Counts whose rates scatter: a Poisson count whose rate is gamma, of variance mu + mu^2 / size."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from scipy.special import betainc, expit

from bayesineq.model.families.density import Density, Floats, digamma, softplus
from bayesineq.model.families.family import Family, Own, OwnParameter
from bayesineq.model.priors import complexity


class NegativeBinomial(NamedTuple):
    """Its size: variance is mu + mu^2 / size."""

    size: float


def _fixed_part(own: NegativeBinomial, y: float, given: float) -> Any:
    size = own.size
    value = math.lgamma(y + size) - math.lgamma(size) - math.lgamma(y + 1.0) + size * math.log(size)
    return value, (size * (digamma(y + size) - digamma(size) + math.log(size) + 1.0),)


def _point(own: NegativeBinomial, y: float, given: float, eta: float) -> Any:
    # log(size + mean), and the share mean / (size + mean), without overflow.
    log_size = math.log(own.size)
    total = log_size + softplus(eta - log_size)
    share = math.exp(eta - total)
    curvature = -(y + own.size) * share * (1.0 - share)
    by_size = -own.size * (total + (y + own.size) * math.exp(-total))
    return y * eta - (y + own.size) * total, y - (y + own.size) * share, curvature, (by_size,)


def _tail(own: NegativeBinomial, y: float, given: float) -> Any:
    return y + 1.0, own.size, math.log(own.size), False, 0.0


def _none(own: NegativeBinomial, given: float, eta: float) -> Any:
    relative = eta - math.log(own.size)
    return math.exp(-own.size * softplus(relative)), 1.0 / (1.0 + math.exp(-relative))


def _next_count(own: NegativeBinomial, given: float, count: float, odds: float) -> float:
    return (own.size + count) * odds / (count + 1.0)


def _cdf(own: NegativeBinomial, y: Floats, given: Floats, eta: Floats) -> Floats:
    return np.asarray(betainc(own.size, y + 1.0, expit(np.log(own.size) - eta)))


def replicate(rng: np.random.Generator, mean: Floats, exposure: Floats, given: Floats, own: Own) -> Floats:
    """Counts of mean `mean` times `exposure`."""
    return np.asarray(rng.poisson(rng.gamma(own["size"], mean * exposure / own["size"])), dtype=np.float64)


DENSITY = Density(
    own=NegativeBinomial,
    fixed_part=_fixed_part,
    point=_point,
    cdf=_cdf,
    tail=_tail,
    none=_none,
    next_count=_next_count,
)

FAMILY = Family(
    name="negative_binomial",
    link="log",
    counts=True,
    replicate=replicate,
    density=DENSITY,
    takes=("expected", "exposure", "population"),
    parameters=(OwnParameter("size", complexity(1.0), dispersed=True),),
    between_people="negative_binomial",
    with_none="zero_inflated_negative_binomial",
)
