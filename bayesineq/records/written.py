"""Texts, numbers and days as they are written, read by expressions that run where the records are."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from bayesineq.tables.blanks import MISSING
from bayesineq.tables.dates import DAY_FIRST, FIRST_DAY, MONTH_FIRST, NAMED, TOGETHER, YEAR_FIRST

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
    kind = value.type()
    if kind.is_floating():
        # A number this large has lost its last digits: it is no code any more.
        near = (value.abs() < _LARGEST).ifelse(value, None)
        return (near == near.floor()).ifelse(near.cast("int64").cast("string"), near.cast("string"))
    text = value if kind.is_string() else value.cast("string")
    text = stripped(text)
    return text.isin(MISSING).ifelse(None, text)


def lost_digits(value: ibis.Value) -> ibis.Value | None:
    """Which codes came as numbers too large to be told apart, where a column is of such numbers."""
    return value.abs() >= _LARGEST if value.type().is_floating() else None


def as_number(value: ibis.Value) -> tuple[ibis.Value, ibis.Value]:
    """Number, and which values are there and are none."""
    import ibis

    if value.type().is_boolean():
        return value.cast("int64").cast("float64"), ibis.literal(False)
    if value.type().is_numeric():
        number = value.cast("float64")
        finite = ~(number.isnan() | number.isinf())
        return finite.ifelse(number, None), ~finite & number.notnull()
    text = as_text(value)
    number = text.try_cast("float64")
    number = (number.isnan() | number.isinf()).ifelse(None, number)
    return number, text.notnull() & number.isnull()


def as_day(value: ibis.Value, order: Order = "year first", *, coarse: bool = False, ends: bool = False) -> Day:
    """
    Days of a column of dates, times or text.

    Text is read year first, or as eight digits, or with a month in letters; numbers of day and month with the year
    last only where `order` says which comes first. `coarse` lets a year, or a year and a month, stand for its first
    day; `ends` lets a day that never comes stand for none.
    """
    import ibis

    kind = value.type()
    never = ibis.literal(False)
    if kind.is_date() or kind.is_timestamp():
        return _kept(value.cast("date"), {}, never, ends=ends)
    if kind.is_null():
        return Day(value.cast("date"), {}, never, never)
    if kind.is_numeric() and not kind.is_integer():
        value = value.try_cast("int64")
    text = as_text(value)
    # Each step refers to the one before once, so that the expression stays as short as the list of steps.
    plain = _rearranged(_rearranged(text, _TOGETHER, "1-2-3"), _NAMED, "3-2-1")
    if order != "year first":
        plain = _rearranged(plain, _YEAR_LAST, "3-2-1" if order == "day first" else "3-1-2")
    if coarse:
        plain = _rearranged(plain, "^([0-9]{4})-?(0[1-9]|1[0-2])$", "1-2", "-01")
        plain = _rearranged(plain, "^([0-9]{4})$", "1", "-01-01")
    found = _numbered(plain).re_extract(_ISO, 1).nullif("").re_replace("[/. ]", "-").try_cast("date")
    last = {"year first": OF_NUMBERS, "day first": DAY_FIRST, "month first": MONTH_FIRST}[order]
    patterns = {YEAR_FIRST: _YEAR_FIRST, TOGETHER: _TOGETHER, NAMED: _NAMED, last: _YEAR_LAST}
    patterns |= {TO_THE_MONTH: "^[0-9]{4}-?(0[1-9]|1[0-2])$", TO_THE_YEAR: "^[0-9]{4}$"} if coarse else {}
    forms = {form: text.re_search(pattern).fill_null(False) for form, pattern in patterns.items()}
    return _kept(found, forms, text.notnull() & found.isnull(), ends=ends)


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
