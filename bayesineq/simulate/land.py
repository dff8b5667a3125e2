"""A coast, an island and an islet; and the cells into which points divide a piece of land."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from shapely import MultiPolygon, Polygon

_GRID = 0.1
"""Coordinates are whole decimetres, so that neighbours share their vertices exactly."""


@dataclass(frozen=True, slots=True)
class Land:
    """
    Land of a simulated system, metres.

    Parameters
    ----------
    mainland, island : Polygon
        Land of many areas.
    islets : MultiPolygon
        Two islets that are one area together.
    width : float
        Side of the square from which the mainland is cut, metres.
    """

    mainland: Polygon
    island: Polygon
    islets: MultiPolygon
    width: float


def draw_land(rng: np.random.Generator, surface: float, island_share: float) -> Land:
    """A mainland with straight borders on three sides, a coast with an estuary in the east, and islands off it."""
    from shapely import MultiPolygon, Polygon

    width = float(np.sqrt(surface))
    north = np.linspace(0.0, width, 240)
    waves = np.arange(1, 9)
    swell = np.sin(np.outer(north / width * 2 * np.pi, waves) + rng.uniform(0, 2 * np.pi, waves.size)) @ (
        rng.uniform(0.5, 1.0, waves.size) / waves
    )
    coast = width * (1.0 + 0.04 * (swell - swell.max()))
    mouth, depth, half = rng.uniform(0.35, 0.65) * width, 0.35 * width, 0.018 * width
    estuary = Polygon([(1.1 * width, mouth - 2 * half), (1.1 * width, mouth + 2 * half), (width - depth, mouth)])
    plain = Polygon([(0.0, 0.0), *zip(coast, north, strict=True), (0.0, width)])
    pieces = list(getattr(plain.difference(estuary), "geoms", [plain.difference(estuary)]))
    radius = width * np.sqrt(island_share / np.pi)
    island = _blob(rng, 1.02 * width + 1.6 * radius, 0.78 * width, radius)
    islet = max(0.012 * width, 400.0)
    islets = MultiPolygon([_blob(rng, 1.06 * width + i * 2.6 * islet, 0.16 * width, islet) for i in range(2)])
    return Land(max(pieces, key=lambda piece: piece.area), island, islets, width)


def divide(points: NDArray[np.float64], land: Polygon) -> NDArray[np.object_]:
    """
    Cells of land nearest to each point.

    Shapes: points (n, 2); returns (n,).

    Notes
    -----
    Borders and coast are noded together on a grid of one decimetre before faces are formed, because clipping cell by
    cell would round the two sides of a border differently where it meets the coast.
    """
    import shapely
    from scipy.spatial import Voronoi, cKDTree

    if len(points) == 1:
        return np.array([land], dtype=object)
    middle, reach = points.mean(axis=0), 20.0 * float(np.ptp(shapely.get_coordinates(land), axis=0).max())
    frame = middle + reach * np.array([[1, 1], [1, -1], [-1, 1], [-1, -1]])
    voronoi = Voronoi(np.vstack([points, frame]))
    ridges = np.array([ridge for ridge in voronoi.ridge_vertices if min(ridge) >= 0])
    borders = shapely.intersection(shapely.linestrings(voronoi.vertices[ridges]), land.buffer(1.0))
    noded = shapely.union_all([*borders[~shapely.is_empty(borders)], land.boundary], grid_size=_GRID)
    faces = shapely.get_parts(shapely.polygonize([noded]))
    inner = shapely.point_on_surface(faces)
    on_land = shapely.contains(land, inner)
    _, owner = cKDTree(points).query(shapely.get_coordinates(inner[on_land]))
    order = np.argsort(owner, kind="stable")
    starts = np.searchsorted(owner[order], np.arange(len(points)))
    cells = [shapely.coverage_union_all(piece) for piece in np.split(faces[on_land][order], starts[1:])]
    return np.array([cell if cell.geom_type.endswith("Polygon") else None for cell in cells], dtype=object)


def spread(points: NDArray[np.float64], land: Polygon, rounds: int) -> NDArray[np.float64]:
    """
    Move points towards the middle of their cells, so that cells become rounder (Lloyd's relaxation).

    Shapes: points (n, 2); returns (n, 2).
    """
    import shapely

    for _ in range(rounds):
        middle = shapely.get_coordinates(shapely.centroid(divide(points, land)))
        points = np.where(shapely.contains_xy(land, middle)[:, None], middle, points)
    return points


def _blob(rng: np.random.Generator, east: float, north: float, radius: float) -> Polygon:
    from shapely import Polygon

    angle = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    waves = np.arange(1, 5)
    wobble = np.cos(np.outer(angle, waves) + rng.uniform(0, 2 * np.pi, waves.size)) @ (0.12 / waves)
    reach = radius * (1 + wobble)
    x, y = east + reach * np.cos(angle), north + reach * np.sin(angle)
    return Polygon(np.round(np.column_stack([x, y]), 1))
