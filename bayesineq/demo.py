"""The demonstration: a simulated integrated care system from tables to report, with the truth beside the answer."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter
from typing import Final

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
from bayesineq.replacing import csv_bytes, made_folder, replacing, write_together
from bayesineq.report.page.heading import ReportOptions, set_in
from bayesineq.report.page.parts import Section
from bayesineq.report.page.plans import plan_sections, write_comparison
from bayesineq.report.page.write import write_report
from bayesineq.report.tables.released import released_measures
from bayesineq.shipped import folder as shipped
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
plans.toml, compared/             plans for adults with diabetes, compared
"""
"""What the files of the demonstration are; written beside them."""

BUDGET: Final = 450_000.0
THRESHOLD: Final = 20_000.0
SERVED_FIRST: Final = 0.2

LIFETIME: Final[Mapping[object, float]] = {1: 65.0, 2: 67.8, 3: 70.6, 4: 73.3, 5: 76.1}
"""
Quality-adjusted life expectancy by quintile of deprivation, years. The gap of 11.1 is that of Love-Koh J et al. (2023),
"Decomposition of quality-adjusted life expectancy inequalities"; its level, and its even steps, are assumed.
"""

AVERSION: Final = 3.5
"""Of Atkinson's family, after Robson et al. (2024); about 11 is the older estimate (Robson et al. 2017)."""

AVERSIONS: Final = (0.0, 1.0, 3.5, 11.0)


def run(folder: Path, *, seed: int, tell: Callable[[str], None]) -> Path:
    """
    Simulate, fit, measure, compare plans and report.

    `folder`: Where to write; made if it is not there. Files of an earlier demonstration are replaced.
    """
    started = perf_counter()
    made_folder(folder)
    tell("1/5 simulating an integrated care system: 300 areas, 500,000 people")
    system = simulate_system(seed=seed)
    counts = gzip.compress(csv_bytes(system.area_counts), mtime=0)
    write_together({folder / "area_counts.csv.gz": counts})
    with replacing(folder / "areas.parquet") as beside:
        system.areas.to_parquet(beside)

    study = design(system.area_counts, _named("prevalence", OUTCOME), adjacency=system.adjacency)
    tell(f"2/5 fitting the card 'prevalence' to {len(study):,} cells")
    posterior = set_in(fit(study, seed=seed), PLACE, PERIOD)
    save(posterior, folder / "prevalence.nc")
    tell(f"    {verdict(posterior)}")

    tell("3/5 measuring inequality by deprivation and ethnicity")
    for by in (DECILE, ETHNICITY):
        table = released_measures(posterior, by)[0].assign(outcome=OUTCOME, place=PLACE, period=PERIOD)
        write_together({folder / f"prevalence_by_{by}.csv": csv_bytes(table)})

    tell("4/5 comparing three plans on emergency admissions of people with diabetes")
    further = _compare(folder, system, seed=seed, tell=tell)

    write_together({folder / "about.txt": ABOUT.encode()})

    tell("5/5 writing the report")
    report = folder / "report.html"
    explorer = all(find_spec(name) is not None for name in ("altair", "vl_convert"))
    write_report(posterior, system.areas, report, ReportOptions(title=TITLE, explorer=explorer), further=further)
    tell(f"done in {perf_counter() - started:.0f} s; open the report in a browser:")
    return report


def _compare(folder: Path, system: System, *, seed: int, tell: Callable[[str], None]) -> tuple[Section, ...]:
    """Fit the risk that the plans act on, compare them, and write the files that `bayesineq compare` needs."""
    plans = folder / "plans.toml"
    write_together({plans: (shipped("models") / "plans" / "diabetes.toml").read_bytes()})
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


def _named(card: str, outcome: str) -> ModelCard:
    """A shipped card whose outcome says what it is here, in the posterior and in all that is made of it."""
    before, section, after = read_card(card).source.partition("[outcome]")
    return parse_card(before + section + re.sub('name *= *"[^"]*"', f'name = "{outcome}"', after, count=1), card)
