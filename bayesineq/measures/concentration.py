"""The concentration family: is the outcome concentrated among the advantaged or the disadvantaged?"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from bayesineq.errors import MeasureError
from bayesineq.measures.arrays import (
    Array,
    over_blocks,
    positive_mean,
    rank_weights,
    relative_rank,
    require,
    weighted_mean,
)
from bayesineq.measures.definitions import measure

_CHECK_BOUNDS = "check that `lower` and `upper` are the bounds of the outcome in its own unit"


@measure
def absolute_concentration_index(value: ArrayLike, weight: ArrayLike, *, order: ArrayLike | None = None) -> Array:
    """
    Absolute (generalised) concentration index: twice the covariance of value and relative rank.

    Examples
    --------
    >>> round(float(absolute_concentration_index([1.0, 3.0], [1, 1])), 6)
    0.5
    """
    return over_blocks(lambda block, share: _absolute(block, share, order), value, weight)


@measure
def relative_concentration_index(value: ArrayLike, weight: ArrayLike, *, order: ArrayLike | None = None) -> Array:
    """
    Relative concentration index: the absolute one over the mean.

    Examples
    --------
    >>> round(float(relative_concentration_index([1.0, 3.0], [1, 1])), 6)
    0.25
    """

    def kernel(block: Array, share: Array) -> Array:
        return np.asarray(_absolute(block, share, order) / _mean(block, share))

    return over_blocks(kernel, value, weight)


@measure
def wagstaff_index(
    value: ArrayLike, weight: ArrayLike, *, lower: float = 0.0, upper: float = 1.0, order: ArrayLike | None = None
) -> Array:
    """
    Concentration index of a bounded outcome, over the largest it could be at the same mean.

    Parameters
    ----------
    value : array_like, shape (..., n_group)
        One value a group, from `lower` to `upper`.
    lower, upper : float
        Least and greatest value that the outcome could take, not that it took.

    Examples
    --------
    >>> round(float(wagstaff_index([0.25, 0.75], [1, 1])), 6)
    0.5
    """

    def kernel(block: Array, share: Array) -> Array:
        _inside(block, lower, upper)
        mean = weighted_mean(block, share)
        require((mean > lower) & (mean < upper), mean, "the Wagstaff index needs a mean off the bounds", _CHECK_BOUNDS)
        return np.asarray((upper - lower) * _absolute(block, share, order) / ((upper - mean) * (mean - lower)))

    return over_blocks(kernel, value, weight)


@measure
def erreygers_index(
    value: ArrayLike, weight: ArrayLike, *, lower: float = 0.0, upper: float = 1.0, order: ArrayLike | None = None
) -> Array:
    """
    Concentration index of a bounded outcome, over the largest it could be at any mean.

    Parameters
    ----------
    value : array_like, shape (..., n_group)
        One value a group, from `lower` to `upper`.
    lower, upper : float
        Least and greatest value that the outcome could take, not that it took.

    Examples
    --------
    >>> round(float(erreygers_index([0.25, 0.75], [1, 1])), 6)
    0.5
    """

    def kernel(block: Array, share: Array) -> Array:
        _inside(block, lower, upper)
        return np.asarray(4 * _absolute(block, share, order) / (upper - lower))

    return over_blocks(kernel, value, weight)


@measure
def extended_concentration_index(
    value: ArrayLike, weight: ArrayLike, *, aversion: float = 2.0, order: ArrayLike | None = None
) -> Array:
    """
    Concentration index with a chosen aversion to inequality.

    Parameters
    ----------
    aversion : float
        Weight on the disadvantaged, v, at least 1: 1 is indifferent, 2 the standard index.

    Examples
    --------
    >>> round(float(extended_concentration_index([1.0, 3.0], [1, 1], aversion=4.0)), 6)
    0.4375
    """
    if not 1 <= aversion < np.inf:
        raise MeasureError(f"aversion must be at least 1 (indifferent to inequality); given {aversion}")

    def kernel(block: Array, share: Array) -> Array:
        mean = _mean(block, share)
        weights = rank_weights(lambda r: -(np.clip(1 - r, 0, 1) ** aversion), share, order)
        return np.asarray(1 - weighted_mean(block, weights) / mean)

    return over_blocks(kernel, value, weight)


@measure
def symmetric_concentration_index(
    value: ArrayLike, weight: ArrayLike, *, sensitivity: float = 2.0, order: ArrayLike | None = None
) -> Array:
    """
    Concentration index that weighs both ends of the ranking alike, with a chosen sensitivity to the ends.

    Parameters
    ----------
    sensitivity : float
        Weight on the ends, b, above 1: 2 is the standard index.

    Examples
    --------
    >>> round(float(symmetric_concentration_index([1.0, 3.0], [1, 1], sensitivity=4.0)), 6)
    0.25
    """
    if not 1 < sensitivity < np.inf:
        raise MeasureError(f"sensitivity must be above 1 (2 is the standard index); given {sensitivity}")

    def kernel(block: Array, share: Array) -> Array:
        mean = _mean(block, share)
        weights = rank_weights(lambda r: 2 ** (sensitivity - 2) * np.abs(r - 0.5) ** sensitivity, share, order)
        return np.asarray(weighted_mean(block, weights) / mean)

    return over_blocks(kernel, value, weight)


@measure
def horizontal_inequity(
    value: ArrayLike, weight: ArrayLike, *, need: ArrayLike, order: ArrayLike | None = None
) -> Array:
    """
    Inequity of use at equal need: concentration of use less concentration of need.

    Parameters
    ----------
    value : array_like, shape (..., n_group)
        Use per person of each group, not negative.
    need : array_like, shape (n_group,)
        Use that the need of each group would call for, not negative.

    Examples
    --------
    Equal use although the first group needs three times as much:

    >>> round(float(horizontal_inequity([1.0, 1.0], [1, 1], need=[3.0, 1.0])), 6)
    0.25
    """
    use = relative_concentration_index(value, weight, order=order)
    return np.asarray(use - relative_concentration_index(need, weight, order=order))[()]


def _absolute(block: Array, share: Array, order: ArrayLike | None) -> Array:
    return weighted_mean(block, 2 * share * (relative_rank(share, order) - 0.5))


def _mean(block: Array, share: Array) -> Array:
    remedy = "use the absolute concentration index, or the Erreygers index for a bounded outcome"
    require(block >= 0, block, "a relative concentration index needs values that are not negative", remedy)
    return positive_mean(block, share, "a relative concentration index", remedy)


def _inside(block: Array, lower: float, upper: float) -> None:
    if not lower < upper:
        raise MeasureError(f"`lower` must be below `upper`; given {lower} and {upper}")
    rule = f"values must lie between the bounds of the outcome, {lower:g} and {upper:g}"
    require((block >= lower) & (block <= upper), block, rule, _CHECK_BOUNDS)
