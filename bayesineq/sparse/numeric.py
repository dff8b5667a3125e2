"""Numeric LDL' factorisation over supernodes, solves with many right-hand sides, and the log-determinant."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from bayesineq.sparse.symbolic import Int, Symbolic

Float = NDArray[np.float64]

_FAST: Final = {"reassoc", "contract", "nsz"}

# A constant, so that the innermost loop is one or two vector instructions.
_LANES: Final = 8
_MOST_GROUPS: Final = 4
_BLOCK: Final = 16
_WIDE_BLOCK: Final = 64
_VERY_WIDE: Final = 512

MATRIX_WIDTH: Final = 8
"""Columns of a supernode, and"""
MATRIX_HEIGHT: Final = 48
"""rows below it, from which on a library's matrix product is faster than loops."""


@dataclass(frozen=True, slots=True)
class Factor:
    """
    Factorisation P A P' = L D L' of a positive definite matrix, or of one whose pivots' signs are known.

    Parameters
    ----------
    symbolic : Symbolic
        Its pattern.
    panel : ndarray of float64, shape (n_panel,)
        Unit lower triangular L, supernode by supernode.
    pivot : ndarray of float64, shape (n,)
        D, in the new order.
    """

    symbolic: Symbolic
    panel: Float
    pivot: Float

    @property
    def log_determinant(self) -> float:
        """Logarithm of the determinant, or of its size where pivots are negative."""
        return float(np.log(np.abs(self.pivot)).sum())


def factorise(symbolic: Symbolic, value: Float, sign: Float | None = None) -> Factor:
    """
    Factorise a matrix of known pattern.

    A quasi-definite matrix [[A, B'], [B, -C]] with A and C positive definite has L D L' in every order, and D the signs
    of its two blocks (Vanderbei 1995, https://doi.org/10.1137/0805005).

    Parameters
    ----------
    symbolic : Symbolic
        Its analysis.
    value : ndarray, shape (n_entry,)
        Its entries, in the order given to `analyse`.
    sign : ndarray, shape (n,), optional
        1 or -1: the sign of each variable's pivot; by default all are positive.

    Returns
    -------
    Factor
        L and D.

    Raises
    ------
    numpy.linalg.LinAlgError
        If the matrix is not positive definite, or not quasi-definite with these signs, or not finite.
    """
    s = symbolic
    signs = np.ones(len(s)) if sign is None else sign[s.order]
    panel = np.zeros(s.panel_start[-1])
    panel[s.slot] = value
    pivot = np.empty(len(s))
    bad = _factorise(s.start, s.parent, s.row_start, s.relative, s.panel_start, s.update_stack, signs, panel, pivot)
    if bad >= 0:
        raise np.linalg.LinAlgError(f"matrix is not positive definite (pivot of variable {s.order[bad]})")
    return Factor(symbolic, panel, pivot)


def solve(factor: Factor, right: Float) -> Float:
    """
    Solve A x = b.

    Parameters
    ----------
    factor : Factor
        Factorisation of A.
    right : ndarray, shape (n,) or (n, n_right)
        Right-hand sides.

    Returns
    -------
    ndarray, same shape
        Solutions.
    """
    s = factor.symbolic
    columns = right[:, None] if right.ndim == 1 else right
    out = np.empty(columns.shape)
    for begin, x in lanes(len(s), columns.shape[1]):
        _gather(columns, s.order, begin, x)
        solve_lanes(factor, x)
        _scatter(x, s.order, begin, out)
    return out.reshape(right.shape)


def lanes(n: int, n_right: int) -> Iterator[tuple[int, Float]]:
    """
    Work space for as many right-hand sides at a time as caches hold.

    Parameters
    ----------
    n : int
        Size of the matrix.
    n_right : int
        Number of right-hand sides.

    Yields
    ------
    (int, ndarray)
        First of the right-hand sides to be done, and where to put them in the order of elimination: variables in
        rows, side by side; not set, and as wide as whole vectors are.
    """
    groups = max(min(-(-n_right // _LANES), _MOST_GROUPS), 1)
    x = np.empty((n, groups * _LANES))
    for begin in range(0, n_right, groups * _LANES):
        yield begin, x


def solve_lanes(factor: Factor, x: Float) -> None:
    """
    Solve L D L' x = b in place.

    Parameters
    ----------
    factor : Factor
        Factorisation.
    x : ndarray, shape (n, a multiple of 8)
        Right-hand sides in the order of elimination; becomes the solutions.
    """
    s = factor.symbolic
    _forward(s.start, s.row_start, s.row, s.panel_start, factor.panel, x)
    x /= factor.pivot[:, None]
    _backward(s.start, s.row_start, s.row, s.panel_start, factor.panel, x)


def half_solve(factor: Factor, noise: Float) -> Float:
    """
    Turn white noise into draws of N(0, A^-1): x = P' L'^-1 D^-1/2 z (Rue and Held 2005, algorithm 2.4).

    Parameters
    ----------
    factor : Factor
        Factorisation of the precision A.
    noise : ndarray, shape (n, n_draw)
        Standard normal, in any order of variables; not changed.

    Returns
    -------
    ndarray, shape (n, n_draw)
        Draws.
    """
    out = np.empty(noise.shape)
    for begin, x in lanes(len(factor.symbolic), noise.shape[1]):
        block = noise[:, begin : begin + x.shape[1]]
        x[:, : block.shape[1]] = block
        x[:, block.shape[1] :] = 0.0
        half_solve_lanes(factor, x)
        _scatter(x, factor.symbolic.order, begin, out)
    return out


def half_solve_lanes(factor: Factor, x: Float) -> None:
    """
    `half_solve` in place.

    Parameters
    ----------
    factor : Factor
        Factorisation.
    x : ndarray, shape (n, a multiple of 8)
        White noise; becomes draws in the order of elimination.
    """
    s = factor.symbolic
    x /= np.sqrt(factor.pivot)[:, None]
    _backward(s.start, s.row_start, s.row, s.panel_start, factor.panel, x)


@njit(cache=True, nogil=True)
def _gather(columns: Float, order: Int, begin: int, x: Float) -> None:
    """Copy the next columns in elimination order; lanes without one get zeros."""
    count = min(columns.shape[1] - begin, x.shape[1])
    for i in range(len(order)):
        for r in range(count):
            x[i, r] = columns[order[i], begin + r]
        for r in range(count, x.shape[1]):
            x[i, r] = 0.0


@njit(cache=True, nogil=True)
def _scatter(x: Float, order: Int, begin: int, columns: Float) -> None:
    """Copy columns back into the given order."""
    count = min(columns.shape[1] - begin, x.shape[1])
    for i in range(len(order)):
        for r in range(count):
            columns[order[i], begin + r] = x[i, r]


@njit(cache=True, nogil=True, fastmath=_FAST)
def _factorise(
    start: Int,
    parent: Int,
    row_start: Int,
    relative: Int,
    panel_start: Int,
    update_stack: int,
    sign: Float,
    panel: Float,
    pivot: Float,
) -> int:
    """Multifrontal LDL' in place; returns the first column whose pivot is not of its sign, or -1."""
    n_super = len(parent)
    stack = np.empty(max(update_stack, 1))
    # Updates wait on the stack until their parent absorbs them: postorder makes that last in, first out.
    pending = np.empty(n_super, dtype=np.int64)
    offset = np.empty(n_super + 1, dtype=np.int64)
    n_pending, top = 0, 0
    widest, tallest = 1, 1
    for k in range(n_super):
        widest = max(widest, start[k + 1] - start[k])
        tallest = max(tallest, row_start[k + 1] - row_start[k])
    scaled = np.empty(widest)
    tall = widest + tallest
    across_store, right_store = np.empty(tall * max(widest, _WIDE_BLOCK)), np.empty(widest * _WIDE_BLOCK)
    product_store, narrow = np.empty(tall * tall), across_store[: widest * tall].reshape(widest, tall)
    for k in range(n_super):
        w = start[k + 1] - start[k]
        s = row_start[k + 1] - row_start[k]
        front = panel[panel_start[k] : panel_start[k + 1]].reshape(w + s, w)
        update = stack[top : top + s * s].reshape(s, s)
        for a in range(s):
            for b in range(a + 1):
                update[a, b] = 0.0
        base = top
        while n_pending > 0 and parent[pending[n_pending - 1]] == k:
            n_pending -= 1
            c = pending[n_pending]
            base = offset[n_pending]
            m = row_start[c + 1] - row_start[c]
            place = relative[row_start[c] : row_start[c + 1]]
            child = stack[base : base + m * m].reshape(m, m)
            inside = 0
            while inside < m and place[inside] < w:
                inside += 1
            for a in range(m):
                to = place[a]
                for b in range(min(a + 1, inside)):
                    front[to, place[b]] += child[a, b]
                if a >= inside:
                    for b in range(inside, a + 1):
                        update[to - w, place[b] - w] += child[a, b]
        step = _WIDE_BLOCK if w > _VERY_WIDE else _BLOCK
        for begin in range(0, w, step):
            end = min(begin + step, w)
            for j in range(begin, end):
                d = front[j, j]
                if not d * sign[start[k] + j] > 0.0 or np.isinf(d):
                    return int(start[k] + j)
                pivot[start[k] + j] = d
                front[j, j] = 1.0
                for b in range(j + 1, end):
                    scaled[b] = front[b, j]
                for i in range(j + 1, end):
                    front[i, j] /= d
                    t = front[i, j]
                    for b in range(j + 1, i + 1):
                        front[i, b] -= t * scaled[b]
                for i in range(end, w + s):
                    front[i, j] /= d
                    t = front[i, j]
                    for b in range(j + 1, end):
                        front[i, b] -= t * scaled[b]
            if end < w:
                rest, n_done = w - end, end - begin
                left = across_store[: (w + s - end) * n_done].reshape(w + s - end, n_done)
                right = right_store[: rest * n_done].reshape(rest, n_done)
                product = product_store[: (w + s - end) * rest].reshape(w + s - end, rest)
                for i in range(w + s - end):
                    for j in range(n_done):
                        left[i, j] = front[end + i, begin + j]
                for b in range(rest):
                    for j in range(n_done):
                        right[b, j] = left[b, j] * pivot[start[k] + begin + j]
                np.dot(left, right.T, product)
                for i in range(w + s - end):
                    for b in range(min(i + 1, rest)):
                        front[end + i, end + b] -= product[i, b]
        if w >= MATRIX_WIDTH and s >= MATRIX_HEIGHT:
            across = across_store[: s * w].reshape(s, w)
            product = product_store[: s * s].reshape(s, s)
            for a in range(s):
                for j in range(w):
                    across[a, j] = front[w + a, j] * pivot[start[k] + j]
            np.dot(across, front[w:].T, product)
            for a in range(s):
                for b in range(a + 1):
                    update[a, b] -= product[a, b]
        else:
            for a in range(s):
                for j in range(w):
                    narrow[j, a] = front[w + a, j]
            for a in range(s):
                for j in range(w):
                    t = front[w + a, j] * pivot[start[k] + j]
                    for b in range(a + 1):
                        update[a, b] -= t * narrow[j, b]
        if base < top:
            for a in range(s * s):
                stack[base + a] = stack[top + a]
        if s > 0:
            pending[n_pending] = k
            offset[n_pending] = base
            n_pending += 1
            top = base + s * s
        else:
            top = base
    return -1


@njit(cache=True, nogil=True, fastmath=_FAST)
def _forward(start: Int, row_start: Int, row: Int, panel_start: Int, panel: Float, x: Float) -> None:
    """Solve L x = b in place."""
    groups = x.shape[1] // _LANES
    y = x.reshape(len(x), groups, _LANES)
    for k in range(len(start) - 1):
        first = start[k]
        w = start[k + 1] - first
        at = panel_start[k]
        for i in range(1, w + row_start[k + 1] - row_start[k]):
            to = first + i if i < w else row[row_start[k] + i - w]
            for j in range(min(i, w)):
                t = panel[at + i * w + j]
                for g in range(groups):
                    for r in range(_LANES):
                        y[to, g, r] -= t * y[first + j, g, r]


@njit(cache=True, nogil=True, fastmath=_FAST)
def _backward(start: Int, row_start: Int, row: Int, panel_start: Int, panel: Float, x: Float) -> None:
    """Solve L' x = b in place."""
    groups = x.shape[1] // _LANES
    y = x.reshape(len(x), groups, _LANES)
    for k in range(len(start) - 2, -1, -1):
        first = start[k]
        w = start[k + 1] - first
        at = panel_start[k]
        for i in range(w + row_start[k + 1] - row_start[k] - 1, 0, -1):
            source = first + i if i < w else row[row_start[k] + i - w]
            for j in range(min(i, w)):
                t = panel[at + i * w + j]
                for g in range(groups):
                    for r in range(_LANES):
                        y[first + j, g, r] -= t * y[source, g, r]
