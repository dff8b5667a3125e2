"""Who gets the places, the pounds and the benefit, and what that does to the gradient."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from bayesineq.decisions.benefit import check_benefit
from bayesineq.decisions.groups import people_by, sum_by
from bayesineq.decisions.interventions import event_of
from bayesineq.decisions.net_benefit import check_cost
from bayesineq.decisions.polarity import EVENTS, SIGN, polarity
from bayesineq.dims import CI_PROB, INTERVENTION, SAMPLE_DIMS
from bayesineq.errors import DecisionError, MeasureError
from bayesineq.measures.slope import sii
from bayesineq.posterior.groups import interval, mean_interval, pooled
from bayesineq.posterior.lift import in_social_order

Array = NDArray[np.float64]


def shares_by(
    share: xr.DataArray,
    benefit: xr.DataArray,
    spend: xr.DataArray | Mapping[str, float],
    *,
    by: str,
    need: xr.DataArray,
    treated: xr.DataArray | None = None,
    population: xr.DataArray | None = None,
    prob: float = CI_PROB,
) -> pd.DataFrame:
    """
    Shares of places, spend and benefit by group, against shares of people and of need.

    Parameters
    ----------
    share : DataArray, dims (unit..., intervention)
        Share of eligible people given each intervention (`Allocation.share`).
    benefit : DataArray, dims (chain, draw, unit..., intervention)
        Benefit per eligible person.
    spend : DataArray or mapping from intervention to pounds
        Pounds per eligible person.
    by : str
        Group: "imd_quintile", "ethnicity".
    need : DataArray, dims (unit...) or (chain, draw, unit...)
        Need per eligible person: baseline risk where more of the outcome is worse, those without it where more is
        better (`need_of`).
    treated : DataArray, optional
        People treated per eligible person; default 1.
    population : DataArray, dims (unit...), optional
        Eligible people.
    prob : float
        Probability held by the interval of the benefit's share.

    Returns
    -------
    DataFrame
        One row a group: `by, people, people_share, need_share, treated, treated_share, spend, spend_share, benefit,
        benefit_share, lower, upper, benefit_per_1000, treated_to_need`. `treated_to_need` is the share of places over
        the share of need: 1 is proportionate. Shares of places are missing where nobody is treated, shares of benefit
        where there is none to share (the total is zero or harm).

    Raises
    ------
    DecisionError
        If the need given is an outcome of which more is better.

    Examples
    --------
    >>> from bayesineq.decisions import from_effects
    >>> gains = [[[0.3], [0.1]]] * 2
    >>> benefit = from_effects(gains, scale="QALY", interventions=["calls"], units=[1, 5], unit="imd_quintile")
    >>> half = xr.DataArray([[1.0], [0.5]], coords={"imd_quintile": [1, 5], "intervention": ["calls"]})
    >>> need = xr.DataArray([0.3, 0.1], coords={"imd_quintile": [1, 5]})
    >>> table = shares_by(half, benefit, {"calls": 10.0}, by="imd_quintile", need=need)
    >>> table[["imd_quintile", "treated_share", "need_share", "treated_to_need"]].round(2)
       imd_quintile  treated_share  need_share  treated_to_need
    0             1           0.67        0.75             0.89
    1             5           0.33        0.25             1.33
    """
    checked = check_benefit(benefit)
    if polarity(need) == "better":
        raise DecisionError(
            f"More {event_of(need)} is better: need is being without it. Give need_of(risk), or, where these values "
            "are of those without it already, need.assign_attrs(more_is='worse')."
        )
    here = _carry(share, checked)
    given = sum_by(_carry(here * checked, checked).sum(INTERVENTION), by, population=population)
    places = here if treated is None else _carry(here * _mean(treated), checked)
    paid = _carry(here * _mean(check_cost(spend, checked, saving=False)), checked)
    wide = _carry(_mean(need).broadcast_like(here.isel({INTERVENTION: 0}, drop=True)), checked)
    people = people_by(checked, by, population=population)
    table = pd.DataFrame({by: people[by].values, "people": people.values})
    columns = {
        "treated": sum_by(places.sum(INTERVENTION), by, population=population).values,
        "spend": sum_by(paid.sum(INTERVENTION), by, population=population).values,
        "benefit": given.mean(SAMPLE_DIMS).values,
    }
    needs = np.asarray(sum_by(wide, by, population=population).values)
    table["people_share"] = _part(people.values)
    table["need_share"] = _part(needs)
    for name, values in columns.items():
        table[name] = values
        table[f"{name}_share"] = _part(values)
    whole = given.sum(by)
    part = pooled(given / whole, by)[pooled(whole) != 0]
    table["lower"], table["upper"] = interval(part, prob) if len(part) else (np.nan, np.nan)
    if not float(whole.mean()) > 0:
        table[["benefit_share", "lower", "upper"]] = np.nan
    table["benefit_per_1000"] = 1000 * table["benefit"] / table["people"]
    table["treated_to_need"] = table["treated_share"] / table["need_share"]
    return table


def slope_change(
    baseline: xr.DataArray,
    benefit: xr.DataArray,
    *,
    by: str,
    population: xr.DataArray | None = None,
    prob: float = CI_PROB,
) -> pd.DataFrame:
    """
    Slope index of inequality before and after, of the same outcome.

    Parameters
    ----------
    baseline : DataArray, dims (chain, draw, unit...)
        Risk per eligible person before; a coordinate `population` gives the people.
    benefit : DataArray, dims (chain, draw, unit...)
        Events averted or gained per eligible person by what is done, interventions added up (`given_to_all`); its
        attribute `scale` says which, events averted where it has none.
    by : str
        Ordered group, such as imd_quintile; of numbers the lowest is the most deprived.
    population : DataArray, dims (unit...), optional
        Eligible people.
    prob : float
        Probability held by the intervals.

    Returns
    -------
    DataFrame
        Rows "before", "after" and "change": `when, mean, lower, upper, p_narrower`, where narrower means that the
        slope is closer to 0 after than before. The slope (least deprived less most deprived) is negative where the
        deprived have more of the outcome: worse for them if more is worse, better if more is better.

    Raises
    ------
    DecisionError
        If the benefit is not counted in events of the outcome, or in the other direction than the outcome's polarity,
        or the groups have no order from disadvantage to advantage.

    Examples
    --------
    >>> dims, quintiles = ("chain", "draw", "imd_quintile"), {"imd_quintile": [1, 2, 3, 4, 5]}
    >>> risk = xr.DataArray([[[0.30, 0.25, 0.20, 0.15, 0.10]] * 2], dims=dims, coords=quintiles)
    >>> averted = risk.copy(data=[[[0.08, 0.06, 0.04, 0.02, 0.0]] * 2])
    >>> slope_change(risk, averted, by="imd_quintile").round(2)
         when  mean  lower  upper  p_narrower
    0  before -0.25  -0.25  -0.25         1.0
    1   after -0.15  -0.15  -0.15         1.0
    2  change  0.10   0.10   0.10         1.0
    """
    counted = benefit.attrs.get("scale", EVENTS["worse"])
    own = EVENTS[polarity(baseline)] if "more_is" in baseline.attrs else counted
    if counted not in EVENTS.values() or counted != own:
        raise DecisionError(f"The slope moves by {own} of the outcome itself; the benefit given is in {counted}.")
    sign = SIGN["better" if counted == EVENTS["better"] else "worse"]
    people = people_by(baseline, by, population=population)

    def slope(values: xr.DataArray) -> Array:
        rate = sum_by(_carry(values, baseline), by, population=population) / people
        try:
            laid = in_social_order(rate, by, "the slope index").transpose(*SAMPLE_DIMS, by)
        except MeasureError as error:
            raise DecisionError(str(error)) from None
        size = people.sel({by: laid[by]}).to_numpy().astype(np.float64)
        return np.asarray(sii(laid.to_numpy().reshape(-1, size.size), size))

    before, after = slope(baseline), slope(baseline + sign * benefit)
    narrower = float((np.abs(after) < np.abs(before)).mean())
    rows = []
    for when, values in (("before", before), ("after", after), ("change", after - before)):
        rows.append((when, *mean_interval(values, prob), narrower))
    return pd.DataFrame(rows, columns=["when", "mean", "lower", "upper", "p_narrower"])


def given_to_all(share: xr.DataArray, benefit: xr.DataArray) -> xr.DataArray:
    """
    Benefit per eligible person of an allocation, interventions added up.

    Shapes: share (unit..., intervention); benefit (chain, draw, unit..., intervention); returns (chain, draw,
    unit...).
    """
    checked = check_benefit(benefit)
    try:
        _, _ = xr.align(share, checked, join="exact")
    except ValueError as error:
        raise DecisionError(f"The allocation and the benefit do not name the same units: {error}") from error
    given = _carry((share * checked).sum(INTERVENTION).transpose(*SAMPLE_DIMS, ...), checked)
    return given.assign_attrs(scale=checked.attrs["scale"])


def _carry(values: xr.DataArray, like: xr.DataArray) -> xr.DataArray:
    coords = {name: coord for name, coord in like.coords.items() if set(coord.dims) <= set(values.dims)}
    return values.assign_coords(coords)


def _mean(values: xr.DataArray) -> xr.DataArray:
    present = [dim for dim in SAMPLE_DIMS if dim in values.dims]
    return (values.mean(present) if present else values).reset_coords(drop=True)


def _part(values: Array) -> Array:
    whole = float(np.sum(values))
    return np.asarray(values / whole) if whole != 0 else np.full(np.shape(values), np.nan)
