"""Caterpillar plots: groups or areas in order, with intervals of their values and of their ranks."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
import xarray as xr

from bayesineq.dims import CI_PROB, POPULATION
from bayesineq.disclosure.covered import Draws, covered
from bayesineq.posterior.groups import by_level, exceedance, rank_intervals
from bayesineq.report.figures.areas import exceedance_classes
from bayesineq.report.figures.draws import left_out, to_draw
from bayesineq.report.figures.style import (
    EXCEEDANCE_EDGES,
    EXCEEDANCE_INK,
    INK,
    WIDTH,
    Chart,
    MoreIs,
    by_polarity,
    direction,
    dress,
    headline,
    new_figure,
    plain,
)
from bayesineq.report.tables.numbers import Unit, percent, with_unit
from bayesineq.report.words.described import described
from bayesineq.report.words.labels import Labels, dimension_label, level_labels
from bayesineq.report.words.sentences import SURE, sentence

_NAMED: Final = 60


def caterpillar_data(values: Draws, dim: str, *, labels: Labels | None = None, prob: float = CI_PROB) -> pd.DataFrame:
    """
    Put groups in order of their means, with intervals of value and rank.

    `values`: Outcome of each group: draws with dims (chain, draw, dim); coordinate `population` weighs the average.
    Returns: A row a group, the highest first: `level`, `label`, `mean`, `lower`, `upper`, `rank`, `rank_lower`,
    `rank_upper` (1 is the highest) and `above`: the probability of being above the average.
    """
    draws = to_draw(values, dim)
    table = by_level(draws, prob)[[dim, "mean", "lower", "upper"]]
    places = rank_intervals(draws, dim, prob=prob)[[dim, "mean", "lower", "upper"]]
    places.columns = pd.Index([dim, "rank", "rank_lower", "rank_upper"])
    above = exceedance(draws, "mean").to_series().rename("above")
    table = table.merge(places, on=dim, validate="one_to_one").merge(above, left_on=dim, right_index=True)
    table.insert(1, "label", level_labels(dim, list(table[dim]), labels))
    ordered = table.sort_values("mean", ascending=False, kind="stable", ignore_index=True)
    return ordered.rename(columns={dim: "level"})


def plot_caterpillar(
    values: xr.DataArray | Draws,
    dim: str,
    *,
    labels: Labels | None = None,
    prob: float = CI_PROB,
    outcome: str | None = None,
    unit: Unit | None = None,
    more_is: MoreIs | None = None,
    title: str | None = None,
) -> Chart:
    """
    Draw groups in order, values on the left and ranks on the right.

    Parameters
    ----------
    values : DataArray, dims (chain, draw, dim), or Covered
        Outcome of each group. Groups of few people or events are left out first.
    dim, labels, prob
        As in `caterpillar_data`.
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
        The figure; names are written where there are at most 60 groups.

    Examples
    --------
    >>> from bayesineq import example, expected
    >>> plot_caterpillar(expected(example().post, by="ethnicity"), "ethnicity").title
    'Prevalence: 3 ethnic groups in order'
    """
    safe = covered(values)
    draws = safe.shown
    outcome, unit, more_is = described(safe, outcome, unit, more_is)
    table = caterpillar_data(safe, dim, labels=labels, prob=prob)
    count = len(table)
    named = count <= _NAMED
    figure = new_figure(1.3 * WIDTH, float(np.clip(1.2 + 0.2 * count, 2.6, 9.0)) if named else 6.0)
    left, right = figure.subplots(1, 2, sharey=True)
    place = np.arange(count)[::-1]
    shade = exceedance_classes(table["above"].to_numpy(), EXCEEDANCE_EDGES).member
    inks = by_polarity(EXCEEDANCE_INK, more_is)
    colours = [inks[k] for k in shade]
    size, line = (4.0, 1.4) if named else (1.5, max(0.15, 300 / count / 2))
    for axes, columns, factor in (
        (left, ("mean", "lower", "upper"), unit.factor),
        (right, ("rank", "rank_lower", "rank_upper"), 1.0),
    ):
        middle, low, high = (table[c].to_numpy() * factor for c in columns)
        axes.hlines(place, low, high, colors=colours, linewidth=line)
        axes.scatter(middle, place, s=size**2, c=colours, zorder=3, linewidths=0)
    weight = draws[POPULATION] if POPULATION in draws.coords else xr.ones_like(draws[dim], dtype=float)
    average = float((draws * weight).sum(dim).mean() / weight.sum())
    left.axvline(average * unit.factor, color=INK, linewidth=1.2, linestyle=(0, (5, 2)))
    dress(left, x=f"{unit.label or outcome} ({direction(more_is)})", grid="x")
    dress(right, x="Rank (1 is the highest)", grid="x")
    left.set_yticks(place if named else [], [plain(str(label)) for label in table["label"]] if named else [])
    left.set_ylim(-1, count)
    title = title or (f"{sentence(outcome)}: {count:,} {dimension_label(dim)}s in order")
    headline(figure, title)
    wide = table["rank_upper"] - table["rank_lower"]
    misled = ", so a league table would mislead" if wide.median() >= 0.1 * count else ""
    n_draw = draws.sizes["chain"] * draws.sizes["draw"]
    caption = (
        f"Dots and lines: posterior means with {100 * prob:.0f}% credible intervals of value (left) and rank (right). "
        f"Dark orange lies on the worse side of the average (dashed line), {'above' if more_is == 'worse' else 'below'}"
        " it, with a probability of 95% or more, dark blue on the other; paler ones with 80% or more; grey is not "
        f"settled. Half of the ranks are uncertain by {wide.median():.0f} places or more{misled}. "
        f"Direction: {direction(more_is)}.{left_out(safe)}"
    )
    top = table.iloc[0]
    alt = (
        f"Caterpillar plot. {title}. Highest: {top['label']}, {with_unit(float(top['mean']), unit)}, rank between "
        f"{top['rank_lower']:.0f} and {top['rank_upper']:.0f}, above the average with a probability of "
        f"{percent(float(top['above']), n_draw)}. {int((table['above'] >= SURE).sum()):,} are above the average "
        f"and {int((table['above'] <= 1 - SURE).sum()):,} below it, each with a probability of 95% or more."
    )
    return Chart(figure, title, caption, alt, table)
