"""The sparse kernels against dense linear algebra on small random graphs."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from bayesineq.sparse.inverse import selected_inverse
from bayesineq.sparse.numeric import factorise, half_solve, solve
from bayesineq.sparse.symbolic import analyse

# Dense inverses of well-conditioned matrices of this size agree to about 1e-13.
TIGHT = {"rtol": 1e-10, "atol": 1e-12}

# Areas and edges: one area, islands only, many components, one giant component, dense, and so wide that supernodes go
# through matrix products.
SHAPES = [(1, 0), (6, 0), (30, 12), (60, 90), (150, 400), (40, 500), (400, 2500)]


def random_problem(n: int, n_edge: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    edge = np.unique(np.sort(rng.integers(0, n, size=(n_edge, 2)), axis=1), axis=0).reshape(-1, 2)
    edge = edge[edge[:, 0] != edge[:, 1]]
    flip = rng.random(len(edge)) < 0.5
    edge[flip] = edge[flip][:, ::-1]
    row, column = np.concatenate([np.arange(n), edge[:, 0]]), np.concatenate([np.arange(n), edge[:, 1]])
    degree = np.bincount(edge.ravel(), minlength=n)
    value = np.concatenate([degree + rng.uniform(0.5, 2.0, n), rng.uniform(-1.0, 1.0, len(edge))])
    shuffle = rng.permutation(len(row))
    row, column, value = row[shuffle], column[shuffle], value[shuffle]
    dense = np.zeros((n, n))
    dense[row, column] = value
    dense[column, row] = value
    return row, column, value, dense


@pytest.mark.parametrize(("n", "n_edge"), SHAPES)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_kernels_agree_with_dense_algebra(n: int, n_edge: int, seed: int) -> None:
    row, column, value, dense = random_problem(n, n_edge, seed)
    factor = factorise(analyse(n, row, column), value)
    inverse = np.linalg.inv(dense)
    assert_allclose(factor.log_determinant, np.linalg.slogdet(dense)[1], **TIGHT)
    assert_allclose(selected_inverse(factor), inverse[row, column], **TIGHT)
    right = np.random.default_rng(seed).normal(size=(n, 5))
    assert_allclose(solve(factor, right), inverse @ right, **TIGHT)
    assert_allclose(solve(factor, right[:, 0]), inverse @ right[:, 0], **TIGHT)
    half = half_solve(factor, np.eye(n))
    assert_allclose(half @ half.T, inverse, **TIGHT)


def test_analysis_serves_other_values() -> None:
    row, column, value, dense = random_problem(50, 120, 4)
    symbolic = analyse(50, row, column)
    factorise(symbolic, value)
    scaled = factorise(symbolic, 3.0 * value)
    assert_allclose(selected_inverse(scaled), np.linalg.inv(3.0 * dense)[row, column], **TIGHT)


@pytest.mark.parametrize("value", [-1.0, 0.0, np.nan, np.inf])
def test_matrix_that_is_not_positive_definite_is_refused(value: float) -> None:
    symbolic = analyse(3, np.array([0, 1, 2, 0]), np.array([0, 1, 2, 1]))
    with pytest.raises(np.linalg.LinAlgError, match="variable 2"):
        factorise(symbolic, np.array([2.0, 2.0, value, 1.0]))


def test_indefinite_by_its_off_diagonal_is_refused() -> None:
    symbolic = analyse(2, np.array([0, 1, 0]), np.array([0, 1, 1]))
    with pytest.raises(np.linalg.LinAlgError, match="not positive definite"):
        factorise(symbolic, np.array([1.0, 1.0, 2.0]))
