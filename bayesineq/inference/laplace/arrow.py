"""
Arrow-shaped systems: a sparse block with a dense border of fixed effects and constraints.

[[P, B], [B', M]] with P sparse and positive definite. The border holds the small effects (C = cross precision) and the
constraints K x = 0 (with no block of their own in M), so that its inverse is at once the posterior covariance under
the constraints: conditioning by kriging (Rue and Held 2005, algorithm 2.6) and the Schur complement on fixed effects
are one step, and no dense row ever enters the sparse factor.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from bayesineq.sparse.inverse import selected_inverse
from bayesineq.sparse.numeric import Factor, factorise, solve
from bayesineq.sparse.symbolic import Symbolic

Float = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Arrow:
    """
    A factorised arrow system.

    Parameters
    ----------
    factor : Factor
        Factorisation of P.
    reach : ndarray, shape (n, n_border)
        P^-1 B.
    inner : ndarray, shape (n_border, n_border)
        (M - B' P^-1 B)^-1: the border's block of the inverse.
    log_determinant : float
        log |det| of the whole.
    """

    factor: Factor
    reach: Float
    inner: Float
    log_determinant: float


def arrow(symbolic: Symbolic, value: Float, border: Float, corner: Float) -> Arrow:
    """
    Factorise an arrow system.

    Parameters
    ----------
    symbolic : Symbolic
        Analysis of P.
    value : ndarray, shape (n_entry,)
        Entries of P.
    border : ndarray, shape (n, n_border)
        B.
    corner : ndarray, shape (n_border, n_border)
        M.

    Returns
    -------
    Arrow
        The factorisation.

    Raises
    ------
    numpy.linalg.LinAlgError
        If P is not positive definite or the border's system is singular.
    """
    factor = factorise(symbolic, value)
    if not border.shape[1]:
        return Arrow(factor, border, corner, factor.log_determinant)
    reach = solve(factor, border)
    schur = corner - border.T @ reach
    # Equilibrated, since covariates and constraints differ in scale by orders of magnitude.
    diagonal = np.abs(np.diag(schur))
    scale = 1.0 / np.sqrt(np.where(diagonal > 0.0, diagonal, 1.0))
    balanced = schur * scale[:, None] * scale
    sign, log_schur = np.linalg.slogdet(balanced)
    if sign == 0.0 or not np.isfinite(log_schur):
        raise np.linalg.LinAlgError("the system of fixed effects and constraints is singular")
    inner = np.linalg.inv(balanced) * scale[:, None] * scale
    inner = 0.5 * (inner + inner.T)
    return Arrow(factor, reach, inner, float(factor.log_determinant + log_schur - 2.0 * np.log(scale).sum()))


def arrow_solve(system: Arrow, right: Float, right_border: Float) -> tuple[Float, Float]:
    """
    Solve an arrow system.

    Parameters
    ----------
    system : Arrow
        Factorisation.
    right : ndarray, shape (n,)
        Right-hand side of the sparse block.
    right_border : ndarray, shape (n_border,)
        Right-hand side of the border.

    Returns
    -------
    (ndarray, ndarray)
        The two parts of the solution.
    """
    border = system.inner @ (right_border - system.reach.T @ right)
    return solve(system.factor, right) - system.reach @ border, border


def selected_covariances(system: Arrow, row: NDArray[np.int64], column: NDArray[np.int64]) -> Float:
    """
    Entries of the inverse's sparse block where P has entries.

    Parameters
    ----------
    system : Arrow
        Factorisation.
    row, column : ndarray of int64, shape (n_entry,)
        P's entries, as given to `analyse`.

    Returns
    -------
    ndarray, shape (n_entry,)
        (P^-1 + V S V')_ij with V = `reach` and S = `inner`.
    """
    covariance = selected_inverse(system.factor)
    if system.reach.shape[1]:
        _add_low_rank(covariance, row, column, system.reach @ system.inner, system.reach)
    return covariance


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract", "nsz"})
def _add_low_rank(value: Float, row: NDArray[np.int64], column: NDArray[np.int64], left: Float, right: Float) -> None:
    for e in range(len(row)):
        i, j = row[e], column[e]
        total = 0.0
        for k in range(left.shape[1]):
            total += left[i, k] * right[j, k]
        value[e] += total
