"""Measures that compare the people at the two ends of the ranking, or Core20 with the rest."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from bayesineq.errors import MeasureError
from bayesineq.measures.arrays import Array, over_blocks, quotient, slice_mean
from bayesineq.measures.specification import measure

_DECILES = 10
_CORE_DECILES = 2


@measure(
    title="Core20 gap",
    family="simple",
    formula="mu(deciles 1-2) - mu(deciles 3-10), means weighted by people",
    ordered=True,
    absolute=True,
    sign="positive when the outcome is higher in the most deprived fifth of areas: the opposite of the slope index",
    reference="NHS England, Core20PLUS5: Core20 is the most deprived 20% of the national population by the index",
)
def core20_gap(value: ArrayLike, weight: ArrayLike, *, order: ArrayLike | None = None) -> Array:
    """
    Difference between the most deprived fifth (Core20) and everyone else.

    Parameters
    ----------
    value : array_like, shape (..., n_group)
        One value a group: ten national deciles, the most deprived first, or any groups with their decile in `order`.
    weight : array_like, shape (n_group,) or (..., n_group)
        People in each group.
    order : array_like, shape (n_group,), optional
        National decile of each group, 1 the most deprived.

    Returns
    -------
    ndarray, shape (...)
        The gap, in the unit of the values.

    Raises
    ------
    MeasureError
        If the groups are not deciles and `order` does not say their decile, or either side has no people.

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


@measure(
    title="Core20 ratio",
    family="simple",
    formula="mu(deciles 1-2) / mu(deciles 3-10), means weighted by people",
    ordered=True,
    absolute=False,
    bounds=(0.0, None),
    equality=1.0,
    sign="above 1 when the outcome is higher in the most deprived fifth of areas",
    zeros="the mean of the rest must be above zero and that of Core20 not negative, else refused",
    reference="NHS England, Core20PLUS5: Core20 is the most deprived 20% of the national population by the index",
)
def core20_ratio(value: ArrayLike, weight: ArrayLike, *, order: ArrayLike | None = None) -> Array:
    """
    Ratio between the most deprived fifth (Core20) and everyone else.

    Parameters
    ----------
    value : array_like, shape (..., n_group)
        One value a group: ten national deciles, the most deprived first, or any groups with their decile in `order`.
    weight : array_like, shape (n_group,) or (..., n_group)
        People in each group.
    order : array_like, shape (n_group,), optional
        National decile of each group, 1 the most deprived.

    Returns
    -------
    ndarray, shape (...)
        The ratio.

    Raises
    ------
    MeasureError
        As for `core20_gap`, or if the mean of the rest is not above zero.

    Examples
    --------
    >>> deciles = [12.0, 12.0] + [6.0] * 8
    >>> round(float(core20_ratio(deciles, [1] * 10)), 6)
    2.0
    """
    return over_blocks(lambda block, share: quotient(*_core_and_rest(block, share, order)), value, weight)


@measure(
    title="Quantile difference",
    family="simple",
    formula="mu(most advantaged fraction of people) - mu(least advantaged fraction); a group that straddles is divided",
    ordered=True,
    absolute=True,
    sign="positive when the outcome rises with advantage",
    reference="Osier 2009, Surv Res Methods 3:167 (quintile share), applied to rank by deprivation",
)
def quantile_difference(
    value: ArrayLike, weight: ArrayLike, *, fraction: float = 0.2, order: ArrayLike | None = None
) -> Array:
    """
    Difference between the most and the least advantaged fraction of people, exact fractions of the population.

    Parameters
    ----------
    value : array_like, shape (..., n_group)
        One value a group, the most disadvantaged first unless `order` says otherwise.
    weight : array_like, shape (n_group,) or (..., n_group)
        People in each group.
    fraction : float
        Share of people at each end, above 0 and at most one half: 0.2 compares fifths.
    order : array_like, shape (n_group,), optional
        What ranks the groups, lowest for the most disadvantaged. Ties share a rank.

    Returns
    -------
    ndarray, shape (...)
        The difference, in the unit of the values.

    Raises
    ------
    MeasureError
        If the fraction is not between 0 and one half.

    Examples
    --------
    >>> round(float(quantile_difference([1.0, 2.0, 4.0], [1, 1, 1], fraction=0.5)), 6)
    2.0
    """

    def kernel(block: Array, share: Array) -> Array:
        bottom, top = _tails(block, share, fraction, order)
        return top - bottom

    return over_blocks(kernel, value, weight)


@measure(
    title="Quantile ratio",
    family="simple",
    formula="mu(most advantaged fraction of people) / mu(least advantaged fraction); a group that straddles is divided",
    ordered=True,
    absolute=False,
    bounds=(0.0, None),
    equality=1.0,
    sign="above 1 when the outcome rises with advantage",
    zeros="the mean of the least advantaged must be above zero, else refused",
    reference="Osier 2009, Surv Res Methods 3:167 (quintile share), applied to rank by deprivation",
)
def quantile_ratio(
    value: ArrayLike, weight: ArrayLike, *, fraction: float = 0.2, order: ArrayLike | None = None
) -> Array:
    """
    Ratio between the most and the least advantaged fraction of people, exact fractions of the population.

    Parameters
    ----------
    value : array_like, shape (..., n_group)
        One value a group, the most disadvantaged first unless `order` says otherwise.
    weight : array_like, shape (n_group,) or (..., n_group)
        People in each group.
    fraction : float
        Share of people at each end, above 0 and at most one half.
    order : array_like, shape (n_group,), optional
        What ranks the groups, lowest for the most disadvantaged. Ties share a rank.

    Returns
    -------
    ndarray, shape (...)
        The ratio.

    Raises
    ------
    MeasureError
        If the fraction is not between 0 and one half, or the mean of the least advantaged is not above zero.

    Examples
    --------
    >>> round(float(quantile_ratio([1.0, 2.0, 4.0], [1, 1, 1], fraction=0.2)), 6)
    4.0
    """

    def kernel(block: Array, share: Array) -> Array:
        bottom, top = _tails(block, share, fraction, order)
        return quotient(top, bottom)

    return over_blocks(kernel, value, weight)


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
