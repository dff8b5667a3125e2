"""How long people wait, from rates at which they are seen: the share that waits still."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from bayesineq.errors import MeasureError
from bayesineq.measures.arrays import Array


def still_waiting(rate: ArrayLike, days: ArrayLike) -> Array:
    r"""
    Share that waits still at the end of each stretch of a wait, where the rate of being seen is constant within one.

    Parameters
    ----------
    rate : array_like, shape (..., n_stretch)
        People seen per day of waiting in each stretch, in their order from the first day.
    days : array_like, shape (n_stretch,)
        Length of each stretch.

    Returns
    -------
    ndarray, shape (..., n_stretch)
        Share, falling from 1.

    Raises
    ------
    MeasureError
        If a rate is negative, or a length is not above zero, or their numbers differ.

    Notes
    -----
    :math:`S_k = \exp(-\sum_{j \le k} h_j w_j)`. Nobody leaves the list but by being seen: a death or a move is taken to
    be no more likely for those who would have waited long.

    References
    ----------
    Friedman 1982, Ann Stat 10:101

    Examples
    --------
    >>> still_waiting([0.01, 0.02], [28, 56]).round(3).tolist()
    [0.756, 0.247]
    """
    h, w = np.asarray(rate, dtype=np.float64), np.asarray(days, dtype=np.float64)
    if w.ndim != 1 or h.shape[-1:] != w.shape:
        raise MeasureError(f"each stretch has a rate and a length; given shapes {h.shape} and {w.shape}")
    if not (w > 0).all() or (h < 0).any():
        raise MeasureError("lengths of stretches must be above zero, and rates not negative")
    return np.asarray(np.exp(-np.cumsum(h * w, axis=-1)))
