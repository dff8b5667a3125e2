"""Successes of a denominator at a probability that scatters about its mean: p ~ Beta(mean c, (1 - mean) c)."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from scipy.special import betainc, betaincc, expit

from bayesineq.model.families import binomial
from bayesineq.model.families.density import Density, Floats, digamma, log_choose, trigamma
from bayesineq.model.families.family import Family, Own, OwnParameter
from bayesineq.model.priors import complexity

_COUNTED = 500.0
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(17)
_WEIGHTS = _WEIGHTS / _WEIGHTS.sum()


class BetaBinomial(NamedTuple):
    """Its concentration: probabilities scatter with variance mean (1 - mean) / (concentration + 1)."""

    concentration: float


def _fixed_part(own: BetaBinomial, y: float, given: float) -> Any:
    c = own.concentration
    value = log_choose(y, given) + (math.lgamma(c) - math.lgamma(given + c))
    return value, (c * (digamma(c) - digamma(given + c)),)


def _point(own: BetaBinomial, y: float, given: float, eta: float) -> Any:
    c = own.concentration
    p = 1.0 / (1.0 + math.exp(-eta))
    p = min(max(p, 1e-12), 1.0 - 1e-12)
    a, b = c * p, c * (1.0 - p)
    value = math.lgamma(y + a) - math.lgamma(a) + math.lgamma(given - y + b) - math.lgamma(b)
    up, down = digamma(y + a) - digamma(a), digamma(given - y + b) - digamma(b)
    spread = p * (1.0 - p)
    bend = trigamma(y + a) - trigamma(a) + trigamma(given - y + b) - trigamma(b)
    curvature = c * spread * (1.0 - 2.0 * p) * (up - down) + (c * spread) ** 2 * bend
    return value, c * spread * (up - down), curvature, (c * (p * up + (1.0 - p) * down),)


def _cdf(own: BetaBinomial, y: Floats, given: Floats, eta: Floats) -> Floats:
    """
    P(Y <= y), counted from the nearer end.

    Where neither is near, P(p < U) for the share p ~ Beta(a, b) and U ~ Beta(y + 1, n - y), since the binomial
    P(Y <= y | p) is P(U > p): a mean over the narrower of the two.
    """
    y, trials, c = y[:, 0], given[:, 0], own.concentration
    turned = trials - y - 1.0 < y
    near = np.where(turned, trials - y - 1.0, y)
    flipped = np.where(turned[:, None], -eta, eta)
    few = near <= _COUNTED
    below = np.empty(eta.shape)
    below[few] = _compiled()(near[few], trials[few], c, flipped[few])
    below[~few] = _many_below(near[~few, None], trials[~few, None], c, flipped[~few])
    return np.where(turned[:, None], 1.0 - below, below)


@cache
def _compiled() -> Callable[..., Floats]:
    """Reading a card needs no compiler."""
    from numba import njit

    return njit(cache=True, nogil=True)(_few_below)


def _few_below(y: Floats, trials: Floats, own: float, eta: Floats) -> Floats:
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


def _many_below(y: Floats, trials: Floats, own: float, eta: Floats) -> Floats:
    """P(p < U) by Gauss-Hermite sums about the mode of the narrower law's logit."""
    share = np.clip(expit(eta), 1e-12, 1.0 - 1e-12)
    a, b = own * share, own * (1.0 - share)
    c, d = np.broadcast_to(y + 1.0, eta.shape), np.broadcast_to(trials - y, eta.shape)
    wide = 1.0 / a + 1.0 / b > 1.0 / c + 1.0 / d
    first, second = np.where(wide, c, a)[..., None], np.where(wide, d, b)[..., None]
    width = np.sqrt(1.0 / first + 1.0 / second)
    at = np.log(first / second) + width * _NODES
    log_density = first * at - (first + second) * np.logaddexp(0.0, at) + 0.5 * _NODES**2
    weight = _WEIGHTS * np.exp(log_density - log_density.max(axis=-1, keepdims=True))
    x = expit(at)
    other = np.where(wide[..., None], betainc(a[..., None], b[..., None], x), betaincc(c[..., None], d[..., None], x))
    return np.asarray((weight * other).sum(axis=-1) / weight.sum(axis=-1))


def replicate(rng: np.random.Generator, mean: Floats, exposure: Floats, trials: Floats, own: Own) -> Floats:
    """Successes of `trials` people at probabilities drawn about `mean`."""
    c = own["concentration"]
    return binomial.replicate(rng, np.asarray(rng.beta(mean * c, (1 - mean) * c)), exposure, trials, own)


def unit(level: float, unit: float) -> float:
    """Extra variation of one on the logit, on the scale of the proportion, which the logit stretches by p (1 - p)."""
    return float(0.5 / np.cosh(0.5 * level))


DENSITY = Density(own=BetaBinomial, fixed_part=_fixed_part, point=_point, cdf=_cdf)

FAMILY = Family(
    name="beta_binomial",
    link="logit",
    counts=True,
    replicate=replicate,
    density=DENSITY,
    given="at_risk",
    needs=("at_risk",),
    parameters=(OwnParameter("concentration", complexity(1.0), unit, dispersed=True),),
)
