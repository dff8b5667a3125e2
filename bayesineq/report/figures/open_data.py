"""Figures of published tables of areas: gaps between fifths of deprivation, and which domain goes with a condition."""

from __future__ import annotations

from textwrap import fill
from typing import TYPE_CHECKING, Final

import pandas as pd

from bayesineq.report.figures.style import (
    ACCENT,
    CONTRAST,
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
    from matplotlib.figure import Figure


_NAME: Final = 26
"""Letters of a line of a name beside an axis."""


def plot_dumbbell(table: pd.DataFrame, title: str, caption: str) -> Chart:
    """
    Draw the most against the least deprived: two dots and a line a row, the widest gap first.

    `table`: `name`, `most`, `least` and `average`, shares of published tables, not of people of one's own.
    """
    rows = table.assign(gap=table["most"] / table["least"]).sort_values("gap", ascending=False, ignore_index=True)
    figure = new_figure(WIDTH, 1.6 + 0.3 * len(rows))
    axes = figure.add_subplot()
    scale = rows["average"]
    for k in range(len(rows)):
        low, high = rows.loc[k, "least"] / scale[k], rows.loc[k, "most"] / scale[k]
        axes.plot([low, high], [k, k], color=QUIET, linewidth=1.6, zorder=1)
    most = axes.scatter(rows["most"] / scale, range(len(rows)), color=CONTRAST, marker="o", s=38, zorder=2)
    least = axes.scatter(rows["least"] / scale, range(len(rows)), color=ACCENT, marker="D", s=30, zorder=2)
    axes.axvline(1.0, color=INK, linewidth=1.0)
    axes.set_xscale("log")
    ticks = [t for t in _steps(rows, scale) if _inside(t, rows, scale)]
    axes.set_xticks(ticks, [f"{t:g}" for t in ticks])
    axes.set_xticks([], minor=True)
    axes.set_yticks(range(len(rows)), [plain(fill(sentence(str(name)), _NAME)) for name in rows["name"]])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    dress(axes, x="Times the average of all", grid="x")
    said = ["most deprived fifth", "least deprived fifth"]
    figure.legend([most, least], said, loc="outside lower left", frameon=False, fontsize=9, labelcolor=INK)
    headline(figure, title)
    spoken = "; ".join(
        f"{row['name']}: {100 * row['most']:.2f}% and {100 * row['least']:.2f}%" for row in rows.to_dict("records")
    )
    return Chart(figure, title, caption, f"Dumbbells. {title}. Most and least deprived fifth: {spoken}.", rows)


def _steps(rows: pd.DataFrame, scale: pd.Series) -> tuple[float, ...]:
    """Ratios that may be marked: closer to one another where all are near one."""
    widest = max((rows["most"] / scale).max(), (scale / rows["least"]).max())
    return (0.8, 0.9, 1.0, 1.1, 1.2, 1.3) if widest < 1.35 else (0.25, 0.5, 0.67, 0.8, 1.0, 1.25, 1.5, 2.0, 3.0, 4.0)


def _inside(tick: float, rows: pd.DataFrame, scale: pd.Series) -> bool:
    values = pd.concat([rows["most"] / scale, rows["least"] / scale])
    return bool(0.95 * min(values.min(), 1.0) <= tick <= 1.05 * max(values.max(), 1.0))


def plot_domains(
    table: pd.DataFrame,
    title: str,
    caption: str,
    measure: str = "Rank correlation over areas, adjusted for the other domains",
) -> Chart:
    """
    Draw adjusted correlations, or what else `measure` names, with their intervals, the farthest from zero first.

    `table`: `name`, `adjusted`, `lower`, `upper`, `strongest`, and `part_of`, empty for a domain.
    """
    order = table["adjusted"].abs().sort_values(ascending=False).index
    rows = table.loc[order].reset_index(drop=True)
    figure = new_figure(WIDTH, 1.3 + 0.34 * len(rows))
    axes = figure.add_subplot()
    for k, row in enumerate(rows.to_dict("records")):
        colour, marker = (QUIET, "s") if row["part_of"] else (ACCENT, "o")
        axes.plot([row["lower"], row["upper"]], [k, k], color=colour, linewidth=2)
        axes.plot([row["adjusted"]], [k], color=colour, marker=marker, markersize=6)
    axes.axvline(0.0, color=INK, linewidth=1.0)
    axes.set_yticks(range(len(rows)), [plain(str(name)) for name in rows["name"]])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    dress(axes, x=measure, grid="x")
    headline(figure, title)
    spoken = "; ".join(
        f"{row['name']} {row['adjusted']:.2f} ({row['lower']:.2f} to {row['upper']:.2f})"
        for row in rows.to_dict("records")
    )
    return Chart(figure, title, caption, f"Dots with intervals. {title}. {spoken}.", rows)


def plot_age_lines(table: pd.DataFrame, title: str, caption: str) -> Chart:
    """Draw prevalence by median age, a line a fifth of deprivation. `table`: `fifth`, `at_20`, `at_60`."""
    figure = new_figure(WIDTH, 3.4)
    axes = figure.add_subplot()
    for row in table.to_dict("records"):
        colour = {1: CONTRAST, len(table): ACCENT}.get(row["fifth"], QUIET)
        axes.plot([20, 60], [100 * row["at_20"], 100 * row["at_60"]], color=colour, linewidth=2)
    for at, rows in (("left", table.sort_values("at_20")), ("right", table.sort_values("at_60"))):
        column, place = ("at_20", 19.0) if at == "left" else ("at_60", 61.0)
        ends = (100 * rows[column]).tolist()
        apart = 5.5 * float(table[["at_20", "at_60"]].to_numpy().max())
        for k in range(1, len(ends)):
            ends[k] = max(ends[k], ends[k - 1] + apart)
        for level, fifth in zip(ends, rows["fifth"], strict=True):
            side = "right" if at == "left" else "left"
            axes.text(place, level, str(fifth), ha=side, va="center", fontsize=9, color=INK)
    axes.set_xlim(16, 64)
    axes.set_ylim(bottom=0.0)
    dress(axes, x="Median age of the residents of an area", y="Prevalence, %")
    headline(figure, title)
    spoken = "; ".join(
        f"fifth {row['fifth']}: {100 * row['at_20']:.2f}% at 20, {100 * row['at_60']:.2f}% at 60"
        for row in table.to_dict("records")
    )
    return Chart(figure, title, caption, f"Lines. {title}. {spoken}.", table)


def plot_fifths(table: pd.DataFrame, title: str, caption: str) -> Chart:
    """Draw a gradient: a dot with its interval a fifth of deprivation. `table`: `fifth`, `share`, `lower`, `upper`."""
    figure = new_figure(WIDTH, 3.4)
    axes = figure.add_subplot()
    middle, low, high = (100.0 * table[name].to_numpy(float) for name in ("share", "lower", "upper"))
    at = table["fifth"].to_numpy(int)
    axes.plot(at, middle, color=QUIET, linewidth=1.4, zorder=1)
    axes.vlines(at, low, high, color=INK, linewidth=1.6, zorder=2)
    axes.scatter(at, middle, color=[CONTRAST, *[QUIET] * (len(at) - 2), ACCENT], s=36, zorder=3)
    for k in (0, -1):
        top = high[k] if high[k] == high[k] else middle[k]
        axes.annotate(
            f"{middle[k]:.2f}%", (at[k], top), xytext=(0, 5), textcoords="offset points", ha="center",
            fontsize=9, color=INK,
        )  # fmt: skip
    axes.set_xticks(at, ["1\nmost deprived", *map(str, at[1:-1]), f"{at[-1]}\nleast deprived"])
    axes.set_xlim(0.5, len(at) + 0.5)
    axes.set_ylim(0.0, 1.18 * max(*middle, *high[high == high]))
    dress(axes, x="Fifth of areas by deprivation", y="On the register, %")
    headline(figure, title)
    spoken = "; ".join(
        f"fifth {row['fifth']}: {100 * row['share']:.2f}% ({100 * row['lower']:.2f} to {100 * row['upper']:.2f})"
        for row in table.to_dict("records")
    )
    return Chart(figure, title, caption, f"Dots with intervals, joined by a line. {title}. {spoken}.", table)


def plot_places(table: pd.DataFrame, title: str, caption: str, *, whole: float, named: bool = False) -> Chart:
    """
    Draw places in order of a ratio, with intervals: narrow without names, or tall with all of them.

    `table`: `name`, `ratio`, `ratio_lower`, `ratio_upper`, and `what`: "own", "peer" or "". `whole`: The ratio of all.
    """
    rows = table.sort_values("ratio", ascending=False, ignore_index=True)
    figure = new_figure(1.3 * WIDTH if named else WIDTH, 1.3 + 0.2 * len(rows) if named else 3.4)
    axes = figure.add_subplot()
    inks = {"own": CONTRAST, "peer": ACCENT, "": QUIET}
    colours = [inks[what] for what in rows["what"]]
    place = list(range(len(rows)))
    size = [38 if what else 14 for what in rows["what"]]
    if named:
        axes.hlines(place, rows["ratio_lower"], rows["ratio_upper"], color=colours, linewidth=1.6)
        axes.scatter(rows["ratio"], place, color=colours, s=size, zorder=3)
        axes.axvline(whole, color=INK, linewidth=1.0, linestyle=(0, (5, 2)))
        axes.set_yticks(place, [plain(str(name)) for name in rows["name"]])
        axes.set_ylim(len(rows) - 0.4, -0.6)
        dress(axes, x="Times as many in the most deprived fifth", grid="x")
    else:
        axes.vlines(place, rows["ratio_lower"], rows["ratio_upper"], color=colours, linewidth=1.6)
        axes.scatter(place, rows["ratio"], color=colours, s=size, zorder=3)
        axes.axhline(whole, color=INK, linewidth=1.0, linestyle=(0, (5, 2)))
        axes.set_xticks([0, len(rows) - 1], ["widest gap", "narrowest"])
        axes.set_xlim(-1, len(rows))
        dress(axes, x=f"{len(rows)} boards in order", y="Times as many in the most deprived fifth")
    _key(figure, rows)
    headline(figure, title)
    spoken = "; ".join(
        f"{row['name']} {row['ratio']:.2f} ({row['ratio_lower']:.2f} to {row['ratio_upper']:.2f})"
        for row in rows.to_dict("records")
    )
    return Chart(figure, title, caption, f"Dots with intervals in order. {title}. All: {whole:.2f}. {spoken}.", rows)


def _key(figure: Figure, rows: pd.DataFrame) -> None:
    from matplotlib.lines import Line2D

    dots = {"own": (CONTRAST, "this board"), "peer": (ACCENT, "its peers"), "": (QUIET, "others")}
    handles = [Line2D([], [], color=colour, marker="o", linestyle="") for what, (colour, _) in dots.items()
               if (rows["what"] == what).any()]  # fmt: skip
    said = [word for what, (_, word) in dots.items() if (rows["what"] == what).any()]
    if len(said) == 1:
        handles, said = [], []
    dashed = Line2D([], [], color=INK, linewidth=1.0, linestyle=(0, (5, 2)))
    legend_below(figure, [*handles, dashed], [*said, "England"])
