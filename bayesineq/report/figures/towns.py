"""Places on a map: which are named, and which towns are drawn again beside it, larger."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bayesineq.report.figures.outline import Outline

_NUMBER: Final = re.compile(r"\s+\d{3}[A-Z]?$")
_NAMED: Final = 8
_FEWEST: Final = 10
_SMALL: Final = 1 / 30
_INSETS: Final = 2
_WIDEST: Final = 0.3


class Place(NamedTuple):
    """
    A place of many areas, such as a town: its name, its middle, and the window in which most of its areas lie.

    `bounds`: Least x, least y, greatest x, greatest y. `spacing`: Side of a square as large as its middle area.
    """

    name: str
    areas: int
    x: float
    y: float
    bounds: tuple[float, float, float, float]
    spacing: float


def places_of(shapes: Outline) -> list[Place]:
    """
    Places by the names of their areas ("Ipswich 007B" lies in Ipswich), the one of most areas first.

    Empty where areas have no names, or each a place of its own and too many to be written.
    """
    import shapely

    if not shapes.names:
        return []
    stems = np.array([_NUMBER.sub("", name) for name in shapes.names])
    middles = shapely.get_coordinates(shapely.point_on_surface(shapes.shapes))
    sides = np.sqrt(shapely.area(shapes.shapes))
    names, held, counts = np.unique(stems, return_inverse=True, return_counts=True)
    if len(names) > max(_NAMED, len(stems) // 3):
        return []
    found = []
    for k in np.argsort(-counts, kind="stable"):
        own = middles[held == k]
        x, y = np.median(own, axis=0)
        reach = 1.15 * float(np.quantile(np.abs(own - (x, y)).max(axis=1), 0.75)) + float(np.median(sides[held == k]))
        bounds = (x - reach, y - reach, x + reach, y + reach)
        found.append(
            Place(str(names[k]), int(counts[k]), float(x), float(y), bounds, float(np.median(sides[held == k])))
        )
    return found


def written(shapes: Outline) -> list[Place]:
    """Places whose names are written: those of most areas whose names do not lie over each other."""
    west, south, east, north = shapes.bounds
    extent = max(east - west, north - south, 1e-9)
    kept: list[Place] = []
    for place in places_of(shapes):
        wide = 0.0095 * extent * len(place.name)
        clear = all(
            abs(place.x - other.x) > wide + 0.0095 * extent * len(other.name) or abs(place.y - other.y) > 0.045 * extent
            for other in kept
        )
        if clear and len(kept) < _NAMED:
            kept.append(place)
    return kept


def insets(shapes: Outline) -> list[Place]:
    """Towns to be drawn again, larger: those of most areas, where these are too small to be seen on the map."""
    west, south, east, north = shapes.bounds
    extent = max(east - west, north - south)
    small = [
        place
        for place in places_of(shapes)
        if place.areas >= _FEWEST and place.spacing < _SMALL * extent
        if place.bounds[2] - place.bounds[0] < _WIDEST * extent
    ]
    return small[:_INSETS]


def inside(shapes: Outline, bounds: tuple[float, float, float, float]) -> NDArray[np.int64]:
    """Areas that reach into a window, by their place among all."""
    import shapely

    return np.flatnonzero(shapely.intersects(shapes.shapes, shapely.box(*bounds)))
