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
