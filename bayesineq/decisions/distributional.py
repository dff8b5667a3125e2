"""Distributional cost-effectiveness: net health benefit by deprivation, and the equity impact plane."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from bayesineq.decisions.aversion import Family, equally_distributed_equivalent, over_aversions
from bayesineq.decisions.benefit import check_benefit, people_in
from bayesineq.decisions.groups import people_by, sum_by
from bayesineq.decisions.net_benefit import check_cost
from bayesineq.dims import CI_PROB, INTERVENTION, SAMPLE_DIMS
from bayesineq.errors import DecisionError
from bayesineq.posterior.groups import mean_interval

Array = NDArray[np.float64]

QUADRANTS: Final = {
    (True, True): "win-win: more health, less inequality",
    (True, False): "win-lose: more health, more inequality",
    (False, True): "lose-win: less health, less inequality",
    (False, False): "lose-lose: less health, more inequality",
}


UNCHANGED: Final = "no change in health or inequality"
"""Draws in which nothing is gained or lost by anyone: of nothing done."""


@dataclass(frozen=True, slots=True)
class ImpactPlane:
    """
    The equity impact plane of each intervention.

    Parameters
    ----------
    points : DataFrame
        One row a draw and intervention: `intervention, net_health, equity` (QALY, over all people).
    table : DataFrame
        One row an intervention: means and intervals of both, and the probability of each quadrant.
    aversion : float
        Aversion to inequality at which equity is valued.
    family : {"atkinson", "kolm"}
        Family of the equivalent.
    threshold : float or None
        Pounds whose diversion forgoes one QALY elsewhere, at which net health was reckoned.
    """

    points: pd.DataFrame
    table: pd.DataFrame
    aversion: float
    family: Family
    threshold: float | None = None


def net_health_by(
    benefit: xr.DataArray,
    cost: xr.DataArray | Mapping[str, float],
    *,
    by: str,
    threshold: float,
    opportunity_cost: Mapping[object, float],
    population: xr.DataArray | None = None,
) -> xr.Dataset:
    """
    Health gained, health forgone elsewhere and net health, by group.

    Parameters
    ----------
    benefit : DataArray, dims (chain, draw, unit..., intervention), scale QALY
        Benefit per eligible person.
    cost : DataArray or mapping from intervention to pounds
        Pounds per eligible person, net of savings.
    by : str
        Group, such as "imd_quintile".
    threshold : float
        Pounds whose diversion forgoes one QALY elsewhere.
    opportunity_cost : mapping from level to share
        Share of the health forgone that falls on each level; adds to 1. NICE's preferred analysis is equal shares,
        with other gradients as scenarios.
    population : DataArray, dims (unit...), optional
        Eligible people.

    Returns
    -------
    Dataset
        `health_benefit`, `opportunity_cost`, `net_health_benefit`, dims (chain, draw, by, intervention), QALY.

    Raises
    ------
    DecisionError
        If the scale is not QALY, or the shares do not cover the levels and add to 1.

    Examples
    --------
    >>> from bayesineq.decisions import from_effects
    >>> gains = [[[0.3], [0.1]]] * 2
    >>> benefit = from_effects(gains, scale="QALY", interventions=["calls"], units=["most", "least"], unit="deprived")
    >>> even = {"most": 0.5, "least": 0.5}
    >>> net = net_health_by(benefit, {"calls": 2000.0}, by="deprived", threshold=20_000.0, opportunity_cost=even)
    >>> net["net_health_benefit"].mean(("chain", "draw")).to_series().round(2)
    deprived  intervention
    most      calls           0.2
    least     calls           0.0
    Name: net_health_benefit, dtype: float64
    """
    checked = check_benefit(benefit)
    if checked.attrs["scale"] != "QALY":
        raise DecisionError(f"Net health needs a benefit in QALY, not {checked.attrs['scale']}: use rescale first.")
    if not threshold > 0:
        raise DecisionError(f"The threshold must be above 0 pounds per QALY: {threshold}.")
    gained = sum_by(checked, by, population=population)
    levels = [str(code) for code in gained[by].values]
    shares = {str(key): float(value) for key, value in opportunity_cost.items()}
    if set(shares) != set(levels) or abs(sum(shares.values()) - 1) > 1e-9 or min(shares.values()) < 0:
        raise DecisionError(
            f"opportunity_cost must give a share for each of {', '.join(levels)}, adding to 1; given: {shares}."
        )
    people = population if population is not None else people_in(checked)
    everywhere = check_cost(cost, checked).broadcast_like(checked.isel(dict.fromkeys(SAMPLE_DIMS, 0), drop=True))
    paid = xr.dot(everywhere.reset_coords(drop=True), people, dim=list(people.dims))
    part = xr.DataArray([shares[level] for level in levels], dims=by, coords={by: gained[by].values})
    forgone = (paid / threshold * part).broadcast_like(gained)
    order = (*SAMPLE_DIMS, by, INTERVENTION)
    return xr.Dataset(
        {
            "health_benefit": gained.transpose(*order),
            "opportunity_cost": forgone.transpose(*order),
            "net_health_benefit": (gained - forgone).transpose(*order),
        },
        attrs={"threshold": threshold},
    )


def nice_table(net_health: xr.Dataset, benefit: xr.DataArray, *, by: str, prob: float = CI_PROB) -> pd.DataFrame:
    """
    The table that NICE asks for: health benefit, opportunity cost and net health benefit by group.

    References
    ----------
    NICE (2025). Support document: health inequalities, PMG36. Table 1: components of distributional
    cost-effectiveness analysis and NICE's preferred approach.
    """
    people = people_by(benefit, by)
    rows = []
    for name in net_health[INTERVENTION].values:
        one = net_health.sel({INTERVENTION: name})
        for level in [*net_health[by].values, "all"]:
            cell = one.sum(by) if isinstance(level, str) and level == "all" else one.sel({by: level})
            _, low, high = mean_interval(cell["net_health_benefit"], prob)
            count = float(people.sum()) if isinstance(level, str) and level == "all" else float(people.sel({by: level}))
            means = {str(key): float(cell[key].mean()) for key in cell.data_vars}
            rows.append({INTERVENTION: name, by: level, "people": count, **means, "lower": low, "upper": high})
    return pd.DataFrame(rows)


def impact_plane(
    net_health: xr.Dataset,
    *,
    by: str,
    health: Mapping[object, float],
    people: Mapping[object, float],
    aversion: float,
    family: Family = "atkinson",
    prob: float = CI_PROB,
) -> ImpactPlane:
    """
    Net health against equity, draw by draw.

    Parameters
    ----------
    net_health : Dataset
        `net_health_by`.
    by : str
        Group.
    health : mapping from level to float
        Lifetime health per person before: quality-adjusted life expectancy, years.
    people : mapping from level to float
        Everyone in the group, on whom gains and opportunity costs fall.
    aversion : float
        Aversion to inequality.
    family : {"atkinson", "kolm"}
        Whether relative or absolute differences matter.
    prob : float
        Probability held by the intervals.

    Returns
    -------
    ImpactPlane
        Cloud of draws, and the probability of each quadrant, and of no change.

    Notes
    -----
    Equity is people times (change of the equally distributed equivalent less change of the mean): 0 at aversion 0,
    positive where inequality falls.

    References
    ----------
    Cookson R et al. (2017). Using cost-effectiveness analysis to address health equity concerns. Value in Health 20:
    206-212. doi:10.1016/j.jval.2016.11.027

    Examples
    --------
    >>> from bayesineq.decisions import from_effects
    >>> gains = [[[0.3], [0.1]], [[0.4], [0.2]]]
    >>> benefit = from_effects(gains, scale="QALY", interventions=["calls"], units=["most", "least"], unit="deprived")
    >>> even = {"most": 0.5, "least": 0.5}
    >>> net = net_health_by(benefit, {"calls": 2000.0}, by="deprived", threshold=20_000.0, opportunity_cost=even)
    >>> plane = impact_plane(
    ...     net, by="deprived", health={"most": 60.0, "least": 75.0}, people={"most": 1, "least": 1}, aversion=3.5
    ... )
    >>> plane.points.round(2)
      intervention  net_health  equity
    0        calls         0.2    0.08
    1        calls         0.4    0.08
    """
    levels = [str(code) for code in net_health[by].values]
    start, size = _by_level(health, levels, "health"), _by_level(people, levels, "people")
    points, rows = [], []
    for name in net_health[INTERVENTION].values:
        change = net_health["net_health_benefit"].sel({INTERVENTION: name}).transpose(*SAMPLE_DIMS, by)
        net, equity = _impact(change.values.reshape(-1, len(levels)), start, size, aversion, family)
        points.append(pd.DataFrame({INTERVENTION: name, "net_health": net, "equity": equity}))
        rows.append({INTERVENTION: name, **_summary("net_health", net, prob), **_summary("equity", equity, prob)})
        same = ~change.values.reshape(-1, len(levels)).any(axis=1)
        for (more, fairer), words in QUADRANTS.items():
            rows[-1][f"P({words})"] = float((((net > 0) == more) & ((equity > 0) == fairer) & ~same).mean())
        rows[-1][f"P({UNCHANGED})"] = float(same.mean())
    return ImpactPlane(
        pd.concat(points, ignore_index=True), pd.DataFrame(rows), aversion, family, net_health.attrs.get("threshold")
    )


def aversion_grid(
    net_health: xr.Dataset,
    *,
    by: str,
    health: Mapping[object, float],
    people: Mapping[object, float],
    aversions: Sequence[float],
    intervention: str,
    family: Family = "atkinson",
    prob: float = CI_PROB,
) -> pd.DataFrame:
    """Worth of one intervention's net health over a grid of aversions to inequality."""
    levels = [str(code) for code in net_health[by].values]
    start, size = _by_level(health, levels, "health"), _by_level(people, levels, "people")
    change = net_health["net_health_benefit"].sel({INTERVENTION: intervention}).transpose(*SAMPLE_DIMS, by)
    after = start + change.values.reshape(-1, len(levels)) / size
    return over_aversions(start, after, size, aversions=aversions, family=family, prob=prob)


def _impact(change: Array, start: Array, size: Array, aversion: float, family: Family) -> tuple[Array, Array]:
    after = start + change / size
    whole = size.sum()
    moved = equally_distributed_equivalent(after, size, aversion=aversion, family=family)
    before = equally_distributed_equivalent(start, size, aversion=aversion, family=family)
    net = change.sum(axis=-1)
    return net, whole * (moved - before) - net


def _by_level(values: Mapping[object, float], levels: list[str], what: str) -> Array:
    text = {str(key): float(value) for key, value in values.items()}
    missing = [level for level in levels if level not in text]
    if missing:
        raise DecisionError(f"No {what} for {', '.join(missing)}: give one number for each of {', '.join(levels)}.")
    return np.array([text[level] for level in levels])


def _summary(name: str, values: Array, prob: float) -> dict[str, float]:
    return dict(zip((name, f"{name}_lower", f"{name}_upper"), mean_interval(values, prob), strict=True))
