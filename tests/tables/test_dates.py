"""Dates: parsed where they can mean one day only; every other spelling refused, with its rows."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from bayesineq.tables.dates import read_dates

TODAY = dt.date(2026, 6, 30)


def days(values: list[object]) -> list[str | None]:
    found, wrong = read_dates(pd.Series(values, dtype=object), today=TODAY)
    assert wrong == []
    return found.dt.strftime("%Y-%m-%d").astype(object).where(found.notna(), None).tolist()


@pytest.mark.parametrize(
    "text",
    [
        "2020-01-31", "2020/01/31", "2020-1-31", "20200131", "31/01/2020", "31-01-2020", "31.1.2020", "01/31/2020",
        "31 Jan 2020", "31-JAN-2020", "31JAN2020", "31 January 2020", "2020-01-31T23:59:59Z",
        "2020-01-31 00:30:00.5+01:00", "31/01/2020 09:15", "31JAN2020:00:00:00", "\u00a02020-01-31 ",
        dt.date(2020, 1, 31), dt.datetime(2020, 1, 31, 23, 5),
        pd.Timestamp("2020-01-31T23:30", tz="Europe/London"), np.datetime64("2020-01-31"),
    ],
)  # fmt: skip
def test_one_day_however_it_is_written(text: object) -> None:
    assert days([text, None]) == ["2020-01-31", None]


def test_what_says_nothing_is_missing_and_one_row_settles_the_order_of_day_and_month() -> None:
    assert days([None, np.nan, pd.NaT, "", " ", "NULL", "NaT", "None", "\u200b"]) == [None] * 9
    assert days(["01/02/2020", "31/01/2015"]) == ["2020-02-01", "2015-01-31"]
    assert days(["01/02/2020", "01/31/2015"]) == ["2020-01-02", "2015-01-31"]
    assert days(["05/05/2020"]) == ["2020-05-05"]


@pytest.mark.parametrize(
    ("values", "problem", "rows"),
    [
        (["01/02/2020", "05/05/2020"], "day and month could be either way round", [0]),
        (["31/01/2015", "01/31/2015"], "the day first in some rows and the month first in others", [0, 1]),
        (["2020-01-31", "31/01/2020", "2020-02-01"], "dates in 2 forms", [1]),
        (["2020-01-31", "31 Jan 2020", "2020-02-01"], "dates in 2 forms", [1]),
        ([20200201], "a number", [0]),
        ([43_862.0, "2020-01-31"], "a number", [0]),
        (["43862"], "not a date", [0]),
        (["2020-02-30", "2020-02-29"], "no such day", [0]),
        (["31/04/2020"], "no such day", [0]),
        (["2020-13-01"], "no such day", [0]),
        (["00/00/2020"], "no such day", [0]),
        (["31/01/20"], "a year of two digits", [0]),
        (["31-Jan-20"], "a year of two digits", [0]),
        (["20-01-31"], "a year of two digits", [0]),
        (["2020", "2020-01"], "not a date", [0, 1]),
        (["soon", "Q1 2020"], "not a date", [0, 1]),
        (["31 Foo 2020"], "not a date", [0]),
        (["1900-01-01", "1800-01-01", "1582-10-15"], "before 2 January 1900", [0, 1, 2]),
        (["9999-12-31", "2026-07-02"], "in the future", [0, 1]),
        ([True], "a number", [0]),
    ],
)
def test_what_could_mean_another_day_or_none_is_refused_by_row_without_its_value(
    values: list[object], problem: str, rows: list[int]
) -> None:
    _, wrong = read_dates(pd.Series(values, dtype=object), today=TODAY)
    assert wrong[0].problem.startswith(problem)
    assert list(wrong[0].rows) == rows
    assert set(wrong[0].values) == {None}


def test_columns_of_times_keep_the_day_on_which_they_were_written() -> None:
    late = pd.Series(pd.to_datetime(["2020-06-30 23:30", None]))
    for column in (late, late.dt.tz_localize("Europe/London"), late.dt.tz_localize("America/New_York")):
        found, wrong = read_dates(column, today=TODAY)
        assert wrong == []
        assert found.dt.strftime("%Y-%m-%d").tolist()[0] == "2020-06-30"
        assert found.isna().tolist() == [False, True]
    assert read_dates(pd.Series([20200201]), today=TODAY)[1][0].problem.startswith("a number")


def test_every_day_of_a_century_in_every_form() -> None:
    every = pd.Series(pd.date_range("1901-01-01", "2025-12-31"))
    for form in ("%Y-%m-%d", "%Y%m%d", "%d/%m/%Y", "%m/%d/%Y", "%d %B %Y", "%d-%b-%Y"):
        found, wrong = read_dates(every.dt.strftime(form), today=TODAY)
        assert wrong == []
        assert (found == every).all()
