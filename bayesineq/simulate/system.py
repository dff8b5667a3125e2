"""An integrated care system whose truth is known: map, people, practices, records, counts, and what was planted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayesineq.dims import AGE, AREA, DECILE, ETHNICITY, SEX
from bayesineq.simulate.areas import simulate_areas
from bayesineq.simulate.effects import (
    Truth,
    calibrate,
    diabetes_effects,
    event_effects,
    mean_of,
    missed_effects,
    truth_of,
    vary,
)
from bayesineq.simulate.england import ADULT_BANDS, AGE_BANDS, ETHNICITIES, SEXES
from bayesineq.simulate.people import record_ethnicity, simulate_people, simulate_practices
from bayesineq.space.adjacency import Adjacency
from bayesineq.space.contiguity import contiguity
from bayesineq.tables.check import check

if TYPE_CHECKING:
    import geopandas as gpd

PREVALENCE = 0.08
MISSED = 0.065
EVENTS = 0.16

_CELL = [AREA, DECILE, ETHNICITY, AGE, SEX]
_APPOINTMENTS = pd.Series([2.5, 2.3, 2.7, 3.0, 3.8, 4.8, 6.2, 7.0], index=pd.Index(AGE_BANDS))


@dataclass(frozen=True, slots=True)
class System:
    """
    A simulated integrated care system.

    Parameters
    ----------
    areas : GeoDataFrame
        One row an area, see `simulate_areas`; `population` counts the people simulated there.
    adjacency : Adjacency
        Queen neighbours, in the order of `areas`: mainland, island, and an area without neighbours.
    people : DataFrame
        One row a person: person_id, area, practice, ethnicity (as recorded: some "Z", some missing), birth_year, age,
        age_band, sex, imd_decile, diabetes (0 or 1), appointments, missed, person_years (followed with diabetes),
        events (emergency admissions in those years).
    people_truth : DataFrame
        Beside `people`, what no record holds: person_id, ethnicity (true), diabetes_probability.
    practices : DataFrame
        practice, name, area, easting, northing, list_size.
    area_counts, access_counts, outcome_counts : DataFrame
        Adults by area, imd_decile, true ethnicity, age_band and sex: cases of diabetes and population; missed
        appointments and appointments; events and person_years of adults with diabetes. Cells without people,
        appointments or person-years have no row.
    truth : Mapping of str to Truth
        Planted effects and expected rates behind each table of counts: "prevalence", "access", "outcomes".
    """

    areas: gpd.GeoDataFrame
    adjacency: Adjacency
    people: pd.DataFrame
    people_truth: pd.DataFrame
    practices: pd.DataFrame
    area_counts: pd.DataFrame
    access_counts: pd.DataFrame
    outcome_counts: pd.DataFrame
    truth: Mapping[str, Truth]


def simulate_system(
    n_areas: int = 300, n_people: int = 500_000, *, seed: int = 1, sigma: float = 0.15, phi: float = 0.6
) -> System:
    """
    An integrated care system with planted deprivation, ethnicity, age, sex and place effects.

    Parameters
    ----------
    n_areas : int
        Small areas, 12 or more.
    n_people : int
        People of all ages.
    seed : int
        Same seed, same system. Map, people, practices and outcomes have streams of their own.
    sigma : float
        Standard deviation of the place effects on the linear predictor, 0 or more.
    phi : float
        Share of the variance of the place effects that is spatial, 0 to 1.

    Returns
    -------
    System
        Every table has passed its schema. About 8% of adults have diabetes, 6.5% of appointments are missed and there
        are 0.16 emergency admissions a year for each adult with diabetes.

    Raises
    ------
    BayesineqError
        If there are too few areas or people, or `sigma` or `phi` is out of range.

    Examples
    --------
    >>> system = simulate_system(12, 2000, seed=1)
    >>> system.areas.shape, system.people.shape
    ((12, 13), (2000, 14))
    """
    areas = simulate_areas(n_areas, seed=seed, residents=n_people / n_areas)
    adjacency = contiguity(areas)
    people = simulate_people(areas, n_people, seed=seed)
    practices, practice = simulate_practices(areas, people, seed=seed)
    recorded = record_ethnicity(people, seed=seed)
    number, cells = _cells(areas, people)
    adult = cells[AGE].isin(ADULT_BANDS).to_numpy()
    rng = np.random.default_rng([seed, 6])

    size = np.bincount(number).astype(float)
    prevalence = calibrate(diabetes_effects(adjacency, rng, sigma=sigma, phi=phi), cells, size * adult, PREVALENCE)
    risk = mean_of(prevalence, cells)
    diabetes = (rng.random(n_people) < risk[number]).astype(np.int64)

    appointments = _appointments(rng, people, diabetes)
    booked = np.bincount(number, appointments)
    access = calibrate(missed_effects(adjacency, rng, sigma=1.3 * sigma, phi=phi), cells, booked * adult, MISSED)
    missed = rng.binomial(appointments, vary(access, mean_of(access, cells), rng)[number])

    years = diabetes * np.where(rng.random(n_people) < 0.97, 1.0, np.ceil(364 * rng.random(n_people)) / 365)
    followed = np.bincount(number, years)
    outcomes = calibrate(event_effects(adjacency, rng, sigma=0.8 * sigma, phi=phi), cells, followed * adult, EVENTS)
    events = rng.poisson(vary(outcomes, mean_of(outcomes, cells), rng)[number] * years)

    def counts(schema: str, top: str, above: NDArray[Any], bottom: str, below: NDArray[Any]) -> pd.DataFrame:
        table = cells.assign(**{top: np.bincount(number, above).astype(np.int64), bottom: below})
        return check(table[adult & (below > 0)].reset_index(drop=True), schema)

    records = people.assign(
        practice=practice,
        ethnicity=recorded,
        diabetes=diabetes,
        appointments=appointments,
        missed=missed,
        person_years=years,
        events=events,
    )
    residents = people[AREA].value_counts().reindex(areas[AREA]).to_numpy()
    return System(
        areas=areas.assign(population=residents),
        adjacency=adjacency,
        people=check(records, "people"),
        people_truth=pd.DataFrame(
            {"person_id": people["person_id"], ETHNICITY: people[ETHNICITY], "diabetes_probability": risk[number]}
        ),
        practices=check(practices, "practices"),
        area_counts=counts("area_counts", "cases", diabetes, "population", size.astype(np.int64)),
        access_counts=counts("access_counts", "missed", missed, "appointments", booked.astype(np.int64)),
        outcome_counts=counts("outcome_counts", "events", events, "person_years", followed),
        truth={
            "prevalence": truth_of(prevalence, cells[adult], size[adult]),
            "access": truth_of(access, cells[adult], booked[adult]),
            "outcomes": truth_of(outcomes, cells[adult], followed[adult]),
        },
    )


def _cells(areas: gpd.GeoDataFrame, people: pd.DataFrame) -> tuple[NDArray[np.intp], pd.DataFrame]:
    """Number of each person's cell, shape (n_people,), and the cells that hold anybody, sorted by key."""
    levels = (areas[AREA], ETHNICITIES, AGE_BANDS, SEXES)
    columns = (AREA, ETHNICITY, AGE, SEX)
    position = [pd.Index(level).get_indexer(people[name]) for name, level in zip(columns, levels, strict=True)]
    shape = tuple(len(level) for level in levels)
    flat, number = np.unique(np.ravel_multi_index(tuple(position), shape), return_inverse=True)
    found = np.unravel_index(flat, shape)
    cells = pd.DataFrame(
        {
            name: pd.Series(list(level), dtype=str).take(at).to_numpy()
            for name, level, at in zip(columns, levels, found, strict=True)
        }
    )
    cells[DECILE] = areas[DECILE].to_numpy()[found[0]]
    return number, cells[_CELL]


def _appointments(rng: np.random.Generator, people: pd.DataFrame, diabetes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Appointments of each person in a year, more with age, for women and with diabetes."""
    rate = (
        _APPOINTMENTS.loc[people[AGE]].to_numpy() * np.where(people[SEX] == "female", 1.15, 0.9) * (1 + 0.4 * diabetes)
    )
    return rng.poisson(rate)
