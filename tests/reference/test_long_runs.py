"""
The sparse engine against long NUTS runs: every card on simulated data, and cases of every kind of outcome.

Posterior means within 0.1 posterior sd. Standard deviations of fixed effects and hyperparameters within 5%, or three
Monte Carlo errors of their ratio where that is more: the variance of a sample standard deviation is
sd^2 (kurtosis - 1) / 4n, and n is the effective size of the reference. The same for 99% of all other effects.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bayesineq.inference.fit import LaplaceOptions, fit
from bayesineq.posterior.diagnose import diagnose
from bayesineq.posterior.groups import draws_of, labels, variables
from tests.cards.planted import KNOWN
from tests.reference.cases import SHARED, SIMULATED, case, expected

DRAWS = 40_000
MEAN_WITHIN, SD_WITHIN, SHARE = 0.1, 0.05, 0.99
RANDOM = {"place", "group"}
"""Terms of many levels, of which a hundredth may lie beyond the limits."""

NO_LONG_RUN = {"life_expectancy", "readmission", "trend", "waiting_time"}
"""Cards whose long runs are still to be made; `tests/cards` holds them to a planted truth."""


def moments(name: str, shared: Path) -> pd.DataFrame:
    """Reference and fitted mean and sd of every number that varies, and the relative Monte Carlo error of their sds."""
    post = fit(case(name, shared), engine=LaplaceOptions(threads=2), draws=DRAWS, seed=1, progress=False)
    assert diagnose(post).passed, diagnose(post).table.to_string()
    rows = {}
    for variable, array in variables(post):
        draws = draws_of(array).astype(float)
        draws = draws.reshape(draws.shape[0] * draws.shape[1], -1)
        away = draws - draws.mean(axis=0)
        square = np.square(away).mean(axis=0)
        with np.errstate(invalid="ignore"):
            kurtosis = (away**4).mean(axis=0) / square**2
        for label, *values in zip(labels(array, variable), draws.mean(axis=0), np.sqrt(square), kurtosis, strict=True):
            rows[label] = values
    table = pd.DataFrame.from_dict(rows, orient="index", columns=["own_mean", "own_sd", "kurtosis"])
    table = expected(name).join(table, validate="1:1", how="left")
    assert table["own_mean"].notna().all()
    table = table[table["sd"] > 0]
    return table.assign(error=np.sqrt((table["kurtosis"] - 1) / 4 * (1 / table["ess"] + 1 / DRAWS)))


@pytest.mark.slow
@pytest.mark.parametrize("name", [*SIMULATED, *(name for name in KNOWN if name not in NO_LONG_RUN), *SHARED])
def test_moments_are_those_of_long_runs(name: str, shared: Path) -> None:
    found = moments(name, shared)
    assert found["ess"].min() >= 2000
    mean_near = (found["own_mean"] - found["mean"]).abs() <= MEAN_WITHIN * found["sd"]
    sd_near = (found["own_sd"] / found["sd"] - 1).abs() <= np.maximum(SD_WITHIN, 3 * found["error"])
    of_level = found.index.str.split("[").str[0].isin(RANDOM)
    near = mean_near & sd_near
    assert near[~of_level].all(), found[~of_level & ~near].to_string()
    assert near[of_level].mean() >= SHARE if of_level.any() else True, found[of_level & ~near].to_string()
