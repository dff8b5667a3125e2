"""The slope and the relative index of inequality: a line through the values against relative rank."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit

from bayesineq.errors import MeasureError
from bayesineq.measures.arrays import Array, Scale, over_blocks, positive_mean, relative_rank, require, weighted_mean
from bayesineq.measures.definitions import measure
from bayesineq.measures.undefined import UndefinedDraws

type Convention = Literal["phe", "who", "pamuk"]

_MAX_ITERATION = 100
_TOLERANCE = 1e-12
_LARGEST_STEP = 3.0


@measure
def sii(
    value: ArrayLike,
    weight: ArrayLike,
    *,
    convention: Convention = "phe",
    scale: Scale = "linear",
    order: ArrayLike | None = None,
) -> Array:
    """
    Slope index of inequality: fitted value at the most advantaged end less that at the most disadvantaged end.

    Parameters
    ----------
    convention : {"phe", "who", "pamuk"}
        Which published definition. They agree on the linear scale.
    scale : {"linear", "log", "logit"}
        Scale on which the gradient is a line: log for rates, logit for proportions.

    Examples
    --------
    Life expectancy of three equal groups that rises by four years from one to the next:

    >>> round(float(sii([70.0, 74.0, 78.0], [1, 1, 1])), 6)
    12.0
    >>> round(float(sii([78.0, 70.0, 74.0], [1, 1, 1], order=[3, 1, 2])), 6)
    12.0
    """

    def kernel(block: Array, share: Array) -> Array:
        bottom, top = _fit(block, share, convention, scale, order)
        return top - bottom

    return over_blocks(kernel, value, weight)


@measure
def rii(
    value: ArrayLike,
    weight: ArrayLike,
    *,
    convention: Convention = "phe",
    scale: Scale = "linear",
    order: ArrayLike | None = None,
) -> Array:
    """
    Relative index of inequality: fitted value at the most advantaged end over that at the most disadvantaged end.

    Parameters
    ----------
    convention : {"phe", "who", "pamuk"}
        "phe" and "who" divide the two ends, "pamuk" divides the slope index by the mean: not the same number.
    scale : {"linear", "log", "logit"}
        Scale on which the gradient is a line.

    Examples
    --------
    >>> values, people = [10.0, 20.0, 30.0], [1, 1, 1]
    >>> round(float(rii(values, people)), 6)
    7.0
    >>> round(float(rii(values, people, convention="pamuk")), 6)
    1.5
    """

    def kernel(block: Array, share: Array) -> Array:
        bottom, top = _fit(block, share, convention, scale, order)
        remedy = 'use scale="log" or "logit", whose line stays above zero, or report the slope index'
        if convention == "pamuk":
            return np.asarray((top - bottom) / positive_mean(block, share, "a relative index", remedy))
        require(bottom > 0, bottom, "a relative index needs a fitted value above zero at the bottom", remedy)
        # A ratio of two ends of opposite sign is a number, but of nothing: no rate is negative.
        require(top >= 0, top, "a relative index needs a fitted value that is not negative at the top", remedy)
        return np.asarray(top / bottom)

    return over_blocks(kernel, value, weight)


def slope_ends(
    value: ArrayLike,
    weight: ArrayLike,
    *,
    convention: Convention = "phe",
    scale: Scale = "linear",
    order: ArrayLike | None = None,
) -> Array:
    """
    Fitted values at the two ends of the gradient: where to draw the line of the slope index.

    Parameters
    ----------
    value, weight, convention, scale, order
        As for `sii`.

    Returns
    -------
    ndarray, shape (..., 2)
        Fitted value at rank 0 (also known as the intercept) and at rank 1, in the unit of the values.

    Raises
    ------
    MeasureError
        As for `sii`.

    Examples
    --------
    >>> slope_ends([10.0, 20.0, 30.0], [1, 1, 1]).round(6).tolist()
    [5.0, 35.0]
    """

    def kernel(block: Array, share: Array) -> Array:
        return np.stack(_fit(block, share, convention, scale, order), axis=-1)

    return over_blocks(kernel, value, weight)


def _fit(
    block: Array, share: Array, convention: Convention, scale: Scale, order: ArrayLike | None
) -> tuple[Array, Array]:
    """Fitted values at rank 0 and rank 1 of each draw."""
    if convention not in ("phe", "who", "pamuk"):
        raise MeasureError(f'convention must be "phe", "who" or "pamuk"; given {convention!r}')
    if scale not in ("linear", "log", "logit"):
        raise MeasureError(f'scale must be "linear", "log" or "logit"; given {scale!r}')
    if convention == "pamuk" and scale != "linear":
        raise MeasureError(f'convention "pamuk" is defined on the linear scale; for scale={scale!r} use "phe" or "who"')
    rank = relative_rank(share, order) - 0.5
    _refuse_two_ranks(rank, share)
    if scale == "linear":
        return _line(block, share, rank)
    _check_scale(block, scale, closed=convention == "who")
    if convention == "who":
        return _generalised_line(block, share, rank, scale)
    bottom, top = _line(np.log(block) if scale == "log" else np.log(block / (1 - block)), share, rank)
    return (np.exp(bottom), np.exp(top)) if scale == "log" else (expit(bottom), expit(top))


def _refuse_two_ranks(rank: Array, share: Array) -> None:
    """A line through two points fits whatever they are, and its ends lie beyond both: their gap is the answer."""
    ranks = np.sort(np.where(share > 0, np.broadcast_to(rank, share.shape), np.inf), axis=-1)
    with np.errstate(invalid="ignore"):
        fewest = int((1 + ((np.diff(ranks, axis=-1) > 1e-12) & np.isfinite(ranks[..., 1:])).sum(axis=-1)).min())
    if fewest < 3:
        raise MeasureError(
            f"a gradient needs groups of at least three different ranks with people in them; given {fewest}. "
            "Of two groups report the difference and the ratio"
        )


def _line(block: Array, share: Array, rank: Array) -> tuple[Array, Array]:
    """Least squares: the mean of the centred ranks is zero, so the line goes through the mean at rank one half."""
    slope = weighted_mean(block, share * rank / np.sum(share * rank**2, axis=-1, keepdims=True))
    mean = weighted_mean(block, share)
    return mean - slope / 2, mean + slope / 2


def _generalised_line(block: Array, share: Array, rank: Array, scale: Scale) -> tuple[Array, Array]:
    """Newton's method for the two coefficients of each draw, in the canonical link, started at no gradient."""
    mean = weighted_mean(block, share)
    level = np.log(mean) if scale == "log" else np.log(mean / (1 - mean))
    coefficient = np.stack([level, np.zeros_like(level)], axis=-1)
    for _ in range(_MAX_ITERATION):
        eta = coefficient[:, :1] + coefficient[:, 1:] * rank
        fitted = np.exp(eta) if scale == "log" else expit(eta)
        curvature = share * (fitted if scale == "log" else fitted * (1 - fitted))
        residual = share * (block - fitted)
        g0, g1 = residual.sum(axis=1), (residual * rank).sum(axis=1)
        h00, h01, h11 = curvature.sum(axis=1), (curvature * rank).sum(axis=1), (curvature * rank**2).sum(axis=1)
        determinant = h00 * h11 - h01**2
        if (flat := ~(determinant > 0)).any():
            raise UndefinedDraws(_no_slope(scale), flat)
        step = np.stack([h11 * g0 - h01 * g1, h00 * g1 - h01 * g0], axis=-1) / determinant[:, None]
        size = np.abs(step).max(axis=1, keepdims=True)
        coefficient = coefficient + step * np.minimum(1.0, _LARGEST_STEP / np.maximum(size, _LARGEST_STEP))
        if (size <= _TOLERANCE * (1 + np.abs(coefficient))).all():
            inverse = np.exp if scale == "log" else expit
            return inverse(coefficient[:, 0] - coefficient[:, 1] / 2), inverse(
                coefficient[:, 0] + coefficient[:, 1] / 2
            )
    raise UndefinedDraws(_no_slope(scale), (size > _TOLERANCE * (1 + np.abs(coefficient))).any(axis=1))


def _no_slope(scale: Scale) -> str:
    return (
        f"the {scale} gradient has no finite slope: the groups split into those at the bound and those away from it; "
        'use scale="linear", or values from a model, which stay off the bounds'
    )


def _check_scale(block: Array, scale: Scale, *, closed: bool) -> None:
    if scale == "log":
        good = block >= 0 if closed else block > 0
        rule = "the log scale needs values " + ("that are not negative" if closed else "above zero")
    else:
        good = (block >= 0) & (block <= 1) if closed else (block > 0) & (block < 1)
        rule = "the logit scale needs proportions " + ("from 0 to 1" if closed else "strictly between 0 and 1")
    require(good, block, rule, 'divide percentages by 100, or use scale="linear"')
    if closed:
        some = (block > 0).any(axis=1) & (True if scale == "log" else (block < 1).any(axis=1))
        require(some, block[:, 0], "a gradient on this scale needs groups off the bound", 'use scale="linear"')
