"""Which areas surely belong among those served first, which surely do not, and which cannot be told."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from bayesineq.dims import AREA, CI_PROB, SAMPLE_DIMS
from bayesineq.errors import DecisionError
from bayesineq.posterior.groups import interval, pooled, ranks


def rank_areas(
    values: xr.DataArray, *, top: float, sure: float = 0.9, prob: float = CI_PROB, dim: str = AREA
) -> pd.DataFrame:
    """
    Rank areas by benefit, with the uncertainty of the ranks.

    Parameters
    ----------
    values : DataArray, dims (chain, draw, area)
        Benefit or net benefit of one intervention, or of the best, in each area.
    top : float
        Share of areas (below 1) or number of areas (1 or more) that can be served.
    sure : float
        Probability of belonging to the top from which an area is "sure in"; "sure out" at one minus it.
    prob : float
        Probability held by the intervals.
    dim : str
        Dimension ranked.

    Returns
    -------
    DataFrame
        One row an area, highest expected rank first (rank 1 has the highest benefit): `dim, mean, lower, upper,
        expected_rank, rank_lower, rank_upper, p_top, tier` with tiers "sure in", "marginal" and "sure out".

    Raises
    ------
    DecisionError
        If other dimensions are left, `top` is no share or number of areas, or `sure` is not above one half.

    Notes
    -----
    Ranks are taken draw by draw; equal values share the better rank's middle. Expected ranks minimise squared error
    of ranks; the probability of the top minimises the error of classifying into top and rest.

    References
    ----------
    Lin R, Louis TA, Paddock SM, Ridgeway G (2006). Loss function based ranking in two-stage, hierarchical models.
    Bayesian Analysis 1: 915-946. doi:10.1214/06-BA130

    Examples
    --------
    >>> gain = xr.DataArray([[[3.0, 1.0, 2.0]] * 20], dims=("chain", "draw", "area"), coords={"area": ["a", "b", "c"]})
    >>> rank_areas(gain, top=1)[["area", "mean", "expected_rank", "p_top", "tier"]]
      area  mean  expected_rank  p_top      tier
    0    a   3.0            1.0    1.0   sure in
    1    c   2.0            2.0    0.0  sure out
    2    b   1.0            3.0    0.0  sure out
    """
    if set(values.dims) != {*SAMPLE_DIMS, dim}:
        raise DecisionError(
            f"Ranks need draws by {dim} alone, not {', '.join(map(str, values.dims))}: select an intervention, add up."
        )
    n_area = values.sizes[dim]
    number = round(top * n_area) if top < 1 else int(top)
    if not 1 <= number <= n_area or not 0.5 < sure <= 1:
        raise DecisionError(
            f"top = {top} of {n_area} areas and sure = {sure}: give a share or number of areas, and sure above 0.5."
        )
    flat, placed = pooled(values, dim), pooled(ranks(values, dim), dim)
    low, high = interval(flat, prob)
    rank_low, rank_high = interval(placed, prob)
    inside = (placed <= number).mean(axis=0)
    table = pd.DataFrame(
        {
            dim: values[dim].values,
            "mean": flat.mean(axis=0),
            "lower": low,
            "upper": high,
            "expected_rank": placed.mean(axis=0, dtype=np.float64),
            "rank_lower": np.floor(rank_low).astype(int),
            "rank_upper": np.ceil(rank_high).astype(int),
            "p_top": inside,
            "tier": np.where(inside >= sure, "sure in", np.where(inside <= 1 - sure, "sure out", "marginal")),
        }
    )
    return table.sort_values(["expected_rank", dim], ignore_index=True)
