"""Maps of an allocation: which plan each area gets, and which areas surely belong among those served first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import pandas as pd

from bayesineq.dims import AREA, INTERVENTION
from bayesineq.report.figures.maps import by_code, coloured, legend
from bayesineq.report.figures.outline import Outline, outlined
from bayesineq.report.figures.style import MISSING, Chart

if TYPE_CHECKING:
    import geopandas as gpd

_PLANS: Final = ("#005eb8", "#e8943a", "#1c8573", "#77579f", "#6b5b0e", "#a3195b", "#4c6272", "#8ab8e0")
_NOTHING: Final = "#ececec"
_TIERS: Final = {"sure in": "#1f5a94", "marginal": "#e9c46a", "sure out": "#ececec"}
_PROBABILITIES: Final = {"sure in": "90% or more", "marginal": "10% to 90%", "sure out": "10% or less"}


def map_allocation(
    table: pd.DataFrame,
    areas: gpd.GeoDataFrame | Outline,
    *,
    decided: Sequence[str] | None = None,
    title: str | None = None,
) -> Chart:
    """
    Draw which plan each area gets.

    An area with several plans has the colour of the one given to most people; areas not decided for are hatched.
    """
    shapes = outlined(areas)
    main = table.sort_values("treated", ascending=False).drop_duplicates(AREA).set_index(AREA)[[INTERVENTION]]
    rows = by_code(main, shapes)
    known = rows.index if decided is None else pd.Index([str(code) for code in decided])
    given = rows[INTERVENTION].fillna("no plan").where(rows.index.isin(known), "")
    names = [str(name) for name in dict.fromkeys(table[INTERVENTION])]
    colours = dict(zip(names, _PLANS * (1 + len(names) // len(_PLANS)), strict=False)) | {"no plan": _NOTHING}
    several = int(table[AREA].duplicated().sum())
    also = f" Areas with a second plan for a part of their people: {several:,}." if several else ""
    title = title or ("Which plan each area gets")
    caption = f"The allocation with the highest expected net benefit within the budget.{also} {shapes.note}".rstrip()
    return _categories(given, colours, shapes, title, caption, "plan", rows.assign(plan=given).reset_index())


def map_served(
    ranked: pd.DataFrame, areas: gpd.GeoDataFrame | Outline, *, first: str, title: str | None = None
) -> Chart:
    """Draw with which probability areas belong among those served first."""
    shapes = outlined(areas)
    rows = by_code(ranked.set_index(AREA)[["p_top", "tier"]], shapes)
    title = title or (f"Which areas belong to the {first} that gain most")
    caption = f"Probability of belonging to them. {shapes.note}".rstrip()
    said = rows["tier"].map(_PROBABILITIES).fillna("")
    colours = {_PROBABILITIES[tier]: colour for tier, colour in _TIERS.items()}
    return _categories(said, colours, shapes, title, caption, "probability", rows.reset_index())


def _categories(
    given: pd.Series,
    colours: dict[str, str],
    shapes: Outline,
    title: str,
    caption: str,
    what: str,
    table: pd.DataFrame,
) -> Chart:
    gone = ~given.isin(list(colours)).to_numpy()
    figure = coloured(shapes, [colours.get(str(name), MISSING) for name in given], gone, title)
    entries = [(colour, f"{name} ({int((given == name).sum()):,})") for name, colour in colours.items()]
    legend(figure, entries, what, int(gone.sum()))
    alt = f"Map. {title}. " + "; ".join(label for _, label in entries) + "."
    return Chart(figure, title, caption, alt, table)
