from .page.heading import ReportOptions as ReportOptions
from .page.plans import plan_sections as plan_sections, write_comparison as write_comparison
from .page.passed_on import write_released as write_released
from .page.pathway import pathway_sections as pathway_sections, trend_section as trend_section
from .page.recorded import read_quality as read_quality
from .page.systems import (
    read_systems as read_systems,
    system_sections as system_sections,
    write_dashboard as write_dashboard,
)
from .page.write import write_report as write_report
from .tables.passed_on import measures_of_released as measures_of_released
from .tables.released import released_measures as released_measures
