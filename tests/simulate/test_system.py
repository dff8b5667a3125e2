"""
A simulated system: nobody lost, every table fits its schema, and the records scatter about what was planted.

Totals are held against their planted expectation in units of their own standard deviation, which follows from the
distribution drawn from (binomial, beta-binomial, negative binomial); 4.5 of them, in fewer than 100 comparisons, fail
by chance in one seed of 1,500.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal
from scipy.special import expit

from bayesineq.errors import BayesineqError
from bayesineq.measures.slope import rii, sii
from bayesineq.simulate.effects import mean_of
from bayesineq.simulate.england import ADULT_BANDS, ETHNIC_SHARE
from bayesineq.simulate.people import simulate_people
from bayesineq.simulate.system import simulate_system
from bayesineq.tables.check import check

STANDARD_DEVIATIONS = 4.5
KEY = ["area", "imd_decile", "ethnicity", "age_band", "sex"]


@pytest.fixture(scope="module")
def system():
    return simulate_system(60, 60_000, seed=8)


@pytest.fixture(scope="module")
def true_people(system):
    return system.people.assign(ethnicity=system.people_truth["ethnicity"])


def test_nobody_is_lost(system):
    people = system.people
    assert len(people) == 60_000
    assert people["person_id"].is_unique
    assert system.areas["population"].sum() == 60_000
    assert system.practices["list_size"].sum() == 60_000
    assert (
        people["practice"].value_counts().reindex(system.practices["practice"], fill_value=0).to_numpy()
        == system.practices["list_size"].to_numpy()
    ).all()
    assert system.area_counts["population"].sum() == people["age_band"].isin(ADULT_BANDS).sum()
    assert set(people["area"]) == set(system.areas["area"])


def test_every_table_is_as_its_schema_returns_it(system):
    for name in ("people", "practices", "area_counts", "access_counts", "outcome_counts"):
        table = getattr(system, name)
        assert_frame_equal(table, check(table, name))
    check(pd.DataFrame(system.areas.drop(columns="geometry")), "areas")


@pytest.mark.parametrize(
    ("table", "top", "bottom", "source"),
    [
        ("area_counts", "cases", "population", ("diabetes", "one")),
        ("access_counts", "missed", "appointments", ("missed", "appointments")),
        ("outcome_counts", "events", "person_years", ("events", "person_years")),
    ],
)
def test_counts_are_the_records_summed(system, true_people, table, top, bottom, source):
    adults = true_people[true_people["age_band"].isin(ADULT_BANDS)].assign(one=1)
    expected = adults.groupby(KEY, as_index=False)[list(source)].sum()
    expected = expected[expected[source[1]] > 0].rename(columns=dict(zip(source, (top, bottom), strict=True)))
    found = getattr(system, table).sort_values(KEY).reset_index(drop=True)
    assert_frame_equal(found, expected.sort_values(KEY).reset_index(drop=True)[list(found.columns)], check_dtype=False)


@pytest.mark.parametrize(
    ("study", "table", "top", "bottom"),
    [
        ("prevalence", "area_counts", "cases", "population"),
        ("access", "access_counts", "missed", "appointments"),
        ("outcomes", "outcome_counts", "events", "person_years"),
    ],
)
def test_records_scatter_about_what_was_planted(system, study, table, top, bottom):
    counts, effects = getattr(system, table), system.truth[study].effects
    rate, size = mean_of(effects, counts), counts[bottom].to_numpy(dtype=float)
    expected = rate * size
    if study == "prevalence":
        variance = expected * (1 - rate)
    elif study == "access":
        variance = expected * (1 - rate) * (1 + (size - 1) / (effects.dispersion + 1))
    else:
        variance = expected + expected**2 / effects.dispersion
    residual = counts.assign(off=counts[top] - expected, variance=variance, everybody=1)
    for dim in ("everybody", "imd_decile", "ethnicity", "age_band", "sex"):
        total = residual.groupby(dim)[["off", "variance"]].sum()
        assert (total["off"].abs() < STANDARD_DEVIATIONS * np.sqrt(total["variance"])).all(), dim
    overall = residual["off"].pow(2).sum() / residual["variance"].sum()
    assert 0.9 < overall < 1.1


def test_truth_is_the_expected_rate_of_the_table(system):
    """By decile against a direct weighted mean; slope and relative index against the measures' own implementation."""
    counts, truth = system.area_counts, system.truth["prevalence"]
    rate = mean_of(truth.effects, counts)
    for decile, expected in truth.by_decile.items():
        here = (counts["imd_decile"] == decile).to_numpy()
        assert np.isclose(np.average(rate[here], weights=counts["population"][here]), expected, rtol=1e-12)
    people = counts.groupby("imd_decile")["population"].sum()
    assert np.isclose(truth.sii, sii(truth.by_decile.to_numpy(), people.to_numpy()), rtol=1e-10)
    assert np.isclose(truth.rii, rii(truth.by_decile.to_numpy(), people.to_numpy()), rtol=1e-10)
    assert np.isclose(truth.mean, 0.08, rtol=1e-9)
    assert np.isclose(system.truth["access"].mean, 0.065, rtol=1e-9)
    assert np.isclose(system.truth["outcomes"].mean, 0.16, rtol=1e-9)


def test_one_cell_by_hand(system):
    effects = system.truth["prevalence"].effects
    area = system.areas["area"].iloc[7]
    cell = pd.DataFrame({"area": [area], "imd_decile": [3], "ethnicity": ["J"], "age_band": ["60-69"], "sex": ["male"]})
    eta = (
        effects.intercept
        + effects.age_sex["60-69", "male"]
        + effects.deprivation[3]
        + effects.ethnicity["J"]
        + effects.place[area]
    )
    assert np.isclose(mean_of(effects, cell)[0], 1 / (1 + np.exp(-eta)))
    assert effects.age_sex["40-49", "female"] == 0
    assert abs(effects.deprivation.sum()) < 1e-12
    assert abs(effects.ethnicity.sum()) < 1e-12


def test_size_of_the_planted_inequality(system):
    """South Asian people two to three times the odds of White British; rates fall with advantage in every table."""
    ethnicity = system.truth["prevalence"].effects.ethnicity
    odds = np.exp(ethnicity[["H", "J", "K"]] - ethnicity["A"])
    assert odds.between(2.0, 3.01).all()
    decile = system.truth["prevalence"].effects.deprivation
    assert decile.is_monotonic_decreasing
    assert 1.7 < np.exp(decile[1] - decile[10]) < 2.0
    assert all(truth.sii < 0 and truth.rii < 1 for truth in system.truth.values())


def test_ethnic_groups_have_the_shares_of_england_and_their_own_ages_and_places(system):
    truth, people = system.people_truth, system.people
    share = ETHNIC_SHARE / ETHNIC_SHARE.sum()
    found = truth["ethnicity"].value_counts(normalize=True).reindex(share.index)
    error = np.sqrt(share * (1 - share) / len(truth))
    assert ((found - share).abs() < STANDARD_DEVIATIONS * error).all()
    age = people["age"].groupby(truth["ethnicity"]).mean()
    assert age["B"] > age["A"] > age["H"] > age["K"] > age["D"]
    poorest = (people["imd_decile"] <= 2).groupby(truth["ethnicity"]).mean()
    assert poorest["J"] > 1.3 * poorest["A"]
    assert people.loc[people["age"] >= 85, "sex"].eq("female").mean() > 0.55
    assert people["age"].between(0, 110).all()


def test_recorded_ethnicity_is_true_or_lacking_and_lacking_as_planted(system):
    people, truth = system.people, system.people_truth["ethnicity"]
    stated = people["ethnicity"].notna() & (people["ethnicity"] != "Z")
    assert (people["ethnicity"][stated] == truth[stated]).all()
    group = (truth == "A") & (people["sex"] == "female") & ~people["age"].between(18, 39)
    chance = expit(-2.3)
    error = np.sqrt(chance * (1 - chance) / group.sum())
    assert abs((~stated[group]).mean() - chance) < STANDARD_DEVIATIONS * error
    assert (~stated)[truth != "A"].mean() > (~stated)[truth == "A"].mean()
    blank = people["ethnicity"].isna().sum() / (~stated).sum()
    assert abs(blank - 0.4) < STANDARD_DEVIATIONS * np.sqrt(0.24 / (~stated).sum())


def test_practices_are_near_but_not_always_nearest(system):
    areas, practices = system.areas.set_index("area"), system.practices.set_index("practice")
    home = areas.loc[system.people["area"], ["easting", "northing"]].to_numpy()
    place = practices[["easting", "northing"]].to_numpy()
    distance = np.hypot(*(home[:, None, :] - place[None]).transpose(2, 0, 1))
    own = practices.index.get_indexer(system.people["practice"])
    rank = (distance < distance[np.arange(len(own)), own][:, None]).sum(axis=1)
    assert rank.max() < 6
    assert 0.4 < (rank == 0).mean() < 0.95


def test_birth_year_fits_age(system):
    assert set(2026 - system.people["birth_year"] - system.people["age"]) == {0, 1}


def test_same_seed_same_system_and_streams_do_not_disturb_each_other():
    one, two = simulate_system(20, 3_000, seed=3), simulate_system(20, 3_000, seed=3, sigma=0.4)
    again = simulate_system(20, 3_000, seed=3)
    assert_frame_equal(one.people, again.people)
    assert_frame_equal(one.outcome_counts, again.outcome_counts)
    kept = ["person_id", "area", "practice", "birth_year", "age", "sex"]
    assert_frame_equal(one.people[kept], two.people[kept])
    assert not one.people["diabetes"].equals(two.people["diabetes"])
    with pytest.raises(dataclasses.FrozenInstanceError):
        one.people = two.people


def test_too_few_people_are_refused(system):
    with pytest.raises(BayesineqError, match="59 people were asked for in 60 areas"):
        simulate_people(system.areas, 59, seed=1)


@pytest.mark.slow
def test_a_whole_board_of_people():
    system = simulate_system(1_000, 1_700_000, seed=2)
    assert len(system.people) == 1_700_000
    truth, counts = system.truth["prevalence"], system.area_counts
    rate = mean_of(truth.effects, counts)
    size = counts["population"].to_numpy()
    off = (counts["cases"].sum() - (rate * size).sum()) / np.sqrt((rate * (1 - rate) * size).sum())
    assert abs(off) < STANDARD_DEVIATIONS
    ratio = truth.by_decile[1] / truth.by_decile[10]
    assert 1.4 < ratio < 1.8
