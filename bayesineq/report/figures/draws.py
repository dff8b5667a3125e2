"""Draws of one number as statements and figures need them."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayesineq.errors import MeasureError


def flat(draws: xr.DataArray | NDArray[np.floating]) -> NDArray[np.float64]:
    """
    Draws of one number as a vector.

    Parameters
    ----------
    draws : DataArray or ndarray
        Draws.

    Returns
    -------
    ndarray, shape (n_draw,)
        The draws.

    Raises
    ------
    MeasureError
        If there are none, or one is missing or infinite.
    """
    values = np.asarray(draws, dtype=np.float64).ravel()
    if not len(values) or not np.isfinite(values).all():
        raise MeasureError(
            f"a statement needs finite draws; given {len(values)}, of which {int((~np.isfinite(values)).sum())} are not"
        )
    return values


def ends(draws: NDArray[np.float64], prob: float) -> tuple[float, float]:
    """
    Ends of the interval with equal tails.

    Parameters
    ----------
    draws : ndarray, shape (n_draw,)
        Draws.
    prob : float
        Probability that the interval holds.

    Returns
    -------
    (float, float)
        Lower and upper end.
    """
    tail = (1.0 - prob) / 2.0
    lower, upper = np.quantile(draws, (tail, 1.0 - tail))
    return float(lower), float(upper)


def defined(draws: xr.DataArray) -> tuple[NDArray[np.float64], str]:
    """
    Draws in which a measure exists, and how many were left out.

    Parameters
    ----------
    draws : DataArray
        A measure, as `over_draws` gives it.

    Returns
    -------
    (ndarray, str)
        The draws as a vector, and a sentence; empty where none was left out.

    Raises
    ------
    MeasureError
        If none is left.
    """
    values = np.asarray(draws, dtype=np.float64).ravel()
    left_out = int(np.isnan(values).sum())
    said = f"{left_out:,} of {len(values):,} draws have no such number and are left out." if left_out else ""
    return flat(values[~np.isnan(values)]), said
