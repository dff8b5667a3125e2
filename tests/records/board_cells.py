"""Three tables of cells from records of a board, by expressions: prevalence, access, outcomes; ethnicity resolved."""

from __future__ import annotations

import datetime as dt
from typing import Any

import ibis

from bayesineq.records.engines import kept
from bayesineq.records.ethnicity.resolution import resolve
from bayesineq.records.normal import Records
from bayesineq.records.tabulate import age_bands

BY = ["area", "imd_decile", "ethnicity", "age_band", "sex"]
BANDS = [18, 30, 40, 50, 60, 70, 80]


def adults(records: Records, areas: ibis.Table, on: dt.date) -> ibis.Table:
    """Adults who are alive and registered the day before, with what makes a cell."""
    persons = records.persons
    day = ibis.literal(on, "date")
    later = (day.month() * 100 + day.day()) < (persons.birth.month() * 100 + persons.birth.day())
    age = day.year() - persons.birth.year() - later.cast("int64")
    there = persons.mutate(age=age).filter(lambda t: (t.death.isnull()) & (t.registered_from < day) & (t.age >= 18))
    resolved = resolve(records.ethnicity_records, "cvdprevent")
    known = resolved.select(person=resolved.person_id, resolved=resolved.ethnicity)
    return (
        there.left_join(known, "person").inner_join(areas, "area")
        .select(
            "person", "area", "imd_decile", "sex", "registered_from", age_band=age_bands(there.age, BANDS),
            ethnicity=known.resolved.fill_null("99"),
        )
    )  # fmt: skip


def with_diabetes(records: Records, before: dt.date) -> ibis.Table:
    events = records.events
    codes = events.filter(events.system == "icd10").select("code").distinct()
    listed = codes.filter(codes.code.upper().substr(0, 3).isin(["E10", "E11"]))
    return events.filter(events.date < before).semi_join(listed, "code").select("person").distinct()


def board_tables(records: Records, areas: ibis.Table, on: dt.date) -> dict[str, Any]:
    """Cells of adults: people and cases; missed and appointments of a year; admissions and person-years of diabetes."""
    everybody = kept(adults(records, areas, on))
    year = on.replace(year=on.year - 1)
    cases = with_diabetes(records, on).mutate(case=1)
    joined = everybody.left_join(cases, "person")
    prevalence = joined.group_by(BY).aggregate(cases=joined.case.fill_null(0).sum(), population=joined.count())
    spells = records.spells
    in_year = spells.filter((spells.start >= year) & (spells.start < on))
    booked = (
        in_year.filter(in_year.kind == "general practice")
        .group_by("person")
        .aggregate(appointments=lambda t: t.count(), missed=lambda t: (t.outcome == "missed").cast("int64").sum())
    )
    access = (
        everybody.inner_join(booked, "person")
        .group_by(BY)
        .aggregate(missed=lambda t: t.missed.sum(), appointments=lambda t: t.appointments.sum())
    )
    admitted = in_year.filter(in_year.kind == "inpatient").group_by("person").aggregate(events=lambda t: t.count())
    followed = everybody.semi_join(with_diabetes(records, year), "person").left_join(admitted, "person")
    day = ibis.literal(on, "date")
    since = ibis.greatest(followed.registered_from, ibis.literal(year, "date"))
    outcomes = (
        followed.mutate(years=day.delta(since, unit="day") / 365.0)
        .group_by(BY)
        .aggregate(events=lambda t: t.events.fill_null(0).sum(), person_years=lambda t: t.years.sum())
    )
    return {"prevalence": prevalence, "access": access, "outcomes": outcomes}
