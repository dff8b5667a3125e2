"""What inequality costs: risk, events and years of life beyond those at a named reference."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from bayesineq.errors import MeasureError
from bayesineq.measures.arrays import Array, over_blocks, position, positive_mean, require, slice_mean, weighted_mean
from bayesineq.measures.definitions import measure

type Reference = int | Literal["most_advantaged", "most_advantaged_half", "lowest", "highest", "best"]

# An extreme is looked for among all groups, so that none may be empty.
_EXTREMES = ("lowest", "highest", "best")


@measure
def population_attributable_risk(
    value: ArrayLike,
    weight: ArrayLike,
    *,
    favourable: bool,
    reference: Reference = "best",
    order: ArrayLike | None = None,
) -> Array:
    """
    Change of the population's average if every group had the value of the reference.

    Parameters
    ----------
    reference : int or {"best", "most_advantaged", "most_advantaged_half", "lowest", "highest"}
        Reference: a group's position, or how to find it. The toolkit of the World Health Organization takes "best"
        for unordered groups and "most_advantaged" for ordered ones.

    Examples
    --------
    >>> float(population_attributable_risk([60.0, 80.0], [1, 1], favourable=True))
    10.0
    """

    def kernel(block: Array, share: Array) -> Array:
        return _risk(block, share, favourable, reference, order)

    return over_blocks(kernel, value, weight, each_counts_once=reference in _EXTREMES)


@measure
def population_attributable_fraction(
    value: ArrayLike,
    weight: ArrayLike,
    *,
    favourable: bool,
    reference: Reference = "best",
    order: ArrayLike | None = None,
) -> Array:
    """
    Change of the population's average, as a proportion of it, if every group had the value of the reference.

    Parameters
    ----------
    reference : int or {"best", "most_advantaged", "most_advantaged_half", "lowest", "highest"}
        Reference, as for `population_attributable_risk`.

    Examples
    --------
    >>> round(float(population_attributable_fraction([60.0, 80.0], [1, 1], favourable=True)), 6)
    0.142857
    """

    def kernel(block: Array, share: Array) -> Array:
        return np.asarray(_risk(block, share, favourable, reference, order) / _mean(block, share))

    return over_blocks(kernel, value, weight, each_counts_once=reference in _EXTREMES)


@measure
def excess_events(
    value: ArrayLike, weight: ArrayLike, *, reference: Reference, order: ArrayLike | None = None
) -> Array:
    """
    Events beyond those that would have happened at the rate of the reference.

    Parameters
    ----------
    value : array_like, shape (..., n_group)
        Events per person, or per person-year, of each group.
    weight : array_like, shape (n_group,) or (..., n_group)
        People, or person-years, in each group: not shares.
    reference : int or {"most_advantaged", "most_advantaged_half", "lowest", "highest"}
        Reference: a group's position, or how to find it. Print it beside the number: with the least deprived tenth
        or half the same deaths give very different answers.

    Examples
    --------
    >>> round(float(excess_events([0.03, 0.02, 0.01], [1000, 1000, 1000], reference="most_advantaged")), 6)
    30.0

    Within age bands, then added up; values and people have shape (age, group):

    >>> rates = [[0.002, 0.001], [0.05, 0.04]]
    >>> people = [[1000, 1000], [500, 800]]
    >>> round(float(excess_events(rates, people, reference="most_advantaged").sum()), 6)
    6.0
    """

    def kernel(block: Array, share: Array) -> Array:
        return weighted_mean(block, share) - reference_value(block, share, reference, order)

    return np.asarray(
        over_blocks(kernel, value, weight, each_counts_once=reference in _EXTREMES)
        * np.sum(np.asarray(weight, dtype=np.float64), axis=-1)
    )[()]


@measure
def attributable_fraction(
    value: ArrayLike, weight: ArrayLike, *, reference: Reference, order: ArrayLike | None = None
) -> Array:
    """
    Share of all events that are beyond those at the rate of the reference.

    Parameters
    ----------
    value : array_like, shape (..., n_group)
        Events per person of each group, not negative.
    reference : int or {"most_advantaged", "most_advantaged_half", "lowest", "highest"}
        Reference, as for `excess_events`.

    Examples
    --------
    >>> round(float(attributable_fraction([0.03, 0.02, 0.01], [1, 1, 1], reference="most_advantaged")), 6)
    0.5
    """

    def kernel(block: Array, share: Array) -> Array:
        require(block >= 0, block, "a share of events needs values that are not negative", "give rates")
        mean = _mean(block, share)
        return np.asarray((mean - reference_value(block, share, reference, order)) / mean)

    return over_blocks(kernel, value, weight, each_counts_once=reference in _EXTREMES)


@measure
def events_to_close_gap(
    value: ArrayLike,
    weight: ArrayLike,
    *,
    reference: Reference,
    favourable: bool,
    fraction: float = 1.0,
    order: ArrayLike | None = None,
) -> Array:
    """
    Events to prevent (adverse) or to add (favourable) to close a chosen part of the gap to the reference.

    Parameters
    ----------
    value : array_like, shape (..., n_group)
        Events per person of each group.
    weight : array_like, shape (n_group,) or (..., n_group)
        People in each group: not shares.
    reference : int or {"best", "most_advantaged", "most_advantaged_half", "lowest", "highest"}
        Reference, as for `excess_events`.
    fraction : float
        Part of the gap to close, above 0 and at most 1.

    Examples
    --------
    >>> rates, people = [0.30, 0.20, 0.25], [100, 100, 100]
    >>> round(float(events_to_close_gap(rates, people, reference="best", favourable=False, fraction=0.5)), 6)
    7.5
    """
    if not 0 < fraction <= 1:
        raise MeasureError(f"fraction of the gap to close must be above 0 and at most 1; given {fraction}")

    def kernel(block: Array, share: Array) -> Array:
        gap = block - reference_value(block, share, _named(reference, favourable), order)[:, None]
        return weighted_mean(np.maximum(-gap if favourable else gap, 0.0), fraction * share)

    return np.asarray(
        over_blocks(kernel, value, weight, each_counts_once=reference in _EXTREMES)
        * np.sum(np.asarray(weight, dtype=np.float64), axis=-1)
    )[()]


def reference_value(value: Array, share: Array, reference: Reference, order: ArrayLike | None = None) -> Array:
    """
    Value (n_draw,) of the reference: the position of a group, or how to find it.

    Groups that tie for most advantaged are pooled; a group that straddles the half is divided.
    """
    if reference == "lowest":
        return np.asarray(value.min(axis=1))
    if reference == "highest":
        return np.asarray(value.max(axis=1))
    if reference == "most_advantaged_half":
        return slice_mean(value, share, 0.5, 1.0, order)
    if reference == "most_advantaged":
        key = np.arange(value.shape[1]) if order is None else np.asarray(order, dtype=np.float64)
        if key.shape != value.shape[1:]:
            raise MeasureError(f"`order` must rank each of the {value.shape[1]} groups; given shape {key.shape}")
        top = key == key.max()
        pooled = np.sum(share * top, axis=-1)
        if not (pooled > 0).all():
            raise MeasureError("the most advantaged group has no people; leave it out, or name another reference")
        return weighted_mean(value, share * top) / pooled
    if isinstance(reference, str):
        raise MeasureError(
            'reference must be the position of a group, "most_advantaged", "most_advantaged_half", "lowest" or '
            f'"highest" (or "best" where polarity is known); given {reference!r}'
        )
    return value[:, position(reference, value.shape[1], "reference")]


def _named(reference: Reference, favourable: bool) -> Reference:
    if reference != "best":
        return reference
    return "highest" if favourable else "lowest"


def _risk(block: Array, share: Array, favourable: bool, reference: Reference, order: ArrayLike | None) -> Array:
    gap = reference_value(block, share, _named(reference, favourable), order) - weighted_mean(block, share)
    return np.maximum(gap, 0.0) if favourable else np.minimum(gap, 0.0)


def _mean(block: Array, share: Array) -> Array:
    return positive_mean(block, share, "a fraction of the mean", "report the absolute number")
