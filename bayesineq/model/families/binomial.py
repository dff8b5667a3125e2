"""Successes of a denominator, each with the same probability."""

from __future__ import annotations

import numpy as np

from bayesineq.model.families.family import Family, Floats, Own


def replicate(rng: np.random.Generator, mean: Floats, exposure: Floats, trials: Floats, own: Own) -> Floats:
    """Successes of `trials` people at probability `mean`."""
    return np.asarray(rng.binomial(trials.astype(np.int64), mean), dtype=np.float64)


FAMILY = Family(
    name="binomial",
    link="logit",
    counts=True,
    replicate=replicate,
    given="at_risk",
    needs=("at_risk",),
    between_people="binomial",
    wider="beta_binomial",
)
