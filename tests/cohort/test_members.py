"""Cohorts against a count by hand in plain Python, and cards whose mistakes are named at once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import ibis
import numpy as np
import pandas as pd
import pytest

from bayesineq.cohort.card import CodedFact, CohortCard, Covariate, Entry, FollowUp, Requirement
from bayesineq.cohort.cells import cohort_cells
from bayesineq.cohort.members import Cohort, cohort
from bayesineq.cohort.read_cohort import cohort_names, parse_cohort, read_cohort
from bayesineq.errors import CardError, SchemaError
from bayesineq.examples import cohort_example
from bayesineq.records.normal import Records, read_normal

STUDY = (date(2015, 1, 1), date(2017, 12, 31))
FACTS = {
    "illness": CodedFact("illness", {"icd10": ("E10-E14",)}),
    "other": CodedFact("other", {"icd10": ("I25",)}),
    "measured": CodedFact("measured", {"snomed": ("4339",)}),
    "high": CodedFact("high", {"snomed": ("4339",)}, at_least=60.0),
}
CODES = {"E11.9": ("illness",), "E109": ("illness",), "I25.1": ("other",), "J45": (), "4339": ("measured",)}


def world(seed: int, n: int = 150) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Persons with gaps in what is known of them, and facts before, in and after the study."""
    rng = np.random.default_rng(seed)
    begin = date(2013, 1, 1)
    persons, events = [], []
    for k in range(n):
        birth = date(int(rng.integers(1930, 2016)), int(rng.integers(1, 13)), int(rng.integers(1, 29)))
        opens = begin + timedelta(int(rng.integers(0, 1500)))
        closes = opens + timedelta(int(rng.integers(0, 2500)))
        death = opens + timedelta(int(rng.integers(100, 2500)))
        persons.append(
            {
                "person": f"p{k}",
                "birth": None if k % 23 == 0 else birth,
                "sex": str(rng.choice(["female", "male", "unknown"], p=[0.48, 0.48, 0.04])),
                "death": death if rng.random() < 0.15 else None,
                "area": None if rng.random() < 0.05 else f"E0100000{rng.integers(1, 4)}",
                "registered_from": opens,
                "registered_to": closes if rng.random() < 0.6 else None,
            }
        )
        for _ in range(rng.poisson(9)):
            code = str(rng.choice(list(CODES)))
            at = begin + timedelta(int(rng.integers(0, 2200)))
            value = float(np.round(rng.normal(55, 10), 1)) if code == "4339" and rng.random() < 0.9 else None
            events.append((f"p{k}", at, "snomed" if code == "4339" else "icd10", code, value))
    frame = pd.DataFrame(events, columns=["person", "date", "system", "code", "value"])
    return pd.DataFrame(persons), frame


def card(entry: Entry, *conditions: Requirement, **more: Any) -> CohortCard:
    return CohortCard("tested", "Who?", FACTS, entry, conditions, **more)


def facts_of(events: pd.DataFrame, person: str, names: tuple[str, ...]) -> list[tuple[date, float | None]]:
    found = []
    for row in events[events["person"] == person].itertuples():
        for name in CODES[row.code]:
            value = None if pd.isna(row.value) else row.value
            found += [(row.date, value)] * (name in names)
            if name == "measured" and "high" in names and value is not None and value >= 60:
                found.append((row.date, value))
    return sorted(found, key=lambda f: f[0])


def within(days: int, window: tuple[int | None, int | None]) -> bool:
    return (window[0] is None or days >= window[0]) and (window[1] is None or days <= window[1])


def holds(events: pd.DataFrame, person: str, index: date, condition: Requirement) -> bool:
    mine = [d for d, _ in facts_of(events, person, condition.event)]
    if condition.of is not None:
        anchors = [d for d, _ in facts_of(events, person, (condition.of,))]
        return any(within((d - a).days, condition.within) for d in mine for a in anchors)
    near = [d for d in mine if within((d - index).days, condition.within)]
    if condition.apart == 0:
        return len(near) >= condition.times
    taken: list[date] = []
    for d in sorted(set(near)):
        if not taken or (d - taken[-1]).days >= condition.apart:
            taken.append(d)
    return len(taken) >= condition.times


def age(birth: date, at: date) -> int:
    return at.year - birth.year - ((at.month, at.day) < (birth.month, birth.day))


def by_hand(persons: pd.DataFrame, events: pd.DataFrame, made: CohortCard) -> dict[str, tuple[date, date]]:
    """Index date and last day of follow-up of each member, person by person."""
    entry, members = made.entry, {}
    for row in persons.itertuples():
        if not isinstance(row.birth, date):
            continue
        last = STUDY[1]
        closes = min(x for x in (row.registered_to, row.death, last) if isinstance(x, date))
        opens = max(row.registered_from, row.birth)
        days = [d for d, _ in facts_of(events, row.person, entry.event)]
        if entry.on is not None:
            days = [entry.on]
        elif entry.which == "first":
            days = days[:1]
        found = None
        for place, day in enumerate(sorted(set(days))):
            at = max(day, STUDY[0], opens + timedelta(entry.look_back)) if entry.prevalent else day
            gap = (day - sorted(set(days))[place - 1]).days if place else None
            fits = (
                day <= last
                and (entry.prevalent or day >= STUDY[0])
                and opens + timedelta(entry.look_back) <= at <= closes
                and row.birth <= at
                and (entry.age is None or entry.age[0] <= age(row.birth, at) <= entry.age[1])
                and (not entry.sex or row.sex in entry.sex)
                and (not entry.clean or gap is None or gap > entry.clean)
            )
            if fits:
                found = at
                break
        if found is None or any(holds(events, row.person, found, c) == c.exclude for c in made.conditions):
            continue
        until = closes
        if made.follow_up.days is not None:
            until = min(until, found + timedelta(made.follow_up.starts + made.follow_up.days - 1))
        ends = [d for d, _ in facts_of(events, row.person, made.follow_up.event)]
        until = min([until, *(d for d in ends if d >= found + timedelta(made.follow_up.starts))])
        members[row.person] = (found, until)
    return members


def built(persons: pd.DataFrame, events: pd.DataFrame, made: CohortCard) -> Cohort:
    return cohort(read_normal({"persons": persons, "events": events}), made, study=STUDY)


def members_of(found: Cohort) -> dict[str, tuple[date, date]]:
    rows = found.members.select("person", "index", "until").to_pyarrow().to_pylist()
    return {r["person"]: (date.fromordinal(r["index"]), date.fromordinal(r["until"])) for r in rows}


PREVALENT, ANY = Entry(("illness",), prevalent=True), (None, None)
CARDS = {
    "first": card(Entry(("illness",), age=(18, 90))),
    "prevalent": card(Entry(("illness",), prevalent=True, look_back=90), follow_up=FollowUp(1, 200)),
    "any": card(Entry(("illness", "other"), which="any", clean=120, sex=("female",), look_back=30)),
    "on a day": card(Entry(on=date(2016, 7, 1), age=(0, 64)), Requirement(("illness",), exclude=True)),
    "before": card(PREVALENT, Requirement(("measured",), within=(-365, 0))),
    "never": card(PREVALENT, Requirement(("other",), True, (None, -1))),
    "twice": card(PREVALENT, Requirement(("measured",), within=ANY, times=2, apart=60)),
    "thrice": card(PREVALENT, Requirement(("measured",), within=(None, 700), times=3, apart=45)),
    "records": card(PREVALENT, Requirement(("high", "other"), within=ANY, times=2, apart=0)),
    "after another": card(PREVALENT, Requirement(("high",), within=(1, 300), of="other")),
    "ended": card(PREVALENT, follow_up=FollowUp(1, None, ("other",))),
}  # fmt: skip


@pytest.mark.parametrize("name", CARDS)
def test_members_are_those_of_a_count_by_hand(name: str) -> None:
    persons, events = world(seed=list(CARDS).index(name))
    expected = by_hand(persons, events, CARDS[name])
    assert 5 < len(expected) < len(persons) - 5
    assert members_of(built(persons, events, CARDS[name])) == expected


def test_covariates_are_the_latest_before_the_index_date() -> None:
    persons, events = world(seed=40)
    covariates = (
        Covariate("latest", ("measured",), "latest", (-400, 0)),
        Covariate("had", ("other",), "present", (None, -1)),
        Covariate("days", ("measured",), "times", (-800, 0)),
    )
    found = built(persons, events, card(Entry(("illness",), prevalent=True), covariates=covariates))
    rows = found.members.select("person", "index", "latest", "had", "days").to_pyarrow().to_pylist()
    assert len(rows) > 20
    for row in rows:
        index = date.fromordinal(row["index"])
        mine = [(d, v) for d, v in facts_of(events, row["person"], ("measured",)) if (index - d).days in range(401)]
        valued = [(d, v) for d, v in mine if v is not None]
        assert row["latest"] == (max(valued)[1] if valued else None)
        assert row["had"] == any(d < index for d, _ in facts_of(events, row["person"], ("other",)))
        days = {d for d, _ in facts_of(events, row["person"], ("measured",)) if 0 <= (index - d).days <= 800}
        assert row["days"] == len(days)


def test_attrition_adds_up_and_tells_who_is_dropped() -> None:
    persons, events = world(seed=3)
    persons["imd_decile"] = persons["area"].map({f"E0100000{k}": k * 3 for k in (1, 2, 3)})
    given = pd.DataFrame(
        {"person_id": persons["person"][:100], "source": "gp", "ethnicity": "A", "recorded_on": "2015-01-01"}
    )
    records = read_normal({"persons": persons, "events": events, "ethnicity_records": given})
    found = cohort(records, CARDS["before"], study=STUDY)
    table = found.attrition
    expected = by_hand(persons, events, CARDS["before"])
    of_all = table[table["by"] == "all"].set_index("step")
    assert of_all["persons"].iloc[0] == len(persons)
    assert of_all["persons"].iloc[-1] == len(expected)
    assert (-of_all["persons"].diff().fillna(0) == of_all["dropped"]).all()
    for by in ("imd_decile", "ethnicity"):
        assert (table[table["by"] == by].groupby("step")["persons"].sum() == of_all["persons"]).all()
    last = table[(table["by"] == "ethnicity") & (table["step"] == of_all.index[-1])].set_index("group")["persons"]
    assert last["A"] == sum(int(p[1:]) < 100 for p in expected)
    decile = persons.set_index("person")["imd_decile"]
    last = table[(table["by"] == "imd_decile") & (table["step"] == of_all.index[-1])].set_index("group")["persons"]
    assert last["3"] == sum(decile[p] == 3 for p in expected)
    assert last["not known"] == sum(pd.isna(decile[p]) for p in expected)


def test_no_row_of_a_person_leaves_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    persons, events = world(seed=4)
    left: list[tuple[int, list[str]]] = []

    def watched(name: str) -> Callable[..., Any]:
        plain = getattr(ibis.Table, name)

        def out(self: ibis.Table, *args: Any, **kwargs: Any) -> Any:
            result = plain(self, *args, **kwargs)
            left.append((len(result), list(self.columns)))
            return result

        return out

    for name in ("to_pyarrow", "to_pandas", "execute", "to_polars"):
        monkeypatch.setattr(ibis.Table, name, watched(name))
    persons["imd_decile"] = 2
    found = built(persons, events, read_cohort("type_2_diabetes"))
    for table in found.card.tables[:1]:
        cohort_cells(found, table)
    assert left
    assert not [columns for rows, columns in left if rows and {"person", "person_id", "birth"} & set(columns)]
    cells = [rows for rows, columns in left if "area" in columns]
    assert all(rows < len(persons) for rows, columns in left if "area" not in columns)
    assert len(cells) == 1


def test_cells_of_people_and_time_are_those_of_a_count_by_hand() -> None:
    persons, events = world(seed=6, n=400)
    persons["imd_decile"] = persons["area"].map({f"E0100000{k}": k * 3 for k in (1, 2, 3)}).fillna(9)
    text = """
name = "tested"
question = "Who?"
[codelists]
illness = { codes = { icd10 = ["E10-E14"] } }
other = { codes = { icd10 = ["I25"] } }
measured = { codes = { snomed = ["4339"] } }
[entry]
event = "illness"
prevalent = true
age = [18, 120]
[outcomes.other]
event = "other"
repeated = true
[cells]
tables = ["area_counts", "outcome_counts"]
[cells.counts]
cases = { count = "cohort", on = 2016-12-31 }
population = { count = "people", on = 2016-12-31 }
events = { count = "outcome", outcome = "other" }
person_years = { count = "time", outcome = "other" }
"""
    made = parse_cohort(text)
    found = built(persons, events, made)
    members, at = by_hand(persons, events, made), date(2016, 12, 31)
    there = [
        row
        for row in persons.itertuples()
        if isinstance(row.birth, date)
        and max(row.registered_from, row.birth) <= at
        and min(x for x in (row.registered_to, row.death, STUDY[1]) if isinstance(x, date)) >= at
        and 18 <= age(row.birth, at) <= 120
    ]
    cells = cohort_cells(found, "area_counts")
    placed = [row for row in there if isinstance(row.area, str)]
    cases = [row for row in placed if row.person in members and members[row.person][0] <= at]
    assert cells.table["population"].sum() == len(placed) < len(there)
    assert cells.table["cases"].sum() == len(cases) > 5
    lost = cells.left_out.set_index("column")["number"]
    assert lost["population"] == len(there) - len(placed)
    by_area = pd.Series([row.area for row in cases]).value_counts()
    assert cells.table.groupby("area")["cases"].sum().to_dict() == by_area.to_dict()
    # Every day of follow-up that is not within an event counts, and the first day of one.
    days = happened = 0
    for row in persons.itertuples():
        if row.person in members and isinstance(row.area, str):
            index, until = members[row.person]
            others = {d for d, _ in facts_of(events, row.person, ("other",))}
            span = [index + timedelta(k) for k in range((until - index).days + 1)]
            mine = [d for d in span if d in others and d - timedelta(1) not in others]
            happened += len(mine)
            days += len([d for d in span if d not in others or d in mine])
    outcomes = cohort_cells(found, "outcome_counts").table
    assert outcomes["events"].sum() == happened > 5
    assert outcomes["person_years"].sum() == pytest.approx(days / 365.25)


@pytest.mark.parametrize("name", cohort_names())
def test_shipped_cards_say_what_they_are_and_what_they_expect(name: str) -> None:
    made = read_cohort(name)
    assert made.name == name
    assert made.question.endswith("?")
    assert made.definition.endswith(".")
    assert made.intended
    assert made.not_for
    for fact in made.facts.values():
        if isinstance(fact, CodedFact):
            assert fact.cite
            assert set(fact.codes) == {"icd10"}, "SNOMED CT lists are the user's"
            assert all(of.system == "snomed" and "SNOMED CT" in of.expects for of in fact.files)
    of_use = ("appointment_counts", "waiting_counts", "stays", "readmission_counts")
    assert made.tables == (of_use if name == "access_and_stays" else ("area_counts", "access_counts", "outcome_counts"))


def test_all_mistakes_of_a_card_are_named_at_once() -> None:
    text = """
name = "wrong"
quesiton = "?"
[codelists]
death = { codes = { icd10 = ["E11"] } }
empty = { cite = "nobody" }
[spells.stay]
kind = "hotel"
[entry]
event = "absent"
birthday = 40
clean = 30
age = [40, 18]
[[require]]
event = "stay"
within = [0, -365]
times = 0
[outcomes.o]
event = "stay"
washout = "never"
[covariates.later]
event = "stay"
within = [0, 30]
[cells]
tables = ["area_counts", "no_such"]
bands = [10, 5]
[cells.counts]
cases = { count = "outcome", outcome = "p" }
[study]
from = 2020-01-01
to = 2019-01-01
"""
    with pytest.raises(CardError) as caught:
        parse_cohort(text)
    said = str(caught.value)
    for part in (
        "quesiton: unknown key", "question: missing", "codelists.death.codes: death needs no list",
        "codelists.empty.codes: missing", "spells.stay.kind: is 'hotel'", "entry.event: people enter by one of",
        "entry.event: no fact is named 'absent'", "entry.clean: the first ever has none before it",
        "entry.age: is [40, 18]", "require[0].within: is [0, -365]", "require[0].times: is 0",
        "outcomes.o.washout: is 'never'", "covariates.later.within: a covariate is known", "'no_such'",
        "cells.bands: is [10, 5]", "cells.counts.population: missing", "no outcome is named 'p'",
        "study.to: 2019-01-01 is before",
    ):  # fmt: skip
        assert part in said


def records_of(codes: list[str], system: str = "icd10") -> Records:
    persons = pd.DataFrame({"person": ["a"], "birth": ["1960-01-01"], "sex": ["female"]})
    events = pd.DataFrame({"person": "a", "date": "2015-06-01", "system": system, "code": codes})
    return read_normal({"persons": persons, "events": events})


def test_a_list_none_of_whose_codes_occurs_says_what_there_is() -> None:
    with pytest.raises(
        SchemaError, match=r"illness: none of its codes occurs \(icd10 such as E10, E11, E12\)"
    ) as caught:
        cohort(records_of(["C10E.", "C10F."], "read2"), CARDS["first"], study=STUDY)
    assert "read2 (2 codes, of the form A99A.)" in str(caught.value)
    with pytest.raises(SchemaError) as caught:
        cohort(records_of(["Ada Lovelace", "9434765919"], "Mrs Ada Lovelace"), CARDS["first"], study=STUDY)
    assert not any(text in str(caught.value) for text in ("Ada", "9434765919"))
    with pytest.raises(SchemaError, match="states no study period"):
        cohort(records_of(["E11"]), CARDS["first"])
    with pytest.raises(SchemaError, match="ends before it begins"):
        cohort(records_of(["E11"]), CARDS["first"], study=(STUDY[1], STUDY[0]))


def test_without_registrations_everybody_is_observed_and_a_note_says_so() -> None:
    found = cohort(records_of(["E11"]), CARDS["first"], study=STUDY)
    assert members_of(found) == {"a": (date(2015, 6, 1), STUDY[1])}
    assert any("no registrations" in note for note in found.notes)
    assert any("other: none of its codes occurs" in note for note in found.notes)


def test_birth_after_the_index_date_is_a_step_of_its_own() -> None:
    persons = pd.DataFrame({"person": ["a", "b"], "birth": ["1960-01-01", "2016-01-01"], "sex": "female"})
    events = pd.DataFrame({"person": ["a", "b"], "date": "2015-06-01", "system": "icd10", "code": "E11"})
    found = cohort(read_normal({"persons": persons, "events": events}), CARDS["first"], study=STUDY)
    lost = found.attrition[(found.attrition["by"] == "all") & (found.attrition["dropped"] > 0)]
    assert lost["dropped"].tolist() == [1]
    assert lost["what"].tolist()[0] in ("born by the index date, which is known", "registered on the index date")


def test_code_lists_of_the_user_are_read_where_they_are(tmp_path: Any) -> None:
    text = read_cohort("heart_failure").source
    persons = pd.DataFrame({"person": ["a"], "birth": ["1960-01-01"], "sex": ["female"]})
    events = pd.DataFrame({"person": ["a"], "date": ["2015-06-01"], "system": ["snomed"], "code": ["84114007"]})
    records = read_normal({"persons": persons, "events": events})
    with pytest.raises(SchemaError, match=r"heart_failure.csv \(snomed; SNOMED CT diagnoses of heart failure"):
        cohort(records, parse_cohort(text), study=STUDY)
    (tmp_path / "heart_failure.csv").write_text("code,term\n84114007,Heart failure\n")
    found = cohort(records, parse_cohort(text), study=STUDY, codelists=tmp_path)
    assert list(members_of(found)) == ["a"]


def test_cells_of_a_pathway_are_blank_where_nobody_was_followed() -> None:
    """Of five registered persons three have diabetes, and one of them attended an appointment in the year."""
    cells = cohort_cells(cohort_example(), "pathway_counts").table
    assert cells[["population", "cases", "checked"]].sum().tolist() == [5, 3, 1]
    followed = cells["person_years"].notna()
    assert cells.loc[followed, "person_years"].gt(0).all()
    assert cells.loc[followed, "cases"].ge(0).all()
    assert (cells.loc[~followed, "cases"] == 0).all()
    assert cells["events"].isna().equals(~followed)
