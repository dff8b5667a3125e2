"""
Rows of the table against effects: one linear pass over the cells for each product with the design matrix.

The design matrix is never formed. A row adds one effect of each block, times a covariate. Blocks are small (all of
them meet all areas: intercept, covariates, age and sex, deciles) or large (areas and what is nested in them). The
products A'g and A'WA are kept as sums by effect, by pair of small effects, by small and large effect, and by pair of
large effects that share a row (a link); the variance of the linear predictor is read from covariances of that layout.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from numba import njit
from numpy.typing import NDArray

from bayesineq.design.incidence import Incidence
from bayesineq.inference.sparse_engine.likelihoods import Pulls

Float = NDArray[np.float64]
Int32 = NDArray[np.int32]


class Side(NamedTuple):
    """
    Blocks of one size class.

    Parameters
    ----------
    index : ndarray of int32, shape (n_block, n_row)
        Effect of each row in each block, numbered through the blocks.
    weight : ndarray of float64, shape (n_weighted, n_row)
        Covariates.
    weighted : ndarray of int64, shape (n_block,)
        Row of `weight` of each block, -1 for a weight of one.
    size : int
        Number of effects of all blocks.
    block : ndarray of int64, shape (n_block,)
        Block that each of these slots is of: a block has several where rows read several of its effects.
    """

    index: Int32  # type: ignore[assignment]
    weight: Float
    weighted: NDArray[np.int64]
    size: int
    block: NDArray[np.int64]


class Links(NamedTuple):
    """
    Pairs of large effects that share a row.

    Parameters
    ----------
    first, second : ndarray of int64, shape (n_pair,)
        Slots of the large blocks, first at most second.
    index : ndarray of int32, shape (n_pair, n_row)
        Link of each row in each pair, numbered through the pairs.
    start : ndarray of int64, shape (n_pair + 1,)
        Where the links of each pair begin.
    left, right : ndarray of int64, shape (n_link,)
        The two large effects of each link.
    """

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    index: Int32  # type: ignore[assignment]
    start: NDArray[np.int64]
    left: NDArray[np.int64]
    right: NDArray[np.int64]


class Sums(NamedTuple):
    """
    A'g and A'WA of one pass.

    Parameters
    ----------
    small, large : ndarray
        A'g by effect.
    corner : ndarray, shape (n_small, n_small)
        A'WA of small effects, lower triangle by block.
    cross : ndarray, shape (n_large, n_small)
        A'WA of large with small effects.
    link : ndarray, shape (n_link,)
        A'WA of large effects.
    """

    small: Float
    large: Float
    corner: Float
    cross: Float
    link: Float


class Covariances(NamedTuple):
    """
    Covariances of effects that meet in a row.

    Parameters
    ----------
    corner : ndarray, shape (n_small, n_small)
        Of small effects.
    cross : ndarray, shape (n_large, n_small)
        Of large with small effects.
    link : ndarray, shape (n_link,)
        Of linked large effects.
    """

    corner: Float
    cross: Float
    link: Float


def side(blocks: list[Incidence], n_row: int) -> Side:
    """Stack blocks."""
    slots = [_slots(block, n_row) for block in blocks]
    own = np.repeat(np.arange(len(blocks)), [len(index) for index, _ in slots])
    begin = np.concatenate([[0], np.cumsum([block.size for block in blocks])]).astype(np.int32)
    index = np.concatenate([np.zeros((0, n_row), dtype=np.int32), *(index for index, _ in slots)])
    index += begin[own][:, None]
    weights = [weight for _, several in slots for weight in several]
    is_weighted = np.array([weight is not None for weight in weights], dtype=bool)
    weighted = np.where(is_weighted, np.cumsum(is_weighted) - 1, -1)
    kept = [weight for weight in weights if weight is not None]
    return Side(index, np.array(kept).reshape(len(kept), n_row), weighted, int(begin[-1]), own)


def _slots(block: Incidence, n_row: int) -> tuple[Int32, list[Float | None]]:
    """Effects that each row reads of a block, and their weights: as many slots as a row reads effects at most."""
    if block.shares is None:
        one = np.zeros(n_row, dtype=np.int32) if block.index is None else block.index
        return one[None], [block.weight]
    matrix = block.matrix()
    matrix.sum_duplicates()
    count = np.diff(matrix.indptr)
    row = np.repeat(np.arange(n_row), count)
    rank = np.arange(matrix.nnz) - matrix.indptr[:-1][row]
    n_slot = max(int(count.max(initial=0)), 1)
    # Effects rise from slot to slot, so that a pair of effects meets in one order only: a slot that a row does not
    # use reads its last effect, with a weight of zero.
    last = np.zeros(n_row, dtype=np.int32)
    last[count > 0] = matrix.indices[matrix.indptr[1:][count > 0] - 1]
    index, weight = np.broadcast_to(last, (n_slot, n_row)).copy(), np.zeros((n_slot, n_row))
    index[rank, row], weight[rank, row] = matrix.indices, matrix.data
    return index, list(weight)


def links(large: Side) -> Links:
    """
    Find the pairs of large effects that share a row.

    Returns: A block with itself first links each effect with itself; blocks of the same levels link level by level.
    """
    n_block, n_row = large.index.shape
    pairs = [(a, b) for a in range(n_block) for b in range(a, n_block)]
    index = np.empty((len(pairs), n_row), dtype=np.int32)
    start, left, right = [0], [], []
    for p, (a, b) in enumerate(pairs):
        key = large.index[a].astype(np.int64) * large.size + large.index[b]
        code, unique = pd.factorize(key)
        index[p] = code + start[-1]
        left.append(unique // large.size)
        right.append(unique % large.size)
        start.append(start[-1] + len(unique))
    empty = np.empty(0, dtype=np.int64)
    return Links(
        first=np.array([a for a, _ in pairs], dtype=np.int64),
        second=np.array([b for _, b in pairs], dtype=np.int64),
        index=index,
        start=np.array(start, dtype=np.int64),
        left=np.concatenate([empty, *left]),
        right=np.concatenate([empty, *right]),
    )


@njit(cache=True, nogil=True)
def predictor(offset: Float, side: Side, effect: Float, begin: int, end: int, out: Float) -> None:
    """
    Linear predictor of one side: out = offset + sum over blocks of weight * effect[index].

    Shapes: offset (n_row,); effect (n_effect,); out (n_row,).
    """
    index, weight, weighted = side.index, side.weight, side.weighted
    for r in range(begin, end):
        total = offset[r]
        for b in range(index.shape[0]):
            w = 1.0 if weighted[b] < 0 else weight[weighted[b], r]
            total += w * effect[index[b, r]]
        out[r] = total


@njit(cache=True, nogil=True)
def weights_of(weight: Float, weighted: NDArray[np.int64], row: int, out: Float, begin: int) -> None:
    """Write from `begin` what each effect of one side that a row reads is multiplied by; `out` has shape (n_slot,)."""
    for b in range(len(weighted)):
        out[begin + b] = 1.0 if weighted[b] < 0 else weight[weighted[b], row]


@njit(cache=True, nogil=True)
def predictor_variance(
    small: Side, large: Side, links: Links, covariances: Covariances, begin: int, end: int, out: Float
) -> None:
    """Variance of each row's linear predictor from covariances of effects. Shapes: out (n_row,)."""
    corner, cross, link = covariances.corner, covariances.cross, covariances.link
    in_small, in_large, number, first, second = small.index, large.index, links.index, links.first, links.second
    n_small, n_large = in_small.shape[0], in_large.shape[0]
    weight = np.empty(n_small + n_large)
    # Parts of a tuple that are taken out once cost nothing in the loop.
    small_weight, small_weighted = small.weight, small.weighted
    large_weight, large_weighted = large.weight, large.weighted
    for r in range(begin, end):
        weights_of(small_weight, small_weighted, r, weight, 0)
        weights_of(large_weight, large_weighted, r, weight, n_small)
        total = 0.0
        for a in range(n_small):
            i, w, part = in_small[a, r], weight[a], 0.0
            for b in range(a):
                part += weight[b] * corner[i, in_small[b, r]]
            for b in range(n_large):
                part += weight[n_small + b] * cross[in_large[b, r], i]
            total += w * (2.0 * part + w * corner[i, i])
        for p in range(len(first)):
            a, b = first[p], second[p]
            both = weight[n_small + a] * weight[n_small + b]
            total += (1.0 if a == b else 2.0) * both * link[number[p, r]]
        out[r] = total


@njit(cache=True, nogil=True)
def accumulate(small: Side, large: Side, links: Links, pulls: Pulls, begin: int, end: int, out: Sums) -> None:
    """Add A'g and A'WA of some rows."""
    slope, curvature = pulls
    in_small, in_large, number, first, second = small.index, large.index, links.index, links.first, links.second
    of_small, of_large, corner, cross, link = out
    n_small, n_large = in_small.shape[0], in_large.shape[0]
    weight = np.empty(n_small + n_large)
    # Parts of a tuple that are taken out once cost nothing in the loop.
    small_weight, small_weighted = small.weight, small.weighted
    large_weight, large_weighted = large.weight, large.weighted
    for r in range(begin, end):
        weights_of(small_weight, small_weighted, r, weight, 0)
        weights_of(large_weight, large_weighted, r, weight, n_small)
        g, d = slope[r], curvature[r]
        for a in range(n_small):
            i, w = in_small[a, r], weight[a]
            of_small[i] += w * g
            for b in range(a + 1):
                corner[i, in_small[b, r]] += w * weight[b] * d
        for b in range(n_large):
            j, u = in_large[b, r], weight[n_small + b]
            of_large[j] += u * g
            for a in range(n_small):
                cross[j, in_small[a, r]] += weight[a] * u * d
        for p in range(len(first)):
            link[number[p, r]] += weight[n_small + first[p]] * weight[n_small + second[p]] * d
