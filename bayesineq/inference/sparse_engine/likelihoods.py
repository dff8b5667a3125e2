"""
Likelihoods of one row and their expectations under a Gaussian linear predictor.

Every likelihood is four numbers at a value of the linear predictor: log p, its first and second derivative, and its
derivative with respect to the logarithm of the likelihood's own parameter. Gaussian expectations are closed where
they can be (Poisson, Gaussian, gamma) and Gauss-Hermite sums elsewhere. A count known as an interval has the
probability of the interval, summed over its values.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

Float = NDArray[np.float64]

POISSON: Final = 0
BINOMIAL: Final = 1
NEGATIVE_BINOMIAL: Final = 2
BETA_BINOMIAL: Final = 3
GAUSSIAN: Final = 4
GAMMA: Final = 5

FAMILY: Final = {
    "poisson": POISSON,
    "binomial": BINOMIAL,
    "bernoulli": BINOMIAL,
    "negative_binomial": NEGATIVE_BINOMIAL,
    "beta_binomial": BETA_BINOMIAL,
    "gaussian": GAUSSIAN,
    "log_normal": GAUSSIAN,
    "gamma": GAMMA,
}

_SIZES: Final = (3, 5, 9, 17, 31)


def _rules() -> tuple[Float, Float]:
    nodes, weights = np.zeros((len(_SIZES), _SIZES[-1])), np.zeros((len(_SIZES), _SIZES[-1]))
    for k, size in enumerate(_SIZES):
        x, w = np.polynomial.hermite_e.hermegauss(size)
        nodes[k, :size], weights[k, :size] = x, w / w.sum()
    return nodes, weights


NODES, WEIGHTS = _rules()


@njit(cache=True, nogil=True)
def digamma(x: float) -> float:
    """First derivative of log gamma, x > 0, to about 1e-12."""
    shift = 0.0
    while x < 8.0:
        shift -= 1.0 / x
        x += 1.0
    r = 1.0 / (x * x)
    series = r * (1 / 12 - r * (1 / 120 - r * (1 / 252 - r * (1 / 240 - r * (1 / 132 - r * 691 / 32760)))))
    return shift + math.log(x) - 0.5 / x - series


@njit(cache=True, nogil=True)
def trigamma(x: float) -> float:
    """Second derivative of log gamma, x > 0, to about 1e-12."""
    shift = 0.0
    while x < 8.0:
        shift += 1.0 / (x * x)
        x += 1.0
    r = 1.0 / (x * x)
    series = (1 + r * (1 / 6 - r * (1 / 30 - r * (1 / 42 - r * (1 / 30 - r * 5 / 66))))) / x
    return shift + 0.5 * r + series


@njit(cache=True, nogil=True)
def _softplus(x: float) -> float:
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


@njit(cache=True, nogil=True)
def fixed_part(family: int, y: float, trials: float, own: float) -> tuple[float, float]:
    """
    What of log p, and of its derivative with respect to log `own`, does not depend on the linear predictor.

    Parameters
    ----------
    family : int
        One of the constants above.
    y, trials : float
        Outcome and, for binomial families, its denominator.
    own : float
        The likelihood's own parameter: size, concentration, standard deviation or shape.

    Returns
    -------
    (float, float)
        Part of log p, part of its derivative.
    """
    if family == 0:
        return -math.lgamma(y + 1.0), 0.0
    if family == 1:
        return math.lgamma(trials + 1.0) - math.lgamma(y + 1.0) - math.lgamma(trials - y + 1.0), 0.0
    if family == 2:
        value = math.lgamma(y + own) - math.lgamma(own) - math.lgamma(y + 1.0) + own * math.log(own)
        return value, own * (digamma(y + own) - digamma(own) + math.log(own) + 1.0)
    if family == 3:
        value = math.lgamma(trials + 1.0) - math.lgamma(y + 1.0) - math.lgamma(trials - y + 1.0)
        value += math.lgamma(own) - math.lgamma(trials + own)
        return value, own * (digamma(own) - digamma(trials + own))
    if family == 4:
        return -0.5 * math.log(2.0 * math.pi) - math.log(own), -1.0
    value = own * math.log(own) - math.lgamma(own) + (own - 1.0) * math.log(y)
    return value, own * (math.log(own) + 1.0 - digamma(own) + math.log(y))


@njit(cache=True, nogil=True)
def fixed_total(family: int, lower: Float, upper: Float, trials: Float) -> float:
    """
    Sum of `fixed_part` over rows that are no intervals, of a likelihood without a parameter of its own.

    Parameters
    ----------
    family : int
        POISSON or BINOMIAL.
    lower, upper, trials : ndarray, shape (n_row,)
        As in `expectations`.

    Returns
    -------
    float
        Part of log p that nothing changes.
    """
    total = 0.0
    for r in range(len(upper)):
        if lower[r] == upper[r]:
            total += fixed_part(family, upper[r], trials[r], 1.0)[0]
    return total


@njit(cache=True, nogil=True)
def point(family: int, y: float, trials: float, own: float, eta: float) -> tuple[float, float, float, float]:
    """
    Log p less its fixed part, first and second derivative in eta, and derivative in log `own` less its fixed part.

    Parameters
    ----------
    family : int
        One of the constants above.
    y, trials, own : float
        As in `fixed_part`.
    eta : float
        Linear predictor.

    Returns
    -------
    (float, float, float, float)
        Value, slope, curvature (second derivative), slope in log `own`.
    """
    if family == 0:
        mean = math.exp(eta)
        return y * eta - mean, y - mean, -mean, 0.0
    if family == 1:
        tail = math.exp(-abs(eta))
        rest = 1.0 / (1.0 + tail)
        p = rest if eta > 0.0 else tail * rest
        value = y * eta - trials * (max(eta, 0.0) + math.log1p(tail))
        return value, y - trials * p, -trials * tail * rest * rest, 0.0
    if family == 2:
        # log(own + mean), and the share mean / (own + mean), without overflow.
        log_own = math.log(own)
        total = log_own + _softplus(eta - log_own)
        share = math.exp(eta - total)
        curvature = -(y + own) * share * (1.0 - share)
        slope_own = -own * (total + (y + own) * math.exp(-total))
        return y * eta - (y + own) * total, y - (y + own) * share, curvature, slope_own
    if family == 3:
        p = 1.0 / (1.0 + math.exp(-eta))
        p = min(max(p, 1e-12), 1.0 - 1e-12)
        a, b = own * p, own * (1.0 - p)
        value = math.lgamma(y + a) - math.lgamma(a) + math.lgamma(trials - y + b) - math.lgamma(b)
        up, down = digamma(y + a) - digamma(a), digamma(trials - y + b) - digamma(b)
        spread = p * (1.0 - p)
        bend = trigamma(y + a) - trigamma(a) + trigamma(trials - y + b) - trigamma(b)
        curvature = own * spread * (1.0 - 2.0 * p) * (up - down) + (own * spread) ** 2 * bend
        return value, own * spread * (up - down), curvature, own * (p * up + (1.0 - p) * down)
    if family == 4:
        z = (y - eta) / own
        return -0.5 * z * z, z / own, -1.0 / (own * own), z * z
    ratio = y * math.exp(-eta)
    return -own * (eta + ratio), own * (ratio - 1.0), -own * ratio, -own * (eta + ratio)


@njit(cache=True, nogil=True)
def interval(
    family: int, lower: float, upper: float, trials: float, own: float, eta: float
) -> tuple[float, float, float, float]:
    """
    Log P(lower <= Y <= upper) whole, with the same derivatives as `point`.

    Parameters
    ----------
    family : int
        A count family.
    lower, upper : float
        Ends, both included.
    trials, own, eta : float
        As in `point`.

    Returns
    -------
    (float, float, float, float)
        Value, slope, curvature, slope in log `own`.
    """
    top = -np.inf
    mass, slope, square, bend, slope_own = 0.0, 0.0, 0.0, 0.0, 0.0
    count = lower
    while count <= upper:
        base, base_own = fixed_part(family, count, trials, own)
        value, g, h, d = point(family, count, trials, own, eta)
        value += base
        if value > top:
            shrink = math.exp(top - value) if mass > 0.0 else 0.0
            mass, slope, square, bend, slope_own = (
                mass * shrink,
                slope * shrink,
                square * shrink,
                bend * shrink,
                slope_own * shrink,
            )
            top = value
        weight = math.exp(value - top)
        mass += weight
        slope += weight * g
        square += weight * g * g
        bend += weight * h
        slope_own += weight * (d + base_own)
        count += 1.0
    slope /= mass
    return top + math.log(mass), slope, (square + bend) / mass - slope * slope, slope_own / mass


@njit(cache=True, nogil=True)
def expectations(
    family: int,
    lower: Float,
    upper: Float,
    trials: Float,
    own: float,
    mean: Float,
    variance: Float,
    nodes: Float,
    weights: Float,
    begin: int,
    end: int,
    slope: Float,
    curvature: Float,
    whole: bool = True,
) -> tuple[float, float]:
    """
    Expected log p, its slope and minus its curvature for rows whose linear predictor is N(mean, variance).

    Parameters
    ----------
    family : int
        One of the constants above.
    lower, upper : ndarray, shape (n_row,)
        Outcome; the two differ where a count is known as an interval.
    trials : ndarray, shape (n_row,)
        Denominators of binomial families; any number elsewhere.
    own : float
        The likelihood's own parameter.
    mean, variance : ndarray, shape (n_row,)
        Moments of the linear predictor; a variance of zero gives the value at the mean.
    nodes, weights : ndarray, shape (n_rule, n_node)
        Gauss-Hermite rules.
    begin, end : int
        Rows to do.
    slope, curvature : ndarray, shape (n_row,)
        Filled with E[d log p / d eta] and max(-E[d2 log p / d eta2], 0).
    whole : bool
        Whether log p holds its fixed part where the row is no interval.

    Returns
    -------
    (float, float)
        Sum of expected log p, and of its derivative with respect to log `own`.
    """
    total, total_own = 0.0, 0.0
    for r in range(begin, end):
        m, v, y, n = mean[r], variance[r], upper[r], trials[r]
        exact = lower[r] == y
        base, base_own = 0.0, 0.0
        if exact and whole:
            base, base_own = fixed_part(family, y, n, own)
        f, g, h, d = 0.0, 0.0, 0.0, 0.0
        if exact and family == 0:
            rate = math.exp(m + 0.5 * v)
            f, g, h = y * m - rate, y - rate, -rate
        elif exact and family == 4:
            f, g, h, d = point(4, y, n, own, m)
            f -= 0.5 * v / (own * own)
            d += v / (own * own)
        elif exact and family == 5:
            ratio = y * math.exp(-m + 0.5 * v)
            f, g, h, d = -own * (m + ratio), own * (ratio - 1.0), -own * ratio, -own * (m + ratio)
        elif v == 0.0:
            if exact:
                f, g, h, d = point(family, y, n, own, m)
            else:
                f, g, h, d = interval(family, lower[r], y, n, own, m)
        else:
            rule = 0 if v < 0.02 else (1 if v < 0.08 else (2 if v < 0.4 else (3 if v < 0.9 else 4)))
            size = min((2 << rule) + 1, 31)
            sd = math.sqrt(v)
            for k in range(size):
                eta = m + sd * nodes[rule, k]
                if exact:
                    fk, gk, hk, dk = point(family, y, n, own, eta)
                else:
                    fk, gk, hk, dk = interval(family, lower[r], y, n, own, eta)
                f += weights[rule, k] * fk
                g += weights[rule, k] * gk
                h += weights[rule, k] * hk
                d += weights[rule, k] * dk
        total += f + base
        total_own += d + base_own
        slope[r] = g
        curvature[r] = max(-h, 0.0)
    return total, total_own


@njit(cache=True, nogil=True)
def log_density_at_nodes(
    family: int,
    lower: Float,
    upper: Float,
    trials: Float,
    own: float,
    mean: Float,
    variance: Float,
    nodes: Float,
    site: NDArray[np.int32],
    out: Float,
) -> None:
    """
    Add each row's log p at Gauss-Hermite nodes of its linear predictor to the row's site.

    Parameters
    ----------
    family, lower, upper, trials, own, mean, variance
        As in `expectations`.
    nodes : ndarray, shape (n_node,)
        Nodes of one rule.
    site : ndarray of int32, shape (n_row,)
        Where to add each row.
    out : ndarray, shape (n_site, n_node)
        Sums, added to.
    """
    for r in range(len(mean)):
        sd = math.sqrt(variance[r])
        exact = lower[r] == upper[r]
        base = 0.0
        if exact:
            base, _ = fixed_part(family, upper[r], trials[r], own)
        for k in range(len(nodes)):
            eta = mean[r] + sd * nodes[k]
            if exact:
                f, _, _, _ = point(family, upper[r], trials[r], own, eta)
            else:
                f, _, _, _ = interval(family, lower[r], upper[r], trials[r], own, eta)
            out[site[r], k] += f + base
