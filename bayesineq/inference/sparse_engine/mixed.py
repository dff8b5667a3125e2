"""
Rows whose mean is a weighted sum of means: of the groups that a record may stand for, of the areas of a practice.

The predictor of such a row is f = g(sum_m w_m h(eta_m)), with eta_m the predictor of a member and h the inverse of the
link g. It bends: at other effects it has other weights. Newton's method takes it as straight at the effects where it
stands (Gauss and Newton), f' = sum_m k_m eta_m' with k_m = w_m h'(eta_m) / h'(f), so that a row reads every effect of
its members, weighted; and asks the bent rows themselves whether a step was good.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from bayesineq.design.members import Members
from bayesineq.inference.sparse_engine.rows import Side, predictor

Float = NDArray[np.float64]
Int = NDArray[np.int64]
Int32 = NDArray[np.int32]

_LINK: Final = {"log": 0, "logit": 1, "identity": 2}


@dataclass(frozen=True, slots=True)
class Mixed:
    """
    Members of rows, as arrays.

    Parameters
    ----------
    link : int
        Link of the mean.
    start : ndarray of int64, shape (n_row + 1,)
        Where the members of each row begin.
    row : ndarray of int32, shape (n_member,)
        Row of each.
    weight, shift : ndarray, shape (n_member,)
        Weight of its mean, and what is added to its predictor.
    small, large : Side
        Members against effects, one effect a block.
    small_slot, large_slot : ndarray of int32, shape (n_block, n_member)
        Which of the slots of its row each effect falls in.
    """

    link: int
    start: Int
    row: Int32
    weight: Float
    shift: Float
    small: Side
    large: Side
    small_slot: Int32
    large_slot: Int32

    def weighted(self, weight: Float) -> Mixed:
        """The same with other weights, shape (n_member,)."""
        return replace(self, weight=weight)


def mixed_rows(members: Members, link: str, small: Side, large: Side, n_row: int) -> tuple[Mixed, Side, Side]:
    """
    See members as the rows that they make up.

    Parameters
    ----------
    members : Members
        Members, their rows, weights and shifts; the first draw of the weights is taken.
    link : str
        Link of the mean.
    small, large : Side
        Members against effects.
    n_row : int
        Number of rows.

    Returns
    -------
    (Mixed, Side, Side)
        The members, and rows against effects: a block has as many slots as a row reads effects of it at most.
    """
    row = members.row
    small_rows, small_slot = _folded(small, row, n_row)
    large_rows, large_slot = _folded(large, row, n_row)
    start = np.searchsorted(row, np.arange(n_row + 1)).astype(np.int64)
    mixed = Mixed(_LINK[link], start, row, members.weight[0], members.shift, small, large, small_slot, large_slot)
    return mixed, small_rows, large_rows


def _folded(side: Side, row: Int32, n_row: int) -> tuple[Side, Int32]:
    """Rows against effects, without their weights, and the slot of each member's effect."""
    first = np.searchsorted(row, np.arange(n_row))
    slots = np.zeros(side.index.shape, dtype=np.int32)
    index: list[Int32] = []
    blocks: list[int] = []
    for b, effect in enumerate(side.index):
        order = np.lexsort((effect, row))
        fresh = np.ones(len(row), dtype=np.int64)
        fresh[1:] = (np.diff(row[order]) != 0) | (np.diff(effect[order]) != 0)
        count = np.cumsum(fresh)
        rank = np.empty(len(row), dtype=np.int32)
        rank[order] = count - count[first][row[order]]
        n_slot = int(rank.max(initial=0)) + 1
        # A slot that a row does not use reads the first effect of its block with a weight of zero.
        own = np.broadcast_to(effect[order][first], (n_slot, n_row)).copy()
        own[rank, row] = effect
        slots[b] = rank + len(blocks)
        index.append(own)
        blocks += [b] * n_slot
    n_all = len(blocks)
    stacked = np.concatenate(index).astype(np.int32) if index else np.zeros((0, n_row), dtype=np.int32)
    rows = Side(stacked, np.zeros((n_all, n_row)), np.arange(n_all), side.size, np.array(blocks, dtype=np.int64))
    return rows, slots


def straightened(
    mixed: Mixed, sides: tuple[Side, Side], offset: Float, effects: tuple[Float, Float]
) -> tuple[Float, Side, Side]:
    """
    Predictors of rows at some effects, and rows against effects as straight lines through them.

    Parameters
    ----------
    mixed : Mixed
        Members of the rows.
    sides : (Side, Side)
        Rows against small and large effects.
    offset : ndarray, shape (n_row,)
        What is added to the predictor of every member of a row.
    effects : (ndarray, ndarray)
        Small and large effects.

    Returns
    -------
    (ndarray of shape (n_row,), Side, Side)
        f, and the sides with the weights there.
    """
    eta = offset[mixed.row] + mixed.shift
    for side, effect in zip((mixed.small, mixed.large), effects, strict=True):
        predictor(eta, side, effect, 0, len(eta), eta)
    mean, slope = np.empty(len(offset)), np.empty(len(eta))
    bend(mixed.link, mixed.start, mixed.weight, eta, mean, slope)
    out = []
    for side, rows, slot in zip((mixed.small, mixed.large), sides, (mixed.small_slot, mixed.large_slot), strict=True):
        weight = np.zeros_like(rows.weight)
        _fold(mixed.row, side.weight, side.weighted, slot, slope, weight)
        out.append(rows._replace(weight=weight))
    return mean, out[0], out[1]


@njit(cache=True, nogil=True)
def bend(link: int, start: Int, weight: Float, eta: Float, mean: Float, slope: Float) -> None:
    """
    Predictor of each row, and its derivative in those of its members.

    Parameters
    ----------
    link : int
        0 log, 1 logit, 2 identity.
    start : ndarray of int64, shape (n_row + 1,)
        Where the members of each row begin.
    weight, eta : ndarray, shape (n_member,)
        Weights, which add up to one over a row, and predictors of members.
    mean : ndarray, shape (n_row,)
        Filled.
    slope : ndarray, shape (n_member,)
        Filled.
    """
    for r in range(len(start) - 1):
        begin, end = start[r], start[r + 1]
        total, rest, top = 0.0, 0.0, -np.inf
        if link == 0:
            for m in range(begin, end):
                top = max(top, eta[m])
            for m in range(begin, end):
                slope[m] = weight[m] * np.exp(eta[m] - top)
                total += slope[m]
            for m in range(begin, end):
                slope[m] /= total
            mean[r] = top + np.log(total)
        elif link == 1:
            for m in range(begin, end):
                tail = np.exp(-abs(eta[m]))
                near, far = 1.0 / (1.0 + tail), tail / (1.0 + tail)
                total += weight[m] * (near if eta[m] > 0.0 else far)
                rest += weight[m] * (far if eta[m] > 0.0 else near)
                slope[m] = weight[m] * near * far
            for m in range(begin, end):
                slope[m] /= total * rest
            mean[r] = np.log(total) - np.log(rest)
        else:
            for m in range(begin, end):
                slope[m] = weight[m]
                total += weight[m] * eta[m]
            mean[r] = total


@njit(cache=True, nogil=True)
def _fold(row: Int32, weight: Float, weighted: Int, slot: Int32, slope: Float, out: Float) -> None:
    """Sum slopes times covariates of members by slot of their rows."""
    for m in range(len(row)):
        for b in range(slot.shape[0]):
            w = slope[m] if weighted[b] < 0 else slope[m] * weight[weighted[b], m]
            out[slot[b, m], row[m]] += w
