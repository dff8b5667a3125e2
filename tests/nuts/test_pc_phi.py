"""PC prior of phi against its definition on dense matrices, and its sparse form against its dense one."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.linalg import block_diag
from scipy.special import expit, logit

from bayesineq.errors import CardError
from bayesineq.inference import pc_phi
from bayesineq.inference.pc_phi import END, phi_prior
from bayesineq.model.priors import Prior
from bayesineq.space.adjacency import Adjacency, from_edges
from bayesineq.space.scaling import scale_factors

Float = NDArray[np.float64]
BELOW = Prior("PC.phi", {"below": 0.5, "probability": 2 / 3})


def structured(graph: Adjacency) -> Float:
    """Covariance of the scaled intrinsic autoregression of the areas that have neighbours."""
    laplacian = graph.laplacian().toarray()
    parts = []
    for c in np.flatnonzero(graph.component_sizes > 1):
        at = np.flatnonzero(graph.component == c)
        part = np.linalg.pinv(laplacian[np.ix_(at, at)])
        parts.append(part / np.exp(np.log(np.diag(part)).mean()))
    return block_diag(*parts)


def distance(covariance: Float, phi: float) -> float:
    """sqrt(2 KLD) of N(0, (1 - phi) I + phi C) from N(0, I), by its definition."""
    mixed = (1 - phi) * np.eye(len(covariance)) + phi * covariance
    return float(np.sqrt(np.trace(mixed) - len(mixed) - np.linalg.slogdet(mixed)[1]))


@pytest.mark.parametrize(
    ("prior", "exceeding"),
    [(BELOW, 1 / 3), (Prior("PC.phi", {"above": 0.7, "probability": 0.1}), 0.1)],
)
def test_density_is_the_exponential_of_the_distance(graph: Adjacency, prior: Prior, exceeding: float) -> None:
    """
    Distances from dense determinants, their derivative by central differences; tolerance 2e-4 of log density,
    the error of a cubic spline with knots 0.25 apart.
    """
    covariance, table = structured(graph), phi_prior(prior, graph, scale_factors(graph))
    bound = prior.parameters.get("above", prior.parameters.get("below", 0.0))
    rate = -np.log(exceeding) / distance(covariance, bound)
    np.testing.assert_allclose(table.rate, rate, rtol=1e-6)
    longest = distance(covariance, float(expit(END)))
    for at in (-6.3, -2.0, -0.4, 0.0, 1.1, 3.7, 8.2):
        step = 1e-4
        slope = (distance(covariance, expit(at + step)) - distance(covariance, expit(at - step))) / (2 * step)
        expected = np.log(rate * slope) - rate * distance(covariance, expit(at)) - np.log1p(-np.exp(-rate * longest))
        np.testing.assert_allclose(table.log_density(at), expected, atol=2e-4)


def test_density_integrates_to_one(graph: Adjacency) -> None:
    table = phi_prior(BELOW, graph, scale_factors(graph))
    grid = np.linspace(-END, END, 100_001)
    # Below -12 lies the mass of phi under 6e-6, about 1e-5 of the whole.
    np.testing.assert_allclose(np.trapezoid(np.exp(table.log_density(grid)), grid), 1.0, atol=1e-4)
    assert table.log_density(END + 0.1) == -np.inf


def test_statement_of_the_card_holds(graph: Adjacency) -> None:
    """P(phi < 1/2) = 2/3 before the cut at logit(phi) = 12, so 2/3 of what is left and what is cut."""
    table = phi_prior(BELOW, graph, scale_factors(graph))
    covariance = structured(graph)
    kept = -np.expm1(-table.rate * distance(covariance, float(expit(END))))
    grid = np.linspace(-END, float(logit(0.5)), 50_001)
    below = np.trapezoid(np.exp(table.log_density(grid)), grid)
    np.testing.assert_allclose(below * kept, 2 / 3, atol=1e-4)


def test_sparse_determinants_give_the_same_table(graph: Adjacency, monkeypatch: pytest.MonkeyPatch) -> None:
    """Eigenvalues on one side, sparse factors and the matrix-tree theorem on the other; three components."""
    dense = phi_prior(BELOW, graph, scale_factors(graph))
    monkeypatch.setattr(pc_phi, "_MAX_DENSE", 1)
    sparse = phi_prior(BELOW, graph, scale_factors(graph))
    at = np.linspace(-5, END, 50)
    np.testing.assert_allclose(sparse.log_density(at), dense.log_density(at), atol=1e-5)


def test_areas_without_neighbours_have_no_mixing() -> None:
    alone = from_edges([], areas=["a", "b"])
    with pytest.raises(CardError, match="areas with neighbours"):
        phi_prior(BELOW, alone, scale_factors(alone))
