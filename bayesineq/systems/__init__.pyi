from .burden import burden as burden
from .card import (
    BurdenCard as BurdenCard,
    CostsCard as CostsCard,
    EffectCard as EffectCard,
    MultimorbidityCard as MultimorbidityCard,
    RiskCard as RiskCard,
    UndiagnosedCard as UndiagnosedCard,
    read_system as read_system,
    system_names as system_names,
)
from .costs import costs as costs
from .effect import effect as effect
from .files import read_counts as read_counts, write_system as write_system
from .multimorbidity import (
    ConditionCounts as ConditionCounts,
    count_cohort as count_cohort,
    count_conditions as count_conditions,
    multimorbidity as multimorbidity,
    pairs_of_table as pairs_of_table,
)
from .risk import RiskModel as RiskModel, learn_risk as learn_risk, risk as risk
from .undiagnosed import (
    rank_for_testing as rank_for_testing,
    offers_by_group as offers_by_group,
    undiagnosed as undiagnosed,
    unrecorded_chance as unrecorded_chance,
)
from .weights import (
    DisabilityWeights as DisabilityWeights,
    read_life_table as read_life_table,
    read_weights as read_weights,
)
