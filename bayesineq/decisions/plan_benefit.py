"""Plans carried to local risk: benefit, costs and people treated, draw by draw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from bayesineq.decisions.benefit import check_benefit, people_in, unit_dims
from bayesineq.decisions.interventions import Intervention, event_of, polarities
from bayesineq.decisions.polarity import polarity
from bayesineq.decisions.published import Quantity, draw_positive
from bayesineq.decisions.transport import acts_on_rates, apply_published, coverage, published_draws
from bayesineq.dims import DECILE, INTERVENTION, POPULATION, QUINTILE, SAMPLE_DIMS, MoreIs
from bayesineq.errors import DecisionError


@dataclass(frozen=True, slots=True)
class PlanBenefit:
    """
    Plans seen through local risk: everything a decision reads.

    Parameters
    ----------
    benefit : DataArray, dims (chain, draw, unit..., intervention)
        Benefit per eligible person on the scale that decides: QALY, or events averted or gained.
    events : DataArray, same dims
        Events averted (gained, where more is better) per eligible person, of the kind that each plan acts on.
    ratio : DataArray, dims (chain, draw, intervention)
        Events of the kind that each plan acts on for one of the baseline's, without the intervention.
    spend, net_cost : DataArray, with dimension intervention
        Pounds per eligible person: from the budget, and less what events averted (or gained) save.
    treated : DataArray
        People treated per eligible person.
    parameters : mapping from name to DataArray, dims (chain, draw)
        Draws of what is uncertain about the plans.
    baseline : DataArray, dims (chain, draw, unit...)
        Risk without intervention, with quintiles attached.
    more_is : mapping from intervention to {"worse", "better"}
        Polarity of the event that each plan acts on.
    held : mapping from intervention to float
        Share of units and draws in which the effect would take the risk below 0 or above 1, and it was held there.
    """

    benefit: xr.DataArray
    events: xr.DataArray
    ratio: xr.DataArray
    spend: xr.DataArray
    net_cost: xr.DataArray
    treated: xr.DataArray
    parameters: Mapping[str, xr.DataArray]
    baseline: xr.DataArray
    more_is: Mapping[str, MoreIs]
    held: Mapping[str, float]


def plan_benefit(
    plans: Sequence[Intervention],
    baseline: xr.DataArray,
    *,
    more_is: MoreIs | None = None,
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
    more_is : {"worse", "better"}, optional
        Polarity of the outcome, where the baseline does not carry it (`expected` writes it into the attributes).
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
        If names repeat, scales are mixed, a plan contradicts the outcome's polarity, or the baseline does not fit.

    Notes
    -----
    With baseline risk p, ratio r of the plan's own event to the baseline's (1 where it acts on the same), share
    treated s and risk (r p)' under the plan as in `transport`, a plan averts e = s (r p - (r p)') events where more of
    them is worse, or gains e = s ((r p)' - r p) where more is better. Either way its benefit is e events or q e + s q0
    QALYs, where q are QALYs for an event averted (or gained) and q0 those of the treatment itself, and its net cost is
    s c - e v at a cost c a person and savings v an event. A plan that does harm has e below 0.

    Examples
    --------
    >>> from bayesineq.decisions import Intervention, PublishedEffect, Quantity
    >>> calls = Intervention("calls", PublishedEffect("risk ratio", Quantity(0.75)), cost=Quantity(50.0))
    >>> risk = xr.DataArray([[[0.2, 0.1]] * 2], dims=("chain", "draw", "area"), coords={"area": ["east", "west"]})
    >>> found = plan_benefit([calls], risk.assign_coords(population=("area", [100, 100])), more_is="worse")
    >>> found.benefit.mean(("chain", "draw")).to_pandas()
    intervention  calls
    area
    east          0.050
    west          0.025
    """
    _check_scales(plans)
    good = dict(zip([plan.name for plan in plans], polarities(plans, baseline, more_is), strict=True))
    names = [plan.name for plan in plans]
    known = {"outcome": event_of(baseline), "more_is": polarity(baseline, more_is)}
    local = with_quintile(_without_empty(baseline)).assign_attrs({**baseline.attrs, **known})
    streams = [int(x) for x in np.random.SeedSequence(seed).generate_state(3)]
    effects = {plan.name: plan.effect for plan in plans}
    stated = _draw_stated(plans, names, local, np.random.default_rng(streams[2]))
    drawn = published_draws(effects, like=local, correlation=correlation, seed=streams[0])
    reach, uptake = {p.name: p.reach for p in plans}, {p.name: p.uptake for p in plans}
    treated = coverage(local, names, reach=reach, uptake=uptake, seed=streams[1])
    events, held = _events(plans, local, stated["event ratio"], drawn, treated, good)
    benefit = events
    if plans[0].qaly_per_event is not None:
        # events averted of one kind and gained of another meet here, where both are QALYs
        gained = events * stated["QALY per event"] + treated * stated["QALY per person treated"]
        benefit = gained.transpose(*events.dims).assign_attrs({**events.attrs, "scale": "QALY"})
    spend, saving = treated * stated["cost"], stated["saving per event"]
    net = spend - events * saving if float(np.abs(saving).max()) > 0 else spend
    return PlanBenefit(
        benefit=check_benefit(benefit),
        events=events,
        ratio=stated["event ratio"],
        spend=spend,
        net_cost=net.drop_vars(POPULATION, errors="ignore"),
        treated=treated,
        parameters=_parameters(names, drawn, stated, treated, local),
        baseline=local,
        more_is=good,
        held=held,
    )


def _draw_stated(
    plans: Sequence[Intervention], names: Sequence[str], like: xr.DataArray, rng: np.random.Generator
) -> dict[str, xr.DataArray]:
    """Draws of what the plans state beside their effects, dims (chain, draw, intervention)."""
    zero = Quantity(0.0)
    each = {
        "cost": [plan.cost for plan in plans],
        "saving per event": [plan.saving_per_event or zero for plan in plans],
        "QALY per event": [plan.qaly_per_event or zero for plan in plans],
        "event ratio": [plan.event_ratio or Quantity(1.0) for plan in plans],
        "QALY per person treated": [plan.qaly_per_treated or zero for plan in plans],
    }
    stated = {what: _draw_each(quantities, names, like, rng) for what, quantities in each.items()}
    ratio = stated["event ratio"].sel({INTERVENTION: _first_on_event(plans)})
    return stated | {"event ratio": ratio.assign_coords({INTERVENTION: list(names)})}


def _events(
    plans: Sequence[Intervention],
    local: xr.DataArray,
    ratio: xr.DataArray,
    drawn: xr.Dataset,
    treated: xr.DataArray,
    more_is: Mapping[str, MoreIs],
) -> tuple[xr.DataArray, dict[str, float]]:
    """Events averted or gained per eligible person, and the share of draws held at a bound by plan."""
    each: list[xr.DataArray] = []
    held: dict[str, float] = {}
    for plan in plans:
        own = local * ratio.sel({INTERVENTION: plan.name}, drop=True) if plan.event_ratio else local
        own = own.transpose(*local.dims).assign_attrs({**local.attrs, "more_is": more_is[plan.name]})
        _check_own(plan, own)
        each.append(apply_published(own, {plan.name: plan.effect}, drawn, treated=treated))
        held[plan.name] = each[-1].attrs["held_share"][0]
    events = xr.concat(each, INTERVENTION, join="exact", combine_attrs="drop_conflicts")
    events.attrs["held_at_bound"] = ", ".join(str(one.attrs["held_at_bound"]) for one in each)
    return events, held


def _parameters(
    names: Sequence[str],
    drawn: xr.Dataset,
    stated: Mapping[str, xr.DataArray],
    treated: xr.DataArray,
    local: xr.DataArray,
) -> dict[str, xr.DataArray]:
    """Draws of every parameter that is not known, by its name in words."""
    found = {f"effect of {name}": drawn["effect"].sel({INTERVENTION: name}, drop=True) for name in names}
    for what, values in stated.items():
        found |= {f"{what} of {name}": values.sel({INTERVENTION: name}, drop=True) for name in names}
    if all(dim in treated.dims for dim in SAMPLE_DIMS):
        mean = treated.mean([dim for dim in treated.dims if dim not in (*SAMPLE_DIMS, INTERVENTION)])
        found |= {f"uptake of {name}": mean.sel({INTERVENTION: name}, drop=True) for name in names}
    found["baseline risk"] = local.mean(unit_dims(local)) if unit_dims(local) else local
    return {name: values for name, values in found.items() if float(values.std()) > 0}


def pooled(seen: PlanBenefit, over: Sequence[str]) -> PlanBenefit:
    """Average over groups that a decision must not tell apart, such as ethnicity within an area."""
    missing = [dim for dim in over if dim not in seen.benefit.dims]
    if missing:
        raise DecisionError(
            f"No dimension {', '.join(missing)} to pool over; units are {', '.join(unit_dims(seen.benefit))}."
        )
    if not over:
        return seen
    people = people_in(seen.benefit)
    whole = people.sum(over)
    kept = seen.benefit.isel(dict.fromkeys(over, 0), drop=True).coords

    def mean(values: xr.DataArray) -> xr.DataArray:
        wide = values.reset_coords(drop=True).broadcast_like(people) if set(over) - set(values.dims) else values
        added = xr.dot(wide.reset_coords(drop=True), people, dim=list(over)) / whole.where(whole > 0)
        order = [dim for dim in seen.benefit.dims if dim in added.dims]
        own = [(k, c) for k, c in kept.items() if set(c.dims) <= set(added.dims) and k != POPULATION]
        coords = {k: (c.dims, c.values) for k, c in own}
        averaged: xr.DataArray = added.fillna(0.0).transpose(*order).assign_coords(coords)
        return averaged.assign_attrs(values.attrs)

    def carried(values: xr.DataArray) -> xr.DataArray:
        return mean(values).assign_coords({POPULATION: whole})

    return PlanBenefit(
        benefit=check_benefit(carried(seen.benefit).rename("benefit")),
        events=carried(seen.events),
        ratio=seen.ratio,
        spend=mean(seen.spend),
        net_cost=mean(seen.net_cost),
        treated=mean(seen.treated),
        parameters=seen.parameters,
        baseline=carried(seen.baseline),
        more_is=seen.more_is,
        held=seen.held,
    )


def with_quintile(baseline: xr.DataArray) -> xr.DataArray:
    """Attach the quintile of deprivation where only the decile is known."""
    if DECILE not in baseline.coords or QUINTILE in baseline.coords:
        return baseline
    decile = baseline.coords[DECILE]
    return baseline.assign_coords({QUINTILE: (decile.dims, (decile.values.astype(int) + 1) // 2)})


def _check_scales(plans: Sequence[Intervention]) -> None:
    names = [plan.name for plan in plans]
    if not names:
        raise DecisionError("No plan given: name at least one intervention.")
    if len(set(names)) < len(names):
        raise DecisionError(f"Interventions need names of their own: {', '.join(names)}.")
    with_qaly = [plan.name for plan in plans if plan.qaly_per_event is not None]
    if with_qaly and len(with_qaly) < len(plans):
        raise DecisionError(
            f"Effects on mixed scales: {', '.join(with_qaly)} state qaly_per_event, "
            f"{', '.join(sorted(set(names) - set(with_qaly)))} do not. Give it for all, or for none."
        )
    other = [f"{plan.name} on {plan.event}" for plan in plans if plan.event_ratio is not None]
    if other and not with_qaly:
        raise DecisionError(
            f"Effects on mixed scales: {', '.join(other)}, not on the event of the posterior. Events of "
            "different kinds cannot be added up: give qaly_per_event for every plan."
        )


def _first_on_event(plans: Sequence[Intervention]) -> list[str]:
    """The first plan on each plan's own event: one event is as frequent for all plans that act on it."""
    first: dict[str, Intervention] = {}
    faults = []
    for plan in plans:
        one = first.setdefault(plan.event or plan.name, plan)
        if one.event_ratio != plan.event_ratio:
            faults.append(f"{one.name} and {plan.name} act on {plan.event}, but with another event_ratio")
    if faults:
        raise DecisionError("; ".join(faults) + ": one event is as frequent whoever acts on it, so give the same.")
    return [first[plan.event or plan.name].name for plan in plans]


def _check_own(plan: Intervention, risk: xr.DataArray) -> None:
    """Refuse an event of a plan's own that would be more frequent than possible."""
    high = float(risk.max())
    if plan.event_ratio is not None and high > 1 and not acts_on_rates(risk, plan.effect):
        raise DecisionError(
            f"{plan.name}: with event_ratio {plan.event_ratio.value:g} the local risk of {plan.event} reaches "
            f"{high:.3g}; a {plan.effect.measure} acts on a risk, 0 to 1. Lower event_ratio, or state a rate ratio."
        )


def _without_empty(baseline: xr.DataArray) -> xr.DataArray:
    if POPULATION not in baseline.coords:
        return baseline
    people = baseline.coords[POPULATION].fillna(0.0)
    filled = baseline.assign_coords({POPULATION: people})
    return filled.where(people > 0, filled.fillna(0.0))


def _draw_each(
    quantities: Sequence[Quantity], names: Sequence[str], like: xr.DataArray, rng: np.random.Generator
) -> xr.DataArray:
    shape = tuple(like.sizes[dim] for dim in SAMPLE_DIMS)
    columns = [draw_positive(quantity, rng.standard_normal(shape)) for quantity in quantities]
    coords = {dim: like.coords[dim].values for dim in SAMPLE_DIMS if dim in like.coords}
    return xr.DataArray(
        np.stack(columns, axis=-1), dims=(*SAMPLE_DIMS, INTERVENTION), coords={**coords, INTERVENTION: list(names)}
    )
