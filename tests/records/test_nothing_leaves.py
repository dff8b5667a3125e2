"""No row of a person leaves the engine, whichever public function of records and cohorts is called."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from types import SimpleNamespace
from typing import Any

import ibis
import numpy as np
import pandas as pd
import pytest

import bayesineq as bi
from bayesineq.cohort.card import Requirement
from bayesineq.cohort.groups import Group
from bayesineq.dims import PERSON

PERSONS = 600
PERSONAL = {"person", "person_id", "birth", "date_of_birth"}
TRIAD = ("diabetes", "heart_failure", "renal_disease")
STUDY = (date(2020, 1, 1), date(2020, 12, 31))

NO_RECORDS = {
    # Codes, cards and mappings; tables of counts and codes that are data frames already; one column or its labels.
    "age_bands", "band_labels", "by_stratum", "coarsened", "cohort_names", "compare_codelists", "complete_case",
    "confusion_from_agreement", "confusion_of", "crosswalk", "ethnic_groups", "groups_lacking", "imputed_effect",
    "known_codes", "mapping_names", "ons_agreement", "ons_confusion", "postcode_key", "pro_rata", "read_codelist",
    "read_cohort", "read_ethnicity", "read_groups", "read_mapping", "read_rules", "read_unit_costs", "recode",
    "sample_codes", "scheme_codes", "segments", "unknown_as_group",
}  # fmt: skip
ASKED_FOR = {"most_recent", "most_frequent", "first_source", "ohid", "cvdprevent"}
"""Functions whose result is a data frame of people, which is what they are called for; `resolve` keeps it there."""


class LeftError(AssertionError):
    """A row of a person has left the engine."""


@pytest.fixture(scope="module")
def given() -> SimpleNamespace:
    rng = np.random.default_rng(1)
    who = [f"p{k:04d}" for k in range(PERSONS)]
    days = np.array(["2018-03-01", "2019-07-15", "2020-02-29", "2020-09-09"])
    persons = pd.DataFrame({
        "person": who, "birth": rng.choice(["1940-05-05", "1965-01-31", "1985-12-01"], PERSONS),
        "sex": rng.choice(["female", "male"], PERSONS), "area": rng.choice(["E01000001", "E01000002"], PERSONS),
        "imd_decile": 3, "registered_from": "2010-01-01",
    })  # fmt: skip
    events = pd.DataFrame({
        "person": rng.choice(who, 1_500), "date": rng.choice(days, 1_500), "system": "icd10",
        "code": rng.choice(["E11.9", "I10", "N18"], 1_500),
    })  # fmt: skip
    spells = pd.DataFrame({
        "person": rng.choice(who, 1_500), "start": rng.choice(days, 1_500), "end": None,
        "kind": rng.choice(["inpatient", "outpatient"], 1_500), "outcome": rng.choice(["attended", "missed"], 1_500),
    })  # fmt: skip
    told = pd.DataFrame({
        "person_id": rng.choice(who, 1_200), "source": rng.choice(["gdppr_journal", "hes_apc"], 1_200),
        "recorded_on": rng.choice(days, 1_200), "ethnicity": rng.choice(["A", "H", "Z"], 1_200),
    }).drop_duplicates(["person_id", "source", "recorded_on"])  # fmt: skip
    records = bi.records.read_normal(
        {"persons": persons, "events": events, "spells": spells, "ethnicity_records": told}
    )
    built = bi.cohort.cohort(records, "type_2_diabetes", study=STUDY)
    held = records.persons
    observed = held.select(PERSON, "birth", "sex", start="registered_from", end=ibis.literal(STUDY[1]))
    facts = records.events.select(PERSON, start="date", end="date")
    return SimpleNamespace(
        records=records, built=built, observed=observed, facts=facts, told=records.ethnicity_records, persons=persons,
        people=held.select("sex", person_id=PERSON),
        index=held.select(PERSON, index=ibis.literal(STUDY[0])),
        stay=Requirement(("hospital_stay",), within=(-365, 365)),
        missed=Requirement(("missed_appointment",), within=(-365, 365)),
    )  # fmt: skip


def lookup() -> pd.DataFrame:
    return pd.DataFrame({"pcds": ["NG16 1AA"], "lsoa21cd": ["E01000001"]})


def descended(w: SimpleNamespace) -> Any:
    pairs = records.connect(pd.DataFrame({"ancestor": [1], "descendant": [2]}))
    words = records.connect(pd.DataFrame({"concept": [1, 2], "system": "snomed", "code": ["1", "2"], "name": "x"}))
    return records.with_descendants(replace(w.records, concepts=words, descendants=pairs), {"snomed": ["1"]})


records, ethnicity, cohorts = bi.records, bi.records.ethnicity, bi.cohort
CALLS: dict[str, Callable[[SimpleNamespace], Any]] = {
    "adapt": lambda w: records.adapt({"patients": w.persons.rename(columns={"person": "patient_id",
                                                                         "birth": "date_of_birth"})}, "opensafely"),
    "connect": lambda w: records.connect(w.persons),
    "link": lambda w: records.link({"a": w.records, "b": w.records}, ["a", "b"]),
    "read_normal": lambda w: records.read_normal({"persons": w.persons}),
    "unmapped": lambda w: records.unmapped(w.records),
    "with_descendants": descended,
    "at_risk": lambda w: records.at_risk(w.observed, w.facts),
    "lexis": lambda w: records.lexis(records.at_risk(w.observed, w.facts), bands=[0, 50]),
    "incidence": lambda w: records.incidence(w.observed, w.facts, by=["sex"], bands=[0, 50]),
    "prevalence": lambda w: records.prevalence(w.observed, w.facts, on=STUDY[1], by=["sex"]),
    "places": lambda w: records.places(w.records, lookup(), w.index),
    "read_postcodes": lambda _: records.read_postcodes(lookup()),
    "quality": lambda w: records.quality(w.records, index=STUDY[0], lists={"d": {"icd10": ["E11"]}}),
    "cells": lambda w: records.cells(w.records.persons, ["sex"], {}),
    "tabulate": lambda w: records.tabulate(w.records.persons.mutate(one=1), ["sex", "area"], {"n": "one"}),
    "agreement": lambda w: ethnicity.agreement(w.told, w.people, ["sex"]),
    "completeness": lambda w: ethnicity.completeness(w.told, w.people, ["sex"]),
    "completeness_by_year": lambda w: ethnicity.completeness_by_year(w.told, w.people, [2018, 2020]),
    "conflicts": lambda w: ethnicity.conflicts(w.told, "gdppr_journal", "hes_apc"),
    "latest_by_source": lambda w: ethnicity.latest_by_source(w.told),
    "read_records": lambda w: ethnicity.read_records(w.told, {}),
    "resolve": lambda w: ethnicity.resolve(w.told, "most_frequent"),
    "cohort": lambda w: cohorts.cohort(w.records, "type_2_diabetes", study=STUDY),
    "cells_of_card": lambda w: [cells.table for cells in cohorts.cells_of_card(w.built)[0].values()],
    "cohort_cells": lambda w: [cohorts.cohort_cells(w.built, t) for t in (*w.built.card.tables, "pathway_counts")],
    "ethnicity_effect": lambda w: cohorts.ethnicity_effect(w.built),
    "nested_groups": lambda w: cohorts.nested_groups(w.built, [[Group("in", (w.stay,))]]),
    "risk_with_and_without": lambda w: cohorts.risk_with_and_without(w.built, w.missed, w.stay),
    "condition_pairs": lambda w: cohorts.condition_pairs(
        cohorts.conditions(w.records, cohorts.read_rules("charlson"), "2020-12-31"), ["diabetes", "heart_failure"]
    ),
    "condition_groups": lambda w: cohorts.condition_groups(
        cohorts.conditions(w.records, cohorts.read_rules("charlson"), "2020-12-31")
        .inner_join(w.people.rename(person=PERSON + "_id"), PERSON), ["diabetes", "heart_failure"], "sex"
    ),
    "condition_triads": lambda w: cohorts.condition_triads(
        cohorts.conditions(w.records, cohorts.read_rules("charlson"), "2020-12-31"),
        [*TRIAD], [TRIAD]
    ),
    "cohort_people": lambda w: cohorts.cohort_people(w.built, STUDY[1]),
    "conditions": lambda w: cohorts.conditions(w.records, cohorts.read_rules("charlson"), "2020-12-31"),
    "morbidity": lambda w: cohorts.morbidity(w.records, cohorts.read_rules("charlson"), "2020-12-31"),
    "segment_costs": lambda w: cohorts.segment_costs(w.records, cohorts.read_rules("bridges_to_health"), STUDY),
    "segment_people": lambda w: cohorts.segment_people(
        w.records, cohorts.read_rules("bridges_to_health"), "2020-12-31"
    ),
}  # fmt: skip


@pytest.fixture
def guarded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Rows of each table that leaves the engine, while rows of persons may not."""
    rows: list[int] = []

    def _watched(original: Callable[..., Any]) -> Callable[..., Any]:
        def _checked(self: Any, *arguments: Any, **options: Any) -> Any:
            value = original(self, *arguments, **options)
            rows.append(len(value) if hasattr(value, "__len__") else 1)
            columns = set(getattr(self, "columns", [])) & PERSONAL
            if columns or rows[-1] >= PERSONS / 2:
                raise LeftError(f"{rows[-1]} rows left the engine, with {columns or 'nobody named'}")
            return value

        return _checked

    for owner in (ibis.expr.types.Expr, ibis.expr.types.Table, ibis.expr.types.Column):
        for method in ("to_pyarrow", "to_pyarrow_batches", "to_pandas", "execute", "to_polars", "to_list"):
            if method in vars(owner):
                monkeypatch.setattr(owner, method, _watched(vars(owner)[method]))
    return rows


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:fetch_arrow_table")
@pytest.mark.parametrize("name", CALLS)
def test_no_row_of_a_person_leaves(name: str, given: SimpleNamespace, guarded: list[int]) -> None:
    made = CALLS[name](given)
    # What is an expression stays one: nothing was taken out that an attribute of it could hold.
    for value in made if isinstance(made, tuple | list) else [made]:
        if isinstance(value, pd.DataFrame):
            assert len(value) < PERSONS / 2
            assert not PERSONAL & set(value.columns)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:fetch_arrow_table")
@pytest.mark.parametrize("name", sorted(ASKED_FOR))
def test_the_guard_sees_what_is_asked_for(name: str, given: SimpleNamespace, guarded: list[int]) -> None:
    sources = ["gdppr_journal", "hes_apc"]
    with pytest.raises(LeftError):
        getattr(ethnicity, name)(given.told, *([sources] if name in ("first_source", "ohid", "cvdprevent") else []))


def test_every_public_function_is_watched_or_takes_no_records() -> None:
    public = {
        name
        for space in (records, ethnicity, cohorts)
        for name in dir(space)
        if not name.startswith("_") and inspect.isfunction(getattr(space, name))
    }
    assert public == set(CALLS) | NO_RECORDS | ASKED_FOR
    assert not set(CALLS) & (NO_RECORDS | ASKED_FOR)
