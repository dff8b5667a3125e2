from .confusion import (
    coarsened as coarsened,
    confusion_from_agreement as confusion_from_agreement,
    confusion_of as confusion_of,
    ons_agreement as ons_agreement,
    ons_confusion as ons_confusion,
)
from .codes import (
    crosswalk as crosswalk,
    known_codes as known_codes,
    read_ethnicity as read_ethnicity,
    recode as recode,
    sample_codes as sample_codes,
    scheme_codes as scheme_codes,
)
from .completeness import (
    agreement as agreement,
    completeness as completeness,
    completeness_by_year as completeness_by_year,
    conflicts as conflicts,
    latest_by_source as latest_by_source,
)
from .imputed import imputed_effect as imputed_effect
from .recorded import Recorded as Recorded, read_records as read_records
from .resolution import (
    cvdprevent as cvdprevent,
    first_source as first_source,
    most_frequent as most_frequent,
    most_recent as most_recent,
    ohid as ohid,
    resolve as resolve,
)
from .unknown import complete_case as complete_case, pro_rata as pro_rata, unknown_as_group as unknown_as_group
