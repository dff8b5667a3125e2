"""People with the columns of their cells: where they lived, their deprivation and ethnicity, and their age on a day."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from bayesineq.cohort.members import Cohort
from bayesineq.cohort.observed import lived_in
from bayesineq.dims import AGE, AREA, DECILE, ETHNICITY, PERSON, SEX
from bayesineq.records.calendar import age_at, month_number
from bayesineq.records.places import GROUP, MISSING
from bayesineq.records.tabulate import age_bands

if TYPE_CHECKING:
    import ibis

YEAR: Final = "year"


def placed(cohort: Cohort, people: ibis.Table, by: Sequence[str], day: ibis.Value | None) -> ibis.Table:
    """People with the columns of their cells: the place on their index date, and the age on a day."""
    kept = list(people.columns)
    if day is not None and AGE in by:
        people = people.mutate(_age=age_at(people["birth"], day))
        people = people.mutate(**{AGE: age_bands(people["_age"], cohort.card.bands)})
    if day is not None and YEAR in by:
        people = people.mutate(**{YEAR: month_number(people["index"]) // 12})
    names = list(people.columns)
    homes = lived_in(cohort.records, people.select(PERSON, "index"), "index")
    people = people.left_join(homes, PERSON).select(*names, AREA, GROUP)
    # Who has an area needs no reason.
    why = people[AREA].isnull().ifelse(people[GROUP].fill_null(MISSING), None)
    people = people.mutate(**{GROUP: why})
    return cohort.strata.of(people) if {DECILE, ETHNICITY} & {*by, *kept} else people


def placed_members(cohort: Cohort, by: Sequence[str]) -> ibis.Table:
    """Members with the place of their index date and what it tells; their age and year come with each event."""
    members = cohort.members.select(PERSON, "birth", SEX, "index", "begin", "until")
    if DECILE in cohort.records.persons.columns:
        own = cohort.records.persons.select(PERSON, DECILE)
        members = members.join(own, PERSON).select(*members.columns, DECILE)
    return placed(cohort, members, by, None)
