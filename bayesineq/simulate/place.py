"""Exact draws of the spatial effects that the models assume: intrinsic autoregression and BYM2."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_array, csr_array
from scipy.sparse.linalg import splu

from bayesineq.errors import BayesineqError
from bayesineq.space.adjacency import Adjacency
from bayesineq.space.scaling import scale_factors


def draw_icar(
    adjacency: Adjacency, rng: np.random.Generator, draws: int = 1, *, scale: bool = True
) -> NDArray[np.float64]:
    """
    Draws of the intrinsic conditional autoregression, each connected component summing to zero.

    Shapes: returns (draws, n_area).

    Notes
    -----
    With B the edges-by-areas incidence matrix, B'B = L is the graph Laplacian, so that for e ~ N(0, I) on the edges
    x = L^+ B'e has covariance L^+ L L^+ = L^+, which is the intrinsic autoregression under its constraint. L^+ B'e is
    found by fixing one area of each component at zero, solving, and taking off the mean: no pseudo-inverse is formed.

    References
    ----------
    Rue H, Held L. Gaussian Markov Random Fields. Chapman and Hall 2005, chapter 3.
    """
    n, m = len(adjacency), len(adjacency.edges)
    component = adjacency.component
    size = adjacency.component_sizes
    alone = size[component] == 1
    effect = np.zeros((n, draws))
    if m:
        grounded = np.zeros(n, dtype=bool)
        grounded[np.unique(component, return_index=True)[1]] = True
        free = np.flatnonzero(~grounded)
        end = np.concatenate([np.ones(m), -np.ones(m)])
        incidence = csr_array((end, (adjacency.edges.T.ravel(), np.tile(np.arange(m), 2))), shape=(n, m))
        noise = incidence @ rng.standard_normal((m, draws))
        solver = splu(csc_array(adjacency.laplacian()[free][:, free]))
        effect[free] = solver.solve(noise[free])
        total = np.zeros((len(size), draws))
        np.add.at(total, component, effect)
        effect -= (total / size[:, None])[component]
        if scale:
            effect /= np.sqrt(scale_factors(adjacency))[component][:, None]
    effect[alone] = rng.standard_normal((int(alone.sum()), draws))
    return np.ascontiguousarray(effect.T)


def draw_bym2(
    adjacency: Adjacency, rng: np.random.Generator, draws: int = 1, *, sigma: float, phi: float
) -> NDArray[np.float64]:
    """
    Draws of the BYM2 effect sigma * (sqrt(phi) * u + sqrt(1 - phi) * v): u scaled autoregression, v independent.

    Shapes: returns (draws, n_area).

    References
    ----------
    Riebler A, Sorbye SH, Simpson D, Rue H. Stat Methods Med Res 2016;25:1145, doi:10.1177/0962280216660421.
    """
    if not (sigma >= 0 and 0 <= phi <= 1):
        raise BayesineqError(f"sigma is {sigma} and phi is {phi}; sigma must be 0 or more, phi between 0 and 1")
    structured = draw_icar(adjacency, rng, draws)
    independent = rng.standard_normal(structured.shape)
    effect: NDArray[np.float64] = sigma * (np.sqrt(phi) * structured + np.sqrt(1 - phi) * independent)
    return effect
