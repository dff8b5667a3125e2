"""Counts that vary more than their likelihood allows, simulated."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bayesineq.inference.fit import LaplaceOptions, fit
from bayesineq.posterior.diagnose import diagnose
from tests.sparse_engine.cases import make

REMEDY = {"right": "", "over": "negative_binomial", "zero": "zero_inflated_poisson"}


@pytest.mark.parametrize("kind", list(REMEDY))
def test_counts_that_vary_more_than_poisson_are_named_with_the_remedy(kind: str) -> None:
    rng, areas, rows = np.random.default_rng(1), 20, 8
    mean = 8.0 * np.exp(np.repeat(0.3 * rng.normal(size=areas), rows))
    spread = {"right": 1.0, "over": rng.gamma(1.0, 1.0, len(mean)), "zero": rng.random(len(mean)) > 0.3}[kind]
    area = np.repeat([f"A{i:02d}" for i in range(areas)], rows)
    table = pd.DataFrame({"area": area, "y": rng.poisson(mean * spread), "n": 8.0})
    outcome = 'count = "y"\nexpected = "n"\nlikelihood = "poisson"'
    made = make(table, outcome, 'place = { kind = "exchangeable", by = "area" }', "")
    found = diagnose(fit(made, engine=LaplaceOptions(threads=1), draws=100, seed=1, progress=False)).table
    check = found.set_index("check").loc["share of rows outside their 95% predictive interval"]
    assert check["passed"] == (kind == "right")
    assert REMEDY[kind] in check["advice"]
