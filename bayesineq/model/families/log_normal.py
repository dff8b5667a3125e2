"""Positive measurements whose logarithm scatters evenly about its mean."""

from __future__ import annotations

import numpy as np

from bayesineq.model.families.density import Floats
from bayesineq.model.families.family import Family, Own, not_positive, standard_deviation
from bayesineq.model.families.gaussian import DENSITY


def replicate(rng: np.random.Generator, mean: Floats, exposure: Floats, given: Floats, own: Own) -> Floats:
    """Values of mean `mean`, which holds half the variance of the logarithm; the centre of the logarithm does not."""
    sigma = own["sigma"]
    return np.asarray(mean * np.exp(sigma * rng.normal(size=len(mean)) - sigma**2 / 2))


FAMILY = Family(
    name="log_normal",
    link="identity",
    counts=False,
    replicate=replicate,
    density=DENSITY,
    parameters=(standard_deviation("identity"),),
    checks=(not_positive("value", "log_normal outcomes are"),),
    logged=True,
    mean_shift=lambda own: own["sigma"] ** 2 / 2,
)
