"""
How each row fits, and how well it would have been predicted had it been left out.

The row's likelihood is divided out of the Gaussian posterior of its linear predictor: at the variational fixed point
it holds precision w and slope g, so that without it the predictor is N(m - c g, c) with 1/c = 1/v - w. What the row
itself says is then the exact likelihood under that Gaussian. No refit, and no importance weights. Hyperparameters
stay at their mode.
"""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from bayesineq.inference.laplace.below import RULE, probability_below
from bayesineq.inference.laplace.hyper import Model
from bayesineq.inference.laplace.likelihoods import GAUSSIAN, fixed_part, interval, point
from bayesineq.inference.laplace.newton import Posterior, own_value
from bayesineq.inference.laplace.passes import Observed, subset

Float = NDArray[np.float64]

_BLOCK: Final = 20_000
_STEPS: Final = 20
_LONGEST: Final = 2.0
_SETTLED: Final = 1e-4
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
        out["pit"][at] = probability_below(data, own, shifted, without, log_cpo)
        out["failure"][at] = failed | ~np.isfinite(log_cpo)

    jobs = [pool.submit(work, slice(b, min(b + _BLOCK, n_row))) for b in range(0, n_row, _BLOCK)]
    for job in jobs:
        job.result()
    return out


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
    out = np.empty(len(mean))
    _log_predictive(data.family, data.lower, data.upper, data.trials, own, mean, variance, *RULE, out)
    return out


@njit(cache=True, nogil=True)
def _log_likelihood(
    family: int, lower: float, upper: float, trials: float, own: float, eta: float
) -> tuple[float, float, float]:
    """Log p less its fixed part, and its first two derivatives."""
    if lower == upper:
        f, g, h, _ = point(family, upper, trials, own, eta)
    else:
        f, g, h, _ = interval(family, lower, upper, trials, own, eta)
    return f, g, h


@njit(cache=True, nogil=True)
def _log_predictive(
    family: int,
    lower: Float,
    upper: Float,
    trials: Float,
    own: float,
    mean: Float,
    variance: Float,
    nodes: Float,
    weights: Float,
    out: Float,
) -> None:
    """Gauss-Hermite sums about the mode of Gaussian times likelihood, which may lie far out in the Gaussian's tail."""
    for r in range(len(mean)):
        m, v = mean[r], variance[r]
        base = 0.0
        if lower[r] == upper[r]:
            base, _ = fixed_part(family, upper[r], trials[r], own)
        if not v > 0.0:
            f, _, _ = _log_likelihood(family, lower[r], upper[r], trials[r], own, m)
            out[r] = f + base
            continue
        centre, precision = m, 1.0 / v
        for _ in range(_STEPS):
            _, g, h = _log_likelihood(family, lower[r], upper[r], trials[r], own, centre)
            precision = 1.0 / v + max(-h, 0.0)
            step = (g - (centre - m) / v) / precision
            centre += min(max(step, -_LONGEST), _LONGEST)
            if abs(step) < _SETTLED:
                break
        sd = 1.0 / math.sqrt(precision)
        top, total = -np.inf, 0.0
        for k in range(len(nodes)):
            eta = centre + sd * nodes[k]
            f, _, _ = _log_likelihood(family, lower[r], upper[r], trials[r], own, eta)
            term = f - 0.5 * (eta - m) ** 2 / v + 0.5 * nodes[k] ** 2
            if term > top:
                total *= math.exp(top - term)
                top = term
            total += weights[k] * math.exp(term - top)
        out[r] = base + top + math.log(total) + math.log(sd) - 0.5 * math.log(v)
