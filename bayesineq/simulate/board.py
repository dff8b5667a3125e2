"""A board of millions of persons in the normal form of records, written as parquet by DuckDB, with its truth."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit

from bayesineq.dims import AGE, AREA, DECILE, ETHNICITY, SEX
from bayesineq.errors import BayesineqError
from bayesineq.replacing import replacing
from bayesineq.simulate.areas import simulate_areas
from bayesineq.simulate.effects import (
    Effects,
    Truth,
    calibrate,
    diabetes_effects,
    event_effects,
    mean_of,
    missed_effects,
    truth_of,
    vary,
)
from bayesineq.simulate.england import AGE_BANDS, AGE_SHARE, AGE_STARTS, ETHNICITIES, SEXES
from bayesineq.simulate.people import draw_people
from bayesineq.space.contiguity import contiguity

if TYPE_CHECKING:
    import duckdb
    import geopandas as gpd

    from bayesineq.space.adjacency import Adjacency

ON: Final = dt.date(2026, 4, 1)
"""Index day: ages are completed years on it, and the year that is followed ends the day before."""

BEFORE: Final = 0.70
AFTER: Final = 0.936
"""Share of persons with a known ethnicity in general practice, and in general practice or hospital."""

PREVALENCE: Final = 0.08
MISSED: Final = 0.065
EVENTS: Final = 0.16

MOST_AREAS: Final = 1_000
RESIDENTS: Final = 1_700
DIABETES: Final = ("E11.9", "E11.2", "E11.3", "E11.6", "E10.9")
OTHER_CODES: Final = (
    "I10", "J06.9", "M54.5", "R10.4", "J45.9", "F32.9", "N39.0", "K21.9", "M17.9", "I48.9", "R07.4", "F41.9", "L30.9",
    "J44.9", "H26.9", "I25.1", "N18.3", "E03.9", "E78.0", "K58.9", "M81.9", "G43.9", "I50.0", "R05", "H91.9", "I63.9",
    "C50.9", "C61", "J18.9", "D50.9", "S72.0", "W19", "F03", "R54", "Z51.5", "F10.2", "I70.2", "K70.3", "G40.9",
    "M06.9",
)  # fmt: skip

_APPOINTMENTS: Final = (2.5, 2.3, 2.7, 3.0, 3.8, 4.8, 6.2, 7.0)
_TABLES: Final = ("persons", "events", "spells", "ethnicity_records")
_MOST_ADMISSIONS: Final = 9


@dataclass(frozen=True, slots=True)
class Board:
    """
    A simulated board.

    Parameters
    ----------
    folder : Path
        Where `persons.parquet`, `events.parquet`, `spells.parquet`, `ethnicity_records.parquet`, `areas.parquet` and
        `truth/persons.parquet` lie.
    areas : GeoDataFrame
        One row an area, see `simulate_areas`.
    adjacency : Adjacency
        Queen neighbours, in the order of `areas`.
    on : date
        The index day: ages are those on it, and the year of follow-up ends the day before.
    truth : Mapping of str to Truth
        Planted effects and expected rates of adults: "prevalence" of diabetes, "access" (missed of all appointments)
        and "outcomes" (admissions a year of persons with diabetes).
    completeness : Mapping of str to float
        Share of persons whose ethnicity is known: "before" in general practice, "after" with hospitals linked.
    """

    folder: Path
    areas: gpd.GeoDataFrame
    adjacency: Adjacency
    on: dt.date
    truth: Mapping[str, Truth]
    completeness: Mapping[str, float]


def simulate_board(
    folder: str | Path,
    persons: int = 1_700_000,
    *,
    n_areas: int | None = None,
    events: float = 17.65,
    seed: int = 1,
    sigma: float = 0.15,
    phi: float = 0.6,
) -> Board:
    """
    Write a board of persons, coded facts, contacts and records of ethnicity, with a planted truth.

    Parameters
    ----------
    folder : str or Path
        Where the parquet files are written; it is made where it is not there.
    persons : int
        Number of persons of all ages.
    n_areas : int, optional
        Small areas; one for 1,700 persons without it, 12 or more and at most 1,000.
    events : float
        Coded facts of a person, on average, diabetes among them.
    seed : int
        Same seed and release of DuckDB, same records.
    sigma, phi : float
        As of `simulate_system`.

    Returns
    -------
    Board
        Where the records are, and their truth. Facts are ICD-10 codes; `E10` and `E11` mark diabetes and nothing else
        does. Ethnicity is known to general practice for 70% of persons, less often for men, the young and minorities,
        and to it or a hospital for 93.6%; 1.5% of the codes of practices and 5% of those of hospitals are wrong.

    Raises
    ------
    BayesineqError
        There are too few persons or areas.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     board = simulate_board(folder, 2_000, seed=1)
    ...     sorted(path.name for path in board.folder.glob("*.parquet"))
    ['areas.parquet', 'ethnicity_records.parquet', 'events.parquet', 'persons.parquet', 'spells.parquet']
    """
    import duckdb

    count = n_areas if n_areas is not None else int(np.clip(persons // RESIDENTS, 12, MOST_AREAS))
    if persons < count:
        raise BayesineqError(f"{persons} persons were asked for in {count} areas; give one or more for each area")
    areas = simulate_areas(count, seed=seed, residents=persons / count)
    adjacency = contiguity(areas)
    people = draw_people(np.random.default_rng([seed, 3]), areas, persons)
    rates, truth = _rates(areas, adjacency, people, np.random.default_rng([seed, 9]), sigma, phi)
    place = Path(folder)
    (place / "truth").mkdir(parents=True, exist_ok=True)
    engine = duckdb.connect()
    _settle(engine, place, seed)
    _draw(engine, areas, people, rates)
    for name, query in _queries(events).items():
        with replacing(place / f"{name}.parquet") as path:
            engine.execute(f"COPY ({query}) TO '{_quoted(path)}' (FORMAT parquet, COMPRESSION zstd)")
    with replacing(place / "areas.parquet") as path:
        pd.DataFrame(areas.drop(columns="geometry")).to_parquet(path, index=False)
    engine.close()
    return Board(place, areas, adjacency, ON, truth, {"before": BEFORE, "after": AFTER})


def _rates(
    areas: gpd.GeoDataFrame,
    adjacency: Adjacency,
    people: NDArray[np.int64],
    rng: np.random.Generator,
    sigma: float,
    phi: float,
) -> tuple[pd.DataFrame, dict[str, Truth]]:
    """Rates of each cell of area, ethnic group, age band and sex, and what they imply. Shapes: people (a, e, 18, 2)."""
    size = _by_band(people)
    shape = size.shape
    at = np.unravel_index(np.arange(size.size), shape)
    cells = pd.DataFrame({
        AREA: areas[AREA].to_numpy()[at[0]],
        DECILE: areas[DECILE].to_numpy()[at[0]],
        ETHNICITY: np.array(ETHNICITIES)[at[1]],
        AGE: np.array(AGE_BANDS)[at[2]],
        SEX: np.array(SEXES)[at[3]],
    })  # fmt: skip
    adults = size.ravel() * (at[2] > 0)

    def _planted(effects: Effects, weight: NDArray[np.float64], target: float) -> tuple[Effects, NDArray[np.float64]]:
        settled = calibrate(effects, cells, weight, target)
        return settled, mean_of(settled, cells)

    prevalence, risk = _planted(diabetes_effects(adjacency, rng, sigma=sigma, phi=phi), adults, PREVALENCE)
    booked = adults * np.array(_APPOINTMENTS)[at[2]] * np.where(at[3] == 0, 1.15, 0.9) * (1 + 0.4 * risk)
    access, missing = _planted(missed_effects(adjacency, rng, sigma=1.3 * sigma, phi=phi), booked, MISSED)
    followed = adults * risk
    outcomes, rate = _planted(event_effects(adjacency, rng, sigma=0.8 * sigma, phi=phi), followed, EVENTS)
    lacking = 0.35 * (at[1] > 0) + 0.5 * ((at[2] == 1) | (at[2] == 2)) + 0.3 * (at[3] == 1)
    level = brentq(lambda a: np.average(expit(a + lacking), weights=size.ravel()) - (1 - BEFORE), -10.0, 10.0)
    rates = pd.DataFrame({
        "area_at": at[0], "ethnicity_at": at[1], "band": at[2], "sex_at": at[3],
        "diabetes": np.where(at[2] > 0, risk, 0.0), "missed": vary(access, missing, rng),
        "admissions": vary(outcomes, rate, rng), "unknown": expit(level + lacking),
    })  # fmt: skip
    known = {"prevalence": (prevalence, adults), "access": (access, booked), "outcomes": (outcomes, followed)}
    return rates, {name: truth_of(effects, cells, weight) for name, (effects, weight) in known.items()}


def _by_band(people: NDArray[np.int64]) -> NDArray[np.float64]:
    """Expected people by age band, of those by five years of age. Shapes: (a, e, 18, 2) to (a, e, 8, 2)."""
    years = np.arange(5 * people.shape[2]).reshape(-1, 5)
    band = np.searchsorted(AGE_STARTS, years, side="right") - 1
    share = np.stack([(band == k).mean(axis=1) for k in range(len(AGE_BANDS))])
    return np.asarray(np.einsum("aefs,bf->aebs", people.astype(np.float64), share), dtype=np.float64)


def _settle(engine: duckdb.DuckDBPyConnection, place: Path, seed: int) -> None:
    """What the engine may use, and uniform numbers that depend on nothing but a person, a purpose and the seed."""
    engine.execute("SET memory_limit = '3GB'")
    engine.execute("SET preserve_insertion_order = false")
    engine.execute(f"SET temp_directory = '{_quoted(place / 'spilled')}'")
    engine.execute(
        f"CREATE MACRO uniform(k, purpose) AS (hash(k, purpose, {int(seed)}) >> 11)::DOUBLE / 9007199254740992.0"
    )
    # Draws of the geometric law of a mean, and of Poisson's as far as anybody is admitted.
    engine.execute(
        "CREATE MACRO geometric(u, m) AS CASE WHEN m > 0 THEN floor(ln(1 - u) / ln(m / (1 + m)))::BIGINT ELSE 0 END"
    )
    terms, term = [], "1.0"
    for k in range(_MOST_ADMISSIONS):
        term = term if k == 0 else f"{term} * m / {k}"
        terms.append(term)
    steps = [f"(u > exp(-m) * ({' + '.join(terms[: k + 1])}))::BIGINT" for k in range(_MOST_ADMISSIONS)]
    engine.execute(f"CREATE MACRO poisson(u, m) AS {' + '.join(steps)}")


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")


def _draw(
    engine: duckdb.DuckDBPyConnection, areas: gpd.GeoDataFrame, people: NDArray[np.int64], rates: pd.DataFrame
) -> None:
    """One row a person, with what is planted in it, as a table of the engine."""
    held = np.flatnonzero(people)
    at = np.unravel_index(held, people.shape)
    number = people.ravel()[held]
    cells = pd.DataFrame({
        "area_at": at[0], "ethnicity_at": at[1], "five": at[2], "sex_at": at[3],
        "people": number, "start": np.cumsum(number) - number,
    })  # fmt: skip
    places = pd.DataFrame({"area_at": np.arange(len(areas)), AREA: areas[AREA].to_numpy()})
    bands = " ".join(f"WHEN age >= {start} THEN {k}" for k, start in reversed(list(enumerate(AGE_STARTS.tolist()))))
    tables: dict[str, Any] = {"cells": cells, "places": places, "rates": rates}
    for name, table in tables.items():
        engine.register(name, table)
    practices = max(1, round(number.sum() / 9_500))
    last = len(AGE_SHARE) - 1
    engine.execute(f"""
        CREATE TEMP TABLE drawn AS
        WITH single AS (
            SELECT area_at, ethnicity_at, sex_at, start + k AS i,
                5 * five + CASE WHEN five = {last}
                    THEN least(floor(ln(1 - uniform(start + k, 'age')) / ln(0.83)), 25)
                    ELSE floor(5 * uniform(start + k, 'age')) END::INTEGER AS age
            FROM cells, unnest(range(people)) AS t(k)
        ), aged AS (
            SELECT *, CASE {bands} END AS band, DATE '{ON}' AS until,
                ((DATE '{ON}' - to_years(age))::DATE - 1 - floor(364 * uniform(i, 'birth'))::INTEGER)::DATE AS birth
            FROM single
        ), rated AS (
            SELECT aged.*, places.{AREA} AS area, missed, admissions, unknown,
                uniform(i, 'diabetes') < diabetes AS diabetic,
                greatest(birth, CASE WHEN uniform(i, 'mover') < 0.03
                    THEN until - 1 - floor(364 * uniform(i, 'moved'))::INTEGER
                    ELSE until - 366 - floor(7300 * uniform(i, 'moved'))::INTEGER END) AS registered_from,
                CASE WHEN uniform(i, 'dies') < least(0.3, 0.0008 * exp(0.07 * (age - 40)))
                    THEN until - 1 - floor(364 * uniform(i, 'death'))::INTEGER END AS dies
            FROM aged JOIN places USING (area_at) JOIN rates USING (area_at, ethnicity_at, band, sex_at)
        ), ended AS (
            SELECT *, CASE WHEN dies > registered_from THEN dies END AS death FROM rated
        )
        SELECT i, printf('%010d', (i * 2654435761 + 97) % 9999999967) AS person, area, ethnicity_at, sex_at, age, band,
            birth, death, diabetic, missed, admissions, registered_from,
            printf('X9%04d', (area_at * {practices} // {len(areas)}
                + (uniform(i, 'practice') < 0.3)::INTEGER) % {practices} + 1) AS practice,
            uniform(i, 'asked') >= unknown AS known_before,
            coalesce(death, until - 1) AS last_day,
            greatest(registered_from, until - 365) AS first_day
        FROM ended
    """)


def _queries(events: float) -> dict[str, str]:
    """The query behind each file."""
    return {
        "persons": """
            SELECT person, birth, CASE sex_at WHEN 0 THEN 'female' ELSE 'male' END AS sex, death, area, practice,
                registered_from, death AS registered_to FROM drawn
        """,
        "events": _events(events),
        "spells": _spells(),
        "ethnicity_records": _ethnicity_records(),
        "truth/persons": f"SELECT person, {_code('ethnicity_at')} AS ethnicity, diabetic FROM drawn",
    }


def _listed(values: tuple[str, ...]) -> str:
    return "[" + ", ".join(f"'{value}'" for value in values) + "]"


def _code(position: str) -> str:
    return f"({_listed(ETHNICITIES)})[{position} + 1]"


def _events(mean: float) -> str:
    """Facts of diabetes from a year before the index day or earlier, and facts of everything else at any time."""
    weight = "(0.4 + 0.015 * age)"
    return f"""
        WITH average AS (
            -- Persons with diabetes have five facts of it on average.
            SELECT greatest({mean} - avg(5.0 * diabetic::INTEGER), 0) / avg({weight}) AS others FROM drawn
        )
        SELECT person, date, 'icd10' AS system, code, source, NULL::DOUBLE AS value, NULL::VARCHAR AS unit FROM (
            SELECT person, ({_listed(OTHER_CODES)})[1 + floor({len(OTHER_CODES)}
                    * pow(uniform(i * 1000 + k, 'code'), 2))::INTEGER] AS code,
                last_day - floor(uniform(i * 1000 + k, 'date') * least(3650, last_day - birth + 1))::INTEGER AS date,
                CASE WHEN uniform(i * 1000 + k, 'where') < 0.8 THEN 'gdppr_journal' ELSE 'hes_apc' END AS source
            FROM drawn, average,
                unnest(range(least(999, geometric(uniform(i, 'facts'), others * {weight})))) AS t(k)
            UNION ALL
            SELECT person, ({_listed(DIABETES)})[1 + floor({len(DIABETES)}
                    * pow(uniform(i * 1000 + k, 'kind'), 3))::INTEGER] AS code,
                DATE '{ON}' - 366 - floor(uniform(i * 1000 + k, 'seen') * 2500)::INTEGER AS date,
                'gdppr_journal' AS source
            FROM drawn, unnest(range(1 + floor(9 * uniform(i, 'visits'))::BIGINT)) AS t(k) WHERE diabetic
        )
    """


def _spells() -> str:
    """Appointments of the year and admissions to hospital, between the first and the last day of a person in it."""
    means = " ".join(f"WHEN {k} THEN {mean}" for k, mean in enumerate(_APPOINTMENTS))
    years = "(last_day - first_day + 1) / 365.0"
    booked = (
        f"{years} * (CASE band {means} END) * CASE sex_at WHEN 0 THEN 1.15 ELSE 0.9 END * (1 + 0.4 * diabetic::INTEGER)"
    )
    admitted = f"{years} * CASE WHEN diabetic THEN admissions ELSE 0.05 END"
    day = "first_day + floor(uniform(i * 1000 + k, {}) * (last_day - first_day + 1))::INTEGER"
    return f"""
        SELECT person, {day.format("'booked'")} AS start, {day.format("'booked'")} AS "end",
            'general practice' AS kind, practice AS provider,
            CASE WHEN uniform(i * 1000 + k, 'missed') < missed THEN 'missed' ELSE 'attended' END AS outcome,
            NULL::DOUBLE AS cost, 'gp_appointments' AS source
        FROM drawn, unnest(range(least(999, geometric(uniform(i, 'appointments'), {booked})))) AS t(k)
        UNION ALL
        SELECT person, {day.format("'admitted'")}, least(last_day, {day.format("'admitted'")} + 3),
            'inpatient', 'RX1', NULL, NULL, 'hes_apc'
        FROM drawn, unnest(range(poisson(uniform(i, 'admissions'), {admitted}))) AS t(k)
    """


def _ethnicity_records() -> str:
    """What general practices and hospitals hold; a hospital knows whom it must for the planted completeness."""
    filled = (AFTER - BEFORE) / (1 - BEFORE)

    def _recorded(purpose: str, error: float) -> str:
        other = _code(f"(ethnicity_at + 1 + floor(15 * uniform(i, '{purpose} other'))::INTEGER) % 16")
        return f"CASE WHEN uniform(i, '{purpose} error') < {error} THEN {other} ELSE {_code('ethnicity_at')} END"

    def _day(purpose: str) -> str:
        return f"greatest(birth, last_day - floor(3650 * uniform(i, '{purpose} day'))::INTEGER)"

    hospitals = "['hes_apc', 'hes_ae', 'hes_op']"
    first = "floor(3 * uniform(i, 'hospital'))::INTEGER"
    known = f"uniform(i, 'linked') < CASE WHEN known_before THEN 0.55 ELSE {filled} END"
    return f"""
        SELECT person AS person_id, 'gdppr_journal' AS source, {_day("gp")} AS recorded_on,
            CASE WHEN known_before THEN {_recorded("gp", 0.015)} ELSE 'Z' END AS ethnicity
        FROM drawn WHERE known_before OR uniform(i, 'refused') < 0.4
        UNION ALL
        SELECT person, {hospitals}[1 + {first}], {_day("first")},
            CASE WHEN {known} THEN {_recorded("first", 0.05)} ELSE '99' END
        FROM drawn WHERE {known} OR uniform(i, 'seen') < 0.1
        UNION ALL
        SELECT person, {hospitals}[1 + ({first} + 1) % 3], {_day("second")}, {_recorded("second", 0.05)}
        FROM drawn WHERE {known} AND uniform(i, 'again') < 0.4
    """
