"""What each step towards equity costs in benefit: allocations over a grid of floors for one group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import xarray as xr

from bayesineq.decisions.allocate import Allocation, Constraints, allocate
from bayesineq.decisions.groups import sum_by
from bayesineq.dims import INTERVENTION, SAMPLE_DIMS


def frontier(
    benefit: xr.DataArray,
    spend: xr.DataArray | Mapping[str, float],
    *,
    budget: float,
    by: str,
    level: object,
    shares: Sequence[float] = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5),
    threshold: float | None = None,
    net_cost: xr.DataArray | None = None,
    treated: xr.DataArray | None = None,
    capacity: Mapping[str, float] | None = None,
) -> pd.DataFrame:
    """
    Trade benefit against the share of places that goes to one group.

    Parameters
    ----------
    benefit : DataArray, dims (chain, draw, unit..., intervention)
        Benefit per eligible person.
    spend : DataArray or mapping from intervention to pounds
        Pounds per eligible person.
    budget : float
        Pounds.
    by, level : str and code
        Group whose share of the people treated is raised, such as "imd_quintile" and 1.
    shares : sequence of float
        Floors to try; a floor that cannot be met raises.
    threshold, net_cost, treated
        As in `allocate`.
    capacity : mapping from intervention to people, optional
        Most people that can be treated.

    Returns
    -------
    DataFrame
        One row a floor: `floor, share` (reached), `benefit` with `lower` and `upper` and `benefit_given_up` (mean
        benefit lost against no floor), `objective, spend, treated, given_up` (objective lost against no floor) and
        `price` (objective for one place less asked for). `unit` says what benefit is counted in, `objective_unit`
        what objective, `given_up` and `price` are: pounds of net benefit where a threshold is given.

    Examples
    --------
    >>> from bayesineq.decisions import from_effects
    >>> gains = [[[0.1], [0.3]]] * 2
    >>> benefit = from_effects(gains, scale="QALY", interventions=["calls"], units=[1, 5], unit="imd_quintile")
    >>> table = frontier(benefit, {"calls": 10.0}, budget=10.0, by="imd_quintile", level=1, shares=(0.0, 0.5))
    >>> table[["floor", "share", "benefit", "benefit_given_up"]].round(2)
       floor  share  benefit  benefit_given_up
    0    0.0    0.0      0.3               0.0
    1    0.5    0.5      0.2               0.1
    """
    rows = []
    free: tuple[float, float] | None = None
    for floor in sorted({0.0, *map(float, shares)}):
        result = allocate(
            benefit,
            spend,
            budget=budget,
            threshold=threshold,
            net_cost=net_cost,
            treated=treated,
            constraints=Constraints(capacity, {by: {level: floor}}),
        )
        mean, low, high = result.interval()
        free = (result.objective, mean) if free is None else free
        rows.append(
            {
                "floor": floor,
                "share": _share(result, benefit, by, level, treated),
                "benefit": mean,
                "lower": low,
                "upper": high,
                "benefit_given_up": free[1] - mean,
                "unit": result.scale,
                "objective": result.objective,
                "spend": result.spend,
                "treated": result.treated,
                "given_up": free[0] - result.objective,
                "price": float(result.prices["price"].iloc[-1]),
                "objective_unit": result.scale if threshold is None else "pounds",
            }
        )
    return pd.DataFrame(rows)


def _share(
    result: Allocation,
    benefit: xr.DataArray,
    by: str,
    level: object,
    treated: xr.DataArray | None,
) -> float:
    places = result.share if treated is None else result.share * treated
    sampled = [dim for dim in SAMPLE_DIMS if dim in places.dims]
    everyone = (places.mean(sampled) if sampled else places).sum(INTERVENTION)
    units = {name: coord for name, coord in benefit.coords.items() if set(coord.dims) <= set(everyone.dims)}
    added = sum_by(everyone.assign_coords(units), by)
    inside = [str(code) == str(level) for code in added[by].values]
    whole = float(added.sum())
    return float(added.values[np.asarray(inside)].sum()) / whole if whole > 0 else float("nan")
