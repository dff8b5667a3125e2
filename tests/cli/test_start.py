"""Ten tables as strangers have them, with titles of their own: from file to report, and what is asked on the way."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import pytest
import typer
from rich.text import Text

import bayesineq as bi
from bayesineq.cli import app, main
from bayesineq.errors import SchemaError
from bayesineq.measures.registry import MEASURES
from bayesineq.model.read_card import parse_card
from bayesineq.own import Answers, read_mapped, start

N: Final = 24
RNG: Final = np.random.default_rng(5)
LSOA: Final = [f"E0101{k:04d}" for k in range(N)]
DECILE: Final = np.arange(N) % 10 + 1
PEOPLE: Final = RNG.integers(1500, 2500, N)
RISK: Final = 0.15 - 0.01 * DECILE
CASES: Final = RNG.binomial(PEOPLE, RISK)


@dataclass(frozen=True)
class Case:
    """A table, how it is saved, what is said of it, and what must come out."""

    table: Callable[[], pd.DataFrame]
    file: str
    said: tuple[str, ...]
    by: str
    events: float
    people: float
    sign: float = 0.0


def _totals() -> pd.DataFrame:
    rows = {"LSOA21CD": [*LSOA, "England"], "LSOA name": [*(f"Testham {k:03d}A" for k in range(N)), "England"]}
    return pd.DataFrame({**rows, "No. diabetic": [*CASES, CASES.sum()], "GP list": [*PEOPLE, PEOPLE.sum()]})


def _admissions() -> pd.DataFrame:
    rows = [
        (LSOA[k], DECILE[k], 60 - 5 * DECILE[k], band, sex, int(PEOPLE[k] * RISK[k] * more // 8), int(PEOPLE[k] // 4))
        for k in range(N) for band, more in (("18-64", 1), ("65+", 2)) for sex in "MF"
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["Area", "IMD Dec", "IMD score", "Age Group", "Gender", "Adm", "Residents"])


def _rates() -> pd.DataFrame:
    labels = {1: "1 - most deprived", 10: "10 - least deprived"}
    return pd.DataFrame({
        "MSOA": [f"E0200{k:04d}" for k in range(N)],
        "Prevalence per 1,000": (CASES / PEOPLE * 1000).round(1),
        "Registered patients": PEOPLE,
        "Deprivation": [labels.get(d, str(d)) for d in DECILE],
    })  # fmt: skip


def _limits() -> pd.DataFrame:
    rate, error = RISK * 1000, np.sqrt(RISK / PEOPLE) * 1000
    return pd.DataFrame({
        "Ward code": [f"E0500{k:04d}" for k in range(N)],
        "DSR": rate.round(1),
        "Lower CI": (rate - 1.96 * error).round(2),
        "Upper CI": (rate + 1.96 * error).round(2),
        "IMD quintile (1 = most deprived)": (DECILE + 1) // 2,
    })  # fmt: skip


def _good() -> pd.DataFrame:
    rows = [(f"D8100{k:02d}"[:6], code, int(80 * (0.5 + 0.03 * DECILE[k])), 80, 11 - DECILE[k])
            for k in range(10, N) for code in "AHM"]  # fmt: skip
    return pd.DataFrame(
        rows, columns=["Practice Code", "Ethnic category", "BP controlled", "Hypertension register", "IMD"]
    )


def _two_years() -> pd.DataFrame:
    return pd.DataFrame({
        "Local authority": [f"E070000{k:02d}" for k in range(N)], "IMD rank": DECILE * 100 + np.arange(N),
        "Deaths 2022": CASES, "Deaths 2023": CASES + 5, "Pop 2022": PEOPLE, "Pop 2023": PEOPLE + 10,
    })  # fmt: skip


def _scotland() -> pd.DataFrame:
    zones = [f"S01006{510 + k}" for k in range(N)]
    return pd.DataFrame({"datazone": zones, "simd quintile": 6 - (DECILE + 1) // 2, "smokers": CASES, "adults": PEOPLE})


def _counties() -> pd.DataFrame:
    fips = [f"0{6001 + 2 * k}" for k in range(N)]
    poverty = 30.0 - 2 * DECILE + np.arange(N) / 100
    return pd.DataFrame({"FIPS": fips, "Poverty rate": poverty, "Low birthweight": CASES, "Births": PEOPLE})


def _suppressed() -> pd.DataFrame:
    shown = ["*" if 0 < count // 10 < 8 else str(count // 10) for count in CASES]
    shown[0] = "<8"
    return pd.DataFrame(
        {"lsoa": LSOA, "IMD decile where 1 is most deprived": DECILE, "Emergency adms": shown, "n": PEOPLE}
    )


def _persons() -> pd.DataFrame:
    k = np.arange(2400) % N
    return pd.DataFrame({
        "PatientID": np.arange(2400) + 100_000, "lsoa": np.array(LSOA)[k], "race": np.where(k % 2, "White", "Asian"),
        "age": 20 + np.arange(2400) % 60, "sex": np.where(np.arange(2400) % 3, "M", "F"),
        "IMD decile (10 = most deprived)": 11 - DECILE[k],
        "Missed appt": np.where(np.arange(2400) % 100 < 400 * RISK[k], "Y", "N"),
    })  # fmt: skip


def _groups() -> pd.DataFrame:
    return pd.DataFrame({
        "MSOA11CD": [f"E0200{k:04d}" for k in range(N)], "White cases": CASES, "White pop": PEOPLE,
        "Asian cases": CASES // 2, "Asian pop": PEOPLE // 3,
    })  # fmt: skip


TOTAL: Final = (float(CASES.sum()), float(PEOPLE.sum()))
ADM: Final = _admissions()
GOOD: Final = _good()
LATE: Final = _persons()
CASES_OF: Final = {
    "totals by area": Case(_totals, "a.csv", (), "area", *TOTAL),
    "a workbook with notes, no ethnicity": Case(
        _admissions, "b.xlsx", (), "imd_decile", float(ADM["Adm"].sum()), float(ADM["Residents"].sum()), -1
    ),
    "rates with denominators": Case(_rates, "c.csv", (), "imd_decile", *TOTAL, -1),
    "rates with limits": Case(_limits, "d.csv", ("--more-is", "worse"), "imd_quintile", np.nan, np.nan, -1),
    "a good outcome by practice": Case(
        _good, "e.csv", ("--most-deprived", "10"), "imd_decile", float(GOOD["BP controlled"].sum()), 80.0 * len(GOOD), 1
    ),
    "two years side by side": Case(
        _two_years, "f.csv", (), "imd_quintile", 2 * TOTAL[0] + 5 * N, 2 * TOTAL[1] + 10 * N, -1
    ),
    "Scotland": Case(_scotland, "g.parquet", ("--most-deprived", "5"), "imd_quintile", *TOTAL, -1),
    "the United States": Case(_counties, "h.csv", (), "imd_quintile", *TOTAL, -1),
    "suppressed counts": Case(_suppressed, "i.csv", ("--suppressed", "1-7"), "imd_decile", np.nan, TOTAL[1], -1),
    "a row a person": Case(
        _persons, "j.parquet", (), "imd_decile", float((LATE["Missed appt"] == "Y").sum()), 2400.0, -1
    ),
    "a column a group": Case(
        _groups, "k.csv", (), "ethnicity", float((CASES + CASES // 2).sum()), float((PEOPLE + PEOPLE // 3).sum())
    ),
}


def _save(table: pd.DataFrame, path: Path) -> Path:
    if path.suffix == ".xlsx":
        note = pd.DataFrame([["Made up", *[None] * (table.shape[1] - 1)], [None] * table.shape[1]])
        body = pd.DataFrame([list(table.columns), *table.to_numpy().tolist()])
        foot = pd.DataFrame([["Source: nobody", *[None] * (table.shape[1] - 1)]])
        pd.concat([note, body, foot]).to_excel(path, header=False, index=False)
    elif path.suffix == ".parquet":
        table.to_parquet(path)
    else:
        table.to_csv(path, index=False)
    return path


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["bayesineq", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


@pytest.mark.parametrize("name", CASES_OF)
def test_every_row_of_a_strangers_table_is_counted_once(name: str, tmp_path: Path, monkeypatch, capsys) -> None:
    case = CASES_OF[name]
    file, folder = _save(case.table(), tmp_path / case.file), tmp_path / "study"
    assert run(monkeypatch, "start", file, "--out", folder, *case.said) == 0, capsys.readouterr().err
    laid, card = read_mapped(folder / "mapping.toml"), bi.read_card(folder / "card.toml")
    if not np.isnan(case.events):
        assert laid["events"].sum() == case.events
    if not np.isnan(case.people):
        assert laid["population"].sum() == case.people
    assert card.table == ""
    assert set(card.columns) <= set(laid.columns)
    assert case.by in card.dims


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES_OF)
def test_a_strangers_table_comes_to_a_report_in_four_commands(name: str, tmp_path: Path, monkeypatch, capsys) -> None:
    case = CASES_OF[name]
    file, folder = _save(case.table(), tmp_path / case.file), tmp_path / "study"
    posterior, csv = folder / "fit.nc", folder / "measures.csv"
    for command in (
        ("start", file, "--out", folder, *case.said),
        (
            "fit",
            folder / "card.toml",
            "--table",
            folder / "mapping.toml",
            "--draws",
            200,
            "--seed",
            1,
            "--out",
            posterior,
        ),
        ("measure", posterior, "--by", case.by, "--csv", csv),
        ("report", posterior, "--out", folder / "report.html"),
    ):
        assert run(monkeypatch, *command) == 0, capsys.readouterr().err
    assert "</html>" in (folder / "report.html").read_text(encoding="utf-8")
    # Two years are no average of two years: what has changed stands on the first screen.
    lead = (folder / "report.html").read_text(encoding="utf-8").partition("</section>")[0]
    assert ("gap" in lead and "from 2022 to 2023" in lead) == (name == "two years side by side")
    sii = bi.inequality(bi.load(posterior), case.by).set_index("parameter")["mean"].get("sii", 0.0)
    assert np.sign(sii) == case.sign


@pytest.mark.slow
def test_the_script_that_is_written_runs_as_it_is(tmp_path: Path, monkeypatch) -> None:
    file = _save(_rates(), tmp_path / "mine.csv")
    assert run(monkeypatch, "start", file, "--out", tmp_path / "study") == 0
    subprocess.run([sys.executable, str(tmp_path / "study" / "study.py")], check=True, cwd="/", timeout=120)
    assert (tmp_path / "study" / "report.html").is_file()


@pytest.mark.parametrize(
    ("table", "said", "asked"),
    [
        (_good(), {}, ["Which end of 'IMD' is the most deprived", "--most-deprived 1  or  --most-deprived 10"]),
        (_suppressed(), {}, ["Which counts may * in column 'Emergency adms' stand for", "--suppressed 1-7"]),
        (_limits(), {}, ["Is more of 'DSR' worse", "--more-is worse  or  --more-is better"]),
        (_limits().drop(columns="Upper CI"), {"more_is": "worse"}, ["how sure it is", "--denominator COLUMN"]),
        (_rates().rename(columns={"Prevalence per 1,000": "Prevalence"}), {}, ["Of how many people", "--per 1000"]),
        (_totals().drop(columns="GP list"), {}, ["among how many people", "--denominator COLUMN"]),
        (_groups().drop(columns=["White pop", "Asian pop"]), {}, ["one ethnic group each", "people White"]),
        (_totals().assign(Eligible=9_999_999), {}, ["--count", "--denominator Eligible", "--denominator \"GP list\""]),
        (pd.concat([_scotland()] * 2), {"most_deprived": "5"}, ["share area", "--add-up"]),
        (_suppressed().assign(**{"Emergency adms": [None, *["9"] * (N - 1)]}), {}, ["1 blanks", "--blanks unknown"]),
        (_totals().rename(columns={"No. diabetic": "not screened"}), {}, ["Is more of 'not screened' worse"]),
    ],
)  # fmt: skip
def test_what_is_not_plain_is_asked_for_with_the_option_that_says_it(table, said, asked) -> None:
    with pytest.raises(SchemaError) as raised:
        start(table, answers=Answers(**said))
    for words in asked:
        assert words in str(raised.value)


def test_all_questions_come_at_once() -> None:
    table = _suppressed().rename(columns={"IMD decile where 1 is most deprived": "decile", "Emergency adms": "z"})
    with pytest.raises(SchemaError) as raised:
        start(table)
    assert all(option in str(raised.value) for option in ("--most-deprived", "--suppressed", "--more-is"))


def test_a_blank_count_that_is_unknown_stays_unknown() -> None:
    table = _totals()[:-1]
    table["No. diabetic"] = [None, *table["No. diabetic"].iloc[1:]]
    counts = start(table, answers=Answers(blanks="unknown")).table["events"]
    assert np.isnan(counts.iloc[0])
    assert counts.iloc[1:].tolist() == table["No. diabetic"].iloc[1:].tolist()


def test_suppressed_and_rounded_counts_are_intervals() -> None:
    begun = start(_suppressed(), answers=Answers(suppressed=(1, 7)))
    ends = begun.table.set_index("area")[["events_lower", "events_upper"]]
    assert ends.loc[LSOA[0]].tolist() == [0, 7]
    rounded = _totals()[:-1].assign(**{"No. diabetic": CASES // 5 * 5})
    wide = start(rounded).table
    assert (wide["events_upper"] - wide["events_lower"]).max() == 4


def test_deprivation_counted_from_the_other_end_is_turned() -> None:
    begun = start(_persons())
    told = begun.table.drop_duplicates("area").set_index("area")["imd_decile"]
    assert told[LSOA].tolist() == DECILE.tolist()
    assert "turned" in begun.taken.set_index("taken_for").loc["deprivation", "why"]


def test_rates_too_coarse_for_a_count_become_an_interval_that_holds_it() -> None:
    coarse = _rates().assign(**{"Prevalence per 1,000": (CASES / PEOPLE * 1000).round(0)})
    ends = start(coarse).table
    assert (ends["events_lower"] <= CASES).all()
    assert (ends["events_upper"] >= CASES).all()


def test_an_edited_file_is_not_written_over(tmp_path: Path, monkeypatch, capsys) -> None:
    file, card = _save(_totals(), tmp_path / "a.csv"), tmp_path / "study" / "card.toml"
    assert run(monkeypatch, "start", file, "--out", card.parent) == 0
    card.write_text(card.read_text() + "# mine\n")
    assert run(monkeypatch, "start", file, "--out", card.parent) == 2
    assert card.read_text().endswith("# mine\n")


@pytest.mark.parametrize("title", ['the "first"\ncases', "a\\b cases", "cases\t=1+1", "Fälle cases ’"])
def test_any_title_makes_files_that_can_be_read(title: str, tmp_path: Path) -> None:
    table = _totals()[:-1].rename(columns={"No. diabetic": title, "GP list": "pop"})
    begun = start(table)
    bi.own.write_start(begun, tmp_path / "x.csv", tmp_path / "study")
    assert read_mapped(tmp_path / "study" / "mapping.toml", table)["events"].sum() == CASES.sum()
    compile((tmp_path / "study" / "study.py").read_text(encoding="utf-8"), "study.py", "exec")


def test_a_card_of_your_own_columns_needs_no_schema(tmp_path: Path, monkeypatch, capsys) -> None:
    card = tmp_path / "mine.toml"
    card.write_text(
        'name = "mine"\nquestion = "?"\n[outcome]\ncount = "ill"\nat_risk = "list"\nlikelihood = "binomial"\n'
        '[terms]\nplace = { kind = "exchangeable", by = "county" }'
    )
    table = _save(
        pd.DataFrame({"county": ["01001", "01003", "01005"], "ill": [5, 9, 2], "list": 100}), tmp_path / "t.csv"
    )
    command = ["fit", card, "--table", table, "--draws", 100, "--seed", 1, "--out", tmp_path / "fit.nc"]
    assert run(monkeypatch, *command) == 0
    assert bi.load(tmp_path / "fit.nc")["posterior"]["county"].values.tolist() == ["01001", "01003", "01005"]
    _save(pd.DataFrame({"county": ["01001"], "ill": ["x"]}), table)
    assert run(monkeypatch, *command) == 2
    assert "'list': the column is missing" in capsys.readouterr().err


def test_cards_schemas_and_the_version_are_printed(monkeypatch, capsys) -> None:
    assert run(monkeypatch, "--version") == 0
    assert capsys.readouterr().out.strip() == version("bayesineq")
    assert run(monkeypatch, "cards") == 0
    assert {"prevalence", "trend", "type_2_diabetes", "omop,"} <= set(capsys.readouterr().out.split())
    assert run(monkeypatch, "cards", "prevalence") == 0
    assert parse_card(capsys.readouterr().out).name == "prevalence"
    assert run(monkeypatch, "cards", "omop") == 0
    assert tomllib.loads(capsys.readouterr().out)["persons"][0]["table"] == "person"
    assert run(monkeypatch, "schemas", "area_counts") == 0
    assert "imd_decile (integer, required)" in capsys.readouterr().out


def test_diagnose_prints_every_check_and_fails_where_one_does(tmp_path: Path, monkeypatch, capsys) -> None:
    path = bi.save(bi.example().post, tmp_path / "fit.nc")
    assert run(monkeypatch, "diagnose", path, "--csv", tmp_path / "checks.csv") == 0
    assert capsys.readouterr().out.count("passed  ") == len(pd.read_csv(tmp_path / "checks.csv")) == 8
    torn = bi.example().post.copy(deep=True)
    torn["checks"]["failure"][:] = 1.0
    assert run(monkeypatch, "diagnose", bi.save(torn, path)) == 1
    assert "FAILED  share of rows whose cross-validation failed" in capsys.readouterr().out


def test_measure_reaches_every_measure_with_what_it_says_of_itself(tmp_path: Path, monkeypatch, capsys) -> None:
    path, csv = bi.save(bi.example().post, tmp_path / "fit.nc"), tmp_path / "m.csv"
    assert run(monkeypatch, "measure", path, "--by", "imd_decile", "--all", "--csv", csv) == 0
    said, table = capsys.readouterr().out, pd.read_csv(csv, keep_default_na=False, dtype=str)
    rows = table.set_index("parameter")
    assert all(name in rows.index or name in said for name in MEASURES)
    assert rows.loc["imd_decile[1]", "imd_decile"] == "1"
    assert rows.loc["sii", "imd_decile"] == ""
    assert all(rows["compared"][~rows.index.str.contains("[", regex=False)])
    assert rows.loc["ratio", "mean"] == f"{float(rows.loc['ratio', 'mean']):.4g}"
    own = bi.over_draws(bi.measures.hoover_index, bi.adjusted(bi.example().post, by="imd_decile"), dim="imd_decile")
    assert float(rows.loc["hoover_index", "mean"]) == pytest.approx(float(own.mean()), rel=0.05)


def test_help_shows_what_was_written(monkeypatch, capsys) -> None:
    """A bracket in a help text is markup, unless it is escaped."""
    for command in typer.main.get_command(app).commands.values():
        for option in command.params:
            told = (getattr(option, "help", None) or "").replace("\\[", "[")
            assert told == Text.from_markup(getattr(option, "help", None) or "").plain, (command.name, option.name)
        assert Text.from_markup(command.help or "").plain == (command.help or "")


def test_the_command_line_starts_without_what_only_commands_need() -> None:
    code = (
        "import sys, bayesineq.cli; print(*({'numpy', 'pandas', 'xarray', 'numba', 'matplotlib'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
