from .lives import (
    LifeExpectancy as LifeExpectancy,
    ReferenceTable as ReferenceTable,
    life_expectancy as life_expectancy,
    years_lost as years_lost,
)
from .many_areas import (
    expected_deaths as expected_deaths,
    life_expectancy_of_areas as life_expectancy_of_areas,
)
from .need import (
    Undiagnosed as Undiagnosed,
    UnmetNeed as UnmetNeed,
    undiagnosed as undiagnosed,
    unmet_need as unmet_need,
)
from .outcomes import each_outcome as each_outcome
from .over_time import (
    GapOverTime as GapOverTime,
    OwnTrends as OwnTrends,
    SpreadOverTime as SpreadOverTime,
    gap_over_time as gap_over_time,
    own_trends as own_trends,
    spread_over_time as spread_over_time,
)
from .places import PlacesTogether as PlacesTogether, correlation_of_places as correlation_of_places
from .steps import (
    GapBySteps as GapBySteps,
    Step as Step,
    check_steps as check_steps,
    gap_along_steps as gap_along_steps,
)
from .totals import Known as Known, MetTotals as MetTotals, meet_totals as meet_totals
