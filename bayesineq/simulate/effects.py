"""Effects that are planted in a simulated system, on the scale of the linear predictor, keyed by code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit

from bayesineq.dims import AGE, AREA, DECILE, ETHNICITY, SEX
from bayesineq.simulate.england import AGE_BANDS, ETHNICITIES, REFERENCE, SEXES
from bayesineq.simulate.place import draw_bym2
from bayesineq.space.adjacency import Adjacency


@dataclass(frozen=True, slots=True)
class Effects:
    """
    What makes one outcome differ between people, additive on the scale of the linear predictor.

    Parameters
    ----------
    link : {"logit", "log"}
        Scale of the linear predictor.
    intercept : float
        Linear predictor of the reference age and sex where the other effects are zero.
    age_sex : Series, index (age_band, sex)
        0 for the reference, ages 40-49 and female.
    deprivation : Series, index imd_decile 1 to 10
        Sums to zero.
    ethnicity : Series, index ethnicity code
        Sums to zero in a system; independent draws in a world of `simulate_counts`.
    place : Series, index area
        A draw of the BYM2 effect.
    sigma, phi : float
        Standard deviation of `place` and the share of its variance that is spatial.
    dispersion : float
        Concentration of the beta (logit) or size of the gamma (log) that varies cells beyond the predictor;
        infinite for none.
    """

    link: Literal["logit", "log"]
    intercept: float
    age_sex: pd.Series
    deprivation: pd.Series
    ethnicity: pd.Series
    place: pd.Series
    sigma: float
    phi: float
    dispersion: float


@dataclass(frozen=True, slots=True)
class Truth:
    """
    Planted effects and what they imply for the simulated population.

    Parameters
    ----------
    effects : Effects
        The planted effects.
    mean : float
        Expected rate of all adults: cases per person, missed per appointment, events per person-year.
    by_decile, by_ethnicity, by_area : Series
        Expected rate of each group, weighted by its own people, appointments or person-years.
    sii : float
        Slope of the least-squares line through `by_decile` against relative rank, 0 for the most deprived: negative
        where the outcome falls with advantage.
    rii : float
        That line at rank 1 over the line at rank 0.
    """

    effects: Effects
    mean: float
    by_decile: pd.Series
    by_ethnicity: pd.Series
    by_area: pd.Series
    sii: float
    rii: float


_DIABETES_AGE = ((-3.2, -2.0, -1.0, 0.0, 0.75, 1.21, 1.50, 1.50), (0.05, 0.00, 0.10, 0.28, 0.35, 0.38, 0.35, 0.30))
_DIABETES_DECILE = (0.35, 0.25, 0.16, 0.08, 0.02, -0.05, -0.12, -0.18, -0.24, -0.27)
_DIABETES_ETHNICITY = (0.0, 0.0, -0.05, 0.35, 0.30, 0.30, 0.25, 0.85, 1.05, 1.10, 0.80, 0.75, 0.60, 0.65, 0.25, 0.45)

_MISSED_AGE = ((0.0, 0.55, 0.35, 0.0, -0.25, -0.60, -0.75, -0.50), (-0.05, 0.20, 0.20, 0.18, 0.15, 0.10, 0.0, -0.05))
_MISSED_DECILE = (0.45, 0.32, 0.21, 0.11, 0.02, -0.07, -0.16, -0.24, -0.30, -0.34)
_MISSED_ETHNICITY = (0.0, 0.05, 0.15, 0.35, 0.30, 0.10, 0.20, 0.05, 0.25, 0.30, 0.15, 0.35, 0.30, 0.35, -0.05, 0.25)

_REACHED_AGE = ((-0.75, -0.45, -0.20, 0.0, 0.20, 0.35, 0.40, 0.05), (0.0, -0.05, -0.02, 0.02, 0.05, 0.08, 0.08, 0.05))
_REACHED_DECILE = (-0.40, -0.28, -0.18, -0.09, -0.01, 0.06, 0.14, 0.21, 0.26, 0.29)
_REACHED_ETHNICITY = (
    0.0,
    -0.05,
    -0.20,
    -0.25,
    -0.25,
    -0.10,
    -0.15,
    -0.05,
    -0.20,
    -0.15,
    -0.05,
    -0.20,
    -0.25,
    -0.25,
    0.05,
    -0.15,
)

_EVENTS_AGE = ((0.30, 0.35, 0.10, 0.0, 0.05, 0.20, 0.50, 0.95), (0.0, -0.05, 0.0, 0.05, 0.08, 0.10, 0.10, 0.08))
_EVENTS_DECILE = (0.33, 0.23, 0.15, 0.08, 0.01, -0.05, -0.11, -0.17, -0.22, -0.25)
_EVENTS_ETHNICITY = (0.0, 0.05, -0.05, 0.15, 0.10, 0.0, 0.05, -0.05, 0.12, 0.15, 0.0, 0.10, 0.02, 0.08, -0.25, 0.0)


def diabetes_effects(adjacency: Adjacency, rng: np.random.Generator, *, sigma: float, phi: float) -> Effects:
    """
    Effects on having diabetes, on the logit scale, of about the size of the National Diabetes Audit.

    Parameters
    ----------
    adjacency : Adjacency
        The areas.
    rng : Generator
        Source of the place effects.
    sigma, phi : float
        Standard deviation of the place effects, and the share of its variance that is spatial.

    Returns
    -------
    Effects
        At the same age, sex and place: odds 1.9 times as high in the most as in the least deprived tenth, and 2.3 to
        3 times as high for South Asian as for White British people. The intercept is left at 0 for `calibrate`.

    Examples
    --------
    >>> from bayesineq.space.adjacency import from_edges
    >>> effects = diabetes_effects(from_edges([("a", "b"), ("b", "c")]), np.random.default_rng(1), sigma=0.0, phi=0.5)
    >>> effects.deprivation.loc[[1, 10]]
    imd_decile
    1     0.35
    10   -0.27
    dtype: float64
    """
    tables = (_DIABETES_AGE, _DIABETES_DECILE, _DIABETES_ETHNICITY)
    return _effects("logit", tables, adjacency, rng, sigma=sigma, phi=phi, dispersion=np.inf)


def missed_effects(adjacency: Adjacency, rng: np.random.Generator, *, sigma: float, phi: float) -> Effects:
    """Effects on missing an appointment, on the logit scale, with a beta between cells."""
    tables = (_MISSED_AGE, _MISSED_DECILE, _MISSED_ETHNICITY)
    return _effects("logit", tables, adjacency, rng, sigma=sigma, phi=phi, dispersion=150.0)


def event_effects(adjacency: Adjacency, rng: np.random.Generator, *, sigma: float, phi: float) -> Effects:
    """Effects on emergency admissions of people with diabetes, on the log scale, with a gamma between cells."""
    tables = (_EVENTS_AGE, _EVENTS_DECILE, _EVENTS_ETHNICITY)
    return _effects("log", tables, adjacency, rng, sigma=sigma, phi=phi, dispersion=15.0)


def reached_effects(adjacency: Adjacency, rng: np.random.Generator, *, beside: Effects, correlation: float) -> Effects:
    """
    Effects on being reached, of those who are ill, on the logit scale, with a beta between cells.

    Place effects have the spread of those of `beside`, the illness, and the given correlation with them over areas.
    """
    tables = (_REACHED_AGE, _REACHED_DECILE, _REACHED_ETHNICITY)
    effects = _effects("logit", tables, adjacency, rng, sigma=beside.sigma, phi=beside.phi, dispersion=150.0)
    place = correlation * beside.place + np.sqrt(1 - correlation**2) * effects.place
    return replace(effects, place=place)


def mean_of(effects: Effects, cells: pd.DataFrame) -> NDArray[np.float64]:
    """Expected rate of each cell: the inverse link of the sum of its effects. Shapes: returns (n_cell,)."""
    eta = _predictor(effects, cells)
    return np.asarray(expit(eta) if effects.link == "logit" else np.exp(eta), dtype=float)


def calibrate(effects: Effects, cells: pd.DataFrame, weight: NDArray[np.float64], target: float) -> Effects:
    """Same effects with the intercept that gives a population its overall rate. Shapes: weight (n_cell,)."""
    eta = _predictor(replace(effects, intercept=0.0), cells)
    inverse = expit if effects.link == "logit" else np.exp
    intercept = brentq(lambda a: np.average(inverse(eta + a), weights=weight) - target, -20.0, 10.0)
    return replace(effects, intercept=float(intercept))


def vary(effects: Effects, mean: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """
    Rates of cells that scatter about their mean as the beta-binomial and negative binomial assume.

    Shapes: mean (n_cell,); returns (n_cell,).
    """
    if np.isinf(effects.dispersion):
        return mean
    if effects.link == "logit":
        return rng.beta(mean * effects.dispersion, (1 - mean) * effects.dispersion)
    return np.asarray(mean * rng.gamma(effects.dispersion, 1 / effects.dispersion, mean.shape))


def truth_of(effects: Effects, cells: pd.DataFrame, weight: NDArray[np.float64]) -> Truth:
    """What planted effects imply for a population. Shapes: weight (n_cell,)."""
    mean = mean_of(effects, cells)
    frame = cells.assign(_sum=mean * weight, _weight=weight)

    def by(dim: str) -> pd.Series:
        total = frame.groupby(dim, observed=True, sort=True)[["_sum", "_weight"]].sum()
        total = total[total["_weight"] > 0]
        return (total["_sum"] / total["_weight"]).rename("rate")

    decile = by(DECILE)
    people = frame.groupby(DECILE, sort=True)["_weight"].sum().loc[decile.index].to_numpy()
    rank = (people.cumsum() - people / 2) / people.sum()
    centre, level = np.average(rank, weights=people), np.average(decile, weights=people)
    slope = float(np.sum(people * (rank - centre) * (decile - level)) / np.sum(people * (rank - centre) ** 2))
    bottom = level - slope * centre
    return Truth(effects, float(level), decile, by(ETHNICITY), by(AREA), slope, float((bottom + slope) / bottom))


def _effects(
    link: Literal["logit", "log"],
    tables: tuple[tuple[Sequence[float], Sequence[float]], Sequence[float], Sequence[float]],
    adjacency: Adjacency,
    rng: np.random.Generator,
    *,
    sigma: float,
    phi: float,
    dispersion: float,
) -> Effects:
    (age, male), decile, ethnicity = tables
    bands = pd.MultiIndex.from_product([AGE_BANDS, SEXES], names=[AGE, SEX])
    age_sex = pd.Series(np.column_stack([age, np.add(age, male)]).ravel(), index=bands)
    deprivation = pd.Series(decile, index=pd.RangeIndex(1, 11, name=DECILE)) - np.mean(decile)
    group = pd.Series(ethnicity, index=pd.Index(ETHNICITIES, name=ETHNICITY)) - np.mean(ethnicity)
    place = draw_bym2(adjacency, rng, sigma=sigma, phi=phi)[0]
    return Effects(
        link=link,
        intercept=0.0,
        age_sex=age_sex - age_sex[REFERENCE],
        deprivation=deprivation,
        ethnicity=group,
        place=pd.Series(place, index=pd.Index(adjacency.areas, name=AREA)),
        sigma=sigma,
        phi=phi,
        dispersion=dispersion,
    )


def _predictor(effects: Effects, cells: pd.DataFrame) -> NDArray[np.float64]:
    stratum = pd.MultiIndex.from_arrays([cells[AGE], cells[SEX]])
    eta: NDArray[np.float64] = (
        effects.intercept
        + effects.age_sex.loc[stratum].to_numpy()
        + effects.deprivation.loc[cells[DECILE]].to_numpy()
        + effects.ethnicity.loc[cells[ETHNICITY]].to_numpy()
        + effects.place.loc[cells[AREA]].to_numpy()
    )
    return eta
