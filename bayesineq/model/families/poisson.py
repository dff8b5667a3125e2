"""Counts of events that come one by one."""

from __future__ import annotations

import numpy as np

from bayesineq.model.families.family import Family, Floats, Own


def replicate(rng: np.random.Generator, mean: Floats, exposure: Floats, given: Floats, own: Own) -> Floats:
    """Counts of mean `mean` times `exposure`."""
    return np.asarray(rng.poisson(mean * exposure), dtype=np.float64)


FAMILY = Family(
    name="poisson",
    link="log",
    counts=True,
    replicate=replicate,
    takes=("expected", "exposure", "population"),
    between_people="poisson",
    wider="negative_binomial",
)
