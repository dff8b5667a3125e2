"""Maps that show estimate and certainty at once: rank tiers, two variables, and value by opacity."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from bayesineq.dims import AREA, CI_PROB
from bayesineq.disclosure.covered import Draws, covered
from bayesineq.errors import MeasureError
from bayesineq.posterior.groups import ranks
from bayesineq.report.figures.areas import area_table, quantile_classes
from bayesineq.report.figures.draws import to_draw
from bayesineq.report.figures.maps import by_code, coloured, legend, paint
from bayesineq.report.figures.outline import Outline, outlined
from bayesineq.report.figures.style import (
    INK,
    MISSING,
    QUIET,
    SEQUENTIAL,
    WIDTH,
    Chart,
    MoreIs,
    direction,
    headline,
    new_figure,
    plain,
)
from bayesineq.report.tables.numbers import Unit, with_unit
from bayesineq.report.words.described import described
from bayesineq.report.words.sentences import sentence

if TYPE_CHECKING:
    import geopandas as gpd
    from matplotlib.axes import Axes
    from matplotlib.patches import Rectangle

TIERS: Final = 5
_OPEN: Final = "#ececec"
_BIVARIATE: Final = (
    ("#e8e8e8", "#b0d5df", "#64acbe"),
    ("#e4acac", "#ad9ea5", "#627f8c"),
    ("#c85a5a", "#985356", "#574249"),
)
_OPACITY: Final = (1.0, 0.6, 0.25)
_WORDS: Final = ("low", "middle", "high")


def tier_data(values: Draws, *, tiers: int = TIERS, certain: float = 0.8) -> pd.DataFrame:
    """
    Find the tier of every area's rank, where it is certain enough.

    `tiers`: Into how many equal parts the ranks are cut; tier 1 holds the highest values. Returns: index `area`:
    `tier` (the most probable, from 1), `probability` (of that tier) and `settled`.
    """
    draws = to_draw(values, AREA)
    count = draws.sizes[AREA]
    if count < tiers:
        raise MeasureError(f"{count} areas cannot be cut into {tiers} tiers; ask for at most {count}")
    if not 0.5 < certain < 1.0:
        raise MeasureError(f"certain={certain!r}: a settled tier has a probability above 0.5 and below 1")
    placed = ranks(draws, AREA).transpose("chain", "draw", AREA).to_numpy().reshape(-1, count)
    share = np.stack(
        [
            ((placed > k * count / tiers) & (placed <= (k + 1) * count / tiers)).mean(axis=0, dtype=np.float64)
            for k in range(tiers)
        ]
    )
    best = share.argmax(axis=0)
    chance = share.max(axis=0)
    index = pd.Index(draws[AREA].to_numpy().astype(str), name=AREA)
    return pd.DataFrame({"tier": best + 1, "probability": chance, "settled": chance >= certain}, index=index)


def map_tiers(
    values: xr.DataArray | Draws,
    areas: gpd.GeoDataFrame | Outline,
    *,
    tiers: int = TIERS,
    certain: float = 0.8,
    outcome: str | None = None,
    more_is: MoreIs | None = None,
    title: str | None = None,
) -> Chart:
    """
    Draw the tier of every area's rank, and leave areas grey whose tier is not settled.

    Parameters
    ----------
    values : DataArray, dims (chain, draw, area), or Covered
        Outcome of each area. Areas of few people or events are drawn as missing.
    areas : GeoDataFrame or Outline
        Boundaries keyed by code.
    tiers : int
        Into how many equal parts the ranks are cut, from 2 to 5.
    certain : float
        Probability from which a tier counts as settled.
    outcome : str, optional
        Name of the outcome in words; by default as the values have it in their attributes.
    more_is : {"worse", "better"}, optional
        Polarity of the outcome, which every figure states; by default as the values have it.
    title : str, optional
        Heading of the figure; by default made from what it shows.

    Returns
    -------
    Chart
        The map; its table has a row an area.

    Raises
    ------
    GraphError
        If an area of the values has no boundary.

    Examples
    --------
    >>> from bayesineq import example, expected
    >>> place = example()
    >>> map_tiers(expected(place.post, by="area"), place.areas, tiers=3).title
    'Which part of the ranking each area is in, prevalence'
    """
    safe = covered(values, counts=False)
    outcome, _, more_is = described(safe, outcome, None, more_is)
    shapes = outlined(areas)
    if not 2 <= tiers <= TIERS:
        raise MeasureError(f"tiers={tiers}: a map tells 2 to {TIERS} tiers apart")
    rows = by_code(tier_data(safe, tiers=tiers, certain=certain), shapes)
    missing = rows["tier"].isna().to_numpy()
    settled = rows["settled"].eq(True).to_numpy()
    tier = rows["tier"].fillna(0).astype(int).to_numpy()
    palette = [SEQUENTIAL[round((tiers - 1 - k) * 4 / (tiers - 1))] for k in range(tiers)]
    colours = [
        MISSING if gone else palette[k - 1] if sure else _OPEN
        for k, sure, gone in zip(tier, settled, missing, strict=True)
    ]
    names = [f"{_ordinal(k)} of {tiers} parts" for k in range(1, tiers + 1)]
    names[0], names[-1] = f"highest of {tiers} parts", f"lowest of {tiers} parts"
    held = [int((settled & (tier == k)).sum()) for k in range(1, tiers + 1)]
    unsettled = int((~settled & ~missing).sum())
    entries = [(colour, f"{name} ({n:,})") for colour, name, n in zip(palette, names, held, strict=True)]
    entries.append((_OPEN, f"not settled ({unsettled:,})"))
    title = title or (f"Which part of the ranking each area is in, {outcome}")
    figure = coloured(shapes, colours, missing, title)
    legend(figure, entries, f"settled at {100 * certain:.0f}%", int(missing.sum()))
    caption = (
        f"Areas are coloured where their part of the ranking has a probability of {100 * certain:.0f}% or more; "
        f"{unsettled:,} of {int((~missing).sum()):,} have none. Direction: {direction(more_is)}. {shapes.note}".rstrip()
    )
    alt = f"Map. {title}. " + "; ".join(label for _, label in entries) + "."
    return Chart(figure, title, caption, alt, rows.reset_index())


def bivariate_data(values: Draws, other: pd.Series) -> pd.DataFrame:
    """
    Put every area into thirds of its estimate and of another variable.

    `other`: Another number of each area, indexed by code: a deprivation score. Returns: index `area`: `mean`,
    `other`, `outcome_third` and `other_third`, from 0 (low) to 2 (high).
    """
    table = area_table(values)[["mean"]]
    if other.index.has_duplicates:
        raise MeasureError(f"codes are there more than once: {list(other.index[other.index.duplicated()][:5])}")
    lacking = table.index.difference(other.dropna().index.astype(str))
    if len(lacking):
        raise MeasureError(f"{len(lacking)} areas have no second number ({', '.join(lacking[:5])}); add them")
    table["other"] = other.set_axis(other.index.astype(str)).reindex(table.index).astype(float)
    table["outcome_third"] = quantile_classes(table["mean"].to_numpy(), 3).member
    table["other_third"] = quantile_classes(table["other"].to_numpy(), 3).member
    return table


def map_bivariate(
    values: xr.DataArray | Draws,
    areas: gpd.GeoDataFrame | Outline,
    other: pd.Series,
    *,
    other_name: str,
    outcome: str | None = None,
    more_is: MoreIs | None = None,
    title: str | None = None,
) -> Chart:
    """
    Draw an outcome and another variable together, in three by three colours.

    Parameters
    ----------
    values : DataArray, dims (chain, draw, area), or Covered
        Outcome of each area. Areas of few people or events are drawn as missing.
    areas : GeoDataFrame or Outline
        Boundaries keyed by code.
    other : Series
        Another number of each area, indexed by code.
    other_name : str
        Its name in words, such as "deprivation".
    outcome : str, optional
        Name of the outcome in words; by default as the values have it in their attributes.
    more_is : {"worse", "better"}, optional
        Polarity of the outcome, which every figure states; by default as the values have it.
    title : str, optional
        Heading of the figure; by default made from what it shows.

    Returns
    -------
    Chart
        The map; its table has a row an area.

    Examples
    --------
    >>> from bayesineq import example, expected
    >>> place = example()
    >>> decile = place.table.groupby("area")["imd_decile"].first()
    >>> map_bivariate(expected(place.post, by="area"), place.areas, decile, other_name="decile of deprivation").title
    'Prevalence and decile of deprivation together'
    """
    safe = covered(values, counts=False)
    outcome, _, more_is = described(safe, outcome, None, more_is)
    shapes = outlined(areas)
    rows = by_code(bivariate_data(safe, other), shapes)
    missing = rows["outcome_third"].isna().to_numpy() | rows["outcome_third"].lt(0).to_numpy()
    pair = rows[["outcome_third", "other_third"]].fillna(0).astype(int).to_numpy()
    colours = [MISSING if gone else _BIVARIATE[a][b] for (a, b), gone in zip(pair, missing, strict=True)]
    title = title or f"{sentence(outcome)} and {other_name} together"
    figure = new_figure(WIDTH, 3.8)
    axes, key = figure.subplots(1, 2, width_ratios=(3.0, 1.0))
    headline(figure, title)
    paint(axes, shapes, colours, missing)
    _square_key(key, outcome, other_name)
    both = int(((pair == 2).all(axis=1) & ~missing).sum())
    lone = int(((pair[:, 0] == 2) & (pair[:, 1] == 0) & ~missing).sum())
    caption = (
        f"Thirds of areas by estimated {outcome} (upwards) and {other_name} (to the right). {both:,} areas are in the "
        f"highest third of both; {lone:,} are high in {outcome} but low in {other_name}. "
        f"Direction of {outcome}: {direction(more_is)}. {shapes.note}".rstrip()
    )
    alt = f"Map. {title}. {both:,} areas are in the highest third of both, {lone:,} only of {outcome}."
    return Chart(figure, title, caption, alt, rows.reset_index())


def map_certainty(
    values: xr.DataArray | Draws,
    areas: gpd.GeoDataFrame | Outline,
    *,
    prob: float = CI_PROB,
    outcome: str | None = None,
    unit: Unit | None = None,
    more_is: MoreIs | None = None,
    title: str | None = None,
) -> Chart:
    """
    Draw estimates whose colour fades with their uncertainty.

    Parameters
    ----------
    values : DataArray, dims (chain, draw, area), or Covered
        Outcome of each area. Areas of few people or events are drawn as missing.
    areas : GeoDataFrame or Outline
        Boundaries keyed by code.
    prob : float
        Probability that the interval holds.
    outcome : str, optional
        Name of the outcome in words; by default as the values have it in their attributes.
    unit : Unit, optional
        How values are written; by default as the attribute `scale` says.
    more_is : {"worse", "better"}, optional
        Polarity of the outcome, which every figure states; by default as the values have it.
    title : str, optional
        Heading of the figure; by default made from what it shows.

    Returns
    -------
    Chart
        The map; its table has a row an area with `opacity`: 1 for the most certain third, then 0.6 and 0.25.

    Examples
    --------
    >>> from bayesineq import example, expected
    >>> place = example()
    >>> map_certainty(expected(place.post, by="area"), place.areas).title
    'Estimated prevalence, fading with uncertainty'
    """
    safe = covered(values, counts=False)
    outcome, unit, more_is = described(safe, outcome, unit, more_is)
    from matplotlib.colors import to_hex, to_rgb

    shapes = outlined(areas)
    table = area_table(safe, prob=prob)
    classes = quantile_classes(table["mean"].to_numpy(), 3)
    positive = bool(table["mean"].dropna().gt(0).all())
    relative = " relative to the mean" if positive else ""
    thirds = quantile_classes((table["width"] / (table["mean"] if positive else 1.0)).to_numpy(), 3).member
    table["third"], table["opacity"] = classes.member, [_OPACITY[k] if k >= 0 else np.nan for k in thirds]
    rows = by_code(table, shapes)
    missing = rows["opacity"].isna().to_numpy()
    palette = [SEQUENTIAL[1], SEQUENTIAL[2], SEQUENTIAL[4]]

    def faded(colour: str, opacity: float) -> str:
        red, green, blue = (1.0 - opacity * (1.0 - part) for part in to_rgb(colour))
        return to_hex((red, green, blue))

    drawn = zip(rows["third"].fillna(0).astype(int), rows["opacity"].fillna(0.0), missing, strict=True)
    colours = [MISSING if gone else faded(palette[k], opacity) for k, opacity, gone in drawn]
    title = title or (f"Estimated {outcome}, fading with uncertainty")
    figure = coloured(shapes, colours, missing, title)
    edges = classes.edges
    entries = [
        (faded(palette[k], opacity), f"{with_unit(edges[k], unit)} to {with_unit(edges[k + 1], unit)}, {word}")
        for k in range(len(edges) - 1)
        for opacity, word in zip(_OPACITY, ("certain", "less certain", "uncertain"), strict=True)
    ]
    legend(figure, entries, "estimate and certainty", int(missing.sum()))
    caption = (
        f"Colour: thirds of areas by posterior mean. Strength: thirds by the width of the {100 * prob:.0f}% credible "
        f"interval{relative}, strong where narrow. Direction: {direction(more_is)}. {shapes.note}".rstrip()
    )
    sure = int((rows["third"].eq(2) & rows["opacity"].eq(1.0)).sum())
    alt = f"Map. {title}. {sure:,} areas are in the highest third and among the most certain."
    return Chart(figure, title, caption, alt, rows.reset_index())


def _square_key(key: Axes, outcome: str, other_name: str) -> None:
    grid: NDArray[np.int64] = np.arange(3)
    for a in grid:
        for b in grid:
            key.add_patch(_tile(float(b), float(a), _BIVARIATE[a][b]))
    key.set_xlim(0, 3)
    key.set_ylim(0, 3)
    key.set_aspect("equal")
    for place in (key.set_xticks, key.set_yticks):
        place([0.5, 1.5, 2.5], list(_WORDS), fontsize=8, color=INK)
    key.tick_params(length=0, colors=INK)
    for side in key.spines.values():
        side.set_visible(False)
    key.set_xlabel(plain(other_name), fontsize=9, color=QUIET)
    key.set_ylabel(plain(outcome), fontsize=9, color=QUIET)


def _tile(x: float, y: float, colour: str) -> Rectangle:
    from matplotlib.patches import Rectangle

    return Rectangle((x, y), 1.0, 1.0, facecolor=colour, edgecolor="white", linewidth=0.8)


def _ordinal(number: int) -> str:
    return {1: "first", 2: "second", 3: "third", 4: "fourth"}.get(number, "fifth")
