"""Gaps and inequality divided among their sources: rates or composition, endowment or effect, factor by factor."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from math import factorial
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike

from bayesineq.errors import MeasureError
from bayesineq.measures.arrays import Array, over_blocks, shares, weighted_mean

KITAGAWA: Final = ("rates", "composition")
"""Parts of `kitagawa`."""

OAXACA_BLINDER: Final = ("explained", "unexplained")
"""Parts of `oaxaca_blinder`."""

_MANY = 10


def kitagawa(first: ArrayLike, weight_first: ArrayLike, second: ArrayLike, weight_second: ArrayLike) -> Array:
    """
    Difference of two populations' overall rates, divided into different rates and different composition.

    Parameters
    ----------
    first, second : array_like, shape (..., n_group)
        Rate of each group (age band, sex) in the two populations.
    weight_first, weight_second : array_like, shape (n_group,) or (..., n_group)
        People in each group of the two populations.

    Returns
    -------
    ndarray, shape (..., 2)
        The parts `KITAGAWA` of second less first: sum of mean share times change of rate, and of mean rate times
        change of share. They add up exactly.

    Raises
    ------
    MeasureError
        If values and weights do not fit.

    References
    ----------
    Kitagawa 1955, J Am Stat Assoc 50:1168

    Examples
    --------
    >>> kitagawa([0.1, 0.3], [1, 1], [0.2, 0.4], [1, 3]).round(6).tolist()
    [0.1, 0.05]
    """
    shape = np.broadcast_shapes(np.shape(first), np.shape(second))
    both = np.stack([np.broadcast_to(first, shape), np.broadcast_to(second, shape)])
    over_blocks(weighted_mean, both, None)  # refuses values that are missing
    p0, p1 = shares(weight_first), shares(weight_second)
    rates = np.sum((p0 + p1) / 2 * (both[1] - both[0]), axis=-1)
    mix = np.sum((both[0] + both[1]) / 2 * (p1 - p0), axis=-1)
    return np.stack(np.broadcast_arrays(rates, mix), axis=-1)


def oaxaca_blinder(
    mean_first: ArrayLike,
    mean_second: ArrayLike,
    coefficient_first: ArrayLike,
    coefficient_second: ArrayLike,
    *,
    baseline: float,
) -> Array:
    """
    Difference of two groups' mean outcomes, divided into different characteristics and different effects of them.

    Parameters
    ----------
    mean_first, mean_second : array_like, shape (..., n_covariate)
        Mean of each covariate in the two groups; one for the intercept.
    coefficient_first, coefficient_second : array_like, shape (..., n_covariate)
        Effect of each covariate on the outcome in the two groups.
    baseline : float
        Weight of the second group's coefficients in those that count as the norm, 0 to 1: 0 takes the first group's,
        1 the second's, 0.5 their average. The answer depends on it, so state it.

    Returns
    -------
    ndarray, shape (..., 2, n_covariate)
        The parts `OAXACA_BLINDER` of second less first, by covariate. All together they add up to the difference.

    Raises
    ------
    MeasureError
        If the baseline is not between 0 and 1.

    References
    ----------
    Oaxaca 1973, Int Econ Rev 14:693; Blinder 1973, J Hum Resour 8:436; Reimers 1983, Rev Econ Stat 65:570

    Examples
    --------
    >>> oaxaca_blinder([1.0, 2.0], [1.0, 3.0], [5.0, 1.0], [4.0, 2.0], baseline=0.0).tolist()
    [[0.0, 1.0], [-1.0, 3.0]]
    """
    if not 0 <= baseline <= 1:
        raise MeasureError(f"baseline is the weight of the second group's coefficients, 0 to 1; given {baseline}")
    x0, x1, b0, b1 = (
        np.asarray(a, dtype=np.float64) for a in (mean_first, mean_second, coefficient_first, coefficient_second)
    )
    norm = (1 - baseline) * b0 + baseline * b1
    explained = (x1 - x0) * norm
    unexplained = x1 * (b1 - norm) + x0 * (norm - b0)
    return np.stack(np.broadcast_arrays(explained, unexplained), axis=-2)


def shapley(
    measure: Callable[[ArrayLike, ArrayLike], Array],
    contributions: ArrayLike,
    weight: ArrayLike,
    *,
    level: ArrayLike = 0.0,
    link: Literal["identity", "log", "logit"] = "identity",
) -> Array:
    """
    Inequality divided fairly among factors, whatever the order in which they are taken away.

    Parameters
    ----------
    measure : callable
        `measure(value, weight)`, such as `theil`; use functools.partial for its options.
    contributions : array_like, shape (n_factor, ..., n_group)
        Contribution of each factor (deprivation, ethnicity, age, place) to the linear predictor of each group.
    weight : array_like, shape (n_group,)
        People in each group.
    level : array_like, shape (...)
        Intercept of the linear predictor.
    link : {"identity", "log", "logit"}
        Link that turns the linear predictor into values.

    Returns
    -------
    ndarray, shape (..., n_factor)
        Part of each factor; they add up to the measure of all factors less that of none (zero for measures that are
        zero at equality). A factor that is taken away keeps its average, so that the level stays.

    Raises
    ------
    MeasureError
        If there are no factors, or more than ten.

    References
    ----------
    Shapley 1953, Contributions to the Theory of Games 2:307; Shorrocks 2013, J Econ Inequal 11:99

    Examples
    --------
    >>> from bayesineq.measures.dispersion import between_group_variance
    >>> terms = [[-1.0, -1.0, 1.0, 1.0], [-2.0, 2.0, -2.0, 2.0]]
    >>> shapley(between_group_variance, terms, [1, 1, 1, 1]).tolist()
    [1.0, 4.0]
    """
    terms = np.asarray(contributions, dtype=np.float64)
    n = len(terms)
    if terms.ndim < 2 or not 1 <= n <= _MANY:
        raise MeasureError(
            f"contributions need a first axis of 1 to {_MANY} factors and a last of groups; given shape {terms.shape}"
        )
    if link not in ("identity", "log", "logit"):
        raise MeasureError(f'link must be "identity", "log" or "logit"; given {link!r}')
    share = shares(weight)
    mean = np.sum(terms * share, axis=-1, keepdims=True)
    base = np.asarray(level, dtype=np.float64)[..., None]

    def worth(kept: frozenset[int]) -> Array:
        eta = base + sum(terms[k] if k in kept else mean[k] + np.zeros_like(terms[k]) for k in range(n))
        value = np.exp(eta) if link == "log" else (1 + np.tanh(eta / 2)) / 2 if link == "logit" else eta
        return np.asarray(measure(value, weight))

    subsets = [frozenset(kept) for size in range(n + 1) for kept in combinations(range(n), size)]
    found = {kept: worth(kept) for kept in subsets}
    parts = []
    for k in range(n):
        gains = [
            factorial(len(kept)) * factorial(n - len(kept) - 1) / factorial(n) * (found[kept | {k}] - found[kept])
            for kept in subsets
            if k not in kept
        ]
        parts.append(np.sum(gains, axis=0))
    return np.stack(parts, axis=-1)
