"""How two sets of values of the same groups go together, and how far apart groups lie by their own values."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import rankdata

from bayesineq.errors import MeasureError
from bayesineq.measures.arrays import Array, shares

type Correlation = Literal["linear", "rank"]


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
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise MeasureError("values must be finite; drop the groups by name, or model them, before correlating")
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
