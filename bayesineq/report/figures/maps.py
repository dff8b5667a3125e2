"""Maps of a posterior: the middle, the width of the interval, and the probability of exceeding a threshold."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from textwrap import fill
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from bayesineq.dims import AREA, CI_PROB
from bayesineq.disclosure.covered import Draws, covered
from bayesineq.disclosure.read_rule import rule_of
from bayesineq.disclosure.rule import DEFAULT_RULE, Disclosure
from bayesineq.errors import GraphError, MeasureError
from bayesineq.report.figures.areas import (
    STATISTICS,
    Classes,
    Statistic,
    area_table,
    exceedance_classes,
    quantile_classes,
)
from bayesineq.report.figures.outline import Outline, outlined
from bayesineq.report.figures.style import (
    EXCEEDANCE,
    EXCEEDANCE_EDGES,
    EXCEEDANCE_WORDS,
    INK,
    MISSING,
    PAPER,
    QUIET,
    SEQUENTIAL,
    WIDTH,
    WIDTHS,
    Chart,
    MoreIs,
    by_polarity,
    direction,
    headline,
    legend_below,
    new_figure,
    plain,
)
from bayesineq.report.figures.towns import insets, inside, written
from bayesineq.report.tables.numbers import PLAIN, Unit, decimals, with_unit, write
from bayesineq.report.words.described import described

if TYPE_CHECKING:
    import geopandas as gpd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_PALETTES: Final = {"mean": SEQUENTIAL, "width": WIDTHS}
_FIFTHS: Final = ("lowest fifth", "second", "middle", "fourth", "highest fifth")
_INSET: Final = 16
_MISSING_WORDS: Final = "no estimate"


def map_posterior(
    values: xr.DataArray | Draws,
    areas: gpd.GeoDataFrame | Outline,
    *,
    statistic: Statistic = "mean",
    threshold: float | Literal["average"] = "average",
    prob: float = CI_PROB,
    outcome: str | None = None,
    unit: Unit | None = None,
    more_is: MoreIs | None = None,
    disclosure: Disclosure = DEFAULT_RULE,
    title: str | None = None,
) -> Chart:
    """
    Draw a posterior on a map: what is likely, how sure it is, or where a threshold is exceeded.

    Parameters
    ----------
    values : DataArray, dims (chain, draw, area), or Covered
        Outcome of each area, as `expected(post, by="area")` gives it.
    areas : GeoDataFrame or Outline
        Boundaries keyed by code. An area of the boundaries without values is hatched as missing.
    statistic : {"mean", "width", "exceedance"}
        Posterior mean, width of the credible interval, or probability of a value above the threshold.
    threshold : float or "average"
        For exceedance: a value on the scale of the outcome, or the mean of all areas weighted by population.
    prob : float
        Probability that the interval holds.
    outcome : str, optional
        Name of the outcome in words; by default as the values have it in their attributes.
    unit : Unit, optional
        How values are written; by default as the attribute `scale` says.
    more_is : {"worse", "better"}, optional
        Polarity of the outcome, which every figure states; by default as the values have it.
    disclosure : Rule, str or Path
        When a count is small: areas of few people, or of few events by rate and population, are drawn as missing.
    title : str, optional
        Heading of the figure; by default made from what it shows.

    Returns
    -------
    Chart
        The map; its table has a row an area.

    Raises
    ------
    GraphError
        If an area of the values has no boundary, or the boundaries cannot be drawn.
    MeasureError
        If the statistic is not known or the draws cannot be summarised.

    Examples
    --------
    >>> import geopandas as gpd, numpy as np, xarray as xr
    >>> from shapely.geometry import box
    >>> squares = [box(x, 0, x + 1000, 1000) for x in (0, 1000, 2000)]
    >>> areas = gpd.GeoDataFrame({"area": ["A", "B", "C"]}, geometry=squares, crs="EPSG:27700")
    >>> draws = np.random.default_rng(1).normal([0.1, 0.3], 0.01, (1, 100, 2))
    >>> values = xr.DataArray(draws, dims=("chain", "draw", "area"), coords={"area": ["B", "A"]})
    >>> map_posterior(values, areas).table["mean"].round(1).tolist()
    [0.3, 0.1, nan]
    """
    rule = rule_of(disclosure)
    safe = covered(values, rule, counts=False)
    outcome, unit, more_is = described(safe, outcome, unit, more_is)
    if statistic not in STATISTICS:
        raise MeasureError(f"statistic={statistic!r} is not known; choose one of {list(STATISTICS)}")
    return draw_map(
        area_table(safe, threshold=threshold, prob=prob),
        outlined(areas),
        statistic=statistic,
        threshold=threshold,
        prob=prob,
        outcome=outcome,
        unit=unit,
        more_is=more_is,
        withheld=len(safe.withheld),
        title=title,
    )


def draw_map(
    table: pd.DataFrame,
    shapes: Outline,
    *,
    statistic: Statistic,
    threshold: float | Literal["average"] = "average",
    prob: float = CI_PROB,
    outcome: str = "outcome",
    unit: Unit = PLAIN,
    more_is: MoreIs = "worse",
    withheld: int = 0,
    title: str | None = None,
) -> Chart:
    """
    Draw a summary of every area.

    `withheld`: How many of the areas without a value are withheld because of small counts; the caption says so.
    """
    rows = by_code(table, shapes)
    classes, labels = _classes(rows[statistic].to_numpy(), statistic, unit)
    palette = _spread(
        by_polarity(EXCEEDANCE, more_is) if statistic == "exceedance" else _PALETTES[statistic], len(labels)
    )
    colours = [palette[k] if k >= 0 else MISSING for k in classes.member]
    made, short = _titles(statistic, outcome, threshold, unit, prob, "the areas shown" if withheld else "all areas")
    title = title or made
    missing = int((classes.member < 0).sum())
    figure = coloured(shapes, colours, classes.member < 0, title)
    legend(figure, list(zip(palette, labels, strict=True)), short, missing)
    counts = np.bincount(classes.member[classes.member >= 0], minlength=len(labels))
    caption = (
        f"{len(rows) - missing:,} areas with an estimate"
        + (f", {missing:,} {_without(missing, withheld)} (hatched)" if missing else "")
        + f". {_how_to_read(statistic, more_is, prob)}{f' {shapes.note}' if shapes.note else ''}"
    )
    parts = "; ".join(f"{label}: {count:,} areas" for label, count in zip(labels, counts, strict=True))
    alt = f"Map. {title}. {parts}" + (f"; {_MISSING_WORDS}: {missing:,} areas" if missing else "") + "."
    return Chart(figure, title, caption, alt, rows.reset_index())


def _without(missing: int, withheld: int) -> str:
    if not withheld:
        return "without"
    few = "withheld because of small counts"
    return few if withheld >= missing else f"without, of which {withheld:,} are {few}"


def by_code(table: pd.DataFrame, shapes: Outline) -> pd.DataFrame:
    """Lay rows out in the order of the boundaries, by code and never by position."""
    unknown = table.index.difference(pd.Index(shapes.codes))
    if len(unknown):
        raise GraphError(
            f"{len(unknown)} of {len(table)} areas have values but no boundary ({', '.join(map(str, unknown[:5]))}); "
            "use boundaries of the same vintage and extent as the table that was fitted"
        )
    return table.reindex(pd.Index(shapes.codes, name=AREA))


def coloured(shapes: Outline, colours: list[str], hatched: NDArray[np.bool_], title: str) -> Figure:
    """
    A map with its places named, and beside it the towns whose areas are too small to be seen on it, larger.

    Shapes: hatched (n_area,).
    """
    from matplotlib.patches import Rectangle

    towns = insets(shapes)
    figure = new_figure(*_size(shapes, bool(towns)))
    if towns:
        rows: list[Any] = [["map", f"inset {k}"] for k in range(len(towns))] + [["map", "nothing"]] * (3 - len(towns))
        panels = figure.subplot_mosaic(rows, width_ratios=(3.2, 1.0))
        panels["nothing"].set_axis_off()
    else:
        panels = {"map": figure.add_subplot()}
    paint(panels["map"], shapes, colours, hatched)
    _name_places(panels["map"], shapes)
    for k, town in enumerate(towns):
        own, axes = inside(shapes, town.bounds), panels[f"inset {k}"]
        part = replace(shapes, paths=tuple(shapes.paths[at] for at in own), bounds=town.bounds)
        paint(axes, part, [colours[at] for at in own], hatched[own])
        axes.set_title(plain(fill(town.name, _INSET)), fontsize=9, color=INK, pad=3)
        west, south, east, north = town.bounds
        for panel in (panels["map"], axes):
            frame = Rectangle((west, south), east - west, north - south, fill=False, edgecolor=INK, linewidth=0.9)
            panel.add_patch(frame)
            frame.set_zorder(4)
    headline(figure, title)
    return figure


def _name_places(axes: Axes, shapes: Outline) -> None:
    """Names of the places of most areas, on a white rim that keeps them readable on any colour."""
    from matplotlib.patheffects import withStroke

    for place in written(shapes):
        rim = [withStroke(linewidth=2.5, foreground=PAPER)]
        axes.text(
            place.x, place.y, plain(place.name), fontsize=9, color=INK, ha="center", va="center", path_effects=rim,
            zorder=5,
        )  # fmt: skip


def paint(axes: Axes, shapes: Outline, colours: list[str], hatched: NDArray[np.bool_]) -> None:
    """
    Fill areas with colours and hatch those without an estimate. Shapes: hatched (n_area,).

    `axes`: Where to draw; gets the extent of the map and loses its frame.
    """
    from matplotlib.collections import PathCollection

    many = len(shapes.paths) > 2_000
    # A thin line in the area's own colour closes the hairlines that smoothing leaves between neighbours.
    edge: Any = "face" if many else PAPER
    body = PathCollection(shapes.paths, facecolors=colours, edgecolors=edge, linewidths=0.1 if many else 0.25)
    axes.add_collection(body)
    if hatched.any():
        gone = [path for path, hide in zip(shapes.paths, hatched, strict=True) if hide]
        axes.add_collection(
            PathCollection(gone, facecolors=MISSING, edgecolors=QUIET, hatch="/////", linewidths=0.3, zorder=2)
        )
    west, south, east, north = shapes.bounds
    margin = 0.01 * max(east - west, north - south)
    axes.set_xlim(west - margin, east + margin)
    axes.set_ylim(south - margin, north + margin)
    axes.set_aspect("equal")
    axes.set_axis_off()


def _classes(values: Any, statistic: Statistic, unit: Unit) -> tuple[Classes, list[str]]:
    if statistic == "exceedance":
        return exceedance_classes(values, EXCEEDANCE_EDGES), list(EXCEEDANCE_WORDS)
    classes = quantile_classes(values, 5)
    edges = classes.edges
    if len(edges) == 2 and np.isclose(edges[0], edges[1]):
        return classes, [with_unit(edges[0], unit, is_difference=statistic == "width").removesuffix(unit.difference)]
    places = decimals([float(np.diff(edges * unit.factor).min()) * 10])
    suffix = "" if statistic == "width" else unit.suffix
    ends = [
        f"{write(low * unit.factor, places)} to {write(high * unit.factor, places)}{suffix}"
        for low, high in pairwise(edges)
    ]
    # Fewer classes than fifths, where values tie, are no fifths.
    return classes, [f"{word} ({end})" for word, end in zip(_FIFTHS, ends, strict=True)] if len(ends) == 5 else ends


def _spread(palette: tuple[str, ...], count: int) -> list[str]:
    """As many colours of a palette, spread over its whole range."""
    if count == 1:
        return [palette[len(palette) // 2]]
    return [palette[round(k * (len(palette) - 1) / (count - 1))] for k in range(count)]


def _titles(
    statistic: Statistic, outcome: str, threshold: float | Literal["average"], unit: Unit, prob: float, those: str
) -> tuple[str, str]:
    if statistic == "mean":
        return f"Estimated {outcome}", "estimate"
    if statistic == "width":
        return (
            f"How uncertain {outcome} is",
            f"width of {100 * prob:.0f}% interval{f', {unit.difference.strip()}' if unit.difference else ''}",
        )
    limit = f"the average of {those}" if threshold == "average" else with_unit(float(threshold), unit)
    return f"Probability that {outcome} is above {limit}", ""


def _how_to_read(statistic: Statistic, more_is: MoreIs, prob: float) -> str:
    if statistic == "mean":
        return f"Estimates are posterior means; classes hold about equally many areas. Direction: {direction(more_is)}."
    if statistic == "width":
        return f"The wider the {100 * prob:.0f}% credible interval, the less is known about an area."
    return (
        "Areas with 95% or more count as above, with 5% or less as below; between 20% and 80% the data say little "
        f"either way. "
        f"Direction: {direction(more_is)}."
    )


def _size(shapes: Outline, beside: bool) -> tuple[float, float]:
    """Size of a figure that holds a map, its legend and perhaps towns beside it."""
    west, south, east, north = shapes.bounds
    tall = (north - south) / max(east - west, 1e-9)
    return WIDTH, float(np.clip((0.74 if beside else 0.9) * WIDTH * tall, 2.2, 4.6)) + 1.2


def legend(figure: Figure, entries: list[tuple[str, str]], title: str, missing: int) -> None:
    """
    Put a legend of classes under a map.

    `missing`: Number of areas without an estimate; none leaves the hatched entry out.
    """
    from matplotlib.patches import Patch

    handles = [Patch(facecolor=colour, edgecolor=QUIET, linewidth=0.4) for colour, _ in entries]
    labels = [label for _, label in entries]
    if missing:
        handles.append(Patch(facecolor=MISSING, edgecolor=QUIET, hatch="/////", linewidth=0.4))
        labels.append(f"{_MISSING_WORDS} ({missing:,})")
    legend_below(figure, handles, labels, title=title)
