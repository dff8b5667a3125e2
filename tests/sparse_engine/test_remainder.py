"""The log density of many hyperparameters between nodes, against densities that are known."""

from __future__ import annotations

import numpy as np
from numpy.testing import assert_allclose
from numpy.typing import NDArray

from bayesineq.inference.sparse_engine.remainder import fit_kriged
from bayesineq.inference.sparse_engine.surface import Surface, _about_its_mass, draw_scores

Float = NDArray[np.float64]
D = 8


def funnel(u: Float) -> Float:
    """Seven numbers whose standard deviation is exp of the first, halved and levelled off, a standard Gaussian."""
    log_sd = 0.5 * np.tanh(u[:, 0])
    return np.asarray(-0.5 * u[:, 0] ** 2 - (D - 1) * log_sd - 0.5 * (u[:, 1:] ** 2).sum(axis=1) * np.exp(-2 * log_sd))


def slopes(of, u: Float) -> Float:
    step = 1e-5 * np.eye(u.shape[1])
    return np.stack([(of(u + e) - of(u - e)) / 2e-5 for e in step], axis=1)


def drawn(n: int, seed: int) -> Float:
    rng = np.random.default_rng(seed)
    u = rng.standard_normal((n, D))
    u[:, 1:] *= np.exp(0.5 * np.tanh(u[:, :1]))
    return u


def typical_error(found: Float, expected: Float) -> float:
    """What three quarters of errors are below; constants do not matter."""
    error = found - expected
    return float(np.quantile(np.abs(error - np.median(error)), 0.75))


def test_values_and_slopes_of_nodes_are_met_and_fresh_ones_foreseen() -> None:
    u, fresh = drawn(250, 1), drawn(400, 2)
    value = funnel(u)
    top = value.max()
    found = fit_kriged(u, value - top, slopes(funnel, u), np.zeros(len(u)))
    near = value > np.median(value)
    assert_allclose(found(u)[near], (value - top)[near], atol=0.2)
    assert typical_error(found(fresh), funnel(fresh)) < 0.3
    assert typical_error(-0.5 * (fresh**2).sum(axis=1), funnel(fresh)) > 1.0


def test_what_slopes_do_not_know_is_learnt_from_values() -> None:
    """A share of the log density of which nodes give no slope, smooth and small."""
    u, fresh = drawn(250, 3), drawn(400, 4)

    def gap(at: Float) -> Float:
        return np.asarray(0.4 * at[:, 1] - 0.1 * at[:, 2] ** 2)

    expected = funnel(fresh) + gap(fresh)
    found, not_known = (
        fit_kriged(u, funnel(u) + gap(u), slopes(funnel, u), share) for share in (gap(u), 0.0 * u[:, 0])
    )
    assert typical_error(found(fresh), expected) < min(0.4, 0.9 * typical_error(not_known(fresh), expected))


def test_slopes_that_are_not_known_are_left_out() -> None:
    u, fresh = drawn(250, 5), drawn(400, 6)
    slope = slopes(funnel, u)
    slope[::3, 2] = np.nan
    found = fit_kriged(u, funnel(u), slope, np.zeros(len(u)))
    assert typical_error(found(fresh), funnel(fresh)) < 0.4


def test_draws_are_those_of_a_density_far_from_its_axes() -> None:
    """A Gaussian two units off and with correlations of .8: what proposals about the axes would hardly meet."""
    spread = 0.8 + 0.2 * np.eye(D)
    centre, precision = np.full(D, 2.0), np.linalg.inv(spread)

    def density(u: Float) -> Float:
        return np.asarray(-0.5 * (((u - centre) @ precision) * (u - centre)).sum(axis=1))

    bare = Surface(np.zeros(D), np.eye(D), np.zeros((1, D)), np.zeros(1), (), np.eye(D), np.zeros(D), 0.0, None, np.inf)
    u = draw_scores(_about_its_mass(bare, density), 4000, np.random.default_rng(1))
    assert_allclose(u.mean(axis=0), centre, atol=0.06)
    assert_allclose(np.cov(u.T), spread, atol=0.08)
