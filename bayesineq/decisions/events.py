"""What each plan does to its event, and who has need: those with a bad outcome, those without a good one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import xarray as xr

from bayesineq.decisions.benefit import total
from bayesineq.decisions.interventions import Intervention, event_of
from bayesineq.decisions.plan_benefit import PlanBenefit
from bayesineq.decisions.polarity import EVENTS, SIGN, polarity
from bayesineq.dims import INTERVENTION
from bayesineq.posterior.groups import mean_interval


def events_table(plans: Sequence[Intervention], seen: PlanBenefit, *, prob: float) -> pd.DataFrame:
    """Events averted or gained by each plan given to everyone eligible, against no intervention."""
    rows = []
    for plan in plans:
        name = plan.name
        good = seen.more_is[name]
        events = total(seen.events.sel({INTERVENTION: name}, drop=True))
        before = total(seen.baseline * seen.ratio.sel({INTERVENTION: name}, drop=True))
        change = SIGN[good] * events
        ratio = (before + change) / before.where(before > 0)
        row: dict[str, object] = {
            INTERVENTION: name,
            "event": plan.event or event_of(seen.baseline),
            "more_is": good,
            "without": float(before.mean()),
        }
        for what, values in (("difference", change), ("ratio", ratio), ("events", events)):
            there = values.values[np.isfinite(values.values)]
            found = mean_interval(there, prob) if there.size else (np.nan, np.nan, np.nan)
            row |= dict(zip((what, f"{what}_lower", f"{what}_upper"), found, strict=True))
        whole = total(seen.benefit.sel({INTERVENTION: name}, drop=True))
        row |= {
            "counted": EVENTS[good],
            "p_better": float((whole > 0).mean()),
            "p_worse": float((whole < 0).mean()),
            "held_at_bound": seen.held[name],
        }
        rows.append(row)
    return pd.DataFrame(rows)


def need_of(baseline: xr.DataArray) -> xr.DataArray:
    """
    Need per eligible person: the risk of a bad outcome, or of being without a good one.

    Parameters
    ----------
    baseline : DataArray, dims (chain, draw, unit...)
        Risk without intervention, with the attribute `more_is`; "worse" where it has none.

    Returns
    -------
    DataArray, dims (chain, draw, unit...)
        Need. Missing where more is better and the outcome is a rate: nobody can then be said to be without it.

    Examples
    --------
    >>> coverage = xr.DataArray([0.9, 0.6], dims="area", attrs={"more_is": "better", "scale": "proportion"})
    >>> need_of(coverage).round(1).values.tolist()
    [0.1, 0.4]
    """
    if polarity(baseline) == "worse":
        return baseline
    share = baseline.attrs.get("scale", "proportion") == "proportion" and float(baseline.max()) <= 1
    lacking = 1.0 - baseline if share else xr.full_like(baseline, np.nan)
    return lacking.assign_attrs({**baseline.attrs, "more_is": "worse"})
