"""Allocation: greedy against the exact programme, hand cases, prices of the limits, refusals."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from bayesineq.decisions.allocate import Constraints, allocate, budgeted_information
from bayesineq.decisions.benefit import from_effects
from bayesineq.decisions.frontier import frontier
from bayesineq.errors import DecisionError


def areas(values, quintile=None, people=None, scale="QALY"):
    values = np.asarray(values, float)
    values = values[np.newaxis] if values.ndim == 2 else values
    codes = [f"E0100{i:04d}" for i in range(values.shape[1])]
    benefit = from_effects(
        values, scale=scale, interventions=[f"arm {k}" for k in range(values.shape[2])], units=codes, unit="area"
    )
    if quintile is not None:
        benefit = benefit.assign_coords(imd_quintile=("area", quintile))
    return benefit if people is None else benefit.assign_coords(population=("area", people))


def world(seed, units, arms):
    rng = np.random.default_rng(seed)
    benefit = areas(rng.gamma(1.0, 1.0, (units, arms)) - 0.2, rng.integers(1, 6, units))
    spend = xr.DataArray(
        rng.gamma(2.0, 1.0, (units, arms)) + 0.01,
        dims=("area", "intervention"),
        coords={"area": benefit.area.values, "intervention": benefit.intervention.values},
    )
    return benefit, spend


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), units=st.integers(1, 40), arms=st.integers(1, 4), part=st.floats(0.05, 1.2))
def test_greedy_is_the_linear_optimum_and_within_one_unit_of_whole_units(seed, units, arms, part):
    benefit, spend = world(seed, units, arms)
    budget = float(spend.max("intervention").sum()) * part
    least = float(spend.where(benefit.isel(chain=0, draw=0) > 0).min())
    if budget < least < np.inf:
        with pytest.raises(DecisionError, match="below every cost"):
            allocate(benefit, spend, budget=budget)
        return
    easy = allocate(benefit, spend, budget=budget, method="greedy")
    exact = allocate(benefit, spend, budget=budget)
    assert easy.objective == pytest.approx(exact.objective, rel=1e-7, abs=1e-9)
    whole_greedy = allocate(benefit, spend, budget=budget, method="greedy", constraints=Constraints(divisible=False))
    whole_exact = allocate(benefit, spend, budget=budget, constraints=Constraints(divisible=False))
    one_unit = max(float(benefit.max()), 0.0)
    assert whole_greedy.objective <= whole_exact.objective + 1e-6
    assert whole_exact.objective <= exact.objective + 1e-6
    assert -1e-6 <= exact.objective - whole_greedy.objective <= one_unit + 1e-6
    for result in (easy, exact, whole_greedy, whole_exact):
        assert result.spend <= budget * (1 + 1e-6)
        assert float(result.share.sum("intervention").max()) <= 1 + 1e-6
        assert result.objective == pytest.approx(result.table["benefit"].sum())


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6), floor=st.floats(0.0, 0.9))
def test_prices_of_limits_are_never_negative_and_a_floor_never_helps(seed, floor):
    benefit, spend = world(seed, 30, 2)
    present = int(benefit.imd_quintile.values[0])
    budget = float(spend.min("intervention").sum()) * 0.5
    free = allocate(benefit, spend, budget=budget, constraints=Constraints(capacity={"arm 0": 5}))
    held = allocate(
        benefit,
        spend,
        budget=budget,
        constraints=Constraints(capacity={"arm 0": 5}, floors={"imd_quintile": {present: floor}}),
    )
    assert (held.prices["price"] >= -1e-9).all()
    assert held.objective <= free.objective + 1e-7
    places = held.share.sum("intervention")
    reached = float(places[benefit.imd_quintile.values == present].sum()) / max(float(places.sum()), 1e-12)
    assert reached >= floor - 1e-6 or float(places.sum()) == 0


def test_hand_case_with_budget_capacity_and_people():
    # gains 4, 3, 2 QALY a person, 1 pound each, 10 people in each area, 15 pounds: first whole, second half
    benefit = areas([[4.0], [3.0], [2.0]], [1, 5, 5], people=[10.0, 10.0, 10.0])
    result = allocate(benefit, {"arm 0": 1.0}, budget=15)
    np.testing.assert_allclose(result.share.values.ravel(), [1, 0.5, 0])
    assert (result.objective, result.spend, result.treated) == pytest.approx((55, 15, 15))
    assert result.prices.set_index("limit").loc["budget", "price"] == pytest.approx(3.0)
    assert result.interval() == pytest.approx((55, 55, 55))
    # two thirds of the places to quintile 5: 5 places in the first area, 10 in the second; a place moved costs 4 - 3
    held = allocate(benefit, {"arm 0": 1.0}, budget=15, constraints=Constraints(floors={"imd_quintile": {5: 2 / 3}}))
    np.testing.assert_allclose(held.share.values.ravel(), [0.5, 1, 0])
    assert held.prices.set_index("limit").loc["budget", "price"] == pytest.approx((20 + 30) / 15, rel=0.2)
    full = allocate(benefit, {"arm 0": 1.0}, budget=100, constraints=Constraints(capacity={"arm 0": 12}))
    assert full.treated == pytest.approx(12)
    assert full.prices.set_index("limit").loc["capacity of arm 0", "price"] == pytest.approx(3.0)


def test_people_treated_fill_capacity_where_not_all_take_it_up():
    benefit = areas([[4.0], [3.0]], people=[10.0, 10.0])
    treated = xr.DataArray(
        [[0.5], [0.2]], dims=("area", "intervention"), coords={"area": benefit.area.values, "intervention": ["arm 0"]}
    )
    result = allocate(
        benefit, {"arm 0": 1.0}, budget=100, treated=treated, constraints=Constraints(capacity={"arm 0": 6})
    )
    np.testing.assert_allclose(result.share.values.ravel(), [0.8, 1.0])  # 3 QALY / .2 beats 4 / .5 per place
    assert result.table["treated"].tolist() == pytest.approx([4, 2])


def test_a_threshold_leaves_out_what_is_not_worth_its_cost():
    benefit = areas([[1.0], [0.1]])
    result = allocate(benefit, {"arm 0": 5_000.0}, budget=100_000, threshold=20_000)
    assert result.table["area"].tolist() == ["E01000000"]
    assert result.objective == pytest.approx(15_000)


def test_knowing_the_effects_is_worth_something_within_a_budget():
    rng = np.random.default_rng(3)
    uncertain = areas(rng.normal(1, 1, (300, 20, 1)))
    certain = areas(np.ones((300, 20, 1)))
    assert budgeted_information(certain, {"arm 0": 1.0}, budget=5) == pytest.approx(0.0)
    gain = budgeted_information(uncertain, {"arm 0": 1.0}, budget=5, draws=300)
    # knowing: in each draw the five best of 20; deciding now: the five of the highest means
    drawn = uncertain.values[0, :, :, 0]
    known, now = np.sort(drawn, axis=1)[:, -5:].sum(axis=1).mean(), np.sort(drawn.mean(axis=0))[-5:].sum()
    assert gain == pytest.approx(known - now, rel=1e-9)


def test_frontier_gives_up_more_with_each_step_and_prices_it():
    rng = np.random.default_rng(5)
    benefit = areas(rng.gamma(2, 1, (50, 1)) * np.where(np.arange(50)[:, None] < 10, 0.5, 1.0), [1] * 10 + [5] * 40)
    table = frontier(benefit, {"arm 0": 1.0}, budget=20, by="imd_quintile", level=1, shares=[0, 0.2, 0.4])
    assert table["given_up"].is_monotonic_increasing
    assert table["given_up"].iloc[0] == 0
    assert (table["price"] >= 0).all()
    assert (table["share"] >= table["floor"] - 1e-9).all()
    assert (table["lower"] <= table["benefit"]).all()


def test_budgets_costs_floors_and_capacities_that_make_no_sense_are_refused():
    benefit = areas([[4.0], [3.0]], [1, 5])
    with pytest.raises(DecisionError, match=r"below every cost: the cheapest unit with a benefit costs 9"):
        allocate(benefit, {"arm 0": 9.0}, budget=5)
    with pytest.raises(DecisionError, match=r"zero or more: arm 0 -1\.00"):
        allocate(benefit, {"arm 0": -1.0}, budget=5)
    with pytest.raises(DecisionError, match="budget must be pounds"):
        allocate(benefit, {"arm 0": 1.0}, budget=-5)
    with pytest.raises(DecisionError, match="No unit has imd_quintile = 3; there are 1, 5"):
        allocate(benefit, {"arm 0": 1.0}, budget=5, constraints=Constraints(floors={"imd_quintile": {3: 0.5}}))
    with pytest.raises(DecisionError, match="add to 1 at most"):
        allocate(benefit, {"arm 0": 1.0}, budget=5, constraints=Constraints(floors={"imd_quintile": {1: 0.7, 5: 0.7}}))
    with pytest.raises(DecisionError, match="knows the budget alone"):
        allocate(benefit, {"arm 0": 1.0}, budget=5, method="greedy", constraints=Constraints(capacity={"arm 0": 1}))
    with pytest.raises(DecisionError, match="Capacities must be people"):
        allocate(benefit, {"arm 0": 1.0}, budget=5, constraints=Constraints(capacity={"arm 9": 1}))
