"""Compiled loops over draws and rows; they release the interpreter's lock, so blocks of draws run in threads."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

LINK: Final = {"identity": 0, "log": 1, "logit": 2}
_CHUNK: Final = 512


@njit(nogil=True, cache=True)
def sum_by_group(
    base: NDArray[np.float64],
    effect: NDArray[np.float64],
    index: NDArray[np.int32],
    slope_index: NDArray[np.int32],
    slope_weight: NDArray[np.float64],
    weight: NDArray[np.float64],
    group: NDArray[np.int32],
    link: int,
    total: NDArray[np.float64],
) -> None:
    """
    Add weight times mean outcome of every row to its group, for every draw of a block.

    Parameters
    ----------
    base : ndarray, shape (n_draw,)
        What every row shares on the linear predictor.
    effect : ndarray, shape (n_draw, n_effect)
        Effects of all terms side by side.
    index : ndarray of int32, shape (n_plain, n_row)
        Columns of `effect` that a row adds as they are.
    slope_index, slope_weight : ndarray, shape (n_slope, n_row)
        Columns of `effect` that a row adds after multiplication, and what they are multiplied with.
    weight : ndarray, shape (n_row,)
        Weight of each row.
    group : ndarray of int32, shape (n_row,)
        Group of each row.
    link : int
        0 identity, 1 log, 2 logit.
    total : ndarray, shape (n_draw, n_group)
        Sums, added to in place.
    """
    n_row = weight.shape[0]
    mean = np.empty(_CHUNK, dtype=np.float64)
    for draw in range(base.shape[0]):
        row_effect = effect[draw]
        for start in range(0, n_row, _CHUNK):
            size = min(_CHUNK, n_row - start)
            linear_predictor(base[draw], row_effect, index, slope_index, slope_weight, start, size, mean)
            inverse_link(mean, size, link)
            for i in range(size):
                total[draw, group[start + i]] += weight[start + i] * mean[i]


@njit(nogil=True, cache=True)
def each_row(
    base: NDArray[np.float64],
    effect: NDArray[np.float64],
    index: NDArray[np.int32],
    slope_index: NDArray[np.int32],
    slope_weight: NDArray[np.float64],
    link: int,
    value: NDArray[np.float64],
) -> None:
    """
    Mean outcome of every row, for every draw of a block.

    Parameters
    ----------
    base, effect, index, slope_index, slope_weight, link
        As for `sum_by_group`.
    value : ndarray, shape (n_draw, n_row)
        Means, overwritten.
    """
    n_row = value.shape[1]
    for draw in range(base.shape[0]):
        for start in range(0, n_row, _CHUNK):
            size = min(_CHUNK, n_row - start)
            mean = value[draw, start : start + size]
            linear_predictor(base[draw], effect[draw], index, slope_index, slope_weight, start, size, mean)
            inverse_link(mean, size, link)


@njit(nogil=True, cache=True)
def linear_predictor(
    base: float,
    effect: NDArray[np.float64],
    index: NDArray[np.int32],
    slope_index: NDArray[np.int32],
    slope_weight: NDArray[np.float64],
    start: int,
    size: int,
    eta: NDArray[np.float64],
) -> None:
    """
    Linear predictor of `size` rows from `start` on, one draw.

    Parameters
    ----------
    base : float
        What every row shares.
    effect : ndarray, shape (n_effect,)
        Effects of all terms side by side.
    index, slope_index, slope_weight
        As for `sum_by_group`.
    start, size : int
        Which rows.
    eta : ndarray, shape (size,)
        Linear predictor, overwritten.
    """
    for i in range(size):
        eta[i] = base
    for term in range(index.shape[0]):
        column = index[term]
        for i in range(size):
            eta[i] += effect[column[start + i]]
    for term in range(slope_index.shape[0]):
        column = slope_index[term]
        times = slope_weight[term]
        for i in range(size):
            eta[i] += times[start + i] * effect[column[start + i]]


@njit(nogil=True, cache=True)
def inverse_link(eta: NDArray[np.float64], size: int, link: int) -> None:
    """
    Turn linear predictors into means, in place.

    Parameters
    ----------
    eta : ndarray, shape (size,)
        Linear predictors.
    size : int
        How many.
    link : int
        0 identity, 1 log, 2 logit.
    """
    if link == 1:
        for i in range(size):
            eta[i] = math.exp(eta[i])
    elif link == 2:
        for i in range(size):
            eta[i] = 1.0 / (1.0 + math.exp(-eta[i]))
