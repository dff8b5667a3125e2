"""
Bayesian health inequality, from tables to reports.

Public names in the order of a study; each is loaded on first use, so that importing the package is fast.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

_HOME: Final = {
    # tables
    "check": "bayesineq.tables.check",
    "read_table": "bayesineq.tables.files",
    "tabulate": "bayesineq.records.tabulate",
    "read_census": "bayesineq.tables.census",
    "read_deprivation": "bayesineq.tables.deprivation",
    "areas_within": "bayesineq.tables.lookups",
    "area_health": "bayesineq.tables.area_health",
    "quantile_groups": "bayesineq.tables.quantiles",
    "read_ethnicity": "bayesineq.records.ethnicity.codes",
    "crosswalk": "bayesineq.records.ethnicity.codes",
    "recode": "bayesineq.records.ethnicity.codes",
    "most_recent": "bayesineq.records.ethnicity.resolution",
    "most_frequent": "bayesineq.records.ethnicity.resolution",
    "first_source": "bayesineq.records.ethnicity.resolution",
    "ohid": "bayesineq.records.ethnicity.resolution",
    "cvdprevent": "bayesineq.records.ethnicity.resolution",
    "completeness": "bayesineq.records.ethnicity.completeness",
    "ons_confusion": "bayesineq.records.ethnicity.agreement",
    "confusion_of": "bayesineq.records.ethnicity.agreement",
    "with_intervals": "bayesineq.tables.intervals",
    "Rule": "bayesineq.disclosure.rule",
    "protect_tables": "bayesineq.disclosure.suppression",
    "protect_rates": "bayesineq.disclosure.rule",
    "release_people": "bayesineq.disclosure.release",
    # space
    "Adjacency": "bayesineq.space.adjacency",
    "contiguity": "bayesineq.space.contiguity",
    "from_edges": "bayesineq.space.adjacency",
    "read_adjacency": "bayesineq.space.contiguity",
    "read_areas": "bayesineq.space.areas",
    # design
    "ModelCard": "bayesineq.model.card",
    "read_card": "bayesineq.model.read_card",
    "Design": "bayesineq.design.matrix",
    "design": "bayesineq.design.matrix",
    "mixture": "bayesineq.design.mixture",
    # inference
    "fit": "bayesineq.inference.fit",
    "leave_group_out": "bayesineq.inference.sparse_engine.groups",
    "recording": "bayesineq.inference.mixture.recording",
    "weights": "bayesineq.inference.mixture.recording",
    "outcome_shift": "bayesineq.inference.mixture.recording",
    "fit_mixture": "bayesineq.inference.mixture.fit",
    "fit_recorded": "bayesineq.inference.mixture.study",
    "stack_imputations": "bayesineq.inference.mixture.fit",
    "tipping_point": "bayesineq.inference.mixture.tipping",
    # posterior
    "adjusted": "bayesineq.posterior.adjusted",
    "contrast": "bayesineq.posterior.contrast",
    "diagnose": "bayesineq.posterior.diagnose",
    "exceedance": "bayesineq.posterior.exceedance",
    "excursion_set": "bayesineq.posterior.exceedance",
    "expected": "bayesineq.posterior.expected",
    "inequality": "bayesineq.posterior.inequality",
    "intervals": "bayesineq.posterior.summarise",
    "load": "bayesineq.posterior.files",
    "over_draws": "bayesineq.posterior.lift",
    "population": "bayesineq.posterior.population",
    "rank_intervals": "bayesineq.posterior.ranks",
    "ranks": "bayesineq.posterior.ranks",
    "save": "bayesineq.posterior.files",
    "standardised": "bayesineq.posterior.standardise",
    "summarise": "bayesineq.posterior.summarise",
    "due_to_imputation": "bayesineq.posterior.imputation",
    "verdict": "bayesineq.posterior.verdict",
    # measures
    "difference": "bayesineq.measures.simple",
    "gini": "bayesineq.measures.welfare",
    "manual": "bayesineq.measures.registry",
    "ratio": "bayesineq.measures.simple",
    "rii": "bayesineq.measures.slope",
    "sii": "bayesineq.measures.slope",
    "theil": "bayesineq.measures.entropy",
    # uplift
    "Uplift": "bayesineq.uplift.learner",
    "average_effect": "bayesineq.uplift.scores",
    "combine": "bayesineq.uplift.benefit",
    "coverage": "bayesineq.uplift.transport",
    "doubly_robust_scores": "bayesineq.uplift.scores",
    "from_econml": "bayesineq.uplift.adapters",
    "from_effects": "bayesineq.uplift.benefit",
    "from_stochtree": "bayesineq.uplift.adapters",
    "predict": "bayesineq.uplift.learner",
    "PublishedEffect": "bayesineq.uplift.published",
    "Quantity": "bayesineq.uplift.published",
    "rescale": "bayesineq.uplift.benefit",
    "Share": "bayesineq.uplift.published",
    "transport": "bayesineq.uplift.transport",
    "uplift": "bayesineq.uplift.learner",
    # decisions
    "Intervention": "bayesineq.decisions.interventions",
    "allocate": "bayesineq.decisions.allocate",
    "compare": "bayesineq.decisions.compare",
    "compare_plans": "bayesineq.decisions.plans",
    "equity_weights": "bayesineq.decisions.aversion",
    "evppi": "bayesineq.decisions.information",
    "evsi": "bayesineq.decisions.information",
    "frontier": "bayesineq.decisions.frontier",
    "impact_plane": "bayesineq.decisions.distributional",
    "local_risk": "bayesineq.decisions.local",
    "need_of": "bayesineq.decisions.events",
    "net_benefit": "bayesineq.decisions.net_benefit",
    "net_health_by": "bayesineq.decisions.distributional",
    "population_value": "bayesineq.decisions.information",
    "rank_areas": "bayesineq.decisions.ranking",
    "read_plans": "bayesineq.decisions.read_plans",
    "shares_by": "bayesineq.decisions.equity",
    "slope_change": "bayesineq.decisions.equity",
    "under_bias": "bayesineq.decisions.robust",
    # report
    "Indicator": "bayesineq.report.figures.tartan",
    "hexagons": "bayesineq.report.figures.hexagons",
    "map_bivariate": "bayesineq.report.figures.tiers",
    "map_certainty": "bayesineq.report.figures.tiers",
    "map_posterior": "bayesineq.report.figures.maps",
    "map_tiers": "bayesineq.report.figures.tiers",
    "outline": "bayesineq.report.figures.outline",
    "plan_sections": "bayesineq.report.page.plans",
    "plot_acceptability": "bayesineq.report.figures.choices",
    "plot_associations": "bayesineq.report.figures.forest",
    "plot_calibration": "bayesineq.report.figures.checks",
    "plot_caterpillar": "bayesineq.report.figures.caterpillar",
    "plot_concentration": "bayesineq.report.figures.curves",
    "plot_equiplot": "bayesineq.report.figures.curves",
    "plot_forest": "bayesineq.report.figures.forest",
    "plot_frontier": "bayesineq.report.figures.choices",
    "plot_funnel": "bayesineq.report.figures.funnel",
    "plot_gradient": "bayesineq.report.figures.gradient",
    "plot_heat": "bayesineq.report.figures.heat",
    "plot_pareto": "bayesineq.report.figures.pareto",
    "plot_plane": "bayesineq.report.figures.choices",
    "plot_predictive": "bayesineq.report.figures.checks",
    "plot_prior_posterior": "bayesineq.report.figures.checks",
    "plot_tartan": "bayesineq.report.figures.tartan",
    "plot_trend": "bayesineq.report.figures.curves",
    "save_chart": "bayesineq.report.figures.style",
    "write_comparison": "bayesineq.report.page.plans",
    "write_report": "bayesineq.report.page.write",
    "released": "bayesineq.report.page.released",
    "released_measures": "bayesineq.report.page.released",
    "released_summary": "bayesineq.report.page.released",
    # simulate
    "simulate_counts": "bayesineq.simulate.worlds",
    "simulate_system": "bayesineq.simulate.system",
}

if TYPE_CHECKING:
    from bayesineq.decisions.allocate import allocate
    from bayesineq.decisions.aversion import equity_weights
    from bayesineq.decisions.compare import compare
    from bayesineq.decisions.distributional import impact_plane, net_health_by
    from bayesineq.decisions.equity import shares_by, slope_change
    from bayesineq.decisions.events import need_of
    from bayesineq.decisions.frontier import frontier
    from bayesineq.decisions.information import evppi, evsi, population_value
    from bayesineq.decisions.interventions import Intervention
    from bayesineq.decisions.local import local_risk
    from bayesineq.decisions.net_benefit import net_benefit
    from bayesineq.decisions.plans import compare_plans
    from bayesineq.decisions.ranking import rank_areas
    from bayesineq.decisions.read_plans import read_plans
    from bayesineq.decisions.robust import under_bias
    from bayesineq.design.matrix import Design, design
    from bayesineq.design.mixture import mixture
    from bayesineq.disclosure.release import release_people
    from bayesineq.disclosure.rule import Rule, protect_rates
    from bayesineq.disclosure.suppression import protect_tables
    from bayesineq.inference.fit import fit
    from bayesineq.inference.mixture.fit import fit_mixture, stack_imputations
    from bayesineq.inference.mixture.recording import outcome_shift, recording, weights
    from bayesineq.inference.mixture.study import fit_recorded
    from bayesineq.inference.mixture.tipping import tipping_point
    from bayesineq.inference.sparse_engine.groups import leave_group_out
    from bayesineq.measures.entropy import theil
    from bayesineq.measures.registry import manual
    from bayesineq.measures.simple import difference, ratio
    from bayesineq.measures.slope import rii, sii
    from bayesineq.measures.welfare import gini
    from bayesineq.model.card import ModelCard
    from bayesineq.model.read_card import read_card
    from bayesineq.posterior.adjusted import adjusted
    from bayesineq.posterior.contrast import contrast
    from bayesineq.posterior.diagnose import diagnose
    from bayesineq.posterior.exceedance import exceedance, excursion_set
    from bayesineq.posterior.expected import expected
    from bayesineq.posterior.files import load, save
    from bayesineq.posterior.imputation import due_to_imputation
    from bayesineq.posterior.inequality import inequality
    from bayesineq.posterior.lift import over_draws
    from bayesineq.posterior.population import population
    from bayesineq.posterior.ranks import rank_intervals, ranks
    from bayesineq.posterior.standardise import standardised
    from bayesineq.posterior.summarise import intervals, summarise
    from bayesineq.posterior.verdict import verdict
    from bayesineq.records.ethnicity.agreement import confusion_of, ons_confusion
    from bayesineq.records.ethnicity.codes import crosswalk, read_ethnicity, recode
    from bayesineq.records.ethnicity.completeness import completeness
    from bayesineq.records.ethnicity.resolution import cvdprevent, first_source, most_frequent, most_recent, ohid
    from bayesineq.records.tabulate import tabulate
    from bayesineq.report.figures.caterpillar import plot_caterpillar
    from bayesineq.report.figures.checks import plot_calibration, plot_predictive, plot_prior_posterior
    from bayesineq.report.figures.choices import plot_acceptability, plot_frontier, plot_plane
    from bayesineq.report.figures.curves import plot_concentration, plot_equiplot, plot_trend
    from bayesineq.report.figures.forest import plot_associations, plot_forest
    from bayesineq.report.figures.funnel import plot_funnel
    from bayesineq.report.figures.gradient import plot_gradient
    from bayesineq.report.figures.heat import plot_heat
    from bayesineq.report.figures.hexagons import hexagons
    from bayesineq.report.figures.maps import map_posterior
    from bayesineq.report.figures.outline import outline
    from bayesineq.report.figures.pareto import plot_pareto
    from bayesineq.report.figures.style import save_chart
    from bayesineq.report.figures.tartan import Indicator, plot_tartan
    from bayesineq.report.figures.tiers import map_bivariate, map_certainty, map_tiers
    from bayesineq.report.page.plans import plan_sections, write_comparison
    from bayesineq.report.page.released import released, released_measures, released_summary
    from bayesineq.report.page.write import write_report
    from bayesineq.simulate.system import simulate_system
    from bayesineq.simulate.worlds import simulate_counts
    from bayesineq.space.adjacency import Adjacency, from_edges
    from bayesineq.space.areas import read_areas
    from bayesineq.space.contiguity import contiguity, read_adjacency
    from bayesineq.tables.area_health import area_health
    from bayesineq.tables.census import read_census
    from bayesineq.tables.check import check
    from bayesineq.tables.deprivation import read_deprivation
    from bayesineq.tables.files import read_table
    from bayesineq.tables.intervals import with_intervals
    from bayesineq.tables.lookups import areas_within
    from bayesineq.tables.quantiles import quantile_groups
    from bayesineq.uplift.adapters import from_econml, from_stochtree
    from bayesineq.uplift.benefit import combine, from_effects, rescale
    from bayesineq.uplift.learner import Uplift, predict, uplift
    from bayesineq.uplift.published import PublishedEffect, Quantity, Share
    from bayesineq.uplift.scores import average_effect, doubly_robust_scores
    from bayesineq.uplift.transport import coverage, transport

# A function shares its folder's name. Importing a folder puts it on the package under that name, once: taking it
# off again leaves the name to the function, and `from bayesineq.design.matrix import ...` works all the same.
for _folder in ("design", "uplift"):
    import_module(f"bayesineq.{_folder}")
    del globals()[_folder]


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'bayesineq' has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
