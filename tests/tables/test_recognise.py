"""What a column holds is told by its content, and by its title where the content could be several things."""

from __future__ import annotations

import pandas as pd
import pytest

from bayesineq.tables.recognise import recognise


def of(title: str, *values: str):
    return recognise(pd.DataFrame({title: values}))[0]


@pytest.mark.parametrize(
    ("title", "values", "role"),
    [
        ("x", ("E01000001", "W01000002", "E01000003"), "area"),
        ("x", ("W01000001", "W01000002"), "area"),
        ("DZ", ("S01006506", "S01006507"), "area"),
        ("gp", ("A81001", "Y02045"), "area"),
        ("FIPS", ("06037", "06039"), "area"),
        ("tract", ("36061000100", "36061000200"), "area"),
        ("Ward", ("Abbey", "Castle"), "area"),
        ("cost", ("06037", "16039"), "number"),
        ("Residents", ("1999", "2010"), "number"),
        ("Gender", ("1", "2"), "sex"),
        ("group", ("1", "2"), "number"),
        ("who", ("Males", "Females"), "sex"),
        ("Ethnic cat", ("A", "H", "Z"), "ethnicity"),
        ("grp", ("White", "Black or Black British", "Asian or Asian British"), "ethnicity"),
        ("agegrp", ("65-69", "85+"), "age_band"),
        ("Age", ("0", "17", "85"), "age_band"),
        ("Yr", ("2022", "2023"), "year"),
        ("FY", ("2022/23", "2023/24"), "year"),
        ("IMD", ("1", "5", "10"), "imd_decile"),
        ("IMD quintile", ("1", "5"), "imd_quintile"),
        ("IMD score", ("12.1", "45.2"), "deprivation_score"),
        ("IMD rank", ("1200", "32000"), "deprivation_rank"),
        ("NHS number", ("9434765919", "9434765870"), "person"),
        ("controlled", ("Y", "N"), "yes_no"),
        ("cases", ("12", "<8", "*"), "number"),
        ("notes", ("see above", "hello"), ""),
    ],
)
def test_roles(title: str, values: tuple[str, ...], role: str) -> None:
    assert of(title, *values).role == role


@pytest.mark.parametrize(
    ("title", "values", "most", "read"),
    [
        ("dep", ("Most deprived 10%", "10-20%", "Least deprived 10%"), "lowest", [1, 2, 10]),
        ("Quintile", ("1 - most deprived", "2", "5 - least deprived"), "lowest", [1, 2, 5]),
        ("Quintile", ("5 (most deprived)", "2", "1"), "highest", [5, 2, 1]),
        ("Decile (where 1 is most deprived)", ("1", "10"), "lowest", [1, 10]),
        ("Decile (10 = most deprived)", ("1", "10"), "highest", [1, 10]),
        ("IMD decile", ("1", "10"), "", [1, 10]),
    ],
)
def test_the_end_of_deprivation_is_taken_from_what_is_said_and_from_nothing_else(title, values, most, read) -> None:
    found = of(title, *values)
    assert found.most == most
    assert [found.values.get(value, int(value) if value.isdigit() else None) for value in values] == read


def test_signs_in_place_of_counts_are_told() -> None:
    found = of("n", "1,200", "*", "<8", "3")
    assert (found.signs, found.whole) == (("*", "<8"), True)
