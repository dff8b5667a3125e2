"""How far apart groups lie that have no order: ethnic groups, areas, practices."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from bayesineq.measures.arrays import Array, over_blocks, require, weighted_mean
from bayesineq.measures.deviation import SPREAD, WHO, from_mean
from bayesineq.measures.specification import measure

MEAN_ABOVE_ZERO = "the mean must be above zero, else refused"


@measure(
    title="Between-group variance",
    acronym="BGV",
    family="dispersion",
    formula="sum p (y - mu)^2",
    absolute=True,
    bounds=(0.0, None),
    sign=SPREAD + "; in the squared unit of the outcome",
    reference=WHO,
)
def between_group_variance(value: ArrayLike, weight: ArrayLike) -> Array:
    """
    Variance of the groups' values, weighted by people.

    Parameters
    ----------
    value : array_like, shape (..., n_group)
        One value a group.
    weight : array_like, shape (n_group,) or (..., n_group)
        People in each group.

    Returns
    -------
    ndarray, shape (...)
        The variance, in the squared unit of the values.

    Raises
    ------
    MeasureError
        If values and weights do not fit.

    Examples
    --------
    >>> float(between_group_variance([1.0, 3.0], [1, 1]))
    1.0
    """
    return over_blocks(_variance, value, weight)


@measure(
    title="Between-group standard deviation",
    acronym="BGSD",
    family="dispersion",
    formula="sqrt(sum p (y - mu)^2)",
    absolute=True,
    bounds=(0.0, None),
    sign=SPREAD,
    reference=WHO,
)
def between_group_standard_deviation(value: ArrayLike, weight: ArrayLike) -> Array:
    """
    Standard deviation of the groups' values, weighted by people.

    Parameters
    ----------
    value : array_like, shape (..., n_group)
        One value a group.
    weight : array_like, shape (n_group,) or (..., n_group)
        People in each group.

    Returns
    -------
    ndarray, shape (...)
        The standard deviation, in the unit of the values.

    Raises
    ------
    MeasureError
        If values and weights do not fit.

    Examples
    --------
    >>> float(between_group_standard_deviation([1.0, 5.0], [1, 1]))
    2.0
    """
    return over_blocks(lambda block, share: np.sqrt(_variance(block, share)), value, weight)


@measure(
    title="Coefficient of variation",
    acronym="COV",
    family="dispersion",
    formula="sqrt(sum p (y - mu)^2) / mu",
    absolute=False,
    bounds=(0.0, None),
    sign=SPREAD,
    zeros=MEAN_ABOVE_ZERO,
    reference=WHO,
    multiplier=100.0,
)
def coefficient_of_variation(value: ArrayLike, weight: ArrayLike) -> Array:
    """
    Standard deviation of the groups' values over their mean.

    Parameters
    ----------
    value : array_like, shape (..., n_group)
        One value a group.
    weight : array_like, shape (n_group,) or (..., n_group)
        People in each group.

    Returns
    -------
    ndarray, shape (...)
        The coefficient, a proportion of the mean.

    Raises
    ------
    MeasureError
        If the mean is not above zero.

    Examples
    --------
    >>> float(coefficient_of_variation([1.0, 3.0], [1, 1]))
    0.5
    """
    return over_blocks(lambda block, share: np.sqrt(_variance(block, share)) / _mean(block, share), value, weight)


@measure(
    title="Index of disparity (unweighted)",
    acronym="IDISU",
    family="dispersion",
    formula="sum |y - mu| / (J mu), with mu weighted by people",
    absolute=False,
    weighted=False,
    bounds=(0.0, None),
    sign=SPREAD,
    zeros=MEAN_ABOVE_ZERO,
    reference="Pearcy & Keppel 2002, Public Health Rep 117:273; " + WHO,
    multiplier=100.0,
)
def index_of_disparity_unweighted(value: ArrayLike, weight: ArrayLike) -> Array:
    """
    Mean absolute difference from the mean over the mean, each group counted once.

    Parameters
    ----------
    value : array_like, shape (..., n_group)
        One value a group.
    weight : array_like, shape (n_group,) or (..., n_group)
        People in each group, for the mean.

    Returns
    -------
    ndarray, shape (...)
        The index, a proportion of the mean.

    Raises
    ------
    MeasureError
        If the mean is not above zero.

    Examples
    --------
    >>> float(index_of_disparity_unweighted([1.0, 5.0], [3, 1]))
    1.0
    """
    return over_blocks(
        lambda block, share: from_mean(block, share).mean(axis=1) / _mean(block, share),
        value,
        weight,
        each_counts_once=True,
    )


@measure(
    title="Index of disparity (weighted)",
    acronym="IDISW",
    family="dispersion",
    formula="sum p |y - mu| / mu",
    absolute=False,
    bounds=(0.0, None),
    sign=SPREAD,
    zeros=MEAN_ABOVE_ZERO,
    reference="Pearcy & Keppel 2002, Public Health Rep 117:273; " + WHO,
    multiplier=100.0,
)
def index_of_disparity_weighted(value: ArrayLike, weight: ArrayLike) -> Array:
    """
    Mean absolute difference from the mean over the mean, weighted by people.

    Parameters
    ----------
    value : array_like, shape (..., n_group)
        One value a group.
    weight : array_like, shape (n_group,) or (..., n_group)
        People in each group.

    Returns
    -------
    ndarray, shape (...)
        The index, a proportion of the mean.

    Raises
    ------
    MeasureError
        If the mean is not above zero.

    Examples
    --------
    >>> float(index_of_disparity_weighted([1.0, 5.0], [3, 1]))
    0.75
    """
    return over_blocks(
        lambda block, share: weighted_mean(from_mean(block, share), share) / _mean(block, share), value, weight
    )


@measure(
    title="Hoover index",
    family="dispersion",
    formula="1/2 sum p |y/mu - 1|",
    absolute=False,
    bounds=(0.0, 1.0),
    sign=SPREAD + "; the share of all events that would have to move between groups to make their rates equal",
    zeros="no value may be negative and the mean must be above zero, else refused",
    reference="Hoover 1936, Rev Econ Stat 18:162",
)
def hoover_index(value: ArrayLike, weight: ArrayLike) -> Array:
    """
    Share of the events that would have to move between groups to make all rates equal.

    Parameters
    ----------
    value : array_like, shape (..., n_group)
        Events per person of each group, not negative.
    weight : array_like, shape (n_group,) or (..., n_group)
        People in each group.

    Returns
    -------
    ndarray, shape (...)
        The share.

    Raises
    ------
    MeasureError
        If a value is negative or the mean is zero.

    Examples
    --------
    >>> float(hoover_index([1.0, 3.0], [1, 1]))
    0.25
    """

    def kernel(block: Array, share: Array) -> Array:
        require(block >= 0, block, "the Hoover index needs values that are not negative", "give rates")
        return np.asarray(weighted_mean(from_mean(block, share), share) / (2 * _mean(block, share)))

    return over_blocks(kernel, value, weight)


def _variance(block: Array, share: Array) -> Array:
    return weighted_mean((block - weighted_mean(block, share)[:, None]) ** 2, share)


def _mean(block: Array, share: Array) -> Array:
    mean = weighted_mean(block, share)
    require(mean > 0, mean, "a relative measure needs a mean above zero", "use an absolute measure of dispersion")
    return mean
