"""Measures that compare two groups, or one group with a standard."""

from __future__ import annotations

from numpy.typing import ArrayLike

from bayesineq.errors import MeasureError
from bayesineq.measures.arrays import Array, over_blocks, position, quotient, require, weighted_mean
from bayesineq.measures.specification import measure

WHO = "Schlotheuber & Hosseinpoor 2022, Int J Environ Res Public Health 19:3697"


@measure(
    title="Difference between the ends",
    acronym="D",
    family="simple",
    formula="y[last] - y[first], the most advantaged group less the most disadvantaged; reversed if not favourable",
    ordered=True,
    absolute=True,
    weighted=False,
    sign="with favourable=True positive when the outcome rises with advantage, as the slope index; "
    "with favourable=False positive when an adverse outcome falls with advantage",
    reference=WHO,
)
def difference(value: ArrayLike, weight: ArrayLike | None = None, *, favourable: bool = True) -> Array:
    """
    Difference between the most advantaged and the most disadvantaged group.

    Parameters
    ----------
    value : array_like, shape (..., n_group)
        One value a group, the most disadvantaged group first.
    weight : array_like, shape (n_group,) or (..., n_group), optional
        Checked but not used: both ends count once.
    favourable : bool
        False for an adverse outcome (deaths, missed appointments) whose excess among the disadvantaged is to be
        positive.

    Returns
    -------
    ndarray, shape (...)
        The difference, in the unit of the values.

    Raises
    ------
    MeasureError
        If a value is not finite, or there are fewer than two groups.

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


@measure(
    title="Ratio between the ends",
    acronym="R",
    family="simple",
    formula="y[last] / y[first], the most advantaged group over the most disadvantaged; reversed if not favourable",
    ordered=True,
    absolute=False,
    weighted=False,
    bounds=(0.0, None),
    equality=1.0,
    sign="with favourable=True above 1 when the outcome rises with advantage; "
    "with favourable=False above 1 when an adverse outcome falls with advantage",
    zeros="the denominator must be above zero and the numerator not negative, else refused",
    reference=WHO,
)
def ratio(value: ArrayLike, weight: ArrayLike | None = None, *, favourable: bool = True) -> Array:
    """
    Ratio between the most advantaged and the most disadvantaged group.

    Parameters
    ----------
    value : array_like, shape (..., n_group)
        One value a group, the most disadvantaged group first; not negative.
    weight : array_like, shape (n_group,) or (..., n_group), optional
        Checked but not used: both ends count once.
    favourable : bool
        False for an adverse outcome whose excess among the disadvantaged is to be above one.

    Returns
    -------
    ndarray, shape (...)
        The ratio.

    Raises
    ------
    MeasureError
        If the denominator is not above zero, or the numerator is negative.

    Examples
    --------
    >>> float(ratio([60.0, 70.0, 80.0], favourable=False))
    0.75
    """

    def kernel(block: Array, share: Array) -> Array:
        first, last = _ends(block)
        return quotient(last, first) if favourable else quotient(first, last)

    return over_blocks(kernel, value, weight, each_counts_once=True)


@measure(
    title="Difference between the extremes",
    family="simple",
    formula="max(y) - min(y); with a reference y[ref] - min(y) if favourable, max(y) - y[ref] if adverse",
    absolute=True,
    weighted=False,
    sign="never negative without a reference; the extremes are found again in every draw",
    reference=WHO,
)
def range_difference(
    value: ArrayLike, weight: ArrayLike | None = None, *, reference: int | None = None, favourable: bool | None = None
) -> Array:
    """
    Difference between the best and the worst group, or between a reference group and the worst.

    Parameters
    ----------
    value : array_like, shape (..., n_group)
        One value a group, in any order.
    weight : array_like, shape (n_group,) or (..., n_group), optional
        Checked but not used.
    reference : int, optional
        Position of the reference group.
    favourable : bool, optional
        Whether more is better: needed with a reference, because it says which extreme is the worst.

    Returns
    -------
    ndarray, shape (...)
        The difference, in the unit of the values.

    Raises
    ------
    MeasureError
        If a reference is given without `favourable`, or is no group.

    Examples
    --------
    >>> float(range_difference([95.1, 100.0, 64.2], reference=0, favourable=True).round(1))
    30.9
    """

    def kernel(block: Array, share: Array) -> Array:
        high, low = _extremes(block, reference, favourable)
        return high - low

    return over_blocks(kernel, value, weight, each_counts_once=True)


@measure(
    title="Ratio between the extremes",
    family="simple",
    formula="max(y) / min(y); with a reference y[ref] / min(y) if favourable, max(y) / y[ref] if adverse",
    absolute=False,
    weighted=False,
    bounds=(0.0, None),
    equality=1.0,
    sign="at least 1 without a reference; the extremes are found again in every draw",
    zeros="the denominator must be above zero and the numerator not negative, else refused",
    reference=WHO,
)
def range_ratio(
    value: ArrayLike, weight: ArrayLike | None = None, *, reference: int | None = None, favourable: bool | None = None
) -> Array:
    """
    Ratio between the best and the worst group, or between a reference group and the worst.

    Parameters
    ----------
    value : array_like, shape (..., n_group)
        One value a group, in any order; not negative.
    weight : array_like, shape (n_group,) or (..., n_group), optional
        Checked but not used.
    reference : int, optional
        Position of the reference group.
    favourable : bool, optional
        Whether more is better: needed with a reference.

    Returns
    -------
    ndarray, shape (...)
        The ratio.

    Raises
    ------
    MeasureError
        If the denominator is not above zero, or a reference is given without `favourable`.

    Examples
    --------
    >>> float(range_ratio([4.0, 8.0, 2.0]))
    4.0
    """

    def kernel(block: Array, share: Array) -> Array:
        return quotient(*_extremes(block, reference, favourable))

    return over_blocks(kernel, value, weight, each_counts_once=True)


@measure(
    title="Gap of a group to a target",
    family="simple",
    formula="y[group] - target",
    absolute=True,
    weighted=False,
    sign="positive when the group lies above the target",
    reference="Office for Health Improvement and Disparities, Fingertips technical guidance",
)
def gap_to_target(value: ArrayLike, weight: ArrayLike | None = None, *, group: int, target: float) -> Array:
    """
    Gap between a named group and a fixed target.

    Parameters
    ----------
    value : array_like, shape (..., n_group)
        One value a group.
    weight : array_like, shape (n_group,) or (..., n_group), optional
        Checked but not used.
    group : int
        Position of the group.
    target : float
        The standard, in the unit of the values.

    Returns
    -------
    ndarray, shape (...)
        The gap, in the unit of the values.

    Raises
    ------
    MeasureError
        If there is no such group.

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


@measure(
    title="Gap of a group to the average",
    family="simple",
    formula="y[group] - mu",
    absolute=True,
    sign="positive when the group lies above the average of all groups, itself included",
    reference="Office for Health Improvement and Disparities, Fingertips technical guidance",
)
def gap_to_average(value: ArrayLike, weight: ArrayLike, *, group: int) -> Array:
    """
    Gap between a named group and the average of all groups.

    Parameters
    ----------
    value : array_like, shape (..., n_group)
        One value a group.
    weight : array_like, shape (n_group,) or (..., n_group)
        Size of each group.
    group : int
        Position of the group.

    Returns
    -------
    ndarray, shape (...)
        The gap, in the unit of the values.

    Raises
    ------
    MeasureError
        If there is no such group.

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


@measure(
    title="Share ratio",
    family="simple",
    formula="(share of all events that fall in the group) / (share of population) = y[group] / mu",
    absolute=False,
    bounds=(0.0, None),
    equality=1.0,
    sign="above 1 when the group has more than its share of the events",
    zeros="values must not be negative and their mean must be above zero, else refused",
    reference="NHS England, Health inequalities improvement dashboard: share of events against share of population",
)
def share_ratio(value: ArrayLike, weight: ArrayLike, *, group: int) -> Array:
    """
    Share of the events that fall in a named group, over its share of the population.

    Parameters
    ----------
    value : array_like, shape (..., n_group)
        Events per person of each group; not negative.
    weight : array_like, shape (n_group,) or (..., n_group)
        People in each group.
    group : int
        Position of the group.

    Returns
    -------
    ndarray, shape (...)
        The ratio of shares; 1 is parity.

    Raises
    ------
    MeasureError
        If a value is negative, all are zero, or there is no such group.

    Examples
    --------
    >>> float(share_ratio([3.0, 1.0], [1, 1], group=0))
    1.5
    """

    def kernel(block: Array, share: Array) -> Array:
        require(block >= 0, block, "a share of events needs values that are not negative", "give rates")
        return quotient(block[:, position(group, block.shape[1], "group")], weighted_mean(block, share))

    return over_blocks(kernel, value, weight, each_counts_once=True)


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
