"""Measures that compare two groups, a group with a standard, or the people at the two ends of the ranking."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from bayesineq.errors import MeasureError
from bayesineq.measures.arrays import Array, over_blocks, position, quotient, require, slice_mean, weighted_mean
from bayesineq.measures.definitions import measure

_DECILES = 10
_CORE_DECILES = 2


@measure
def difference(value: ArrayLike, weight: ArrayLike | None = None, *, favourable: bool = True) -> Array:
    """
    Difference between the most advantaged and the most disadvantaged group.

    Parameters
    ----------
    favourable : bool
        False for an adverse outcome (deaths, missed appointments) whose excess among the disadvantaged is to be
        positive.

    Examples
    --------
    >>> float(difference([60.0, 70.0, 80.0]))
    20.0
    >>> float(difference([9.0, 6.0, 3.0], favourable=False))
    6.0
    """

    def kernel(block: Array, share: Array) -> Array:
        first, last = _ends(block)
        return last - first if favourable else first - last

    return over_blocks(kernel, value, weight, each_counts_once=True)


@measure
def ratio(value: ArrayLike, weight: ArrayLike | None = None, *, favourable: bool = True) -> Array:
    """
    Ratio between the most advantaged and the most disadvantaged group.

    Parameters
    ----------
    favourable : bool
        False for an adverse outcome whose excess among the disadvantaged is to be above one.

    Examples
    --------
    >>> float(ratio([60.0, 70.0, 80.0], favourable=False))
    0.75
    """

    def kernel(block: Array, share: Array) -> Array:
        first, last = _ends(block)
        return quotient(last, first) if favourable else quotient(first, last)

    return over_blocks(kernel, value, weight, each_counts_once=True)


@measure
def range_difference(
    value: ArrayLike, weight: ArrayLike | None = None, *, reference: int | None = None, favourable: bool | None = None
) -> Array:
    """
    Difference between the best and the worst group, or between a reference group and the worst.

    Parameters
    ----------
    favourable : bool, optional
        Whether more is better: needed with a reference, because it says which extreme is the worst.

    Examples
    --------
    >>> float(range_difference([95.1, 100.0, 64.2], reference=0, favourable=True).round(1))
    30.9
    """

    def kernel(block: Array, share: Array) -> Array:
        high, low = _extremes(block, reference, favourable)
        return high - low

    return over_blocks(kernel, value, weight, each_counts_once=True)


@measure
def range_ratio(
    value: ArrayLike, weight: ArrayLike | None = None, *, reference: int | None = None, favourable: bool | None = None
) -> Array:
    """
    Ratio between the best and the worst group, or between a reference group and the worst.

    Parameters
    ----------
    favourable : bool, optional
        Whether more is better: needed with a reference.

    Examples
    --------
    >>> float(range_ratio([4.0, 8.0, 2.0]))
    4.0
    """

    def kernel(block: Array, share: Array) -> Array:
        return quotient(*_extremes(block, reference, favourable))

    return over_blocks(kernel, value, weight, each_counts_once=True)


@measure
def gap_to_target(value: ArrayLike, weight: ArrayLike | None = None, *, group: int, target: float) -> Array:
    """
    Gap between a named group and a fixed target.

    Parameters
    ----------
    target : float
        The standard, in the unit of the values.

    Examples
    --------
    >>> float(gap_to_target([0.5, 0.75], group=0, target=0.8).round(2))
    -0.3
    """
    return over_blocks(
        lambda block, share: block[:, position(group, block.shape[1], "group")] - target,
        value,
        weight,
        each_counts_once=True,
    )


@measure
def gap_to_average(value: ArrayLike, weight: ArrayLike, *, group: int) -> Array:
    """
    Gap between a named group and the average of all groups.

    Examples
    --------
    >>> float(gap_to_average([2.0, 4.0], [1, 1], group=0))
    -1.0
    """
    return over_blocks(
        lambda block, share: block[:, position(group, block.shape[1], "group")] - weighted_mean(block, share),
        value,
        weight,
        each_counts_once=True,
    )


@measure
def share_ratio(value: ArrayLike, weight: ArrayLike, *, group: int) -> Array:
    """
    Share of the events that fall in a named group, over its share of the population.

    Parameters
    ----------
    value : array_like, shape (..., n_group)
        Events per person of each group; not negative.

    Examples
    --------
    >>> float(share_ratio([3.0, 1.0], [1, 1], group=0))
    1.5
    """

    def kernel(block: Array, share: Array) -> Array:
        require(block >= 0, block, "a share of events needs values that are not negative", "give rates")
        return quotient(block[:, position(group, block.shape[1], "group")], weighted_mean(block, share))

    return over_blocks(kernel, value, weight, each_counts_once=True)


@measure
def core20_gap(value: ArrayLike, weight: ArrayLike, *, order: ArrayLike | None = None) -> Array:
    """
    Difference between the most deprived fifth (Core20) and everyone else.

    Parameters
    ----------
    value : array_like, shape (..., n_group)
        One value a group: ten national deciles, the most deprived first, or any groups with their decile in `order`.
    order : array_like, shape (n_group,), optional
        National decile of each group, 1 the most deprived.

    Examples
    --------
    >>> deciles = [12.0, 10.0] + [6.0] * 8
    >>> round(float(core20_gap(deciles, [1] * 10)), 6)
    5.0
    """

    def kernel(block: Array, share: Array) -> Array:
        core, rest = _core_and_rest(block, share, order)
        return core - rest

    return over_blocks(kernel, value, weight)


@measure
def core20_ratio(value: ArrayLike, weight: ArrayLike, *, order: ArrayLike | None = None) -> Array:
    """
    Ratio between the most deprived fifth (Core20) and everyone else.

    Parameters
    ----------
    value : array_like, shape (..., n_group)
        One value a group: ten national deciles, the most deprived first, or any groups with their decile in `order`.
    order : array_like, shape (n_group,), optional
        National decile of each group, 1 the most deprived.

    Examples
    --------
    >>> deciles = [12.0, 12.0] + [6.0] * 8
    >>> round(float(core20_ratio(deciles, [1] * 10)), 6)
    2.0
    """
    return over_blocks(lambda block, share: quotient(*_core_and_rest(block, share, order)), value, weight)


@measure
def quantile_difference(
    value: ArrayLike, weight: ArrayLike, *, fraction: float = 0.2, order: ArrayLike | None = None
) -> Array:
    """
    Difference between the most and the least advantaged fraction of people, exact fractions of the population.

    Examples
    --------
    >>> round(float(quantile_difference([1.0, 2.0, 4.0], [1, 1, 1], fraction=0.5)), 6)
    2.0
    """

    def kernel(block: Array, share: Array) -> Array:
        bottom, top = _tails(block, share, fraction, order)
        return top - bottom

    return over_blocks(kernel, value, weight)


@measure
def quantile_ratio(
    value: ArrayLike, weight: ArrayLike, *, fraction: float = 0.2, order: ArrayLike | None = None
) -> Array:
    """
    Ratio between the most and the least advantaged fraction of people, exact fractions of the population.

    Examples
    --------
    >>> round(float(quantile_ratio([1.0, 2.0, 4.0], [1, 1, 1], fraction=0.2)), 6)
    4.0
    """

    def kernel(block: Array, share: Array) -> Array:
        bottom, top = _tails(block, share, fraction, order)
        return quotient(top, bottom)

    return over_blocks(kernel, value, weight)


def _ends(block: Array) -> tuple[Array, Array]:
    if block.shape[1] < 2:
        raise MeasureError("a comparison needs two groups or more; given one")
    return block[:, 0], block[:, -1]


def _extremes(block: Array, reference: int | None, favourable: bool | None) -> tuple[Array, Array]:
    """Numerator and denominator: the larger and the smaller if nothing is odd."""
    if reference is None:
        return block.max(axis=1), block.min(axis=1)
    if favourable is None:
        raise MeasureError(
            "a reference group is compared with the worst group: say with `favourable` whether more is better"
        )
    named = block[:, position(reference, block.shape[1], "reference")]
    return (named, block.min(axis=1)) if favourable else (block.max(axis=1), named)


def _core_and_rest(block: Array, share: Array, order: ArrayLike | None) -> tuple[Array, Array]:
    if order is None and block.shape[1] != _DECILES:
        raise MeasureError(
            f"Core20 is deciles 1 and 2 of ten; given {block.shape[1]} groups: "
            "pass the national decile of each group as `order`"
        )
    decile = np.arange(1, _DECILES + 1) if order is None else np.asarray(order)
    if decile.shape != block.shape[1:] or not np.isin(decile, np.arange(1, _DECILES + 1)).all():
        raise MeasureError("`order` must hold the national decile, 1 (most deprived) to 10, of each group")
    core = np.broadcast_to(share * (decile <= _CORE_DECILES), block.shape)
    rest = np.broadcast_to(share * (decile > _CORE_DECILES), block.shape)
    if not ((core.sum(axis=1) > 0) & (rest.sum(axis=1) > 0)).all():
        raise MeasureError("a Core20 comparison needs people both in deciles 1-2 and in deciles 3-10")
    return (
        np.asarray((block * core).sum(axis=1) / core.sum(axis=1)),
        np.asarray((block * rest).sum(axis=1) / rest.sum(axis=1)),
    )


def _tails(block: Array, share: Array, fraction: float, order: ArrayLike | None) -> tuple[Array, Array]:
    if not 0 < fraction <= 0.5:
        raise MeasureError(
            f"fraction must be above 0 and at most 0.5, the share of people at each end; given {fraction}"
        )
    return slice_mean(block, share, 0.0, fraction, order), slice_mean(block, share, 1 - fraction, 1.0, order)
