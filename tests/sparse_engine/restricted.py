"""The Gaussian approximation whose mean is corrected along the fixed effects alone, as R-INLA corrects it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bayesineq.inference.sparse_engine.arrow import arrow_solve
from bayesineq.inference.sparse_engine.field import effects, prior_force
from bayesineq.inference.sparse_engine.hyper import Model, prior_at
from bayesineq.inference.sparse_engine.newton import Start, own_value, posterior
from bayesineq.inference.sparse_engine.passes import expected, predict

Float = NDArray[np.float64]


def restricted_effects(model: Model, x: Float, start: Start) -> tuple[Float, Float]:
    """
    Mean effects of the variational Bayes correction of van Niekerk and Rue (2024).

    The covariance stays that of the Laplace approximation, and the mean may move from its mode only along those
    columns of the covariance that belong to the fixed effects, by as much as the evidence bound gains most from. Each
    area then keeps the mode's own bias but for what it shares with the fixed effects.

    Parameters
    ----------
    model : Model
        The model.
    x : ndarray, shape (n_parameter,)
        Hyperparameters on the real line.
    start : Start
        Where the latent field begins.

    Returns
    -------
    (ndarray, ndarray)
        Mean large and small effects.
    """
    latent, data = model.latent, model.data
    prior = prior_at(model, x)
    mode = posterior(latent, data, prior, start, variational=False)
    n, n_constraint = latent.n_small, latent.constraint.shape[1]
    unit = np.vstack([np.eye(n), np.zeros((n_constraint, n))])
    large, border = arrow_solve(mode.system, np.zeros((latent.n_large, n)), unit)
    small = border[:n]
    scale = np.sqrt(np.diag(small))
    large, small = large / scale, small / scale
    none = np.zeros(len(data.offset))
    moves = [predict(latent, none, *effects(latent, prior, large[:, j], small[:, j]), None) for j in range(n)]
    forces = [prior_force(latent, prior, large[:, j], small[:, j] + prior.mean) for j in range(n)]
    along = np.array([[large[:, i] @ f[0] + small[:, i] @ f[1] for f in forces] for i in range(n)])
    along_rows = np.stack(moves, axis=1)
    own, by = own_value(latent, data, prior.values), np.zeros(n)
    for _ in range(30):
        at = (mode.large + large @ by, mode.small + small @ by)
        mean = predict(latent, data.offset, *effects(latent, prior, *at), None)
        _, _, slope, curvature = expected(data, own, mean, mode.variance, None)
        force, small_force, _ = prior_force(latent, prior, *at)
        gain = along_rows.T @ slope - large.T @ force - small.T @ small_force
        step = np.linalg.solve(along_rows.T @ (curvature[:, None] * along_rows) + along, gain)
        by += step
        if np.abs(step).max() < 1e-8:
            return effects(latent, prior, mode.large + large @ by, mode.small + small @ by)
    raise AssertionError("the restricted correction did not settle")
