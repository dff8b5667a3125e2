"""The command that builds a cohort: files that a model reads, others that may be shown, and errors in one line."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from bayesineq.cli import app
from bayesineq.errors import CardError, SchemaError
from bayesineq.report.page.recorded import read_quality
from bayesineq.tables.check import check

RUNNER = CliRunner()
DAYS = ["--from", "2020-01-01", "--to", "2020-12-31"]


@pytest.fixture(scope="module")
def extract(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of records in their normal form: 900 persons in three areas, one of whose deprivation is not known."""
    folder, rng, n = tmp_path_factory.mktemp("extract"), np.random.default_rng(15), 900
    areas = np.array(["E01000001", "E01000002", "E01000003"])
    persons = pd.DataFrame(
        {
            "person": [f"SECRET{k}" for k in range(n)],
            "birth": [date(1940 + k % 60, 1 + k % 12, 1) for k in range(n)],
            "sex": rng.choice(["female", "male"], n),
            "area": areas[rng.integers(0, 3, n)],
            "registered_from": date(2010, 1, 1),
        }
    )
    ill = rng.choice(n, 300, replace=False)
    events = pd.DataFrame(
        {"person": persons["person"].to_numpy()[ill], "date": date(2015, 1, 1), "system": "icd10", "code": "I50.0"}
    )
    spells = pd.DataFrame(
        {"person": rng.choice(persons["person"], 2_000), "start": date(2020, 6, 1), "end": date(2020, 6, 2)}
    )
    spells["kind"], spells["outcome"] = "outpatient", rng.choice(["attended", "missed"], 2_000)
    stays = spells.head(400).assign(kind="inpatient", outcome=None)
    told = [("gp", ["A", "H", "Z"]), ("hes", ["A", "H"])]
    ethnicity = pd.concat(
        pd.DataFrame({"person_id": persons["person"], "source": source, "ethnicity": rng.choice(codes, n)})
        for source, codes in told
    )
    ethnicity["recorded_on"] = date(2018, 1, 1)
    tables = {"persons": persons, "events": events, "spells": pd.concat([spells, stays])}
    for name, table in (tables | {"ethnicity_records": ethnicity}).items():
        table.to_parquet(folder / f"{name}.parquet")
    pd.DataFrame({"area": areas[:2], "imd_decile": [1, 10]}).to_csv(folder.parent / "deciles.csv", index=False)
    return folder


def test_the_files_are_those_of_the_cards_and_small_counts_stay_in_the_cells(extract: Path, tmp_path: Path) -> None:
    out, deciles = tmp_path / "out", extract.parent / "deciles.csv"
    command = [
        "cohort",
        "heart_failure",
        "--source",
        str(extract),
        "--out",
        str(out),
        *DAYS,
        "--deprivation",
        str(deciles),
    ]
    done = RUNNER.invoke(app, command, catch_exceptions=False)
    assert done.exit_code == 0
    assert "hold small counts" in done.output
    assert "Counts from 1 to 7 are suppressed" in done.output
    persons, events = (pd.read_parquet(extract / f"{name}.parquet") for name in ("persons", "events"))
    known = persons[persons["area"] != "E01000003"]
    adults = known[[(2020 - birth.year) >= 18 for birth in known["birth"]]]
    cells = check(out / "area_counts.csv", "area_counts")
    assert cells["population"].sum() == len(adults)
    assert cells["cases"].sum() == adults["person"].isin(events["person"]).sum() > 100
    assert (cells["cases"].between(1, 7)).any()
    for name in ("access_counts", "outcome_counts"):
        assert len(check(out / f"{name}.csv", name)) > 10
    attrition = pd.read_csv(out / "attrition.csv")
    counts = attrition.melt(value_vars=["persons", "dropped"])["value"].dropna()
    assert not counts.between(1, 7).any()
    assert (counts % 5 == 0).all()
    assert attrition[["persons", "dropped"]].isna().to_numpy().sum() <= len(pd.read_csv(out / "attrition.audit.csv"))
    lost = pd.read_csv(out / "left_out.csv")
    assert "an area whose deprivation is not known" in set(lost["why"])
    assert (lost["number"].dropna() % 5 == 0).all()
    held = read_quality(out)
    assert list(held) == ["faults", "completeness", "years", "ethnicity", "known", "agreement", "effect"]
    assert held["known"].set_index("source")["people"].to_dict() == dict.fromkeys(["gp", "hes", "all sources"], 900)
    assert set(held["effect"]["headline"]) >= {"population with the condition", "events in person-time"}
    assert "SECRET" not in done.output + "".join(path.read_text() for path in out.iterdir())


def test_a_count_that_is_withheld_is_a_star_on_the_screen(extract: Path, tmp_path: Path) -> None:
    command = ["cohort", "heart_failure", "--source", str(extract), "--out", str(tmp_path / "out"), *DAYS,
               "--deprivation", str(extract.parent / "deciles.csv"), "--table", "area_counts",
               "--small-count", "400", "--round-to", "1"]  # fmt: skip
    done = RUNNER.invoke(app, command, catch_exceptions=False)
    entered = next(line for line in done.output.splitlines() if "recorded once at least" in line)
    assert entered.split()[-2] == "*", "300 of 900 are ill"
    assert "<NA>" not in done.output


def test_a_table_of_the_card_that_records_cannot_fill_is_said_and_the_others_are_written(
    extract: Path, tmp_path: Path
) -> None:
    records, out = tmp_path / "records", tmp_path / "out"
    records.mkdir()
    for path in extract.glob("*.parquet"):
        table = pd.read_parquet(path)
        (table[table["outcome"].isna()] if path.stem == "spells" else table).to_parquet(records / path.name)
    command = ["cohort", "heart_failure", "--source", str(records), "--out", str(out), *DAYS,
               "--deprivation", str(extract.parent / "deciles.csv")]  # fmt: skip
    done = RUNNER.invoke(app, command, catch_exceptions=False)
    assert (
        "'access_counts' of the cohort 'heart_failure' is empty: nobody has any missed or appointments" in done.output
    )
    assert (out / "area_counts.csv").exists()
    assert (out / "outcome_counts.csv").exists()
    assert not (out / "access_counts.csv").exists()
    with pytest.raises(SchemaError, match=r"'access_counts' .* is empty: nobody has any missed or appointments"):
        RUNNER.invoke(app, [*command, "--table", "access_counts"], catch_exceptions=False)


def test_what_is_wrong_is_one_message(extract: Path, tmp_path: Path) -> None:
    command = ["cohort", "type_1_diabetes", "--source", str(extract), "--out", str(tmp_path / "out")]
    with pytest.raises(SchemaError, match="--from and --to"):
        RUNNER.invoke(app, command, catch_exceptions=False)
    with pytest.raises(SchemaError, match=r"(?s)none of the codes by which people enter occurs.*icd10 .*A99\.9"):
        RUNNER.invoke(app, [*command, *DAYS], catch_exceptions=False)
    assert not (tmp_path / "out").exists()
    with pytest.raises(CardError, match=r"Give one of .*atrial_fibrillation, "):
        RUNNER.invoke(app, ["cohort", "gout", *command[2:], *DAYS], catch_exceptions=False)


POSTCODES = pd.DataFrame(
    {"pcds": ["NG16 1AA", "NG16 1AB"], "lsoa11cd": ["E01028111", "E01028112"], "lsoa21cd": ["E01028111", "E01028112"]}
)
PARTS = pd.DataFrame(
    {"LSOA21CD": ["E01028111", "E01028112"], "LAD24CD": ["E07000172", "E07000173"], "ICB24CD": "E54000058",
     "WD24CD": ["E05000001", "E05000002"], "RUC21": ["UN1", "RSN1"]}
)  # fmt: skip
SUS = """
[[persons]]
table = "admitted"
person = "pseudo"
birth = "born"
sex = { column = "gender", codes = "sex_spellings" }
[[addresses]]
table = "admitted"
person = "pseudo"
start = "came"
postcode = "pcode"
[[ethnicity_records]]
table = "admitted"
person_id = "pseudo"
source = { text = "sus" }
recorded_on = "came"
ethnicity = "ethnic"
[[events]]
table = "admitted"
numbers = [1, 3]
person = "pseudo"
date = "came"
system = { text = "icd10" }
code = "diag{n}"
[[spells]]
table = "admitted"
person = "pseudo"
start = "came"
end = "left"
kind = { text = "inpatient" }
"""
GENERAL = """
dates = "day first"
[[persons]]
table = "list"
person = "id"
birth = "dob"
sex = { column = "sex", codes = "sex_spellings" }
postcode = "postcode"
registered_from = "joined"
practice = "ods"
[[events]]
table = "journal"
person = "id"
date = "when"
system = { text = "snomed" }
code = "concept"
[[spells]]
table = "appointments"
person = "id"
start = "when"
kind = { text = "general practice" }
outcome = { column = "status", codes = { Attended = "attended", DNA = "missed", Cancelled = "cancelled" } }
"""
HOMES = ["NG16 1AA", "ng161aa", "NG161AB", "NG16  1ab", "ZZ99 3VZ", "XX1 1XX", None, "NG161AA"]
"""By hand: three in one area, two in the other, one without an abode, one not listed, one without a postcode."""


def run_cohort(folder: Path, mapping: str, out: Path, *more: str) -> str:
    (folder / "mapping.toml").write_text(mapping, encoding="utf-8")
    POSTCODES.to_csv(folder.parent / "postcodes.csv", index=False)
    PARTS.to_csv(folder.parent / "parts.csv", index=False)
    deciles = pd.DataFrame({"area": PARTS["LSOA21CD"], "imd_decile": [2, 9]})
    deciles.to_csv(folder.parent / "deciles.csv", index=False)
    looked_up = [f"--{name}={folder.parent}/{file}.csv" for name, file in
                 {"postcodes": "postcodes", "areas": "parts", "deprivation": "deciles"}.items()]  # fmt: skip
    command = [
        "cohort",
        "heart_failure",
        "--source",
        str(folder / "mapping.toml"),
        "--out",
        str(out),
        *DAYS,
        *looked_up,
    ]
    done = RUNNER.invoke(app, [*command, *more], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def hundredfold(table: pd.DataFrame, who: str) -> pd.DataFrame:
    """A hundred people of each kind, so that counts may be shown."""
    parts = [table.assign(**{who: table[who] + f"-{k}"}) for k in range(100)]
    return pd.concat(parts, ignore_index=True)


def told(out: Path) -> dict[str, dict[str, int]]:
    attrition = pd.read_csv(out / "attrition.csv", dtype={"group": str})
    first = attrition[attrition["step"] == 0]
    return {str(by): rows.set_index("group")["persons"].to_dict() for by, rows in first.groupby("by")}


def test_a_hospital_extract_goes_by_its_mapping_to_cells_and_every_place_is_told(tmp_path: Path) -> None:
    """Eight kinds of people, a hundred each: by hand 300 + 200 placed, 100 without an abode, not listed, without."""
    folder = tmp_path / "sus"
    folder.mkdir()
    n = len(HOMES)
    admitted = pd.DataFrame(
        {"pseudo": [f"p{k}" for k in range(n)], "born": "1950-03-01", "gender": list("12121212"), "pcode": HOMES,
         "ethnic": list("AAHHZA9A"), "came": "2019-06-01", "left": "2019-06-03", "diag1": ["I50.0", "I10"] * 4,
         "diag2": ["", "I500", "", "", "", "", "", ""], "diag3": ""}
    )  # fmt: skip
    hundredfold(admitted, "pseudo").to_csv(folder / "admitted.csv", index=False)
    out = tmp_path / "out"
    said = run_cohort(folder, SUS, out, "--table", "area_counts")
    counts = told(out)
    assert counts["place"] == {"placed": 500, "no fixed abode": 100, "not in the look-up": 100, "missing": 100}
    assert counts["authority"] == {"E07000172": 300, "E07000173": 200, "not known": 300}
    assert counts["rural_urban"] == {"UN1": 300, "RSN1": 200, "not known": 300}
    cells = check(out / "area_counts.csv", "area_counts")
    assert cells.groupby("area")[["cases", "population"]].sum().to_numpy().tolist() == [[200, 300], [100, 200]]
    lost = pd.read_csv(out / "left_out.csv")
    people = lost[lost["column"] == "population"].set_index("why")["number"].to_dict()
    assert people == {"no fixed abode": 100, "a postcode that no look-up given places": 100, "no area on the day": 100}
    quality = pd.read_csv(out / "quality_faults.csv")
    assert list(quality) == ["table", "column", "problem", "rows", "of", "share", "remedy"]
    assert "p1-" not in said + "".join(path.read_text() for path in out.iterdir())


def test_a_general_practice_extract_with_uk_dates_goes_by_its_mapping_to_cells(tmp_path: Path) -> None:
    folder = tmp_path / "gp"
    (folder / "lists").mkdir(parents=True)
    n = len(HOMES)
    people = pd.DataFrame(
        {"id": [f"p{k}" for k in range(n)], "dob": "01/03/1950", "sex": ["F", "Male"] * 4, "postcode": HOMES,
         "joined": ["02/01/2001"] * 7 + ["02/01/2021"], "ods": "A81001"}
    )  # fmt: skip
    journal = people[["id"]].head(3).assign(when="31/12/2019", concept="84114007")
    visits = people[["id"]].head(4).assign(when="05/06/2020", status=["Attended", "DNA", "Cancelled", "Attended"])
    for name, table in {"list": people, "journal": journal, "appointments": visits}.items():
        hundredfold(table, "id").to_csv(folder / f"{name}.csv", index=False, encoding="utf-8-sig")
    (folder / "lists" / "heart_failure.csv").write_text("code,term\n84114007,Heart failure\n", encoding="utf-8")
    out = tmp_path / "out"
    said = run_cohort(folder, GENERAL, out, f"--codelists={folder}/lists")
    assert "heart_failure: heart_failure (1 of snomed codes)" in said
    cells = check(out / "area_counts.csv", "area_counts")
    # The last of eight registered after the study.
    assert cells.groupby("area")[["cases", "population"]].sum().to_numpy().tolist() == [[200, 200], [100, 200]]
    access = check(out / "access_counts.csv", "access_counts")
    assert access[["missed", "appointments"]].sum().tolist() == [100, 200]
    forms = pd.read_csv(out / "quality_faults.csv").query("column == 'sex'")
    assert forms["problem"].tolist() == ["written as codes of words, and most as codes of letters"]
