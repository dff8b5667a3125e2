from .associations import age_gradients as age_gradients, rank_associations as rank_associations
from .boards import board_tables as board_tables
from .cohorts import could_have_come as could_have_come, over_representation as over_representation
from .comparisons import deprivation_gaps as deprivation_gaps, peer_areas as peer_areas
from .england import cohort_table as cohort_table, england_tables as england_tables, write_england as write_england
from .folder import (
    England as England,
    find_files as find_files,
    read_england as read_england,
    rural_or_urban as rural_or_urban,
)
from .neighbourhoods import domain_gradients as domain_gradients
from .plain_pages import timeline_page as timeline_page, travel_page as travel_page
from .prevalence import (
    PracticePrevalence as PracticePrevalence,
    agreement as agreement,
    practice_prevalence as practice_prevalence,
    write_practices as write_practices,
)
from .summaries import area_summary as area_summary, practice_summary as practice_summary
from .timeline import event_timeline as event_timeline
from .travelling import travel_by_deprivation as travel_by_deprivation
