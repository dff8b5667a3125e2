"""Adapters: every layout into the normal form, what could not be mapped, and mappings that do not fit."""

from __future__ import annotations

import datetime as dt
import json
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bayesineq.errors import SchemaError
from bayesineq.records.adapters.adapt import adapt
from bayesineq.records.adapters.mapping import mapping_names, read_mapping
from bayesineq.records.normal import Records, unmapped
from bayesineq.records.vocabulary import with_descendants
from bayesineq.tables.codes import code_list

DAY = dt.date


def rows(table: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = table.to_pyarrow().to_pylist()
    return found


def tally(records: Records) -> dict[tuple[str, str, str], int]:
    counts = unmapped(records)
    counts = counts[counts["kind"] != "form"]
    return {
        (str(r["table"]), str(r["column"]), str(r["said"])): int(r["rows"]) for r in counts.to_dict(orient="records")
    }


def ndjson(folder: Path, name: str, lines: list[Any]) -> None:
    text = "\n".join(one if isinstance(one, str) else json.dumps(one) for one in lines)
    (folder / name).write_text(text + "\n", encoding="utf-8")


def test_omop_gives_every_published_count(shared: Path, tmp_path: Path) -> None:
    reference = shared / "reference" / "records" / "omop_synthea27nj"
    with zipfile.ZipFile(reference / "Synthea27NjParquet_5.4.zip") as packed:
        packed.extractall(tmp_path)
    published = json.loads((reference / "published.json").read_text(encoding="utf-8"))
    records = adapt(tmp_path / "Synthea27NjParquet", "omop")
    persons = rows(records.persons.select("sex", "death"))
    assert len(persons) == published["persons"]
    assert Counter(p["sex"] for p in persons) == {
        "male": published["gender_8507_8532"]["8507"], "female": published["gender_8507_8532"]["8532"],
    }  # fmt: skip
    assert sum(p["death"] is not None for p in persons) == published["deaths"]
    periods = records.registration_periods
    days = periods["end"].delta(periods["start"], unit="day") + 1
    assert rows(periods.aggregate(n=periods.count(), days=days.sum())) == [
        {"n": published["observation_periods"], "days": published["person_days_inclusive"]}
    ]
    events = records.events
    counts = {r["source"]: r["n"] for r in rows(events.group_by("source").aggregate(n=events.count()))}
    for name in ("condition_occurrence", "drug_exposure", "measurement"):
        assert counts[name] == published[name]
    assert records.spells.count().to_pyarrow().as_py() == published["visit_occurrence"]
    named = {str(concept): people for concept, _, people in published["persons_by_condition"]}
    of = {c: with_descendants(records, {"omop": [c]})["snomed"] for c in named}
    coded = rows(events.group_by("code").aggregate(people=events["person"].nunique()))
    by_code = {r["code"]: r["people"] for r in coded}
    assert {c: sum(by_code[code] for code in codes) for c, codes in of.items()} == named
    # Races of the United States are no category of the NHS, and nothing finer stands beside them.
    races = {("ethnicity_records", "ethnicity", "a code that the mapping does not know"): published["persons"]}
    assert tally(records) == races


def test_a_mapping_of_ones_own_reads_the_table_that_the_shipped_one_does_not(shared: Path, tmp_path: Path) -> None:
    reference = shared / "reference" / "records" / "omop_synthea27nj"
    with zipfile.ZipFile(reference / "Synthea27NjParquet_5.4.zip") as packed:
        packed.extractall(tmp_path)
    own = tmp_path / "eras.toml"
    own.write_text(
        '[[persons]]\ntable = "person"\nperson = "person_id"\n[[events]]\ntable = "condition_era"\n'
        'person = "person_id"\ndate = "condition_era_start_date"\nsystem = { text = "omop" }\n'
        'code = "condition_concept_id"\n',
        encoding="utf-8",
    )
    records = adapt(tmp_path / "Synthea27NjParquet", own)
    published = json.loads((reference / "published.json").read_text(encoding="utf-8"))
    assert records.events.count().to_pyarrow().as_py() == published["condition_era"]


def test_omop_keeps_what_has_no_standard_concept() -> None:
    person = pd.DataFrame({"person_id": [1, 2], "gender_concept_id": [8532, 1], "year_of_birth": [1950, 1960],
                           "month_of_birth": [2, None], "day_of_birth": [29, None]})  # fmt: skip
    condition = pd.DataFrame({"person_id": [1, 1, 1], "condition_start_date": ["2020-01-01"] * 3,
                              "condition_concept_id": [5, 0, 7], "condition_source_value": list("abc")})  # fmt: skip
    concept = pd.DataFrame({"concept_id": [0, 5], "vocabulary_id": ["None", "SNOMED"], "concept_name": ["x", "y"],
                            "concept_code": ["No matching concept", "44054006"]})  # fmt: skip
    records = adapt({"PERSON": person, "CONDITION_OCCURRENCE": condition, "concept": concept}, "omop")
    found = {(r["system"], r["code"]) for r in rows(records.events)}
    assert found == {("snomed", "44054006"), ("unmapped", "b"), ("omop", "7")}
    born = {r["person"]: (r["birth"], r["birth_known_to"]) for r in rows(records.persons)}
    assert born == {"1": (None, None), "2": (DAY(1960, 1, 1), "year")}
    counts = tally(records)
    assert counts["persons", "sex", "a code that the mapping does not know"] == 1
    assert counts["persons", "birth", "a date that is not written year first, or no date"] == 1
    assert counts["events", "system", "no code of the vocabulary; kept with that of the source"] == 1


def test_ethnicity_of_omop_is_what_the_source_or_a_concept_of_the_nhs_tells() -> None:
    person = pd.DataFrame(
        {"person_id": [1, 2, 3, 4, 5, 6], "gender_concept_id": 8532, "year_of_birth": 1950,
         "race_concept_id": [8527, 8527, 38003574, 8516, 0, 8527], "race_source_concept_id": [700386, 0, 0, 0, 0, 0],
         "race_source_value": ["White", "a", "Indian", "Black", None, "Z"]}
    )  # fmt: skip
    records = adapt({"person": person}, "omop")
    found = {r["person_id"]: r["ethnicity"] for r in rows(records.ethnicity_records)}
    assert found == {"1": "B", "2": "A", "3": "H", "6": "Z"}
    assert tally(records) == {("ethnicity_records", "ethnicity", "a code that the mapping does not know"): 1}


def test_fhir_reads_codings_values_and_leaves_out_what_is_refuted(tmp_path: Path) -> None:
    ethnicity = {
        "url": "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-EthnicCategory",
        "valueCodeableConcept": {"coding": [{"code": "A"}]},
    }
    patients = [
        {"resourceType": "Patient", "id": "p1", "birthDate": "1950-03", "gender": "female", "extension": [ethnicity],
         "address": [{"postalCode": "NG16 1AA"}]},
        {"resourceType": "Patient", "id": "p2", "birthDate": "1960", "gender": "x-ray",
         "deceasedDateTime": "2021-02-03"},
    ]  # fmt: skip
    snomed = {"system": "http://snomed.info/sct", "code": "44054006"}
    icd = {"system": "http://hl7.org/fhir/sid/icd-10", "code": "E11"}
    of = {"subject": {"reference": "Patient/p1"}}
    conditions = [
        {"resourceType": "Condition", **of, "onsetDateTime": "2020-01-31T23:00:00Z", "code": {"coding": [snomed, icd]}},
        {"resourceType": "Condition", **of, "verificationStatus": {"coding": [{"code": "refuted"}]},
         "code": {"coding": [snomed]}},
        {"resourceType": "Condition", "subject": {"reference": "https://x/Patient/p2"}, "code": {"text": "no code"}},
        {"resourceType": "Immunization"},
        "{broken",
    ]  # fmt: skip
    observation = {
        "resourceType": "Observation", **of, "status": "final", "effectiveDateTime": "2020-02-01",
        "code": {"coding": [{"system": "http://loinc.org", "code": "4548-4"}]},
        "valueQuantity": {"value": 6.5, "unit": "%"},
    }  # fmt: skip
    visit = {"resourceType": "Encounter", **of, "class": {"code": "IMP"}, "status": "finished",
             "period": {"start": "2020-01-01", "end": "2020-01-03"}}  # fmt: skip
    for name, lines in (("Patient.ndjson", patients), ("Condition.000.ndjson", conditions),
                        ("Observation.ndjson", [observation]), ("Encounter.ndjson", [visit])):  # fmt: skip
        ndjson(tmp_path, name, lines)
    records = adapt(tmp_path, "fhir")
    found = rows(records.persons.select("person", "birth", "birth_known_to", "sex", "death", "postcode"))
    assert sorted(found, key=lambda r: r["person"]) == [
        {"person": "p1", "birth": DAY(1950, 3, 1), "birth_known_to": "month", "sex": "female", "death": None,
         "postcode": "NG16 1AA"},
        {"person": "p2", "birth": DAY(1960, 1, 1), "birth_known_to": "year", "sex": "unknown",
         "death": DAY(2021, 2, 3), "postcode": None},
    ]  # fmt: skip
    assert {(r["person"], r["date"], r["system"], r["code"], r["value"]) for r in rows(records.events)} == {
        ("p1", DAY(2020, 1, 31), "snomed", "44054006", None), ("p1", DAY(2020, 1, 31), "icd10", "E11", None),
        ("p2", None, None, None, None), ("p1", DAY(2020, 2, 1), "loinc", "4548-4", 6.5),
    }  # fmt: skip
    assert [(r["start"], r["end"], r["kind"], r["outcome"]) for r in rows(records.spells)] == [
        (DAY(2020, 1, 1), DAY(2020, 1, 3), "inpatient", "attended")
    ]
    assert [r["ethnicity"] for r in rows(records.ethnicity_records)] == ["A"]
    assert tally(records) == {
        ("persons", "sex", "a code that the mapping does not know"): 1,
        ("events", "person", "a line that is not JSON in condition"): 1,
        ("events", "person", "a resource of another type in condition"): 1,
        ("events", "person", "a row of condition that the mapping does not ask for (verified)"): 1,
    }


HYPERTENSION, PARACETAMOL, INFARCTION = "38341003", "387517004", "22298006"


def test_the_native_layout_of_snolytical_and_its_two_proportions(tmp_path: Path) -> None:
    """Eleven people with hypertension and one without: 2 of 5 with paracetamol have the outcome, 4 of 6 without it."""
    day, lines = "2018-01-01T00:00:00UTC", []
    for k in range(12):
        codes = [HYPERTENSION] * (k < 11) + [PARACETAMOL] * (k < 5) + [INFARCTION] * (k in (0, 1, 5, 6, 7, 8, 11))
        events = [{"conceptId": int(code), "date": day} if k % 2 else {"conceptId": code, "dateLong": 1_514_764_800_000}
                  for code in codes]  # fmt: skip
        born = {"dob": "1970-06-01"} if k % 2 else {"dobLong": 13_046_400_000}
        lines.append({"roleId": str(k), "gender": "FEMALE" if k % 2 else "MALE", **born, "events": events})
    ndjson(tmp_path, "patients.ndjson", lines)
    records = adapt(tmp_path, "snolytical")
    people = rows(records.persons)
    assert Counter(p["sex"] for p in people) == {"male": 6, "female": 6}
    assert {p["birth"] for p in people} == {DAY(1970, 6, 1)}
    events = records.events
    has = {code: (events["code"] == code).fill_null(False).any() for code in (HYPERTENSION, PARACETAMOL, INFARCTION)}
    each = events.group_by("person").aggregate(
        condition=has[HYPERTENSION], treated=has[PARACETAMOL], ill=has[INFARCTION]
    )
    each = each.filter(each["condition"])
    counts = each.group_by("treated").aggregate(people=each.count(), ill=each["ill"].cast("int64").sum())
    assert {r["treated"]: (r["ill"], r["people"]) for r in rows(counts)} == {True: (2, 5), False: (4, 6)}
    assert {r["date"] for r in rows(events)} == {DAY(2018, 1, 1)}


def test_hospital_episodes_have_a_row_for_each_place_of_a_code() -> None:
    apc = pd.DataFrame(
        {
            "TOKEN_PERSON_ID": ["a", "a", "b"], "EPISTART": ["2020-01-01", "2021-01-01", "2020-05-05"],
            "ADMIDATE": ["2020-01-01", "2021-01-01", "2020-05-05"], "DISDATE": ["2020-01-04", "1801-01-01", None],
            "DIAG_01": ["E119", "I10X", "J440"], "DIAG_02": ["I10X", None, ""], "OPERTN_01": ["K401", None, None],
            "OPDATE_01": ["2020-01-02", None, None], "SEX": [1, 1, 7], "ETHNOS": ["A", "Z", "N"],
            "LSOA11": ["E01000001"] * 3, "PROCODE3": ["RGN"] * 3, "MYDOB": ["1950-02", "1950-02", "1960-12"],
        }
    )  # fmt: skip
    op = pd.DataFrame({"TOKEN_PERSON_ID": ["a", "c"], "APPTDATE": ["2020-02-02"] * 2, "ATTENDED": [3, 8]})
    records = adapt({"hes_apc": apc, "hes_op": op}, "hes")
    assert {(r["person"], r["system"], r["code"], r["date"]) for r in rows(records.events)} == {
        ("a", "icd10", "E119", DAY(2020, 1, 1)), ("a", "icd10", "I10X", DAY(2020, 1, 1)),
        ("a", "icd10", "I10X", DAY(2021, 1, 1)), ("b", "icd10", "J440", DAY(2020, 5, 5)),
        ("a", "opcs4", "K401", DAY(2020, 1, 2)),
    }  # fmt: skip
    assert {r["person"] for r in rows(records.persons)} == {"a", "b", "c"}
    assert {(r["start"], r["end"], r["kind"], r["outcome"]) for r in rows(records.spells) if r["person"] == "a"} == {
        (DAY(2020, 1, 1), DAY(2020, 1, 4), "inpatient", None), (DAY(2021, 1, 1), None, "inpatient", None),
        (DAY(2020, 2, 2), DAY(2020, 2, 2), "outpatient", "missed"),
    }  # fmt: skip
    assert len(rows(records.ethnicity_records)) == 3
    counts = tally(records)
    assert counts["persons", "sex", "a code that the mapping does not know"] == 1
    assert counts["spells", "outcome", "a code that the mapping does not know"] == 1
    assert counts["spells", "end", "a day before 2 January 1900, which stands for no date"] == 1


def test_general_practice_records_as_opensafely_documents_them(tmp_path: Path) -> None:
    (tmp_path / "patients.csv").write_text(
        "patient_id,date_of_birth,sex,date_of_death\n1,1950-03-01,female,\n2,1960-01-01,intersex,2020-02-03\n"
    )
    (tmp_path / "practice_registrations.csv").write_text(
        "patient_id,start_date,end_date,practice_pseudo_id\n1,2000-01-01,,7\n1,1990-01-01,1999-12-31,6\n"
    )
    (tmp_path / "clinical_events.csv").write_text(
        "patient_id,date,snomedct_code,numeric_value\n1,2020-01-01,1234567890123456789,7.5\n"
    )
    (tmp_path / "appointments.csv").write_text(
        "patient_id,booked_date,start_date,status\n1,2020-01-01,2020-02-01,Did Not Attend\n"
    )
    records = adapt(tmp_path, "opensafely")
    assert {(r["person"], r["sex"], r["birth_known_to"], r["death"]) for r in rows(records.persons)} == {
        ("1", "female", "month", None), ("2", "indeterminate", "month", DAY(2020, 2, 3)),
    }  # fmt: skip
    assert {(r["start"], r["end"], r["practice"]) for r in rows(records.registration_periods)} == {
        (DAY(2000, 1, 1), None, "7"), (DAY(1990, 1, 1), DAY(1999, 12, 31), "6"),
    }  # fmt: skip
    assert [(r["code"], r["value"]) for r in rows(records.events)] == [("1234567890123456789", 7.5)]
    assert [(r["kind"], r["outcome"]) for r in rows(records.spells)] == [("general practice", "missed")]


def test_hospital_extracts_of_commissioners() -> None:
    apc = pd.DataFrame(
        {"Der_Pseudo_NHS_Number": [1], "Admission_Date": ["2020-01-01"], "Discharge_Date": ["2020-01-02"],
         "Primary_Diagnosis_Code": ["E11.9"], "Secondary_Diagnosis_Code_1": ["I10X"], "Sex": ["2"],
         "Ethnic_Group": ["H"], "Der_Postcode_LSOA_2011_Code": ["E01000001"], "Total_Cost": [np.float64(1200.5)]}
    )  # fmt: skip
    records = adapt({"apc": apc}, "sus")
    assert {r["code"] for r in rows(records.events)} == {"E11.9", "I10X"}
    assert [(r["kind"], r["cost"]) for r in rows(records.spells)] == [("inpatient", 1200.5)]
    assert [r["sex"] for r in rows(records.persons)] == ["female"]


@pytest.mark.parametrize("name", mapping_names())
def test_every_shipped_mapping_is_read_and_says_whose_layout_it_is(name: str) -> None:
    mapping = read_mapping(name)
    assert mapping.blocks["persons"]
    assert mapping.source


WRONG = """
dates = "backwards"
colour = "red"
[[persons]]
table = "people"
persn = "id"
[[events]]
table = "events"
person = "id"
date = { colum = "when" }
code = "code"
system = { column = "system", codes = "no such list" }
"""


def test_a_wrong_mapping_names_every_key_and_what_there_is(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(WRONG, encoding="utf-8")
    with pytest.raises(SchemaError) as error:
        adapt({"people": pd.DataFrame({"id": [1]})}, path)
    for said in (
        f"The mapping {path} cannot be used", "colour: unknown key; there are name, title",
        "dates = 'backwards': give one",
        "persons[1].persn: unknown key; there are table,", "persons[1].person: missing",
        "events[1].date.colum: unknown key", "events[1].date: give column, text, first or year",
        "events[1].system.codes: There is no code list 'no such list'",
    ):  # fmt: skip
        assert said in str(error.value)
    with pytest.raises(SchemaError, match=r"no mapping 'omap'\. Give one of fhir, hes, omop"):
        adapt({}, "omap")


def test_a_mapping_that_does_not_fit_names_every_column_and_what_there_is(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        '[[persons]]\ntable = "people"\nperson = "nhs"\nbirth = "born"\nsex = "sex?"\n[[events]]\ntable = "facts"\n'
        'person = "id"\ncode = "code"\n',
        encoding="utf-8",
    )
    with pytest.raises(SchemaError) as error:
        adapt({"people": pd.DataFrame({"id": [1], "dob": ["x"]})}, path)
    for said in (
        f"The mapping {path} does not fit the tables",
        "persons[1].person: the table 'people' has no column 'nhs'; it has id, dob",
        "persons[1].birth: the table 'people' has no column 'born'; it has id, dob",
        "events[1].table: there is no table 'facts' in the tables; there is people",
    ):
        assert said in str(error.value)
    with pytest.raises(
        SchemaError, match=r"finds no persons .* looks for the tables hes_apc, hes_op, hes_ae; there is x"
    ):
        adapt({"x": pd.DataFrame({"id": [1]})}, "hes")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("White British", "A"), ("White - British", "A"), ("british or mixed British", "A"), ("White: Irish", "B"),
        ("White: English, Welsh, Scottish, Northern Irish or British", "A"), ("White: Roma", "C"),
        ("Mixed - White and Black Caribbean", "D"), ("Asian or Asian British: Pakistani", "J"), ("Bangladeshi", "K"),
        ("Black, Black British, Caribbean or African: African", "N"), ("Other ethnic groups - Chinese", "R"),
        ("Any other ethnic group", "S"), ("Not stated", "Z"), ("UNKNOWN", "99"), ("Asian", None), ("White", None),
    ],
)  # fmt: skip
def test_ethnic_groups_in_words_are_read_and_those_that_are_coarser_are_counted(
    written: str, meant: str | None, tmp_path: Path
) -> None:
    people = pd.DataFrame({"id": ["p"], "born": ["1950-01-01"], "sex": ["F"], "group": [written]})
    people.to_csv(tmp_path / "people.csv", index=False)
    (tmp_path / "own.toml").write_text(
        'title = "Own"\nsource = "Ours"\n[[persons]]\ntable = "people"\nperson = "id"\nbirth = "born"\n'
        'sex = { column = "sex", codes = "sex_spellings" }\n[[ethnicity_records]]\ntable = "people"\nperson_id = "id"\n'
        'source = { text = "gp" }\nrecorded_on = "born"\nethnicity = { column = "group", codes = "ethnicity_names" }\n',
        encoding="utf-8",
    )
    records = adapt(tmp_path, tmp_path / "own.toml")
    assert records.ethnicity_records is not None
    assert [row["ethnicity"] for row in rows(records.ethnicity_records)] == [meant]
    assert sum(tally(records).values()) == (meant is None)


def test_every_name_of_an_ethnic_group_in_a_published_scheme_is_read() -> None:
    names = code_list("ethnicity_names").set_index("words")["code"]
    labels = code_list("ethnicity_gdppr")
    plain = labels["label"].str.lower().str.replace("[^a-z0-9]+", " ", regex=True).str.strip()
    assert names.index.is_unique
    assert names.loc[plain].tolist() == labels["code"].tolist()
