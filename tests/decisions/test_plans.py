"""Plans: read from TOML, carried to local risk, compared; refusals."""

import numpy as np
import pytest
import xarray as xr

from bayesineq.decisions.interventions import Intervention
from bayesineq.decisions.plan_benefit import plan_benefit, with_quintile
from bayesineq.decisions.plans import PlanOptions, compare_plans
from bayesineq.decisions.published import PublishedEffect, Quantity, Share
from bayesineq.decisions.read_plans import read_plans
from bayesineq.errors import DecisionError

TOML = """
[[intervention]]
name = "structured education"
source = "made up for a test"
cost = { value = 180, lower = 150, upper = 215 }
capacity = 4000
qaly_per_event = 0.3
saving_per_event = 2500
reach = 0.8
[intervention.effect]
measure = "risk ratio"
value = 0.85
lower = 0.76
upper = 0.95
modifiers.imd_quintile.1 = { value = 1.05, lower = 0.95, upper = 1.16 }
[intervention.uptake]
value = 0.45
lower = 0.40
upper = 0.50
by.imd_quintile = { 1 = 0.35, 2 = 0.4, 3 = 0.45, 4 = 0.5, 5 = 0.55 }

[[intervention]]
name = "screening outreach"
cost = 60
qaly_per_event = 0.3
effect = { measure = "risk ratio", value = 0.95, lower = 0.91, upper = 0.99 }
"""


@pytest.fixture
def plans(tmp_path):
    (tmp_path / "PLANS.toml").write_text(TOML)
    return read_plans(tmp_path / "PLANS.toml")


@pytest.fixture(scope="module")
def baseline():
    rng = np.random.default_rng(4)
    decile = np.repeat(np.arange(1, 11), 3)
    risk = np.clip(0.30 - 0.02 * decile + rng.normal(0, 0.01, (2, 150, 30)), 0.01, 0.9)
    return xr.DataArray(
        risk,
        dims=("chain", "draw", "area"),
        coords={
            "area": [f"E010{i:05d}" for i in range(30)],
            "imd_decile": ("area", decile),
            "population": ("area", rng.integers(100, 400, 30).astype(float)),
        },
    )


def test_the_file_becomes_what_it_says(plans):
    education, outreach = plans
    assert education == Intervention(
        name="structured education",
        effect=PublishedEffect(
            "risk ratio", Quantity(0.85, 0.76, 0.95), {"imd_quintile": {"1": Quantity(1.05, 0.95, 1.16)}}
        ),
        cost=Quantity(180, 150, 215),
        reach=Share(Quantity(0.8)),
        uptake=Share(Quantity(0.45, 0.4, 0.5), {"imd_quintile": {"1": 0.35, "2": 0.4, "3": 0.45, "4": 0.5, "5": 0.55}}),
        capacity=4000.0,
        qaly_per_event=Quantity(0.3),
        saving_per_event=Quantity(2500.0),
        source="made up for a test",
    )
    assert outreach.cost == Quantity(60.0)


def test_every_fault_of_a_file_is_told_at_once(tmp_path):
    path = tmp_path / "PLANS.toml"
    path.write_text(
        '[[intervention]]\nname = "a"\ncost = -5\ncolour = "red"\neffect = { measure = "risk ratio", value = 0.9 }\n'
        '[[intervention]]\nname = "b"\ncost = "5"\nuptake = 40\neffect = { measure = "hazard", value = 0.9 }\n'
        '[[intervention]]\nname = "c"\neffect = { measure = "risk ratio", value = 0.9, lower = 0.95, upper = 0.99 }\n'
    )
    with pytest.raises(DecisionError) as caught:
        read_plans(path)
    said = str(caught.value)
    for part in (
        "a: unknown colour",
        "b, cost: '5' is not a number",
        "b, uptake: A share lies between 0 and 1",
        "b, effect: Effect measure 'hazard'",
        "c: cost is missing",
        "c, effect: 0.9 lies outside",
    ):
        assert part in said, part
    path.write_text('[[intervention]]\nname = "a"\ncost = -5\neffect = { measure = "risk ratio", value = 0.9 }\n')
    with pytest.raises(DecisionError, match="a: cost is negative"):
        read_plans(path)
    two = '[[intervention]]\nname = "a"\ncost = -5\nqaly_per_treated = 1\neffect = { measure = "hazard", value = 1 }\n'
    path.write_text(two)
    with pytest.raises(DecisionError, match=r"hazard.*cost is negative.*qaly_per_treated needs qaly_per_event"):
        read_plans(path)
    path.write_text("[[")
    with pytest.raises(DecisionError, match="is not TOML"):
        read_plans(path)
    with pytest.raises(DecisionError, match="there is no such file"):
        read_plans(tmp_path / "NONE.toml")


def test_benefit_and_costs_of_plans_by_hand(plans, baseline):
    seen = plan_benefit(plans, baseline, seed=1)
    assert seen.benefit.attrs["scale"] == "QALY"
    # outreach: everyone treated, ratio drawn; benefit = 0.3 x risk x (1 - ratio), cost 60
    ratio = np.exp(seen.parameters["effect of screening outreach"])
    expected = 0.3 * with_quintile(baseline) * (1 - ratio)
    got = seen.benefit.sel(intervention="screening outreach", drop=True)
    np.testing.assert_allclose(got, expected.transpose("chain", "draw", "area"), rtol=1e-10)
    np.testing.assert_allclose(seen.spend.sel(intervention="screening outreach"), 60.0)
    # education: spend = reach x uptake x cost draw, net of 2,500 for each event averted
    share = seen.treated.sel(intervention="structured education", drop=True)
    cost = seen.parameters["cost of structured education"]
    spend = seen.spend.sel(intervention="structured education", drop=True)
    np.testing.assert_allclose(spend, (share * cost).transpose(*spend.dims))
    net = seen.net_cost.sel(intervention="structured education", drop=True)
    averted = seen.events.sel(intervention="structured education", drop=True)
    np.testing.assert_allclose(net, (spend - 2500 * averted).transpose(*net.dims))
    quintile = with_quintile(baseline).imd_quintile.values
    assert float(share.values[..., quintile == 1].mean()) == pytest.approx(0.8 * 0.35, rel=0.01)
    assert float(share.values[..., quintile == 5].mean()) == pytest.approx(0.8 * 0.55, rel=0.01)


def test_plans_compared_hold_together(plans, baseline):
    result = compare_plans(
        plans,
        baseline,
        budget=150_000,
        threshold=20_000,
        seed=1,
        options=PlanOptions(thresholds=[10_000, 20_000, 30_000], floors={"imd_quintile": {1: 0.2}}),
    )
    options = result.tables["options"].set_index("intervention")
    assert options.index.tolist() == ["no intervention", "structured education", "screening outreach"]
    assert options["p_best"].sum() == pytest.approx(1.0)
    assert result.allocation.spend <= 150_000 * (1 + 1e-9)
    shares = result.tables["shares_imd_quintile"]
    assert shares["treated_share"].sum() == pytest.approx(1.0)
    assert shares.loc[shares["imd_quintile"] == 1, "treated_share"].item() >= 0.2 - 1e-6
    assert shares["spend"].sum() == pytest.approx(result.allocation.spend)
    assert shares["benefit"].sum() == pytest.approx(result.allocation.interval()[0])
    assert (result.tables["information"]["evppi"] <= result.comparison.evpi + 1e-9).all()
    assert result.tables["strata_imd_quintile"]["gain"].ge(-1e-6).all()
    assert result.tables["slope"]["mean"].iloc[0] < 0
    assert set(result.tables["distribution"]["imd_quintile"]) == {1, 2, 3, 4, 5, "all"}
    assert len(result.tables["areas"]) == 30
    assert result.tables["frontier"]["given_up"].is_monotonic_increasing
    words = " ".join(result.words)
    assert "At 20,000 pounds" in words
    assert "No table by ethnicity" in words
    again = compare_plans(
        plans,
        baseline,
        budget=150_000,
        threshold=20_000,
        seed=1,
        options=PlanOptions(floors={"imd_quintile": {1: 0.2}}),
    )
    assert again.comparison.options.equals(result.comparison.options)
    assert again.tables["curve"]["threshold"].max() == 40_000
    assert again.tables["curve"].groupby("threshold")["p_best"].sum().to_numpy() == pytest.approx(1.0)


def test_groups_as_dimensions_work_as_areas_do(plans, baseline):
    cells = baseline.isel(area=slice(0, 10)).assign_coords(imd_decile=("area", np.arange(1, 11)))
    cells = cells.swap_dims(area="imd_decile").drop_vars("area")
    cells = cells.expand_dims(ethnicity=["A", "B"]).transpose("chain", "draw", "imd_decile", "ethnicity")
    cells = cells.assign_coords(population=(("imd_decile", "ethnicity"), np.full((10, 2), 50.0)))
    result = compare_plans(plans, cells, budget=50_000, threshold=20_000, seed=1)
    assert result.tables["shares_ethnicity"]["people"].tolist() == [500, 500]
    assert result.tables["shares_imd_quintile"]["people"].tolist() == [200] * 5
    assert "areas" not in result.tables


def test_a_cell_where_nobody_lives_gets_nothing_and_one_with_people_needs_a_risk(plans, baseline):
    people = baseline.coords["population"].copy()
    people[4] = 0.0
    empty = baseline.where(people > 0).assign_coords(population=people)
    result = compare_plans(plans, empty, budget=20_000, threshold=20_000, seed=1)
    assert baseline.area.values[4] not in set(result.allocation.table["area"])
    unknown = baseline.where(people > 0)
    with pytest.raises(DecisionError, match="not finite"):
        compare_plans(plans, unknown, budget=20_000, threshold=20_000, seed=1)


def test_mixed_scales_and_doubled_names_are_refused(plans, baseline):
    education, outreach = plans
    plain = Intervention("plain", outreach.effect, Quantity(10.0))
    with pytest.raises(DecisionError, match="mixed scales: structured education state qaly_per_event, plain do not"):
        plan_benefit([education, plain], baseline)
    with pytest.raises(DecisionError, match="names of their own"):
        plan_benefit([education, education], baseline)
    with pytest.raises(DecisionError, match="below every cost"):
        compare_plans([outreach], baseline, budget=1, threshold=20_000)
