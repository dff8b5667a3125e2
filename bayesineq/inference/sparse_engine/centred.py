"""Draws of the latent field about its mean, at one node."""

from __future__ import annotations

from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from bayesineq.inference.sparse_engine.arrow import Arrow
from bayesineq.inference.sparse_engine.parts import Latent
from bayesineq.sparse.numeric import half_solve_lanes, lanes

Float = NDArray[np.float64]
Float32 = NDArray[np.float32]

_ROUNDING: Final = 1e-14


def border_draws(latent: Latent, system: Arrow, held: Float, z: Float, rng: np.random.Generator) -> tuple[Float, Float]:
    """
    Draw small values, and what they and the constraints take from draws of the sparse block.

    Shapes: held (n_constraint, n_border); z (n_large, n_draw).

    Returns: w, shape (n_border, n_draw), such that z - reach @ w are draws of the large values, and the small ones,
    shape (n_small, n_draw), both less their means.
    """
    p = latent.n_small
    spread = np.sqrt(np.diag(system.inner)[:p])
    # As correlations, so that covariates of very different scale lose no digits to each other.
    root = root_of(system.inner[:p, :p] / np.outer(spread, spread))
    alpha = spread[:, None] * (root @ rng.standard_normal((p, z.shape[1])))
    taken = np.linalg.solve(held[:, p:], latent.constraint.T @ z - held[:, :p] @ alpha)
    return np.concatenate([alpha, taken]), alpha


def root_of(correlation: Float) -> Float:
    """
    Root of a correlation matrix. Shapes: correlation (n, n); returns (n, n).

    `correlation`: Symmetric, of unit diagonal, positive definite but for rounding. Returns: L with L L' =
    correlation: its Cholesky factor, which hardly moves with the last digit of the matrix, so that the same seed
    gives the same draws whatever the units of a covariate; where rounding leaves none, its eigenvectors by the
    roots of its eigenvalues, none below 1e-14.
    """
    try:
        return np.asarray(np.linalg.cholesky(correlation + _ROUNDING * np.eye(len(correlation))))
    except np.linalg.LinAlgError:
        value, vector = np.linalg.eigh(correlation)
        return np.asarray(vector * np.sqrt(np.maximum(value, _ROUNDING)))


def sparse_draws(system: Arrow, n_draw: int, rng: np.random.Generator) -> Float:
    """Draws of N(0, P^-1). Shapes: returns (n, n_draw)."""
    pattern = system.pattern
    out = np.empty((len(pattern.core) + len(pattern.leaf), n_draw))
    deviation = 1.0 / np.sqrt(system.leaf_pivot)
    for begin, x in lanes(len(pattern.core), n_draw):
        # Seven digits of white noise are what draws are kept in, and half the work.
        x[:] = rng.standard_normal(x.shape, dtype=np.float32)
        half_solve_lanes(system.factor, x)
        white = rng.standard_normal((len(pattern.leaf), x.shape[1]), dtype=np.float32)
        _spread_out(
            x,
            white,
            begin,
            pattern.ordered,
            pattern.leaf,
            pattern.host_ordered,
            deviation,
            system.leaf_weight,
            out,
        )
    return out


@njit(cache=True, nogil=True)
def _spread_out(
    x: Float,
    white: Float32,
    begin: int,
    core: NDArray[np.int64],
    leaf: NDArray[np.int64],
    host: NDArray[np.int64],
    deviation: Float,
    weight: Float,
    out: Float,
) -> None:
    """Draws of the core and of its leaves where they belong."""
    count = min(out.shape[1] - begin, x.shape[1])
    for i in range(len(core)):
        for r in range(count):
            out[core[i], begin + r] = x[i, r]
    for k in range(len(leaf)):
        for r in range(count):
            out[leaf[k], begin + r] = deviation[k] * white[k, r] + weight[k] * x[host[k], r]
