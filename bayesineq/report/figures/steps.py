"""Where along a pathway a gap arises, and how a gap changes over years."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bayesineq.disclosure.covered import Covered, require_covered
from bayesineq.pathway.over_time import GapOverTime
from bayesineq.pathway.steps import GapBySteps
from bayesineq.posterior.certainty import percent
from bayesineq.posterior.groups import mean_interval
from bayesineq.report.figures.style import (
    ACCENT,
    INK,
    QUIET,
    WIDTH,
    Chart,
    dress,
    headline,
    new_figure,
    plain,
)
from bayesineq.report.tables.numbers import PLAIN, Unit, estimate
from bayesineq.report.words.sentences import sentence

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes


def plot_steps(
    found: Covered[GapBySteps],
    *,
    outcome: str,
    between: tuple[str, str],
    unit: Unit = PLAIN,
    prob: float,
    title: str | None = None,
) -> Chart:
    """
    Draw what each step of a pathway adds to a gap.

    Parameters
    ----------
    found : Covered of GapBySteps
        The gap divided, of groups that may be shown.
    outcome : str
        The outcome per head, in words.
    between : (str, str)
        The two groups in words, the one whose value comes first.
    unit : Unit
        How it is written.
    prob : float
        Probability of the intervals, that of the table.
    title : str, optional
        Heading of the figure.

    Returns
    -------
    Chart
        The figure; its table has a row a step.

    Examples
    --------
    >>> import xarray as xr
    >>> from bayesineq import example, expected
    >>> from bayesineq.disclosure import covered
    >>> from bayesineq.pathway import gap_along_steps
    >>> from bayesineq.report.page.pathway import same_cover
    >>> ill = expected(example().post, by="imd_decile")
    >>> gap = gap_along_steps({"having it": ill, "missed": xr.full_like(ill, 0.2)}, "imd_decile")
    >>> shown = same_cover(gap, [covered(ill)])
    >>> plot_steps(shown, outcome="missed", between=("the first", "the last"), prob=0.95).title
    'Where the gap in missed arises'
    """
    require_covered(found)
    gap = found.shown
    table = gap.table
    names = [sentence(str(step)) for step in table["step"]]
    total = mean_interval(gap.gap.to_numpy(), prob)
    figure = new_figure(WIDTH, 1.6 + 0.55 * len(names))
    axes = figure.add_subplot()
    _points(axes, table, total, unit.factor)
    axes.axvline(0, color=QUIET, linewidth=1.2)
    axes.set_yticks(range(len(names) + 1), [plain(name) for name in (*names, "All steps: the gap")])
    axes.set_ylim(len(names) + 0.6, -0.6)
    dress(axes, x=f"Part of the gap, in {outcome}{unit.suffix}", grid="x")
    title = title or f"Where the gap in {outcome} arises"
    headline(figure, title)
    caption = (
        f"{sentence(between[0])} less {between[1]}. Dots: posterior means with {100 * prob:.0f}% credible intervals; "
        f"the parts add up to the gap. Right of the line, a step raises {outcome} in {between[0]}. Steps "
        "after the first are rates among those whom the earlier ones selected."
    )
    spoken = "; ".join(
        f"{name}: {estimate(row['mean'], row['lower'], row['upper'], unit)}"
        for name, row in zip(names, table.to_dict("records"), strict=True)
    )
    alt = f"Dots with intervals. {title}. {spoken}; all steps: {estimate(*total, unit)}."
    return Chart(figure, title, caption, alt, table)


def _points(axes: Axes, table: pd.DataFrame, total: tuple[float, float, float], scale: float) -> None:
    """A dot with its interval a step, and the gap below them."""
    rows = [*table[["mean", "lower", "upper"]].to_numpy().tolist(), list(total)]
    for k, (mean, lower, upper) in enumerate(rows):
        colour = INK if k == len(rows) - 1 else ACCENT
        axes.plot([lower * scale, upper * scale], [k, k], color=colour, linewidth=2)
        axes.plot([mean * scale], [k], color=colour, marker="D" if k == len(rows) - 1 else "o", markersize=6)


def plot_gap_over_time(
    found: Covered[GapOverTime], *, outcome: str, unit: Unit = PLAIN, prob: float, title: str | None = None
) -> Chart:
    """
    Draw the slope index of inequality by year; a forecast is dashed.

    Parameters
    ----------
    found : Covered of GapOverTime
        Indices by year, of groups that may be shown.
    outcome : str
        The outcome in words.
    unit : Unit
        How its values are written.
    prob : float
        Probability of the ribbon, that of the table.
    title : str, optional
        Heading of the figure.

    Returns
    -------
    Chart
        The figure; its table has a row a measure and year.

    Examples
    --------
    >>> import xarray as xr
    >>> from bayesineq import example, expected
    >>> from bayesineq.disclosure import covered
    >>> from bayesineq.pathway import gap_over_time
    >>> from bayesineq.report.page.pathway import same_cover
    >>> now = expected(example().post, by="imd_decile")
    >>> years = (now * xr.DataArray([1.0, 0.9], coords={"year": [2023, 2024]})).assign_attrs(now.attrs)
    >>> gap = gap_over_time(years, "imd_decile")
    >>> plot_gap_over_time(same_cover(gap, [covered(now)]), outcome="prevalence", prob=0.95).title
    'Inequality in prevalence by year'
    """
    require_covered(found)
    from matplotlib.ticker import MaxNLocator

    table = found.shown.by_year
    own = table[table["measure"] == "sii"].reset_index(drop=True)
    time = next(str(name) for name in own.columns if name not in {"measure", "mean", "lower", "upper", "forecast"})
    years, scaled = own[time].astype(str).str[:4].astype(int).to_numpy(), own[["mean", "lower", "upper"]] * unit.factor
    ahead = own["forecast"].to_numpy(dtype=bool)
    figure = new_figure(WIDTH, 3.8)
    axes = figure.add_subplot()
    axes.axhline(0, color=QUIET, linewidth=1.2)
    axes.fill_between(years, scaled["lower"], scaled["upper"], color=ACCENT, alpha=0.2, linewidth=0)
    axes.plot(years[~ahead], scaled["mean"][~ahead], color=ACCENT, linewidth=2, marker="o", markersize=4)
    if ahead.any():
        joined = ahead | np.roll(ahead, -1)
        axes.plot(years[joined], scaled["mean"][joined], color=ACCENT, linewidth=2, linestyle=(0, (3, 2)))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    dress(axes, x=sentence(time), y=f"SII, {unit.difference.strip() or unit.label or outcome}")
    title = title or f"Inequality in {outcome} by year"
    headline(figure, title)
    narrowed = dict(zip(found.shown.change["number"], found.shown.change["p_narrowed"], strict=True))["sii"]
    sure = percent(float(narrowed), found.shown.sii.isel({time: 0}).size)
    caption = (
        f"Line: slope index of inequality (SII), the least deprived end less the most deprived end of a line through "
        f"the groups; ribbon: {100 * prob:.0f}% credible interval. At zero there is no gradient. The gap narrowed from "
        f"the first year to the last with probability {sure}.{' Dashed: forecast.' if ahead.any() else ''}"
    )
    ends = own.iloc[[0, -1]].to_dict("records")
    spoken = "; ".join(
        f"{row[time]}: {estimate(row['mean'], row['lower'], row['upper'], unit, is_difference=True)}" for row in ends
    )
    return Chart(figure, title, caption, f"Line chart. {title}. SII in {spoken}. {caption}", table)
