"""Figures of published tables of areas: gaps between fifths of deprivation, and which domain goes with a condition."""

from __future__ import annotations

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
    new_figure,
    plain,
)
from bayesineq.report.words.sentences import sentence


def plot_dumbbell(table: pd.DataFrame, title: str, caption: str) -> Chart:
    """
    Draw the most against the least deprived: two dots and a line a row, the widest gap first.

    `table`: `name`, `most`, `least` and `average`, shares of published tables, not of people of one's own.
    """
    rows = table.assign(gap=table["most"] / table["least"]).sort_values("gap", ascending=False, ignore_index=True)
    figure = new_figure(WIDTH, 1.6 + 0.27 * len(rows))
    axes = figure.add_subplot()
    scale = rows["average"]
    for k in range(len(rows)):
        low, high = rows.loc[k, "least"] / scale[k], rows.loc[k, "most"] / scale[k]
        axes.plot([low, high], [k, k], color=QUIET, linewidth=1.6, zorder=1)
    most = axes.scatter(rows["most"] / scale, range(len(rows)), color=CONTRAST, marker="o", s=38, zorder=2)
    least = axes.scatter(rows["least"] / scale, range(len(rows)), color=ACCENT, marker="D", s=30, zorder=2)
    axes.axvline(1.0, color=INK, linewidth=1.0)
    axes.set_xscale("log")
    ticks = [t for t in (0.25, 0.5, 0.67, 0.8, 1.0, 1.25, 1.5, 2.0, 3.0, 4.0) if _inside(t, rows, scale)]
    axes.set_xticks(ticks, [f"{t:g}" for t in ticks])
    axes.set_xticks([], minor=True)
    axes.set_yticks(range(len(rows)), [plain(sentence(str(name))) for name in rows["name"]])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    dress(axes, x="Times the average of all", grid="x")
    said = ["most deprived fifth", "least deprived fifth"]
    figure.legend([most, least], said, loc="outside lower left", frameon=False, fontsize=9, labelcolor=INK)
    headline(figure, title)
    spoken = "; ".join(
        f"{row['name']}: {100 * row['most']:.2f}% and {100 * row['least']:.2f}%" for row in rows.to_dict("records")
    )
    return Chart(figure, title, caption, f"Dumbbells. {title}. Most and least deprived fifth: {spoken}.", rows)


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
