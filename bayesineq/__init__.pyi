from . import (
    cohort as cohort,
    decisions as decisions,
    disclosure as disclosure,
    inference as inference,
    measures as measures,
    model as model,
    own as own,
    pathway as pathway,
    plots as plots,
    posterior as posterior,
    practices as practices,
    records as records,
    report as report,
    simulate as simulate,
    space as space,
    systems as systems,
    tables as tables,
    uplift as uplift,
)
from .decisions.allocate import allocate as allocate
from .decisions.compare import compare as compare
from .decisions.interventions import Intervention as Intervention
from .decisions.plans import compare_plans as compare_plans
from .decisions.read_plans import read_plans as read_plans
from .design.matrix import design as design
from .disclosure.rule import Rule as Rule
from .examples import example as example
from .inference.fit import LaplaceOptions as LaplaceOptions, NutsOptions as NutsOptions, fit as fit
from .inference.mixture.study import fit_recorded as fit_recorded
from .measures.registry import manual as manual
from .measures.simple import difference as difference, ratio as ratio
from .measures.slope import rii as rii, sii as sii
from .model.read_card import read_card as read_card
from .own.start import start as start
from .posterior.adjusted import adjusted as adjusted
from .posterior.contrast import contrast as contrast
from .posterior.diagnose import diagnose as diagnose
from .posterior.groups import exceedance as exceedance
from .posterior.expected import expected as expected
from .posterior.files import load as load, save as save
from .posterior.inequality import inequality as inequality
from .posterior.lift import over_draws as over_draws
from .posterior.population import population as population
from .posterior.groups import ranks as ranks
from .posterior.standardise import standardised as standardised
from .posterior.groups import intervals as intervals, summarise as summarise
from .posterior.verdict import verdict as verdict
from .records.tabulate import tabulate as tabulate
from .report.figures.maps import map_posterior as map_posterior
from .report.page.plans import write_comparison as write_comparison
from .report.page.write import write_report as write_report
from .simulate.system import simulate_system as simulate_system
from .simulate.worlds import simulate_counts as simulate_counts
from .space.areas import read_areas as read_areas
from .space.contiguity import contiguity as contiguity, read_adjacency as read_adjacency
from .tables.check import check as check
from .tables.files import read_table as read_table
from .uplift.learner import learn_uplift as learn_uplift
