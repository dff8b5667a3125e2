from .prevalence import (
    PracticePrevalence as PracticePrevalence,
    agreement as agreement,
    practice_prevalence as practice_prevalence,
    write_practices as write_practices,
)
