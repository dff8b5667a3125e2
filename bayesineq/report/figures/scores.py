"""Scores of persons beside what happened: the curve of everyone, and how far each group lies from it."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
import pandas as pd

from bayesineq.disclosure.covered import require_covered
from bayesineq.disclosure.persons import PersonTables
from bayesineq.errors import MeasureError
from bayesineq.measures.scores import EVERYONE
from bayesineq.report.figures.panels import Panel, plot_panels
from bayesineq.report.figures.style import ACCENT, QUIET, Chart, dress, headline, new_figure
from bayesineq.report.words.labels import Labels, dimension_label, level_labels

_MEASURES: Final = (("calibration_in_the_large", 0.0, "Happens more often than said (log odds)"),
                    ("calibration_slope", 1.0, "Calibration slope"))  # fmt: skip


def plot_calibration_curve(found: PersonTables) -> Chart:
    """
    Draw rates beside scores, in ten bins of everyone.

    Parameters
    ----------
    found : Covered
        Tables of `risk` that may be shown, of `covered_persons`.

    Returns
    -------
    Chart
        The figure; its table has a row a bin.

    Raises
    ------
    MeasureError
        No bin may be shown.

    Examples
    --------
    >>> import pandas as pd
    >>> from bayesineq.disclosure.persons import covered_persons
    >>> curve = pd.DataFrame({"by": "everyone", "level": "everyone", "bin": [1, 2], "people": 900, "events": [90, 300]})
    >>> curve = curve.assign(said=[0.1, 0.3], rate=[0.1, 0.33], lower=[0.08, 0.3], upper=[0.12, 0.36])
    >>> plot_calibration_curve(covered_persons({"risk_curve": curve})).title
    'Scores beside what happened'
    """
    require_covered(found)
    curve = found.shown["risk_curve"]
    table = curve[(curve["by"] == EVERYONE) & curve["rate"].notna()].reset_index(drop=True)
    if table.empty:
        raise MeasureError("no part of the calibration curve may be shown")
    figure = new_figure()
    axes = figure.add_subplot()
    top = 100 * float(np.nanmax(table[["said", "upper"]].to_numpy(dtype=float)))
    axes.plot([0, top], [0, top], color=QUIET, linewidth=1, linestyle="--")
    said, rate = 100 * table["said"].to_numpy(dtype=float), 100 * table["rate"].to_numpy(dtype=float)
    ends = 100 * table[["lower", "upper"]].to_numpy(dtype=float)
    axes.vlines(said, ends[:, 0], ends[:, 1], color=ACCENT, linewidth=1.6)
    axes.plot(said, rate, marker="o", linestyle="none", color=ACCENT, markersize=5)
    dress(axes, x="Score, mean of each tenth of people (%)", y="To how many it happened (%)")
    title = "Scores beside what happened"
    headline(figure, title)
    caption = "On the dashed line, scores are right; lines hold 95% intervals."
    alt = f"{len(table)} dots, from a score of {said[0]:.1f}% to {said[-1]:.1f}%. {caption}"
    return Chart(figure, title, caption, alt, table)


def plot_calibration_groups(found: PersonTables, by: str, labels: Labels | None = None) -> Chart:
    """
    Draw how right scores are in each group: level and slope of the calibration, with intervals.

    Parameters
    ----------
    found : Covered
        Tables of `risk` that may be shown, of `covered_persons`.
    by : str
        Groups of what.
    labels : mapping of str to mapping, optional
        By dimension, names of codes.

    Returns
    -------
    Chart
        The figure; its table has a row a group and measure.

    Raises
    ------
    MeasureError
        No group may be shown.

    Examples
    --------
    >>> import pandas as pd
    >>> from bayesineq.disclosure.persons import covered_persons
    >>> one = pd.DataFrame({"by": "sex", "level": ["female", "male"] * 2, "people": 900, "events": 90})
    >>> one = one.assign(measure=["calibration_slope"] * 2 + ["calibration_in_the_large"] * 2, threshold=float("nan"))
    >>> one = one.assign(value=[1.0, 0.9, 0.0, 0.1], lower=[0.9, 0.8, -0.1, 0.0], upper=[1.1, 1.0, 0.1, 0.2])
    >>> plot_calibration_groups(covered_persons({"risk_quality": one}), "sex").title
    'How right the score is, by sex'
    """
    require_covered(found)
    quality = found.shown["risk_quality"]
    names = [name for name, _, _ in _MEASURES]
    table = quality[(quality["by"] == by) & quality["measure"].isin(names) & quality["value"].notna()]
    levels = in_order(table["level"].unique().tolist())
    if not levels:
        raise MeasureError(f"no group by {by} may be shown")
    wide = pd.DataFrame({"level": levels})
    for name in names:
        own = table[table["measure"] == name].set_index("level")[["value", "lower", "upper"]]
        wide = wide.join(own.add_prefix(f"{name}_"), on="level")
    panels = [
        Panel(words, f"{name}_value", f"{name}_lower", f"{name}_upper", right) for name, right, words in _MEASURES
    ]
    caption = (
        "On the dashed lines a score is right. To the right of it, left panel: it happens more often than the score "
        "says. Below 1, right panel: scores are too far apart. Lines hold 95% intervals."
    )
    title = f"How right the score is, by {dimension_label(by)}"
    named = list(zip(levels, level_labels(by, levels, labels), strict=True))
    chart = plot_panels(wide, named, panels, title=title, caption=caption)
    return replace(chart, table=table.reset_index(drop=True))


def in_order(levels: list[str]) -> list[str]:
    """Levels as numbers where they are numbers, else by name."""
    return sorted(map(str, levels), key=lambda level: (0, int(level), "") if level.isdigit() else (1, 0, level))
