from .adjusted import adjusted as adjusted
from .calibration import calibration as calibration
from .conflict import Conflict as Conflict, conflicts as conflicts, power_scaling as power_scaling
from .contrast import contrast as contrast
from .diagnose import Diagnosis as Diagnosis, diagnose as diagnose
from .groups import (
    average as average,
    by_level as by_level,
    exceedance as exceedance,
    excursion_set as excursion_set,
    interval as interval,
    intervals as intervals,
    probability_of_rank as probability_of_rank,
    rank_intervals as rank_intervals,
    ranks as ranks,
    summarise as summarise,
)
from .expected import contribution as contribution, expected as expected
from .files import load as load, save as save
from .imputation import due_to_imputation as due_to_imputation
from .inequality import inequality as inequality
from .lift import over_draws as over_draws
from .lives import life_expectancy as life_expectancy
from .maihda import change_in_variance as change_in_variance, intersectional as intersectional
from .outcomes import one_outcome as one_outcome, outcome_names as outcome_names
from .population import population as population
from .predictive import predictive as predictive
from .spatial import spatial_fraction as spatial_fraction
from .standardise import (
    european_standard as european_standard,
    standardised as standardised,
    standardised_ratio as standardised_ratio,
)
from .verdict import Verdict as Verdict, verdict as verdict
from .waic import Waic as Waic, waic as waic
