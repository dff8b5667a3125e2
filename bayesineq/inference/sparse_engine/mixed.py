"""
Rows whose mean is a weighted sum of means: of the groups that a record may stand for, of the areas of a practice.

The predictor of such a row is f = g(sum_m w_m h(eta_m)), with eta_m the predictor of a member and h the inverse of the
link g. It bends: at other effects it has other weights. Newton's method takes it as straight at the effects where it
stands (Gauss and Newton), f' = sum_m k_m eta_m' with k_m = w_m h'(eta_m) / h'(f), so that a row reads every effect of
its members, weighted; and asks the bent rows themselves whether a step was good.

Under N(m, S) the mean of a bent predictor is f(m) + tr(F S) / 2 with F its second derivative, and moving m moves its
variance k' S k too: the slope of the expected log likelihood is k E[l'] - E[-l''] F S k. Both are of the order of the
variance; without them effects that few people tell are a seventh of a standard deviation off.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, NamedTuple, Protocol

import numpy as np
from numba import njit
from numpy.typing import NDArray

from bayesineq.design.members import Members
from bayesineq.inference.sparse_engine.rows import Covariances, Links, Side, Sums, predictor, weights_of

Float = NDArray[np.float64]
Int = NDArray[np.int64]
Int32 = NDArray[np.int32]

LINK: Final = {"log": 0, "logit": 1, "identity": 2}


class Place(NamedTuple):
    """
    Rows where they stand.

    Parameters
    ----------
    eta, slope, curve : ndarray, shape (n_member,)
        Predictors of members, derivatives k of their rows', and c of F = diag(k c) - c_row k k'.
    row_curve : ndarray, shape (n_row,)
        c_row.
    """

    eta: Float
    slope: Float
    curve: Float
    row_curve: Float


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
    lift : ndarray, shape (n_row,)
        What bending adds to the mean of each predictor: tr(F S) / 2.
    tilt : ndarray, shape (n_member,)
        d of F S k = k d.
    place : Place, optional
        Where the rows stand.
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
    lift: Float
    tilt: Float
    place: Place | None = None

    def weighted(self, weight: Float) -> Mixed:
        """The same with other weights, shape (n_member,)."""
        return replace(self, weight=weight)


def mixed_rows(members: Members, link: str, small: Side, large: Side, n_row: int) -> tuple[Mixed, Side, Side]:
    """
    See members as the rows that they make up.

    `members`: Members, their rows, weights and shifts; the first draw of the weights is taken. Returns: the
    members, and rows against effects: a block has as many slots as a row reads effects of it at most.
    """
    row = members.row
    small_rows, small_slot = _folded(small, row, n_row)
    large_rows, large_slot = _folded(large, row, n_row)
    start = np.searchsorted(row, np.arange(n_row + 1)).astype(np.int64)
    flat = np.zeros(n_row), np.zeros(len(row))
    mixed = Mixed(LINK[link], start, row, members.weight[0], members.shift, small, large, small_slot, large_slot, *flat)
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
) -> tuple[Float, Mixed, tuple[Side, Side]]:
    """
    Predictors of rows at some effects, and rows against effects as straight lines through them.

    `sides` are rows against small and large effects; the predictors are f + `lift`, shape (n_row,). The place and the
    weights of the sides that come back are those at the effects.
    """
    eta = offset[mixed.row] + mixed.shift
    for side, effect in zip((mixed.small, mixed.large), effects, strict=True):
        predictor(eta, side, effect, 0, len(eta), eta)
    place = Place(eta, np.empty(len(eta)), np.empty(len(eta)), np.empty(len(offset)))
    mean = np.empty(len(offset))
    bend(mixed.link, mixed.start, mixed.weight, place, mean)
    small, large = (
        rows._replace(weight=_fold(mixed.row, side, slot, place.slope, np.zeros_like(rows.weight)))
        for side, rows, slot in zip(
            (mixed.small, mixed.large), sides, (mixed.small_slot, mixed.large_slot), strict=True
        )
    )
    return mean + mixed.lift, replace(mixed, place=place), (small, large)


def leaned(mixed: Mixed, sides: tuple[Side, Side], links: Links, covariances: Covariances) -> Mixed:
    """What bending adds under a posterior with these covariances of effects, at the place where the rows stand."""
    assert mixed.place is not None
    lift, tilt = np.empty_like(mixed.lift), np.empty_like(mixed.tilt)
    members = _Read(mixed.start, mixed.small, mixed.large, mixed.small_slot, mixed.large_slot)
    _lean(members, *sides, links, covariances, mixed.place, lift, tilt)
    return replace(mixed, lift=lift, tilt=tilt)


def add_tilt(mixed: Mixed, curvature: Float, sums: Sums) -> None:
    """Add -F S k times the curvature, shape (n_row,), to the pulls on effects."""
    pull = tilt_pull(mixed, curvature)
    for side, out in ((mixed.small, sums.small), (mixed.large, sums.large)):
        for index, at in zip(side.index, side.weighted, strict=True):
            out += np.bincount(index, pull if at < 0 else pull * side.weight[at], minlength=side.size)


class Bent(Protocol):
    """Rows that bend, and where they stand."""

    @property
    def row(self) -> Int32:
        """Row of each member."""
        ...

    @property
    def tilt(self) -> Float:
        """What bending adds to the pull, by member."""
        ...

    @property
    def place(self) -> Place | None:
        """Where the rows stand."""
        ...


def tilt_pull(mixed: Bent, curvature: Float) -> Float:
    """The same pull on the predictor of each member, shape (n_member,)."""
    assert mixed.place is not None
    return -curvature[mixed.row] * mixed.place.slope * mixed.tilt


@njit(cache=True, nogil=True, error_model="numpy")
def bend(link: int, start: Int, weight: Float, place: Place, mean: Float) -> None:
    """
    Predictor of each row, its derivative in those of its members, and how that changes.

    `link` is 0 for log, 1 for logit, 2 for identity; weights add up to one over the members of a row, which begin at
    `start`. Fills `mean`, shape (n_row,), and the place but for its `eta`.
    """
    eta, slope, curve, row_curve = place
    for r in range(len(start) - 1):
        begin, end = start[r], start[r + 1]
        total, rest, top = 0.0, 0.0, -np.inf
        if link == 0:
            for m in range(begin, end):
                top = max(top, eta[m])
            for m in range(begin, end):
                slope[m], curve[m] = weight[m] * np.exp(eta[m] - top), 1.0
                total += slope[m]
            for m in range(begin, end):
                slope[m] /= total
            mean[r], row_curve[r] = top + np.log(total), 1.0
        elif link == 1:
            for m in range(begin, end):
                tail = np.exp(-abs(eta[m]))
                near, far = 1.0 / (1.0 + tail), tail / (1.0 + tail)
                p, q = (near, far) if eta[m] > 0.0 else (far, near)
                total += weight[m] * p
                rest += weight[m] * q
                slope[m], curve[m] = weight[m] * p * q, q - p
            for m in range(begin, end):
                slope[m] /= total * rest
            mean[r], row_curve[r] = np.log(total) - np.log(rest), rest - total
        else:
            for m in range(begin, end):
                slope[m], curve[m] = weight[m], 0.0
                total += weight[m] * eta[m]
            mean[r], row_curve[r] = total, 0.0


@njit(cache=True, nogil=True)
def _fold(row: Int32, side: Side, slot: Int32, slope: Float, out: Float) -> Float:
    """Sum slopes times covariates of members by slot of their rows."""
    weight, weighted = side.weight, side.weighted
    for m in range(len(row)):
        for b in range(slot.shape[0]):
            w = slope[m] if weighted[b] < 0 else slope[m] * weight[weighted[b], m]
            out[slot[b, m], row[m]] += w
    return out


def climbed(before: Bent | None, after: Bent | None, curvature: Float) -> float:
    """What a step gains by that pull; 0 where no row bends."""
    if before is None or after is None:
        return 0.0
    assert before.place is not None
    assert after.place is not None
    return float(tilt_pull(before, curvature) @ (after.place.eta - before.place.eta))


class _Read(NamedTuple):
    """Which effects members read."""

    start: Int
    small: Side
    large: Side
    small_slot: Int32
    large_slot: Int32


@njit(cache=True, nogil=True)
def _lean(
    members: _Read,
    small: Side,
    large: Side,
    links: Links,
    covariances: Covariances,
    place: Place,
    lift: Float,
    tilt: Float,
) -> None:
    """Fill tr(F S) / 2 by row and F S k / k by member."""
    corner, cross, link = covariances
    n_small, n_large = small.index.shape[0], large.index.shape[0]
    row_small, row_large, numbers = small.index, large.index, links.index
    own_small, own_large = members.small.index, members.large.index
    small_slot, large_slot, start = members.small_slot, members.large_slot, members.start
    weight, with_row = np.empty(n_small + n_large), np.empty(n_small + n_large)
    own = np.empty(len(own_small) + len(own_large))
    small_weight, small_weighted = small.weight, small.weighted
    large_weight, large_weighted = large.weight, large.weighted
    own_weight, own_weighted = members.small.weight, members.small.weighted
    far_weight, far_weighted = members.large.weight, members.large.weighted
    for r in range(len(lift)):
        # Covariance of each effect that the row reads with the row's predictor.
        weights_of(small_weight, small_weighted, r, weight, 0)
        weights_of(large_weight, large_weighted, r, weight, n_small)
        variance = 0.0
        for a in range(n_small):
            i, total = row_small[a, r], 0.0
            for b in range(n_small):
                total += weight[b] * corner[i, row_small[b, r]]
            for b in range(n_large):
                total += weight[n_small + b] * cross[row_large[b, r], i]
            with_row[a] = total
            variance += weight[a] * total
        for a in range(n_large):
            j, total = row_large[a, r], 0.0
            for b in range(n_small):
                total += weight[b] * cross[j, row_small[b, r]]
            for b in range(n_large):
                total += weight[n_small + b] * link[numbers[_pair(n_large, a, b), r]]
            with_row[n_small + a] = total
            variance += weight[n_small + a] * total
        lift[r] = -0.5 * place.row_curve[r] * variance
        for m in range(start[r], start[r + 1]):
            weights_of(own_weight, own_weighted, m, own, 0)
            weights_of(far_weight, far_weighted, m, own, len(own_small))
            both, alone = 0.0, 0.0
            for a in range(len(own_small)):
                i, total = own_small[a, m], 0.0
                both += own[a] * with_row[small_slot[a, m]]
                for b in range(a):
                    total += 2.0 * own[b] * corner[i, own_small[b, m]]
                for b in range(len(own_large)):
                    total += 2.0 * own[len(own_small) + b] * cross[own_large[b, m], i]
                alone += own[a] * (total + own[a] * corner[i, i])
            for a in range(len(own_large)):
                u = own[len(own_small) + a]
                both += u * with_row[n_small + large_slot[a, m]]
                for b in range(len(own_large)):
                    pair = _pair(n_large, large_slot[a, m], large_slot[b, m])
                    alone += u * own[len(own_small) + b] * link[numbers[pair, r]]
            tilt[m] = place.curve[m] * both - place.row_curve[r] * variance
            lift[r] += 0.5 * place.slope[m] * place.curve[m] * alone


@njit(cache=True, nogil=True)
def _pair(n_slot: int, one: int, other: int) -> int:
    """Number of a pair of slots: by their first, then by the second."""
    a, b = min(one, other), max(one, other)
    return a * n_slot - a * (a - 1) // 2 + b - a
