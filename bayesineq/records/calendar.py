"""Days as whole numbers on every engine: day 1 is 1 January of year 1, as `datetime.date.toordinal` counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    import ibis

Period = Literal["month", "quarter", "year"]

MONTHS: Final[dict[Period, int]] = {"month": 1, "quarter": 3, "year": 12}
DAYS_A_YEAR: Final = 365.25
"""Days of a person-year."""

_EPOCH: Final = 719_163
_BEFORE: Final = (0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334)
"""Days of a common year before each month."""


def day_number(date: ibis.Value) -> ibis.Value:
    """Number of a date, which engines add and compare faster and more alike than dates."""
    import ibis

    return date.cast("date").delta(ibis.date(1970, 1, 1), unit="day").cast("int64") + _EPOCH


def month_number(day: ibis.Value) -> ibis.Value:
    """Months since year 0 of a day number: twelve times the year, and 0 for January."""
    # Years begin in March here, so that a leap day is the last of its year (Hinnant, "chrono-compatible algorithms").
    since = day + 305
    of_era = since % 146_097
    year_of_era = (of_era - of_era // 1460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    return (year_of_era + (since // 146_097) * 400) * 12 + (5 * of_year + 2) // 153 + 2


def first_day(month: ibis.Value) -> ibis.Value:
    """Number of the first day of a month, which is given as `month_number` counts."""
    year, of_year = month // 12, month % 12
    before = of_year.cases(*enumerate(_BEFORE), else_=0).cast("int64")
    return _days_before(year) + before + _leap(year) * (of_year > 1).cast("int64") + 1


def birthday(birth: ibis.Value, year: ibis.Value) -> ibis.Value:
    """Number of the birthday in a year; who is born on 29 February turns a year older on 1 March of a common year."""
    month = birth.month().cast("int64")
    # Day 60 is 29 February of a leap year and 1 March of another, which is what is wanted of it.
    of_common = month.cases(*enumerate(_BEFORE, start=1), else_=0).cast("int64") + birth.day().cast("int64")
    return _days_before(year) + of_common + _leap(year) * (month > 2).cast("int64")


def age_on(birth: ibis.Value, date: ibis.Value) -> ibis.Value:
    """Age in completed years on a date."""
    before = (date.month() < birth.month()) | ((date.month() == birth.month()) & (date.day() < birth.day()))
    return (date.year() - birth.year()).cast("int64") - before.cast("int64")


def as_date(day: ibis.Value) -> ibis.Value:
    """The date of a day number."""
    import ibis

    return ibis.date(1970, 1, 1) + (day - _EPOCH).as_interval("D")


def age_at(birth: ibis.Value, day: ibis.Value) -> ibis.Value:
    """Age in completed years on a day that is given by its number."""
    return age_on(birth, as_date(day))


def _days_before(year: ibis.Value) -> ibis.Value:
    last = year - 1
    return last * 365 + last // 4 - last // 100 + last // 400


def _leap(year: ibis.Value) -> ibis.Value:
    return ((year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))).cast("int64")
