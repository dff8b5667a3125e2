"""Equity: who gets what, aversion, net health by group, ranks; against closed forms and hand counts."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from bayesineq.decisions.aversion import equally_distributed_equivalent, equity_weights, over_aversions
from bayesineq.decisions.benefit import from_effects
from bayesineq.decisions.distributional import impact_plane, net_health_by, nice_table
from bayesineq.decisions.equity import given_to_all, shares_by, slope_change
from bayesineq.decisions.ranking import rank_areas
from bayesineq.errors import DecisionError

AREAS = ["E01000001", "E01000002", "E01000003"]


def two_quintiles(values, scale="QALY", interventions=("a",)):
    benefit = from_effects(
        np.asarray(values, float), scale=scale, interventions=list(interventions), units=AREAS, unit="area"
    )
    return benefit.assign_coords(imd_quintile=("area", [1, 1, 5]), population=("area", [100.0, 100.0, 200.0]))


@given(
    health=st.lists(st.floats(1, 100), min_size=2, max_size=6),
    aversion=st.floats(0, 12),
    family=st.sampled_from(["atkinson", "kolm"]),
)
def test_equivalent_is_at_most_the_mean_and_at_least_the_worst(health, aversion, family):
    value = equally_distributed_equivalent(health, np.ones(len(health)), aversion=aversion, family=family)
    assert min(health) - 1e-7 * max(health) <= value <= np.mean(health) + 1e-7 * max(health)


@given(health=st.lists(st.floats(1, 100), min_size=2, max_size=6), family=st.sampled_from(["atkinson", "kolm"]))
def test_no_aversion_gives_weights_of_one(health, family):
    np.testing.assert_array_equal(equity_weights(health, np.ones(len(health)), aversion=0, family=family), 1.0)


def test_equivalents_by_hand():
    # 60 and 80 with equal people: geometric mean, harmonic mean, and Kolm
    assert equally_distributed_equivalent([60, 80], [1, 1], aversion=1) == pytest.approx(np.sqrt(4800))
    assert equally_distributed_equivalent([60, 80], [1, 1], aversion=2) == pytest.approx(2 / (1 / 60 + 1 / 80))
    kolm = -np.log((np.exp(-0.1 * 60) + np.exp(-0.1 * 80)) / 2) / 0.1
    assert equally_distributed_equivalent([60, 80], [1, 1], aversion=0.1, family="kolm") == pytest.approx(kolm)
    np.testing.assert_allclose(equity_weights([60, 80], [1, 1], aversion=1), [70 / 60, 70 / 80])
    with pytest.raises(DecisionError, match="above 0 in every group"):
        equally_distributed_equivalent([-1, 2], [1, 1], aversion=1)
    with pytest.raises(DecisionError, match="0 or more"):
        equity_weights([1, 2], [1, 1], aversion=-1)


def test_weights_are_the_gradient_of_the_equivalent():
    # d EDE / d h_j is proportional to share_j times the weight
    health, people = np.array([55.0, 63.0, 72.0]), np.array([2.0, 1.0, 3.0])
    for family, aversion in (("atkinson", 3.5), ("kolm", 0.15)):
        step = 1e-5
        slope = [
            equally_distributed_equivalent(health + step * unit, people, aversion=aversion, family=family)
            - equally_distributed_equivalent(health, people, aversion=aversion, family=family)
            for unit in np.eye(3)
        ]
        expected = people * equity_weights(health, people, aversion=aversion, family=family)
        np.testing.assert_allclose(slope / np.sum(slope), expected / expected.sum(), rtol=1e-4)


def test_gain_over_aversions_rises_where_the_worst_off_gain():
    before, after = np.array([60.0, 80.0]), np.array([[61.0, 80.0], [62.0, 80.0]])
    table = over_aversions(before, after, [10, 10], aversions=[0, 1, 5], prob=0.9)
    assert table["mean"][0] == pytest.approx(15.0)
    assert table["mean"].is_monotonic_increasing
    assert (table["p_positive"] == 1).all()


def test_shares_of_places_pounds_and_benefit_by_hand():
    benefit = two_quintiles([[[0.1], [0.2], [0.3]]])
    share = xr.DataArray(
        [[1.0], [0.5], [0.25]], dims=("area", "intervention"), coords={"area": AREAS, "intervention": ["a"]}
    )
    need = xr.DataArray([0.3, 0.3, 0.1], dims="area", coords={"area": AREAS})
    table = shares_by(share, benefit, {"a": 2.0}, by="imd_quintile", need=need).set_index("imd_quintile")
    # people 200 and 200; need 60 and 20; places 150 and 50; benefit 10 + 10 and 15
    np.testing.assert_allclose(table["people_share"], [0.5, 0.5])
    np.testing.assert_allclose(table["need_share"], [0.75, 0.25])
    np.testing.assert_allclose(table["treated"], [150, 50])
    np.testing.assert_allclose(table["spend"], [300, 100])
    np.testing.assert_allclose(table["benefit"], [20, 15])
    np.testing.assert_allclose(table["benefit_share"], [20 / 35, 15 / 35])
    np.testing.assert_allclose(table["treated_to_need"], [1, 1])
    np.testing.assert_allclose(table["benefit_per_1000"], [100, 75])


def test_slope_before_and_after_by_hand():
    benefit = two_quintiles([[[0.1], [0.1], [0.0]]], scale="events averted")
    benefit = benefit.assign_coords(imd_quintile=("area", [1, 3, 5]), population=("area", [100.0, 100.0, 100.0]))
    share = xr.DataArray(np.ones((3, 1)), dims=("area", "intervention"), coords={"area": AREAS, "intervention": ["a"]})
    baseline = benefit.isel(intervention=0, drop=True).copy(data=np.array([[[0.3, 0.3, 0.1]]]))
    table = slope_change(baseline, given_to_all(share, benefit), by="imd_quintile").set_index("when")
    # three thirds at ranks 1/6, 1/2, 5/6: the slope is the difference of the ends over two thirds
    np.testing.assert_allclose(table["mean"], [-0.3, -0.15, 0.15])
    assert (table["p_narrower"] == 1).all()
    with pytest.raises(DecisionError, match="same units"):
        given_to_all(share.assign_coords(area=["x", "y", "z"]), benefit)


def test_net_health_by_quintile_in_nices_layout():
    benefit = two_quintiles([[[0.1], [0.2], [0.05]]])
    health = net_health_by(
        benefit, {"a": 1_000.0}, by="imd_quintile", threshold=20_000, opportunity_cost={1: 0.5, 5: 0.5}
    )
    table = nice_table(health, benefit, by="imd_quintile")
    # 400 people x 1,000 pounds / 20,000 = 20 QALY forgone, 10 each; gains 30 and 10
    assert table["imd_quintile"].tolist() == [1, 5, "all"]
    np.testing.assert_allclose(table["health_benefit"], [30, 10, 40])
    np.testing.assert_allclose(table["opportunity_cost"], [10, 10, 20])
    np.testing.assert_allclose(table["net_health_benefit"], [20, 0, 20])
    np.testing.assert_allclose(table["people"], [200, 200, 400])
    with pytest.raises(DecisionError, match="adding to 1"):
        net_health_by(benefit, {"a": 1.0}, by="imd_quintile", threshold=20_000, opportunity_cost={1: 0.5, 5: 0.4})
    with pytest.raises(DecisionError, match="needs a benefit in QALY"):
        net_health_by(
            benefit.assign_attrs(scale="events averted"),
            {"a": 1.0},
            by="imd_quintile",
            threshold=1,
            opportunity_cost={1: 0.5, 5: 0.5},
        )


def test_impact_plane_counts_its_quadrants_and_is_flat_without_aversion():
    rng = np.random.default_rng(2)
    benefit = two_quintiles(rng.normal([[0.1], [0.1], [0.05]], 0.2, (500, 3, 1)))
    health = net_health_by(
        benefit, {"a": 500.0}, by="imd_quintile", threshold=20_000, opportunity_cost={1: 0.5, 5: 0.5}
    )
    stated = {"health": {1: 60.0, 5: 75.0}, "people": {1: 1e4, 5: 1e4}, "by": "imd_quintile"}
    flat = impact_plane(health, **stated, aversion=0.0)
    np.testing.assert_allclose(flat.points["equity"], 0, atol=1e-7)
    plane = impact_plane(health, **stated, aversion=3.5)
    chances = plane.table.filter(like="P(").iloc[0]
    assert chances.sum() == pytest.approx(1.0)
    points = plane.points
    assert chances.iloc[0] == pytest.approx(((points["net_health"] > 0) & (points["equity"] > 0)).mean())
    # small changes: equity = sum of (weight x d EDE/d mean scaling - 1) x change; sign follows the weights
    first = health["net_health_benefit"].values.reshape(500, 2)
    clear = first[:, 0] - first[:, 1] > 10
    assert (points["equity"].to_numpy()[clear] > 0).all()
    with pytest.raises(DecisionError, match="No health for 5"):
        impact_plane(health, by="imd_quintile", health={1: 60.0}, people={1: 1, 5: 1}, aversion=1)


def test_ranks_against_a_count_and_tiers():
    values = xr.DataArray(
        [[[3.0, 2.0, 1.0, 0.0], [3.0, 1.0, 2.0, 0.0], [3.0, 3.0, 1.0, 0.0], [4.0, 2.0, 1.0, 0.0]]],
        dims=("chain", "draw", "area"),
        coords={"area": list("abcd")},
    )
    table = rank_areas(values, top=2, sure=0.9).set_index("area")
    # by hand; the tie in the third draw gives 1.5 to both
    np.testing.assert_allclose(table["expected_rank"], [4.5 / 4, (2 + 3 + 1.5 + 2) / 4, (3 + 2 + 3 + 3) / 4, 4])
    np.testing.assert_allclose(table["p_top"], [1, 0.75, 0.25, 0])
    assert table["tier"].tolist() == ["sure in", "marginal", "marginal", "sure out"]
    with pytest.raises(DecisionError, match="select an intervention"):
        rank_areas(values.expand_dims("intervention"), top=2)
    with pytest.raises(DecisionError, match="give a share or number"):
        rank_areas(values, top=9)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_share_of_areas_in_the_top_adds_to_its_size(seed):
    values = xr.DataArray(
        np.random.default_rng(seed).standard_normal((2, 25, 12)),
        dims=("chain", "draw", "area"),
        coords={"area": [f"E{i}" for i in range(12)]},
    )
    table = rank_areas(values, top=0.25)
    assert table["p_top"].sum() == pytest.approx(3.0)
    assert table["expected_rank"].sum() == pytest.approx(78.0, rel=1e-6)
