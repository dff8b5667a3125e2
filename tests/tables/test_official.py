"""Official files as published, against direct sums over the same files and the figures of their publishers."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bayesineq.errors import SchemaError
from bayesineq.tables.area_health import area_health
from bayesineq.tables.census import read_census
from bayesineq.tables.codes import code_list
from bayesineq.tables.deprivation import read_deprivation
from bayesineq.tables.lookups import area_parts, areas_within, carry_counts, read_changes
from bayesineq.tables.registrations import read_registrations
from bayesineq.tables.sheets import read_titled
from bayesineq.tables.vintage import join

TABLES = ("TS007A", "TS008", "TS011", "TS021", "TS037", "TS045")
ENGLAND, ENGLAND_AND_WALES = 33_755, 35_672
SNEE = "QJG"
"""Suffolk and North East Essex Integrated Care Board."""


def census_file(shared: Path, table: str) -> Path:
    return shared / f"data/census2021/census2021-{table.lower()}-lsoa.csv.gz"


@pytest.fixture(scope="module")
def census(shared: Path) -> dict[str, pd.DataFrame]:
    return {table: read_census(census_file(shared, table), table) for table in TABLES}


@pytest.fixture(scope="module")
def iod2025(shared: Path) -> pd.DataFrame:
    return read_deprivation(shared / "data/imd/File_7_IoD2025_reassembled.csv.gz")


@pytest.fixture(scope="module")
def england(census: dict[str, pd.DataFrame], iod2025: pd.DataFrame) -> pd.DataFrame:
    return area_health(census["TS037"], census["TS021"], census["TS007A"], iod2025)


@pytest.fixture(scope="module")
def changes(shared: Path) -> pd.DataFrame:
    return read_changes(shared / "data/lookups/lsoa11_lsoa21_lad22.parquet")


def binary_sheet(rows: list[list[str | float]]) -> bytes:
    """A sheet of Excel 2 (BIFF2: records of type, length and body), the simplest that readers of .xls accept."""
    body = struct.pack("<HHHH", 0x0009, 4, 7, 0x10)
    for row, cells in enumerate(rows):
        for column, cell in enumerate(cells):
            place = struct.pack("<HH3x", row, column)
            if isinstance(cell, str):
                text = place + bytes([len(cell)]) + cell.encode("ascii")
                body += struct.pack("<HH", 0x0004, len(text)) + text
            else:
                number = place + struct.pack("<d", cell)
                body += struct.pack("<HH", 0x0003, len(number)) + number
    return body + struct.pack("<HH", 0x000A, 0)


class TestCensus:
    @pytest.mark.parametrize("table", TABLES)
    def test_everybody_is_counted_once(self, census: dict[str, pd.DataFrame], table: str) -> None:
        frame = census[table]
        assert len(frame) == ENGLAND_AND_WALES
        np.testing.assert_array_equal(frame.iloc[:, 3:].sum(axis=1), frame["total"])
        assert (frame.dtypes.iloc[2:] == "int64").all()
        assert frame.attrs == {"table": table, "vintage": "2021"}

    def test_columns_equal_the_published_ones(self, shared: Path, census: dict[str, pd.DataFrame]) -> None:
        raw = pd.read_csv(census_file(shared, "TS021"))
        white = [title for title in raw.columns if title.startswith("Ethnic group: White: ")]
        assert len(white) == 5
        groups = code_list("ethnicity_census_2021")
        ours = groups.loc[groups["broad"] == "white", "code"].tolist()
        np.testing.assert_array_equal(census["TS021"][ours].sum(axis=1), raw["Ethnic group: White"])
        np.testing.assert_array_equal(census["TS021"]["black_caribbean"], raw[next(
            title for title in raw.columns if title.endswith(": Caribbean")
        )])  # fmt: skip
        assert list(census["TS021"].columns[3:]) == groups["code"].tolist()

    def test_both_styles_of_header_give_the_same(self, shared: Path, tmp_path: Path) -> None:
        with gzip.open(census_file(shared, "TS037"), "rt") as lines:
            plain = [next(lines).strip() for _ in range(4)]
        titles = plain[0].split(",")
        quoted = ",".join([f'"{t}"' for t in titles[:3]] + [f'"{t}; measures: Value"' for t in titles[3:]])
        one, other = tmp_path / "one.csv", tmp_path / "other.csv"
        one.write_text("\n".join(plain))
        other.write_text("\ufeff" + "\n".join([quoted, *plain[1:]]), encoding="utf-8")
        pd.testing.assert_frame_equal(read_census(one, "TS037"), read_census(other, "TS037"))

    @pytest.mark.parametrize(
        ("old", "new", "message"),
        [
            ("1475,859,468,119,18,11", "1475,859,468,119,18,12", r"do not add up.*row 2: 'E01000001: \+1'"),
            ("1475,859,468,119,18,11", "1475,859,468,119,18.5,10.5", "not a count"),
            ("1475,859,468,119,18,11", "1475,859,468", "not a count"),
            ("E01000001", "Londinium", "not an area code"),
            ("E01000002", "E01000001", "stands more than once"),
            ("Fair health", "Middling health", "(?s)categories that are missing.*not in the code list.*Middling"),
            ("geography code", "geography", "not laid out as expected|more than one column"),
        ],
    )
    def test_a_damaged_file_is_refused(self, shared: Path, tmp_path: Path, old: str, new: str, message: str) -> None:
        with gzip.open(census_file(shared, "TS037"), "rt") as lines:
            text = "".join(next(lines) for _ in range(4))
        assert old in text
        path = tmp_path / "damaged.csv"
        path.write_text(text.replace(old, new))
        with pytest.raises(SchemaError, match=message) as caught:
            read_census(path, "TS037")
        assert str(path) in str(caught.value)

    def test_sums_may_differ_only_by_what_is_allowed(self, shared: Path, tmp_path: Path) -> None:
        with gzip.open(census_file(shared, "TS037"), "rt") as lines:
            text = "".join(next(lines) for _ in range(4))
        path = tmp_path / "perturbed.csv"
        path.write_text(text.replace("1475,859", "1474,859"))
        assert read_census(path, "TS037", tolerance=1)["total"].iloc[0] == 1_474
        with pytest.raises(SchemaError, match="do not add up"):
            read_census(path, "TS037")

    def test_another_table_and_an_unknown_one_are_refused(self, shared: Path) -> None:
        with pytest.raises(SchemaError, match=r"is not TS021 \(Ethnic group\)"):
            read_census(census_file(shared, "TS008"), "TS021")
        with pytest.raises(SchemaError, match="Known: TS007A, TS008"):
            read_census(census_file(shared, "TS008"), "TS999")


class TestDeprivation:
    def test_2025(self, shared: Path, iod2025: pd.DataFrame) -> None:
        assert len(iod2025) == ENGLAND
        assert iod2025.attrs == {"index": "IoD2025", "vintage": "2021"}
        raw = pd.read_csv(shared / "data/imd/File_7_IoD2025_reassembled.csv.gz")
        for column, position in (("area", 0), ("imd_score", 4), ("imd_rank", 5), ("imd_decile", 6), ("crime_rank", 20)):
            np.testing.assert_array_equal(iod2025[column], raw.iloc[:, position])
        assert raw.columns[20].startswith("Crime Rank")
        assert iod2025["population"].sum() == raw["Total population: mid 2022"].sum()
        assert "idaci_score" not in iod2025.columns

    def test_2019_has_jaywick_first(self, shared: Path) -> None:
        table = read_deprivation(shared / "data/imd/File_7_IoD2019_reassembled.csv.gz")
        assert len(table) == 32_844
        assert table.attrs == {"index": "IoD2019", "vintage": "2011"}
        # Tendring 018A, Jaywick, published as the most deprived area of England in 2019.
        assert table.loc[table["imd_rank"] == 1, "area"].tolist() == ["E01021988"]
        assert (table["imd_decile"].value_counts().between(3_284, 3_285)).all()

    @pytest.mark.slow
    def test_the_official_workbook_gives_what_the_csv_gives(self, shared: Path, iod2025: pd.DataFrame) -> None:
        book = read_deprivation(shared / "data/imd/File_1_IoD2025_Index_of_Multiple_Deprivation.xlsx")
        assert book.attrs == iod2025.attrs
        merged = join(book[["area", "imd_rank", "imd_decile"]], iod2025[["area", "imd_score"]])
        assert len(merged) == ENGLAND
        pd.testing.assert_frame_equal(
            book.set_index("area")[["lad", "imd_rank", "imd_decile"]].sort_index(),
            iod2025.set_index("area")[["lad", "imd_rank", "imd_decile"]].sort_index(),
        )

    def test_a_sheet_is_found_by_its_columns_below_notes(self, tmp_path: Path) -> None:
        path = tmp_path / "book.xlsx"
        # The title of the decile really is published both ways: "10% of LSOA" and "10% of LSOAs".
        data = pd.DataFrame(
            {
                "LSOA code (2021)": ["E01000001", "E01000002"],
                "LSOA name (2021)": ["a", "b"],
                "Local Authority District code (2024)": "E09000001",
                "Local Authority District name (2024)": "City",
                "Index of Multiple Deprivation (IMD) Rank (where 1 is most deprived)": [2, 1],
                "Index of Multiple Deprivation (IMD) Decile (where 1 is most deprived 10% of LSOA)": [10, 1],
            }
        )
        with pd.ExcelWriter(path) as book:
            pd.DataFrame({"Notes": ["words"]}).to_excel(book, sheet_name="Notes", index=False)
            data.to_excel(book, sheet_name="IMD25", index=False, startrow=3)
        table = read_deprivation(path, complete=False)
        assert table["imd_decile"].tolist() == [10, 1]
        with pytest.raises(SchemaError, match=r"holds 2 areas; IoD2025 has 33,755"):
            read_deprivation(path)
        cut = tmp_path / "cut.xlsx"
        cut.write_bytes(path.read_bytes()[:3_000])
        with pytest.raises(SchemaError, match="cannot be read"):
            read_deprivation(cut)

    def test_a_sheet_of_the_binary_format_is_read(self, tmp_path: Path) -> None:
        path = tmp_path / "old.xls"
        rows = [["LSOA code (2011)", "Rank"], ["E01000001", 2.0], ["E01000002", 1.0]]
        path.write_bytes(binary_sheet(rows))
        table = read_titled(path, r"^LSOA code")
        assert table.to_dict("list") == {"LSOA code (2011)": ["E01000001", "E01000002"], "Rank": [2, 1]}
        assert table.index.tolist() == [2, 3]

    @pytest.mark.slow
    def test_a_workbook_named_xls_is_read_and_refused_as_no_index(self, shared: Path) -> None:
        path = shared / "data/imd/File_6_-_IoD2019_Population_Denominators.xls"
        table = read_titled(path, r"^LSOA code \(2011\)")
        assert len(table) == 32_844
        with pytest.raises(SchemaError, match="'imd_decile': the column is missing"):
            read_deprivation(path)

    def test_a_csv_cut_at_a_line_and_a_file_of_another_kind_are_refused(self, shared: Path, tmp_path: Path) -> None:
        path = tmp_path / "cut.csv"
        with gzip.open(shared / "data/imd/File_7_IoD2025_reassembled.csv.gz", "rt") as lines:
            path.write_text("".join(next(lines) for _ in range(100)))
        with pytest.raises(SchemaError, match="holds 99 areas; IoD2025 has 33,755"):
            read_deprivation(path)
        path.write_text("area,decile\nE01000001,1\n")
        with pytest.raises(SchemaError, match="no column like"):
            read_deprivation(path)


class TestAreaHealth:
    def test_england_holds_the_published_totals(self, england: pd.DataFrame) -> None:
        assert len(england) == ENGLAND
        assert england["residents"].sum() == 56_489_964
        assert england["bad_health"].sum() == 2_911_044
        assert england["area"].is_monotonic_increasing

    def test_crude_rates_by_decile_equal_a_direct_sum_over_the_files(self, shared: Path, england: pd.DataFrame) -> None:
        health = pd.read_csv(census_file(shared, "TS037"))
        imd = pd.read_csv(shared / "data/imd/File_7_IoD2025_reassembled.csv.gz").iloc[:, [0, 6]]
        raw = health.merge(imd, left_on="geography code", right_on="LSOA code (2021)")
        bad = raw["General health: Bad health"] + raw["General health: Very bad health"]
        direct = bad.groupby(raw.iloc[:, -1]).sum() / raw.iloc[:, 3].groupby(raw.iloc[:, -1]).sum()
        ours = england.groupby("imd_decile")[["bad_health", "residents"]].sum()
        rate = ours["bad_health"] / ours["residents"]
        np.testing.assert_array_equal(rate, direct)
        assert (round(100 * rate[1], 1), round(100 * rate[10], 1)) == (8.5, 3.0)

    def test_suffolk_and_north_east_essex(
        self, shared: Path, census: dict[str, pd.DataFrame], iod2025: pd.DataFrame, england: pd.DataFrame
    ) -> None:
        areas = areas_within(shared / "data/lookups/lsoa21_sicbl24_icb24.parquet", SNEE)
        assert len(areas) == 583
        table = area_health(census["TS037"], census["TS021"], census["TS007A"], iod2025, areas)
        assert table["area"].tolist() == areas
        expected = england[england["area"].isin(areas)].reset_index(drop=True)
        pd.testing.assert_frame_equal(table, expected)
        ages = census["TS007A"].set_index("area").loc[areas]
        old = ages[["65-69", "70-74", "75-79", "80-84", "85+"]].sum(axis=1) / ages["total"]
        np.testing.assert_allclose(table["aged_65_and_over"], old, rtol=0, atol=1e-15)
        raw = pd.read_csv(census_file(shared, "TS021")).set_index("geography code").loc[areas]
        share = raw["Ethnic group: Other ethnic group"] / raw["Ethnic group: Total: All usual residents"]
        np.testing.assert_allclose(table["other"], share, rtol=0, atol=1e-15)

    def test_deprivation_of_another_vintage_and_an_unknown_area_are_refused(
        self, shared: Path, census: dict[str, pd.DataFrame], iod2025: pd.DataFrame
    ) -> None:
        old = read_deprivation(shared / "data/imd/File_7_IoD2019_reassembled.csv.gz")
        with pytest.raises(SchemaError, match="LSOA 2011 codes in the deprivation table, LSOA 2021 codes in the TS037"):
            area_health(census["TS037"], census["TS021"], census["TS007A"], old)
        with pytest.raises(SchemaError, match="E01999999"):
            area_health(census["TS037"], census["TS021"], census["TS007A"], iod2025, ["E01000001", "E01999999"])
        with pytest.raises(SchemaError, match="No areas were asked for"):
            area_health(census["TS037"], census["TS021"], census["TS007A"], iod2025, [])
        short = census["TS021"].iloc[1:]
        with pytest.raises(SchemaError, match="in the deprivation table and not in the TS021 table"):
            area_health(census["TS037"], short, census["TS007A"], iod2025, ["E01000001", "E01000002"])


class TestLookups:
    def test_places_by_onscode_nhs_code_and_several_together(self, shared: Path) -> None:
        boards = shared / "data/lookups/lsoa21_sicbl24_icb24.parquet"
        assert areas_within(boards, "E54000023") == areas_within(boards, SNEE)
        raw = pd.read_parquet(boards)
        pair = areas_within(boards, [SNEE, "QYG"])
        assert pair == sorted(raw.loc[raw["icb24_code_nhs"].isin([SNEE, "QYG"]), "lsoa21_code"])
        old = areas_within(shared / "data/lookups/lsoa11_sicbl22_icb22_lad22.parquet", "E07000071", vintage="2011")
        assert len(old) == 105
        with pytest.raises(SchemaError, match=r"'QJGG' is not in .*Near it: QJG"):
            areas_within(boards, "QJGG")
        with pytest.raises(SchemaError, match="no column like"):
            areas_within(boards, SNEE, vintage="2011")

    def test_every_area_has_one_place(self, tmp_path: Path) -> None:
        table = pd.DataFrame({"LSOA21CD": ["E01000002", "E01000001", "E01000001"], "ICB24NM": ["West", "East", "East"]})
        path = tmp_path / "lookup.csv"
        table.to_csv(path, index=False)
        assert area_parts(path, "ICB24NM").to_dict() == {"E01000001": "East", "E01000002": "West"}
        with pytest.raises(SchemaError, match=r"has no column 'ICB24CD'.*Near it: ICB24NM\."):
            area_parts(path, "ICB24CD")
        table.assign(ICB24NM=["West", "East", "West"]).to_csv(path, index=False)
        with pytest.raises(SchemaError, match="lies in more than one place"):
            area_parts(path, "ICB24NM")
        table.assign(ICB24NM=[None, "East", "East"]).to_csv(path, index=False)
        with pytest.raises(SchemaError, match="lies in no place"):
            area_parts(path, "ICB24NM")

    def test_changes_of_england(self, changes: pd.DataFrame) -> None:
        assert changes["change"].value_counts().to_dict() == {
            "unchanged": 31_810, "split": 1_842, "merged": 194, "redrawn": 9
        }  # fmt: skip
        same = changes["change"] == "unchanged"
        assert (changes.loc[same, "area_2011"] == changes.loc[same, "area_2021"]).all()
        assert (changes.loc[~same, "area_2011"] != changes.loc[~same, "area_2021"]).all()

    def test_a_best_fit_look_up_is_refused(self, shared: Path) -> None:
        path = shared / "data/lookups/LSOA_(2011)_to_LSOA_(2021)_to_LAD_(2022)_Lookup_EW_V2.csv.gz"
        with pytest.raises(SchemaError, match="best fit"):
            read_changes(path)
        assert len(areas_within(path, "E09000001")) == 6

    def test_counts_carried_over_keep_their_totals(self, changes: pd.DataFrame, england: pd.DataFrame) -> None:
        weight = england.set_index("area")["residents"]
        old = pd.DataFrame({"area": sorted(changes["area_2011"].unique())})
        old["cases"] = np.random.default_rng(3).poisson(80, len(old))
        carried = carry_counts(old, ["cases"], changes, weight=weight)
        assert len(carried) == ENGLAND
        assert carried["cases"].sum() == pytest.approx(old["cases"].sum(), rel=1e-12)
        with pytest.raises(SchemaError, match=r"areas were divided, such as E01.*Give `weight`"):
            carry_counts(old, ["cases"], changes)

    def test_a_split_shares_by_weight_and_a_merger_adds_up(self) -> None:
        changes = pd.DataFrame(
            {"area_2011": ["s", "s", "m1", "m2", "u"], "area_2021": ["s1", "s2", "m", "m", "u"], "change": "x"}
        )
        old = pd.DataFrame({"area": ["s", "m1", "m2", "u"], "cases": [100, 1, 2, 7]})
        weight = pd.Series({"s1": 3.0, "s2": 1.0, "m": 1.0, "u": 1.0})
        assert carry_counts(old, ["cases"], changes, weight=weight).to_dict("list") == {
            "area": ["m", "s1", "s2", "u"], "cases": [3.0, 75.0, 25.0, 7.0]
        }  # fmt: skip
        back = pd.DataFrame({"area": ["s1", "s2", "u"], "cases": [4, 5, 6]})
        carried = carry_counts(back, ["cases"], changes, to="2011")
        assert carried.to_dict("list") == {"area": ["s", "u"], "cases": [9, 6]}
        assert carried["cases"].dtype == "int64"
        with pytest.raises(SchemaError, match="no weight above 0 for s1"):
            carry_counts(old, ["cases"], changes, weight=weight.drop("s1"))
        with pytest.raises(SchemaError, match=r"(?s)more than once.*not in column area_2011"):
            carry_counts(pd.DataFrame({"area": ["u", "u", "z"], "cases": 1}), ["cases"], changes)


class TestRegistrations:
    def test_nobody_is_dropped_and_each_has_a_place(self, shared: Path) -> None:
        path = shared / "data/practice/gp_reg_pat_prac_lsoa11_2022_07.parquet"
        table = read_registrations(path)
        raw = pd.read_parquet(path)
        assert table["patients"].sum() == raw["NUMBER_OF_PATIENTS"].sum() == 61_768_942
        start = raw.groupby(raw["LSOA_CODE"].str[0])["NUMBER_OF_PATIENTS"].sum()
        assert table.groupby("place")["patients"].sum().to_dict() == {
            "england": start["E"], "wales": start["W"], "unknown": start["N"]
        }  # fmt: skip
        with pytest.raises(SchemaError, match="unknown: 27,415 patients in 4,448 rows; wales: 13,886 patients"):
            read_registrations(path, elsewhere="error")

    def test_both_spellings_of_the_titles_and_sexes(self, tmp_path: Path) -> None:
        path = tmp_path / "registrations.csv"
        path.write_text("Practice Code,LSOA Code,Sex,Number of Patients\nA81001,E01011959,ALL,7\n")
        assert read_registrations(path).to_dict("records") == [
            {"practice": "A81001", "area": "E01011959", "patients": 7, "place": "england"}
        ]
        path.write_text("PRACTICE_CODE,LSOA_CODE,SEX,NUMBER_OF_PATIENTS\nA,E01011959,MALE,7\nA,E01011959,FEMALE,8\n")
        assert read_registrations(path)["sex"].tolist() == ["male", "female"]
        path.write_text("PRACTICE_CODE,LSOA_CODE,SEX,NUMBER_OF_PATIENTS\nA,E01011959,ALL,7\nA,E01011959,MALE,3\n")
        with pytest.raises(SchemaError, match="counts people twice: its sexes are all, male"):
            read_registrations(path)
        path.write_text("PRACTICE_CODE,LSOA_CODE\nA,E01011959\n")
        with pytest.raises(SchemaError, match="patients: no title like"):
            read_registrations(path)


class TestCodes:
    def test_census_groups_map_to_nhs_codes_as_the_crosswalk_says(self, shared: Path) -> None:
        crosswalk = pd.read_csv(
            shared / "reference/measures/nhs_reference/ethnicity_code_crosswalk.csv", dtype=str, keep_default_na=False
        )
        groups = code_list("ethnicity_census_2021").merge(
            code_list("ethnicity_census_2021_to_nhs"), left_on="code", right_on="census_2021"
        )
        known = crosswalk[crosswalk["census2021_5"] != "Missing"]
        assert len(groups) == len(known) == 19
        stem = known["nested_when_collapsed_to_nhs16"] + known["nhs_16plus1_code"].eq("").map({True: "0", False: "1"})
        ours = groups["nhs"] + groups["faithful"]
        assert sorted(ours + groups["broad"]) == sorted(stem + known["census2021_5"].str.lower())

    def test_nhs_codes_and_their_broad_groups(self, shared: Path) -> None:
        crosswalk = pd.read_csv(
            shared / "reference/measures/nhs_reference/ethnicity_code_crosswalk.csv", dtype=str, keep_default_na=False
        )
        listed = crosswalk[crosswalk["nhs_16plus1_code"] != ""].set_index("nhs_16plus1_code")
        nhs = code_list("ethnicity_nhs").set_index("code")
        assert set(nhs.index) == set(listed.index)
        both = nhs.join(listed)
        assert (both["broad"] == both["census2021_5"].str.lower().replace("missing", "")).all()
        assert (both["broad_2001"] == both["six_group_2001"].str.lower().replace("missing", "")).all()
        assert set(both.index[both["known"] == "0"]) == {"Z", "99"}

    def test_an_unknown_list_names_those_there_are(self) -> None:
        with pytest.raises(SchemaError, match="ethnicity_broad"):
            code_list("ethnicities")


def test_counts_of_strata_are_carried_within_each(changes: pd.DataFrame) -> None:
    """Every pair of age and sex as if carried by itself; totals of each stratum stay."""
    rng = np.random.default_rng(1)
    codes = changes["area_2011"].drop_duplicates().iloc[:3000]
    strata = pd.MultiIndex.from_product([codes, ["00-64", "65+"], ["female", "male"]], names=["area", "age", "sex"])
    table = pd.DataFrame({"cases": rng.poisson(20, len(strata))}, index=strata).reset_index()
    weight = pd.Series(rng.uniform(500, 2000, changes["area_2021"].nunique()), index=changes["area_2021"].unique())
    carried = carry_counts(table, ["cases"], changes, weight=weight, by=["age", "sex"])
    for (age, sex), rows in table.groupby(["age", "sex"]):
        alone = carry_counts(rows[["area", "cases"]], ["cases"], changes, weight=weight)
        held = carried[(carried["age"] == age) & (carried["sex"] == sex)].reset_index(drop=True)
        pd.testing.assert_frame_equal(held[["area", "cases"]], alone)
        assert held["cases"].sum() == pytest.approx(rows["cases"].sum())
    with pytest.raises(SchemaError, match="name its strata with `by`"):
        carry_counts(table, ["cases"], changes, weight=weight)


def test_weights_of_a_stratum_share_its_counts() -> None:
    changes = pd.DataFrame({"area_2011": ["a", "a"], "area_2021": ["b", "c"], "change": "split"})
    table = pd.DataFrame({"area": "a", "age": ["young", "old"], "cases": [10, 10]})
    weight = pd.Series({("b", "young"): 3, ("c", "young"): 1, ("b", "old"): 1, ("c", "old"): 4})
    carried = carry_counts(table, ["cases"], changes, weight=weight, by=["age"]).set_index(["area", "age"])["cases"]
    assert carried.to_dict() == {("b", "young"): 7.5, ("c", "young"): 2.5, ("b", "old"): 2.0, ("c", "old"): 8.0}
    with pytest.raises(SchemaError, match="no weight above 0 for b, c"):
        carry_counts(table, ["cases"], changes, weight=weight.drop(("c", "old")), by=["age"])
