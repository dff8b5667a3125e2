from .allocate import (
    Allocation as Allocation,
    Constraints as Constraints,
    allocate as allocate,
    budgeted_information as budgeted_information,
)
from .aversion import equally_distributed_equivalent as equally_distributed_equivalent, equity_weights as equity_weights
from .benefit import combine as combine, from_effects as from_effects, rescale as rescale
from .compare import Comparison as Comparison, compare as compare, switch_thresholds as switch_thresholds
from .distributional import ImpactPlane as ImpactPlane, impact_plane as impact_plane, net_health_by as net_health_by
from .equity import shares_by as shares_by, slope_change as slope_change
from .events import need_of as need_of
from .frontier import frontier as frontier
from .information import (
    evpi as evpi,
    evppi as evppi,
    evsi as evsi,
    population_value as population_value,
    value_of_stratification as value_of_stratification,
)
from .interventions import Intervention as Intervention
from .local import local_risk as local_risk
from .net_benefit import net_benefit as net_benefit
from .plan_benefit import plan_benefit as plan_benefit
from .plans import PlanComparison as PlanComparison, PlanOptions as PlanOptions, compare_plans as compare_plans
from .published import PublishedEffect as PublishedEffect, Quantity as Quantity, Share as Share
from .ranking import rank_areas as rank_areas
from .read_plans import read_plans as read_plans
from .robust import tipping_points as tipping_points, under_bias as under_bias
from .transport import coverage as coverage, transport as transport
