"""Counts of events among which more are zero than a Poisson count explains: a share of rows cannot have any."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from bayesineq.model.families import poisson
from bayesineq.model.families.density import Density, Floats
from bayesineq.model.families.family import Family, Own, OwnParameter
from bayesineq.model.priors import Prior


class ZeroInflatedPoisson(NamedTuple):
    """Share of rows that cannot have an event."""

    zero: float


def of_none(zero: float, whole: float, slope: float, curvature: float) -> tuple[float, float, float, float, float]:
    """
    Log p of a count of zero, where a row may also be one that has none.

    With p = exp(whole) the probability of zero of rows that can have events, it is log(zero + (1 - zero) p).

    `whole, slope, curvature`: Log p of zero of those that can, and its first two derivatives in the linear
    predictor. Returns: log p and its first two derivatives; the probability that a row with a count of zero is one
    that can; and the derivative in log `zero`.
    """
    can = math.log1p(-zero) + whole
    cannot = math.log(zero)
    top = max(can, cannot)
    total = top + math.log1p(math.exp(min(can, cannot) - top))
    share = math.exp(can - total)
    by_zero = math.exp(cannot - total) * -math.expm1(whole)
    return total, share * slope, share * (curvature + (1.0 - share) * slope * slope), share, by_zero


def _fixed_part(own: ZeroInflatedPoisson, y: float, given: float) -> Any:
    if y > 0.0:
        return math.log1p(-own.zero) - math.lgamma(y + 1.0), (-own.zero / (1.0 - own.zero),)
    return 0.0, (0.0,)


def _point(own: ZeroInflatedPoisson, y: float, given: float, eta: float) -> Any:
    mean = math.exp(eta)
    if y > 0.0:
        return y * eta - mean, y - mean, -mean, (0.0,)
    total, slope, curvature, _, by_zero = of_none(own.zero, -mean, -mean, -mean)
    return total, slope, curvature, (by_zero,)


def _tail(own: ZeroInflatedPoisson, y: float, given: float) -> Any:
    return y + 1.0, math.inf, 0.0, False, own.zero


def _cdf(own: ZeroInflatedPoisson, y: Floats, given: Floats, eta: Floats) -> Floats:
    return own.zero + (1.0 - own.zero) * poisson.DENSITY.cdf(own, y, given, eta)


def with_none(rng: np.random.Generator, counts: Floats, zero: float) -> Floats:
    """Counts of which a share is none whatever the rate."""
    return np.where(rng.random(len(counts)) < zero, 0.0, counts)


def replicate(rng: np.random.Generator, mean: Floats, exposure: Floats, given: Floats, own: Own) -> Floats:
    """Counts of mean `mean` times `exposure`, rows that cannot have events among them."""
    zero = own["zero"]
    return with_none(rng, poisson.replicate(rng, mean / (1.0 - zero), exposure, given, own), zero)


ZERO = OwnParameter("zero", Prior("Beta", {"a": 1.0, "b": 2.0}), upper=1.0, allowed=("Beta", "Uniform"), start=0.2)
"""By default a third on average and most likely none: what is not needed goes away."""

DENSITY = Density(
    own=ZeroInflatedPoisson,
    fixed_part=_fixed_part,
    point=_point,
    cdf=_cdf,
    tail=_tail,
    none=poisson.DENSITY.none,
    next_count=poisson.DENSITY.next_count,
    helpers=(of_none,),
)

FAMILY = Family(
    name="zero_inflated_poisson",
    link="log",
    counts=True,
    replicate=replicate,
    density=DENSITY,
    takes=("expected", "exposure", "population"),
    parameters=(ZERO,),
    mean_shift=lambda own: np.log1p(-own["zero"]),
    wider="zero_inflated_negative_binomial",
)
