"""Generalised entropy: relative measures of dispersion that divide exactly into between and within."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import xlogy

from bayesineq.errors import MeasureError
from bayesineq.measures.arrays import Array, over_blocks, positive_mean, require, weighted_mean
from bayesineq.measures.definitions import measure

type Zeros = Literal["refuse", "limit"]


@measure
def theil(value: ArrayLike, weight: ArrayLike, *, zeros: Zeros = "refuse") -> Array:
    """
    Theil index: generalised entropy of order 1, sensitive to groups far above the mean.

    Examples
    --------
    >>> round(float(theil([1.0, 3.0], [1, 1])), 6)
    0.130812
    >>> round(float(theil([0.0, 2.0], [1, 1], zeros="limit")), 6)
    0.693147
    """

    def kernel(block: Array, share: Array) -> Array:
        mean = _allowed(block, share, zeros)
        return np.maximum(weighted_mean(_times_log(block), share) / mean - np.log(mean), 0.0)

    return over_blocks(kernel, value, weight)


@measure
def mean_log_deviation(value: ArrayLike, weight: ArrayLike, *, zeros: Zeros = "refuse") -> Array:
    """
    Mean log deviation: generalised entropy of order 0, sensitive to groups far below the mean.

    Examples
    --------
    >>> round(float(mean_log_deviation([1.0, 3.0], [1, 1])), 6)
    0.143841
    """

    def kernel(block: Array, share: Array) -> Array:
        mean = _allowed(block, share, zeros)
        return np.maximum(np.log(mean) - weighted_mean(_log(block), share), 0.0)

    return over_blocks(kernel, value, weight)


@measure
def generalised_entropy(value: ArrayLike, weight: ArrayLike, *, alpha: float, zeros: Zeros = "refuse") -> Array:
    """
    Generalised entropy of a chosen order.

    Parameters
    ----------
    alpha : float
        Order: larger is more sensitive to groups above the mean.

    Examples
    --------
    >>> float(generalised_entropy([1.0, 3.0], [1, 1], alpha=2.0))
    0.125
    """
    if not np.isfinite(alpha):
        raise MeasureError(f"alpha must be a finite number; given {alpha}")
    if alpha == 0:
        return mean_log_deviation(value, weight, zeros=zeros)
    if alpha == 1:
        return theil(value, weight, zeros=zeros)

    def kernel(block: Array, share: Array) -> Array:
        mean = _allowed(block, share, zeros)
        with np.errstate(divide="ignore"):
            power = weighted_mean((block / mean[:, None]) ** alpha, share)
        return np.maximum((power - 1) / (alpha * (alpha - 1)), 0.0)

    return over_blocks(kernel, value, weight)


@measure
def symmetrised_theil(value: ArrayLike, weight: ArrayLike, *, zeros: Zeros = "refuse") -> Array:
    """
    Mean of the Theil index and the mean log deviation: sensitive to both tails alike.

    Examples
    --------
    >>> round(float(symmetrised_theil([1.0, 3.0], [1, 1])), 6)
    0.137327
    """

    def kernel(block: Array, share: Array) -> Array:
        mean = _allowed(block, share, zeros)
        log = _log(block)
        above = weighted_mean(_times_log(block), share) / mean
        return np.maximum((above - weighted_mean(log, share)) / 2, 0.0)

    return over_blocks(kernel, value, weight)


def _allowed(block: Array, share: Array, zeros: Zeros) -> Array:
    """Mean of each draw, once the values are known to be allowed."""
    if zeros not in ("refuse", "limit"):
        raise MeasureError(f'zeros must be "refuse" or "limit"; given {zeros!r}')
    if zeros == "refuse":
        remedy = 'use rates from a model, which are above zero, or ask for the limit with zeros="limit"'
        if not block.min() > 0:
            require(block > 0, block, "a generalised entropy needs values above zero", remedy)
    else:
        require(block >= 0, block, "a generalised entropy needs values that are not negative", "give rates")
    return positive_mean(block, share, "a generalised entropy", "leave out outcomes that never occur")


def _log(block: Array) -> Array:
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(block))


def _times_log(block: Array) -> Array:
    # The plain product is several times faster than the function that minds zeros.
    return block * np.log(block) if block.min() > 0 else np.asarray(xlogy(block, block), dtype=np.float64)
