"""Registers of practices: what the published files do not say of themselves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bayesineq.errors import SchemaError
from bayesineq.tables.practices import CONDITIONS, PracticeTables, read_practices, register

AREAS = [f"E0100000{i}" for i in range(6)]


def written(folder: Path, shares: dict[str, float] | None = None) -> Path:
    """Twelve practices of 3,000 patients in six areas, and what is odd about some."""
    codes = [f"A{i:05}" for i in range(12)]
    prevalence = dict(zip(codes, np.linspace(0.06, 0.09, 12), strict=True)) | (shares or {})
    qof = pd.DataFrame({"OrganisationCode": list(prevalence), "DM-prevalance": list(prevalence.values())})
    qof.to_csv(folder / "qof_2021_22.csv", index=False)
    pairs = pd.DataFrame(
        [(c, AREAS[(i + k) % 5], 1500) for i, c in enumerate(codes) for k in range(2)]
        + [("A00000", "W01000001", 7), ("A00001", "NO2011", 3), ("B00000", AREAS[0], 40), ("A00002", AREAS[5], 10)],
        columns=["PRACTICE_CODE", "LSOA_CODE", "NUMBER_OF_PATIENTS"],
    )
    pairs.to_csv(folder / "gp_reg_pat_prac_lsoa11.csv", index=False)
    ages = pd.DataFrame({"lsoa11_code": AREAS} | {str(age): 70 for age in range(91)})
    ages.to_csv(folder / "ages.csv", index=False)
    return folder / "ages.csv"


def test_what_is_odd_is_said(tmp_path: Path) -> None:
    """People outside, lists beyond residents (36,050 patients for 6 x 6,370), practices without registers."""
    tables = read_practices(tmp_path, written(tmp_path, {"C00000": 0.08}))
    assert "3 patients in 1 pair have no known area; they are no part of an area of England" in tables.notes
    assert "7 patients in 1 pair live in Wales; they are no part of an area of England" in tables.notes
    assert any("36,050 patients are registered for 38,220 residents" in note for note in tables.notes)
    assert any(
        note.startswith("1 practices with registers have no patients in an area (C00000)") for note in tables.notes
    )
    assert any("1 practices with 40 patients have no registers (B00000); they are no zeros" in n for n in tables.notes)


def test_counts_are_of_the_registers_ages(tmp_path: Path) -> None:
    """Aged 17 and over are 74 of 91 years of equal size; the list is 3,000 times that."""
    found = register(read_practices(tmp_path, written(tmp_path)), "DM")
    row = found.rows.set_index("practice").loc["A00003"]
    assert row["list"] == round(3000 * 74 / 91)
    assert row["cases"] == round(row["list"] * np.linspace(0.06, 0.09, 12)[3])
    assert any("people aged 17 and over" in note for note in found.notes)


def test_ages_of_a_practice_that_are_published_are_its_own(tmp_path: Path) -> None:
    ages = written(tmp_path)
    own = pd.DataFrame({"PRACTICE_CODE": ["A00003"], "17perc": [0.5]})
    own.to_csv(tmp_path / "hoc_gp_demographics.csv", index=False)
    rows = register(read_practices(tmp_path, ages), "DM").rows.set_index("practice")
    assert rows.loc["A00003", "list"] == 1500
    assert rows.loc["A00004", "list"] == round(3000 * 74 / 91)


def test_practices_that_tell_nothing_are_left_out_and_say_why(tmp_path: Path) -> None:
    odd = {"A00000": 1.04, "A00001": 0.9, "A00002": 0.0, "A00003": np.nan}
    tables = read_practices(tmp_path, written(tmp_path, odd))
    why = register(tables, "DM").left_out.set_index("practice")["why"]
    assert why["A00000"] == "an impossible prevalence"
    assert why["A00001"].startswith("a specialist practice")
    assert why["A00002"] == "no register: nobody is on it"
    assert why["A00003"] == "no register"
    assert any("impossible shares of A00000" in note for note in tables.notes)


def test_an_area_whose_people_are_registered_elsewhere_is_not_shown(tmp_path: Path) -> None:
    """Area 5 has 10 patients for 6,370 residents; the plain mean of the others is that of their practices."""
    found = register(read_practices(tmp_path, written(tmp_path)), "DM")
    assert found.areas["shown"].tolist() == [True] * 5 + [False]
    assert any("1 areas are not shown" in note for note in found.notes)
    shares = np.linspace(0.06, 0.09, 12)
    reading = [i for i in range(12) if 0 in (i % 5, (i + 1) % 5)]
    assert np.isclose(found.plain[0], shares[reading].mean())


def test_files_that_are_not_there_or_garbled_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match="no file whose name begins with 'qof_'"):
        read_practices(tmp_path, tmp_path / "ages.csv")
    ages = written(tmp_path, {f"A{i:05}": 8.0 for i in range(12)})
    with pytest.raises(SchemaError, match="seems to hold percentages"):
        read_practices(tmp_path, ages)
    ages = written(tmp_path)
    (tmp_path / "qof_2022_23.csv").write_text("OrganisationCode,DM-prevalence\nA,0.1\n")
    with pytest.raises(SchemaError, match="several files whose names begin with 'qof_'"):
        read_practices(tmp_path, ages)


def test_a_register_that_is_not_there_is_named() -> None:
    nothing = pd.DataFrame({"practice": [], "DM": []})
    with pytest.raises(SchemaError, match="no register 'ASTHMA'; the files hold DM"):
        register(PracticeTables(nothing, nothing, nothing, nothing, ()), "ASTHMA")


def test_every_condition_of_the_open_file_is_known(shared: Path) -> None:
    columns = pd.read_parquet(shared / "data" / "practice" / "qof_2021_22_practice_prevalence.parquet").columns
    assert {c.removesuffix("-prevalance") for c in columns if c.endswith("-prevalance")} == set(CONDITIONS)


def test_registers_as_published_are_shares_of_the_lists_of_their_ages(tmp_path: Path) -> None:
    """Of the last year, the list of ages 17 and over where it stands beside the whole list."""
    ages = written(tmp_path)
    (tmp_path / "qof_2021_22.csv").unlink()
    titles = ["Practice code", "Practice name", "List size", "Register", "List size", "List size ages 17+", "Register"]
    years = ["", "", "2020-21", "", "2021-22", "", ""]
    rows = [["A00000", "One", 2900, 90, 3000, 2400, 120], ["A00001", "Two", "-", "-", 3000, 2000, 160]]
    title = ["Quality and Outcomes Framework (QOF), 2021-22: Diabetes", *[""] * 6]
    sheet = [title, [""] * 7, years, titles, *rows]
    with pd.ExcelWriter(tmp_path / "qof_2021_22.xlsx") as book:
        pd.DataFrame(sheet).to_excel(book, sheet_name="DM", index=False, header=False)
    tables = read_practices(tmp_path, ages)
    assert tables.prevalence.set_index("practice")["DM"].to_dict() == {"A00000": 0.05, "A00001": 0.08}
    assert "registers are those of 2021-22" in tables.notes


def test_lists_of_other_ages_beside_that_of_the_register_are_not_taken_for_it(tmp_path: Path) -> None:
    """The workbooks give coronary heart disease lists under and over 80, and diabetes one of 40 and over."""
    ages = written(tmp_path)
    (tmp_path / "qof_2021_22.csv").unlink()
    places = ["Practice code", "Practice name"]
    heart = [*places, "List size", "List size ages 79 and under", "List size ages 80+", "Register"]
    sugar = [*places, "List size ages 17+", "List size ages 40+", "Register ages 17+"]
    sheets = {
        "CHD": [["", "", "2021-22", "", "", ""], heart, ["A00000", "One", 4000, 3800, 200, 120]],
        "DM": [["", "", "2021-22", "", ""], sugar, ["A00000", "One", 3000, 1500, 240]],
    }
    with pd.ExcelWriter(tmp_path / "qof_2021_22.xlsx") as book:
        for name, rows in sheets.items():
            pd.DataFrame(rows).to_excel(book, sheet_name=name, index=False, header=False)
    found = read_practices(tmp_path, ages).prevalence.iloc[0]
    assert found.to_dict() == {"practice": "A00000", "CHD": 0.03, "DM": 0.08}


def test_raw_registers_as_published_are_read_too(tmp_path: Path) -> None:
    ages = written(tmp_path)
    raw = {"PRACTICE_CODE": ["A00000", "A00000"], "GROUP_CODE": ["DM", "AF"], "REGISTER": [210, 41]}
    raw |= {"PATIENT_LIST_TYPE": ["17OV", "TOTAL"], "PRACTICE_LIST_SIZE": [3000, 4100]}
    pd.DataFrame(raw).to_csv(tmp_path / "qof_2021_22.csv", index=False)
    found = read_practices(tmp_path, ages).prevalence.iloc[0]
    assert found.to_dict() == {"practice": "A00000", "AF": 0.01, "DM": 0.07}
