"""Practices and areas of England by plain means over registrations: the figures of the analysis that it follows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bayesineq.errors import SchemaError
from bayesineq.measures.association import correlation
from bayesineq.measures.limits import rank_correlation_limits
from bayesineq.practices.summaries import area_summary, practice_summary
from bayesineq.tables.deprivation import read_deprivation
from bayesineq.tables.publishers.read import Published, read_published
from bayesineq.tables.quantiles import quintiles_from_deciles


@pytest.fixture(scope="module")
def registrations(shared: Path) -> Published:
    return read_published(shared / "data/practice/gp_reg_pat_prac_lsoa11_2022_07.parquet")


@pytest.fixture(scope="module")
def registers(shared: Path) -> pd.DataFrame:
    return read_published(shared / "data/practice/qof_2021_22_practice_prevalence.parquet").table


@pytest.fixture(scope="module")
def deprivation(shared: Path) -> pd.DataFrame:
    return read_deprivation(shared / "data/imd/File_7_IoD2019_reassembled.csv.gz")


@pytest.fixture(scope="module")
def england(registrations: Published) -> pd.DataFrame:
    return registrations.table[registrations.table["area"].str.startswith("E")]


def test_every_registration_and_patient_is_accounted_for(registrations: Published, registers: pd.DataFrame) -> None:
    assert len(registrations.table) + len(registrations.beside) == 865_965
    assert registrations.table["patients"].sum() + registrations.beside["patients"].sum() == 61_768_942
    assert registers["practice"].nunique() == 6_470


def test_diabetes_by_quintile_of_areas(
    england: pd.DataFrame, registers: pd.DataFrame, deprivation: pd.DataFrame
) -> None:
    diabetes = registers[registers["measure"] == "DM"].rename(columns={"prevalence": "DM"})
    areas = area_summary(england, diabetes, ["DM"])
    assert len(areas) == 32_844
    quintile = areas["area"].map(deprivation.set_index("area")["imd_decile"])
    found = areas["DM"].groupby(quintiles_from_deciles(quintile)).mean()
    assert found.round(4).tolist() == [0.0831, 0.0771, 0.0731, 0.0697, 0.0647]
    assert areas["covered"].between(0.0, 1.0).all()


@pytest.mark.parametrize(("care", "published", "side"), [("DM020-HbA1c", -0.2568, -1.0), ("DM019-BP", 0.0384, 1.0)])
def test_care_of_diabetes_by_adult_skills_where_patients_live(
    england: pd.DataFrame, registers: pd.DataFrame, deprivation: pd.DataFrame, care: str, published: float, side: float
) -> None:
    skills = practice_summary(england, deprivation, ["adult_skills_score"]).set_index("practice")["adult_skills_score"]
    value = registers.drop_duplicates("practice").set_index("practice")[care]
    both = pd.concat([skills, value], axis=1).dropna()
    assert len(both) == 6_437
    rho = float(correlation(both.iloc[:, 0], both.iloc[:, 1], kind="rank"))
    lower, upper = rank_correlation_limits(rho, len(both))
    assert round(rho, 4) == published
    assert lower < rho < upper
    assert lower * side > 0 or upper * side > 0
    assert upper - lower == pytest.approx(0.048, abs=0.003)


def test_the_share_of_people_who_are_not_white_is_a_share(shared: Path) -> None:
    found = read_published(shared / "data/census2021/census2021-ts021-lsoa.csv.gz")
    white = found.table["ethnic_group"].str.startswith("White")
    people = found.table["count"].groupby(found.table["area"]).sum()
    other = found.table["count"].where(~white, 0).groupby(found.table["area"]).sum()
    assert len(people) == 35_672
    assert (other / people).between(0.0, 1.0).all()
    # The Office for National Statistics gives 81.7% of usual residents of England and Wales as White.
    assert round(other.sum() / people.sum(), 3) == 0.183


def test_patients_of_practices_without_a_value_are_not_counted_in_it() -> None:
    pairs = pd.DataFrame({"practice": ["p", "q", "r"], "area": "a", "patients": [500, 300, 200]})
    found = area_summary(pairs, pd.DataFrame({"practice": ["p", "q"], "DM": [0.1, np.nan]}), ["DM"]).iloc[0]
    assert found.to_dict() == {"area": "a", "patients": 1000, "covered": 0.5, "services": 3, "DM": pytest.approx(0.1)}


def test_what_is_missing_or_twice_is_said_at_once() -> None:
    pairs = pd.DataFrame({"practice": ["p"], "patients": [1]})
    with pytest.raises(SchemaError, match="registrations have no area; the values have no imd_score"):
        practice_summary(pairs, pd.DataFrame({"area": ["a"]}), ["imd_score"])
    twice = pd.DataFrame({"area": ["a", "a"], "x": 1.0})
    with pytest.raises(SchemaError, match="area a stands more than once"):
        practice_summary(pairs.assign(area="a"), twice, ["x"])


def test_limits_of_a_rank_correlation_cover() -> None:
    """Of 2,000 samples of 60 pairs, normal with correlation 0.5, whose rank correlation is 6/pi asin(0.25)."""
    rng, truth = np.random.default_rng(1), 6.0 / np.pi * np.arcsin(0.25)
    first = rng.standard_normal((2000, 60))
    second = 0.5 * first + np.sqrt(0.75) * rng.standard_normal((2000, 60))
    limits = rank_correlation_limits(correlation(first, second, kind="rank"), 60)
    covered = ((limits[:, 0] <= truth) & (truth <= limits[:, 1])).mean()
    assert 0.93 < covered < 0.97
