"""Plans that act on an event of their own, a treatment worth something by itself, groups pooled into areas."""

import numpy as np
import pytest
import xarray as xr

from bayesineq.decisions.interventions import Intervention
from bayesineq.decisions.net_benefit import net_benefit
from bayesineq.decisions.plan_benefit import plan_benefit, pooled
from bayesineq.decisions.plans import ALLOCATION, PlanOptions, compare_plans
from bayesineq.decisions.published import PublishedEffect, Quantity, Share
from bayesineq.decisions.read_plans import read_plans
from bayesineq.errors import DecisionError
from bayesineq.shipped import folder

HALVED = PublishedEffect("risk ratio", Quantity(0.5))


def plan(name="call", effect=HALVED, cost=10.0, **rest):
    return Intervention(name, effect, Quantity(cost), **rest)


@pytest.fixture(scope="module")
def cells():
    """Twelve areas by two ethnic groups, of unequal size, one cell empty."""
    rng = np.random.default_rng(6)
    people = rng.integers(20, 200, (12, 2)).astype(float)
    people[3, 1] = 0.0
    risk = rng.uniform(0.1, 0.4, (2, 40, 12, 2))
    return xr.DataArray(
        np.where(people > 0, risk, np.nan),
        dims=("chain", "draw", "area", "ethnicity"),
        coords={
            "area": [f"E010000{i:02d}" for i in range(12)],
            "ethnicity": ["A", "B"],
            "imd_decile": ("area", np.arange(12) % 10 + 1),
            "population": (("area", "ethnicity"), people),
        },
    )


def test_an_event_of_its_own_has_the_modelled_risk_times_its_ratio(cells):
    both = [
        plan("own", event="death", event_ratio=Quantity(0.2), qaly_per_event=Quantity(5.0)),
        plan("same", qaly_per_event=Quantity(0.1), qaly_per_treated=Quantity(0.03)),
    ]
    seen = plan_benefit(both, cells, seed=1)
    risk = cells.fillna(0.0)
    np.testing.assert_allclose(seen.events.sel(intervention="own"), 0.2 * risk * 0.5)
    np.testing.assert_allclose(seen.benefit.sel(intervention="own"), 5.0 * 0.2 * risk * 0.5)
    np.testing.assert_allclose(seen.benefit.sel(intervention="same"), 0.1 * risk * 0.5 + 0.03)


def test_an_odds_ratio_acts_on_the_odds_of_its_own_event(cells):
    own = plan(
        effect=PublishedEffect("odds ratio", Quantity(0.25)),
        event="sight loss",
        event_ratio=Quantity(0.5),
        qaly_per_event=Quantity(1.0),
    )
    risk = 0.5 * cells.fillna(0.0)
    odds = 0.25 * risk / (1 - risk)
    np.testing.assert_allclose(
        plan_benefit([own], cells, seed=1).events.isel(intervention=0), risk - odds / (1 + odds), atol=1e-12
    )


def test_events_of_different_kinds_are_not_added_up(cells):
    own = plan("own", event="death", event_ratio=Quantity(0.2))
    with pytest.raises(DecisionError, match="own on death, not on the event of the posterior"):
        plan_benefit([own, plan("same")], cells)
    with pytest.raises(DecisionError, match="event and event_ratio go together"):
        plan(event="death")
    with pytest.raises(DecisionError, match="qaly_per_treated needs qaly_per_event"):
        plan(qaly_per_treated=Quantity(0.1))
    with pytest.raises(DecisionError, match="at least one intervention"):
        plan_benefit([], cells)


def test_pooling_counts_each_person_once(cells):
    seen = plan_benefit([plan(uptake=Share(Quantity(0.5), {"ethnicity": {"A": 0.4, "B": 0.8}}))], cells, seed=1)
    area = pooled(seen, ["ethnicity"])
    people = cells["population"]
    for name in ("benefit", "spend", "treated"):
        fine, coarse = getattr(seen, name), getattr(area, name)
        wanted = (fine * people).sum("ethnicity") / people.sum("ethnicity")
        np.testing.assert_allclose(coarse, wanted.transpose(*coarse.dims))
    np.testing.assert_array_equal(area.benefit["population"], people.sum("ethnicity"))
    assert area.benefit["imd_quintile"].dims == ("area",)
    # costs carry no people of their own, so that totals count the benefit's
    worth = net_benefit(area.benefit, area.net_cost, threshold=100.0)
    np.testing.assert_array_equal(worth["population"], people.sum("ethnicity"))
    with pytest.raises(DecisionError, match="No dimension sex to pool over"):
        pooled(seen, ["sex"])


def test_net_benefit_keeps_its_people_whatever_the_cost_carries(cells):
    benefit = plan_benefit([plan()], cells, seed=1).benefit
    cost = xr.full_like(benefit.isel(chain=0, draw=0, drop=True), 2.0).assign_coords(
        population=(("area", "ethnicity"), np.ones((12, 2)))
    )
    worth = net_benefit(benefit, cost, threshold=1.0)
    np.testing.assert_array_equal(worth["population"], cells["population"])


def test_areas_are_decided_for_and_groups_within_them_reported(cells):
    plans = [plan(qaly_per_event=Quantity(0.2), uptake=Share(Quantity(0.5), {"ethnicity": {"A": 0.4, "B": 0.8}}))]
    found = compare_plans(plans, cells, budget=2_000, threshold=20_000, seed=2, options=PlanOptions(decide_by=["area"]))
    assert set(found.tables["allocation"].columns) >= {"area", "treated"}
    assert "ethnicity" not in found.tables["allocation"].columns
    shares = found.tables["shares_ethnicity"].set_index("ethnicity")
    assert shares["treated"].sum() == pytest.approx(found.allocation.treated)
    assert shares["spend"].sum() == pytest.approx(found.allocation.spend)
    assert shares["benefit"].sum() == pytest.approx(found.allocation.interval()[0])
    people = cells["population"].sum("area").values
    np.testing.assert_allclose(shares["people"], people)
    # within an area places follow uptake, whoever is decided for
    share = found.allocation.share.isel(intervention=0)
    by_hand = (share * xr.DataArray([0.4, 0.8], dims="ethnicity") * cells["population"]).sum("area")
    np.testing.assert_allclose(shares["treated"], by_hand)
    options = found.tables["options"].set_index("intervention")
    gained = found.tables["distribution"].query("imd_quintile == 'all'").set_index("intervention")
    assert gained.loc["call", "health_benefit"] == pytest.approx(options.loc["call", "benefit"])
    assert 20_000 * gained.loc["call", "net_health_benefit"] == pytest.approx(options.loc["call", "net_benefit"])
    assert gained.loc[ALLOCATION, "health_benefit"] == pytest.approx(found.allocation.interval()[0])


def test_the_shipped_plans_can_be_read_and_name_their_sources():
    plans = read_plans(folder("models") / "plans" / "diabetes.toml")
    assert [one.name for one in plans] == [
        "structured education",
        "retinal-screening outreach",
        "continuous glucose monitoring",
    ]
    assert all("doi:" in one.source for one in plans)
    # published numbers, as in the abstracts
    assert plans[0].effect.size == Quantity(0.74, 0.60, 0.90)
    assert plans[2].effect.size == Quantity(0.89, 0.83, 0.97)
    odds = plans[1].effect.size
    assert (1 / odds.value, 1 / odds.upper, 1 / odds.lower) == pytest.approx((3.76, 2.14, 6.61), rel=0.005)
