"""Person-time against a day-by-day count in plain Python, and against published cases."""

from __future__ import annotations

import json
from collections import Counter
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import ibis
import numpy as np
import pandas as pd
import pytest

from bayesineq.errors import SchemaError
from bayesineq.records.calendar import age_on, birthday, day_number, first_day, month_number
from bayesineq.records.engines import collected, connect
from bayesineq.records.person_time import EventRule, at_risk, incidence, lexis, prevalence

day = date.fromisoformat


def observed(*rows: tuple[str, str, str, str]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["person", "start", "end", "birth"])
    return frame.assign(**{name: frame[name].map(day) for name in ("start", "end", "birth")})


def events(*rows: tuple[str, str, str]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["person", "start", "end"])
    return frame.assign(**{name: frame[name].map(day) for name in ("start", "end")})


NEVER = events(("nobody", "2010-01-01", "2010-01-01"))


@pytest.fixture(scope="module")
def cases(shared: Path) -> dict[str, Any]:
    """Cases of the test-suite of IncidencePrevalence 1.2.1 (darwin-eu)."""
    found: dict[str, Any] = json.loads((shared / "reference/records/person_time_cases/published.json").read_text())
    return found


def washout_of(given: str | int) -> int | None:
    return None if given == "Inf" else int(given)


def test_washout_runs_from_the_end_of_the_last_event(cases: dict[str, Any]) -> None:
    case = cases["washout"]
    one, happened = (
        observed(("1", *case["observation"], "1980-01-01")),
        events(*[("1", *e) for e in case["outcome_intervals"]]),
    )
    days = {}
    for washout, expected in case["events_by_washout_days"].items():
        rule = EventRule(repeated=case["repeated_events"], washout=washout_of(washout))
        found = incidence(one, happened, rule=rule, period=None)
        assert found["events"].tolist() == [expected]
        days[washout] = int(found["person_days"].iloc[0])
    assert days["Inf"] < days["365"], case["note"]
    # By hand: 152 days to the event of 1 June 2010 and, 365 days after 2 June 2010, none before the next event; then
    # from 20 January 2012 (365 whole days after 19 January 2011) to the end of 2012.
    assert days["365"] - days["Inf"] == (day("2012-12-31") - day("2012-01-20")).days + 1


def test_repeated_and_first_events(cases: dict[str, Any]) -> None:
    case = cases["washout2"]
    one, happened = (
        observed(("1", *case["observation"], "1980-01-01")),
        events(*[("1", e, e) for e in case["outcome_dates"]]),
    )
    for given in case["cases"]:
        rule = EventRule(repeated=given["repeated"], washout=washout_of(given["washout"]))
        assert incidence(one, happened, rule=rule, period=None)["events"].tolist() == [given["events"]], given


def test_days_by_year_within_a_band_of_age(cases: dict[str, Any]) -> None:
    case = cases["person_days"]
    two = observed(*[(str(p["id"]), *p["observed"], p["born"]) for p in case["persons"]])
    happened = events(*[(str(p["id"]), p["event"], p["event"]) for p in case["persons"] if "event" in p])
    low, high = case["age_group"]
    found = incidence(two, happened, bands=[0, low, high + 1], rule=EventRule(repeated=case["repeated"]))
    of_band = found[found["age_band"] == f"{low}-{high}"].set_index("year")["person_days"]
    assert {str(year): int(n) for year, n in of_band.items()} == case["days_by_year"]


def test_periods_follow_the_calendar(cases: dict[str, Any]) -> None:
    case, rule = cases["calendar_periods"], EventRule(repeated=True)
    happened = events(*[("1", e, e) for e in case["outcome_dates"]])
    years = incidence(observed(("1", "2010-02-01", case["observation"][1], "1980-01-01")), happened, rule=rule)
    assert years["events"].tolist()[:2] == case["study_start_2010-02-01_by_year"]
    late = observed(("1", "2011-01-15", case["observation"][1], "1980-01-01"))
    months = incidence(late, happened, rule=rule, period="month")
    assert months["events"].tolist()[:3] == case["study_start_2011-01-15_by_month_first3"]
    assert months["person_days"].tolist()[:3] == [17, 28, 31]


def test_complete_periods_lie_within_what_was_observed(cases: dict[str, Any]) -> None:
    case = cases["complete_intervals"]
    one = observed(("1", *case["observation"], "1980-01-01"))
    assert len(incidence(one, NEVER, period="month")) == case["months_any"]
    assert len(incidence(one, NEVER, period="month", complete=True)) == case["months_complete_only"]
    # Quarters two and three of 2010; no whole year.
    assert incidence(one, NEVER, period="quarter", complete=True)["quarter"].tolist() == [2, 3]
    assert incidence(one, NEVER, complete=True).empty


def test_events_before_the_study_do_not_end_it(cases: dict[str, Any]) -> None:
    case = cases["overall_first_event_study_start_2007"]
    opens = day(case["study_start"])
    persons = observed(*[(str(p["id"]), *p["observed"], "1980-01-01") for p in case["persons"]])
    persons["start"] = persons["start"].clip(lower=opens)
    happened = events(*[(str(p["id"]), e, e) for p in case["persons"] for e in p["events"]])
    for repeated, key in ((False, "repeated_false_washout0"), (True, "repeated_true_washout0")):
        stretches = at_risk(connect(persons), connect(happened), EventRule(repeated=repeated))
        limits = collected(stretches.aggregate(a=stretches["first"].min(), b=stretches["last"].max()))
        found = [date.fromordinal(int(n)).isoformat() for n in limits.iloc[0]]
        assert found == case[key]["interval"]
    first = incidence(persons, happened, period=None)
    assert first["persons"].tolist() == [case["repeated_false_washout0"]["denominator"]]


def test_who_is_never_at_risk_is_no_row(cases: dict[str, Any]) -> None:
    case = cases["never_at_risk"]
    one = observed(("1", case["study_start"], case["observation"][1], "1980-01-01"))
    found = incidence(one, events(("1", *case["event"])), rule=EventRule(True, case["washout"]))
    assert len(found) == case["rows_returned"]


def worlds(seed: int, persons: int = 60) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Stretches of observation that do not overlap, and events that may, last, and lie outside them."""
    rng, begin = np.random.default_rng(seed), date(2015, 1, 1)
    rows, happened = [], []
    for k in range(persons):
        birth = date(int(rng.integers(1920, 2015)), int(rng.integers(1, 13)), int(rng.integers(1, 29)))
        birth = date(1996, 2, 29) if k % 7 == 0 else birth
        cursor = begin + timedelta(int(rng.integers(0, 400)))
        for _ in range(rng.integers(1, 4)):
            last = cursor + timedelta(int(rng.integers(0, 700)))
            rows.append((f"p{k}", cursor, last, birth))
            cursor = last + timedelta(int(rng.integers(1, 200)))
        for _ in range(rng.integers(0, 6)):
            at = begin + timedelta(int(rng.integers(-200, 1800)))
            happened.append((f"p{k}", at, at + timedelta(int(rng.choice([0, 0, 3, 40])))))
    frame = pd.DataFrame(rows, columns=["person", "start", "end", "birth"])
    return frame, pd.DataFrame(happened, columns=["person", "start", "end"])


def by_hand(frame: pd.DataFrame, happened: pd.DataFrame, rule: EventRule) -> tuple[Counter[Any], Counter[Any]]:
    """Each person, each day: is she at risk, and does an event begin?"""
    days: Counter[Any] = Counter()
    counts: Counter[Any] = Counter()
    for person, stretches in frame.groupby("person"):
        own = [(e.start, e.end) for e in happened[happened["person"] == person].itertuples()]
        done = False
        for row in stretches.sort_values("start").itertuples():
            at = row.start
            while at <= row.end and not done:
                earlier = [end for start, end in own if start < at]
                washed = earlier and (rule.washout is None or (at - max(earlier)).days <= rule.washout)
                birth = row.birth
                age = at.year - birth.year - ((at.month, at.day) < (birth.month, birth.day))
                if not washed and at >= birth:
                    key = (at.year, "00-19" if age < 20 else "20-64" if age < 65 else "65+")
                    begins = any(start == at for start, _ in own)
                    days[key] += not (begins and rule.event_day == "excluded")
                    counts[key] += begins
                    done = begins and not rule.repeated
                at += timedelta(1)
    return days, counts


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    "rule",
    [EventRule(), EventRule(True), EventRule(True, 30), EventRule(False, 100), EventRule(True, None),
     EventRule(True, 5, "excluded"), EventRule(False, None, "excluded")],
    ids=str,
)  # fmt: skip
def test_cells_are_those_of_a_count_day_by_day(rule: EventRule, seed: int) -> None:
    frame, happened = worlds(seed)
    days, counts = by_hand(frame, happened, rule)
    found = incidence(frame, happened, rule=rule, bands=[0, 20, 65]).set_index(["year", "age_band"])
    assert {k: int(n) for k, n in found["person_days"].items() if n} == {k: n for k, n in days.items() if n}
    assert {k: int(n) for k, n in found["events"].items() if n} == {k: n for k, n in counts.items() if n}


def test_prevalence_on_a_date_and_over_a_period_by_hand() -> None:
    frame, happened = worlds(5)
    at, until = date(2016, 6, 1), date(2016, 12, 31)
    there = frame[(frame["start"] <= at) & (frame["end"] >= at)]
    ever = happened[happened["start"] <= at].groupby("person").size().index
    found = prevalence(frame, happened, on=at)
    assert found.iloc[0].tolist() == [there["person"].isin(ever).sum(), len(there)]
    lasting = happened[(happened["start"] <= at) & (happened["end"] >= at)]["person"]
    found = prevalence(frame, happened, on=at, look_back=0)
    assert found.iloc[0].tolist() == [there["person"].isin(lasting).sum(), len(there)]
    assert found["cases"].iloc[0] > 0
    for throughout in (False, True):
        need = (at, until) if throughout else (until, at)
        there = frame[(frame["start"] <= need[0]) & (frame["end"] >= need[1])]
        last = there.groupby("person")["end"].max()
        met = happened[(happened["start"] <= until) & (happened["end"] >= at - timedelta(90))]
        met = met[met["start"] <= met["person"].map(last)]
        found = prevalence(frame, happened, on=(at, until), look_back=90, throughout=throughout)
        assert found.iloc[0].tolist() == [met["person"].nunique(), there["person"].nunique()]


def test_days_and_birthdays_are_those_of_the_calendar() -> None:
    rng = np.random.default_rng(8)
    dates = [
        date.fromordinal(int(n)) for n in rng.integers(date(1880, 1, 1).toordinal(), date(2101, 1, 1).toordinal(), 4000)
    ]
    dates += [
        date(2000, 2, 29),
        date(1900, 2, 28),
        date(1900, 3, 1),
        date(2024, 2, 29),
        date(2024, 12, 31),
        date(2100, 3, 1),
    ]
    born = [date(1996, 2, 29), *dates[:-1]]
    table = connect(pd.DataFrame({"n": range(len(dates)), "at": dates, "birth": born}))
    number = day_number(table["at"])
    month = month_number(number)
    found = collected(
        table.select(
            "n", number=number, month=month, first=first_day(month),
            turned=birthday(table["birth"], table["at"].year()), age=age_on(table["birth"], table["at"]),
        ).order_by("n")
    )  # fmt: skip
    assert found["number"].tolist() == [d.toordinal() for d in dates]
    assert found["month"].tolist() == [d.year * 12 + d.month - 1 for d in dates]
    assert found["first"].tolist() == [d.replace(day=1).toordinal() for d in dates]

    def turns(birth: date, year: int) -> date:
        try:
            return birth.replace(year=year)
        except ValueError:
            return date(year, 3, 1)

    assert found["turned"].tolist() == [turns(b, d.year).toordinal() for b, d in zip(born, dates, strict=True)]
    assert found["age"].tolist() == [d.year - b.year - (d < turns(b, d.year)) for b, d in zip(born, dates, strict=True)]


def test_expressions_are_those_of_spark_too() -> None:
    table = ibis.table({"person": "string", "start": "date", "end": "date", "birth": "date"}, name="observed")
    happened = ibis.table({"person": "string", "start": "date", "end": "date"}, name="events")
    pieces = lexis(at_risk(table, happened, EventRule(True, 30)), bands=[0, 20, 65])
    text = ibis.to_sql(
        pieces.group_by(["year", "age_band"]).aggregate(n=pieces["person_days"].sum()), dialect="pyspark"
    )
    assert "EXPLODE" in text


@pytest.mark.parametrize("wrong", [{"washout": -1}, {"washout": 1.5}, {"washout": True}, {"event_day": "half"}])
def test_a_rule_that_means_nothing_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(SchemaError, match=r"washout|event"):
        EventRule(**wrong)


def test_rows_of_people_do_not_leave() -> None:
    with pytest.raises(SchemaError, match="stay where they are"):
        collected(connect(observed(("1", "2010-01-01", "2010-12-31", "1980-01-01"))))
    with pytest.raises(SchemaError, match=r"no column \['end'\]"):
        incidence(observed(("1", "2010-01-01", "2010-12-31", "1980-01-01")).drop(columns="end"), NEVER)
    with pytest.raises(SchemaError, match="ends before it begins"):
        prevalence(
            observed(("1", "2010-01-01", "2010-12-31", "1980-01-01")), NEVER, on=(day("2010-02-01"), day("2010-01-01"))
        )
