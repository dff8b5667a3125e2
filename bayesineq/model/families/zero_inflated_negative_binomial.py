"""Counts with rates that scatter, among which more are zero than that explains: a share of rows cannot have any."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from bayesineq.model.families import negative_binomial
from bayesineq.model.families.density import Density, Floats, fixed_part, point
from bayesineq.model.families.family import Family, Own
from bayesineq.model.families.negative_binomial import NegativeBinomial
from bayesineq.model.families.zero_inflated_poisson import ZERO, of_none, with_none


class ZeroInflatedNegativeBinomial(NamedTuple):
    """Size of the counts of rows that can have events, and the share of rows that cannot."""

    size: float
    zero: float


def _fixed_part(own: ZeroInflatedNegativeBinomial, y: float, given: float) -> Any:
    if y > 0.0:
        value, by_own = fixed_part(NegativeBinomial(own.size), y, given)
        return math.log1p(-own.zero) + value, (by_own[0], -own.zero / (1.0 - own.zero))
    return 0.0, (0.0, 0.0)


def _point(own: ZeroInflatedNegativeBinomial, y: float, given: float, eta: float) -> Any:
    value, slope, curvature, by_own = point(NegativeBinomial(own.size), y, given, eta)
    if y > 0.0:
        return value, slope, curvature, (by_own[0], 0.0)
    base, base_by_own = fixed_part(NegativeBinomial(own.size), y, given)
    total, slope, curvature, share, by_zero = of_none(own.zero, base + value, slope, curvature)
    return total, slope, curvature, (share * (by_own[0] + base_by_own[0]), by_zero)


def _tail(own: ZeroInflatedNegativeBinomial, y: float, given: float) -> Any:
    return y + 1.0, own.size, math.log(own.size), False, own.zero


def _cdf(own: ZeroInflatedNegativeBinomial, y: Floats, given: Floats, eta: Floats) -> Floats:
    return own.zero + (1.0 - own.zero) * negative_binomial.DENSITY.cdf(own, y, given, eta)


def replicate(rng: np.random.Generator, mean: Floats, exposure: Floats, given: Floats, own: Own) -> Floats:
    """Counts of mean `mean` times `exposure`, rows that cannot have events among them."""
    zero = own["zero"]
    return with_none(rng, negative_binomial.replicate(rng, mean / (1.0 - zero), exposure, given, own), zero)


DENSITY = Density(
    own=ZeroInflatedNegativeBinomial,
    fixed_part=_fixed_part,
    point=_point,
    cdf=_cdf,
    tail=_tail,
    none=negative_binomial.DENSITY.none,
    next_count=negative_binomial.DENSITY.next_count,
)

FAMILY = Family(
    name="zero_inflated_negative_binomial",
    link="log",
    counts=True,
    replicate=replicate,
    density=DENSITY,
    takes=("expected", "exposure", "population"),
    parameters=(*negative_binomial.FAMILY.parameters, ZERO),
    mean_shift=lambda own: np.log1p(-own["zero"]),
)
