from .codelists import (
    CodeList as CodeList,
    compare_codelists as compare_codelists,
    ethnic_groups as ethnic_groups,
    groups_lacking as groups_lacking,
    read_codelist as read_codelist,
)
from .segments import Segments as Segments, by_stratum as by_stratum, segments as segments
