"""Dates as they are written, parsed where they can mean one day only and refused where they cannot."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from bayesineq.tables.blanks import MISSING, trimmed
from bayesineq.tables.findings import Finding

type Triple = tuple[int, int, int]

_CLOCK: Final = r"(?:[T :]+(?:[01]?[0-9]|2[0-4]):[0-5][0-9](?::[0-6][0-9](?:[.,][0-9]+)?)?(?: ?[AaPp][Mm])?"
_TIME: Final = _CLOCK + r" ?(?:Z|UTC|GMT|[+-][0-9]{2}(?::?[0-9]{2})?)?)?"
_YEAR_FIRST: Final = re.compile(rf"([0-9]{{4}})([-/.])([0-9]{{1,2}})\2([0-9]{{1,2}}){_TIME}")
_YEAR_LAST: Final = re.compile(rf"([0-9]{{1,2}})([-/.])([0-9]{{1,2}})\2([0-9]{{4}}){_TIME}")
_TOGETHER: Final = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})")
_NAMED: Final = re.compile(rf"([0-9]{{1,2}})[ -]?([A-Za-z]{{3,9}})\.?[ ,-]*([0-9]{{4}}){_TIME}")
_SHORT: Final = re.compile(
    rf"(?:[0-9]{{1,2}}[-/. ][0-9]{{1,2}}[-/. ][0-9]{{2}}|[0-9]{{1,2}}[- ]?[A-Za-z]{{3,9}}[- ]?[0-9]{{2}}){_TIME}"
)
_MONTHS: Final = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
    "december",
)  # fmt: skip

YEAR_FIRST: Final = "year first, as in 2020-01-31"
TOGETHER: Final = "digits together, as in 20200131"
NAMED: Final = "a month in letters, as in 31 Jan 2020"
DAY_FIRST: Final = "day, month, year, as in 31/01/2020"
MONTH_FIRST: Final = "month, day, year, as in 01/31/2020"
_EITHER: Final = "day and month in either order"

FIRST_DAY: Final = dt.date(1900, 1, 2)
"""Earlier days, 1 January 1900 among them, are what systems write where there is no date."""

ISO: Final = "Give YYYY-MM-DD, or nothing where there is no date."


@dataclass(frozen=True, slots=True)
class _Read:
    """One distinct value: the form that it is in, its three numbers (year, month, day), or what is wrong with it."""

    form: str = ""
    day: Triple | None = None
    wrong: str = ""


def _text(text: str) -> _Read:
    if found := _YEAR_FIRST.fullmatch(text):
        return _Read(YEAR_FIRST, (int(found[1]), int(found[3]), int(found[4])))
    if found := _TOGETHER.fullmatch(text):
        return _Read(TOGETHER, (int(found[1]), int(found[2]), int(found[3])))
    if found := _YEAR_LAST.fullmatch(text):
        return _Read(_EITHER, (int(found[4]), int(found[3]), int(found[1])))
    if found := _NAMED.fullmatch(text):
        name = found[2].lower()
        months = [k for k, month in enumerate(_MONTHS, 1) if month.startswith(name[:3]) and name in (month, month[:3])]
        months += [9] * (name == "sept")
        if months:
            return _Read(NAMED, (int(found[3]), months[0], int(found[1])))
    if _SHORT.fullmatch(text):
        return _Read(wrong="a year of two digits")
    return _Read(wrong="not a date")


def _value(value: Any) -> _Read:
    if (text := trimmed(value)) in MISSING:
        return _Read()
    if isinstance(value, (dt.date, np.datetime64)):
        stamp = pd.Timestamp(value)
        return _Read() if pd.isna(stamp) else _Read(day=(stamp.year, stamp.month, stamp.day))
    if isinstance(value, (bool, int, float, np.number, np.bool_)):
        return _Read(wrong="a number, which says no date")
    return _text(text)


def _settled(read: _Read, order: str, today: dt.date) -> _Read:
    """The day itself, or why it cannot be."""
    if read.day is None:
        return read
    year, month, day = read.day
    if read.form == _EITHER and month != day:
        if order not in (DAY_FIRST, MONTH_FIRST):
            return _Read(wrong=order or "day and month could be either way round")
        month, day = (month, day) if order == DAY_FIRST else (day, month)
    try:
        date = dt.date(year, month, day)
    except ValueError:
        return _Read(wrong="no such day")
    if date < FIRST_DAY:
        return _Read(wrong="before 2 January 1900, which stands for no date")
    # A day's grace for zones.
    if date > today + dt.timedelta(days=1):
        return _Read(wrong="in the future")
    return _Read((order or DAY_FIRST) if read.form == _EITHER else read.form, (year, month, day))


def _order(reads: list[_Read]) -> str:
    """Whether day or month comes first in a column, by the values that can only be one of them."""
    days = [read.day for read in reads if read.form == _EITHER and read.day is not None]
    first, second = any(day[2] > 12 for day in days), any(day[1] > 12 for day in days)
    if first and second:
        return "the day first in some rows and the month first in others"
    return DAY_FIRST if first else MONTH_FIRST if second else ""


def read_dates(
    column: pd.Series, *, times: Sequence[int] | None = None, today: dt.date | None = None
) -> tuple[pd.Series, list[Finding]]:
    """
    Days of a column of dates, or everything that is wrong with it.

    A column of text is in one form throughout: year first (with or without a time, whose day is taken as written),
    digits together, a month in letters, or day and month before the year. Which of the last two comes first is
    read from values that can only be one, such as 31/01/2020; where no value says, the column is refused.

    Parameters
    ----------
    column : Series
        Dates, times or text; its index labels the rows.
    times : sequence of int, optional
        Records that each row stands for; one by default.
    today : date, optional
        Days after the next one are refused; the day of the call by default.

    Returns
    -------
    (Series of datetime64[s], list of Finding)
        Midnight of each day, missing where there is none or where it is refused, and the findings, without values:
        they are of people.

    Examples
    --------
    >>> days, wrong = read_dates(pd.Series(["31/01/2015", "01/02/2020"]))
    >>> days.dt.strftime("%Y-%m-%d").tolist(), wrong
    (['2015-01-31', '2020-02-01'], [])
    """
    now = today or dt.date.today()
    values = column.dt.tz_localize(None) if isinstance(column.dtype, pd.DatetimeTZDtype) else column
    typed = pd.api.types.is_datetime64_dtype(values.dtype)
    # Millions of rows hold few days: each is read once.
    place, given = pd.factorize(values.dt.normalize() if typed else values.astype(object), use_na_sentinel=False)
    reads = [_value(value) for value in given]
    order = _order(reads)
    settled = [_settled(read, order, now) for read in reads]
    names: dict[str, list[int]] = {}
    for k, read in enumerate(settled):
        if read.wrong:
            names.setdefault(read.wrong, []).append(k)
    findings = [_finding(column, place, ks, wrong) for wrong, ks in names.items()]
    forms: dict[str, int] = {}
    counts = np.bincount(place, None if times is None else np.asarray(times), minlength=len(given))
    for k, read in enumerate(settled):
        if read.form:
            forms[read.form] = forms.get(read.form, 0) + int(counts[k])
    if len(forms) > 1:
        common = max(forms, key=lambda form: forms[form])
        rest = [k for k, read in enumerate(settled) if read.form not in ("", common)]
        told = "; ".join(f"{form} ({count:,})" for form, count in sorted(forms.items(), key=lambda item: -item[1]))
        findings.append(_finding(column, place, rest, f"dates in {len(forms)} forms: {told}"))
    days = np.array(
        [np.datetime64("NaT", "s") if r.day is None else np.datetime64(dt.date(*r.day), "s") for r in settled], "M8[s]"
    )
    return pd.Series(days[place], index=column.index, name=column.name), findings


def _finding(column: pd.Series, place: Any, members: list[int], problem: str) -> Finding:
    rows = column.index[np.isin(place, members)].tolist()
    remedy = ISO
    if "either way" in problem:
        remedy = "No value of the column tells which is first: " + ISO
    return Finding(str(column.name), problem, remedy, rows, [None] * len(rows))
