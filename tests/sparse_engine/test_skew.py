"""Skew posteriors of few events: draws at a node against importance sampling, and of 1,921 tracts against NUTS."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import optimize, stats
from scipy.spatial import Delaunay

from bayesineq.design.matrix import Design, design
from bayesineq.inference.fit import LaplaceOptions, fit
from bayesineq.inference.sparse_engine import skew
from bayesineq.inference.sparse_engine.centred import border_draws
from bayesineq.inference.sparse_engine.draws import finish_draws, ready_node
from bayesineq.inference.sparse_engine.engine import build
from bayesineq.inference.sparse_engine.hyper import prior_at
from bayesineq.inference.sparse_engine.many_draws import field_draws
from bayesineq.inference.sparse_engine.newton import posterior
from bayesineq.inference.sparse_engine.passes import predict
from bayesineq.inference.sparse_engine.rescale import directions
from bayesineq.inference.sparse_engine.skew import skewed
from bayesineq.model.read_card import parse_card
from bayesineq.space.adjacency import from_edges
from tests.sparse_engine.cases import as_given, card_text, make

SIGMA = 0.8
PRIORS = "intercept = { dist = 'Normal', mean = 0, sd = 1 }\nplace.sigma = { dist = 'HalfNormal', sd = 1 }"
TERMS = 'place = { kind = "exchangeable", by = "area" }'
EVENTS = np.array([0, 0, 1, 2, 0, 1, 3, 0, 5, 1, 0, 2])
GIVEN = np.array([1.0, 0.5, 1.0, 1.5, 2.0, 0.7, 2.0, 0.4, 3.0, 2.5, 1.2, 1.0])
CASES = {
    "poisson": (
        'count = "y"\nexpected = "n"\nlikelihood = "poisson"',
        1,
        lambda e, y, n: stats.poisson.logpmf(y, n * np.exp(e)),
    ),
    "several rows": (
        'count = "y"\nexpected = "n"\nlikelihood = "poisson"',
        3,
        lambda e, y, n: stats.poisson.logpmf(y, n * np.exp(e)),
    ),
    "binomial": (
        'count = "y"\nat_risk = "n"\nlikelihood = "binomial"',
        1,
        lambda e, y, n: stats.binom.logpmf(y, n, 1 / (1 + np.exp(-e))),
    ),
}


def few(name: str) -> tuple[Design, np.ndarray, np.ndarray]:
    outcome, rows, _ = CASES[name]
    n = GIVEN if "expected" in outcome else np.full(len(EVENTS), 9.0)
    table = pd.DataFrame({"area": [f"A{i:02d}" for i in range(len(EVENTS))] * rows, "n": np.tile(n, rows)})
    table["y"] = np.concatenate([np.roll(EVENTS, k) for k in range(rows)])
    return make(table, outcome, TERMS, PRIORS), table["y"].to_numpy(), table["n"].to_numpy()


def at_node(made: Design, count: int) -> np.ndarray:
    """Draws of the rows' predictors at sigma."""
    model, start = build(as_given(made), "variational")
    latent = model.latent
    x = np.array([p.position(SIGMA) for p in latent.parameters])
    ready = ready_node(model, directions(latent), posterior(latent, model.data, prior_at(model, x), start))
    assert ready.skew is not None
    rng = np.random.default_rng(1)
    z = field_draws(latent, ready.found, ready.system, count, rng)
    border, alpha = border_draws(latent, ready.system, ready.held, z, rng)
    z, alpha = skewed(latent, ready.found, ready.system, ready.skew, (z, border, alpha))
    still = np.zeros((0, latent.large.size)), np.zeros((0, latent.small.size)), np.zeros((count, 0))
    large = np.empty((count, latent.large.size), dtype=np.float32)
    values = np.tile([SIGMA], (count, 1))
    small = finish_draws(model, ready, values, (z, border, alpha), still, large, np.arange(count))
    zero = np.zeros(len(made))
    return np.stack([predict(latent, zero, large[k].astype(float), small[:, k], None) for k in range(count)])


def weighted(name: str, y: np.ndarray, n: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The same by importance sampling from a t distribution about the mode: draws and weights."""
    log_row, m = CASES[name][2], len(EVENTS)
    area = np.arange(len(y)) % m

    def log_density(at: np.ndarray) -> np.ndarray:
        prior = stats.norm.logpdf(at[:, 0]) + stats.norm.logpdf(at[:, 1:], scale=SIGMA).sum(axis=1)
        return prior + log_row(at[:, :1] + at[:, 1:][:, area], y, n).sum(axis=1)

    mode = optimize.minimize(lambda at: -log_density(at[None])[0], np.zeros(m + 1))
    proposal = stats.multivariate_t(mode.x, 1.1 * mode.hess_inv, df=8, seed=2)
    at = proposal.rvs(count)
    log_weight = log_density(at) - proposal.logpdf(at)
    weight = np.exp(log_weight - log_weight.max())
    return at[:, :1] + at[:, 1:][:, area], weight / weight.sum()


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("name", list(CASES))
def test_draws_at_a_node_are_as_skew_as_the_posterior(name: str, large: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bayesineq.inference.sparse_engine.terms._SMALL", 0 if large else 400)
    made, y, n = few(name)
    ours = at_node(made, 10_000)
    exact, weight = weighted(name, y, n, 60_000)
    assert 1.0 / (weight**2).sum() > 8_000
    m = len(EVENTS)
    # Each area's rate, and the sum of all: draws stay joint.
    for of in (lambda e: np.exp(e[:, :m]), lambda e: np.exp(e[:, :m]).sum(axis=1, keepdims=True)):
        a, b = of(ours), of(exact)
        mean = weight @ b
        sd = np.sqrt(weight @ (b - mean) ** 2)
        np.testing.assert_allclose(a.std(axis=0), sd, rtol=0.05)
        for k in range(b.shape[1]):
            order = np.argsort(b[:, k])
            exactly = np.interp([0.025, 0.5, 0.975], np.cumsum(weight[order]), b[order, k])
            within = np.array([0.06, 0.05, 0.2]) * sd[k]  # The Monte Carlo error of the last is 0.05 sd.
            assert (np.abs(np.quantile(a[:, k], [0.025, 0.5, 0.975]) - exactly) < within).all()


def tracts() -> tuple[Design, pd.DataFrame]:
    """Counts of 0.2 to 40 expected in 1,921 areas of a planar graph; rates by NUTS, two chains of 10,000 draws."""
    table = pd.read_csv(Path(__file__).parents[1] / "reference" / "tracts.csv")
    triangle = Delaunay(np.random.default_rng(5).random((len(table), 2))).simplices
    pairs = np.concatenate([triangle[:, [0, 1]], triangle[:, [1, 2]], triangle[:, [0, 2]]])
    graph = from_edges(table["area"].to_numpy().astype(str)[np.unique(np.sort(pairs, axis=1), axis=0)])
    priors = (
        "intercept = { dist = 'Normal', mean = 0, sd = 5 }\nx = { dist = 'Normal', mean = 0, sd = 5 }\n"
        "place.sigma = { dist = 'PC', above = 1, probability = 0.01 }\n"
        "place.phi = { dist = 'Uniform', lower = 0, upper = 1 }"
    )
    terms = 'x = { kind = "linear", by = "x" }\nplace = { kind = "bym2", by = "area" }'
    outcome = 'count = "events"\nexpected = "expected"\nlikelihood = "poisson"'
    return design(table, parse_card(card_text(outcome, terms, priors)), adjacency=graph), table


@pytest.mark.slow
@pytest.mark.parametrize("alone", [False, True])
def test_rates_of_tracts_are_those_of_a_long_run(alone: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(skew, "_MILD", 9.0 if alone else 0.0)
    made, table = tracts()
    post = fit(made, engine=LaplaceOptions(threads=2), draws=6000, seed=1, progress=False)["posterior"]
    linear = (
        post["x"].to_numpy()[0][:, None]
        * ((table["x"] - post["x"].attrs["centre"]) / post["x"].attrs["spread"]).to_numpy()
    )
    rate = np.exp(post["intercept"].to_numpy()[0][:, None] + post["place"].to_numpy()[0] + linear)
    sd = table["sd"].to_numpy()
    # Of one area, the error of a sample of 6,000 is 0.015 of its sd and 0.04 sd of its outer quantiles.
    ratio = rate.std(axis=0) / sd
    assert np.mean(np.abs(ratio - 1.0) < 0.05) > 0.95
    away = [
        (np.quantile(rate, p, axis=0) - table[of]) / sd for p, of in ((0.025, "low"), (0.5, "median"), (0.975, "high"))
    ]
    assert [np.mean(np.abs(one) < limit) > 0.95 for one, limit in zip(away, (0.06, 0.05, 0.2), strict=True)] == [
        True
    ] * 3
    for _, rows in table.groupby(pd.cut(table["expected"], [0.0, 0.5, 1, 2, 4, 8, 16, 100])):
        assert abs(ratio[rows.index].mean() - 1.0) < 0.01
        assert max(abs(one[rows.index].mean()) for one in away) < 0.02
