from .prevalence import (
    PracticePrevalence as PracticePrevalence,
    agreement as agreement,
    practice_prevalence as practice_prevalence,
    write_practices as write_practices,
)
from .summaries import area_summary as area_summary, practice_summary as practice_summary
