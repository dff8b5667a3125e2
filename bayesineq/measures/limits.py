"""Published limits of counts and proportions (Byar, exact, Wilson), and the standard errors that limits stand for."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import logit
from scipy.stats import chi2, norm

from bayesineq.dims import CI_PROB
from bayesineq.errors import MeasureError
from bayesineq.measures.arrays import Array, Scale


def byar_limits(count: ArrayLike, *, prob: float = CI_PROB) -> Array:
    """
    Byar's approximate limits of a Poisson count.

    Parameters
    ----------
    count : array_like, shape (...)
        Counts: whole numbers, not negative.
    prob : float
        Probability of the limits.

    Returns
    -------
    ndarray, shape (..., 2)
        Lower and upper limit of the expected count.

    Raises
    ------
    MeasureError
        If a count is negative, fractional or missing, or the probability is not between 0 and 1.

    Notes
    -----
    x (1 - 1/(9x) - z/(3 sqrt(x)))^3 and (x + 1) (1 - 1/(9(x + 1)) + z/(3 sqrt(x + 1)))^3. The lower limit is 0 where
    the cube is that of a negative number: at one event for probabilities above 99.2%. `poisson_limits` is exact there.

    References
    ----------
    Breslow & Day 1987, IARC Scientific Publications 82, page 69

    Examples
    --------
    >>> byar_limits(25).round(4).tolist()
    [16.1743, 36.9065]
    """
    z = norm.ppf(0.5 + probability(prob) / 2)
    x = _whole(count)
    some = np.maximum(x, 1.0)
    lower = np.where(x > 0, some * np.maximum(1 - 1 / (9 * some) - z / (3 * np.sqrt(some)), 0.0) ** 3, 0.0)
    upper = (x + 1) * (1 - 1 / (9 * (x + 1)) + z / (3 * np.sqrt(x + 1))) ** 3
    return np.stack([lower, upper], axis=-1)


def poisson_limits(count: ArrayLike, *, prob: float = CI_PROB) -> Array:
    """
    Exact limits of a Poisson count.

    Parameters
    ----------
    count : array_like, shape (...)
        Counts: whole numbers, not negative.
    prob : float
        Probability of the limits.

    Returns
    -------
    ndarray, shape (..., 2)
        Lower and upper limit of the expected count.

    Raises
    ------
    MeasureError
        If a count is negative, fractional or missing, or the probability is not between 0 and 1.

    References
    ----------
    Garwood 1936, Biometrika 28:437

    Examples
    --------
    >>> poisson_limits(5).round(4).tolist()
    [1.6235, 11.6683]
    """
    tail = (1 - probability(prob)) / 2
    x = _whole(count)
    lower = np.where(x > 0, chi2.ppf(tail, 2 * np.maximum(x, 1.0)) / 2, 0.0)
    return np.stack([lower, chi2.ppf(1 - tail, 2 * x + 2) / 2], axis=-1)


def wilson_limits(count: ArrayLike, population: ArrayLike, *, prob: float = CI_PROB) -> Array:
    """
    Wilson's limits of a proportion.

    Parameters
    ----------
    count, population : array_like, shape (...)
        People with the attribute, and people.
    prob : float
        Probability of the limits.

    Returns
    -------
    ndarray, shape (..., 2)
        Lower and upper limit of the proportion.

    Raises
    ------
    MeasureError
        If a count is negative, fractional, missing or above its population, or a population is not above zero.

    References
    ----------
    Wilson 1927, J Am Stat Assoc 22:209

    Examples
    --------
    >>> wilson_limits(0, 10).round(4).tolist()
    [0.0, 0.2775]
    """
    x, n = counts_and_people(_whole(count), population)
    if (x > n).any():
        raise MeasureError(f"{int((x > n).sum())} counts are above their population; a proportion cannot be above one")
    z = norm.ppf(0.5 + probability(prob) / 2)
    centre = (2 * x + z**2) / (2 * (n + z**2))
    half = z * np.sqrt(z**2 + 4 * x * (1 - x / n)) / (2 * (n + z**2))
    return np.stack([np.maximum(centre - half, 0.0), np.minimum(centre + half, 1.0)], axis=-1)


def rank_correlation_limits(correlation: ArrayLike, number: int, *, prob: float = CI_PROB) -> Array:
    """
    Limits of Spearman's rank correlation.

    Parameters
    ----------
    correlation : array_like, shape (...)
        Correlations, between -1 and 1.
    number : int
        Number of pairs that they are of, four or more.
    prob : float
        Probability of the limits.

    Returns
    -------
    ndarray, shape (..., 2)
        Lower and upper limit.

    Raises
    ------
    MeasureError
        If a correlation is not between -1 and 1, or there are too few pairs.

    Notes
    -----
    tanh(atanh(r) +- z sqrt((1 + r^2 / 2) / (n - 3))), which holds for correlations below 0.95 or so.

    References
    ----------
    Bonett & Wright 2000, Psychometrika 65:23

    Examples
    --------
    >>> rank_correlation_limits(-0.2568, 6437).round(4).tolist()
    [-0.2798, -0.2335]
    """
    rho = np.asarray(correlation, dtype=np.float64)
    if number < 4 or not (np.abs(rho) < 1.0).all():
        raise MeasureError(f"limits need correlations within -1 and 1 of four pairs or more; given {rho} of {number}")
    half = norm.ppf(0.5 + probability(prob) / 2) * np.sqrt((1.0 + rho**2 / 2.0) / (number - 3))
    return np.tanh(np.arctanh(rho)[..., None] + np.stack([-half, half], axis=-1))


def standard_errors(lower: ArrayLike, upper: ArrayLike, *, prob: float = CI_PROB, scale: Scale = "linear") -> Array:
    """
    Standard errors that published limits stand for, on the scale on which the limits are symmetric.

    Parameters
    ----------
    lower, upper : array_like, shape (...)
        Limits.
    prob : float
        Probability held by the limits.
    scale : {"linear", "log", "logit"}
        Linear for means and differences, log for rates and ratios, logit for proportions.

    Returns
    -------
    ndarray, shape (...)
        Standard errors on that scale: with "log" those of the logarithm of the estimate.

    Raises
    ------
    MeasureError
        If a lower limit is above its upper one, or limits lie outside the scale.

    Examples
    --------
    >>> standard_errors([1.0, 2.0], [1.96, 3.96]).round(3).tolist()
    [0.245, 0.5]
    >>> round(float(standard_errors(0.5, 2.0, scale="log")), 3)
    0.354
    """
    z = norm.ppf(0.5 + probability(prob) / 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        width = on_scale(np.asarray(upper, dtype=np.float64), scale) - on_scale(
            np.asarray(lower, dtype=np.float64), scale
        )
    if (bad := ~(np.isfinite(width) & (width >= 0))).any():
        raise MeasureError(
            f"{int(bad.sum())} limits are missing, the wrong way round or outside the {scale} scale, which takes "
            "positive numbers (log) or proportions (logit)"
        )
    return np.asarray(width / (2 * z))[()]


def on_scale(value: Array, scale: Scale) -> Array:
    """The values themselves, their logarithms or their log odds; not finite where the scale has no such value."""
    if scale not in ("linear", "log", "logit"):
        raise MeasureError(f'scale must be "linear", "log" or "logit"; given {scale!r}')
    return np.asarray(np.log(value) if scale == "log" else logit(value) if scale == "logit" else value)


def counts_and_people(events: ArrayLike, population: ArrayLike) -> tuple[Array, Array]:
    """Check counts and the people (or person-years) they come from, shape (..., n_age); both, broadcast."""
    x, n = np.asarray(events, dtype=np.float64), np.asarray(population, dtype=np.float64)
    if x.shape[-1:] != n.shape[-1:]:
        raise MeasureError(f"events and people must come in the same age bands; given shapes {x.shape} and {n.shape}")
    x, n = np.broadcast_arrays(x, n)
    if not (np.isfinite(x) & (x >= 0)).all():
        raise MeasureError(f"{int((~(np.isfinite(x) & (x >= 0))).sum())} counts are negative or missing")
    if not (np.isfinite(n) & (n > 0)).all():
        raise MeasureError(f"{int((~(np.isfinite(n) & (n > 0))).sum())} populations are missing or not above zero")
    return x, n


def _whole(count: ArrayLike) -> Array:
    x = np.asarray(count, dtype=np.float64)
    if (bad := ~(np.isfinite(x) & (x >= 0) & (x == np.floor(x)))).any():
        raise MeasureError(
            f"{int(bad.sum())} counts are negative, fractional or missing, the first {x[bad].flat[0]:g}; limits are of "
            "whole events: give them as they were counted, or take the interval of a model"
        )
    return x


def probability(prob: float) -> float:
    """Check that the probability of limits lies between 0 and 1."""
    if not 0 < prob < 1:
        raise MeasureError(f"prob must be between 0 and 1; given {prob}")
    return prob
