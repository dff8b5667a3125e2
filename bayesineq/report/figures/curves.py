"""Curves of inequality: concentration, change over time, and settings side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd
import xarray as xr

from bayesineq.dims import CI_PROB, POPULATION, SAMPLE_DIMS
from bayesineq.disclosure.covered import Draws, covered
from bayesineq.errors import MeasureError
from bayesineq.posterior.groups import by_level, interval, pooled
from bayesineq.posterior.lift import in_social_order
from bayesineq.report.figures.draws import left_out, to_draw
from bayesineq.report.figures.style import (
    ACCENT,
    CONTRAST,
    DEPRIVED,
    INK,
    QUIET,
    WIDTH,
    Chart,
    MoreIs,
    direction,
    dress,
    headline,
    legend_below,
    new_figure,
    plain,
)
from bayesineq.report.tables.numbers import Unit, with_unit
from bayesineq.report.words.described import described
from bayesineq.report.words.labels import Labels, dimension_label, level_labels
from bayesineq.report.words.sentences import sentence

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LINES: Final = ("-", (0, (6, 2)), (0, (2, 1.5)), (0, (6, 2, 1, 2)), (0, (1, 1)))


def concentration_data(values: Draws, dim: str, *, prob: float = CI_PROB) -> pd.DataFrame:
    """
    Compute the concentration curve: the share of all cases held by the most deprived share of people.

    `values`: Rate of each group, never negative: draws with dims (chain, draw, dim) and the coordinate
    `population`; `dim` ordered, the most deprived first. Returns: A row a corner, from (0, 0) to (1, 1): `people`,
    `mean`, `lower`, `upper` of the share of cases.
    """
    ordered = in_social_order(to_draw(values, dim), dim, "a concentration curve")
    draws = pooled(ordered, dim).astype(np.float64)
    cases = draws * ordered[POPULATION].to_numpy().astype(np.float64)
    if (draws < 0).any() or not (cases.sum(axis=1) > 0).all():
        raise MeasureError("a concentration curve needs rates that are never negative and not all zero")
    held = np.cumsum(cases, axis=1) / cases.sum(axis=1, keepdims=True)
    people = np.cumsum(ordered[POPULATION].to_numpy().astype(np.float64))
    low, high = interval(held, prob)
    table = pd.DataFrame({"people": people / people[-1], "mean": held.mean(axis=0), "lower": low, "upper": high})
    return pd.concat([pd.DataFrame([[0.0] * 4], columns=table.columns), table], ignore_index=True)


def plot_concentration(
    values: xr.DataArray | Draws,
    dim: str,
    *,
    prob: float = CI_PROB,
    outcome: str | None = None,
    more_is: MoreIs | None = None,
    title: str | None = None,
) -> Chart:
    """
    Draw a concentration curve against the line of equality.

    Parameters
    ----------
    values : DataArray, dims (chain, draw, dim), or Covered
        Rate of each group, with the coordinate `population`. Groups of few people or events are left out first.
    dim, prob
        As in `concentration_data`.
    outcome : str, optional
        Name of the outcome in words; by default as the values have it in their attributes.
    more_is : {"worse", "better"}, optional
        Polarity of the outcome, which every figure states; by default as the values have it.
    title : str, optional
        Heading of the figure; by default made from what it shows.

    Returns
    -------
    Chart
        The figure; its table has a row a corner of the curve.

    Examples
    --------
    >>> from bayesineq import example, expected
    >>> plot_concentration(expected(example().post, by="imd_decile"), "imd_decile").title
    'Concentration of prevalence by deprivation decile'
    """
    safe = covered(values)
    outcome, _, more_is = described(safe, outcome, None, more_is)
    table = concentration_data(safe, dim, prob=prob)
    figure = new_figure(WIDTH, 4.6)
    axes = figure.add_subplot()
    axes.plot([0, 1], [0, 1], color=QUIET, linewidth=1.2, linestyle=(0, (5, 2)))
    axes.fill_between(table["people"], table["lower"], table["upper"], color=ACCENT, alpha=0.25, linewidth=0)
    axes.plot(table["people"], table["mean"], color=ACCENT, linewidth=2, marker="o", markersize=3.5)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.set_aspect("equal")
    dress(axes, x="Share of people, the most deprived first", y=f"Share of {outcome}")
    title = title or (f"Concentration of {outcome} by {dimension_label(dim)}")
    headline(figure, title)
    fifth = float(np.interp(0.2, table["people"], table["mean"]))
    caption = (
        f"The most deprived fifth of people have {100 * fifth:.0f}% of all {outcome}; on the dashed line it would be "
        f"20%. Band: {100 * prob:.0f}% credible interval. Direction: {direction(more_is)}.{left_out(safe)}"
    )
    return Chart(figure, title, caption, f"Curve. {title}. {caption}", table)


def plot_trend(
    values: xr.DataArray | Draws,
    dim: str,
    *,
    time: str = "year",
    labels: Labels | None = None,
    prob: float = CI_PROB,
    outcome: str | None = None,
    unit: Unit | None = None,
    more_is: MoreIs | None = None,
    breaks: dict[float, str] | None = None,
    title: str | None = None,
) -> Chart:
    """
    Draw groups over time as lines with ribbons.

    Parameters
    ----------
    values : DataArray, dims (chain, draw, time, dim), or Covered
        Outcome of each group at each time. Lines have a gap where people or events are few.
    dim : str
        The groups, at most ten.
    time : str
        The dimension of time, of numbers.
    labels : mapping of str to mapping, optional
        By dimension, names of codes.
    prob : float
        Probability of the ribbons.
    outcome : str, optional
        Name of the outcome in words; by default as the values have it in their attributes.
    unit : Unit, optional
        How values are written; by default as the attribute `scale` says.
    more_is : {"worse", "better"}, optional
        Polarity of the outcome, which every figure states; by default as the values have it.
    breaks : dict of float to str, optional
        Times at which boundaries, indices or codes changed, and what changed.
    title : str, optional
        Heading of the figure; by default made from what it shows.

    Returns
    -------
    Chart
        The figure; its table has a row a group and time.

    Raises
    ------
    MeasureError
        If there are more than ten groups, or a dimension is missing.

    Examples
    --------
    >>> from bayesineq import example, expected
    >>> values = expected(example().post, by="ethnicity")
    >>> by_year = xr.concat([values, 0.9 * values], pd.Index([2024, 2025], name="year")).assign_attrs(values.attrs)
    >>> plot_trend(by_year, "ethnicity").title
    'Prevalence over time by ethnic group'
    """
    safe = covered(values)
    values = safe.shown
    outcome, unit, more_is = described(safe, outcome, unit, more_is)
    from matplotlib.ticker import MaxNLocator

    if {dim, time} - {str(d) for d in values.dims} or values.sizes[dim] > len(DEPRIVED):
        raise MeasureError(
            f"a trend needs the dimensions {time!r} and {dim!r}, the latter of at most {len(DEPRIVED)} groups; "
            f"given {dict(zip(map(str, values.dims), values.shape, strict=True))}"
        )
    pooled = values.transpose(*SAMPLE_DIMS, time, dim)
    one = xr.DataArray(
        pooled.to_numpy().reshape(1, -1, values.sizes[time], values.sizes[dim]),
        dims=(*SAMPLE_DIMS, time, dim),
        coords={time: values[time], dim: values[dim]},
    )
    table = by_level(one, prob)[[time, dim, "mean", "lower", "upper"]]
    levels = list(values[dim].to_numpy())
    names = level_labels(dim, levels, labels)
    figure = new_figure(WIDTH, 4.2)
    axes = figure.add_subplot()
    _lines(axes, table, (time, dim), dict(zip(levels, names, strict=True)), unit.factor)
    top = axes.get_ylim()[1]
    for when, what in (breaks or {}).items():
        axes.axvline(when, color=CONTRAST, linewidth=1.2, linestyle=(0, (2, 2)))
        axes.text(when, top, plain(f" {what}"), fontsize=8, color=CONTRAST, va="top")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    dress(axes, x=sentence(time.replace("_", " ")), y=unit.label or outcome)
    legend_below(figure, *axes.get_legend_handles_labels())
    title = title or (f"{sentence(outcome)} over time by {dimension_label(dim)}")
    headline(figure, f"{title} ({direction(more_is)})")
    caption = f"Lines: posterior means; ribbons: {100 * prob:.0f}% credible intervals. Direction: {direction(more_is)}."
    caption += left_out(safe, "values")
    if breaks:
        caption += f" Values before and after {', '.join(breaks.values())} are not like for like."
    ends = table[table[time].isin([table[time].min(), table[time].max()])].sort_values([dim, time])
    spoken = dict(zip(levels, names, strict=True))
    alt = f"Line chart. {title}. " + "; ".join(
        f"{spoken[level]} in {when:g}: {with_unit(mean, unit)}"
        for level, when, mean in zip(ends[dim], ends[time], ends["mean"], strict=True)
    )
    return Chart(figure, title, caption, f"{alt}.", table)


def _lines(axes: Axes, table: pd.DataFrame, by: tuple[str, str], names: Mapping[object, str], factor: float) -> None:
    """A line with its ribbon a group over time."""
    time, dim = by
    for k, (level, name) in enumerate(names.items()):
        part = table[table[dim] == level].sort_values(time)
        colour = DEPRIVED[round(k * (len(DEPRIVED) - 1) / max(len(names) - 1, 1))]
        scaled, style = part[["mean", "lower", "upper"]] * factor, _LINES[k % len(_LINES)]
        axes.fill_between(part[time], scaled["lower"], scaled["upper"], color=colour, alpha=0.18, linewidth=0)
        axes.plot(part[time], scaled["mean"], color=colour, linewidth=2, linestyle=style, label=plain(name))


def plot_equiplot(
    values: xr.DataArray | Draws,
    dim: str,
    *,
    rows: str,
    labels: Labels | None = None,
    outcome: str | None = None,
    unit: Unit | None = None,
    more_is: MoreIs | None = None,
    title: str | None = None,
) -> Chart:
    """
    Draw a row a setting, a dot a group, and a line from the lowest to the highest.

    Parameters
    ----------
    values : DataArray, dims (chain, draw, rows, dim), or Covered
        Outcome of each group in each setting. Dots of few people or events are left out.
    dim : str
        The groups, at most ten, in order.
    rows : str
        The settings: places, years, outcomes.
    labels : mapping of str to mapping, optional
        By dimension, names of codes.
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
        The figure; its table has a row a setting and group.

    Raises
    ------
    MeasureError
        If there are more than ten groups, or a dimension is missing.

    Examples
    --------
    >>> from bayesineq import example, expected
    >>> values = expected(example().post, by=["age_band", "imd_decile"])
    >>> plot_equiplot(values, "imd_decile", rows="age_band").title
    'Prevalence by deprivation decile and age group'
    """
    safe = covered(values)
    values = safe.shown
    outcome, unit, more_is = described(safe, outcome, unit, more_is)
    if {dim, rows} - {str(d) for d in values.dims} or values.sizes[dim] > len(DEPRIVED):
        raise MeasureError(f"an equiplot needs the dimensions {rows!r} and {dim!r}, the latter of at most 10 groups")
    means = values.mean(SAMPLE_DIMS).transpose(rows, dim)
    settings = level_labels(rows, list(values[rows].to_numpy()), labels)
    names = level_labels(dim, list(values[dim].to_numpy()), labels)
    figure = new_figure(WIDTH, 1.6 + 0.42 * len(settings))
    axes = figure.add_subplot()
    place = np.arange(len(settings))[::-1]
    shown = means.to_numpy() * unit.factor
    axes.hlines(place, means.min(dim) * unit.factor, means.max(dim) * unit.factor, colors=QUIET, linewidth=2)
    for k, name in enumerate(names):
        colour = DEPRIVED[round(k * (len(DEPRIVED) - 1) / max(len(names) - 1, 1))]
        axes.scatter(
            shown[:, k], place, s=60, color=colour, edgecolors=INK, linewidths=0.5, zorder=3, label=plain(name)
        )
    axes.set_yticks(place, [plain(name) for name in settings])
    axes.set_ylim(-0.6, len(settings) - 0.4)
    dress(axes, x=f"{unit.label or outcome} ({direction(more_is)})", grid="x")
    legend_below(figure, *axes.get_legend_handles_labels())
    title = title or (f"{sentence(outcome)} by {dimension_label(dim)} and {dimension_label(rows)}")
    headline(figure, title)
    table = means.rename("mean").to_dataframe().reset_index()[[rows, dim, "mean"]]
    gaps = "; ".join(
        f"{name}: {with_unit(float(low), unit)} to {with_unit(float(high), unit)}"
        for name, low, high in zip(settings, means.min(dim), means.max(dim), strict=True)
    )
    caption = f"Dots: posterior means; the line joins the lowest and the highest. Direction: {direction(more_is)}."
    caption += left_out(safe, "values")
    return Chart(figure, title, caption, f"Dot plot. {title}. {gaps}.", table)
