"""Geographies are told by the form of their codes, and codes of several years are not mixed."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from bayesineq.shipped import folder
from bayesineq.tables.geographies import geographies, geography

EXAMPLES = pd.read_csv(folder("data_schema") / "geographies.csv", dtype=str, keep_default_na=False)


@pytest.mark.parametrize(("level", "example"), EXAMPLES[["level", "example"]].to_numpy().tolist())
def test_the_example_of_a_geography_is_told_as_it(level: str, example: str) -> None:
    assert geography([example]).level == level


def test_every_known_geography_has_its_name() -> None:
    assert {known.name for known in geographies()} == set(EXAMPLES["name"])


@pytest.mark.parametrize(
    ("path", "column", "level"),
    [
        ("lookups/lsoa21_ward24_lad24.parquet", "ward24_code", "ward"),
        ("lookups/lsoa21_ward24_lad24.parquet", "ltla24_code", "authority"),
        ("lookups/lsoa21_sicbl24_icb24.parquet", "icb24_code", "board"),
        ("lookups/lsoa21_sicbl24_icb24.parquet", "icb24_code_nhs", "board"),
        ("lookups/lsoa21_sicbl24_icb24.parquet", "sicbl24_code", "sub_board"),
        ("lookups/lsoa21_sicbl24_icb24.parquet", "sicbl24_code_nhs", "sub_board"),
        ("lookups/lsoa11_msoa11.parquet", "msoa11_code", "msoa"),
    ],
)
def test_published_codes_are_all_of_their_level(shared: Path, path: str, column: str, level: str) -> None:
    codes = pd.read_parquet(shared / "data" / path)[column].dropna().unique()
    found = geography(codes)
    assert found.level == level
    matching = [known for known in geographies() if known.level == level]
    assert (
        pd.Series(codes).map(lambda code: any(pd.Series([code]).str.fullmatch(k.pattern).all() for k in matching)).all()
    )


@pytest.mark.parametrize(
    ("path", "column", "year", "kinds"),
    [
        ("lsoa11_lsoa21_lad22", "ltla22_code", 2022, "E06 E07 E08 E09"),
        ("lsoa21_ward24_lad24", "ltla24_code", 2024, "E06 E07 E08 E09"),
        ("lsoa11_sicbl22_icb22_lad22", "sicbl22_code", 2022, "E38"),
        ("lsoa21_sicbl24_icb24", "sicbl24_code", 2024, "E38"),
    ],
)
def test_codes_stand_in_the_years_in_which_the_ons_published_them(
    shared: Path, path: str, column: str, year: int, kinds: str
) -> None:
    published = set(pd.read_parquet(shared / f"data/lookups/{path}.parquet")[column])
    years = pd.read_csv(folder("data_schema") / "codes" / "code_years.csv", dtype={"code": str}).set_index("code")
    held = (years["first"].fillna(0) <= year) & (year <= years["last"].fillna(9999))
    of_kind = years.index.str[:3].isin(kinds.split())
    assert set(years.index[held & of_kind]) <= published
    assert not set(years.index[~held & of_kind]) & published


@pytest.mark.parametrize("path", sorted(folder("data_schema").glob("*.json")), ids=lambda path: path.stem)
def test_every_table_of_areas_takes_every_geography(path: Path) -> None:
    """But that of registrations, which is published by LSOA, or small area of the other nations, alone."""
    areas = [field for field in json.loads(path.read_text()).get("fields", []) if field.get("bayesineq:areas")]
    codes = pd.read_csv(folder("data_schema") / "geographies.csv", dtype=str)["example"]
    for field in areas:
        pattern = field.get("constraints", {}).get("pattern", ".+")
        assert codes.str.fullmatch(pattern).all(), field["name"]
