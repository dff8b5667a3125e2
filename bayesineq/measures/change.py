"""Change over time: which end of the gradient moved, and how much of the change is only composition."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from bayesineq.measures.arrays import Array, Scale
from bayesineq.measures.slope import Convention, slope_ends

SLOPE_CHANGE: Final = ("total", "top", "bottom")
"""Parts of `change_in_slope`."""

VALUES_COMPOSITION: Final = ("values", "composition")
"""Parts of `change_by_composition`."""


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
        The parts `SLOPE_CHANGE`: change of the slope index, and of the fitted value at the most advantaged end and at
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
        The parts `VALUES_COMPOSITION`, each the average of changing it first and changing it second; they add up to
        the change exactly.

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
