"""Plans compared, for people who will choose among them: sections of a report, and tables that may be passed on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from bayesineq.decisions.distributional import ImpactPlane
from bayesineq.decisions.plans import PlanComparison
from bayesineq.decisions.released import shown_tables
from bayesineq.dims import AREA, ETHNICITY, QUINTILE
from bayesineq.disclosure.audit import audit_bytes
from bayesineq.disclosure.earlier import refuse_beside_earlier
from bayesineq.disclosure.read_rule import rule_of
from bayesineq.disclosure.release import refuse_people
from bayesineq.disclosure.rule import DEFAULT_RULE, Disclosure, Rule
from bayesineq.replacing import csv_bytes, write_together
from bayesineq.report.figures.choices import plot_acceptability, plot_frontier, plot_plane
from bayesineq.report.figures.style import Chart, to_svg
from bayesineq.report.page.parts import Section
from bayesineq.report.page.served import map_allocation, map_served
from bayesineq.report.tables.numbers import write
from bayesineq.report.tables.plan_tables import (
    areas_table,
    aversions_table,
    consequences_table,
    distribution_table,
    given_table,
    information_table,
    level_of,
    limits_table,
    options_table,
    quadrants_table,
    ranked_table,
    rules_table,
    shares_table,
    slopes_table,
    sources_table,
    unit_in_words,
)
from bayesineq.report.words.labels import Labels
from bayesineq.report.words.sentences import Statement

if TYPE_CHECKING:
    import geopandas as gpd


def plan_sections(
    compared: PlanComparison,
    *,
    areas: gpd.GeoDataFrame | None = None,
    plane: ImpactPlane | None = None,
    aversions: pd.DataFrame | None = None,
    labels: Labels | None = None,
    disclosure: Disclosure = DEFAULT_RULE,
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
    disclosure : Rule, str or Path
        How small counts are treated.

    Returns
    -------
    tuple of Section
        What was compared, what is best, who gets it, and what that does to inequality.

    Examples
    --------
    >>> from bayesineq import Intervention, compare_plans, example
    >>> from bayesineq.decisions import PlanOptions, PublishedEffect, Quantity, local_risk
    >>> calls = Intervention("calls", PublishedEffect("risk ratio", Quantity(0.75)), cost=Quantity(50.0))
    >>> risk = local_risk(example().post)
    >>> found = compare_plans([calls], risk, budget=2_000_000.0, threshold=2_000.0, options=PlanOptions(equity_by=()))
    >>> [section.title for section in plan_sections(found)]
    ['Which plan is worth most', 'Who gets what within the budget', 'Who gains: equity of the plans']
    """
    rule = rule_of(disclosure)
    return (_chosen(compared), _given(compared, areas, rule), _shared(compared, plane, aversions, labels, rule))


def write_comparison(
    compared: PlanComparison,
    folder: Path,
    audit: pd.DataFrame,
    disclosure: Disclosure = DEFAULT_RULE,
    *,
    title: str | None = None,
    also: Mapping[Path, Mapping[str, bytes]] | None = None,
) -> tuple[Path, ...]:
    """
    Write a comparison of plans into a folder: tables, figures, sentences, and the audit of what was withheld.

    Parameters
    ----------
    compared : PlanComparison
        Plans compared, on risk that may be published (`released_detail`).
    folder : Path
        Where to write; made if it is not there. All files of an earlier comparison are replaced in one step, and a
        table that there is none of any more is removed. Other files in it stay; one that stands where a file of the
        comparison belongs, and is none, is refused.
    audit : DataFrame
        What was withheld of the risk.
    disclosure : Rule, str or Path
        How small counts are treated.
    title : str, optional
        What was compared, where and when: the first line of the sentences, and the start of the titles of figures.
    also : mapping of Path to mapping of str to bytes, optional
        Other folders to write in the same step, such as of `bayesineq.disclosure.acro.acro_folder`.

    Returns
    -------
    tuple of Path
        The files.

    Examples
    --------
    >>> import tempfile
    >>> from bayesineq import Intervention, compare_plans, example
    >>> from bayesineq.decisions import PlanOptions, PublishedEffect, Quantity, local_risk
    >>> calls = Intervention("calls", PublishedEffect("risk ratio", Quantity(0.75)), cost=Quantity(50.0))
    >>> risk = local_risk(example().post)
    >>> found = compare_plans([calls], risk, budget=2_000_000.0, threshold=2_000.0, options=PlanOptions(equity_by=()))
    >>> audit = pd.DataFrame(columns=["table", "cell", "column", "reason"])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     files = write_comparison(found, Path(folder), audit)
    ...     [file.name for file in files][:4]
    ['options.csv', 'events.csv', 'curve.csv', 'information.csv']
    """
    rule = rule_of(disclosure)
    made: dict[str, bytes] = {}
    for name, table in shown_tables(compared, rule).items():
        refuse_people(table, what=name)
        made[f"{name}.csv"] = csv_bytes(table)
    made["audit.csv"] = audit_bytes([audit], rule)
    words = "\n".join([*([title] if title else []), *compared.words]) + "\n"
    made["words.txt"] = words.encode("utf-8", "replace")
    charts = comparison_charts(compared, title)
    made |= {f"{name}.svg": to_svg(chart) for name, chart in charts.items()}
    refuse_beside_earlier(rule, made)
    write_together({}, {folder: made, **(also or {})})
    return tuple(folder / name for name in made)


def comparison_charts(compared: PlanComparison, title: str | None = None) -> dict[str, Chart]:
    """The figures of a comparison, by name; `title` is the start of their titles."""
    best = f"{title}: which option is the best, at what price" if title else None
    charts = {
        "acceptability": plot_acceptability(compared.comparison, benefit=f"one {unit_in_words(compared)}", title=best)
    }
    if "frontier" in compared.tables and compared.allocation.treated > 0:
        kept = f"{title}: what it costs to keep places for the most deprived fifth" if title else None
        charts["frontier"] = _frontier(compared, kept)
    return charts


def _chosen(compared: PlanComparison) -> Section:
    comparison, total = compared.comparison, compared.tables["allocation_total"].iloc[0]
    within = (
        f"Knowing everything before the budget is allocated would be worth {write(total['evpi_within_budget'], 1)} "
        f"{total['scale']} on average."
    )
    told = "Where each number of the plans comes from, and which are assumed, stands in the last table of this part."
    made = (consequences_table, options_table, information_table, sources_table)
    benefit = f"one {unit_in_words(compared)}"
    charts = (plot_acceptability(comparison, benefit=benefit),) if len(comparison.curve) else ()
    said = (*compared.said["choice"], within, told)
    return Section("Which plan is worth most", _stated(said), tuple(table(compared) for table in made), charts)


def _given(compared: PlanComparison, areas: gpd.GeoDataFrame | None, rule: Rule) -> Section:
    allocation, tables = compared.allocation, compared.tables
    said = [*compared.said["allocation"]]
    made = [given_table(compared, rule), limits_table(compared)]
    charts: list[Chart] = []
    if allocation.treated > 0:
        made.append(rules_table(compared))
    if "areas" in tables and not (tables["areas"]["mean"] > 0).any():
        said.append("In no area is a plan worth its cost: none is ranked above another.")
    elif "areas" in tables:
        ranked, first = tables["areas"], _first(compared)
        held = ranked["tier"].value_counts()
        said.append(
            f"Of {len(ranked):,} areas, {held.get('sure in', 0):,} belong to the {first} with the highest "
            "net benefit per eligible person with a probability of 90% or more, "
            f"{held.get('sure out', 0):,} with 10% or less, and {held.get('marginal', 0):,} with one between."
        )
        made += [ranked_table(ranked), areas_table(compared, rule)]
        if areas is not None and len(allocation.table):
            decided = [str(code) for code in allocation.share[AREA].values]
            charts += [map_allocation(allocation.table, areas, decided=decided), map_served(ranked, areas, first=first)]
    return Section("Who gets what within the budget", _stated(said), tuple(made), tuple(charts))


def _shared(
    compared: PlanComparison,
    plane: ImpactPlane | None,
    aversions: pd.DataFrame | None,
    labels: Labels | None,
    rule: Rule,
) -> Section:
    tables, level = compared.tables, level_of(compared)
    made = [shares_table(compared, by, labels, rule) for by in (QUINTILE, ETHNICITY) if f"shares_{by}" in tables]
    charts: list[Chart] = []
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
        made.append(aversions_table(aversions, level))
    return Section("Who gains: equity of the plans", _stated(compared.said["equity"]), tuple(made), tuple(charts))


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


def _stated(texts: Sequence[str]) -> tuple[Statement, ...]:
    return tuple(Statement(text) for text in texts)
