"""Each kind of published file, in a small file of its layout with its quirks: what is told, kept, beside and said."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import openpyxl
import pytest
from scipy.stats import norm

from bayesineq.errors import SchemaError
from bayesineq.tables.deprivation import read_deprivation
from bayesineq.tables.publishers.kinds import file_kinds
from bayesineq.tables.publishers.read import Published, read_published, words_of
from bayesineq.tables.quantiles import quantile_groups

type Rows = Sequence[Sequence[object]]


def csv(folder: Path, rows: Rows, name: str = "file.csv") -> Path:
    path = folder / name
    path.write_text(
        "\ufeff"
        + "\n".join(",".join(f'"{cell}"' if "," in str(cell) else str(cell) for cell in row) for row in rows)
        + "\n"
    )
    return path


def workbook(folder: Path, sheets: dict[str, Rows], name: str = "file.xlsx") -> Path:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for title, rows in sheets.items():
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(list(row))
    book.save(folder / name)
    return folder / name


def said(found: Published, words: str) -> bool:
    return any(words in note for note in found.notes)


def meaning(found: Published, column: str) -> dict[str, str]:
    return found.columns.set_index("column").loc[column].to_dict()


NOMIS = ["date", "geography", "geography code"]


def test_a_bulk_table_counts_nobody_twice(tmp_path: Path) -> None:
    titles = [
        *NOMIS,
        *(
            f"Tenure: {name}; measures: Value"
            for name in (
                "Total: All households",
                "Owned",
                "Owned: Outright",
                "Owned: With a mortgage",
                "Rented: Social",
                "Rented",
            )
        ),
    ]
    path = csv(tmp_path, [titles, [2021, "Here 1", "E02000001", 100, 60, 40, 20, 40, 40]])
    found = read_published(path)
    assert (found.kind, found.level) == ("census_bulk", "msoa")
    assert found.table.set_index("tenure")["count"].to_dict() == {
        "Owned: Outright": 40,
        "Owned: With a mortgage": 20,
        "Rented: Social": 40,
    }
    assert found.beside.groupby("why")["count"].sum().to_dict() == {
        "total of tenure": 100,
        "holds others of tenure": 100,
    }


def test_bulk_titles_of_two_variables_become_two_columns_and_ages_hold_ages(tmp_path: Path) -> None:
    ages = ["Total", "Aged 4 years and under", "Aged under 1 year", "Aged 1 to 4 years", "Aged 85 years and over"]
    titles = [*NOMIS, *(f"Sex: {sex}; Age: {age}" for sex in ("All persons", "Female", "Male") for age in ages)]
    counts = [16, 6, 2, 4, 10, 9, 3, 1, 2, 6, 7, 3, 1, 2, 4]
    found = read_published(csv(tmp_path, [titles, [2021, "Here", "W06000015", *counts]]))
    assert found.nation == "Wales"
    assert found.table["count"].sum() == 16
    assert set(found.table["age"]) == {"Aged under 1 year", "Aged 1 to 4 years", "Aged 85 years and over"}
    assert set(found.table["sex"]) == {"Female", "Male"}
    assert len(found.table) + len(found.beside) == 15


def test_parts_that_do_not_add_up_to_their_total_are_said(tmp_path: Path) -> None:
    titles = [*NOMIS, "Language: Total", "Language: English", "Language: Other"]
    found = read_published(csv(tmp_path, [titles, [2021, "Here", "E01000001", 100, 80, 23]]))
    assert said(found, "language: parts do not add up to their total in 1 of 1 places, by up to 3")


def test_the_style_of_2011_has_totals_within_parents(tmp_path: Path) -> None:
    titles = [
        *NOMIS,
        "Rural Urban",
        *(
            f"Ethnic Group: {name}; measures: Value"
            for name in (
                "All categories: Ethnic group",
                "White: Total",
                "White: English/Welsh",
                "White: Irish",
                "Mixed/multiple ethnic group: Total",
                "Mixed/multiple ethnic group: White and Asian",
            )
        ),
    ]
    found = read_published(csv(tmp_path, [titles, [2011, "Here", "E01000001", "Total", 10, 9, 8, 1, 1, 1]]))
    assert found.table["count"].tolist() == [8, 1, 1]
    assert not said(found, "do not add up")


QUERY = [
    ["TS021 - Ethnic group"],
    ["ONS Crown Copyright Reserved [from Nomis on 3 March 2023]"],
    [],
    ["Population", ":", "All usual residents"],
    ["Units", ":", "Persons"],
    ["date", ":", "2021"],
    [],
]


def test_a_query_has_titles_above_percentages_between_and_footnotes_below(tmp_path: Path) -> None:
    rows = [
        *QUERY,
        [
            "2021 super output area - lower layer",
            "mnemonic",
            "Total: All usual residents",
            "%",
            "White",
            "%",
            "White: Irish",
            "%",
        ],
        ["Here 001A", "E01011949", 200, 100.0, 150, 75.0, 150, 75.0],
        ["Here 001B", "E01011950", 100, 100.0, "-", "-", "#", "-"],
        [],
        ["In order to protect against disclosure of personal information, records have been swapped."],
    ]
    found = read_published(csv(tmp_path, rows))
    assert (found.kind, found.level) == ("census_query", "lsoa")
    assert found.table[["area", "area_name", "period", "units"]].iloc[0].tolist() == [
        "E01011949",
        "Here 001A",
        "2021",
        "Persons",
    ]
    assert found.table.set_index("area")["count"].fillna(-1).to_dict() == {"E01011949": 150, "E01011950": -1}
    assert said(found, "3 columns of percentages")
    assert said(found, "footnote: In order to protect")
    assert said(found, "'#', which says nothing of the count: it is missing, not nobody")


def test_a_query_of_names_alone_says_that_names_do_not_join(tmp_path: Path) -> None:
    rows = [
        *QUERY,
        ["local authority: district / unitary (as of April 2023)", "Total", "Male", "Female"],
        ["Ipswich", 9, 4, 5],
    ]
    found = read_published(csv(tmp_path, rows))
    assert found.kind == "census_query_named"
    assert found.table["count"].sum() == 9
    assert said(found, "names of areas and no codes")


def test_a_long_file_of_nomis_keeps_words_and_one_measure(tmp_path: Path) -> None:
    titles = [
        "DATE",
        "DATE_NAME",
        "GEOGRAPHY",
        "GEOGRAPHY_NAME",
        "GEOGRAPHY_CODE",
        "C2021_HEALTH_6",
        "C2021_HEALTH_6_NAME",
        "C2021_HEALTH_6_CODE",
        "MEASURES",
        "MEASURES_NAME",
        "OBS_VALUE",
        "OBS_STATUS_NAME",
        "RECORD_COUNT",
    ]
    groups = [(0, "Total: All usual residents", 50), (1, "Good health", 45), (2, "Bad health", 5)]
    rows = [
        [
            2021,
            2021,
            1,
            "Here",
            "E07000202",
            code,
            name,
            f"_{code}",
            measure,
            word,
            value if measure == 20100 else 2.0 * value,
            "Normal",
            6,
        ]
        for code, name, value in groups
        for measure, word in ((20100, "Value"), (20301, "Percent"))
    ]
    found = read_published(csv(tmp_path, [titles, *rows]), choose={"measures_name": "Value"})
    assert found.kind == "nomis_long"
    assert found.table.set_index("c2021_health_6")["count"].to_dict() == {"Good health": 45, "Bad health": 5}
    assert set(found.beside["why"]) == {"measures_name Percent", "total of c2021_health_6"}


def test_a_data_set_put_together_on_the_site_is_read(tmp_path: Path) -> None:
    titles = [
        "Lower tier local authorities Code",
        "Lower tier local authorities",
        "Age (3 categories) Code",
        "Age (3 categories)",
        "Sex (2 categories) Code",
        "Sex (2 categories)",
        "Observation",
    ]
    rows = [
        ["E06000001", "Hartlepool", a, age, s, sex, 10 * a + s]
        for a, age in ((1, "Aged 15 years and under"), (2, "Aged 16 years and over"))
        for s, sex in ((1, "Female"), (2, "Male"))
    ]
    found = read_published(csv(tmp_path, [titles, *rows]))
    assert (found.kind, found.level, found.table["count"].sum()) == ("census_custom", "authority", 66)
    assert {"age_3_categories", "sex_2_categories"} <= set(found.table)


def qof_sheet(register: str, extra: Sequence[str] = ()) -> Rows:
    places = [
        "Sub ICB Loc ODS code",
        "Sub ICB Loc ONS code",
        "Sub ICB Loc name",
        "PCN ODS code",
        "PCN name",
        "Practice code",
        "Practice name",
    ]
    ages = ["List size ages 17+"] if extra else []
    years = [*[""] * 7, "2020-21", "", "", "2021-22", *[""] * (3 + len(ages)), *(["DM019", "", ""] if extra else [])]
    titles = [
        *places,
        "List size",
        "Register",
        "Prevalence (%)",
        "List size",
        *ages,
        "Register",
        "Prevalence (%)",
        "Year-on-year change",
        *extra,
    ]
    first = [
        "06L",
        "E38000086",
        "Ipswich",
        "U00001",
        "A PCN",
        "D83001",
        "A surgery",
        9000,
        600,
        6.67,
        9100,
        *([7000] if extra else []),
        630,
        6.92,
        0.25,
        *([300, 400, 75.0] if extra else []),
    ]
    second = [
        "06L",
        "E38000086",
        "Ipswich",
        "U00001",
        "A PCN",
        "D83002",
        "New surgery",
        "-",
        "-",
        "-",
        5000,
        *([4000] if extra else []),
        300,
        6.0,
        "-",
        *([100, 200, 50.0] if extra else []),
    ]
    title = [[f"Quality and Outcomes Framework (QOF), 2021-22: {register}"], [], ["Source: NHS England"], []]
    return [
        *title,
        years,
        titles,
        first,
        second,
        [],
        ["1. '-' is a practice without a list in that year"],
        ["Copyright: NHS England"],
    ]


def test_all_sheets_of_registers_are_read_with_their_years_and_indicators(tmp_path: Path) -> None:
    sheets = {
        "Contents": [["Contents"], ["DM"], ["AF"]],
        "DM": qof_sheet("Diabetes", ["Numerator", "Denominator", "Achievement (%)"]),
        "AF": qof_sheet("Atrial fibrillation"),
    }
    found = read_published(workbook(tmp_path, sheets))
    assert (found.kind, found.level) == ("qof", "practice")
    rows = found.table.set_index(["measure", "period", "practice"]).sort_index()
    assert rows.loc[("DM", "2021-22", "D83001"), ["list_size", "register", "prevalence"]].tolist() == [9100, 630, 6.92]
    assert rows.loc[("DM", "2021-22", "D83001"), "list_size_ages_17"] == 7000
    assert rows.loc[("DM", "2020-21", "D83001"), ["list_size", "register"]].tolist() == [9000, 600]
    assert rows.loc[("AF", "2021-22", "D83002"), "register"] == 300
    assert rows.loc[("DM019", "2021-22", "D83002"), ["numerator", "denominator"]].tolist() == [100, 200]
    assert rows.loc[("AF", "2020-21", "D83002"), "register_printed"] == "-"
    assert np.isnan(rows.loc[("AF", "2020-21", "D83002"), "register"])
    assert said(found, "footnote: 1. '-' is a practice")
    assert said(found, "Copyright")


def test_raw_registers_are_counts_of_lists(tmp_path: Path) -> None:
    rows = [
        ["PRACTICE_CODE", "GROUP_CODE", "REGISTER", "PATIENT_LIST_TYPE", "PRACTICE_LIST_SIZE"],
        ["A81001", "DM", 210, "17OV", 3200],
        ["A81001", "AF", 90, "TOTAL", 4100],
    ]
    found = read_published(csv(tmp_path, rows))
    assert found.kind == "qof_prevalence_csv"
    assert found.table["register"].tolist() == [210, 90]


def test_registrations_set_the_unknown_area_and_all_sexes_beside(tmp_path: Path) -> None:
    titles = ["PUBLICATION", "EXTRACT_DATE", "PRACTICE_CODE", "PRACTICE_NAME", "LSOA_CODE", "SEX", "NUMBER_OF_PATIENTS"]
    rows = [
        ["GP_PRAC", "01APR2024", "A81001", "A", area, sex, n]
        for area, sex, n in (
            ("E01012187", "ALL", 9),
            ("E01012187", "FEMALE", 4),
            ("E01012187", "MALE", 5),
            ("W01000003", "MALE", 2),
            ("NO2011", "MALE", 7),
        )
    ]
    found = read_published(csv(tmp_path, [titles, *rows]))
    assert (found.kind, found.level, found.table["patients"].sum()) == ("gp_registrations_lsoa", "lsoa", 11)
    assert found.beside.set_index("why")["patients"].to_dict() == {
        "total of sex": 9,
        "codes of no area that is known": 7,
    }


def test_registrations_by_age_count_a_patient_at_one_kind_of_organisation(tmp_path: Path) -> None:
    titles = [
        "PUBLICATION",
        "EXTRACT_DATE",
        "ORG_TYPE",
        "ORG_CODE",
        "ONS_CODE",
        "POSTCODE",
        "SEX",
        "AGE_GROUP_5",
        "NUMBER_OF_PATIENTS",
    ]
    rows = [
        ["GP", "01APR2024", "GP", code, "", "IP1 1AA", sex, age, n]
        for code in ("D83001", "D83002")
        for sex, age, n in (
            ("ALL", "ALL", 10),
            ("FEMALE", "0_4", 4),
            ("FEMALE", "95+", 2),
            ("MALE", "0_4", 3),
            ("MALE", "95+", 1),
        )
    ]
    rows += [["GP", "01APR2024", "ICB", "QJG", "E54000023", "", "ALL", "ALL", 20]]
    found = read_published(csv(tmp_path, [titles, *rows]))
    assert (found.kind, found.level, found.table["patients"].sum()) == ("gp_registrations_age", "practice", 20)
    assert set(found.table["age"]) == {"0_4", "95+"}
    assert "organisation ICB" in set(found.beside["why"])


FINGERTIPS = [
    "Indicator ID",
    "Indicator Name",
    "Parent Code",
    "Parent Name",
    "Area Code",
    "Area Name",
    "Area Type",
    "Sex",
    "Age",
    "Category Type",
    "Category",
    "Time period",
    "Value",
    "Lower CI 95.0 limit",
    "Upper CI 95.0 limit",
    "Lower CI 99.8 limit",
    "Upper CI 99.8 limit",
    "Count",
    "Denominator",
    "Value note",
    "Recent Trend",
]


def fingertips_row(
    area: str,
    value: float | str,
    half: float = 0.1,
    *,
    sex: str = "Persons",
    category: tuple[str, str] = ("", ""),
    note: str = "",
    indicator: int = 1,
    level: str = "Districts & UAs",
) -> list[object]:
    ends = (
        ["", "", "", ""]
        if value == ""
        else [float(value) * np.exp(s * k * half) for k in (1.0, norm.ppf(0.999) / norm.ppf(0.975)) for s in (-1, 1)]
    )
    return [
        indicator,
        f"Indicator {indicator}",
        "E92000001",
        "England",
        area,
        area,
        level,
        sex,
        "All ages",
        *category,
        "2022",
        value,
        *ends,
        "",
        "",
        note,
        "",
    ]


def test_fingertips_gives_known_standard_errors_on_their_scale_and_keeps_levels_apart(tmp_path: Path) -> None:
    z = norm.ppf(0.975)
    rows = [
        FINGERTIPS,
        fingertips_row("E92000001", 300, 0.01, level="England"),
        fingertips_row("E92000001", 400, 0.02, level="England", category=("IMD2019 deciles", "Most deprived decile")),
        fingertips_row("E07000202", 320),
        fingertips_row("E07000202", 340, sex="Male"),
        fingertips_row("E07000202", 300, sex="Female"),
        fingertips_row("E07000203", 250, 0.2),
        fingertips_row("E07000204", "", note="Value suppressed for disclosure control due to small count"),
    ]
    found = read_published(csv(tmp_path, rows))
    assert (found.kind, found.level) == ("fingertips", "authority")
    table = found.table.set_index(["area", "sex"])
    assert set(table["scale"].dropna()) == {"log"}
    assert table.loc[("E07000203", "Persons"), "standard_error"] == pytest.approx(0.2 / z)
    assert table.loc[("E07000203", "Persons"), "estimate"] == pytest.approx(np.log(250))
    assert np.isnan(table.loc[("E07000204", "Persons"), "value"])
    assert set(found.beside["why"]) == {"total of sex", "level nation", "category_type IMD2019 deciles"}
    assert said(found, "value_note, 1 row: Value suppressed for disclosure control")
    assert said(found, "limits of 95.0%")


def test_what_fingertips_withholds_is_unknown_even_where_a_zero_is_printed(tmp_path: Path) -> None:
    rows = [FINGERTIPS, *(fingertips_row(f"E0700020{k}", 300 + k) for k in range(5))]
    rows.append(fingertips_row("E07000207", 0, note="Value suppressed for disclosure control due to small count"))
    rows.append(fingertips_row("E07000208", 0, note="Aggregated from all known lower geography values"))
    found = read_published(csv(tmp_path, rows))
    table = found.table.set_index("area")
    assert np.isnan(table.loc["E07000207", "value"])
    assert np.isnan(table.loc["E07000207", "standard_error"])
    assert table.loc["E07000208", "value"] == 0
    assert said(found, "in 1 row that the publisher withheld a number stood all the same: it is unknown, and no zero")


def test_limits_of_percentages_are_those_of_log_odds(tmp_path: Path) -> None:
    logit, half = np.array([-3.0, -2.5, -2.0]), 0.3
    rows = [
        FINGERTIPS,
        *(
            [
                2,
                "Share",
                "",
                "",
                f"E0700020{k}",
                "",
                "Districts & UAs",
                "Persons",
                "All ages",
                "",
                "",
                "2022",
                *(100 / (1 + np.exp(-(x + d))) for d in (0, -half, half)),
                "",
                "",
                "",
                "",
                "",
                "",
            ]
            for k, x in enumerate(logit)
        ),
    ]
    found = read_published(csv(tmp_path, rows)).table
    assert set(found["scale"]) == {"logit_percent"}
    assert found["estimate"].to_numpy() == pytest.approx(logit)
    assert found["standard_error"].to_numpy() == pytest.approx(half / norm.ppf(0.975))


def test_mid_year_estimates_by_sex_and_age_are_unfolded(tmp_path: Path) -> None:
    titles = [
        "LAD 2023 Code",
        "LAD 2023 Name",
        "LSOA 2021 Code",
        "LSOA 2021 Name",
        "Total",
        "F0",
        "F1",
        "F90",
        "M0",
        "M1",
        "M90",
    ]
    note = [["Mid-2022 population estimates"], ["Crown copyright"], []]
    row = ["E06000001", "Hartlepool", "E01011949", "Hartlepool 009A", 21, 1, 2, 3, 4, 5, 6]
    sheets = {
        "Notes": [["About"]],
        "Mid-2022 LSOA 2021": [*note, titles, row],
        "Mid-2021 LSOA 2021": [*note, titles, row],
    }
    found = read_published(workbook(tmp_path, sheets))
    assert (found.kind, found.level) == ("mid_year_sex_age", "lsoa")
    of = found.table[found.table["period"] == "2022"].set_index(["sex", "age"])["residents"]
    assert of.to_dict() == {
        (s, a): n
        for (s, a), n in zip([(s, a) for s in ("female", "male") for a in ("0", "1", "90")], range(1, 7), strict=True)
    }


def test_mid_year_estimates_of_nations_and_authorities_in_one_sheet_are_told_apart(tmp_path: Path) -> None:
    ages = [str(age) for age in range(90)] + ["90+"]
    rows = [["Mid-2023"], [], ["Code", "Name", "Geography", "All ages", *ages]]
    rows += [
        [code, code, kind, 91 * k, *[k] * 91]
        for code, kind, k in (
            ("K02000001", "Country", 6),
            ("E92000001", "Country", 5),
            ("E10000029", "County", 3),
            ("E07000202", "Non-metropolitan District", 1),
            ("E07000203", "Non-metropolitan District", 2),
        )
    ]
    found = read_published(workbook(tmp_path, {"MYE2 - Persons": rows}))
    assert (found.level, found.table["residents"].sum()) == ("authority", 91 * 3)
    assert {"level nation", "level upper_authority"} == set(found.beside["why"])
    county = read_published(tmp_path / "file.xlsx", choose={"level": "upper_authority"})
    assert county.table["residents"].sum() == 91 * 3
    with pytest.raises(SchemaError, match=r"No row has level 'ward'; there are 'authority'"):
        read_published(tmp_path / "file.xlsx", choose={"level": "ward"})


def test_appointments_say_that_they_are_no_patients(tmp_path: Path) -> None:
    titles = [
        "APPOINTMENT_MONTH_START_DATE",
        "GP_CODE",
        "GP_NAME",
        "SUPPLIER",
        "PCN_CODE",
        "PCN_NAME",
        "SUB_ICB_LOCATION_CODE",
        "SUB_ICB_LOCATION_NAME",
        "HCP_TYPE",
        "APPT_MODE",
        "NATIONAL_CATEGORY",
        "TIME_BETWEEN_BOOK_AND_APPT",
        "COUNT_OF_APPOINTMENTS",
        "APPT_STATUS",
    ]
    rows = [
        ["01DEC2023", "D83001", "A", "TPP", "U1", "P", "06L", "I", "GP", "Telephone", "General", "Same Day", n, s]
        for n, s in ((90, "Attended"), (7, "DNA"), ("-", "Unknown"))
    ]
    found = read_published(csv(tmp_path, [titles, *rows]))
    assert (found.kind, found.level) == ("gp_appointments", "practice")
    assert found.table.set_index("status")["appointments"].fillna(-1).to_dict() == {
        "Attended": 90,
        "DNA": 7,
        "Unknown": -1,
    }
    assert said(found, "appointments are counted, not patients")
    assert said(found, "'-', which says nothing")


RTT = [
    "Period",
    "Provider Parent Org Code",
    "Provider Org Code",
    "Provider Org Name",
    "Commissioner Org Code",
    "RTT Part Type",
    "RTT Part Description",
    "Treatment Function Code",
    "Treatment Function Name",
    "Gt 00 To 01 Weeks SUM 1",
    "Gt 01 To 02 Weeks SUM 1",
    "Gt 104 Weeks SUM 1",
    "Total",
    "Patients with unknown clock start date",
    "Total All",
]


def test_waiting_times_leave_totals_beside_and_blank_weeks_without_a_row(tmp_path: Path) -> None:
    def row(part: str, specialty: str, *weeks: object) -> list[object]:
        return ["RTT-April-2024", "QJG", "RGR", "West Suffolk", "06L", part, part, specialty, specialty, *weeks]

    rows = [
        ["RTT extract"],
        [],
        RTT,
        row("Part_2", "C_100", 5, "", 1, 6, "", 6),
        row("Part_2", "C_999", 5, 2, 1, 8, "", 8),
        row("Part_2", "C_110", "", 2, "", 2, "", 2),
        row("Part_1A", "C_100", 3, "", "", 3, "", 3),
    ]
    found = read_published(csv(tmp_path, rows))
    assert found.kind == "rtt"
    assert found.table.groupby("weeks")["patients"].sum().to_dict() == {"00": 5, "01": 2, "104": 1}
    assert set(found.beside["why"]) == {"part Part_1A", "total of specialty"}
    assert said(found, "cells are blank and have no row")
    assert not said(found, "do not add up")
    wrong = read_published(csv(tmp_path, [RTT, row("Part_2", "C_100", 5, "", 1, 7, "", 7)]))
    assert said(wrong, "in 1 of 1 rows the cells do not add up to 'Total'")
    # The total of incomplete pathways is blank in some months: that of all patients stands for it.
    blank = [row("Part_2", "C_100", 5, "", 1, "", "", 6), row("Part_2", "C_110", 5, "", 1, "", "", 9)]
    found = read_published(csv(tmp_path, [RTT, *blank, row("Part_3", "C_100", "", "", "", "", "", 44)]))
    assert said(found, "in 1 of 3 rows the cells do not add up to 'Total' or 'Total All'")
    assert said(found, "of 1 row of the file all cells are blank: not in the table")
    assert said(read_published(csv(tmp_path, [RTT, row("Part_2", "C_1", 5, "", 1, "", "", "")])), "no total says")


def test_a_dash_of_waiting_times_is_no_zero(tmp_path: Path) -> None:
    titles = [
        "Region Code",
        "Provider Code",
        "Provider Name",
        "Treatment Function Code",
        "Treatment Function",
        "Total number of incomplete pathways",
        "Total within 18 weeks",
        "% within 18 weeks",
        "Average (median) waiting time (in weeks)",
    ]
    rows = [
        ["Title:", "Incomplete pathways"],
        ["Period:", "April 2024"],
        [],
        titles,
        ["Y61", "RGR", "West Suffolk", "C_100", "General Surgery", 400, 300, 0.75, 11.5],
        ["Y61", "RGR", "West Suffolk", "C_300", "Medicine", 12, 9, 0.75, "-"],
    ]
    found = read_published(workbook(tmp_path, {"Provider": rows}))
    assert found.kind == "rtt_workbook"
    assert np.isnan(found.table["median_weeks"].iloc[1])
    assert found.table["median_weeks_printed"].iloc[1] == "-"
    assert said(found, "it is no zero")


def test_mental_health_statistics_are_one_breakdown_with_intervals(tmp_path: Path) -> None:
    titles = [
        "REPORTING_PERIOD_START",
        "REPORTING_PERIOD_END",
        "STATUS",
        "BREAKDOWN",
        "PRIMARY_LEVEL",
        "PRIMARY_LEVEL_DESCRIPTION",
        "SECONDARY_LEVEL",
        "SECONDARY_LEVEL_DESCRIPTION",
        "MEASURE_ID",
        "MEASURE_NAME",
        "MEASURE_VALUE",
    ]
    rows = [
        ["2024-01-01", "2024-01-31", "Final", *r, "MHS01", "People in contact", v]
        for r, v in (
            (("England", "England", "England", "NONE", "NONE"), 1234567),
            (("Provider", "RRE", "A", "NONE", "NONE"), 25),
            (("Provider", "RT1", "B", "NONE", "NONE"), "*"),
            (("Provider", "G6V2S", "C", "NONE", "NONE"), 40),
        )
    ]
    found = read_published(csv(tmp_path, [titles, *rows]))
    ends = found.table.set_index("area")[["count_lower", "count_upper"]]
    assert ends.loc["RT1"].tolist() == [0, 4]
    assert ends.loc["RRE"].tolist() == [23, 27]
    assert found.beside["why"].tolist() == ["breakdown England"]
    assert said(found, "--choose breakdown=..., of 'England'")


def test_the_end_that_is_most_deprived_is_stated_for_each_nation(tmp_path: Path) -> None:
    simd = csv(
        tmp_path,
        [
            [
                "DZ",
                "DZname",
                "SIMD2020v2_Rank",
                "SIMD2020v2_Vigintile",
                "SIMD2020v2_Decile",
                "SIMD2020v2_Quintile",
                "SIMD2020v2_Income_Domain_Rank",
            ],
            ["S01006506", "Culter", 4691, 14, 7, 4, 4440],
            ["S01006507", "Culter 2", 4862, 14, 7, 4, 4525],
        ],
        "simd.csv",
    )
    found = read_published(simd)
    assert (found.kind, found.level, found.nation, found.vintage) == ("simd", "data_zone", "Scotland", "2011")
    assert meaning(found, "decile")["most_deprived"] == "lowest"
    assert found.table.set_index(["area", "domain"])["rank"].to_dict()[("S01006507", "income")] == 4525
    svi = csv(
        tmp_path,
        [
            ["ST_ABBR", "COUNTY", "FIPS", "LOCATION", "E_TOTPOP", "M_TOTPOP", "RPL_THEME1", "RPL_THEMES"],
            ["AL", "Autauga", "01001", "Autauga County", 58761, 0, 0.39, 0.47],
            ["AL", "Baldwin", "01003", "Baldwin County", 233420, 0, -999, -999],
        ],
        "svi.csv",
    )
    found = read_published(svi)
    assert (found.kind, found.level, found.nation) == ("svi", "county", "United States")
    assert meaning(found, "rpl")["most_deprived"] == "highest"
    assert found.table["area"].tolist() == ["01001", "01001"]
    assert found.table.set_index("domain")["rpl"].to_dict() == {"theme1": 0.39, "imd": 0.47}
    assert not (found.table["rpl"] < 0).any()


def open_document(folder: Path, sheets: dict[str, Rows]) -> Path:
    def cell(value: object) -> str:
        kind = (
            f'office:value-type="float" office:value="{value}"'
            if isinstance(value, int | float)
            else 'office:value-type="string"'
        )
        return (
            f"<table:table-cell {kind}><text:p>{value}</text:p></table:table-cell>"
            if value != ""
            else "<table:table-cell/>"
        )

    empty = '<table:table-cell table:number-columns-repeated="16384"/>'
    edge = f'<table:table-row table:number-rows-repeated="1048000">{empty}</table:table-row>'
    tables = "".join(
        f'<table:table table:name="{name}">'
        + "".join(f"<table:table-row>{''.join(map(cell, row))}</table:table-row>" for row in rows)
        + edge
        + "</table:table>"
        for name, rows in sheets.items()
    )
    spaces = " ".join(
        f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"' for name in ("office", "table", "text")
    )
    with zipfile.ZipFile(folder / "file.ods", "w") as file:
        file.writestr(
            "content.xml",
            f"<office:document-content {spaces}><office:body>{tables}</office:body></office:document-content>",
        )
    return folder / "file.ods"


def test_the_welsh_index_is_an_open_document_and_its_scores_run_the_other_way(tmp_path: Path) -> None:
    ranks = [
        ["WIMD 2019: ranks"],
        [
            "LSOA code",
            "LSOA name (Eng)",
            "Local Authority name (Eng)",
            "WIMD 2019 overall rank",
            "WIMD 2019 overall decile",
        ],
        ["W01000001", "Aberffraw", "Anglesey", 885, 5],
        ["W01000002", "Amlwch", "Anglesey", 1324, 7],
    ]
    found = read_published(open_document(tmp_path, {"Deciles_quintiles_quartiles": ranks}))
    assert (found.kind, found.level, found.nation) == ("wimd_deciles", "lsoa", "Wales")
    assert found.table["decile"].tolist() == [5, 7]
    assert meaning(found, "rank")["most_deprived"] == "lowest"
    titles = ["LSOA code", "LSOA name (Eng)", "Local Authority name (Eng)", "WIMD 2019", "Income", "Employment"]
    scores = read_published(
        open_document(tmp_path, {"Data": [["WIMD 2019: scores"], titles, ["W01000001", "A", "B", 21.3, 19.1, 14.2]]})
    )
    assert scores.kind == "wimd_scores"
    assert meaning(scores, "score")["most_deprived"] == "highest"
    domains = read_published(
        open_document(tmp_path, {"WIMD_2019_ranks": [titles, ["W01000001", "A", "B", 885, 1001, 1100]]})
    )
    assert domains.kind == "wimd_ranks"
    assert domains.table.set_index("domain")["rank"].to_dict() == {"imd": 885, "income": 1001, "employment": 1100}


def test_the_measure_of_northern_ireland_has_titles_of_two_lines(tmp_path: Path) -> None:
    titles = [
        "LGD2014NAME",
        "SOA2001",
        "SOA2001_name",
        "Multiple Deprivation Measure Rank \n(where 1 is most deprived)",
        "Income Domain Rank \n(where 1 is most deprived)",
    ]
    found = read_published(
        workbook(tmp_path, {"Metadata": [["About"]], "MDM": [titles, ["Antrim", "95AA01S1", "Aldergrove_1", 510, 600]]})
    )
    assert (found.kind, found.level, found.nation) == ("nimdm", "super_output_area", "Northern Ireland")
    assert found.table.set_index("domain")["rank"].to_dict() == {"imd": 510, "income": 600}


def test_the_measure_of_northern_ireland_as_open_data_has_short_titles(tmp_path: Path) -> None:
    titles = ["LGD2014code", "SOA2001", "SOA2001_name", "MDM_rank", "D1_Income_rank", "D3_Health_rank"]
    found = read_published(csv(tmp_path, [titles, ["N09000001", "95AA01S1", "Aldergrove_1", 510, 600, 70]]))
    assert (found.kind, found.level) == ("nimdm", "super_output_area")
    assert found.table.set_index("domain")["rank"].to_dict() == {"imd": 510, "income": 600, "health": 70}


@pytest.mark.parametrize(("turned", "asked"), [(False, False), (True, True)])
def test_deciles_that_run_against_ranks_are_asked_about(tmp_path: Path, turned: bool, asked: bool) -> None:
    titles = ["DZ", "DZname", "SIMD2020v2_Rank", "SIMD2020v2_Decile"]
    rows = [[f"S0100650{i}", "Culter", 700 * i + 50, 10 - i if turned else i + 1] for i in range(8)]
    found = read_published(csv(tmp_path, [titles, *rows]))
    assert said(found, "'decile' runs against 'rank'") == asked


def test_the_scottish_index_with_its_indicators_is_an_index(tmp_path: Path) -> None:
    titles = ["Data_Zone", "Intermediate_Zone", "Council_area", "Total_population", "SIMD2020v2_Rank",
              "SIMD_2020v2_Percentile", "SIMD2020v2_Decile", "SIMD2020v2_Income_Domain_Rank",
              "SIMD2020_Employment_Domain_Rank", "income_rate", "employment_rate", "crime_count"]  # fmt: skip
    rows = [["S01006506", "Culter", "Aberdeen City", 894, 4691, 68, 7, 4440, 4000, "8%", "8%", "*"]]
    found = read_published(csv(tmp_path, [titles, *rows]))
    assert found.kind == "simd"
    ranks = found.table.set_index("domain")["rank"].dropna().to_dict()
    assert ranks == {"imd": 4691, "income": 4440, "employment": 4000}
    indicators = [title for title in titles if not title.startswith("SIMD")]
    again = csv(
        tmp_path, [indicators, [cell for cell, title in zip(rows[0], titles, strict=True) if title in indicators]]
    )
    assert read_published(again).kind == "simd_indicators"


def test_mental_health_statistics_of_restraint_have_four_levels(tmp_path: Path) -> None:
    titles = ["REPORTING_PERIOD_START", "REPORTING_PERIOD_END", "STATUS", "BREAKDOWN", "PRIMARY_LEVEL",
              "PRIMARY_LEVEL_DESCRIPTION", "SECONDARY_LEVEL", "SECONDARY_LEVEL_DESCRIPTION", "TERTIARY_LEVEL",
              "TERTIARY_LEVEL_DESCRIPTION", "QUARTERNARY_LEVEL", "QUARTERNARY_LEVEL_DESCRIPTION", "METRIC",
              "METRIC_VALUE"]  # fmt: skip
    start = ["2019-08-01", "2019-08-31", "Final", "Provider; Age"]
    rows = [[*start, provider, "A", "18-24", "18-24", "NONE", "NONE", "NONE", "NONE", "MHS76", value]
            for provider, value in (("RRE", 25), ("RT1", "*"))]  # fmt: skip
    found = read_published(csv(tmp_path, [titles, *rows]))
    assert (found.kind, found.level) == ("mhsds", "trust")
    assert found.table.set_index("area")["count_upper"].to_dict() == {"RRE": 27, "RT1": 4}


def test_an_archive_of_one_table_is_read_and_of_several_the_one_that_is_named(tmp_path: Path) -> None:
    titles = [*NOMIS, "Sex: All persons", "Sex: Female", "Sex: Male"]
    path = csv(tmp_path, [titles, [2021, "Here", "E01000001", 15, 8, 7]])
    whole = tmp_path / "census2021-ts008.zip"
    with zipfile.ZipFile(whole, "w") as archive:
        archive.write(path, "in/census2021-ts008-lsoa.csv")
        archive.writestr("__MACOSX/in/._census2021-ts008-lsoa.csv", "litter")
        archive.writestr("readme.txt", "words")
    found = read_published(whole)
    assert found.table["count"].sum() == 15
    assert found.notes[0] == "read from in/census2021-ts008-lsoa.csv in the archive"
    with zipfile.ZipFile(whole, "a") as archive:
        archive.write(path, "../census2021-ts008-msoa.csv")
    with pytest.raises(SchemaError, match=r"holds 2 tables: in/census2021-ts008-lsoa\.csv.*Name the one: --sheet in/"):
        read_published(whole)
    assert read_published(whole, sheet="census2021-ts008-msoa.csv").table["count"].sum() == 15
    assert not (tmp_path.parent / "census2021-ts008-msoa.csv").exists()
    with pytest.raises(SchemaError, match=r"holds no 'oa\.csv'"):
        read_published(whole, sheet="oa.csv")
    whole.write_bytes(b"PK but no archive")
    with pytest.raises(SchemaError, match="is no zip archive that can be unpacked"):
        read_published(whole)


def test_ranks_of_authorities_run_both_ways_in_one_file(tmp_path: Path) -> None:
    place = ["Local Authority District code (2019)", "Local Authority District name (2019)"]
    sheets = {
        "Notes": [["Notes"]],
        "IMD": [
            [*place, "IMD - Average rank ", "IMD - Rank of average rank ", "IMD - Average score "],
            ["E06000009", "Blackpool", 24000.5, 1, 45.0],
            ["E07000202", "Ipswich", 18000.1, 100, 22.1],
        ],
        "Income": [
            [*place, "Income - Average rank", "Income - Rank of average rank", "Income - Average score"],
            ["E06000009", "Blackpool", 23000.0, 2, 0.2],
            ["E07000202", "Ipswich", 17000.0, 90, 0.1],
        ],
    }
    found = read_published(workbook(tmp_path, sheets))
    assert (found.kind, found.level) == ("iod_authority", "authority")
    assert {
        name: meaning(found, name)["most_deprived"]
        for name in ("average_rank", "rank_of_average_rank", "average_score")
    } == {"average_rank": "highest", "rank_of_average_rank": "lowest", "average_score": "highest"}
    assert found.table.set_index(["domain", "area"])["average_score"].to_dict()[("income", "E07000202")] == 0.1


def test_estimates_of_places_are_crude_or_adjusted_not_both(tmp_path: Path) -> None:
    titles = [
        "Year",
        "StateAbbr",
        "StateDesc",
        "LocationName",
        "Measure",
        "Data_Value_Unit",
        "Data_Value_Type",
        "Data_Value",
        "Data_Value_Footnote",
        "Low_Confidence_Limit",
        "High_Confidence_Limit",
        "TotalPopulation",
        "LocationID",
        "MeasureId",
        "DataValueTypeID",
    ]
    rows = [
        [
            2022,
            "AL",
            "Alabama",
            name,
            "Diabetes among adults",
            "%",
            kind,
            v,
            "",
            v - 1.0,
            v + 1.0,
            58000,
            fips,
            "DIABETES",
            "X",
        ]
        for fips, name, v in (("01001", "Autauga", 12.9), ("01003", "Baldwin", 10.0))
        for kind in ("Crude prevalence", "Age-adjusted prevalence")
    ]
    found = read_published(csv(tmp_path, [titles, *rows]), choose={"estimate_type": "Crude prevalence"})
    assert (found.kind, found.level) == ("places", "county")
    assert found.table["area"].tolist() == ["01001", "01003"]
    assert found.table["standard_error"].to_numpy() == pytest.approx(1.0 / norm.ppf(0.975))
    assert set(found.table["scale"]) == {"linear"}
    assert said(found, "modelled from a survey")


def test_columns_of_a_look_up_are_told_by_their_codes(tmp_path: Path) -> None:
    found = read_published(
        csv(tmp_path, [["LSOA21CD", "LSOA21NM", "SICBL24CDH", "ICB24CD"], ["E01033769", "Here", "06L", "E54000023"]])
    )
    assert found.kind == "lookup"
    assert meaning(found, "LSOA21CD")["means"] == "code of the LSOA (England), 2021"
    assert meaning(found, "ICB24CD")["means"] == "code of the integrated care board (England)"


def test_a_postcode_directory_warns_of_ranks_of_nations(tmp_path: Path) -> None:
    rows = [
        ["pcd", "pcd2", "pcds", "dointr", "doterm", "oslaua", "lsoa11", "lsoa21", "imd"],
        ["NG161AA", "NG16 1AA", "NG16 1AA", 198001, "", "E07000172", "E01028111", "E01028111", 12000],
    ]
    found = read_published(csv(tmp_path, rows))
    assert (found.kind, found.level) == ("postcodes", "lsoa")
    assert said(found, "never compare or mix them")
    rows[0] = ["pcd7", "pcd8", "pcds", "dointr", "doterm", "lad25cd", "lsoa11cd", "lsoa21cd", "imd20ind"]
    again = read_published(csv(tmp_path, rows, "later.csv"))
    assert again.table[["postcode", "postcode_7", "area"]].equals(found.table[["postcode", "postcode_7", "area"]])


def test_the_list_of_practices_has_no_titles(tmp_path: Path) -> None:
    """27 fields a row, as the Organisation Data Service gives them: every row is one of the table, the first too."""

    def row(code: str, status: str, setting: int) -> list[object]:
        address = ["THE SURGERY, HIGH STREET", "", "", "TOWN", "", "TS18 1HU"]
        return [code, "SURGERY", "Y63", "QHM", *address[:5], address[5], 19740401, "", status, "B", "16C", 20130401,
                "", "01642 000000", "", "", "", 0, "", "16C", "", setting, ""]  # fmt: skip

    rows = [row("A81001", "A", 4), row("A81002", "C", 4), row("Y00001", "A", 25)]
    found = read_published(csv(tmp_path, rows, "epraccur.csv"))
    assert found.kind == "gp_practices"
    assert found.table[["practice", "status", "setting"]].to_numpy().tolist() == [
        ["A81001", "Active", "GP Practice"], ["A81002", "Closed", "GP Practice"], ["Y00001", "Active", "Prison"],
    ]  # fmt: skip
    assert len(found.beside) == 0
    with pytest.raises(SchemaError, match="is of no kind"):
        read_published(csv(tmp_path, [row("A81001", "A", 4)[:20]], "other.csv"))


def test_students_after_the_levels_of_qualification_are_set_beside(tmp_path: Path) -> None:
    titles = ["All categories: Level", "None", "Level 1", "Other", "Students: 16 to 17", "Students: 18 and over"]
    counts = [(30, 10, 15, 5, 9, 1), (40, 20, 20, 0, 0, 8), (7, 3, 4, 0, 2, 0)]
    rows = [[*NOMIS, *(f"Qualification: {title}" for title in titles)]]
    rows += [[2011, "Place", f"E0100000{k}", *count] for k, count in enumerate(counts, start=1)]
    found = read_published(csv(tmp_path, rows))
    assert found.table.groupby("area")["count"].sum().tolist() == [30, 40, 7]
    assert set(found.table["qualification"]) == {"None", "Level 1", "Other"}
    assert said(found, "counts people of other qualification again, count 20")


def test_an_unknown_file_is_refused_with_the_next_step(tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match=r"of no kind that is known by its titles.*--schema"):
        read_published(csv(tmp_path, [["a", "b"], [1, 2]]))


def test_rows_longer_than_the_header_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "file.csv"
    path.write_text("\n".join(["TS,[from Nomis]", "mnemonic,2021 ward,Total", "E05000001,A,5", "E05000002,B,5,6"]))
    with pytest.raises(SchemaError, match=r"1 rows with more fields than the header of row 2, such as row 4"):
        read_published(path)


@pytest.mark.parametrize("kind", file_kinds(), ids=lambda kind: kind.kind)
def test_a_kind_states_what_its_columns_mean_and_what_to_do_next(kind) -> None:
    assert kind.next
    assert all(column.means for column in kind.columns)
    assert all(name in {column.name for column in kind.columns} for name in kind.choose)
    deprived = [
        c
        for c in (*kind.columns, *(kind.wide.columns.values() if kind.wide else ()))
        if c.name in ("rank", "decile", "score", "rpl")
    ]
    assert all(column.most_deprived for column in deprived), "which end is the most deprived is stated"


def test_words_name_the_file_its_columns_and_the_next_command(tmp_path: Path) -> None:
    path = csv(
        tmp_path, [[*NOMIS, "Sex: All persons", "Sex: Female", "Sex: Male"], [2021, "Here", "E01000001", 15, 8, 7]]
    )
    lines = words_of(read_published(path), path)
    assert lines[0].startswith(f"{path}: Census table in bulk")
    assert lines[1] == "2 rows of lsoa level (England); 1 more beside it"
    assert f"bayesineq check {path} --csv tidy.csv" in lines[-1]


def simd(folder: Path, areas: int = 20) -> Path:
    rows = [[f"S0100{6506 + k}", k + 1, 1 + k * 10 // areas, areas - k] for k in range(areas)]
    return csv(
        folder, [["DZ", "SIMD2020v2_Rank", "SIMD2020v2_Decile", "SIMD2020v2_Income_Domain_Rank"], *rows], "simd.csv"
    )


def test_the_most_deprived_tenth_is_decile_1_whichever_end_the_file_has(tmp_path: Path) -> None:
    scotland = read_deprivation(simd(tmp_path))
    assert scotland.columns.tolist()[:3] == ["area", "imd_rank", "imd_decile"]
    assert scotland["imd_decile"].tolist() == [1 + k * 10 // 20 for k in range(20)]
    assert scotland["income_decile"].tolist() == scotland["imd_decile"].tolist()[::-1]
    rows = [[f"01{k:03}", f"County {k}", 1000, k / 19] for k in range(20)]
    states = read_deprivation(csv(tmp_path, [["FIPS", "LOCATION", "E_TOTPOP", "RPL_THEMES"], *rows], "svi.csv"))
    assert states["imd_decile"].tolist() == [10 - k // 2 for k in range(20)]
    assert states["imd_rank"].tolist() == list(range(20, 0, -1))
    titles = ["LSOA code", "LSOA name (Eng)", "Local Authority name (Eng)", "WIMD 2019", "Income", "Employment"]
    ranks = [[f"W010000{k:02}", "A", "B", k, k, k] for k in range(1, 21)]
    assert read_deprivation(open_document(tmp_path, {"Ranks": [titles, *ranks]}))["imd_decile"].tolist() == [
        1 + k // 2 for k in range(20)
    ]


def test_an_extract_has_no_deciles_of_its_own(tmp_path: Path) -> None:
    titles = ["LSOA code", "LSOA name (Eng)", "Local Authority name (Eng)", "WIMD 2019", "Income", "Employment"]
    path = open_document(tmp_path, {"Ranks": [titles, ["W01000001", "A", "B", 885, 2, 3]]})
    with pytest.raises(SchemaError, match=r"holds 1 areas, with ranks up to 885"):
        read_deprivation(path)
    with pytest.raises(SchemaError, match="an extract has none of its own"):
        read_deprivation(path, complete=False)


@pytest.mark.parametrize("areas", range(1_000, 1_010))
@pytest.mark.parametrize("q", [4, 5, 10])
def test_groups_of_areas_follow_the_rule_of_the_publisher(areas: int, q: int) -> None:
    """floor((q + 1) - ceil((n + 1 - rank) / (n / q))), at least 1, in fractions without rounding."""
    rank = np.random.default_rng(areas).permutation(areas) + 1
    expected = [max(math.floor(q + 1 - math.ceil(Fraction((areas + 1 - int(r)) * q, areas))), 1) for r in rank]
    assert quantile_groups(rank, q).tolist() == expected
