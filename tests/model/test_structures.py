"""Structures against dense algebra written down from their definitions."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.linalg import null_space

from bayesineq.model.kinds.structures import (
    Structure,
    autoregression,
    identity,
    intrinsic,
    kronecker,
    proper,
    root,
    walk,
)
from tests.sparse_engine.cases import numbered

# A component of four areas, one of three, and a singleton.
GRAPH = numbered(np.array([(1, 2), (2, 3), (3, 4), (4, 1), (5, 6), (6, 7)]), 8)
AT = {"rho": 0.6, "rho_space": 0.7, "rho_time": -0.4}
LAG = np.abs(np.subtract.outer(np.arange(5), np.arange(5)))
ONE = {
    "white": identity(5),
    "walk": walk(5, 1, scaled=True),
    "walk of order 2": walk(5, 2, scaled=True),
    "autoregression": autoregression(5, "rho_time"),
    "graph": intrinsic(GRAPH, scaled=True),
    "unscaled graph": intrinsic(GRAPH, scaled=False),
    "proper graph": proper(GRAPH, "rho_space"),
}
CROSSED = {
    f"{a} x {b}": kronecker(ONE[a], ONE[b])
    for a in ("white", "graph", "proper graph")
    for b in ("white", "walk", "walk of order 2", "autoregression")
}
DRAWS = 20_000


def dense(structure: Structure) -> np.ndarray:
    """Covariance by the eigenvalues of the precision."""
    return np.linalg.pinv(structure.precision(AT).toarray(), rcond=1e-9, hermitian=True)


def test_one_dimension_is_its_definition() -> None:
    assert_allclose(dense(ONE["autoregression"]), AT["rho_time"] ** LAG, atol=1e-12)
    laplacian = GRAPH.laplacian().toarray()
    assert_allclose(np.linalg.inv(dense(ONE["proper graph"])), 0.7 * laplacian + 0.3 * np.eye(8), atol=1e-10)
    for name in ("walk", "walk of order 2", "graph"):
        covariance = dense(ONE[name])
        variance = np.diag(covariance)
        parts = [slice(0, 4), slice(4, 7), slice(7, 8)] if name == "graph" else [slice(None)]
        for part in parts:
            assert_allclose(np.exp(np.log(variance[part]).mean()), 1.0, rtol=1e-8)
    assert_allclose(ONE["walk"].basis @ ONE["walk"].basis.T, dense(ONE["walk"]), atol=1e-10)
    assert_allclose(np.linalg.pinv(dense(ONE["unscaled graph"]))[:7, :7], laplacian[:7, :7], atol=1e-9)


@pytest.mark.parametrize("name", list(CROSSED))
def test_a_product_is_the_kronecker_product(name: str) -> None:
    first, second = CROSSED[name].factors
    want = np.kron(first.precision(AT).toarray(), second.precision(AT).toarray())
    assert_allclose(CROSSED[name].precision(AT).toarray(), want, atol=1e-10)
    assert_allclose(dense(CROSSED[name]), np.kron(dense(first), dense(second)), atol=1e-8)


@pytest.mark.parametrize("name", [*ONE, *CROSSED])
def test_constraints_are_a_basis_of_the_null_space(name: str) -> None:
    structure = (ONE | CROSSED)[name]
    free = null_space(structure.precision(AT).toarray(), rcond=1e-9)
    assert structure.n_held == free.shape[1]
    if structure.n_held:
        assert structure.null is not None
        assert np.linalg.matrix_rank(structure.null) == structure.n_held
        assert_allclose(structure.precision(AT) @ structure.null, 0.0, atol=1e-9)


def test_a_connected_graph_over_years_has_areas_and_years_less_one() -> None:
    ring = numbered(np.array([(1, 2), (2, 3), (3, 4), (4, 1)]), 4)
    assert kronecker(intrinsic(ring, scaled=True), walk(6, 1, scaled=True)).n_held == 4 + 6 - 1


@pytest.mark.parametrize("name", [*ONE, *CROSSED])
def test_weights_move_as_their_slopes_say(name: str) -> None:
    structure, step = (ONE | CROSSED)[name], 1e-6
    for of in structure.correlations:
        high, low = (structure.weights(AT | {of: AT[of] + h}) for h in (step, -step))
        change = (np.array(high) - np.array(low)) / (2 * step)
        assert_allclose(structure.slopes(of, AT), change, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("name", [*ONE, "graph x walk", "white x walk", "proper graph x autoregression"])
def test_draws_have_the_covariance(name: str) -> None:
    structure = (ONE | CROSSED)[name]
    values = {of: np.full(DRAWS, AT[of]) for of in structure.correlations}
    drawn = structure.draw(values, DRAWS, np.random.default_rng(4))
    want, spread = dense(structure), 5 / np.sqrt(DRAWS)
    size = np.sqrt(np.outer(np.diag(want), np.diag(want)))
    assert (np.abs(drawn.T @ drawn / DRAWS - want) < 1.5 * spread * size + 1e-9).all()
    if structure.null is not None:
        assert_allclose(drawn @ structure.null, 0.0, atol=1e-8)


@pytest.mark.parametrize("name", list(ONE))
def test_a_root_squared_is_the_covariance(name: str) -> None:
    assert_allclose(root(ONE[name], AT) @ root(ONE[name], AT).T, dense(ONE[name]), atol=1e-10)
