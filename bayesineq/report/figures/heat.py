"""Two dimensions at once: a table of rates whose cells are coloured, with small cells hatched."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import xarray as xr

from bayesineq.dims import CI_PROB, POPULATION
from bayesineq.disclosure.covered import Draws, covered, require_covered
from bayesineq.errors import MeasureError
from bayesineq.posterior.groups import by_level
from bayesineq.report.figures.style import (
    MISSING,
    PAPER,
    QUIET,
    SEQUENTIAL,
    WIDTH,
    Chart,
    MoreIs,
    direction,
    dress,
    headline,
    new_figure,
    plain,
    readable_on,
)
from bayesineq.report.tables.numbers import Unit, decimals, with_unit, write
from bayesineq.report.words.described import described
from bayesineq.report.words.labels import Labels, dimension_label, level_labels
from bayesineq.report.words.sentences import sentence

if TYPE_CHECKING:
    from matplotlib.patches import Rectangle


def heat_data(
    values: Draws, rows: str, columns: str, *, labels: Labels | None = None, prob: float = CI_PROB
) -> pd.DataFrame:
    """
    Summarise the draws of every combination of two dimensions.

    `values`: Outcome of each cell: draws with dims (chain, draw, rows, columns) in any order and the coordinate
    `population`. Returns: A row a cell: both dimensions as codes, `row`, `column` (names), `population`, `mean`,
    `lower`, `upper`, `hidden` (the cell is withheld). Cells without anybody have no mean.
    """
    require_covered(values)
    draws = values.shown
    own = {str(d) for d in draws.dims} - {"chain", "draw"}
    if own != {rows, columns} or POPULATION not in draws.coords:
        raise MeasureError(
            f"a heat table of {rows!r} by {columns!r} needs draws of these two dimensions with the coordinate "
            f"{POPULATION!r}; given the dimensions {sorted(own)}"
        )
    ordered = draws.transpose("chain", "draw", rows, columns)
    pooled = ordered.to_numpy().reshape(1, -1, draws.sizes[rows], draws.sizes[columns])
    coords = {rows: draws[rows], columns: draws[columns]}
    one = xr.DataArray(pooled, dims=("chain", "draw", rows, columns), coords=coords)
    table = by_level(one, prob)
    table[POPULATION] = ordered[POPULATION].transpose(rows, columns).to_numpy().ravel()
    for name, dim in (("row", rows), ("column", columns)):
        levels = list(draws[dim].to_numpy())
        names = dict(zip(levels, level_labels(dim, levels, labels), strict=True))
        table[name] = table[dim].map(names)
    # A cell without a rate has nobody in it, or is withheld.
    table["hidden"] = table["mean"].isna() & (table[POPULATION] > 0)
    return table[[rows, columns, "row", "column", POPULATION, "mean", "lower", "upper", "hidden"]]


def plot_heat(
    values: xr.DataArray | Draws,
    rows: str,
    columns: str,
    *,
    labels: Labels | None = None,
    prob: float = CI_PROB,
    outcome: str | None = None,
    unit: Unit | None = None,
    more_is: MoreIs | None = None,
    title: str | None = None,
) -> Chart:
    """
    Draw a heat table of two dimensions.

    Parameters
    ----------
    values : DataArray, dims (chain, draw, rows, columns), or Covered
        Outcome of each cell, as `expected(post, by=[rows, columns])` gives it. Cells of few people or events are
        hatched, by the rule of `bayesineq.disclosure.covered`, which takes another one.
    rows, columns, labels, prob
        As in `heat_data`.
    outcome : str, optional
        Name of the outcome in words; by default as the values have it in their attributes.
    unit : Unit, optional
        How values are written; by default as the attribute `scale` says.
    more_is : {"worse", "better"}, optional
        Polarity of the outcome, which every figure states; by default as the values have it.
    title : str, optional
        Heading of the figure; by default made from what it shows.

    Returns
    -------
    Chart
        The figure; its table has a row a cell that may be shown.

    Examples
    --------
    >>> from bayesineq import example, expected
    >>> plot_heat(expected(example().post, by=["imd_decile", "ethnicity"]), "imd_decile", "ethnicity").title
    'Prevalence by deprivation decile and ethnic group'
    """
    safe = covered(values)
    outcome, unit, more_is = described(safe, outcome, unit, more_is)
    from matplotlib.colors import LinearSegmentedColormap, to_hex

    table = heat_data(safe, rows, columns, labels=labels, prob=prob)
    shown = table[~table["hidden"] & table["mean"].notna()]
    grid = [list(dict.fromkeys(table[name])) for name in ("row", "column")]
    low, high = (float(shown["mean"].min()), float(shown["mean"].max())) if len(shown) else (0.0, 1.0)
    ramp = LinearSegmentedColormap.from_list("sequential", SEQUENTIAL)
    places = max(0, decimals([v * unit.factor for v in shown["mean"]]) - (len(grid[1]) > 12))
    figure = new_figure(max(WIDTH, 2.4 + 0.42 * len(grid[1])), 1.6 + 0.3 * len(grid[0]))
    axes = figure.add_subplot()
    for row, column, mean, hidden in zip(table["row"], table["column"], table["mean"], table["hidden"], strict=True):
        x, y = grid[1].index(column), len(grid[0]) - 1 - grid[0].index(row)
        if hidden or not np.isfinite(mean):
            axes.add_patch(_cell(x, y, MISSING, "////" if hidden else ""))
            continue
        colour = to_hex(ramp((mean - low) / (high - low) if high > low else 0.5))
        axes.add_patch(_cell(x, y, colour, ""))
        text = write(mean * unit.factor, places)
        axes.text(x, y, text, ha="center", va="center", fontsize=8, color=readable_on(colour))
    axes.set_xlim(-0.5, len(grid[1]) - 0.5)
    axes.set_ylim(-0.5, len(grid[0]) - 0.5)
    dress(axes, x=sentence(dimension_label(columns)), grid="none")
    axes.set_xticks(range(len(grid[1])), [plain(_first_word(name)) for name in grid[1]])
    axes.set_yticks(range(len(grid[0])), [plain(name) for name in grid[0][::-1]])
    for side in ("left", "bottom"):
        axes.spines[side].set_visible(False)
    axes.tick_params(length=0)
    title = title or (f"{sentence(outcome)} by {dimension_label(rows)} and {dimension_label(columns)}")
    said = f"{unit.label}, " if unit.label else ""
    headline(figure, f"{title} ({said}{direction(more_is)})")
    unseen = int(table["hidden"].sum())
    caption = (
        f"Posterior means; darker is higher. The table of numbers holds {100 * prob:.0f}% credible intervals. "
        f"Direction: {direction(more_is)}."
        + (f" {unseen} cells with small counts are hatched and not shown." if unseen else "")
    )
    alt = f"Heat table. {title}. {_extremes(shown, unit)}"
    return Chart(figure, title, caption, alt, shown.drop(columns=["hidden"]).reset_index(drop=True))


def _cell(x: float, y: float, colour: str, hatch: str) -> Rectangle:
    from matplotlib.patches import Rectangle

    edge = QUIET if hatch else PAPER
    return Rectangle((x - 0.5, y - 0.5), 1.0, 1.0, facecolor=colour, edgecolor=edge, hatch=hatch, linewidth=0.8)


def _first_word(name: str) -> str:
    return name.replace(" (", "\n(").replace("deprived)", "\ndeprived)")


def _extremes(shown: pd.DataFrame, unit: Unit) -> str:
    if shown.empty:
        return "No cell may be shown."
    ordered = shown.sort_values("mean", ascending=False)
    names = [f"{row}, {column}" for row, column in zip(ordered["row"], ordered["column"], strict=True)]
    means = [with_unit(mean, unit) for mean in ordered["mean"].tolist()]
    return f"Highest: {names[0]}, {means[0]}. Lowest: {names[-1]}, {means[-1]}."
