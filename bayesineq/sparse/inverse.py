"""Entries of the inverse on the pattern of the matrix: marginal variances without the inverse."""

from __future__ import annotations

from typing import Final

import numpy as np
from numba import njit

from bayesineq.sparse.numeric import _FAST, MATRIX_HEIGHT, MATRIX_WIDTH, Factor, Float
from bayesineq.sparse.symbolic import Int

_BROAD: Final = 128
"""Columns of a supernode from which on its own triangle is inverted by matrix products, in blocks of"""
_ROWS: Final = 64
"""rows."""


def selected_inverse(factor: Factor) -> Float:
    """
    Entries of A^-1 where A has entries.

    The elimination tree is walked from the roots, depth first. A supernode with columns J and rows S below has the
    dense front Z over J and S; S lies inside the parent's front, so Z_SS is copied from there by relative index, and
    with L_SJ = W L_JJ, Z_SJ = -Z_SS W and Z_JJ = (L_JJ D_J L_JJ')^-1 - W' Z_SJ.

    Parameters
    ----------
    factor : Factor
        Factorisation of A.

    Returns
    -------
    ndarray, shape (n_entry,)
        Inverse at each entry given to `analyse`, in the same order.

    References
    ----------
    Erisman and Tinney 1975, https://doi.org/10.1145/360680.360704; Rue and Martino 2007,
    https://doi.org/10.1016/j.jspi.2006.07.016
    """
    s = factor.symbolic
    inverse = np.empty(s.panel_start[-1])
    _selected(
        s.start,
        s.parent,
        s.row_start,
        s.relative,
        s.panel_start,
        s.front_stack,
        factor.panel,
        factor.pivot,
        inverse,
    )
    return inverse[s.slot]


@njit(cache=True, nogil=True, fastmath=_FAST)
def _selected(
    start: Int,
    parent: Int,
    row_start: Int,
    relative: Int,
    panel_start: Int,
    front_stack: int,
    panel: Float,
    pivot: Float,
    inverse: Float,
) -> None:
    n_super = len(parent)
    stack = np.empty(max(front_stack, 1))
    offset = np.zeros(n_super, dtype=np.int64)
    widest, tallest = 1, 1
    for k in range(n_super):
        widest = max(widest, start[k + 1] - start[k])
        tallest = max(tallest, row_start[k + 1] - row_start[k])
    ratio_store = np.empty((tallest + widest) * widest)
    corner_store, square_store = np.empty(widest * widest), np.empty(widest * widest)
    any_ratio, any_corner = ratio_store.reshape(tallest + widest, widest), corner_store.reshape(widest, widest)
    for k in range(n_super - 1, -1, -1):
        w = start[k + 1] - start[k]
        s = row_start[k + 1] - row_start[k]
        f = w + s
        front = panel[panel_start[k] : panel_start[k + 1]].reshape(f, w)
        out = inverse[panel_start[k] : panel_start[k + 1]].reshape(f, w)
        up = parent[k]
        if up >= 0:
            g = start[up + 1] - start[up] + row_start[up + 1] - row_start[up]
            offset[k] = offset[up] + g * g
            above = stack[offset[up] : offset[k]].reshape(g, g)
        else:
            g = 0
            offset[k] = 0
            above = stack[0:0].reshape(0, 0)
        here = stack[offset[k] : offset[k] + f * f].reshape(f, f)
        place = relative[row_start[k] : row_start[k + 1]]
        for a in range(s):
            to = place[a]
            for b in range(s):
                here[w + a, w + b] = above[to, place[b]]
        wide = w >= MATRIX_WIDTH and s >= MATRIX_HEIGHT
        corner, ratio, square = any_corner, any_ratio, any_corner
        broad = w > _BROAD
        if wide or broad:
            corner = corner_store[: w * w].reshape(w, w)
            square = square_store[: w * w].reshape(w, w)
            ratio = ratio_store[: f * w].reshape(f, w)
        _invert_unit(front, w, corner)
        if wide:
            # Rows of J are zero, so that whole rows of the front can be multiplied.
            ratio[:w] = 0.0
            here[w:, :w] = 0.0
            np.dot(front[w:], corner, ratio[w:])
            np.dot(here[w:], ratio, out[w:])
            for a in range(w, f):
                for j in range(w):
                    out[a, j] = -out[a, j]
            np.dot(ratio[w:].T, out[w:], square)
        else:
            for a in range(w, f):
                for j in range(w):
                    t = front[a, j]
                    for c in range(j + 1, w):
                        t += front[a, c] * corner[c, j]
                    ratio[a, j] = t
            for a in range(w, f):
                for j in range(w):
                    out[a, j] = 0.0
                for b in range(w, f):
                    t = here[a, b]
                    for j in range(w):
                        out[a, j] -= t * ratio[b, j]
        if broad:
            own = np.empty((w, w))
            for c in range(w):
                for j in range(w):
                    own[c, j] = corner[c, j] / pivot[start[k] + c]
            own = np.dot(corner.T, own)
            if wide:
                own -= square
            else:
                own -= np.dot(np.ascontiguousarray(ratio[w:f, :w]).T, np.ascontiguousarray(out[w:]))
            out[:w] = own
            here[:w, :w] = own
        for i in range(w if not broad else 0):
            for j in range(i + 1):
                t = 0.0
                for c in range(i, w):
                    t += corner[c, i] * corner[c, j] / pivot[start[k] + c]
                if wide:
                    t -= square[i, j]
                else:
                    for a in range(w, f):
                        t -= ratio[a, i] * out[a, j]
                out[i, j] = t
                here[i, j] = t
                here[j, i] = t
        for a in range(w, f):
            for j in range(w):
                here[a, j] = out[a, j]
                here[j, a] = out[a, j]


@njit(cache=True, nogil=True, fastmath=_FAST)
def _invert_unit(front: Float, w: int, corner: Float) -> None:
    """Inverse of the unit lower triangle of the first rows of a front, a block of rows after the other."""
    step = w if w <= _BROAD else _ROWS
    for begin in range(0, w, step):
        end = min(begin + step, w)
        for j in range(begin, end):
            for i in range(begin, end):
                corner[i, j] = 1.0 if i == j else 0.0
            for i in range(j + 1, end):
                t = 0.0
                for c in range(j, i):
                    t -= front[i, c] * corner[c, j]
                corner[i, j] = t
        if begin > 0:
            before = np.dot(
                np.ascontiguousarray(front[begin:end, :begin]), np.ascontiguousarray(corner[:begin, :begin])
            )
            own = np.dot(np.ascontiguousarray(corner[begin:end, begin:end]), before)
            for i in range(begin, end):
                for j in range(begin):
                    corner[i, j] = -own[i - begin, j]
        for i in range(begin, end):
            for j in range(end, w):
                corner[i, j] = 0.0
