"""Life expectancy by Chiang's abridged life table, and years of life lost."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import norm

from bayesineq.dims import CI_PROB
from bayesineq.errors import MeasureError
from bayesineq.measures.arrays import Array, over_blocks
from bayesineq.measures.limits import probability

AGES: Final = (0, 1, *range(5, 95, 5))
"""First age of the 20 usual bands: under 1, 1-4, then by five years to 90 and over."""

_SMALLEST = 5000
_WIDEST = 20.0


def life_expectancy(rate: ArrayLike, *, ages: ArrayLike = AGES) -> Array:
    """
    Life expectancy at the start of each age band, for every draw of death rates.

    Parameters
    ----------
    rate : array_like, shape (..., n_age)
        Deaths per person-year in each age band, youngest first; the last band is open and its rate above zero.
    ages : array_like, shape (n_age,)
        First age of each band, in years; by default the 20 usual ones.

    Returns
    -------
    ndarray, shape (..., n_age)
        Years expected at the first age of each band; the first is life expectancy at birth.

    Raises
    ------
    MeasureError
        If a rate is negative, or above what the length of its band allows, or that of the open band is zero.

    Notes
    -----
    q = n M / (1 + n (1 - a) M), with a = 0.1 of the first year of life and 0.5 of other bands lived by those who die;
    those who reach the open band live 1 / M in it.

    References
    ----------
    Chiang 1968, Introduction to Stochastic Processes in Biostatistics; Office for National Statistics, Life
    expectancy calculation templates

    Examples
    --------
    A constant rate of one death in 80 person-years, in bands of one year from age 0 to 99:

    >>> round(float(life_expectancy(np.full(100, 1 / 80), ages=np.arange(100))[0]), 1)
    80.0
    """
    start = _ages(ages)

    def kernel(block: Array, _: Array) -> Array:
        dying, length, alive = _table(block, start)
        return _expected(block, dying, length, alive)

    return over_blocks(kernel, _fits(rate, start), None)


def healthy_life_expectancy(rate: ArrayLike, healthy: ArrayLike, *, ages: ArrayLike = AGES) -> Array:
    """
    Years expected in good health at the start of each age band, by Sullivan's method, for every draw.

    Parameters
    ----------
    rate : array_like, shape (..., n_age)
        Deaths per person-year in each age band.
    healthy : array_like, shape (..., n_age)
        Proportion in good health in each age band, 0 to 1.
    ages : array_like, shape (n_age,)
        First age of each band, in years.

    Returns
    -------
    ndarray, shape (..., n_age)
        Healthy years expected at the first age of each band.

    Raises
    ------
    MeasureError
        If a proportion lies outside 0 to 1, or as for `life_expectancy`.

    References
    ----------
    Sullivan 1971, HSMHA Health Rep 86:347

    Examples
    --------
    >>> years = healthy_life_expectancy([0.01, 0.02, 0.1], [1.0, 0.8, 0.5], ages=[0, 40, 80])
    >>> years.round(2).tolist()
    [50.0, 25.0, 5.0]
    """
    start = _ages(ages)
    rates, well = np.broadcast_arrays(_fits(rate, start), _fits(healthy, start))
    if not ((well >= 0) & (well <= 1)).all():
        raise MeasureError("proportions in good health must lie between 0 and 1; divide percentages by 100")

    def kernel(block: Array, _: Array) -> Array:
        n = len(start)
        death, good = block[:, :n], block[:, n:]
        dying, length, alive = _table(death, start)
        lived = _lived(death, dying, length, alive) * good
        return np.asarray(np.cumsum(lived[:, ::-1], axis=1)[:, ::-1] / alive)

    return over_blocks(kernel, np.concatenate([rates, well], axis=-1), None)


def life_expectancy_limits(
    deaths: ArrayLike, population: ArrayLike, *, ages: ArrayLike = AGES, prob: float = CI_PROB
) -> Array:
    """
    Life expectancy from counts with Chiang's limits: the published definition, for comparison with a model.

    Parameters
    ----------
    deaths, population : array_like, shape (..., n_age)
        Deaths and person-years in each age band.
    ages : array_like, shape (n_age,)
        First age of each band, in years.
    prob : float
        Probability of the limits.

    Returns
    -------
    ndarray, shape (..., n_age, 3)
        Life expectancy, lower limit and upper limit. NaN by the published rule where the whole population is at most
        5,000, or the limits lie more than 20 years apart.

    Raises
    ------
    MeasureError
        If deaths are negative or above the population, or nobody died in the open band.

    References
    ----------
    Chiang 1968, Introduction to Stochastic Processes in Biostatistics; Office for Health Improvement and
    Disparities, Fingertips technical guidance

    Examples
    --------
    >>> life_expectancy_limits([20, 60, 300], [20000, 20000, 3000], ages=[0, 40, 80])[0].round(2).tolist()
    [83.99, 82.32, 85.66]
    """
    start = _ages(ages)
    died, people = np.broadcast_arrays(_fits(deaths, start), _fits(population, start))
    if not ((people > 0) & (died >= 0) & (died <= people)).all():
        raise MeasureError("deaths must not be negative or above the population, and every band needs people")
    z = norm.ppf(0.5 + probability(prob) / 2)
    n = len(start)

    def kernel(block: Array, _: Array) -> Array:
        count, size = block[:, :n], block[:, n:]
        rate = count / size
        dying, length, alive = _table(rate, start)
        years = _expected(rate, dying, length, alive)
        a = _fraction(start)
        variance = np.where(count > 0, dying**2 * (1 - dying) / np.maximum(count, 1.0), 0.0)[:, :-1]
        inner = alive[:, :-1] ** 2 * ((1 - a) * length + years[:, 1:]) ** 2 * variance
        last = alive[:, -1:] ** 2 / (count[:, -1:] * rate[:, -1:] ** 2)
        sums = np.cumsum(np.concatenate([inner, last], axis=1)[:, ::-1], axis=1)[:, ::-1]
        half = z * np.sqrt(sums) / alive
        found = np.stack([years, years - half, years + half], axis=-1)
        found[2 * half > _WIDEST] = np.nan
        found[size.sum(axis=1) <= _SMALLEST] = np.nan
        return found

    return over_blocks(kernel, np.concatenate([died, people], axis=-1), None)


def years_of_life_lost(deaths: ArrayLike, remaining: ArrayLike) -> Array:
    """
    Years of life lost: each death counts the years that were still expected at its age.

    Parameters
    ----------
    deaths : array_like, shape (..., n_age)
        Deaths in each age band: all, or the excess of `excess_events` within each band.
    remaining : array_like, shape (n_age,) or (..., n_age)
        Years expected at each band's age in a reference life table.

    Returns
    -------
    ndarray, shape (...)
        Years.

    Raises
    ------
    MeasureError
        If the bands do not fit, or years are negative or missing.

    References
    ----------
    Murray 1996, The Global Burden of Disease, chapter 1

    Examples
    --------
    >>> float(years_of_life_lost([2.0, 10.0], [80.0, 15.0]))
    310.0
    """
    years = np.asarray(remaining, dtype=np.float64)
    if not (np.isfinite(years) & (years >= 0)).all():
        raise MeasureError("years of life that remain must not be negative or missing")
    if np.shape(deaths)[-1:] != years.shape[-1:]:
        raise MeasureError(
            f"deaths come in {np.shape(deaths)[-1:]} age bands and remaining years in {years.shape[-1:]}"
        )
    return np.asarray(np.sum(np.asarray(deaths, dtype=np.float64) * years, axis=-1))[()]


def _ages(ages: ArrayLike) -> Array:
    start = np.asarray(ages, dtype=np.float64)
    if start.ndim != 1 or start.size < 2 or not (np.diff(start) > 0).all():
        raise MeasureError("`ages` must hold the first age of each band, rising")
    return start


def _fits(values: ArrayLike, start: Array) -> Array:
    array = np.asarray(values, dtype=np.float64)
    if array.shape[-1:] != start.shape:
        raise MeasureError(f"the life table has {start.size} age bands from {start[0]:g}; given shape {array.shape}")
    return array


def _fraction(start: Array) -> Array:
    """Part of each closed band lived by those who die in it: deaths in the first year come early."""
    return np.where((start[:-1] == 0) & (np.diff(start) == 1), 0.1, 0.5)


def _table(rate: Array, start: Array) -> tuple[Array, Array, Array]:
    """Probability of dying in each band, length of the closed bands, survivors to each band."""
    length, a = np.diff(start), _fraction(start)
    if not (rate >= 0).all():
        raise MeasureError(f"death rates must not be negative; {int((rate < 0).sum())} are")
    if not (rate[:, -1] > 0).all():
        raise MeasureError("the death rate of the open age band is zero, so life would not end; use a modelled rate")
    closed = rate[:, :-1]
    dying = length * closed / (1 + length * (1 - a) * closed)
    if not (dying < 1).all():
        raise MeasureError("a death rate is so high that nobody would outlive its band; check deaths and person-years")
    alive = np.cumprod(np.concatenate([np.ones((len(rate), 1)), 1 - dying], axis=1), axis=1)
    return np.concatenate([dying, np.ones((len(rate), 1))], axis=1), length, alive


def _lived(rate: Array, dying: Array, length: Array, alive: Array) -> Array:
    """Person-years lived in each band by those born together."""
    gone = alive[:, :-1] * dying[:, :-1]
    # The share of the band lived by those who die follows from q = nM / (1 + n(1 - a)M), so deaths over rate.
    safe = np.where(rate[:, :-1] > 0, rate[:, :-1], 1.0)
    closed = np.where(rate[:, :-1] > 0, gone / safe, length * alive[:, :-1])
    return np.concatenate([closed, alive[:, -1:] / rate[:, -1:]], axis=1)


def _expected(rate: Array, dying: Array, length: Array, alive: Array) -> Array:
    lived = _lived(rate, dying, length, alive)
    return np.asarray(np.cumsum(lived[:, ::-1], axis=1)[:, ::-1] / alive)
