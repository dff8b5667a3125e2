"""Oracles: each rule written out for one person at a time in plain Python, and hand-made cases."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest

from bayesineq.errors import SchemaError
from bayesineq.records.ethnicity.completeness import (
    LINKED,
    agreement,
    completeness,
    completeness_by_year,
    conflicts,
    latest_by_source,
)
from bayesineq.records.ethnicity.resolution import (
    CVDPREVENT_PRIORITY,
    cvdprevent,
    first_source,
    most_frequent,
    most_recent,
    ohid,
)

# Census 2021, England (ONS table TS021), commonest first; Gypsy or Irish Traveller and Arab at their own places.
COMMON = ["A", "C", "H", "J", "N", "L", "S", "K", "M", "D", "B", "F", "G", "R", "W", "P", "E", "T"]
UNKNOWN = {"Z", "99"}


def make(rows: list[tuple[str, str, str | None, str]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["person_id", "source", "recorded_on", "ethnicity"])


@pytest.fixture(scope="module")
def records() -> pd.DataFrame:
    rng = np.random.default_rng(11)
    n = 9_000
    codes = rng.choice(["A", "B", "C", "H", "S", "T", "Z", "99"], n, p=[0.25, 0.1, 0.1, 0.15, 0.15, 0.05, 0.1, 0.1])
    day = pd.Series(rng.choice(["2020-01-01", "2020-01-02", "2021-05-05", "2023-12-31"], n), dtype="str")
    return pd.DataFrame(
        {
            "person_id": rng.integers(0, 2_000, n).astype(str),
            "source": rng.choice(CVDPREVENT_PRIORITY, n),
            "recorded_on": day.where(rng.random(n) > 0.05),
            "ethnicity": codes,
        }
    )


def by_hand(records: pd.DataFrame, choose) -> dict[str, str]:
    answer = {}
    for person, part in records.groupby("person_id"):
        rows = [(s, d if isinstance(d, str) else "", c) for s, d, c in part.iloc[:, 1:].itertuples(index=False)]
        known = [r for r in rows if r[2] not in UNKNOWN]
        refused = any(c == "Z" for _, _, c in rows)
        answer[person] = (choose(known) if known else None) or ("Z" if refused else "99")
    return answer


def times(known, code):
    return sum(c == code for _, _, c in known)


def rarity(code):
    return COMMON.index(code)


def recent_rule(known):
    last = max(d for _, d, _ in known)
    return min({c for _, d, c in known if d == last}, key=lambda c: (-times(known, c), rarity(c)))


def frequent_rule(known):
    most = max(times(known, c) for _, _, c in known)
    tied = [r for r in known if times(known, r[2]) == most]
    last = max(d for _, d, _ in tied)
    return min({c for _, d, c in tied if d == last}, key=rarity)


def source_rule(known):
    source = min((s for s, _, _ in known), key=CVDPREVENT_PRIORITY.index)
    last = max(d for s, d, _ in known if s == source)
    return min({c for s, d, c in known if s == source and d == last}, key=lambda c: (-times(known, c), rarity(c)))


def ohid_rule(known):
    named = [r for r in known if r[2] != "S"] or known
    most = max(times(named, c) for _, _, c in named)
    tied = [r for r in named if times(named, r[2]) == most]
    last = max(d for _, d, _ in tied)
    tied = [r for r in tied if r[1] == last]
    source = min((s for s, _, _ in tied), key=CVDPREVENT_PRIORITY.index)
    return min({c for s, _, c in tied if s == source}, key=rarity)


def fill_rule(known):
    for source in CVDPREVENT_PRIORITY:
        here = [r for r in known if r[0] == source]
        if here:
            last = max(d for _, d, _ in here)
            codes = {c for _, d, c in here if d == last}
            if len(codes) == 1:
                return codes.pop()
    return None


@pytest.mark.parametrize(
    ("rule", "choose"),
    [
        (most_recent, recent_rule),
        (most_frequent, frequent_rule),
        (lambda r: first_source(r, CVDPREVENT_PRIORITY), source_rule),
        (lambda r: ohid(r, CVDPREVENT_PRIORITY), ohid_rule),
        (cvdprevent, fill_rule),
    ],
    ids=["most_recent", "most_frequent", "first_source", "ohid", "cvdprevent"],
)
def test_each_rule_agrees_with_itself_written_out(records, rule, choose) -> None:
    found = rule(records).set_index("person_id")
    expected = by_hand(records, choose)
    assert found["ethnicity"].to_dict() == expected
    known = records[~records["ethnicity"].isin(UNKNOWN)]
    groups = known.groupby("person_id")["ethnicity"].nunique().reindex(found.index, fill_value=0)
    assert found["groups"].tolist() == groups.tolist()
    # The source named must hold the category that was chosen.
    pairs = set(records[["person_id", "source", "ethnicity"]].itertuples(index=False, name=None))
    decided = found[found["source"].notna()].reset_index()
    assert set(decided[["person_id", "source", "ethnicity"]].itertuples(index=False, name=None)) <= pairs
    assert set(found.loc[found["source"].isna(), "ethnicity"]) <= UNKNOWN


def test_tie_breaks_of_the_ohid_rule_one_by_one() -> None:
    rows = [
        # Most frequent.
        ("1", "hes_op", "2020-01-01", "H"), ("1", "hes_op", "2020-01-02", "H"), ("1", "hes_apc", "2023-01-01", "A"),
        # Tie: most recent.
        ("2", "hes_op", "2022-01-01", "H"), ("2", "hes_apc", "2020-01-01", "A"),
        # Tie on the day as well: admitted care before outpatients.
        ("3", "hes_op", "2022-01-01", "A"), ("3", "hes_apc", "2022-01-01", "H"),
        # Tie on the source too: the commoner in Census 2021.
        ("4", "hes_op", "2022-01-01", "P"), ("4", "hes_op", "2022-01-01", "C"),
        # Any other gives way even where it is more frequent.
        ("5", "hes_op", "2022-01-01", "S"), ("5", "hes_op", "2022-01-02", "S"), ("5", "hes_ae", "2020-01-01", "J"),
        # Unknown only if none is known.
        ("6", "hes_op", "2022-01-01", "99"), ("6", "hes_op", "2022-01-02", "Z"), ("7", "hes_op", "2022-01-01", "99"),
    ]  # fmt: skip
    found = ohid(make(rows)).set_index("person_id")["ethnicity"]
    assert found.to_dict() == {"1": "H", "2": "H", "3": "H", "4": "C", "5": "J", "6": "Z", "7": "99"}
    assert ohid(make(rows), replace_other=False).set_index("person_id").loc["5", "ethnicity"] == "S"


def test_dates_of_any_type_and_other_names_of_columns(records) -> None:
    typed = records.assign(recorded_on=pd.to_datetime(records["recorded_on"])).rename(columns={"ethnicity": "ethnos"})
    found = most_recent(typed, columns={"ethnicity": "ethnos"})
    pd.testing.assert_frame_equal(found, most_recent(records))


def test_records_from_a_file_and_in_any_order(records, tmp_path) -> None:
    path = tmp_path / "records.parquet"
    records.sample(frac=1.0, random_state=3).to_parquet(path)
    pd.testing.assert_frame_equal(cvdprevent(path), cvdprevent(records))


def test_wrong_records_are_refused_with_everything_that_is_wrong() -> None:
    rows = [("1", "gp", "2020-01-01", "Q"), ("2", "hes_apc", "soon", "A"), (None, "hes_apc", None, "A")]
    with pytest.raises(SchemaError) as error:
        ohid(make(rows))
    for part in ("missing in 1 records", "not a date in 1 records", "'Q'", "'gp'"):
        assert part in str(error.value)
    with pytest.raises(SchemaError, match="no column"):
        most_recent(make(rows).drop(columns="source"))
    with pytest.raises(SchemaError, match="there are no records"):
        most_recent(make([("1", "gp", None, "A")]).iloc[:0])


def test_completeness_and_agreement_by_hand() -> None:
    rows = [
        ("1", "gp", "2020-01-01", "A"), ("1", "gp", "2021-01-01", "99"), ("1", "hes", "2022-06-01", "A"),
        ("2", "gp", "2020-01-01", "Z"), ("2", "hes", "2021-02-02", "H"),
        ("3", "gp", "2020-05-05", "J"), ("3", "hes", "2020-05-05", "H"),
    ]  # fmt: skip
    people = pd.DataFrame({"person_id": ["1", "2", "3", "4"], "sex": ["f", "m", "m", "f"]})
    latest = latest_by_source(make(rows))
    assert len(latest) == 6
    whole = completeness(latest, people).set_index("source")
    assert whole["known"].to_dict() == {"gp": 2, "hes": 3, LINKED: 3}
    assert whole["share"].to_dict() == {"gp": 0.5, "hes": 0.75, LINKED: 0.75}
    by_sex = completeness(latest, people, ["sex"]).set_index(["source", "sex"])["share"]
    assert by_sex["gp", "m"] == 0.5
    assert by_sex[LINKED, "f"] == 0.5
    years = completeness_by_year(make(rows), people, [2019, 2020, 2021, 2022]).set_index(["year", "source"])["known"]
    assert [years[y, LINKED] for y in (2019, 2020, 2021, 2022)] == [0, 2, 3, 3]
    pairs = agreement(latest, people)
    assert pairs[["first", "second", "people", "agree", "share"]].to_numpy().tolist() == [["gp", "hes", 2, 1, 0.5]]
    assert agreement(latest, people, ["sex"]).set_index("sex")["share"].to_dict() == {"f": 1.0, "m": 0.0}
    assert conflicts(latest, "gp", "hes").loc["J", "H"] == 1
    with pytest.raises(SchemaError, match="nobody in the table of people"):
        completeness(latest, people.iloc[:2])
    with pytest.raises(SchemaError, match="no column"):
        agreement(latest, people, ["imd_decile"])


@pytest.mark.slow
def test_a_system_of_many_people_is_resolved_whole() -> None:
    rng = np.random.default_rng(5)
    n, each = 1_700_000, 3
    codes = np.array(["A", "B", "C", "H", "J", "N", "S", "Z", "99"])
    records = pd.DataFrame(
        {
            "person_id": np.repeat(np.arange(n), each),
            "source": np.array(list(itertools.islice(itertools.cycle(CVDPREVENT_PRIORITY), n * each))),
            "recorded_on": pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 1_500, n * each), "D"),
            "ethnicity": codes[rng.integers(0, len(codes), n * each)],
        }
    )
    found = ohid(records, CVDPREVENT_PRIORITY)
    assert len(found) == n


def test_a_time_with_a_zone_is_of_the_day_on_which_it_was_written(tmp_path) -> None:
    # Half past midnight in summer is the day before in UTC, and decides which of two records is later.
    late = pd.to_datetime(["2020-06-02 00:30", "2020-06-01 12:00"]).tz_localize("Europe/London")
    given = pd.DataFrame({"person_id": "1", "source": "h", "recorded_on": late, "ethnicity": ["H", "A"]})
    given.to_parquet(tmp_path / "zoned.parquet")
    for source in (given, tmp_path / "zoned.parquet", given.astype({"recorded_on": str})):
        assert most_recent(source)["ethnicity"].tolist() == ["H"]
    two = given.assign(seen_on=late.tz_convert("America/New_York"))
    two.to_parquet(tmp_path / "two.parquet")
    with pytest.raises(SchemaError, match="in zones America/New_York, Europe/London"):
        most_recent(tmp_path / "two.parquet")


@pytest.mark.parametrize(
    ("dates", "problem"),
    [
        ([20200201, 20200301], "of type int64, which says no date"),
        (["01/02/2020", "03/04/2020"], "could be either way round in 2 records (2 rows; row 0; row 1)"),
        (["2020-01-31", "31/01/2020"], "dates in 2 forms"),
        (["2020-02-30", "2020-01-01"], "no such day in 1 records"),
        (["9999-12-31", "2020-01-01"], "in the future in 1 records"),
        ([pd.Timestamp("1900-01-01"), pd.Timestamp("2020-01-01")], "which stands for no date in 1 records"),
    ],
)
def test_dates_that_could_mean_another_day_are_refused(tmp_path, dates: list[object], problem: str) -> None:
    given = make([("1", "hes_apc", dates[0], "A"), ("1", "hes_apc", dates[1], "H")])
    for rule in (most_recent, most_frequent, ohid, lambda r: first_source(r, ["hes_apc"]), cvdprevent):
        with pytest.raises(SchemaError) as caught:
            rule(given)
        assert problem in str(caught.value)
    given.to_parquet(tmp_path / "r.parquet")
    with pytest.raises(SchemaError) as caught:
        most_recent(tmp_path / "r.parquet")
    assert problem.partition(" (")[0] in str(caught.value)
