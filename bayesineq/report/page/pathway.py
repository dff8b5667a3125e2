"""Sections of a pathway and of a trend: at which step an inequality arises, who is missed, whether it narrows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import xarray as xr

from bayesineq.dims import AREA, DEPRIVATION, POPULATION
from bayesineq.disclosure.cover import Cover, cover
from bayesineq.disclosure.covered import Covered, Draws
from bayesineq.disclosure.rule import shown_count
from bayesineq.errors import DisclosureError, PosteriorError
from bayesineq.pathway.need import unmet_need
from bayesineq.pathway.over_time import YEAR, gap_over_time
from bayesineq.pathway.places import correlation_of_places
from bayesineq.pathway.steps import Step, gap_along_steps
from bayesineq.posterior.expected import expected
from bayesineq.posterior.groups import summarise
from bayesineq.posterior.outcomes import one_outcome
from bayesineq.posterior.population import card_of
from bayesineq.report.figures.curves import plot_trend
from bayesineq.report.figures.steps import plot_gap_over_time, plot_steps
from bayesineq.report.page.alike import Alike, alike
from bayesineq.report.page.heading import STANDARD, ReportOptions
from bayesineq.report.page.parts import Row, Section, Table
from bayesineq.report.tables.numbers import PERCENT, PLAIN, Unit, decimals, estimate, rate_unit, unit_of
from bayesineq.report.words.labels import dimension_label, ends_in_words, level_labels
from bayesineq.report.words.pathway import gap_in_time, places_together, where_it_arises, who_is_missed
from bayesineq.report.words.sentences import sentence

_FEWEST_AREAS: Final = 20
"""Areas from which a correlation over them is told."""


@dataclass(frozen=True, slots=True)
class _Outcome:
    """
    One outcome of a joint posterior, of groups that may be shown.

    Parameters
    ----------
    name : str
        As the card names it.
    cover : Cover
        What of it may be shown.
    like : Alike
        Its values by deprivation, at the same age or whatever the card adjusts for.
    unit : Unit
        How it is written.
    better : bool
        Whether more of it is better.
    proportion : bool
        Whether it is a share of those of the step before.
    """

    name: str
    cover: Cover
    like: Alike
    unit: Unit
    better: bool
    proportion: bool


def same_cover[T](value: T, of: Sequence[Draws]) -> Covered[T]:
    """What was made of covered draws and of nothing else: covered as they are, withheld where one of them is."""
    first = next((draws for draws in of if draws.withheld), of[0])
    return Covered(value, first.withheld, first.of, first.rule, first.why)


def pathway_sections(post: xr.DataTree, options: ReportOptions = STANDARD) -> tuple[Section, ...]:
    """
    Sections on a pathway: where its gap arises along the steps, who is missed, and which places are missed most.

    Parameters
    ----------
    post : DataTree
        A posterior of several outcomes. The first is who has the condition, a share of people; the others are counted
        among those who have it: a share that is reached, or a rate of what becomes of them.
    options : ReportOptions
        Intervals, labels and the rule for small counts.

    Returns
    -------
    tuple of Section
        To be given to `write_report` as `further`; none where the card has no deprivation, or its ends are withheld.

    Raises
    ------
    PosteriorError
        There is one outcome only, or the first is no share of people.

    Examples
    --------
    >>> from bayesineq import example
    >>> from bayesineq.errors import PosteriorError
    >>> try:
    ...     pathway_sections(example().post)
    ... except PosteriorError as error:
    ...     print(error)
    the posterior has one outcome, 'prevalence'; a pathway has several, under [outcomes.NAME] of its card
    """
    card = card_of(post)
    if len(card.outcomes) < 2:
        raise PosteriorError(
            f"the posterior has one outcome, {card.outcomes[0].name!r}; a pathway has several, under [outcomes.NAME] "
            "of its card"
        )
    if card.outcomes[0].link != "logit":
        raise PosteriorError(
            f"the first outcome of a pathway is who has the condition, a share of people; {card.outcomes[0].name!r} is "
            "none: put it first in the card"
        )
    dim = next((name for name in DEPRIVATION if name in card.dims), None)
    if dim is None:
        return ()
    outcomes = [_outcome(post, of.name, dim, options) for of in card.outcomes]
    first, *after = outcomes
    return tuple(
        section for step in after for section in [_step_section(first, step, dim, options)] if section is not None
    ) + _missed_sections(post, outcomes, dim, options)


def _outcome(post: xr.DataTree, name: str, dim: str, options: ReportOptions) -> _Outcome:
    own = one_outcome(post, name)
    outcome = card_of(own).outcome
    found = cover(own, options.rule)
    unit = unit_of(outcome, float(found.values().shown.mean()))
    like = alike(own, found, dim)
    return _Outcome(name, found, like, unit, outcome.more_is == "better", outcome.link == "logit")


def _step_section(first: _Outcome, step: _Outcome, dim: str, options: ReportOptions) -> Section | None:
    """The gap in an outcome per head, divided between who has the condition and what becomes of them."""
    both = [first.like.values, step.like.values]
    if any(draws.withheld for draws in both):
        return None
    turned = step.better and step.proportion
    missed = f"not {step.name}" if turned else step.name
    steps = {
        first.name: Step(both[0].shown, "people"),
        missed: Step(both[1].shown, "people with the condition", turned),
    }
    gap = gap_along_steps(steps, dim, prob=options.prob)
    typical = abs(float(gap.gap.mean()))
    unit = rate_unit("people", typical)
    outcome = (f"people {missed}" if step.proportion else step.name) + first.like.given
    levels = list(both[0].shown[dim].to_numpy())
    between = ends_in_words(dim, level_labels(dim, levels, options.labels))
    said = where_it_arises(gap, outcome=outcome, between=between, unit=unit, prob=options.prob)
    chart = plot_steps(same_cover(gap, both), outcome=outcome, between=between, unit=unit, prob=options.prob)
    table = _steps_table(first, step, both, dim, options)
    title = f"Where along the way: {outcome.removesuffix(first.like.given)}"
    return Section(title, tuple(said), (table,), (chart,))


def _steps_table(first: _Outcome, step: _Outcome, both: Sequence[Draws], dim: str, options: ReportOptions) -> Table:
    """Each step by group."""
    level = f"{100 * options.prob:.0f}%"
    columns = []
    for own, draws in zip((first, step), both, strict=True):
        rows = summarise(draws.shown, options.prob)
        places = decimals([float(v) * own.unit.factor for v in rows["mean"]])
        columns.append(
            [estimate(r["mean"], r["lower"], r["upper"], own.unit, places=places) for r in rows.to_dict("records")]
        )
    names = level_labels(dim, list(both[0].shown[dim].to_numpy()), options.labels)
    header: Row = (
        sentence(dimension_label(dim)),
        f"{sentence(first.name)} ({level} interval)",
        f"{sentence(step.name)}, of those with the condition ({level} interval)",
    )
    rows_said = tuple((name, *cells) for name, *cells in zip(names, *columns, strict=True))
    title = f"{sentence(first.name)} and {step.name} by {dimension_label(dim)}{first.like.given}"
    return Table(title, header, rows_said)


def _missed_sections(
    post: xr.DataTree, outcomes: Sequence[_Outcome], dim: str, options: ReportOptions
) -> tuple[Section, ...]:
    """Who has the condition and was not reached, by group, and whether places with more illness are reached less."""
    first, *after = outcomes
    reached = next((step for step in after if step.better and step.proportion), None)
    if reached is None:
        return ()
    ill, care = first.cover.values(dim), reached.cover.values(dim)
    if ill.withheld or care.withheld:
        return ()
    need = unmet_need(ill.shown, care.shown.drop_vars(POPULATION), prob=options.prob)
    total = need.people.sum(dim)
    whole = shown_count(float(total.mean()), options.rule)
    said = [who_is_missed(need, reached=reached.name, people=whole, prob=options.prob)]
    place = _places(post, first, reached)
    if place is not None:
        together = correlation_of_places(*place, dim=AREA, prob=options.prob)
        said.append(places_together(together, first=first.name, second=reached.name, prob=options.prob))
    names = level_labels(dim, list(ill.shown[dim].to_numpy()), options.labels)
    rows = tuple(
        (
            name,
            shown_count(row["population"], options.rule),
            shown_count(row["mean"], options.rule),
            estimate(row["share_mean"], row["share_lower"], row["share_upper"], PERCENT, places=1),
        )
        for name, row in zip(names, need.table.to_dict("records"), strict=True)
    )
    level = f"{100 * options.prob:.0f}%"
    header: Row = (
        sentence(dimension_label(dim)),
        "People",
        f"People with the condition, not {reached.name}",
        f"As a share of those with the condition ({level} interval)",
    )
    table = Table(f"Unmet need by {dimension_label(dim)}", header, rows)
    return (Section(f"Who is missed: not {reached.name}", tuple(said), (table,), ()),)


def _places(post: xr.DataTree, first: _Outcome, second: _Outcome) -> tuple[xr.DataArray, xr.DataArray] | None:
    """
    Draws of both outcomes by area, from which one number is made; None where there are few areas.

    Every area goes in, those that are withheld too: no area can be told from a correlation over many.
    """
    if AREA not in card_of(post).dims:
        return None
    one, two = (expected(one_outcome(post, own.name), by=AREA) for own in (first, second))
    held = [code for code in one[AREA].to_numpy().tolist() if code in set(two[AREA].to_numpy().tolist())]
    if len(held) < _FEWEST_AREAS:
        return None
    return one.sel({AREA: held}), two.sel({AREA: held})


def trend_section(post: xr.DataTree, options: ReportOptions = STANDARD, *, time: str = YEAR) -> Section:
    """
    Section on a trend: the outcome by deprivation and year, and whether the gap narrowed.

    Parameters
    ----------
    post : DataTree
        A posterior of one outcome whose card has deprivation and years among its dimensions.
    options : ReportOptions
        Intervals, labels and the rule for small counts.
    time : str
        Dimension of the years.

    Returns
    -------
    Section
        To be given to `write_report` among `further`.

    Raises
    ------
    PosteriorError
        The card has no such dimension of years, or no deprivation.
    DisclosureError
        Groups of some year are withheld, so that nothing can be said of the gap.

    Examples
    --------
    >>> from bayesineq import example
    >>> from bayesineq.errors import PosteriorError
    >>> try:
    ...     trend_section(example().post)
    ... except PosteriorError as error:
    ...     print(str(error).partition(";")[0])
    a trend needs deprivation and 'year' among the dimensions of the card
    """
    card = card_of(post)
    dim = next((name for name in DEPRIVATION if name in card.dims), None)
    if dim is None or time not in card.dims:
        raise PosteriorError(
            f"a trend needs deprivation and {time!r} among the dimensions of the card; it has "
            f"{', '.join(sorted(card.dims)[:-1])} and {sorted(card.dims)[-1]}"
        )
    found = cover(post, options.rule, also=[(dim, time)])
    values = found.values((dim, time))
    if values.withheld:
        raise DisclosureError(
            f"{len(values.withheld)} of {values.of} groups by deprivation and year are withheld, because {values.why}; "
            "use quintiles, or fewer years"
        )
    outcome = card.outcome
    unit = unit_of(outcome, float(values.shown.mean()))
    gap = gap_over_time(values.shown, dim, time=time, prob=options.prob)
    years = values.shown[time].to_numpy()
    said = gap_in_time(gap, outcome=outcome.name, years=(years[0], years[-1]), unit=unit, prob=options.prob)
    charts = (
        plot_gap_over_time(same_cover(gap, [values]), outcome=outcome.name, unit=unit, prob=options.prob),
        plot_trend(
            values,
            dim,
            time=time,
            labels=options.labels,
            prob=options.prob,
            outcome=outcome.name,
            unit=unit,
            more_is=outcome.more_is,
        ),
    )
    rows = []
    for name, kind in (("sii", True), ("rii", False)):
        own = gap.by_year[gap.by_year["measure"] == name]
        for row in own.to_dict("records"):
            shown = estimate(row["mean"], row["lower"], row["upper"], unit if kind else PLAIN, is_difference=kind)
            rows.append((name.upper(), str(row[time]), shown, "forecast" if row["forecast"] else "known"))
    header: Row = ("Measure", sentence(time), f"Estimate ({100 * options.prob:.0f}% interval)", "Known or forecast")
    table = Table(f"Inequality in {outcome.name} by {time}", header, tuple(rows))
    return Section("Over the years", tuple(said), (table,), charts)
