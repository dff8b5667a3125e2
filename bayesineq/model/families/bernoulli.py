"""One person's outcome, 0 or 1."""

from __future__ import annotations

import numpy as np

from bayesineq.model.families.binomial import DENSITY, replicate
from bayesineq.model.families.family import Check, Family

FAMILY = Family(
    name="bernoulli",
    link="logit",
    counts=True,
    replicate=replicate,
    density=DENSITY,
    observed="value",
    checks=(
        Check(
            "value",
            lambda value: ~np.isin(np.nan_to_num(value), (0.0, 1.0)),
            "is neither 0 nor 1",
            "a Bernoulli outcome is",
        ),
    ),
    between_people="binomial",
)
