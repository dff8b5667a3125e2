"""Counts whose rates scatter: a Poisson count whose rate is gamma, of variance mu + mu^2 / size."""

from __future__ import annotations

import numpy as np

from bayesineq.model.families.family import Family, Floats, Own, OwnParameter, complexity


def replicate(rng: np.random.Generator, mean: Floats, exposure: Floats, given: Floats, own: Own) -> Floats:
    """Counts of mean `mean` times `exposure`."""
    return np.asarray(rng.poisson(rng.gamma(own["size"], mean * exposure / own["size"])), dtype=np.float64)


FAMILY = Family(
    name="negative_binomial",
    link="log",
    counts=True,
    replicate=replicate,
    takes=("expected", "exposure", "population"),
    parameters=(OwnParameter("size", complexity(1.0), dispersed=True),),
    between_people="negative_binomial",
)
