"""Quantile groups against OHID's published test sheet, its table of uneven sizes, and the published deciles."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bayesineq.errors import SchemaError
from bayesineq.tables.quantiles import quantile_groups, quintiles_from_deciles

GROUPS = {"Decile": 10, "Quartile": 4, "Septile": 7}
RANKED_WITHIN = {"IndSexReg": ["IndSexRef", "ParentCode"], "IndSex": ["IndSexRef"]}


@pytest.fixture(scope="module")
def sheet(shared: Path) -> pd.DataFrame:
    folder = shared / "reference/measures/PHEindicatormethods"
    return pd.read_csv(folder / "testdata_Quantiles__testdata_Quantiles.csv").dropna(subset=["RankinGrp"])


def test_every_row_of_the_published_test_sheet(sheet: pd.DataFrame) -> None:
    checked = 0
    for (quantile, within), rows in sheet.groupby(["QuantileNm", "GroupSet"], dropna=False):
        for _, group in rows.groupby(RANKED_WITHIN.get(within, ["QuantileNm"])):
            assert len(group) == group["RowsInGrp"].iloc[0]
            q = GROUPS[quantile]
            if len(group) < q:
                assert group["QuantileInGrp"].isna().all()
                with pytest.raises(SchemaError, match="fewer areas than groups"):
                    quantile_groups(group["RankinGrp"], q)
            else:
                np.testing.assert_array_equal(quantile_groups(group["RankinGrp"], q), group["QuantileInGrp"])
            checked += len(group)
    assert checked == 1_005


def test_values_and_local_groups_of_the_published_test_sheet(sheet: pd.DataFrame) -> None:
    rows = sheet[(sheet["GroupSet"] == "IndSexReg") & (sheet["Test"] == "Gooddata") & sheet["QuantileInGrp"].notna()]
    for polarity, first in (("RAG - Low is good", "highest"), ("RAG - High is good", "lowest")):
        chosen = rows[rows["Polarity"] == polarity]
        place = chosen["IndSexRef"] + chosen["ParentCode"]
        assert place.nunique() >= 8
        found = quantile_groups(chosen["Value"], 10, first=first, within=place)
        np.testing.assert_array_equal(found, chosen["QuantileInGrp"])


@pytest.mark.parametrize(
    ("areas", "q", "larger"),
    [
        # OHID, extra areas where the number does not divide: by the fraction of areas / groups.
        (1_001, 5, {1}),
        (1_002, 5, {1, 3}),
        (1_003, 5, {1, 2, 4}),
        (1_004, 5, {1, 2, 3, 4}),
        (1_001, 10, {1}),
        (1_002, 10, {1, 6}),
        (1_003, 10, {1, 4, 7}),
        (1_004, 10, {1, 3, 6, 8}),
        (1_005, 10, {1, 3, 5, 7, 9}),
    ],
)
def test_the_extra_areas_fall_where_the_published_table_puts_them(areas: int, q: int, larger: set[int]) -> None:
    sizes = np.bincount(quantile_groups(np.random.default_rng(1).permutation(areas), q))[1:]
    assert set(np.flatnonzero(sizes == areas // q + 1) + 1) == larger
    assert sizes.sum() == areas
    assert sizes.min() == areas // q


def test_areas_of_equal_value_share_a_group() -> None:
    # Ranks 1, 2, 2, 2, 5, 6 of six areas in three groups: 4 - ceil((7 - rank) / 2), by hand.
    assert quantile_groups([1, 2, 2, 2, 3, 4], 3).tolist() == [1, 1, 1, 1, 3, 3]


@pytest.mark.parametrize(("name", "differing"), [("File_7_IoD2019_reassembled", 8), ("File_7_IoD2025_reassembled", 5)])
def test_published_deciles_differ_only_at_the_boundaries(shared: Path, name: str, differing: int) -> None:
    table = pd.read_csv(shared / f"data/imd/{name}.csv.gz").iloc[:, 5:7]
    rank, decile = table.iloc[:, 0].to_numpy(), table.iloc[:, 1].to_numpy()
    found = quantile_groups(rank)
    np.testing.assert_array_equal(decile, np.ceil(10 * rank / len(rank)))
    assert (found != decile).sum() == differing
    assert (decile - found)[found != decile].tolist() == [1] * differing


def test_local_quantiles_rank_within_each_place() -> None:
    value, place = np.array([10, 20, 30, 40, 1, 2, 3, 4]), np.repeat(["x", "y"], 4)
    assert quantile_groups(value, 2, within=place).tolist() == [1, 1, 2, 2] * 2
    assert quantile_groups(value, 2).tolist() == [2, 2, 2, 2, 1, 1, 1, 1]
    assert quantile_groups(value, 2, within=place, first="highest").tolist() == [2, 2, 1, 1] * 2


def test_what_cannot_be_grouped_is_an_error() -> None:
    with pytest.raises(SchemaError, match=r"1 of 3 areas have no value .*positions 1"):
        quantile_groups([1, np.nan, 2], 2)
    with pytest.raises(SchemaError, match="y: 1; 2 groups"):
        quantile_groups([1, 2, 3], 2, within=["x", "x", "y"])
    with pytest.raises(SchemaError, match="not a number of groups"):
        quantile_groups([1, 2], 1)
    with pytest.raises(SchemaError, match="name a place for each"):
        quantile_groups([1, 2], 2, within=["x"])
    with pytest.raises(SchemaError, match="fewer areas"):
        quantile_groups([], 2)


def test_deciles_to_quintiles() -> None:
    assert quintiles_from_deciles(range(1, 11)).tolist() == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    with pytest.raises(SchemaError, match="0, 11"):
        quintiles_from_deciles([0, 1, 11])
