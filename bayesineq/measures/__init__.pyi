from .association import (
    correlation as correlation,
    partial_correlation as partial_correlation,
    percentiles as percentiles,
    rank_correlations as rank_correlations,
)
from .burden import (
    comorbid_weights as comorbid_weights,
    disability_adjusted_life_years as disability_adjusted_life_years,
    fraction_by_exposure as fraction_by_exposure,
    from_burden_layout as from_burden_layout,
    joint_fraction as joint_fraction,
    to_burden_layout as to_burden_layout,
    years_lived_with_disability as years_lived_with_disability,
)
from .concentration import (
    absolute_concentration_index as absolute_concentration_index,
    erreygers_index as erreygers_index,
    extended_concentration_index as extended_concentration_index,
    horizontal_inequity as horizontal_inequity,
    relative_concentration_index as relative_concentration_index,
    symmetric_concentration_index as symmetric_concentration_index,
    wagstaff_index as wagstaff_index,
)
from .decompose import (
    change_by_composition as change_by_composition,
    change_in_slope as change_in_slope,
    concentration_decomposition as concentration_decomposition,
    entropy_decomposition as entropy_decomposition,
    kitagawa as kitagawa,
    mookherjee_shorrocks as mookherjee_shorrocks,
    oaxaca_blinder as oaxaca_blinder,
    shapley as shapley,
)
from .dispersion import (
    between_group_standard_deviation as between_group_standard_deviation,
    between_group_variance as between_group_variance,
    coefficient_of_variation as coefficient_of_variation,
    hoover_index as hoover_index,
    index_of_disparity_unweighted as index_of_disparity_unweighted,
    index_of_disparity_weighted as index_of_disparity_weighted,
    mean_difference_from_best_unweighted as mean_difference_from_best_unweighted,
    mean_difference_from_best_weighted as mean_difference_from_best_weighted,
    mean_difference_from_mean_unweighted as mean_difference_from_mean_unweighted,
    mean_difference_from_mean_weighted as mean_difference_from_mean_weighted,
    mean_difference_from_reference_unweighted as mean_difference_from_reference_unweighted,
    mean_difference_from_reference_weighted as mean_difference_from_reference_weighted,
)
from .entropy import (
    generalised_entropy as generalised_entropy,
    mean_log_deviation as mean_log_deviation,
    symmetrised_theil as symmetrised_theil,
    theil as theil,
)
from .estimates import NoiseCountedTwiceWarning as NoiseCountedTwiceWarning, from_estimates as from_estimates
from .gradient import (
    departure_from_line as departure_from_line,
    gradient_curvature as gradient_curvature,
    gradient_curve as gradient_curve,
    linear_gradient as linear_gradient,
    monotone_gradient as monotone_gradient,
    sii_monotone as sii_monotone,
)
from .heterogeneity import (
    individual_variance as individual_variance,
    marginal_count as marginal_count,
    median_odds_ratio as median_odds_ratio,
    proportional_change_in_variance as proportional_change_in_variance,
    variance_partition as variance_partition,
    variance_partition_response as variance_partition_response,
)
from .impact import (
    attributable_fraction as attributable_fraction,
    events_to_close_gap as events_to_close_gap,
    excess_events as excess_events,
    population_attributable_fraction as population_attributable_fraction,
    population_attributable_risk as population_attributable_risk,
)
from .intersectional import (
    additive_and_interaction as additive_and_interaction,
    additive_share as additive_share,
    discriminatory_accuracy as discriminatory_accuracy,
    interaction_on_response as interaction_on_response,
)
from .life_table import (
    healthy_life_expectancy as healthy_life_expectancy,
    life_expectancy as life_expectancy,
    life_expectancy_limits as life_expectancy_limits,
    years_of_life_lost as years_of_life_lost,
)
from .limits import (
    byar_limits as byar_limits,
    poisson_limits as poisson_limits,
    rank_correlation_limits as rank_correlation_limits,
    standard_errors as standard_errors,
    wilson_limits as wilson_limits,
)
from .pairs import (
    Associations as Associations,
    MantelHaenszel as MantelHaenszel,
    associations as associations,
    mantel_haenszel as mantel_haenszel,
    order_of_onset as order_of_onset,
    risk_ratios as risk_ratios,
)
from .registry import MEASURES as MEASURES, describe as describe, find as find, manual as manual
from .scores import calibration_curve as calibration_curve, score_quality as score_quality
from .simple import (
    core20_gap as core20_gap,
    core20_ratio as core20_ratio,
    difference as difference,
    gap_to_average as gap_to_average,
    gap_to_target as gap_to_target,
    quantile_difference as quantile_difference,
    quantile_ratio as quantile_ratio,
    range_difference as range_difference,
    range_ratio as range_ratio,
    ratio as ratio,
    share_ratio as share_ratio,
)
from .slope import rii as rii, sii as sii, slope_ends as slope_ends
from .specification import Measure as Measure
from .standardise import (
    Standard as Standard,
    direct_rate as direct_rate,
    dsr as dsr,
    esp2013 as esp2013,
    indirect_ratio as indirect_ratio,
    isr as isr,
)
from .steps import gap_by_steps as gap_by_steps
from .totals import Margin as Margin, rake as rake
from .triads import Triads as Triads, triads as triads
from .undefined import UndefinedDrawsWarning as UndefinedDrawsWarning
from .welfare import (
    atkinson as atkinson,
    atkinson_ede as atkinson_ede,
    gini as gini,
    kolm as kolm,
    kolm_ede as kolm_ede,
    s_gini as s_gini,
    s_gini_ede as s_gini_ede,
)
from .funnel import funnel_limits as funnel_limits, observed_expected as observed_expected
from .waits import still_waiting as still_waiting
from .demand import demand_next_year as demand_next_year
