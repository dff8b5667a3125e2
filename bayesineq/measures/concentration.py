"""The concentration family: is the outcome concentrated among the advantaged or the disadvantaged?"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from bayesineq.errors import MeasureError
from bayesineq.measures.arrays import Array, over_blocks, rank_weights, relative_rank, require, weighted_mean
from bayesineq.measures.specification import measure

KAKWANI = "Kakwani, Wagstaff & van Doorslaer 1997, J Econometrics 77:87"
CONCENTRATED = "positive when the outcome is concentrated among the advantaged, as the slope index"
MEAN_ABOVE_ZERO = "the mean must be above zero and no value negative, else refused"
CHECK_BOUNDS = "check that `lower` and `upper` are the bounds of the outcome in its own unit"


@measure(
    title="Absolute concentration index",
    acronym="ACI",
    family="concentration",
    formula="2 sum p (y - mu)(R - 1/2)",
    ordered=True,
    absolute=True,
    sign=CONCENTRATED,
    reference=KAKWANI,
)
def absolute_concentration_index(value: ArrayLike, weight: ArrayLike, *, order: ArrayLike | None = None) -> Array:
    """
    Absolute (generalised) concentration index: twice the covariance of value and relative rank.

    Parameters
    ----------
    value : array_like, shape (..., n_group)
        One value a group, the most disadvantaged first unless `order` says otherwise.
    weight : array_like, shape (n_group,) or (..., n_group)
        People in each group.
    order : array_like, shape (n_group,), optional
        What ranks the groups, lowest for the most disadvantaged. Ties share a rank.

    Returns
    -------
    ndarray, shape (...)
        The index, in the unit of the values.

    Raises
    ------
    MeasureError
        If values, weights and order do not fit.

    Examples
    --------
    >>> round(float(absolute_concentration_index([1.0, 3.0], [1, 1])), 6)
    0.5
    """
    return over_blocks(lambda block, share: _absolute(block, share, order), value, weight)


@measure(
    title="Relative concentration index",
    acronym="RCI",
    family="concentration",
    formula="2 sum p (y - mu)(R - 1/2) / mu",
    ordered=True,
    absolute=False,
    bounds=(-1.0, 1.0),
    sign=CONCENTRATED + "; for a proportion the bounds shrink to mu - 1 and 1 - mu, so compare times or places "
    "whose means differ with the Wagstaff or the Erreygers index",
    zeros=MEAN_ABOVE_ZERO,
    reference=KAKWANI,
)
def relative_concentration_index(value: ArrayLike, weight: ArrayLike, *, order: ArrayLike | None = None) -> Array:
    """
    Relative concentration index: the absolute one over the mean.

    Parameters
    ----------
    value : array_like, shape (..., n_group)
        One value a group, not negative.
    weight : array_like, shape (n_group,) or (..., n_group)
        People in each group.
    order : array_like, shape (n_group,), optional
        What ranks the groups, lowest for the most disadvantaged. Ties share a rank.

    Returns
    -------
    ndarray, shape (...)
        The index, without unit.

    Raises
    ------
    MeasureError
        If a value is negative or the mean is zero.

    Examples
    --------
    >>> round(float(relative_concentration_index([1.0, 3.0], [1, 1])), 6)
    0.25
    """

    def kernel(block: Array, share: Array) -> Array:
        return np.asarray(_absolute(block, share, order) / _positive_mean(block, share))

    return over_blocks(kernel, value, weight)


@measure(
    title="Wagstaff index",
    family="concentration",
    formula="(upper - lower) ACI / ((upper - mu)(mu - lower)); for a proportion RCI / (1 - mu)",
    ordered=True,
    absolute=False,
    bounds=(-1.0, 1.0),
    sign=CONCENTRATED + "; unchanged in size when the outcome is turned into its complement",
    zeros="values must lie between the bounds and the mean strictly inside them, else refused",
    reference="Wagstaff 2005, Health Econ 14:429",
)
def wagstaff_index(
    value: ArrayLike, weight: ArrayLike, *, lower: float = 0.0, upper: float = 1.0, order: ArrayLike | None = None
) -> Array:
    """
    Concentration index of a bounded outcome, over the largest it could be at the same mean.

    Parameters
    ----------
    value : array_like, shape (..., n_group)
        One value a group, from `lower` to `upper`.
    weight : array_like, shape (n_group,) or (..., n_group)
        People in each group.
    lower, upper : float
        Least and greatest value that the outcome could take, not that it took.
    order : array_like, shape (n_group,), optional
        What ranks the groups, lowest for the most disadvantaged. Ties share a rank.

    Returns
    -------
    ndarray, shape (...)
        The index, without unit.

    Raises
    ------
    MeasureError
        If a value lies outside the bounds, or all lie at one of them.

    Examples
    --------
    >>> round(float(wagstaff_index([0.25, 0.75], [1, 1])), 6)
    0.5
    """

    def kernel(block: Array, share: Array) -> Array:
        _inside(block, lower, upper)
        mean = weighted_mean(block, share)
        require((mean > lower) & (mean < upper), mean, "the Wagstaff index needs a mean off the bounds", CHECK_BOUNDS)
        return np.asarray((upper - lower) * _absolute(block, share, order) / ((upper - mean) * (mean - lower)))

    return over_blocks(kernel, value, weight)


@measure(
    title="Erreygers index",
    family="concentration",
    formula="4 ACI / (upper - lower), with the theoretical bounds of the outcome",
    ordered=True,
    absolute=True,
    bounds=(-1.0, 1.0),
    sign=CONCENTRATED + "; unchanged in size when the outcome is turned into its complement",
    zeros="values must lie between the bounds, else refused",
    reference="Erreygers 2009, J Health Econ 28:504",
)
def erreygers_index(
    value: ArrayLike, weight: ArrayLike, *, lower: float = 0.0, upper: float = 1.0, order: ArrayLike | None = None
) -> Array:
    """
    Concentration index of a bounded outcome, over the largest it could be at any mean.

    Parameters
    ----------
    value : array_like, shape (..., n_group)
        One value a group, from `lower` to `upper`.
    weight : array_like, shape (n_group,) or (..., n_group)
        People in each group.
    lower, upper : float
        Least and greatest value that the outcome could take, not that it took.
    order : array_like, shape (n_group,), optional
        What ranks the groups, lowest for the most disadvantaged. Ties share a rank.

    Returns
    -------
    ndarray, shape (...)
        The index, a share of the outcome's range.

    Raises
    ------
    MeasureError
        If a value lies outside the bounds.

    Examples
    --------
    >>> round(float(erreygers_index([0.25, 0.75], [1, 1])), 6)
    0.5
    """

    def kernel(block: Array, share: Array) -> Array:
        _inside(block, lower, upper)
        return np.asarray(4 * _absolute(block, share, order) / (upper - lower))

    return over_blocks(kernel, value, weight)


@measure(
    title="Extended concentration index",
    family="concentration",
    formula="1 - integral of v (1 - r)^(v-1) y(r)/mu, exact within groups; v = 2 is the relative concentration index",
    ordered=True,
    absolute=False,
    bounds=(None, 1.0),
    sign=CONCENTRATED + "; a larger v gives the most disadvantaged more weight; from 1 - v",
    zeros=MEAN_ABOVE_ZERO,
    reference="Wagstaff 2002, J Health Econ 21:627",
)
def extended_concentration_index(
    value: ArrayLike, weight: ArrayLike, *, aversion: float = 2.0, order: ArrayLike | None = None
) -> Array:
    """
    Concentration index with a chosen aversion to inequality.

    Parameters
    ----------
    value : array_like, shape (..., n_group)
        One value a group, not negative.
    weight : array_like, shape (n_group,) or (..., n_group)
        People in each group.
    aversion : float
        Weight on the disadvantaged, v, at least 1: 1 is indifferent, 2 the standard index.
    order : array_like, shape (n_group,), optional
        What ranks the groups, lowest for the most disadvantaged. Ties share a rank.

    Returns
    -------
    ndarray, shape (...)
        The index, without unit.

    Raises
    ------
    MeasureError
        If the aversion is below 1, a value is negative or the mean is zero.

    Examples
    --------
    >>> round(float(extended_concentration_index([1.0, 3.0], [1, 1], aversion=4.0)), 6)
    0.4375
    """
    if not 1 <= aversion < np.inf:
        raise MeasureError(f"aversion must be at least 1 (indifferent to inequality); given {aversion}")

    def kernel(block: Array, share: Array) -> Array:
        mean = _positive_mean(block, share)
        weights = rank_weights(lambda r: -(np.clip(1 - r, 0, 1) ** aversion), share, order)
        return np.asarray(1 - weighted_mean(block, weights) / mean)

    return over_blocks(kernel, value, weight)


@measure(
    title="Symmetric concentration index",
    family="concentration",
    formula="integral of b 2^(b-2) |r - 1/2|^(b-1) sign(r - 1/2) y(r)/mu, exact within groups; "
    "b = 2 is the relative concentration index",
    ordered=True,
    absolute=False,
    sign=CONCENTRATED + "; a larger b gives both ends more weight; from -b/2 to b/2",
    zeros=MEAN_ABOVE_ZERO,
    reference="Erreygers, Clarke & Van Ourti 2012, J Health Econ 31:257",
)
def symmetric_concentration_index(
    value: ArrayLike, weight: ArrayLike, *, sensitivity: float = 2.0, order: ArrayLike | None = None
) -> Array:
    """
    Concentration index that weighs both ends of the ranking alike, with a chosen sensitivity to the ends.

    Parameters
    ----------
    value : array_like, shape (..., n_group)
        One value a group, not negative.
    weight : array_like, shape (n_group,) or (..., n_group)
        People in each group.
    sensitivity : float
        Weight on the ends, b, above 1: 2 is the standard index.
    order : array_like, shape (n_group,), optional
        What ranks the groups, lowest for the most disadvantaged. Ties share a rank.

    Returns
    -------
    ndarray, shape (...)
        The index, without unit.

    Raises
    ------
    MeasureError
        If the sensitivity is not above 1, a value is negative or the mean is zero.

    Examples
    --------
    >>> round(float(symmetric_concentration_index([1.0, 3.0], [1, 1], sensitivity=4.0)), 6)
    0.25
    """
    if not 1 < sensitivity < np.inf:
        raise MeasureError(f"sensitivity must be above 1 (2 is the standard index); given {sensitivity}")

    def kernel(block: Array, share: Array) -> Array:
        mean = _positive_mean(block, share)
        weights = rank_weights(lambda r: 2 ** (sensitivity - 2) * np.abs(r - 0.5) ** sensitivity, share, order)
        return np.asarray(weighted_mean(block, weights) / mean)

    return over_blocks(kernel, value, weight)


@measure(
    title="Horizontal inequity index",
    acronym="HI",
    family="concentration",
    formula="RCI(use) - RCI(use expected from need)",
    ordered=True,
    absolute=False,
    bounds=(-2.0, 2.0),
    sign="positive when, at equal need, the advantaged use more",
    zeros=MEAN_ABOVE_ZERO + "; the same for need",
    reference="Wagstaff & van Doorslaer 2000, J Hum Resour 35:716; " + KAKWANI,
)
def horizontal_inequity(
    value: ArrayLike, weight: ArrayLike, *, need: ArrayLike, order: ArrayLike | None = None
) -> Array:
    """
    Inequity of use at equal need: concentration of use less concentration of need.

    Parameters
    ----------
    value : array_like, shape (..., n_group)
        Use per person of each group, not negative.
    weight : array_like, shape (n_group,) or (..., n_group)
        People in each group.
    need : array_like, shape (n_group,)
        Use that the need of each group would call for, not negative.
    order : array_like, shape (n_group,), optional
        What ranks the groups, lowest for the most disadvantaged. Ties share a rank.

    Returns
    -------
    ndarray, shape (...)
        The index, without unit.

    Raises
    ------
    MeasureError
        If a value is negative, or a mean is zero.

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


def _positive_mean(block: Array, share: Array) -> Array:
    remedy = "use the absolute concentration index, or the Erreygers index for a bounded outcome"
    require(block >= 0, block, "a relative concentration index needs values that are not negative", remedy)
    mean = weighted_mean(block, share)
    require(mean > 0, mean, "a relative concentration index needs a mean above zero", remedy)
    return mean


def _inside(block: Array, lower: float, upper: float) -> None:
    if not lower < upper:
        raise MeasureError(f"`lower` must be below `upper`; given {lower} and {upper}")
    rule = f"values must lie between the bounds of the outcome, {lower:g} and {upper:g}"
    require((block >= lower) & (block <= upper), block, rule, CHECK_BOUNDS)
