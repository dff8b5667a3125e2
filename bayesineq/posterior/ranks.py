"""Who is first and who is last, with the uncertainty that league tables leave out."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from bayesineq.dims import CI_PROB, SAMPLE_DIMS
from bayesineq.errors import MeasureError
from bayesineq.posterior.summarise import by_level

_BLOCK: Final = 1 << 22


def ranks(values: xr.DataArray, dim: str, *, highest_first: bool = True) -> xr.DataArray:
    """
    Rank of every group in every draw.

    Parameters
    ----------
    values : DataArray, dims (chain, draw, ..., dim)
        Values of groups, such as `expected` returns.
    dim : str
        Dimension whose groups are ranked; others are ranked apart.
    highest_first : bool
        Whether rank 1 is the highest value, or the lowest.

    Returns
    -------
    DataArray, dims as `values`
        Ranks from 1. Groups with the same value share the mean of their places.

    Raises
    ------
    MeasureError
        If `dim` is not a dimension of groups, or a group has no value.

    Examples
    --------
    >>> rate = xr.DataArray([[[0.3, 0.1, 0.2], [0.2, 0.1, 0.2]]], dims=("chain", "draw", "area"))
    >>> ranks(rate, "area").to_numpy().tolist()
    [[[1.0, 3.0, 2.0], [1.5, 3.0, 1.5]]]
    """
    if dim not in values.dims or dim in SAMPLE_DIMS:
        groups = [d for d in values.dims if d not in SAMPLE_DIMS]
        raise MeasureError(f"dim={dim!r} is not a dimension of groups; the values have {groups}")
    lead = [d for d in values.dims if d != dim]
    plain = values.transpose(*lead, dim).to_numpy()
    if np.isnan(plain).any():
        raise MeasureError(f"some groups of {dim!r} have no value and so no rank; leave them out with .sel() first")
    flat = plain.reshape(-1, plain.shape[-1])
    placed = np.empty(flat.shape, dtype=np.float32)
    step = max(1, _BLOCK // max(1, flat.shape[1]))
    for start in range(0, len(flat), step):
        block = flat[start : start + step]
        placed[start : start + step] = _ranked(-block if highest_first else block)
    found = values.transpose(*lead, dim).copy(data=placed.reshape(plain.shape)).transpose(*values.dims)
    said = {"ranked": dim, "rank_1": "highest" if highest_first else "lowest", "ties": "mean of places"}
    return found.rename("rank").assign_attrs(values.attrs | said)


def rank_intervals(
    values: xr.DataArray, dim: str, *, highest_first: bool = True, prob: float = CI_PROB
) -> pd.DataFrame:
    """
    Rank of every group with its interval.

    Parameters
    ----------
    values : DataArray, dims (chain, draw, ..., dim)
        Values of groups.
    dim : str
        Dimension whose groups are ranked.
    highest_first : bool
        Whether rank 1 is the highest value, or the lowest.
    prob : float
        Probability of the interval.

    Returns
    -------
    DataFrame
        One column a dimension, then `mean`, `sd`, `median`, `lower`, `upper` of the rank; best places first.

    Raises
    ------
    MeasureError
        As for `ranks`.
    """
    found = ranks(values, dim, highest_first=highest_first).transpose(*SAMPLE_DIMS, ...)
    # One long chain: how well chains agree is asked of the fit, not of ranks.
    pooled = found.to_numpy().reshape(1, -1, *found.shape[2:])
    kept = {name: coord for name, coord in found.coords.items() if not set(SAMPLE_DIMS) & {name, *coord.dims}}
    table = by_level(xr.DataArray(pooled, dims=found.dims, coords=kept), prob)
    return table.sort_values("mean", ignore_index=True)


def probability_of_rank(
    values: xr.DataArray, dim: str, *, first: int | None = None, share: float | None = None, highest_first: bool = True
) -> xr.DataArray:
    """
    Probability that a group is among the first ones: the worst ten, the worst tenth.

    Parameters
    ----------
    values : DataArray, dims (chain, draw, ..., dim)
        Values of groups.
    dim : str
        Dimension whose groups are ranked.
    first : int, optional
        How many places count.
    share : float, optional
        Which share of all places counts instead, such as 0.1; rounded down, at least one place.
    highest_first : bool
        Whether rank 1 is the highest value, or the lowest.

    Returns
    -------
    DataArray, dims (..., dim)
        Share of draws in which the group's rank is at most the number of places. Groups that tie across the last
        place share a mean rank, and so are in or out together.

    Raises
    ------
    MeasureError
        As for `ranks`; also unless exactly one of `first` and `share` is given, in range.
    """
    if (first is None) == (share is None):
        raise MeasureError("give either first= (a number of places) or share= (a share of all places)")
    found = ranks(values, dim, highest_first=highest_first)
    total = values.sizes[dim]
    if share is not None and not 0 < share <= 1:
        raise MeasureError(f"share={share!r} lies between 0 and 1, such as 0.1 for a tenth")
    places = first if first is not None else max(1, int(total * (share or 0.0) + 1e-9))
    if not 1 <= places <= total:
        raise MeasureError(f"first={first!r}: there are {total} groups in {dim!r}")
    chance = (found <= places).mean(SAMPLE_DIMS)
    return chance.rename("probability").assign_attrs(found.attrs | {"places": places})


def _ranked(block: NDArray[np.floating]) -> NDArray[np.floating]:
    """Mean places of a block of draws: sorted once, ties found as runs of equal neighbours."""
    order = np.argsort(block, axis=1)
    ordered = np.take_along_axis(block, order, axis=1)
    place = np.broadcast_to(np.arange(1.0, block.shape[1] + 1), block.shape)
    tied = ordered[:, 1:] == ordered[:, :-1]
    if tied.any():
        place = np.array(place)
        for row in np.flatnonzero(tied.any(axis=1)):
            starts = np.flatnonzero(np.append(True, ~tied[row]))
            lengths = np.diff(np.append(starts, block.shape[1]))
            place[row] = np.repeat(starts + (lengths + 1) / 2, lengths)
    placed = np.empty(block.shape)
    np.put_along_axis(placed, order, place, axis=1)
    return placed
