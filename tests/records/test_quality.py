"""What is wrong with records is counted at once, no row of a person leaves the engine, and fuzzed extracts end well."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bayesineq.cohort.card import CodedFact, CohortCard, Count, Entry, Outcome, Requirement, SpellFact
from bayesineq.cohort.cells import cohort_cells
from bayesineq.cohort.members import cohort
from bayesineq.errors import BayesineqError
from bayesineq.records.adapters.adapt import adapt
from bayesineq.records.normal import Records, read_normal
from bayesineq.records.quality import Quality, quality

SECRET = "Mrs Ada Lovelace"
FUZZED = int(os.environ.get("BAYESINEQ_FUZZED", "2"))
FIRST = int(os.environ.get("BAYESINEQ_FUZZED_FROM", "0"))
"""Fuzzed extracts that are tried: a few in CI, 500 in the study."""


def faulty() -> Records:
    persons = pd.DataFrame(
        {
            "person": ["p1", "p1", "p2", "p3", "p4"],
            "birth": ["1950-01-01", "1950-01-01", "2990-01-01", "1960-01-01", "31/12/1970"],
            "sex": ["female", "female", SECRET, "male", "male"],
            "death": [None, None, None, "1955-01-01", "2020-01-01"],
            "registered_from": ["2000-01-01", "2005-01-01", *["2000-01-01"] * 3],
            "registered_to": ["2006-01-01", *[None] * 4],
            "area": ["E01000001", "E01000002", *["E01000001"] * 3],
        }
    )
    events = pd.DataFrame(
        {
            "person": ["p1", "p9", "p3", "p4", "p1"],
            "date": ["1940-01-01", "2020-01-01", "2990-01-01", "2021-01-01", None],
            "system": ["icd10", "icd10", "snomed", "icd10", "icd10"],
            "code": ["E11.9", "I10", "44054006", "J44", None],
        }
    )
    ethnicity = pd.DataFrame(
        {"person_id": ["p1", "p1", "p3", "p3"], "source": ["gp", "hes"] * 2, "recorded_on": ["2020-01-01"] * 4,
         "ethnicity": ["A", "B", "Z", "Q"]}
    )  # fmt: skip
    return read_normal({"persons": persons, "events": events, "ethnicity_records": ethnicity})


def found(records: Records) -> Quality:
    lists = {"diabetes": {"icd10": ["E11"]}, "asthma": {"read2": ["H33.."]}}
    return quality(records, index=dt.date(2024, 1, 1), lists=lists, today=dt.date(2024, 6, 1))


@pytest.fixture(scope="module")
def said() -> Quality:
    return found(faulty())


def test_every_fault_is_counted_at_once_and_no_text_of_a_person_is_shown(said: Quality) -> None:
    counts = {(r.table, r.column, r.problem): (r.rows, r.of) for r in said.faults.itertuples(index=False)}
    form = "numbers of day, month and year with the year last"
    assert counts == {
        ("persons", "birth", "missing"): (1, 4),
        ("persons", "birth", "in the future"): (1, 4),
        ("persons", "birth", "after the index date 2024-01-01"): (1, 4),
        ("persons", "death", "before birth"): (1, 4),
        ("events", "person", "of nobody in persons"): (1, 5),
        ("events", "date", "missing"): (1, 5),
        ("events", "date", "in the future"): (1, 5),
        ("events", "date", "before birth"): (1, 5),
        ("events", "date", "after death"): (2, 5),
        ("registration_periods", "start", "before birth"): (1, 5),
        ("registration_periods", "start", "after death"): (1, 5),
        ("addresses", "start", "before birth"): (1, 5),
        ("addresses", "start", "after death"): (1, 5),
        ("ethnicity_records", "recorded_on", "after death"): (2, 4),
        ("events", "code", "missing"): (1, 5),
        ("registration_periods", "start", "overlaps an earlier registration of the same person"): (1, 5),
        ("addresses", "area", "in two places on one day"): (1, 5),
        ("events", "system", "snomed, a code system that no list uses"): (1, 5),
        ("events", "code", "none of the codes of the list 'asthma' occurs; it has A99.. of read2, and the records have "
         "A99 of icd10, 9... of snomed, A99.9 of icd10"): (5, 5),
        ("persons", "birth", "a date that is not written year first, or no date"): (1, 5),
        ("persons", "birth", f"written as {form}, and most as year first, as in 2020-01-31"): (1, 5),
        ("persons", "sex", "not one of female, male, indeterminate, unknown"): (1, 5),
        ("persons", "person", "a further row of the same person; the one registered last is kept"): (1, 5),
    }  # fmt: skip
    assert said.faults["share"].tolist() == (said.faults["rows"] / said.faults["of"]).tolist()
    assert SECRET not in "".join(said.notes)
    assert len(said.notes) == len(counts)


def test_completeness_drift_granularity_and_agreement(said: Quality) -> None:
    filled = said.completeness.set_index(["table", "column"])["share"]
    assert filled["persons", "birth"] == 0.75
    assert filled["events", "date"] == 0.8
    assert said.years.groupby("year")["rows"].sum().to_dict() == {1940: 1, 2020: 1, 2021: 1, 2990: 1}
    assert said.ethnicity.to_numpy().tolist() == [["gp", 2, 1, 0, 1, 0], ["hes", 2, 1, 0, 0, 1]]
    assert said.known[["source", "people", "known"]].to_numpy().tolist() == [
        ["gp", 4, 1], ["hes", 4, 1], ["all sources", 4, 1]
    ]  # fmt: skip
    assert said.agreement.to_numpy().tolist() == [["gp", "hes", 1, 0, 0.0]]


def test_sex_in_several_schemes_is_named() -> None:
    person = pd.DataFrame({"patient_id": range(8), "date_of_birth": ["1950-01-01"] * 8,
                           "sex": ["1", "2", "M", "F", "male", "female", "8507", "248152002"]})  # fmt: skip
    records = adapt({"patients": person}, "opensafely")
    counts = quality(records).faults.query("column == 'sex'").set_index("problem")["rows"].to_dict()
    common = "NHS numbers"
    assert counts == {
        f"written as codes of {scheme}, and most as codes of {common}": n
        for scheme, n in {"letters": 2, "words": 2, "OMOP concepts": 1, "SNOMED CT": 1}.items()
    }
    assert records.persons["sex"].nunique().to_pyarrow().as_py() == 2


PLACES: list[tuple[str, list[tuple[str | None, str | None, str]], int]] = [
    ("a move", [("2000-01-01", "2009-12-31", "A"), ("2010-01-01", None, "B")], 0),
    ("a move without an end", [("2000-01-01", None, "A"), ("2010-01-01", None, "B")], 0),
    ("the day of a move in both", [("2000-01-01", "2010-01-01", "A"), ("2010-01-01", None, "B")], 1),
    ("begun on one day", [("2000-01-01", None, "A"), ("2000-01-01", None, "B")], 1),
    ("the same place twice", [("2000-01-01", "2010-01-01", "A"), ("2005-01-01", None, "A")], 0),
    ("two within a long one", [("2000-01-01", "2020-01-01", "A"), ("2005-01-01", "2006-01-01", "B"),
                               ("2010-01-01", "2011-01-01", "C")], 2),
    ("without any days", [(None, None, "A"), (None, None, "B")], 1),
    ("long, short, and again", [("2000-01-01", "2020-01-01", "A"), ("2005-01-01", "2015-01-01", "B"),
                                ("2006-01-01", "2007-01-01", "A")], 2),
]  # fmt: skip


@pytest.mark.parametrize("backwards", [False, True])
def test_two_places_on_one_day_are_found_in_any_order_of_rows(backwards: bool) -> None:
    rows = [(name, *row) for name, given, _ in PLACES for row in given]
    homes = pd.DataFrame(rows[::-1] if backwards else rows, columns=["person", "start", "end", "area"])
    for name, _, expected in PLACES:
        one = read_normal({"persons": pd.DataFrame({"person": [name]}), "addresses": homes[homes["person"] == name]})
        found = quality(one).faults.query("problem == 'in two places on one day'")["rows"].sum()
        assert found == expected, name


def test_overlaps_duplicates_and_facts_of_nobody_are_counted_in_every_table() -> None:
    persons = pd.DataFrame({"person": ["p1", "p1"], "birth": "1950-01-01", "practice": ["A", "B"]})
    spells = pd.DataFrame(
        {"person": ["p1", "p1", "p9"], "start": "2020-01-03", "end": "2020-01-01", "kind": "inpatient"}
    )
    given = {
        "persons": persons, "spells": spells, "addresses": pd.DataFrame({"person": ["p9"], "area": ["E01000001"]}),
        "registration_periods": pd.DataFrame({"person": ["p9", "p1", "p1"], "start": [None, "2020-01-01", "2020-01-01"],
                                              "end": [None, "2019-01-01", None]}),
        "ethnicity_records": pd.DataFrame({"person_id": ["p9"], "source": "gp", "recorded_on": "2990-01-01",
                                           "ethnicity": "A"}),
    }  # fmt: skip
    faults = quality(read_normal(given)).faults
    counts = {(r.table, r.problem): r.rows for r in faults.itertuples(index=False)}
    for table in ("spells", "addresses", "registration_periods", "ethnicity_records"):
        assert counts[table, "of nobody in persons"] == 1
    assert counts["spells", "before the start"] == 3
    assert counts["spells", "the same as another row in every column"] == 1
    assert counts["registration_periods", "before the start"] == 1
    assert counts["ethnicity_records", "in the future"] == 1
    without_days = quality(read_normal({"persons": persons})).faults
    assert "overlaps an earlier registration of the same person" in set(without_days["problem"])


def test_rows_that_stand_twice_are_counted_in_parts_as_in_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Known by how the rows are made: 90 of 300, and rows of nobody, stand a second time."""
    rng = np.random.default_rng(5)
    one = pd.DataFrame({"person": [None if k % 29 == 0 else f"p{k % 40}" for k in range(300)], "system": "icd10",
                        "code": [f"E{k:03d}" for k in range(300)], "date": "2020-01-01"})  # fmt: skip
    both = pd.concat([one, one.sample(90, random_state=1)]).iloc[rng.permutation(390)]
    records = read_normal({"persons": pd.DataFrame({"person": [f"p{k}" for k in range(40)]}), "events": both})
    told = []
    for at_once in (4_000_000, 60):
        monkeypatch.setattr(sys.modules[quality.__module__], "_AT_ONCE", at_once)
        faults = quality(records).faults.set_index("problem")
        told.append(faults.loc["the same as another row in every column", ["rows", "of"]].tolist())
    assert told == [[90, 390]] * 2


def test_no_row_of_a_person_leaves_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two thousand people with three events each: what leaves is as many rows as there are years, codes and columns."""
    import ibis

    n = 2_000
    rng = np.random.default_rng(1)
    persons = pd.DataFrame({"person": np.arange(n).astype(str), "birth": "1950-01-01", "sex": "female"})
    events = pd.DataFrame({"person": rng.integers(0, n, 3 * n).astype(str), "system": "icd10", "code": "E11",
                           "date": rng.choice(["2019-01-01", "2020-01-01", "2021-01-01"], 3 * n)})  # fmt: skip
    left: list[int] = []
    collect = ibis.expr.types.Table.to_pyarrow

    def watched(self: Any, *args: Any, **kwargs: Any) -> Any:
        table = collect(self, *args, **kwargs)
        left.append(table.num_rows)
        return table

    monkeypatch.setattr(ibis.expr.types.Table, "to_pyarrow", watched)
    quality(read_normal({"persons": persons, "events": events}), lists={"diabetes": {"icd10": ["E11"]}})
    assert len(left) > 5
    assert max(left) <= 3


JUNK = ["", " ", "NULL", "31/12/1980", "1980-13-45", "9999-12-31", "infinity", "epoch", "1e400", "-1", "nan", "\u202e",
        "2020-01-01T25:61", "18/18/2018", "'; DROP TABLE persons; --", "E11.9", "1" * 40, "٣", "é" * 50, "p1", "p2",
        "female", "1", "2020-02-30", "20200101", "1850-01-01", "true", "{", '"', ",", "\x00", None]  # fmt: skip


FUZZED_CARD = CohortCard(
    "fuzzed", "Who?", {"illness": CodedFact("illness", {"icd10": ("E11", "1")}), "stay": SpellFact("stay")},
    Entry(on=dt.date(1990, 1, 1)), (Requirement(("illness",), exclude=True),),
    outcomes={"stay": Outcome("stay", ("stay", "death"))},
    counts={
        "cases": Count("cases", "cohort"), "population": Count("population", "people", on="study start"),
        "events": Count("events", "outcome", outcome="stay"),
        "person_years": Count("person_years", "time", outcome="stay"),
    },
    tables=("area_counts", "outcome_counts"), study=(dt.date(1990, 1, 1), dt.date(2024, 12, 31)),
)  # fmt: skip
DECILES = pd.DataFrame({"area": ["E01000001", "E01000002"], "imd_decile": [1, 10]})
LIKELY = {
    "person": ["p1", "p2", "p3", "p4"], "person_id": ["p1", "p2"], "birth": ["1950-01-01", "01/02/1960", "1970"],
    "sex": ["F", "1", "male"], "area": ["E01000001", "E01000002"], "system": ["icd10"], "code": ["E11.9", "1"],
    "registered_from": ["1985-05-05", "20000101"], "date": ["1988-01-01", "1995-02-03"], "start": ["1985-05-05"],
    "ethnicity": ["A", "H", "Z"], "source": ["gp", "hes"],
}  # fmt: skip


def fuzzed(seed: int, folder: Path) -> Any:
    """A source whose columns are whatever: as frames, csv or parquet, cut, garbled or of other types."""
    rng = np.random.default_rng(seed)
    source: dict[str, pd.DataFrame] = {}
    columns = {"persons": ["person", "birth", "sex", "death", "area", "registered_from", "registered_to", "postcode"],
               "events": ["person", "date", "system", "code", "value"],
               "spells": ["person", "start", "end", "kind", "outcome", "cost"],
               "addresses": ["person", "start", "end", "area"],
               "ethnicity_records": ["person_id", "source", "recorded_on", "ethnicity"]}  # fmt: skip
    for name, wanted in columns.items():
        if name != "persons" and rng.random() < 0.4:
            continue
        kept = [c for c in wanted if rng.random() > 0.1]
        n = int(rng.integers(0, 12))
        made: dict[str, Any] = {}
        for column in kept:
            kind = rng.integers(0, 6)
            if kind == 0:
                made[column] = rng.normal(size=n) * 10.0 ** rng.integers(0, 300)
            elif kind == 1:
                made[column] = rng.integers(-(2**62), 2**62, n)
            elif kind == 2:
                made[column] = pd.Series(pd.to_datetime(rng.integers(-(10**9), 10**10, n), unit="s"))
            elif kind == 3 and column in LIKELY:
                made[column] = rng.choice(LIKELY[column], n)
            else:
                made[column] = pd.Series([JUNK[k] for k in rng.integers(0, len(JUNK), n)], dtype=object)
        source[name] = pd.DataFrame(made)
    how = rng.integers(0, 3)
    if how == 0:
        return source
    for name, table in source.items():
        path = folder / f"{name}.{'csv' if how == 1 else 'parquet'}"
        if how == 1:
            table.to_csv(path, index=False)
        else:
            table.astype({c: "str" for c in table if table[c].dtype == object}).to_parquet(path)
        if rng.random() < 0.15:
            raw = bytearray(path.read_bytes())
            for _ in range(3):
                if raw:
                    raw[int(rng.integers(0, len(raw)))] = int(rng.integers(0, 256))
            path.write_bytes(bytes(raw[: int(len(raw) * rng.uniform(0.3, 1))]))
    return folder


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("seed", range(FIRST, FIRST + FUZZED))
def test_a_fuzzed_extract_is_read_or_refused_with_a_message(seed: int, tmp_path: Path) -> None:
    source = fuzzed(seed, tmp_path)
    with contextlib.suppress(BayesineqError):
        records = read_normal(source)
        if seed % 2:
            said = quality(records, lists={"a": {"icd10": ["E11"]}})
            assert (said.faults["rows"] <= said.faults["of"]).all()
            return
        built = cohort(records, FUZZED_CARD, deprivation=DECILES)
        assert built.attrition["persons"].ge(0).all()
        for table in built.card.tables:
            assert (cohort_cells(built, table).table["imd_decile"].isin([1, 10])).all()
