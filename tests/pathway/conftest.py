"""Posteriors of deaths made up of plain random numbers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from bayesineq.design.matrix import design
from bayesineq.inference.tree import posterior_tree
from bayesineq.model.read_card import parse_card

BANDS = ["00", "01-04", "05-44", "45-84", "85+"]
DEATHS = """
name = "deaths"
question = "How long?"
table = "deaths"
[outcome]
count = "deaths"
exposure = "person_years"
likelihood = "poisson"
[terms]
age = { kind = "exchangeable", by = "age_band" }
place = { kind = "exchangeable", by = "area" }
deprivation = { kind = "random_walk", by = "imd_decile" }
year = { kind = "random_walk", by = "year" }
"""


@pytest.fixture(scope="session")
def deaths() -> xr.DataTree:
    """Six areas, three years, five age bands: 40 draws."""
    rng = np.random.default_rng(30)
    grid = pd.MultiIndex.from_product([[f"E0200000{k}" for k in range(6)], BANDS, [2019, 2020, 2021]])
    table = grid.to_frame(index=False, name=["area", "age_band", "year"])
    table["imd_decile"] = table["area"].str[-1].astype(int) // 2 * 4 + 1
    table["person_years"] = rng.uniform(50, 900, len(table))
    table["deaths"] = rng.poisson(0.01 * table["person_years"])
    study = design(table, parse_card(DEATHS))
    level = np.log([0.004, 0.0002, 0.0008, 0.01, 0.15])
    values = {"intercept": rng.normal(0, 0.05, (2, 20))}
    for block in study.blocks:
        size = 0.1 * rng.normal(size=(2, 20, *block.shape))
        values[block.term.name] = size + level if block.term.name == "age" else size
        values[f"{block.term.name}.sigma"] = rng.gamma(2, 0.2, (2, 20))
    return posterior_tree(study, values, engine="nuts", seed=1, attributes={})
