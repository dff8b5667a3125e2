"""Oracle: the fit to the counts before anything was suppressed or rounded."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy.special import expit

from bayesineq.design.matrix import design
from bayesineq.disclosure.rule import shown_count
from bayesineq.inference.fit import Engine, NutsOptions, fit
from bayesineq.model.card import ModelCard
from bayesineq.model.read_card import parse_card
from bayesineq.tables.intervals import with_intervals

EXACT = 'count = "cases"'
INTERVAL = 'lower = "shown_lower"\nupper = "shown_upper"'
PARAMETERS = ("intercept", "deprivation", "asian", "black")


def card(roles: str) -> ModelCard:
    return parse_card(f"""
name = "published"
question = "What do published counts say?"
table = "area_counts"
[outcome]
{roles}
at_risk = "population"
likelihood = "binomial"
[terms]
deprivation = {{ kind = "linear", by = "imd_decile", standardise = true }}
ethnicity = {{ kind = "fixed", by = "ethnicity", reference = "white" }}
""")


@pytest.fixture(scope="module")
def cells() -> pd.DataFrame:
    rng = np.random.default_rng(20)
    n = 1_200
    decile = rng.integers(1, 11, n)
    ethnicity = rng.choice(["white", "asian", "black"], n, p=[0.5, 0.3, 0.2])
    population = rng.integers(40, 160, n)
    effect = pd.Series({"white": 0.0, "asian": 0.5, "black": -0.3})[ethnicity].to_numpy()
    cases = rng.binomial(population, expit(-2.4 - 0.12 * (decile - 5.5) + effect))
    shown = [shown_count(c) for c in cases]
    columns = {"imd_decile": decile, "ethnicity": ethnicity, "population": population, "cases": cases, "shown": shown}
    return pd.DataFrame(columns)


def estimates(table: pd.DataFrame, model: ModelCard, engine: Engine) -> pd.DataFrame:
    post = fit(design(table, model), engine=engine, draws=2_000, seed=4, progress=False)
    drawn = post["posterior"].dataset
    groups = drawn["ethnicity.effect"]
    values: list[xr.DataArray] = [drawn["intercept"], drawn["deprivation"]]
    values += [groups.sel(ethnicity=name) for name in ("asian", "black")]
    rows = [(v.mean().item(), *np.quantile(v, [0.025, 0.975])) for v in values]
    return pd.DataFrame(rows, index=PARAMETERS, columns=["mean", "lower", "upper"])


@pytest.mark.parametrize("engine", ["laplace", pytest.param("nuts", marks=pytest.mark.slow)])
def test_intervals_recover_what_suppression_hid_and_dropping_does_not(cells: pd.DataFrame, engine: str) -> None:
    share_hidden = (cells["shown"] == "*").mean()
    assert 0.3 < share_hidden < 0.6
    whole = estimates(cells, card(EXACT), engine)
    interval = estimates(with_intervals(cells, "shown", at_most="population"), card(INTERVAL), engine)
    dropped = estimates(cells[cells["shown"] != "*"], card(EXACT), engine)
    for name in PARAMETERS:
        assert interval.loc[name, "lower"] < whole.loc[name, "mean"] < interval.loc[name, "upper"], name
        # Counts known as intervals cannot say more than counts.
        width = {k: t.loc[name, "upper"] - t.loc[name, "lower"] for k, t in {"i": interval, "w": whole}.items()}
        assert 0.95 * width["w"] < width["i"] < 2.0 * width["w"], name
    # The cells that are left are those with more cases than their like: the level is far too high, and the gradient
    # and the differences between groups are flattened.
    spread = (whole["upper"] - whole["lower"]) / 3.92
    assert dropped.loc["intercept", "mean"] > whole.loc["intercept", "mean"] + 10 * spread["intercept"]
    assert dropped.loc["deprivation", "lower"] > whole.loc["deprivation", "upper"]
    assert dropped.loc["asian", "mean"] < whole.loc["asian", "lower"]


@pytest.mark.slow
def test_the_engines_agree_on_intervals(cells: pd.DataFrame) -> None:
    table = with_intervals(cells, "shown", at_most="population")
    fast, reference = (estimates(table, card(INTERVAL), engine) for engine in ("laplace", NutsOptions(2, tune=500)))
    spread = (reference["upper"] - reference["lower"]) / 3.92
    # Two thousand draws of a chain leave the mean uncertain by about a thirtieth of a standard deviation.
    assert ((fast["mean"] - reference["mean"]).abs() < 0.15 * spread).all()
    assert ((fast["upper"] - fast["lower"]) / (reference["upper"] - reference["lower"]) - 1).abs().max() < 0.1
