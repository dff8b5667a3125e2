"""Treat where risk x efficacy x cost of a readmission exceeds the cost of the programme: 18 published rows."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from bayesineq.decisions.benefit import from_effects
from bayesineq.decisions.compare import compare
from bayesineq.decisions.net_benefit import decide, net_benefit


@pytest.fixture(scope="module")
def risks(shared):
    return pd.read_csv(shared / "reference/decisions/readmission/probabilities.csv")


def rows(shared):
    return pd.read_csv(shared / "reference/decisions/readmission/expected.csv")


def averted(risks, efficacy):
    """Readmissions averted for each patient treated, without uncertainty."""
    values = risks["readmission_probability"].to_numpy() * efficacy
    return from_effects(
        values[np.newaxis, :, np.newaxis], scale="events averted", interventions=["programme"], units=risks["patient"]
    )


def test_all_18_rows_of_the_programme_table_to_the_dollar(shared, risks):
    table = rows(shared)
    assert len(table) == 18
    for row in table.itertuples():
        benefit = averted(risks, row.efficacy)
        cost = {"programme": row.programme_cost_usd}
        cases = decide(net_benefit(benefit, cost, threshold=row.readmission_cost_usd))
        treated = cases["best"] == "programme"
        none = risks["readmission_probability"].sum() * row.readmission_cost_usd
        everyone = compare(benefit, cost, threshold=row.readmission_cost_usd).options.set_index("intervention")
        assert row.programme_cost_usd / row.efficacy / row.readmission_cost_usd == pytest.approx(
            row.treat_threshold, abs=1e-6
        )
        assert treated.sum() == row.patients_treated
        assert none == pytest.approx(row.total_cost_treat_none, abs=0.5)
        assert none - everyone.loc["programme", "net_benefit"] == pytest.approx(row.total_cost_treat_all, abs=0.5)
        assert none - cases["net_benefit"].sum() == pytest.approx(row.total_cost_treat_if_worthwhile, abs=0.5)


def test_uncertain_risk_and_efficacy_give_intervals_and_a_probability_for_each_programme(risks):
    rng = np.random.default_rng(1)
    p, draws = risks["readmission_probability"].to_numpy(), 4_000
    efficacy = np.column_stack([rng.beta(25, 75, draws), rng.beta(35, 65, draws)])
    benefit = from_effects(
        (p * np.ones((draws, 1)))[:, :, np.newaxis] * efficacy[:, np.newaxis, :],
        scale="events averted",
        interventions=["two", "four"],
        units=risks["patient"],
    )
    result = compare(benefit, {"two": 300.0, "four": 1300.0}, threshold=13_679)
    options = result.options.set_index("intervention")
    # by hand: the mean is linear in the mean efficacy, and two wins where 13,679 x 35.559 x (e4 - e2) < 100,000
    mean = 13_679 * 35.559 * efficacy.mean(0) - 100 * np.array([300, 1300])
    np.testing.assert_allclose(options.loc[["two", "four"], "net_benefit"], mean, rtol=1e-4)
    worth = 13_679 * p.sum() * efficacy - 100 * np.array([300, 1300])
    wins = (worth[:, 0] > worth[:, 1]) & (worth[:, 0] > 0)
    assert options.loc["two", "p_best"] == pytest.approx(wins.mean())
    assert options.loc["two", "lower"] < options.loc["two", "net_benefit"] < options.loc["two", "upper"]
    assert options["p_best"].sum() == pytest.approx(1.0)


def test_an_equity_weight_brings_in_deprived_patients_who_were_just_below_the_line(risks):
    benefit = averted(risks, 0.35)
    deprived = xr.DataArray(
        np.where(risks["patient"] % 2 == 0, 1.5, 1.0), dims="person", coords={"person": risks["patient"]}
    )
    cost, threshold = {"programme": 1800}, 13_679
    plain = decide(net_benefit(benefit, cost, threshold=threshold))["best"] == "programme"
    weighted = decide(net_benefit(benefit, cost, threshold=threshold, weight=deprived))["best"] == "programme"
    # weight w lowers the treatment threshold from c / eR to c / weR
    p = risks["readmission_probability"]
    line = 1800 / 0.35 / 13_679
    expected = np.where(risks["patient"] % 2 == 0, p > line / 1.5, p > line)
    np.testing.assert_array_equal(weighted, expected)
    assert plain.sum() == 30
    assert weighted.sum() > 30
