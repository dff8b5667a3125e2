"""Draws of one number as statements and figures need them."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayesineq.disclosure.covered import Draws, require_covered
from bayesineq.errors import DisclosureError, MeasureError


def to_draw(values: Draws, dim: str) -> xr.DataArray:
    """Draws of the groups that may be shown, of which there is one at least."""
    require_covered(values)
    if not values.shown.sizes[dim]:
        raise DisclosureError(
            f"all {values.of} groups of {dim!r} are withheld, because {values.why}; use fewer, larger ones"
        )
    return values.shown


def left_out(values: Draws, named: str = "groups") -> str:
    """How many groups a caption says are not shown, after a space; empty where all are."""
    return f" {len(values.withheld)} {named} with small counts are not shown." if values.withheld else ""


def flat(draws: xr.DataArray | NDArray[np.floating]) -> NDArray[np.float64]:
    """Draws of one number as a vector. Shapes: returns (n_draw,)."""
    values = np.asarray(draws, dtype=np.float64).ravel()
    if not len(values) or not np.isfinite(values).all():
        raise MeasureError(
            f"a statement needs finite draws; given {len(values)}, of which {int((~np.isfinite(values)).sum())} are not"
        )
    return values


def defined(draws: xr.DataArray) -> tuple[NDArray[np.float64], str]:
    """
    Draws in which a measure exists, and how many were left out.

    Returns: the draws as a vector, and a sentence; empty where none was left out.
    """
    values = np.asarray(draws, dtype=np.float64).ravel()
    left_out = int(np.isnan(values).sum())
    said = f"{left_out:,} of {len(values):,} draws have no such number and are left out." if left_out else ""
    return flat(values[~np.isnan(values)]), said
