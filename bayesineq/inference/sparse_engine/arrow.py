"""
Arrow-shaped systems: a sparse block with a dense border of fixed effects and constraints.

[[P, B], [B', M]] with P sparse and positive definite. The border holds the small effects (C = cross precision) and the
constraints K x = 0 (with no block of their own in M), so that its inverse is at once the posterior covariance under
the constraints: conditioning by kriging (Rue and Held 2005, algorithm 2.6) and the Schur complement on fixed effects
are one step, and no dense row ever enters the sparse factor.

A variable with one neighbour in P, its host, is a leaf and eliminated by hand before the rest is factorised. The white
half of every BYM2 effect is made of leaves, which halves the field.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numba import njit
from numpy.typing import NDArray

from bayesineq.sparse.inverse import selected_inverse
from bayesineq.sparse.numeric import Factor, factorise, lanes, solve_lanes
from bayesineq.sparse.symbolic import Symbolic, analyse

Float = NDArray[np.float64]
Int = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Pattern:
    """
    Pattern of P, with its leaves told apart.

    Parameters
    ----------
    row, column : ndarray of int64, shape (n_entry,)
        Entries of the lower triangle, every diagonal one among them.
    leaf : ndarray of int64, shape (n_leaf,)
        Variables with one neighbour, their host.
    leaf_diagonal, leaf_beside : ndarray of int64, shape (n_leaf,)
        Their entries: of the diagonal, and with the host.
    core : ndarray of int64, shape (n_core,)
        The other variables.
    core_entry : ndarray of int64, shape (n_core_entry,)
        Entries between these.
    host_entry : ndarray of int64, shape (n_leaf,)
        Each leaf's host: its diagonal among the core's entries.
    symbolic : Symbolic
        Analysis of the core.
    ordered : ndarray of int64, shape (n_core,)
        The core in the order of elimination.
    host_ordered : ndarray of int64, shape (n_leaf,)
        Place of each leaf's host in that order.
    sign : ndarray, shape (n,)
        Sign of each variable's pivot: that of its diagonal where P is quasi-definite, 1 where it is positive definite.
    """

    row: Int
    column: Int
    leaf: Int
    leaf_diagonal: Int
    leaf_beside: Int
    core: Int
    core_entry: Int
    host_entry: Int
    symbolic: Symbolic
    ordered: Int
    host_ordered: Int
    sign: Float


def pattern(n: int, row: Int, column: Int, sign: Float | None = None) -> Pattern:
    """
    Analyse the pattern of P. Shapes: row, column (n_entry,); sign (n,), by default all 1.

    `row, column`: Entries of the lower triangle, each once, every diagonal one among them.
    """
    beside = np.flatnonzero(row != column)
    degree = np.bincount(np.concatenate([row[beside], column[beside]]), minlength=n)
    diagonal = np.empty(n, dtype=np.int64)
    on = np.flatnonzero(row == column)
    diagonal[row[on]] = on
    # Of two variables that have only each other, the second is the leaf.
    first_end = degree[row[beside]] == 1
    second_end = (degree[column[beside]] == 1) & ~first_end
    entry = np.concatenate([beside[first_end], beside[second_end]])
    leaf = np.concatenate([row[beside[first_end]], column[beside[second_end]]])
    host = np.concatenate([column[beside[first_end]], row[beside[second_end]]])
    inside = np.ones(n, dtype=bool)
    inside[leaf] = False
    core = np.flatnonzero(inside)
    number = np.full(n, -1, dtype=np.int64)
    number[core] = np.arange(len(core))
    core_entry = np.flatnonzero(inside[row] & inside[column])
    place = np.full(len(row), -1, dtype=np.int64)
    place[core_entry] = np.arange(len(core_entry))
    symbolic = analyse(len(core), number[row[core_entry]], number[column[core_entry]])
    return Pattern(
        row=row,
        column=column,
        leaf=leaf,
        leaf_diagonal=diagonal[leaf],
        leaf_beside=entry,
        core=core,
        core_entry=core_entry,
        host_entry=place[diagonal[host]],
        symbolic=symbolic,
        ordered=core[symbolic.order],
        host_ordered=symbolic.inverse[number[host]],
        sign=np.ones(n) if sign is None else sign,
    )


@dataclass(frozen=True, slots=True)
class Arrow:
    """
    A factorised arrow system.

    Parameters
    ----------
    pattern : Pattern
        Pattern of P.
    factor : Factor
        Factorisation of P's core after its leaves are eliminated.
    leaf_pivot, leaf_weight : ndarray, shape (n_leaf,)
        Precision of each leaf given the rest, and what it takes of its host.
    reach : ndarray, shape (n, n_border)
        P^-1 B.
    inner : ndarray, shape (n_border, n_border)
        (M - B' P^-1 B)^-1: the border's block of the inverse.
    log_determinant : float
        log |det| of the whole.
    """

    pattern: Pattern
    factor: Factor
    leaf_pivot: Float
    leaf_weight: Float
    reach: Float
    inner: Float
    log_determinant: float


def arrow(pattern: Pattern, value: Float, border: Float, corner: Float) -> Arrow:
    """Factorise an arrow system. Shapes: value (n_entry,); border (n, n_border); corner (n_border, n_border)."""
    system, _ = arrow_with(pattern, value, border, corner)
    return system


def arrow_with(pattern: Pattern, value: Float, stacked: Float, corner: Float) -> tuple[Arrow, Float]:
    """
    Factorise an arrow system and solve with its sparse block in the same sweep.

    Shapes: stacked (n, n_border + n_right).
    """
    n_border = len(corner)
    factor, pivot, weight = _sparse_factor(pattern, value)
    reach, solution = _sparse_solve(pattern, factor, pivot, weight, stacked, n_border)
    log_determinant = factor.log_determinant + float(np.log(np.abs(pivot)).sum())
    if not n_border:
        return Arrow(pattern, factor, pivot, weight, reach, corner, log_determinant), solution
    schur = corner - stacked[:, :n_border].T @ reach
    # Equilibrated, since covariates and constraints differ in scale by orders of magnitude.
    diagonal = np.abs(np.diag(schur))
    scale = 1.0 / np.sqrt(np.where(diagonal > 0.0, diagonal, 1.0))
    balanced = schur * scale[:, None] * scale
    sign, log_schur = np.linalg.slogdet(balanced)
    if sign == 0.0 or not np.isfinite(log_schur):
        raise np.linalg.LinAlgError("the system of fixed effects and constraints is singular")
    inner = np.linalg.inv(balanced) * scale[:, None] * scale
    inner = 0.5 * (inner + inner.T)
    log_determinant += float(log_schur - 2.0 * np.log(scale).sum())
    return Arrow(pattern, factor, pivot, weight, reach, inner, log_determinant), solution


def with_sparse_part(system: Arrow, value: Float, stacked: Float) -> tuple[Arrow, Float]:
    """
    An arrow system that was kept without its sparse part, whole again.

    Returns: with `factor`, `leaf_pivot`, `leaf_weight` and `reach` made anew, and P^-1 of the right-hand sides.
    """
    factor, pivot, weight = _sparse_factor(system.pattern, value)
    reach, solution = _sparse_solve(system.pattern, factor, pivot, weight, stacked, len(system.inner))
    return replace(system, factor=factor, leaf_pivot=pivot, leaf_weight=weight, reach=reach), solution


def _sparse_factor(pattern: Pattern, value: Float) -> tuple[Factor, Float, Float]:
    pivot = value[pattern.leaf_diagonal]
    if not (pivot * pattern.sign[pattern.leaf] > 0.0).all():
        raise np.linalg.LinAlgError("matrix is not positive definite")
    beside = value[pattern.leaf_beside]
    weight = -beside / pivot
    core_value = value[pattern.core_entry]
    # A host may have leaves of several parts.
    np.add.at(core_value, pattern.host_entry, weight * beside)
    return factorise(pattern.symbolic, core_value, pattern.sign[pattern.core]), pivot, weight


def _sparse_solve(
    pattern: Pattern, factor: Factor, pivot: Float, weight: Float, right: Float, n_first: int
) -> tuple[Float, Float]:
    """P^-1 of the first right-hand sides and of the others."""
    n, n_right = right.shape
    first, second = np.empty((n, n_first)), np.empty((n, n_right - n_first))
    core, host = pattern.ordered, pattern.host_ordered
    for begin, x in lanes(len(core), n_right):
        _eliminate(right, begin, core, pattern.leaf, host, weight, x)
        solve_lanes(factor, x)
        _substitute(x, right, begin, core, pattern.leaf, host, pivot, weight, first, second)
    return first, second


@njit(cache=True, nogil=True)
def _eliminate(right: Float, begin: int, core: Int, leaf: Int, host: Int, weight: Float, x: Float) -> None:
    """The next right-hand sides in elimination order, leaves folded into their hosts; lanes without one get zeros."""
    count = min(right.shape[1] - begin, x.shape[1])
    for i in range(len(core)):
        for r in range(count):
            x[i, r] = right[core[i], begin + r]
        for r in range(count, x.shape[1]):
            x[i, r] = 0.0
    for k in range(len(leaf)):
        for r in range(count):
            x[host[k], r] += weight[k] * right[leaf[k], begin + r]


@njit(cache=True, nogil=True)
def _substitute(
    x: Float,
    right: Float,
    begin: int,
    core: Int,
    leaf: Int,
    host: Int,
    pivot: Float,
    weight: Float,
    first: Float,
    second: Float,
) -> None:
    """Write solutions of the core and of its leaves where they belong."""
    n_first = first.shape[1]
    split = min(max(n_first - begin, 0), min(right.shape[1] - begin, x.shape[1]))
    count = min(right.shape[1] - begin, x.shape[1])
    for i in range(len(core)):
        for r in range(split):
            first[core[i], begin + r] = x[i, r]
        for r in range(split, count):
            second[core[i], begin + r - n_first] = x[i, r]
    for k in range(len(leaf)):
        for r in range(split):
            first[leaf[k], begin + r] = right[leaf[k], begin + r] / pivot[k] + weight[k] * x[host[k], r]
        for r in range(split, count):
            second[leaf[k], begin + r - n_first] = right[leaf[k], begin + r] / pivot[k] + weight[k] * x[host[k], r]


def arrow_solve(system: Arrow, right: Float, right_border: Float) -> tuple[Float, Float]:
    """Solve an arrow system. Shapes: right (n, n_right); right_border (n_border, n_right)."""
    solved = sparse_solve(system, right)
    return finish(system, solved, right, right_border)


def sparse_solve(system: Arrow, right: Float) -> Float:
    """P^-1 of right-hand sides. Shapes: right (n, n_right)."""
    parts = system.pattern, system.factor, system.leaf_pivot, system.leaf_weight
    return _sparse_solve(*parts, right, right.shape[1])[0]


def finish(system: Arrow, solved: Float, right: Float, right_border: Float) -> tuple[Float, Float]:
    """
    Solve an arrow system whose sparse block is solved already.

    Shapes: solved, right (n, n_right); right_border (n_border, n_right).
    """
    border = system.inner @ (right_border - system.reach.T @ right)
    return solved - system.reach @ border, border


def selected_covariances(system: Arrow, spread: Float) -> Float:
    """
    Entries of the inverse's sparse block where P has entries.

    Shapes: spread (n, n_border); returns (n_entry,).
    """
    pattern = system.pattern
    covariance = np.empty(len(pattern.row))
    covariance[pattern.core_entry] = selected_inverse(system.factor)
    of_host = covariance[pattern.core_entry][pattern.host_entry]
    covariance[pattern.leaf_beside] = system.leaf_weight * of_host
    covariance[pattern.leaf_diagonal] = system.leaf_weight**2 * of_host + 1.0 / system.leaf_pivot
    if system.reach.shape[1]:
        _add_low_rank(covariance, pattern.row, pattern.column, spread, system.reach)
    return covariance


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract", "nsz"})
def _add_low_rank(value: Float, row: Int, column: Int, left: Float, right: Float) -> None:
    for e in range(len(row)):
        i, j = row[e], column[e]
        total = 0.0
        for k in range(left.shape[1]):
            total += left[i, k] * right[j, k]
        value[e] += total
