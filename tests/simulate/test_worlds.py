"""Worlds of counts: drawn from the model they claim, for each likelihood."""

from __future__ import annotations

import numpy as np
import pytest
from pandas.testing import assert_frame_equal

from bayesineq.errors import BayesineqError
from bayesineq.simulate.areas import simulate_areas
from bayesineq.simulate.effects import mean_of
from bayesineq.simulate.worlds import WorldParameters, simulate_counts
from bayesineq.space.contiguity import contiguity

LIKELIHOODS = [("binomial", None), ("beta_binomial", 80.0), ("poisson", None), ("negative_binomial", 5.0)]


@pytest.fixture(scope="module")
def adjacency():
    return contiguity(simulate_areas(80, seed=1))


@pytest.mark.parametrize(("likelihood", "dispersion"), LIKELIHOODS)
def test_counts_have_the_mean_and_variance_of_their_model(adjacency, likelihood, dispersion):
    """Total and Pearson statistic, each within 5 of its standard deviations (the latter estimated from its terms)."""
    world = simulate_counts(adjacency, seed=2, parameters=WorldParameters(likelihood=likelihood, dispersion=dispersion))
    top, bottom = (
        ("cases", "population") if "binomial" in likelihood and "neg" not in likelihood else ("events", "person_years")
    )
    rate, size = mean_of(world.effects, world.table), world.table[bottom].to_numpy(dtype=float)
    mean = rate * size
    variance = {
        "binomial": mean * (1 - rate),
        "beta_binomial": mean * (1 - rate) * (1 + (size - 1) / (1 + (dispersion or 1))),
        "poisson": mean,
        "negative_binomial": mean + mean**2 / (dispersion or 1),
    }[likelihood]
    off = world.table[top].to_numpy() - mean
    assert abs(off.sum()) < 5 * np.sqrt(variance.sum())
    pearson = off**2 / variance
    assert abs(pearson.mean() - 1) < 5 * pearson.std() / np.sqrt(len(pearson))


def test_every_parameter_is_keyed_by_code(adjacency):
    world = simulate_counts(adjacency, seed=3)
    effects, table = world.effects, world.table
    assert set(table["area"]) <= set(effects.place.index)
    assert effects.place.index.tolist() == adjacency.areas.tolist()
    assert set(table["ethnicity"]) == set(effects.ethnicity.index)
    assert effects.deprivation.index.tolist() == list(range(1, 11))
    assert abs(effects.deprivation.sum()) < 1e-12
    assert effects.age_sex["40-49", "female"] == 0
    assert table.groupby("area")["imd_decile"].nunique().max() == 1
    assert table.groupby("imd_decile")["area"].nunique().between(8, 8).all()


def test_standard_deviations_are_those_asked_for(adjacency):
    """Mean square of the draws over 120 worlds; a chi-square mean of k terms has standard error sqrt(2 / k)."""
    worlds = [
        simulate_counts(
            adjacency, seed=s, people=8.0, parameters=WorldParameters(sigma=0.0, phi=0.0, ethnicity_sigma=0.3)
        )
        for s in range(120)
    ]
    ethnicity = np.array([w.effects.ethnicity for w in worlds]).ravel() / 0.3
    assert abs((ethnicity**2).mean() - 1) < 5 * np.sqrt(2 / len(ethnicity))
    variance = (np.array([w.effects.deprivation for w in worlds]) ** 2).mean(axis=0) / 0.2**2
    typical = np.exp(np.log(variance).mean())
    assert abs(typical - 1) < 5 * np.sqrt(2 / len(worlds))
    assert all((w.effects.place == 0).all() for w in worlds)


def test_same_seed_same_world(adjacency):
    assert_frame_equal(simulate_counts(adjacency, seed=4).table, simulate_counts(adjacency, seed=4).table)
    assert not simulate_counts(adjacency, seed=4).table.equals(simulate_counts(adjacency, seed=5).table)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"parameters": WorldParameters("negative_binomial")}, "dispersion is None"),
        ({"parameters": WorldParameters("poisson", dispersion=3.0)}, "dispersion is 3.0"),
        ({"ethnicities": ("A", "Q")}, "different codes"),
        ({"ethnicities": ("A", "A")}, "different codes"),
        ({"strata": (("40-49", "male"),)}, "reference"),
        ({"people": 0.0}, "people must be above 0"),
        ({"parameters": WorldParameters(sigma=-1.0)}, "sigma is -1.0"),
    ],
)
def test_options_are_checked(adjacency, options, message):
    with pytest.raises(BayesineqError, match=message):
        simulate_counts(adjacency, seed=1, **options)
