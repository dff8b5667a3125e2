"""Probabilities of being above a threshold: group by group, and for sets of groups together."""

from __future__ import annotations

from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayesineq.dims import CI_PROB, POPULATION, SAMPLE_DIMS
from bayesineq.errors import MeasureError
from bayesineq.posterior.summarise import share_of_draws

_BLOCK: Final = 1 << 22


def exceedance(values: xr.DataArray, threshold: float | str | xr.DataArray, *, below: bool = False) -> xr.DataArray:
    """
    Probability that the value of each group is above a threshold.

    Parameters
    ----------
    values : DataArray, dims (chain, draw, ...)
        Values of groups, such as `expected` returns.
    threshold : float, "mean" or DataArray
        A number; or "mean": the mean of all groups weighted by coordinate `population`, taken anew in every draw; or
        values of its own, whose dimensions are among those of `values`.
    below : bool
        Ask for the probability of being below instead.

    Returns
    -------
    DataArray, dims (...)
        Share of draws; missing where a group has no value. Coordinates and attributes of `values` are kept, and
        `threshold` and `exceedance` ("above" or "below") say what was asked.

    Raises
    ------
    MeasureError
        If there are no draws, the threshold does not fit the values, or "mean" finds no population.

    Examples
    --------
    >>> rate = xr.DataArray([[[3, 1], [3, 3], [3, 0], [3, 3]]], dims=("chain", "draw", "area"))
    >>> exceedance(rate, 2).to_numpy().tolist()
    [1.0, 0.5]
    """
    limit, name = _limit(values, threshold)
    differ = _beyond(values, limit, below)
    share = share_of_draws(differ, values)
    said = {"threshold": name, "exceedance": "below" if below else "above"}
    return share.rename(values.name).assign_attrs(values.attrs | said)


def excursion_set(
    values: xr.DataArray,
    threshold: float | str | xr.DataArray,
    dim: str,
    *,
    prob: float = CI_PROB,
    below: bool = False,
) -> xr.Dataset:
    """
    Largest set of groups that are all above a threshold together with a given probability.

    Parameters
    ----------
    values : DataArray, dims (chain, draw, dim)
        Values of groups, such as `expected` returns by area.
    threshold : float, "mean" or DataArray
        As for `exceedance`.
    dim : str
        Dimension of the groups.
    prob : float
        Joint probability that the set has.
    below : bool
        Ask for groups that are all below instead.

    Returns
    -------
    Dataset, dims (dim)
        `marginal`: probability of each group alone. `joint`: the greatest probability with which a set of the family
        that holds the group is above as a whole (the excursion function). `member`: whether `joint` is at least `prob`.

    Raises
    ------
    MeasureError
        As for `exceedance`; also if `values` have other dimensions or `prob` is not between 0 and 1.

    Notes
    -----
    The family of sets grows by the groups' marginal probabilities, highest first; among equals, by how many standard
    deviations the mean is beyond the threshold. A draw leaves the count of the family at its first group that is not
    beyond the threshold, so joint probabilities need one pass over draws, in order (the sequential maximum). The
    chance that not one group of the set is there by mistake is `prob`, however many groups are compared; marginal
    probabilities do not give that.

    References
    ----------
    Bolin D, Lindgren F. Excursion and contour uncertainty regions for latent Gaussian models. J R Stat Soc B
    2015;77:85.
    """
    if not 0 < prob < 1:
        raise MeasureError(f"prob={prob!r}: a set holds with a probability between 0 and 1, such as {CI_PROB}")
    if set(values.dims) != {*SAMPLE_DIMS, dim}:
        raise MeasureError(f"an excursion set stands on draws and {dim!r} alone; the values have {list(values.dims)}")
    limit, name = _limit(values, threshold)
    gap = (values - limit).transpose(*SAMPLE_DIMS, dim).to_numpy().reshape(-1, values.sizes[dim])
    if bad := int(np.isnan(gap).any(axis=0).sum()):
        raise MeasureError(f"{bad} groups have no value; leave them out with .sel() or .dropna({dim!r})")
    gap = -gap if below else gap
    marginal = (gap > 0).mean(axis=0)
    order = _order(marginal, gap)
    joint = np.empty(len(order))
    joint[order] = _joint(gap, order)
    coords = {dim: values[dim]} if dim in values.coords else {}
    said = {"threshold": name, "exceedance": "below" if below else "above", "prob": prob}
    return xr.Dataset(
        {"marginal": (dim, marginal), "joint": (dim, joint), "member": (dim, joint >= prob)},
        coords=coords,
        attrs=values.attrs | said,
    )


def _limit(values: xr.DataArray, threshold: float | str | xr.DataArray) -> tuple[xr.DataArray, str]:
    """The threshold as an array that fits the values, and its name."""
    if missing := [dim for dim in SAMPLE_DIMS if dim not in values.dims]:
        raise MeasureError(
            f"the values lack the dimensions {missing}, so they hold no draws; they have {list(values.dims)}"
        )
    if isinstance(threshold, xr.DataArray):
        if not set(threshold.dims) <= set(values.dims):
            raise MeasureError(f"threshold has the dimensions {list(threshold.dims)}; allowed are {list(values.dims)}")
        lacking = [
            d for d in threshold.dims if d in values.indexes and not values.get_index(d).equals(threshold.get_index(d))
        ]
        aligned = threshold.reset_coords(drop=True)
        for dim in lacking:
            if len(absent := values.get_index(dim).difference(threshold.get_index(dim))):
                raise MeasureError(f"threshold lacks {len(absent)} levels of {dim!r}: {list(absent[:5])}")
            aligned = aligned.sel({dim: values[dim].to_numpy()})
        return aligned, str(threshold.name or "given values")
    if threshold == "mean":
        groups = [dim for dim in values.dims if dim not in SAMPLE_DIMS]
        if POPULATION not in values.coords or not groups:
            raise MeasureError(f"the mean weighs groups by the coordinate {POPULATION!r}, which these values lack")
        return values.weighted(values[POPULATION].fillna(0)).mean(groups).reset_coords(drop=True), "mean"
    if isinstance(threshold, str) or not np.isfinite(threshold):
        raise MeasureError(f'threshold={threshold!r}: give a number, "mean", or a DataArray')
    return xr.DataArray(float(threshold)), f"{threshold:g}"


def _beyond(values: xr.DataArray, limit: xr.DataArray, below: bool) -> xr.DataArray:
    return (values < limit) if below else (values > limit)


def _order(marginal: NDArray[np.float64], gap: NDArray[np.floating]) -> NDArray[np.intp]:
    """Groups by marginal probability, then by standardised distance from the threshold, both falling."""
    spread = gap.std(axis=0, dtype=np.float64)
    distance = gap.mean(axis=0, dtype=np.float64) / np.where(spread > 0, spread, 1.0)
    return np.lexsort((-distance, -marginal))


def _joint(gap: NDArray[np.floating], order: NDArray[np.intp]) -> NDArray[np.float64]:
    """Share of draws in which the first k groups of the order are all beyond, for every k."""
    n_draw, n_group = gap.shape
    reached = np.zeros(n_group + 1)
    step = max(1, _BLOCK // n_group)
    for start in range(0, n_draw, step):
        fails = gap[start : start + step][:, order] <= 0
        first = np.where(fails.any(axis=1), fails.argmax(axis=1), n_group)
        reached += np.bincount(first, minlength=n_group + 1)
    # A draw whose first failure is at place k (from 0) holds all sets of at most k groups.
    return np.asarray(np.cumsum(reached[::-1])[::-1][1:] / n_draw)
