"""Which way is better: every place where a sign enters a decision, of good and bad outcomes, against closed forms."""

import numpy as np
import pytest
import xarray as xr

from bayesineq.decisions.allocate import Constraints, allocate
from bayesineq.decisions.benefit import combine, from_effects, rescale
from bayesineq.decisions.distributional import UNCHANGED, impact_plane, net_health_by
from bayesineq.decisions.equity import given_to_all, shares_by, slope_change
from bayesineq.decisions.events import need_of
from bayesineq.decisions.interventions import Intervention
from bayesineq.decisions.plan_benefit import plan_benefit
from bayesineq.decisions.plans import PlanOptions, compare_plans
from bayesineq.decisions.polarity import polarity, scale_of_outcome
from bayesineq.decisions.published import PublishedEffect, Quantity, Share
from bayesineq.decisions.read_plans import read_plans
from bayesineq.decisions.transport import transport
from bayesineq.errors import DecisionError
from bayesineq.report.page.plans import plan_sections
from bayesineq.uplift.adapters import from_econml, from_stochtree

RISK = np.linspace(0.2, 0.65, 10)
COUNTED = {"worse": "events averted", "better": "events gained"}
SIGN = {"worse": -1.0, "better": 1.0}


def baseline(more_is, risk=RISK, scale="proportion", draws=20, people=100.0):
    attrs = {"outcome": "admissions" if more_is == "worse" else "checks done", "more_is": more_is, "scale": scale}
    return xr.DataArray(
        np.broadcast_to(risk, (1, draws, len(risk))).copy(),
        dims=("chain", "draw", "area"),
        coords={
            "area": [f"E{k:08d}" for k in range(len(risk))],
            "imd_quintile": ("area", np.repeat(np.arange(1, 6), len(risk) // 5)),
            "population": ("area", np.full(len(risk), people)),
        },
        attrs=attrs,
    )


def plan(measure="risk ratio", value=0.8, name="call", cost=1.0, **more):
    return Intervention(name, PublishedEffect(measure, Quantity(value)), Quantity(cost), **more)


AFTER = {
    ("risk ratio", 0.8): 0.8 * RISK,
    ("risk ratio", 1.2): 1.2 * RISK,
    ("rate ratio", 1.2): 1.2 * RISK,
    ("odds ratio", 0.5): 0.5 * RISK / (1 - 0.5 * RISK),
    ("odds ratio", 2.0): 2 * RISK / (1 + RISK),
    ("risk difference", -0.05): RISK - 0.05,
    ("risk difference", 0.05): RISK + 0.05,
}


@pytest.mark.parametrize("more_is", ["worse", "better"])
@pytest.mark.parametrize(("measure", "value"), AFTER)
def test_every_measure_of_effect_has_the_sign_of_what_people_gain(more_is, measure, value):
    reached = plan(
        measure, value, reach=Share(Quantity(0.8)), uptake=Share(Quantity(0.5)),
        qaly_per_event=Quantity(0.3), saving_per_event=Quantity(50.0), qaly_per_treated=Quantity(0.01),
    )  # fmt: skip
    seen = plan_benefit([reached], baseline(more_is), seed=1)
    events = SIGN[more_is] * 0.4 * (AFTER[measure, value] - RISK)
    np.testing.assert_allclose(seen.events.isel(draw=0).values.ravel(), events)
    np.testing.assert_allclose(seen.benefit.isel(draw=0).values.ravel(), 0.3 * events + 0.4 * 0.01)
    np.testing.assert_allclose(seen.net_cost.isel(draw=0).values.ravel(), 0.4 - 50 * events)
    bare = transport(baseline(more_is), {"call": PublishedEffect(measure, Quantity(value))})
    np.testing.assert_allclose(bare.isel(draw=0).values.ravel(), events / 0.4)
    assert bare.attrs["scale"] == seen.events.attrs["scale"] == COUNTED[more_is]


@pytest.mark.parametrize(("more_is", "value"), [("worse", 1.2), ("better", 0.8)])
@pytest.mark.parametrize("qaly", [None, 0.5])
def test_a_plan_that_harms_everyone_is_never_chosen_whatever_is_paid(more_is, value, qaly):
    harmful = plan("odds ratio", value, cost=0.001, qaly_per_event=None if qaly is None else Quantity(qaly))
    found = compare_plans(
        [harmful],
        baseline(more_is),
        budget=1e6,
        threshold=1e6,
        seed=1,
        options=PlanOptions(thresholds=[0, 1, 1e3, 1e9]),
    )
    assert found.comparison.best == "no intervention"
    options = found.tables["options"].set_index("intervention")
    assert options.loc["no intervention", "p_best"] == 1
    assert options.loc["call", "benefit"] < 0
    assert set(found.tables["curve"].query("optimal")["intervention"]) == {"no intervention"}
    assert found.allocation.treated == found.allocation.spend == 0
    assert set(found.tables["cases"]["best"]) == {"no intervention"}
    assert set(found.tables["strata_imd_quintile"]["best"]) == {"no intervention"}
    assert "treats nobody" in " ".join(found.said["allocation"])
    # twenty draws cannot be surer than nineteen in twenty
    assert "people are worse off in more than 95% of draws: this plan does harm" in " ".join(found.words)
    assert not (found.tables["areas"]["tier"] == "sure in").any()


def test_a_harmful_plan_beside_a_good_one_is_left_alone():
    good, bad = plan(value=1.1, name="call", cost=10.0), plan(value=0.9, name="fee", cost=1.0)
    found = compare_plans([bad, good], baseline("better"), budget=3_000, threshold=1_000, seed=1)
    assert found.comparison.best == "call"
    assert set(found.allocation.table["intervention"]) == {"call"}
    # 1,000 pounds x 0.1 x risk exceeds 10 pounds everywhere; 3,000 pounds reach the three areas of highest coverage
    assert found.allocation.treated == pytest.approx(300)
    assert found.allocation.interval()[0] == pytest.approx(10 * RISK[-3:].sum())
    said = " ".join(found.words)
    assert "this plan does harm" in said
    assert said.count("people are better off in") == 1


def test_an_uncertain_plan_shares_the_probability_of_being_best_with_doing_nothing():
    unsure = Intervention("call", PublishedEffect("risk difference", Quantity(0.0, -0.1, 0.1)), Quantity(0.0))
    found = compare_plans([unsure], baseline("better", draws=4_000), budget=1, threshold=1_000, seed=1)
    options = found.tables["options"].set_index("intervention")
    assert options["p_best"].sum() == pytest.approx(1)
    assert options.loc["no intervention", "p_best"] == pytest.approx(0.5, abs=0.03)
    assert found.tables["events"]["p_better"].item() == pytest.approx(options.loc["call", "p_best"])
    assert "undetermined" in " ".join(found.words)


def test_events_of_both_kinds_meet_as_qalys_with_signs_of_their_own():
    calls = plan(value=1.2, name="calls", qaly_per_event=Quantity(0.1))
    deaths = plan(
        value=0.9,
        name="statins",
        qaly_per_event=Quantity(5.0),
        event="deaths",
        event_ratio=Quantity(0.1),
        more_is="worse",
    )
    found = compare_plans([calls, deaths], baseline("better"), budget=500, threshold=20_000, seed=1)
    table = found.tables["events"].set_index("intervention")
    assert table["counted"].tolist() == ["events gained", "events averted"]
    everyone = 100 * RISK.sum()
    np.testing.assert_allclose(table["difference"], [0.2 * everyone, -0.01 * everyone])
    np.testing.assert_allclose(table["events"], [0.2 * everyone, 0.01 * everyone])
    np.testing.assert_allclose(table["ratio"], [1.2, 0.9])
    options = found.tables["options"].set_index("intervention")
    np.testing.assert_allclose(options.loc[["calls", "statins"], "benefit"], [0.02 * everyone, 0.05 * everyone])
    slopes = found.tables["slope"].set_index(["event", "when"])
    assert slopes.loc[("checks done", "before"), "more_is"] == "better"
    assert slopes.loc[("deaths", "change"), "mean"] <= 0
    with pytest.raises(DecisionError, match="say more_is = 'worse' or 'better' of deaths"):
        compare_plans(
            [plan(value=0.9, event="deaths", event_ratio=Quantity(0.1), qaly_per_event=Quantity(1.0))],
            baseline("better"), budget=1, threshold=1,
        )  # fmt: skip
    twice = [
        plan(name=more_is, event="x", event_ratio=Quantity(0.1), qaly_per_event=Quantity(1.0), more_is=more_is)
        for more_is in ("worse", "better")
    ]
    with pytest.raises(DecisionError, match="act on x: is more of it worse, or better"):
        plan_benefit(twice, baseline("worse"))


def test_a_plan_that_contradicts_the_card_is_refused(tmp_path):
    path = tmp_path / "plans.toml"
    text = (
        '[[intervention]]\nname = "a"\ncost = 1\neffect = { measure = "risk ratio", value = 0.8 }\nmore_is = "worse"\n'
    )
    path.write_text(text)
    stated = read_plans(path)
    assert compare_plans(stated, baseline("worse"), budget=1e4, threshold=1e3).allocation.treated > 0
    with pytest.raises(
        DecisionError, match="a says that more of its event is worse, the posterior that more checks done"
    ):
        compare_plans(stated, baseline("better"), budget=1e4, threshold=1e3)
    path.write_text(text.replace('"worse"', '"bad"'))
    with pytest.raises(DecisionError, match="more_is is 'bad': say whether"):
        read_plans(path)
    path.write_text(text + "qaly_per_event = { value = 0.1, lower = -0.1, upper = 0.3 }\n")
    with pytest.raises(DecisionError, match=r"qaly_per_event is negative \(-0.1\)"):
        read_plans(path)
    path.write_text(text + "qaly_per_event = -0.3\nsaving_per_event = -5\n")
    with pytest.raises(
        DecisionError, match=r"qaly_per_event is negative.*one gained where.*saving_per_event is negative"
    ):
        read_plans(path)


def test_draws_that_do_not_say_are_told_and_those_that_do_are_not_overruled():
    silent = baseline("worse").drop_attrs()
    good = transport(silent, {"a": PublishedEffect("risk ratio", Quantity(1.2))}, more_is="better")
    np.testing.assert_allclose(good.isel(draw=0).values.ravel(), 0.2 * RISK)
    assert transport(silent, {"a": PublishedEffect("risk ratio", Quantity(1.2))}).max() < 0
    with pytest.raises(DecisionError, match=r"more of it is better.*assign_attrs\(more_is='worse'\)"):
        polarity(baseline("better"), "worse")
    # coverage turned round by its user keeps the words of its card until it is told otherwise
    missed = (1 - baseline("better")).assign_attrs(more_is="worse", outcome="checks missed")
    told = compare_plans([plan(value=0.8)], missed, budget=1e4, threshold=1e3, options=PlanOptions(more_is="worse"))
    assert told.tables["events"]["events"].item() == pytest.approx(0.2 * 100 * (1 - RISK).sum())
    with pytest.raises(DecisionError, match="say whether more of the outcome is"):
        polarity(baseline("worse").assign_attrs(more_is="lower"))


def test_an_effect_beyond_what_is_possible_is_held_and_said():
    found = compare_plans([plan(value=2.0, cost=0.1)], baseline("better"), budget=1e4, threshold=1e3)
    after = np.minimum(2 * RISK, 1.0)
    assert found.tables["events"]["events"].item() == pytest.approx(100 * (after - RISK).sum())
    assert found.tables["events"]["held_at_bound"].item() == pytest.approx((2 * RISK > 1).mean())
    assert "held at the bound" in " ".join(found.words)
    # a rate ratio on a proportion meets the same bound; on a rate there is none
    ratio = {"a": PublishedEffect("rate ratio", Quantity(2.0))}
    np.testing.assert_allclose(transport(baseline("better"), ratio).isel(draw=0).values.ravel(), after - RISK)
    rate = transport(baseline("better", 2 * RISK, "rate"), ratio)
    np.testing.assert_allclose(rate.isel(draw=0).values.ravel(), 2 * RISK)
    np.testing.assert_allclose(transport(baseline("worse", 2 * RISK, "rate"), ratio), -rate)
    often = plan("odds ratio", 0.5, event="falls", event_ratio=Quantity(3.0), qaly_per_event=Quantity(1.0))
    with pytest.raises(DecisionError, match=r"the local risk of falls reaches 1\.95"):
        plan_benefit([often], baseline("worse"))
    with pytest.raises(DecisionError, match="expected counts: they are not people"):
        plan_benefit([plan()], baseline("worse", scale="rate ratio"))


def test_need_is_having_a_bad_outcome_or_lacking_a_good_one():
    benefit = transport(baseline("better"), {"a": PublishedEffect("risk ratio", Quantity(1.1))})
    share = xr.ones_like(benefit.isel(chain=0, draw=0, drop=True))
    with pytest.raises(DecisionError, match="need is being without it"):
        shares_by(share, benefit, {"a": 1.0}, by="imd_quintile", need=baseline("better"))
    table = shares_by(share, benefit, {"a": 1.0}, by="imd_quintile", need=need_of(baseline("better")))
    lack = (1 - RISK).reshape(5, 2).sum(axis=1)
    np.testing.assert_allclose(table["need_share"], lack / lack.sum())
    often = baseline("better", 3 * RISK, "rate")
    assert need_of(often).isnull().all()
    found = compare_plans([plan("rate ratio", 1.1)], often, budget=300, threshold=100, seed=1)
    assert "Need by group is not shown" in " ".join(found.words)
    harm = shares_by(share, -benefit, {"a": 1.0}, by="imd_quintile", need=baseline("worse"))
    assert harm["benefit_share"].isna().all()
    assert (harm["benefit"] < 0).all()


def test_the_slope_of_a_good_outcome_moves_up_with_what_is_gained():
    benefit = transport(baseline("better"), {"a": PublishedEffect("risk difference", Quantity(0.1))})
    share = xr.zeros_like(benefit.isel(chain=0, draw=0, drop=True))
    share[:2] = 1.0
    given = given_to_all(share, benefit)
    table = slope_change(baseline("better"), given, by="imd_quintile").set_index("when")
    # the most deprived fifth gains 0.1 at rank 0.1: slope of 0.1 there and 0 elsewhere by least squares
    rank, weight = np.array([0.1, 0.3, 0.5, 0.7, 0.9]), np.full(5, 0.2)
    moved = np.array([0.1, 0, 0, 0, 0])
    slope = (weight * (rank - 0.5) * moved).sum() / (weight * (rank - 0.5) ** 2).sum()
    assert table.loc["change", "mean"] == pytest.approx(slope)
    assert slope < 0
    assert table.loc["before", "p_narrower"] == 1
    with pytest.raises(DecisionError, match="slope moves by events averted"):
        slope_change(baseline("worse"), given, by="imd_quintile")
    with pytest.raises(DecisionError, match="the benefit given is in QALY"):
        slope_change(baseline("better"), given.assign_attrs(scale="QALY"), by="imd_quintile")


def test_effects_of_other_packages_change_sign_where_the_outcome_is_bad():
    tau = np.array([[-0.1, -0.2], [0.05, 0.1]])
    stated = {"units": ["x", "y"], "interventions": ["a"]}
    averted = from_stochtree(tau, scale="events averted", adverse=True, **stated)
    np.testing.assert_allclose(averted.values.ravel(), -tau.T.ravel())
    np.testing.assert_allclose(from_stochtree(tau, scale="events gained", adverse=False, **stated), -averted)
    np.testing.assert_allclose(from_stochtree(tau, scale="QALY", **stated), -averted)
    with pytest.raises(DecisionError, match="say adverse=True if the model's outcome is bad"):
        from_stochtree(tau, scale="events averted", **stated)
    with pytest.raises(DecisionError, match="a benefit is then events averted"):
        from_stochtree(tau, scale="events gained", adverse=True, **stated)

    class Fitted:
        def effect_inference(self, rows, *, T0, T1):
            return type("Found", (), {"point_estimate": -0.1 * rows[:, 0], "stderr": np.zeros(len(rows))})

    found = from_econml(
        Fitted(),
        [[1.0], [2.0]],
        scale="events averted",
        adverse=True,
        n_draw=2,
        units=["x", "y"],
        interventions={"a": 1},
    )
    np.testing.assert_allclose(found.isel(draw=0).values.ravel(), [0.1, 0.2])
    assert scale_of_outcome(True, "QALY") == "QALY"


def test_benefits_of_two_kinds_do_not_mix_and_no_factor_turns_one_round():
    one = from_effects(np.full((3, 1, 1), 0.5), scale="events averted", interventions=["a"], units=["x"])
    two = from_effects(np.full((3, 1, 1), 0.5), scale="events gained", interventions=["b"], units=["x"])
    with pytest.raises(DecisionError, match="a in events averted, b in events gained"):
        combine([one, two])
    with pytest.raises(DecisionError, match="would turn benefit into harm"):
        rescale(one, -0.3, scale="QALY")
    with pytest.raises(DecisionError, match="would turn benefit into harm"):
        rescale(one, {"a": -0.3}, scale="QALY")
    assert combine([rescale(one, 0.3, scale="QALY"), rescale(two, 0.1, scale="QALY")]).attrs["scale"] == "QALY"


def test_nothing_done_changes_nothing_on_the_plane():
    nothing = from_effects(np.zeros((4, 2, 1)), scale="QALY", interventions=["a"], units=["x", "y"], unit="area")
    nothing = nothing.assign_coords(imd_quintile=("area", [1, 5]))
    health = net_health_by(nothing, {"a": 0.0}, by="imd_quintile", threshold=1.0, opportunity_cost={1: 0.5, 5: 0.5})
    plane = impact_plane(health, by="imd_quintile", health={1: 60, 5: 70}, people={1: 5, 5: 5}, aversion=3.5)
    chances = plane.table.filter(like="P(").iloc[0]
    assert chances[f"P({UNCHANGED})"] == 1
    assert chances.sum() == 1


def test_a_budget_of_nothing_buys_no_harm_and_says_why_it_buys_no_good():
    benefit = transport(baseline("better"), {"a": PublishedEffect("risk ratio", Quantity(0.9))})
    assert allocate(benefit, {"a": 1.0}, budget=0.0).treated == 0
    with pytest.raises(DecisionError, match="below every cost"):
        allocate(-benefit, {"a": 1.0}, budget=0.0)
    full = compare_plans([plan(value=1.2, capacity=0.0)], baseline("better"), budget=1e4, threshold=1e3)
    assert "treats nobody: the limits leave no place" in " ".join(full.words)


def test_nobody_is_harmed_for_the_sake_of_a_floor():
    benefit = from_effects(
        [[[-0.1], [0.2]]], scale="events averted", interventions=["a"], units=["x", "y"], unit="area"
    ).assign_coords(imd_quintile=("area", [1, 5]), population=("area", [100.0, 100.0]))
    for divisible in (True, False):
        free = allocate(benefit, {"a": 1.0}, budget=200.0, constraints=Constraints(divisible=divisible))
        assert free.table["area"].tolist() == ["y"]
        kept = allocate(
            benefit,
            {"a": 1.0},
            budget=200.0,
            constraints=Constraints(floors={"imd_quintile": {1: 0.5}}, divisible=divisible),
        )
        assert kept.treated == 0


def test_one_event_is_as_frequent_for_every_plan_that_acts_on_it():
    stated = {"event": "deaths", "qaly_per_event": Quantity(5.0)}
    both = [plan(value=0.9, name=name, event_ratio=Quantity(0.1, 0.08, 0.12), **stated) for name in ("a", "b")]
    seen = plan_benefit(both, baseline("worse"), seed=1)
    assert float(seen.ratio.std()) > 0
    np.testing.assert_array_equal(seen.benefit.sel(intervention="a"), seen.benefit.sel(intervention="b"))
    with pytest.raises(DecisionError, match="a and c act on deaths, but with another event_ratio"):
        plan_benefit([both[0], plan(name="c", event_ratio=Quantity(0.2), **stated)], baseline("worse"))


def test_two_fifths_of_deprivation_have_no_slope_and_it_is_said():
    two = baseline("better").isel(area=slice(0, 4))
    found = compare_plans([plan(value=1.1)], two, budget=1e4, threshold=1e3, options=PlanOptions(top=1))
    assert "slope" not in found.tables
    assert "No slope index: people live in fewer than three fifths" in " ".join(found.words)


@pytest.mark.parametrize(
    ("more_is", "value", "one"), [("worse", 0.8, "event averted"), ("better", 1.2, "event gained")]
)
def test_without_qalys_the_report_counts_events_by_their_own_name(more_is, value, one):
    found = compare_plans([plan(value=value)], baseline(more_is), budget=500, threshold=1_000, seed=1)
    assert found.comparison.scale == COUNTED[more_is]
    headers = [name for part in plan_sections(found) for table in part.tables for name in table.header]
    assert f"Benefit, {COUNTED[more_is]} (95% interval)" in headers
    assert f"Pounds for one more {one}" in headers
    assert f"for one unit of benefit ({COUNTED[more_is]}), call has the highest" in " ".join(found.words)
    # five hundred people of the highest risk: the last five areas, a fifth of their events
    assert f"a benefit of {20 * RISK[-5:].sum():.1f}" in " ".join(found.words)


def test_where_nothing_happens_without_a_plan_there_is_a_difference_and_no_ratio():
    none = baseline("better", 0 * RISK)
    found = compare_plans([plan("risk difference", 0.1)], none, budget=500, threshold=100, seed=1)
    assert found.tables["events"]["difference"].item() == pytest.approx(100)
    assert np.isnan(found.tables["events"]["ratio"].item())
    assert "(difference 100.0, no ratio)" in " ".join(found.words)
    assert plan_sections(found)[0].tables[0].rows[0][5] == "none"
