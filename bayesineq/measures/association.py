"""How two sets of values of the same groups go together, and how far apart groups lie by their own values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata

from bayesineq.errors import MeasureError
from bayesineq.measures.arrays import Array, shares

type Correlation = Literal["linear", "rank"]
type Places = NDArray[np.intp]


def correlation(
    first: ArrayLike, second: ArrayLike, weight: ArrayLike | None = None, *, kind: Correlation = "linear"
) -> Array:
    """
    Correlation over groups of two values of each, for every draw.

    Parameters
    ----------
    first, second : array_like, shape (..., n_group)
        Values of the same groups in the same order.
    weight : array_like, shape (n_group,), optional
        Size of each group; by default each counts once.
    kind : {"linear", "rank"}
        Pearson's correlation, or that of the ranks (Spearman's), ties sharing the mean of their places.

    Returns
    -------
    ndarray, shape (...)
        From -1 to 1; missing in draws in which one of the two is the same in all groups.

    Raises
    ------
    MeasureError
        If shapes do not fit, there are fewer than three groups, or a value is missing.

    References
    ----------
    Spearman 1904, Am J Psychol 15:72

    Examples
    --------
    >>> correlation([1.0, 2.0, 3.0, 5.0], [2.0, 1.0, 4.0, 9.0], kind="rank").round(3)
    np.float64(0.8)
    """
    if kind not in ("linear", "rank"):
        raise MeasureError(f'kind must be "linear" or "rank"; given {kind!r}')
    x, y = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if x.shape != y.shape or x.ndim == 0 or x.shape[-1] < 3:
        raise MeasureError(
            f"a correlation needs two values of each of three groups or more; given shapes {x.shape} and {y.shape}"
        )
    _refuse_gaps(x, y)
    share = shares(np.ones(x.shape[-1]) if weight is None else weight)
    if share.shape != x.shape[-1:]:
        raise MeasureError(f"{x.shape[-1]} groups have values but the weights have shape {share.shape}")
    if kind == "rank":
        x, y = rankdata(x, axis=-1), rankdata(y, axis=-1)
    sizes = np.abs(x).max(axis=-1) * np.abs(y).max(axis=-1)
    x, y = x - (x @ share)[..., None], y - (y @ share)[..., None]
    below = np.sqrt((x**2 @ share) * (y**2 @ share))
    # Equal values leave rounding dust behind, which is no spread.
    still = below <= 1e-14 * sizes
    with np.errstate(invalid="ignore", divide="ignore"):
        found = np.where(still, np.nan, ((x * y) @ share) / below)
    return np.clip(found, -1.0, 1.0)[()]


def rank_correlations(values: ArrayLike, weight: ArrayLike | None = None) -> Array:
    """
    Spearman's correlation of every two of several values of the same groups, under one weighting or many.

    Parameters
    ----------
    values : array_like, shape (n_value, n_group)
        Values of the same groups in the same order.
    weight : array_like, shape (..., n_group), optional
        Weight of each group, zero or more; by default each counts once. Ranks count weights too: a rank is the weight
        of groups with a smaller value and half that of groups with the same.

    Returns
    -------
    ndarray, shape (..., n_value, n_value)
        Correlations of ranks; missing where a value is the same in all groups.

    Raises
    ------
    MeasureError
        If shapes do not fit, there are fewer than three groups, or a value is missing.

    References
    ----------
    Spearman 1904, Am J Psychol 15:72

    Examples
    --------
    >>> rank_correlations([[1.0, 2.0, 3.0, 5.0], [2.0, 1.0, 4.0, 9.0]]).round(3).tolist()
    [[1.0, 0.8], [0.8, 1.0]]
    """
    given = np.asarray(values, dtype=np.float64)
    if given.ndim != 2 or given.shape[1] < 3:
        raise MeasureError(
            f"rank correlations need values of shape (value, group), three groups or more: {given.shape}"
        )
    _refuse_gaps(given)
    weights = np.ones(given.shape[1]) if weight is None else np.asarray(weight, dtype=np.float64)
    if weights.shape[-1:] != given.shape[1:]:
        raise MeasureError(f"{given.shape[1]} groups have values but the weights have shape {weights.shape}")
    order = np.argsort(given, axis=1, kind="stable")
    rising = np.take_along_axis(given, order, axis=1)
    # The first and the one past the last of the groups that share a value.
    first = np.stack([np.searchsorted(row, row, side="left") for row in rising])
    last = np.stack([np.searchsorted(row, row, side="right") for row in rising])
    found = [_weighted(shares(one), order, first, last) for one in weights.reshape(-1, weights.shape[-1])]
    return np.stack(found).reshape(*weights.shape[:-1], len(given), len(given))


def _refuse_gaps(*values: Array) -> None:
    """Refuse values of which one is missing or infinite."""
    if not all(np.isfinite(each).all() for each in values):
        raise MeasureError("values must be finite; drop the groups by name, or model them, before correlating")


def _weighted(share: Array, order: Places, first: Places, last: Places) -> Array:
    """Correlation of ranks under one weighting, shapes (n_group,), then (n_value, n_group)."""
    below = np.concatenate([np.zeros((len(order), 1)), np.cumsum(share[order], axis=1)], axis=1)
    middle = (np.take_along_axis(below, first, axis=1) + np.take_along_axis(below, last, axis=1)) / 2.0
    ranks = np.empty_like(middle)
    np.put_along_axis(ranks, order, middle - 0.5, axis=1)
    # Weighted mid-ranks have mean one half.
    covariance = (ranks * share) @ ranks.T
    spread = np.sqrt(np.diag(covariance))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.clip(np.where(spread > 1e-7, covariance / spread / spread[:, None], np.nan), -1.0, 1.0)


def partial_correlation(correlations: ArrayLike, first: int, second: int, given: Sequence[int] = ()) -> Array:
    """
    Correlation of two values that is left when others are held constant.

    Parameters
    ----------
    correlations : array_like, shape (..., n_value, n_value)
        Correlations of every two values, from `rank_correlations`, say: then it is Spearman's, adjusted.
    first, second : int
        Which two values, by position.
    given : sequence of int, optional
        Positions of the values held constant.

    Returns
    -------
    ndarray, shape (...)
        From -1 to 1: -P12 / sqrt(P11 P22), P the inverse of the correlations of the two and those given.

    Raises
    ------
    MeasureError
        If a position is not there or is named twice, or one value is made up of others.

    References
    ----------
    Whittaker 1990, Graphical Models in Applied Multivariate Statistics

    Examples
    --------
    >>> together = [[1.0, 0.6, 0.5], [0.6, 1.0, 0.3], [0.5, 0.3, 1.0]]
    >>> partial_correlation(together, 0, 1, given=[2]).round(4)
    np.float64(0.5447)
    """
    matrix, chosen = np.asarray(correlations, dtype=np.float64), [first, second, *given]
    if len(set(chosen)) < len(chosen) or not all(0 <= at < matrix.shape[-1] for at in chosen):
        raise MeasureError(f"positions must be of {matrix.shape[-1]} values, each once; given {chosen}")
    part = matrix[..., chosen, :][..., chosen]
    if np.isfinite(part).all() and (np.linalg.cond(part) > 1e12).any():
        raise MeasureError("one of the values is made up of the others: leave it out of those that are held constant")
    inverse = np.linalg.inv(part)
    found = -inverse[..., 0, 1] / np.sqrt(inverse[..., 0, 0] * inverse[..., 1, 1])
    return np.clip(found, -1.0, 1.0)[()]


def percentiles(value: ArrayLike, weight: ArrayLike, at: ArrayLike) -> Array:
    """
    Values below which given shares of the people live, groups ranked by their own value, for every draw.

    Parameters
    ----------
    value : array_like, shape (..., n_group)
        One value a group.
    weight : array_like, shape (n_group,)
        People in each group.
    at : array_like, shape (n_at,)
        Shares, between 0 and 1, such as 0.1 and 0.9.

    Returns
    -------
    ndarray, shape (..., n_at)
        Percentiles: the distribution is taken to rise in straight lines between the mid-ranks of groups, and to be
        level beyond the first and the last, so that it is no extreme of a single small group.

    Raises
    ------
    MeasureError
        If a share is not between 0 and 1, a value is missing or shapes do not fit.

    Examples
    --------
    >>> percentiles([3.0, 1.0, 2.0, 4.0, 5.0], [1, 1, 1, 1, 1], [0.1, 0.5, 0.9]).round(6).tolist()
    [1.0, 3.0, 5.0]
    """
    values, wanted, share = np.asarray(value, dtype=np.float64), np.asarray(at, dtype=np.float64), shares(weight)
    if wanted.ndim != 1 or not ((wanted > 0) & (wanted < 1)).all():
        raise MeasureError(f"percentiles are asked for as shares between 0 and 1, such as 0.1; given {wanted.tolist()}")
    if values.ndim == 0 or share.shape != values.shape[-1:] or not np.isfinite(values).all():
        raise MeasureError(
            f"percentiles need finite values with one weight a group; given shapes {values.shape} and {share.shape}"
        )
    order = np.argsort(values, axis=-1, kind="stable")
    rising, sizes = np.take_along_axis(values, order, axis=-1), share[order]
    middle = np.cumsum(sizes, axis=-1) - sizes / 2
    flat = zip(rising.reshape(-1, values.shape[-1]), middle.reshape(-1, values.shape[-1]), strict=True)
    found = np.array([np.interp(wanted, mid, own) for own, mid in flat])
    return found.reshape(*values.shape[:-1], len(wanted))
