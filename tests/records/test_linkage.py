"""Oracles: three sources of seven people, linked by hand; completeness as it was planted."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import ibis
import pandas as pd
import pyarrow as pa
import pytest

from bayesineq.errors import SchemaError
from bayesineq.records.ethnicity.completeness import LINKED, completeness
from bayesineq.records.linkage import link
from bayesineq.records.normal import Records, read_normal

pytestmark = pytest.mark.filterwarnings("ignore:fetch_arrow_table")


def held(engine: Any, tables: Mapping[str, pd.DataFrame], number: itertools.count[int]) -> Records:
    if engine is None:
        return read_normal(tables)
    given = {name: pa.Table.from_pandas(table, preserve_index=False) for name, table in tables.items()}
    return read_normal({name: engine.create_table(f"t{next(number)}", table) for name, table in given.items()})


def three(engine: Any = None) -> dict[str, Records]:
    number = itertools.count()
    practice = pd.DataFrame({
        "person": ["p1", "p2", "p3", "p4"], "birth": ["1950-01-01", "1960-02", None, "1980-04-04"],
        "sex": ["female", "unknown", "male", "male"], "area": ["E01000001", None, "E01000003", None],
        "postcode": ["AB1 2CD", None, None, None], "practice": ["X1", "X1", None, "X2"],
        "registered_from": ["2000-01-01", "2001-01-01", None, "2002-01-01"],
    })  # fmt: skip
    hospital = pd.DataFrame({
        "person": ["p1", "p2", "p3", "p5"], "birth": ["1950-01-01", "1960-02-15", "1970-03-03", "1990-05-05"],
        "sex": ["male", "female", "male", "female"], "area": ["E01000009", "E01000002", "E01000003", None],
        "death": [None, None, "2024-05-05", None],
    })  # fmt: skip
    care = pd.DataFrame({"person": ["p1", "p6"], "sex": ["female", "male"], "death": ["2025-01-01", None]})
    facts = pd.DataFrame({"person": ["p1"], "date": ["2020-01-01"], "system": ["icd10"], "code": ["I10"]})
    ethnicity = pd.DataFrame({"person_id": ["p1"], "source": ["gp"], "recorded_on": ["2020-01-01"], "ethnicity": ["A"]})
    more = ethnicity.assign(person_id="p2", source="hes", ethnicity="H")
    return {
        "gp": held(engine, {"persons": practice, "events": facts, "ethnicity_records": ethnicity}, number),
        "hes": held(
            engine, {"persons": hospital, "events": facts.assign(source="apc"), "ethnicity_records": more}, number
        ),
        "care": held(engine, {"persons": care}, number),
    }


def test_who_is_believed_where_sources_differ() -> None:
    linked = link(three(), ["gp", "hes", "care"])
    people = linked.records.persons.order_by("person").to_pyarrow().to_pandas().set_index("person")
    assert people.index.tolist() == ["p1", "p2", "p3", "p4", "p5", "p6"]
    assert people["sex"].tolist() == ["female", "female", "male", "male", "female", "male"]
    # A birth known to the month is the practice's, and so is how far it is known.
    assert [str(day)[:10] for day in people["birth"]][:3] == [
        str(people["birth"]["p1"])[:10],
        "1960-02-01",
        "1970-03-03",
    ]
    assert people["birth_known_to"].tolist()[:3] == ["day", "month", "day"]
    assert people["area"].tolist()[:3] == ["E01000001", "E01000002", "E01000003"]
    assert people["postcode"].notna().tolist() == [True] + [False] * 5
    assert [str(day)[:10] for day in people["death"].dropna()] == ["2025-01-01", "2024-05-05"]
    other = link(three(), ["hes", "care", "gp"])
    assert other.records.persons.order_by("person").to_pyarrow()["sex"].to_pylist()[0] == "male"


def test_overlap_and_conflicts_are_counted() -> None:
    linked = link(three(), ["gp", "hes", "care"])
    assert linked.overlap.set_index("sources")["people"].to_dict() == {
        "gp + hes": 2, "gp + hes + care": 1, "gp": 1, "hes": 1, "care": 1,
    }  # fmt: skip
    assert linked.overlap["share"].sum() == pytest.approx(1.0)
    found = linked.conflicts.set_index(["column", "first", "second"])[["people", "agree", "differ"]]
    assert found.loc[("sex", "gp", "hes")].tolist() == [2, 1, 1]
    assert found.loc[("sex", "gp", "care")].tolist() == [1, 1, 0]
    assert found.loc[("sex", "hes", "care")].tolist() == [1, 0, 1]
    assert found.loc[("area", "gp", "hes")].tolist() == [2, 1, 1]
    assert ("death", "gp", "hes") not in found.index
    events = linked.records.events.order_by("source").to_pyarrow()["source"].to_pylist()
    assert events == ["apc", "gp"]


def test_ethnicity_before_and_after() -> None:
    records = link(three(), ["gp", "hes", "care"]).records
    people = records.persons.select("sex", person_id="person")
    table = completeness(records.ethnicity_records, people).set_index("source")
    assert table["known"].to_dict() == {"gp": 1, "hes": 1, LINKED: 2}
    assert table["people"].to_dict() == {"gp": 6, "hes": 6, LINKED: 6}


def test_sources_that_cannot_be_linked_are_refused() -> None:
    sources = three(ibis.duckdb.connect())
    for precedence in (["gp"], ["gp", "hes"], ["gp", "hes", "care", "care"]):
        with pytest.raises(SchemaError, match="name each once"):
            link(sources, precedence)
    elsewhere = three(ibis.duckdb.connect())
    with pytest.raises(SchemaError, match="several engines"):
        link({"gp": sources["gp"], "hes": elsewhere["hes"]}, ["gp", "hes"])
