"""Areas that nearly touch: boundaries that were meant to meet and miss each other by a hair."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import shapely
from numpy.typing import NDArray

from bayesineq.errors import GraphError

if TYPE_CHECKING:
    import geopandas as gpd

_HAIR: Final = 0.0025
"""Gap, in square roots of the smaller area, below which two stretches of boundary were meant to be one."""

_ALONE: Final = 0.06
"""The same where neither area has any neighbour: a map of squares that all lie apart is no archipelago."""

_MANY_ALONE: Final = 0.25
_OF_CUT: Final = 3.0
STRETCH: Final = 0.1
"""Length of boundary, in the same unit, that must face the other area: corners often come near each other."""

_MOST_ADVISED: Final = 2.0
_CORNER: Final = 1.5
"""Areas that meet at a corner are apart by the diagonal of the gap."""

_SHOWN: Final = 5


def in_metres(areas: gpd.GeoDataFrame) -> tuple[NDArray[np.object_], float]:
    """
    Geometry in a plane, and its unit.

    Returns: shapes, from degrees projected to the UTM zone of the map, and metres to a unit; without a reference
    system the shapes as they are, and 1.
    """
    if areas.crs is None:
        return areas.geometry.to_numpy(), 1.0
    flat = areas if areas.crs.is_projected else areas.to_crs(areas.estimate_utm_crs())
    return flat.geometry.to_numpy(), float(flat.crs.axis_info[0].unit_conversion_factor)


def refuse_near_misses(areas: gpd.GeoDataFrame, codes: NDArray[np.str_], pairs: NDArray[np.intp], rule: str) -> None:
    """
    Refuse a map on which areas face each other across a gap that is tiny beside them, and are no neighbours.

    Shapes: codes (n_area,); pairs (n_pair, 2).

    `rule`: "queen", "rook", or "tolerance" where neighbours were found by distance.

    Notes
    -----
    A true gap stays one: a river, a creek or a strait is wide beside a quarter of a per cent of the size of an area
    (2 m beside an area of 800 m by 800 m), and islands have no stretch of boundary along another's.
    """
    shapes, unit = in_metres(areas)
    size = np.sqrt(shapely.area(shapes))
    near, gap = _facing(shapes, size, pairs, few=rule == "tolerance")
    if rule == "tolerance":
        near, gap = near[meant := gap <= _HAIR * np.median(size)], gap[meant]
    if not len(near):
        return
    metres = gap * unit
    advised = tolerance_for(float(metres.max()))
    named = ", ".join(
        f"{codes[i]} - {codes[j]}: {g:.2g} m" for (i, j), g in list(zip(near, metres, strict=True))[:_SHOWN]
    )
    raise GraphError(
        f"{len(near)} pairs of areas nearly touch and would be no neighbours ({named}; the widest gap is "
        f"{metres.max():.2g} m, {100 * (gap / size[near].min(axis=1)).max():.2g}% of the size of an area): a part of "
        "the map was shifted, rounded or simplified by itself. "
        f"{_remedy(areas, advised, rule)}, or take boundaries of one edition"
    )


def advised_tolerance(areas: gpd.GeoDataFrame, pairs: NDArray[np.intp]) -> float:
    """
    Tolerance in metres that joins areas which touch, overlap or nearly touch, and no others.

    Parameters
    ----------
    areas : GeoDataFrame
        One row an area.
    pairs : ndarray of intp, shape (n_pair, 2)
        Neighbours known so far.

    Returns
    -------
    float
        At most 2, unless gaps that were meant to be none are wider, or most overlaps deeper than that: then half as
        wide again as the widest, or as deep as nine in ten.

    Examples
    --------
    >>> import geopandas
    >>> squares = [shapely.box(0, 0, 1000, 1000), shapely.box(1002, 0, 2000, 1000)]
    >>> areas = geopandas.GeoDataFrame(geometry=squares, crs="EPSG:27700")
    >>> advised_tolerance(areas, np.empty((0, 2), dtype=np.intp))
    5.0
    """
    shapes, unit = in_metres(areas)
    size = np.sqrt(shapely.area(shapes))
    _, gap = _facing(shapes, size, pairs, few=True)
    small = min(_MOST_ADVISED, tolerance_for(_HAIR * float(np.median(size)) * unit))
    # Such a gap beside touching areas may be real (a creek), so that only those below a hair of the median count.
    meant = gap[gap <= _HAIR * np.median(size)]
    wide = [small, *([tolerance_for(float(meant.max()) * unit)] if len(meant) else [])]
    if (depth := _overlap(shapes) * unit) > small:
        wide.append(tolerance_for(depth / _CORNER))
    return max(wide)


def tolerance_for(gap: float) -> float:
    """
    A round tolerance for a gap.

    Returns: 1, 2 or 5 times a power of ten, at least 1.5 times the gap: areas that meet at a corner are apart by
    its diagonal.
    """
    least = _CORNER * gap * (1 - 1e-9)
    power = 10.0 ** np.floor(np.log10(least))
    return float(f"{next(power * k for k in (1, 2, 5, 10) if power * k >= least):.3g}")


def _overlap(shapes: NDArray[np.object_]) -> float:
    """How deep nine in ten overlaps are at most: what was done to each boundary by itself moved it so far."""
    first, second = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    below = first < second
    common = shapely.intersection(shapes[first[below]], shapes[second[below]])
    area = shapely.area(common)
    depth = 2.0 * area[area > 0] / shapely.length(common[area > 0])
    return float(np.quantile(depth, 0.9)) if len(depth) else 0.0


def _remedy(areas: gpd.GeoDataFrame, advised: float, rule: str) -> str:
    queen = " with rule='queen'" if rule == "rook" else ""
    system = "state the reference system (areas.set_crs('EPSG:27700')) and " if areas.crs is None else ""
    return f"To join them, {system}pass tolerance={advised:g} (metres){queen}"


def _width_of_cut(pairs: NDArray[np.intp], gap: NDArray[np.float64]) -> float:
    """Median over areas of the distance to the nearest other."""
    nearest = np.full(int(pairs.max()) + 1, np.inf)
    np.minimum.at(nearest, pairs.ravel(), np.repeat(gap, 2))
    return float(np.median(nearest[np.isfinite(nearest)]))


def _facing(
    shapes: NDArray[np.object_], size: NDArray[np.float64], pairs: NDArray[np.intp], *, few: bool
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Pairs that are no neighbours and face each other across a hair, and their gaps."""
    n = len(shapes)
    neighbours = np.bincount(pairs.ravel(), minlength=n)
    alone = (neighbours == 0) & (not few)
    if alone.mean() < _MANY_ALONE:
        alone[:] = False
    reach = size * np.where(alone, _ALONE, _HAIR)
    first, second = shapely.STRtree(shapes).query(shapes, predicate="dwithin", distance=reach)
    both = np.unique(np.sort(np.column_stack([first, second])[first != second], axis=1), axis=0)
    known = np.isin(both[:, 0] * n + both[:, 1], np.sort(pairs, axis=1) @ np.array([n, 1]))
    both = both[~known]
    limit = np.minimum(reach[both[:, 0]], reach[both[:, 1]])
    limit = np.where(alone[both].all(axis=1), limit, _HAIR * size[both].min(axis=1))
    gap = shapely.distance(shapes[both[:, 0]], shapes[both[:, 1]])
    kept = (gap <= limit) & (gap > 0.0)
    if alone.any() and kept.any():
        # A map cut apart has one width of cut; what lies farther apart has an area between.
        limit = np.minimum(limit, _OF_CUT * _width_of_cut(both[kept], gap[kept]))
        kept = (gap <= limit) & (gap > 0.0)
    both, gap, limit = both[kept], gap[kept], limit[kept]
    side = shapely.boundary(shapes[both[:, 0]])
    # Only what lies near the other is widened, so that long boundaries cost little.
    part = shapely.intersection(shapely.boundary(shapes[both[:, 1]]), shapely.buffer(side, 2.0 * limit))
    shared = shapely.length(shapely.intersection(side, shapely.buffer(part, limit)))
    long = shared >= STRETCH * size[both].min(axis=1)
    return both[long], gap[long]
