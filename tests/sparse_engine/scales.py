"""Data sets of any unit and any origin, with the truth that a silent card should find."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit

from bayesineq.model.card import ModelCard
from bayesineq.model.read_card import parse_card

OUTCOMES = {
    "gaussian": 'value = "y"\nlikelihood = "gaussian"',
    "poisson": 'count = "y"\nexposure = "e"\nlikelihood = "poisson"',
    "binomial": 'count = "y"\nat_risk = "n"\nlikelihood = "binomial"',
    "gamma": 'value = "y"\nlikelihood = "gamma"',
    "log_normal": 'value = "y"\nlikelihood = "log_normal"',
    "negative_binomial": 'count = "y"\nexposure = "e"\nlikelihood = "negative_binomial"',
}
TERMS = {
    "slopes": 'a = { kind = "linear", by = "a" }\nb = { kind = "linear", by = "b" }',
    "everything": """a = { kind = "linear", by = "a" }
b = { kind = "linear", by = "b", standardise = true }
f = { kind = "fixed", by = "g", reference = "g0" }
k = { kind = "exchangeable", by = "h" }
w = { kind = "random_walk", by = "step" }""",
}
N = 120


@dataclass(frozen=True)
class World:
    """A table and its truth: change of the linear predictor a unit of `a` and `b`, and the mean of each group."""

    table: pd.DataFrame
    slope: dict[str, float]
    mean: pd.Series


def card(likelihood: str, terms: str) -> ModelCard:
    """A card that is silent on every prior."""
    return parse_card(
        f'name = "scales"\nquestion = "?"\ntable = "t"\n[outcome]\n{OUTCOMES[likelihood]}\n[terms]\n{TERMS[terms]}'
    )


def covariate(rng: np.random.Generator, n: int) -> NDArray[np.float64]:
    """Unit between 1e-3 and 1e6, up to 1,000 standard deviations from zero."""
    return 10.0 ** rng.uniform(-3.0, 6.0) * (rng.normal(size=n) + rng.uniform(-1000.0, 1000.0))


def world(likelihood: str, seed: int, n: int = N) -> World:
    """
    A data set.

    Two covariates, a factor of three levels, ten exchangeable groups and a walk of six steps; a Gaussian outcome has
    the unit and origin of a covariate, a positive one its unit, and exposures lie between 1e-6 and 1e9.
    """
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(
        {
            "a": covariate(rng, n),
            "b": covariate(rng, n),
            "g": rng.permutation(np.resize(["g0", "g1", "g2"], n)),
            "h": rng.permutation(np.resize([f"h{i}" for i in range(10)], n)),
            "step": rng.permutation(np.resize(np.arange(6), n)),
            "e": 10.0 ** rng.uniform(-6.0, 9.0) * rng.uniform(0.5, 2.0, n),
            "n": rng.integers(20, 200, n),
        }
    )
    size = rng.normal(0.0, 0.4, 2)
    per_sd = {name: (table[name] - table[name].mean()) / table[name].std(ddof=0) for name in "ab"}
    eta = size[0] * per_sd["a"] + size[1] * per_sd["b"]
    eta += table["g"].map(dict(zip(("g0", "g1", "g2"), (0.0, *rng.normal(0.0, 0.5, 2)), strict=True)))
    eta += rng.normal(0.0, 0.3, 10)[table["h"].str[1:].astype(int)]
    eta += np.cumsum(rng.normal(0.0, 0.2, 6))[table["step"]]
    unit, origin = 10.0 ** rng.uniform(-3.0, 6.0), rng.uniform(-1000.0, 1000.0)
    scale = 1.0
    if likelihood == "gaussian":
        scale, mean = unit, unit * (eta + origin)
        table["y"] = mean + unit * rng.normal(size=n)
    elif likelihood in {"log_normal", "gamma"}:
        level = unit * np.exp(eta)
        if likelihood == "gamma":
            mean, table["y"] = level, rng.gamma(4.0, level / 4.0)
        else:
            mean, table["y"] = level * np.exp(0.5 * 0.6**2), level * np.exp(0.6 * rng.normal(size=n))
    elif likelihood == "binomial":
        mean = expit(eta - rng.uniform(-1.0, 3.0))
        table["y"] = rng.binomial(table["n"], mean)
    else:
        count = np.exp(eta + rng.uniform(1.0, 4.0)) * table["e"] / table["e"].mean()
        mean = count / table["e"]
        table["y"] = rng.poisson(count * (rng.gamma(5.0, 0.2, n) if likelihood == "negative_binomial" else 1.0))
    weight = table["e"] if "exposure" in OUTCOMES[likelihood] else table["n"] if likelihood == "binomial" else 1.0
    frame = pd.DataFrame({"g": table["g"], "top": mean * weight, "weight": weight}).groupby("g").sum()
    slope = {name: size[i] * scale / table[name].std(ddof=0) for i, name in enumerate("ab")}
    return World(table, slope, frame["top"] / frame["weight"])
