from .area_health import area_health as area_health
from .census import read_census as read_census
from .check import check as check
from .codes import code_list as code_list
from .dates import read_dates as read_dates
from .deprivation import read_deprivation as read_deprivation
from .files import read_table as read_table
from .findings import Finding as Finding
from .follow_up import split_follow_up as split_follow_up
from .leaks import leaks as leaks
from .geographies import Geography as Geography, geographies as geographies, geography as geography
from .intervals import Publication as Publication, read_intervals as read_intervals, with_intervals as with_intervals
from .lookups import (
    area_parts as area_parts,
    areas_within as areas_within,
    carry_counts as carry_counts,
    read_changes as read_changes,
)
from .practices import (
    PracticeTables as PracticeTables,
    Register as Register,
    read_practices as read_practices,
    register as register,
)
from .publishers.read import Published as Published, read_published as read_published
from .quantiles import quantile_groups as quantile_groups, quintiles_from_deciles as quintiles_from_deciles
from .recognise import Recognised as Recognised, recognise as recognise
from .registrations import read_registrations as read_registrations
from .schema import TableSchema as TableSchema, read_schema as read_schema, schema_names as schema_names
from .vintage import join as join, mixed_areas as mixed_areas, vintage as vintage
