"""Intersectional strata, against least squares, pairs of people and variances written out stratum by stratum."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bayesineq.errors import PosteriorError
from bayesineq.posterior.expected import expected, population
from bayesineq.posterior.groups import intervals
from bayesineq.posterior.maihda import change_in_variance, intersectional

STRATA = 'strata = { kind = "exchangeable", by = ["imd_decile", "ethnicity", "sex"] }\n'
MAIN = (
    'deprivation = { kind = "random_walk", by = "imd_decile" }\n'
    'ethnicity = { kind = "exchangeable", by = "ethnicity" }\n'
    'place = { kind = "exchangeable", by = "area" }\nair = { kind = "linear", by = "air" }\n'
)
BINOMIAL = 'count = "cases"\nat_risk = "people"\nlikelihood = "binomial"'
DIMS = ["imd_decile", "ethnicity", "sex"]


@pytest.fixture(scope="module")
def fitted(make, outcome_card, table):
    return make(table, outcome_card(BINOMIAL, MAIN + STRATA))


@pytest.fixture(scope="module")
def result(fitted):
    return intersectional(fitted)


def by_hand(post, frame):
    """Effects of strata by label, their people, and the least-squares sum of main effects of each draw."""
    draws = post["posterior"].to_dataset()
    people = frame.groupby(DIMS, observed=True)["population"].sum()
    effect = []
    for decile, group, sex in people.index:
        own = draws["strata"].sel(imd_decile=decile, ethnicity=group, sex=sex)
        main = draws["deprivation"].sel(imd_decile=decile) + draws["ethnicity.effect"].sel(ethnicity=group)
        effect.append((own + main).to_numpy().ravel())
    effect = np.array(effect).T
    dummies = pd.get_dummies(people.index.to_frame().astype(str), drop_first=True).to_numpy(dtype=float)
    design = np.column_stack([np.ones(len(people)), dummies])
    root = np.sqrt(people.to_numpy())[:, None]
    coefficient = np.linalg.lstsq(design * root, (effect.T) * root, rcond=None)[0]
    return people, effect, (design @ coefficient).T


def spread(values, weight):
    mean = np.average(values, weights=weight, axis=1)
    return np.average((values - mean[:, None]) ** 2, weights=weight, axis=1)


def test_parts_are_the_least_squares_ones(fitted, result):
    people, effect, additive = by_hand(fitted, population(fitted))
    assert result["stratum"].to_numpy().tolist()[:2] == ["1/A/F", "1/A/M"]
    assert result["ethnicity"].to_numpy().tolist() == [key[1] for key in people.index]
    np.testing.assert_array_equal(result["population"], people)
    np.testing.assert_allclose(result["additive"].to_numpy().reshape(10, -1), additive, atol=1e-10)
    np.testing.assert_allclose(result["interaction"].to_numpy().reshape(10, -1), effect - additive, atol=1e-10)


def test_shares_of_variance(fitted, result):
    frame = population(fitted)
    people, effect, additive = by_hand(fitted, frame)
    between, crossed = spread(effect, people), spread(effect - additive, people)
    area = frame.groupby("area", observed=True)["population"].sum()
    place = spread(fitted["posterior"]["place"].to_numpy().reshape(10, -1), area)
    total = between + place + np.pi**2 / 3
    np.testing.assert_allclose(result["between_share"].to_numpy().ravel(), between / total, rtol=1e-9)
    np.testing.assert_allclose(result["interaction_share"].to_numpy().ravel(), crossed / total, rtol=1e-9)
    np.testing.assert_allclose(result["additive_share"].to_numpy().ravel(), 1 - crossed / between, rtol=1e-9)
    odds = np.exp(0.6744897501960817 * np.sqrt(2 * between))
    np.testing.assert_allclose(result["median_odds_ratio"].to_numpy().ravel(), odds, rtol=1e-9)


def test_vpc_is_that_of_the_literature(fitted, result, make, outcome_card, table):
    """Evans et al. 2024: sigma_u^2 / (sigma_u^2 + pi^2 / 3) of the strata's term; further random terms are levels."""
    null = make(table, outcome_card(BINOMIAL, STRATA))
    sigma = null["posterior"]["strata.sigma"] ** 2
    np.testing.assert_allclose(intersectional(null)["vpc"], sigma / (sigma + np.pi**2 / 3), rtol=1e-9)
    sigma, place = fitted["posterior"]["strata.sigma"] ** 2, fitted["posterior"]["place.sigma"] ** 2
    np.testing.assert_allclose(result["vpc"], sigma / (sigma + place + np.pi**2 / 3), rtol=1e-9)
    assert "vpc" not in intersectional(fitted, ["imd_decile", "ethnicity"])  # no term has an effect for each of these


def test_discriminatory_accuracy_is_the_chance_of_pairs(fitted, result):
    """Every stratum against every other: a case outranks a person without, ties count half."""
    people = result["population"].to_numpy()
    rates = expected(fitted, by=DIMS)
    risk = np.array(
        [
            rates.isel(chain=1, draw=3).sel(imd_decile=d, ethnicity=g, sex=s).item()
            for d, g, s in zip(
                result["imd_decile"].values, result["ethnicity"].values, result["sex"].values, strict=True
            )
        ]
    )
    cases, others = people * risk, people * (1 - risk)
    wins = np.where(risk[:, None] > risk, 1.0, np.where(risk[:, None] == risk, 0.5, 0.0))
    want = (cases[:, None] * others * wins).sum() / (cases.sum() * others.sum())
    assert float(result["discriminatory_accuracy"][1, 3]) == pytest.approx(want, rel=1e-9)


def test_interaction_on_the_scale_of_the_outcome(fitted, result):
    level = fitted["posterior"]["intercept"]
    base = level + result["additive"]
    want = 1 / (1 + np.exp(-(base + result["interaction"]))) - 1 / (1 + np.exp(-base))
    np.testing.assert_allclose(result["interaction_response"], want.transpose("chain", "draw", "stratum"), atol=1e-12)
    table = intervals(result["interaction_response"])
    assert table["parameter"][0] == "interaction_response[1/A/F]"
    assert table["p_above"].between(0, 1).all()


def test_pure_main_effects_leave_no_interaction(fitted):
    tree = fitted.copy(deep=True)
    tree["posterior"]["strata"][...] = 0
    got = intersectional(tree)
    np.testing.assert_allclose(got["interaction"], 0, atol=1e-12)
    np.testing.assert_allclose(got["additive_share"], 1, rtol=1e-12)
    np.testing.assert_allclose(got["interaction_share"], 0, atol=1e-12)


def test_strata_without_people_are_left_out(fitted):
    frame = population(fitted)
    frame.loc[(frame["ethnicity"] == "H") & (frame["sex"] == "M"), "population"] = 0
    got = intersectional(fitted, population=frame)
    assert got.sizes["stratum"] == 25
    assert "1/H/M" not in got["stratum"].to_numpy()
    _, _, additive = by_hand(fitted, frame[frame["population"] > 0])
    np.testing.assert_allclose(got["additive"].to_numpy().reshape(10, -1), additive, atol=1e-10)


@pytest.mark.parametrize("likelihood", ["gaussian", "poisson", "negative_binomial"])
def test_variance_between_individuals(make, outcome_card, table, likelihood):
    columns = 'value = "air2"' if likelihood == "gaussian" else 'count = "cases"\nexposure = "people"'
    card = outcome_card(f'{columns}\nlikelihood = "{likelihood}"', STRATA)
    tree = make(table.assign(air2=1.0), card)
    data = tree["posterior"].to_dataset()
    for name in ("outcome.sigma", "outcome.size"):
        data[name] = np.abs(data["intercept"])
    tree["posterior"] = data
    got = intersectional(tree)
    own = data["strata"].transpose("chain", "draw", *DIMS).to_numpy().reshape(10, -1)
    between = spread(own, population(tree).groupby(DIMS, observed=True)["population"].sum())
    size, mean = data["outcome.size"].to_numpy().ravel(), expected(tree).to_numpy().ravel()
    inner = {
        "gaussian": size**2,
        "poisson": np.log(1 + 1 / mean),
        "negative_binomial": np.log(1 + 1 / mean + 1 / size),
    }[likelihood]
    np.testing.assert_allclose(got["between_share"].to_numpy().ravel(), between / (between + inner), rtol=1e-9)
    sigma = data["strata.sigma"].to_numpy().ravel() ** 2
    np.testing.assert_allclose(got["vpc"].to_numpy().ravel(), sigma / (sigma + inner), rtol=1e-9)
    assert "discriminatory_accuracy" not in got
    assert ("median_odds_ratio" in got) == (likelihood != "gaussian")


def test_change_in_variance_of_two_fits(make, outcome_card, table, fitted):
    null = make(table, outcome_card(BINOMIAL, STRATA), draws=4)
    got = change_in_variance(null, fitted, "strata")
    first = null["posterior"]["strata.sigma"].to_numpy().ravel() ** 2
    second = fitted["posterior"]["strata.sigma"].to_numpy().ravel()[:8] ** 2
    np.testing.assert_allclose(got, (first - second) / first, rtol=1e-12)
    with pytest.raises(PosteriorError, match="different rows"):
        change_in_variance(make(table.iloc[::2], outcome_card(BINOMIAL, STRATA)), fitted, "strata")
    with pytest.raises(PosteriorError, match=r"has no air\.sigma"):
        change_in_variance(fitted, fitted, "air")


def test_what_has_no_strata(make, outcome_card, table, fitted):
    single = make(table, outcome_card(BINOMIAL))
    with pytest.raises(PosteriorError, match=r"strata cross at least two dimensions .*given are \['area'\]"):
        intersectional(single)
    with pytest.raises(PosteriorError, match=r"does not know \['age_band'\]"):
        intersectional(fitted, ["sex", "age_band"])
    gamma = make(table, outcome_card('value = "air"\nlikelihood = "gamma"', STRATA))
    with pytest.raises(PosteriorError, match="a gamma outcome has no agreed variance"):
        intersectional(gamma)
