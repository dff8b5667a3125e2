"""Standardised rates, against sums written out from rates and people by stratum."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bayesineq.errors import PosteriorError
from bayesineq.posterior.expected import expected, population
from bayesineq.posterior.standardise import (
    european_standard,
    standardised,
    standardised_ratio,
)

EXACT = 1e-12


def test_direct_standardisation_is_the_weighted_sum(post):
    rates = expected(post, by=["imd_decile", "age_band", "sex"])
    weights = pd.Series({("5-19", "F"): 3.0, ("20-39", "F"): 5.0, ("40+", "F"): 2.0})
    weights = pd.concat([weights, weights.rename(index={"F": "M"}) * 2]).rename_axis(["age_band", "sex"])
    got = standardised(post, "imd_decile", over=["sex", "age_band"], weights=weights)
    want = sum(w * rates.sel(age_band=age, sex=sex) for (age, sex), w in weights.items()) / weights.sum()
    np.testing.assert_allclose(got, want, rtol=EXACT)
    np.testing.assert_array_equal(got["population"], expected(post, by="imd_decile")["population"])
    assert got.attrs["standardised_over"] == "sex, age_band"
    assert got["imd_decile"].attrs["ordered"] == 1


def test_direct_standardisation_to_its_own_mixture(post):
    """With the population's own weights, people of one mixture keep their crude mean."""
    got = standardised(post, "sex", over="age_band")
    people = population(post).groupby("age_band", observed=True)["population"].sum()
    rates = expected(post, by=["sex", "age_band"])
    want = sum(people[age] * rates.sel(age_band=age) for age in people.index) / people.sum()
    np.testing.assert_allclose(got, want, rtol=EXACT)


def test_g_computation_puts_everyone_into_each_group(post):
    frame = population(post)
    got = standardised(post, ["ethnicity", "imd_decile"])
    assert got.dims == ("chain", "draw", "ethnicity", "imd_decile")
    for group, decile in (("A", 1), ("M", 4)):
        moved = frame.assign(ethnicity=group, imd_decile=decile)
        np.testing.assert_allclose(got.sel(ethnicity=group, imd_decile=decile), expected(post, moved), rtol=EXACT)
    assert "area" in got.attrs["standardised_over"]
    np.testing.assert_array_equal(got["population"], expected(post, by=["ethnicity", "imd_decile"])["population"])


def test_g_computation_of_another_population(post):
    other = population(post).iloc[::3].assign(air=11.0)
    got = standardised(post, "sex", population=other)
    np.testing.assert_allclose(got.sel(sex="F"), expected(post, other.assign(sex="F")), rtol=EXACT)


def test_without_a_difference_standardised_rates_are_equal(post):
    tree = post.copy(deep=True)
    tree["posterior"]["deprivation"][...] = 0
    tree["posterior"]["both"][...] = 0
    got = standardised(tree, "imd_decile")
    np.testing.assert_allclose(got, np.broadcast_to(got[..., [0]], got.shape), rtol=EXACT)
    assert np.ptp(expected(tree, by="imd_decile").to_numpy(), axis=-1).min() > 1e-3


def test_indirect_standardisation(post):
    rates = expected(post, by=["imd_decile", "age_band"])
    everyone = expected(post, by="age_band")
    people = rates["population"]
    got = standardised_ratio(post, "imd_decile", "age_band")
    for decile in (1, 2, 3, 4, 5):
        n = people.sel(imd_decile=decile)
        want = (n * rates.sel(imd_decile=decile)).sum("age_band") / (n * everyone).sum("age_band")
        np.testing.assert_allclose(got.sel(imd_decile=decile), want, rtol=EXACT)
    whole = (people.sum("imd_decile") * everyone).sum("age_band")
    due = xr_sum(got, people, everyone)
    np.testing.assert_allclose(due, whole, rtol=EXACT)
    assert got.attrs["scale"] == "ratio"


def xr_sum(ratio, people, everyone):
    """Events by group, from its ratio: they add up to everyone's."""
    return (ratio * (people * everyone).sum("age_band")).sum("imd_decile")


def test_an_empty_stratum_is_refused_for_direct_and_filled_by_the_model(post):
    frame = population(post)
    frame = frame[~((frame["imd_decile"] == 3) & (frame["age_band"] == "40+"))]
    with pytest.raises(PosteriorError, match=r"1 groups have nobody in a stratum \(3/40\+\)"):
        standardised(post, "imd_decile", over="age_band", population=frame)
    assert not np.isnan(standardised(post, "imd_decile", population=frame)).any()
    assert not np.isnan(standardised_ratio(post, "imd_decile", "age_band", population=frame)).any()


def test_weights_that_do_not_fit(post):
    weights = pd.Series([1.0, 2.0], index=pd.Index(["5-19", "20-39"], name="age_band"))
    with pytest.raises(PosteriorError, match=r"weights lack levels of 'age_band': \['40\+'\]"):
        standardised(post, "imd_decile", over="age_band", weights=weights)
    more = pd.concat([weights, pd.Series({"40+": 1.0, "0-4": 1.0})]).rename_axis("age_band")
    with pytest.raises(PosteriorError, match=r"weights have people in unknown levels of 'age_band': \['0-4'\]"):
        standardised(post, "imd_decile", over="age_band", weights=more)
    with pytest.raises(PosteriorError, match="should stand on over="):
        standardised(post, "imd_decile", over=["age_band", "sex"], weights=weights)
    with pytest.raises(PosteriorError, match="missing, negative or all zero"):
        standardised(post, "imd_decile", over="age_band", weights=more.drop("0-4") * -1)
    with pytest.raises(PosteriorError, match="name the columns"):
        standardised(post, "imd_decile", weights=weights)
    with pytest.raises(PosteriorError, match="apart from them"):
        standardised(post, "imd_decile", over="imd_decile")
    with pytest.raises(PosteriorError, match=r"must be dimensions of card 'small'.*\['icb'\] given"):
        standardised(post, "icb", population=population(post).assign(icb="x"))


def test_european_standard_population():
    """Hundred thousand people; sums of bands by hand from the published table."""
    five = [f"{first}-{first + 4}" for first in range(0, 90, 5)] + ["90+"]
    assert european_standard(five).sum() == pytest.approx(100_000)
    assert european_standard(["0-19", "20-64", "65+"]).tolist() == pytest.approx([21_500.0, 59_000.0, 19_500.0])
    assert european_standard(["16-19", "0"]).tolist() == pytest.approx([4_400.0, 1_000.0])
    with pytest.raises(PosteriorError, match="'old' is no age band"):
        european_standard(["old"])
    with pytest.raises(PosteriorError, match="overlap at age 10"):
        european_standard(["0-10", "10-19"])


def test_european_standard_population_is_the_published_one(shared):
    published = pd.read_csv(shared / "reference/measures/PHEindicatormethods/esp2013__esp2013.csv")["esp2013"]
    five = [f"{first}-{first + 4}" for first in range(0, 90, 5)] + ["90+"]
    assert european_standard(five).tolist() == pytest.approx(published.tolist(), rel=1e-12)
