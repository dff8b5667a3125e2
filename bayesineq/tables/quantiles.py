"""Deciles, quintiles and other groups of equal numbers of areas, national or local."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from bayesineq.errors import SchemaError


def _groups(rank: NDArray[np.int64], size: NDArray[np.int64], q: int) -> NDArray[np.int64]:
    """
    Group of each rank, in whole numbers throughout: n/q in floating point can put an area one group too low.

    Shapes: rank (n_area,); size (n_area,); returns (n_area,).
    """
    from_the_end: NDArray[np.int64] = -((-q * (size + 1 - rank)) // size)
    return np.maximum(q + 1 - from_the_end, 1)


def quantile_groups(
    value: ArrayLike,
    q: int = 10,
    *,
    first: Literal["lowest", "highest"] = "lowest",
    within: Sequence[Any] | pd.Series | NDArray[Any] | None = None,
) -> NDArray[np.int64]:
    """
    Put areas into q groups of as equal numbers as can be; group 1 is the most deprived.

    The rule is that of the Office for Health Improvement and Disparities for numbers of areas that q does not
    divide, floor((q + 1) - ceil((n + 1 - rank) / (n / q))), at least 1. Areas of equal value share the rank of the
    first of them, and so the group.

    Parameters
    ----------
    value : array-like, shape (n_area,)
        What to rank the areas by: a rank in the Index of Multiple Deprivation (1 is the most deprived, so `first` is
        "lowest"), or its score (higher is more deprived: "highest").
    q : int, optional
        Number of groups: 10 for deciles, 5 for quintiles.
    first : {"lowest", "highest"}, optional
        Which end of `value` is group 1.
    within : array-like, shape (n_area,), optional
        A place for each area. Areas are then ranked and grouped within their own place: local quantiles. Without it
        all areas are ranked together: national quantiles, where the areas are those of a nation.

    Returns
    -------
    array of int64, shape (n_area,)
        The group of each area, 1 to q.

    Raises
    ------
    SchemaError
        A value is missing, q is below 2, or there are fewer areas than groups.

    References
    ----------
    Office for Health Improvement and Disparities, PHEindicatormethods, `phe_quantile`.

    Examples
    --------
    >>> quantile_groups([3, 1, 2, 4], q=2).tolist()
    [2, 1, 1, 2]
    """
    values = pd.Series(np.asarray(value, dtype=np.float64))
    if q < 2:
        raise SchemaError(f"{q} is not a number of groups: give 2 or more, such as 10 for deciles.")
    missing = values.isna().to_numpy().nonzero()[0]
    if len(missing):
        shown = ", ".join(map(str, missing[:10]))
        raise SchemaError(
            f"{len(missing):,} of {len(values):,} areas have no value to rank by (at positions {shown}). "
            "Give the value, or take the areas out and say so: leaving them out moves the others between groups."
        )
    place = pd.Series(np.zeros(len(values)) if within is None else np.asarray(within))
    if len(place) != len(values) or place.isna().any():
        raise SchemaError(f"`within` must name a place for each of the {len(values):,} areas; none may be missing.")
    size = place.map(place.value_counts())
    few = place[size < q].value_counts(sort=False)
    if len(few) or values.empty:
        where = ", ".join(f"{name}: {count}" for name, count in few.items()) if within is not None else f"{len(values)}"
        raise SchemaError(
            f"There are fewer areas than groups ({where}; {q} groups were asked for). "
            "Ask for fewer groups, or rank a larger place."
        )
    rank = values.groupby(place).rank(method="min", ascending=first == "lowest")
    return _groups(rank.to_numpy().astype(np.int64), size.to_numpy().astype(np.int64), q)


def quintiles_from_deciles(decile: ArrayLike) -> NDArray[np.int64]:
    """
    Quintile of each decile: 1 and 2 make quintile 1, 9 and 10 make quintile 5.

    Parameters
    ----------
    decile : array-like of int, shape (...)
        Deciles, 1 to 10.

    Returns
    -------
    array of int64, shape (...)
        Quintiles, 1 to 5.

    Raises
    ------
    SchemaError
        A value is not a whole number from 1 to 10.

    Examples
    --------
    >>> quintiles_from_deciles([1, 2, 3, 10]).tolist()
    [1, 1, 2, 5]
    """
    deciles = np.asarray(decile)
    wrong = ~np.isin(deciles, np.arange(1, 11))
    if wrong.any():
        shown = ", ".join(map(str, np.unique(deciles[wrong])[:10]))
        raise SchemaError(f"Not a decile from 1 to 10: {shown}.")
    return (deciles.astype(np.int64) + 1) // 2
