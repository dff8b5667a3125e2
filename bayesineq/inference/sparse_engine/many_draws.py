"""Draws of the sparse block of the latent field about its mean."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bayesineq.inference.sparse_engine.arrow import Arrow, sparse_solve
from bayesineq.inference.sparse_engine.centred import sparse_draws
from bayesineq.inference.sparse_engine.field import prior_entries
from bayesineq.inference.sparse_engine.many import Many, many_noise
from bayesineq.inference.sparse_engine.newton import Posterior
from bayesineq.inference.sparse_engine.parts import Latent

Float = NDArray[np.float64]


def field_draws(latent: Latent, found: Posterior, system: Arrow, n_draw: int, rng: np.random.Generator) -> Float:
    """Draws of N(0, P^-1), where rows read many effects of N(0, H^-1) in the field's part. Shapes: (n, n_draw)."""
    if not isinstance(latent.mixed, Many):
        return sparse_draws(system, n_draw, rng)
    entries = prior_entries(latent, found.prior.weights)
    return sparse_solve(system, many_noise(latent, latent.mixed, found.sums, entries, n_draw, rng))
