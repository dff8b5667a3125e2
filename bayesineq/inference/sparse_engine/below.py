"""Probability of an outcome below the one seen, averaged over a Gaussian linear predictor."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy import special

from bayesineq.inference.sparse_engine.likelihoods import BINOMIAL, GAUSSIAN, NEGATIVE_BINOMIAL, NODES, POISSON, WEIGHTS
from bayesineq.inference.sparse_engine.passes import Observed, subset

Float = NDArray[np.float64]

RULE: Final = (NODES[3, :17].copy(), WEIGHTS[3, :17].copy())
"""Nodes and weights of the Gauss-Hermite rule of 17."""

_COUNTED: Final = 500.0
_REGULAR: Final = 5.0
"""Laws of at least this size are near enough to Gaussian for Gauss-Hermite sums about their mode."""


def probability_below(data: Observed, own: float, mean: Float, variance: Float, log_density: Float) -> Float:
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
    log_density : ndarray, shape (n_row,)
        Log probability or density of each row under that predictor, as `log_predictive` gives it.

    Returns
    -------
    ndarray, shape (n_row,)
        Probability integral transform.
    """
    if data.family == GAUSSIAN:
        return np.asarray(special.ndtr((data.upper - mean) / np.sqrt(variance + own * own)))
    discrete = data.family in _DISCRETE
    out = np.empty(len(mean))
    head = (data.family, data.lower, data.upper, data.trials, own, mean, variance)
    _informative_below(*head, *RULE, out)
    if discrete:
        _counted_below(*head, *RULE, out)
        out -= 0.5 * np.exp(log_density)
    vague = np.flatnonzero(np.isnan(out))
    if len(vague):
        rows = subset(data, vague)
        below = _cdf(rows, own, mean[vague, None] + np.sqrt(variance[vague])[:, None] * RULE[0])
        upper = below(rows.upper)
        lower = below(rows.lower - 1.0) if discrete else upper
        out[vague] = 0.5 * (lower + upper) @ RULE[1]
    return out


@njit(cache=True, nogil=True)
def _informative_below(
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
    """
    P(Y <= y) of rows that say more of their predictor than the Gaussian does; nan for all others.

    As a function of the predictor P(Y <= y) is itself a survival function: of log Gamma(y + 1) for a Poisson count, of
    logit Beta(y + 1, n - y) for a binomial one. Its mean under N(m, v) is that of Phi((eta - m) / sqrt(v)) under that
    law, which is smooth where P(Y <= y) is steep.
    """
    for r in range(len(mean)):
        a, b, y = upper[r] + 1.0, np.inf, upper[r]
        shift = 0.0
        if family == 1:
            b = trials[r] - y
        elif family == 2:
            b, shift = own, math.log(own)
        elif family == 5:
            a = own
        served = family != 3 and lower[r] == y and min(a, b) >= _REGULAR
        width = math.sqrt(1.0 / a + 1.0 / b) if served else np.inf
        sd = math.sqrt(max(variance[r], 0.0))
        if not width < sd:
            out[r] = np.nan
            continue
        top = math.log(a) if b == np.inf else math.log(a / b)
        height = _log_steepness(a, b, top)
        total, mass = 0.0, 0.0
        for k in range(len(nodes)):
            at = top + width * nodes[k]
            weight = weights[k] * math.exp(_log_steepness(a, b, at) - height + 0.5 * nodes[k] ** 2)
            # The larger a gamma outcome's predictor, the more likely is a smaller outcome than y: the law turned round.
            eta = math.log(own * y) - at if family == 5 else at + shift
            total += weight * 0.5 * math.erfc((mean[r] - eta) / (sd * math.sqrt(2.0)))
            mass += weight
        out[r] = total / mass


@njit(cache=True, nogil=True)
def _counted_below(
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
    """P(Y <= y) of rows that are still nan and near one end of their range, by summing probabilities from that end."""
    log_own = math.log(own)
    for r in range(len(mean)):
        y = upper[r]
        if not math.isnan(out[r]) or family == 3 or lower[r] != y:
            continue
        missed = trials[r] - y if family == 1 else np.inf
        if min(y, missed) > _COUNTED:
            continue
        turned = missed < y
        last = missed - 1.0 if turned else y
        sd = math.sqrt(variance[r])
        total = 0.0
        for k in range(len(nodes)):
            eta = mean[r] + sd * nodes[k]
            if family == 0:
                mass, odds, size = math.exp(-math.exp(eta)), math.exp(eta), 0.0
            elif family == 1:
                eta = -eta if turned else eta
                size = trials[r]
                mass, odds = math.exp(-size * (max(eta, 0.0) + math.log1p(math.exp(-abs(eta))))), math.exp(eta)
            else:
                eta -= log_own
                size = own
                mass = math.exp(-own * (max(eta, 0.0) + math.log1p(math.exp(-abs(eta)))))
                odds = 1.0 / (1.0 + math.exp(-eta))
            below, count = 0.0, 0.0
            while count <= last:
                below += mass
                if family == 0:
                    mass *= odds / (count + 1.0)
                elif family == 1:
                    mass *= (size - count) * odds / (count + 1.0)
                else:
                    mass *= (size + count) * odds / (count + 1.0)
                count += 1.0
            total += weights[k] * min(below, 1.0)
        out[r] = 1.0 - total if turned else total


@njit(cache=True, nogil=True)
def _log_steepness(a: float, b: float, x: float) -> float:
    """Log density, not normalised, of log Gamma(a), or of logit Beta(a, b) where b is finite."""
    if b == np.inf:
        return a * x - math.exp(x)
    return a * x - (a + b) * (max(x, 0.0) + math.log1p(math.exp(-abs(x))))


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


def beta_binomial_cdf(y: Float, trials: Float, own: float, eta: Float) -> Float:
    """
    P(Y <= y) of beta-binomial counts.

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
        Probabilities, counted from the nearer end; where neither is near, P(p < U) for the share p ~ Beta(a, b) and U
        ~ Beta(y + 1, n - y), since the binomial P(Y <= y | p) is P(U > p): a mean over the narrower of the two.
    """
    turned = trials - y - 1.0 < y
    near = np.where(turned, trials - y - 1.0, y)
    flipped = np.where(turned[:, None], -eta, eta)
    few = near <= _COUNTED
    below = np.empty(eta.shape)
    below[few] = _few_below(near[few], trials[few], own, flipped[few])
    below[~few] = _many_below(near[~few, None], trials[~few, None], own, flipped[~few])
    return np.where(turned[:, None], 1.0 - below, below)


def _many_below(y: Float, trials: Float, own: float, eta: Float) -> Float:
    """P(p < U) by Gauss-Hermite sums about the mode of the narrower law's logit."""
    share = np.clip(special.expit(eta), 1e-12, 1.0 - 1e-12)
    a, b = own * share, own * (1.0 - share)
    c, d = np.broadcast_to(y + 1.0, eta.shape), np.broadcast_to(trials - y, eta.shape)
    wide = 1.0 / a + 1.0 / b > 1.0 / c + 1.0 / d
    first, second = np.where(wide, c, a)[..., None], np.where(wide, d, b)[..., None]
    width = np.sqrt(1.0 / first + 1.0 / second)
    at = np.log(first / second) + width * RULE[0]
    log_density = first * at - (first + second) * np.logaddexp(0.0, at) + 0.5 * RULE[0] ** 2
    weight = RULE[1] * np.exp(log_density - log_density.max(axis=-1, keepdims=True))
    x = special.expit(at)
    other = np.where(
        wide[..., None], special.betainc(a[..., None], b[..., None], x), special.betaincc(c[..., None], d[..., None], x)
    )
    return np.asarray((weight * other).sum(axis=-1) / weight.sum(axis=-1))


@njit(cache=True, nogil=True)
def _few_below(y: Float, trials: Float, own: float, eta: Float) -> Float:
    """P(Y <= y) by summing the probabilities from zero."""
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
