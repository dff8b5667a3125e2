"""
The evidence for hyperparameters beyond its Gaussian bound.

log p(y | theta) = bound + log E_q[exp(r)], r = log p(y, z) - log q(z) - bound. At the variational fixed point r is a
sum over sites of what a quadratic cannot say of their log likelihood. Sites are nearly independent under q, so that
log E_q[exp(r)] is close to the sum of one-dimensional integrals, done by Gauss-Hermite quadrature. Without it the
bound is too small where sites are few and skew, by an amount that changes with the scale of the effects and moves the
mode of sigma by more than a posterior standard deviation at England's size.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bayesineq.inference.laplace.likelihoods import log_density_at_nodes, rule_for
from bayesineq.inference.laplace.newton import Posterior, own_value
from bayesineq.inference.laplace.parts import Latent
from bayesineq.inference.laplace.passes import Observed

Float = NDArray[np.float64]


def sites(latent: Latent) -> NDArray[np.int32]:
    """
    Site of each row: rows of one site share an effect, and so most of their linear predictor.

    Parameters
    ----------
    latent : Latent
        The latent field.

    Returns
    -------
    ndarray of int32, shape (n_row,)
        The level of the large block of most levels, else of the small block of most.
    """
    side = latent.large if len(latent.large.index) else latent.small
    sizes = [len(np.unique(index)) for index in side.index]
    return np.unique(side.index[int(np.argmax(sizes))], return_inverse=True)[1].astype(np.int32)


def evidence_gap(latent: Latent, data: Observed, found: Posterior, site: NDArray[np.int32]) -> Float:
    """
    What each site adds to the evidence bound.

    Parameters
    ----------
    latent : Latent
        The latent field.
    data : Observed
        The response.
    found : Posterior
        Variational fixed point.
    site : ndarray of int32, shape (n_row,)
        Site of each row.

    Returns
    -------
    ndarray, shape (n_site,)
        log E_q[exp(h)] with h the site's log likelihood less its projection on quadratics; never negative.
    """
    x, weight = rule_for(float(found.variance.max(initial=0.0)))
    at = np.zeros((int(site.max(initial=-1)) + 1, len(x)))
    own = own_value(latent, found.prior.values)
    log_density_at_nodes(data.family, data.lower, data.upper, data.trials, own, found.mean, found.variance, x, site, at)
    hermite = np.stack([np.ones_like(x), x, (x * x - 1.0) / np.sqrt(2.0)])
    rest = at - (at @ (weight * hermite).T) @ hermite
    top = rest.max(axis=1)
    return np.asarray(top + np.log(np.exp(rest - top[:, None]) @ weight))
