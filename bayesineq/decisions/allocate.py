"""Which units get which intervention under a budget, capacities and floors for groups, and what each limit costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from bayesineq.decisions.benefit import check_benefit, people_in, unit_dims
from bayesineq.decisions.groups import check_group
from bayesineq.decisions.net_benefit import check_cost
from bayesineq.decisions.optimise import Limits, Problem, greedy, linear, whole_units
from bayesineq.dims import CI_PROB, INTERVENTION, SAMPLE_DIMS
from bayesineq.errors import DecisionError
from bayesineq.posterior.groups import mean_interval

Array = NDArray[np.float64]
Method = Literal["greedy", "exact"]
Floors = Mapping[str, Mapping[object, float]]


@dataclass(frozen=True, slots=True)
class Constraints:
    """
    What an allocation must keep to beside its budget.

    Parameters
    ----------
    capacity : mapping from intervention to people, optional
        Most people that can be treated.
    floors : mapping from group to mapping from level to share, optional
        Least share of all treated people who belong to a level: {"imd_quintile": {1: 0.3}}. Needs method "exact".
        Nobody is given an intervention that is expected to do harm for the sake of a floor.
    divisible : bool
        Whether a unit may be served in part. False gives every unit one whole intervention or none.

    Examples
    --------
    >>> Constraints(capacity={"outreach": 200}, floors={"imd_quintile": {1: 0.3}}).divisible
    True
    """

    capacity: Mapping[str, float] | None = None
    floors: Floors | None = None
    divisible: bool = True


NONE: Final = Constraints()


@dataclass(frozen=True, slots=True)
class Allocation:
    """
    An allocation of interventions to units.

    Parameters
    ----------
    share : DataArray, dims (unit..., intervention)
        Share of each unit's eligible people to whom each intervention is given, 0 to 1.
    table : DataFrame
        One row a unit that gets something: its codes, `intervention, share, treated, spend, benefit`.
    prices : DataFrame
        One row a limit: `limit, unit, price`: gain in the objective for one more pound of budget, one more place of
        capacity, or one place less asked for by a floor. Empty for method "greedy".
    budget, spend : float
        Pounds allowed and spent.
    treated : float
        People treated.
    objective : float
        What was maximised: expected benefit, or threshold times benefit less cost.
    benefit : DataArray, dims (chain, draw)
        Draws of the benefit of the whole allocation.
    scale : str
        Scale of the benefit.
    threshold : float or None
        Pounds for one unit of benefit, where net benefit was maximised.
    method : {"greedy", "exact"}
        How.
    """

    share: xr.DataArray
    table: pd.DataFrame
    prices: pd.DataFrame
    budget: float
    spend: float
    treated: float
    objective: float
    benefit: xr.DataArray
    scale: str
    threshold: float | None
    method: Method

    def interval(self, prob: float = CI_PROB) -> tuple[float, float, float]:
        """
        Benefit of the allocation with its interval.

        Parameters
        ----------
        prob : float
            Probability held.

        Returns
        -------
        tuple of float
            Mean, lower, upper.
        """
        return mean_interval(self.benefit, prob)


def allocate(
    benefit: xr.DataArray,
    spend: xr.DataArray | Mapping[str, float],
    *,
    budget: float,
    threshold: float | None = None,
    net_cost: xr.DataArray | None = None,
    treated: xr.DataArray | None = None,
    weight: xr.DataArray | None = None,
    constraints: Constraints = NONE,
    method: Method = "exact",
) -> Allocation:
    """
    Give each unit at most one intervention so that the expected gain is highest within the limits.

    Parameters
    ----------
    benefit : DataArray, dims (chain, draw, unit..., intervention)
        Benefit per eligible person, with the eligible people as coordinate `population` (else one a unit).
    spend : DataArray or mapping from intervention to pounds
        Pounds from the budget per eligible person.
    budget : float
        Pounds.
    threshold : float, optional
        Pounds for one unit of benefit: maximise threshold x benefit - cost. Without it the benefit itself is
        maximised and the budget is the only check on cost.
    net_cost : DataArray, optional
        Cost per eligible person net of savings, for the objective; default `spend`.
    treated : DataArray, optional
        People treated per eligible person (`coverage`), which fill capacities and floors; default 1.
    weight : DataArray, dims (unit...), optional
        Equity weight of each unit's benefit in the objective.
    constraints : Constraints
        Capacities, floors for groups, and whether a unit may be served in part.
    method : {"greedy", "exact"}
        "greedy" follows the benefit for the next pound along each unit's convex hull and knows the budget alone;
        "exact" solves the linear (or integer) programme.

    Returns
    -------
    Allocation
        Shares, table, prices of the limits, and draws of the benefit.

    Raises
    ------
    DecisionError
        If the budget is below every cost, a cost is negative, or the limits contradict each other.

    References
    ----------
    Sverdrup E, Wu H, Athey S, Wager S (2025). Qini curves for multi-armed treatment rules. Journal of Computational
    and Graphical Statistics. doi:10.1080/10618600.2024.2418820

    Examples
    --------
    >>> from bayesineq.decisions import from_effects
    >>> gains = [[[0.1, 0.3], [0.2, 0.1]]] * 2
    >>> benefit = from_effects(gains, scale="QALY", interventions=["calls", "visits"], units=["a", "b"], unit="area")
    >>> allocation = allocate(benefit, {"calls": 10.0, "visits": 20.0}, budget=30.0)
    >>> allocation.share.to_pandas().abs()
    intervention  calls  visits
    area
    a               0.0     1.0
    b               1.0     0.0
    """
    checked = check_benefit(benefit)
    units, names = unit_dims(checked), [str(name) for name in checked[INTERVENTION].values]
    if not units:
        raise DecisionError("This benefit has no units to allocate among: keep areas, groups or people apart.")
    people = people_in(checked)
    problem = _problem(checked, spend, net_cost, treated, people, threshold, weight)
    solution, prices = _solve(problem, _limits(checked, names, budget, constraints, problem), constraints, method)
    shape = [checked.sizes[dim] for dim in units]
    coords = {dim: checked.coords[dim].values for dim in [*units, INTERVENTION]}
    share = xr.DataArray(solution.reshape(*shape, -1), dims=(*units, INTERVENTION), coords=coords, name="share")
    return Allocation(
        share=share,
        table=_table(share, problem),
        prices=prices,
        budget=float(budget),
        spend=float((solution * problem.spend).sum()),
        treated=float((solution * problem.places).sum()),
        objective=float((solution * problem.value).sum()),
        benefit=xr.dot(checked.reset_coords(drop=True), share * people, dim=[*units, INTERVENTION]),
        scale=str(checked.attrs["scale"]),
        threshold=threshold,
        method=method,
    )


def _solve(problem: Problem, limits: Limits, constraints: Constraints, method: Method) -> tuple[Array, pd.DataFrame]:
    """Shares, shape (unit, intervention), and the prices of the limits."""
    if method == "greedy":
        if constraints.capacity or constraints.floors:
            raise DecisionError(
                "The greedy method knows the budget alone: use method='exact' with capacities or floors."
            )
        solution = greedy(problem, limits.budget, divisible=constraints.divisible)
        return solution, pd.DataFrame(columns=["limit", "unit", "price"])
    solution, prices = linear(problem, limits)
    return (solution if constraints.divisible else whole_units(problem, limits)), prices


def budgeted_information(
    benefit: xr.DataArray, spend: xr.DataArray | Mapping[str, float], *, budget: float, draws: int = 200
) -> float:
    """
    Expected value of perfect information on an allocation within a budget.

    Parameters
    ----------
    benefit : DataArray, dims (chain, draw, unit..., intervention)
        Benefit per eligible person.
    spend : DataArray or mapping from intervention to pounds
        Pounds per eligible person.
    budget : float
        Pounds.
    draws : int
        Draws to use, spread evenly over those there are.

    Returns
    -------
    float
        Mean over draws of the best allocation made knowing the draw, less the benefit of the allocation made on the
        mean of those draws; in units of benefit.

    Examples
    --------
    >>> from bayesineq.decisions import from_effects
    >>> gains = [[[0.1], [0.2]], [[0.3], [0.2]]]
    >>> benefit = from_effects(gains, scale="QALY", interventions=["calls"], units=["east", "west"], unit="area")
    >>> round(budgeted_information(benefit, {"calls": 10.0}, budget=10.0), 3)
    0.05
    """
    checked = check_benefit(benefit)
    stacked = checked.stack(sample=SAMPLE_DIMS)  # noqa: PD013 - an xarray method
    stacked = stacked.isel(sample=np.unique(np.linspace(0, stacked.sizes["sample"] - 1, draws).astype(int)))
    values = stacked.transpose("sample", *unit_dims(checked), INTERVENTION).values
    whole = _problem(checked, spend, None, None, people_in(checked), None, None)
    scale = np.asarray(people_in(checked).transpose(*unit_dims(checked)).values).reshape(-1, 1)
    each = values.reshape(len(values), -1, whole.spend.shape[1]) * scale
    now = Problem(each.mean(axis=0), whole.spend, whole.places, whole.codes)
    chosen = greedy(now, budget, divisible=True)
    gains = [
        float(((greedy(Problem(one, now.spend, now.places, now.codes), budget, divisible=True) - chosen) * one).sum())
        for one in each
    ]
    return float(np.mean(gains))


def _problem(
    benefit: xr.DataArray,
    spend: xr.DataArray | Mapping[str, float],
    net_cost: xr.DataArray | None,
    treated: xr.DataArray | None,
    people: xr.DataArray,
    threshold: float | None,
    weight: xr.DataArray | None,
) -> Problem:
    units = unit_dims(benefit)
    template = benefit.isel(dict.fromkeys(SAMPLE_DIMS, 0), drop=True).reset_coords(drop=True)

    def flat(values: xr.DataArray) -> Array:
        present = [dim for dim in SAMPLE_DIMS if dim in values.dims]
        plain = (values.mean(present) if present else values).reset_coords(drop=True)
        wide = (plain * people).broadcast_like(template).transpose(*units, INTERVENTION)
        return np.asarray(wide.values, np.float64).reshape(-1, template.sizes[INTERVENTION])

    paid = flat(check_cost(spend, benefit, saving=False))
    health = flat(benefit if weight is None else benefit * weight)
    value = health
    if threshold is not None:
        if benefit.attrs["scale"] == "net pounds":
            raise DecisionError("The benefit is in net pounds already: allocate without a threshold.")
        value = threshold * health - (paid if net_cost is None else flat(check_cost(net_cost, benefit)))
    places = flat(xr.ones_like(template) if treated is None else treated)
    grid = pd.MultiIndex.from_product([template.coords[dim].values for dim in units], names=units)
    return Problem(value, paid, places, grid.to_frame(index=False), flat(benefit))


def _limits(
    benefit: xr.DataArray,
    names: list[str],
    budget: float,
    constraints: Constraints,
    problem: Problem,
) -> Limits:
    capacity, floors = constraints.capacity or {}, constraints.floors or {}
    cheapest = problem.spend[problem.value > 0].min(initial=np.inf) if (problem.value > 0).any() else np.inf
    if not np.isfinite(budget) or budget < 0:
        raise DecisionError(f"The budget must be pounds, zero or more: {budget}.")
    if np.isfinite(cheapest) and budget < cheapest:
        raise DecisionError(
            f"The budget of {budget:,.0f} pounds is below every cost: the cheapest unit with a benefit costs "
            f"{cheapest:,.0f}. Raise the budget, or split the units."
        )
    unknown = sorted(set(capacity) - set(names))
    if unknown or any(not limit >= 0 for limit in capacity.values()):
        raise DecisionError(f"Capacities must be people, zero or more, of {', '.join(names)}; given: {dict(capacity)}.")
    belongs: list[tuple[str, float, NDArray[np.bool_]]] = []
    for by, levels in floors.items():
        check_group(benefit, by)
        codes = benefit.coords[by].reset_coords(drop=True)
        template = benefit.isel(dict.fromkeys((*SAMPLE_DIMS, INTERVENTION), 0), drop=True).reset_coords(drop=True)
        laid = np.ravel(codes.broadcast_like(template).transpose(*unit_dims(benefit)).values).astype(str)
        if sum(levels.values()) > 1 + 1e-9 or any(not 0 <= share <= 1 for share in levels.values()):
            raise DecisionError(f"Floors are shares of the people treated and add to 1 at most; {by}: {dict(levels)}.")
        for level, share in levels.items():
            inside = laid == str(level)
            if not inside.any():
                raise DecisionError(f"No unit has {by} = {level}; there are {', '.join(np.unique(laid)[:20])}.")
            belongs.append((f"{by} = {level}", float(share), inside))
    return Limits(
        float(budget), tuple(float(capacity.get(name, np.inf)) for name in names), tuple(names), tuple(belongs)
    )


def _table(share: xr.DataArray, problem: Problem) -> pd.DataFrame:
    solution = share.values.reshape(problem.value.shape)
    unit, arm = np.nonzero(solution > 1e-9)
    part = solution[unit, arm]
    table = problem.codes.iloc[unit].reset_index(drop=True)
    table[INTERVENTION] = share[INTERVENTION].values[arm]
    table["share"] = part
    table["treated"] = part * problem.places[unit, arm]
    table["spend"] = part * problem.spend[unit, arm]
    table["benefit"] = part * problem.health[unit, arm]
    return table
