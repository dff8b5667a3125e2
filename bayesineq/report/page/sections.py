"""Sections of a report: one a dimension, and the maps."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any, Final

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
from bayesineq.report.tables.numbers import PLAIN, Unit, decimals, estimate, percent, with_unit
from bayesineq.report.words.contrasts import at_a_glance, ends_compared, if_all_had_it
from bayesineq.report.words.labels import dimension_label, ends_in_words
from bayesineq.report.words.over_time import is_time, over_time
from bayesineq.report.words.sentences import Statement, association, groups, rise_in_words, sentence

type Draws = NDArray[np.floating]

_ECOLOGICAL: Final = (
    "These compare areas, not people: who in an area has the outcome, no number here can say (ecological bias), nor "
    "what would change if an area became another. They adjust the model; they are no finding about a group of people."
)


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
        said = _ends(frame, like, dim, measured, table)
    # Through fewer than three groups no line is drawn that says more than they do.
    chart = (
        plot_gradient(like.values, dim, labels=frame.labels, **shown_as)
        if like.values.shown.sizes[dim] > 2
        else plot_forest(like.values, dim, order="given", labels=frame.labels, **shown_as)
    )
    note = f"Dots: groups of areas{like.given}, each with its {frame.level} interval."
    note += " Line: the straight line through them all." if like.values.shown.sizes[dim] > 2 else ""
    printed = (_printed(frame, like, dim, table),)
    return Section(f"By {dimension_label(dim)}", said, printed, (chart,), ((chart, note),))


def _ends(frame: Frame, like: Alike, dim: str, measured: pd.DataFrame, table: pd.DataFrame) -> tuple[Statement, ...]:
    """Both ends at a glance, how many people lie between them, and the difference and the ratio beside the crude."""
    first, last = ends_in_words(dim, list(table["label"]))
    shown_as = frame.shown_as(like) | {"first": first, "last": last, "level": frame.level, "n_draw": like.draws}
    del shown_as["prob"]
    levels = table["level"].tolist()
    glance = at_a_glance(measured, (f"{dim}[{levels[0]}]", f"{dim}[{levels[-1]}]"), **shown_as)
    said = ends_compared(measured, **shown_as)
    best = pooled(like.values.shown.sel({dim: [levels[-1]]}), dim)[:, 0]
    return (glance, *_people_between(frame, like, best, last), *(said if frame.counts else said[:1]))


def _people_between(frame: Frame, like: Alike, best: Draws, last: str) -> tuple[Statement, ...]:
    """
    How many more there are than at the level of the best group; none where a mean times its weight is no number.

    Of everybody, by age, sex or whatever adjusts: sum_s n_s (r_s - b_s) = N (r - b), with r everybody's crude rate and
    b the best group's at everybody's ages. Both are taken as they are shown.
    """
    if not frame.counts or frame.card.outcome.weight_role not in {"at_risk", "exposure", "expected"}:
        return ()
    whole = frame.cover.values().shown
    people, rate = float(whole[POPULATION]), flat(whole)
    moved, total = people * (rate - best.astype(np.float64)), people * float(rate.mean())
    named = {"best": last, "given": like.given, "noun": frame.counted}
    return (if_all_had_it(moved, total, prob=frame.prob, rule=frame.rule, **named),)


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
    """Covariates of the card: a statement, a row and a dot each, in the unit of the outcome at everybody's average."""
    card, scale = frame.card, RATIO_NAMES[frame.card.outcome.link]
    average = flat(frame.cover.values().shown)
    said, rows = [Statement(_ECOLOGICAL)], []
    for row in association_table(frame.post, prob=frame.prob).to_dict("records"):
        draws = flat(contribution(frame.post, row["term"]))
        name = covariate_label(card, row["term"])
        rise = rise_in_words(name, row["step"])
        gap = moved_by(average, draws, card.outcome.link)
        said.append(association(gap, name=name, rise=rise, outcome=card.outcome.name, unit=frame.unit, prob=frame.prob))
        size = estimate(*mean_interval(gap, frame.prob), frame.unit, is_difference=True)
        ratio = (estimate(row["mean"], row["lower"], row["upper"], PLAIN, places=2),) if frame.counts else ()
        rows.append((sentence(name), rise, size, *ratio, percent(row["p_above"], len(draws))))
    header = (
        "Where this is higher",
        "by",
        f"{sentence(card.outcome.name)} is higher by ({frame.level} interval)",
        *((sentence(scale),) if frame.counts else ()),
        "Probability of being higher",
    )
    at = f", at the average of everyone ({with_unit(float(average.mean()), frame.unit)})" if frame.counts else ""
    table = Table(f"What goes along with {card.outcome.name}, all else in the model equal{at}", header, tuple(rows))
    title = "What goes along with it between areas"
    return Section(title, tuple(said), (table,), (plot_associations(frame.post, prob=frame.prob),))


def moved_by(average: Draws, effect: Draws, link: str) -> Draws:
    """
    What an effect on the linear predictor changes of a mean outcome that stands at an average. Shapes: (n_draw,).

    With a logit link h(logit a + b) - a = a (1 - a) (e^b - 1) / (1 - a + a e^b); with a log link a (e^b - 1); else b.

    Examples
    --------
    >>> moved_by(np.array([0.5]), np.array([np.log(3.0)]), "logit").round(3).tolist()
    [0.25]
    """
    if link == "identity":
        return effect
    odds = np.expm1(effect)
    return average * odds if link == "log" else average * (1.0 - average) * odds / (1.0 + average * odds)
