from .codelists import (
    CodeList as CodeList,
    compare_codelists as compare_codelists,
    ethnic_groups as ethnic_groups,
    groups_lacking as groups_lacking,
    read_codelist as read_codelist,
)
from .morbidity import conditions as conditions, morbidity as morbidity, segment_people as segment_people
from .rules import (
    Condition as Condition,
    Part as Part,
    Rules as Rules,
    Segment as Segment,
    read_rules as read_rules,
)
from .segments import Segments as Segments, by_stratum as by_stratum, segments as segments
