"""Diagnoses of made-up fits, each with one planted fault; R-hat and sample sizes against ArviZ."""

from __future__ import annotations

import arviz_stats
import numpy as np
import pytest
import xarray as xr

from bayesineq.errors import ConvergenceError
from bayesineq.posterior.diagnose import diagnose


@pytest.fixture(scope="module")
def good(make, table) -> xr.DataTree:
    tree = make(table, chains=4, draws=300)
    tree["sample_stats"] = xr.Dataset({"diverging": (("chain", "draw"), np.zeros((4, 300), bool))})
    return tree


def check(diagnosis, name):
    return diagnosis.table.set_index("check").loc[name]


def test_a_good_fit_passes(good):
    diagnosis = diagnose(good)
    assert diagnosis.passed
    diagnosis.raise_if_failed()
    computed = ["draws that are not numbers", "rhat", "ess_bulk", "divergences"]
    of_priors = ["distance of the data from a prior", "move of a number by one prior, in widths of its interval"]
    assert diagnosis.table["check"].tolist() == [*computed, *of_priors]
    assert (diagnosis.table["advice"] == "").all()
    posterior = good["posterior"].to_dataset()
    varying = posterior.drop_vars("age_sex")
    fixed = posterior["age_sex"].stack(level=["age_band", "sex"]).drop_sel(level=("20-39", "F"))
    want = max(float(arviz_stats.rhat(varying).to_array().max()), float(arviz_stats.rhat(fixed).max()))
    assert check(diagnosis, "rhat")["value"] == pytest.approx(want, rel=1e-12)
    assert check(diagnosis, "rhat")["limit"] == 1.01


def test_a_diagnosis_is_shown_in_a_line_and_in_a_notebook_as_a_table(good):
    assert repr(diagnose(good)) == "Diagnosis(nuts: 6 checks passed)"
    tree = good.copy(deep=True)
    tree["sample_stats"]["diverging"][0, :3] = True
    assert repr(diagnose(tree)) == "Diagnosis(nuts: 1 of 6 checks failed: divergences)"
    page = diagnose(tree)._repr_html_()
    assert "1 of 6 checks failed" in page
    assert "<td>divergences</td>" in page
    assert "<td>3</td>" in page


def test_chains_that_disagree_are_named(good):
    tree = good.copy(deep=True)
    tree["posterior"]["ethnicity.effect"][0, :, 1] += 3
    diagnosis = diagnose(tree)
    assert not diagnosis.passed
    assert check(diagnosis, "rhat")["parameter"] == "ethnicity[H]"
    with pytest.raises(ConvergenceError) as caught:
        diagnosis.raise_if_failed()
    message = str(caught.value)
    assert "the nuts fit failed 2 of 6 checks; do not act on it yet" in message
    assert "rhat of ethnicity[H] is" in message
    assert "limit 1.01: chains disagree on 1 parameters; sample longer" in message


def test_too_few_effective_draws(good):
    tree = good.copy(deep=True)
    slow = np.random.default_rng(1).normal(size=(4, 300)).cumsum(axis=1)
    tree["posterior"]["intercept"][...] = slow
    worst = check(diagnose(tree), "ess_bulk")
    assert worst["parameter"].startswith("intercept")
    assert worst["value"] == pytest.approx(float(arviz_stats.ess(tree["posterior"]["intercept"])), rel=1e-12)
    assert not worst["passed"]


def test_divergences(good):
    tree = good.copy(deep=True)
    tree["sample_stats"]["diverging"][2, 5:8] = True
    found = check(diagnose(tree), "divergences")
    assert (found["value"], bool(found["passed"])) == (3.0, False)
    assert "tighten the priors" in found["advice"]


def test_draws_that_are_not_numbers(good):
    tree = good.copy(deep=True)
    tree["posterior"]["place"][0, 0, 0] = np.nan
    found = check(diagnose(tree), "draws that are not numbers")
    assert (found["value"], found["parameter"]) == (1.0, "place")


def test_one_chain_of_nuts_is_not_enough(make, table):
    tree = make(table, chains=1, draws=50)
    tree.attrs["engine"] = "nuts"
    assert "one chain cannot be compared" in check(diagnose(tree), "chains")["advice"]


def test_a_sampler_that_never_moved(good):
    tree = good.copy(deep=True)
    for name in tree["posterior"].data_vars:
        tree["posterior"][name][...] = 0.5
    found = check(diagnose(tree), "rhat")
    assert not found["passed"]
    assert "no parameter varies" in found["advice"]


def test_independent_draws_need_no_chains(make, table):
    diagnosis = diagnose(make(table, chains=1, draws=50))
    assert diagnosis.passed
    assert "rhat" not in diagnosis.table["check"].tolist()


def test_limits_are_the_cards(make, small_card, table):
    tree = make(table, small_card + "\n[limits]\nrhat = 1.2\ness_bulk = 10\n", chains=2, draws=40)
    diagnosis = diagnose(tree)
    assert check(diagnosis, "rhat")["limit"] == 1.2
    assert check(diagnosis, "ess_bulk")["limit"] == 10


def test_checks_of_the_sparse_engine(make, table):
    tree = make(table, chains=1, draws=50, hyperparameter_error=0.9)
    failure = np.zeros(126)
    failure[[3, 9]] = 1.0
    tree["checks"] = xr.Dataset({"failure": ("row", failure), "cpo": ("row", np.ones(126))})
    diagnosis = diagnose(tree)
    share = check(diagnosis, "share of rows whose cross-validation failed")
    assert (share["value"], share["limit"], diagnosis.passed) == (2 / 126, 0.01, False)
    assert check(diagnosis, "spread of importance weights of hyperparameters")["limit"] == 0.3
    with pytest.raises(ConvergenceError, match="the laplace fit failed 2 of 3 checks"):
        diagnosis.raise_if_failed()
    tree.attrs["hyperparameter_error"] = 0.1
    tree["checks"]["failure"][3] = 0.0  # one row of 126 is less than a hundredth
    assert diagnose(tree).passed
