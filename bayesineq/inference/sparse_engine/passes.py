"""Passes over the rows: predictors, their variances, expectations of the likelihood, and sums by effect."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from bayesineq.inference.inner import Inner
from bayesineq.inference.sparse_engine.field import Field
from bayesineq.inference.sparse_engine.likelihoods import (
    BINOMIAL,
    FAMILY,
    NODES,
    POISSON,
    WEIGHTS,
    expectations,
    fixed_total,
)
from bayesineq.inference.sparse_engine.parts import Latent
from bayesineq.inference.sparse_engine.rows import Sums, accumulate, predictor, predictor_variance

Float = NDArray[np.float64]

_CHUNK: Final = 200_000
_WITHOUT_OWN: Final = frozenset({POISSON, BINOMIAL})


@dataclass(frozen=True, slots=True)
class Observed:
    """
    The response as arrays.

    Parameters
    ----------
    family : int
        Likelihood.
    lower, upper, trials, offset : ndarray, shape (n_row,)
        Outcome (the two differ for intervals), denominator, offset.
    constant : float
        What of the log likelihood of all rows nothing changes: the log Jacobian of a transformed outcome, and
        factorials of counts whose likelihood has no parameter of its own.
    log_value : ndarray, shape (n_row,)
        Minus that Jacobian of each row: what makes densities those of the table's own outcome.
    """

    family: int
    lower: Float
    upper: Float
    trials: Float
    offset: Float
    constant: float
    log_value: Float


def observed(solved: Inner) -> Observed:
    """
    The response of a design as arrays.

    Parameters
    ----------
    solved : Inner
        A design in units of its own.

    Returns
    -------
    Observed
        Arrays for the kernels.
    """
    response, outcome = solved.design.response, solved.design.card.outcome
    value, log_value = response.value, -solved.log_jacobian
    if outcome.family.logged:
        value = np.log(value)
        log_value = log_value + value
    lower = value if response.lower is None else response.lower
    upper = value if response.upper is None else response.upper
    trials = np.ones(len(value)) if response.trials is None else response.trials
    family, constant = FAMILY[outcome.likelihood], -float(log_value.sum())
    if family in _WITHOUT_OWN:
        constant += fixed_total(family, lower, upper, trials)
    return Observed(family, lower, upper, trials, response.offset, constant, log_value)


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


def chunked(work: Callable[[int, int], None], n_row: int, pool: Executor | None) -> None:
    """
    Do rows in pieces, side by side where there are many.

    Parameters
    ----------
    work : callable
        Does the rows from its first to before its second argument.
    n_row : int
        Number of rows.
    pool : Executor, optional
        Where to work; None for this thread.
    """
    if pool is None or n_row <= _CHUNK:
        work(0, n_row)
        return
    edges = range(0, n_row, _CHUNK)
    for done in [pool.submit(work, b, min(b + _CHUNK, n_row)) for b in edges]:
        done.result()


def sums_over_rows(latent: Latent, slope: Float, curvature: Float, pool: Executor | None) -> Sums:
    """
    A'g and A'WA by effect.

    Parameters
    ----------
    latent : Latent
        The latent field.
    slope, curvature : ndarray, shape (n_row,)
        g and the diagonal of W.
    pool : Executor, optional
        Where to work.

    Returns
    -------
    Sums
        By effect.
    """
    n_row = len(slope)
    # Two halves, each with sums of its own: threads never write to the same place.
    pieces = 2 if pool is not None and n_row > _CHUNK else 1
    n_small, n_large, n_link = latent.small.size, latent.large.size, len(latent.links.left)

    def work(begin: int, end: int) -> Sums:
        out = Sums(
            np.zeros(n_small),
            np.zeros(n_large),
            np.zeros((n_small, n_small)),
            np.zeros((n_large, n_small)),
            np.zeros(n_link),
        )
        accumulate(  # type: ignore[call-arg]
            *_sides(latent),
            latent.links.index,
            slope,
            curvature,
            begin,
            end,
            out.small,
            out.large,
            out.corner,
            out.cross,
            out.link,
        )
        return out

    if pieces == 1 or pool is None:
        return work(0, n_row)
    jobs = [pool.submit(work, n_row * k // pieces, n_row * (k + 1) // pieces) for k in range(pieces)]
    first, second = (job.result() for job in jobs)
    for name in ("small", "large", "corner", "cross", "link"):
        total = getattr(first, name)
        total += getattr(second, name)
    return first


def _sides(latent: Latent) -> tuple[Any, ...]:
    small, large, links = latent.small, latent.large, latent.links
    return (
        small.index,
        small.weight,
        small.weighted,
        large.index,
        large.weight,
        large.weighted,
        links.first,
        links.second,
    )


def predict(latent: Latent, offset: Float, large: Float, small: Float, pool: Executor | None) -> Float:
    """
    Linear predictor of every row.

    Parameters
    ----------
    latent : Latent
        The latent field.
    offset : ndarray, shape (n_row,)
        What is added.
    large, small : ndarray
        Effects.
    pool : Executor, optional
        Where to work.

    Returns
    -------
    ndarray, shape (n_row,)
        offset + A effects.
    """
    out = np.empty(len(offset))

    def work(begin: int, end: int) -> None:
        side = latent.small
        predictor(offset, side.index, side.weight, side.weighted, small, begin, end, out)
        side = latent.large
        predictor(out, side.index, side.weight, side.weighted, large, begin, end, out)

    chunked(work, len(offset), pool)
    return out


def variance_of_rows(
    latent: Latent, prior: Field, covariances: tuple[Float, Float, Float], pool: Executor | None
) -> Float:
    """
    Variance of every row's linear predictor.

    Parameters
    ----------
    latent : Latent
        The latent field.
    prior : Field
        Its prior, for the scales.
    covariances : (ndarray, ndarray, ndarray), shapes (n_small, n_small), (n_large, n_border) and (n_entry,)
        Posterior covariances of small latent values, minus those of large with small ones (further columns are not
        looked at), and those of large ones on the sparse pattern.
    pool : Executor, optional
        Where to work.

    Returns
    -------
    ndarray, shape (n_row,)
        Variances.
    """
    inner, spread, covariance = covariances
    corner = prior.basis @ inner @ prior.basis.T
    across = np.zeros((latent.large.size, latent.n_small))
    for k, part in enumerate(latent.large_parts):
        across[part.effect] -= prior.scale[k] * spread[part.latent, : latent.n_small]
    cross = across @ prior.basis.T
    link = np.zeros(len(latent.links.left))
    for c in latent.couplings:
        times = (2.0 if c.twice else 1.0) * prior.scale[c.left] * prior.scale[c.right]
        link[c.link] += times * covariance[c.entry]
    out = np.empty(latent.small.index.shape[1])

    def work(begin: int, end: int) -> None:
        predictor_variance(*_sides(latent), latent.links.index, corner, cross, link, begin, end, out)  # type: ignore[call-arg]

    chunked(work, len(out), pool)
    return out


def expected(
    data: Observed, own: float, mean: Float, variance: Float, pool: Executor | None
) -> tuple[float, float, Float, Float]:
    """
    Expected log likelihood and its derivatives under N(mean, variance) of each linear predictor.

    Parameters
    ----------
    data : Observed
        The response.
    own : float
        The likelihood's own parameter.
    mean, variance : ndarray, shape (n_row,)
        Moments of the linear predictor.
    pool : Executor, optional
        Where to work.

    Returns
    -------
    (float, float, ndarray, ndarray)
        Sum of expected log p (less what `Observed.constant` holds of it), of its derivative in log `own`, and by row
        the slope and minus the curvature.
    """
    slope, curvature = np.empty_like(mean), np.empty_like(mean)
    parts: list[tuple[float, float]] = []
    head = (data.family, data.lower, data.upper, data.trials, own, mean, variance, NODES, WEIGHTS)

    def work(begin: int, end: int) -> None:
        parts.append(expectations(*head, begin, end, slope, curvature, data.family not in _WITHOUT_OWN))

    chunked(work, len(mean), pool)
    # Sorted, so that the order in which threads finish does not change the last digit.
    return sum(sorted(p[0] for p in parts)), sum(sorted(p[1] for p in parts)), slope, curvature
