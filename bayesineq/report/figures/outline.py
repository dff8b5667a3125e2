"""Boundaries made ready for drawing: checked, projected, simplified and turned into paths, keyed by code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from bayesineq.errors import GraphError
from bayesineq.space.areas import area_codes, check_areas

if TYPE_CHECKING:
    import geopandas as gpd
    from matplotlib.path import Path as DrawnPath

_STEPS: Final = 1500
"""Details finer than this fraction of the map's extent are left out: no eye sees them at the size of a page."""

_BRITAIN: Final = (-9.0, 49.0, 2.5, 61.5)


@dataclass(frozen=True, slots=True)
class Outline:
    """
    Areas ready to be drawn.

    Parameters
    ----------
    codes : ndarray of str, shape (n_area,)
        Area codes.
    shapes : ndarray of geometry, shape (n_area,)
        Polygons on a plane, in metres.
    paths : tuple of matplotlib Path
        One closed outline an area, its pieces and holes included.
    bounds : (float, float, float, float)
        Least x, least y, greatest x, greatest y.
    note : str
        What readers of a map must know about its shapes; goes into the caption.
    names : tuple of str
        Names of the areas, in the same order; none where the boundaries carry no column that is named like one.
    """

    codes: NDArray[np.str_]
    shapes: NDArray[np.object_]
    paths: tuple[DrawnPath, ...]
    bounds: tuple[float, float, float, float]
    note: str = ""
    names: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.codes)


def outlined(areas: gpd.GeoDataFrame | Outline) -> Outline:
    """The outline of areas; themselves where they are outlined already."""
    return areas if isinstance(areas, Outline) else outline(areas)


def outline(areas: gpd.GeoDataFrame, *, code: str | None = None) -> Outline:
    """
    Make boundaries ready for drawing.

    Parameters
    ----------
    areas : GeoDataFrame
        One polygon or multipolygon an area, with a reference system.
    code : str, optional
        Column of area codes; by default the one that is named like it.

    Returns
    -------
    Outline
        In the order of `areas`; whoever draws looks areas up by code.

    Raises
    ------
    GraphError
        If codes repeat or are missing, a geometry is missing, empty, no polygon or not valid, the reference
        system is missing, or coordinates do not belong to it.

    Examples
    --------
    >>> from bayesineq import example
    >>> len(outline(example().areas).codes)
    30
    """
    import shapely

    codes = area_codes(areas, code).to_numpy(dtype=str)
    check_areas(areas, code=code)
    _check_reference(areas, codes)
    shapes = _projected(areas).geometry.to_numpy()
    west, south, east, north = (float(b) for b in shapely.total_bounds(shapes))
    step = max(east - west, north - south) / _STEPS
    # Simplified together, so that neighbours keep one common border and no gap opens between them.
    simple = shapely.coverage_simplify(shapes, step)
    gone = shapely.is_empty(simple)
    simple[gone] = shapes[gone]
    return Outline(codes, simple, paths_of(simple), (west, south, east, north), names=_names(areas))


def _names(areas: gpd.GeoDataFrame) -> tuple[str, ...]:
    """Names of areas, where the boundaries carry a column that is named like one."""
    for column in areas.columns:
        folded = str(column).casefold()
        if folded == "name" or folded.endswith(("nm", "_name")):
            return tuple(areas[column].astype(str))
    return ()


def _check_reference(areas: gpd.GeoDataFrame, codes: NDArray[np.str_]) -> None:
    if areas.crs is None:
        raise GraphError(
            "the boundaries state no coordinate reference system, so they cannot be drawn; "
            'set the right one with areas.set_crs("EPSG:27700") or read them with read_areas(path, crs=...)'
        )
    bounds = areas.geometry.bounds.to_numpy()
    if areas.crs.is_geographic:
        outside = (np.abs(bounds[:, [0, 2]]) > 180).any(axis=1) | (np.abs(bounds[:, [1, 3]]) > 90).any(axis=1)
    else:
        # Longitudes and latitudes of Britain lie within 62 of the origin; on a grid in metres that is one field.
        small = (np.abs(bounds) <= 180).all(axis=1)
        outside = small if not small.all() else np.zeros(len(bounds), dtype=bool)
    if outside.any():
        raise GraphError(
            f"{int(outside.sum())} areas have coordinates that do not belong to {areas.crs.to_string()} "
            f"({', '.join(codes[outside][:5])}): boundaries of different reference systems were mixed; "
            "project each part with to_crs before joining them"
        )


def _projected(areas: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    if not areas.crs.is_geographic:
        return areas
    west, south, east, north = areas.total_bounds
    least_x, least_y, greatest_x, greatest_y = _BRITAIN
    inside = west >= least_x and south >= least_y and east <= greatest_x and north <= greatest_y
    return areas.to_crs("EPSG:27700" if inside else areas.estimate_utm_crs())


def paths_of(shapes: NDArray[np.object_]) -> tuple[DrawnPath, ...]:
    """
    Turn polygons into paths. Shapes: shapes (n_area,).

    Returns: one closed outline a geometry, its pieces and holes included.
    """
    import shapely
    from matplotlib.path import Path

    # Shells and holes turn in opposite directions, so that filling by winding number leaves the holes open.
    parts, of_shape = shapely.get_parts(shapely.orient_polygons(shapes), return_index=True)
    rings, of_part = shapely.get_rings(parts, return_index=True)
    points = shapely.get_coordinates(rings)
    lengths = shapely.get_num_coordinates(rings)
    ends = np.cumsum(lengths)
    kinds = np.full(len(points), Path.LINETO, dtype=np.uint8)
    kinds[ends - lengths] = Path.MOVETO
    kinds[ends - 1] = Path.CLOSEPOLY
    size = np.bincount(of_shape[of_part], weights=lengths, minlength=len(shapes)).astype(np.int64)
    cuts = np.cumsum(size)[:-1]
    pieces = zip(np.split(points, cuts), np.split(kinds, cuts), strict=True)
    return tuple(Path(point, kind) for point, kind in pieces)
