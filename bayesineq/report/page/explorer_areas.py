"""What the explorer holds of areas: a view a part of the map, with estimates as they are printed and small outlines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from bayesineq.dims import AREA, POPULATION, SAMPLE_DIMS
from bayesineq.disclosure.covered import Draws
from bayesineq.errors import GraphError
from bayesineq.posterior.groups import pooled
from bayesineq.report.figures.areas import Classes, area_table, average_draws, fixed_classes, quantile_classes
from bayesineq.report.figures.outline import Outline
from bayesineq.report.page.parts import Frame
from bayesineq.report.tables.numbers import decimals

_THRESHOLDS: Final = 25
_ROOM: Final = (0.02, 0.98)
_GRID: Final = 2_000
_CLASSES: Final = 5
_DUST: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Scale:
    """
    Thresholds and classes of colour that all views share, so that a colour says the same on every map.

    Parameters
    ----------
    cuts : tuple of float
        Thresholds, rising, on the scale of the outcome.
    start : int
        The threshold that is the average of all areas.
    average : ndarray, shape (n_draw,)
        That average in every draw.
    edges : ndarray, shape (n_class + 1,)
        Ends of the classes, rising.
    places : int
        Decimal places of every number.
    """

    cuts: tuple[float, ...]
    start: int
    average: NDArray[np.float64]
    edges: NDArray[np.float64]
    places: int


def shared_scale(frame: Frame, values: Draws) -> Scale:
    """
    Lay thresholds and classes over the estimates of all areas.

    Classes hold about equally many areas; thresholds range over all but the outer 2% on each side.
    """
    table, shown = _summary(frame, values)
    means = table.loc[shown, "mean"].to_numpy()
    classes = quantile_classes(np.where(shown, table["mean"].to_numpy(), np.nan), _CLASSES)
    average = average_draws(values)
    cuts, start = _thresholds(means, frame.unit.factor, float(average.mean()))
    places = decimals([float(e) * frame.unit.factor for e in classes.edges])
    return Scale(cuts, start, average, classes.edges, places)


def view(
    frame: Frame,
    scale: Scale,
    values: Draws,
    crude: Draws | None,
    shapes: Outline,
    *,
    name: str,
    names: Mapping[str, str],
    levels: Mapping[str, str],
) -> dict[str, Any]:
    """
    Gather what one map of the explorer shows, in columns.

    Lists in the order of `shapes`: `estimate` holds mean, lower and upper end as they are printed, None where there is
    no estimate or it may not be shown; `crude` the same of areas as they are, where that is another; `tone` the class
    of colour; `above` per cent of draws above each threshold; `shape` as `rings` gives it.
    """
    table, shown = _summary(frame, values)
    draws = pooled(values.shown, AREA)
    # The threshold in the middle is no number: it is what the page's sentence and maps compare with, draw by draw.
    limits = [scale.average[:, None] if k == scale.start else cut for k, cut in enumerate(scale.cuts)]
    above = np.stack([(draws > limit).mean(axis=0) for limit in limits], axis=1)
    classes: Classes = fixed_classes(table["mean"].to_numpy(), scale.edges)
    printed = _printed(frame, scale, table)
    beside = None if crude is None else _printed(frame, scale, area_table(crude, prob=frame.prob).loc[table.index])
    position = {str(code): k for k, code in enumerate(table.index)}
    held = [position.get(code, -1) for code in shapes.codes.tolist()]
    held = [k if k >= 0 and shown[k] else -1 for k in held]
    return {
        "name": name,
        "code": shapes.codes.tolist(),
        "named": [names.get(code, code) for code in shapes.codes.tolist()],
        "level": [levels.get(code, "") for code in shapes.codes.tolist()],
        "estimate": [printed[k].tolist() if k >= 0 else None for k in held],
        **({} if beside is None else {"crude": [beside[k].tolist() if k >= 0 else None for k in held]}),
        "tone": [int(classes.member[k]) if k >= 0 else -1 for k in held],
        "above": [_per_cent(above[k]) if k >= 0 else None for k in held],
        "shape": rings(shapes.shapes),
    }


def part_values(values: xr.DataArray, parts: pd.Series) -> xr.DataArray:
    """
    Average the areas of each part, weighted by population.

    A part takes the place of an area; `population` is the sum of its areas. A part without anybody is left out.
    """
    draws = values.transpose(*SAMPLE_DIMS, AREA).to_numpy()
    people = values[POPULATION].to_numpy().astype(np.float64)
    weight = np.where(np.isfinite(draws).all(axis=(0, 1)), people, 0.0)
    part, named = pd.factorize(parts.reindex(values[AREA].to_numpy().astype(str)).to_numpy(), sort=True)
    total = np.bincount(part, weights=weight, minlength=len(named))
    member = np.zeros((len(part), len(named)))
    member[np.arange(len(part)), part] = weight / np.where(total > 0, total, 1.0)[part]
    mean = np.where(weight > 0, draws, 0.0) @ member
    kept = total > 0
    return xr.DataArray(
        mean[..., kept],
        dims=(*SAMPLE_DIMS, AREA),
        coords={AREA: np.asarray(named, dtype=object)[kept], POPULATION: (AREA, total[kept])},
        attrs=values.attrs,
    )


def part_shapes(shapes: Outline, parts: pd.Series) -> Outline:
    """
    Melt the areas of each part into one.

    Without paths, because nothing draws it but the explorer. An area that lies in no part is a `GraphError`.
    """
    import shapely

    own = parts.reindex(pd.Index(shapes.codes))
    if (lacking := own.isna().to_numpy()).any():
        raise GraphError(
            f"{int(lacking.sum())} of {len(shapes)} areas lie in no part "
            f"({', '.join(shapes.codes[lacking][:5].tolist())}); name one for each area of the boundaries"
        )
    west, south, east, north = shapes.bounds
    step = max(east - west, north - south) / _GRID
    named = sorted(own.unique().tolist())
    # Swollen before and shrunk after: simplified neighbours leave slits between them, which are no borders.
    wide = shapely.buffer(shapes.shapes, step, join_style="mitre")
    melted = [shapely.union_all(wide[(own == name).to_numpy()]) for name in named]
    found = shapely.simplify(shapely.buffer(np.array(melted, dtype=object), -step, join_style="mitre"), step)
    return Outline(np.array(named, dtype=str), found, (), shapes.bounds)


def rings(shapes: NDArray[np.object_]) -> list[list[list[list[int]]]]:
    """
    Write polygons as whole numbers on a grid, each point as the step from the one before.

    By area, polygon and ring (the shell first): x and y of the first point, then steps, in one list. The grid has 2,000
    cells along the longer side of all shapes together; x runs east and y north from their corner.
    """
    import shapely

    west, south, east, north = shapely.total_bounds(shapes)
    cell = max(east - west, north - south) / _GRID or 1.0
    turned = shapely.orient_polygons(shapes, exterior_cw=True)
    polygons, of_shape = shapely.get_parts(turned, return_index=True)
    lines, of_polygon = shapely.get_rings(polygons, return_index=True)
    points, of_line = shapely.get_coordinates(lines, return_index=True)
    grid = np.rint((points - (west, south)) / cell).astype(np.int64)
    first = np.r_[True, np.diff(of_line) > 0]
    step = np.where(first[:, None], grid, np.diff(grid, axis=0, prepend=0))
    # A point on the spot of the one before adds nothing.
    kept = first | (step != 0).any(axis=1)
    step, of_line = step[kept], of_line[kept]
    flat = step.ravel().tolist()
    ends = (2 * np.cumsum(np.bincount(of_line, minlength=len(lines)))).tolist()
    found: list[list[list[list[int]]]] = [[] for _ in shapes]
    by_polygon: list[list[list[int]]] = [[] for _ in polygons]
    for polygon, shape in zip(by_polygon, of_shape.tolist(), strict=True):
        found[shape].append(polygon)
    begin = 0
    for line, polygon in enumerate(of_polygon.tolist()):
        by_polygon[polygon].append(flat[begin : ends[line]])
        begin = ends[line]
    return found


def _printed(frame: Frame, scale: Scale, table: pd.DataFrame) -> NDArray[np.float64]:
    """Mean, lower and upper end of each area in digits as they are shown."""
    return np.asarray((table[["mean", "lower", "upper"]].to_numpy() * frame.unit.factor).round(scale.places))


def _summary(frame: Frame, values: Draws) -> tuple[pd.DataFrame, NDArray[np.bool_]]:
    """The table of areas, and which may be shown."""
    table = area_table(values, prob=frame.prob)
    return table, table["mean"].notna().to_numpy()


def _thresholds(means: NDArray[np.float64], factor: float, average: float) -> tuple[tuple[float, ...], int]:
    """Round thresholds over the range of the estimates, and the one nearest the average."""
    if not len(means):
        return (average,), 0
    low, high = np.quantile(means, _ROOM)
    grid = np.linspace(low, high, _THRESHOLDS) if high > low else np.array([low])
    places = decimals([float(high) * factor])
    cuts = np.unique(np.round(grid * factor, places)) / factor
    start = int(np.abs(cuts - average).argmin())
    cuts[start] = average
    return tuple(float(cut) for cut in cuts), start


def _per_cent(share: NDArray[np.float64]) -> list[int]:
    """Whole percentages that reach a limit only where the share does, as the page prints and counts them."""
    shown = 100.0 * share
    whole = np.where(share > 0.5, np.floor(shown + _DUST), np.ceil(shown - _DUST))
    return [int(value) for value in np.where(share > 0.99, 100, np.where(share < 0.01, 0, whole))]
