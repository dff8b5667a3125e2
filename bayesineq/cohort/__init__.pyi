from .card import CohortCard as CohortCard, Count as Count, Requirement as Requirement
from .cells import (
    Cells as Cells,
    cells_of_card as cells_of_card,
    cohort_cells as cohort_cells,
    cohort_people as cohort_people,
)
from .codelists import (
    CodeList as CodeList,
    compare_codelists as compare_codelists,
    ethnic_groups as ethnic_groups,
    groups_lacking as groups_lacking,
    read_codelist as read_codelist,
)
from .morbidity import conditions as conditions, morbidity as morbidity, segment_people as segment_people
from .pairs import (
    ConditionPairs as ConditionPairs,
    condition_groups as condition_groups,
    condition_pairs as condition_pairs,
    condition_triads as condition_triads,
)
from .rules import (
    Condition as Condition,
    Part as Part,
    Rules as Rules,
    Segment as Segment,
    read_rules as read_rules,
)
from .filled import ethnicity_effect as ethnicity_effect
from .groups import (
    Group as Group,
    nested_groups as nested_groups,
    read_groups as read_groups,
    risk_with_and_without as risk_with_and_without,
)
from .members import Cohort as Cohort, cohort as cohort
from .read_cohort import cohort_names as cohort_names, read_cohort as read_cohort
from .segments import Segments as Segments, by_stratum as by_stratum, segments as segments
from .costs import (
    SegmentCosts as SegmentCosts,
    UnitCost as UnitCost,
    read_unit_costs as read_unit_costs,
    segment_costs as segment_costs,
)
