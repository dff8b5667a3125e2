"""
Whole posteriors of small models against brute-force quadrature.

Groups with an exchangeable effect: given intercept, sigma and the outcome's own parameter the groups are independent,
and each is one integral. A grid over the rest is exact to its spacing. Small counts throughout. Tolerances are those
asked of the engine: means within 0.1 posterior standard deviation (0.02 of it is Monte Carlo error at 4,000 draws),
standard deviations within 5%, to which Monte Carlo adds 2%.
"""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.special import expit, logsumexp

from bayesineq.inference.sparse_engine.engine import sample
from tests.sparse_engine.cases import make

GROUPS, ROWS, DRAWS = 15, 3, 4000
MEAN_WITHIN, SD_WITHIN = 0.1, 0.07
X, W = np.polynomial.hermite_e.hermegauss(41)
LOG_W = np.log(W / W.sum())

OWN = {"negative_binomial": ("size", 6.0), "beta_binomial": ("concentration", 15.0), "gaussian": ("sigma", 0.7)}
OWN |= {"gamma": ("shape", 3.0), "log_normal": ("sigma", 0.7)}


def log_density(likelihood: str, y: np.ndarray, n: np.ndarray, own: float, eta: np.ndarray) -> np.ndarray:
    match likelihood:
        case "poisson":
            return stats.poisson.logpmf(y, 3.0 * np.exp(eta))
        case "binomial" | "bernoulli":
            return stats.binom.logpmf(y, n, expit(eta))
        case "negative_binomial":
            return stats.nbinom.logpmf(y, own, own / (own + 3.0 * np.exp(eta)))
        case "beta_binomial":
            return stats.betabinom.logpmf(y, n, own * expit(eta), own * expit(-eta))
        case "gaussian":
            return stats.norm.logpdf(y, eta, own)
        case "gamma":
            return stats.gamma.logpdf(y, own, scale=np.exp(eta) / own)
    return stats.norm.logpdf(np.log(y), eta, own)


def simulated(likelihood: str) -> pd.DataFrame:
    rng = np.random.default_rng(11)
    group = np.repeat(np.arange(GROUPS), ROWS)
    eta = (-1.2 if "bin" in likelihood[:5] or likelihood == "beta_binomial" else 0.2) + 0.6 * rng.normal(size=GROUPS)[
        group
    ]
    n = np.full(len(group), 1 if likelihood == "bernoulli" else 8)
    own = OWN.get(likelihood, ("", 1.0))[1]
    match likelihood:
        case "poisson":
            y = rng.poisson(3.0 * np.exp(eta))
        case "binomial" | "bernoulli":
            y = rng.binomial(n, expit(eta))
        case "negative_binomial":
            y = rng.poisson(3.0 * np.exp(eta) * rng.gamma(own, 1.0 / own, len(eta)))
        case "beta_binomial":
            y = rng.binomial(n, rng.beta(own * expit(eta), own * expit(-eta)))
        case "gaussian":
            y = rng.normal(eta, own)
        case "gamma":
            y = rng.gamma(own, np.exp(eta) / own)
        case _:
            y = np.exp(rng.normal(eta, own))
    return pd.DataFrame({"group": [f"g{k:02d}" for k in group], "y": y, "n": n, "expected": 3.0})


def brute(likelihood: str, table: pd.DataFrame) -> dict[str, tuple[float, float]]:
    y, n = table["y"].to_numpy().reshape(GROUPS, ROWS), table["n"].to_numpy().reshape(GROUPS, ROWS)
    beta, log_sigma = np.linspace(-3.5, 2.5, 61), np.linspace(-4.5, 1.2, 40)
    log_own = np.linspace(-1.5, 6.5, 33) if likelihood in OWN else np.zeros(1)
    if likelihood in {"gaussian", "log_normal"}:
        log_own = np.linspace(-1.2, 0.6, 33)
    density = np.empty((len(beta), len(log_sigma), len(log_own)))
    for (i, b), (j, s), (k, o) in product(enumerate(beta), enumerate(log_sigma), enumerate(log_own)):
        eta = b + np.exp(s) * X
        rows = log_density(likelihood, y[:, :, None], n[:, :, None], np.exp(o), eta).sum(axis=1)
        density[i, j, k] = logsumexp(rows + LOG_W, axis=1).sum()
        density[i, j, k] += stats.norm.logpdf(b, 0, 2) + stats.halfnorm.logpdf(np.exp(s)) + s
        if likelihood in {"gaussian", "log_normal"}:
            density[i, j, k] += stats.halfnorm.logpdf(np.exp(o)) + o
        elif likelihood in OWN:
            density[i, j, k] += stats.gamma.logpdf(np.exp(o), 2.0, scale=10.0) + o
    weight = np.exp(density - density.max())
    weight /= weight.sum()
    out = {}
    for name, axis, value in (("intercept", 0, beta), ("g.sigma", 1, np.exp(log_sigma)), ("own", 2, np.exp(log_own))):
        margin = weight.sum(axis=tuple(a for a in range(3) if a != axis))
        mean = float(margin @ value)
        out[name] = (mean, float(np.sqrt(margin @ (value - mean) ** 2)))
    return out


def study(likelihood: str, table: pd.DataFrame):
    role = {"poisson": 'count = "y"\nexpected = "expected"', "negative_binomial": 'count = "y"\nexpected = "expected"'}
    role |= {"binomial": 'count = "y"\nat_risk = "n"', "beta_binomial": 'count = "y"\nat_risk = "n"'}
    outcome = role.get(likelihood, 'value = "y"') + f'\nlikelihood = "{likelihood}"'
    priors = 'intercept = {dist = "Normal", mean = 0.0, sd = 2.0}\ng.sigma = {dist = "HalfNormal", sd = 1.0}\n'
    if likelihood in {"gaussian", "log_normal"}:
        priors += 'outcome.sigma = {dist = "HalfNormal", sd = 1.0}\n'
    elif likelihood in OWN:
        priors += f'outcome.{OWN[likelihood][0]} = {{dist = "Gamma", shape = 2.0, rate = 0.1}}\n'
    return make(table, outcome, 'g = {kind = "exchangeable", by = "group"}', priors)


@pytest.mark.slow
@pytest.mark.parametrize(
    "likelihood",
    ["poisson", "binomial", "bernoulli", "negative_binomial", "beta_binomial", "gaussian", "gamma", "log_normal"],
)
def test_posterior_is_that_of_quadrature(likelihood: str) -> None:
    table = simulated(likelihood)
    exact = brute(likelihood, table)
    post = sample(study(likelihood, table), draws=DRAWS, seed=1, progress=False, threads=2, correction="variational")[
        "posterior"
    ].to_dataset()
    own = f"outcome.{OWN[likelihood][0]}" if likelihood in OWN else None
    for name, (mean, sd) in exact.items():
        variable = own if name == "own" else name
        if variable is None:
            continue
        draws = post[variable].to_numpy().ravel()
        assert abs(draws.mean() - mean) < MEAN_WITHIN * sd, (name, draws.mean(), mean, sd)
        assert abs(draws.std() / sd - 1.0) < SD_WITHIN, (name, draws.std(), sd)
