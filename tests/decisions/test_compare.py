"""Comparison against the published vaccine analysis, and against closed forms."""

import json

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy.stats import norm

from bayesineq.decisions.benefit import from_effects
from bayesineq.decisions.compare import compare, incremental, switch_thresholds
from bayesineq.decisions.net_benefit import decide, net_benefit
from bayesineq.errors import DecisionError


def option_draws(values, names, scale="QALY"):
    return from_effects(np.asarray(values)[:, np.newaxis, :], scale=scale, interventions=names, units=["all"])


@pytest.fixture(scope="module")
def vaccine(shared):
    psa = pd.read_csv(shared / "reference/decisions/vaccine/psa.csv")
    expected = json.loads((shared / "reference/decisions/vaccine/expected.json").read_text())["vaccine"]
    names = ["Status Quo", "Vaccination"]
    effect = option_draws(psa[["effect_status_quo", "effect_vaccination"]], names)
    cost = option_draws(psa[["cost_status_quo", "cost_vaccination"]], names)
    return effect, cost, expected


def test_vaccine_at_each_published_threshold(vaccine):
    effect, cost, expected = vaccine
    grid = [float(k) for k in expected["by_wtp"]]
    result = compare(effect, cost, threshold=25_000, thresholds=grid, comparator=None)
    for threshold, row in expected["by_wtp"].items():
        here = result.curve[result.curve["threshold"] == float(threshold)]
        np.testing.assert_allclose(here["net_benefit"], row["mean_nb"], atol=5.1e-5)
        np.testing.assert_allclose(here["p_best"], row["p_best"], atol=1e-9)
        assert here["optimal"].to_numpy().argmax() == row["optimal"]
        assert here["p_best"][here["optimal"]].item() == pytest.approx(row["ceaf_prob"])
        assert here["evpi"].iloc[0] == pytest.approx(row["evpi"], rel=1e-9)
        alone = compare(effect, cost, threshold=float(threshold), comparator=None)
        np.testing.assert_allclose(alone.options["expected_loss"], row["expected_regret"], atol=5.1e-5)
        assert alone.options["expected_loss"].min() == pytest.approx(alone.evpi)


def test_vaccine_ratio_and_switch_point(vaccine):
    effect, cost, expected = vaccine
    result = compare(effect, cost, threshold=25_000, thresholds=np.arange(0, 50_001, 100), comparator=None)
    assert result.options["icer"].iloc[1] == pytest.approx(expected["icer"], rel=1e-9)
    switch = switch_thresholds(result.curve)
    assert switch.to_dict("records") == [{"threshold": 20_100.0, "before": "Status Quo", "after": "Vaccination"}]
    assert result.best == "Vaccination"
    assert result.evpi == pytest.approx(2.4145, abs=5e-5)


def test_dominated_options_leave_the_frontier():
    # hand case: B costs more and gives less than A; C is on a worse slope than the line from A to D
    table = incremental(np.array([0.0, 1.0, 0.5, 1.5, 3.0]), np.array([0.0, 100.0, 200.0, 300.0, 500.0]))
    assert table["verdict"].tolist() == [
        "reference",
        "on the frontier",
        "dominated",
        "extendedly dominated",
        "on the frontier",
    ]
    np.testing.assert_allclose(table["icer"], [np.nan, 100, np.nan, np.nan, 200])


def test_totals_weigh_units_by_people_and_normal_benefit_gives_its_closed_form_loss():
    rng, draws = np.random.default_rng(7), 200_000
    mean, sd = 0.5, 1.0
    values = mean + sd * rng.standard_normal((draws, 1))
    result = compare(option_draws(values, ["a"]), {"a": 0.0}, threshold=1.0)
    # unit normal loss: EVPI = sd (phi(z) - z (1 - Phi(z))), z = mean / sd
    z = mean / sd
    assert result.evpi == pytest.approx(sd * (norm.pdf(z) - z * norm.sf(z)), abs=6 * 0.35 / np.sqrt(draws))
    assert result.options["p_best"].iloc[1] == pytest.approx(norm.cdf(z), abs=6 * 0.5 / np.sqrt(draws))
    two = xr.concat([option_draws(values[:100], ["a"])] * 2, "person").assign_coords(person=["x", "y"])
    weighed = two.assign_coords(population=("person", [10.0, 30.0]))
    total = compare(weighed, {"a": 2.0}, threshold=1.0).options.set_index("intervention")
    assert total.loc["a", "cost"] == pytest.approx(80.0)
    assert total.loc["a", "benefit"] == pytest.approx(40 * values[:100].mean())


def test_the_table_of_cases_picks_each_units_own_best():
    values = np.zeros((1, 3, 2))
    values[0] = [[1.0, 2.0], [2.0, 1.0], [-1.0, -2.0]]
    benefit = from_effects(values, scale="net pounds", interventions=["a", "b"], units=["x", "y", "z"])
    cases = decide(net_benefit(benefit, None, threshold=None))
    assert cases["best"].tolist() == ["b", "a", "no intervention"]
    assert cases["net_benefit"].tolist() == [2, 2, 0]


def test_thresholds_scales_and_costs_that_do_not_fit_are_refused():
    qaly = option_draws(np.ones((3, 2)), ["a", "b"])
    pounds = option_draws(np.ones((3, 1)), ["a"], scale="net pounds")
    with pytest.raises(DecisionError, match="no default for a value judgement"):
        compare(qaly, {"a": 1.0, "b": 1.0}, threshold=None)
    with pytest.raises(DecisionError, match="No cost for b"):
        compare(qaly, {"a": 1.0}, threshold=20_000)
    with pytest.raises(DecisionError, match=r"zero or more: a -5.00"):
        compare(qaly, {"a": -5.0, "b": 1.0}, threshold=20_000)
    with pytest.raises(DecisionError, match="inside already"):
        compare(pounds, {"a": 1.0}, threshold=20_000)
    with pytest.raises(DecisionError, match="is called 'a' as the comparator is"):
        compare(qaly, {"a": 1.0, "b": 1.0}, threshold=20_000, comparator="a")
