"""Standardised rates: per draw of modelled rates, and of counts with the published limits, to compare."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from bayesineq.dims import CI_PROB
from bayesineq.errors import MeasureError
from bayesineq.measures.arrays import Array, over_blocks, shares, weighted_mean
from bayesineq.measures.limits import byar_limits, counts_and_people, poisson_limits
from bayesineq.shipped import folder

_FEWEST = 10


class Standard(NamedTuple):
    """
    A standard population.

    Parameters
    ----------
    age_band : tuple of str
        Codes of the age bands, youngest first.
    weight : ndarray, shape (n_age,)
        People of the standard population in each band.
    """

    age_band: tuple[str, ...]
    weight: Array


def esp2013(age_bands: Sequence[str] | None = None) -> Standard:
    """
    European Standard Population of 2013, in its 19 age bands or in wider ones.

    Parameters
    ----------
    age_bands : sequence of str, optional
        Codes of the bands wanted, such as "00-04", "15-44" or "85+": unions of the 19, without overlap. By default the
        19, from "00-04" to "90+".

    Returns
    -------
    Standard
        Codes of the age bands and their weights; the 19 together hold 100,000 people.

    Raises
    ------
    MeasureError
        If a code cannot be read, cuts one of the 19 bands, or overlaps another.

    References
    ----------
    Eurostat 2013, Revision of the European Standard Population

    Examples
    --------
    >>> standard = esp2013()
    >>> len(standard.age_band), standard.age_band[-1], float(standard.weight.sum())
    (19, '90+', 100000.0)
    >>> esp2013(["65-84", "85+"]).weight.tolist()
    [17000.0, 2500.0]
    """
    with (folder("data_schema") / "codes" / "esp2013.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    weight = np.array([float(row["standard_population"]) for row in rows])
    if age_bands is None:
        return Standard(tuple(row["age_band"] for row in rows), weight)
    edges = [int(row["first_age"]) for row in rows]
    taken: set[int] = set()
    sums = []
    for code in age_bands:
        inside = _inside(code, edges)
        if not inside or taken & set(inside):
            raise MeasureError(
                f"age band {code!r} is no union of the standard's bands ({', '.join(row['age_band'] for row in rows)}) "
                "or overlaps another; give bands such as 00-04, 15-44 or 85+"
            )
        taken |= set(inside)
        sums.append(weight[inside].sum())
    return Standard(tuple(age_bands), np.array(sums))


def _inside(code: str, edges: list[int]) -> list[int]:
    """Positions of the standard's bands that make up one band; empty if it cuts through them."""
    found = re.fullmatch(r"(\d{1,3})(?:-(\d{1,3})|\+)", code)
    if found is None or int(found[1]) not in edges:
        return []
    first = edges.index(int(found[1]))
    if found[2] is None:
        return list(range(first, len(edges)))
    after = int(found[2]) + 1
    return list(range(first, edges.index(after))) if after in edges else []


def direct_rate(rate: ArrayLike, standard: ArrayLike) -> Array:
    """
    Directly standardised rate of each draw: the rate that a standard population would have.

    With modelled rates of strata and the whole population's structure as the standard, this is the marginal
    (g-computed) rate: what everyone would have at the rates of one group.

    Parameters
    ----------
    rate : array_like, shape (..., n_stratum)
        Rate of each age band, or of each stratum of age and sex.
    standard : array_like, shape (n_stratum,) or (..., n_stratum)
        People of the standard population in each stratum, in the order of the rates.

    Returns
    -------
    ndarray, shape (...)
        The rate, in the unit of the rates.

    Raises
    ------
    MeasureError
        If a rate is missing, or rates and standard do not fit.

    Examples
    --------
    >>> round(float(direct_rate([0.001, 0.02], [3000, 1000])), 6)
    0.00575
    """
    return over_blocks(weighted_mean, rate, standard)


def indirect_ratio(rate: ArrayLike, population: ArrayLike, reference_rate: ArrayLike) -> Array:
    """
    Indirectly standardised ratio of each draw: events at the area's own rates over those at the reference's rates.

    Parameters
    ----------
    rate : array_like, shape (..., n_stratum)
        Rate of each stratum in the area.
    population : array_like, shape (n_stratum,) or (..., n_stratum)
        People of the area in each stratum.
    reference_rate : array_like, shape (n_stratum,) or (..., n_stratum)
        Rate of each stratum in the reference, such as England.

    Returns
    -------
    ndarray, shape (...)
        The ratio; 1 is the reference. Times the reference's crude rate it is the indirectly standardised rate.

    Raises
    ------
    MeasureError
        If no events are expected.

    Examples
    --------
    >>> round(float(indirect_ratio([0.002, 0.03], [1000, 100], [0.001, 0.03])), 6)
    1.25
    """
    expected = np.asarray(over_blocks(weighted_mean, reference_rate, population))
    if not (expected > 0).all():
        raise MeasureError("no events are expected at the reference's rates, so there is no ratio to them")
    return np.asarray(over_blocks(weighted_mean, rate, population) / expected)[()]


def dsr(
    events: ArrayLike,
    population: ArrayLike,
    standard: ArrayLike,
    *,
    per: float = 100_000.0,
    prob: float = CI_PROB,
    fewest: int = _FEWEST,
) -> Array:
    """
    Directly standardised rate of counts with Dobson's limits: the published definition, for comparison with a model.

    Parameters
    ----------
    events : array_like, shape (..., n_age)
        Events in each age band.
    population : array_like, shape (..., n_age)
        People, or person-years, in each age band.
    standard : array_like, shape (n_age,)
        People of the standard population in each band.
    per : float
        The rate is per so many people.
    prob : float
        Probability of the limits.
    fewest : int
        With fewer events in all, the published rule gives no rate: NaN. Without any event there are no limits either.

    Returns
    -------
    ndarray, shape (..., 3)
        Rate, lower limit, upper limit.

    Raises
    ------
    MeasureError
        If counts are negative, fractional in sum or missing, a population is not above zero, or the standard does not
        fit.

    References
    ----------
    Dobson et al. 1991, Stat Med 10:457; Office for Health Improvement and Disparities, Fingertips technical guidance

    Examples
    --------
    >>> dsr([10, 40], [1000, 500], [7000, 3000], per=1000).round(3).tolist()
    [31.0, 22.99, 40.891]
    """
    x, n = counts_and_people(events, population)
    share = shares(standard)
    if share.shape != x.shape[-1:]:
        raise MeasureError(f"the standard has {share.size} bands, events have {x.shape[-1]}; give one weight a band")
    rate = np.sum(share * x / n, axis=-1)
    variance = np.sum((share / n) ** 2 * x, axis=-1)
    total = x.sum(axis=-1)
    limits = byar_limits(total, prob=prob)
    scale = np.sqrt(np.divide(variance, total, out=np.full_like(variance, np.nan), where=total > 0))
    lower, upper = rate + scale * (limits[..., 0] - total), rate + scale * (limits[..., 1] - total)
    found = per * np.stack([rate, lower, upper], axis=-1)
    found[total < fewest] = np.nan
    return np.asarray(found)


def isr(
    events: ArrayLike,
    population: ArrayLike,
    reference_events: ArrayLike,
    reference_population: ArrayLike,
    *,
    prob: float = CI_PROB,
) -> Array:
    """
    Indirectly standardised ratio of counts with the published limits: Byar's, exact Poisson below ten events.

    Parameters
    ----------
    events, population : array_like, shape (..., n_age)
        Events and people in each age band.
    reference_events, reference_population : array_like, shape (n_age,)
        Events and people of the reference in each band.
    prob : float
        Probability of the limits.

    Returns
    -------
    ndarray, shape (..., 3)
        Observed over expected, lower limit, upper limit.

    Raises
    ------
    MeasureError
        If counts are negative or missing, a population is not above zero, or no events are expected.

    References
    ----------
    Breslow & Day 1987, IARC Scientific Publications 82

    Examples
    --------
    >>> isr([3, 17], [1000, 500], [20, 300], [10_000, 10_000]).round(3).tolist()
    [1.176, 0.718, 1.817]
    """
    x, n = counts_and_people(events, population)
    x_ref, n_ref = counts_and_people(reference_events, reference_population)
    expected = np.sum(n * x_ref / n_ref, axis=-1)
    if not (expected > 0).all():
        raise MeasureError("no events are expected at the reference's rates, so there is no ratio to them")
    total = x.sum(axis=-1)
    limits = np.where((total < _FEWEST)[..., None], poisson_limits(total, prob=prob), byar_limits(total, prob=prob))
    return np.asarray(np.concatenate([total[..., None], limits], axis=-1) / expected[..., None])
