"""Known by the code list, everybody counted, dates as they are written: each by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bayesineq.errors import SchemaError
from bayesineq.records.ethnicity.codes import SCHEMES, known_codes, read_ethnicity, scheme_codes
from bayesineq.records.ethnicity.completeness import (
    LINKED,
    agreement,
    completeness,
    completeness_by_year,
    conflicts,
    latest_by_source,
)
from bayesineq.records.ethnicity.resolution import first_source, most_frequent, most_recent, ohid

NOT_KNOWN = [
    "", " ", None, "NULL", "null", "NA", "N/A", "nan", "None", "\u00a0", "z", "Z", " Z", "X", "x", "9", "99", 99, 99.0,
    "not stated", "Not Stated", "Not known", "unknown", "UNKNOWN", "refused", "Prefer not to say", "Not recorded",
]  # fmt: skip


def make(*rows: tuple[object, ...]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["person_id", "source", "recorded_on", "ethnicity"])


def people(n: int, **columns: object) -> pd.DataFrame:
    return pd.DataFrame({"person_id": [f"p{i}" for i in range(n)], **columns})


def raw() -> pd.DataFrame:
    codes = [*NOT_KNOWN, "A", " h", "t"]
    return make(*[(f"p{i}", "hes_apc", "2020-01-01", code) for i, code in enumerate(codes)]).astype(
        {"ethnicity": object}
    )


def test_known_means_known_by_the_code_list_wherever_it_is_asked() -> None:
    given, everybody = raw(), people(len(NOT_KNOWN) + 3)
    names = {"ethnicity": "ethnos", "recorded_on": "epistart"}
    renamed = given.rename(columns=names)
    assert completeness(given, everybody)["known"].tolist() == [3, 3]
    assert completeness(latest_by_source(renamed, columns=names), everybody)["known"].tolist() == [3, 3]
    assert completeness_by_year(renamed, everybody, [2020], columns=names)["known"].tolist() == [3, 3]
    text = given.assign(ethnicity=given["ethnicity"].map(str, na_action="ignore"))
    for rule in (most_recent, most_frequent, ohid, lambda r: first_source(r, ["hes_apc"])):
        found = rule(text).set_index("person_id")
        assert (found["groups"] > 0).sum() == 3
        assert found.loc[["p27", "p28", "p29"], "ethnicity"].tolist() == ["A", "H", "T"]
        assert set(found["ethnicity"]) == {"A", "H", "T", "Z", "99"}
    twice = pd.concat([given, given.assign(source="gp")], ignore_index=True)
    assert agreement(twice, everybody)[["people", "agree"]].to_numpy().tolist() == [[3, 3]]
    assert conflicts(twice, "gp", "hes_apc").to_numpy().sum() == 3


def test_every_scheme_says_which_of_its_codes_are_known() -> None:
    for scheme in SCHEMES:
        codes = scheme_codes(scheme)
        column = pd.Series(codes.index)
        assert known_codes(read_ethnicity(column, scheme), scheme).tolist() == codes["known"].tolist()
    given = make(("p0", "hes", "1999-05-05", "0"), ("p1", "hes", "1999-05-05", "X"), ("p2", "hes", "1999-05-05", "9"))
    assert completeness(given, people(3), scheme="hes_1995")["known"].tolist() == [1, 1]
    with pytest.raises(SchemaError, match="codes that the scheme does not have, in 1 records"):
        completeness(given, people(3))


@pytest.mark.parametrize("blank", [None, np.nan, "", " ", "NULL", "\u00a0"])
def test_people_without_a_value_in_a_column_have_a_row_and_rows_add_up(blank: object) -> None:
    everybody = people(30, band=pd.Series(["a", "b", blank] * 10, dtype=object), imd=[1, 2, None, None, None, 3] * 5)
    for by in (["band"], ["imd"], ["band", "imd"]):
        table = completeness(raw(), everybody, by)
        assert table.groupby("source")["people"].sum().tolist() == [30, 30]
        assert table.groupby("source")["known"].sum().tolist() == [3, 3]
        years = completeness_by_year(raw(), everybody, [2019, 2020], by)
        assert years.groupby(["year", "source"])["people"].sum().tolist() == [30] * 4
    missing = completeness(raw(), everybody, ["band"]).query("source == @LINKED and band.isna()")
    assert missing["people"].tolist() == [10]
    twice = pd.concat([raw(), raw().assign(source="gp")], ignore_index=True)
    assert agreement(twice, everybody, ["imd"])["people"].sum() == 3


def test_the_year_of_a_record_is_that_of_its_date_however_it_is_written() -> None:
    for form in ("%Y-%m-%d", "%d/%m/%Y", "%Y%m%d", "%d %b %Y", "%Y-%m-%dT10:00:00Z", None):
        day = pd.Series(pd.to_datetime(["2015-01-31", "2019-06-15", "2023-02-02", None]))
        given = make(*[(f"p{i}", "h", d, "A") for i, d in enumerate(day if form is None else day.dt.strftime(form))])
        table = completeness_by_year(given, people(4), [2014, 2016, 2020, 2023])
        assert table[table["source"] == LINKED]["known"].tolist() == [1, 2, 3, 4]
        latest = latest_by_source(given.assign(person_id="p0"))
        assert latest["recorded_on"].tolist() == [pd.Timestamp("2023-02-02")]


@pytest.mark.parametrize(
    ("dates", "problem"),
    [
        (["01/02/2020", "03/04/2020"], "day and month could be either way round (2 rows; row 0; row 1)"),
        (["2020-01-31", "31/01/2020"], "dates in 2 forms"),
        (["2020-02-30", "2020-01-01"], "no such day (1 row; row 0)"),
        ([20200201, 20200101], "a number, which says no date"),
        (["1900-01-01", "2020-01-01"], "which stands for no date"),
        (["2999-01-01", "2020-01-01"], "in the future"),
    ],
)
def test_dates_that_cannot_be_read_are_refused_everywhere(dates: list[object], problem: str) -> None:
    given = make(("p0", "h", dates[0], "A"), ("p1", "h", dates[1], "H"))
    for call in (
        lambda: latest_by_source(given),
        lambda: completeness(given, people(2)),
        lambda: completeness_by_year(given, people(2), [2020]),
        lambda: agreement(given, people(2)),
    ):
        with pytest.raises(SchemaError) as caught:
            call()
        assert problem in str(caught.value)
        assert str(dates[0]) not in str(caught.value).replace("as in 2020-01-31", "").replace("as in 31/01/2020", "")
    with pytest.raises(SchemaError, match=r"date|day|number|future"):
        most_recent(given)


@pytest.mark.parametrize("number", [1, 3, 120])
def test_any_number_of_sources(number: int) -> None:
    names = [f"source {k:03d}" for k in range(number)]
    given = make(*[("p0", name, f"{2000 + k % 20}-01-01", "H" if k else "A") for k, name in enumerate(names)])
    # The last of the list is the least trusted, however long it is.
    for order in (names, names[::-1]):
        found = first_source(given, order)
        assert found["source"].tolist() == [order[0]]
        assert found["ethnicity"].tolist() == ["A" if order[0] == names[0] else "H"]
    table = completeness(given, people(2))
    assert table["source"].tolist() == [*names, LINKED]
    assert (table["known"] == 1).all()
    if number > 100:
        names = names[-20:]
        given, number = given[given["source"].isin(names)], 20
    pairs = agreement(given, people(2))
    assert len(pairs) == number * (number - 1) // 2
    assert pairs["agree"].sum() == sum(given["ethnicity"] == "H") * (sum(given["ethnicity"] == "H") - 1) // 2


def test_more_records_than_ten_thousand_of_a_category_still_count() -> None:
    given = make(*[("p0", "h", "2020-01-01", "H")] * 12_000, *[("p0", "h", "2021-01-01", "A")] * 10_500)
    assert most_frequent(given)["ethnicity"].tolist() == ["H"]


@pytest.mark.parametrize(
    ("given", "everybody", "problem"),
    [
        ([("p0", None, "2020-01-01", "A")], people(1), "'source': missing value"),
        ([("p0", " ", "2020-01-01", "A")], people(1), "'source': missing value"),
        ([(None, "h", "2020-01-01", "A")], people(1), "'person_id': missing value"),
        ([("p0", LINKED, "2020-01-01", "A")], people(1), "'all sources'"),
        ([("p9", "h", "2020-01-01", "A")], people(1), "1 records are of nobody"),
        ([(0, "h", "2020-01-01", "A")], people(1), "is int64, that of people str"),
        ([("p0", "h", "2020-01-01", "A")], pd.concat([people(1)] * 2), "repeat a person_id"),
        ([("p0", "h", "2020-01-01", "A")], pd.DataFrame({"person_id": ["p0", None]}), "have no person_id"),
    ],
)
def test_records_of_nobody_and_of_no_source_are_refused(
    given: list[tuple[object, ...]], everybody: pd.DataFrame, problem: str
) -> None:
    with pytest.raises(SchemaError, match=problem):
        completeness(make(*given), everybody)


def test_names_of_the_result_are_not_taken_by_columns_of_people() -> None:
    with pytest.raises(SchemaError, match="`by` names"):
        completeness(raw(), people(30, share=1), ["share"])


def test_a_column_that_cannot_be_the_sources_is_refused() -> None:
    given = make(*[("p0", f"s{k}", "2020-01-01", "A") for k in range(10_001)])
    with pytest.raises(SchemaError, match="more than 9,999 sources"):
        most_recent(given)
