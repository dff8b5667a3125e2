"""Appointments, waits and stays from records: counts by hand, nothing of the future in them, and what is refused."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from bayesineq.cohort.cells import cohort_cells
from bayesineq.cohort.members import Cohort, cohort
from bayesineq.errors import SchemaError
from bayesineq.records.normal import read_normal

STUDY = (date(2021, 1, 1), date(2021, 12, 31))
COLUMNS = ["person", "booked", "start", "end", "kind", "provider", "outcome", "admission"]
type Row = tuple[str | None, ...]


def built(spells: list[Row]) -> Cohort:
    """Everybody lives in the area that the first letter of the name says; d2 dies."""
    people = sorted({str(row[0]) for row in spells})
    persons = pd.DataFrame({
        "person": people, "birth": "1970-06-30", "sex": "female", "area": [f"E0100000{p[1]}" for p in people],
        "imd_decile": 2, "death": ["2021-07-10" if p == "d2" else None for p in people],
        "registered_from": "2010-01-01",
    })  # fmt: skip
    told = pd.DataFrame({"person_id": people, "source": "gp", "ethnicity": "A", "recorded_on": "2015-05-01"})
    records = read_normal({
        "persons": persons, "spells": pd.DataFrame(spells, columns=COLUMNS), "ethnicity_records": told,
    })  # fmt: skip
    return cohort(records, "access_and_stays", study=STUDY)


def visit(person: str, booked: str | None, on: str | None, outcome: str | None, kind: str = "outpatient") -> Row:
    return (person, booked, on, on, kind, "R1", outcome, None)


def stay(person: str, first: str, last: str | None, admission: str | None = "planned") -> Row:
    return (person, None, first, last, "inpatient", "R1", None, admission)


FIRST = visit("z0", None, "2015-01-01", "attended", "community")
APPOINTMENTS = [
    visit("a1", "2020-10-01", "2020-12-01", "missed", "community"),
    # Booked before the one of December was missed, and on the day on which it was.
    visit("a1", "2020-11-30", "2021-02-01", "attended", "community"),
    visit("a1", "2020-12-01", "2021-02-02", "missed", "community"),
    visit("a1", "2020-12-02", "2021-02-03", "cancelled by patient", "community"),
    visit("b1", None, "2021-05-05", "cancelled by provider", "community"),
    visit("c1", "2021-03-01", "2021-03-01", "attended", "community"),
    visit("c1", "2021-03-01", "2021-04-30", "attended", "community"),
    visit("c1", "2021-03-02", "2021-04-30", "attended", "community"),
]
WAITS = [
    visit("a2", "2021-03-01", "2021-04-10", "attended"),
    visit("b2", "2021-03-01", "2021-03-11", "missed"),
    visit("b2", "2021-03-01", "2021-03-29", "attended"),
    visit("c2", "2021-12-21", None, None),
    visit("d2", "2021-07-01", "2021-09-01", "attended"),
]
STAYS = [
    stay("a2", "2021-03-01", "2021-03-04"),
    stay("a2", "2021-03-04", "2021-03-06", "emergency"),  # a transfer on the day itself
    stay("a2", "2021-04-05", "2021-04-06", "emergency"),  # on day 30 after the transfer's end
    stay("b2", "2021-05-01", "2021-05-01"),
    stay("b2", "2021-05-10", "2021-05-12", "planned"),
    stay("c2", "2021-12-20", "2021-12-22"),  # too late to see 30 days
    stay("d2", "2021-07-01", "2021-07-10", "emergency"),  # died there
    stay("d2", "2021-06-20", "2021-06-21", "emergency"),
    stay("c2", "2021-12-30", None),
]


def turned(seed: int = 3) -> tuple[list[Row], list[Row]]:
    """
    Appointments booked before a day, and the same with every outcome from that day on turned round.

    Those of the second are of people of area 4, of the first of area 3, who are the same otherwise.
    """
    rng, turn = np.random.default_rng(seed), "2021-06-01"
    days = pd.date_range("2019-06-01", "2021-12-31").strftime("%Y-%m-%d").to_numpy()
    other = {"attended": "missed", "missed": "attended"}
    one, two = [], []
    for k in range(150):
        first, last = (str(days[at]) for at in np.sort(rng.choice(len(days), 2, replace=False)))
        outcome = str(rng.choice(["attended", "missed"], p=[0.8, 0.2]))
        if first < turn:
            one.append(visit(f"p3{k % 40}", first, last, outcome, "general practice"))
            after = other[outcome] if last >= turn else outcome
            two.append(visit(f"p4{k % 40}", first, last, after, "general practice"))
    return one, two


@pytest.fixture(scope="module")
def made() -> Cohort:
    one, two = turned()
    return built([FIRST, *APPOINTMENTS, *WAITS, *STAYS, *one, *two])


def test_appointments_are_counted_by_what_was_known_when_they_were_booked(made: Cohort) -> None:
    table = cohort_cells(made, "appointment_counts").table
    assert (table["not_cancelled_by_provider"] == table["appointments"] - table["cancelled_by_provider"]).all()
    assert (table["due"] == table["not_cancelled_by_provider"] - table["cancelled_by_patient"]).all()
    own = table[table["area"] == "E01000001"]
    found = {
        (row.lead_time, row.history): (
            row.appointments,
            row.cancelled_by_provider,
            row.cancelled_by_patient,
            row.missed,
        )
        for row in own.itertuples()
    }
    assert found == {
        # Of a1, booked by 1 December, when what happens that day is not known; and one of c1.
        ("31+", "none"): (3, 0, 0, 1),
        ("31+", "missed some"): (1, 0, 1, 0),
        ("not known", "none"): (1, 1, 0, 0),
        ("00-00", "none"): (1, 0, 0, 0),
        ("31+", "attended all"): (1, 0, 0, 0),
    }
    # History does not move with what came after the booking: areas 3 and 4 differ by outcomes after it alone.
    by = ["lead_time", "history"]
    before, after = (
        table[table["area"] == f"E0100000{k}"].groupby(by)[["appointments", "missed"]].sum() for k in (3, 4)
    )
    assert before.index.get_level_values("history").nunique() == 3
    pd.testing.assert_series_equal(before["appointments"], after["appointments"])
    assert before["missed"].sum() != after["missed"].sum()


def test_waits_count_days_until_seen_and_of_those_who_wait_still(made: Cohort) -> None:
    """40 days: 28 and 12, seen in the second stretch; a missed appointment ends no wait; who waits has days alone."""
    found = cohort_cells(made, "waiting_counts")
    table = found.table.groupby("interval")[["seen", "waiting_days"]].sum()
    # d2 died after nine days of waiting.
    assert table.loc["000-028"].tolist() == [1, 28.0 + 28.0 + 10.0 + 9.0]
    assert table.loc["028-084"].tolist() == [1, 12.0]
    assert found.notes == ()


def test_stays_have_nights_of_the_living_and_readmissions_are_emergencies_within_thirty_days(made: Cohort) -> None:
    found = cohort_cells(made, "stays")
    assert sorted(found.table["nights"].dropna()) == [0, 1, 1, 2, 2, 2, 3]
    assert found.table["died"].sum() == 1
    assert found.table.loc[found.table["died"] == 1, "nights"].isna().all()
    assert "person" not in found.table
    assert "1 have no last day" in found.notes[0]
    back = cohort_cells(made, "readmission_counts").table[["readmitted", "discharges"]].sum()
    # Of a's three discharges those before the day of April; of d's first, ten days before the last admission.
    assert back.tolist() == [2, 6]


def test_turned_days_and_unknown_admissions_are_refused_and_completed_waits_are_named() -> None:
    days = pd.date_range("2021-01-04", periods=60).strftime("%Y-%m-%d")
    rows = [visit("a1", day, f"2021-10-{1 + k % 28:02d}", "attended") for k, day in enumerate(days)]
    wrong = built([
        *rows, stay("a1", "2021-03-04", "2021-03-01", None),
        visit("a1", "2021-03-04", "2021-03-01", "missed", "community"),
    ])  # fmt: skip
    assert "completed waits only" in cohort_cells(wrong, "waiting_counts").notes[0]
    for table, said in (
        ("stays", "1 stays ended before they began: negative stays"),
        ("appointment_counts", "1 appointments were booked after the day they were on"),
        ("readmission_counts", "no stay says how somebody was admitted"),
    ):
        with pytest.raises(SchemaError, match=said):
            cohort_cells(wrong, table)
