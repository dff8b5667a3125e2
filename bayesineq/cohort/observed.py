"""Days on which people are observed: registered, born, alive and within the records; and where they lived."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Final

from bayesineq.dims import AREA, PERSON
from bayesineq.records.calendar import day_number
from bayesineq.records.engines import collected
from bayesineq.records.places import GROUP, MISSING, place_group, postcode_key

if TYPE_CHECKING:
    import ibis

    from bayesineq.records.normal import Records

LONG_AGO: Final = date(1850, 1, 1).toordinal()
"""Where no first day is known."""


def observed_days(records: Records, last: date) -> tuple[ibis.Table, tuple[str, ...]]:
    """
    Stretches over which people are observed: `person`, `opens`, `closes` (numbers of days), which do not overlap.

    Periods of registration that meet or overlap are one stretch. It ends with death, and on the last day of the study.
    Where the records hold no day of registration at all, everybody is observed from birth, which the note says.
    """
    import ibis

    periods = records.registration_periods
    dated = periods["start"].notnull() | periods["end"].notnull()
    counted = periods.aggregate(rows=periods.count(), people=periods[PERSON].nunique(), dated=dated.cast("int64").sum())
    rows, people, dated_rows = map(int, collected(counted, records.origin).fillna(0).iloc[0])
    persons = records.persons.select(
        PERSON, born=day_number(records.persons["birth"]), died=day_number(records.persons["death"])
    )
    notes: tuple[str, ...] = ()
    if dated_rows == 0:
        notes = (
            "the records hold no registrations with a day: everybody counts as observed until death or the last day",
        )
        stretches = persons.mutate(opens=ibis.literal(LONG_AGO), closes=ibis.literal(last.toordinal()))
    else:
        days = periods.select(
            PERSON,
            opens=day_number(periods["start"]).fill_null(LONG_AGO),
            closes=day_number(periods["end"]).fill_null(last.toordinal()),
        )
        # Windows over all periods cost seconds, and most sources have one a person.
        stretches = (_joined_up(days) if rows > people else days).join(persons, PERSON)
    opens, closes = stretches["opens"], stretches["closes"]
    died, born = stretches["died"].fill_null(last.toordinal()), stretches["born"].fill_null(LONG_AGO)
    clipped = stretches.select(
        PERSON,
        opens=ibis.ifelse(opens > born, opens, born),
        closes=ibis.ifelse(closes < died, closes, died),
    )
    until = ibis.ifelse(clipped["closes"] < last.toordinal(), clipped["closes"], last.toordinal())
    clipped = clipped.mutate(closes=until)
    return clipped.filter(clipped["closes"] >= clipped["opens"]), notes


def _joined_up(days: ibis.Table) -> ibis.Table:
    """Periods that meet or overlap as one."""
    import ibis

    days = days.filter(days["closes"] >= days["opens"])
    before = ibis.window(group_by=PERSON, order_by=["opens", "closes"], preceding=(None, 1))
    days = days.mutate(until=days["closes"].max().over(before))
    apart = days["until"].isnull() | (days["opens"] > days["until"] + 1)
    days = days.mutate(new=apart.cast("int64"))
    so_far = ibis.window(group_by=PERSON, order_by=["opens", "closes"], preceding=(None, 0))
    days = days.mutate(stretch=days["new"].sum().over(so_far))
    return (
        days.group_by([PERSON, "stretch"])
        .aggregate(opens=days["opens"].min(), closes=days["closes"].max())
        .drop("stretch")
    )


def lived_in(records: Records, people: ibis.Table, day: str) -> ibis.Table:
    """
    `person`, `area` and `place_group` of the address on a day of each person: the one begun last, where several.

    `day` is the column of `people` that holds the number of the day.
    """
    met = people.select(PERSON, _day=people[day]).join(_homes(records), PERSON)
    return _last(met.filter((met["_from"] <= met["_day"]) & (met["_to"].isnull() | (met["_to"] >= met["_day"]))))


def last_home(records: Records) -> ibis.Table:
    """`person`, `area` and `place_group` of the address begun last."""
    return _last(_homes(records))


def _homes(records: Records) -> ibis.Table:
    """Addresses that say something, with their days as numbers and their group."""
    homes = records.addresses
    group = homes[GROUP] if GROUP in homes.columns else place_group(homes[AREA], postcode_key(homes["postcode"]))
    here = homes.select(
        PERSON, AREA, _from=day_number(homes["start"]).fill_null(LONG_AGO), _to=day_number(homes["end"]), _group=group
    )
    return here.filter(here["_group"] != MISSING)


def _last(homes: ibis.Table) -> ibis.Table:
    """
    The address begun last; of several begun on one day one with an area, and of these the last by code.

    Texts that sort in this order are compared, so that every engine and every order of rows gives the same.
    """
    import ibis

    area = homes[AREA].fill_null("")
    key = homes["_from"].cast("string").lpad(7, "0") + ibis.ifelse(area == "", "0", "1") + area + "|" + homes["_group"]
    last = homes.mutate(_key=key).group_by(PERSON).aggregate(_key=lambda t: t["_key"].max())
    told = last["_key"].substr(8)
    return last.select(
        PERSON, **{AREA: told.substr(0, told.find("|")).nullif(""), GROUP: told.substr(told.find("|") + 1)}
    )
