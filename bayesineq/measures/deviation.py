"""Mean absolute differences between groups that have no order: from the mean, the best or a named group."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from bayesineq.measures.arrays import Array, over_blocks, position, weighted_mean
from bayesineq.measures.specification import measure

WHO = "Schlotheuber & Hosseinpoor 2022, Int J Environ Res Public Health 19:3697"
SPREAD = "larger is more unequal, polarity does not enter; noise in the values makes it larger, so feed it model draws"


def from_mean(value: Array, share: Array) -> Array:
    """
    Absolute difference of each group from the mean weighted by share.

    Parameters
    ----------
    value : ndarray, shape (n_draw, n_group)
        Values.
    share : ndarray, shape (n_group,) or (n_draw, n_group)
        Shares, summing to one.

    Returns
    -------
    ndarray, shape (n_draw, n_group)
        Differences, not negative.
    """
    return np.abs(value - weighted_mean(value, share)[:, None])


@measure(
    title="Mean difference from mean (unweighted)",
    acronym="MDMU",
    family="dispersion",
    formula="sum |y - mu| / J, with mu weighted by people",
    absolute=True,
    weighted=False,
    bounds=(0.0, None),
    sign=SPREAD + "; weights enter through the mean alone",
    reference=WHO,
)
def mean_difference_from_mean_unweighted(value: ArrayLike, weight: ArrayLike) -> Array:
    """
    Mean absolute difference from the population's mean, each group counted once.

    Parameters
    ----------
    value : array_like, shape (..., n_group)
        One value a group.
    weight : array_like, shape (n_group,) or (..., n_group)
        People in each group, for the mean.

    Returns
    -------
    ndarray, shape (...)
        The difference, in the unit of the values.

    Raises
    ------
    MeasureError
        If values and weights do not fit.

    Examples
    --------
    >>> float(mean_difference_from_mean_unweighted([1.0, 5.0], [3, 1]))
    2.0
    """
    return over_blocks(lambda block, share: from_mean(block, share).mean(axis=1), value, weight, each_counts_once=True)


@measure(
    title="Mean difference from mean (weighted)",
    acronym="MDMW",
    family="dispersion",
    formula="sum p |y - mu|",
    absolute=True,
    bounds=(0.0, None),
    sign=SPREAD,
    reference=WHO,
)
def mean_difference_from_mean_weighted(value: ArrayLike, weight: ArrayLike) -> Array:
    """
    Mean absolute difference from the population's mean, weighted by people.

    Parameters
    ----------
    value : array_like, shape (..., n_group)
        One value a group.
    weight : array_like, shape (n_group,) or (..., n_group)
        People in each group.

    Returns
    -------
    ndarray, shape (...)
        The difference, in the unit of the values.

    Raises
    ------
    MeasureError
        If values and weights do not fit.

    Examples
    --------
    >>> float(mean_difference_from_mean_weighted([1.0, 5.0], [3, 1]))
    1.5
    """
    return over_blocks(lambda block, share: weighted_mean(from_mean(block, share), share), value, weight)


@measure(
    title="Mean difference from best (unweighted)",
    acronym="MDBU",
    family="dispersion",
    formula="sum |y - y[best]| / J, best the largest value if favourable, else the smallest",
    absolute=True,
    weighted=False,
    bounds=(0.0, None),
    sign=SPREAD + "; the best group is found again in every draw",
    reference=WHO,
)
def mean_difference_from_best_unweighted(
    value: ArrayLike, weight: ArrayLike | None = None, *, favourable: bool
) -> Array:
    """
    Mean absolute difference from the best group, each group counted once.

    Parameters
    ----------
    value : array_like, shape (..., n_group)
        One value a group.
    weight : array_like, shape (n_group,) or (..., n_group), optional
        Checked but not used.
    favourable : bool
        Whether more is better.

    Returns
    -------
    ndarray, shape (...)
        The difference, in the unit of the values.

    Raises
    ------
    MeasureError
        If values and weights do not fit.

    Examples
    --------
    >>> float(mean_difference_from_best_unweighted([1.0, 5.0], favourable=True))
    2.0
    """
    return over_blocks(
        lambda block, share: _from_best(block, favourable).mean(axis=1), value, weight, each_counts_once=True
    )


@measure(
    title="Mean difference from best (weighted)",
    acronym="MDBW",
    family="dispersion",
    formula="sum p |y - y[best]|, best the largest value if favourable, else the smallest",
    absolute=True,
    bounds=(0.0, None),
    sign=SPREAD + "; the best group is found again in every draw",
    reference=WHO,
)
def mean_difference_from_best_weighted(value: ArrayLike, weight: ArrayLike, *, favourable: bool) -> Array:
    """
    Mean absolute difference from the best group, weighted by people.

    Parameters
    ----------
    value : array_like, shape (..., n_group)
        One value a group.
    weight : array_like, shape (n_group,) or (..., n_group)
        People in each group.
    favourable : bool
        Whether more is better.

    Returns
    -------
    ndarray, shape (...)
        The difference, in the unit of the values.

    Raises
    ------
    MeasureError
        If values and weights do not fit.

    Examples
    --------
    >>> float(mean_difference_from_best_weighted([1.0, 5.0], [3, 1], favourable=False))
    1.0
    """
    return over_blocks(
        lambda block, share: weighted_mean(_from_best(block, favourable), share), value, weight, each_counts_once=True
    )


@measure(
    title="Mean difference from a reference group (unweighted)",
    acronym="MDRU",
    family="dispersion",
    formula="sum |y - y[ref]| / J",
    absolute=True,
    weighted=False,
    bounds=(0.0, None),
    sign=SPREAD,
    reference=WHO,
)
def mean_difference_from_reference_unweighted(
    value: ArrayLike, weight: ArrayLike | None = None, *, reference: int
) -> Array:
    """
    Mean absolute difference from a named group, each group counted once.

    Parameters
    ----------
    value : array_like, shape (..., n_group)
        One value a group.
    weight : array_like, shape (n_group,) or (..., n_group), optional
        Checked but not used.
    reference : int
        Position of the reference group.

    Returns
    -------
    ndarray, shape (...)
        The difference, in the unit of the values.

    Raises
    ------
    MeasureError
        If there is no such group.

    Examples
    --------
    >>> float(mean_difference_from_reference_unweighted([1.0, 5.0], reference=0))
    2.0
    """
    return over_blocks(
        lambda block, share: _from_reference(block, reference).mean(axis=1), value, weight, each_counts_once=True
    )


@measure(
    title="Mean difference from a reference group (weighted)",
    acronym="MDRW",
    family="dispersion",
    formula="sum p |y - y[ref]|",
    absolute=True,
    bounds=(0.0, None),
    sign=SPREAD,
    reference=WHO,
)
def mean_difference_from_reference_weighted(value: ArrayLike, weight: ArrayLike, *, reference: int) -> Array:
    """
    Mean absolute difference from a named group, weighted by people.

    Parameters
    ----------
    value : array_like, shape (..., n_group)
        One value a group.
    weight : array_like, shape (n_group,) or (..., n_group)
        People in each group.
    reference : int
        Position of the reference group.

    Returns
    -------
    ndarray, shape (...)
        The difference, in the unit of the values.

    Raises
    ------
    MeasureError
        If there is no such group.

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


def _from_best(block: Array, favourable: bool) -> Array:
    best = block.max(axis=1) if favourable else block.min(axis=1)
    return np.abs(block - best[:, None])


def _from_reference(block: Array, reference: int) -> Array:
    return np.abs(block - block[:, [position(reference, block.shape[1], "reference")]])
