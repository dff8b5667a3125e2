"""Priors against data. Oracles: conjugate posteriors, tail integrals, ArviZ, and fits with priors that are wrong."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from arviz_stats import psense
from scipy import integrate, stats

from bayesineq.design.matrix import design
from bayesineq.inference.fit import fit
from bayesineq.inference.tree import posterior_tree
from bayesineq.model.priors import Prior
from bayesineq.model.read_card import parse_card
from bayesineq.posterior.conflict import _conflict, conflicts, log_priors, power_scaling, pulls
from bayesineq.posterior.diagnose import diagnose

GAUSSIAN = 'value = "y"\nlikelihood = "gaussian"'
POISSON = 'count = "y"\nexpected = "e"\nlikelihood = "poisson"'
BINOMIAL = 'count = "y"\nat_risk = "n"\nlikelihood = "binomial"'
LINE = 'x = { kind = "linear", by = "x" }'
GROUPS = 'k = { kind = "exchangeable", by = "g" }'
DISTANCE = "distance of the data from a prior"
MOVE = "move of a number by one prior, in widths of its interval"


def card(outcome: str, terms: str, priors: str = ""):
    text = f'name = "t"\nquestion = "q"\ntable = "x"\n[outcome]\n{outcome}\n[terms]\n{terms}\n[priors]\n{priors}'
    return parse_card(text)


def normal(mean: float, sd: float) -> str:
    return f'{{ dist = "Normal", mean = {mean}, sd = {sd} }}'


def table(seed: int = 1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=200)
    return pd.DataFrame({"g": np.repeat(list("abcdefghijklmnopqrst"), 10), "x": x, "e": 50.0, "n": 500})


def tree(priors: str, **values: np.ndarray) -> xr.DataTree:
    """A posterior with draws that are given."""
    study = design(table().assign(y=1.0), card(GAUSSIAN, LINE, priors))
    some = {"intercept": np.zeros((1, 4000)), "x": np.zeros((1, 4000)), "outcome.sigma": np.ones((1, 4000))}
    return posterior_tree(study, some | values, engine="laplace", seed=1)


def drawn(mean: float, sd: float) -> np.ndarray:
    """Quantiles of a normal law, in a random order: draws without noise."""
    at = (np.arange(4000) + 0.5) / 4000
    return np.random.default_rng(0).permutation(stats.norm(mean, sd).ppf(at))[None]


@pytest.mark.parametrize(("alone", "sd"), [(131.0, 1.3), (-40.0, 3.0), (6.0, 4.0), (1.0, 0.1)])
def test_distance_of_a_normal_prior_is_the_closed_form(alone, sd):
    told = 1 / sd**2 + 1 / 25.0
    post = tree(f"intercept = {normal(0.0, 5.0)}", intercept=drawn(alone / sd**2 / told, told**-0.5))
    found = next(c for c in conflicts(post)[0] if c.parameter == "intercept")
    want = abs(alone) / np.sqrt(25.0 + sd**2)
    assert found.z == pytest.approx(want, rel=0.08)
    assert found.z <= want * 1.02
    moved = next(p for p in pulls(post) if p.prior == "intercept")
    # At first order the prior pulls the mean by what a posterior variance makes of its slope.
    assert moved.number == "intercept"
    pulled = alone / sd**2 / told / told / 25.0
    assert moved.widths == pytest.approx(abs(pulled) * told**0.5 / (2 * 1.959964), rel=0.05)


@pytest.mark.parametrize(("precision", "prior"), [(1.0, (1.0, 0.0005)), (0.05, (2.0, 0.1)), (0.002, (0.001, 0.001))])
def test_a_vague_gamma_is_no_conflict_and_a_sharp_one_is(precision, prior):
    value = precision * np.exp(np.random.default_rng(1).normal(0.0, 0.2, 2000))
    law = Prior("Gamma", dict(zip(("shape", "rate"), prior, strict=True)))
    assert _conflict(law, value, bounded=False)[0] == 0.0
    sharp = Prior("Gamma", {"shape": 100.0, "rate": 10.0 / precision})
    assert _conflict(sharp, value, bounded=False)[0] > 4.0


@pytest.mark.parametrize("noise", [0.1, 1.0, 5.0])
def test_chance_exceeds_the_limit_as_seldom_as_it_says(noise):
    rng = np.random.default_rng(4)
    prior, told = Prior("Normal", {"mean": 0.0, "sd": 1.0}), 1.0 + 1.0 / noise**2
    seen = (rng.normal(size=3000) + noise * rng.normal(size=3000)) / noise**2 / told
    z = [_conflict(prior, rng.normal(mean, told**-0.5, 1000), bounded=False)[0] for mean in seen]
    # 3 of 3,000 are expected beyond 3.29, and 8 are more than chance leaves in one of 200 studies.
    assert (np.array(z) > stats.norm.isf(0.0005)).sum() <= 8


@pytest.mark.parametrize(
    ("prior", "law"),
    [
        ('{ dist = "Exponential", rate = 4.0 }', stats.expon(scale=0.25)),
        ('{ dist = "HalfNormal", sd = 0.5 }', stats.halfnorm(scale=0.5)),
        ('{ dist = "PC", above = 1.0, probability = 0.01 }', stats.expon(scale=1 / np.log(100))),
    ],
)
def test_distance_of_a_scale_is_the_prior_tail_under_the_likelihood(prior, law):
    alone, sd = np.log(2.0), 0.1
    x = np.linspace(alone - 2.5, alone + 1.0, 20_001)
    log_density = stats.norm(alone, sd).logpdf(x) + law.logpdf(np.exp(x)) + x
    cumulated = np.cumsum(np.exp(log_density - log_density.max()))
    at = np.interp((np.arange(4000) + 0.5) / 4000, cumulated / cumulated[-1], x)
    post = tree(f"outcome.sigma = {prior}", **{"outcome.sigma": np.random.default_rng(0).permutation(np.exp(at))[None]})
    found = next(c for c in conflicts(post)[0] if c.parameter == "outcome.sigma")
    tail = integrate.quad(lambda t: stats.norm(alone, sd).pdf(t) * law.sf(np.exp(t)), alone - 1, alone + 1)[0]
    assert found.z == pytest.approx(stats.norm.isf(tail), rel=0.1)


def test_power_scaling_is_that_of_arviz():
    post = tree(f"intercept = {normal(0.0, 5.0)}", intercept=drawn(20.0, 1.0), x=drawn(0.3, 0.1))
    log_prior = log_priors(post)["intercept"]
    np.testing.assert_allclose(log_prior, stats.norm(0, 5).logpdf(post["posterior"]["intercept"].to_numpy().ravel()))
    both = xr.DataTree.from_dict(
        {
            "/posterior": post["posterior"].to_dataset()[["intercept", "x"]],
            "/log_prior": xr.Dataset({"intercept": (("chain", "draw"), log_prior[None])}),
        }
    )
    assert power_scaling(post, "intercept") == pytest.approx(float(psense(both, group="prior")["intercept"]), rel=1e-6)
    assert power_scaling(post, "intercept") > 0.05
    assert power_scaling(post, "x") < 0.05


def outcomes() -> dict[str, pd.DataFrame]:
    rng, some = np.random.default_rng(2), table()
    x = some["x"].to_numpy()
    groups = np.repeat(rng.normal(0.0, 1.0, 20), 10)
    return {
        "pressure": some.assign(y=rng.normal(131.4, 18.0, 200)),
        "steep": some.assign(y=30.0 * x + rng.normal(0.0, 1.0, 200)),
        "noisy": some.assign(y=30.0 * x + rng.normal(0.0, 20.0, 200)).iloc[:50],
        "frequent": some.assign(y=rng.poisson(50.0 * np.exp(3.0 + 0.2 * x))),
        "rare": some.assign(y=rng.binomial(500, 1 / (1 + np.exp(4.0 - groups)))),
    }


WRONG = {
    "mean of 131, a line": ("pressure", GAUSSIAN, LINE, f"intercept = {normal(0.0, 5.0)}", "intercept"),
    "mean of 131, groups that carry it": ("pressure", GAUSSIAN, GROUPS, f"intercept = {normal(0.0, 5.0)}", "intercept"),
    "slope of 30": ("steep", GAUSSIAN, LINE, f"x = {normal(0.0, 1.0)}", "x"),
    "slope of 30, noisy": ("noisy", GAUSSIAN, LINE, f"x = {normal(0.0, 1.0)}", "x"),
    "tight sigma": ("pressure", GAUSSIAN, LINE, 'outcome.sigma = { dist = "HalfNormal", sd = 0.1 }', "outcome.sigma"),
    "bounded sigma": (
        "pressure",
        GAUSSIAN,
        LINE,
        'outcome.sigma = { dist = "Uniform", lower = 0.0, upper = 5.0 }',
        "outcome.sigma",
    ),
    "tight groups": ("rare", BINOMIAL, GROUPS, 'k.sigma = { dist = "HalfNormal", sd = 0.02 }', "k.sigma"),
    "level of counts": ("frequent", POISSON, LINE, f"intercept = {normal(0.0, 0.5)}", "intercept"),
    "sign of a slope": ("rare", BINOMIAL, f"{LINE}\n{GROUPS}", f"x = {normal(5.0, 0.5)}", "x"),
}


@pytest.mark.parametrize(("which", "outcome", "terms", "priors", "blamed"), WRONG.values(), ids=WRONG)
def test_a_stated_prior_that_the_data_contradict_fails_by_name(which, outcome, terms, priors, blamed):
    post = fit(design(outcomes()[which].reset_index(drop=True), card(outcome, terms, priors)), seed=1, progress=False)
    row = diagnose(post).table.set_index("check").loc[DISTANCE]
    assert not row["passed"]
    assert blamed in row["parameter"]
    assert f"of {blamed} and the data disagree" in row["advice"]
    assert "leave them to the defaults" in row["advice"]


@pytest.mark.parametrize("which", ["pressure", "steep", "noisy", "frequent", "rare"])
def test_defaults_do_not_cry_wolf(which):
    outcome = {"frequent": POISSON, "rare": BINOMIAL}.get(which, GAUSSIAN)
    post = fit(
        design(outcomes()[which].reset_index(drop=True), card(outcome, f"{LINE}\n{GROUPS}")), seed=1, progress=False
    )
    rows = diagnose(post).table.set_index("check")
    assert rows.loc[DISTANCE, "passed"]
    assert rows.loc[MOVE, "passed"]


def test_a_prior_that_moves_a_number_by_more_than_its_interval_is_named():
    study = design(outcomes()["pressure"], card(GAUSSIAN, LINE, f"intercept = {normal(0.0, 5.0)}"))
    row = diagnose(fit(study, seed=1, progress=False)).table.set_index("check").loc[MOVE]
    assert not row["passed"]
    assert row["parameter"] == "intercept by the prior of intercept"
    # The mean of 200 at sd 18 against N(0, 25): 131 of 137, four standard errors too low, 2 widths at the draws' slope.
    assert row["value"] > 1.0
    assert "power-scaling sensitivity" in row["advice"]
