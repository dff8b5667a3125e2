"""Limits of observed over expected events, for one look at one hospital or many looks at many."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm, poisson

from bayesineq.dims import CI_PROB
from bayesineq.errors import MeasureError
from bayesineq.measures.arrays import Array
from bayesineq.measures.limits import probability


def funnel_limits(
    expected: ArrayLike, *, prob: float = CI_PROB, units: int = 1, looks: int = 1, between: float = 0.0
) -> Array:
    r"""
    Limits of observed over expected events between which units lie that differ by chance alone.

    Parameters
    ----------
    expected : array_like, shape (...)
        Events expected of each unit.
    prob : float
        Probability that all lie inside: of one unit at one look, unless `units` or `looks` say more.
    units : int
        Units that are looked at together.
    looks : int
        How often each is looked at, in the same way each time.
    between : float
        Standard deviation of the logarithm of the ratio between units that nobody is to be blamed for; 0 is none.

    Returns
    -------
    ndarray, shape (..., 2)
        Lower and upper limit of the ratio.

    Raises
    ------
    MeasureError
        If an expected number is not above zero, the probability is not between 0 and 1, or units, looks or the standard
        deviation are out of range.

    Notes
    -----
    Without differences between units, the least and the greatest Poisson count over E, on or between which at least the
    probability lies: fewer than the one, and more than the other, come with a chance of half the rest at most. With
    them, exp of :math:`\pm z \sqrt{1/E + \tau^2}`. Over many looks
    :math:`\alpha = 1 - p^{1 / (units \times looks)}` (Sidak): exact where looks are independent, as of separate
    quarters; where they overlap, as of rolling years, all lie inside more often than that.

    References
    ----------
    Spiegelhalter 2005, Stat Med 24:1185; Sidak 1967, J Am Stat Assoc 62:626

    Examples
    --------
    >>> funnel_limits([10.0, 100.0]).round(2).tolist()
    [[0.4, 1.7], [0.81, 1.2]]
    >>> funnel_limits(100.0, units=11, looks=4).round(2).tolist()
    [0.69, 1.34]
    """
    e = np.asarray(expected, dtype=np.float64)
    if not (np.isfinite(e) & (e > 0)).all():
        raise MeasureError(f"{int((~(np.isfinite(e) & (e > 0))).sum())} expected numbers are missing or not above zero")
    if units < 1 or looks < 1 or between < 0:
        raise MeasureError(f"units={units}, looks={looks}, between={between}: give 1 or more, and 0 or more")
    tail = -np.expm1(np.log(probability(prob)) / (units * looks)) / 2
    if between > 0:
        half = norm.isf(tail) * np.sqrt(1.0 / e + between**2)
        return np.exp(np.stack([-half, half], axis=-1))
    return np.stack([poisson.ppf(tail, e) / e, poisson.isf(tail, e) / e], axis=-1)


def observed_expected(
    observed: ArrayLike,
    expected: ArrayLike,
    *,
    people: ArrayLike | None = None,
    unit: ArrayLike | None = None,
    prob: float = CI_PROB,
    looks: int = 1,
    between: float = 0.0,
) -> pd.DataFrame:
    """
    Set what each unit had beside what was expected of it.

    Parameters
    ----------
    observed, expected : array_like, shape (unit,)
        Events, and events at everybody's rates given who the unit's people were.
    people : array_like, shape (unit,), optional
        People of each, such as discharges.
    unit : array_like, shape (unit,), optional
        Names.
    prob, looks, between
        As of `funnel_limits`; its `units` are all of these.

    Returns
    -------
    DataFrame
        Columns `unit, observed, expected, ratio, lower, upper, outside`: limits of the ratio for all units and looks
        together, and whether the ratio lies "above" or "below" them, or "inside".

    Raises
    ------
    MeasureError
        All at once: counts that are negative, fractional or above the people; expectations not above zero; units of
        one person, of whom nothing can be said; no event, or nobody without, in any unit.

    Examples
    --------
    >>> found = observed_expected([30, 5], [15.0, 6.0], people=[150, 60], unit=["R1", "R2"])
    >>> found[["unit", "ratio", "outside"]].to_dict("list")
    {'unit': ['R1', 'R2'], 'ratio': [2.0, 0.8333333333333334], 'outside': ['above', 'inside']}
    """
    count, e = np.asarray(observed, dtype=np.float64), np.asarray(expected, dtype=np.float64)
    names: NDArray[np.generic] = np.arange(1, len(count) + 1) if unit is None else np.asarray(unit)
    size = None if people is None else np.asarray(people, dtype=np.float64)
    wrong = _wrong(count, e, size, names)
    if wrong:
        raise MeasureError("observed and expected cannot be compared: " + "; ".join(wrong))
    limits = funnel_limits(e, prob=prob, units=len(e), looks=looks, between=between)
    ratio = count / e
    outside = np.select([ratio > limits[:, 1], ratio < limits[:, 0]], ["above", "below"], "inside")
    return pd.DataFrame(
        {
            "unit": names,
            "observed": count.astype(np.int64),
            "expected": e,
            "ratio": ratio,
            "lower": limits[:, 0],
            "upper": limits[:, 1],
            "outside": outside,
        }
    )


def _wrong(count: Array, expected: Array, people: Array | None, names: NDArray[np.generic]) -> list[str]:
    """All that is wrong, by the names of units."""
    if not len(count) == len(expected) == len(names) or (people is not None and len(people) != len(count)):
        return [f"{len(count)} observed, {len(expected)} expected and {len(names)} names are not of the same units"]

    def _named(at: NDArray[np.bool_], what: str) -> list[str]:
        found = np.flatnonzero(at)
        first = ", ".join(map(str, names[found[:5]]))
        return [f"{what}: {first}{', ...' if len(found) > 5 else ''}"] if len(found) else []

    whole = np.isfinite(count) & (count >= 0) & (count == np.floor(count))
    wrong = _named(~whole, "counts that are negative, fractional or missing")
    wrong += _named(~(np.isfinite(expected) & (expected > 0)), "no events are expected (a stratum without cases)")
    if people is not None:
        wrong += _named(people == 1, "units with one person, of whom no share can be told: join them to another")
        wrong += _named(~(people > 0), "units without anybody")
        wrong += _named(count > people, "more events than people")
        if count.sum() == people.sum():
            wrong.append("one class only: everybody has the event")
    if not count.sum():
        wrong.append("one class only: nobody has the event")
    return wrong
