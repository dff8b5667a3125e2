"""
A posterior of several outcomes, and one of them seen from it.

Oracles: the same card with one outcome and the other's rows away, where the terms are apart; arithmetic on the draws.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from numpy.testing import assert_allclose
from scipy.special import expit

from bayesineq.design.matrix import Design, design
from bayesineq.errors import DesignError, PosteriorError
from bayesineq.inference.fit import LaplaceOptions, fit
from bayesineq.inference.prior import prior_draws
from bayesineq.model.read_card import parse_card
from bayesineq.posterior.calibration import calibration
from bayesineq.posterior.diagnose import diagnose
from bayesineq.posterior.expected import contribution, expected
from bayesineq.posterior.files import load, save
from bayesineq.posterior.inequality import inequality
from bayesineq.posterior.outcomes import one_outcome, outcome_names
from bayesineq.posterior.population import card_of, population
from bayesineq.posterior.predictive import predictive
from bayesineq.posterior.verdict import verdict

HEAD = 'name = "c"\nquestion = "?"\ntable = "t"\n'
ILL = 'count = "cases"\nat_risk = "people"\nlikelihood = "binomial"\n'
REACHED = 'count = "checked"\nat_risk = "cases"\nlikelihood = "binomial"\nmore_is = "better"\n'
CARD = f"{HEAD}[outcomes.ill]\n{ILL}[outcomes.reached]\n{REACHED}"
TERMS = """[terms]
groups = { kind = "exchangeable", by = "group" }
line = { kind = "linear", by = "x", outcomes = ["ill"] }
place = { kind = "exchangeable", by = "area", across = "ACROSS" }
"""


def table() -> pd.DataFrame:
    rng, n = np.random.default_rng(3), 40
    place = rng.multivariate_normal([0.0, 0.0], [[0.25, -0.2], [-0.2, 0.25]], 10)
    area, x, people = np.arange(n) % 10, rng.normal(size=n), rng.integers(100, 200, n)
    cases = rng.binomial(people, expit(-1.0 + place[area, 0] + 0.2 * x))
    checked = rng.binomial(cases, expit(0.5 + place[area, 1]))
    made = pd.DataFrame({"area": np.char.add("A", area.astype(str)), "group": np.where(np.arange(n) < 20, "a", "b")})
    made = made.assign(x=x, people=people, cases=cases.astype(float), checked=checked.astype(float))
    made.loc[3, "cases"] = np.nan
    made.loc[7, "checked"] = np.nan
    made.loc[9, ["cases", "checked"]] = 0.0
    return made


def study(across: str) -> Design:
    return design(table(), parse_card(CARD + TERMS.replace("ACROSS", across)))


@pytest.fixture(scope="module")
def joint() -> xr.DataTree:
    return fit(study("correlated"), engine=LaplaceOptions(threads=1), draws=400, seed=1, progress=False)


def test_rows_without_a_denominator_are_predicted_and_weigh_nothing() -> None:
    made = study("apart")
    ill, reached = made.responses
    assert [*np.flatnonzero(~ill.observed)] == [3]
    # The row that lacks its cases has a known number of checks, and nothing to count them against.
    assert [*np.flatnonzero(~reached.observed)] == [3, 7]
    assert not reached.informative[9]
    people = made.population["population"].to_numpy()
    assert_allclose(people[40:], np.nan_to_num(table()["cases"]))
    assert any("'cases' to count 'checked' against is missing in 1 rows (counted from 0: 3)" in n for n in made.notes)
    assert made.outcome_of_row.tolist() == [0] * 40 + [1] * 40
    with pytest.raises(DesignError, match=r"several outcomes, \['ill', 'reached'\]"):
        _ = made.response


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"checked": 1e6}, "outcome 'reached': column 'checked' is above its denominator 'cases' in 39 rows"),
        ({"checked": np.nan}, "outcome 'reached': no row has an outcome"),
        ({"cases": 0.0, "checked": 0.0}, "outcome 'reached': in every row that has the outcome nobody is at risk"),
        ({"people": np.nan}, "outcome 'ill': column 'people' .at_risk. is missing in 39 rows"),
    ],
)
def test_what_outcomes_cannot_be_is_named(change: dict[str, float], said: str) -> None:
    with pytest.raises(DesignError, match=said):
        design(table().assign(**change), parse_card(CARD + TERMS.replace("ACROSS", "apart")))


@pytest.mark.parametrize("outcome", ["ill", "reached"])
def test_outcomes_apart_are_what_each_is_alone(outcome: str) -> None:
    """Three hyperparameters or one, the marginal likelihoods are the same numbers, and so are the fields."""
    from bayesineq.inference.inner import inner
    from bayesineq.inference.sparse_engine.engine import build
    from bayesineq.inference.sparse_engine.hyper import prior_at
    from bayesineq.inference.sparse_engine.newton import posterior

    made = study("apart").known()
    alone = made.only(made.card.outcomes.index(next(o for o in made.card.outcomes if o.name == outcome)))

    def solved(one: Design) -> tuple[dict[str, float], float, np.ndarray, np.ndarray]:
        model, start = build(inner(one), "variational")
        x = np.array([p.position(0.4) for p in model.latent.parameters])
        found = posterior(model.latent, model.data, prior_at(model, x), start)
        return {p.name: p.log_density(0.1) for p in model.latent.parameters}, found.bound, found.mean, found.variance

    densities, _, mean, variance = solved(made)
    own, bound, own_mean, own_variance = solved(alone)
    rows = made.outcome_of_row == alone_position(made, outcome)
    # Variances are iterated until they move by less than 3%, of all rows.
    assert_allclose(mean[rows], own_mean, atol=1e-3)
    assert_allclose(variance[rows], own_variance, rtol=1e-2)
    assert {f"{outcome}:{name}": value for name, value in own.items()}.items() <= densities.items()
    both = [solved(made.only(k))[1] for k in range(2)]
    assert_allclose(solved(made)[1], sum(both), atol=1e-3)
    assert bound in both


def alone_position(made: Design, outcome: str) -> int:
    return [of.name for of in made.card.outcomes].index(outcome)


def test_one_outcome_is_a_posterior_like_any_other(joint: xr.DataTree) -> None:
    assert outcome_names(joint) == ("ill", "reached")
    draws = joint["posterior"].to_dataset()
    assert draws["place"].dims == ("chain", "draw", "outcome", "area")
    assert draws["place.correlation"].dims == ("chain", "draw", "outcome", "other_outcome")
    assert_allclose(draws["line"].sel(outcome="reached"), 0.0)
    one = one_outcome(joint, "reached")
    assert [term.name for term in card_of(one).terms] == ["groups", "place"]
    assert "line" not in one["posterior"]
    assert one["posterior"]["place"].dims == ("chain", "draw", "area")
    assert one["constant_data"].sizes["row"] == one["checks"].sizes["row"] == 40
    assert one.attrs["rows_predicted"] == 2
    assert one_outcome(one) is one
    eta = draws["intercept"] + draws["groups"] + draws["place"]
    people = population(joint, outcome="reached")
    assert_allclose(people["population"], np.nan_to_num(table()["cases"]))
    chance = expit(eta.sel(outcome="reached"))
    at = {dim: xr.DataArray(people[dim].to_numpy(), dims="row") for dim in ("area", "group")}
    rows = chance.sel(at)
    weight = xr.DataArray(people["population"].to_numpy(), dims="row")
    assert_allclose(expected(joint, outcome="reached"), (rows * weight).sum("row") / weight.sum(), rtol=1e-6)
    assert expected(joint, outcome="reached").attrs["more_is"] == "better"
    assert contribution(joint, "place", outcome="ill").dims == ("chain", "draw", "area")
    assert predictive(joint, by="group", draws=5, seed=1, outcome="ill").sizes == {"draw": 5, "group": 2}
    assert len(inequality(joint, "group", outcome="ill")) == 5
    assert calibration(joint, bins=4, outcome="ill")["share"].sum() == pytest.approx(1.0)


@pytest.mark.parametrize("call", [expected, population, calibration, lambda p: inequality(p, "group")])
def test_several_outcomes_are_named_where_none_is_asked_for(joint: xr.DataTree, call: object) -> None:
    with pytest.raises(PosteriorError, match=r"several outcomes, \['ill', 'reached'\]; say which, as outcome='ill'"):
        call(joint)
    with pytest.raises(PosteriorError, match="no outcome 'deaths'; it has"):
        expected(joint, outcome="deaths")


def test_a_joint_posterior_is_saved_and_read(joint: xr.DataTree, tmp_path: Path) -> None:
    again = load(save(joint, tmp_path / "joint.nc"))
    assert_allclose(expected(again, by="group", outcome="reached"), expected(joint, by="group", outcome="reached"))
    for outcome in ("ill", "reached"):
        left, right = (calibration(post, bins=4, outcome=outcome)["share"] for post in (again, joint))
        assert_allclose(left, right)
        # Checks stay with their outcome, and no longer say which row they are of.
        left, right = (one_outcome(post, outcome)["checks"]["lpd"].to_numpy() for post in (again, joint))
        assert_allclose(left, np.sort(right), rtol=0.05)


def test_correlations_are_told_from_their_prior(joint: xr.DataTree) -> None:
    """What the data say of a correlation is set beside what its prior says."""
    check = "spread of a correlation, in prior standard deviations"
    of = diagnose(joint).table.set_index("check").loc[check]
    draws = joint["posterior"]["place.correlation"].sel(outcome="ill", other_outcome="reached")
    # LKJ(2) of two outcomes is a beta(2, 2) variable on (-1, 1), of variance 1 / 5.
    assert of["value"] == pytest.approx(float(draws.std()) * np.sqrt(5.0))
    assert of["passed"]
    prior = prior_draws(study("correlated"), draws=2000, seed=1)
    said = diagnose(prior).table.set_index("check").loc[check]
    assert not said["passed"]
    assert "conclude nothing from it" in said["advice"]


def test_a_correlation_that_is_not_told_asks_for_caution(joint: xr.DataTree) -> None:
    """That a correlation is not known is no fault of the computation: other numbers may be read."""
    drawn = joint["posterior"]["place.correlation"]
    values = drawn.to_numpy().copy()
    values[..., 0, 1] = values[..., 1, 0] = np.random.default_rng(1).uniform(-1.0, 1.0, values.shape[:2])
    untold = joint.copy()
    untold["posterior"].dataset = joint["posterior"].to_dataset().assign({drawn.name: drawn.copy(data=values)})
    found = verdict(untold)
    assert found.level == "caution"
    assert "Of 1 correlation the data say no more than the prior." in found.text
    assert "conclude nothing from it" in found.advice
