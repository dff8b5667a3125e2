"""
Draws of spatial effects against the closed form: the pseudo-inverse of the Laplacian.

With N draws an entry of the empirical covariance of Gaussian effects has standard error
sqrt((C_ii C_jj + C_ij^2) / N). Five of them in every entry of a matrix of some 200 distinct entries fail by chance once
in 8,000 seeds.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from bayesineq.errors import BayesineqError
from bayesineq.simulate.place import draw_bym2, draw_icar
from bayesineq.space.adjacency import from_edges

DRAWS = 20_000
STANDARD_ERRORS = 5.0


@pytest.fixture(scope="module")
def archipelago():
    """A ring with a chord and a tail, a path of four, a pair, and two islands; codes shuffled."""
    mainland = [("a", "b"), ("b", "c"), ("c", "d"), ("d", "e"), ("e", "a"), ("b", "e"), ("c", "f"), ("f", "g")]
    path = [("p", "q"), ("q", "r"), ("r", "s")]
    return from_edges([*mainland, *path, ("x", "y")], areas=[*"sobpeaqcxrdyfgi"])


def closed_form(adjacency, *, scale: bool) -> np.ndarray:
    covariance = np.linalg.pinv(adjacency.laplacian().toarray())
    for c in range(len(adjacency.component_sizes)):
        here = np.flatnonzero(adjacency.component == c)
        block = np.ix_(here, here)
        if len(here) == 1:
            covariance[block] = 1.0
        elif scale:
            covariance[block] /= np.exp(np.log(np.diag(covariance[block])).mean())
    return covariance


def standard_errors(draws: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    variance = np.diag(covariance)
    error = np.sqrt((np.outer(variance, variance) + covariance**2) / len(draws))
    return (draws.T @ draws / len(draws) - covariance) / error


@pytest.mark.parametrize("scale", [True, False])
def test_covariance_is_the_pseudo_inverse(archipelago, scale):
    draws = draw_icar(archipelago, np.random.default_rng(1), DRAWS, scale=scale)
    assert draws.shape == (DRAWS, len(archipelago))
    off = np.abs(standard_errors(draws, closed_form(archipelago, scale=scale)))
    assert off.max() < STANDARD_ERRORS


def test_each_component_sums_to_zero_and_islands_do_not(archipelago):
    draws = draw_icar(archipelago, np.random.default_rng(2), 50)
    for c, size in enumerate(archipelago.component_sizes):
        total = draws[:, archipelago.component == c].sum(axis=1)
        assert (np.abs(total).max() < 1e-12) == (size > 1)


def test_variance_of_a_path_is_known():
    """Random walk of n steps centred at its mean: variance at i is ((i)(i-1)(2i-1) + (n-i)(n-i+1)(2n-2i+1)) / 6n^2."""
    n = 6
    codes = [f"{i:02d}" for i in range(n)]
    path = from_edges(pairwise(codes))
    i = np.arange(1, n + 1)
    variance = (i * (i - 1) * (2 * i - 1) + (n - i) * (n - i + 1) * (2 * n - 2 * i + 1)) / (6 * n**2)
    draws = draw_icar(path, np.random.default_rng(3), DRAWS, scale=False)
    error = variance * np.sqrt(2 / DRAWS)
    assert (np.abs((draws**2).mean(axis=0) - variance) < STANDARD_ERRORS * error).all()


def test_bym2_mixes_structure_and_noise(archipelago):
    sigma, phi = 0.4, 0.7
    draws = draw_bym2(archipelago, np.random.default_rng(4), DRAWS, sigma=sigma, phi=phi)
    expected = sigma**2 * (phi * closed_form(archipelago, scale=True) + (1 - phi) * np.eye(len(archipelago)))
    assert np.abs(standard_errors(draws, expected)).max() < STANDARD_ERRORS


def test_a_map_of_islands_is_white_noise():
    islands = from_edges([], areas=["a", "b", "c"])
    draws = draw_icar(islands, np.random.default_rng(5), DRAWS)
    assert np.abs(standard_errors(draws, np.eye(3))).max() < STANDARD_ERRORS


def test_range_of_the_parameters(archipelago):
    for sigma, phi in ((-0.1, 0.5), (0.1, 1.1), (float("nan"), 0.5)):
        with pytest.raises(BayesineqError, match="sigma is"):
            draw_bym2(archipelago, np.random.default_rng(6), sigma=sigma, phi=phi)
