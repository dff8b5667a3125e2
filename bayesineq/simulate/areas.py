"""A map that no atlas shows: towns, countryside, a coast with an estuary, an island, and deprivation that clusters."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from scipy.stats import norm, rankdata

from bayesineq.errors import BayesineqError
from bayesineq.simulate.england import IMD_CUTS, IMD_RANGE
from bayesineq.simulate.land import Land, divide, draw_land, spread
from bayesineq.space.adjacency import Adjacency
from bayesineq.space.contiguity import contiguity
from bayesineq.tables.quantiles import quantile_groups

if TYPE_CHECKING:
    import geopandas as gpd
    from shapely import Polygon

FEWEST = 12
FIRST_CODE = 900_000
"""Codes start at E01900000: real codes of lower layer super output areas end at E01035762 (2021)."""

_ORIGIN = np.array([500_000.0, 200_000.0])
_SURFACE = 7.0e6
"""Square metres of land for each area, about that of Suffolk and North East Essex."""
_TOWN_SURFACE = 4.5e5
_URBAN = 0.78
_BEGINNINGS = ("Ald", "Brack", "Cold", "Dun", "Elm", "Fen", "Gos", "Haver", "Ives", "Kel", "Lang", "Mar", "Nether")
_ENDINGS = ("bourne", "combe", "ford", "haven", "ley", "mere", "quay", "stead", "thorpe", "wick", "worth")


def simulate_areas(n: int, *, seed: int, residents: float = 1_700.0, shift: float = 0.1) -> gpd.GeoDataFrame:
    """
    Small areas of an invented integrated care system.

    Parameters
    ----------
    n : int
        Number of areas, 12 or more: a mainland, an island of a few areas, and one area of two islets by itself.
    seed : int
        Same seed, same map.
    residents : float
        Mean population of an area, people.
    shift : float
        How much more deprived than England the system is, in standard deviations of the normal score.

    Returns
    -------
    GeoDataFrame
        EPSG:27700, a row an area: `area` (codes from E01900000, a range that no real area uses), `name`, `town`,
        `setting` ("urban" or "rural"), `coastal`, `easting`, `northing`, `population`, `imd_score`, `imd_rank` and
        `imd_decile` within the system, `imd_decile_national` by the cut points of the Indices of Deprivation 2025,
        `geometry`. Rank 1 and decile 1 are the most deprived.

    Raises
    ------
    BayesineqError
        If `n` is below 12.

    Examples
    --------
    >>> areas = simulate_areas(12, seed=1)
    >>> areas[["area", "setting", "imd_decile"]].head(3)
            area setting  imd_decile
    0  E01900000   rural           8
    1  E01900001   rural           2
    2  E01900002   urban          10
    """
    if n < FEWEST:
        raise BayesineqError(f"{n} areas were asked for; a map with a coast and islands needs {FEWEST} or more")
    if not residents > 0:
        raise BayesineqError(f"residents is {residents}; give the mean population of an area, above 0")
    rng = np.random.default_rng([seed, 1])
    frame, centres = _map(rng, n)
    adjacency = contiguity(frame)
    score = _scores(rng, frame, adjacency, centres, shift)
    rank = rankdata(-score, method="ordinal")
    population = np.round(residents * np.exp(rng.normal(-0.02, 0.2, n))).astype(np.int64)
    return frame.assign(
        population=np.maximum(population, 1),
        imd_score=np.round(score, 3),
        imd_rank=rank.astype(np.int64),
        imd_decile=quantile_groups(rank, 10),
        imd_decile_national=(10 - np.searchsorted(IMD_CUTS, score, side="right")).astype(np.int64),
    )


def _map(rng: np.random.Generator, n: int) -> tuple[gpd.GeoDataFrame, NDArray[np.float64]]:
    """Cells with codes, names and setting; and the centre of each area's town, shape (n, 2)."""
    import geopandas as gpd
    import shapely

    on_island = max(3, round(0.03 * n))
    on_mainland = n - on_island - 1
    land = draw_land(rng, n * _SURFACE, 0.6 * on_island / n)
    centres, size = _towns(rng, land, max(2, round(n / 45)))
    points = spread(_settle(rng, land, centres, size, on_mainland), land.mainland, 2)
    offshore = spread(_inside(rng, land.island, on_island), land.island, 2)
    cells = np.array([*divide(points, land.mainland), *divide(offshore, land.island), land.islets], dtype=object)
    middle = shapely.get_coordinates(shapely.point_on_surface(cells))
    town = cKDTree(centres).query(middle)[1]
    sea = np.append(np.zeros(on_mainland, dtype=bool), np.ones(on_island + 1, dtype=bool))
    shore = shapely.LineString([xy for xy in land.mainland.exterior.coords if xy[0] > 0.6 * land.width])
    coastal = sea | shapely.dwithin(cells, shore, 1.0)
    order = np.lexsort((middle[:, 1], middle[:, 0], town))
    names = _town_names(rng, len(centres))
    frame = gpd.GeoDataFrame(
        {
            "area": [f"E01{FIRST_CODE + i:06d}" for i in range(n)],
            "name": _area_names(town[order], names),
            "town": names[town[order]],
            "setting": np.where(shapely.area(cells) < 6 * _TOWN_SURFACE, "urban", "rural")[order],
            "coastal": coastal[order],
            "easting": np.round(middle[order, 0] + _ORIGIN[0], 1),
            "northing": np.round(middle[order, 1] + _ORIGIN[1], 1),
        },
        geometry=shapely.transform(cells[order], lambda xy: np.round(xy + _ORIGIN, 1)),
        crs="EPSG:27700",
    )
    return frame, centres[town[order]] + _ORIGIN


def _towns(rng: np.random.Generator, land: Land, count: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Centres of towns well apart, and their sizes by Zipf's rule: shapes (count, 2) and (count,)."""
    candidates = _inside(rng, land.mainland, 40 * count)
    apart = 0.5 * land.width / np.sqrt(count)
    chosen: list[int] = [0]
    for i in range(1, len(candidates)):
        gaps = np.hypot(*(candidates[chosen] - candidates[i]).T)
        if gaps.min() > apart:
            chosen.append(i)
        if len(chosen) == count:
            break
    size = 1.0 / np.arange(1, len(chosen) + 1) ** 0.8
    return candidates[chosen], size / size.sum()


def _settle(
    rng: np.random.Generator, land: Land, centres: NDArray[np.float64], size: NDArray[np.float64], n: int
) -> NDArray[np.float64]:
    """Points of the mainland, most of them around towns, shape (n, 2)."""
    import shapely

    in_town = rng.multinomial(round(_URBAN * n), size)
    radius = np.sqrt(in_town * _TOWN_SURFACE / np.pi)
    home = np.repeat(np.arange(len(size)), in_town)
    points = np.empty((len(home), 2))
    outside = np.ones(len(home), dtype=bool)
    while outside.any():
        here = home[outside]
        points[outside] = centres[here] + rng.normal(0.0, 0.65 * radius[here, None], (len(here), 2))
        outside = ~shapely.contains_xy(land.mainland, points)
    return np.vstack([points, _inside(rng, land.mainland, n - len(home))])


def _inside(rng: np.random.Generator, land: Polygon, n: int) -> NDArray[np.float64]:
    """Uniform points on a piece of land, shape (n, 2)."""
    import shapely

    west, south, east, north = land.bounds
    kept = np.empty((0, 2))
    while len(kept) < n:
        points = rng.uniform((west, south), (east, north), (2 * n + 8, 2))
        kept = np.vstack([kept, points[shapely.contains_xy(land, points)]])
    return kept[:n]


def _scores(
    rng: np.random.Generator,
    frame: gpd.GeoDataFrame,
    adjacency: Adjacency,
    centres: NDArray[np.float64],
    shift: float,
) -> NDArray[np.float64]:
    """Deprivation score of each area: smooth over the map, higher in town centres and by the sea, with noise."""
    n = len(frame)
    laplacian = adjacency.laplacian()
    degree = laplacian.diagonal()
    field = rng.normal(size=n)
    for _ in range(8):
        field = field - 0.5 * (laplacian @ field) / np.maximum(degree, 1.0)
    town, towns = pd.factorize(frame["town"])
    distance = np.hypot(*(frame[["easting", "northing"]].to_numpy() - centres).T)
    urban = (frame["setting"] == "urban").to_numpy()
    latent = (
        1.0 * field / field.std()
        + rng.normal(0.0, 0.5, len(towns))[town]
        + urban * (1.2 * np.exp(-distance / 1_500.0) + 0.2)
        + 0.35 * frame["coastal"].to_numpy()
        + rng.normal(0.0, 0.6, n)
    )
    normal = (latent - latent.mean()) / latent.std() + shift
    knots = np.log([IMD_RANGE[0], *IMD_CUTS, IMD_RANGE[1]])
    score: NDArray[np.float64] = np.exp(np.interp(norm.cdf(normal), np.linspace(0.0, 1.0, len(knots)), knots))
    return score


def _town_names(rng: np.random.Generator, count: int) -> NDArray[np.object_]:
    pool = [first + last for first in _BEGINNINGS for last in _ENDINGS]
    drawn = rng.permutation(len(pool))
    rounds = [f"{prefix}{pool[i]}" for prefix in ("", "Upper ", "Lower ", "Great ", "Little ") for i in drawn]
    return np.array([rounds[i] if i < len(rounds) else f"Town {i + 1}" for i in range(count)], dtype=object)


def _area_names(town: NDArray[np.intp], names: NDArray[np.object_]) -> list[str]:
    """Names as the census gives them: town, number of a group of five areas, letter."""
    within = pd.Series(town).groupby(town).cumcount().to_numpy()
    return [f"{names[t]} {i // 5 + 1:03d}{'ABCDE'[i % 5]}" for t, i in zip(town, within, strict=True)]
