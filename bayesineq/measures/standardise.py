"""Standardised rates: per draw of modelled rates, and of counts with the published limits, to compare."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import chi2, norm

from bayesineq.dims import CI_PROB
from bayesineq.errors import MeasureError
from bayesineq.measures.arrays import Array, over_blocks, weighted_mean
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
        With fewer events in all, the published rule gives no rate: NaN.

    Returns
    -------
    ndarray, shape (..., 3)
        Rate, lower limit, upper limit.

    Raises
    ------
    MeasureError
        If counts are negative or missing, or a population is not above zero.

    References
    ----------
    Dobson et al. 1991, Stat Med 10:457; Office for Health Improvement and Disparities, Fingertips technical guidance

    Examples
    --------
    >>> dsr([10, 40], [1000, 500], [7000, 3000], per=1000).round(3).tolist()
    [31.0, 22.99, 40.891]
    """
    x, n = _counts(events, population)
    weight = np.asarray(standard, dtype=np.float64)
    share = weight / weight.sum()
    rate = np.sum(share * x / n, axis=-1)
    variance = np.sum((share / n) ** 2 * x, axis=-1)
    total = x.sum(axis=-1)
    limits = byar_limits(total, prob=prob)
    scale = np.sqrt(np.divide(variance, total, out=np.zeros_like(variance), where=total > 0))
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
    x, n = _counts(events, population)
    x_ref, n_ref = _counts(reference_events, reference_population)
    expected = np.sum(n * x_ref / n_ref, axis=-1)
    if not (expected > 0).all():
        raise MeasureError("no events are expected at the reference's rates, so there is no ratio to them")
    total = x.sum(axis=-1)
    limits = np.where((total < _FEWEST)[..., None], poisson_limits(total, prob=prob), byar_limits(total, prob=prob))
    return np.asarray(np.concatenate([total[..., None], limits], axis=-1) / expected[..., None])


def byar_limits(count: ArrayLike, *, prob: float = CI_PROB) -> Array:
    """
    Byar's approximate limits of a Poisson count.

    Parameters
    ----------
    count : array_like, shape (...)
        Counts.
    prob : float
        Probability of the limits.

    Returns
    -------
    ndarray, shape (..., 2)
        Lower and upper limit of the expected count.

    Raises
    ------
    MeasureError
        If the probability is not between 0 and 1.

    References
    ----------
    Breslow & Day 1987, IARC Scientific Publications 82, page 69

    Examples
    --------
    >>> byar_limits(25).round(4).tolist()
    [16.1743, 36.9065]
    """
    z = norm.ppf(0.5 + _probability(prob) / 2)
    x = np.asarray(count, dtype=np.float64)
    some = np.maximum(x, 1.0)
    lower = np.where(x > 0, some * (1 - 1 / (9 * some) - z / (3 * np.sqrt(some))) ** 3, 0.0)
    upper = (x + 1) * (1 - 1 / (9 * (x + 1)) + z / (3 * np.sqrt(x + 1))) ** 3
    return np.stack([lower, upper], axis=-1)


def poisson_limits(count: ArrayLike, *, prob: float = CI_PROB) -> Array:
    """
    Exact limits of a Poisson count.

    Parameters
    ----------
    count : array_like, shape (...)
        Counts.
    prob : float
        Probability of the limits.

    Returns
    -------
    ndarray, shape (..., 2)
        Lower and upper limit of the expected count.

    Raises
    ------
    MeasureError
        If the probability is not between 0 and 1.

    References
    ----------
    Garwood 1936, Biometrika 28:437

    Examples
    --------
    >>> poisson_limits(5).round(4).tolist()
    [1.6235, 11.6683]
    """
    tail = (1 - _probability(prob)) / 2
    x = np.asarray(count, dtype=np.float64)
    lower = np.where(x > 0, chi2.ppf(tail, 2 * np.maximum(x, 1.0)) / 2, 0.0)
    return np.stack([lower, chi2.ppf(1 - tail, 2 * x + 2) / 2], axis=-1)


def wilson_limits(count: ArrayLike, population: ArrayLike, *, prob: float = CI_PROB) -> Array:
    """
    Wilson's limits of a proportion.

    Parameters
    ----------
    count, population : array_like, shape (...)
        People with the attribute, and people.
    prob : float
        Probability of the limits.

    Returns
    -------
    ndarray, shape (..., 2)
        Lower and upper limit of the proportion.

    Raises
    ------
    MeasureError
        If a count is negative, missing or above its population, or a population is not above zero.

    References
    ----------
    Wilson 1927, J Am Stat Assoc 22:209

    Examples
    --------
    >>> wilson_limits(0, 10).round(4).tolist()
    [0.0, 0.2775]
    """
    x, n = _counts(count, population)
    if (x > n).any():
        raise MeasureError(f"{int((x > n).sum())} counts are above their population; a proportion cannot be above one")
    z = norm.ppf(0.5 + _probability(prob) / 2)
    centre = (2 * x + z**2) / (2 * (n + z**2))
    half = z * np.sqrt(z**2 + 4 * x * (1 - x / n)) / (2 * (n + z**2))
    return np.stack([np.maximum(centre - half, 0.0), np.minimum(centre + half, 1.0)], axis=-1)


def _counts(events: ArrayLike, population: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    x, n = np.asarray(events, dtype=np.float64), np.asarray(population, dtype=np.float64)
    if x.shape[-1:] != n.shape[-1:]:
        raise MeasureError(f"events and people must come in the same age bands; given shapes {x.shape} and {n.shape}")
    x, n = np.broadcast_arrays(x, n)
    if not (np.isfinite(x) & (x >= 0)).all():
        raise MeasureError(f"{int((~(np.isfinite(x) & (x >= 0))).sum())} counts are negative or missing")
    if not (np.isfinite(n) & (n > 0)).all():
        raise MeasureError(f"{int((~(np.isfinite(n) & (n > 0))).sum())} populations are missing or not above zero")
    return x, n


def _probability(prob: float) -> float:
    if not 0 < prob < 1:
        raise MeasureError(f"prob must be between 0 and 1; given {prob}")
    return prob
