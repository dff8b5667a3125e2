"""Transported effects against hand calculation, and the refusals."""

import numpy as np
import pytest
import xarray as xr

from bayesineq.decisions.published import PublishedEffect, Quantity, Share
from bayesineq.decisions.transport import coverage, transport
from bayesineq.errors import DecisionError


@pytest.fixture
def baseline():
    """Risk .1, .2, .4 in three areas of quintiles 1, 1, 5, without uncertainty."""
    return xr.DataArray(
        np.broadcast_to([0.1, 0.2, 0.4], (1, 400, 3)).copy(),
        dims=("chain", "draw", "area"),
        coords={
            "chain": [0],
            "draw": np.arange(400),
            "area": ["E01000001", "E01000002", "E01000003"],
            "imd_quintile": ("area", [1, 1, 5]),
            "population": ("area", [100.0, 200.0, 300.0]),
        },
    )


def of(benefit, area):
    return benefit.sel(area=area, intervention="a").values.ravel()


@pytest.mark.parametrize(
    ("measure", "value", "expected"),
    [
        ("risk ratio", 0.75, [0.025, 0.05, 0.10]),
        ("rate ratio", 0.75, [0.025, 0.05, 0.10]),
        ("risk difference", -0.05, [0.05, 0.05, 0.05]),
        # odds .1/.9, .2/.8, .4/.6 halved: risks 1/19, 1/9, 1/4
        ("odds ratio", 0.5, [0.1 - 1 / 19, 0.2 - 1 / 9, 0.4 - 1 / 4]),
    ],
)
def test_benefit_of_each_measure_by_hand(baseline, measure, value, expected):
    benefit = transport(baseline, {"a": PublishedEffect(measure, Quantity(value))}, seed=1)
    np.testing.assert_allclose(benefit.isel(chain=0, draw=0, intervention=0), expected, rtol=1e-12)
    assert benefit.attrs["scale"] == "events averted"
    np.testing.assert_array_equal(benefit.coords["population"], [100, 200, 300])


def test_published_interval_returns_as_the_interval_of_the_benefit(baseline):
    # the benefit is monotone in the ratio, so its quantiles are those of the published interval
    effect = PublishedEffect("risk ratio", Quantity(0.8, 0.7, 0.8**2 / 0.7))
    many = baseline.isel(draw=np.zeros(40_000, int)).assign_coords(draw=np.arange(40_000))
    benefit = transport(many, {"a": effect}, seed=3)
    low, middle, high = np.quantile(of(benefit, "E01000003"), [0.025, 0.5, 0.975])
    # three standard errors of a 2.5% quantile from 40,000 draws: 3 * sqrt(.025*.975/4e4)/density
    assert low == pytest.approx(0.4 * (1 - 0.8**2 / 0.7), abs=0.0022)
    assert middle == pytest.approx(0.4 * 0.2, abs=0.001)
    assert high == pytest.approx(0.4 * 0.3, abs=0.0022)


def test_effect_is_common_to_all_areas_and_arms_follow_the_stated_correlation(baseline):
    effects = {name: PublishedEffect("rate ratio", Quantity(0.8, 0.6, 0.8**2 / 0.6)) for name in ("a", "b")}
    apart = transport(baseline, effects, correlation=0.0, seed=5)
    together = transport(baseline, effects, correlation=1.0, seed=5)
    assert np.corrcoef(of(apart, "E01000001"), of(apart, "E01000003"))[0, 1] == pytest.approx(1.0)
    np.testing.assert_allclose(together.sel(intervention="a"), together.sel(intervention="b"))
    pair = apart.isel(chain=0, area=0).values
    assert abs(np.corrcoef(pair.T)[0, 1]) < 4 / np.sqrt(400)


def test_modifiers_multiply_in_their_group_only(baseline):
    effect = PublishedEffect("risk ratio", Quantity(0.8), {"imd_quintile": {"1": Quantity(1.1)}})
    benefit = transport(baseline, {"a": effect}, seed=1)
    expected = [0.1 * (1 - 0.88), 0.2 * (1 - 0.88), 0.4 * 0.2]
    np.testing.assert_allclose(benefit.isel(chain=0, draw=7, intervention=0), expected)


def test_modifiers_align_by_code_where_the_group_is_a_dimension():
    shuffled = xr.DataArray(
        np.full((1, 5, 3), 0.5),
        dims=("chain", "draw", "imd_quintile"),
        coords={"chain": [0], "draw": np.arange(5), "imd_quintile": [3, 1, 2]},
    )
    levels = {str(k): Quantity(1 - k / 10) for k in (1, 2, 3)}
    benefit = transport(shuffled, {"a": PublishedEffect("risk ratio", Quantity(1.0), {"imd_quintile": levels})}, seed=1)
    for quintile in (1, 2, 3):
        assert float(benefit.sel(imd_quintile=quintile)[0, 0, 0]) == pytest.approx(0.05 * quintile)


def test_reach_and_uptake_by_group_multiply(baseline):
    reach = {"a": Share(Quantity(0.5))}
    uptake = {"a": Share(Quantity(0.6), {"imd_quintile": {"1": 0.3, "5": 0.9}})}
    share = coverage(baseline, ["a"], reach=reach, uptake=uptake, seed=1)
    np.testing.assert_allclose(share.sel(intervention="a"), [0.15, 0.15, 0.45])
    benefit = transport(baseline, {"a": PublishedEffect("risk ratio", Quantity(0.5))}, treated=share, seed=1)
    np.testing.assert_allclose(benefit.isel(chain=0, draw=0, intervention=0), [0.0075, 0.015, 0.09])


def test_uncertain_uptake_moves_all_groups_together_and_keeps_its_interval(baseline):
    many = baseline.isel(draw=np.zeros(20_000, int)).assign_coords(draw=np.arange(20_000))
    share = coverage(many, ["a"], uptake={"a": Share(Quantity(0.5, 0.4, 0.6))}, seed=2)
    low, high = np.quantile(share.isel(chain=0, intervention=0).values.reshape(20_000, -1)[:, 0], [0.025, 0.975])
    assert low == pytest.approx(0.4, abs=0.005)
    assert high == pytest.approx(0.6, abs=0.005)


def test_share_of_cells_held_at_a_bound_is_stated(baseline):
    benefit = transport(baseline, {"a": PublishedEffect("risk difference", Quantity(-0.15))}, seed=1)
    assert benefit.attrs["held_at_bound"] == "a 0.3333"


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: PublishedEffect("risk ratio", Quantity(-0.5)), "must be above 0"),
        (lambda: PublishedEffect("hazard ratio", Quantity(0.5)), "is not one of"),
        (lambda: PublishedEffect("risk difference", Quantity(-5.0)), "not a percentage"),
        (lambda: Quantity(0.5, 0.6, 0.7), "outside its own interval"),
        (lambda: Quantity(0.5, 0.4), "two bounds"),
        (lambda: Share(Quantity(40.0)), "between 0 and 1"),
    ],
)
def test_impossible_numbers_are_refused_where_they_are_written(make, says):
    with pytest.raises(DecisionError, match=says):
        make()


def test_groupings_and_levels_that_the_baseline_lacks_are_named(baseline):
    effect = PublishedEffect("risk ratio", Quantity(0.8))
    with pytest.raises(DecisionError, match="no value for 5; given are 1"):
        coverage(baseline, ["a"], uptake={"a": Share(Quantity(0.5), {"imd_quintile": {"1": 0.4}})})
    with pytest.raises(DecisionError, match="ethnicity, which the baseline does not carry"):
        coverage(baseline, ["a"], uptake={"a": Share(Quantity(0.5), {"ethnicity": {"A": 0.4}})})
    with pytest.raises(DecisionError, match="name levels that the baseline does not have: 2"):
        transport(baseline, {"a": PublishedEffect("risk ratio", Quantity(0.8), {"imd_quintile": {"2": Quantity(1.2)}})})
    with pytest.raises(DecisionError, match="use a rate ratio"):
        transport(baseline * 10, {"a": effect})
    with pytest.raises(DecisionError, match="no dimension chain"):
        transport(baseline.mean("chain"), {"a": effect})
