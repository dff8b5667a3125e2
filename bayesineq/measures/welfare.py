"""Measures built on a social welfare function, each with the equal level that would be as good as what is."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from bayesineq.errors import MeasureError
from bayesineq.measures.arrays import Array, over_blocks, positive_mean, require, weighted_mean
from bayesineq.measures.definitions import measure

type Zeros = Literal["refuse", "limit"]


@measure
def atkinson(value: ArrayLike, weight: ArrayLike, *, aversion: float, zeros: Zeros = "refuse") -> Array:
    """
    Atkinson index: share of the mean that could be given up for equality without loss.

    Parameters
    ----------
    aversion : float
        Aversion to relative inequality, e, at least 0.

    Examples
    --------
    >>> round(float(atkinson([1.0, 4.0], [1, 1], aversion=1.0)), 6)
    0.2
    """

    def kernel(block: Array, share: Array) -> Array:
        equal, mean = _atkinson(block, share, aversion, zeros)
        return np.clip(1 - equal / mean, 0.0, 1.0)

    return over_blocks(kernel, value, weight)


@measure
def atkinson_ede(value: ArrayLike, weight: ArrayLike, *, aversion: float, zeros: Zeros = "refuse") -> Array:
    """
    Equal level of a good that is as desirable as its present distribution, under relative aversion.

    Parameters
    ----------
    aversion : float
        Aversion to relative inequality, e, at least 0.

    Examples
    --------
    >>> round(float(atkinson_ede([1.0, 4.0], [1, 1], aversion=1.0)), 6)
    2.0
    """
    return over_blocks(lambda block, share: _atkinson(block, share, aversion, zeros)[0], value, weight)


@measure
def kolm(value: ArrayLike, weight: ArrayLike, *, aversion: float) -> Array:
    """
    Kolm index: amount a head that could be given up for equality without loss.

    Parameters
    ----------
    aversion : float
        Aversion to absolute inequality, k, above 0, per unit of the values.

    Examples
    --------
    >>> round(float(kolm([1.0, 3.0], [1, 1], aversion=0.5)), 6)
    0.240229
    """
    return over_blocks(
        lambda block, share: np.maximum(weighted_mean(block, share) - _kolm(block, share, aversion), 0.0), value, weight
    )


@measure
def kolm_ede(value: ArrayLike, weight: ArrayLike, *, aversion: float) -> Array:
    """
    Equal level of a good that is as desirable as its present distribution, under absolute aversion.

    Parameters
    ----------
    aversion : float
        Aversion to absolute inequality, k, above 0, per unit of the values.

    Examples
    --------
    >>> round(float(kolm_ede([1.0, 3.0], [1, 1], aversion=0.5)), 6)
    1.759771
    """
    return over_blocks(lambda block, share: _kolm(block, share, aversion), value, weight)


@measure
def gini(value: ArrayLike, weight: ArrayLike) -> Array:
    """
    Gini index between groups: half the mean difference between two people, over the mean.

    Examples
    --------
    >>> round(float(gini([1.0, 3.0], [1, 1])), 6)
    0.25
    """
    return s_gini(value, weight, aversion=2.0)


@measure
def s_gini(value: ArrayLike, weight: ArrayLike, *, aversion: float) -> Array:
    """
    Gini index with a chosen aversion to inequality.

    Parameters
    ----------
    aversion : float
        Weight on the worst off, v, at least 1: 1 is indifferent, 2 the Gini index.

    Examples
    --------
    >>> round(float(s_gini([1.0, 3.0], [1, 1], aversion=3.0)), 6)
    0.375
    """

    def kernel(block: Array, share: Array) -> Array:
        equal, mean = _s_gini(block, share, aversion)
        return np.clip(1 - equal / mean, 0.0, 1.0)

    return over_blocks(kernel, value, weight)


@measure
def s_gini_ede(value: ArrayLike, weight: ArrayLike, *, aversion: float) -> Array:
    """
    Equal level of a good that is as desirable as its present distribution, under aversion by rank.

    Parameters
    ----------
    aversion : float
        Weight on the worst off, v, at least 1.

    Examples
    --------
    >>> round(float(s_gini_ede([1.0, 3.0], [1, 1], aversion=2.0)), 6)
    1.5
    """
    return over_blocks(lambda block, share: _s_gini(block, share, aversion)[0], value, weight)


def _atkinson(block: Array, share: Array, aversion: float, zeros: Zeros) -> tuple[Array, Array]:
    """Equally distributed equivalent and mean, computed on values over their mean so that no power overflows."""
    if not 0 <= aversion < np.inf:
        raise MeasureError(f"aversion must be 0 (indifferent) or more; given {aversion}")
    if zeros not in ("refuse", "limit"):
        raise MeasureError(f'zeros must be "refuse" or "limit"; given {zeros!r}')
    if aversion >= 1 and zeros == "refuse":
        rule = "the Atkinson index with an aversion of 1 or more needs values above zero"
        require(block > 0, block, rule, 'use an aversion below 1, or ask for the limit with zeros="limit"')
    require(block >= 0, block, "the Atkinson index needs values that are not negative", "use the Kolm index")
    mean = positive_mean(block, share, "the Atkinson index", "use the Kolm index")
    relative = block / mean[:, None]
    with np.errstate(divide="ignore"):
        if aversion == 1:
            return np.exp(weighted_mean(np.log(relative), share)) * mean, mean
        power = 1 - aversion
        return weighted_mean(relative**power, share) ** (1 / power) * mean, mean


def _kolm(block: Array, share: Array, aversion: float) -> Array:
    if not 0 < aversion < np.inf:
        raise MeasureError(f"aversion must be above 0, per unit of the values; given {aversion}")
    # The smallest value is taken out first, so that no exponential overflows.
    least = block.min(axis=1)
    return np.asarray(least - np.log(weighted_mean(np.exp(-aversion * (block - least[:, None])), share)) / aversion)


def _s_gini(block: Array, share: Array, aversion: float) -> tuple[Array, Array]:
    if not 1 <= aversion < np.inf:
        raise MeasureError(f"aversion must be at least 1 (indifferent to inequality); given {aversion}")
    require(block >= 0, block, "the Gini family needs values that are not negative", "use the Kolm index")
    mean = positive_mean(block, share, "the Gini family", "use the Kolm index")
    by_value = np.argsort(block, axis=1)
    shares = np.take_along_axis(np.broadcast_to(share, block.shape), by_value, axis=1)
    above = np.clip(1 - np.cumsum(shares, axis=1), 0.0, 1.0)
    weights = (above + shares) ** aversion - above**aversion
    return np.asarray((np.take_along_axis(block, by_value, axis=1) * weights).sum(axis=1)), mean
