"""
How each row fits, and how well it would have been predicted had it been left out.

The row's likelihood is divided out of the Gaussian posterior of its linear predictor: at the variational fixed point
it holds precision w and slope g, so that without it the predictor is N(m - c g, c) with 1/c = 1/v - w. What the row
itself says is then the exact likelihood under that Gaussian. No refit, and no importance weights. Hyperparameters
stay at their mode.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy import special

from bayesineq.inference.laplace.hyper import Model
from bayesineq.inference.laplace.likelihoods import (
    BINOMIAL,
    GAUSSIAN,
    NEGATIVE_BINOMIAL,
    NODES,
    POISSON,
    WEIGHTS,
    log_density_at_nodes,
)
from bayesineq.inference.laplace.newton import Posterior, own_value
from bayesineq.inference.laplace.passes import Observed

Float = NDArray[np.float64]

_BLOCK: Final = 20_000
_RULE: Final = 3
_SIZE: Final = 17
_DOMINANT: Final = 0.999
"""A row that holds more than this share of what is known of its own predictor cannot be left out by division."""


def pointwise_checks(model: Model, found: Posterior, pool: ThreadPoolExecutor) -> dict[str, Float]:
    """
    Fit and leave-one-out prediction of each row.

    Parameters
    ----------
    model : Model
        The model.
    found : Posterior
        The latent field at the mode of the hyperparameters.
    pool : ThreadPoolExecutor
        Where blocks of rows are done side by side.

    Returns
    -------
    dict of str to ndarray, shape (n_row,)
        `lpd`, log posterior predictive density of the row; `cpo`, density of the row given all others; `pit`,
        probability below it given all others, half of its own included where the outcome is discrete; `failure`, 1
        where the row decides its own predictor so far that leaving it out by division cannot be trusted.
    """
    n_row = len(found.mean)
    out = {name: np.empty(n_row) for name in ("lpd", "cpo", "pit", "failure")}
    own = own_value(model.latent, found.prior.values)

    def work(at: slice) -> None:
        mean, variance = found.mean[at], found.variance[at]
        share = found.curvature[at] * variance
        failed = ~(share < _DOMINANT)
        without = variance / (1.0 - np.where(failed, 0.0, share))
        shifted = mean - without * np.where(failed, 0.0, found.slope[at])
        data = subset(model.data, at)
        out["lpd"][at] = log_predictive(data, own, mean, variance)
        log_cpo = log_predictive(data, own, shifted, without)
        out["cpo"][at] = np.exp(log_cpo)
        out["pit"][at] = probability_below(data, own, shifted, without)
        out["failure"][at] = failed | ~np.isfinite(log_cpo)

    jobs = [pool.submit(work, slice(b, min(b + _BLOCK, n_row))) for b in range(0, n_row, _BLOCK)]
    for job in jobs:
        job.result()
    return out


def subset(data: Observed, at: slice | NDArray[np.int64]) -> Observed:
    """
    Some rows of a response.

    Parameters
    ----------
    data : Observed
        The response.
    at : slice or ndarray of int64
        Which rows.

    Returns
    -------
    Observed
        These.
    """
    return Observed(
        data.family, data.lower[at], data.upper[at], data.trials[at], data.offset[at], data.constant, data.log_value[at]
    )


def log_predictive(data: Observed, own: float, mean: Float, variance: Float) -> Float:
    """
    Log density of each row under a Gaussian linear predictor.

    Parameters
    ----------
    data : Observed
        The rows.
    own : float
        The likelihood's own parameter.
    mean, variance : ndarray, shape (n_row,)
        Moments of the linear predictor.

    Returns
    -------
    ndarray, shape (n_row,)
        log of the density averaged over the predictor; of the outcome itself where it was transformed.
    """
    if data.family == GAUSSIAN:
        total = variance + own * own
        return -0.5 * (np.log(2.0 * np.pi * total) + (data.upper - mean) ** 2 / total) - data.log_value
    at = np.zeros((len(mean), _SIZE))
    site = np.arange(len(mean), dtype=np.int32)
    nodes = NODES[_RULE, :_SIZE].copy()
    log_density_at_nodes(data.family, data.lower, data.upper, data.trials, own, mean, variance, nodes, site, at)
    return np.asarray(special.logsumexp(at, axis=1, b=WEIGHTS[_RULE, :_SIZE]))


def probability_below(data: Observed, own: float, mean: Float, variance: Float) -> Float:
    """
    Probability of an outcome below each row's, and half of that of its own.

    Parameters
    ----------
    data : Observed
        The rows.
    own : float
        The likelihood's own parameter.
    mean, variance : ndarray, shape (n_row,)
        Moments of the linear predictor.

    Returns
    -------
    ndarray, shape (n_row,)
        Probability integral transform.
    """
    if data.family == GAUSSIAN:
        return np.asarray(special.ndtr((data.upper - mean) / np.sqrt(variance + own * own)))
    eta = mean[:, None] + np.sqrt(variance)[:, None] * NODES[_RULE, :_SIZE]
    below = _cdf(data, own, eta)
    upper = below(data.upper)
    lower = below(data.lower - 1.0) if data.family in _DISCRETE else upper
    return np.asarray(0.5 * (lower + upper) @ WEIGHTS[_RULE, :_SIZE])


_DISCRETE: Final = frozenset({0, 1, 2, 3})


def _cdf(data: Observed, own: float, eta: Float) -> Callable[[Float], Float]:
    """P(Y <= y) at each node; nothing lies below zero."""

    def clipped(of: Callable[[Float], Float]) -> Callable[[Float], Float]:
        return lambda y: np.where(y[:, None] < 0.0, 0.0, of(np.maximum(y, 0.0)[:, None]))

    if data.family == POISSON:
        return clipped(lambda y: np.asarray(special.gammaincc(y + 1.0, np.exp(eta))))
    if data.family == BINOMIAL:
        n = data.trials[:, None]
        # SciPy's own binomial distribution function deprecates sizes that are stored as floating point.
        return clipped(
            lambda y: np.where(y >= n, 1.0, special.betaincc(y + 1.0, np.maximum(n - y, 1.0), special.expit(eta)))
        )
    if data.family == NEGATIVE_BINOMIAL:
        return clipped(lambda y: np.asarray(special.betainc(own, y + 1.0, special.expit(np.log(own) - eta))))
    if data.family == 3:
        return lambda y: np.asarray(beta_binomial_cdf(y, data.trials, own, eta))
    return clipped(lambda y: np.asarray(special.gammainc(own, own * y * np.exp(-eta))))


@njit(cache=True, nogil=True)
def beta_binomial_cdf(y: Float, trials: Float, own: float, eta: Float) -> Float:
    """
    P(Y <= y) of beta-binomial counts, by summing the probabilities from zero.

    Parameters
    ----------
    y, trials : ndarray, shape (n_row,)
        Counts and denominators.
    own : float
        Concentration.
    eta : ndarray, shape (n_row, n_node)
        Linear predictors.

    Returns
    -------
    ndarray, shape (n_row, n_node)
        Probabilities.
    """
    out = np.zeros(eta.shape)
    for r in range(eta.shape[0]):
        n = trials[r]
        for k in range(eta.shape[1]):
            p = 1.0 / (1.0 + math.exp(-eta[r, k]))
            p = min(max(p, 1e-12), 1.0 - 1e-12)
            a, b = own * p, own * (1.0 - p)
            log_mass = math.lgamma(n + b) - math.lgamma(b) + math.lgamma(own) - math.lgamma(n + own)
            total = 0.0
            count = 0.0
            while count <= y[r]:
                total += math.exp(log_mass)
                if count < n:
                    log_mass += math.log((n - count) * (count + a) / ((count + 1.0) * (n - count - 1.0 + b)))
                count += 1.0
            out[r, k] = min(total, 1.0)
    return out
