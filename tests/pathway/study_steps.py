"""
Planted shares of a gap along a pathway over simulated worlds: are they in the intervals as often as these say?

A world has ten deciles with 60,000 to 200,000 people each. People are cases (binomial), cases are not reached
(binomial), and those not reached are admitted (Poisson). The log of the ratio of admissions per head, decile 1 over
decile 10, is that of a factor of 1.6 to 2.5, of which 60% is prevalence, 10% not being reached and 30% admission;
deciles between lie on the line between them. Draws are exact: the rate of each step and decile has the conjugate
posterior of its reference prior.

Run: python -m tests.pathway.study_steps
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd
import xarray as xr

from bayesineq.pathway.steps import Step, gap_along_steps

SHARES: Final = {"prevalence": 0.6, "missed": 0.1, "admitted": 0.3}
ALL_WORLDS: Final = 200
N_DRAW: Final = 1000
LEAST: Final = {"prevalence": 0.06, "missed": 0.25, "admitted": 0.3}
"""In decile 10."""

PEOPLE: Final = (60_000, 200_000)
"""Of a decile, fewest and most."""


def rates(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """True rate of each step by decile, decile 1 first."""
    total = np.log(rng.uniform(1.6, 2.5))
    line = np.linspace(1, 0, 10)
    return {name: LEAST[name] * np.exp(share * total * line) for name, share in SHARES.items()}


def one_world(seed: int) -> pd.DataFrame:
    """Rows of steps: the true log share, its interval, and whether it is in it."""
    rng = np.random.default_rng([seed, 23])
    true = rates(rng)
    people = rng.integers(*PEOPLE, 10)
    cases = rng.binomial(people, true["prevalence"])
    missed = rng.binomial(cases, true["missed"])
    admitted = rng.poisson(missed * true["admitted"])
    shape = (N_DRAW, 10)
    drawn = {
        "prevalence": rng.beta(cases + 0.5, people - cases + 0.5, shape),
        "missed": rng.beta(missed + 0.5, cases - missed + 0.5, shape),
        "admitted": rng.gamma(admitted + 0.5, 1 / missed, shape),
    }
    steps = {name: Step(_as_values(value), among) for (name, value), among in zip(drawn.items(), _AMONG, strict=True)}
    found = gap_along_steps(steps, "imd_decile").table
    held = (found["log_share_lower"] <= list(SHARES.values())) & (list(SHARES.values()) <= found["log_share_upper"])
    absolute = gap_along_steps({n: _as_values(np.tile(r, (2, 1))) for n, r in true.items()}, "imd_decile").table
    in_unit = (found["lower"] <= absolute["mean"]) & (absolute["mean"] <= found["upper"])
    return found.assign(world=seed, held=held, held_absolute=in_unit)


_AMONG: Final = ("people", "people with the condition", "those not reached")


def _as_values(drawn: np.ndarray) -> xr.DataArray:
    return xr.DataArray(drawn[None], dims=("chain", "draw", "imd_decile"), coords={"imd_decile": np.arange(1, 11)})


def study(worlds: Sequence[int]) -> pd.DataFrame:
    """All worlds."""
    return pd.concat([one_world(seed) for seed in worlds], ignore_index=True)


if __name__ == "__main__":
    result = study(range(ALL_WORLDS))
    summary = result.groupby("step", sort=False).agg(
        log_share=("log_share_mean", "mean"),
        held=("held", "mean"),
        held_absolute=("held_absolute", "mean"),
        width=("log_share_upper", lambda x: (x - result.loc[x.index, "log_share_lower"]).mean()),
        p_largest=("p_largest", "mean"),
    )
    print(summary.round(3).to_string())
