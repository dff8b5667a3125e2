"""Measurements that scatter evenly about their mean."""

from __future__ import annotations

import numpy as np

from bayesineq.model.families.family import Family, Floats, Own, standard_deviation


def replicate(rng: np.random.Generator, mean: Floats, exposure: Floats, given: Floats, own: Own) -> Floats:
    """Values of mean `mean`."""
    return np.asarray(rng.normal(mean, own["sigma"]))


FAMILY = Family(
    name="gaussian",
    link="identity",
    counts=False,
    replicate=replicate,
    parameters=(standard_deviation("identity"),),
    between_people="gaussian",
)
