"""From plans and local risk to every table that a decision needs: the work behind `bayesineq compare`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike

from bayesineq.decisions.allocate import Allocation, Constraints, Floors, allocate, budgeted_information
from bayesineq.decisions.benefit import check_benefit, unit_dims
from bayesineq.decisions.compare import Comparison, compare
from bayesineq.decisions.distributional import net_health_by, nice_table
from bayesineq.decisions.equity import given_to_all, shares_by, slope_change
from bayesineq.decisions.events import events_table, need_of
from bayesineq.decisions.frontier import frontier
from bayesineq.decisions.groups import people_by
from bayesineq.decisions.information import evppi, evsi, value_of_stratification
from bayesineq.decisions.interventions import Intervention, event_of
from bayesineq.decisions.net_benefit import NOTHING, decide, net_benefit, with_comparator
from bayesineq.decisions.plan_benefit import PlanBenefit, plan_benefit, pooled
from bayesineq.decisions.polarity import EVENTS, polarity
from bayesineq.decisions.ranking import rank_areas
from bayesineq.decisions.rivals import targeting_rules
from bayesineq.decisions.words import in_words
from bayesineq.dims import AREA, CI_PROB, ETHNICITY, INTERVENTION, QUINTILE, SAMPLE_DIMS, MoreIs
from bayesineq.errors import DecisionError

FEWEST: Final = 3
"""Fifths of deprivation that a slope needs: a line through two fits whatever they are."""

ALLOCATION: Final = "this allocation"
"""Name of the allocation where it stands beside the plans."""

FRONTIER_FLOORS: Final = (0.0, *(round(0.1 * k, 1) for k in range(2, 11)))
"""Floors that a group's share of the places is raised to, up to all of them."""


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
        `options, events, curve, information, study, cases, allocation, prices, allocation_total, rules, strata_GROUP,
        shares_GROUP`, and where the units carry what they need `slope, frontier, areas, distribution`.
    said : mapping from subject to tuple of str
        What the tables say in sentences, with what they do not support: on "choice", "allocation" and "equity".
    plans : tuple of Intervention
        What was compared.
    benefit : PlanBenefit
        Draws, by the units that are decided for.
    net_health : Dataset or None
        `net_health_by` quintile of each plan and of the allocation, where benefit is in QALYs.
    settings : mapping
        Threshold, budget, probability and seed, as given.
    """

    comparison: Comparison
    allocation: Allocation
    tables: Mapping[str, pd.DataFrame]
    said: Mapping[str, tuple[str, ...]]
    plans: tuple[Intervention, ...]
    benefit: PlanBenefit
    net_health: xr.Dataset | None = None
    settings: Mapping[str, object] = field(default_factory=dict)

    @property
    def words(self) -> tuple[str, ...]:
        """All sentences, in order."""
        return tuple(sentence for part in self.said.values() for sentence in part)


@dataclass(frozen=True, slots=True)
class PlanOptions:
    """
    What may be set of a comparison of plans beyond its budget and threshold.

    Parameters
    ----------
    thresholds : sequence of float
        Thresholds of the acceptability curve; default from 0 to twice the threshold in 41 steps.
    floors : mapping, optional
        Least shares of the places by group, as in `Constraints`.
    decide_by : sequence of str, optional
        Units among which the budget is allocated; default all of the baseline's. Other dimensions, such as ethnicity
        within areas, are reported by and never decided by.
    equity_by : sequence of str
        Groups to report by; those that the units do not carry are left out, and named in the words.
    top : float
        Share or number of areas that count as served first.
    opportunity_cost : mapping from quintile to share, optional
        Where the health forgone falls; default equal shares, as NICE prefers.
    more_is : {"worse", "better"}, optional
        Polarity of the outcome, where the baseline does not carry it: `expected` writes it into the attributes, from
        the card; "worse" where neither says.
    correlation : float or array
        Correlation of the errors of the published effects.
    prob : float
        Probability held by the intervals.

    Examples
    --------
    >>> PlanOptions(decide_by=["area"], top=0.2).prob
    0.95
    """

    thresholds: Sequence[float] = ()
    floors: Floors | None = None
    decide_by: Sequence[str] | None = None
    equity_by: Sequence[str] = (QUINTILE, ETHNICITY)
    top: float = 0.1
    opportunity_cost: Mapping[object, float] | None = None
    more_is: MoreIs | None = None
    correlation: float | ArrayLike = 0.0
    prob: float = CI_PROB

    def __post_init__(self) -> None:
        if not 0 < self.prob < 1:
            raise DecisionError(f"prob={self.prob} is no probability of an interval: give one between 0 and 1.")
        if not 0 < self.top < math.inf:
            raise DecisionError(f"top={self.top}: give a share of the areas below 1, or how many are served first.")


STANDARD: Final = PlanOptions()


def compare_plans(
    plans: Sequence[Intervention],
    baseline: xr.DataArray,
    *,
    budget: float,
    threshold: float,
    options: PlanOptions = STANDARD,
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
        Pounds for a QALY; for an event averted (gained, where more is better) where the plans state no QALYs.
    options : PlanOptions
        Units of the decision, groups, floors, polarity and the like.
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

    Examples
    --------
    >>> from bayesineq.decisions import Intervention, PublishedEffect, Quantity
    >>> calls = Intervention("calls", PublishedEffect("risk ratio", Quantity(0.75)), cost=Quantity(50.0))
    >>> risk = xr.DataArray([[[0.2, 0.1]] * 2], dims=("chain", "draw", "area"), coords={"area": ["east", "west"]})
    >>> risk = risk.assign_coords(population=("area", [100, 100]))
    >>> options = PlanOptions(equity_by=(), top=1, more_is="worse")
    >>> found = compare_plans([calls], risk, budget=5_000.0, threshold=2_000.0, options=options)
    >>> found.tables["allocation"]
       area intervention  share  treated   spend  benefit
    0  east        calls    1.0    100.0  5000.0      5.0
    """
    prob, decide_by = options.prob, options.decide_by
    _check_pounds(budget=budget, threshold=threshold)
    fine = plan_benefit(plans, baseline, more_is=options.more_is, correlation=options.correlation, seed=seed)
    within = unit_dims(fine.benefit)
    seen = pooled(fine, [] if decide_by is None else [dim for dim in within if dim not in decide_by])
    benefit = check_benefit(seen.benefit)
    limit = {plan.name: plan.capacity for plan in plans if plan.capacity is not None}
    grid = options.thresholds if len(options.thresholds) else np.linspace(0.0, 2 * threshold, 41).tolist()
    comparison = compare(benefit, seen.net_cost, threshold=threshold, thresholds=grid, prob=prob)
    allocation = allocate(
        benefit,
        seen.spend,
        budget=budget,
        threshold=threshold,
        net_cost=seen.net_cost,
        treated=seen.treated,
        constraints=Constraints(limit, options.floors),
    )
    worth = net_benefit(benefit, seen.net_cost, threshold=threshold)
    tables = _tables_of_choice(plans, comparison, seen, prob)
    tables["cases"] = decide(worth, prob=prob)
    tables |= _tables_of_allocation(allocation, seen, prob)
    carried = [by for by in options.equity_by if by in fine.benefit.coords]
    tables |= _tables_by_group(carried, allocation, fine, threshold, prob)
    health: xr.Dataset | None = None
    if QUINTILE in benefit.coords:
        if int((people_by(seen.baseline, QUINTILE) > 0).sum()) >= FEWEST:
            tables["slope"] = _slopes(plans, allocation, seen, prob)
        tables["frontier"] = _frontier(allocation, seen, limit)
        if benefit.attrs["scale"] == "QALY":
            health, tables["distribution"] = _distribution(allocation, seen, threshold, options)
    if unit_dims(benefit) == [AREA]:
        choice = with_comparator(worth, NOTHING)
        chosen = choice.isel({INTERVENTION: choice.mean(SAMPLE_DIMS).argmax(INTERVENTION)})
        tables["areas"] = rank_areas(chosen, top=options.top, prob=prob)
    said = in_words(plans, comparison, allocation, tables, [by for by in options.equity_by if by not in carried])
    if left_out := str(baseline.attrs.get("left_out_in_words", "")):
        said = {**said, "equity": (*said["equity"], left_out)}
    return PlanComparison(
        comparison=comparison,
        allocation=allocation,
        tables=tables,
        said=said,
        plans=tuple(plans),
        benefit=seen,
        net_health=health,
        settings={
            **{"threshold": threshold, "budget": budget, "prob": prob, "seed": seed, "top": options.top},
            "withheld": baseline.attrs.get("withheld_groups", {}),
        },
    )


def _check_pounds(*, budget: float, threshold: float) -> None:
    for name, given in (("budget", budget), ("threshold", threshold)):
        if not 0 <= given < math.inf:
            raise DecisionError(f"{name}={given}: give pounds, 0 or more.")


def _tables_of_choice(
    plans: Sequence[Intervention], comparison: Comparison, seen: PlanBenefit, prob: float
) -> dict[str, pd.DataFrame]:
    known = evppi(comparison.net_benefit, seen.parameters)
    return {
        "options": comparison.options,
        "events": events_table(plans, seen, prob=prob),
        "curve": comparison.curve,
        "information": known,
        "study": _study(comparison, seen, known),
    }


def _tables_of_allocation(allocation: Allocation, seen: PlanBenefit, prob: float) -> dict[str, pd.DataFrame]:
    mean, low, high = allocation.interval(prob)
    spend, budget = _certain(seen.spend), allocation.budget
    total = {
        "budget": budget,
        "spend": allocation.spend,
        "treated": allocation.treated,
        "scale": allocation.scale,
        "benefit": mean,
        "lower": low,
        "upper": high,
        "net_benefit": allocation.objective,
        "evpi_within_budget": budgeted_information(seen.benefit, spend, budget=budget, draws=100),
    }
    return {
        "allocation": allocation.table,
        "prices": allocation.prices,
        "allocation_total": pd.DataFrame([total]),
        "rules": targeting_rules(allocation, check_benefit(seen.benefit), seen.treated, _scores(seen), prob=prob),
    }


def _tables_by_group(
    carried: Sequence[str], allocation: Allocation, fine: PlanBenefit, threshold: float, prob: float
) -> dict[str, pd.DataFrame]:
    """What stratification is worth, and who gets what, by each group that the units carry."""
    options = with_comparator(net_benefit(fine.benefit, fine.net_cost, threshold=threshold), NOTHING)
    given = allocation.share.broadcast_like(fine.benefit.isel(dict.fromkeys(SAMPLE_DIMS, 0), drop=True))
    given, spend, need = given.reset_coords(drop=True), _certain(fine.spend), need_of(fine.baseline)
    tables = {}
    for by in carried:
        tables[f"strata_{by}"] = value_of_stratification(options, by)
        tables[f"shares_{by}"] = shares_by(
            given, fine.benefit, spend, by=by, need=need, treated=fine.treated, prob=prob
        )
    return tables


def _frontier(allocation: Allocation, seen: PlanBenefit, capacity: Mapping[str, float]) -> pd.DataFrame:
    return frontier(
        seen.benefit,
        _certain(seen.spend),
        budget=allocation.budget,
        by=QUINTILE,
        level=np.min(seen.benefit.coords[QUINTILE].values),
        shares=FRONTIER_FLOORS,
        threshold=allocation.threshold,
        net_cost=seen.net_cost,
        treated=seen.treated,
        capacity=capacity,
    )


def _distribution(
    allocation: Allocation, seen: PlanBenefit, threshold: float, options: PlanOptions
) -> tuple[xr.Dataset, pd.DataFrame]:
    """Net health by fifth of deprivation of each plan and of the allocation, and its table."""
    levels = np.unique(seen.benefit.coords[QUINTILE].values)
    falls = options.opportunity_cost or dict.fromkeys(levels, 1 / levels.size)
    gained, paid = with_allocation(allocation, check_benefit(seen.benefit)), with_allocation(allocation, seen.net_cost)
    health = net_health_by(gained, paid, by=QUINTILE, threshold=threshold, opportunity_cost=falls)
    return health, nice_table(health, gained, by=QUINTILE, prob=options.prob)


def with_allocation(allocation: Allocation, values: xr.DataArray) -> xr.DataArray:
    """Put the allocation beside the plans, as one more of them."""
    wide = values if set(allocation.share.dims) <= set(values.dims) else values.broadcast_like(allocation.share)
    share = allocation.share.reset_coords(drop=True)
    mixed = (wide * share).sum(INTERVENTION).expand_dims({INTERVENTION: [ALLOCATION]}, axis=-1)
    joined = xr.concat(
        [wide, mixed.transpose(*wide.dims)], INTERVENTION, join="exact", coords="minimal", compat="override"
    )
    return joined.assign_attrs(values.attrs)


def _scores(seen: PlanBenefit) -> dict[str, xr.DataArray]:
    """Simpler rules: those most at risk first (of a good outcome, those with least of it), or the most deprived."""
    mean = seen.baseline.mean(SAMPLE_DIMS)
    good = polarity(seen.baseline) == "better"
    scores = {f"by need (least {event_of(seen.baseline)} first)": -mean} if good else {"by risk": mean}
    if QUINTILE in mean.coords:
        deprived = -mean.coords[QUINTILE].astype(float).reset_coords(drop=True)
        scores["by need (deprivation)"] = deprived.broadcast_like(mean.reset_coords(drop=True))
    return scores


def _slopes(plans: Sequence[Intervention], allocation: Allocation, seen: PlanBenefit, prob: float) -> pd.DataFrame:
    """Slope of the risk of every event that a plan acts on, before and after the allocation."""
    modelled = event_of(seen.baseline)
    acting: dict[str, list[str]] = {}
    for plan in plans:
        acting.setdefault(plan.event or modelled, []).append(plan.name)
    rows = []
    for event, names in acting.items():
        given = allocation.share.sel({INTERVENTION: names})
        good = seen.more_is[names[0]]
        events = seen.events.sel({INTERVENTION: names}).assign_attrs(scale=EVENTS[good])
        risk = seen.baseline * seen.ratio.sel({INTERVENTION: names[0]}, drop=True)
        risk = risk.transpose(*seen.baseline.dims).assign_attrs(more_is=good)
        change = slope_change(risk, given_to_all(given, events), by=QUINTILE, prob=prob)
        change.insert(0, "event", event)
        change.insert(1, "more_is", good)
        rows.append(change)
    return pd.concat(rows, ignore_index=True)


def _study(comparison: Comparison, seen: PlanBenefit, known: pd.DataFrame) -> pd.DataFrame:
    """Value of a study of the parameter that matters most, by its size against what is known of it today."""
    if known.empty:
        return pd.DataFrame(columns=["parameter", "times_known", "evsi"])
    first = str(known["parameter"].iloc[0])
    found = evsi(comparison.net_benefit, seen.parameters[first], prior_size=4, sample_sizes=[1, 2, 4, 8, 16, 40])
    return pd.DataFrame({"parameter": first, "times_known": found["sample_size"] / 4, "evsi": found["evsi"]})


def _certain(values: xr.DataArray) -> xr.DataArray:
    present = [dim for dim in SAMPLE_DIMS if dim in values.dims]
    return values.mean(present) if present else values
