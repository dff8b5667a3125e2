"""Estimates with known standard errors, as published rates have them: closed forms, both engines, units, gaps."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bayesineq.design.matrix import design
from bayesineq.errors import DesignError
from bayesineq.inference.fit import NutsOptions, fit
from bayesineq.model.read_card import parse_card
from bayesineq.posterior.calibration import calibration_data, most_by_chance, outside_band
from bayesineq.posterior.expected import expected
from bayesineq.posterior.predictive import predictive

CARD = """name = "c"
question = "?"
table = "t"
[outcome]
value = "rate"
standard_error = "error"
likelihood = "estimate_with_error"
[terms]
"""
AREA = 'place = { kind = "exchangeable", by = "area" }\n'
X = 'x = { kind = "linear", by = "x" }\n'
SIGMA, SLOPE = 4.0, 3.0


def world(n: int = 300) -> pd.DataFrame:
    """Published rates of areas, some known well and some hardly."""
    rng = np.random.default_rng(5)
    error, x = rng.uniform(1.0, 8.0, n), rng.normal(size=n)
    rate = 50.0 + SLOPE * x + rng.normal(0.0, SIGMA, n) + rng.normal(0.0, error)
    return pd.DataFrame({"area": [f"a{i:03d}" for i in range(n)], "x": x, "rate": rate, "error": error})


def test_a_mean_is_weighed_by_what_each_estimate_knows() -> None:
    """Oracle: the conjugate normal posterior of one mean, its prior and every standard error known."""
    table = world(40)
    prior = '[priors]\nintercept = { dist = "Normal", mean = 40, sd = 3 }\n'
    post = fit(design(table, parse_card(CARD + prior)), seed=1, draws=20_000, progress=False)
    precision = 1 / 9 + (table["error"] ** -2).sum()
    mean = (40 / 9 + (table["rate"] / table["error"] ** 2).sum()) / precision
    drawn = post["posterior"]["intercept"].to_numpy().ravel()
    assert abs(drawn.mean() - mean) < 5 * precision**-0.5 / np.sqrt(len(drawn))
    assert abs(drawn.std() * precision**0.5 - 1) < 0.03


def test_what_lies_between_areas_is_found_apart_from_their_errors() -> None:
    """Truth within three posterior standard deviations; well known areas keep their rate, others are drawn in."""
    table = world()
    post = fit(design(table, parse_card(CARD + AREA + X)), seed=1, progress=False)
    for name, truth in (("place.sigma", SIGMA), ("x", SLOPE)):
        drawn = post["posterior"][name].to_numpy().ravel()
        assert abs(drawn.mean() - truth) < 3 * drawn.std()
    intercept = float(post["posterior"]["intercept"].mean())
    left = table["rate"] - intercept - float(post["posterior"]["x"].mean()) * table["x"]
    kept = post["posterior"]["place"].mean(("chain", "draw")).to_numpy()
    sigma = float(post["posterior"]["place.sigma"].mean())
    # Given the hyperparameters a rate keeps sigma^2 / (sigma^2 + error^2) of its distance, here averaged over them.
    np.testing.assert_allclose(kept, left * sigma**2 / (sigma**2 + table["error"] ** 2), atol=0.5)


def test_rows_left_out_are_uniform_and_replicates_scatter_as_the_errors_say() -> None:
    table = world()
    post = fit(design(table, parse_card(CARD + AREA + X)), seed=1, progress=False)
    assert outside_band(calibration_data(post["checks"]["pit"].to_numpy())) <= most_by_chance()
    again = predictive(post, draws=400, seed=2).to_numpy()
    area = expected(post, by="area").to_numpy().reshape(-1, len(table)).std(axis=0)
    np.testing.assert_allclose(again.std(axis=0), np.hypot(area, table["error"]), rtol=0.25)


def test_another_unit_gives_the_same_answer() -> None:
    """Per 100,000 in place of per 1,000: everything a hundred times as large, to single precision of draws."""
    table = world(80)
    card = parse_card(CARD + AREA)
    scaled = table.assign(rate=100 * table["rate"], error=100 * table["error"])
    one, other = (fit(design(t, card), seed=1, progress=False) for t in (table, scaled))
    for name in ("intercept", "place.sigma", "place"):
        np.testing.assert_allclose(other["posterior"][name], 100 * one["posterior"][name], rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(other["checks"]["cpo"], one["checks"]["cpo"] / 100, rtol=1e-4)


def test_an_area_without_an_estimate_is_predicted_and_an_estimate_without_an_error_refused() -> None:
    table = world(60)
    table.loc[3, ["rate", "error"]] = np.nan
    post = fit(design(table, parse_card(CARD + AREA)), seed=1, progress=False)
    assert post.attrs["rows_predicted"] == 1
    assert float(post["posterior"]["place"].std(("chain", "draw"))[3]) > 2.5
    for wrong in (0.0, -1.0, np.nan):
        with pytest.raises(DesignError, match="column 'error' is not positive or missing in 1 rows"):
            design(table.assign(error=table["error"].where(table.index != 5, wrong)), parse_card(CARD + AREA))


@pytest.mark.slow
def test_engines_agree() -> None:
    """Means within 0.2 posterior standard deviations of each other, some three Monte Carlo errors."""
    made = design(world(80), parse_card(CARD + AREA + X))
    sparse = fit(made, seed=1, draws=4000, progress=False)
    nuts = fit(made, engine=NutsOptions(chains=2), seed=1, draws=2000, progress=False)
    for name in ("intercept", "x", "place.sigma"):
        one, other = (post["posterior"][name].to_numpy().ravel() for post in (sparse, nuts))
        assert abs(one.mean() - other.mean()) < 0.2 * other.std(), name
        assert abs(one.std() / other.std() - 1) < 0.2, name
