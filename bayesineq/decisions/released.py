"""What of a choice among plans may be passed on: the risk that it stands on, and its tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import pandas as pd
import xarray as xr

from bayesineq.decisions.local import local_risk
from bayesineq.decisions.plans import PlanComparison
from bayesineq.dims import DECILE, ETHNICITY, POPULATION, QUINTILE, SAMPLE_DIMS
from bayesineq.disclosure.cover import Cover, cover
from bayesineq.disclosure.read_rule import rule_of
from bayesineq.disclosure.rule import DEFAULT_RULE, Disclosure, Rule, is_small, rounded, safe_decimals
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
WITHHELD_GROUPS: Final = "withheld_groups"
"""Attribute of a detail: groups that are withheld, by dimension."""

_PASSES: Final = 40
_CLOSE: Final = 1e-6

_PARTS: Final = {"people": ("people_share", "need_share", *_PLACES), "treated": _PLACES}
"""Numbers of a row that would give its people, or its places, back."""


def _shown_units(post: xr.DataTree, by: Sequence[str], whole: Cover) -> xr.DataArray:
    risk, names = local_risk(post, by), tuple(by)
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
    return risk.copy(data=ordered.to_numpy()).assign_coords({POPULATION: (units, people.transpose(*units).to_numpy())})


def released_detail(
    post: xr.DataTree, by: Sequence[str], within: Sequence[str] = (ETHNICITY,), disclosure: Disclosure = DEFAULT_RULE
) -> tuple[xr.DataArray, pd.DataFrame]:
    """
    Risk of each unit and of the groups within it, so that what is decided by unit may be published.

    `within`: Dimensions of groups within them; those that the posterior does not have are left out. Returns: risk with
    dims (chain, draw, *by, *within) and the coordinate `population`, without units that are withheld; pooled over
    `within` it is what is shown of the units; and the audit.

    Under a rule nothing of it is of a cell as it is: a plan may act on one group alone, or be given to one unit more,
    and whatever is told of it would tell of that cell. The risk of a group within a unit is a product of one factor of
    the unit and one of the group, such that units and groups have the risk that may be published of them; a group that
    is withheld has that of everybody in the unit. People are rounded cell by cell, few of them to the middle of what is
    withheld, and brought to the rounded totals of units and groups.
    """
    rule = rule_of(disclosure)
    whole = cover(post, rule, also=[tuple(by)])
    shown, audit = _shown_units(post, by, whole), whole.audit
    further = [dim for dim in within if dim in card_of(post).dims and dim not in by]
    every = {dim: len(levels_of(post, dim)) for dim in by}
    lost = [f"{n - shown.sizes[dim]:,} of {n:,} by {dim}" for dim, n in every.items() if n > shown.sizes[dim]]
    said = f"Left out because their counts are too small to be shown: {'; '.join(lost)}." if lost else ""
    attrs = {**shown.attrs, "left_out_in_words": said}
    if not further:
        return shown.assign_attrs(attrs), audit
    fine = local_risk(post, [*by, *further])
    kept = {name: (c.dims, c.values) for name, c in shown.coords.items() if name not in (POPULATION, *shown.dims)}
    order = (*shown.dims, *further)
    moved, people = (_rebuilt if rule.few else _scaled)(fine, shown, further, whole)
    detail = moved.transpose(*order).assign_coords({**kept, POPULATION: people.transpose(*order[2:])})
    attrs[WITHHELD_GROUPS] = {dim: whole.levels(dim) for dim in further}
    return detail.assign_attrs(attrs), audit


def _scaled(
    fine: xr.DataArray, shown: xr.DataArray, further: Sequence[str], whole: Cover
) -> tuple[xr.DataArray, xr.DataArray]:
    """Risk and people of cells as they are, brought to those of their units."""
    fine = fine.sel({dim: shown[dim] for dim in shown.dims if dim not in SAMPLE_DIMS})
    people = fine[POPULATION].fillna(0.0).reset_coords(drop=True)
    filled = fine.fillna(0.0).reset_coords(drop=True)
    own = xr.dot(filled, people, dim=further) / people.sum(further)
    moved = filled * (shown.reset_coords(drop=True) / own.where(own > 0, 1.0))
    return moved, people * (shown[POPULATION].reset_coords(drop=True) / people.sum(further))


def _rebuilt(
    fine: xr.DataArray, shown: xr.DataArray, further: Sequence[str], whole: Cover
) -> tuple[xr.DataArray, xr.DataArray]:
    """Risk and people of cells from what may be published of units and groups."""
    units = [str(dim) for dim in shown.dims if dim not in SAMPLE_DIMS]
    cells = fine[POPULATION].fillna(0.0).reset_coords(drop=True).transpose(*units, *further)
    rule, risk = whole.rule, shown.reset_coords(drop=True).fillna(0.0)
    if whole.judges_people:
        few, middle = is_small(cells, rule), (rule.threshold + 1) / 2
        cells = cells.copy(data=np.where(few, middle, np.where(cells > 0, np.maximum(rounded(cells, rule), 1.0), 0.0)))
    every = {dim: cells.sum([d for d in cells.dims if d != dim]) for dim in further}
    cells = cells.sel({dim: shown[dim] for dim in units})
    size = shown[POPULATION].reset_coords(drop=True)
    people, known = cells, {}
    for dim in further:
        found = whole.values(dim).shown
        told = found[POPULATION].reset_coords(drop=True).reindex({dim: cells[dim]})
        part = cells.sum([d for d in cells.dims if d != dim]) / every[dim].where(every[dim] > 0, 1.0)
        # Of a group that is withheld, what its cells were rounded to.
        known[dim] = (told.fillna(every[dim]) * part, found.reset_coords(drop=True).reindex({dim: cells[dim]}))
    for _ in range(_PASSES):
        for dim, (target, _rate) in known.items():
            now = people.sum([d for d in people.dims if d != dim])
            people = people * (target / now.where(now > 0, 1.0))
        now = people.sum(further)
        people = people * (size / now.where(now > 0, 1.0))
    factor = {dim: xr.ones_like(rate).fillna(1.0) for dim, (_target, rate) in known.items()}

    def of_units() -> xr.DataArray:
        whole_of = xr.dot(people, *factor.values(), dim=further)
        found: xr.DataArray = (size * risk) / whole_of.where(whole_of > 0, 1.0)
        return found

    for _ in range(_PASSES):
        moves = 0.0
        for dim, (_target, rate) in known.items():
            others = [values for name, values in factor.items() if name != dim]
            now = factor[dim] * xr.dot(of_units(), people, *others, dim=[*units, *(d for d in further if d != dim)])
            here = people.sum([d for d in people.dims if d != dim])
            held = np.isfinite(rate) & (now > 0)
            ratio = (rate * here).where(held, now)
            # Groups of these units alone: together they have what the units have.
            ratio = ratio * (now.sum(dim) / ratio.sum(dim))
            step = (ratio / now.where(now > 0, 1.0)).where(held, 1.0)
            factor[dim], moves = factor[dim] * step, max(moves, float(abs(step - 1.0).max()))
        if moves < _CLOSE:
            break
    moved = of_units()
    for values in factor.values():
        moved = moved * values
    return (moved.clip(max=1.0) if whole.proportion else moved), people


def withheld_of(compared: PlanComparison, by: str) -> list[object]:
    """Groups of a comparison that are withheld: a fifth of deprivation with any of its tenths."""
    found = compared.settings.get("withheld")
    groups = found if isinstance(found, Mapping) else {}
    levels = list(groups.get(by, []))
    if by == QUINTILE:
        levels += [(int(str(level)) + 1) // 2 for level in groups.get(DECILE, [])]
    return levels


def shown_tables(compared: PlanComparison, disclosure: Disclosure = DEFAULT_RULE) -> dict[str, pd.DataFrame]:
    """
    Tables of a comparison that may be passed on: small counts of people withheld with what would give them back.

    Returns: as `PlanComparison.tables`. People and places are rounded; in a row that they are withheld from, or of a
    group that is withheld, shares, spend, benefit and worth are missing too. Spend is that of the rounded places.
    """
    rule = rule_of(disclosure)
    shown = {name: _protected(table, rule) for name, table in compared.tables.items()}
    for by in (QUINTILE, ETHNICITY):
        if f"strata_{by}" in shown:
            people = compared.tables[f"shares_{by}"].set_index(by)["people"]
            gone = withheld_of(compared, by)
            for name in (f"strata_{by}", f"shares_{by}"):
                table = shown[name].copy() if name.startswith("shares") else compared.tables[name].copy()
                small = is_small(people.loc[table[by]], rule) | table[by].isin(gone).to_numpy()
                numbers = [column for column in table.columns if column not in (by, "best")]
                table[numbers] = table[numbers].mask(np.broadcast_to(small[:, np.newaxis], (len(table), len(numbers))))
                shown[name] = table
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
        if name == "people" and "benefit_per_1000" in table.columns:
            size = rounded(values, rule)
            shown["benefit_per_1000"] = 1000 * table["benefit"] / np.where(size > 0, size, np.nan)
        gone = [name, *(part for part in _PARTS[name] if part in table.columns)]
        shown[gone] = shown[gone].mask(np.broadcast_to(hidden[:, np.newaxis], (len(table), len(gone))))
    return shown
