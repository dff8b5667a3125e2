"""How wrong the effects may be before another choice is better."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import xarray as xr

from bayesineq.decisions.benefit import check_benefit
from bayesineq.decisions.compare import best_option, compare, p_best
from bayesineq.decisions.net_benefit import NOTHING
from bayesineq.dims import INTERVENTION, SAMPLE_DIMS
from bayesineq.errors import DecisionError


def under_bias(
    benefit: xr.DataArray,
    cost: xr.DataArray | Mapping[str, float] | None,
    *,
    threshold: float | None,
    sds: Sequence[float],
    comparator: str | None = NOTHING,
    seed: int | None = None,
) -> pd.DataFrame:
    """
    Probability that each option is best under growing doubt about hidden bias.

    Parameters
    ----------
    benefit : DataArray, dims (chain, draw, unit..., intervention)
        Benefit per eligible person.
    cost, threshold, comparator
        As in `compare`.
    sds : sequence of float
        Standard deviations of the bias in the benefit per person; 0 is none.
    seed : int, optional
        Seed of the draws of bias; the same draws are scaled, so that rows can be compared.

    Returns
    -------
    DataFrame
        `sd, intervention, net_benefit, p_best, expected_loss, best`.

    Examples
    --------
    >>> from bayesineq.decisions import from_effects
    >>> gains = [[[0.2]]] * 1000
    >>> benefit = from_effects(gains, scale="QALY", interventions=["calls"], units=["all"], unit="group")
    >>> table = under_bias(benefit, {"calls": 3000.0}, threshold=20_000.0, sds=[0.0, 0.05], seed=1)
    >>> table.loc[table["intervention"] == "calls", ["sd", "net_benefit", "p_best"]].round(2)
         sd  net_benefit  p_best
    1  0.00      1000.00    1.00
    3  0.05      1054.25    0.87
    """
    rows = []
    for sd in sds:
        doubted = with_bias(benefit, float(sd), seed=seed)
        worth = compare(doubted, cost, threshold=threshold, comparator=comparator).net_benefit
        best, loss = best_option(worth)
        rows.append(
            pd.DataFrame(
                {
                    "sd": float(sd),
                    INTERVENTION: worth[INTERVENTION].values,
                    "net_benefit": worth.mean(SAMPLE_DIMS).values,
                    "p_best": p_best(worth),
                    "expected_loss": loss,
                    "best": worth[INTERVENTION].values == best,
                }
            )
        )
    return pd.concat(rows, ignore_index=True)


def tipping_points(
    benefit: xr.DataArray,
    cost: xr.DataArray | Mapping[str, float] | None,
    *,
    threshold: float | None,
    comparator: str | None = NOTHING,
) -> pd.DataFrame:
    """
    Smallest overstatement of the best option's benefit at which each other option is better.

    Parameters
    ----------
    benefit : DataArray, dims (chain, draw, unit..., intervention)
        Benefit per eligible person.
    cost, threshold, comparator
        As in `compare`.

    Returns
    -------
    DataFrame
        `best, instead, overstated_by`: the share of the best option's expected benefit that must be bias for the
        other to overtake it, other benefits as they are; above 1, it would have to harm. Missing where the best
        option gains nothing by its benefit, such as no intervention.

    Examples
    --------
    >>> from bayesineq.decisions import from_effects
    >>> benefit = from_effects([[[0.2]], [[0.2]]], scale="QALY", interventions=["calls"], units=["all"], unit="group")
    >>> tipping_points(benefit, {"calls": 3000.0}, threshold=20_000.0)
        best          instead  overstated_by
    0  calls  no intervention           0.25
    """
    checked = check_benefit(benefit)
    found = compare(checked, cost, threshold=threshold, comparator=comparator)
    table = found.options.set_index(INTERVENTION)
    gained = (1.0 if threshold is None else float(threshold)) * table["benefit"][found.best]
    margin = table["net_benefit"][found.best] - table["net_benefit"].drop(found.best)
    share = margin / gained if gained > 0 else margin * np.nan
    return pd.DataFrame({"best": found.best, "instead": share.index, "overstated_by": share.to_numpy()})


def with_bias(
    benefit: xr.DataArray, sd: float | Mapping[str, float], *, mean: float = 0.0, seed: int | None = None
) -> xr.DataArray:
    """
    Put a prior over hidden bias into a benefit, so that every decision made from it carries the doubt.

    Shapes: benefit (chain, draw, unit..., intervention).
    """
    checked = check_benefit(benefit)
    names = [str(name) for name in checked[INTERVENTION].values]
    each = [sd.get(name, np.nan) if isinstance(sd, Mapping) else sd for name in names]
    if not all(x >= 0 for x in each):
        raise DecisionError(f"Give the sd of the bias, zero or more, for each of {', '.join(names)}.")
    noise = np.random.default_rng(seed).standard_normal([*(checked.sizes[dim] for dim in SAMPLE_DIMS), len(names)])
    bias = xr.DataArray(mean + noise * np.asarray(each), dims=(*SAMPLE_DIMS, INTERVENTION))
    return check_benefit((checked - bias).assign_attrs(checked.attrs))
