"""What of a choice among plans may be passed on: the risk that it stands on, and its tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd
import xarray as xr

from bayesineq.decisions.local import local_risk
from bayesineq.decisions.plans import PlanComparison
from bayesineq.dims import AREA, ETHNICITY, POPULATION, QUINTILE, SAMPLE_DIMS
from bayesineq.disclosure.cover import cover
from bayesineq.disclosure.rule import DEFAULT_RULE, Rule, is_small, rounded, safe_decimals
from bayesineq.disclosure.suppression import hide_beside
from bayesineq.posterior.population import card_of, levels_of

_PLACES: Final = (
    "treated_share",
    "treated_to_need",
    "spend",
    "spend_share",
    "benefit",
    "benefit_share",
    "lower",
    "upper",
    "benefit_per_1000",
)
_PARTS: Final = {"people": ("people_share", "need_share", *_PLACES), "treated": _PLACES}
"""Numbers of a row that would give its people, or its places, back."""


def released_risk(
    post: xr.DataTree, by: Sequence[str] = (AREA,), rule: Rule = DEFAULT_RULE
) -> tuple[xr.DataArray, pd.DataFrame]:
    """Risk of each unit, as tables made from it may be published, and the audit.

    As `local_risk` gives it, without units that are withheld.
    """
    risk, names = local_risk(post, by), tuple(by)
    whole = cover(post, rule, also=[names])
    shown = whole.values(names).shown
    for dim in names:
        risk = risk.sel({dim: shown[dim].to_numpy()})
    own = [str(dim) for dim in risk.dims]
    ordered = shown.transpose(*own)
    people = ordered[POPULATION]
    if len(names) > 1:
        # As elsewhere, a cell without a rate has nobody.
        people = people.where(np.isfinite(ordered.isel(dict.fromkeys(SAMPLE_DIMS, 0), drop=True)), 0.0)
    units = [dim for dim in own if dim not in SAMPLE_DIMS]
    return risk.copy(data=ordered.to_numpy()).assign_coords(
        {POPULATION: (units, people.transpose(*units).to_numpy())}
    ), whole.audit


def released_detail(
    post: xr.DataTree, by: Sequence[str], within: Sequence[str] = (ETHNICITY,), rule: Rule = DEFAULT_RULE
) -> tuple[xr.DataArray, pd.DataFrame]:
    """
    Risk of each unit and of the groups within it, so that what is decided by unit may be published.

    `within`: Dimensions of groups within them, of which only totals over units are shown; those that the posterior
    does not have are left out. Returns: risk with dims (chain, draw, *by, *within) and the coordinate `population`,
    which pooled over `within` is that of `released_risk`, without units that are withheld; and the audit.
    """
    shown, audit = released_risk(post, by, rule)
    further = [dim for dim in within if dim in card_of(post).dims and dim not in by]
    every = {dim: len(levels_of(post, dim)) for dim in by}
    lost = [f"{n - shown.sizes[dim]:,} of {n:,} by {dim}" for dim, n in every.items() if n > shown.sizes[dim]]
    said = f"Left out because their counts are too small to be shown: {'; '.join(lost)}." if lost else ""
    attrs = {**shown.attrs, "left_out_in_words": said}
    if not further:
        return shown.assign_attrs(attrs), audit
    fine = local_risk(post, [*by, *further]).sel({dim: shown[dim] for dim in by})
    people = fine[POPULATION].fillna(0.0).reset_coords(drop=True)
    filled = fine.fillna(0.0).reset_coords(drop=True)
    own = xr.dot(filled, people, dim=further) / people.sum(further)
    moved = filled * (shown.reset_coords(drop=True) / own.where(own > 0, 1.0))
    scaled = people * (shown[POPULATION].reset_coords(drop=True) / people.sum(further))
    kept = {name: (c.dims, c.values) for name, c in shown.coords.items() if name not in (POPULATION, *shown.dims)}
    order = (*shown.dims, *further)
    detail = moved.transpose(*order).assign_coords({**kept, POPULATION: scaled.transpose(*order[2:])})
    return detail.assign_attrs(attrs), audit


def shown_tables(compared: PlanComparison, rule: Rule = DEFAULT_RULE) -> dict[str, pd.DataFrame]:
    """
    Tables of a comparison that may be passed on: small counts of people withheld with what would give them back.

    Returns: as `PlanComparison.tables`. People and places are rounded; in a row that they are withheld from,
    shares, spend and benefit are missing too. Spend is that of the rounded places.
    """
    shown = {name: _protected(table, rule) for name, table in compared.tables.items()}
    for by in (QUINTILE, ETHNICITY):
        if f"strata_{by}" in shown:
            people = compared.tables[f"shares_{by}"].set_index(by)["people"]
            table = compared.tables[f"strata_{by}"].copy()
            worth = ["net_benefit", "net_benefit_same_for_all", "gain"]
            table.loc[is_small(people.loc[table[by]], rule), worth] = np.nan
            shown[f"strata_{by}"] = table
    return shown


def _protected(table: pd.DataFrame, rule: Rule) -> pd.DataFrame:
    counted = [name for name in ("people", "treated") if name in table.columns]
    if not counted or {"budget", "floor", "rule"} & set(table.columns):
        return table
    shown = table.copy()
    for name in counted:
        values = table[name].to_numpy(np.float64)
        hidden = hide_beside(is_small(values, rule), values) if len(table) > 1 else is_small(values, rule)
        shown[name] = pd.array(rounded(values, rule), dtype="Float64").astype("Int64")
        if name == "treated" and "spend" in table.columns:
            price = table["spend"] / table["treated"].where(table["treated"] > 0)
            shown["spend"] = (shown["treated"].astype(float) * price).fillna(0.0)
        if f"{name}_share" in table.columns and values.sum() > 0:
            places = max(int(safe_decimals(values.sum(), rule)), 0)
            others = [part for part in _PARTS[name] if part.endswith("_share") and part in table.columns]
            shown[others] = shown[others].round(places)
        gone = [name, *(part for part in _PARTS[name] if part in table.columns)]
        shown[gone] = shown[gone].mask(np.broadcast_to(hidden[:, np.newaxis], (len(table), len(gone))))
    return shown
