"""Which intervention is worth most, how sure that is, and at which threshold the answer changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from bayesineq.decisions.benefit import check_benefit, people_in, tidy, total
from bayesineq.decisions.information import evpi
from bayesineq.decisions.net_benefit import NOTHING, check_cost, net_benefit, with_comparator
from bayesineq.dims import CI_PROB, INTERVENTION, SAMPLE_DIMS
from bayesineq.errors import DecisionError
from bayesineq.posterior.groups import pooled


@dataclass(frozen=True, slots=True)
class Comparison:
    """
    Interventions compared over a whole population, as alternatives of which one is chosen.

    Parameters
    ----------
    best : str
        Option with the highest expected net benefit.
    evpi : float
        Expected value of perfect information on this choice, pounds.
    options : DataFrame
        One row an option: `intervention, benefit, benefit_lower, benefit_upper, cost, net_benefit, lower, upper,
        p_positive, p_best, expected_loss, icer, verdict`.
    curve : DataFrame
        One row a threshold and option: `threshold, intervention, net_benefit, p_best, optimal, evpi`; the rows with
        `optimal` are the acceptability frontier. Empty on the scale "net pounds".
    net_benefit : DataArray, dims (chain, draw, intervention)
        Draws of total net benefit, pounds.
    threshold : float or None
        Pounds for one unit of benefit.
    scale : str
        Scale of the benefit.
    prob : float
        Probability held by the intervals.
    """

    best: str
    evpi: float
    options: pd.DataFrame
    curve: pd.DataFrame
    net_benefit: xr.DataArray
    threshold: float | None
    scale: str
    prob: float

    @property
    def draws(self) -> int:
        """Number of draws, which bounds how sure anything can be."""
        return int(self.net_benefit.sizes["chain"] * self.net_benefit.sizes["draw"])


def compare(
    benefit: xr.DataArray,
    cost: xr.DataArray | Mapping[str, float] | None,
    *,
    threshold: float | None,
    thresholds: Sequence[float] = (),
    comparator: str | None = NOTHING,
    population: xr.DataArray | None = None,
    prob: float = CI_PROB,
) -> Comparison:
    """
    Compare interventions given to everyone eligible.

    Parameters
    ----------
    benefit : DataArray, dims (chain, draw, unit..., intervention)
        Benefit per eligible person.
    cost : DataArray or mapping from intervention to pounds, or None
        Pounds per eligible person, net of savings; None on the scale "net pounds".
    threshold : float or None
        Pounds that one unit of benefit is worth; None on the scale "net pounds".
    thresholds : sequence of float
        Further thresholds, for the acceptability curve and frontier.
    comparator : str or None
        Name of the option of no intervention (benefit 0, cost 0); None where one of the interventions is it.
    population : DataArray, dims (unit...), optional
        Eligible people in each unit; else the benefit's coordinate `population`, else one a unit.
    prob : float
        Probability held by the intervals.

    Returns
    -------
    Comparison
        Tables and draws, totals over the population.

    Raises
    ------
    DecisionError
        If the scale, the threshold or the costs do not fit.

    References
    ----------
    Fenwick E, Claxton K, Sculpher M (2001). Representing uncertainty: the role of cost-effectiveness acceptability
    curves. Health Economics 10: 779-787. doi:10.1002/hec.635

    Examples
    --------
    >>> from bayesineq.decisions import from_effects
    >>> gains = [[[0.1, 0.3]], [[0.3, 0.1]], [[0.2, 0.5]]]
    >>> benefit = from_effects(gains, scale="QALY", interventions=["calls", "visits"], units=["all"], unit="group")
    >>> found = compare(benefit, {"calls": 2000.0, "visits": 5000.0}, threshold=20_000.0)
    >>> found.options[["intervention", "net_benefit", "p_best"]].round(2)
          intervention  net_benefit  p_best
    0  no intervention          0.0    0.00
    1            calls       2000.0    0.33
    2           visits       1000.0    0.67
    """
    checked = check_benefit(benefit)
    worth = with_comparator(total(net_benefit(checked, cost, threshold=threshold), population), comparator)
    gained = with_comparator(total(checked, population), comparator)
    paid = xr.zeros_like(gained)
    if cost is not None:
        everywhere = check_cost(cost, checked).broadcast_like(checked.isel(dict.fromkeys(SAMPLE_DIMS, 0), drop=True))
        people = population if population is not None else people_in(checked)
        paid = with_comparator(total(everywhere, people), comparator).broadcast_like(gained)
    best, loss = best_option(worth)
    table = pd.concat(
        [
            tidy(gained, prob=prob)
            .rename(columns={"mean": "benefit", "lower": "benefit_lower", "upper": "benefit_upper"})
            .drop(columns="p_positive"),
            tidy(paid, prob=prob)[["mean"]].rename(columns={"mean": "cost"}),
            tidy(worth, prob=prob).drop(columns=INTERVENTION).rename(columns={"mean": "net_benefit"}),
            pd.DataFrame({"p_best": p_best(worth), "expected_loss": loss}),
        ],
        axis=1,
    )
    steps = incremental(table["benefit"].to_numpy(), table["cost"].to_numpy())
    return Comparison(
        best=best,
        evpi=evpi(worth),
        options=pd.concat([table, steps], axis=1),
        curve=acceptability(gained, paid, thresholds) if cost is not None and len(thresholds) else _empty_curve(),
        net_benefit=worth,
        threshold=threshold,
        scale=str(checked.attrs["scale"]),
        prob=prob,
    )


def best_option(worth: xr.DataArray) -> tuple[str, NDArray[np.float64]]:
    """Best option on average and every option's expected loss. Shapes: worth (chain, draw, intervention)."""
    values = _flat(worth)
    loss = (values.max(axis=1, keepdims=True) - values).mean(axis=0)
    return str(worth[INTERVENTION].values[int(values.mean(axis=0).argmax())]), loss


def p_best(worth: xr.DataArray) -> NDArray[np.float64]:
    """
    Probability that each option is the best.

    Shapes: worth (chain, draw, intervention); returns (intervention,).
    """
    values = _flat(worth)
    top = values == values.max(axis=1, keepdims=True)
    return np.asarray((top / top.sum(axis=1, keepdims=True)).mean(axis=0))


def acceptability(gained: xr.DataArray, paid: xr.DataArray, thresholds: Sequence[float]) -> pd.DataFrame:
    """
    Acceptability curve, frontier and value of perfect information over thresholds.

    Shapes: gained, paid (chain, draw, intervention).
    """
    rows = []
    names = gained[INTERVENTION].values
    for threshold in thresholds:
        worth = threshold * gained - paid
        mean = _flat(worth).mean(axis=0)
        rows.append(
            pd.DataFrame(
                {
                    "threshold": float(threshold),
                    INTERVENTION: names,
                    "net_benefit": mean,
                    "p_best": p_best(worth),
                    "optimal": np.arange(names.size) == mean.argmax(),
                    "evpi": evpi(worth),
                }
            )
        )
    return pd.concat(rows, ignore_index=True) if rows else _empty_curve()


def incremental(benefit: NDArray[np.float64], cost: NDArray[np.float64]) -> pd.DataFrame:
    """
    Incremental analysis: cost for one more unit of benefit, option by option, without those that are dominated.

    Shapes: benefit, cost (option,).
    """
    size = benefit.size
    verdict = np.full(size, "on the frontier", dtype=object)
    icer = np.full(size, np.nan)
    order = np.lexsort((-benefit, cost))
    frontier: list[int] = []
    for option in order:
        if frontier and benefit[option] <= benefit[frontier[-1]]:
            verdict[option] = "dominated"
            continue
        while len(frontier) > 1:
            last, before = frontier[-1], frontier[-2]
            slope = (cost[option] - cost[last]) / (benefit[option] - benefit[last])
            if slope > (cost[last] - cost[before]) / (benefit[last] - benefit[before]):
                break
            verdict[frontier.pop()] = "extendedly dominated"
        frontier.append(int(option))
    for before, option in pairwise(frontier):
        icer[option] = (cost[option] - cost[before]) / (benefit[option] - benefit[before])
    verdict[frontier[0]] = "reference"
    return pd.DataFrame({"icer": icer, "verdict": verdict})


def switch_thresholds(curve: pd.DataFrame) -> pd.DataFrame:
    """
    Thresholds of a grid at which the best option changes.

    Parameters
    ----------
    curve : DataFrame
        `Comparison.curve`.

    Returns
    -------
    DataFrame
        `threshold` (the first of the grid at which the new option is best), `before`, `after`.

    Raises
    ------
    DecisionError
        If the curve has fewer than two thresholds.

    Examples
    --------
    >>> from bayesineq.decisions import from_effects
    >>> benefit = from_effects([[[0.1]], [[0.1]]], scale="QALY", interventions=["calls"], units=["all"], unit="group")
    >>> found = compare(benefit, {"calls": 2000.0}, threshold=20_000.0, thresholds=[10_000.0, 20_000.0, 30_000.0])
    >>> switch_thresholds(found.curve)
       threshold           before  after
    0    30000.0  no intervention  calls
    """
    best = curve[curve["optimal"]].sort_values("threshold")
    if len(best) < 2:
        raise DecisionError("A change of option needs at least two thresholds: give compare(..., thresholds=).")
    names = best[INTERVENTION].to_numpy()
    at = np.flatnonzero(names[1:] != names[:-1]) + 1
    return pd.DataFrame({"threshold": best["threshold"].to_numpy()[at], "before": names[at - 1], "after": names[at]})


def _flat(worth: xr.DataArray) -> NDArray[np.float64]:
    return np.asarray(pooled(worth, INTERVENTION))


def _empty_curve() -> pd.DataFrame:
    return pd.DataFrame(columns=["threshold", INTERVENTION, "net_benefit", "p_best", "optimal", "evpi"])
