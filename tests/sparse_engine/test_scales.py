"""Units and origins of a table change nothing that is reported, and a silent card finds the truth on any scale."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from numpy.testing import assert_allclose

from bayesineq.design.matrix import design
from bayesineq.errors import DesignError
from bayesineq.inference.fit import fit
from bayesineq.posterior.expected import expected
from tests.sparse_engine.cases import make, ring
from tests.sparse_engine.scales import OUTCOMES, card, world

GAUSSIAN = 'value = "y"\nlikelihood = "gaussian"'
SPATIAL = """x = { kind = "linear", by = "x" }
place = { kind = "bym2", by = "area" }
slope = { kind = "icar", by = "area", times = "x" }
gain = { kind = "exchangeable", by = "area", times = "treated" }"""


def fitted(table: pd.DataFrame, likelihood: str) -> xr.DataTree:
    return fit(design(table, card(likelihood, "everything")), seed=1, progress=False)


@pytest.mark.parametrize("likelihood", list(OUTCOMES))
@pytest.mark.parametrize(("unit", "origin"), [(1e-3, 0.0), (1e6, -1000.0), (7.3, 1000.0)])
def test_units_and_origins_change_no_reported_number(likelihood: str, unit: float, origin: float) -> None:
    """By less than 0.01 posterior sd, draw by draw: covariates, and where it has a unit the outcome, moved at once."""
    plain = world(likelihood, 5).table
    moved = plain.assign(**{c: unit * (plain[c] + origin * plain[c].std()) for c in "ab"})
    by, shift = 1.0, 0.0
    if likelihood == "gaussian":
        by, shift = unit, unit * origin * plain["y"].std()
        moved["y"] = by * plain["y"] + shift
    elif likelihood in {"gamma", "log_normal"}:
        by = unit
        moved["y"] = by * plain["y"]
    before, after = fitted(plain, likelihood), fitted(moved, likelihood)
    mean = expected(before, by="g")
    assert float((abs((expected(after, by="g") - shift) / by - mean) / mean.std(("chain", "draw"))).max()) < 0.01
    on_link = by if likelihood == "gaussian" else 1.0
    old, new = before["posterior"].dataset, after["posterior"].dataset
    for name, times in (("a", unit / on_link), ("b", 1.0 / on_link), ("k.sigma", 1.0 / on_link), ("w", 1.0 / on_link)):
        assert float((abs(new[name] * times - old[name]) / old[name].std(("chain", "draw"))).max()) < 0.01, name
    rows = len(plain) * np.log(by)
    assert_allclose(after.attrs["log_marginal_likelihood"] + rows, before.attrs["log_marginal_likelihood"], atol=1e-6)
    assert_allclose(after["checks"]["cpo"].to_numpy() * by, before["checks"]["cpo"].to_numpy(), rtol=1e-3)


def test_maps_and_varying_slopes_do_not_know_the_origin_either() -> None:
    rng = np.random.default_rng(6)
    n = 160
    table = pd.DataFrame({"area": np.resize(ring(20).areas, n), "x": rng.normal(size=n), "treated": np.arange(n) // 80})
    table["y"] = rng.normal(size=n) + 0.4 * table["x"] + rng.normal(0.0, 0.5, 20)[np.arange(n) % 20]
    moved = table.assign(x=2015.0 + 1e-3 * table["x"], y=30_000.0 + 5_000.0 * table["y"])
    before, after = (fit(make(t, GAUSSIAN, SPATIAL, "", ring(20)), seed=1, progress=False) for t in (table, moved))
    mean = expected(before, by="area")
    away = (expected(after, by="area") - 30_000.0) / 5_000.0 - mean
    # Effects of areas are kept in single precision.
    assert float((abs(away) / mean.std(("chain", "draw"))).max()) < 0.01
    assert after["posterior"]["slope"].attrs["centre"] == pytest.approx(2015.0, abs=1e-3)
    assert after["posterior"]["gain"].attrs["centre"] == 0.0


def test_numbers_of_a_covariate_far_from_zero_hold_under_stated_priors_too() -> None:
    """A calendar year, with a prior that holds at year zero: intercept and slope cancel, the means do not."""
    rng = np.random.default_rng(2)
    year = 2018.0 + rng.uniform(-1.0, 1.0, 100)
    table = pd.DataFrame({"x": year, "y": 3.0 + 0.5 * (year - 2018.0) + rng.normal(0.0, 0.1, 100)})
    priors = """intercept = { dist = "Normal", mean = 0, sd = 10000 }
x = { dist = "Normal", mean = 0, sd = 10 }"""
    post = fit(make(table, GAUSSIAN, 'x = { kind = "linear", by = "x" }', priors), draws=4000, seed=1, progress=False)
    slope, intercept = np.polyfit(year - 2018.0, table["y"], 1)
    draws = post["posterior"].dataset
    assert abs(float(draws["x"].mean()) - slope) < 0.1 * float(draws["x"].std())
    at_2018 = draws["intercept"] + 2018.0 * draws["x"]
    assert abs(float(at_2018.mean()) - intercept) < 0.1 * float(at_2018.std())
    assert 0.008 < float(at_2018.std()) < 0.012


@pytest.mark.parametrize("likelihood", ["gaussian", "log_normal", "gamma", "poisson", "negative_binomial", "binomial"])
def test_the_smallest_tables_have_an_answer(likelihood: str) -> None:
    """A single row: its own outcome with the width of the defaults, not an error and not certainty."""
    row = world(likelihood, 3).table.head(1)
    terms = 'k = { kind = "exchangeable", by = "h" }'
    post = fit(make(row, OUTCOMES[likelihood], terms, ""), seed=1, progress=False)
    mean = expected(post).to_numpy()
    assert np.isfinite(mean).all()
    assert mean.std() > 0.0


@pytest.mark.parametrize("likelihood", ["gaussian", "log_normal", "gamma"])
def test_an_outcome_that_is_the_same_everywhere_is_refused_with_a_remedy_that_works(likelihood: str) -> None:
    table = world("gaussian", 3).table.assign(y=7.0)
    terms = 'k = { kind = "exchangeable", by = "h" }'
    with pytest.raises(DesignError, match="is 7 in all 120 rows"):
        fit(make(table, OUTCOMES[likelihood], terms, ""), seed=1, progress=False)
    stated = 'outcome.precision = { dist = "Gamma", shape = 1, rate = 0.01 }'
    if likelihood == "gamma":
        stated = 'outcome.shape = { dist = "Gamma", shape = 2, rate = 0.1 }'
    mean = expected(fit(make(table, OUTCOMES[likelihood], terms, stated), seed=1, progress=False)).to_numpy()
    assert abs(mean.mean() / 7.0 - 1.0) < 0.05
    assert mean.std() > 0.0


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_no_event_or_nothing_else_has_an_answer(share: float) -> None:
    table = world("binomial", 3).table.assign(y=lambda t: share * t["n"])
    post = fit(make(table, OUTCOMES["binomial"], 'k = { kind = "exchangeable", by = "h" }', ""), seed=1, progress=False)
    mean = expected(post).to_numpy()
    assert abs(mean.mean() - share) < 0.01
    assert mean.std() > 0.0


@pytest.mark.slow
def test_intervals_of_a_silent_card_hold_the_truth_on_any_scale() -> None:
    """200 data sets of six likelihoods, units from 1e-3 to 1e6, origins up to 1,000 sd away: 93 to 97% of intervals."""
    held = []
    for k in range(200):
        likelihood = list(OUTCOMES)[k % len(OUTCOMES)]
        truth = world(likelihood, k)
        post = fit(design(truth.table, card(likelihood, "everything")), seed=k, progress=False)
        means, draws = expected(post, by="g"), post["posterior"].dataset
        found = {name: draws[name].to_numpy().ravel() / draws[name].attrs["spread"] for name in "ab"}
        pairs = [("slope", found[name], truth.slope[name]) for name in "ab"]
        pairs += [("mean", means.sel(g=g).to_numpy().ravel(), m) for g, m in truth.mean.items()]
        for what, values, value in pairs:
            low, high = np.quantile(values, [0.025, 0.975])
            held.append((what, low <= value <= high))
    share = pd.DataFrame(held, columns=["what", "held"]).groupby("what")["held"].mean()
    assert share.between(0.93, 0.97).all(), share
