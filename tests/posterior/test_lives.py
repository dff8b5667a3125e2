"""Life expectancy per draw: a constant force of mortality has the closed form 1 / rate; groups against the measure."""

from __future__ import annotations

import numpy as np
import pytest

from bayesineq.errors import PosteriorError
from bayesineq.measures.life_table import life_expectancy as chiang
from bayesineq.measures.slope import sii
from bayesineq.posterior.expected import expected, population
from bayesineq.posterior.lift import over_draws
from bayesineq.posterior.lives import life_expectancy

DEATHS = 'count = "cases"\nexposure = "people"\nlikelihood = "poisson"'
TERMS = 'age = { kind = "exchangeable", by = "age_band" }\ndeprivation = { kind = "random_walk", by = "imd_decile" }'


@pytest.fixture(scope="module")
def deaths(make, outcome_card, table):
    bands = {"5-19": "0-19", "20-39": "20-39", "40+": "40+"}
    tree = make(table.assign(age_band=table["age_band"].map(bands)), outcome_card(DEATHS, TERMS))
    tree["posterior"]["intercept"][...] -= 2.5  # some deaths in a hundred person-years, not a tenth of people a year
    return tree


def test_every_group_has_the_life_table_of_its_rates(deaths):
    got = life_expectancy(deaths, "imd_decile")
    rates = expected(deaths, by=["imd_decile", "age_band"]).sel(age_band=["0-19", "20-39", "40+"])
    assert got.dims == ("chain", "draw", "imd_decile", "age_band")
    np.testing.assert_allclose(got, chiang(rates.to_numpy(), ages=[0, 20, 40]), rtol=1e-12)
    np.testing.assert_array_equal(got["population"], expected(deaths, by="imd_decile")["population"])
    assert over_draws(sii, got.isel(age_band=0), "imd_decile").dims == ("chain", "draw")


def test_a_constant_rate_has_a_closed_form(deaths):
    """One death in 80 person-years at every age: 80 years expected, at any age, in the open band exactly."""
    tree = deaths.copy(deep=True)
    tree["posterior"]["intercept"][...] = np.log(1 / 80)
    for name in ("age", "deprivation"):
        tree["posterior"][name][...] = 0
    got = life_expectancy(tree)
    np.testing.assert_allclose(got.sel(age_band="40+"), 80.0, rtol=1e-12)


def test_what_has_no_life_table(post, deaths):
    with pytest.raises(PosteriorError, match="this posterior is of a proportion"):
        life_expectancy(post, "imd_decile")
    frame = population(deaths)
    with pytest.raises(PosteriorError, match=r"follow one another, the last one open; \['0-19, 40\+'\]"):
        life_expectancy(deaths, population=frame[frame["age_band"] != "20-39"])
    with pytest.raises(PosteriorError, match=r"\['20-39'\] do not"):
        life_expectancy(deaths, population=frame[frame["age_band"] != "40+"])
    gone = (frame["age_band"] == "0-19") & (frame["imd_decile"] == 3)
    with pytest.raises(PosteriorError, match="1 groups have nobody of some age"):
        life_expectancy(deaths, "imd_decile", population=frame[~gone])
