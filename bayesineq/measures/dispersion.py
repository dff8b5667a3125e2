"""How far apart groups lie that have no order: ethnic groups, areas, practices."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from bayesineq.measures.arrays import Array, over_blocks, position, positive_mean, require, weighted_mean
from bayesineq.measures.definitions import measure


@measure
def mean_difference_from_mean_unweighted(value: ArrayLike, weight: ArrayLike) -> Array:
    """
    Mean absolute difference from the population's mean, each group counted once.

    Parameters
    ----------
    weight : array_like, shape (n_group,) or (..., n_group)
        People in each group, for the mean.

    Examples
    --------
    >>> float(mean_difference_from_mean_unweighted([1.0, 5.0], [3, 1]))
    2.0
    """
    return over_blocks(lambda block, share: _from_mean(block, share).mean(axis=1), value, weight, each_counts_once=True)


@measure
def mean_difference_from_mean_weighted(value: ArrayLike, weight: ArrayLike) -> Array:
    """
    Mean absolute difference from the population's mean, weighted by people.

    Examples
    --------
    >>> float(mean_difference_from_mean_weighted([1.0, 5.0], [3, 1]))
    1.5
    """
    return over_blocks(lambda block, share: weighted_mean(_from_mean(block, share), share), value, weight)


@measure
def mean_difference_from_best_unweighted(
    value: ArrayLike, weight: ArrayLike | None = None, *, favourable: bool
) -> Array:
    """
    Mean absolute difference from the best group, each group counted once.

    Examples
    --------
    >>> float(mean_difference_from_best_unweighted([1.0, 5.0], favourable=True))
    2.0
    """
    return over_blocks(
        lambda block, share: _from_best(block, favourable).mean(axis=1), value, weight, each_counts_once=True
    )


@measure
def mean_difference_from_best_weighted(value: ArrayLike, weight: ArrayLike, *, favourable: bool) -> Array:
    """
    Mean absolute difference from the best group, weighted by people.

    Examples
    --------
    >>> float(mean_difference_from_best_weighted([1.0, 5.0], [3, 1], favourable=False))
    1.0
    """
    return over_blocks(
        lambda block, share: weighted_mean(_from_best(block, favourable), share), value, weight, each_counts_once=True
    )


@measure
def mean_difference_from_reference_unweighted(
    value: ArrayLike, weight: ArrayLike | None = None, *, reference: int
) -> Array:
    """
    Mean absolute difference from a named group, each group counted once.

    Examples
    --------
    >>> float(mean_difference_from_reference_unweighted([1.0, 5.0], reference=0))
    2.0
    """
    return over_blocks(
        lambda block, share: _from_reference(block, reference).mean(axis=1), value, weight, each_counts_once=True
    )


@measure
def mean_difference_from_reference_weighted(value: ArrayLike, weight: ArrayLike, *, reference: int) -> Array:
    """
    Mean absolute difference from a named group, weighted by people.

    Examples
    --------
    >>> float(mean_difference_from_reference_weighted([1.0, 5.0], [3, 1], reference=0))
    1.0
    """
    return over_blocks(
        lambda block, share: weighted_mean(_from_reference(block, reference), share),
        value,
        weight,
        each_counts_once=True,
    )


@measure
def between_group_variance(value: ArrayLike, weight: ArrayLike) -> Array:
    """
    Variance of the groups' values, weighted by people.

    Examples
    --------
    >>> float(between_group_variance([1.0, 3.0], [1, 1]))
    1.0
    """
    return over_blocks(_variance, value, weight)


@measure
def between_group_standard_deviation(value: ArrayLike, weight: ArrayLike) -> Array:
    """
    Standard deviation of the groups' values, weighted by people.

    Examples
    --------
    >>> float(between_group_standard_deviation([1.0, 5.0], [1, 1]))
    2.0
    """
    return over_blocks(lambda block, share: np.sqrt(_variance(block, share)), value, weight)


@measure
def coefficient_of_variation(value: ArrayLike, weight: ArrayLike) -> Array:
    """
    Standard deviation of the groups' values over their mean.

    Examples
    --------
    >>> float(coefficient_of_variation([1.0, 3.0], [1, 1]))
    0.5
    """
    return over_blocks(lambda block, share: np.sqrt(_variance(block, share)) / _mean(block, share), value, weight)


@measure
def index_of_disparity_unweighted(value: ArrayLike, weight: ArrayLike) -> Array:
    """
    Mean absolute difference from the mean over the mean, each group counted once.

    Parameters
    ----------
    weight : array_like, shape (n_group,) or (..., n_group)
        People in each group, for the mean.

    Examples
    --------
    >>> float(index_of_disparity_unweighted([1.0, 5.0], [3, 1]))
    1.0
    """
    return over_blocks(
        lambda block, share: _from_mean(block, share).mean(axis=1) / _mean(block, share),
        value,
        weight,
        each_counts_once=True,
    )


@measure
def index_of_disparity_weighted(value: ArrayLike, weight: ArrayLike) -> Array:
    """
    Mean absolute difference from the mean over the mean, weighted by people.

    Examples
    --------
    >>> float(index_of_disparity_weighted([1.0, 5.0], [3, 1]))
    0.75
    """
    return over_blocks(
        lambda block, share: weighted_mean(_from_mean(block, share), share) / _mean(block, share), value, weight
    )


@measure
def hoover_index(value: ArrayLike, weight: ArrayLike) -> Array:
    """
    Share of the events that would have to move between groups to make all rates equal.

    Parameters
    ----------
    value : array_like, shape (..., n_group)
        Events per person of each group, not negative.

    Examples
    --------
    >>> float(hoover_index([1.0, 3.0], [1, 1]))
    0.25
    """

    def kernel(block: Array, share: Array) -> Array:
        require(block >= 0, block, "the Hoover index needs values that are not negative", "give rates")
        return np.asarray(weighted_mean(_from_mean(block, share), share) / (2 * _mean(block, share)))

    return over_blocks(kernel, value, weight)


def _variance(block: Array, share: Array) -> Array:
    return weighted_mean((block - weighted_mean(block, share)[:, None]) ** 2, share)


def _mean(block: Array, share: Array) -> Array:
    return positive_mean(block, share, "a relative measure", "use an absolute measure of dispersion")


def _from_mean(block: Array, share: Array) -> Array:
    return np.abs(block - weighted_mean(block, share)[:, None])


def _from_best(block: Array, favourable: bool) -> Array:
    best = block.max(axis=1) if favourable else block.min(axis=1)
    return np.abs(block - best[:, None])


def _from_reference(block: Array, reference: int) -> Array:
    return np.abs(block - block[:, [position(reference, block.shape[1], "reference")]])
