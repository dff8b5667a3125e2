"""Figures of a pathway in time and of the way to a service: tables as they may be shown, drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from bayesineq.report.figures.style import (
    ACCENT,
    CONTRAST,
    DEPRIVED,
    INK,
    QUIET,
    WIDTH,
    Chart,
    dress,
    headline,
    legend_below,
    new_figure,
    plain,
)
from bayesineq.report.words.sentences import sentence

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

_PANEL: Final = 1.7
_TICKS: Final = 7
_LINES: Final = ("-", "--", ":", "-.")


def plot_timeline(table: pd.DataFrame, by: Sequence[str], title: str, caption: str) -> Chart:
    """
    Draw events for each 100 people in intervals since the start: a panel a kind of event, a line a group.

    `table`: `event`, `from_day`, `to_day`, `rate`, `lower`, `upper` and the columns of `by`, as `event_timeline` gives
    them; intervals whose rate is withheld are gaps in the line.
    """
    kinds = list(dict.fromkeys(table["event"]))
    group = table[list(by)].astype(str).agg(", ".join, axis=1) if by else pd.Series("everybody", index=table.index)
    names = list(dict.fromkeys(group))
    figure = new_figure(WIDTH, 1.2 + _PANEL * len(kinds) + 0.2 * len(names))
    axes = np.atleast_1d(figure.subplots(len(kinds), 1, sharex=True))
    handles: list[Artist] = []
    for panel, kind in zip(axes, kinds, strict=True):
        handles = [
            _line(panel, table[(group == name) & (table["event"] == kind)], k, len(names))
            for k, name in enumerate(names)
        ]
        panel.set_ylim(bottom=0.0)
        dress(panel, y="Events per 100 people")
        panel.set_title(plain(sentence(str(kind))), loc="left", fontsize=9, color=INK)
    starts = sorted(set(table["from_day"]))
    axes[-1].set_xticks(starts[:: -(-len(starts) // _TICKS)])
    dress(axes[-1], x="Days since the start", y="Events per 100 people")
    if by:
        legend_below(figure, handles, names, title=plain(", ".join(by).replace("_", " ")))
    headline(figure, title)
    first = table[table["from_day"] == table["from_day"].min()].assign(group=group)
    spoken = "; ".join(
        f"{row['event']}, {row['group']}: {100 * row['rate']:.1f} per 100 people"
        for row in first.to_dict("records")
        if row["rate"] == row["rate"]
    )
    return Chart(figure, title, caption, f"Lines. {title}. In the first interval: {spoken}.", table)


def _line(axes: Axes, rows: pd.DataFrame, number: int, of: int) -> Artist:
    """Rates of a group at the middle of each interval, and their intervals as a band."""
    at = 0.5 * (rows["from_day"] + rows["to_day"] + 1).to_numpy(float)
    middle, low, high = (100.0 * rows[name].to_numpy(float) for name in ("rate", "lower", "upper"))
    colour = ACCENT if of == 1 else DEPRIVED[round(number * (len(DEPRIVED) - 1) / (of - 1))]
    # Bands of all groups over one another would hide each other: the outer two have one, the table has all.
    if number in (0, of - 1):
        axes.fill_between(at, low, high, color=colour, alpha=0.15, linewidth=0)
    (line,) = axes.plot(
        at, middle, color=colour, linestyle=_LINES[number % len(_LINES)], marker="o", markersize=3.5, linewidth=1.6
    )
    return line


def plot_ways(table: pd.DataFrame, title: str, caption: str) -> Chart:
    """
    Draw the way to the nearest service by fifth of deprivation: the mean, and how far nine tenths have at the most.

    `table`: `group`, `mean`, `ninth_decile` and `unit`, as `travel_by_deprivation` gives them.
    """
    rows = table[table["group"] != "slope"].reset_index(drop=True)
    unit = "Minutes" if rows["unit"].iloc[0] == "minutes" else "Kilometres"
    figure = new_figure(WIDTH, 3.4)
    axes = figure.add_subplot()
    at = np.arange(len(rows))
    mean = axes.scatter(at, rows["mean"], color=CONTRAST, marker="o", s=38, zorder=2)
    most = axes.scatter(at, rows["ninth_decile"], color=QUIET, marker="_", s=160, linewidth=2.0, zorder=2)
    for k, value in enumerate(rows["mean"]):
        if value == value:
            axes.annotate(
                f"{value:.1f}", (k, value), xytext=(0, -15), textcoords="offset points", ha="center",
                fontsize=9, color=INK,
            )  # fmt: skip
    names = [str(group) for group in rows["group"]]
    names[0], names[-1] = f"{names[0]}\nmost deprived", f"{names[-1]}\nleast deprived"
    axes.set_xticks(at, names)
    axes.set_xlim(-0.5, len(rows) - 0.5)
    axes.set_ylim(bottom=0.0)
    dress(axes, x="Fifth of areas by deprivation", y=f"{unit} to the nearest service")
    legend_below(figure, [mean, most], ["mean of the residents", "nine tenths of them have no more"])
    headline(figure, title)
    spoken = "; ".join(
        f"fifth {row['group']}: {row['mean']:.1f}, nine tenths within {row['ninth_decile']:.1f}"
        for row in rows.to_dict("records")
    )
    return Chart(figure, title, caption, f"Dots. {title}. {unit}: {spoken}.", rows)
