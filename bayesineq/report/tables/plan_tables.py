"""Tables of a comparison of plans as they are printed, each cell within the rule for small counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import pandas as pd

from bayesineq.decisions.distributional import UNCHANGED, ImpactPlane
from bayesineq.decisions.interventions import event_of
from bayesineq.decisions.net_benefit import NOTHING
from bayesineq.decisions.plans import PlanComparison
from bayesineq.decisions.polarity import EVENTS
from bayesineq.decisions.published import Quantity, Share
from bayesineq.decisions.released import withheld_of
from bayesineq.dims import AREA, INTERVENTION, QUINTILE
from bayesineq.disclosure.rule import SUPPRESSED, Rule, is_small, shown_count
from bayesineq.disclosure.suppression import hide_beside
from bayesineq.report.figures.style import direction
from bayesineq.report.page.parts import Columns, Record, Row, Table, table_of
from bayesineq.report.tables.numbers import PLAIN, Unit, estimate, percent, write
from bayesineq.report.words.labels import Labels, dimension_label, level_labels
from bayesineq.report.words.sentences import sentence

NONE: Final = "\N{EN DASH}"
"""Printed where there is nothing to share."""
_THOUSANDS: Final = Unit(1e-3, " thousand pounds", " thousand pounds", "thousand pounds")


def sources_table(compared: PlanComparison) -> Table:
    """Plans as they were stated: effects, costs, reach, worth and sources."""
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
        effect = f"{plan.effect.measure} {_number(plan.effect.size)}, {acts}"
        reach = f"{_share(plan.reach)}; {_share(plan.uptake)}"
        rows.append((plan.name, effect, f"£{_number(plan.cost)}", reach, "; ".join(worth), plan.source))
    header = (
        *("Plan", "Effect (95% interval)", "Cost per person treated"),
        *("Reach; uptake", "Worth", "Source and assumptions"),
    )
    return Table("The plans, and where their numbers come from", header, tuple(rows))


def consequences_table(compared: PlanComparison) -> Table:
    """Events with and without each plan, and what that is as a benefit."""
    level, draws = level_of(compared), compared.comparison.draws
    columns: Columns = {
        "Plan": _name,
        "Event it acts on": lambda row: f"{row['event']} ({direction(row['more_is'])})",
        "Events without": lambda row: write(row["without"], 1),
        "Events with": lambda row: write(row["without"] + row["difference"], 1),
        f"Difference, with less without ({level} interval)": _estimated("difference", 1, "difference_"),
        f"Ratio, with over without ({level} interval)": (
            lambda row: "none" if pd.isna(row["ratio"]) else _estimated("ratio", 3, "ratio_")(row)
        ),
        f"As a benefit; below 0 is harm ({level} interval)": (
            lambda row: f"{_estimated('events', 1, 'events_')(row)} {row['counted']}"
        ),
        "Probability that people are better off": lambda row: percent(row["p_better"], draws),
    }
    caption = f"What each plan does, given to everyone eligible, against {NOTHING}"
    return table_of(caption, compared.tables["events"], columns)


def options_table(compared: PlanComparison) -> Table:
    """Plans as alternatives: benefit, cost, net benefit, and which is likely the best."""
    comparison, level, unit = compared.comparison, level_of(compared), unit_in_words(compared)
    columns: Columns = {
        "Plan": _name,
        f"Benefit, {comparison.scale} ({level} interval)": _estimated("benefit", 1, "benefit_"),
        "Net cost, thousand pounds": lambda row: write(row["cost"] / 1000, 0),
        f"Net benefit ({level} interval)": (
            lambda row: estimate(row["net_benefit"], row["lower"], row["upper"], _THOUSANDS, places=0)
        ),
        "Probability of being the best": lambda row: percent(row["p_best"], comparison.draws),
        "Expected loss, thousand pounds": lambda row: write(row["expected_loss"] / 1000, 0),
        f"Pounds for one more {unit}": (
            lambda row: str(row["verdict"]) if pd.isna(row["icer"]) else write(row["icer"], 0)
        ),
    }
    worth = f"at £{comparison.threshold or 0.0:,.0f} for one {unit}"
    return table_of(f"Each plan for everyone eligible, as alternatives, {worth}", comparison.options, columns)


def information_table(compared: PlanComparison) -> Table:
    """What it would be worth to know everything, a part, or what a study would tell."""
    tables = compared.tables
    first = tables["study"]["parameter"].iloc[0] if len(tables["study"]) else ""
    known: list[Row] = [("everything", write(compared.comparison.evpi, 0))]
    worth = tables["information"].query("evppi >= 0.5").head(5)
    known += [(str(name), write(value, 0)) for name, value, _ in worth.to_numpy().tolist()]
    known += [
        (f"a study of the {first}, {times:g} times as telling as what is known", write(value, 0))
        for times, value in tables["study"].query("evsi >= 0.5")[["times_known", "evsi"]].to_numpy().tolist()
    ]
    return Table("What it would be worth to know, on this choice", ("What", "Pounds"), tuple(known))


def given_table(compared: PlanComparison, rule: Rule) -> Table:
    """What the budget buys of each plan."""
    allocation, rows = compared.allocation, []
    for plan in compared.plans:
        own = allocation.table[allocation.table[INTERVENTION] == plan.name]
        treated = shown_count(float(own["treated"].sum()), rule)
        spend, benefit = write(own["spend"].sum() / 1000, 0), write(own["benefit"].sum(), 1)
        capacity = "no limit" if plan.capacity is None else f"{plan.capacity:,.0f}"
        rows.append((plan.name, f"{len(own):,}", treated, spend, benefit, capacity))
    header = ("Plan", "Units served", "People treated", "Thousand pounds", f"Benefit, {allocation.scale}", "Capacity")
    return Table(f"What a budget of £{allocation.budget:,.0f} buys", header, tuple(rows))


def limits_table(compared: PlanComparison) -> Table:
    """What one more of each limit would gain."""
    prices = tuple(
        (str(limit), str(unit), write(price, 2)) for limit, unit, price in compared.tables["prices"].to_numpy().tolist()
    )
    return Table("What one more of each limit would gain", ("Limit", "One more", "Pounds of net benefit"), prices)


def rules_table(compared: PlanComparison) -> Table:
    """What the same places would gain, given by simpler rules."""
    level = level_of(compared)
    columns: Columns = {
        "Rule": lambda row: str(row["rule"]),
        f"Benefit, {compared.allocation.scale} ({level} interval)": _estimated("benefit", 1),
        f"More than evenly ({level} interval)": _estimated("over_evenly", 1, "over_"),
    }
    return table_of("The same places given by simpler rules", compared.tables["rules"], columns)


def ranked_table(ranked: pd.DataFrame) -> Table:
    """Areas in order of expected rank, with their tiers; of `rank_areas`."""
    columns: Columns = {
        "Area": lambda row: str(row[AREA]),
        "Net benefit per eligible person, pounds": _estimated("mean", 1),
        "Expected rank (interval)": (
            lambda row: f"{row['expected_rank']:.0f} ({row['rank_lower']} to {row['rank_upper']})"
        ),
        "Probability of top": lambda row: f"{100 * row['p_top']:.0f}%",
        "Tier": lambda row: str(row["tier"]),
    }
    return table_of("Areas by expected rank of their best plan's net benefit", ranked, columns)


def areas_table(compared: PlanComparison, rule: Rule) -> Table:
    """The allocation by area and plan; small numbers of people are withheld."""
    columns: Columns = {
        "Area": lambda row: str(row[AREA]),
        "Plan": _name,
        "Share of those it could reach": lambda row: f"{100 * row['share']:.0f}%" if row["share"] < 0.995 else "all",
        "People treated": lambda row: shown_count(float(row["treated"]), rule),
    }
    ordered = compared.allocation.table.sort_values([AREA, INTERVENTION])
    return table_of("The allocation, area by area", ordered, columns)


def shares_table(compared: PlanComparison, by: str, labels: Labels | None, rule: Rule) -> Table:
    """Shares of places, money and benefit by group; groups with small counts are withheld."""
    table = compared.tables[f"shares_{by}"]
    small = is_small(table["people"], rule) | is_small(table["treated"], rule)
    small = small | table[by].isin(withheld_of(compared, by)).to_numpy()
    named = table.assign(label=level_labels(by, table[by].tolist(), labels), gone=hide_beside(small, table["treated"]))
    shares: Columns = {
        "Share of people": lambda row: _percent(row["people_share"]),
        f"Share of need ({_need_in_words(compared)})": lambda row: _percent(row["need_share"]),
        "Share of places": lambda row: _percent(row["treated_share"]),
        "Share of spend": lambda row: _percent(row["spend_share"]),
        f"Share of benefit ({level_of(compared)} interval)": (
            lambda row: _percent(row["benefit_share"], row["lower"], row["upper"])
        ),
        "Places to need": (lambda row: NONE if pd.isna(row["treated_to_need"]) else write(row["treated_to_need"], 2)),
    }

    def unless_gone(said: Callable[[Record], str]) -> Callable[[Record], str]:
        return lambda row: SUPPRESSED if row["gone"] else said(row)

    columns: Columns = {
        sentence(dimension_label(by)): lambda row: str(row["label"]),
        "Eligible people": unless_gone(lambda row: shown_count(row["people"], rule)),
        **{name: unless_gone(said) for name, said in shares.items()},
    }
    return table_of(f"Who gets the places, the money and the benefit, by {dimension_label(by)}", named, columns)


def slopes_table(table: pd.DataFrame, level: str) -> Table:
    """Slope index before and after, of every event that a plan acts on; of table `slope` of `compare_plans`."""
    columns: Columns = {
        "Event": lambda row: f"{row['event']} ({direction(row['more_is'])})",
        "When": lambda row: str(row["when"]),
        f"Slope index, events per 1,000 ({level} interval)": (
            lambda row: estimate(1000 * row["mean"], 1000 * row["lower"], 1000 * row["upper"], PLAIN, places=2)
        ),
    }
    caption = "Slope index of inequality in risk (least deprived less most deprived), before and after the allocation"
    return table_of(caption, table, columns)


def distribution_table(table: pd.DataFrame, labels: Labels | None, rule: Rule, level: str) -> Table:
    """Health gained and forgone by quintile, as NICE lays it out; of `nice_table`."""
    levels = [code for code in table[QUINTILE].tolist() if code != "all"]
    names = dict(zip(levels, level_labels(QUINTILE, levels, labels), strict=True)) | {"all": "all"}
    columns: Columns = {
        "Plan": _name,
        "Deprivation quintile": lambda row: names[row[QUINTILE]],
        "Eligible people": lambda row: shown_count(row["people"], rule),
        "Health benefit, QALY": lambda row: write(row["health_benefit"], 1),
        "Health forgone elsewhere, QALY": lambda row: write(row["opportunity_cost"], 1),
        f"Net health benefit, QALY ({level} interval)": _estimated("net_health_benefit", 1),
    }
    return table_of("Distributional cost-effectiveness, in NICE's layout; no weight for aversion", table, columns)


def aversions_table(aversions: pd.DataFrame, level: str) -> Table:
    """Worth of the allocation over a grid of aversions; of `over_aversions`."""
    columns: Columns = {
        "Aversion (Atkinson)": lambda row: f"{row['aversion']:g}",
        f"QALYs equally shared ({level} interval)": _estimated("mean", 1),
    }
    caption = "What the allocation is worth as aversion to inequality grows (0 counts QALYs alone)"
    return table_of(caption, aversions, columns)


def quadrants_table(plane: ImpactPlane) -> Table:
    """Probability of each part of the equity impact plane."""
    chances = plane.table.filter(like="P(")
    quadrants = [str(name) for name in chances if name != f"P({UNCHANGED})" or chances[name].any()]
    count = len(plane.points) // max(len(plane.table), 1)
    rows = tuple(
        (str(row[INTERVENTION]), *(percent(float(row[name]), count) for name in quadrants))
        for row in plane.table.to_dict("records")
    )
    caption = f"Probability of each part of the plane, at an aversion of {plane.aversion:g} ({plane.family})"
    return Table(caption, ("Plan", *(sentence(name[2:-1]) for name in quadrants)), rows)


def level_of(compared: PlanComparison) -> str:
    """Probability of the intervals, in words."""
    return f"{100 * compared.comparison.prob:.0f}%"


def unit_in_words(compared: PlanComparison) -> str:
    """What is bought: "QALY", "event averted" or "event gained"."""
    return compared.comparison.scale.replace("events", "event")


def _need_in_words(compared: PlanComparison) -> str:
    risk = compared.benefit.baseline.attrs
    return "events expected" if risk["more_is"] == "worse" else f"people without: {risk['outcome']}"


def _name(row: Record) -> str:
    return str(row[INTERVENTION])


def _estimated(name: str, places: int, ends: str = "") -> Callable[[Record], str]:
    """How an estimate is printed whose interval stands in the columns `lower` and `upper`, with something before."""
    return lambda row: estimate(row[name], row[f"{ends}lower"], row[f"{ends}upper"], PLAIN, places=places)


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
