"""
A node's field at hyperparameters away from it.

With a Gaussian outcome that is exact: a field found at one value of the scales and correlations, rescaled to another,
is the dense algebra at the other (tests/sparse_engine/test_gaussian.py writes it from the definition of every term).
"""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from bayesineq.inference.sparse_engine import rescale
from bayesineq.inference.sparse_engine.arrow import arrow_solve
from bayesineq.inference.sparse_engine.draws import finish_draws, ready_node
from bayesineq.inference.sparse_engine.engine import build
from bayesineq.inference.sparse_engine.hyper import Model, prior_at
from bayesineq.inference.sparse_engine.newton import posterior
from bayesineq.inference.sparse_engine.passes import predict
from bayesineq.inference.sparse_engine.rescale import directions
from tests.sparse_engine.cases import as_given
from tests.sparse_engine.test_gaussian import CASES, dense_answer, position, study

ELSEWHERE = {"sigma": 1.7, "phi": 0.8, "rho": 0.25}


def moved(name: str) -> tuple[Model, np.ndarray, np.ndarray, float]:
    """Model, moments of the linear predictor and variance of the intercept, from a field found elsewhere."""
    design = study(CASES[name])
    model, start = build(as_given(design), "variational")
    latent, of = model.latent, position(design)
    values = np.array([of(p.name) for p in latent.parameters])
    there = [
        v if p.name == "outcome.sigma" else ELSEWHERE[p.name.partition(".")[2].partition("_")[0]]
        for p, v in zip(latent.parameters, values, strict=True)
    ]
    x = np.array([p.position(v) for p, v in zip(latent.parameters, there, strict=True)])
    found = posterior(latent, model.data, prior_at(model, x), start)
    ready = ready_node(model, directions(latent), found)
    # Columns whose outer products add up to the covariance of the field stand for draws; the last is the mean.
    n, p = latent.n_large, latent.n_small
    unit = np.eye(n + len(ready.system.inner))
    large, border = arrow_solve(ready.system, unit[:n], unit[n:])
    covariance = np.vstack([large, border])[: n + p, : n + p]
    value, vector = np.linalg.eigh(covariance)
    root = np.hstack([vector * np.sqrt(np.maximum(value, 0.0)), np.zeros((n + p, 1))])
    count = root.shape[1]
    centred = root[:n].copy(), np.zeros((len(ready.system.inner), count)), root[n:]
    still = np.zeros((0, latent.large.size)), np.zeros((0, latent.small.size)), np.zeros((count, 0))
    effect = np.empty((count, latent.large.size), dtype=np.float32)
    small = finish_draws(model, ready, np.tile(values, (count, 1)), centred, still, effect, np.arange(count))
    zero = np.zeros(len(design))
    eta = np.stack([predict(latent, zero, effect[k].astype(float), small[:, k], None) for k in range(count)])
    intercept = float(((small[0, :-1] - small[0, -1]) ** 2).sum())
    return model, eta[-1], ((eta[:-1] - eta[-1]) ** 2).sum(axis=0), intercept


@pytest.mark.parametrize("name", list(CASES))
@pytest.mark.parametrize("large", [False, True])
def test_gaussian_fields_rescale_exactly(name: str, large: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bayesineq.inference.sparse_engine.terms._SMALL", 0 if large else 400)
    _, mean, variance, _ = moved(name)
    _, exact_mean, exact_variance, _ = dense_answer(study(CASES[name]))
    # Effects are kept in single precision.
    assert_allclose(mean, exact_mean, rtol=1e-4, atol=1e-5)
    assert_allclose(variance, exact_variance, rtol=1e-4)


@pytest.mark.parametrize("name", ["exchangeable", "leroux"])
def test_of_a_long_term_the_level_rescales(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The intercept, which trades with the level, varies as it does in a field found at the same hyperparameters."""
    monkeypatch.setattr("bayesineq.inference.sparse_engine.terms._SMALL", 0)
    monkeypatch.setattr(rescale, "_FEW", 0)
    model, _, _, intercept = moved(name)
    of = position(study(CASES[name]))
    x = np.array([p.position(of(p.name)) for p in model.latent.parameters])
    _, start = build(as_given(study(CASES[name])), "variational")
    exact = float(posterior(model.latent, model.data, prior_at(model, x), start).system.inner[0, 0])
    monkeypatch.setattr(rescale, "_unit", lambda rows: rows[:0])
    _, _, _, without = moved(name)
    assert abs(intercept - exact) < 0.1 * abs(without - exact), (intercept, exact, without)
