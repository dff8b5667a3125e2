"""Domains of deprivation and conditions: adjusted rank correlations of areas, and slopes by age."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bayesineq.errors import SchemaError
from bayesineq.measures.association import partial_correlation
from bayesineq.practices.associations import age_gradients, rank_associations

NORMAL = np.array([[1.0, 0.5, 0.6], [0.5, 1.0, 0.4], [0.6, 0.4, 1.0]])
"""Correlations of prevalence, a domain and age."""


def areas(seed: int, places: int = 60, each: int = 12) -> pd.DataFrame:
    """Areas of places that are alike: half of every variance lies between places."""
    rng, root = np.random.default_rng(seed), np.linalg.cholesky(NORMAL)
    between = np.repeat(rng.standard_normal((places, 3)), each, axis=0)
    values = (np.sqrt(0.5) * between + np.sqrt(0.5) * rng.standard_normal((places * each, 3))) @ root.T
    table = pd.DataFrame(values, columns=["DM", "skills", "median_age"])
    return table.assign(lad=np.repeat(np.arange(places), each), area=np.arange(places * each))


def one(table: pd.DataFrame, places: str, seed: int) -> pd.Series:
    found = rank_associations(table, ["DM"], {"skills": ""}, adjust=["median_age"], places=places, draws=200, seed=seed)
    return found.iloc[0]


def test_intervals_of_whole_places_cover_and_those_of_areas_do_not() -> None:
    """The rank correlation of normal values is 6/pi asin(r/2); of 200 worlds."""
    truth = partial_correlation(6.0 / np.pi * np.arcsin(NORMAL / 2.0), 0, 1, [2])
    covered = np.empty((200, 2), dtype=bool)
    for seed in range(200):
        table = areas(seed)
        for at, places in enumerate(("lad", "area")):
            row = one(table, places, seed)
            covered[seed, at] = row["lower"] <= truth <= row["upper"]
    by_place, by_area = covered.mean(axis=0)
    # Within three standard errors of 95% of 200, and the same with the areas as if they were independent is far off.
    assert 0.90 <= by_place <= 0.995
    assert by_area < 0.75


def test_the_domain_that_was_planted_is_the_strongest() -> None:
    table = areas(1).assign(crime=np.random.default_rng(2).standard_normal(720))
    found = rank_associations(table, ["DM"], {"skills": "", "crime": ""}, adjust=["median_age"], draws=200, seed=1)
    by = found.set_index("domain")
    assert by.loc["skills", ["strongest", "strongest_domain", "first_three"]].tolist() == [1.0, 1.0, 1.0]
    assert by.loc["crime", "lower"] < 0.0 < by.loc["crime", "upper"]


def test_a_sub_domain_is_not_adjusted_for_the_domain_it_is_of() -> None:
    """Nearly the same as its domain, it would have nothing left; without it, it has what its domain has."""
    table = areas(1)
    table["reading"] = table["skills"] + 0.1 * np.random.default_rng(3).standard_normal(len(table))
    found = rank_associations(
        table, ["DM"], {"skills": "", "reading": "skills"}, adjust=["median_age"], draws=50, seed=1
    )
    adjusted = found.set_index("domain")["adjusted"]
    assert adjusted["reading"] == pytest.approx(adjusted["skills"], abs=0.02)
    assert found.set_index("domain")["strongest_domain"].isna().to_dict() == {"skills": False, "reading": True}


def test_areas_without_a_value_are_left_out_and_counted() -> None:
    table = areas(1)
    table.loc[:9, "skills"] = np.nan
    found = rank_associations(table, ["DM"], {"skills": ""}, adjust=["median_age"], draws=20, seed=1)
    assert found.attrs == {"areas": 710, "left_out": 10, "draws": 20}


def test_what_is_not_there_is_named() -> None:
    with pytest.raises(SchemaError, match="no column crime"):
        rank_associations(areas(1), ["DM"], {"crime": ""}, adjust=[])
    with pytest.raises(SchemaError, match="reading is of skills"):
        rank_associations(areas(1).assign(reading=1.0), ["DM"], {"reading": "skills"}, adjust=[])
    with pytest.raises(SchemaError, match="5 places"):
        rank_associations(areas(1, places=5), ["DM"], {"skills": ""}, adjust=[])


def test_a_slope_is_that_of_least_squares_and_its_interval_covers() -> None:
    """Slope 0.6 of two normal values with correlation 0.6; of 100 worlds."""
    table = areas(4).assign(fifth=1)
    found = age_gradients(table, ["DM"], "fifth", draws=20, seed=1).iloc[0]
    slope, level = np.polyfit(table["median_age"], table["DM"], 1)
    assert found["slope"] == pytest.approx(slope, abs=1e-12)
    assert found["at_60"] == pytest.approx(level + 60.0 * slope, abs=1e-9)
    rows = [age_gradients(areas(s).assign(fifth=1), ["DM"], "fifth", draws=200, seed=s).iloc[0] for s in range(100)]
    covered = np.mean([row["lower"] <= 0.6 <= row["upper"] for row in rows])
    assert covered >= 0.88
