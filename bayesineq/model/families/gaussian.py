"""Measurements that scatter evenly about their mean."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from scipy.special import ndtr

from bayesineq.model.families.density import Density, Floats
from bayesineq.model.families.family import Family, Own, standard_deviation


class Gaussian(NamedTuple):
    """Its standard deviation."""

    sigma: float


def _fixed_part(own: Gaussian, y: float, given: float) -> Any:
    return -0.5 * math.log(2.0 * math.pi) - math.log(own.sigma), (-1.0,)


def _point(own: Gaussian, y: float, given: float, eta: float) -> Any:
    z = (y - eta) / own.sigma
    return -0.5 * z * z, z / own.sigma, -1.0 / (own.sigma * own.sigma), (z * z,)


def _closed(own: Gaussian, y: float, given: float, mean: float, variance: float) -> Any:
    z, precision = (y - mean) / own.sigma, 1.0 / (own.sigma * own.sigma)
    return -0.5 * z * z - 0.5 * variance * precision, z / own.sigma, -precision, (z * z + variance * precision,)


def _noise(own: Gaussian, given: Floats) -> Floats:
    return np.full(len(given), own.sigma * own.sigma)


def _cdf(own: Gaussian, y: Floats, given: Floats, eta: Floats) -> Floats:
    return np.asarray(ndtr((y - eta) / own.sigma))


def replicate(rng: np.random.Generator, mean: Floats, exposure: Floats, given: Floats, own: Own) -> Floats:
    """Values of mean `mean`."""
    return np.asarray(rng.normal(mean, own["sigma"]))


DENSITY = Density(own=Gaussian, fixed_part=_fixed_part, point=_point, cdf=_cdf, closed=_closed, noise=_noise)

FAMILY = Family(
    name="gaussian",
    link="identity",
    counts=False,
    replicate=replicate,
    density=DENSITY,
    parameters=(standard_deviation("identity"),),
    between_people="gaussian",
)
