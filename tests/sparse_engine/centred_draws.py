"""Another way to draw the latent field, which the engine's own draws are held to."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bayesineq.inference.sparse_engine.arrow import Arrow
from bayesineq.inference.sparse_engine.centred import border_draws, sparse_draws
from bayesineq.inference.sparse_engine.hyper import Model

Float = NDArray[np.float64]


def centred_draws(model: Model, system: Arrow, n_draw: int, rng: np.random.Generator) -> tuple[Float, Float]:
    """
    Draw the latent field about its mean.

    The small values are drawn from their margin; given them the sparse block is drawn without its constraints, and
    these are then imposed by kriging (Rue and Held 2005, algorithm 2.6).

    Returns: large and small latent values less their means, shapes (n_large, n_draw) and (n_small, n_draw).
    """
    z = sparse_draws(system, n_draw, rng)
    border, alpha = border_draws(model.latent, system, model.latent.constraint.T @ system.reach, z, rng)
    return z - system.reach @ border, alpha
