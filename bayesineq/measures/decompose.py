"""Inequality taken apart: between and within, over time, and by the factors that carry a gradient."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bayesineq.errors import MeasureError
from bayesineq.measures.arrays import Array, over_blocks, positive_mean, relative_rank, require, shares, weighted_mean

BETWEEN_WITHIN: Final = ("between", "within")
"""Parts of `entropy_decomposition`."""

MOOKHERJEE_SHORROCKS: Final = ("within", "composition_within", "composition_between", "group_means", "residual")
"""Parts of `mookherjee_shorrocks`."""


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
        The parts `BETWEEN_WITHIN`. Between: inequality if every group had its larger group's mean. Within:
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
        The parts `MOOKHERJEE_SHORROCKS`, which add up to the change. The published formula approximates the last two
        terms; the residual is what it leaves, small when the change is.

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
