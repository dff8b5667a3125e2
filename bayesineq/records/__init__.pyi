from . import ethnicity as ethnicity
from .adapters.adapt import adapt as adapt
from .adapters.mapping import mapping_names as mapping_names, read_mapping as read_mapping
from .engines import connect as connect
from .linkage import Linked as Linked, link as link
from .normal import Note as Note, Records as Records, read_normal as read_normal, unmapped as unmapped
from .person_time import (
    EventRule as EventRule,
    at_risk as at_risk,
    incidence as incidence,
    lexis as lexis,
    prevalence as prevalence,
)
from .places import places as places, postcode_key as postcode_key, read_postcodes as read_postcodes
from .quality import Quality as Quality, quality as quality
from .tabulate import age_bands as age_bands, band_labels as band_labels, cells as cells, tabulate as tabulate
from .vocabulary import with_descendants as with_descendants
