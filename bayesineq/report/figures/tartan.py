"""Tartan rugs: areas by indicators, each square better, similar or worse than the average."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
import xarray as xr

from bayesineq.dims import AREA
from bayesineq.disclosure.covered import Draws, covered
from bayesineq.errors import MeasureError
from bayesineq.report.figures.areas import area_table
from bayesineq.report.figures.style import (
    MISSING,
    PAPER,
    QUIET,
    WIDTH,
    Chart,
    MoreIs,
    dress,
    legend_below,
    new_figure,
    plain,
    readable_on,
)
from bayesineq.report.tables.numbers import PLAIN, Unit, decimals, write
from bayesineq.report.words.sentences import SURE

_COLOURS: Final = {"worse": "#b5480a", "similar": "#ececec", "better": "#1f5a94", "no estimate": MISSING}
_MOST: Final = 80


@dataclass(frozen=True, slots=True)
class Indicator:
    """
    One column of a tartan rug.

    Parameters
    ----------
    values : DataArray, dims (chain, draw, area), or Covered
        Outcome of each area.
    unit : Unit
        How values are written.
    more_is : {"worse", "better"}
        Polarity.
    """

    values: xr.DataArray | Draws
    unit: Unit = PLAIN
    more_is: MoreIs = "worse"


def tartan_data(indicators: Mapping[str, Indicator], *, sure: float = SURE) -> pd.DataFrame:
    """
    Say of every area and indicator whether it is better, similar or worse than the average.

    `sure`: Probability of being above (or below) the average from which an area is not called similar. Returns: A
    row an area and indicator: `area`, `indicator`, `mean`, `above`, `verdict` ("better", "similar", "worse", "no
    estimate").
    """
    if not indicators or not 0.5 < sure < 1.0:
        raise MeasureError(
            f"a tartan rug needs an indicator and sure between 0.5 and 1; given {len(indicators)}, {sure}"
        )
    parts = []
    for name, indicator in indicators.items():
        table = area_table(covered(indicator.values, counts=False))
        up, down = ("worse", "better") if indicator.more_is == "worse" else ("better", "worse")
        verdict = np.select([table["exceedance"] >= sure, table["exceedance"] <= 1.0 - sure], [up, down], "similar")
        parts.append(
            pd.DataFrame(
                {
                    AREA: table.index,
                    "indicator": name,
                    "mean": table["mean"].to_numpy(),
                    "above": table["exceedance"].to_numpy(),
                    "verdict": np.where(table["mean"].isna(), "no estimate", verdict),
                }
            )
        )
    wide = pd.concat(parts, ignore_index=True)
    full = pd.MultiIndex.from_product([wide[AREA].unique(), list(indicators)], names=[AREA, "indicator"])
    found = wide.set_index([AREA, "indicator"]).reindex(full).reset_index()
    found["verdict"] = found["verdict"].fillna("no estimate")
    return found


def plot_tartan(
    indicators: Mapping[str, Indicator],
    *,
    names: Mapping[str, str] | None = None,
    sure: float = SURE,
    title: str | None = None,
) -> Chart:
    """
    Draw a tartan rug.

    Parameters
    ----------
    indicators : mapping of str to Indicator
        By name.
    names : mapping of str to str, optional
        Names of areas by code.
    sure : float
        As in `tartan_data`.
    title : str, optional
        Heading of the figure; by default made from what it shows.

    Returns
    -------
    Chart
        The figure; its table has a row an area and indicator.

    Raises
    ------
    MeasureError
        If there are more than 80 areas: no eye reads more squares.

    Examples
    --------
    >>> from bayesineq import example, expected
    >>> values = expected(example().post, by="area")
    >>> plot_tartan({"prevalence": Indicator(values)}).title
    '30 areas against their average on 1 indicators'
    """
    from matplotlib.patches import Patch, Rectangle

    table = tartan_data(indicators, sure=sure)
    areas, columns = list(dict.fromkeys(table[AREA])), list(indicators)
    if len(areas) > _MOST:
        raise MeasureError(f"a tartan rug holds at most {_MOST} areas; given {len(areas)}: choose some, or draw a map")
    figure = new_figure(1.3 * WIDTH, 1.6 + 0.26 * len(areas))
    axes = figure.add_subplot()
    places = {
        name: decimals([v * one.unit.factor for v in table.loc[table["indicator"] == name, "mean"]])
        for name, one in indicators.items()
    }
    for area, name, mean, verdict in table[[AREA, "indicator", "mean", "verdict"]].itertuples(index=False):
        x, y, colour = columns.index(name), len(areas) - 1 - areas.index(area), _COLOURS[verdict]
        blank = verdict == "no estimate"
        axes.add_patch(
            Rectangle(
                (x - 0.5, y - 0.5),
                1,
                1,
                facecolor=colour,
                edgecolor=QUIET if blank else PAPER,
                hatch="////" if blank else "",
            )
        )
        if not blank:
            text = write(mean * indicators[name].unit.factor, places[name])
            axes.text(x, y, text, ha="center", va="center", fontsize=8, color=readable_on(colour))
    axes.set_xlim(-0.5, len(columns) - 0.5)
    axes.set_ylim(-0.5, len(areas) - 0.5)
    dress(axes, grid="none")
    heads = [f"{name}{f', {one.unit.label}' if one.unit.label else ''}" for name, one in indicators.items()]
    axes.set_xticks(range(len(columns)), [plain(head) for head in heads])
    axes.xaxis.tick_top()
    axes.set_yticks(range(len(areas)), [plain((names or {}).get(area, area)) for area in areas[::-1]])
    axes.tick_params(length=0)
    for side in axes.spines.values():
        side.set_visible(False)
    held = table["verdict"].value_counts()
    handles = [Patch(facecolor=c, edgecolor=QUIET, linewidth=0.4) for c in _COLOURS.values()]
    legend_below(figure, handles, [f"{verdict} ({held.get(verdict, 0):,})" for verdict in _COLOURS])
    title = title or (f"{len(areas)} areas against their average on {len(columns)} indicators")
    caption = (
        f"Posterior means; better or worse than the average of all areas with a probability of {100 * sure:.0f}% or "
        "more, otherwise similar. Each indicator counts in its own direction."
    )
    alt = f"Grid. {title}. " + "; ".join(f"{verdict}: {held.get(verdict, 0):,}" for verdict in _COLOURS) + "."
    return Chart(figure, title, caption, alt, table)
