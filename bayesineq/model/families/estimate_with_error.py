"""Estimates with their standard errors, such as published rates with intervals: each scatters as it is known to."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from scipy.special import ndtr

from bayesineq.model.families.density import Density, Floats
from bayesineq.model.families.family import Family, Own


class Estimate(NamedTuple):
    """No parameter of its own: what lies between rows beyond their errors is a term, such as an exchangeable one."""


def _fixed_part(own: Estimate, y: float, given: float) -> Any:
    return -0.5 * math.log(2.0 * math.pi) - math.log(given), ()


def _point(own: Estimate, y: float, given: float, eta: float) -> Any:
    z = (y - eta) / given
    return -0.5 * z * z, z / given, -1.0 / (given * given), ()


def _closed(own: Estimate, y: float, given: float, mean: float, variance: float) -> Any:
    z, precision = (y - mean) / given, 1.0 / (given * given)
    return -0.5 * z * z - 0.5 * variance * precision, z / given, -precision, ()


def _noise(own: Estimate, given: Floats) -> Floats:
    return given * given


def _cdf(own: Estimate, y: Floats, given: Floats, eta: Floats) -> Floats:
    return np.asarray(ndtr((y - eta) / given))


def replicate(rng: np.random.Generator, mean: Floats, exposure: Floats, given: Floats, own: Own) -> Floats:
    """Estimates of `mean` with the standard errors given."""
    return np.asarray(rng.normal(mean, given))


FAMILY = Family(
    name="estimate_with_error",
    link="identity",
    counts=False,
    replicate=replicate,
    density=Density(own=Estimate, fixed_part=_fixed_part, point=_point, cdf=_cdf, closed=_closed, noise=_noise),
    given="standard_error",
    needs=("standard_error",),
)
