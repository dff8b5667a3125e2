"""Positive measurements, such as costs, whose standard deviation grows with their mean."""

from __future__ import annotations

import numpy as np

from bayesineq.model.families.family import DEFAULT_ABOVE, Family, Floats, Own, OwnParameter, complexity, not_positive


def replicate(rng: np.random.Generator, mean: Floats, exposure: Floats, given: Floats, own: Own) -> Floats:
    """Values of mean `mean` and coefficient of variation one over the root of the shape."""
    return np.asarray(rng.gamma(own["shape"], mean * exposure / own["shape"]))


FAMILY = Family(
    name="gamma",
    link="log",
    counts=False,
    replicate=replicate,
    parameters=(OwnParameter("shape", complexity(DEFAULT_ABOVE["identity"]), dispersed=True),),
    checks=(not_positive("value", "gamma outcomes are"),),
)
