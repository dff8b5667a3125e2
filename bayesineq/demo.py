"""The demonstration: a simulated integrated care system from tables to report, with the truth beside the answer."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from shutil import copyfile
from time import perf_counter
from typing import Final

import pandas as pd

from bayesineq.decisions.distributional import aversion_grid, impact_plane
from bayesineq.decisions.plans import ALLOCATION, PlanOptions, compare_plans
from bayesineq.decisions.read_plans import read_plans
from bayesineq.decisions.released import released_detail
from bayesineq.design.matrix import design
from bayesineq.dims import AREA, DECILE, ETHNICITY, QUINTILE
from bayesineq.inference.fit import fit
from bayesineq.model.card import ModelCard
from bayesineq.model.read_card import parse_card, read_card
from bayesineq.posterior.files import save
from bayesineq.posterior.verdict import verdict
from bayesineq.replacing import csv_bytes, whole_folder
from bayesineq.report.page.heading import ReportOptions, set_in
from bayesineq.report.page.parts import Section
from bayesineq.report.page.pathway import pathway_sections, trend_section
from bayesineq.report.page.plans import plan_sections, write_comparison
from bayesineq.report.page.write import write_report
from bayesineq.report.tables.released import released_measures
from bayesineq.shipped import folder as shipped
from bayesineq.simulate.pathway import simulate_pathway
from bayesineq.simulate.people import YEAR
from bayesineq.simulate.system import System, simulate_system

PLACE: Final = "a simulated integrated care system"
PERIOD: Final = f"1 April {YEAR}"
OUTCOME: Final = "diabetes prevalence (simulated)"
EVENTS: Final = "emergency admissions of people with diabetes (simulated)"
TITLE: Final = f"A demonstration: inequality in diabetes prevalence, {PLACE}, {PERIOD}"

ABOUT: Final = f"""{TITLE}

Everything in this folder is simulated: no number is of a real person or place.

report.html, report.audit.csv     {OUTCOME}, and plans for adults with diabetes
areas.parquet                     300 simulated areas
area_counts.csv.gz                simulated adults and cases of diabetes
prevalence.nc, prevalence_by_*    {OUTCOME}: the fit, and measures of it
outcomes.nc                       {EVENTS}
pathway_counts.csv.gz, pathway.nc who is ill, who of them is checked, who of them is admitted: the steps together
trend_counts.csv.gz               {EVENTS}, by year
plans.toml, compared/             plans for adults with diabetes, compared
"""
"""What the files of the demonstration are; written beside them."""

BUDGET: Final = 450_000.0
THRESHOLD: Final = 20_000.0
SERVED_FIRST: Final = 0.2
NARROWING: Final = -0.5
"""Planted change over eight years of the logarithm of the ratio between the ends of deprivation."""

LIFETIME: Final[Mapping[object, float]] = {1: 65.0, 2: 67.8, 3: 70.6, 4: 73.3, 5: 76.1}
"""
Quality-adjusted life expectancy by quintile of deprivation, years. The gap of 11.1 is that of Love-Koh J et al. (2023),
"Decomposition of quality-adjusted life expectancy inequalities"; its level, and its even steps, are assumed.
"""

AVERSION: Final = 3.5
"""Of Atkinson's family, after Robson et al. (2024); about 11 is the older estimate (Robson et al. 2017)."""

AVERSIONS: Final = (0.0, 1.0, 3.5, 11.0)


_ETHNICITIES_TOGETHER: Final = r"""(?<=by = "ethnicity"), across = "correlated"|^ethnicity\.correlation.*\n"""
_PLACES_BY_YEAR: Final = r"^place_year.*\n"


def run(folder: Path, *, seed: int, tell: Callable[[str], None]) -> Path:
    """
    Simulate, fit, measure, compare plans and report.

    `folder`: Where to write; made if it is not there. Files of an earlier demonstration are replaced in one step.
    """
    started = perf_counter()
    with whole_folder(folder) as made:
        report = _run(made, seed=seed, tell=tell)
        name = report.name
    tell(f"done in {perf_counter() - started:.0f} s; open the report in a browser:")
    return folder / name


def _run(folder: Path, *, seed: int, tell: Callable[[str], None]) -> Path:
    tell("1/6 simulating an integrated care system: 300 areas, 500,000 people")
    system = simulate_system(seed=seed)
    _packed(system.area_counts, folder / "area_counts.csv.gz")
    system.areas.to_parquet(folder / "areas.parquet")

    study = design(system.area_counts, _named("prevalence", OUTCOME), adjacency=system.adjacency)
    tell(f"2/6 fitting the card 'prevalence' to {len(study):,} cells")
    posterior = set_in(fit(study, seed=seed), PLACE, PERIOD)
    save(posterior, folder / "prevalence.nc")
    tell(f"    {verdict(posterior)}")

    tell("3/6 measuring inequality by deprivation and ethnicity")
    for by in (DECILE, ETHNICITY):
        table = released_measures(posterior, by)[0].assign(outcome=OUTCOME, place=PLACE, period=PERIOD)
        (folder / f"prevalence_by_{by}.csv").write_bytes(csv_bytes(table))

    tell("4/6 following the pathway, who is ill, who is checked, what becomes of them, and eight years of it")
    along = _follow(folder, system, seed=seed, tell=tell)

    tell("5/6 comparing three plans on emergency admissions of people with diabetes")
    further = along + _compare(folder, system, seed=seed, tell=tell)

    (folder / "about.txt").write_text(ABOUT, encoding="utf-8")

    tell("6/6 writing the report")
    report = folder / "report.html"
    explorer = all(find_spec(name) is not None for name in ("altair", "vl_convert"))
    write_report(posterior, system.areas, report, ReportOptions(title=TITLE, explorer=explorer), further=further)
    return report


def _follow(folder: Path, system: System, *, seed: int, tell: Callable[[str], None]) -> tuple[Section, ...]:
    """Fit the steps of a pathway together, and the years; write their tables and what they say."""
    pathway = simulate_pathway(system, seed=seed, narrowing=NARROWING)
    for name, table in (("pathway_counts", pathway.counts), ("trend_counts", pathway.years)):
        _packed(table, folder / f"{name}.csv.gz")
    steps = design(pathway.counts, _without("pathway", _ETHNICITIES_TOGETHER), adjacency=system.adjacency)
    together = set_in(fit(steps, seed=seed), PLACE, PERIOD)
    tell(f"    {verdict(together)}")
    save(together, folder / "pathway.nc")
    years = design(pathway.years, _without("trend", _PLACES_BY_YEAR), adjacency=system.adjacency)
    trend = set_in(fit(years, seed=seed), PLACE, PERIOD)
    tell(f"    {verdict(trend)}")
    return (*pathway_sections(together), trend_section(trend))


def _compare(folder: Path, system: System, *, seed: int, tell: Callable[[str], None]) -> tuple[Section, ...]:
    """Fit the risk that the plans act on, compare them, and write the files that `bayesineq compare` needs."""
    plans = folder / "plans.toml"
    copyfile(shipped("models") / "plans" / "diabetes.toml", plans)
    study = design(system.outcome_counts, _named("outcomes", EVENTS), adjacency=system.adjacency)
    posterior = set_in(fit(study, seed=seed), PLACE, PERIOD)
    save(posterior, folder / "outcomes.nc")
    tell(f"    {verdict(posterior)}")
    risk, audit = released_detail(posterior, [AREA])
    compared = compare_plans(
        read_plans(plans),
        risk,
        budget=BUDGET,
        threshold=THRESHOLD,
        seed=seed,
        options=PlanOptions(decide_by=[AREA], top=SERVED_FIRST),
    )
    write_comparison(compared, folder / "compared", audit, title=f"Plans for adults with diabetes, {PLACE}, {PERIOD}")
    deprived = (system.people[DECILE].to_numpy() + 1) // 2
    everyone: dict[object, float] = {level: float((deprived == level).sum()) for level in LIFETIME}
    assert compared.net_health is not None
    plane = impact_plane(compared.net_health, by=QUINTILE, health=LIFETIME, people=everyone, aversion=AVERSION)
    worth = aversion_grid(
        compared.net_health, by=QUINTILE, health=LIFETIME, people=everyone, aversions=AVERSIONS, intervention=ALLOCATION
    )
    return plan_sections(compared, areas=system.areas, plane=plane, aversions=worth)


def _packed(table: pd.DataFrame, path: Path) -> None:
    """Write a table as csv.gz without the time, so that the same table gives the same bytes."""
    path.write_bytes(gzip.compress(csv_bytes(table), mtime=0))


def _without(card: str, parts: str) -> ModelCard:
    """A shipped card without what a place of this size does not tell."""
    return parse_card(re.sub(parts, "", read_card(card).source, flags=re.MULTILINE), card)


def _named(card: str, outcome: str) -> ModelCard:
    """A shipped card whose outcome says what it is here, in the posterior and in all that is made of it."""
    before, section, after = read_card(card).source.partition("[outcome]")
    return parse_card(before + section + re.sub('name *= *"[^"]*"', f'name = "{outcome}"', after, count=1), card)
