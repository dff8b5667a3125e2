from .adapters import from_econml as from_econml, from_stochtree as from_stochtree
from .calibration import best_linear_predictor as best_linear_predictor, decile_calibration as decile_calibration
from .cells import benefit_from_posterior as benefit_from_posterior
from .costed import costed_qini as costed_qini
from .curves import (
    best_curve as best_curve,
    curve_area as curve_area,
    uplift_at as uplift_at,
    uplift_curve as uplift_curve,
)
from .estimator import UpliftEstimator as UpliftEstimator
from .learner import (
    Uplift as Uplift,
    learn_uplift as learn_uplift,
    person_benefit as person_benefit,
    predict as predict,
)
from .negative_controls import (
    SystematicError as SystematicError,
    calibrated as calibrated,
    systematic_error as systematic_error,
)
from .options import LearnerOptions as LearnerOptions
from .overlap import (
    balance as balance,
    check_overlap as check_overlap,
    overlap_by as overlap_by,
    weight_report as weight_report,
)
from .policy import (
    capacity_curve as capacity_curve,
    policy_gain as policy_gain,
    policy_value as policy_value,
    policy_value_weighted as policy_value_weighted,
)
from .rate import rate as rate, toc as toc
from .scores import average_effect as average_effect, doubly_robust_scores as doubly_robust_scores
from .sensitivity import (
    e_value as e_value,
    omitted_variable as omitted_variable,
    omitted_variable_bounds as omitted_variable_bounds,
    rosenbaum_bounds as rosenbaum_bounds,
)
