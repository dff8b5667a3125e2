"""Sections of a report: one a dimension, and the maps."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayesineq.dims import AGE, POPULATION
from bayesineq.disclosure.rule import SUPPRESSED
from bayesineq.posterior.expected import contribution
from bayesineq.posterior.groups import by_level, mean_interval, pooled
from bayesineq.posterior.lift import in_rank_order
from bayesineq.report.figures.draws import flat
from bayesineq.report.figures.forest import (
    RATIO_NAMES,
    Order,
    association_table,
    covariate_label,
    plot_associations,
    plot_forest,
)
from bayesineq.report.figures.gradient import plot_gradient
from bayesineq.report.figures.heat import plot_heat
from bayesineq.report.page.alike import Alike
from bayesineq.report.page.parts import Columns, Frame, Row, Section, Table, table_of
from bayesineq.report.tables.groups import group_table
from bayesineq.report.tables.measured import estimate_columns, estimate_headers
from bayesineq.report.tables.numbers import PLAIN, Unit, decimals, estimate, percent, with_unit, write
from bayesineq.report.words.contrasts import ends_compared
from bayesineq.report.words.labels import dimension_label, ends_in_words
from bayesineq.report.words.over_time import is_time, over_time
from bayesineq.report.words.sentences import Statement, association, groups, sentence

type Draws = NDArray[np.floating]


def deprivation_section(frame: Frame, like: Alike, dim: str, measured: pd.DataFrame | None) -> Section:
    """Groups in order of deprivation: words, table and gradient; `measured` as `inequality_of` gives it."""
    ordered = like.crude.map(lambda draws: in_rank_order(draws, dim))
    if not ordered.shown.sizes[dim]:
        return _nothing(dim)
    table = group_table(ordered, dim, labels=frame.labels, prob=frame.prob)
    shown_as, shown = frame.shown_as(like), ~table["hidden"].to_numpy()
    said: tuple[Statement, ...] = (Statement("There is one group only, so nothing can be compared."),)
    if len(table) > 1 and not (shown[0] and shown[-1]):
        said = (Statement("The groups at the ends are too small to be compared."),)
    elif measured is not None:
        first, last = ends_in_words(dim, list(table["label"]))
        said = ends_compared(
            measured,
            first=first,
            last=last,
            outcome=shown_as["outcome"],
            unit=frame.unit,
            more_is=shown_as["more_is"],
            level=frame.level,
            n_draw=like.draws,
        )
        said = said if frame.counts else said[:1]
    # Through fewer than three groups no line is drawn that says more than they do.
    chart = (
        plot_gradient(like.values, dim, labels=frame.labels, **shown_as)
        if like.values.shown.sizes[dim] > 2
        else plot_forest(like.values, dim, order="given", labels=frame.labels, **shown_as)
    )
    return Section(f"By {dimension_label(dim)}", said, (_printed(frame, like, dim, table),), (chart,))


def group_section(frame: Frame, like: Alike, dim: str) -> Section:
    """Groups of people, ordered or not: words, table and forest plot."""
    crude = like.crude.shown
    if not crude.sizes[dim]:
        return _nothing(dim)
    table = group_table(like.crude, dim, labels=frame.labels, prob=frame.prob)
    place = like.position(dim, table["level"].tolist())
    # Unknown is no group of people: it is shown, and never compared with one.
    comparable = (~(table["unknown"] | table["hidden"])).to_numpy() & (place >= 0)
    shown_as, in_time = frame.shown_as(like), is_time(dim, crude[dim].to_numpy())
    said: tuple[Statement, ...] = ()
    if comparable.any():
        labels = table.loc[comparable, "label"].tolist()
        compared = like.values.map(lambda draws: draws.isel({dim: place[comparable]}))
        if in_time:
            said = (over_time(compared, dim, labels, **shown_as),)
        else:
            said = tuple(groups(compared, dim, labels, size=frame.size_name, **shown_as))
    by_order = dim == AGE or in_time or crude[dim].attrs.get("ordered") == 1
    order: Order = "given" if by_order else "value"
    chart = plot_forest(like.values, dim, labels=frame.labels, order=order, **shown_as)
    return Section(f"By {dimension_label(dim)}", said, (_printed(frame, like, dim, table),), (chart,))


def _nothing(dim: str) -> Section:
    return Section(f"By {dimension_label(dim)}", (Statement("Every group is too small to be shown."),), (), ())


def _printed(frame: Frame, like: Alike, dim: str, table: pd.DataFrame) -> Table:
    """A row a group: size, adjusted and crude estimate, difference and ratio to the average of known groups."""
    place, unit = like.position(dim, table["level"].tolist()), frame.unit
    draws = pooled(like.values.shown, dim)
    known = ~table["unknown"].to_numpy() & (place >= 0)
    weight = table[POPULATION].to_numpy(dtype=float)[known]
    average = draws[:, place[known]] @ (weight / weight.sum()) if weight.sum() > 0 else draws.mean(axis=1)
    numbers = table.loc[~table["hidden"], ["mean", "upper"]].to_numpy().ravel()
    places = decimals([float(v) * unit.factor for v in numbers])
    rows = tuple(
        _row(frame, like, row, (draws[:, k] if k >= 0 else None, average), places)
        for k, row in zip(place.tolist(), table.to_dict("records"), strict=True)
    )
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
    return Table(sentence(f"{frame.card.outcome.name} by {dimension_label(dim)}"), header, rows)


def _row(frame: Frame, like: Alike, row: Mapping[Hashable, Any], both: tuple[Draws | None, Draws], places: int) -> Row:
    """One group as it is printed: of its draws, None where it was left out of the comparison, and of the average's."""
    (draws, average), width = both, 7 if like.is_adjusted else 6
    if row["hidden"]:
        return (row["label"], *[SUPPRESSED] * width)
    cells: Row = (row["label"], frame.size(row[POPULATION]), f"{100 * row['share']:.1f}%")
    if draws is None:
        return (*cells, *["not defined"] * (width - 2))

    def said(of: Draws, unit: Unit, places: int) -> str:
        return estimate(*mean_interval(of, frame.prob), unit, places=places)

    if like.is_adjusted:
        cells = (*cells, said(draws, frame.unit, places))
    cells = (*cells, estimate(row["mean"], row["lower"], row["upper"], frame.unit, places=places))
    if row["unknown"]:
        return (*cells, *["not compared"] * 3)
    gap = draws - average
    return (
        *cells,
        said(gap, Unit(frame.unit.factor, "", "", ""), places),
        said(draws / average, PLAIN, 2) if frame.counts else "not defined",
        percent(float((gap > 0).mean()), len(gap)),
    )


def crossed_section(frame: Frame, like: Alike, rows: str, columns: str) -> Section:
    """Two dimensions together: a heat table and its numbers; so many cells would make a claim by chance."""
    shown_as = frame.shown_as(like)
    chart = plot_heat(like.values, rows, columns, labels=frame.labels, **shown_as)
    places = decimals([v * frame.unit.factor for v in chart.table["mean"].tolist()])
    own = by_level(like.crude.shown, frame.prob).set_index([rows, columns])[["mean", "lower", "upper"]]
    title = f"{dimension_label(rows)} and {dimension_label(columns)}"
    heads: Columns = {
        sentence(dimension_label(rows)): lambda row: str(row["row"]),
        sentence(dimension_label(columns)): lambda row: str(row["column"]),
        **estimate_columns(frame, like, places),
    }
    printed = chart.table.join(own.add_prefix("crude_"), on=[rows, columns])
    table = table_of(sentence(f"{shown_as['outcome']} by {title}"), printed, heads)
    return Section(f"By {title} together", (), (table,), (chart,))


def association_section(frame: Frame) -> Section:
    """Covariates of the card: a statement, a row and a dot each."""
    card, scale = frame.card, RATIO_NAMES[frame.card.outcome.link]
    said, rows = [], []
    for row in association_table(frame.post, prob=frame.prob).to_dict("records"):
        draws = flat(contribution(frame.post, row["term"]))
        name, rise = covariate_label(card, row["term"]), write(row["step"], 2)
        shown = np.exp(draws) if frame.counts else draws
        words = f"a rise of {rise} in the {name}"
        said.append(association(shown, rise=words, outcome=card.outcome.name, scale=scale, prob=frame.prob))
        value = estimate(row["mean"], row["lower"], row["upper"], PLAIN, places=2)
        rows.append((sentence(name), rise, value, percent(row["p_above"], len(draws))))
    header = (
        "Characteristic",
        "Rise",
        f"{sentence(scale)} ({frame.level} interval)",
        "Probability of a rising outcome",
    )
    table = Table(f"Associations with {card.outcome.name}, all else in the model equal", header, tuple(rows))
    return Section("Other characteristics", tuple(said), (table,), (plot_associations(frame.post, prob=frame.prob),))
