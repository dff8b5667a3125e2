"""Local risk from a posterior, with the deprivation of each unit beside it."""

from __future__ import annotations

from collections.abc import Sequence

import xarray as xr

from bayesineq.dims import AREA, DECILE, QUINTILE
from bayesineq.posterior.expected import expected
from bayesineq.posterior.population import population


def local_risk(post: xr.DataTree, by: Sequence[str] = (AREA,)) -> xr.DataArray:
    """
    Risk of each unit without intervention, ready for plans to act on.

    Parameters
    ----------
    post : DataTree
        Posterior of the risk that the plans act on.
    by : sequence of str
        Dimensions of the units: areas, or groups such as decile and ethnicity.

    Returns
    -------
    DataArray, dims (chain, draw, *by)
        Mean outcome with the coordinate `population`. Where areas are units and each lies in one decile (or
        quintile) of deprivation, that stands beside them as a coordinate, so that equity can be read off.

    Raises
    ------
    PosteriorError
        If the posterior has no such dimension.

    Examples
    --------
    >>> from bayesineq import example
    >>> local_risk(example().post).mean(("chain", "draw")).round(2).to_series().head(2)
    area
    E01900000    0.14
    E01900001    0.13
    Name: prevalence, dtype: float64
    """
    risk = expected(post, by=list(by))
    people = population(post)
    for level in (DECILE, QUINTILE):
        if AREA in by and level not in by and level in people.columns:
            pairs = people[[AREA, level]].drop_duplicates()
            if not pairs[AREA].duplicated().any():
                own = pairs.set_index(AREA)[level].astype("int64")
                risk = risk.assign_coords({level: (AREA, own.reindex(risk[AREA].to_numpy()).to_numpy())})
    return risk
