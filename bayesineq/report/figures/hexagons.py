"""A map on which every area is one hexagon of the same size, so that small dense areas are seen."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from bayesineq.report.figures.outline import Outline, paths_of

_LEAF: Final = 200
_STEPS: Final = 40
_NOTE: Final = "Every area is one hexagon, near its true place; sizes and distances are not those of the land."

type Points = NDArray[np.float64]


def hexagons(shapes: Outline) -> Outline:
    """
    Replace the boundary of every area by a hexagon near it.

    Parameters
    ----------
    shapes : Outline
        Areas ready to be drawn.

    Returns
    -------
    Outline
        The same codes in the same order, one hexagon each, none shared; together they fill about the same land.

    Notes
    -----
    A honeycomb is laid over the land with as many cells as there are areas. Areas and cells are cut at their medians,
    along the longer side, until a few hundred are left, and these are matched so that the sum of squared distances is
    least. North stays north and neighbours mostly stay neighbours; distances and sizes do not.

    Examples
    --------
    >>> from bayesineq import example
    >>> from bayesineq.plots import outline
    >>> len(hexagons(outline(example().areas)).codes)
    30
    """
    import shapely

    middles = shapely.get_coordinates(shapely.point_on_surface(shapes.shapes))
    size, cells = _honeycomb(shapes, len(shapes))
    place = np.empty(len(shapes), dtype=np.int64)
    _match(middles, cells, np.arange(len(shapes)), np.arange(len(cells)), place)
    corners = np.deg2rad(np.arange(30.0, 391.0, 60.0))
    ring = size / np.sqrt(3.0) * np.column_stack([np.cos(corners), np.sin(corners)])
    found = shapely.polygons(cells[place][:, None, :] + ring[None, :, :])
    west, south, east, north = (float(b) for b in shapely.total_bounds(found))
    return Outline(shapes.codes, found, paths_of(found), (west, south, east, north), _NOTE, shapes.names)


def _honeycomb(shapes: Outline, count: int) -> tuple[float, Points]:
    """Distance between cells, and the middles of exactly `count` cells that lie on the land."""
    import shapely

    land = shapely.union_all(shapely.buffer(shapes.shapes, 0.0))
    shapely.prepare(land)
    # A regular honeycomb of n cells on land A has cells sqrt(2 A / (n sqrt(3))) apart; coasts make it less regular.
    size = float(np.sqrt(2.0 * shapely.area(land) / (count * np.sqrt(3.0))))
    low, high = 0.2 * size, 1.5 * size
    for _ in range(_STEPS):
        middle = (low + high) / 2.0
        if len(_cells(shapes, land, middle)) >= count:
            low = middle
        else:
            high = middle
    cells = _cells(shapes, land, low)
    # Cells nearest the edge of the land go first, so that what is left is of one piece.
    edge = shapely.distance(shapely.points(cells), shapely.boundary(land))
    return low, cells[np.sort(np.argsort(-edge, kind="stable")[:count])]


def _cells(shapes: Outline, land: object, size: float) -> Points:
    import shapely

    west, south, east, north = shapes.bounds
    height = size * np.sqrt(3.0) / 2.0
    columns = np.arange(west - size, east + 1.5 * size, size)
    rows = np.arange(south - size, north + size, height)
    x = columns[None, :] + np.where(np.arange(len(rows)) % 2, size / 2.0, 0.0)[:, None]
    y = np.broadcast_to(rows[:, None], x.shape)
    on_land = shapely.contains_xy(land, x.ravel(), y.ravel())
    return np.column_stack([x.ravel()[on_land], y.ravel()[on_land]])


def _match(
    areas: Points, cells: Points, own: NDArray[np.int64], free: NDArray[np.int64], place: NDArray[np.int64]
) -> None:
    """Give every area in `own` one of the cells in `free`; both are as many."""
    from scipy.optimize import linear_sum_assignment

    if len(own) <= _LEAF:
        gap = areas[own][:, None, :] - cells[free][None, :, :]
        row, column = linear_sum_assignment((gap**2).sum(axis=2))
        place[own[row]] = free[column]
        return
    axis = int(np.argmax(np.ptp(cells[free], axis=0)))
    half = len(own) // 2
    by_area = own[np.argsort(areas[own, axis], kind="stable")]
    by_cell = free[np.argsort(cells[free, axis], kind="stable")]
    _match(areas, cells, by_area[:half], by_cell[:half], place)
    _match(areas, cells, by_area[half:], by_cell[half:], place)
