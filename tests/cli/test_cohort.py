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


def test_what_is_wrong_is_one_message(extract: Path, tmp_path: Path) -> None:
    command = ["cohort", "type_1_diabetes", "--source", str(extract), "--out", str(tmp_path / "out")]
    with pytest.raises(SchemaError, match="--from and --to"):
        RUNNER.invoke(app, command, catch_exceptions=False)
    with pytest.raises(SchemaError, match=r"(?s)none of the codes by which people enter occurs.*I50.0"):
        RUNNER.invoke(app, [*command, *DAYS], catch_exceptions=False)
    assert not (tmp_path / "out").exists()
    with pytest.raises(CardError, match="shipped cards are"):
        RUNNER.invoke(app, ["cohort", "gout", *command[2:], *DAYS], catch_exceptions=False)
