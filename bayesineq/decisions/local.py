"""Local risk from a posterior, with the deprivation of each unit beside it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import xarray as xr

from bayesineq.dims import AREA, DECILE, POPULATION, QUINTILE, SAMPLE_DIMS
from bayesineq.disclosure.cover import cover
from bayesineq.disclosure.rule import DEFAULT_RULE, Rule
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


def released_risk(
    post: xr.DataTree, by: Sequence[str] = (AREA,), rule: Rule = DEFAULT_RULE
) -> tuple[xr.DataArray, pd.DataFrame]:
    """Risk of each unit, as tables made from it may be published."""
    risk, names = local_risk(post, by), tuple(by)
    whole = cover(post, rule, also=[names])
    shown = whole.values(names).shown
    for dim in names:
        risk = risk.sel({dim: shown[dim].to_numpy()})
    own = [str(dim) for dim in risk.dims]
    ordered = shown.transpose(*own)
    people = ordered[POPULATION]
    if len(names) > 1:
        # As elsewhere, a cell without a rate has nobody.
        people = people.where(np.isfinite(ordered.isel(dict.fromkeys(SAMPLE_DIMS, 0), drop=True)), 0.0)
    units = [dim for dim in own if dim not in SAMPLE_DIMS]
    return risk.copy(data=ordered.to_numpy()).assign_coords(
        {POPULATION: (units, people.transpose(*units).to_numpy())}
    ), whole.audit
