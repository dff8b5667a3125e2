"""The slope and the relative index of inequality: a line through the values against relative rank."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from bayesineq.errors import MeasureError
from bayesineq.measures.arrays import Array, over_blocks, relative_rank, require, weighted_mean
from bayesineq.measures.specification import measure
from bayesineq.measures.undefined import UndefinedDraws

type Convention = Literal["phe", "who", "pamuk"]
type Scale = Literal["linear", "log", "logit"]

_MAX_ITERATION = 100
_TOLERANCE = 1e-12
_LARGEST_STEP = 3.0


@measure(
    title="Slope index of inequality",
    acronym="SII",
    family="gradient",
    formula="f(1) - f(0), f the line fitted to y against R with weights p. linear: y = a + bR, so SII = b. "
    'log and logit, convention="phe": least squares on the transformed values, then back. '
    'convention="who": quasi-Poisson (log) or quasi-binomial (logit) fit of y itself. "pamuk": linear only.',
    ordered=True,
    absolute=True,
    sign="positive when the outcome rises with advantage, whatever its polarity",
    zeros="linear takes any value; log needs values above zero (who: not negative); "
    "logit needs proportions strictly between 0 and 1 (who: 0 and 1 allowed)",
    reference="Low & Low 2004, J Public Health 26:388; Pamuk 1985, Popul Stud 39:17; "
    "Schlotheuber & Hosseinpoor 2022, Int J Environ Res Public Health 19:3697",
)
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
    value : array_like, shape (..., n_group)
        One value a group, the most disadvantaged group first unless `order` says otherwise.
    weight : array_like, shape (n_group,) or (..., n_group)
        Size of each group: people.
    convention : {"phe", "who", "pamuk"}
        Which published definition. They agree on the linear scale.
    scale : {"linear", "log", "logit"}
        Scale on which the gradient is a line: log for rates, logit for proportions.
    order : array_like, shape (n_group,), optional
        What ranks the groups, lowest for the most disadvantaged: decile, index rank. Ties share a rank.

    Returns
    -------
    ndarray, shape (...)
        The index, in the unit of the values.

    Raises
    ------
    MeasureError
        If people have fewer than three different ranks, or the values do not fit the scale.

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


@measure(
    title="Relative index of inequality",
    acronym="RII",
    family="gradient",
    formula='f(1) / f(0) (Kunst and Mackenbach; convention "phe" and "who"), or SII / mu (convention "pamuk"); '
    "f the line of the slope index",
    ordered=True,
    absolute=False,
    equality=1.0,
    sign="above 1 when the outcome rises with advantage (pamuk: above 0, and 0 at equality)",
    zeros="as the slope index; the fitted value at the bottom (pamuk: the mean) must be above zero and that at the top "
    "not negative, else refused",
    reference="Mackenbach & Kunst 1997, Soc Sci Med 44:757; Pamuk 1985, Popul Stud 39:17",
)
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
    value : array_like, shape (..., n_group)
        One value a group, the most disadvantaged group first unless `order` says otherwise.
    weight : array_like, shape (n_group,) or (..., n_group)
        Size of each group: people.
    convention : {"phe", "who", "pamuk"}
        "phe" and "who" divide the two ends, "pamuk" divides the slope index by the mean: not the same number.
    scale : {"linear", "log", "logit"}
        Scale on which the gradient is a line.
    order : array_like, shape (n_group,), optional
        What ranks the groups, lowest for the most disadvantaged. Ties share a rank.

    Returns
    -------
    ndarray, shape (...)
        The index.

    Raises
    ------
    MeasureError
        If the denominator is not above zero, the line is negative at the top, or as for `sii`.

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
            mean = weighted_mean(block, share)
            require(mean > 0, mean, "a relative index needs a mean above zero", remedy)
            return np.asarray((top - bottom) / mean)
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
    return (np.exp(bottom), np.exp(top)) if scale == "log" else (_expit(bottom), _expit(top))


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
        fitted = np.exp(eta) if scale == "log" else _expit(eta)
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
            inverse = np.exp if scale == "log" else _expit
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


def _expit(x: Array) -> Array:
    return np.asarray(0.5 * (1 + np.tanh(x / 2)))
