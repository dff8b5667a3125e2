"""What became of appointments, waits and stays: counted where the records are, with what was known beforehand only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from bayesineq.cohort.card import APPOINTMENT, REFERRAL, STAY, SpellFact
from bayesineq.cohort.members import Cohort
from bayesineq.dims import AGE, AREA, DECILE, ETHNICITY, PERSON, SEX
from bayesineq.errors import SchemaError
from bayesineq.records.calendar import age_at, day_number
from bayesineq.records.engines import collected
from bayesineq.records.places import GROUP
from bayesineq.records.tabulate import age_bands

if TYPE_CHECKING:
    import ibis

LEAD_DAYS: Final = (0, 1, 3, 8, 15, 31)
WAIT_DAYS: Final = (0, 28, 84, 126, 252, 364)
LOOK_BACK: Final = 365
"""Days before a booking whose appointments are its history."""
READMITTED: Final = 30
NOT_KNOWN: Final = "not known"
_FEWEST_WAITS: Final = 50


@dataclass(frozen=True, slots=True)
class Contacts:
    """
    Contacts of members as rows of a table.

    Parameters
    ----------
    rows : ibis.Table
        Sums by the columns of `by` and why there is no area; or a row a stay.
    by : tuple of str
        Columns of a cell.
    notes : tuple of str
        What a reader must know.
    """

    rows: ibis.Table
    by: tuple[str, ...]
    notes: tuple[str, ...] = ()


def appointments(cohort: Cohort, members: ibis.Table) -> Contacts:
    """
    Appointments of members in their follow-up: cancelled by whom, missed, with lead time and earlier attendance.

    History is of appointments that were over on the day before the booking, or before the appointment where the day of
    booking is not known: what came later, the appointment itself among it, cannot be in it.
    """
    every = _contacts(cohort, APPOINTMENT).filter(lambda t: t["outcome"].notnull() & t["began"].notnull())
    every = every.mutate(asked=every["booked"].coalesce(every["began"]))
    _refuse_turned(cohort, every, "booked", "began", "appointments were booked after the day they were on")
    mine = every.join(members, PERSON)
    mine = mine.filter((mine["began"] >= mine["begin"]) & (mine["began"] <= mine["until"]))
    names = list(mine.columns)
    before = _history(every)
    mine = mine.left_join(before, [PERSON, "asked"]).select(*names, "history")
    lead = age_bands(mine["began"] - mine["booked"], LEAD_DAYS).fill_null(NOT_KNOWN)
    mine = mine.mutate(lead_time=lead, **{AGE: _age(cohort, mine, "began")})
    by = (AREA, DECILE, ETHNICITY, AGE, SEX, "lead_time", "history")
    outcome = mine["outcome"]
    flags = {
        "cancelled_by_provider": outcome == "cancelled by provider",
        "not_cancelled_by_provider": outcome != "cancelled by provider",
        "cancelled_by_patient": outcome.isin(["cancelled by patient", "cancelled"]),
        "due": outcome.isin(["attended", "missed"]),
        "missed": outcome == "missed",
    }
    sums = {name: flag.cast("int64").sum() for name, flag in flags.items()}
    return Contacts(mine.group_by([*by, GROUP]).aggregate(appointments=mine.count(), **sums), by)


def _history(every: ibis.Table) -> ibis.Table:
    """`person`, `asked` and `history` in the year before each day on which something was booked."""
    import ibis

    days = every.select(PERSON, "asked").distinct()
    none = ibis.literal(0, "int64")
    parts = [
        days.select(
            PERSON, day=days["asked"] - back, asked=days["asked"], event=none, came=none, missed=none, back=gone
        )
        for back, gone in ((0, ibis.literal(0, "int64")), (LOOK_BACK, ibis.literal(1, "int64")))
    ]
    met = every.filter(every["outcome"].isin(["attended", "missed"]))
    one = ibis.literal(1, "int64")
    parts.append(
        met.select(
            PERSON, day=met["began"], asked=ibis.null("int64"), event=one, came=one,
            missed=(met["outcome"] == "missed").cast("int64"), back=ibis.literal(2, "int64"),
        )
    )  # fmt: skip
    points = parts[0].union(*parts[1:])
    # On one day the question comes before what happens on it.
    so_far = ibis.window(group_by=PERSON, order_by=["day", "event"], preceding=(None, 0))
    points = points.mutate(came=points["came"].sum().over(so_far), missed=points["missed"].sum().over(so_far))
    now = points.filter(points["back"] == 0).select(PERSON, "asked", "came", "missed").distinct()
    then = points.filter(points["back"] == 1).select(PERSON, "asked", came_then="came", missed_then="missed").distinct()
    both = now.join(then, [PERSON, "asked"])
    # Who has records for less than the look-back is not known to have missed nothing.
    begins = met.aggregate(first=met["began"].min()).as_scalar()
    came, missed = both["came"] - both["came_then"], both["missed"] - both["missed_then"]
    said = ibis.cases(
        (missed > 0, "missed some"),
        (both["asked"] - LOOK_BACK < begins, NOT_KNOWN),
        (came > 0, "attended all"),
        else_="none",
    )
    return both.select(PERSON, "asked", history=said)


def waits(cohort: Cohort, members: ibis.Table) -> Contacts:
    """
    Waits from the day of a referral in follow-up until somebody is seen: people seen and days waited, by stretch.

    Who was not seen by the end of follow-up has waited until then. Contacts that were missed or cancelled end no wait;
    referrals of a person on one day are one.
    """
    import ibis

    every = _contacts(cohort, REFERRAL).filter(lambda t: t["booked"].notnull())
    _refuse_turned(cohort, every, "booked", "began", "waits ended before they began")
    comes = every["outcome"].isnull() | (every["outcome"] == "attended")
    by_referral = every.group_by([PERSON, "booked"]).aggregate(began=every["began"].min(where=comes))
    mine = by_referral.join(members, PERSON)
    mine = mine.filter((mine["booked"] >= mine["begin"]) & (mine["booked"] <= mine["until"]))
    ended = (mine["began"] <= mine["until"]).fill_null(False)
    last = ended.ifelse(mine["began"], mine["until"])
    # Who is seen on the day itself has waited half a day.
    days = ibis.greatest((last - mine["booked"]).cast("float64"), ibis.literal(0.5))
    mine = mine.mutate(ended=ended.cast("int64"), days=days, **{AGE: _age(cohort, mine, "booked")})
    notes = _completed_only(cohort, mine)
    ends = [*pairwise(WAIT_DAYS), (WAIT_DAYS[-1], None)]
    by = (AREA, DECILE, ETHNICITY, AGE, SEX, "interval")
    parts = []
    for low, high in ends:
        there = mine.filter(mine["days"] > low)
        until = there["days"] if high is None else ibis.least(there["days"], ibis.literal(float(high)))
        over = there["ended"] if high is None else there["ended"] * (there["days"] <= high).cast("int64")
        name = f"{low:03d}+" if high is None else f"{low:03d}-{high:03d}"
        there = there.mutate(interval=ibis.literal(name), over=over, inside=until - low)
        parts.append(
            there.group_by([*by, GROUP]).aggregate(seen=there["over"].sum(), waiting_days=there["inside"].sum())
        )
    return Contacts(parts[0].union(*parts[1:]), by, notes)


def _completed_only(cohort: Cohort, mine: ibis.Table) -> tuple[str, ...]:
    """Whether nobody waits still, which no waiting list has: an extract of those who were seen."""
    found = collected(mine.aggregate(waits=mine.count(), ended=mine["ended"].sum()), cohort.records.origin).iloc[0]
    number, ended = int(found["waits"]), int(found["ended"] or 0)
    if number < _FEWEST_WAITS or ended < number:
        return ()
    return (
        "waits: an extract of completed waits only, since nobody waits still at the end of follow-up. Long waits are "
        "missing from it, and rates of being seen are too high: ask for referrals that have not been seen as well",
    )


def stays(cohort: Cohort, members: ibis.Table) -> Contacts:
    """Stays that ended in follow-up, a row each without a name: nights of who left alive, and who died."""
    mine = _ended(cohort, members)
    by = ("site", DECILE, ETHNICITY, AGE, SEX)
    nights = (mine["died"] == 0).ifelse(mine["ended"] - mine["began"], None)
    going = _contacts(cohort, STAY).filter(lambda t: t["ended"].isnull())
    number = int(collected(going.aggregate(n=going.count()), cohort.records.origin)["n"].iloc[0])
    notes = (f"stays: {number:,} have no last day, and are left out as not ended",) if number else ()
    return Contacts(mine.select(*by, "died", GROUP, nights=nights), by, notes)


def readmissions(cohort: Cohort, members: ibis.Table) -> Contacts:
    """
    Stays that somebody left alive, and whether an emergency admission to any hospital followed within 30 days.

    Days are counted from 1, so that a transfer on the day itself is none. People who died within the days count, as
    they might have come back before; of others all 30 days must have been seen.
    """
    import ibis

    known = _contacts(cohort, STAY)
    said = known.aggregate(n=known["admission"].notnull().cast("int64").sum())
    if not int(collected(said, cohort.records.origin)["n"].fillna(0).iloc[0]):
        raise SchemaError(
            "readmissions: no stay says how somebody was admitted. Give spells the column `admission` "
            "(emergency or planned); a planned stay is no readmission."
        )
    mine = _ended(cohort, members)
    died = cohort.records.persons.filter(cohort.records.persons["death"].notnull()).select(PERSON, dead=ibis.literal(1))
    names = list(mine.columns)
    mine = mine.left_join(died, PERSON).select(*names, "dead").filter(mine["died"] == 0)
    seen = (mine["until"] >= mine["ended"] + READMITTED) | (mine["dead"] == 1).fill_null(False)
    mine = mine.filter(seen)
    urgent = known.filter(known["admission"] == "emergency").select(PERSON, again="began").distinct()
    pairs = mine.select(PERSON, "began", "ended").distinct().join(urgent, PERSON)
    back = pairs.filter((pairs["again"] > pairs["ended"]) & (pairs["again"] <= pairs["ended"] + READMITTED))
    back = back.select(PERSON, "began").distinct().mutate(back=ibis.literal(1, "int64"))
    names = list(mine.columns)
    mine = mine.left_join(back, [PERSON, "began"]).select(*names, "back")
    by = ("site", DECILE, ETHNICITY, AGE, SEX)
    sums: dict[str, Any] = {"readmitted": mine["back"].fill_null(0).sum(), "discharges": mine.count()}
    return Contacts(mine.group_by([*by, GROUP]).aggregate(**sums), by)


def _ended(cohort: Cohort, members: ibis.Table) -> ibis.Table:
    """Stays of members that ended in follow-up, one a person and first day: `site`, `began`, `ended`, `died`."""
    every = _contacts(cohort, STAY).filter(lambda t: t["began"].notnull() & t["ended"].notnull())
    _refuse_turned(cohort, every, "began", "ended", "stays ended before they began: negative stays")
    once = every.group_by([PERSON, "began"]).aggregate(ended=every["ended"].max(), site=every["provider"].min())
    mine = once.join(members, PERSON)
    mine = mine.filter((mine["ended"] >= mine["begin"]) & (mine["ended"] <= mine["until"]))
    deaths = cohort.records.persons.select(PERSON, dies=day_number(cohort.records.persons["death"]))
    names = list(mine.columns)
    mine = mine.left_join(deaths, PERSON).select(*names, "dies")
    died = ((mine["dies"] >= mine["began"]) & (mine["dies"] <= mine["ended"])).fill_null(False)
    return mine.mutate(died=died.cast("int64"), **{AGE: _age(cohort, mine, "began")})


def _contacts(cohort: Cohort, fact: str) -> ibis.Table:
    """Spells that the card names so, with days as numbers."""
    stated = cohort.card.facts.get(fact)
    if not isinstance(stated, SpellFact):
        raise SchemaError(
            f"The cohort {cohort.card.name!r} says of no spells that each is one {fact!r}: write [spells.{fact}] on "
            "its card, with the kinds of contact that count."
        )
    spells = cohort.records.spells
    if stated.kind:
        spells = spells.filter(spells["kind"].isin(stated.kind))
    if stated.outcome:
        spells = spells.filter(spells["outcome"].isin(stated.outcome))
    return spells.select(
        PERSON, "provider", "outcome", "admission",
        booked=day_number(spells["booked"]), began=day_number(spells["start"]), ended=day_number(spells["end"]),
    )  # fmt: skip


def _refuse_turned(cohort: Cohort, rows: ibis.Table, first: str, last: str, what: str) -> None:
    turned = (rows[last] < rows[first]).fill_null(False).cast("int64").sum()
    number = int(collected(rows.aggregate(n=turned), cohort.records.origin)["n"].fillna(0).iloc[0])
    if number:
        raise SchemaError(
            f"{number:,} {what}. Correct the days in the records, or leave these rows out and say so: nothing is "
            "turned round or dropped here."
        )


def _age(cohort: Cohort, rows: ibis.Table, day: str) -> ibis.Value:
    return age_bands(age_at(rows["birth"], rows[day]), cohort.card.bands)


FROM_CONTACTS: Final[Mapping[str, Callable[[Cohort, ibis.Table], Contacts]]] = {
    "appointment_counts": appointments,
    "waiting_counts": waits,
    "stays": stays,
    "readmission_counts": readmissions,
}
"""Tables that are made of contacts, each in its own way, so that no card says how their columns are counted."""
