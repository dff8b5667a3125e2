"""From plans and local risk to every table that a decision needs: the work behind `bayesineq compare`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike

from bayesineq.decisions.allocate import Allocation, Floors, allocate, budgeted_information
from bayesineq.decisions.compare import Comparison, compare
from bayesineq.decisions.distributional import net_health_by, nice_table
from bayesineq.decisions.equity import given_to_all, shares_by, slope_change
from bayesineq.decisions.frontier import frontier
from bayesineq.decisions.information import evppi, value_of_stratification
from bayesineq.decisions.interventions import Intervention
from bayesineq.decisions.net_benefit import NOTHING, decide, net_benefit, with_comparator
from bayesineq.decisions.ranking import rank_areas
from bayesineq.decisions.words import in_words
from bayesineq.dims import AREA, CI_PROB, DECILE, ETHNICITY, INTERVENTION, POPULATION, QUINTILE, SAMPLE_DIMS
from bayesineq.errors import DecisionError
from bayesineq.uplift.benefit import check_benefit, rescale, unit_dims
from bayesineq.uplift.published import Quantity, draw_positive
from bayesineq.uplift.transport import apply_published, coverage, published_draws

FRONTIER_FLOORS: Final = (0.0, 0.2, 0.3, 0.4, 0.5)


@dataclass(frozen=True, slots=True)
class PlanBenefit:
    """
    Plans seen through local risk: everything a decision reads.

    Parameters
    ----------
    benefit : DataArray, dims (chain, draw, unit..., intervention)
        Benefit per eligible person on the scale that decides: QALY, or events averted.
    events : DataArray, same dims
        Events averted per eligible person.
    spend, net_cost : DataArray, with dimension intervention
        Pounds per eligible person: from the budget, and less what events averted save.
    treated : DataArray
        People treated per eligible person.
    parameters : mapping from name to DataArray, dims (chain, draw)
        Draws of what is uncertain about the plans.
    baseline : DataArray, dims (chain, draw, unit...)
        Risk without intervention, with quintiles attached.
    """

    benefit: xr.DataArray
    events: xr.DataArray
    spend: xr.DataArray
    net_cost: xr.DataArray
    treated: xr.DataArray
    parameters: Mapping[str, xr.DataArray]
    baseline: xr.DataArray


@dataclass(frozen=True, slots=True)
class PlanComparison:
    """
    Plans compared: tidy tables, and the values they came from.

    Parameters
    ----------
    comparison : Comparison
        Each plan for everyone, as alternatives.
    allocation : Allocation
        What to do within the budget.
    tables : mapping from name to DataFrame
        `options, curve, information, cases, allocation, prices, allocation_total, strata_GROUP, shares_GROUP`, and
        where the units carry what they need `slope, frontier, areas, distribution`.
    words : tuple of str
        What the tables say, in sentences, with what they do not support.
    benefit : PlanBenefit
        Draws.
    settings : mapping
        Threshold, budget, probability and seed, as given.
    """

    comparison: Comparison
    allocation: Allocation
    tables: Mapping[str, pd.DataFrame]
    words: tuple[str, ...]
    benefit: PlanBenefit
    settings: Mapping[str, object] = field(default_factory=dict)


def plan_benefit(
    plans: Sequence[Intervention],
    baseline: xr.DataArray,
    *,
    correlation: float | ArrayLike = 0.0,
    seed: int | None = None,
) -> PlanBenefit:
    """
    Carry plans to local risk.

    Parameters
    ----------
    plans : sequence of Intervention
        Plans.
    baseline : DataArray, dims (chain, draw, unit...)
        Risk per eligible person without intervention, with a coordinate `population`. Where nobody lives (crossed
        groups, population 0) the risk may be missing: such a unit has no benefit and no cost.
    correlation : float or array
        Correlation of the errors of the published effects.
    seed : int, optional
        Seed of the draws of effects, uptake, costs and values.

    Returns
    -------
    PlanBenefit
        Benefit, costs and parameters, draw by draw.

    Raises
    ------
    DecisionError
        If names repeat, some plans have QALYs per event and others not, or the baseline does not fit.
    """
    names = [plan.name for plan in plans]
    if len(set(names)) < len(names):
        raise DecisionError(f"Interventions need names of their own: {', '.join(names)}.")
    with_qaly = [plan.name for plan in plans if plan.qaly_per_event is not None]
    if with_qaly and len(with_qaly) < len(plans):
        raise DecisionError(
            f"Effects on mixed scales: {', '.join(with_qaly)} state qaly_per_event, "
            f"{', '.join(sorted(set(names) - set(with_qaly)))} do not. Give it for all, or for none."
        )
    local = with_quintile(_without_empty(baseline))
    streams = [int(x) for x in np.random.SeedSequence(seed).generate_state(3)]
    effects = {plan.name: plan.effect for plan in plans}
    drawn = published_draws(effects, like=local, correlation=correlation, seed=streams[0])
    reach, uptake = {p.name: p.reach for p in plans}, {p.name: p.uptake for p in plans}
    treated = coverage(local, names, reach=reach, uptake=uptake, seed=streams[1])
    events = apply_published(local, effects, drawn, treated=treated)
    rng = np.random.default_rng(streams[2])
    zero = Quantity(0.0)
    cost = _draw_each([plan.cost for plan in plans], names, local, rng)
    saving = _draw_each([plan.saving_per_event or zero for plan in plans], names, local, rng)
    qaly = _draw_each([plan.qaly_per_event or zero for plan in plans], names, local, rng)
    spend = treated * cost
    parameters = {f"effect of {name}": drawn["effect"].sel({INTERVENTION: name}, drop=True) for name in names}
    for what, values in (("cost", cost), ("saving per event", saving), ("QALY per event", qaly)):
        parameters |= {f"{what} of {name}": values.sel({INTERVENTION: name}, drop=True) for name in names}
    if all(dim in treated.dims for dim in SAMPLE_DIMS):
        mean = treated.mean([dim for dim in treated.dims if dim not in (*SAMPLE_DIMS, INTERVENTION)])
        parameters |= {f"uptake of {name}": mean.sel({INTERVENTION: name}, drop=True) for name in names}
    parameters["baseline risk"] = local.mean(unit_dims(local)) if unit_dims(local) else local
    moving = {name: values for name, values in parameters.items() if float(values.std()) > 0}
    benefit = rescale(events, qaly, scale="QALY") if with_qaly else events
    net = spend - events * saving if float(np.abs(saving).max()) > 0 else spend
    return PlanBenefit(benefit, events, spend, net.drop_vars("population", errors="ignore"), treated, moving, local)


def compare_plans(
    plans: Sequence[Intervention],
    baseline: xr.DataArray,
    *,
    budget: float,
    threshold: float,
    thresholds: Sequence[float] = (),
    floors: Floors | None = None,
    equity_by: Sequence[str] = (QUINTILE, ETHNICITY),
    top: float = 0.1,
    opportunity_cost: Mapping[object, float] | None = None,
    correlation: float | ArrayLike = 0.0,
    prob: float = CI_PROB,
    seed: int | None = None,
) -> PlanComparison:
    """
    Compare plans on local risk and allocate a budget among them.

    Parameters
    ----------
    plans : sequence of Intervention
        Plans (`read_plans`).
    baseline : DataArray, dims (chain, draw, unit...)
        Risk per eligible person without intervention, with a coordinate `population` (`expected`). Deciles of
        deprivation, as a dimension or along the areas, are brought to quintiles.
    budget : float
        Pounds.
    threshold : float
        Pounds for a QALY; for an event averted where the plans state no QALYs.
    thresholds : sequence of float
        Thresholds of the acceptability curve; default from 0 to twice the threshold in 41 steps.
    floors : mapping, optional
        Least shares of the places by group, as in `allocate`.
    equity_by : sequence of str
        Groups to report by; those that the units do not carry are left out, and named in the words.
    top : float
        Share or number of areas that count as served first.
    opportunity_cost : mapping from quintile to share, optional
        Where the health forgone falls; default equal shares, as NICE prefers.
    correlation : float or array
        Correlation of the errors of the published effects.
    prob : float
        Probability held by the intervals.
    seed : int, optional
        Seed.

    Returns
    -------
    PlanComparison
        Tables, words and draws.

    Raises
    ------
    DecisionError
        If plans, baseline, budget or threshold do not fit.
    """
    seen = plan_benefit(plans, baseline, correlation=correlation, seed=seed)
    benefit = check_benefit(seen.benefit)
    limit = {plan.name: plan.capacity for plan in plans if plan.capacity is not None}
    grid = thresholds if len(thresholds) else np.linspace(0.0, 2 * threshold, 41).tolist()
    comparison = compare(benefit, seen.net_cost, threshold=threshold, thresholds=grid, prob=prob)
    worth = net_benefit(benefit, seen.net_cost, threshold=threshold)
    options = with_comparator(worth, NOTHING)
    allocation = allocate(
        benefit,
        seen.spend,
        budget=budget,
        threshold=threshold,
        net_cost=seen.net_cost,
        treated=seen.treated,
        capacity=limit,
        floors=floors,
    )
    mean, low, high = allocation.interval(prob)
    tables: dict[str, pd.DataFrame] = {
        "options": comparison.options,
        "curve": comparison.curve,
        "information": evppi(comparison.net_benefit, seen.parameters),
        "cases": decide(worth, prob=prob),
        "allocation": allocation.table,
        "prices": allocation.prices,
        "allocation_total": pd.DataFrame(
            [
                {
                    "budget": budget,
                    "spend": allocation.spend,
                    "treated": allocation.treated,
                    "scale": allocation.scale,
                    "benefit": mean,
                    "lower": low,
                    "upper": high,
                    "net_benefit": allocation.objective,
                    "evpi_within_budget": budgeted_information(benefit, _certain(seen.spend), budget=budget, draws=100),
                }
            ]
        ),
    }
    carried = [by for by in equity_by if by in benefit.coords]
    for by in carried:
        tables[f"strata_{by}"] = value_of_stratification(options, by)
        tables[f"shares_{by}"] = shares_by(
            allocation.share, benefit, _certain(seen.spend), by=by, need=seen.baseline, treated=seen.treated, prob=prob
        )
    if QUINTILE in benefit.coords:
        averted = given_to_all(allocation.share, seen.events)
        tables["slope"] = slope_change(seen.baseline, averted, by=QUINTILE, prob=prob)
        tables["frontier"] = frontier(
            benefit,
            _certain(seen.spend),
            budget=budget,
            by=QUINTILE,
            level=np.min(benefit.coords[QUINTILE].values),
            shares=FRONTIER_FLOORS,
            threshold=threshold,
            net_cost=seen.net_cost,
            treated=seen.treated,
            capacity=limit,
        )
        if benefit.attrs["scale"] == "QALY":
            levels = np.unique(benefit.coords[QUINTILE].values)
            falls = opportunity_cost or dict.fromkeys(levels, 1 / levels.size)
            health = net_health_by(benefit, seen.net_cost, by=QUINTILE, threshold=threshold, opportunity_cost=falls)
            tables["distribution"] = nice_table(health, benefit, by=QUINTILE, prob=prob)
    if unit_dims(benefit) == [AREA]:
        tables["areas"] = rank_areas(worth.max(INTERVENTION), top=top, prob=prob)
    return PlanComparison(
        comparison=comparison,
        allocation=allocation,
        tables=tables,
        words=in_words(comparison, allocation, tables, [by for by in equity_by if by not in carried]),
        benefit=seen,
        settings={"threshold": threshold, "budget": budget, "prob": prob, "seed": seed, "top": top},
    )


def with_quintile(baseline: xr.DataArray) -> xr.DataArray:
    """
    Attach the quintile of deprivation where only the decile is known.

    Parameters
    ----------
    baseline : DataArray
        Values with `imd_decile` as a dimension or a coordinate, or without.

    Returns
    -------
    DataArray
        The same, with a coordinate `imd_quintile` beside the decile.
    """
    if DECILE not in baseline.coords or QUINTILE in baseline.coords:
        return baseline
    decile = baseline.coords[DECILE]
    return baseline.assign_coords({QUINTILE: (decile.dims, (decile.values.astype(int) + 1) // 2)})


def _without_empty(baseline: xr.DataArray) -> xr.DataArray:
    if POPULATION not in baseline.coords:
        return baseline
    people = baseline.coords[POPULATION].fillna(0.0)
    filled = baseline.assign_coords({POPULATION: people})
    return filled.where(people > 0, filled.fillna(0.0))


def _certain(values: xr.DataArray) -> xr.DataArray:
    present = [dim for dim in SAMPLE_DIMS if dim in values.dims]
    return values.mean(present) if present else values


def _draw_each(
    quantities: Sequence[Quantity], names: Sequence[str], like: xr.DataArray, rng: np.random.Generator
) -> xr.DataArray:
    shape = tuple(like.sizes[dim] for dim in SAMPLE_DIMS)
    columns = [draw_positive(quantity, rng.standard_normal(shape)) for quantity in quantities]
    coords = {dim: like.coords[dim].values for dim in SAMPLE_DIMS if dim in like.coords}
    return xr.DataArray(
        np.stack(columns, axis=-1), dims=(*SAMPLE_DIMS, INTERVENTION), coords={**coords, INTERVENTION: list(names)}
    )
