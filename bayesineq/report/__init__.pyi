from .page.plans import plan_sections as plan_sections, write_comparison as write_comparison
from .page.released import (
    released as released,
    released_measures as released_measures,
    released_summary as released_summary,
)
from .page.write import write_report as write_report
