"""The spread of exchangeable effects given the effects. Oracle: the conjugate law of a precision."""

from __future__ import annotations

import numpy as np
from scipy import stats

from bayesineq.design.priors import Priors
from bayesineq.inference.mixture.sigma import draw_sigma
from bayesineq.model.priors import Prior


def test_a_spread_whose_precision_has_a_gamma_prior_is_drawn_from_the_conjugate_law() -> None:
    """Given n effects the precision is Gamma(shape + n / 2, rate + sum of squares / 2)."""
    effect = np.array([0.3, -0.5, 0.8, -0.1, 0.4])
    priors = Priors({"g.precision": Prior("Gamma", {"shape": 2.0, "rate": 0.3})}, frozenset(), 0.0, 1.0, {}, {})
    rng = np.random.default_rng(3)
    drawn = np.array([draw_sigma(priors, "g", effect, rng) for _ in range(4000)])
    law = stats.gamma(2.0 + 2.5, scale=1.0 / (0.3 + 0.5 * np.sum(effect**2)))
    assert stats.kstest(drawn**-2.0, law.cdf).pvalue > 1e-4
