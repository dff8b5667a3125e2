"""Postcodes to places on the day that counts; no fixed abode is a group, and vintages are never mixed."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from bayesineq.errors import SchemaError
from bayesineq.records.engines import connect
from bayesineq.records.normal import Records, read_normal
from bayesineq.records.places import places, read_postcodes

LOOKUP = pd.DataFrame(
    {"pcds": ["NG16 1AA", "AB1 0AA"], "lsoa11": ["E01012334", "E01012335"], "lsoa21": ["E01034983", "E01012335"],
     "oslaua": ["E07000172", "E06000001"], "ru11ind": ["C1", "D1"]}
)  # fmt: skip


def records() -> Records:
    homes = pd.DataFrame(
        {
            "person": ["spaced", "joined", "small", "none", "none", "unknown", "france", "lost", "moved", "moved"],
            "start": [None] * 3 + ["2000-01-01", "2015-01-01"] + [None] * 3 + ["2000-01-01", "2012-01-01"],
            "end": [None] * 3 + ["2014-12-31"] + [None] * 4 + ["2012-01-01", None],
            "postcode": ["NG16 1AA", "NG161AA", " ng16 1aa", "ZZ99 3VZ", "NG16 1AA", "zz993wz", "ZZ99 5ZZ", "XX1 1XX",
                         "NG16 1AA", "AB10AA"],
        }
    )  # fmt: skip
    people = pd.DataFrame({"person": [*homes["person"].unique(), "nowhere"]})
    return read_normal({"persons": people, "addresses": homes})


def test_areas_without_postcodes_lie_in_what_a_look_up_says() -> None:
    homes = pd.DataFrame({"person": ["p1", "p2", "p3"], "area": ["E01034983", "E01012335", None],
                          "postcode": [None, "NG16 1AA", "AB10AA"]})  # fmt: skip
    found = read_normal({"persons": homes[["person"]], "addresses": homes})
    index = connect(pd.DataFrame({"person": ["p1", "p2", "p3"], "index": pd.to_datetime(["2012-01-01"] * 3)}))
    lies_in = pd.DataFrame({"LSOA21CD": ["E01034983", "E01012335"], "LAD24CD": ["E07000172", "E06000001"],
                            "WD24CD": ["E05000001", "E05000002"], "ICB24CD": ["E54000010", "E54000050"],
                            "RUC21": ["UN1", "RSN1"]})  # fmt: skip
    rows = {r["person"]: r for r in places(found, LOOKUP, index, areas=lies_in).to_pyarrow().to_pylist()}
    # The area that the records hold is believed, and not that of the postcode.
    assert [rows[p]["ward"] for p in ("p1", "p2", "p3")] == ["E05000001", "E05000002", "E05000002"]
    assert [rows[p]["rural_urban"] for p in ("p1", "p2", "p3")] == ["UN1", "RSN1", "RSN1"]
    with pytest.raises(SchemaError, match=r"no LSOAs of 2011 .*; it has LSOA21CD"):
        places(found, LOOKUP, index, areas=lies_in, vintage="2011")
    with pytest.raises(SchemaError, match="1 areas of the look-up stand in several places"):
        places(found, LOOKUP, index, areas=pd.concat([lies_in, lies_in.head(1).assign(WD24CD="E05000009")]))
    with pytest.raises(SchemaError, match=r"no column of what they lie in.*ward: wdcd"):
        places(found, LOOKUP, index, areas=lies_in[["LSOA21CD"]])


def test_a_postcode_in_two_areas_is_refused_and_islands_are_a_group() -> None:
    with pytest.raises(SchemaError, match="1 postcodes of the look-up stand in several places"):
        read_postcodes(pd.concat([LOOKUP, LOOKUP.head(1).assign(pcds="ng161aa", lsoa21="E01012335")]))
    homes = pd.DataFrame({"person": ["jersey"], "postcode": ["JE2 3AB"]})
    found = read_normal({"persons": homes[["person"]], "addresses": homes})
    index = connect(pd.DataFrame({"person": ["jersey"], "index": pd.to_datetime(["2012-01-01"])}))
    lookup = LOOKUP.head(1).assign(pcds="JE2 3AB", lsoa21="L99999999")
    row = places(found, lookup, index).to_pyarrow().to_pylist()[0]
    assert (row["area"], row["place_group"]) == (None, "Channel Islands or Isle of Man")


def placed(day: str, **given: Any) -> dict[str, Any]:
    found = records()
    index = found.persons.select("person").mutate(index=connect(pd.DataFrame({"d": [day]}))["d"].as_scalar())
    table = places(found, LOOKUP, index, **given)
    return {row["person"]: row for row in table.to_pyarrow().to_pylist()}


def test_the_place_is_that_of_the_day_and_spaces_and_case_do_not_matter() -> None:
    found = placed("2012-01-01")
    assert {person: (row["area"], row["place_group"]) for person, row in found.items()} == {
        "spaced": ("E01034983", "placed"), "joined": ("E01034983", "placed"), "small": ("E01034983", "placed"),
        "none": (None, "no fixed abode"), "unknown": (None, "address not known"),
        "france": (None, "abroad, by country"),
        "lost": (None, "not in the look-up"), "moved": ("E01012335", "placed"), "nowhere": (None, "missing"),
    }  # fmt: skip
    assert (found["moved"]["authority"], found["moved"]["rural_urban"]) == ("E06000001", "D1")
    later = placed("2016-01-01", vintage="2011")
    assert later["none"]["area"] == "E01012334"


def test_deprivation_is_of_the_same_vintage() -> None:
    new = pd.DataFrame({"area": ["E01034983", "E01012335"], "imd_decile": [2, 9]})
    found = placed("2012-01-01", deprivation=new)
    assert found["spaced"]["imd_decile"] == 2
    assert found["none"]["imd_decile"] is None
    with pytest.raises(SchemaError, match="of 2021, and postcodes are placed in LSOAs of 2011"):
        placed("2012-01-01", deprivation=new, vintage="2011")


def test_a_look_up_without_areas_says_what_it_has() -> None:
    with pytest.raises(SchemaError, match=r"no LSOAs of 2021 .*; it has pcds, lsoa11"):
        read_postcodes(LOOKUP[["pcds", "lsoa11"]])
