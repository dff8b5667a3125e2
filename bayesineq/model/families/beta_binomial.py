"""Successes of a denominator at a probability that scatters about its mean: p ~ Beta(mean c, (1 - mean) c)."""

from __future__ import annotations

import numpy as np

from bayesineq.model.families import binomial
from bayesineq.model.families.family import Family, Floats, Own, OwnParameter, complexity


def replicate(rng: np.random.Generator, mean: Floats, exposure: Floats, trials: Floats, own: Own) -> Floats:
    """Successes of `trials` people at probabilities drawn about `mean`."""
    c = own["concentration"]
    return binomial.replicate(rng, np.asarray(rng.beta(mean * c, (1 - mean) * c)), exposure, trials, own)


def unit(level: float, unit: float) -> float:
    """Extra variation of one on the logit, on the scale of the proportion, which the logit stretches by p (1 - p)."""
    return float(0.5 / np.cosh(0.5 * level))


FAMILY = Family(
    name="beta_binomial",
    link="logit",
    counts=True,
    replicate=replicate,
    given="at_risk",
    needs=("at_risk",),
    parameters=(OwnParameter("concentration", complexity(1.0), unit, dispersed=True),),
)
