"""The nearest service to each area: by a matrix of times, along roads, or as the crow flies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra
from scipy.spatial import KDTree

from bayesineq.dims import AREA
from bayesineq.errors import SchemaError

Float = NDArray[np.float64]

RADIUS_KM: Final = 6371.0088
"""Mean radius of the earth, International Union of Geodesy and Geophysics."""

TO_MINUTES: Final = {"minutes": 1.0, "seconds": 1.0 / 60.0, "hours": 60.0}
TO_KM: Final = {"km": 1.0, "metres": 0.001, "miles": 1.609344}
DEGREES: Final = ("latitude", "longitude")
METRES: Final = ("easting", "northing")

_LONGEST: Final = 240.0
"""Minutes to the nearest service at the median area above which they are seconds."""
_SPEEDS: Final = (3.0, 150.0)
"""Kilometres an hour between which the median road is driven or walked."""
_FARTHEST_ROAD_KM: Final = 5.0
_SHOWN: Final = 5


def nearest_by_matrix(
    times: pd.DataFrame, areas: Sequence[str] | None = None, *, service: str = "service"
) -> pd.DataFrame:
    """
    Nearest service to each area of a long table of travel times.

    Parameters
    ----------
    times : DataFrame
        A row a pair: `area`, the service, and one of `minutes`, `seconds` or `hours`; blank where there is no way.
    areas : sequence of str, optional
        Areas that must have a row; by default those of the table.
    service : str, optional
        Column of services.

    Returns
    -------
    DataFrame
        `area`, the service, `minutes`; both missing where no service can be reached. `attrs["notes"]` says how they
        were found and of how many areas there is no way.

    Raises
    ------
    SchemaError
        A column is missing, times are negative or seem to be of another unit, or a pair stands twice; all at once.

    Examples
    --------
    >>> times = {"area": ["a", "a", "b"], "service": ["X", "Y", "X"], "minutes": [12.0, 7.5, 30.0]}
    >>> nearest_by_matrix(pd.DataFrame(times), ["a", "b", "c"])
      area service  minutes
    0    a       Y      7.5
    1    b       X     30.0
    2    c     NaN      NaN
    """
    unit = _unit(times, TO_MINUTES, (AREA, service), "a matrix of times")
    minutes = pd.to_numeric(times[unit], errors="coerce") * TO_MINUTES[unit]
    wrong = [f"{int((minutes < 0).sum())} times are negative"] if (minutes < 0).any() else []
    words = times[unit].notna() & minutes.isna()
    wrong += (
        [f"{int(words.sum())} times are no numbers, such as {times.loc[words, unit].iloc[0]!r}"] if words.any() else []
    )
    twice = times.duplicated([AREA, service])
    wrong += [f"{int(twice.sum())} pairs of area and service stand twice"] if twice.any() else []
    table = times[[AREA, service]].assign(minutes=minutes)
    first = table.dropna().sort_values("minutes", kind="stable").drop_duplicates(AREA).set_index(AREA)
    middle = float(first["minutes"].median()) if len(first) else 0.0
    if middle > _LONGEST:
        wrong += [
            f"half of all areas are more than {middle:,.0f} minutes away: if they are seconds, name the column so"
        ]
    if wrong:
        raise SchemaError(f"The matrix of times cannot be read: {'; '.join(wrong)}.")
    wanted = list(dict.fromkeys(times[AREA])) if areas is None else list(areas)
    found = first.reindex(wanted).rename_axis(AREA).reset_index()
    return _noted(found, "minutes", f"travel times are those of the matrix that was given, in {unit}")


def nearest_straight(areas: pd.DataFrame, services: pd.DataFrame) -> pd.DataFrame:
    r"""
    Nearest service to each area as the crow flies.

    Parameters
    ----------
    areas : DataFrame
        `area`, and `latitude` and `longitude` (degrees) or `easting` and `northing` (metres, British National Grid).
    services : DataFrame
        `service`, and the same of its place, in either.

    Returns
    -------
    DataFrame
        `area`, `service`, `km`: the great circle on a sphere of 6,371.0088 km,
        :math:`2 R \arcsin\sqrt{\sin^2(\Delta\phi/2) + \cos\phi_1 \cos\phi_2 \sin^2(\Delta\lambda/2)}`.

    Raises
    ------
    SchemaError
        A position is missing or cannot be, or latitude and longitude are swapped.

    References
    ----------
    Sinnott 1984, Virtues of the haversine, Sky and Telescope 68:159

    Examples
    --------
    >>> areas = pd.DataFrame({"area": ["London"], "latitude": [51.5074], "longitude": [-0.1278]})
    >>> services = pd.DataFrame({"service": ["Edinburgh"], "latitude": [55.9533], "longitude": [-3.1883]})
    >>> nearest_straight(areas, services).round(0)
         area    service     km
    0  London  Edinburgh  534.0
    """
    here, there = positions(areas, AREA), positions(services, "service")
    chord, at = map(np.asarray, KDTree(there).query(here))
    found = pd.DataFrame({AREA: areas[AREA].to_numpy(), "service": services["service"].to_numpy()[at]})
    found["km"] = _arc(chord)
    return _noted(found, "km", "distances are as the crow flies, not along roads: rivers and coasts are not in the way")


def nearest_by_road(
    areas: pd.DataFrame, services: pd.DataFrame, roads: pd.DataFrame, nodes: pd.DataFrame
) -> pd.DataFrame:
    """
    Nearest service to each area along a graph of roads, each from the node of the graph that is nearest to it.

    Parameters
    ----------
    areas, services : DataFrame
        As of `nearest_straight`.
    roads : DataFrame
        A row a stretch: `from` and `to` (nodes), and one of `minutes`, `seconds`, `hours`, `km`, `metres`, `miles`;
        `one_way` (true or false), if some are. Of several between two nodes the shortest counts.
    nodes : DataFrame
        `node` and its position, as of areas.

    Returns
    -------
    DataFrame
        `area`, `service`, `minutes` or `km` along the roads, and `to_road_km`, how far the area lies from its node,
        which is not counted. Missing where no road leads from the area to a service.

    Raises
    ------
    SchemaError
        A column or position is missing or cannot be, a road ends at no node, roads are shorter than the straight line
        or of a speed that cannot be, or no area reaches any service.

    References
    ----------
    Dijkstra 1959, Numer Math 1:269

    Examples
    --------
    >>> nodes = pd.DataFrame({"node": [1, 2], "latitude": [52.0, 52.0], "longitude": [1.0, 1.1]})
    >>> roads = pd.DataFrame({"from": [1], "to": [2], "minutes": [9.0]})
    >>> areas = pd.DataFrame({"area": ["a"], "latitude": [52.0], "longitude": [1.0]})
    >>> services = pd.DataFrame({"service": ["X"], "latitude": [52.0], "longitude": [1.1]})
    >>> nearest_by_road(areas, services, roads, nodes)
      area service  minutes  to_road_km
    0    a       X      9.0         0.0
    """
    unit = _unit(roads, TO_MINUTES | TO_KM, ("from", "to"), "a table of roads")
    into, factor = ("minutes", TO_MINUTES[unit]) if unit in TO_MINUTES else ("km", TO_KM[unit])
    place = positions(nodes, "node")
    index = pd.Index(nodes["node"])
    ends = [index.get_indexer(roads[name]) for name in ("from", "to")]
    cost = pd.to_numeric(roads[unit], errors="coerce").to_numpy(np.float64) * factor
    _refuse_roads(roads, ends, cost, _arc(np.linalg.norm(place[ends[0]] - place[ends[1]], axis=1)), into)
    one_way = roads["one_way"].astype(bool).to_numpy() if "one_way" in roads else np.zeros(len(roads), dtype=bool)
    tree = KDTree(place)
    far, start = map(np.asarray, tree.query(positions(areas, AREA)))
    far_service, goal = map(np.asarray, tree.query(positions(services, "service")))
    reached, source = _from_goals(len(nodes), ends, cost, one_way, np.unique(goal))
    at = pd.Series(services["service"].to_numpy(), index=goal).groupby(level=0).first()
    minutes = reached[start]
    found = pd.DataFrame({AREA: areas[AREA].to_numpy(), "service": at.reindex(source[start]).to_numpy()})
    found[into] = np.where(np.isfinite(minutes), minutes, np.nan)
    found["to_road_km"] = _arc(far)
    if found[into].isna().all():
        raise SchemaError("No road leads from any area to a service: are areas, services and roads of one place?")
    away = int((_arc(np.concatenate([far, far_service])) > _FARTHEST_ROAD_KM).sum())
    said = f"{into} are along the roads that were given; the way to the road is not counted"
    more = (f"{away} areas or services lie more than {_FARTHEST_ROAD_KM:g} km from any road",) if away else ()
    return _noted(found, into, said, more)


def positions(table: pd.DataFrame, key: str) -> Float:
    """Positions as points of a sphere of radius one, shape (n, 3), from degrees or the British National Grid."""
    given = next((pair for pair in (DEGREES, METRES) if set(pair) <= set(table)), None)
    if key not in table or given is None:
        raise SchemaError(
            f"Places need the columns `{key}`, and `latitude` and `longitude` (degrees) or `easting` and `northing` "
            f"(British National Grid); there are {', '.join(map(str, table))}."
        )
    values = table[list(given)].apply(pd.to_numeric, errors="coerce").to_numpy(np.float64)
    lost = table.loc[~np.isfinite(values).all(axis=1), key]
    wrong = [f"{len(lost)} have no position, such as {lost.iloc[0]}"] if len(lost) else []
    if (twice := table[key].duplicated()).any():
        wrong.append(f"{int(twice.sum())} stand twice, such as {table.loc[twice, key].iloc[0]}")
    wrong += [] if wrong or not len(values) else _cannot_be(values, given)
    if wrong or not len(values):
        raise SchemaError(f"The positions of `{key}` cannot be read: {'; '.join(wrong) or 'there are none'}.")
    if given == METRES:
        import pyproj

        degrees = pyproj.Transformer.from_crs("EPSG:27700", "EPSG:4326", always_xy=True).transform(*values.T)
        values = np.column_stack(degrees[::-1])
    latitude, longitude = np.radians(values.T)
    flat = np.cos(latitude)
    return np.column_stack([flat * np.cos(longitude), flat * np.sin(longitude), np.sin(latitude)])


def _cannot_be(values: Float, given: tuple[str, str]) -> list[str]:
    """What is wrong with coordinates: of another kind, or the other way round."""
    first, second = values.T
    swapped = f"{given[0]} and {given[1]} are swapped"
    if given == METRES:
        if (np.abs(values) <= 360.0).all():
            return ["easting and northing are degrees: name them latitude and longitude"]
        outside = (first < 0) | (first > 700_000) | (second < 0) | (second > 1_300_000)
        return [f"{int(outside.sum())} lie outside the British National Grid: {swapped}, or of another"] * bool(
            outside.any()
        )
    if (np.abs(first) > 90).any() and (np.abs(second) <= 90).all():
        return [swapped]
    # Latitudes of the United Kingdom are 49 to 61 degrees, longitudes -9 to 2.
    if ((first > -9) & (first < 2.1)).all() and ((second > 49) & (second < 61)).all():
        return [f"{swapped}: they lie off East Africa, and the other way round in the United Kingdom"]
    outside = (np.abs(first) > 90) | (np.abs(second) > 180)
    return [f"{int(outside.sum())} are no degrees: name metres easting and northing"] * bool(outside.any())


def _arc(chord: NDArray[np.float64]) -> Float:
    """Kilometres along the sphere of the straight line through it."""
    return np.asarray(2.0 * RADIUS_KM * np.arcsin(np.clip(chord / 2.0, 0.0, 1.0)))


def _unit(table: pd.DataFrame, known: dict[str, float], keys: tuple[str, ...], what: str) -> str:
    lacking = [key for key in keys if key not in table]
    units = [unit for unit in known if unit in table]
    if lacking or len(units) != 1:
        named = f"has {' and '.join(units)}" if units else "has none"
        raise SchemaError(
            f"The columns of {what} are {', '.join(f'`{key}`' for key in keys)} and one of {', '.join(known)}, whose "
            f"name is the unit; this one {named} of these, lacks {', '.join(lacking) or 'no key'}, and holds "
            f"{', '.join(map(str, table))}."
        )
    return units[0]


def _refuse_roads(roads: pd.DataFrame, ends: list[NDArray[np.intp]], cost: Float, straight: Float, into: str) -> None:
    lost = (ends[0] < 0) | (ends[1] < 0)
    wrong = (
        [f"{int(lost.sum())} roads end at no node, such as that of row {roads.index[lost][0]}"] if lost.any() else []
    )
    bad = ~np.isfinite(cost) | (cost < 0)
    wrong += [f"{int(bad.sum())} roads have no length or time, or a negative one"] if bad.any() else []
    if not wrong and len(cost):
        long = straight > 0.05
        if into == "km":
            short = long & (cost < 0.95 * straight)
            wrong += [
                f"{int(short.sum())} roads are shorter than the straight line between their ends: which unit is it"
            ] * (bool(short.mean() > 0.01))
        elif long.any():
            speed = float(np.median(straight[long] / np.maximum(cost[long], 1e-9) * 60.0))
            if not _SPEEDS[0] <= speed <= _SPEEDS[1]:
                wrong += [f"half of the roads are travelled at {speed:,.1f} km an hour or less: are they minutes"]
    if wrong:
        raise SchemaError(f"The roads cannot be read: {'; '.join(wrong)}.")


def _from_goals(
    size: int, ends: list[NDArray[np.intp]], cost: Float, one_way: NDArray[np.bool_], goals: NDArray[np.intp]
) -> tuple[Float, NDArray[np.intp]]:
    """Cost from every node to its nearest goal, and which that is: paths are followed backwards from all goals."""
    # Backwards: a stretch leads from its end to its beginning.
    tail, head = np.concatenate([ends[1], ends[0][~one_way]]), np.concatenate([ends[0], ends[1][~one_way]])
    whole = np.concatenate([cost, cost[~one_way]])
    best = pd.Series(whole).groupby([tail, head]).min()
    tail, head = (best.index.get_level_values(level).to_numpy() for level in (0, 1))
    graph = csr_array((best.to_numpy(), (tail, head)), shape=(size, size))
    reached, _, source = dijkstra(graph, indices=goals, return_predecessors=True, min_only=True)
    return np.asarray(reached), np.asarray(source)


def _noted(found: pd.DataFrame, unit: str, said: str, more: tuple[str, ...] = ()) -> pd.DataFrame:
    lost = found.loc[found[unit].isna(), AREA]
    none = (
        (f"no way leads from {len(lost)} areas to a service: {', '.join(map(str, lost[:_SHOWN]))}",)
        if len(lost)
        else ()
    )
    found.attrs = {"notes": (said, *more, *none)}
    return found
