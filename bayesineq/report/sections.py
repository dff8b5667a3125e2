"""Sections of a report: one a dimension, and the maps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
import pandas as pd
import xarray as xr

from bayesineq.dims import AGE, AREA, POPULATION, SAMPLE_DIMS
from bayesineq.errors import MeasureError
from bayesineq.measures.simple import difference, ratio
from bayesineq.measures.slope import rii, sii
from bayesineq.posterior.expected import contribution, expected
from bayesineq.posterior.lift import over_draws
from bayesineq.report.areas import area_table
from bayesineq.report.draws import ends, flat
from bayesineq.report.forest import RATIO_NAMES, association_table, plot_associations, plot_forest
from bayesineq.report.gradient import plot_gradient
from bayesineq.report.groups import group_table
from bayesineq.report.labels import dimension_label, ends_in_words
from bayesineq.report.maps import draw_map
from bayesineq.report.numbers import PLAIN, Unit, decimals, estimate, percent, write
from bayesineq.report.outline import Outline
from bayesineq.report.parts import Frame, Row, Section, Table
from bayesineq.report.words import SURE, Statement, association, compare, groups, places, relative, sentence
from bayesineq.tables.disclosure import SUPPRESSED, implied_small, shown_count

_LISTED_AREAS: Final = 15
_TABLED_AREAS: Final = 1_000


def deprivation_section(frame: Frame, values: xr.DataArray, dim: str) -> Section:
    """
    Groups in order of deprivation: words, table and gradient.

    Parameters
    ----------
    frame : Frame
        The posterior and how it is shown.
    values : DataArray, dims (chain, draw, dim)
        Outcome of each group.
    dim : str
        The dimension.

    Returns
    -------
    Section
        With the difference and the ratio of the two ends.
    """
    card, unit = frame.card, frame.unit
    ordered = values.sortby(dim)
    table = group_table(ordered, dim, labels=frame.labels, prob=frame.prob, rule=frame.rule, counts=frame.counts)
    said: tuple[Statement, ...] = (Statement("There is one group only, so nothing can be compared.", False, 0.5),)
    shown = ~table["hidden"].to_numpy()
    if len(table) > 1 and not (shown[0] and shown[-1]):
        said = (Statement("The groups at the ends are too small to be compared.", False, 0.5),)
    elif len(table) > 1:
        first, last = ends_in_words(dim, list(table["label"]))
        top, bottom = ordered.isel({dim: 0}), ordered.isel({dim: -1})
        gap = compare(
            top.drop_vars(dim) - bottom.drop_vars(dim),
            first=first,
            second=last,
            outcome=card.outcome.name,
            unit=unit,
            more_is=card.outcome.more_is,
            prob=frame.prob,
        )
        said = (gap,)
        if frame.counts:
            quotient = top.drop_vars(dim) / bottom.drop_vars(dim)
            said = (gap, relative(quotient, first=first, second=last, prob=frame.prob))
    chart = plot_gradient(
        ordered,
        dim,
        labels=frame.labels,
        prob=frame.prob,
        outcome=card.outcome.name,
        unit=unit,
        more_is=card.outcome.more_is,
    )
    return Section(f"By {dimension_label(dim)}", said, (_printed(frame, ordered, dim, table),), (chart,))


def group_section(frame: Frame, values: xr.DataArray, dim: str) -> Section:
    """
    Groups of people, ordered or not: words, table and forest plot.

    Parameters
    ----------
    frame : Frame
        The posterior and how it is shown.
    values : DataArray, dims (chain, draw, dim)
        Outcome of each group.
    dim : str
        The dimension.

    Returns
    -------
    Section
        A level that says "unknown" is shown and never compared.
    """
    card = frame.card
    table = group_table(values, dim, labels=frame.labels, prob=frame.prob, rule=frame.rule, counts=frame.counts)
    # Unknown is no group of people: it is shown, and never compared with one.
    comparable = (~(table["unknown"] | table["hidden"])).to_numpy()
    said: tuple[Statement, ...] = ()
    if comparable.any():
        said = tuple(
            groups(
                values.isel({dim: comparable}),
                dim,
                list(table.loc[comparable, "label"]),
                outcome=card.outcome.name,
                more_is=card.outcome.more_is,
                prob=frame.prob,
            )
        )
    chart = plot_forest(
        values,
        dim,
        labels=frame.labels,
        prob=frame.prob,
        outcome=card.outcome.name,
        unit=frame.unit,
        more_is=card.outcome.more_is,
        order="given" if dim == AGE or values[dim].attrs.get("ordered") == 1 else "value",
        counts=frame.counts,
    )
    return Section(f"By {dimension_label(dim)}", said, (_printed(frame, values, dim, table),), (chart,))


def _printed(frame: Frame, values: xr.DataArray, dim: str, table: pd.DataFrame) -> Table:
    """A row a group: size, estimate, difference and ratio to the average of the groups that are known."""
    draws = values.transpose(*SAMPLE_DIMS, dim).to_numpy().reshape(-1, len(table))
    known = ~table["unknown"].to_numpy()
    weight = np.where(known, table[POPULATION].to_numpy(dtype=float), 0.0)
    average = draws @ (weight / weight.sum()) if weight.sum() > 0 else draws.mean(axis=1)
    shown = table.loc[~table["hidden"], ["mean", "upper"]]
    unit = frame.unit
    places = decimals([float(v) * unit.factor for v in shown.to_numpy().ravel()])
    gaps = Unit(unit.factor, "", "", "")
    rows = []
    for k, (label, size, share, mean, lower, upper, hidden) in enumerate(
        zip(*(table[c] for c in ("label", POPULATION, "share", "mean", "lower", "upper", "hidden")), strict=True)
    ):
        if hidden:
            rows.append((label, *[SUPPRESSED] * 6))
            continue
        sized = (label, shown_count(size, frame.rule), f"{100 * share:.1f}%")
        value = estimate(mean, lower, upper, unit, places=places)
        if not known[k]:
            rows.append((*sized, value, *["not compared"] * 3))
            continue
        gap = draws[:, k] - average
        odds = draws[:, k] / average if frame.counts else None
        rows.append(
            (
                *sized,
                value,
                estimate(float(gap.mean()), *ends(gap, frame.prob), gaps, is_difference=True, places=places),
                "not defined"
                if odds is None
                else estimate(float(odds.mean()), *ends(odds, frame.prob), PLAIN, places=2),
                percent(float((gap > 0).mean()), len(gap)),
            )
        )
    words = unit.difference.strip()
    header = (
        sentence(dimension_label(dim)),
        sentence(frame.size_name),
        "Share",
        f"Estimate ({frame.level} interval)",
        f"Difference from average{f', {words}' if words else ''}",
        "Ratio to average",
        "Probability of being above average",
    )
    return Table(f"{sentence(frame.card.outcome.name)} by {dimension_label(dim)}", header, tuple(rows))


def association_section(frame: Frame) -> Section:
    """
    Covariates of the card: words, table and forest plot.

    Parameters
    ----------
    frame : Frame
        The posterior and how it is shown; its card has a linear term.

    Returns
    -------
    Section
        One statement a covariate.
    """
    card, scale = frame.card, RATIO_NAMES[frame.card.outcome.link]
    table = association_table(frame.post, prob=frame.prob)
    said, rows = [], []
    for term, step, mean, lower, upper, above in zip(*(table[c].tolist() for c in table.columns), strict=True):
        draws = flat(contribution(frame.post, term))
        rise = f"a rise of {write(step, 2)} in {term.replace('_', ' ')}"
        shown = np.exp(draws) if frame.counts else draws
        said.append(association(shown, rise=rise, outcome=card.outcome.name, scale=scale, prob=frame.prob))
        value = estimate(mean, lower, upper, PLAIN, places=2)
        rows.append((term.replace("_", " "), write(step, 2), value, percent(above, len(draws))))
    header = (
        "Characteristic",
        "Rise",
        f"{sentence(scale)} ({frame.level} interval)",
        "Probability of a rising outcome",
    )
    caption = f"Associations with {card.outcome.name}, all else on the card equal"
    chart = plot_associations(frame.post, prob=frame.prob)
    return Section("Other characteristics", tuple(said), (Table(caption, header, tuple(rows)),), (chart,))


def inequality_table(frame: Frame, values: xr.DataArray, dim: str) -> Table:
    """
    Absolute and relative measures over deprivation, each with its interval and what its sign says.

    Parameters
    ----------
    frame : Frame
        The posterior and how it is shown.
    values : DataArray, dims (chain, draw, dim)
        Outcome of each group.
    dim : str
        The dimension.

    Returns
    -------
    Table
        Relative measures only where ratios exist.
    """
    favourable = frame.card.outcome.more_is == "better"
    first, last = ends_in_words(dim, [str(level) for level in np.sort(values[dim].to_numpy())])
    one, other = (last, first) if favourable else (first, last)
    direction: dict[str, object] = {"favourable": favourable}
    asked: list[tuple[Callable[..., Any], dict[str, object], str, str, float]] = [
        (sii, {}, "Slope index of inequality (SII)", "absolute, all groups", 0.0),
        (difference, direction, f"Difference: {one} less {other}", "absolute, two ends", 0.0),
    ]
    if frame.counts:
        asked += [
            (rii, {}, "Relative index of inequality (RII, Kunst and Mackenbach)", "relative, all groups", 1.0),
            (ratio, direction, f"Ratio: {one} to {other}", "relative, two ends", 1.0),
        ]
    rows = [
        _measure(frame, values, dim, function, options, name, kind, none)
        for function, options, name, kind, none in asked
    ]
    header = ("Measure", "Kind", f"Estimate ({frame.level} interval)", "No inequality would be", "Reading")
    return Table(f"Inequality in {frame.card.outcome.name} by {dimension_label(dim)}", header, tuple(rows))


def _measure(
    frame: Frame,
    values: xr.DataArray,
    dim: str,
    function: Callable[..., Any],
    options: dict[str, object],
    name: str,
    kind: str,
    none: float,
) -> Row:
    try:
        draws = flat(over_draws(function, values, dim, options=options))
    except MeasureError:
        return (name, kind, "not defined", f"{none:g}", "Some draws have no such ratio: their line reaches zero.")
    lower, upper = ends(draws, frame.prob)
    absolute = none == 0.0
    unit, places = (frame.unit, None) if absolute else (PLAIN, 2)
    shown = estimate(float(draws.mean()), lower, upper, unit, is_difference=absolute, places=places)
    index = "index" in name
    if lower <= none <= upper:
        reading = "The interval includes no inequality."
    elif index:
        rises = "rises" if lower > none else "falls"
        reading = f"The outcome {rises} from the most to the least deprived."
    else:
        reading = "The first group has the higher level." if lower > none else "The second group has the higher level."
    return (name, kind, shown, f"{none:g}", reading)


def map_section(frame: Frame, shapes: Outline, place: str, names: Mapping[str, str]) -> Section:
    """
    Areas: words, maps of the estimate, of exceedance and of uncertainty, and tables.

    Parameters
    ----------
    frame : Frame
        The posterior and how it is shown.
    shapes : Outline
        Boundaries.
    place : str
        The dimension of areas.
    names : mapping of str to str
        Names of areas by code.

    Returns
    -------
    Section
        With the areas that are very likely worse than the average.
    """
    card = frame.card
    values = expected(frame.post, by=place).rename({place: AREA} if place != AREA else {})
    table = area_table(values, prob=frame.prob)
    charts = tuple(
        draw_map(
            table,
            shapes,
            statistic=statistic,
            prob=frame.prob,
            outcome=card.outcome.name,
            unit=frame.unit,
            more_is=card.outcome.more_is,
        )
        for statistic in ("mean", "exceedance", "width")
    )
    people = values[POPULATION].to_series().reindex(table.index)
    rate = table["mean"].abs() if frame.counts else pd.Series(1.0, index=table.index)
    table["hidden"] = implied_small(rate.to_numpy(), people.to_numpy(), frame.rule)
    said = (places(table["exceedance"], outcome=card.outcome.name),)
    return Section(
        "Where", said, _area_tables(frame, table, names, values.sizes["chain"] * values.sizes["draw"]), charts
    )


def _area_tables(frame: Frame, table: pd.DataFrame, names: Mapping[str, str], draws: int) -> tuple[Table, ...]:
    more = frame.card.outcome.more_is == "worse"
    worst = table[(table["exceedance"] >= SURE) if more else (table["exceedance"] <= 1.0 - SURE)]
    worst = worst.sort_values("mean", ascending=not more).head(_LISTED_AREAS)
    header: Row = ("Area", "Name") if names else ("Area",)
    header = (*header, f"Estimate ({frame.level} interval)", "Probability of being above average")
    places = decimals([float(v) * frame.unit.factor for v in table["mean"].dropna()])

    def rows(part: pd.DataFrame) -> tuple[Row, ...]:
        columns = (part[c].tolist() for c in ("mean", "lower", "upper", "exceedance", "hidden"))
        made = []
        for code, mean, lower, upper, above, hidden in zip(part.index, *columns, strict=True):
            named = (str(code), names.get(str(code), "")) if names else (str(code),)
            value = (estimate(mean, lower, upper, frame.unit, places=places), percent(above, draws))
            made.append((*named, *((SUPPRESSED, SUPPRESSED) if hidden else value)))
        return tuple(made)

    made = []
    if len(worst):
        made.append(
            Table(
                f"Areas that are very likely (95% or more) worse than the average: the {len(worst)} with the "
                f"{'highest' if more else 'lowest'} estimates",
                header,
                rows(worst),
            )
        )
    if len(table) <= _TABLED_AREAS:
        made.append(Table("All areas", header, rows(table.sort_index())))
    return tuple(made)
