"""Compiled loops of the predictor over draws and rows; they release the interpreter's lock."""

from __future__ import annotations

from typing import Final

import numpy as np
from numba import njit

from bayesineq.posterior.predictor import Codes, Columns, Floats, Strata

_CHUNK: Final = 512
_STRETCH: Final = 8192
_LOG2_E: Final = 1.4426950408889634
_LOG_2_HIGH: Final = 6.93147180369123816490e-01
_LOG_2_LOW: Final = 1.90821492927058770002e-10
_ROUND: Final = 6755399441055744.0
_ROUND_BITS: Final = 0x4338000000000000


@njit(nogil=True, cache=True)
def sum_by_group(
    base: Floats,
    effect: Floats,
    columns: Columns,
    weight: Floats,
    group: Codes,
    link: int,
    strata: Strata,
    total: Floats,
) -> None:
    """Add weight times mean outcome of every row to its group, for every draw of a block."""
    eta = np.empty(_CHUNK, dtype=np.float64)
    mean = np.empty(_CHUNK, dtype=np.float64)
    work = np.empty((2, _CHUNK), dtype=np.float64)
    # What describes a stretch of rows stays in the cache while all draws of the block go over it.
    for first in range(0, weight.shape[0], _STRETCH):
        last = min(first + _STRETCH, weight.shape[0])
        for draw in range(base.shape[0]):
            for start in range(first, last, _CHUNK):
                size = min(_CHUNK, last - start)
                _linear_predictor(base[draw], effect[draw], columns, start, size, eta)
                if strata.share.shape[0] == 0:
                    _inverse_link(eta, size, link, work)
                    _add_groups(eta, weight, group, start, size, total[draw])
                else:
                    _average(eta, size, link, strata.shift[draw], strata.share, mean, work)
                    _add_groups(mean, weight, group, start, size, total[draw])


@njit(nogil=True, cache=True)
def _average(eta: Floats, size: int, link: int, shift: Floats, share: Floats, mean: Floats, work: Floats) -> None:
    """Mean outcome of `size` rows over strata, one draw."""
    moved = np.empty(size, dtype=np.float64)
    mean[:size] = 0.0
    for stratum in range(share.shape[0]):
        more, part = shift[stratum], share[stratum]
        for i in range(size):
            moved[i] = eta[i] + more
        _inverse_link(moved, size, link, work)
        for i in range(size):
            mean[i] += part * moved[i]


@njit(nogil=True, cache=True)
def _add_groups(mean: Floats, weight: Floats, group: Codes, start: int, size: int, total: Floats) -> None:
    """Add weight times mean of `size` rows from `start` on to their groups, one draw."""
    # Rows of a group stand together: their sum is kept at hand, not fetched from memory for each of them.
    current, kept = group[start], 0.0
    for i in range(size):
        if group[start + i] != current:
            total[current] += kept
            current, kept = group[start + i], 0.0
        kept += weight[start + i] * mean[i]
    total[current] += kept


@njit(nogil=True, cache=True)
def each_row(base: Floats, effect: Floats, columns: Columns, link: int, value: Floats) -> None:
    """Mean outcome of every row, for every draw of a block."""
    work = np.empty((2, _CHUNK), dtype=np.float64)
    for draw in range(base.shape[0]):
        for start in range(0, value.shape[1], _CHUNK):
            size = min(_CHUNK, value.shape[1] - start)
            mean = value[draw, start : start + size]
            _linear_predictor(base[draw], effect[draw], columns, start, size, mean)
            _inverse_link(mean, size, link, work)


@njit(nogil=True, cache=True)
def _linear_predictor(base: float, effect: Floats, columns: Columns, start: int, size: int, eta: Floats) -> None:
    """Linear predictor of `size` rows from `start` on, one draw."""
    plain, slope, slope_weight = columns
    for i in range(size):
        eta[i] = base
    for term in range(plain.shape[0]):
        column = plain[term]
        for i in range(size):
            eta[i] += effect[column[start + i]]
    for term in range(slope.shape[0]):
        column = slope[term]
        times = slope_weight[term]
        for i in range(size):
            eta[i] += times[start + i] * effect[column[start + i]]


@njit(nogil=True, cache=True)
def _inverse_link(eta: Floats, size: int, link: int, work: Floats) -> None:
    """Turn linear predictors into means, in place."""
    if link == 1:
        _exponential(eta, size, work)
    elif link == 2:
        for i in range(size):
            eta[i] = -eta[i]
        _exponential(eta, size, work)
        for i in range(size):
            eta[i] = 1.0 / (1.0 + eta[i])


@njit(nogil=True, cache=True)
def _exponential(x: Floats, size: int, work: Floats) -> None:
    """
    Exponential function, in place, within two units in the last place; arguments beyond 700 count as 700.

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
