"""The evidence beyond its Gaussian bound against importance sampling of the whole latent field, at small counts."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bayesineq.inference.sparse_engine.correct import evidence_gap
from bayesineq.inference.sparse_engine.engine import build, worker_threads
from bayesineq.inference.sparse_engine.field import effects
from bayesineq.inference.sparse_engine.hyper import Model, find_mode, prior_at, start_near
from bayesineq.inference.sparse_engine.newton import Posterior, posterior
from tests.sparse_engine.cases import as_given, make, ring
from tests.sparse_engine.centred_draws import centred_draws

N = 60
OUTCOME = {
    "poisson": 'count = "y"\nexpected = "e"\nlikelihood = "poisson"',
    "binomial": 'count = "y"\nat_risk = "n"\nlikelihood = "binomial"',
}


def small_counts(likelihood: str) -> pd.DataFrame:
    """About three events an area, from 0 to 20."""
    rng = np.random.default_rng(4)
    eta = 0.7 * rng.normal(size=N) + 0.5 * np.cos(np.arange(N) / N * 2 * np.pi)
    area = [f"{i + 1:06d}" for i in range(N)]
    if likelihood == "poisson":
        return pd.DataFrame({"area": area, "e": 2.5, "y": rng.poisson(2.5 * np.exp(eta))})
    return pd.DataFrame({"area": area, "n": 12, "y": rng.binomial(12, 1 / (1 + np.exp(1.5 - eta)))})


def sampled_gap(model: Model, found: Posterior, n_pair: int = 6000) -> tuple[float, float]:
    """
    log E_q[exp(r)], r = log p(y, z) - log q(z) - bound, and its Monte Carlo error.

    At the variational fixed point the prior's quadratic form and that of q cancel, up to the data's share: r is the sum
    over rows of log p less its expansion with slope g and curvature w, less the mean of that sum.
    """
    z, alpha = centred_draws(model, found.system, n_pair, np.random.default_rng(2))
    large, small = effects(model.latent, found.prior, z, alpha)
    away = np.zeros((len(found.mean), n_pair))
    for side, effect in ((model.latent.small, small), (model.latent.large, large)):
        for level in side.index:
            away += effect[level]
    away = np.hstack([away, -away])
    (piece,) = model.data.pieces
    eta, y = found.mean[:, None] + away, piece.outcomes.upper[:, None]
    trials = piece.outcomes.given[:, None]
    log_p = y * eta - (np.exp(eta) if piece.family.link == "log" else trials * np.logaddexp(0.0, eta))
    rest = (log_p - found.slope[:, None] * away + 0.5 * found.curvature[:, None] * away**2).sum(axis=0)
    weight = np.exp(rest - rest.mean())
    return float(np.log(weight.mean())), float(weight.std() / weight.mean() / np.sqrt(n_pair))


@pytest.mark.parametrize("likelihood", ["poisson", "binomial"])
def test_gap_is_that_of_importance_sampling(likelihood: str) -> None:
    """
    From half the sigma at the mode to twice it. An error of 0.03 in log density that grows with log sigma moves sigma
    by some 0.03 posterior sd; the gap itself is up to half a unit there.
    """
    terms = 'place = {kind = "bym2", by = "area"}'
    study = make(small_counts(likelihood), OUTCOME[likelihood], terms, "", ring(N))
    gaps = []
    with worker_threads(1) as pool:
        model, start = build(as_given(study), "variational")
        mode = find_mode(model, start, pool, lambda text: None)
        for move in np.log([0.5, 1.0, 2.0]):
            x = mode.x + np.array([move, 0.0])
            found = posterior(model.latent, model.data, prior_at(model, x), start_near(model, mode, x))
            sampled, error = sampled_gap(model, found)
            gaps.append(evidence_gap(model.latent, model.data, found))
            assert abs(gaps[-1] - sampled) < 0.03 + 4 * error, (move, gaps[-1], sampled, error)
    assert gaps[-1] - gaps[0] > 0.2
