"""Twenty tables of any unit and origin: NUTS gives what the sparse engine gives, one compilation a likelihood."""

from __future__ import annotations

import numpy as np
import pytest

from bayesineq.design.matrix import design
from bayesineq.inference.fit import fit
from bayesineq.inference.nuts.sample import compile_once, sample_compiled
from bayesineq.posterior.expected import expected
from tests.sparse_engine.scales import card, world

WITHIN = 0.15
"""Posterior standard deviations: five Monte Carlo errors of 1,000 effective draws and of 4,000."""


@pytest.mark.slow
@pytest.mark.parametrize("likelihood", ["gaussian", "poisson", "binomial", "gamma"])
def test_engines_agree_whatever_the_units(likelihood: str) -> None:
    model = card(likelihood, "slopes")
    studies = [design(world(likelihood, 500 + k).table, model) for k in range(5)]
    compiled = compile_once(studies[0])
    for k, study in enumerate(studies):
        sampled = sample_compiled(compiled, study, draws=1000, tune=500, chains=2, seed=k, progress=False)
        found = fit(study, draws=4000, seed=k, progress=False)
        for name in ("a", "b"):
            ours, theirs = (post["posterior"][name].to_numpy().ravel() for post in (found, sampled))
            assert abs(ours.mean() - theirs.mean()) < WITHIN * theirs.std(), (k, name)
            assert abs(ours.std() / theirs.std() - 1.0) < WITHIN, (k, name)
        ours, theirs = (expected(post).to_numpy().ravel() for post in (found, sampled))
        assert abs(ours.mean() - theirs.mean()) < WITHIN * theirs.std(), k
        assert np.isfinite(theirs).all()
