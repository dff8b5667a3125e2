"""Person-time: who was at risk on which days, by age and calendar period, and the events that fell on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Final, Literal

import pandas as pd

from bayesineq.dims import AGE, PERSON, POPULATION
from bayesineq.errors import SchemaError
from bayesineq.records.calendar import (
    DAYS_A_YEAR,
    MONTHS,
    Period,
    age_on,
    birthday,
    day_number,
    first_day,
    month_number,
)
from bayesineq.records.engines import collected, connect
from bayesineq.records.tabulate import age_bands

if TYPE_CHECKING:
    import ibis

START: Final = "start"
END: Final = "end"
BIRTH: Final = "birth"
EVENTS: Final = "events"
DAYS: Final = "person_days"
YEARS: Final = "person_years"

EventDay = Literal["included", "excluded"]


@dataclass(frozen=True, slots=True)
class EventRule:
    """
    Which events count, and when a person is at risk of one.

    Parameters
    ----------
    repeated : bool
        Whether a person is at risk again after an event; without it the first event within the time observed ends it.
    washout : int, optional
        Days after the last day of an event on which a person is not at risk, and on which another event is the same
        one still. 0 leaves out the days of the event alone. None is for ever: who has ever had an event, be it before
        the time observed, is not at risk.
    event_day : {"included", "excluded"}
        Whether the first day of an event is a day at risk.

    Raises
    ------
    SchemaError
        The washout is negative, or the day of an event is neither included nor excluded.

    Examples
    --------
    >>> EventRule(repeated=True, washout=30)
    EventRule(repeated=True, washout=30, event_day='included')
    """

    repeated: bool = False
    washout: int | None = 0
    event_day: EventDay = "included"

    def __post_init__(self) -> None:
        whole = isinstance(self.washout, int) and not isinstance(self.washout, bool) and self.washout >= 0
        if self.washout is not None and not whole:
            raise SchemaError(f"A washout of {self.washout!r}: give days, 0 or more, or None for ever.")
        if self.event_day not in ("included", "excluded"):
            raise SchemaError(f"event_day={self.event_day!r}: the first day of an event is 'included' or 'excluded'.")


FIRST_EVENT: Final = EventRule()


def at_risk(observed: ibis.Table, events: ibis.Table, rule: EventRule = FIRST_EVENT) -> ibis.Table:
    """
    Stretches of days on which people are at risk of an event, each with the event that ends it.

    Parameters
    ----------
    observed : ibis.Table
        One row a stretch of observation: `person`, `start`, `end` (dates, both observed), and whatever is to travel
        along. Stretches of a person do not overlap.
    events : ibis.Table
        `person`, `start`, `end`: dates of the first and last day of an event; an end that is missing is its start.
    rule : EventRule
        Which events count.

    Returns
    -------
    ibis.Table
        The columns of `observed` but `start` and `end`, and `first`, `last` (numbers of days, as `toordinal` counts),
        `event` (1 where an event that counts begins on the last day, else 0).

    Examples
    --------
    >>> from datetime import date
    >>> observed = connect(pd.DataFrame({"person": ["p1"], "start": [date(2020, 1, 1)], "end": [date(2020, 1, 31)]}))
    >>> events = connect(pd.DataFrame({"person": ["p1"], "start": [date(2020, 1, 10)], "end": [date(2020, 1, 12)]}))
    >>> stretches = at_risk(observed, events, EventRule(repeated=True))
    >>> stretches.mutate(days=stretches["last"] - stretches["first"] + 1).order_by("first").to_pyarrow().to_pylist()
    [{'person': 'p1', 'first': 737425, 'last': 737434, 'event': 1, 'days': 10},
     {'person': 'p1', 'first': 737437, 'last': 737455, 'event': 0, 'days': 19}]
    """
    carried = [name for name in observed.columns if name not in (START, END)]
    stretches = observed.select(*carried, opens=day_number(observed[START]), closes=day_number(observed[END]))
    began, ended = day_number(events[START]), day_number(events[END]).coalesce(day_number(events[START]))
    return days_at_risk(stretches, events.select(PERSON, began=began, ended=ended), rule)


def days_at_risk(stretches: ibis.Table, spells: ibis.Table, rule: EventRule) -> ibis.Table:
    """`at_risk` of numbers of days: `opens` and `closes` of stretches, `began` and `ended` of events."""
    import ibis

    carried = [name for name in stretches.columns if name not in ("opens", "closes")]
    stretches = stretches.filter(stretches["closes"] >= stretches["opens"])
    # What begins on one day is one event, as long as the longest of them.
    spells = spells.group_by([PERSON, "began"]).aggregate(ended=_later(spells["ended"], spells["began"]).max())
    met = stretches.join(spells, PERSON).select(*carried, "opens", "closes", "began", "ended")
    met = met.filter(met["began"] <= met["closes"]).mutate(real=ibis.literal(1, "int64"))
    # The day after the stretch stands for an event that never came, so that the last days at risk are a row too.
    end = stretches.mutate(began=stretches["closes"] + 1, ended=stretches["closes"] + 1, real=ibis.literal(0, "int64"))
    rows = met.union(end)
    before = ibis.window(group_by=[PERSON, "opens"], order_by="began", preceding=(None, 1))
    rows = rows.mutate(until=rows["ended"].max().over(before))
    return _stretches(rows, carried, rule)


def _stretches(rows: ibis.Table, carried: Sequence[str], rule: EventRule) -> ibis.Table:
    """From each event, and the last day before it on which another was going on, the days at risk between."""
    import ibis

    never = rows["until"].isnull()  # noqa: PD003
    if rule.washout is None:
        rows = rows.filter(never).mutate(free=rows["opens"])
    else:
        after = rows["until"] + rule.washout + 1
        rows = rows.mutate(free=ibis.ifelse(never | (after < rows["opens"]), rows["opens"], after))
    rows = rows.mutate(event=rows["real"] * (rows["began"] >= rows["free"]).cast("int64"))
    rows = rows.mutate(last=rows["began"] - 1 + rows["event"])
    if not rule.repeated:
        # The end of one stretch may be the day before another: it comes before an event of that day.
        before = ibis.window(group_by=PERSON, order_by=["began", "real"], preceding=(None, 1))
        rows = rows.mutate(had=rows["event"].sum().over(before).fill_null(0))
        rows = rows.filter(rows["had"] == 0)
    rows = rows.filter(rows["last"] >= rows["free"])
    return rows.select(*carried, first=rows["free"], last=rows["last"], event=rows["event"])


def lexis(
    stretches: ibis.Table,
    *,
    period: Period = "year",
    bands: Sequence[int] | None = None,
    event_day: EventDay = "included",
) -> ibis.Table:
    """
    Stretches at risk, cut where a calendar period ends and, with bands of age, on birthdays (Lexis).

    Parameters
    ----------
    stretches : ibis.Table
        Of `at_risk`; with `birth` (a date) where there are bands.
    period : {"month", "quarter", "year"}
        Periods of the calendar, whenever observation begins.
    bands : sequence of int, optional
        First ages of bands, as of `age_bands`; time below the first of them is no time of theirs, nor is time before
        birth.
    event_day : {"included", "excluded"}
        Whether the day of an event is time at risk; the event falls on it either way.

    Returns
    -------
    ibis.Table
        The columns of `stretches` but `first`, `last` and `event`, and `year` (with `month` or `quarter`, from 1),
        `age_band` where there are bands, `person_days`, `events`.

    Examples
    --------
    >>> from datetime import date
    >>> person = pd.DataFrame({"person": ["p1"], "birth": [date(2000, 7, 1)], "first": [737425], "last": [738000]})
    >>> pieces = lexis(connect(person.assign(event=1)), bands=[0, 20])
    >>> pieces = pieces.select("year", "age_band", "person_days", "events")
    >>> pieces.order_by("year", "age_band", "events").to_pyarrow().to_pylist()
    [{'year': 2020, 'age_band': '00-19', 'person_days': 182, 'events': 0},
     {'year': 2020, 'age_band': '20+', 'person_days': 184, 'events': 0},
     {'year': 2021, 'age_band': '20+', 'person_days': 181, 'events': 0},
     {'year': 2021, 'age_band': '20+', 'person_days': 29, 'events': 1}]
    """
    import ibis

    carried = [name for name in stretches.columns if name not in ("first", "last", "event")]
    months, halves = MONTHS[period], 1 if bands is None else 2
    cut = stretches.mutate(_a=month_number(stretches["first"]) // months, _b=month_number(stretches["last"]) // months)
    cut = cut.mutate(_k=ibis.range(cut["_a"] * halves, (cut["_b"] + 1) * halves).unnest())
    cut = cut.mutate(_month=(cut["_k"] // halves) * months)
    cut = cut.mutate(
        year=cut["_month"] // 12, _from=first_day(cut["_month"]), _to=first_day(cut["_month"] + months) - 1
    )
    if bands is not None:
        turned = cut["_k"] % 2
        cut = cut.mutate(
            _from=ibis.ifelse(turned == 1, _later(cut["_from"], birthday(cut[BIRTH], cut["year"])), cut["_from"]),
            _to=ibis.ifelse(turned == 0, _earlier(cut["_to"], birthday(cut[BIRTH], cut["year"]) - 1), cut["_to"]),
            _age=cut["year"] - cut[BIRTH].year() - 1 + turned,
        )
        cut = cut.mutate(**{AGE: age_bands(cut["_age"], bands)})
        cut = cut.filter(cut[AGE].notnull())  # noqa: PD004
    cut = cut.mutate(_from=_later(cut["_from"], cut["first"]), _to=_earlier(cut["_to"], cut["last"]))
    cut = cut.filter(cut["_to"] >= cut["_from"])
    falls = cut["event"] * (cut["_to"] == cut["last"]).cast("int64")
    days = cut["_to"] - cut["_from"] + 1 - (falls if event_day == "excluded" else 0)
    of_year = {} if period == "year" else {period: (cut["_month"] % 12) // months + 1}
    kept = [*carried, "year", *([AGE] if bands is not None else [])]
    return cut.select(*kept, **of_year, **{DAYS: days, EVENTS: falls})


def _later(one: ibis.Value, other: ibis.Value) -> ibis.Value:
    import ibis

    return ibis.ifelse(one >= other, one, other)


def _earlier(one: ibis.Value, other: ibis.Value) -> ibis.Value:
    import ibis

    return ibis.ifelse(one <= other, one, other)


def incidence(
    observed: pd.DataFrame | ibis.Table,
    events: pd.DataFrame | ibis.Table,
    *,
    by: Sequence[str] = (),
    rule: EventRule = FIRST_EVENT,
    bands: Sequence[int] | None = None,
    period: Period | None = "year",
    complete: bool = False,
) -> pd.DataFrame:
    """
    Events and the time at risk of them, by cell.

    Parameters
    ----------
    observed : DataFrame or ibis.Table
        One row a stretch of observation: `person`, `start`, `end` (dates, both observed), the columns of `by`, and
        `birth` (a date) where there are bands. Where death or a move ends observation, `end` is that day.
    events : DataFrame or ibis.Table
        `person`, `start`, `end`: dates of the first and last day of an event, within the time observed or not.
    by : sequence of str, optional
        Columns of `observed` that make a cell.
    rule : EventRule, optional
        Which events count; by default the first within the time observed.
    bands : sequence of int, optional
        First ages of bands: time and events go to the band in which they fall, and a person ages through several.
    period : {"month", "quarter", "year"}, optional
        Periods of the calendar; None for all time together.
    complete : bool, optional
        Whether only periods count that lie between the first and the last day on which anybody was observed.

    Returns
    -------
    DataFrame
        `by`, `year` (and `month` or `quarter`), `age_band`, then `persons` at risk on a day at least, `events`,
        `person_days`, and `person_years`, which are the days over 365.25. Cells in which nobody was at risk are no
        rows.

    Raises
    ------
    SchemaError
        A column is not there.

    References
    ----------
    Raventós B, Català M, Du M, et al. IncidencePrevalence: an R package to calculate population-level incidence rates
    and prevalence using the OMOP common data model. Pharmacoepidemiol Drug Saf 2024. doi:10.1002/pds.5717

    Examples
    --------
    >>> from datetime import date
    >>> observed = pd.DataFrame({"person": ["p1", "p2"], "start": date(2020, 3, 1), "end": date(2021, 12, 31)})
    >>> events = pd.DataFrame({"person": ["p1"], "start": [date(2021, 1, 31)], "end": [date(2021, 1, 31)]})
    >>> incidence(observed, events)[["year", "persons", "events", "person_days"]]
       year  persons  events  person_days
    0  2020        2       0          612
    1  2021        2       1          396
    """
    watched, happened = connect(observed), connect(events)
    kept = [PERSON, START, END, *([BIRTH] if bands is not None else []), *by]
    _need(watched, kept, "observed")
    _need(happened, [PERSON, START, END], "events")
    stretches = at_risk(watched.select(*kept), happened, rule)
    pieces = lexis(stretches, period=period or "year", bands=bands, event_day=rule.event_day)
    when = [] if period is None else ["year"] if period == "year" else ["year", period]
    if complete and period is not None:
        pieces = _within(pieces, period, *_span(watched))
    cell = [*by, *when, *([AGE] if bands is not None else [])]
    sums = {"persons": pieces[PERSON].nunique(), EVENTS: pieces[EVENTS].sum(), DAYS: pieces[DAYS].sum()}
    counted = collected(pieces.group_by(cell).aggregate(**sums) if cell else pieces.aggregate(**sums))
    counted = counted[counted["persons"] > 0].astype(dict.fromkeys([*when, "persons", EVENTS, DAYS], "int64"))
    counted = counted.assign(**{YEARS: counted[DAYS] / DAYS_A_YEAR})
    return counted.sort_values(cell, ignore_index=True) if cell else counted.reset_index(drop=True)


def _span(watched: ibis.Table) -> tuple[date, date]:
    """First and last day on which anybody was observed."""
    ends = watched.aggregate(opens=day_number(watched[START]).min(), closes=day_number(watched[END]).max())
    opens, closes = collected(ends).iloc[0]
    return date.fromordinal(int(opens)), date.fromordinal(int(closes))


def _within(pieces: ibis.Table, period: Period, opens: date, closes: date) -> ibis.Table:
    """Pieces in periods that begin on or after a day and end on or before another."""
    months, after = MONTHS[period], date.fromordinal(closes.toordinal() + 1)
    begun = opens.year * 12 + opens.month - 1
    first = -(-begun // months) if opens.day == 1 else begun // months + 1
    beyond = (after.year * 12 + after.month - 1) // months
    number = pieces["year"] * (12 // months) + (pieces[period] - 1 if period != "year" else 0)
    return pieces.filter((number >= first) & (number < beyond))


def prevalence(
    observed: pd.DataFrame | ibis.Table,
    events: pd.DataFrame | ibis.Table,
    *,
    on: date | tuple[date, date],
    by: Sequence[str] = (),
    bands: Sequence[int] | None = None,
    look_back: int | None = None,
    throughout: bool = False,
) -> pd.DataFrame:
    """
    People with a condition among those observed, on a date or over a period.

    Parameters
    ----------
    observed : DataFrame or ibis.Table
        As of `incidence`.
    events : DataFrame or ibis.Table
        `person`, `start`, `end`: dates of the first and last day on which the condition was recorded or lasted.
    on : date, or (date, date)
        The date, or the first and last day of the period.
    by : sequence of str, optional
        Columns of `observed` that make a cell.
    bands : sequence of int, optional
        First ages of bands, of age on the date, or on the first day of the period.
    look_back : int, optional
        Days before the date, or before the period, that a condition's last day may lie back: 0 for one that lasts.
        Without it a condition once had is had for good.
    throughout : bool, optional
        Whether only people count who were observed on every day of the period; otherwise a day will do.

    Returns
    -------
    DataFrame
        `by`, `age_band`, `cases`, `population`. Cells without people are no rows.

    Raises
    ------
    SchemaError
        A column is not there, or the period ends before it begins.

    Examples
    --------
    >>> from datetime import date
    >>> observed = pd.DataFrame({"person": ["p1", "p2"], "start": date(2020, 3, 1), "end": date(2021, 12, 31)})
    >>> events = pd.DataFrame({"person": ["p1"], "start": [date(2021, 1, 31)], "end": [date(2021, 1, 31)]})
    >>> prevalence(observed, events, on=date(2021, 4, 1))
       cases  population
    0      1           2
    >>> prevalence(observed, events, on=date(2021, 4, 1), look_back=30)
       cases  population
    0      0           2
    """
    watched, happened = connect(observed), connect(events)
    kept = [PERSON, START, END, *([BIRTH] if bands is not None else []), *by]
    _need(watched, kept, "observed")
    _need(happened, [PERSON, START, END], "events")
    people = observed_on(watched.select(*kept), on, throughout=throughout)
    had = affected(people.select(PERSON, END), happened, on, look_back)
    people = people.left_join(had, PERSON).select(*[name for name in people.columns if name != END], "case")
    opens, _ = first_and_last(on)
    if bands is not None:
        people = people.mutate(_age=age_on(people[BIRTH], day_of(opens)))
        people = people.mutate(**{AGE: age_bands(people["_age"], bands)})
        people = people.filter(people[AGE].notnull())  # noqa: PD004
    cell = [*by, *([AGE] if bands is not None else [])]
    sums = {"cases": people["case"].fill_null(0).sum(), POPULATION: people.count()}
    counted = collected(people.group_by(cell).aggregate(**sums) if cell else people.aggregate(**sums))
    counted = counted.fillna({"cases": 0}).astype({"cases": "int64", POPULATION: "int64"})
    return counted.sort_values(cell, ignore_index=True) if cell else counted


def first_and_last(on: date | tuple[date, date]) -> tuple[date, date]:
    """First and last day of a period, which are the same of a date."""
    opens, closes = on if isinstance(on, tuple) else (on, on)
    if closes < opens:
        raise SchemaError(f"The period from {opens} to {closes} ends before it begins. Give the first day first.")
    return opens, closes


def day_of(when: date) -> ibis.Value:
    """A date as an expression."""
    import ibis

    return ibis.date(when.year, when.month, when.day)


def observed_on(observed: ibis.Table, on: date | tuple[date, date], *, throughout: bool = False) -> ibis.Table:
    """
    One row for each person observed on a date or in a period, as `observed` has it; of several, that of the last.

    With `throughout`, those alone who were observed on every day of it in one stretch.
    """
    import ibis

    opens, closes = map(day_of, first_and_last(on))
    needed_from, needed_to = (opens, closes) if throughout else (closes, opens)
    there = observed.filter((observed[START] <= needed_from) & (observed[END] >= needed_to))
    # Stretches of a person do not overlap, so on a date there is one.
    if not isinstance(on, tuple):
        return there
    latest = ibis.window(group_by=PERSON, order_by=ibis.desc(there[START]))
    ranked = there.mutate(_place=ibis.row_number().over(latest))
    return ranked.filter(ranked["_place"] == 0).drop("_place")


def affected(
    people: ibis.Table, events: ibis.Table, on: date | tuple[date, date], look_back: int | None = None
) -> ibis.Table:
    """`person` and `case`, which is 1, of those with an event by a date, or by the end of a period or of `end`."""
    import ibis

    opens, closes = first_and_last(on)
    last = events[END].coalesce(events[START])
    by_then = events[START] <= day_of(closes)
    if look_back is not None:
        by_then = by_then & (last >= day_of(date.fromordinal(opens.toordinal() - look_back)))
    met = events.filter(by_then).select(PERSON, START).join(people.select(PERSON, _until=people[END]), PERSON)
    met = met.filter(met[START] <= met["_until"]).select(PERSON).distinct()
    return met.mutate(case=ibis.literal(1, "int64"))


def _need(table: ibis.Table, names: Sequence[str], what: str) -> None:
    if absent := [name for name in names if name not in table.columns]:
        raise SchemaError(f"The table {what!r} has no column {absent}; it has {', '.join(table.columns)}.")
