"""Benefit from a posterior of counts, against the difference of two chances worked out by hand."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from bayesineq.design.matrix import design
from bayesineq.errors import DecisionError
from bayesineq.inference.prior import prior_draws
from bayesineq.model.read_card import parse_card, read_card
from bayesineq.space.adjacency import from_edges
from bayesineq.uplift.cells import benefit_from_posterior

AREAS = ["E01000001", "E01000002", "E01000003"]


def drawn(card):
    rows = [
        {"area": area, "imd_decile": decile, "age_band": age, "sex": "female", "treated": t, "events": 0, "people": n}
        for area, decile in zip(AREAS, (1, 1, 9), strict=True)
        for age, n in (("40-49", 30), ("50-59", 10))
        for t in (0, 1)
    ]
    graph = from_edges([(AREAS[0], AREAS[1]), (AREAS[1], AREAS[2])], areas=AREAS)
    return prior_draws(design(pd.DataFrame(rows), card, adjacency=graph), draws=20, seed=1)


@pytest.fixture(scope="module")
def post():
    return drawn(read_card("impactability"))


def test_benefit_by_area_is_the_difference_of_two_chances(post):
    benefit = benefit_from_posterior(post, by="area", intervention="outreach")
    draws = post["posterior"].to_dataset().isel(chain=0)
    area, decile, total = AREAS[1], 1, np.zeros(20)
    for age, share in (("40-49", 0.75), ("50-59", 0.25)):
        base = (
            draws["intercept"]
            + draws["age_sex"].sel(age_band=age, sex="female")
            + draws["deprivation"].sel(imd_decile=decile)
            + draws["place"].sel(area=area)
        )
        effect = (
            draws["effect"] + draws["effect_deprivation"].sel(imd_decile=decile) + draws["effect_place"].sel(area=area)
        )
        total += share * (expit(base.values) - expit((base + effect).values))
    np.testing.assert_allclose(benefit.sel(area=area, intervention="outreach").values[0], total, rtol=1e-5)
    assert benefit.attrs["scale"] == "events averted"
    assert float(benefit.coords["population"].sel(area=area)) == 80


def test_a_posterior_without_the_intervention_is_refused(post):
    with pytest.raises(DecisionError, match="No covariate 'invited' behind this posterior; it has"):
        benefit_from_posterior(post, by="area", treated="invited")
    assert parse_card(read_card("impactability").source).term("effect_place").times == "treated"


def test_the_card_says_which_way_is_better_and_is_not_overruled(post):
    averted = benefit_from_posterior(post, by="area")
    source = read_card("impactability").source.replace('more_is    = "worse"', 'more_is    = "better"')
    good = drawn(parse_card(source))
    gained = benefit_from_posterior(good, by="area")
    np.testing.assert_allclose(gained, -averted)
    assert gained.attrs["scale"] == "events gained"
    with pytest.raises(DecisionError, match="adverse=True, but the card of this posterior says that more"):
        benefit_from_posterior(good, by="area", adverse=True)
    with pytest.raises(DecisionError, match="a benefit is then events averted"):
        benefit_from_posterior(post, by="area", scale="events gained")
