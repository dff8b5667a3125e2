"""Hierarchical models of a few published groups, sampled without a chain: draws of the values behind the estimates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
from scipy.optimize import minimize
from scipy.special import betaln, expit, gammaln

from bayesineq.errors import MeasureError
from bayesineq.measures.arrays import Array

# The share of its own distance from the line that a typical group gives up is uniform on (0, 1) a priori (Daniels
# 1999): a proper prior without a constant to choose. Its logit is the coordinate of the grids.
_NORMAL_GRID = np.linspace(-16.0, 16.0, 801)
_COUNT_GRID = np.linspace(-9.0, 12.0, 64)
_PROPOSALS = 10
_FREEDOM = 5
_FEWEST_EFFECTIVE = 0.05


def hierarchical_normal(
    estimate: Array, error: Array, design: Array, draws: int, generator: np.random.Generator
) -> Array:
    """
    Draws of the means behind normal estimates of known error.

    estimate_j ~ N(theta_j, s_j^2), theta_j ~ N(x_j beta, tau^2).

    Parameters
    ----------
    estimate, error : ndarray, shape (n_group,)
        Estimates and their standard errors; an error of zero is a value known exactly.
    design : ndarray, shape (n_group, n_coefficient)
        Intercept, and rank where the groups have an order.
    draws : int
        Number of draws.
    generator : Generator
        Source of randomness.

    Returns
    -------
    ndarray, shape (draws, n_group)
        Draws of theta, exact but for the grid of tau.

    References
    ----------
    Gelman et al. 2013, Bayesian Data Analysis, section 5.4; Daniels 1999, Can J Stat 27:567
    """
    typical = 1 / np.mean(1 / error[error > 0] ** 2)
    spread = typical * np.exp(-_NORMAL_GRID)
    variance = error**2 + spread[:, None]
    precision, coefficient = _regression(estimate, variance, design)
    residual = estimate - coefficient @ design.T
    log_density = (
        -0.5 * np.sum(np.log(variance) + residual**2 / variance, axis=1)
        - 0.5 * np.linalg.slogdet(precision)[1]
        + np.log(expit(_NORMAL_GRID))
        + np.log(expit(-_NORMAL_GRID))
    )
    picked = _pick(log_density, _NORMAL_GRID, draws, generator)
    spread = typical * np.exp(-picked)
    variance = error**2 + spread[:, None]
    precision, coefficient = _regression(estimate, variance, design)
    noise = generator.standard_normal((draws, design.shape[1]))
    # With precision L L', the solution of L' z = noise has the covariance wanted.
    lower = np.linalg.cholesky(precision)
    coefficient = coefficient + np.linalg.solve(np.swapaxes(lower, 1, 2), noise[..., None])[..., 0]
    line = coefficient @ design.T
    keep = spread[:, None] / variance
    mean = keep * estimate + (1 - keep) * line
    return np.asarray(mean + np.sqrt(keep) * error * generator.standard_normal(mean.shape))


def hierarchical_counts(
    events: Array,
    exposure: Array,
    design: Array,
    likelihood: Literal["binomial", "poisson"],
    draws: int,
    generator: np.random.Generator,
) -> Array:
    """
    Draws of the proportions or rates behind counts: beta-binomial or gamma-Poisson about a common mean or gradient.

    Parameters
    ----------
    events, exposure : ndarray, shape (n_group,)
        Events, and people or person-years.
    design : ndarray, shape (n_group, n_coefficient)
        Intercept, and rank where the groups have an order; a line on the logit or log scale.
    likelihood : {"binomial", "poisson"}
        Likelihood of the events.
    draws : int
        Number of draws.
    generator : Generator
        Source of randomness.

    Returns
    -------
    ndarray, shape (draws, n_group)
        Draws of proportions or rates, by importance resampling of the three parameters and then conjugate draws.

    Raises
    ------
    MeasureError
        If the importance weights show that the parameters could not be sampled.

    References
    ----------
    Gelman et al. 2013, Bayesian Data Analysis, section 5.3; Daniels 1999, Can J Stat 27:567
    """
    typical = float(1 / np.mean(1 / exposure)) if likelihood == "binomial" else float(max(np.median(events), 1.0))
    log_density = _count_density(events, exposure, design, likelihood, typical)
    modes, factors, heights = _profile(log_density, events, exposure, design, likelihood)
    n = _PROPOSALS * draws
    probability = np.exp(heights - heights.max())
    # A floor keeps every part of the grid in reach of the proposals, whatever the approximation says.
    probability = 0.9 * probability / probability.sum() + 0.1 / len(_COUNT_GRID)
    place = generator.choice(len(_COUNT_GRID), size=n, p=probability)
    step = _COUNT_GRID[1] - _COUNT_GRID[0]
    shrink = _COUNT_GRID[place] + step * (generator.random(n) - 0.5)
    k = design.shape[1]
    scale = np.sqrt(_FREEDOM / generator.chisquare(_FREEDOM, n))
    unit = generator.standard_normal((n, k)) * scale[:, None]
    coefficient = modes[place] + np.einsum("nij,nj->ni", factors[place], unit)
    proposal = (
        np.log(probability[place])
        - np.linalg.slogdet(factors)[1][place]
        - 0.5 * (_FREEDOM + k) * np.log1p(np.sum(unit**2, axis=1) / _FREEDOM)
    )
    weight = log_density(coefficient, shrink) - proposal
    weight = np.exp(weight - weight.max())
    weight /= weight.sum()
    if 1 / np.sum(weight**2) < _FEWEST_EFFECTIVE * draws:
        raise MeasureError(
            "the hierarchical model of these counts could not be sampled well: too little information in the groups; "
            'fit a card with `fit`, or give estimates with standard errors and method="independent"'
        )
    chosen = generator.choice(n, size=draws, p=weight)
    mean, size = _mean_and_size(coefficient[chosen], shrink[chosen], design, likelihood, typical)
    if likelihood == "binomial":
        return generator.beta(size * mean + events, size * (1 - mean) + exposure - events)
    return generator.gamma(size + events, 1 / (size / mean + exposure))


def _regression(estimate: Array, variance: Array, design: Array) -> tuple[Array, Array]:
    """Precision and mean of the coefficients given each spread, by weighted least squares."""
    precision = np.einsum("ji,nj,jk->nik", design, 1 / variance, design)
    return precision, np.linalg.solve(precision, ((estimate / variance) @ design)[..., None])[..., 0]


def _pick(log_density: Array, grid: Array, draws: int, generator: np.random.Generator) -> Array:
    probability = np.exp(log_density - log_density.max())
    place = generator.choice(grid.size, size=draws, p=probability / probability.sum())
    return np.asarray(grid[place] + (grid[1] - grid[0]) * (generator.random(draws) - 0.5))


def _mean_and_size(
    coefficient: Array, shrink: Array, design: Array, likelihood: str, typical: float
) -> tuple[Array, Array]:
    """Prior mean and prior size (people or events that the prior is worth) of each group."""
    line = coefficient @ design.T
    mean = expit(line) if likelihood == "binomial" else np.exp(line)
    return np.asarray(mean), typical * np.exp(shrink)[:, None]


def _count_density(
    events: Array, exposure: Array, design: Array, likelihood: str, typical: float
) -> Callable[[Array, Array], Array]:
    def log_density(coefficient: Array, shrink: Array) -> Array:
        mean, size = _mean_and_size(coefficient, shrink, design, likelihood, typical)
        if likelihood == "binomial":
            a, b = size * mean, size * (1 - mean)
            marginal = betaln(a + events, b + exposure - events) - betaln(a, b)
        else:
            marginal = (
                gammaln(size + events)
                - gammaln(size)
                - (size + events) * np.log1p(exposure * mean / size)
                + events * np.log(exposure * mean / size)
            )
        return np.asarray(marginal.sum(axis=1) + np.log(expit(shrink)) + np.log(expit(-shrink)))

    return log_density


def _profile(
    log_density: Callable[[Array, Array], Array], events: Array, exposure: Array, design: Array, likelihood: str
) -> tuple[Array, Array, Array]:
    """At each degree of shrinkage: best coefficients, a factor of their covariance, and the Laplace height."""
    k = design.shape[1]
    rate = (events.sum() + 0.5) / (exposure.sum() + 1.0)
    best = np.zeros(k)
    best[0] = np.log(rate / (1 - rate)) if likelihood == "binomial" else np.log(rate)
    modes, factors, heights = [], [], []
    for shrink in _COUNT_GRID:
        at = np.array([shrink])

        def loss(c: Array, at: Array = at) -> float:
            return -float(log_density(np.asarray(c)[None], at)[0])

        best = minimize(loss, best, method="BFGS").x
        lower = np.linalg.cholesky(np.linalg.inv(_curvature(loss, best)))
        modes.append(best)
        factors.append(lower)
        heights.append(-loss(best) + np.linalg.slogdet(lower)[1])
    return np.array(modes), np.array(factors), np.array(heights)


def _curvature(loss: Callable[[Array], float], at: Array) -> Array:
    """Second differences, floored so that a flat direction still gives a covariance."""
    k, h = at.size, 1e-3
    found = np.empty((k, k))
    for i in range(k):
        for j in range(k):
            a, b = np.eye(k)[i] * h, np.eye(k)[j] * h
            found[i, j] = (loss(at + a + b) - loss(at + a - b) - loss(at - a + b) + loss(at - a - b)) / (4 * h * h)
    values, vectors = np.linalg.eigh((found + found.T) / 2)
    return np.asarray((vectors * np.maximum(values, 0.05)) @ vectors.T)
