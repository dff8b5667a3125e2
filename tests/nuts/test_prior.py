"""Moments of exact prior draws against dense algebra; tolerance five standard errors of 40,000 draws."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy import stats
from scipy.special import expit, logit

from bayesineq.design.matrix import Design
from bayesineq.inference.pc_phi import phi_prior
from bayesineq.inference.prior import prior_draws
from bayesineq.model.kinds.structures import intrinsic_draws
from bayesineq.model.kinds.walks import linear_trend, walk_basis
from bayesineq.space.adjacency import Adjacency
from bayesineq.space.scaling import scale_factors

Float = NDArray[np.float64]
DRAWS = 40_000
OUTCOME = 'value = "value"\nlikelihood = "gaussian"'


def covariance_close(drawn: Float, expected: Float) -> None:
    """Second moments within five standard errors, each from the draws' own fourth moments."""
    product = drawn[:, :, None] * drawn[:, None, :]
    error = 5 * product.std(axis=0) / np.sqrt(len(drawn)) + 1e-12
    assert (np.abs(product.mean(axis=0) - expected) < error).all()


def generalised_inverse(graph: Adjacency) -> Float:
    covariance = np.zeros((len(graph), len(graph)))
    laplacian = graph.laplacian().toarray()
    for c, size in enumerate(graph.component_sizes):
        at = np.flatnonzero(graph.component == c)
        part = np.ones((1, 1)) if size == 1 else np.linalg.pinv(laplacian[np.ix_(at, at)])
        covariance[np.ix_(at, at)] = part / np.exp(np.log(np.diag(part)).mean())
    return covariance


def test_intrinsic_draws_have_the_generalised_inverse(graph: Adjacency) -> None:
    drawn = intrinsic_draws(graph, scale_factors(graph), DRAWS, np.random.default_rng(1))
    covariance_close(drawn, generalised_inverse(graph))
    for c in np.flatnonzero(graph.component_sizes > 1):
        np.testing.assert_allclose(drawn[:, graph.component == c].sum(axis=1), 0.0, atol=1e-10)


@pytest.mark.parametrize("kind", ["icar", "bym2", "leroux", "exchangeable", "random_walk", "ar1"])
def test_moments_of_a_term(study: Callable[..., Design], graph: Adjacency, kind: str) -> None:
    """Hyperparameters that vary: effects divided by their own sigma, given narrow priors on phi and rho."""
    by = "area" if kind in {"icar", "bym2", "leroux", "exchangeable"} else "step"
    share = {
        "bym2": "\nt.phi = { dist = 'Uniform', lower = 0.699, upper = 0.701 }",
        "leroux": "\nt.rho = { dist = 'Uniform', lower = 0.699, upper = 0.701 }",
        "ar1": "\nt.rho = { dist = 'Uniform', lower = 0.699, upper = 0.701 }",
    }
    priors = "t.sigma = { dist = 'Gamma', shape = 4, rate = 2 }" + share.get(kind, "")
    design = study(OUTCOME, f"t = {{ kind = '{kind}', by = '{by}' }}", priors)
    n_draw = 2000 if kind == "leroux" else DRAWS
    post = prior_draws(design, draws=n_draw, seed=5)["posterior"].dataset
    sigma = post["t.sigma"].to_numpy()[0]
    unit = post["t"].to_numpy()[0] / sigma[:, None]
    n = len(graph)
    lag = np.abs(np.subtract.outer(np.arange(6), np.arange(6)))
    difference = np.diff(np.eye(6), axis=0)
    walk = np.linalg.pinv(difference.T @ difference)
    covariance_close(
        unit,
        {
            "icar": lambda: generalised_inverse(graph),
            "bym2": lambda: 0.7 * generalised_inverse(graph) + 0.3 * np.eye(n),
            "leroux": lambda: np.linalg.inv(0.7 * graph.laplacian().toarray() + 0.3 * np.eye(n)),
            "exchangeable": lambda: np.eye(n),
            "random_walk": lambda: walk / np.exp(np.log(np.diag(walk)).mean()),
            "ar1": lambda: 0.7**lag,
        }[kind](),
    )
    assert stats.kstest(sigma, stats.gamma(4, scale=0.5).cdf).pvalue > 1e-4


@pytest.mark.parametrize(
    ("prior", "distribution"),
    [
        ("t.sigma = { dist = 'HalfNormal', sd = 0.5 }", stats.halfnorm(scale=0.5)),
        ("t.sigma = { dist = 'Exponential', rate = 3 }", stats.expon(scale=1 / 3)),
        ("t.sigma = { dist = 'Uniform', lower = 0.5, upper = 2 }", stats.uniform(0.5, 1.5)),
        ("t.sigma = { dist = 'PC', above = 0.8, probability = 0.05 }", stats.expon(scale=-0.8 / np.log(0.05))),
        ("t.precision = { dist = 'Gamma', shape = 2, rate = 0.3 }", stats.invgamma(2, scale=0.3)),
    ],
)
def test_hyperparameters_follow_their_priors(
    study: Callable[..., Design], prior: str, distribution: stats.rv_continuous
) -> None:
    """Kolmogorov-Smirnov against scipy.stats; a precision that is Gamma has a variance that is inverse gamma."""
    design = study(OUTCOME, "t = { kind = 'exchangeable', by = 'group' }", prior)
    drawn = prior_draws(design, draws=5000, seed=2)["posterior"].dataset["t.sigma"].to_numpy()[0]
    assert stats.kstest(drawn**2 if "precision" in prior else drawn, distribution.cdf).pvalue > 1e-4


def test_pc_prior_of_phi_is_drawn_from_its_table(study: Callable[..., Design], graph: Adjacency) -> None:
    term, prior = "t = { kind = 'bym2', by = 'area' }", "t.phi = { dist = 'PC', below = 0.5, probability = 0.7 }"
    design = study(OUTCOME, term, prior)
    phi = prior_draws(design, draws=5000, seed=2)["posterior"].dataset["t.phi"].to_numpy()[0]
    table = phi_prior(design.prior("t.phi"), graph, scale_factors(graph))
    for bound in (0.1, 0.5, 0.9):
        grid = np.linspace(-12, logit(bound), 20_001)
        expected = np.trapezoid(np.exp(table.log_density(grid)), grid)
        assert abs((phi < bound).mean() - expected) < 5 * np.sqrt(expected * (1 - expected) / 5000)


def test_draws_are_laid_out_as_a_posterior(study: Callable[..., Design], table: pd.DataFrame) -> None:
    design = study(
        'value = "value"\nlikelihood = "gamma"',
        "group = { kind = 'fixed', by = 'group', reference = 'b' }\n"
        "x = { kind = 'linear', by = 'x' }\n"
        "both = { kind = 'exchangeable', by = ['group', 'step'] }\n"
        "step = { kind = 'random_walk', by = 'step', order = 2 }",
    )
    tree = prior_draws(design, draws=7, seed=1)
    post = tree["posterior"].dataset
    assert post["both"].dims == ("chain", "draw", "group", "step")
    assert post["both"].shape == (1, 7, 3, 6)
    assert (post["group.effect"].sel(group="b") == 0).all()
    assert {"intercept", "x", "both.sigma", "step.sigma", "step.effect", "outcome.shape"} <= set(post.data_vars)
    assert tree.attrs["engine"] == "prior"
    again = prior_draws(design, draws=7, seed=1)["posterior"].dataset
    assert post.equals(again)
    assert not post.equals(prior_draws(design, draws=7, seed=2)["posterior"].dataset)


@pytest.mark.parametrize(("n", "order"), [(2, 1), (10, 1), (10, 2), (57, 2)])
def test_walks_are_scaled_and_free_of_their_null_space(n: int, order: int) -> None:
    """Sorbye and Rue (2014): geometric mean of the marginal variances one; pinv of D'D is the oracle of the rest."""
    basis = walk_basis(n, order, scale=True)
    np.testing.assert_allclose(np.exp(np.log(np.square(basis).sum(axis=1)).mean()), 1.0)
    np.testing.assert_allclose(basis.sum(axis=0), 0.0, atol=1e-9)
    if order == 2:
        np.testing.assert_allclose(linear_trend(n) @ basis, 0.0, atol=1e-8)
    difference = np.diff(np.eye(n), n=order, axis=0)
    unscaled = walk_basis(n, order, scale=False)
    inverse = np.linalg.pinv(difference.T @ difference, rcond=1e-9, hermitian=True)
    np.testing.assert_allclose(unscaled @ unscaled.T, inverse, rtol=1e-5, atol=1e-5)


def test_trend_is_standardised() -> None:
    assert abs(linear_trend(7).mean()) < 1e-12
    np.testing.assert_allclose(linear_trend(7).std(), 1.0)
    assert linear_trend(7)[-1] > 0


def test_expit_of_the_prior_is_the_population_mean(study: Callable[..., Design]) -> None:
    """An intercept of Normal(-1, 0.5) alone: the mean chance by quadrature of scipy's normal density."""
    design = study(
        'count = "count"\nat_risk = "trials"\nlikelihood = "binomial"',
        priors="intercept = { dist = 'Normal', mean = -1, sd = 0.5 }",
    )
    drawn = expit(prior_draws(design, draws=DRAWS, seed=3)["posterior"].dataset["intercept"].to_numpy()[0])
    expected = stats.norm(-1, 0.5).expect(expit)
    assert abs(drawn.mean() - expected) < 5 * drawn.std() / np.sqrt(DRAWS)
