"""Measures built on a social welfare function, each with the equal level that would be as good as what is."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from bayesineq.errors import MeasureError
from bayesineq.measures.arrays import Array, over_blocks, require, weighted_mean
from bayesineq.measures.specification import measure

type Zeros = Literal["refuse", "limit"]

ATKINSON = "Atkinson 1970, J Econ Theory 2:244"
KOLM = "Kolm 1976, J Econ Theory 12:416"
S_GINI = "Donaldson & Weymark 1980, J Econ Theory 22:67"
GOOD = "larger is more unequal; the outcome must be a good (health, survival), so turn an adverse one round first"
LEVEL = "the larger the better; the outcome must be a good (health, survival)"


@measure(
    title="Atkinson index",
    family="welfare",
    formula="1 - EDE/mu, EDE = (sum p y^(1-e))^(1/(1-e)); e = 1 the geometric mean",
    absolute=False,
    bounds=(0.0, 1.0),
    sign=GOOD,
    zeros='allowed for e < 1; for e >= 1 refused, or with zeros="limit" the index is 1; negative values refused',
    reference=ATKINSON,
)
def atkinson(value: ArrayLike, weight: ArrayLike, *, aversion: float, zeros: Zeros = "refuse") -> Array:
    """
    Atkinson index: share of the mean that could be given up for equality without loss.

    Parameters
    ----------
    value : array_like, shape (..., n_group)
        One value a group of a good, above zero.
    weight : array_like, shape (n_group,) or (..., n_group)
        People in each group.
    aversion : float
        Aversion to relative inequality, e, at least 0.
    zeros : {"refuse", "limit"}
        What to do with values of zero where the formula has only a limit.

    Returns
    -------
    ndarray, shape (...)
        The index, without unit.

    Raises
    ------
    MeasureError
        If the aversion is negative, or values are negative or zero.

    Examples
    --------
    >>> round(float(atkinson([1.0, 4.0], [1, 1], aversion=1.0)), 6)
    0.2
    """

    def kernel(block: Array, share: Array) -> Array:
        equal, mean = _atkinson(block, share, aversion, zeros)
        return np.clip(1 - equal / mean, 0.0, 1.0)

    return over_blocks(kernel, value, weight)


@measure(
    title="Atkinson equally distributed equivalent",
    family="welfare",
    formula="(sum p y^(1-e))^(1/(1-e)); e = 1 the geometric mean",
    absolute=True,
    bounds=(0.0, None),
    equality=None,
    sign=LEVEL,
    zeros='allowed for e < 1; for e >= 1 refused, or with zeros="limit" the level is 0; negative values refused',
    reference=ATKINSON,
)
def atkinson_ede(value: ArrayLike, weight: ArrayLike, *, aversion: float, zeros: Zeros = "refuse") -> Array:
    """
    Equal level of a good that is as desirable as its present distribution, under relative aversion.

    Parameters
    ----------
    value : array_like, shape (..., n_group)
        One value a group of a good, above zero.
    weight : array_like, shape (n_group,) or (..., n_group)
        People in each group.
    aversion : float
        Aversion to relative inequality, e, at least 0.
    zeros : {"refuse", "limit"}
        What to do with values of zero where the formula has only a limit.

    Returns
    -------
    ndarray, shape (...)
        The level, in the unit of the values.

    Raises
    ------
    MeasureError
        If the aversion is negative, or values are negative or zero.

    Examples
    --------
    >>> round(float(atkinson_ede([1.0, 4.0], [1, 1], aversion=1.0)), 6)
    2.0
    """
    return over_blocks(lambda block, share: _atkinson(block, share, aversion, zeros)[0], value, weight)


@measure(
    title="Kolm index",
    family="welfare",
    formula="mu - EDE, EDE = -ln(sum p exp(-k y)) / k",
    absolute=True,
    bounds=(0.0, None),
    sign=GOOD + "; unchanged when every group gains the same amount",
    reference=KOLM,
)
def kolm(value: ArrayLike, weight: ArrayLike, *, aversion: float) -> Array:
    """
    Kolm index: amount a head that could be given up for equality without loss.

    Parameters
    ----------
    value : array_like, shape (..., n_group)
        One value a group of a good.
    weight : array_like, shape (n_group,) or (..., n_group)
        People in each group.
    aversion : float
        Aversion to absolute inequality, k, above 0, per unit of the values.

    Returns
    -------
    ndarray, shape (...)
        The index, in the unit of the values.

    Raises
    ------
    MeasureError
        If the aversion is not above 0.

    Examples
    --------
    >>> round(float(kolm([1.0, 3.0], [1, 1], aversion=0.5)), 6)
    0.240229
    """
    return over_blocks(
        lambda block, share: np.maximum(weighted_mean(block, share) - _kolm(block, share, aversion), 0.0), value, weight
    )


@measure(
    title="Kolm equally distributed equivalent",
    family="welfare",
    formula="-ln(sum p exp(-k y)) / k",
    absolute=True,
    equality=None,
    sign=LEVEL,
    reference=KOLM,
)
def kolm_ede(value: ArrayLike, weight: ArrayLike, *, aversion: float) -> Array:
    """
    Equal level of a good that is as desirable as its present distribution, under absolute aversion.

    Parameters
    ----------
    value : array_like, shape (..., n_group)
        One value a group of a good.
    weight : array_like, shape (n_group,) or (..., n_group)
        People in each group.
    aversion : float
        Aversion to absolute inequality, k, above 0, per unit of the values.

    Returns
    -------
    ndarray, shape (...)
        The level, in the unit of the values.

    Raises
    ------
    MeasureError
        If the aversion is not above 0.

    Examples
    --------
    >>> round(float(kolm_ede([1.0, 3.0], [1, 1], aversion=0.5)), 6)
    1.759771
    """
    return over_blocks(lambda block, share: _kolm(block, share, aversion), value, weight)


@measure(
    title="Gini index",
    family="welfare",
    formula="sum_i sum_j p_i p_j |y_i - y_j| / (2 mu)",
    absolute=False,
    bounds=(0.0, 1.0),
    sign="larger is more unequal, polarity does not enter; the ranking by value is found again in every draw",
    zeros="no value may be negative and the mean must be above zero, else refused",
    reference="Gini 1912, Variabilita e mutabilita; Lerman & Yitzhaki 1989, J Econometrics 42:43",
)
def gini(value: ArrayLike, weight: ArrayLike) -> Array:
    """
    Gini index between groups: half the mean difference between two people, over the mean.

    Parameters
    ----------
    value : array_like, shape (..., n_group)
        One value a group, not negative.
    weight : array_like, shape (n_group,) or (..., n_group)
        People in each group.

    Returns
    -------
    ndarray, shape (...)
        The index, without unit.

    Raises
    ------
    MeasureError
        If a value is negative or the mean is zero.

    Examples
    --------
    >>> round(float(gini([1.0, 3.0], [1, 1])), 6)
    0.25
    """
    return s_gini(value, weight, aversion=2.0)


@measure(
    title="S-Gini index",
    family="welfare",
    formula="1 - integral of v (1 - F)^(v-1) y(F)/mu, F the rank by value, exact within groups; v = 2 is Gini",
    absolute=False,
    bounds=(0.0, 1.0),
    sign=GOOD,
    zeros="no value may be negative and the mean must be above zero, else refused",
    reference=S_GINI,
)
def s_gini(value: ArrayLike, weight: ArrayLike, *, aversion: float) -> Array:
    """
    Gini index with a chosen aversion to inequality.

    Parameters
    ----------
    value : array_like, shape (..., n_group)
        One value a group of a good, not negative.
    weight : array_like, shape (n_group,) or (..., n_group)
        People in each group.
    aversion : float
        Weight on the worst off, v, at least 1: 1 is indifferent, 2 the Gini index.

    Returns
    -------
    ndarray, shape (...)
        The index, without unit.

    Raises
    ------
    MeasureError
        If the aversion is below 1, a value is negative or the mean is zero.

    Examples
    --------
    >>> round(float(s_gini([1.0, 3.0], [1, 1], aversion=3.0)), 6)
    0.375
    """

    def kernel(block: Array, share: Array) -> Array:
        equal, mean = _s_gini(block, share, aversion)
        return np.clip(1 - equal / mean, 0.0, 1.0)

    return over_blocks(kernel, value, weight)


@measure(
    title="S-Gini equally distributed equivalent",
    family="welfare",
    formula="integral of v (1 - F)^(v-1) y(F) = mu (1 - S-Gini)",
    absolute=True,
    bounds=(0.0, None),
    equality=None,
    sign=LEVEL,
    zeros="no value may be negative and the mean must be above zero, else refused",
    reference=S_GINI,
)
def s_gini_ede(value: ArrayLike, weight: ArrayLike, *, aversion: float) -> Array:
    """
    Equal level of a good that is as desirable as its present distribution, under aversion by rank.

    Parameters
    ----------
    value : array_like, shape (..., n_group)
        One value a group of a good, not negative.
    weight : array_like, shape (n_group,) or (..., n_group)
        People in each group.
    aversion : float
        Weight on the worst off, v, at least 1.

    Returns
    -------
    ndarray, shape (...)
        The level, in the unit of the values.

    Raises
    ------
    MeasureError
        If the aversion is below 1, a value is negative or the mean is zero.

    Examples
    --------
    >>> round(float(s_gini_ede([1.0, 3.0], [1, 1], aversion=2.0)), 6)
    1.5
    """
    return over_blocks(lambda block, share: _s_gini(block, share, aversion)[0], value, weight)


def _atkinson(block: Array, share: Array, aversion: float, zeros: Zeros) -> tuple[Array, Array]:
    """Equally distributed equivalent and mean, computed on values over their mean so that no power overflows."""
    if not 0 <= aversion < np.inf:
        raise MeasureError(f"aversion must be 0 (indifferent) or more; given {aversion}")
    if zeros not in ("refuse", "limit"):
        raise MeasureError(f'zeros must be "refuse" or "limit"; given {zeros!r}')
    if aversion >= 1 and zeros == "refuse":
        rule = "the Atkinson index with an aversion of 1 or more needs values above zero"
        require(block > 0, block, rule, 'use an aversion below 1, or ask for the limit with zeros="limit"')
    require(block >= 0, block, "the Atkinson index needs values that are not negative", "use the Kolm index")
    mean = weighted_mean(block, share)
    require(mean > 0, mean, "the Atkinson index needs a mean above zero", "use the Kolm index")
    relative = block / mean[:, None]
    with np.errstate(divide="ignore"):
        if aversion == 1:
            return np.exp(weighted_mean(np.log(relative), share)) * mean, mean
        power = 1 - aversion
        return weighted_mean(relative**power, share) ** (1 / power) * mean, mean


def _kolm(block: Array, share: Array, aversion: float) -> Array:
    if not 0 < aversion < np.inf:
        raise MeasureError(f"aversion must be above 0, per unit of the values; given {aversion}")
    # The smallest value is taken out first, so that no exponential overflows.
    least = block.min(axis=1)
    return np.asarray(least - np.log(weighted_mean(np.exp(-aversion * (block - least[:, None])), share)) / aversion)


def _s_gini(block: Array, share: Array, aversion: float) -> tuple[Array, Array]:
    if not 1 <= aversion < np.inf:
        raise MeasureError(f"aversion must be at least 1 (indifferent to inequality); given {aversion}")
    require(block >= 0, block, "the Gini family needs values that are not negative", "use the Kolm index")
    mean = weighted_mean(block, share)
    require(mean > 0, mean, "the Gini family needs a mean above zero", "use the Kolm index")
    by_value = np.argsort(block, axis=1)
    shares = np.take_along_axis(np.broadcast_to(share, block.shape), by_value, axis=1)
    above = np.clip(1 - np.cumsum(shares, axis=1), 0.0, 1.0)
    weights = (above + shares) ** aversion - above**aversion
    return np.asarray((np.take_along_axis(block, by_value, axis=1) * weights).sum(axis=1)), mean
