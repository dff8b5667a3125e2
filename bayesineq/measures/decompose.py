"""Inequality taken apart: between and within, over time, by rates and composition, and factor by factor."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from math import factorial

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bayesineq.errors import MeasureError
from bayesineq.measures.arrays import (
    Array,
    Link,
    Scale,
    inverse_link,
    over_blocks,
    positive_mean,
    relative_rank,
    require,
    shares,
    weighted_mean,
)
from bayesineq.measures.slope import Convention, slope_ends

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
        The parts of rates and of composition in second less first: sum of mean share times change of rate, and of
        mean rate times change of share. They add up exactly.

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
        The explained and the unexplained part of second less first, by covariate. All together they add up to the
        difference.

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
    link: Link = "identity",
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
    share = shares(weight)
    mean = np.sum(terms * share, axis=-1, keepdims=True)
    base = np.asarray(level, dtype=np.float64)[..., None]

    def worth(kept: frozenset[int]) -> Array:
        eta = base + sum(terms[k] if k in kept else mean[k] + np.zeros_like(terms[k]) for k in range(n))
        return np.asarray(measure(inverse_link(np.asarray(eta), link), weight))

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


def change_in_slope(
    before: ArrayLike,
    weight_before: ArrayLike,
    after: ArrayLike,
    weight_after: ArrayLike,
    *,
    convention: Convention = "phe",
    scale: Scale = "linear",
    order: ArrayLike | None = None,
) -> Array:
    """
    Change of the slope index, and how far each end of the fitted gradient moved.

    Parameters
    ----------
    before, after : array_like, shape (..., n_group)
        One value a group at the two times, the most disadvantaged first unless `order` says otherwise.
    weight_before, weight_after : array_like, shape (n_group,) or (..., n_group)
        People in each group at the two times.
    convention, scale, order
        As for `sii`.

    Returns
    -------
    ndarray, shape (..., 3)
        Total, top and bottom: change of the slope index, and of the fitted value at the most advantaged end and at
        the most disadvantaged end; total = top - bottom. A gap that narrows because the top fell levelled down.

    Raises
    ------
    MeasureError
        As for `sii`.

    Examples
    --------
    The disadvantaged end of a favourable outcome rose, the other stayed: the gap narrowed by levelling up.

    >>> change_in_slope([60.0, 70.0, 80.0], [1, 1, 1], [66.0, 73.0, 80.0], [1, 1, 1]).round(6).tolist()
    [-9.0, -1.5, 7.5]
    """
    moved = slope_ends(after, weight_after, convention=convention, scale=scale, order=order) - slope_ends(
        before, weight_before, convention=convention, scale=scale, order=order
    )
    bottom, top = moved[..., 0], moved[..., 1]
    return np.stack([top - bottom, top, bottom], axis=-1)


def change_by_composition(
    measure: Callable[[ArrayLike, ArrayLike], Array],
    before: ArrayLike,
    weight_before: ArrayLike,
    after: ArrayLike,
    weight_after: ArrayLike,
) -> Array:
    """
    Change of any measure, divided into changed values at fixed sizes of groups and changed sizes at fixed values.

    Parameters
    ----------
    measure : callable
        `measure(value, weight)`, such as `sii`; use functools.partial for its options.
    before, after : array_like, shape (..., n_group)
        One value a group at the two times.
    weight_before, weight_after : array_like, shape (n_group,) or (..., n_group)
        People in each group at the two times.

    Returns
    -------
    ndarray, shape (..., 2)
        The part of changed values and that of composition, each the average of changing it first and changing it
        second; they add up to the change exactly.

    Raises
    ------
    MeasureError
        As for the measure.

    References
    ----------
    Shorrocks 2013, J Econ Inequal 11:99, for two factors

    Examples
    --------
    Rates that stay the same while people move: all of the change is composition.

    >>> from bayesineq.measures.slope import sii
    >>> change_by_composition(sii, [1.0, 2.0, 4.0], [1, 1, 1], [1.0, 2.0, 4.0], [1, 1, 2]).round(6).tolist()
    [0.0, 0.388889]
    """
    old, new = measure(before, weight_before), measure(after, weight_after)
    new_values, new_sizes = measure(after, weight_before), measure(before, weight_after)
    values = ((new_values - old) + (new - new_sizes)) / 2
    composition = ((new_sizes - old) + (new - new_values)) / 2
    return np.stack(np.broadcast_arrays(values, composition), axis=-1)


def entropy_decomposition(value: ArrayLike, weight: ArrayLike, *, parent: ArrayLike, alpha: float = 1.0) -> Array:
    """
    Generalised entropy between and within larger groups, which add up to the whole exactly.

    Parameters
    ----------
    value : array_like, shape (..., n_group)
        One value a group (small areas, strata), above zero.
    weight : array_like, shape (n_group,) or (..., n_group)
        People in each group.
    parent : array_like, shape (n_group,)
        Larger group of each group: a code or a number.
    alpha : float
        Order: 0 mean log deviation, 1 Theil, 2 half the squared coefficient of variation.

    Returns
    -------
    ndarray, shape (..., 2)
        Between: inequality if every group had its larger group's mean. Within:
        sum_g p_g (mu_g/mu)^alpha GE_g(alpha).

    Raises
    ------
    MeasureError
        If a value is not above zero, or `parent` does not fit the groups.

    References
    ----------
    Shorrocks 1980, Econometrica 48:613

    Examples
    --------
    >>> parts = entropy_decomposition([1.0, 1.0, 3.0, 3.0], [1, 1, 1, 1], parent=["a", "a", "b", "b"])
    >>> parts.round(6).tolist()
    [0.130812, 0.0]
    """
    place = _places(parent, np.shape(value)[-1:])

    def kernel(block: Array, share: Array) -> Array:
        require(block > 0, block, "a generalised entropy needs values above zero", "use rates from a model")
        mean = weighted_mean(block, share)[:, None]
        size, means = _parents(block, share, place)
        between = np.sum(size * _entropy(means / mean, alpha), axis=1)
        inner = block / means[:, place]
        part = np.broadcast_to(share, block.shape) / size[:, place]
        within = np.sum(size[:, place] * (means / mean)[:, place] ** alpha * part * _entropy(inner, alpha), axis=1)
        return np.stack([between, within], axis=-1)

    return over_blocks(kernel, value, weight)


def mookherjee_shorrocks(
    before: ArrayLike,
    weight_before: ArrayLike,
    after: ArrayLike,
    weight_after: ArrayLike,
    *,
    parent: ArrayLike,
) -> Array:
    """
    Change of the mean log deviation, divided into what changed: inequality within, composition, or the groups' means.

    Parameters
    ----------
    before, after : array_like, shape (..., n_group)
        One value a group at the two times, above zero.
    weight_before, weight_after : array_like, shape (n_group,) or (..., n_group)
        People in each group at the two times.
    parent : array_like, shape (n_group,)
        Larger group of each group: a code or a number.

    Returns
    -------
    ndarray, shape (..., 5)
        Change within larger groups, of composition as it acts within and between them, of their means, and a residual;
        they add up to the change. The published formula approximates composition between and means; the residual is
        what it leaves, small when the change is.

    Raises
    ------
    MeasureError
        If a value is not above zero, or `parent` does not fit the groups.

    References
    ----------
    Mookherjee & Shorrocks 1982, Econ J 92:886

    Examples
    --------
    >>> parts = mookherjee_shorrocks([1.0, 2.0], [1, 1], [1.0, 1.9], [1, 1], parent=[1, 2])
    >>> parts[:4].round(5).tolist()
    [0.0, 0.0, 0.0, -0.00825]
    """
    place = _places(parent, np.shape(before)[-1:])
    first, second = (_log_deviation(v, w, place) for v, w in ((before, weight_before), (after, weight_after)))
    n = (first.shape[-1] - 1) // 3
    total = second[..., 0] - first[..., 0]
    (p0, m0, d0), (p1, m1, d1) = ([x[..., 1 + i * n : 1 + (i + 1) * n] for i in range(3)] for x in (first, second))
    l0, l1 = (m / np.sum(p * m, axis=-1, keepdims=True) for p, m in ((p0, m0), (p1, m1)))
    share, moved = (p0 + p1) / 2, p1 - p0
    relative = (l0 + l1) / 2
    parts = [
        np.sum(share * (d1 - d0), axis=-1),
        np.sum((d0 + d1) / 2 * moved, axis=-1),
        np.sum((relative - (np.log(l0) + np.log(l1)) / 2) * moved, axis=-1),
        np.sum(((p0 * l0 + p1 * l1) / 2 - share) * np.log(m1 / m0), axis=-1),
    ]
    return np.stack([*parts, total - np.sum(parts, axis=0)], axis=-1)


def concentration_decomposition(
    value: ArrayLike,
    weight: ArrayLike,
    *,
    factors: ArrayLike,
    coefficients: ArrayLike | None = None,
    order: ArrayLike | None = None,
) -> Array:
    """
    Contributions of factors to the relative concentration index, and what they leave.

    Parameters
    ----------
    value : array_like, shape (..., n_group)
        One value a group, the most disadvantaged first unless `order` says otherwise.
    weight : array_like, shape (n_group,)
        People in each group.
    factors : array_like, shape (n_factor, n_group)
        Mean of each factor in each group.
    coefficients : array_like, shape (n_factor,) or (..., n_factor), optional
        Effect of each factor on the value, per unit. By default those of a regression on the factors, with
        intercept, weighted by people.
    order : array_like, shape (n_group,), optional
        What ranks the groups, lowest for the most disadvantaged. Ties share a rank.

    Returns
    -------
    ndarray, shape (..., n_factor + 1)
        beta_k ACI(x_k) / mu for each factor, last the residual; they add up to the relative concentration index.

    Raises
    ------
    MeasureError
        If shapes do not fit, factors are collinear, or the mean is not above zero.

    References
    ----------
    Wagstaff, van Doorslaer & Watanabe 2003, J Econometrics 112:207

    Examples
    --------
    >>> concentration_decomposition([1.0, 2.0, 3.0], [1, 1, 1], factors=[[2.0, 4.0, 7.0]]).round(6).tolist()
    [0.219298, 0.002924]
    """
    columns = np.atleast_2d(np.asarray(factors, dtype=np.float64))
    share = shares(weight)
    if share.ndim != 1 or columns.shape[1:] != share.shape or not np.isfinite(columns).all():
        raise MeasureError(
            f"factors must be finite with one row a factor and one column a group; given shape {columns.shape} "
            f"for weights of shape {share.shape}"
        )
    rank = 2 * share * (relative_rank(share, order) - 0.5)
    centred = columns - (columns @ share)[:, None]
    gram = (centred * share) @ centred.T
    if coefficients is None and np.linalg.matrix_rank(gram) < len(columns):
        raise MeasureError("factors are collinear or constant over groups; leave one out, or pass their coefficients")
    projection = None if coefficients is not None else np.linalg.solve(gram, centred * share)

    def kernel(block: Array, _: Array) -> Array:
        mean = positive_mean(block, share, "a relative concentration index", "decompose the absolute one")
        beta = np.zeros((len(block), len(columns))) if projection is None else block @ projection.T
        return np.column_stack([beta * (columns @ rank), block @ rank]) / mean[:, None]

    found = over_blocks(kernel, value, weight)
    parts, index = found[..., :-1], found[..., -1:]
    if coefficients is not None:
        mean = over_blocks(weighted_mean, value, weight)
        parts = np.asarray(coefficients) * (columns @ rank) / np.asarray(mean)[..., None]
    return np.concatenate([parts, index - parts.sum(axis=-1, keepdims=True)], axis=-1)


def _places(parent: ArrayLike, shape: tuple[int, ...]) -> NDArray[np.intp]:
    codes = np.asarray(parent)
    if codes.shape != shape:
        raise MeasureError(f"`parent` must name the larger group of each group: shape {shape}; given {codes.shape}")
    return np.asarray(np.unique(codes, return_inverse=True)[1])


def _parents(block: Array, share: Array, place: NDArray[np.intp]) -> tuple[Array, Array]:
    """Share and mean of each larger group, shape (n_draw, n_parent)."""
    by_parent = np.argsort(place, kind="stable")
    first = np.searchsorted(place[by_parent], np.arange(place.max() + 1))
    wide = np.broadcast_to(share, block.shape)
    size = np.add.reduceat(wide[:, by_parent], first, axis=1)
    if not (size > 0).all():
        raise MeasureError("a larger group has no people; leave it out")
    return size, np.add.reduceat((wide * block)[:, by_parent], first, axis=1) / size


def _entropy(relative: Array, alpha: float) -> Array:
    """One group's term of the generalised entropy, of its value over the mean."""
    if alpha == 0:
        return -np.log(relative)
    if alpha == 1:
        return relative * np.log(relative)
    return np.asarray((relative**alpha - 1) / (alpha * (alpha - 1)))


def _log_deviation(value: ArrayLike, weight: ArrayLike, place: NDArray[np.intp]) -> Array:
    """Mean log deviation, then share, mean and inner mean log deviation of each larger group, end to end."""

    def kernel(block: Array, share: Array) -> Array:
        require(block > 0, block, "the mean log deviation needs values above zero", "use rates from a model")
        size, means = _parents(block, share, place)
        _, logs = _parents(np.log(block), share, place)
        total = np.log(weighted_mean(block, share)) - weighted_mean(np.log(block), share)
        return np.column_stack([total, size, means, np.log(means) - logs])

    return over_blocks(kernel, value, weight)
