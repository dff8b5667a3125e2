"""Codes of 2011 and 2021 apart; joins that refuse what a merge would hide."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from bayesineq.errors import SchemaError
from bayesineq.tables.check import check
from bayesineq.tables.vintage import join, vintage

# From the ONS exact-fit look-up: retired in 2021, new in 2021, and unchanged.
RETIRED, NEW, SAME = "E01000010", "E01033769", "E01000001"


@pytest.fixture(scope="module")
def lists(shared: Path) -> dict[str, list[str]]:
    changes = pd.read_parquet(shared / "data/lookups/lsoa11_lsoa21_lad22.parquet")
    return {"LSOA 2011": changes["lsoa11_code"].unique(), "LSOA 2021": changes["lsoa21_code"].unique()}


def test_codes_of_one_vintage_decide() -> None:
    assert vintage([SAME, RETIRED]) == "2011"
    assert vintage([SAME, NEW]) == "2021"
    assert vintage([SAME]) is None
    assert vintage(["E01900000"]) is None
    with pytest.raises(SchemaError, match=r"two vintages: 1 only in LSOA 2011.*E01000010.*E01033769"):
        vintage([SAME, RETIRED, NEW])


def test_every_english_code_is_told_as_the_complete_lists_tell_it(lists: dict[str, list[str]]) -> None:
    old, new = set(lists["LSOA 2011"]), set(lists["LSOA 2021"])
    assert (len(old), len(new)) == (32_844, 33_755)
    assert vintage(old) == "2011"
    assert vintage(new) == "2021"
    assert all(vintage([code]) == "2011" for code in old - new)
    assert all(vintage([code]) == "2021" for code in new - old)
    assert vintage(old & new) is None


def test_complete_lists_decide_where_they_are_given(lists: dict[str, list[str]]) -> None:
    assert vintage([SAME, NEW], lists) == "LSOA 2021"
    assert vintage([SAME], lists) is None
    with pytest.raises(SchemaError, match="Nearest is LSOA 2011, without 1 of them: E01999999"):
        vintage([SAME, RETIRED, "E01999999"], lists)


def left() -> pd.DataFrame:
    return pd.DataFrame({"area": ["b", "a", "c"], "cases": [1, 2, 3]})


def test_a_join_keeps_the_rows_and_order_of_the_left_table() -> None:
    right = pd.DataFrame({"area": ["a", "b", "c"], "decile": [10, 20, 30]})
    assert join(left(), right)["decile"].tolist() == [20, 10, 30]
    many = pd.concat([left(), left()])
    assert join(many, right, relation="many_to_one")["decile"].tolist() == [20, 10, 30] * 2
    more = pd.concat([right, pd.DataFrame({"area": ["d"], "decile": [40]})])
    assert join(left(), more, extra="leave")["decile"].tolist() == [20, 10, 30]


@pytest.mark.parametrize(
    ("right", "problem", "values"),
    [
        ({"area": ["a", "b"], "x": 1}, "in the left table and not in the right table", ["c"]),
        ({"area": ["a", "b", "c", "d"], "x": 1}, "in the right table and not in the left table", ["d"]),
        ({"area": ["a", "b", "c", "c"], "x": 1}, "stands more than once in the right table", ["c"]),
        ({"area": ["a", "b", "c", None], "x": 1}, "missing code in the right table", [None]),
        ({"area": ["a", "b", "c"], "cases": 1}, "in both tables", [None]),
        ({"code": ["a", "b", "c"]}, "not in the right table", [None]),
    ],
)
def test_a_join_lists_what_a_merge_would_hide(right: dict[str, object], problem: str, values: list[object]) -> None:
    with pytest.raises(SchemaError) as caught:
        join(left(), pd.DataFrame(right))
    assert caught.value.failures["problem"].tolist() == [problem]
    assert caught.value.failures["value"].tolist() == values


def test_a_repeated_code_on_the_left_needs_leave() -> None:
    many = pd.concat([left(), left().iloc[:1]], ignore_index=True)
    with pytest.raises(SchemaError) as caught:
        join(many, pd.DataFrame({"area": ["a", "b", "c"], "x": 1}))
    assert caught.value.failures["row"].tolist() == [3]


def test_a_join_of_two_vintages_names_them() -> None:
    old, new = pd.DataFrame({"area": [SAME, RETIRED]}), pd.DataFrame({"area": [SAME, NEW], "x": 1})
    with pytest.raises(SchemaError, match="LSOA 2011 codes in the IoD2019 table, LSOA 2021 codes in the TS037 table"):
        join(old, new, names=("IoD2019", "TS037"))


AUTHORITIES = ["E06000001", "E07000008", "E08000001", "E09000001"]


@pytest.mark.parametrize(
    ("codes", "problem"),
    [
        (AUTHORITIES, None),
        (["W06000001", "W06000002"], None),
        (["S12000005", "S12000006"], None),
        (["N09000001", "N09000002"], None),
        # Counties with the authorities that lie outside them, as in the upper tier.
        (["E06000001", "E08000001", "E09000001", "E10000003"], None),
        (["E07000008", "E10000003"], "kind of area"),
        ([*AUTHORITIES, "E10000003"], "kind of area"),
        ([*AUTHORITIES, "E12000001"], "kind of area"),
        (["E09000001", "W06000001"], "kind of area"),
        (["E06000001", "E05000001"], "kind of area"),
        (["E01000001", "W01000001"], "kind of area"),
        (["E07000205", "E07000206", "E06000001"], None),
        (["E07000244", "E06000066", "E06000001"], None),
        # Became one in 2019; of 2023 beside one that went in 2020.
        (["E07000205", "E07000244"], "do not stand beside the others"),
        (["E06000001", "E06000066", "E07000004"], "do not stand beside the others"),
        (["S08000018", "S08000029"], "do not stand beside the others"),
        (["E14000530", "E14001063"], "constituency vintage 2024"),
        (["E14000530", "E14001062"], None),
        (["09001", "09110", "01001"], "a county of Connecticut until 2022"),
        (["09110", "09190", "01001"], None),
        (["A81001", "Y02045", "W91001"], "kind of area"),
        (["A81001", "Y02045"], None),
        (["QJG", "QH8"], None),
        (["RDE", "RGN", "R0A"], None),
        (["95AA01S1", "95ZZ16W1"], None),
        (["36061", "36047"], None),
        (["North Town", "South Town"], None),
        (["E12000001", "E12000002", "England"], "a total"),
        # Retired in 2021, new in 2021, and in both.
        (["E02000053", "E02006935"], "MSOA vintage"),
        (["E02000001", "E02000053"], None),
        (["E02000001", "E02006935"], None),
        (["S01000001", "S01006505"], None),
        (["S01006506", "S01013481"], None),
        (["S01013482", "S01020873"], None),
        (["S01006505", "S01006506"], "data zone vintage"),
        (["S01013481", "S01013482"], "data zone vintage"),
        (["S01000001", "S01006506", "S01013500"], "data zone vintage"),
        (["S02001235", "S02001236"], "intermediate zone vintage"),
        (["S02002514", "S02002515"], "intermediate zone vintage"),
    ],
)
def test_kinds_and_vintages_of_areas_in_one_table(codes: list[str], problem: str | None) -> None:
    table = pd.DataFrame({"area": codes, "imd_decile": 1})
    if problem is None:
        assert len(check(table, "areas")) == len(codes)
        return
    with pytest.raises(SchemaError, match=problem):
        check(table, "areas")


def test_every_msoa_of_england_is_told_as_the_complete_lists_tell_it(shared: Path) -> None:
    old = set(pd.read_parquet(shared / "data/lookups/lsoa11_msoa11.parquet")["msoa11_code"])
    edges = pd.read_parquet(shared / "data/boundaries/msoa21_england_adjacency.parquet")
    # The Isles of Scilly border on none.
    new = {*edges["MSOA21CD_i"], *edges["MSOA21CD_j"], "E02006781"}
    assert (len(old), len(new)) == (6_791, 6_856)
    assert vintage(old) == "2011"
    assert vintage(new) == "2021"
    assert all(vintage([code]) == "2011" for code in old - new)
    assert all(vintage([code]) == "2021" for code in new - old)
    assert vintage(old & new) is None


def test_a_join_of_two_vintages_of_other_areas_names_them() -> None:
    pairs = [("E02000053", "E02006935", "MSOA 2011", "MSOA 2021"), ("S01000001", "S01006506", "zone 2001", "zone 2011")]
    for old, new, first, second in pairs:
        with pytest.raises(SchemaError, match=f"{first} codes in the left table, data {second}|{first}.*{second}"):
            join(pd.DataFrame({"area": [old]}), pd.DataFrame({"area": [new], "x": 1}))
