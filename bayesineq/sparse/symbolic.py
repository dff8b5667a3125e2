"""
What depends on the pattern of a sparse symmetric matrix alone: order, elimination tree, supernodes.

Computed once per graph; every factorisation, solve and selected inverse of a matrix of that pattern reuses it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import qdldl
from numba import njit
from numpy.typing import NDArray
from scipy.sparse import csc_array, csc_matrix

Int = NDArray[np.int64]

_NARROW = 8
_ZEROS_ALLOWED = 0.1


@dataclass(frozen=True, slots=True)
class Symbolic:
    """
    Symbolic LDL' factorisation, with columns grouped into supernodes of (nearly) equal pattern.

    A supernode of `w` columns whose pattern below is `s` rows owns a dense front of `w + s` rows; its columns of L
    are stored as a panel of shape (w + s, w), row by row.

    Parameters
    ----------
    order : ndarray of int64, shape (n,)
        Old position of each new one: minimum degree order, then postorder of the elimination tree.
    inverse : ndarray of int64, shape (n,)
        New position of each old one.
    start : ndarray of int64, shape (n_super + 1,)
        First column of each supernode.
    parent : ndarray of int64, shape (n_super,)
        Supernode whose front holds this one's rows, -1 for a root.
    row_start : ndarray of int64, shape (n_super + 1,)
        Where the rows below each supernode begin in `row` and `relative`.
    row : ndarray of int64, shape (n_row,)
        Rows below each supernode, ascending.
    relative : ndarray of int64, shape (n_row,)
        Position of each of them in the parent's front.
    panel_start : ndarray of int64, shape (n_super + 1,)
        Where each panel begins.
    slot : ndarray of int64, shape (n_entry,)
        Place of each entry of the matrix in the panels.
    update_stack, front_stack : int
        Doubles needed to walk the tree up (updates) and down (fronts of the inverse).
    """

    order: Int
    inverse: Int
    start: Int
    parent: Int
    row_start: Int
    row: Int
    relative: Int
    panel_start: Int
    slot: Int
    update_stack: int
    front_stack: int

    def __len__(self) -> int:
        return len(self.order)


def analyse(n: int, row: NDArray[np.integer], column: NDArray[np.integer]) -> Symbolic:
    """
    Order a pattern and find its factor's.

    Parameters
    ----------
    n : int
        Size of the matrix.
    row, column : ndarray of int, shape (n_entry,)
        Entries of one triangle, each pair once in either orientation; the diagonal may be left out, and then gets
        no slot of its own.

    Returns
    -------
    Symbolic
        The analysis; `slot` follows the order of the entries given.
    """
    first, second = np.asarray(row, dtype=np.int64), np.asarray(column, dtype=np.int64)
    order = _ordering(n, _edges(n, first, second).tobytes())
    inverse = _inverted(order)
    pointer, index = _below(n, inverse[first], inverse[second])
    order = order[_postorder(_elimination_tree(n, pointer, index))]
    inverse = _inverted(order)
    pointer, index = _below(n, inverse[first], inverse[second])
    tree = _elimination_tree(n, pointer, index)
    l_pointer, l_index = _factor_pattern(n, tree, *_by_column(n, inverse[first], inverse[second]))
    start, parent, row_start, rows = _supernodes(n, tree, l_pointer, l_index, _NARROW, _ZEROS_ALLOWED)
    relative = _relative(start, parent, row_start, rows)
    width, below = np.diff(start), np.diff(row_start)
    panel_start = np.concatenate([[0], np.cumsum(width * (width + below))])
    slot = _slots(inverse[first], inverse[second], start, row_start, rows, panel_start)
    return Symbolic(
        order=order,
        inverse=inverse,
        start=start,
        parent=parent,
        row_start=row_start,
        row=rows,
        relative=relative,
        panel_start=panel_start,
        slot=slot,
        update_stack=int(_update_stack(parent, below)),
        front_stack=int(_front_stack(parent, width + below)),
    )


def _inverted(order: Int) -> Int:
    inverse = np.empty_like(order)
    inverse[order] = np.arange(len(order))
    return inverse


def _edges(n: int, row: Int, column: Int) -> Int:
    """Each pair off the diagonal as one number, sorted: the pattern whatever the order of its entries."""
    off = row != column
    return np.sort(np.minimum(row, column)[off] * n + np.maximum(row, column)[off])


# The scale of a graph, its prior of phi and its field have one pattern: the search for an order is most of the work.
@lru_cache(maxsize=2)
def _ordering(n: int, edges: bytes) -> Int:
    """Fill-reducing order by minimum degree."""
    if n == 0:
        return np.empty(0, dtype=np.int64)
    i, j = np.divmod(np.frombuffer(edges, dtype=np.int64), n)
    diagonal = np.arange(n)
    # Diagonal dominance makes any values factorise: only the order is wanted here.
    degree = np.bincount(np.concatenate([i, j]), minlength=n) + 1.0
    value = np.concatenate([-np.ones(len(i)), degree])
    upper = csc_array((value, (np.concatenate([i, diagonal]), np.concatenate([j, diagonal]))), shape=(n, n))
    upper.sort_indices()
    _, _, order = qdldl.Solver(csc_matrix(upper), upper=True).factors()
    found = np.asarray(order, dtype=np.int64)
    found.flags.writeable = False
    return found


def _below(n: int, row: Int, column: Int) -> tuple[Int, Int]:
    """Neighbours of lower number, by node."""
    off = row != column
    low, high = np.minimum(row, column)[off], np.maximum(row, column)[off]
    return _grouped(n, high, low)


def _by_column(n: int, row: Int, column: Int) -> tuple[Int, Int]:
    """Neighbours of higher number, by node."""
    off = row != column
    low, high = np.minimum(row, column)[off], np.maximum(row, column)[off]
    return _grouped(n, low, high)


def _grouped(n: int, key: Int, value: Int) -> tuple[Int, Int]:
    sort = np.argsort(key, kind="stable")
    pointer = np.concatenate([[0], np.cumsum(np.bincount(key, minlength=n))]).astype(np.int64)
    return pointer, value[sort]


@njit(cache=True, nogil=True)
def _elimination_tree(n: int, pointer: Int, index: Int) -> Int:
    parent = np.full(n, -1, dtype=np.int64)
    ancestor = np.full(n, -1, dtype=np.int64)
    for k in range(n):
        for p in range(pointer[k], pointer[k + 1]):
            i = index[p]
            while i != -1 and i < k:
                up = ancestor[i]
                ancestor[i] = k
                if up == -1:
                    parent[i] = k
                i = up
    return parent


@njit(cache=True, nogil=True)
def _postorder(parent: Int) -> Int:
    n = len(parent)
    first = np.full(n, -1, dtype=np.int64)
    following = np.full(n, -1, dtype=np.int64)
    for j in range(n - 1, -1, -1):
        if parent[j] >= 0:
            following[j] = first[parent[j]]
            first[parent[j]] = j
    order = np.empty(n, dtype=np.int64)
    stack = np.empty(n, dtype=np.int64)
    done = 0
    for root in range(n):
        if parent[root] >= 0:
            continue
        top = 0
        stack[0] = root
        while top >= 0:
            node = stack[top]
            child = first[node]
            if child >= 0:
                first[node] = following[child]
                top += 1
                stack[top] = child
            else:
                order[done] = node
                done += 1
                top -= 1
    return order


@njit(cache=True, nogil=True)
def _factor_pattern(n: int, parent: Int, pointer: Int, index: Int) -> tuple[Int, Int]:
    """Rows below the diagonal of each column of L: the matrix's own and what its children pass on."""
    count = np.zeros(n, dtype=np.int64)
    head = np.full(n, -1, dtype=np.int64)
    following = np.full(n, -1, dtype=np.int64)
    mark = np.full(n, -1, dtype=np.int64)
    l_pointer = np.zeros(n + 1, dtype=np.int64)
    l_index = np.empty(max(4 * len(index), 16), dtype=np.int64)
    for j in range(n):
        begin = l_pointer[j]
        end = begin
        need = pointer[j + 1] - pointer[j]
        child = head[j]
        while child >= 0:
            need += count[child]
            child = following[child]
        if begin + need > len(l_index):
            grown = np.empty(2 * len(l_index) + need, dtype=np.int64)
            grown[:begin] = l_index[:begin]
            l_index = grown
        mark[j] = j
        for p in range(pointer[j], pointer[j + 1]):
            i = index[p]
            if mark[i] != j:
                mark[i] = j
                l_index[end] = i
                end += 1
        child = head[j]
        while child >= 0:
            for p in range(l_pointer[child], l_pointer[child] + count[child]):
                i = l_index[p]
                if mark[i] != j:
                    mark[i] = j
                    l_index[end] = i
                    end += 1
            child = following[child]
        l_index[begin:end].sort()
        count[j] = end - begin
        l_pointer[j + 1] = end
        if parent[j] >= 0:
            following[j] = head[parent[j]]
            head[parent[j]] = j
    return l_pointer, l_index[: l_pointer[n]].copy()


@njit(cache=True, nogil=True)
def _supernodes(
    n: int, tree: Int, l_pointer: Int, l_index: Int, narrow: int, zeros_allowed: float
) -> tuple[Int, Int, Int, Int]:
    """Group neighbouring columns while the explicit zeros so stored stay few."""
    head = np.empty(n, dtype=np.int64)
    zeros = np.zeros(n, dtype=np.float64)
    for j in range(n):
        head[j] = j
        below = l_pointer[j + 1] - l_pointer[j]
        if j > 0 and tree[j - 1] == j:
            # Columns head..j-1 are one supernode so far; all of its rows from j on lie inside column j's pattern.
            first = head[j - 1]
            width = j - first
            own = l_pointer[j] - l_pointer[j - 1]
            added = zeros[first] + width * (1.0 + below - own)
            entries = (width + 1.0) * (width + 2.0) / 2.0 + (width + 1.0) * below
            limit = zeros_allowed if width >= narrow else 2.0 * zeros_allowed
            if added <= limit * entries:
                head[j] = first
                zeros[first] = added
    n_super = 0
    start = np.empty(n + 1, dtype=np.int64)
    super_of = np.empty(n, dtype=np.int64)
    for j in range(n):
        if head[j] == j:
            start[n_super] = j
            n_super += 1
        super_of[j] = n_super - 1
    start[n_super] = n
    row_start = np.zeros(n_super + 1, dtype=np.int64)
    for k in range(n_super):
        last = start[k + 1] - 1
        row_start[k + 1] = row_start[k] + l_pointer[last + 1] - l_pointer[last]
    rows = np.empty(row_start[n_super], dtype=np.int64)
    parent = np.full(n_super, -1, dtype=np.int64)
    for k in range(n_super):
        last = start[k + 1] - 1
        rows[row_start[k] : row_start[k + 1]] = l_index[l_pointer[last] : l_pointer[last + 1]]
        if row_start[k + 1] > row_start[k]:
            parent[k] = super_of[rows[row_start[k]]]
    return start[: n_super + 1].copy(), parent, row_start, rows


@njit(cache=True, nogil=True)
def _relative(start: Int, parent: Int, row_start: Int, row: Int) -> Int:
    relative = np.empty(len(row), dtype=np.int64)
    for k in range(len(parent)):
        up = parent[k]
        if up < 0:
            continue
        width = start[up + 1] - start[up]
        q = row_start[up]
        for p in range(row_start[k], row_start[k + 1]):
            i = row[p]
            if i < start[up + 1]:
                relative[p] = i - start[up]
            else:
                while row[q] != i:
                    q += 1
                relative[p] = width + q - row_start[up]
    return relative


@njit(cache=True, nogil=True)
def _slots(first: Int, second: Int, start: Int, row_start: Int, row: Int, panel_start: Int) -> Int:
    n_super = len(start) - 1
    super_of = np.empty(start[n_super], dtype=np.int64)
    for k in range(n_super):
        super_of[start[k] : start[k + 1]] = k
    slot = np.empty(len(first), dtype=np.int64)
    for e in range(len(first)):
        i, j = max(first[e], second[e]), min(first[e], second[e])
        k = super_of[j]
        width = start[k + 1] - start[k]
        if i < start[k + 1]:
            local = i - start[k]
        else:
            below = row[row_start[k] : row_start[k + 1]]
            local = width + np.searchsorted(below, i)
        slot[e] = panel_start[k] + local * width + j - start[k]
    return slot


@njit(cache=True, nogil=True)
def _update_stack(parent: Int, below: Int) -> int:
    held = np.zeros(len(parent), dtype=np.int64)
    now, most = 0, 0
    for k in range(len(parent)):
        # Its own update is pushed before its children's are popped.
        now += below[k] * below[k]
        most = max(most, now)
        now -= held[k]
        if parent[k] >= 0:
            held[parent[k]] += below[k] * below[k]
        else:
            now -= below[k] * below[k]
    return most


@njit(cache=True, nogil=True)
def _front_stack(parent: Int, size: Int) -> int:
    depth = np.zeros(len(parent), dtype=np.int64)
    most = 0
    for k in range(len(parent) - 1, -1, -1):
        depth[k] = size[k] * size[k] + (depth[parent[k]] if parent[k] >= 0 else 0)
        most = max(most, depth[k])
    return most
