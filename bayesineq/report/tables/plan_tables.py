"""Tables of a comparison of plans as they are printed, each cell within the rule for small counts."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from bayesineq.decisions.distributional import UNCHANGED, ImpactPlane
from bayesineq.decisions.interventions import event_of
from bayesineq.decisions.plans import PlanComparison
from bayesineq.decisions.polarity import EVENTS
from bayesineq.decisions.published import Quantity, Share
from bayesineq.dims import AREA, INTERVENTION, QUINTILE
from bayesineq.disclosure.rule import SUPPRESSED, Rule, is_small, shown_count
from bayesineq.report.figures.style import direction
from bayesineq.report.page.parts import Row, Table
from bayesineq.report.page.plan_consequences import need_in_words
from bayesineq.report.tables.numbers import PLAIN, estimate, percent, write
from bayesineq.report.words.labels import Labels, dimension_label, level_labels
from bayesineq.report.words.sentences import sentence

NONE: Final = "\N{EN DASH}"
"""Printed where there is nothing to share."""


def sources_table(compared: PlanComparison) -> Table:
    """
    Plans as they were stated: effects, costs, reach, worth and sources.

    Parameters
    ----------
    compared : PlanComparison
        Plans compared.

    Returns
    -------
    Table
        A row a plan.
    """
    rows = []
    for plan in compared.plans:
        good = compared.benefit.more_is[plan.name]
        acts = f"on {event_of(compared.benefit.baseline)}, as modelled; {direction(good)}"
        if plan.event_ratio is not None:
            acts = f"on {plan.event} ({_number(plan.event_ratio)} for one event modelled); {direction(good)}"
        event = EVENTS[good].replace("events", "event")
        worth = [f"{_number(plan.qaly_per_event)} QALY per {event}"] if plan.qaly_per_event else []
        worth += [f"{_number(plan.qaly_per_treated)} QALY per person treated"] if plan.qaly_per_treated else []
        worth += [f"saves £{_number(plan.saving_per_event)} per {event}"] if plan.saving_per_event else []
        rows.append(
            (
                plan.name,
                f"{plan.effect.measure} {_number(plan.effect.size)}, {acts}",
                f"£{_number(plan.cost)}",
                f"{_share(plan.reach)}; {_share(plan.uptake)}",
                "; ".join(worth),
                plan.source,
            )
        )
    header = (
        "Plan",
        "Effect (95% interval)",
        "Cost per person treated",
        "Reach; uptake",
        "Worth",
        "Source and assumptions",
    )
    return Table("The plans, and where their numbers come from", header, tuple(rows))


def alone(hidden: NDArray[np.bool_], values: ArrayLike) -> NDArray[np.bool_]:
    """
    Withhold a second row where only one is withheld, which the total would give back.

    Parameters
    ----------
    hidden : ndarray of bool, shape (row,)
        What is withheld.
    values : array_like, shape (row,)
        Counts.

    Returns
    -------
    ndarray of bool, shape (row,)
        With the smallest of the other counts that are not zero, where there is one row only.
    """
    counts = np.asarray(values, np.float64)
    rest = np.flatnonzero(~hidden & (counts > 0))
    out = hidden.copy()
    if hidden.sum() == 1 and rest.size:
        out[rest[counts[rest].argmin()]] = True
    return out


def rules_table(compared: PlanComparison) -> Table:
    """
    What the same places would gain, given by simpler rules.

    Parameters
    ----------
    compared : PlanComparison
        Plans compared.

    Returns
    -------
    Table
        A row a rule.
    """
    level = f"{100 * compared.comparison.prob:.0f}%"
    rows = tuple(
        (
            str(row["rule"]),
            estimate(row["benefit"], row["lower"], row["upper"], PLAIN, places=1),
            estimate(row["over_evenly"], row["over_lower"], row["over_upper"], PLAIN, places=1),
        )
        for row in compared.tables["rules"].to_dict("records")
    )
    scale = compared.allocation.scale
    header = ("Rule", f"Benefit, {scale} ({level} interval)", f"More than evenly ({level} interval)")
    return Table("The same places given by simpler rules", header, rows)


def ranked_table(ranked: pd.DataFrame) -> Table:
    """
    Areas in order of expected rank, with their tiers.

    Parameters
    ----------
    ranked : DataFrame
        `rank_areas`.

    Returns
    -------
    Table
        A row an area.
    """
    rows = tuple(
        (
            str(row[AREA]),
            estimate(row["mean"], row["lower"], row["upper"], PLAIN, places=1),
            f"{row['expected_rank']:.0f} ({row['rank_lower']} to {row['rank_upper']})",
            f"{100 * row['p_top']:.0f}%",
            str(row["tier"]),
        )
        for row in ranked.to_dict("records")
    )
    header = (
        "Area",
        "Net benefit per eligible person, pounds",
        "Expected rank (interval)",
        "Probability of top",
        "Tier",
    )
    return Table("Areas by expected rank of their best plan's net benefit", header, rows)


def areas_table(compared: PlanComparison, rule: Rule) -> Table:
    """
    The allocation by area; small numbers of people are withheld.

    Parameters
    ----------
    compared : PlanComparison
        Plans compared, by area.
    rule : Rule
        How small counts are treated.

    Returns
    -------
    Table
        A row an area and plan.
    """
    rows = tuple(
        (
            str(row[AREA]),
            str(row[INTERVENTION]),
            f"{100 * row['share']:.0f}%" if row["share"] < 0.995 else "all",
            shown_count(float(row["treated"]), rule),
        )
        for row in compared.allocation.table.sort_values([AREA, INTERVENTION]).to_dict("records")
    )
    header = ("Area", "Plan", "Share of those it could reach", "People treated")
    return Table("The allocation, area by area", header, rows)


def shares_table(compared: PlanComparison, by: str, labels: Labels | None, rule: Rule) -> Table:
    """
    Shares of places, money and benefit by group; groups with small counts are withheld.

    Parameters
    ----------
    compared : PlanComparison
        Plans compared.
    by : str
        Group.
    labels : mapping of str to mapping or None
        By dimension, names of codes.
    rule : Rule
        How small counts are treated.

    Returns
    -------
    Table
        A row a group.
    """
    table, level = compared.tables[f"shares_{by}"], f"{100 * compared.comparison.prob:.0f}%"
    names = level_labels(by, table[by].tolist(), labels)
    rows: list[Row] = []
    small = is_small(table["people"], rule) | is_small(table["treated"], rule)
    withheld = alone(small, table["treated"])
    for name, row, hide in zip(names, table.to_dict("records"), withheld, strict=True):
        cells = (
            _percent(row["people_share"]),
            _percent(row["need_share"]),
            _percent(row["treated_share"]),
            _percent(row["spend_share"]),
            _percent(row["benefit_share"], row["lower"], row["upper"]),
            NONE if pd.isna(row["treated_to_need"]) else write(row["treated_to_need"], 2),
        )
        rows.append((name, shown_count(row["people"], rule), *((SUPPRESSED,) * len(cells) if hide else cells)))
    header = (
        sentence(dimension_label(by)),
        "Eligible people",
        "Share of people",
        f"Share of need ({need_in_words(compared)})",
        "Share of places",
        "Share of spend",
        f"Share of benefit ({level} interval)",
        "Places to need",
    )
    return Table(f"Who gets the places, the money and the benefit, by {dimension_label(by)}", header, tuple(rows))


def slopes_table(table: pd.DataFrame, level: str) -> Table:
    """
    Slope index before and after, of every event that a plan acts on.

    Parameters
    ----------
    table : DataFrame
        Table `slope` of `compare_plans`.
    level : str
        Probability of the intervals, in words.

    Returns
    -------
    Table
        A row an event and moment.
    """
    rows = tuple(
        (
            f"{row['event']} ({direction(row['more_is'])})",
            str(row["when"]),
            estimate(1000 * row["mean"], 1000 * row["lower"], 1000 * row["upper"], PLAIN, places=2),
        )
        for row in table.to_dict("records")
    )
    header = ("Event", "When", f"Slope index, events per 1,000 ({level} interval)")
    caption = "Slope index of inequality in risk (least deprived less most deprived), before and after the allocation"
    return Table(caption, header, rows)


def distribution_table(table: pd.DataFrame, labels: Labels | None, rule: Rule, level: str) -> Table:
    """
    Health gained and forgone by quintile, as NICE lays it out.

    Parameters
    ----------
    table : DataFrame
        `nice_table`.
    labels : mapping of str to mapping or None
        By dimension, names of codes.
    rule : Rule
        How small counts are treated.
    level : str
        Probability of the intervals, in words.

    Returns
    -------
    Table
        A row a plan and quintile.
    """
    levels = [code for code in table[QUINTILE].tolist() if code != "all"]
    names = dict(zip(levels, level_labels(QUINTILE, levels, labels), strict=True)) | {"all": "all"}
    rows = tuple(
        (
            str(row[INTERVENTION]),
            names[row[QUINTILE]],
            shown_count(row["people"], rule),
            write(row["health_benefit"], 1),
            write(row["opportunity_cost"], 1),
            estimate(row["net_health_benefit"], row["lower"], row["upper"], PLAIN, places=1),
        )
        for row in table.to_dict("records")
    )
    header = (
        "Plan",
        "Deprivation quintile",
        "Eligible people",
        "Health benefit, QALY",
        "Health forgone elsewhere, QALY",
        f"Net health benefit, QALY ({level} interval)",
    )
    return Table("Distributional cost-effectiveness, in NICE's layout; no weight for aversion", header, rows)


def quadrants_table(plane: ImpactPlane) -> Table:
    """
    Probability of each part of the equity impact plane.

    Parameters
    ----------
    plane : ImpactPlane
        Draws of net health and equity.

    Returns
    -------
    Table
        A row a plan.
    """
    chances = plane.table.filter(like="P(")
    quadrants = [str(name) for name in chances if name != f"P({UNCHANGED})" or chances[name].any()]
    count = len(plane.points) // max(len(plane.table), 1)
    rows = tuple(
        (str(row[INTERVENTION]), *(percent(float(row[name]), count) for name in quadrants))
        for row in plane.table.to_dict("records")
    )
    caption = f"Probability of each part of the plane, at an aversion of {plane.aversion:g} ({plane.family})"
    return Table(caption, ("Plan", *(sentence(name[2:-1]) for name in quadrants)), rows)


def _percent(share: float, lower: float | None = None, upper: float | None = None) -> str:
    """A share that is there, with its interval; a dash where there is nothing to share."""
    if pd.isna(share):
        return NONE
    shown = f"{100 * share:.0f}%"
    return shown if lower is None or upper is None else f"{shown} ({100 * lower:.0f} to {100 * upper:.0f})"


def _number(quantity: Quantity | None) -> str:
    if quantity is None:
        return ""
    if quantity.lower is None or quantity.upper is None:
        return f"{quantity.value:,g}"
    return f"{quantity.value:,g} ({quantity.lower:,g} to {quantity.upper:,g})"


def _share(share: Share) -> str:
    text = f"{100 * share.overall.value:.0f}%"
    for by, levels in share.by.items():
        ends = list(levels.values())
        text += f" ({100 * ends[0]:.0f}% to {100 * ends[-1]:.0f}% by {dimension_label(by)})"
    return text
