"""A pathway and a trend of a simulated system with a known truth: who is ill, who is reached, what becomes of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayesineq.dims import AGE, AREA, DECILE, ETHNICITY, SEX
from bayesineq.errors import BayesineqError
from bayesineq.simulate.effects import Truth, calibrate, mean_of, reached_effects, truth_of, vary
from bayesineq.simulate.people import YEAR
from bayesineq.simulate.system import System

REACHED = 0.62
"""Share of people with diabetes who had all checks of a year."""

_CELL = [AREA, DECILE, ETHNICITY, AGE, SEX]


@dataclass(frozen=True, slots=True)
class Pathway:
    """
    The steps of a pathway in a simulated system, and its years, with what was planted.

    Parameters
    ----------
    counts : DataFrame
        Adults by area, imd_decile, true ethnicity, age_band and sex: `population`, `cases` of diabetes, `checked` (of
        the cases, who had all checks of the year), `events` (emergency admissions of people with diabetes) and
        `person_years` of them. The last two are blank where nobody with diabetes was followed.
    years : DataFrame
        The same admissions by area, imd_decile and year: `events` and `person_years`.
    truth : Mapping of str to Truth
        What is behind the steps: "prevalence", "reached", "admissions".
    gaps : Series, index year
        Planted gap by year: logarithm of the rate of the most over that of the least deprived tenth.
    """

    counts: pd.DataFrame
    years: pd.DataFrame
    truth: Mapping[str, Truth]
    gaps: pd.Series


def simulate_pathway(
    system: System, *, seed: int = 1, inverse_care: float = -0.6, n_years: int = 8, narrowing: float = -0.3
) -> Pathway:
    """
    Who is reached among the people with diabetes of a simulated system, and how their admissions changed over years.

    Parameters
    ----------
    system : System
        Of `simulate_system`: its cases and admissions are the first and the last step.
    seed : int
        Same seed, same pathway.
    inverse_care : float
        Correlation over areas, -1 to 1, of the place effects on having diabetes and on being reached: negative where
        places with more illness are reached less.
    n_years : int
        Years of the trend, 2 or more; the last is that of the system.
    narrowing : float
        Change of the logarithm of the ratio between the most and the least deprived tenth, from the first year to the
        last: negative where the gap narrows.

    Returns
    -------
    Pathway
        Tables and truth. 62% of people with diabetes are reached, fewer in deprived areas.

    Raises
    ------
    BayesineqError
        A correlation beyond 1, or fewer than two years.

    Examples
    --------
    >>> from bayesineq.simulate.system import simulate_system
    >>> pathway = simulate_pathway(simulate_system(12, 2000, seed=1), seed=1, n_years=3)
    >>> pathway.years["year"].unique().tolist(), round(float(pathway.gaps.iloc[-1] - pathway.gaps.iloc[0]), 2)
    ([2024, 2025, 2026], -0.3)
    """
    if not -1 <= inverse_care <= 1:
        raise BayesineqError(f"inverse_care is a correlation, from -1 to 1; given {inverse_care}")
    if n_years < 2:
        raise BayesineqError(f"a trend needs two years or more; given {n_years}")
    rng = np.random.default_rng([seed, 7])
    ill, admitted = system.truth["prevalence"], system.truth["outcomes"]
    cells = system.area_counts.merge(system.outcome_counts, how="left", on=_CELL, validate="one_to_one")
    cases = cells["cases"].to_numpy(dtype=float)
    effects = reached_effects(system.adjacency, rng, beside=ill.effects, correlation=inverse_care)
    effects = calibrate(effects, cells, cases, REACHED)
    checked = rng.binomial(cells["cases"], vary(effects, mean_of(effects, cells), rng))
    counts = cells[[*_CELL, "population", "cases"]].assign(
        checked=checked, events=cells["events"].astype("Int64"), person_years=cells["person_years"]
    )
    years, gaps = _years(system, rng, n_years, narrowing)
    some = cases > 0
    return Pathway(
        counts=counts,
        years=years,
        truth={"prevalence": ill, "reached": truth_of(effects, cells[some], cases[some]), "admissions": admitted},
        gaps=gaps,
    )


def _years(system: System, rng: np.random.Generator, n_years: int, narrowing: float) -> tuple[pd.DataFrame, pd.Series]:
    """Admissions by area and year, whose gradient turns evenly, and the gap planted in each year."""
    effects, cells = system.truth["outcomes"].effects, system.outcome_counts
    weight, expected = cells["person_years"], cells["person_years"] * mean_of(effects, cells)
    by = cells.assign(expected=expected, person_years=weight).groupby([AREA, DECILE], sort=True, as_index=False)
    held = by[["expected", "person_years"]].sum()
    when = np.arange(YEAR - n_years + 1, YEAR + 1)
    # The gradient is that of the system in the last year; rates rise by 1% a year and wander by 2%.
    turn = narrowing * (when - when[-1]) / (when[-1] - when[0])
    level = 0.01 * (when - when[-1]) + np.cumsum(rng.normal(0.0, 0.02, n_years))
    deprived = (5.5 - held[DECILE].to_numpy()) / 9.0
    rate = held["expected"].to_numpy() / held["person_years"].to_numpy()
    mean = rate[:, None] * np.exp(level - level[-1] + deprived[:, None] * turn)
    time = np.repeat(held["person_years"].to_numpy()[:, None], n_years, axis=1)
    table = pd.DataFrame(
        {
            AREA: np.repeat(held[AREA].to_numpy(), n_years),
            DECILE: np.repeat(held[DECILE].to_numpy(), n_years),
            "year": np.tile(when, len(held)),
            "events": rng.poisson(_varied(rng, mean, effects.dispersion) * time).ravel(),
            "person_years": time.ravel(),
        }
    )
    ends = effects.deprivation.loc[1] - effects.deprivation.loc[10]
    return table, pd.Series(ends + turn, index=pd.Index(when, name="year"), name="log_ratio")


def _varied(rng: np.random.Generator, mean: NDArray[np.float64], size: float) -> NDArray[np.float64]:
    """Rates that vary about their mean as the negative binomial of a whole area's cells does: nearly not at all."""
    return np.asarray(mean * rng.gamma(10 * size, 1 / (10 * size), mean.shape))
