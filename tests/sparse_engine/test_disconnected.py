"""Islands and components of Scotland: the engine's posterior is the exact one of a Gaussian outcome."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy import stats

from bayesineq.posterior.groups import summarise
from bayesineq.space.adjacency import Adjacency
from bayesineq.space.scaling import scale_factors
from tests.reference.cases import scotland
from tests.sparse_engine.cases import make
from tests.sparse_engine.test_engine import fitted

Float = NDArray[np.float64]

PRIORS = """intercept = {dist = "Normal", mean = 0.0, sd = 1.0}
aff = {dist = "Normal", mean = 0.0, sd = 1.0}
place.sigma = {dist = "HalfNormal", sd = 1.0}
place.phi = {dist = "Beta", a = 1.0, b = 1.0}
outcome.sigma = {dist = "HalfNormal", sd = 0.5}"""


def twice_measured(once: pd.DataFrame) -> pd.DataFrame:
    """Log rates with noise; a second measurement of each county tells its noise from its unstructured effect."""
    noise = np.random.default_rng(1).normal(0, 0.4, len(once))
    once = once.assign(value=np.log((once["cases"] + 0.5) / once["expected"]))
    return pd.concat([once, once.assign(value=once["value"] + noise)], ignore_index=True)


def exact(table: pd.DataFrame, graph: Adjacency) -> pd.DataFrame:
    """Mean and sd of every parameter: a grid over the three hyperparameters, given which all is Gaussian."""
    n = len(graph)
    smooth = np.zeros((n, n))
    for c, scale in enumerate(scale_factors(graph)):
        at = np.ix_(*2 * [np.flatnonzero(graph.component == c)])
        own = graph.laplacian().toarray()[at]
        smooth[at] = np.eye(1) if len(own) == 1 else np.linalg.pinv(own, 1e-9, True) / scale
    to_latent = np.hstack([np.ones((len(table), 1)), table[["aff"]], np.tile(np.eye(n), (2, 1))])
    log_weight, means, squares = [], [], []
    step = (np.arange(12) + 0.5) / 12
    # Sigmas on a grid of their logarithms, whose Jacobian enters the weight.
    for s, phi, noise in product(np.exp(-2.0 + 2.5 * step), step, np.exp(-1.8 + 1.4 * step)):
        prior = np.eye(2 + n)
        prior[2:, 2:] = s**2 * (phi * smooth + (1 - phi) * np.eye(n))
        gain = to_latent @ prior
        factor = np.linalg.cholesky(gain @ to_latent.T + noise**2 * np.eye(len(table)))
        white = np.linalg.solve(factor, np.column_stack([table["value"], gain]))
        density = -0.5 * white[:, 0] @ white[:, 0] - np.log(np.diag(factor)).sum()
        log_weight.append(density + np.log(s * noise) - 0.5 * s**2 + stats.halfnorm.logpdf(noise, scale=0.5))
        mean = white[:, 1:].T @ white[:, 0]
        variance = np.diag(prior) - np.square(white[:, 1:]).sum(axis=0)
        means.append([*mean, s, phi, noise])
        squares.append([*(mean**2 + variance), s**2, phi**2, noise**2])
    weight = np.exp(np.array(log_weight) - max(log_weight))
    first, second = (weight @ np.array(m) / weight.sum() for m in (means, squares))
    names = ["intercept", "aff", *(f"place[{a}]" for a in graph.areas), "place.sigma", "place.phi", "outcome.sigma"]
    return pd.DataFrame({"mean": first, "sd": np.sqrt(second - first**2)}, index=names)


@pytest.mark.slow
@pytest.mark.parametrize(("variant", "sizes"), [("islands", [53, 1, 1, 1]), ("3_comp", [53, 2, 1])])
def test_posterior_is_the_exact_one(variant: str, sizes: list[int], shared: Path) -> None:
    """Means within 0.1 posterior sd and sds within 5%, fixed effects, hyperparameters and all 56 areas."""
    once, graph = scotland(shared / "reference" / "spatial", variant)
    assert sorted(graph.component_sizes, reverse=True) == sizes
    table = twice_measured(once)
    terms = 'aff = {kind = "linear", by = "aff"}\nplace = {kind = "bym2", by = "area"}'
    study = make(table, 'value = "value"\nlikelihood = "gaussian"', terms, PRIORS, graph)
    found = summarise(fitted(study, draws=10_000)).set_index("parameter")
    true = exact(table, graph)
    found = found.loc[true.index]
    assert ((found["mean"] - true["mean"]).abs() < 0.1 * true["sd"]).all()
    assert ((found["sd"] / true["sd"] - 1).abs() < 0.05).all()
