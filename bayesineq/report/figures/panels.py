"""Groups down the side and a panel a measure: dots with their intervals."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import fill
from typing import Final, NamedTuple

import numpy as np
import pandas as pd

from bayesineq.errors import MeasureError
from bayesineq.report.figures.style import ACCENT, INK, QUIET, WIDTH, Chart, dress, headline, new_figure, plain

_NAME: Final = 20
_ALL_LETTERS: Final = 44


class Panel(NamedTuple):
    """
    A measure of every group.

    Parameters
    ----------
    label : str
        What stands below it.
    value, lower, upper : str
        Columns of the value and the ends of its interval.
    line : float
        Where a dashed line stands; missing for none.
    """

    label: str
    value: str
    lower: str
    upper: str
    line: float = np.nan


def plot_panels(
    table: pd.DataFrame,
    levels: Sequence[tuple[str, str]],
    panels: Sequence[Panel],
    *,
    title: str,
    caption: str,
    column: str = "level",
) -> Chart:
    """
    Draw measures of groups beside each other.

    Parameters
    ----------
    table : DataFrame
        A row a group, with the columns of the panels; what may not be shown is missing.
    levels : sequence of (str, str)
        Groups from the top down, and their names in words.
    panels : sequence of Panel
        What is drawn.
    title, caption : str
        What is shown, and how to read it.
    column : str
        Column of the groups.

    Returns
    -------
    Chart
        The figure; its table has the rows that are drawn.

    Raises
    ------
    MeasureError
        No group may be shown.

    Examples
    --------
    >>> table = pd.DataFrame({"level": ["F", "M"], "rate": [1.0, 2.0], "low": [0.8, 1.7], "high": [1.2, 2.3]})
    >>> plot_panels(table, [("F", "Female"), ("M", "Male")], [Panel("Rate", "rate", "low", "high")], title="A",
    ...             caption="B").alt
    'Dots with intervals for 2 groups, in one panel. B'
    """
    shown = table[table[[panel.value for panel in panels]].notna().any(axis=1)]
    there = [(level, name) for level, name in levels if level in set(shown[column])]
    if not there:
        raise MeasureError(f"{title}: no group may be shown")
    place = {level: k for k, (level, _) in enumerate(reversed(there))}
    names = [fill(plain(name), _NAME) for _, name in there]
    figure = new_figure(WIDTH, 1.6 + 0.17 * sum(2 + name.count("\n") for name in names))
    drawn = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for axes, panel in zip(drawn, panels, strict=True):
        own = shown[shown[panel.value].notna()]
        height = own[column].map(place).to_numpy(dtype=float)
        if not np.isnan(panel.line):
            axes.axvline(panel.line, color=QUIET, linewidth=1, linestyle="--")
        axes.hlines(height, own[panel.lower].to_numpy(float), own[panel.upper].to_numpy(float), color=ACCENT,
                    linewidth=1.6)  # fmt: skip
        axes.plot(own[panel.value].to_numpy(float), height, "o", color=ACCENT, markersize=5)
        dress(axes, grid="x")
        axes.set_xlabel(plain(fill(panel.label, _ALL_LETTERS // len(panels))), color=INK, fontsize=9)
        axes.locator_params(axis="x", nbins=6 // len(panels))
        if axes.get_xlim()[1] >= 10_000:
            axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    drawn[0].set_yticks(list(place.values()), names[::-1])
    headline(figure, title)
    count = "one panel" if len(panels) == 1 else f"{('two', 'three', 'four')[len(panels) - 2]} panels"
    alt = f"Dots with intervals for {len(there)} groups, in {count}. {caption}"
    return Chart(figure, title, caption, alt, shown.reset_index(drop=True))
