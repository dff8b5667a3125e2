"""Outcomes at the edge: nobody, everybody, one row alone, and effects so strong that groups share no rate."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import bayesineq as bi
from bayesineq.model.read_card import parse_card
from tests.calibration.study_outcomes import grid
from tests.sparse_engine.cases import card_text

GRAPH = grid(6)
TERMS = (
    'place = { kind = "bym2", by = "area" }\n'
    'ethnicity = { kind = "exchangeable", by = "ethnicity" }\nimd = { kind = "random_walk", by = "imd" }\n'
)
ROWS = pd.DataFrame(
    {"area": np.repeat(GRAPH.areas, 4), "ethnicity": np.tile(list("abcd"), 36), "imd": np.repeat(np.arange(36) % 9, 4)}
)
PEOPLE = 50


def fitted(likelihood: str, counts: object) -> xr.DataTree:
    """A posterior of counts of 50 people, or of 5 expected, a row."""
    shares = likelihood in ("binomial", "beta_binomial")
    table = ROWS.assign(imd=ROWS["imd"] + 1, y=counts, n=PEOPLE if shares else 5.0)
    outcome = f'count = "y"\n{"at_risk" if shares else "expected"} = "n"\nlikelihood = "{likelihood}"'
    design = bi.design(table, parse_card(card_text(outcome, TERMS, "")), adjacency=GRAPH)
    return bi.fit(design, draws=400, seed=1, progress=False)


def rates(post: xr.DataTree) -> pd.DataFrame:
    expected = bi.expected(post, by="ethnicity")
    return bi.summarise(expected).set_axis([str(name) for name in expected["ethnicity"].to_numpy()])


@pytest.mark.parametrize(("likelihood", "size"), [("binomial", PEOPLE), ("poisson", 5.0)])
def test_nobody_has_a_rate_that_the_prior_and_the_people_bound(likelihood: str, size: float) -> None:
    found = rates(fitted(likelihood, 0))
    # Of N people none: at 97.5% a rate of at most 3.7/N under a flat prior, less where small rates are likelier before.
    assert (found["lower"] > 0).all()
    assert (found["upper"] < 3.7 / (36 * size)).all()


def test_everybody_is_the_mirror_of_nobody() -> None:
    nobody, everybody = rates(fitted("binomial", 0)), rates(fitted("binomial", PEOPLE))
    np.testing.assert_allclose(1 - everybody["mean"], nobody["mean"], rtol=0.5)
    assert (everybody["upper"] < 1).all()
    assert (everybody["lower"] > 1 - 3.7 / (36 * PEOPLE)).all()


def test_one_row_alone_keeps_the_total() -> None:
    counts = np.zeros(len(ROWS), int)
    counts[5] = 7
    found = rates(fitted("binomial", counts))
    assert found["mean"].mean() == pytest.approx(7 / (PEOPLE * len(ROWS)), rel=0.35)
    assert found["mean"].idxmax() == "b"


@pytest.mark.parametrize("likelihood", ["poisson", "binomial"])
def test_effects_of_eight_on_the_link_are_found(likelihood: str) -> None:
    rng, first = np.random.default_rng(3), ROWS["ethnicity"] == "a"
    high, low = (0.98, 0.98 / (0.98 + 0.02 * np.exp(8))) if likelihood == "binomial" else (30.0, 30.0 * np.exp(-8))
    rate = np.where(first, high, low)
    counts = rng.binomial(PEOPLE, rate) if likelihood == "binomial" else rng.poisson(5.0 * rate)
    found = rates(fitted(likelihood, counts))
    assert found.loc["a", "lower"] < high < found.loc["a", "upper"]
    others = found.drop(index="a")
    assert (others["upper"] < high / 20).all()
    assert (others["mean"] > 0).all()


@pytest.mark.slow
@pytest.mark.parametrize("likelihood", ["beta_binomial", "zero_inflated_poisson"])
@pytest.mark.parametrize("group", [True, False], ids=["a group that has all", "one row alone"])
def test_likelihoods_with_a_parameter_of_their_own_answer_too(likelihood: str, group: bool) -> None:
    counts = np.zeros(len(ROWS), int)
    counts[ROWS["ethnicity"] == "a" if group else [5]] = PEOPLE
    post = fitted(likelihood, counts)
    assert np.isfinite(rates(post)["mean"]).all()
    assert len(bi.diagnose(post).table) >= 6
