"""A table against its schema: every way in which a table can be wrong, and that all of them are told at once."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bayesineq.errors import SchemaError
from bayesineq.shipped import folder
from bayesineq.tables.check import check
from bayesineq.tables.files import read_table
from bayesineq.tables.schema import read_schema, schema_names

ROWS = 6


def counts() -> pd.DataFrame:
    """Six cells in three areas that fit `area_counts`."""
    return pd.DataFrame(
        {
            "area": ["E01000001", "E01000001", "E01000002", "E01000002", "E01000003", "E01000003"],
            "imd_decile": [1, 1, 5, 5, 10, 10],
            "ethnicity": ["A", "H", "A", "H", "A", "99"],
            "age_band": ["00-15", "16-64", "00-15", "16-64", "00-15", "65+"],
            "sex": ["female", "male"] * 3,
            "cases": [0, 1, 2, 3, 4, 5],
            "population": [10, 10, 10, 10, 10, 5],
        }
    )


def failures(table: pd.DataFrame | Path, schema: str = "area_counts") -> pd.DataFrame:
    with pytest.raises(SchemaError) as caught:
        check(table, schema)
    assert len(caught.value.failures)
    return caught.value.failures


def test_a_table_that_fits_comes_back_with_canonical_types_and_its_own_extra_columns() -> None:
    given = counts().assign(income=1.5).astype({"imd_decile": "float64", "cases": "int32", "ethnicity": "category"})
    given.index = pd.Index(range(100, 100 + ROWS))
    result = check(given[given.columns[::-1]], "area_counts")
    assert list(result.columns) == [*counts().columns, "income"]
    pd.testing.assert_frame_equal(result.drop(columns="income"), counts())
    assert result["income"].tolist() == [1.5] * ROWS


@pytest.mark.parametrize(
    ("column", "row", "value", "problem"),
    [
        ("area", 2, "E0100002", "not of nine characters"),
        ("area", 2, "e01000002", "a code of a known kind written otherwise"),
        ("area", 2, "E0100\u200b0002", "a code of a known kind written otherwise"),
        ("area", 2, "All", "kind of area: a total (areas: 1) among LSOA (England) (areas: 3)"),
        ("area", 2, "X12", "kind of area: codes of no LSOA (areas: 1) among LSOA (England) (areas: 3)"),
        ("area", 2, None, "missing value"),
        ("area", 2, " E01000002", "spaces around the value"),
        ("imd_decile", 0, 0, "below 1"),
        ("imd_decile", 3, 11, "above 10"),
        ("sex", 4, "F", "not an allowed value"),
        ("age_band", 1, "adult", "not of the form"),
        ("ethnicity", 1, "", "missing value"),
        ("cases", 5, -1, "negative"),
        ("cases", 5, 1.5, "not a whole number"),
        ("cases", 5, np.inf, "infinite"),
        ("cases", 5, np.nan, "missing value"),
        ("cases", 5, "*", "not a whole number"),
        ("cases", 5, "1,000", "not a whole number"),
        ("cases", 5, 6, "cases above population"),
        ("imd_decile", 1, 2, "differs within one area"),
        ("area", 5, "E02000001", "kind of area: MSOA (England) (areas: 1) among LSOA (England) (areas: 3)"),
    ],
)
def test_one_wrong_cell_is_named_by_row_column_problem_and_value(
    column: str, row: int, value: object, problem: str
) -> None:
    table = counts().astype({column: object})
    table.loc[row, column] = value
    found = failures(table)
    named = found[(found["column"] == column) & found["problem"].str.startswith(problem)]
    assert named["row"].tolist() == [row]
    if problem not in ("missing value", "cases above population", "differs within one area"):
        assert named["value"].tolist() == [value]


def test_a_count_above_its_denominator_shows_both() -> None:
    assert failures(counts().assign(cases=[11, 1, 2, 3, 4, 5]))["value"].tolist() == ["11 > 10"]


def test_all_failures_are_told_at_once() -> None:
    table = counts().assign(
        cases=[-1, 1, 2.5, 30, 4, 5], sex=["F", *counts()["sex"][1:]], imd_decile=[0, 0, 5, 5, 10, 10]
    )
    found = failures(table.drop(columns="ethnicity"))
    assert set(zip(found["column"], found["problem"], strict=True)) == {
        ("ethnicity", "the column is missing"),
        ("sex", "not an allowed value"),
        ("imd_decile", "below 1"),
        ("cases", "negative"),
        ("cases", "not a whole number"),
        ("cases", "cases above population"),
    }


def test_repeated_keys_are_listed_by_the_later_row() -> None:
    found = failures(pd.concat([counts(), counts().iloc[[3]]], ignore_index=True))
    assert found["row"].tolist() == [ROWS]
    assert found["value"].tolist() == [("E01000002", 5, "H", "16-64", "male")]
    areas = pd.DataFrame({"area": ["E01000001", "E01000001"], "imd_decile": [1, 1]})
    assert failures(areas, "areas")["value"].tolist() == ["E01000001"]


def test_an_empty_table_is_an_error() -> None:
    assert failures(counts().iloc[:0])["problem"].tolist() == ["the table has no rows"]


def test_a_misspelt_column_is_missing_and_the_message_names_the_near_match() -> None:
    with pytest.raises(SchemaError, match=r"'population': the column is missing. Is it 'Popluation'"):
        check(counts().rename(columns={"population": "Popluation"}), "area_counts")


def test_codes_given_as_numbers_are_refused() -> None:
    assert "codes are text" in failures(counts().assign(ethnicity=99))["problem"].iloc[0]


def test_shares_given_as_percentages_are_refused() -> None:
    row = {"area": "E01000001", "imd_decile": 1, "residents": 100, "bad_health": 5, "aged_65_and_over": 0.2}
    shares = pd.DataFrame([{**row, "asian": 0.5, "black": 0.4, "mixed": 0.05, "other": 0.06}])
    assert failures(shares, "area_health")["problem"].tolist() == ["add up to more than 1"]
    assert len(check(shares.assign(other=0.05), "area_health")) == 1


def test_lsoas_of_2011_among_those_of_2021_are_named() -> None:
    # E01000010 was retired in 2021 and E01033769, E01033770 were new (ONS exact-fit look-up).
    areas = pd.DataFrame({"area": ["E01033769", "E01033770", "E01000010", "E01000001"], "imd_decile": [1, 2, 3, 4]})
    found = failures(areas, "areas")
    assert found["row"].tolist() == [2]
    assert found["value"].tolist() == ["E01000010"]
    assert found["problem"].iloc[0] == "LSOA vintage 2011 (areas: 1) among 2021 (areas: 2)"


def test_a_message_about_people_shows_no_value() -> None:
    people = pd.DataFrame(
        {"person_id": ["secret-1", "secret-1"], "area": ["E01000001", "secret-2"], "ethnicity": ["A", None], "sex": "F"}
    )
    with pytest.raises(SchemaError) as caught:
        check(people, "people")
    assert "secret" not in str(caught.value)
    assert caught.value.failures["value"].isna().all()
    assert set(caught.value.failures["column"]) == {"person_id", "area", "sex"}


def test_rows_of_a_file_are_counted_as_a_spreadsheet_does(tmp_path: Path) -> None:
    path = tmp_path / "counts.csv"
    table = counts()
    table.loc[2, "cases"] = -5
    table.to_csv(path, index=False)
    assert failures(path)["row"].tolist() == [4]
    lines = path.read_text().splitlines()
    assert lines[4 - 1].startswith("E01000002,5,A,00-15,female,-5")
    with pytest.raises(SchemaError, match=r"counts\.csv does not fit .*header is row 1"):
        check(path, "area_counts")


@pytest.mark.parametrize("ending", [".csv", ".csv.gz", ".parquet"])
def test_a_file_gives_what_the_frame_gives(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"counts{ending}"
    counts().to_parquet(path) if ending == ".parquet" else counts().to_csv(path, index=False)
    pd.testing.assert_frame_equal(check(path, "area_counts"), check(counts(), "area_counts"))


def test_a_byte_order_mark_is_not_part_of_the_first_column(tmp_path: Path) -> None:
    path = tmp_path / "counts.csv"
    counts().to_csv(path, index=False, encoding="utf-8-sig")
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    pd.testing.assert_frame_equal(check(path, "area_counts"), counts())
    pd.testing.assert_frame_equal(check(counts().rename(columns={"area": "\ufeffarea"}), "area_counts"), counts())


def test_blank_lines_at_the_end_are_no_rows_and_a_blank_line_inside_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "counts.csv"
    text = counts().to_csv(index=False)
    path.write_text(text + "\n,,,,,,\n")
    assert len(check(path, "area_counts")) == ROWS
    lines = text.splitlines()
    path.write_text("\n".join([*lines[:3], "", *lines[3:]]))
    assert set(failures(path)["row"]) == {4}


def test_a_csv_cut_in_the_middle_of_a_row_fails_at_that_row(tmp_path: Path) -> None:
    path = tmp_path / "counts.csv"
    text = counts().to_csv(index=False)
    path.write_text(text[: text.rindex(",65+")])
    found = failures(path)
    assert set(found["column"]) == {"age_band", "sex", "cases", "population"}
    assert set(found["row"]) == {ROWS + 1}


def _truncated_gzip(path: Path) -> None:
    whole = gzip.compress(counts().to_csv(index=False).encode() * 50)
    path.write_bytes(whole[: len(whole) // 2])


@pytest.mark.parametrize(
    ("name", "write", "message"),
    [
        ("absent.csv", lambda path: None, "There is no file"),
        ("empty.csv", lambda path: path.write_bytes(b""), "is empty"),
        ("counts.xlsx", lambda path: path.write_bytes(b"PK"), "Save the sheet as csv"),
        ("counts.txt", lambda path: path.write_text("a"), "are read from .csv, .csv.gz and .parquet"),
        ("cut.csv.gz", _truncated_gzip, "Fetch or export it again"),
        ("plain.csv.gz", lambda path: path.write_text("area\nE01000001\n"), "Fetch or export it again"),
        ("latin.csv", lambda path: path.write_bytes("area,name\nE01000001,Caf\xe9\n".encode("latin-1")), "not UTF-8"),
        ("bytes.csv", lambda path: path.write_bytes(bytes(range(256)) * 8), "not UTF-8"),
        ("quote.csv", lambda path: path.write_text('area,name\nE01000001,"half'), "cannot be read as csv"),
        ("ragged.csv", lambda path: path.write_text("a,b\n1,2\n1,2,3\n"), "cannot be read as csv"),
        ("longer.csv", lambda path: path.write_text("a,b\n1,2,3\n1,2,3\n"), "cannot be read as csv"),
        ("twice.csv", lambda path: path.write_text("area,area\n1,2\n"), "more than one column named 'area'"),
        (
            "semicolons.csv",
            lambda path: path.write_text("area;cases\nE01000001;1\n"),
            "separated by ';', not by commas",
        ),
        ("cut.parquet", lambda path: path.write_bytes(b"PAR1 and no more"), "cannot be read"),
    ],
)
def test_a_file_that_cannot_be_read_is_named_with_what_to_do(
    tmp_path: Path, name: str, write: object, message: str
) -> None:
    path = tmp_path / name
    write(path)
    with pytest.raises(SchemaError) as caught:
        read_table(path)
    assert str(path) in str(caught.value)
    assert message in str(caught.value)


def test_codes_keep_leading_zeros_where_the_schema_says_text(tmp_path: Path) -> None:
    path = tmp_path / "practices.csv"
    path.write_text("practice,list_size\n00123,1000\n")
    assert check(path, "practices")["practice"].tolist() == ["00123"]


def test_an_unknown_schema_names_those_there_are() -> None:
    with pytest.raises(SchemaError, match="area_counts, area_health"):
        read_schema("area_count")


def test_a_schema_of_ones_own_and_a_constraint_that_nobody_would_enforce(tmp_path: Path) -> None:
    own = tmp_path / "own.json"
    field = {"name": "waits", "type": "integer", "constraints": {"required": True, "maximum": 52}}
    own.write_text(json.dumps({"fields": [field]}))
    assert check(pd.DataFrame({"waits": [1, 52]}), own)["waits"].tolist() == [1, 52]
    assert failures(pd.DataFrame({"waits": [53]}), str(own))["problem"].tolist() == ["above 52"]
    own.write_text(json.dumps({"fields": [{**field, "constraints": {"maxLength": 3}}, field], "bayesineq:rules": [{}]}))
    with pytest.raises(SchemaError, match=r"(?s)stands twice.*'maxLength'.*rule"):
        read_schema(own)
    own.write_text("{")
    with pytest.raises(SchemaError, match="not JSON"):
        read_schema(own)


class TestFrictionless:
    """The schemas are Frictionless Table Schemas, and Frictionless's own validator judges tables as `check` does."""

    @pytest.mark.parametrize("name", schema_names())
    def test_every_schema_is_a_valid_descriptor(self, name: str) -> None:
        from frictionless import Schema

        descriptor = json.loads((folder("data_schema") / f"{name}.json").read_text(encoding="utf-8"))
        assert descriptor["name"] == name
        assert not list(Schema.metadata_validate(descriptor))
        assert [field["name"] for field in descriptor["fields"]] == [field.name for field in read_schema(name).fields]

    def test_the_package_lists_every_schema_and_code_list_and_is_valid(self) -> None:
        from frictionless import Package

        package = json.loads((folder("data_schema") / "datapackage.json").read_text(encoding="utf-8"))
        listed = {resource["name"] for resource in package["resources"]}
        codes = {path.stem for path in (folder("data_schema") / "codes").glob("*.csv")}
        assert listed == set(schema_names()) | codes | {"geographies"}
        report = Package.from_descriptor(str(folder("data_schema") / "datapackage.json")).validate()
        assert report.valid, report.flatten(["name", "message"])

    @pytest.mark.parametrize(
        ("column", "value"),
        [("cases", None), ("cases", -1), ("cases", "*"), ("imd_decile", 11), ("sex", "F"), ("area", ""), ("sex", "")],
    )
    def test_both_refuse_the_same_cell(self, tmp_path: Path, column: str, value: object) -> None:
        from frictionless import Resource, Schema, system

        table = counts().astype({column: object})
        table.loc[3, column] = value
        path = tmp_path / "counts.csv"
        table.to_csv(path, index=False)
        with system.use_context(trusted=True):
            report = Resource(path=str(path), schema=Schema.from_descriptor(str(_schema("area_counts")))).validate()
        rows = {row for row, name in report.flatten(["rowNumber", "fieldName"]) if name == column}
        found = failures(path)
        assert rows == set(found.loc[found["column"] == column, "row"]) == {5}


def _schema(name: str) -> Path:
    return folder("data_schema") / f"{name}.json"


def test_dates_of_a_schema_are_read_or_refused_without_their_values() -> None:
    given = pd.DataFrame(
        {"person_id": ["a", "b"], "source": "h", "recorded_on": ["31/01/2020", None], "ethnicity": "A"}
    )
    assert check(given, "ethnicity_records")["recorded_on"].tolist()[0] == "2020-01-31"
    assert check(given, "ethnicity_records")["recorded_on"].isna().tolist() == [False, True]
    for wrong in ("2020-13-45", "01/02/2020", "soon"):
        found = failures(given.assign(recorded_on=[wrong, None]), "ethnicity_records")
        assert found[["row", "column"]].to_numpy().tolist() == [[0, "recorded_on"]]
        assert found["value"].isna().all()


def test_every_schema_holds_the_same_blanks() -> None:
    from bayesineq.tables.blanks import MISSING

    assert all(read_schema(name).missing == MISSING for name in schema_names())


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        (pd.to_datetime(["2020-01-01"] * ROWS), "holds datetime64"),
        (pd.to_timedelta([1] * ROWS, "D"), "holds timedelta64"),
        (np.ones(ROWS) * 1j, "holds complex128"),
        ([10**30, *[1] * (ROWS - 1)], "too large a number"),
        (["1_000", *["1"] * (ROWS - 1)], "not a whole number"),
        (["12%", *["1"] * (ROWS - 1)], "not a whole number"),
        (["-", *["1"] * (ROWS - 1)], "not a whole number"),
        (["\u0663", *["1"] * (ROWS - 1)], "not a whole number"),
    ],
)
def test_what_is_no_number_is_not_made_one(values: object, problem: str) -> None:
    found = failures(counts().assign(population=values))
    assert found.loc[found["column"] == "population", "problem"].iloc[0].startswith(problem)


def test_spaces_that_nobody_sees_around_a_number_do_not_matter() -> None:
    given = counts().assign(cases=["0", "1\u00a0", " 2", "3\u200b", "4 ", "\ufeff5"])
    assert check(given, "area_counts")["cases"].tolist() == [0, 1, 2, 3, 4, 5]
