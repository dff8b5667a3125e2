"""
Published posteriors of reference data sets; the graph is named beside every number.

Tolerance: 0.1 posterior standard deviation, or the rounding of the published figure where that is larger. Monte Carlo
error of the engine's own draws is about 0.02 standard deviations at 4,000 draws.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import xarray as xr

from bayesineq.design.matrix import Design
from bayesineq.inference.laplace.engine import sample
from tests.laplace.cases import make, stan_graph

DRAWS = 4000


def fitted(study: Design) -> xr.Dataset:
    tree = sample(study, draws=DRAWS, seed=1, progress=False, threads=2, correction="variational")
    return tree["posterior"].to_dataset()


def near(draws: xr.DataArray, mean: float, sd: float, rounding: float = 0.0, within: float = 0.1) -> None:
    values = draws.to_numpy().ravel()
    assert abs(values.mean() - mean) <= within * sd + rounding, (values.mean(), mean, sd)


def scotland(shared: Path) -> pd.DataFrame:
    table = pd.read_csv(shared / "reference/spatial/scotland_lip/Scotland.csv")
    table["area"] = [f"{i + 1:06d}" for i in range(len(table))]
    table["x"] = table["X"] / 10.0
    return table.astype({"Counts": int})


def test_scotland_bym2_on_the_stan_graph(shared: Path) -> None:
    study = make(
        scotland(shared),
        'count = "Counts"\nexpected = "E"\nlikelihood = "poisson"',
        'x = {kind = "linear", by = "x"}\nplace = {kind = "bym2", by = "area"}',
        """intercept = {dist = "Normal", mean = 0.0, sd = 1.0}
x = {dist = "Normal", mean = 0.0, sd = 1.0}
place.sigma = {dist = "HalfNormal", sd = 1.0}
place.phi = {dist = "Beta", a = 0.5, b = 0.5}""",
        stan_graph(shared / "reference/spatial/scotland_lip/stan_scotland_connected.data.json"),
    )
    post = fitted(study)
    near(post["intercept"], -0.217, 0.129, rounding=0.0005)
    near(post["x"], 0.365, 0.134, rounding=0.0005)
    near(post["place.sigma"], 0.514, 0.0885, rounding=0.0005)
    near(post["place.phi"], 0.878, 0.144, rounding=0.0005)
