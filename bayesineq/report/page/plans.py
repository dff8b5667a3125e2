"""Plans compared, for people who will choose among them: sections of a report, and tables that may be passed on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd
import xarray as xr

from bayesineq.decisions.distributional import ImpactPlane
from bayesineq.decisions.local import local_risk, released_risk
from bayesineq.decisions.plans import PlanComparison
from bayesineq.dims import AREA, ETHNICITY, INTERVENTION, POPULATION, QUINTILE
from bayesineq.disclosure.audit import write_audit
from bayesineq.disclosure.release import refuse_people
from bayesineq.disclosure.rule import DEFAULT_RULE, Rule, is_small, safe_decimals, shown_count
from bayesineq.posterior.population import card_of, levels_of
from bayesineq.replacing import replacing
from bayesineq.report.figures.choices import plot_acceptability, plot_frontier, plot_plane
from bayesineq.report.figures.style import Chart, save_chart
from bayesineq.report.page.parts import Row, Section, Table
from bayesineq.report.page.plan_consequences import consequences_table, unit_in_words
from bayesineq.report.page.served import map_allocation, map_served
from bayesineq.report.tables.numbers import PLAIN, Unit, estimate, percent, write
from bayesineq.report.tables.plan_tables import (
    alone,
    areas_table,
    distribution_table,
    quadrants_table,
    ranked_table,
    rules_table,
    shares_table,
    slopes_table,
    sources_table,
)
from bayesineq.report.words.labels import Labels
from bayesineq.report.words.sentences import Statement

if TYPE_CHECKING:
    import geopandas as gpd

_THOUSANDS: Final = Unit(1e-3, " thousand pounds", " thousand pounds", "thousand pounds")
_OPTIONAL: Final = (
    *("slope", "frontier", "distribution", "areas"),
    *(f"{name}_{by}" for name in ("shares", "strata") for by in (QUINTILE, ETHNICITY)),
)
_PLACES: Final = (
    "treated_share",
    "treated_to_need",
    "spend",
    "spend_share",
    "benefit",
    "benefit_share",
    "lower",
    "upper",
    "benefit_per_1000",
)
_PARTS: Final = {"people": ("people_share", "need_share", *_PLACES), "treated": _PLACES}
"""Numbers of a row that would give its people, or its places, back."""


def plan_sections(
    compared: PlanComparison,
    *,
    areas: gpd.GeoDataFrame | None = None,
    plane: ImpactPlane | None = None,
    aversions: pd.DataFrame | None = None,
    labels: Labels | None = None,
    rule: Rule = DEFAULT_RULE,
) -> tuple[Section, ...]:
    """
    Lay a comparison of plans out as sections of a report (`write_report(..., further=)`).

    Parameters
    ----------
    compared : PlanComparison
        Plans compared.
    areas : GeoDataFrame, optional
        Boundaries, for the maps.
    plane : ImpactPlane, optional
        `impact_plane` of `compared.net_health`.
    aversions : DataFrame, optional
        Worth of the allocation over a grid of aversions (`over_aversions`).
    labels : mapping of str to mapping, optional
        By dimension, names of codes.
    rule : Rule
        How small counts are treated.

    Returns
    -------
    tuple of Section
        What was compared, what is best, who gets it, and what that does to inequality.
    """
    return (
        _chosen(compared),
        _given(compared, areas, rule),
        _shared(compared, plane, aversions, labels, rule),
    )


def released_detail(
    post: xr.DataTree, by: Sequence[str], within: Sequence[str] = (ETHNICITY,), rule: Rule = DEFAULT_RULE
) -> tuple[xr.DataArray, pd.DataFrame]:
    """
    Risk of each unit and of the groups within it, so that what is decided by unit may be published.

    Parameters
    ----------
    post : DataTree
        A posterior.
    by : sequence of str
        Dimensions of the units that are decided for.
    within : sequence of str
        Dimensions of groups within them, of which only totals over units are shown; those that the posterior does not
        have are left out.
    rule : Rule
        Threshold and rounding.

    Returns
    -------
    (DataArray, DataFrame)
        Risk with dims (chain, draw, *by, *within) and the coordinate `population`, which pooled over `within` is that
        of `released_risk`, without units that are withheld; and the audit.
    """
    shown, audit = released_risk(post, by, rule)
    further = [dim for dim in within if dim in card_of(post).dims and dim not in by]
    every = {dim: len(levels_of(post, dim)) for dim in by}
    lost = [f"{n - shown.sizes[dim]:,} of {n:,} by {dim}" for dim, n in every.items() if n > shown.sizes[dim]]
    said = f"Left out because their counts are too small to be shown: {'; '.join(lost)}." if lost else ""
    attrs = {**shown.attrs, "left_out_in_words": said}
    if not further:
        return shown.assign_attrs(attrs), audit
    fine = local_risk(post, [*by, *further]).sel({dim: shown[dim] for dim in by})
    people = fine[POPULATION].fillna(0.0).reset_coords(drop=True)
    filled = fine.fillna(0.0).reset_coords(drop=True)
    own = xr.dot(filled, people, dim=further) / people.sum(further)
    moved = filled * (shown.reset_coords(drop=True) / own.where(own > 0, 1.0))
    scaled = people * (shown[POPULATION].reset_coords(drop=True) / people.sum(further))
    kept = {name: (c.dims, c.values) for name, c in shown.coords.items() if name not in (POPULATION, *shown.dims)}
    order = (*shown.dims, *further)
    detail = moved.transpose(*order).assign_coords({**kept, POPULATION: scaled.transpose(*order[2:])})
    return detail.assign_attrs(attrs), audit


def write_comparison(
    compared: PlanComparison,
    folder: Path,
    audit: pd.DataFrame,
    rule: Rule = DEFAULT_RULE,
    *,
    title: str | None = None,
) -> tuple[Path, ...]:
    """
    Write a comparison of plans into a folder: tables, figures, sentences, and the audit of what was withheld.

    Parameters
    ----------
    compared : PlanComparison
        Plans compared, on risk that may be published (`released_detail`).
    folder : Path
        Where to write; made if it is not there. Files of an earlier comparison are replaced, and a table that there is
        none of any more is removed.
    audit : DataFrame
        What was withheld of the risk.
    rule : Rule
        How small counts are treated.
    title : str, optional
        What was compared, where and when: the first line of the sentences, and the start of the titles of figures.

    Returns
    -------
    tuple of Path
        The files.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, table in shown_tables(compared, rule).items():
        refuse_people(table, what=name)
        written.append(folder / f"{name}.csv")
        with replacing(written[-1]) as beside:
            table.to_csv(beside, index=False)
    write_audit([audit], folder / "audit.csv", rule)
    written.append(folder / "words.txt")
    with replacing(written[-1]) as beside:
        beside.write_text("\n".join([*([title] if title else []), *compared.words]) + "\n", encoding="utf-8")
    best = f"{title}: which option is the best, at what price" if title else None
    charts = {
        "acceptability": plot_acceptability(compared.comparison, benefit=f"one {unit_in_words(compared)}", title=best)
    }
    if "frontier" in compared.tables and compared.allocation.treated > 0:
        kept = f"{title}: what it costs to keep places for the most deprived fifth" if title else None
        charts["frontier"] = _frontier(compared, kept)
    written += [save_chart(chart, folder / f"{name}.svg") for name, chart in charts.items()]
    stale = {*(f"{name}.csv" for name in _OPTIONAL), "frontier.svg"} - {path.name for path in written}
    for name in stale:
        (folder / name).unlink(missing_ok=True)
    return tuple(written)


def shown_tables(compared: PlanComparison, rule: Rule = DEFAULT_RULE) -> dict[str, pd.DataFrame]:
    """
    Tables of a comparison that may be passed on: small counts of people withheld with what would give them back.

    Parameters
    ----------
    compared : PlanComparison
        Plans compared.
    rule : Rule
        How small counts are treated.

    Returns
    -------
    mapping from name to DataFrame
        As `PlanComparison.tables`. People and places are rounded; in a row that they are withheld from, shares, spend
        and benefit are missing too. Spend is that of the rounded places.
    """
    shown = {name: _protected(table, rule) for name, table in compared.tables.items()}
    for by in (QUINTILE, ETHNICITY):
        if f"strata_{by}" in shown:
            people = compared.tables[f"shares_{by}"].set_index(by)["people"]
            table = compared.tables[f"strata_{by}"].copy()
            worth = ["net_benefit", "net_benefit_same_for_all", "gain"]
            table.loc[is_small(people.loc[table[by]], rule), worth] = np.nan
            shown[f"strata_{by}"] = table
    return shown


def _protected(table: pd.DataFrame, rule: Rule) -> pd.DataFrame:
    counted = [name for name in ("people", "treated") if name in table.columns]
    if not counted or {"budget", "floor", "rule"} & set(table.columns):
        return table
    shown = table.copy()
    for name in counted:
        values = table[name].to_numpy(np.float64)
        hidden = alone(is_small(values, rule), values) if len(table) > 1 else is_small(values, rule)
        shown[name] = pd.array(np.floor(values / rule.base + 0.5) * rule.base, dtype="Float64").astype("Int64")
        if name == "treated" and "spend" in table.columns:
            price = table["spend"] / table["treated"].where(table["treated"] > 0)
            shown["spend"] = (shown["treated"].astype(float) * price).fillna(0.0)
        if f"{name}_share" in table.columns and values.sum() > 0:
            places = max(int(safe_decimals(values.sum(), rule)), 0)
            others = [part for part in _PARTS[name] if part.endswith("_share") and part in table.columns]
            shown[others] = shown[others].round(places)
        gone = [name, *(part for part in _PARTS[name] if part in table.columns)]
        shown[gone] = shown[gone].mask(np.broadcast_to(hidden[:, np.newaxis], (len(table), len(gone))))
    return shown


def _chosen(compared: PlanComparison) -> Section:
    comparison, tables = compared.comparison, compared.tables
    threshold, prob = comparison.threshold or 0.0, comparison.prob
    draws = comparison.draws
    level = f"{100 * prob:.0f}%"
    unit = unit_in_words(compared)
    rows: list[Row] = []
    for row in comparison.options.to_dict("records"):
        icer = "" if pd.isna(row["icer"]) else f"{write(row['icer'], 0)}"
        rows.append(
            (
                str(row[INTERVENTION]),
                estimate(row["benefit"], row["benefit_lower"], row["benefit_upper"], PLAIN, places=1),
                write(row["cost"] / 1000, 0),
                estimate(row["net_benefit"], row["lower"], row["upper"], _THOUSANDS, places=0),
                percent(row["p_best"], draws),
                write(row["expected_loss"] / 1000, 0),
                icer or str(row["verdict"]),
            )
        )
    options = Table(
        f"Each plan for everyone eligible, as alternatives, at £{threshold:,.0f} for one {unit}",
        (
            "Plan",
            f"Benefit, {comparison.scale} ({level} interval)",
            "Net cost, thousand pounds",
            f"Net benefit ({level} interval)",
            "Probability of being the best",
            "Expected loss, thousand pounds",
            f"Pounds for one more {unit}",
        ),
        tuple(rows),
    )
    first = tables["study"]["parameter"].iloc[0] if len(tables["study"]) else ""
    known: list[Row] = [("everything", write(comparison.evpi, 0))]
    worth = tables["information"].query("evppi >= 0.5").head(5)
    known += [(str(name), write(value, 0)) for name, value, _ in worth.to_numpy().tolist()]
    known += [
        (f"a study of the {first}, {times:g} times as telling as what is known", write(value, 0))
        for times, value in tables["study"].query("evsi >= 0.5")[["times_known", "evsi"]].to_numpy().tolist()
    ]
    information = Table("What it would be worth to know, on this choice", ("What", "Pounds"), tuple(known))
    total = tables["allocation_total"].iloc[0]
    within = (
        f"Knowing everything before the budget is allocated would be worth {write(total['evpi_within_budget'], 1)} "
        f"{total['scale']} on average."
    )
    said = (*compared.said["choice"], within)
    charts = (plot_acceptability(comparison, benefit=f"one {unit}"),) if len(comparison.curve) else ()
    told = "Where each number of the plans comes from, and which are assumed, stands in the last table of this part."
    parts = (consequences_table(compared), options, information, sources_table(compared))
    return Section("Which plan is worth most", tuple(map(_said, (*said, told))), parts, charts)


def _given(compared: PlanComparison, areas: gpd.GeoDataFrame | None, rule: Rule) -> Section:
    allocation, tables = compared.allocation, compared.tables
    table = allocation.table
    rows: list[Row] = []
    for plan in compared.plans:
        own = table[table[INTERVENTION] == plan.name]
        rows.append(
            (
                plan.name,
                f"{len(own):,}",
                shown_count(float(own["treated"].sum()), rule),
                write(own["spend"].sum() / 1000, 0),
                write(own["benefit"].sum(), 1),
                "no limit" if plan.capacity is None else f"{plan.capacity:,.0f}",
            )
        )
    header = ("Plan", "Units served", "People treated", "Thousand pounds", f"Benefit, {allocation.scale}", "Capacity")
    plans = Table(f"What a budget of £{allocation.budget:,.0f} buys", header, tuple(rows))
    prices = tuple(
        (str(limit), str(unit), write(price, 2)) for limit, unit, price in tables["prices"].to_numpy().tolist()
    )
    limits = Table("What one more of each limit would gain", ("Limit", "One more", "Pounds of net benefit"), prices)
    said = [*compared.said["allocation"]]
    made: list[Table] = [plans, limits, rules_table(compared)] if allocation.treated > 0 else [plans, limits]
    charts: list[Chart] = []
    if "areas" in tables and not (tables["areas"]["mean"] > 0).any():
        said.append("In no area is a plan worth its cost: none is ranked above another.")
    elif "areas" in tables:
        ranked = tables["areas"]
        held = ranked["tier"].value_counts()
        said.append(
            f"Of {len(ranked):,} areas, {held.get('sure in', 0):,} belong to the {_first(compared)} with the highest "
            "net benefit per eligible person with a probability of 90% or more, "
            f"{held.get('sure out', 0):,} with 10% or less, and {held.get('marginal', 0):,} with one between."
        )
        made += [ranked_table(ranked), areas_table(compared, rule)]
        if areas is not None and len(table):
            decided = [str(code) for code in allocation.share[AREA].values]
            charts += [map_allocation(table, areas, decided=decided), map_served(ranked, areas, first=_first(compared))]
    return Section("Who gets what within the budget", tuple(map(_said, said)), tuple(made), tuple(charts))


def _shared(
    compared: PlanComparison,
    plane: ImpactPlane | None,
    aversions: pd.DataFrame | None,
    labels: Labels | None,
    rule: Rule,
) -> Section:
    tables, level = compared.tables, f"{100 * compared.comparison.prob:.0f}%"
    said = compared.said["equity"]
    made: list[Table] = []
    charts: list[Chart] = []
    for by in (QUINTILE, ETHNICITY):
        if f"shares_{by}" in tables:
            made.append(shares_table(compared, by, labels, rule))
    if "slope" in tables:
        made.append(slopes_table(tables["slope"], level))
    if "frontier" in tables and compared.allocation.treated > 0:
        charts.append(_frontier(compared))
    if "distribution" in tables:
        made.append(distribution_table(tables["distribution"], labels, rule, level))
    if plane is not None:
        charts.append(plot_plane(plane))
        made.append(quadrants_table(plane))
    if aversions is not None:
        rows = tuple(
            (f"{row['aversion']:g}", estimate(row["mean"], row["lower"], row["upper"], PLAIN, places=1))
            for row in aversions.to_dict("records")
        )
        caption = "What the allocation is worth as aversion to inequality grows (0 counts QALYs alone)"
        made.append(Table(caption, ("Aversion (Atkinson)", f"QALYs equally shared ({level} interval)"), rows))
    return Section("Who gains: equity of the plans", tuple(map(_said, said)), tuple(made), tuple(charts))


def _first(compared: PlanComparison) -> str:
    top = float(str(compared.settings["top"]))
    return f"{100 * top:.0f}% of areas" if top < 1 else f"{top:.0f} areas"


def _frontier(compared: PlanComparison, title: str | None = None) -> Chart:
    allocation = compared.allocation
    return plot_frontier(
        compared.tables["frontier"],
        group="the most deprived fifth",
        benefit=f"Benefit ({allocation.scale})",
        threshold=allocation.threshold,
        title=title,
    )


def _said(text: str) -> Statement:
    return Statement(text, False, 0.5)
