"""Defaults of a silent card against the formulas of the table's own moments; what a card states stays as stated."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from bayesineq.design.matrix import Design, design
from bayesineq.design.priors import read_priors, write_priors
from bayesineq.errors import DesignError, PosteriorError
from bayesineq.model.read_card import parse_card

TERMS = """x = { kind = "linear", by = "x" }
f = { kind = "fixed", by = "g", reference = "a" }
k = { kind = "exchangeable", by = "g" }
w = { kind = "random_walk", by = "step", order = 2 }
s = { kind = "exchangeable", by = "g", times = "x" }
t = { kind = "exchangeable", by = "g", times = "treated" }
"""
OUTCOMES = {
    "gaussian": 'value = "v"\nlikelihood = "gaussian"',
    "log_normal": 'value = "v"\nlikelihood = "log_normal"',
    "gamma": 'value = "v"\nlikelihood = "gamma"',
    "poisson": 'count = "y"\nexpected = "e"\nlikelihood = "poisson"',
    "negative_binomial": 'count = "y"\nexposure = "e"\nlikelihood = "negative_binomial"',
    "binomial": 'count = "y"\nat_risk = "n"\nlikelihood = "binomial"',
}


def table(n: int = 60) -> pd.DataFrame:
    rng = np.random.default_rng(8)
    return pd.DataFrame(
        {
            "x": 2018.0 + rng.normal(0.0, 3.0, n),
            "g": rng.choice(list("abcd"), n),
            "step": np.resize(np.arange(6), n),
            "treated": rng.integers(0, 2, n),
            "v": rng.gamma(9.0, 3000.0, n),
            "y": rng.poisson(12.0, n),
            "e": rng.uniform(1e6, 5e6, n),
            "n": 400,
        }
    )


def made(likelihood: str, priors: str = "", terms: str = TERMS, rows: pd.DataFrame | None = None) -> Design:
    text = f'name="c"\nquestion="?"\ntable="t"\n[outcome]\n{OUTCOMES[likelihood]}\n[terms]\n{terms}\n[priors]\n{priors}'
    return design(table() if rows is None else rows, parse_card(text))


@pytest.mark.parametrize("likelihood", list(OUTCOMES))
def test_silence_means_defaults_on_the_scale_of_the_table(likelihood: str) -> None:
    rows, study = table(), made(likelihood)
    level, unit, above = {
        "gaussian": (rows["v"].mean(), rows["v"].std(), 3.0),
        "log_normal": (np.log(rows["v"]).mean(), np.log(rows["v"]).std(), 3.0),
        "gamma": (np.log(rows["v"].mean()), 1.0, 1.0),
        "poisson": (np.log((rows["y"].sum() + 0.5) / rows["e"].sum()), 1.0, 1.0),
        "negative_binomial": (np.log((rows["y"].sum() + 0.5) / rows["e"].sum()), 1.0, 1.0),
        "binomial": (np.log((rows["y"].sum() + 0.5) / ((rows["n"] - rows["y"]).sum() + 0.5)), 1.0, 1.0),
    }[likelihood]
    spread = rows["x"].std(ddof=0)
    expected = {
        "intercept": (level, 5.0 * unit),
        "x": (0.0, 2.5 * unit / spread),
        "f": (0.0, 2.5 * unit),
        "w.trend": (0.0, 2.5 * unit),
    }
    for name, (mean, sd) in expected.items():
        prior = study.prior(name)
        assert_allclose([prior["mean"], prior["sd"]], [mean, sd], rtol=1e-12, err_msg=name)
    if likelihood in {"gamma", "negative_binomial"}:
        # One over the root of shape or size: a coefficient of variation, of any size.
        assert study.prior("outcome.dispersion")["above"] == (3.0 if likelihood == "gamma" else 1.0)
    for name, by in (("k", 1.0), ("w", 1.0), ("s", spread), ("t", 1.0)):
        assert_allclose(study.prior(f"{name}.sigma")["above"], above * unit / by, rtol=1e-12, err_msg=name)
    assert study.priors.stated == frozenset()
    assert_allclose(study.priors.centre["x"], rows["x"].mean())


def test_what_a_card_states_stays_as_stated() -> None:
    priors = """intercept = { dist = "Normal", mean = 7, sd = 2 }
x = { dist = "Normal", mean = 0.5, sd = 0.1 }
k.precision = { dist = "Gamma", shape = 1, rate = 0.01 }
outcome.sigma = { dist = "HalfNormal", sd = 2 }"""
    study = made("gaussian", priors)
    assert str(study.prior("intercept")) == "Normal(mean=7, sd=2)"
    assert str(study.prior("x")) == "Normal(mean=0.5, sd=0.1)"
    assert study.priors.stands_on("k.sigma") == ("k.precision", -2.0)
    assert "k.sigma" not in study.priors.force
    assert study.priors.stated == {"intercept", "x", "k.precision", "outcome.sigma"}
    # A stated intercept stands where covariates are zero.
    assert study.priors.centre == {}
    with pytest.raises(DesignError, match="no parameter 'nothing'"):
        study.prior("nothing")


def test_silent_slopes_cross_at_the_mean_and_stated_ones_where_the_card_says() -> None:
    rows, study = table(), made("gaussian")
    of = {block.term.name: block for block in study.blocks}
    assert_allclose(of["s"].centre, rows["x"].mean())
    assert_allclose(of["s"].incidence.weight, rows["x"] - rows["x"].mean(), atol=1e-9)
    # Whoever is treated has the effect on top of who is not: two values pivot at the lower one.
    assert of["t"].centre == 0.0
    stated = made("gaussian", 's.sigma = { dist = "HalfNormal", sd = 1 }')
    assert_allclose({b.term.name: b for b in stated.blocks}["s"].incidence.weight, rows["x"])


@pytest.mark.parametrize("rows", [table(1), table().assign(v=7.0), table().assign(v=0.0)])
def test_an_outcome_without_spread_gives_priors_of_positive_width(rows: pd.DataFrame) -> None:
    study = made("gaussian", terms='k = { kind = "exchangeable", by = "g" }', rows=rows)
    assert study.prior("intercept")["sd"] >= 5.0
    assert study.prior("outcome.sigma")["above"] >= 3.0


@pytest.mark.parametrize("count", [0, 400])
@pytest.mark.parametrize("likelihood", ["binomial", "poisson"])
def test_no_event_or_nothing_else_gives_a_finite_intercept(likelihood: str, count: int) -> None:
    study = made(likelihood, terms='k = { kind = "exchangeable", by = "g" }', rows=table().assign(y=count))
    prior = study.prior("intercept")
    assert np.isfinite(prior["mean"])
    # The data bound one side only, so that the prior is the narrower one of a coefficient.
    assert prior["sd"] == (5.0 if likelihood == "poisson" and count else 2.5)


def test_a_posterior_keeps_the_priors_in_force() -> None:
    priors = made("gaussian", 'k.sigma = { dist = "HalfNormal", sd = 2 }').priors
    assert read_priors(write_priors(priors)) == priors
    with pytest.raises(PosteriorError, match="record of priors"):
        read_priors('{"force": 3}')
    assert priors.said("k.sigma") == "HalfNormal(sd=2)"
    assert priors.said("intercept").endswith("(default, covariates at their means)")


def test_a_card_and_a_design_are_shown_in_a_line_and_as_a_table_with_their_priors() -> None:
    study = made("gaussian", 'k.sigma = { dist = "HalfNormal", sd = 2 }')
    for shown in (study.card, study):
        assert "\n" not in repr(shown)
        assert "exchangeable" in repr(shown)
        assert "HalfNormal(sd=2)" in shown._repr_html_()
    cells = re.findall("<td>(.*?)</td>", study._repr_html_())
    assert dict(zip(cells[::3], cells[2::3], strict=True)) == {n: study.priors.said(n) for n in study.priors.force}
