"""Unmet need and people not diagnosed. Oracles: sums by hand, and the spread of a product and of a difference."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit

from bayesineq.errors import MeasureError
from bayesineq.pathway.need import undiagnosed, unmet_need
from tests.pathway.draws import draws

AREAS = {"area": ["E1", "E2", "E3"], "age_band": ["40-64", "65+"]}
PEOPLE = [[1000, 500], [2000, 100], [0, 300]]
ILL = np.array([[0.1, 0.2], [0.05, 0.4], [np.nan, 0.3]])


def test_people_are_added_up_over_cells() -> None:
    prevalence = draws(ILL, AREAS, people=PEOPLE)
    reached = draws([[0.8, 0.5], [0.9, 0.5], [np.nan, 0.6]], AREAS, people=1, more_is="better")
    found = unmet_need(prevalence, reached, by="area")
    assert found.people.mean(("chain", "draw")).to_numpy() == pytest.approx([20 + 50, 10 + 20, 36])
    assert found.share.mean(("chain", "draw")).to_numpy() == pytest.approx([70 / 200, 30 / 140, 36 / 90])
    assert found.table["population"].tolist() == [1500, 2100, 300]
    assert found.people["area"].to_numpy().tolist() == AREAS["area"]
    assert "136 (136 to 136) people have the condition and were not reached" in repr(found)
    every = unmet_need(prevalence, reached)
    assert every.people.sum(("area", "age_band")).to_numpy() == pytest.approx(136)


def test_reached_by_fewer_dimensions_is_the_same_in_all_levels_of_the_others() -> None:
    reached = draws([0.8, 0.5], {"age_band": AREAS["age_band"][::-1]}, people=1)
    found = unmet_need(draws(ILL, AREAS, people=PEOPLE), reached, by="area")
    assert found.people.mean(("chain", "draw")).to_numpy() == pytest.approx([50 + 20, 50 + 8, 18])


def test_both_are_uncertain() -> None:
    """Independent fits: variance of p (1 - r) is p^2 v(r) + (1 - r)^2 v(p) + v(p) v(r)."""
    one = {"area": ["E1"]}
    prevalence = draws(0.2, one, sd=0.01, n=40_000, fit_id="a")
    reached = draws(0.7, one, sd=0.02, n=40_000, fit_id="b")
    sd = 1000 * np.sqrt(0.2**2 * 0.02**2 + 0.3**2 * 0.01**2 + 0.01**2 * 0.02**2)
    assert float(unmet_need(prevalence, reached).people.std()) == pytest.approx(sd, rel=0.02)


def test_people_not_diagnosed_hold_the_uncertainty_of_both() -> None:
    one = {"area": ["E1", "E2"]}
    diagnosed = draws([0.06, 0.05], one, sd=0.001, n=40_000, people=[1000, 3000])
    survey = pd.DataFrame({"estimate": [0.08], "lower": [0.07], "upper": [0.0913]})
    found = undiagnosed(diagnosed, survey, source="a survey", seed=3)
    error = (logit(0.0913) - logit(0.07)) / (2 * 1.959964)
    true = expit(logit(0.08) + error * np.random.default_rng(0).standard_normal(400_000))
    assert found.people.mean(("chain", "draw")).to_numpy() == pytest.approx(
        [1000 * (true.mean() - 0.06), 3000 * (true.mean() - 0.05)], rel=0.01
    )
    # One estimate errs together in both areas, so their sum is as uncertain as four thousand people at once.
    total = found.people.sum("area")
    both = np.hypot(4000 * true.std(), np.hypot(1.0, 3.0))
    assert float(total.std()) == pytest.approx(both, rel=0.02)
    assert found.diagnosed_share.mean(("chain", "draw")).to_numpy() == pytest.approx(
        [(0.06 / true).mean(), (0.05 / true).mean()], rel=0.01
    )
    assert (found.table["p_more"] > 0.99).all()


def test_rows_that_err_apart_average_out() -> None:
    levels = {"age_band": ["40-64", "65+"]}
    diagnosed = draws([0.05, 0.1], levels, people=[1000, 1000], n=40_000)
    survey = pd.DataFrame({"age_band": ["65+", "40-64"], "estimate": [0.12, 0.07], "standard_error": [0.01, 0.01]})
    with pytest.raises(MeasureError, match="say whether they err together"):
        undiagnosed(diagnosed, survey, source="s")
    apart = undiagnosed(diagnosed, survey, source="s", errors="apart", by=[]).people
    shared = undiagnosed(diagnosed, survey, source="s", errors="shared", by=[]).people
    # The estimate is the median on the logit scale, so that the mean is a little higher: 41.0 by quadrature.
    z, weight = np.polynomial.hermite_e.hermegauss(40)
    mean = [expit(logit(p) + 0.01 / (p * (1 - p)) * z) @ weight / weight.sum() for p in (0.12, 0.07)]
    assert float(apart.mean()) == pytest.approx(1000 * (sum(mean) - 0.15), abs=0.3)
    assert float(shared.std()) / float(apart.std()) == pytest.approx(np.sqrt(2), rel=0.03)


def test_more_diagnosed_than_expected_is_kept_below_zero() -> None:
    diagnosed = draws(0.1, {"area": ["E1"]}, sd=0.001)
    survey = pd.DataFrame({"estimate": [0.08], "standard_error": [0.002]})
    found = undiagnosed(diagnosed, survey, source="s")
    assert found.table["p_more"].tolist() == [0.0]
    assert float(found.people.mean()) == pytest.approx(-20, abs=0.5)


def test_what_does_not_fit_is_named() -> None:
    prevalence = draws(0.1, {"area": ["E1", "E2"]})
    with pytest.raises(MeasureError, match="reached must be a share of people, between 0 and 1, not a"):
        unmet_need(prevalence, draws(1.2, {"area": ["E1", "E2"]}))
    with pytest.raises(
        MeasureError, match=r"reached and prevalence have different levels of 'area' .*reached lacks .*E2"
    ):
        unmet_need(prevalence, draws(0.2, {"area": ["E1"]}))
    with pytest.raises(MeasureError, match=r"reached has the dimensions \['sex'\]"):
        unmet_need(prevalence, draws(0.2, {"area": ["E1", "E2"], "sex": ["F"]}))
    with pytest.raises(MeasureError, match="missing in 1 groups that have people"):
        unmet_need(prevalence.where(prevalence["area"] == "E1"), draws(0.5, {"area": ["E1", "E2"]}))
    with pytest.raises(MeasureError, match="no coordinate 'population'"):
        unmet_need(prevalence.drop_vars("population"), draws(0.5, {"area": ["E1", "E2"]}))
    for columns, said in (
        ({"estimate": [8.0], "lower": [7.0], "upper": [9.0]}, "between 0 and 1; divide percentages"),
        ({"estimate": [0.08], "lower": [0.09], "upper": [0.1]}, "must lie about it"),
        ({"estimate": [0.08]}, "lower and upper, or standard_error"),
        ({"area": ["E1"], "estimate": [0.1], "standard_error": [0.01]}, "lacks 1 rows"),
        ({"region": ["E1"], "estimate": [0.1], "standard_error": [0.01]}, "no dimensions of the values"),
    ):
        with pytest.raises(MeasureError, match=said):
            undiagnosed(prevalence, pd.DataFrame(columns), source="s")
