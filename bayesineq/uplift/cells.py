"""Benefit from a full likelihood of counts by cell: the difference of two expectations of one posterior."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import xarray as xr

from bayesineq.dims import INTERVENTION
from bayesineq.errors import DecisionError
from bayesineq.posterior.expected import expected
from bayesineq.posterior.population import population as people_of
from bayesineq.uplift.benefit import Scale, check_benefit


def benefit_from_posterior(
    post: xr.DataTree,
    *,
    by: str | Sequence[str],
    treated: str = "treated",
    intervention: str = "intervention",
    adverse: bool = True,
    population: pd.DataFrame | None = None,
    scale: Scale = "events averted",
) -> xr.DataArray:
    """
    Benefit of an intervention, from a posterior whose card has it as a covariate (`models/impactability.toml`).

    Parameters
    ----------
    post : DataTree
        A posterior.
    by : str or sequence of str
        Columns that make the units: "area", "imd_decile".
    treated : str
        Covariate of the card: 0 without the intervention, 1 with it.
    intervention : str
        Its name.
    adverse : bool
        Whether less of the outcome is a benefit.
    population : DataFrame, optional
        Whom to average over; default those that were fitted.
    scale : {"events averted", "QALY", "net pounds"}
        What one unit of the outcome is.

    Returns
    -------
    DataArray, dims (chain, draw, *by, intervention)
        Expected outcome of everyone untreated less that of everyone treated (or the reverse), person for person.

    Raises
    ------
    DecisionError
        If the posterior has no such covariate.
    """
    people = people_of(post) if population is None else population
    if treated not in people.columns:
        raise DecisionError(
            f"No covariate {treated!r} behind this posterior; it has {', '.join(map(str, people.columns))}."
        )
    without = expected(post, people.assign(**{treated: 0}), by=by)
    given = expected(post, people.assign(**{treated: 1}), by=by)
    difference = without - given if adverse else given - without
    benefit = difference.expand_dims({INTERVENTION: [intervention]}, axis=-1)
    benefit.attrs = {"scale": scale, "source": "posterior of counts by cell", "correlation": "none (one intervention)"}
    return check_benefit(benefit.rename("benefit"))
