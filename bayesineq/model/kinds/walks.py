"""Random walks as Gaussian vectors: their scaled structure, a basis of it, and the trend that order 2 leaves free."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def walk_precision(n_level: int, order: int) -> NDArray[np.float64]:
    """
    Structure matrix of a random walk, unscaled. Shapes: returns (n_level, n_level).

    Returns: D'D for the matrix D of differences; its null space holds the polynomials of degree below `order`.
    """
    difference = np.diff(np.eye(n_level), n=order, axis=0)
    return difference.T @ difference


def walk_basis(n_level: int, order: int, *, scale: bool) -> NDArray[np.float64]:
    """
    Basis in which a random walk of unit standard deviation is `basis @ z` with independent standard normal z.

    Shapes: returns (n_level, n_level - order).

    `scale`: Whether the geometric mean of the marginal variances is one (Sorbye and Rue 2014). Returns: columns
    orthogonal to every polynomial of degree below `order`, so that walks sum to zero.

    References
    ----------
    Sorbye SH, Rue H. Scaling intrinsic Gaussian Markov random field priors in spatial modelling. Spatial
    Statistics 2014. https://doi.org/10.1016/j.spasta.2013.06.004
    """
    value, vector = np.linalg.eigh(walk_precision(n_level, order))
    # Long walks of order 2 have eigenvalues that differ by 1e7 and more, which lets rounding into the null space.
    flat = np.linalg.qr(np.vander(np.linspace(-1.0, 1.0, n_level), order))[0]
    kept = vector[:, order:] - flat @ (flat.T @ vector[:, order:])
    basis: NDArray[np.float64] = kept / np.sqrt(value[order:])
    variance = np.square(basis).sum(axis=1)
    return basis / np.exp(0.5 * np.log(variance).mean()) if scale else basis


def linear_trend(n_level: int) -> NDArray[np.float64]:
    """Straight line over the levels with mean 0 and standard deviation 1. Shapes: returns (n_level,)."""
    line = np.arange(n_level) - (n_level - 1) / 2
    return line / line.std()
