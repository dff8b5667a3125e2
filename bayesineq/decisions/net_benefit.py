"""Net benefit: what a benefit is worth at a stated threshold, less what it costs."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import xarray as xr

from bayesineq.decisions.benefit import check_benefit, unit_dims
from bayesineq.dims import CI_PROB, INTERVENTION, SAMPLE_DIMS
from bayesineq.errors import DecisionError
from bayesineq.posterior.groups import described

NOTHING = "no intervention"
"""Name of the comparator when the benefit is measured against doing nothing more."""


def net_benefit(
    benefit: xr.DataArray,
    cost: xr.DataArray | Mapping[str, float] | None,
    *,
    threshold: float | None,
    weight: xr.DataArray | None = None,
) -> xr.DataArray:
    """
    Net benefit in pounds: threshold times benefit, less cost.

    Parameters
    ----------
    benefit : DataArray, dims (chain, draw, unit..., intervention)
        Benefit per eligible person.
    cost : DataArray with any of its dims, mapping from intervention to pounds, or None
        Pounds per eligible person. None only on the scale "net pounds", where costs are inside already.
    threshold : float or None
        Pounds that one unit of benefit (QALY, event averted) is worth. None on the scale "net pounds".
    weight : DataArray, dims (unit...), optional
        Equity weight of each unit's benefit (`equity_weights`); costs are not weighted. Default: 1 for all.

    Returns
    -------
    DataArray, dims (chain, draw, unit..., intervention)
        Net benefit per eligible person, pounds.

    Raises
    ------
    DecisionError
        If the threshold does not fit the scale, or costs are missing, negative or not finite.

    Examples
    --------
    >>> from bayesineq.decisions import from_effects
    >>> benefit = from_effects([[[0.1]], [[0.3]]], scale="QALY", interventions=["calls"], units=["ann"])
    >>> net_benefit(benefit, {"calls": 3000.0}, threshold=20_000.0).values.ravel()
    array([-1000.,  3000.])
    """
    checked = check_benefit(benefit)
    scale = checked.attrs["scale"]
    if scale == "net pounds":
        if threshold is not None or cost is not None:
            raise DecisionError("The benefit is in net pounds: it needs no threshold, and its cost is inside already.")
        if weight is not None:
            raise DecisionError("Equity weights act on health, not on net pounds: weight the QALYs or events instead.")
        return checked
    if threshold is None or not np.isfinite(threshold) or threshold < 0:
        raise DecisionError(
            f"The benefit is in {scale}: give threshold=, the pounds that one is worth (given: {threshold}). "
            "The package has no default for a value judgement."
        )
    if cost is None:
        raise DecisionError(f"The benefit is in {scale}: give the cost per eligible person of each intervention.")
    health = checked if weight is None else checked * weight
    # a cost that carries other people, or other groups, than the benefit would take both from the difference
    worth = (threshold * health - check_cost(cost, checked).reset_coords(drop=True)).transpose(*checked.dims)
    return worth.assign_attrs({**checked.attrs, "scale": "net pounds", "threshold": threshold})


def check_cost(cost: xr.DataArray | Mapping[str, float], benefit: xr.DataArray, *, saving: bool = True) -> xr.DataArray:
    """Check costs against the interventions of a benefit."""
    names = [str(name) for name in benefit[INTERVENTION].values]
    if isinstance(cost, Mapping):
        saving = False
        known = [name for name in names if name in cost]
        cost = xr.DataArray([float(cost[name]) for name in known], dims=INTERVENTION, coords={INTERVENTION: known})
    if INTERVENTION not in cost.dims:
        raise DecisionError("Costs need the dimension intervention, so that each intervention finds its own.")
    missing = sorted(set(names) - {str(name) for name in cost[INTERVENTION].values})
    if missing:
        raise DecisionError(f"No cost for {', '.join(missing)}: give pounds per eligible person (0 where it is free).")
    ordered = cost.sel({INTERVENTION: names})
    other = [dim for dim in ordered.dims if dim != INTERVENTION]
    unknown = [str(dim) for dim in other if dim not in benefit.dims]
    if unknown:
        raise DecisionError(f"Costs vary by {', '.join(unknown)}, which the benefit does not have.")
    low = ordered.min(other)
    bad = [
        name for name in names if not (np.isfinite(x := float(low.sel({INTERVENTION: name}))) and (saving or x >= 0))
    ]
    if bad:
        listed = ", ".join(f"{name} {float(low.sel({INTERVENTION: name})):,.2f}" for name in bad)
        raise DecisionError(f"A cost is pounds spent, zero or more: {listed}. Put savings into the net cost instead.")
    return ordered


def with_comparator(values: xr.DataArray, comparator: str | None) -> xr.DataArray:
    """Put the option of no intervention first, at zero."""
    if comparator is None:
        return values
    if comparator in values[INTERVENTION].values:
        raise DecisionError(
            f"An intervention is called {comparator!r} as the comparator is: rename it, or comparator=None."
        )
    nothing = xr.zeros_like(values.isel({INTERVENTION: [0]})).assign_coords({INTERVENTION: [comparator]})
    return xr.concat([nothing, values], INTERVENTION, join="exact", combine_attrs="override")


def decide(
    worth: xr.DataArray,
    *,
    comparator: str | None = NOTHING,
    prob: float = CI_PROB,
) -> pd.DataFrame:
    """
    Choose the best option for each unit: the table of cases.

    Shapes: worth (chain, draw, unit..., intervention).

    Notes
    -----
    Without uncertainty and with net benefit p e R - c this is the rule to treat where risk p times efficacy e times
    the cost R of an event exceeds the cost c of the programme.
    """
    options = with_comparator(worth, comparator)
    units = unit_dims(options)
    mean = options.mean(SAMPLE_DIMS)
    best = mean.argmax(INTERVENTION)
    chosen = options.isel({INTERVENTION: best})
    own = described(chosen, prob)
    top = options.max(INTERVENTION)
    columns = {
        "best": options[INTERVENTION].isel({INTERVENTION: best}),
        "net_benefit": own["mean"],
        "lower": own["lower"],
        "upper": own["upper"],
        "p_worthwhile": (chosen > 0).mean(SAMPLE_DIMS),
        "p_best": (chosen == top).mean(SAMPLE_DIMS),
        "expected_loss": (top - chosen).mean(SAMPLE_DIMS),
    }
    plain = {name: column.drop_vars([c for c in column.coords if c not in units]) for name, column in columns.items()}
    table = xr.Dataset(plain)
    return table.to_dataframe().reset_index() if units else pd.DataFrame([{k: v.item() for k, v in table.items()}])
