"""Sections of a report: one a dimension, and the maps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from bayesineq.dims import AGE, POPULATION
from bayesineq.disclosure.rule import SUPPRESSED
from bayesineq.posterior.expected import contribution
from bayesineq.posterior.groups import by_level, mean_interval, pooled
from bayesineq.posterior.lift import in_rank_order
from bayesineq.report.figures.draws import flat
from bayesineq.report.figures.forest import (
    RATIO_NAMES,
    association_table,
    covariate_label,
    plot_associations,
    plot_forest,
)
from bayesineq.report.figures.gradient import plot_gradient
from bayesineq.report.figures.heat import plot_heat
from bayesineq.report.page.alike import Alike
from bayesineq.report.page.over_time import is_time, over_time
from bayesineq.report.page.parts import Frame, Row, Section, Table
from bayesineq.report.tables.groups import group_table
from bayesineq.report.tables.measured import estimate_headers
from bayesineq.report.tables.numbers import PLAIN, Unit, decimals, estimate, percent, with_unit, write
from bayesineq.report.words.contrasts import ends_compared
from bayesineq.report.words.labels import dimension_label, ends_in_words
from bayesineq.report.words.sentences import Statement, association, groups, sentence


def deprivation_section(frame: Frame, like: Alike, dim: str, measured: pd.DataFrame | None) -> Section:
    """
    Groups in order of deprivation: words, table and gradient.

    Parameters
    ----------
    frame : Frame
        The posterior and how it is shown.
    like : Alike
        Outcome of each group, as it is compared and as it is.
    dim : str
        The dimension.
    measured : DataFrame or None
        As `inequality_of` gives it of these values; None where fewer than two groups may be shown.

    Returns
    -------
    Section
        With the difference and the ratio of the two ends.
    """
    outcome = frame.card.outcome
    ordered = like.crude.map(lambda draws: in_rank_order(draws, dim))
    table = group_table(ordered, dim, labels=frame.labels, prob=frame.prob)
    if not ordered.shown.sizes[dim]:
        return _nothing(dim)
    named = f"{outcome.name}{like.given}"
    said: tuple[Statement, ...] = (Statement("There is one group only, so nothing can be compared.", False, 0.5),)
    shown = ~table["hidden"].to_numpy()
    if len(table) > 1 and not (shown[0] and shown[-1]):
        said = (Statement("The groups at the ends are too small to be compared.", False, 0.5),)
    elif measured is not None:
        first, last = ends_in_words(dim, list(table["label"]))
        said = ends_compared(
            measured,
            first=first,
            last=last,
            outcome=named,
            unit=frame.unit,
            more_is=outcome.more_is,
            level=frame.level,
            n_draw=like.draws,
        )
        said = said if frame.counts else said[:1]
    shown_as: dict[str, Any] = {"labels": frame.labels, "prob": frame.prob, "outcome": named, "unit": frame.unit}
    shown_as["more_is"] = outcome.more_is
    # Through fewer than three groups no line is drawn that says more than they do.
    chart = (
        plot_gradient(like.values, dim, **shown_as)
        if like.values.shown.sizes[dim] > 2
        else plot_forest(like.values, dim, order="given", **shown_as)
    )
    return Section(f"By {dimension_label(dim)}", said, (_printed(frame, like, dim, table),), (chart,))


def group_section(frame: Frame, like: Alike, dim: str) -> Section:
    """
    Groups of people, ordered or not: words, table and forest plot.

    Parameters
    ----------
    frame : Frame
        The posterior and how it is shown.
    like : Alike
        Outcome of each group, as it is compared and as it is.
    dim : str
        The dimension.

    Returns
    -------
    Section
        A level that says "unknown" is shown and never compared.
    """
    outcome, crude = frame.card.outcome, like.crude.shown
    table = group_table(like.crude, dim, labels=frame.labels, prob=frame.prob)
    if not crude.sizes[dim]:
        return _nothing(dim)
    place = like.position(dim, table["level"].tolist())
    # Unknown is no group of people: it is shown, and never compared with one.
    comparable = (~(table["unknown"] | table["hidden"])).to_numpy() & (place >= 0)
    named = f"{outcome.name}{like.given}"
    said: tuple[Statement, ...] = ()
    if comparable.any():
        labels = table.loc[comparable, "label"].tolist()
        compared = like.values.shown.isel({dim: place[comparable]})
        shown_as: dict[str, Any] = {"outcome": named, "unit": frame.unit, "more_is": outcome.more_is}
        shown_as["prob"] = frame.prob
        if is_time(dim, crude[dim].to_numpy()):
            said = (over_time(compared, dim, labels, **shown_as),)
        else:
            said = tuple(groups(compared, dim, labels, size=frame.size_name, **shown_as))
    by_order = crude[dim].attrs.get("ordered") == 1 or is_time(dim, crude[dim].to_numpy())
    chart = plot_forest(
        like.values,
        dim,
        labels=frame.labels,
        prob=frame.prob,
        outcome=named,
        unit=frame.unit,
        more_is=outcome.more_is,
        order="given" if dim == AGE or by_order else "value",
    )
    return Section(f"By {dimension_label(dim)}", said, (_printed(frame, like, dim, table),), (chart,))


def _nothing(dim: str) -> Section:
    said = Statement("Every group is too small to be shown.", False, 0.5)
    return Section(f"By {dimension_label(dim)}", (said,), (), ())


def _printed(frame: Frame, like: Alike, dim: str, table: pd.DataFrame) -> Table:
    """A row a group: size, adjusted and crude estimate, difference and ratio to the average of known groups."""
    place = like.position(dim, table["level"].tolist())
    flat_draws = pooled(like.values.shown, dim)
    known = ~table["unknown"].to_numpy() & (place >= 0)
    weight = table[POPULATION].to_numpy(dtype=float)[known]
    average = flat_draws[:, place[known]] @ (weight / weight.sum()) if weight.sum() > 0 else flat_draws.mean(axis=1)
    shown = table.loc[~table["hidden"], ["mean", "upper"]]
    unit = frame.unit
    places = decimals([float(v) * unit.factor for v in shown.to_numpy().ravel()])
    gaps = Unit(unit.factor, "", "", "")
    rows = []
    for k, (label, size, share, mean, lower, upper, hidden) in enumerate(
        zip(*(table[c] for c in ("label", POPULATION, "share", "mean", "lower", "upper", "hidden")), strict=True)
    ):
        width = 7 if like.is_adjusted else 6
        if hidden:
            rows.append((label, *[SUPPRESSED] * width))
            continue
        cells = [label, frame.size(size), f"{100 * share:.1f}%"]
        crude_cell = estimate(mean, lower, upper, unit, places=places)
        if place[k] < 0:
            rows.append((*cells, *["not defined"] * (width - 2)))
            continue
        draws = flat_draws[:, place[k]]
        if like.is_adjusted:
            cells.append(estimate(*mean_interval(draws, frame.prob), unit, places=places))
        cells.append(crude_cell)
        if not known[k]:
            rows.append((*cells, *["not compared"] * 3))
            continue
        gap = draws - average
        cells.append(estimate(*mean_interval(gap, frame.prob), gaps, is_difference=True, places=places))
        odds = draws / average if frame.counts else None
        cells.append("not defined" if odds is None else estimate(*mean_interval(odds, frame.prob), PLAIN, places=2))
        rows.append((*cells, percent(float((gap > 0).mean()), len(gap))))
    words = unit.difference.strip()
    header: Row = (
        sentence(dimension_label(dim)),
        sentence(frame.size_name),
        "Share",
        *estimate_headers(frame, like),
        f"Difference from the groups' average, {with_unit(float(average.mean()), unit, places=places)}"
        f"{f', in {words}' if words else ''}",
        "Ratio to average",
        "Probability of being above average",
    )
    return Table(sentence(f"{frame.card.outcome.name} by {dimension_label(dim)}"), header, tuple(rows))


def crossed_section(frame: Frame, like: Alike, rows: str, columns: str) -> Section:
    """
    Two dimensions together: a heat table and its numbers.

    Parameters
    ----------
    frame : Frame
        The posterior and how it is shown.
    like : Alike
        Outcome of each cell, as it is compared and as it is.
    rows, columns : str
        The two dimensions.

    Returns
    -------
    Section
        Without statements: so many cells would make a claim by chance.
    """
    outcome, prob, unit = frame.card.outcome, frame.prob, frame.unit
    named = f"{outcome.name}{like.given}"
    chart = plot_heat(
        like.values,
        rows,
        columns,
        labels=frame.labels,
        prob=prob,
        outcome=named,
        unit=unit,
        more_is=outcome.more_is,
    )
    cells = [chart.table[name].tolist() for name in ("row", "column", "mean", "lower", "upper")]
    places = decimals([v * unit.factor for v in cells[2]])
    crude: list[Row] = [()] * len(cells[0])
    if like.is_adjusted:
        own = by_level(like.crude.shown, prob).set_index([rows, columns])
        own = own.loc[list(zip(chart.table[rows], chart.table[columns], strict=True))]
        numbers = (own[name].tolist() for name in ("mean", "lower", "upper"))
        crude = [(estimate(m, low, high, unit, places=places),) for m, low, high in zip(*numbers, strict=True)]
    printed = tuple(
        (row, column, estimate(mean, lower, upper, unit, places=places), *beside)
        for row, column, mean, lower, upper, beside in zip(*cells, crude, strict=True)
    )
    title = f"{dimension_label(rows)} and {dimension_label(columns)}"
    header = (sentence(dimension_label(rows)), sentence(dimension_label(columns)), *estimate_headers(frame, like))
    return Section(f"By {title} together", (), (Table(sentence(f"{named} by {title}"), header, printed),), (chart,))


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
        name = covariate_label(card, term)
        rise = f"a rise of {write(step, 2)} in the {name}"
        shown = np.exp(draws) if frame.counts else draws
        said.append(association(shown, rise=rise, outcome=card.outcome.name, scale=scale, prob=frame.prob))
        value = estimate(mean, lower, upper, PLAIN, places=2)
        rows.append((sentence(name), write(step, 2), value, percent(above, len(draws))))
    header = (
        "Characteristic",
        "Rise",
        f"{sentence(scale)} ({frame.level} interval)",
        "Probability of a rising outcome",
    )
    caption = f"Associations with {card.outcome.name}, all else in the model equal"
    chart = plot_associations(frame.post, prob=frame.prob)
    return Section("Other characteristics", tuple(said), (Table(caption, header, tuple(rows)),), (chart,))
