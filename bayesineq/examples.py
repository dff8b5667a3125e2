"""A small place that is made up: a table, boundaries and a posterior to try every function on."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from bayesineq.design.matrix import design
from bayesineq.dims import AGE, AREA, DECILE, ETHNICITY, SEX
from bayesineq.inference.fit import fit
from bayesineq.model.read_card import read_card
from bayesineq.space.contiguity import contiguity

if TYPE_CHECKING:
    import geopandas as gpd
    import xarray as xr

    from bayesineq.cohort.members import Cohort
    from bayesineq.space.adjacency import Adjacency

WIDE: Final = 6
HIGH: Final = 5
SIDE: Final = 1000.0
"""Metres."""

PEOPLE: Final = {"asian": 300, "black": 200, "white": 1500}
"""In each area, age band and sex."""

EXCESS: Final = {"asian": 1.5, "black": 1.2, "white": 1.0}
YOUNG: Final = "40-49"
OLD: Final = "70-79"
RISK: Final = {YOUNG: 0.03, OLD: 0.08}
"""In decile 10, the least deprived."""


@dataclass(frozen=True, slots=True)
class Example:
    """
    A made-up place of 30 square areas.

    Parameters
    ----------
    table : DataFrame
        `area_counts`: one row an area, ethnic group, age band and sex, with `cases` and `population`. In decile 10
        the risk is 0.03 at ages 40 to 49 and 0.08 at ages 70 to 79, and a tenth higher a decile towards decile 1, the
        most deprived; 1.5 times as high for Asian and 1.2 times as high for Black as for White people; the cases are
        drawn by chance.
    areas : GeoDataFrame
        The squares, of 1 km, in British National Grid.
    adjacency : Adjacency
        Which of them border each other.
    post : DataTree
        The card "prevalence" fitted to the table: 400 draws.
    """

    table: pd.DataFrame
    areas: gpd.GeoDataFrame
    adjacency: Adjacency
    post: xr.DataTree


@cache
def example() -> Example:
    """
    A small place that is made up, and a posterior of it, to try functions on.

    It is made once a session; take a copy of what you change.

    Returns
    -------
    Example
        The place.


    Examples
    --------
    >>> example().table.groupby("ethnicity")[["cases", "population"]].sum()
               cases  population
    ethnicity
    asian       4657       36000
    black       2549       24000
    white      15932      180000
    """
    import geopandas as gpd
    from shapely import box

    cells = list(product(range(HIGH), range(WIDE)))
    codes = [f"E0190{number:04d}" for number in range(len(cells))]
    squares = [box(x * SIDE, y * SIDE, (x + 1) * SIDE, (y + 1) * SIDE) for y, x in cells]
    areas = gpd.GeoDataFrame({AREA: codes}, geometry=squares, crs="EPSG:27700")
    rows = pd.DataFrame(product(codes, PEOPLE, RISK, ("female", "male")), columns=[AREA, ETHNICITY, AGE, SEX])
    rows.insert(1, DECILE, rows[AREA].str[-2:].astype(int) % 10 + 1)
    rows["population"] = rows[ETHNICITY].map(PEOPLE)
    risk = rows[AGE].map(RISK) * rows[ETHNICITY].map(EXCESS) * 1.1 ** (10 - rows[DECILE])
    rows["cases"] = np.random.default_rng(1).binomial(rows["population"], risk)
    adjacency = contiguity(areas)
    study = design(rows, read_card("prevalence"), adjacency=adjacency)
    return Example(rows, areas, adjacency, fit(study, draws=400, seed=1, progress=False))


@cache
def cohort_example() -> Cohort:
    """Six invented persons, five of them registered on the last day, three of these with type 2 diabetes."""
    from datetime import date

    from bayesineq.cohort.members import cohort
    from bayesineq.records.normal import read_normal

    persons = pd.DataFrame(
        {
            "person": list("abcdef"),
            "birth": ["1950-03-01", "1962-11-30", "1971-01-15", "1980-06-30", "1991-02-28", "1940-08-08"],
            "sex": ["female", "male"] * 3,
            "area": ["E01000001", "E01000001", "E01000002", "E01000002", "E01000001", "E01000002"],
            "imd_decile": [1, 1, 8, 8, 1, 8],
            "registered_from": "2010-01-01",
            "registered_to": [None, None, None, None, None, "2020-06-30"],
        }
    )
    facts = [("a", "2015-05-01"), ("b", "2020-02-03"), ("c", "2020-09-09"), ("f", "2012-01-01")]
    events = pd.DataFrame([(*fact, "icd10", "E11.9") for fact in facts], columns=["person", "date", "system", "code"])
    stays = [
        ("a", "2020-03-01", "2020-03-04", "emergency", None),
        ("b", "2020-07-01", None, "outpatient", "missed"),
        ("b", "2020-08-01", None, "outpatient", "attended"),
        ("f", "2020-02-01", None, "emergency", None),
    ]
    spells = pd.DataFrame(stays, columns=["person", "start", "end", "kind", "outcome"])
    told = [("a", "gp", "A"), ("b", "gp", "Z"), ("b", "hospital", "J"), ("c", "hospital", "A"), ("d", "gp", "M")]
    ethnicity = pd.DataFrame(told, columns=["person_id", "source", "ethnicity"]).assign(recorded_on="2015-05-01")
    records = read_normal({"persons": persons, "events": events, "spells": spells, "ethnicity_records": ethnicity})
    return cohort(records, "type_2_diabetes", study=(date(2020, 1, 1), date(2020, 12, 31)))
