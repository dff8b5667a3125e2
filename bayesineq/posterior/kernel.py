"""Compiled loops over draws and rows; they release the interpreter's lock, so blocks of draws run in threads."""

from __future__ import annotations

from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

LINK: Final = {"identity": 0, "log": 1, "logit": 2}
_CHUNK: Final = 512
_STRETCH: Final = 8192
_LOG2_E: Final = 1.4426950408889634
_LOG_2_HIGH: Final = 6.93147180369123816490e-01
_LOG_2_LOW: Final = 1.90821492927058770002e-10
_ROUND: Final = 6755399441055744.0
_ROUND_BITS: Final = 0x4338000000000000


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
        Group of each row; fastest where rows of a group stand together.
    link : int
        0 identity, 1 log, 2 logit.
    total : ndarray, shape (n_draw, n_group)
        Sums, added to in place.
    """
    n_row = weight.shape[0]
    mean = np.empty(_CHUNK, dtype=np.float64)
    work = np.empty((2, _CHUNK), dtype=np.float64)
    # What describes a stretch of rows stays in the cache while all draws of the block go over it.
    for first in range(0, n_row, _STRETCH):
        last = min(first + _STRETCH, n_row)
        for draw in range(base.shape[0]):
            for start in range(first, last, _CHUNK):
                size = min(_CHUNK, last - start)
                linear_predictor(base[draw], effect[draw], index, slope_index, slope_weight, start, size, mean)
                inverse_link(mean, size, link, work)
                add_groups(mean, weight, group, start, size, total[draw])


@njit(nogil=True, cache=True)
def sum_over_strata(
    base: NDArray[np.float64],
    effect: NDArray[np.float64],
    index: NDArray[np.int32],
    slope_index: NDArray[np.int32],
    slope_weight: NDArray[np.float64],
    weight: NDArray[np.float64],
    group: NDArray[np.int32],
    link: int,
    shift: NDArray[np.float64],
    share: NDArray[np.float64],
    total: NDArray[np.float64],
) -> None:
    """
    Add weight times the mean outcome over strata of every row to its group, for every draw of a block.

    Parameters
    ----------
    base, effect, index, slope_index, slope_weight, weight, group, link
        As for `sum_by_group`.
    shift : ndarray, shape (n_draw, n_stratum)
        What a stratum adds to the linear predictor of every row.
    share : ndarray, shape (n_stratum,)
        Weight of each stratum.
    total : ndarray, shape (n_draw, n_group)
        Sums, added to in place.
    """
    n_row = weight.shape[0]
    eta = np.empty(_CHUNK, dtype=np.float64)
    moved = np.empty(_CHUNK, dtype=np.float64)
    mean = np.empty(_CHUNK, dtype=np.float64)
    work = np.empty((2, _CHUNK), dtype=np.float64)
    for first in range(0, n_row, _STRETCH):
        last = min(first + _STRETCH, n_row)
        for draw in range(base.shape[0]):
            for start in range(first, last, _CHUNK):
                size = min(_CHUNK, last - start)
                linear_predictor(base[draw], effect[draw], index, slope_index, slope_weight, start, size, eta)
                for i in range(size):
                    mean[i] = 0.0
                for stratum in range(share.shape[0]):
                    more, part = shift[draw, stratum], share[stratum]
                    for i in range(size):
                        moved[i] = eta[i] + more
                    inverse_link(moved, size, link, work)
                    for i in range(size):
                        mean[i] += part * moved[i]
                add_groups(mean, weight, group, start, size, total[draw])


@njit(nogil=True, cache=True)
def add_groups(
    mean: NDArray[np.float64],
    weight: NDArray[np.float64],
    group: NDArray[np.int32],
    start: int,
    size: int,
    total: NDArray[np.float64],
) -> None:
    """
    Add weight times mean of `size` rows from `start` on to their groups, one draw.

    Parameters
    ----------
    mean : ndarray, shape (size,)
        Mean outcomes.
    weight, group
        As for `sum_by_group`.
    start, size : int
        Which rows.
    total : ndarray, shape (n_group,)
        Sums, added to in place.
    """
    # Rows of a group stand together: their sum is kept at hand, not fetched from memory for each of them.
    current, kept = group[start], 0.0
    for i in range(size):
        if group[start + i] != current:
            total[current] += kept
            current, kept = group[start + i], 0.0
        kept += weight[start + i] * mean[i]
    total[current] += kept


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
    work = np.empty((2, _CHUNK), dtype=np.float64)
    for draw in range(base.shape[0]):
        for start in range(0, n_row, _CHUNK):
            size = min(_CHUNK, n_row - start)
            mean = value[draw, start : start + size]
            linear_predictor(base[draw], effect[draw], index, slope_index, slope_weight, start, size, mean)
            inverse_link(mean, size, link, work)


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
def inverse_link(eta: NDArray[np.float64], size: int, link: int, work: NDArray[np.float64]) -> None:
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
    work : ndarray, shape (2, at least size)
        Room for the exponential.
    """
    if link == 1:
        exponential(eta, size, work)
    elif link == 2:
        for i in range(size):
            eta[i] = -eta[i]
        exponential(eta, size, work)
        for i in range(size):
            eta[i] = 1.0 / (1.0 + eta[i])


@njit(nogil=True, cache=True)
def exponential(x: NDArray[np.float64], size: int, work: NDArray[np.float64]) -> None:
    """
    Exponential function, in place, within two units in the last place; arguments beyond 700 count as 700.

    Parameters
    ----------
    x : ndarray, shape (size,)
        Arguments.
    size : int
        How many.
    work : ndarray, shape (2, at least size)
        Room for powers of two.

    Notes
    -----
    exp(x) = 2^k exp(z) with k the whole number next to x / log 2, so |z| < 0.35 and thirteen terms of the series do.
    Without branches and calls, so that compilers use vector instructions: the library's function takes twice the time.
    """
    shifted, power = work[0], work[1]
    shifted_bits, power_bits = shifted.view(np.int64), power.view(np.int64)
    for i in range(size):
        value = x[i]
        value = 700.0 if value > 700.0 else value
        value = -700.0 if value < -700.0 else value
        # Adding 1.5 * 2^52 leaves the rounded quotient in the lowest bits of the sum.
        shift = value * _LOG2_E + _ROUND
        shifted[i] = shift
        whole = shift - _ROUND
        z = value - whole * _LOG_2_HIGH - whole * _LOG_2_LOW
        series = 1.0 / 6227020800.0
        series = series * z + 1.0 / 479001600.0
        series = series * z + 1.0 / 39916800.0
        series = series * z + 1.0 / 3628800.0
        series = series * z + 1.0 / 362880.0
        series = series * z + 1.0 / 40320.0
        series = series * z + 1.0 / 5040.0
        series = series * z + 1.0 / 720.0
        series = series * z + 1.0 / 120.0
        series = series * z + 1.0 / 24.0
        series = series * z + 1.0 / 6.0
        series = series * z + 0.5
        series = series * z + 1.0
        x[i] = series * z + 1.0
    for i in range(size):
        power_bits[i] = (shifted_bits[i] - _ROUND_BITS + 1023) << 52
    for i in range(size):
        x[i] *= power[i]
