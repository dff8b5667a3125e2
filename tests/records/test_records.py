"""Records to counts by cell, against pandas' own grouping; the same expressions compile for Spark."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bayesineq.errors import SchemaError
from bayesineq.records.engines import connect
from bayesineq.records.tabulate import band_labels, cells, tabulate
from bayesineq.tables.check import check
from bayesineq.tables.files import read_table

STARTS = [0, 16, 45, 65]
BY = ["area", "imd_decile", "ethnicity", "age_band", "sex"]


def people(n: int = 4_000) -> pd.DataFrame:
    rng = np.random.default_rng(11)
    area = rng.integers(0, 20, n)
    return pd.DataFrame(
        {
            "person_id": [f"P{i}" for i in range(n)],
            "area": [f"E01{900_000 + a:06d}" for a in area],
            "imd_decile": area % 10 + 1,
            "ethnicity": rng.choice(["A", "H", "N", "99"], n),
            "age": rng.integers(0, 100, n),
            "sex": rng.choice(["female", "male"], n),
            "practice": [f"{p:05d}" for p in rng.integers(0, 4, n)],
            "diabetes": rng.integers(0, 2, n),
            "appointments": rng.poisson(3, n),
        }
    )


def expected(records: pd.DataFrame) -> pd.DataFrame:
    """The same counts by pandas alone."""
    bands = pd.cut(records["age"], [*STARTS, 200], right=False, labels=band_labels(STARTS)).astype(str)
    grouped = records.assign(age_band=bands).groupby(BY)
    return grouped.agg(cases=("diabetes", "sum"), population=("diabetes", "size")).reset_index()


@pytest.fixture(scope="module")
def records() -> pd.DataFrame:
    return people()


@pytest.mark.parametrize("kind", ["frame", "csv", "csv.gz", "parquet", "ibis"])
def test_counts_equal_those_of_pandas_from_every_source(records: pd.DataFrame, tmp_path: Path, kind: str) -> None:
    source: object = records
    if kind == "ibis":
        source = connect(records)
    elif kind != "frame":
        source = tmp_path / f"people.{kind}"
        records.to_parquet(source) if kind == "parquet" else records.to_csv(source, index=False)
    found = tabulate(source, BY, {"cases": "diabetes"}, bands=STARTS)
    pd.testing.assert_frame_equal(found, expected(records), check_dtype=False)
    assert (found[["cases", "population"]].dtypes == "int64").all()
    assert len(check(found, "area_counts")) == len(found)


def test_booleans_counts_and_categories_are_added_up(records: pd.DataFrame) -> None:
    given = records.astype({"diabetes": bool, "ethnicity": "category"})
    found = tabulate(given, ["ethnicity"], {"cases": "diabetes", "visits": "appointments"}, total="people")
    direct = records.groupby("ethnicity").agg(cases=("diabetes", "sum"), visits=("appointments", "sum"))
    assert list(found.columns) == ["ethnicity", "cases", "visits", "people"]
    np.testing.assert_array_equal(found[["cases", "visits"]], direct)
    assert found["people"].sum() == len(records)


def test_codes_with_leading_zeros_stay_text(records: pd.DataFrame, tmp_path: Path) -> None:
    records.to_csv(tmp_path / "people.csv", index=False)
    assert tabulate(tmp_path / "people.csv", ["practice"])["practice"].tolist() == ["00000", "00001", "00002", "00003"]


def test_missing_values_are_an_error_that_counts_them_or_a_level_that_is_named(records: pd.DataFrame) -> None:
    holed = records.astype({"diabetes": "Int64"})
    holed.loc[:9, "ethnicity"] = None
    holed.loc[5:7, "diabetes"] = pd.NA
    with pytest.raises(SchemaError) as caught:
        tabulate(holed, ["ethnicity"], {"cases": "diabetes"})
    assert caught.value.failures[["column", "problem"]].to_numpy().tolist() == [
        ["ethnicity", "missing in 10 of 4,000 records"],
        ["diabetes", "missing in 3 of 4,000 records"],
    ]
    found = tabulate(holed, ["ethnicity"], missing={"ethnicity": "99"}).set_index("ethnicity")["population"]
    direct = holed["ethnicity"].fillna("99").value_counts()
    assert found.to_dict() == direct.to_dict()


def test_an_age_outside_every_band_is_missing(records: pd.DataFrame) -> None:
    young = int((records["age"] < 18).sum())
    with pytest.raises(SchemaError, match=f"'age_band': missing in {young} of 4,000 records.*below the first band"):
        tabulate(records, ["age_band"], bands=[18, 65])


def test_the_full_grid_crosses_what_is_not_decided(records: pd.DataFrame) -> None:
    few = records.iloc[:60]
    found = tabulate(few, ["area", "imd_decile", "ethnicity", "sex"], {"cases": "diabetes"}, full=True)
    assert len(found) == few["area"].nunique() * few["ethnicity"].nunique() * few["sex"].nunique()
    assert found["population"].sum() == 60
    assert (found["population"] == 0).any()
    assert found["cases"].sum() == few["diabetes"].sum()
    assert found.groupby("area")["imd_decile"].nunique().eq(1).all()
    with pytest.raises(SchemaError, match="'sex' is not decided by 'area'"):
        tabulate(few, ["area", "sex"], full=True, carried={"sex": "area"})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"by": ["ward"]}, "not in the records: ward"),
        ({"by": []}, "`by` is empty"),
        ({"by": ["sex"], "count": {"sex": "diabetes"}}, "used twice: sex"),
        ({"by": ["sex"], "count": {"cases": "person_id"}}, "is of type string"),
        ({"by": ["sex"], "missing": {"race": "unknown"}}, "not in the records: race"),
        ({"by": ["imd_decile"], "missing": {"imd_decile": "unknown"}}, "'unknown' cannot stand for what is missing"),
    ],
)
def test_what_cannot_be_tabulated_is_an_error(
    records: pd.DataFrame, arguments: dict[str, object], message: str
) -> None:
    with pytest.raises(SchemaError, match=message):
        tabulate(records, **arguments)


def test_empty_records_and_files_that_cannot_be_read_are_errors(records: pd.DataFrame, tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match="no records"):
        tabulate(records.iloc[:0], ["sex"])
    with pytest.raises(SchemaError, match="There is no file"):
        tabulate(tmp_path / "absent.parquet", ["sex"])
    (tmp_path / "people.txt").write_text("sex")
    with pytest.raises(SchemaError, match=r"ends in '\.txt'"):
        tabulate(tmp_path / "people.txt", ["sex"])
    (tmp_path / "cut.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(SchemaError, match=r"cut\.parquet cannot be read"):
        tabulate(tmp_path / "cut.parquet", ["sex"])
    (tmp_path / "plain.csv.gz").write_text("sex\nfemale\n")
    with pytest.raises(SchemaError, match=r"plain\.csv\.gz cannot be unpacked"):
        tabulate(tmp_path / "plain.csv.gz", ["sex"])


def test_a_column_of_mixed_types_is_named_without_its_values(records: pd.DataFrame) -> None:
    with pytest.raises(SchemaError, match=r"mixed types.*column sex") as caught:
        tabulate(records.assign(sex=[1, "secret", *records["sex"][2:]]), ["sex"])
    assert "secret" not in str(caught.value)


def test_a_malformed_line_of_a_csv_is_not_shown(records: pd.DataFrame, tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    lines = records.to_csv(index=False).splitlines()
    # Far below the rows from which the engine guesses types.
    path.write_text("\n".join([lines[0], *(lines[1:] * 30), "secret-1,E01900000,1,A,forty-five,female,00001,1,2"]))
    with pytest.raises(SchemaError, match=r"people\.csv cannot be read") as caught:
        tabulate(path, ["sex", "age_band"], bands=STARTS)
    assert "secret" not in str(caught.value)
    assert "forty-five" not in str(caught.value)


def test_ages_in_words_are_refused(records: pd.DataFrame) -> None:
    with pytest.raises(SchemaError, match="'age' is of type string"):
        tabulate(records.assign(age="old"), ["age_band"], bands=STARTS)


def test_bands_sort_as_ages_do_and_must_rise() -> None:
    labels = band_labels([0, 5, 10, 85])
    assert labels == ["00-04", "05-09", "10-84", "85+"]
    assert labels == sorted(labels)
    for wrong in ([], [5, 5], [10, 5], [-1, 5], [0, 100]):
        with pytest.raises(SchemaError, match="not the first ages"):
            band_labels(wrong)


def test_the_same_expression_compiles_for_spark() -> None:
    import ibis

    schema = {"area": "string", "ethnicity": "string", "sex": "string", "age": "int64", "diabetes": "boolean"}
    table = ibis.table(schema, name="people")
    expression, _ = cells(table, ["area", "ethnicity", "age_band", "sex"], {"cases": "diabetes"}, bands=STARTS)
    sql = str(ibis.to_sql(expression, dialect="pyspark"))
    for piece in ("CASE", "'00-15'", "COUNT(*)", "GROUP BY", "ORDER BY"):
        assert piece in sql


BLANKS = ["", " ", "NULL", "null", "NA", "N/A", "n/a", "NaN", "nan", "None", "\u00a0", "\u200b", " NULL "]


@pytest.mark.parametrize("kind", ["frame", "csv", "parquet", "check csv", "check parquet", "check frame"])
def test_a_blank_is_the_same_from_every_source(tmp_path: Path, kind: str) -> None:
    given = pd.DataFrame(
        {"ethnicity": ["A", *BLANKS, None, "H"], "person_id": [f"p{i}" for i in range(len(BLANKS) + 3)]}
    )
    given = given.assign(area="E01000001", sex="female")
    source: object = given
    if kind.endswith("csv"):
        given.to_csv(tmp_path / "t.csv", index=False)
        source = tmp_path / "t.csv"
    elif kind.endswith("parquet"):
        given.to_parquet(tmp_path / "t.parquet")
        source = tmp_path / "t.parquet"
    if kind.startswith("check"):
        assert check(source, "people")["ethnicity"].isna().sum() == len(BLANKS) + 1
        return
    found = tabulate(source, ["ethnicity"], missing={"ethnicity": "Z"})
    assert found.to_numpy().tolist() == [["A", 1], ["H", 1], ["Z", len(BLANKS) + 1]]
    with pytest.raises(SchemaError, match=f"'ethnicity': missing in {len(BLANKS) + 1} of {len(given)} records"):
        tabulate(source, ["ethnicity"])


def test_na_is_a_code_where_a_schema_says_so(tmp_path: Path) -> None:
    path = tmp_path / "countries.json"
    path.write_text('{"fields": [{"name": "country", "type": "string"}], "missingValues": [""]}')
    given = pd.DataFrame({"country": ["NA", "ZA", "NA"]})
    assert tabulate(given, ["country"], schema=path)["population"].tolist() == [2, 1]
    with pytest.raises(SchemaError, match="missing in 2 of 3"):
        tabulate(given, ["country"])


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"sex": "F"}, "'sex': not an allowed value in 1 of 4,000"),
        ({"sex": " female"}, "'sex': spaces around the value in 1 of 4,000"),
        ({"area": "E0190000"}, r"'area': not of nine characters in 1 of 4,000"),
        ({"area": "E02000001"}, r"'area': kind of area: MSOA .* in 1 of 4,000"),
        ({"imd_decile": 11}, "'imd_decile': above 10 in 1 of 4,000"),
        ({"imd_decile": 0}, "'imd_decile': below 1 in 1 of 4,000"),
        ({"age": 150}, "'age': above 120 in 1 of 4,000"),
        ({"age": -1}, "'age': below 0 in 1 of 4,000"),
        ({"age": 40.5}, "'age': not a whole number in 1 of 4,000"),
        ({"age": np.nan}, "'age': missing in 1 of 4,000"),
        ({"age": np.inf}, "'age': above 120 in 1 of 4,000"),
        ({"diabetes": -9}, "'diabetes': negative in 1 of 4,000"),
        ({"diabetes": np.inf}, "'diabetes': infinite in 1 of 4,000"),
        ({"diabetes": np.nan}, "'diabetes': missing in 1 of 4,000"),
    ],
)
@pytest.mark.parametrize("kind", ["frame", "parquet"])
def test_what_check_refuses_is_refused_when_people_are_counted(
    records: pd.DataFrame, tmp_path: Path, kind: str, changes: dict[str, object], problem: str
) -> None:
    ((name, value),) = changes.items()
    given = records.astype({name: "float64"} if isinstance(value, float) else {})
    given.loc[7, name] = value
    if kind == "parquet":
        # With pyarrow a value that is no number stays one, and is not missing.
        import pyarrow as pa
        import pyarrow.parquet as pq

        arrays = [pa.array(given[n].to_numpy(dtype=None if given[n].dtype != "str" else object)) for n in given]
        pq.write_table(pa.table(arrays, names=list(given)), tmp_path / "t.parquet")
    with pytest.raises(SchemaError, match=problem):
        tabulate(given if kind == "frame" else tmp_path / "t.parquet", BY, {"cases": "diabetes"}, bands=STARTS)


def test_a_column_that_stands_twice_is_refused_by_name(records: pd.DataFrame, tmp_path: Path) -> None:
    path = tmp_path / "twice.csv"
    for head in ("area,diabetes,diabetes", "area,diabetes,Diabetes", "area,diabetes, diabetes"):
        path.write_text(f"{head}\nE01000001,0,1\n")
        with pytest.raises(SchemaError, match="more than one column named 'diabetes'"):
            tabulate(path, ["area"], {"cases": "diabetes"})
    frame = pd.concat([records[["sex", "diabetes"]], records[["diabetes"]]], axis=1)
    with pytest.raises(SchemaError, match="more than one column named 'diabetes'"):
        tabulate(frame, ["sex"], {"cases": "diabetes"})
    path.write_text("area;diabetes\nE01000001;1\n")
    with pytest.raises(SchemaError, match="separated by ';'"):
        tabulate(path, ["area"], {"cases": "diabetes"})


def test_fractions_are_added_up_as_fractions_and_whole_numbers_exactly() -> None:
    rng = np.random.default_rng(2)
    n = 5_000
    given = pd.DataFrame({"ward": rng.choice(["x", "y"], n), "years": rng.random(n), "big": rng.integers(0, 2**40, n)})
    found = tabulate(given, ["ward"], {"person_years": "years", "steps": "big"}).set_index("ward")
    np.testing.assert_allclose(found["person_years"], given.groupby("ward")["years"].sum(), rtol=1e-12)
    assert found["steps"].tolist() == given.groupby("ward")["big"].sum().tolist()
    assert found.dtypes.astype(str).tolist() == ["float64", "int64", "int64"]
    whole = tabulate(given.assign(sex="female"), ["ward", "sex"], {"person_years": "years"}, full=True)
    assert whole["person_years"].sum() == pytest.approx(given["years"].sum())


def test_codes_that_no_schema_names_keep_their_zeros_and_numbers_stay_numbers(tmp_path: Path) -> None:
    path = tmp_path / "wards.csv"
    path.write_text("ward,year,late,score\n007,2019,true,1.5\n7,2020,false,2.0\n007,2019,true,1.5\n")
    found = tabulate(path, ["ward", "year", "late", "score"])
    assert found.to_numpy().tolist() == [["007", 2019, True, 1.5, 2], ["7", 2020, False, 2.0, 1]]
    assert found["year"].dtype == "int64"


def test_spaces_around_a_code_would_make_another_cell() -> None:
    with pytest.raises(SchemaError, match="'ward': spaces around the value in 1 of 2 records"):
        tabulate(pd.DataFrame({"ward": ["x", "x "]}), ["ward"])


def test_a_person_who_stands_twice_is_not_two_people(records: pd.DataFrame) -> None:
    twice = pd.concat([records, records.iloc[:3].assign(sex="male")], ignore_index=True)
    with pytest.raises(SchemaError, match="'person_id': the same in 3 more records"):
        tabulate(twice, ["sex"])
    assert tabulate(twice, ["sex"], total="appointments")["appointments"].sum() == len(twice)
    assert tabulate(twice.drop(columns="person_id"), ["sex"])["population"].sum() == len(twice)


@pytest.mark.parametrize(
    "text",
    [
        "ward,n\na\nb,2\n",
        "ward,n\na,1,2\nb,2\n",
        "Report of May\nward,n\na,1\nb,2\n",
        "a note, of sorts, here\nward,n\na,1\n",
    ],
)
def test_no_line_of_a_csv_is_skipped_as_a_title_or_for_its_length(tmp_path: Path, text: str) -> None:
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(SchemaError, match=r"do not have the fields of its first line|not in the records"):
        tabulate(tmp_path / "t.csv", ["ward"], {"k": "n"})


def test_signs_that_engines_take_for_remarks_and_quotes_are_codes(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text('ward,n\na,1\n#b,2\n"c, ""d""",3\n')
    found = tabulate(tmp_path / "t.csv", ["ward"], {"k": "n"})
    assert dict(zip(found["ward"], found["k"], strict=True)) == {"a": 1, "#b": 2, 'c, "d"': 3}


def test_a_parquet_file_with_a_column_twice_is_refused(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table([["x"], [0], [1]], names=["ward", "n", "N"]), tmp_path / "t.parquet")
    with pytest.raises(SchemaError, match="more than one column named 'n' and 'N'"):
        tabulate(tmp_path / "t.parquet", ["ward"], {"k": "n"})
    pq.write_table(pa.table([["x"], [0], [1]], names=["ward", "n", "n"]), tmp_path / "t.parquet")
    for read in (lambda path: tabulate(path, ["ward"], {"k": "n"}), read_table):
        with pytest.raises(SchemaError, match=r"more than one column named 'n'|cannot be read"):
            read(tmp_path / "t.parquet")


@pytest.mark.parametrize(
    "values", [[40.0, np.nan], [np.nan, np.nan], [0.0] * 50 + [np.nan], [1.0, 2.0, np.nan], [np.nan, 70.0]]
)
@pytest.mark.filterwarnings("ignore:fetch_arrow_table")
@pytest.mark.parametrize("ours", [True, False])
def test_what_is_no_number_in_parquet_is_seen_whatever_its_statistics_say(
    tmp_path: Path, values: list[float], ours: bool
) -> None:
    import ibis
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"age": pa.array(values), "ward": ["x"] * len(values)}), path)
    source = path if ours else ibis.duckdb.connect().read_parquet(path)
    lacking = sum(np.isnan(values)) if ours else r"\d"
    with pytest.raises(SchemaError, match=f"'age': missing in {lacking} of {len(values)} records"):
        tabulate(source, ["age_band"], bands=[0, 18, 65])
    with pytest.raises(SchemaError, match=f"'age': missing in {lacking} of {len(values)} records"):
        tabulate(source, ["ward"], {"years": "age"})
