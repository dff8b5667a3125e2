"""Real OMOP tables of 28 persons (Synthea, CDM 5.4) through the adapter and the cohorts: counted as published."""

from __future__ import annotations

import json
import zipfile
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from bayesineq.cohort.card import CodedFact, CohortCard, Entry
from bayesineq.cohort.members import cohort
from bayesineq.records.adapters.adapt import adapt
from bayesineq.records.engines import collected
from bayesineq.records.normal import Records
from bayesineq.records.person_time import incidence

pytestmark = pytest.mark.slow
SPAN = (date(1900, 1, 1), date(2030, 12, 31))


@pytest.fixture(scope="module")
def omop(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Records, dict[str, Any]]:
    source, folder = shared / "reference/records/omop_synthea27nj", tmp_path_factory.mktemp("omop")
    with zipfile.ZipFile(source / "Synthea27NjParquet_5.4.zip") as file:
        for name in file.namelist():
            if name.endswith(".parquet") and "__MACOSX" not in name:
                (folder / Path(name).name).write_bytes(file.read(name))
    return adapt(folder, "omop"), json.loads((source / "published.json").read_text())


def test_persons_and_the_days_over_which_they_are_observed(omop: tuple[Records, dict[str, Any]]) -> None:
    records, published = omop
    observed = records.registration_periods
    nobody = records.spells.select("person", "start", "end").limit(0)
    found = incidence(observed, nobody, period=None)
    assert found["persons"].tolist() == [published["persons"]]
    assert found["person_days"].tolist() == [published["person_days_inclusive"]]
    died = collected(records.persons.aggregate(deaths=records.persons["death"].count()))
    assert died["deaths"].tolist() == [published["deaths"]]


def test_persons_with_each_condition_are_as_many_as_published(omop: tuple[Records, dict[str, Any]]) -> None:
    records, published = omop
    assert records.concepts is not None
    concepts = collected(
        records.concepts.filter(
            records.concepts["concept"].isin([str(c) for c, *_ in published["persons_by_condition"]])
        )
    )
    by_number = concepts.astype({"concept": str}).set_index("concept")
    facts = {}
    for number, _, _ in published["persons_by_condition"]:
        of = by_number.loc[str(number)]
        facts[f"c{number}"] = CodedFact(f"c{number}", {of["system"]: (of["code"],)})
    name = next(iter(facts))
    made = cohort(records, CohortCard("tested", "Who?", facts, Entry((name,), which="any")), study=SPAN)
    found = made.facts.table
    counted = collected(found.group_by("fact").aggregate(persons=found["person"].nunique()))
    people = counted.set_index("fact")["persons"]
    for number, said, persons in published["persons_by_condition"]:
        assert people[made.facts.names.index(f"c{number}")] == persons, said
    of_all = made.attrition[made.attrition["by"] == "all"].set_index("step")["persons"]
    assert of_all.iloc[:2].tolist() == [published["persons"], published["persons_by_condition"][0][2]]
