"""Texts, numbers and days as they are written, read by expressions that run where the records are."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from bayesineq.tables.blanks import MISSING
from bayesineq.tables.dates import DAY_FIRST, FIRST_DAY, MONTH_FIRST, NAMED, TOGETHER, YEAR_FIRST
from bayesineq.tables.faults import infinite

if TYPE_CHECKING:
    import ibis

Order = Literal["year first", "day first", "month first"]
ORDERS: Final[tuple[Order, ...]] = ("year first", "day first", "month first")

OPEN_DAY: Final = dt.date(2900, 1, 1)
"""Days from here on, 31 December 9999 among them, are what systems write for an end that has not come."""

TO_THE_MONTH: Final = "year and month, as in 2020-01"
TO_THE_YEAR: Final = "year alone, as in 2020"
OF_NUMBERS: Final = "numbers of day, month and year with the year last"
_TIME: Final = "(?:[T ].*)?$"
_YEAR_FIRST: Final = f"^[0-9]{{4}}[-/. ][0-9]{{1,2}}[-/. ][0-9]{{1,2}}{_TIME}"
_TOGETHER: Final = "^([0-9]{4})([0-9]{2})([0-9]{2})$"
_YEAR_LAST: Final = f"^([0-9]{{1,2}})[-/. ]([0-9]{{1,2}})[-/. ]([0-9]{{4}}){_TIME}"
_MONTHS: Final = "janfebmaraprmayjunjulaugsepoctnovdec"
_NAMES: Final = "|".join(_MONTHS[k : k + 3] for k in range(0, 36, 3))
_NAMED: Final = f"(?i)^([0-9]{{1,2}})[ -]?({_NAMES})[a-z]*\\.?[ ,-]*([0-9]{{4}}){_TIME}"
_LETTERS: Final = f"(?i)^[0-9]{{4}}-({_NAMES})-[0-9]{{1,2}}$"
_ISO: Final = f"^([0-9]{{4}}[-/. ][0-9]{{1,2}}[-/. ][0-9]{{1,2}}){_TIME}"
_LARGEST: Final = 2**53


@dataclass(frozen=True, slots=True)
class Day:
    """
    A column of days, and what of it could not be read.

    Parameters
    ----------
    value : ibis date column
        The day; missing where there is none or it cannot be read.
    forms : Mapping of str to ibis boolean column
        Which values are written in which form; empty for a column that is of days already.
    unread : ibis boolean column
        Which values are there and say no day in a form that is read here.
    placeholder : ibis boolean column
        Which values are days that stand for no date.
    """

    value: ibis.Value
    forms: Mapping[str, ibis.Value]
    unread: ibis.Value
    placeholder: ibis.Value


def stripped(text: ibis.Value) -> ibis.Value:
    """
    Text without white space at its ends, whatever the engine.

    The trimming of Ibis 12 on Spark names its characters with escapes that Spark reads as letters: it takes v and f
    from the ends of words, and makes "emale" of "female".
    """
    if text.get_backend().name == "pyspark":
        return text.re_replace("^[ \t\n\r]+", "").re_replace("[ \t\n\r]+$", "")
    return text.strip()


def as_text(value: ibis.Value) -> ibis.Value:
    """Text without spaces at its ends, missing where it stands for a missing value; whole numbers as they are."""
    text = _plain_text(value)
    return text.isin(MISSING).ifelse(None, text)


def _plain_text(value: ibis.Value) -> ibis.Value:
    kind = value.type()
    if kind.is_floating():
        # A number this large has lost its last digits: it is no code any more.
        near = (value.abs() < _LARGEST).ifelse(value, None)
        return (near == near.floor()).ifelse(near.cast("int64").cast("string"), near.cast("string"))
    return stripped(value if kind.is_string() else value.cast("string"))


def lost_digits(value: ibis.Value) -> ibis.Value | None:
    """Which codes came as numbers too large to be told apart, where a column is of such numbers."""
    return value.abs() >= _LARGEST if value.type().is_floating() else None


def as_number(value: ibis.Value, text: ibis.Value) -> tuple[ibis.Value, ibis.Value]:
    """Number, and which values are there and are none; `text` is what is written where the value is no number."""
    import ibis

    if value.type().is_boolean():
        return value.cast("int64").cast("float64"), ibis.literal(False)
    if value.type().is_numeric():
        number = value.cast("float64")
        finite = ~(number.isnan() | infinite(number))
        return finite.ifelse(number, None), ~finite & number.notnull()
    number = text.try_cast("float64")
    number = (number.isnan() | infinite(number)).ifelse(None, number)
    return number, text.notnull() & number.isnull()


@dataclass(frozen=True, slots=True)
class Steps:
    """
    A table with what is read from its text, step by step, in columns of their own.

    An engine that is given all steps as one expression computes each part as often as it stands in the whole, and holds
    memory for every part: some 24 copies for a day, against one for each step.

    Parameters
    ----------
    table : ibis.Table
        The table, with the columns of the steps.
    texts : Mapping of str to ibis.Value
        The text of a column, by its name.
    days : Mapping of str to ibis.Value
        The day that a text says, by the name of its column.
    """

    table: ibis.Table
    texts: Mapping[str, ibis.Value]
    days: Mapping[str, ibis.Value]


def read_steps(table: ibis.Table, days: Mapping[str, bool], texts: Sequence[str], order: Order) -> Steps:
    """
    Read the text of columns, and the days of those that say days.

    Parameters
    ----------
    table : ibis.Table
        The table.
    days : Mapping of str to bool
        Columns of days, and whether a year, or a year and a month, stands for its first day.
    texts : sequence of str
        Further columns that are read as text.
    order : str
        How numbers of day, month and year are written.
    """
    written = [name for name in days if says_days(table[name])]
    names = [*written, *texts]
    said, laid, found = ({name: f"_{step}_{name}" for name in names} for step in ("said", "laid", "found"))
    one = table.mutate(**{said[name]: _plain_text(_whole(table[name], name in days)) for name in names})
    two = one.mutate(**{said[name]: one[said[name]].isin(MISSING).ifelse(None, one[said[name]]) for name in names})
    three = two.mutate(**{laid[name]: _year_first(two[said[name]], order, coarse=days[name]) for name in written})
    four = three.mutate(**{laid[name]: _numbered(three[laid[name]]) for name in written})
    five = four.mutate(**{
        found[name]: four[laid[name]].re_extract(_ISO, 1).nullif("").re_replace("[/. ]", "-").try_cast("date")
        for name in written
    })  # fmt: skip
    return Steps(five, {name: five[said[name]] for name in names}, {name: five[found[name]] for name in written})


def says_days(value: ibis.Value) -> bool:
    """Whether days of a column have to be read from its text."""
    kind = value.type()
    return not (kind.is_date() or kind.is_timestamp() or kind.is_null())


def _whole(value: ibis.Value, day: bool) -> ibis.Value:
    kind = value.type()
    return value.try_cast("int64") if day and kind.is_numeric() and not kind.is_integer() else value


def as_day(name: str, steps: Steps, order: Order = "year first", *, coarse: bool = False, ends: bool = False) -> Day:
    """
    Days of a column of dates, times or text, whose text has been read.

    Text is read year first, or as eight digits, or with a month in letters; numbers of day and month with the year
    last only where `order` says which comes first. `coarse` lets a year, or a year and a month, stand for its first
    day; `ends` lets a day that never comes stand for none.
    """
    import ibis

    value, never = steps.table[name], ibis.literal(False)
    if value.type().is_null():
        return Day(value.cast("date"), {}, never, never)
    if not says_days(value):
        return _kept(value.cast("date"), {}, never, ends=ends)
    text, found = steps.texts[name], steps.days[name]
    last = {"year first": OF_NUMBERS, "day first": DAY_FIRST, "month first": MONTH_FIRST}[order]
    patterns = {YEAR_FIRST: _YEAR_FIRST, TOGETHER: _TOGETHER, NAMED: _NAMED, last: _YEAR_LAST}
    patterns |= {TO_THE_MONTH: "^[0-9]{4}-?(0[1-9]|1[0-2])$", TO_THE_YEAR: "^[0-9]{4}$"} if coarse else {}
    forms = {form: text.re_search(pattern).fill_null(False) for form, pattern in patterns.items()}
    return _kept(found, forms, text.notnull() & found.isnull(), ends=ends)


def _year_first(text: ibis.Value, order: Order, *, coarse: bool) -> ibis.Value:
    """A text that says a day, laid out with the year first where it is written in a form that is read."""
    plain = _rearranged(_rearranged(text, _TOGETHER, "1-2-3"), _NAMED, "3-2-1")
    if order != "year first":
        plain = _rearranged(plain, _YEAR_LAST, "3-2-1" if order == "day first" else "3-1-2")
    if coarse:
        plain = _rearranged(plain, "^([0-9]{4})-?(0[1-9]|1[0-2])$", "1-2", "-01")
        plain = _rearranged(plain, "^([0-9]{4})$", "1", "-01-01")
    return plain


def _rearranged(text: ibis.Value, pattern: str, order: str, after: str = "") -> ibis.Value:
    """The groups of a pattern in another order, such as "3-2-1"; engines name a group by different signs."""
    sign = "$" if text.get_backend().name == "pyspark" else "\\"
    return text.re_replace(pattern, re.sub("([0-9])", lambda found: f"{sign}{found[1]}", order) + after)


def _kept(day: ibis.Value, forms: Mapping[str, ibis.Value], unread: ibis.Value, *, ends: bool) -> Day:
    kept = day.between(FIRST_DAY, OPEN_DAY) if ends else day >= FIRST_DAY
    return Day(kept.ifelse(day, None).cast("date"), forms, unread, (day < FIRST_DAY).fill_null(False))


def _numbered(text: ibis.Value) -> ibis.Value:
    """A month in letters, between the year and the day, as a number."""
    import ibis

    place = ibis.literal(_MONTHS).find(text.substr(5, 3).lower())
    number = (place // 3 + 1).cast("string")
    return text.re_search(_LETTERS).ifelse(text.substr(0, 5) + number + text.substr(8, 3), text)
