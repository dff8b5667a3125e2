"""From a card with several outcomes to the steps of a pathway. Oracle: the counts themselves, of which many are."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from bayesineq.design.matrix import design
from bayesineq.inference.fit import LaplaceOptions, fit
from bayesineq.model.read_card import parse_card
from bayesineq.pathway.need import unmet_need
from bayesineq.pathway.outcomes import each_outcome
from bayesineq.pathway.steps import Step, check_steps, gap_along_steps

CARD = """
name = "steps"
question = "At which step?"
table = "pathway_counts"
[outcomes.prevalence]
count = "cases"
at_risk = "population"
likelihood = "binomial"
[outcomes.reached]
count = "checked"
at_risk = "cases"
likelihood = "binomial"
more_is = "better"
[outcomes.admitted]
count = "events"
exposure = "missed"
likelihood = "poisson"
[terms]
deprivation = { kind = "random_walk", by = "imd_decile" }
[priors]
deprivation.sigma = { dist = "PC", above = 1.0, probability = 0.01 }
"""


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    line = np.linspace(1, 0, 10)
    cases = np.round(1e6 * 0.06 * 1.4**line).astype(int)
    missed = np.round(cases * 0.2 * 1.2**line).astype(int)
    events = np.round(missed * 0.3 * 1.1**line).astype(int)
    people = {"imd_decile": range(1, 11), "population": 1_000_000, "cases": cases, "checked": cases - missed}
    return pd.DataFrame(people | {"missed": missed, "events": events})


@pytest.fixture(scope="module")
def post(table: pd.DataFrame) -> xr.DataTree:
    return fit(design(table, parse_card(CARD)), engine=LaplaceOptions(threads=1), draws=400, seed=1, progress=False)


def test_a_joint_posterior_becomes_a_pathway(table: pd.DataFrame, post: xr.DataTree) -> None:
    check_steps(table, {"prevalence": ("cases", "population"), "reached": ("checked", "cases")})
    steps = each_outcome(post, "imd_decile")
    assert list(steps) == ["prevalence", "reached", "admitted"]
    named = steps | {"reached": Step(steps["reached"], turned=True)}
    found = gap_along_steps(named, "imd_decile")
    assert found.table["among"].tolist() == ["population", "cases", "missed"]
    # Four standard errors of a log ratio of counts: some 60,000 cases, 12,000 missed and 3,600 events a decile.
    error = 4 * np.sqrt(2 / np.array([60_000, 12_000, 3_600]))
    assert (np.abs(found.table["log_mean"] - np.log([1.4, 1.2, 1.1])) < error).all()
    assert float(found.gap.mean()) == pytest.approx(0.06 * 0.2 * 0.3 * (1.4 * 1.2 * 1.1 - 1), rel=0.1)
    assert "fitted apart" not in found.text
    need = unmet_need(steps["prevalence"], steps["reached"])
    assert need.table["mean"].to_numpy() == pytest.approx(table["missed"].to_numpy(), rel=0.04)


def test_outcomes_are_those_that_are_asked_for(post: xr.DataTree) -> None:
    assert list(each_outcome(post, "imd_decile", outcomes=["admitted", "prevalence"])) == ["admitted", "prevalence"]
    same = each_outcome(post, "imd_decile", adjust=True)["prevalence"]
    np.testing.assert_allclose(same, each_outcome(post, "imd_decile")["prevalence"])
