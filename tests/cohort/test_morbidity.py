"""Oracles: pycomorb (MIT) on 5,000 histories; rules written out for one person at a time; cases made by hand."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bayesineq.cohort.morbidity import conditions, morbidity, segment_people
from bayesineq.cohort.rules import SHIPPED, expanded, read_rules
from bayesineq.errors import CardError, SchemaError
from bayesineq.records import Records, read_normal
from bayesineq.shipped import shipped_cards

pytestmark = pytest.mark.filterwarnings("ignore:fetch_arrow_table")

ON = dt.date(2025, 3, 31)

type Fact = tuple[str, int | None, str, str, float | None]
"""Person, days before the index day, system, code, value."""


def linked(facts: Iterable[Fact], persons: pd.DataFrame, spells: pd.DataFrame | None = None) -> Records:
    events = pd.DataFrame(list(facts), columns=["person", "before", "system", "code", "value"])
    events["date"] = [None if pd.isna(k) else ON - dt.timedelta(days=int(k)) for k in events["before"]]
    events = events.astype({"value": float, "date": "datetime64[s]"}).drop(columns="before")
    return read_normal({"persons": persons, "events": events} | ({} if spells is None else {"spells": spells}))


def collected(table: Any) -> pd.DataFrame:
    return table.order_by("person").to_pyarrow().to_pandas().set_index("person")


def icd10_histories(n: int = 5_000) -> pd.DataFrame:
    """Codes of every list, codes next to them, and codes of no list, written with dots, spaces and in lower case."""
    rng = np.random.default_rng(1)
    cards = [read_rules(name) for name in ("charlson", "elixhauser", "hospital_frailty")]
    listed = sorted({code for card in cards for one in card.conditions for way in one.ways for code in way[0].codes})
    near = [code[:3] + str(rng.integers(0, 10)) for code in listed]
    pool = np.array([*listed, *near, *(f"{letter}{k:02d}" for letter in "ABDEHJLPQSTXZ" for k in range(0, 100, 3))])
    times = rng.poisson(5, n)
    code = rng.choice(pool, times.sum())
    return pd.DataFrame({"person": np.repeat([f"p{k:04d}" for k in range(n)], times), "code": code})


def test_indices_of_hospital_diagnoses_are_those_of_another_implementation() -> None:
    """
    Of 5,000 histories none differs from pycomorb 1.20261001.1 in Charlson (two sets of weights), Elixhauser or
    frailty. comorbidipy 0.8.0 (MIT), run once on such histories: Charlson and Elixhauser equal; 14 of 5,000 frailty
    scores differ, because it counts a category once for each code in it and not once for a person.
    """
    comorbidity = pytest.importorskip("pycomorb").comorbidity
    polars = pytest.importorskip("polars")
    histories = icd10_histories()
    written = histories.assign(code=[f" {c[:3].lower()}.{c[3:]}" if len(c) > 3 else c for c in histories["code"]])
    people = pd.DataFrame({"person": [f"p{k:04d}" for k in range(5_000)]})
    records = linked(((p, 1, "icd10", c, None) for p, c in written.itertuples(index=False)), people)
    given = polars.from_pandas(histories).with_columns(age=polars.lit(40))
    asked: list[tuple[str, str, str, dict[str, str]]] = [
        ("charlson", "original", "Charlson Comorbidity Index", {"implementation": "quan", "weights": "charlson"}),
        ("charlson", "shmi", "Charlson Comorbidity Index", {"implementation": "quan", "weights": "uk_shmi"}),
        ("elixhauser", "van_walraven", "Elixhauser Comorbidity Index", {"weights": "van_walraven"}),
        ("hospital_frailty", "hfrs", "HFRS Score", {}),
    ]
    for card, weights, column, options in asked:
        found = collected(morbidity(records, read_rules(card), ON, weights=weights))["score"]
        kind = {"hospital_frailty": "hfrs"}.get(card, card)
        theirs = comorbidity(df=given, id_col="person", code_col="code", score=kind, **options)
        expected = theirs.to_pandas().set_index("person")[column].reindex(found.index).fillna(0.0)
        np.testing.assert_allclose(found, expected, atol=1e-9, err_msg=f"{card}, {weights}")
        assert found.nunique() > 10


CAMBRIDGE = {
    "hypertension": 0.08, "anxiety_or_depression": 0.50, "painful_condition": 0.92, "hearing_loss": 0.09,
    "irritable_bowel_syndrome": 0.21, "asthma": 0.19, "diabetes": 0.75, "coronary_heart_disease": 0.49,
    "chronic_kidney_disease": 0.53, "atrial_fibrillation": 1.34, "constipation": 1.12, "stroke_or_tia": 0.80,
    "copd": 1.46, "connective_tissue_disorder": 0.43, "cancer": 1.53, "alcohol_problems": 0.65, "heart_failure": 1.18,
    "dementia": 2.50, "psychosis_or_bipolar_disorder": 0.64, "epilepsy": 0.92,
}  # fmt: skip
"""General outcome, Payne et al. 2020, as two public programs write it out too (OpenSAFELY; Nichols et al. 2019)."""

DRUGS = (
    "anxiolytics", "antidepressants", "analgesics", "antiepileptics_for_pain", "antispasmodics", "asthma_drugs",
    "laxatives", "lithium", "antiepileptics",
)  # fmt: skip
LISTS = (*(name for name in CAMBRIDGE if "_or_depression" not in name), "anxiety", "depression", "egfr", *DRUGS)


def cambridge_by_hand(facts: list[tuple[int, str, float]]) -> float:
    """Rules of CPRD @ Cambridge for one person, from (days before, list, value)."""

    def times(name: str, within: int = 99_999) -> int:
        return sum(code == name and 0 <= before <= within for before, code, _ in facts)

    epilepsy = times("epilepsy") > 0
    kidneys = sorted((before, -value) for before, code, value in facts if code == "egfr" and before >= 0)[:2]
    cancer = [before for before, code, _ in facts if code == "cancer" and before >= 0]
    found = {name: times(name) > 0 for name in CAMBRIDGE}
    found |= {
        "anxiety_or_depression": times("anxiety", 365) > 0 or times("depression", 365) > 0
        or times("anxiolytics", 365) >= 4 or times("antidepressants", 365) >= 4,
        "painful_condition": times("analgesics", 365) >= 4
        or (times("antiepileptics_for_pain", 365) >= 4 and not epilepsy),
        "irritable_bowel_syndrome": found["irritable_bowel_syndrome"] or times("antispasmodics", 365) >= 4,
        "asthma": found["asthma"] and times("asthma_drugs", 365) > 0,
        "chronic_kidney_disease": bool(kidneys) and all(-value < 60 for _, value in kidneys),
        "constipation": times("laxatives", 365) >= 4,
        "cancer": bool(cancer) and max(cancer) <= 1826,
        "psychosis_or_bipolar_disorder": found["psychosis_or_bipolar_disorder"] or times("lithium") > 0,
        "epilepsy": epilepsy and times("antiepileptics", 365) > 0,
    }  # fmt: skip
    return sum(CAMBRIDGE[name] for name, there in found.items() if there)


def test_the_cambridge_score_is_that_of_its_rules_written_out() -> None:
    rng = np.random.default_rng(2)
    n = 5_000
    m = 6 * n
    often = rng.choice([*LISTS, *DRUGS, "egfr", "something_else"], m)
    person, before = rng.integers(0, n, m), rng.choice([-30, 0, 1, 364, 365, 366, 1826, 1827, 4_000], m)
    # Prescriptions come in fours.
    repeats = np.where(np.isin(often, DRUGS), rng.integers(1, 6, m), 1)
    rows = pd.DataFrame({"person": person, "before": before, "code": often, "value": rng.integers(40, 80, m)})
    rows = rows.loc[rows.index.repeat(repeats)]
    by_hand = [0.0] * n
    for k, part in rows.groupby("person"):
        by_hand[k] = cambridge_by_hand(list(part[["before", "code", "value"]].itertuples(index=False, name=None)))
    facts = (
        (f"p{p:04d}", b, "dmd" if c in DRUGS else "snomed", c, float(v)) for p, b, c, v in rows.itertuples(index=False)
    )
    records = linked(facts, pd.DataFrame({"person": [f"p{k:04d}" for k in range(n)]}))
    rules = read_rules("cambridge", {name: [name] for name in LISTS})
    assert {one.name: one.weight["general"] for one in rules.conditions if one.weight} == CAMBRIDGE
    found = collected(morbidity(records, rules, ON))["score"]
    np.testing.assert_allclose(found, by_hand, atol=1e-9)
    assert found.nunique() > 100


ADULT, OLD, CHILD = "1980-01-01", "1940-01-01", "2010-01-01"
HOSPITAL = "icd10"
GP = "snomed"
CASES: list[tuple[str, str, list[tuple[int | None, str, str, float | None]], str | None]] = [
    ("nothing recorded", ADULT, [], "live_well"),
    ("a code of no list", ADULT, [(10, GP, "cough", None)], "live_well"),
    ("palliative care", ADULT, [(900, GP, "PALCARE_COD", None)], "die_well"),
    ("palliative care of somebody with dementia", OLD, [(9, GP, "DEM_COD", None), (9, GP, "PALCARE_COD", None)],
     "die_well"),
    ("end-stage heart disease and a smoker", OLD, [(1, GP, "ind_end_stage_heart", None), (1, GP, "LSMOK_COD", None)],
     "die_well"),
    ("palliative care after the index day", ADULT, [(-1, GP, "PALCARE_COD", None)], "live_well"),
    ("hip fracture this year", OLD, [(200, HOSPITAL, "S72.0", None)], "age_well"),
    ("hip fracture a year ago to the day", OLD, [(365, HOSPITAL, "S720", None)], "age_well"),
    ("hip fracture longer ago", OLD, [(366, HOSPITAL, "S72.0", None)], "live_well"),
    ("another fracture of the femur", OLD, [(200, HOSPITAL, "S72.3", None)], "live_well"),
    ("stroke in hospital", OLD, [(30, HOSPITAL, "I63.9", None)], "age_well"),
    ("a fall", OLD, [(30, HOSPITAL, "W19", None)], "age_well"),
    ("signs of frailty in hospital", OLD, [(30, HOSPITAL, "R54X", None)], "age_well"),
    ("the same signs at 45", ADULT, [(30, HOSPITAL, "R54X", None)], "live_well"),
    ("dementia without a date", OLD, [(None, GP, "DEM_COD", None)], "age_well"),
    ("four long-term conditions", OLD,
     [(k, GP, code, None) for k, code in enumerate(("AST_COD", "HYP_COD", "DM_COD", "CKD_COD"), 100)], "age_well"),
    ("four, of which one is resolved", OLD,
     [(k, GP, code, None) for k, code in enumerate(("AST_COD", "HYP_COD", "DM_COD", "CKD_COD"), 100)]
     + [(50, GP, "ASTRES_COD", None)], "stay_well"),
    ("four, one resolved and back again", OLD,
     [(k, GP, code, None) for k, code in enumerate(("AST_COD", "HYP_COD", "DM_COD", "CKD_COD"), 100)]
     + [(50, GP, "ASTRES_COD", None), (20, GP, "AST_COD", None)], "age_well"),
    ("severe frailty", OLD, [(1, GP, "SEVFRAIL_COD", None), (1, GP, "CAN_COD", None)], "age_well"),
    ("has a carer, and depression", ADULT, [(1, GP, "ind_has_carer", None), (1, GP, "DEPR_COD", None)], "age_well"),
    ("one long-term condition", ADULT, [(3_000, GP, "HYP_COD", None)], "stay_well"),
    ("one, resolved", ADULT, [(3_000, GP, "HYP_COD", None), (10, GP, "HYPRES_COD", None)], "live_well"),
    ("one, resolved on the day of its code", ADULT, [(10, GP, "HYP_COD", None), (10, GP, "HYPRES_COD", None)],
     "live_well"),
    ("cancer, and severe mental illness", ADULT, [(9, GP, "CAN_COD", None), (9, GP, "MH_COD", None)], "stay_well"),
    ("depression is a long-term condition first", ADULT, [(9, GP, "DEPR_COD", None)], "stay_well"),
    ("severe mental illness, and a smoker", ADULT, [(9, GP, "MH_COD", None), (9, GP, "LSMOK_COD", None)], "feel_well"),
    ("self-harm in hospital", ADULT, [(60, HOSPITAL, "X60", None)], "feel_well"),
    ("no fixed abode in hospital", ADULT, [(60, HOSPITAL, "Z59.0", None)], "feel_well"),
    ("index of body mass above 30", ADULT, [(60, GP, "BMIVAL_COD", 30.1)], "be_well"),
    ("index of body mass of 30", ADULT, [(60, GP, "BMIVAL_COD", 30.0)], "live_well"),
    ("obese two years ago", ADULT, [(730, GP, "BMIVAL_COD", 41.0)], "live_well"),
    ("smoker", ADULT, [(900, GP, "LSMOK_COD", None)], "be_well"),
    ("smoker who stopped", ADULT, [(900, GP, "LSMOK_COD", None), (90, GP, "EXSMOK_COD", None)], "live_well"),
    ("a child is in no segment of adults", CHILD, [(9, GP, "HYP_COD", None)], None),
]  # fmt: skip


def test_hand_cases_of_the_segments_of_adults_are_exact_and_exclusive() -> None:
    names = read_lists(shipped_cards(SHIPPED)["suffolk_north_east_essex"])
    rules = read_rules("suffolk_north_east_essex", {name: [name] for name in names})
    people = pd.DataFrame({"person": [f"p{k:02d}" for k in range(len(CASES))], "birth": [case[1] for case in CASES]})
    facts = [(f"p{k:02d}", *fact) for k, case in enumerate(CASES) for fact in case[2]]
    spells = pd.DataFrame({"person": ["p00", "p01", "p34"], "start": ["2025-01-01"] * 3, "kind": ["community"] * 3})
    people.loc[len(people)] = ["p34", ADULT]
    found = collected(segment_people(linked(facts, people, spells.assign(source=["gp", "gp", "mhsds"])), rules, ON))
    assert found.index.tolist() == people["person"].tolist()
    expected = [*(case[3] for case in CASES), "feel_well"]
    given = [None if pd.isna(s) else s for s in found["segment"]]
    wrong = [
        (case[0], e, g)
        for case, e, g in zip([*CASES, ("a contact", "", [], "")], expected, given, strict=True)
        if e != g
    ]
    assert not wrong
    assert {one.name for one in rules.segments} == set(expected) - {None}


def test_lists_of_a_folder_are_read_by_name(tmp_path: Path) -> None:
    names = read_lists(shipped_cards(SHIPPED)["long_term_conditions"])
    for name in names:
        (tmp_path / f"{name}.csv").write_text("snomedct_code,term\n38341003,Hypertension\n")
    (tmp_path / "AST_COD.csv").write_text("icd10,term\nJ45,Asthma\n")
    with pytest.raises(CardError, match=r"the list 'AST_COD' of .* holds codes of icd10, and none of snomed"):
        read_rules("long_term_conditions", tmp_path)
    (tmp_path / "AST_COD.csv").write_text("snomedct_code,term\n195967001,Asthma\n")
    rules = read_rules("long_term_conditions", tmp_path)
    people = pd.DataFrame({"person": ["p1", "p2"]})
    records = linked([("p1", 9, "snomed", "195967001", None), ("p2", 9, "icd10", "195967001", None)], people)
    assert collected(morbidity(records, rules, ON))["score"].tolist() == [1.0, 0.0]
    with pytest.raises(CardError, match="There is no folder"):
        read_rules("long_term_conditions", tmp_path / "nowhere")


def read_lists(path: Path) -> list[str]:
    """Names of lists that a card expects, from what it says when none is given."""
    with pytest.raises(CardError) as error:
        read_rules(path)
    named = str(error.value).partition("by name: ")[2].partition(". Give")[0]
    return [one.rpartition(" (")[0] for one in named.split("; ")]


BRIDGES: list[tuple[str, list[tuple[int | None, str]], str]] = [
    (ADULT, [], "healthy"),
    (ADULT, [(9, "J06.9")], "healthy"),
    ("2025-01-15", [], "maternal_and_infant"),
    ("2024-03-31", [], "healthy"),
    (ADULT, [(200, "O80")], "maternal_and_infant"),
    (ADULT, [(500, "O80")], "healthy"),
    (ADULT, [(500, "E11.9")], "long_term_conditions"),
    (ADULT, [(500, "E11.9"), (200, "O80")], "long_term_conditions"),
    (ADULT, [(500, "G35")], "disability"),
    (ADULT, [(500, "G35"), (400, "I10")], "disability"),
    (ADULT, [(500, "C78.7"), (500, "C18.9")], "short_decline"),
    (ADULT, [(500, "I50.0"), (400, "C79.5")], "limited_reserve"),
    (OLD, [(500, "I50.0"), (400, "F03")], "frailty_or_dementia"),
    (OLD, [(500, "R54")], "frailty_or_dementia"),
    (ADULT, [(500, "R54")], "healthy"),
]


def test_hand_cases_of_the_eight_segments() -> None:
    people = pd.DataFrame({"person": [f"p{k:02d}" for k in range(len(BRIDGES))], "birth": [b for b, _, _ in BRIDGES]})
    facts = [
        (f"p{k:02d}", before, "icd10", code, None) for k, (_, given, _) in enumerate(BRIDGES) for before, code in given
    ]
    people = pd.concat([people, pd.DataFrame({"person": ["q1", "q2"], "birth": [ADULT, ADULT]})], ignore_index=True)
    spells = pd.DataFrame({"person": ["q1", "q2"], "start": ["2025-03-01", "2024-03-01"], "kind": "emergency"})
    found = collected(segment_people(linked(facts, people, spells), read_rules("bridges_to_health"), ON))["segment"]
    assert found.tolist() == [*(segment for _, _, segment in BRIDGES), "acutely_ill", "healthy"]
    assert len({segment for _, _, segment in BRIDGES}) == 7


def test_the_index_day_may_be_each_persons_own() -> None:
    people = pd.DataFrame({"person": ["p1", "p2", "p3"], "index": pd.to_datetime(["2020-01-01", "2024-01-01", None])})
    facts = [(p, (ON - dt.date(2022, 6, 1)).days, "icd10", "I50", None) for p in ("p1", "p2", "p3")]
    records = linked(facts, people)
    found = collected(morbidity(records, read_rules("charlson"), "index"))
    assert found["score"].tolist() == [0.0, 1.0, 0.0]
    one_day = collected(morbidity(records, read_rules("charlson"), "2024-01-01"))
    assert one_day["score"].tolist() == [1.0, 1.0, 1.0]
    for wrong in ("soon", "person"):
        with pytest.raises(SchemaError, match=r"neither a day|Give it dates"):
            conditions(records, read_rules("charlson"), wrong)
    with pytest.raises(SchemaError, match="has no weights 'quan'; it has original, shmi"):
        morbidity(records, read_rules("charlson"), ON, weights="quan")
    with pytest.raises(SchemaError, match="is an index, for `morbidity`"):
        segment_people(records, read_rules("charlson"), ON)
    with pytest.raises(SchemaError, match="for `segment_people`"):
        morbidity(records, read_rules("bridges_to_health"), ON)


def test_a_person_without_a_birth_has_no_answer_to_a_question_of_age() -> None:
    people = pd.DataFrame({"person": ["p1", "p2"], "birth": ["1940-01-01", None]})
    records = linked([(p, 9, "icd10", "R54", None) for p in ("p1", "p2")], people)
    frailty = collected(conditions(records, read_rules("bridges_to_health"), ON))["frailty"]
    assert frailty["p1"]
    assert pd.isna(frailty["p2"])


@pytest.mark.parametrize("name", sorted(shipped_cards(SHIPPED)))
def test_a_card_that_ships_says_where_it_is_from(name: str) -> None:
    path = shipped_cards(SHIPPED)[name]
    try:
        rules = read_rules(name)
    except CardError:
        rules = read_rules(name, {one: [one] for one in read_lists(path)})
    assert rules.name == name
    assert rules.source
    assert all(len(source) > 40 for source in rules.source)


def test_ranges_are_of_categories() -> None:
    assert expanded("I60-I62") == ["I60", "I61", "I62"]
    assert expanded("k70.8-k71.0") == ["K708", "K709", "K710"]
    for wrong in ("I60-J01", "I62-I60", "I60-I601", "I6-"):
        with pytest.raises(ValueError, match="no range"):
            expanded(wrong)


def test_everything_that_is_wrong_with_a_card_is_said_at_once(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        'name = "mine"\nsystem = "icd10"\nweights = ["a"]\ncolour = 1\n'
        '[[condition]]\nname = "x"\ncodes = ["I60-J01"]\nweight = { b = 1 }\nyields_to = ["nobody"]\n'
        '[[condition]]\nname = "x"\nlist = "ours"\nages = [1]\nweight = { a = 1 }\n'
        '[[condition]]\nname = "Y"\nweight = { a = 1 }\n'
    )
    with pytest.raises(CardError) as error:
        read_rules(path)
    for part in (
        "unknown keys colour", "'I60-J01' is no range", "needs a weight for each of a", "names nobody", "stand twice",
        "asks for nothing", "ages are [1]", "ours (icd10)",
    ):  # fmt: skip
        assert part in str(error.value)
    with pytest.raises(CardError, match="There is no card of morbidity 'charlsen'"):
        read_rules("charlsen")
    path.write_text("name = ")
    with pytest.raises(CardError, match="is not TOML"):
        read_rules(path)
