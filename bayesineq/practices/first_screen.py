"""What a page of a board, or of the nation by board, begins with: who, by how much, how many people, how sure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from bayesineq.dims import AREA
from bayesineq.practices.boards import NATION
from bayesineq.report.figures.maps import draw_map
from bayesineq.report.figures.open_data import plot_fifths, plot_places
from bayesineq.report.figures.outline import outline
from bayesineq.report.figures.style import Chart
from bayesineq.report.page.lead import Lead
from bayesineq.report.page.plain import FirstScreen
from bayesineq.report.tables.numbers import PERCENT
from bayesineq.report.words.sentences import Statement, listed, sentence
from bayesineq.tables.practices import CONDITIONS

if TYPE_CHECKING:
    import geopandas as gpd

Frames = Mapping[str, pd.DataFrame]

_SURE: Final = 0.95
_NEXT: Final = 3
_FIGURES: Final = 2
_SAID: Final = 0.0005


def short_name(board: str) -> str:
    """
    Name of a board without what all of them are called.

    Examples
    --------
    >>> short_name("NHS Suffolk and North East Essex Integrated Care Board")
    'Suffolk and North East Essex'
    """
    return board.removeprefix("NHS ").removesuffix(" Integrated Care Board")


def people(value: float) -> str:
    """
    Write a number of people with two digits that mean something, three above ten thousand.

    Examples
    --------
    >>> people(8_712.0), people(123_456.0), people(38.0)
    ('8,700', '123,000', '38')
    """
    if abs(value) < 100:
        return f"{value:,.0f}"
    digits = 3 if abs(value) >= 10_000 else 2
    return f"{round(value, digits - 1 - int(np.floor(np.log10(abs(value))))):,.0f}"


def leading(rows: pd.DataFrame) -> dict[str, Any]:
    """The register by which most people stand behind the gap, of those surely higher in the most deprived fifth."""
    sure = rows[rows["more"] >= _SURE]
    found = (sure if len(sure) else rows).sort_values("beyond", ascending=False).iloc[0]
    return {str(key): value for key, value in found.items()}


def first_screen(
    tables: Frames, board: str = NATION, peers: Sequence[str] = (), boundaries: gpd.GeoDataFrame | None = None
) -> FirstScreen:
    """Sentences and figures of a place; `peers` are the codes of boards like it."""
    rows = tables["boards"].query("place == @board")
    first = leading(rows)
    where = short_name(str(first["name"]))
    said = (_gap(first, where), _people(rows, first, tables["areas"], board), _ranked(tables, first, peers))
    charts = list(_charts(tables, first, where, peers))
    if boundaries is not None:
        charts.append(_map(tables["areas"], first, where, boundaries))
    return FirstScreen(
        Lead(tuple(Statement(text, is_claim=True) for text in said if text), tuple(charts)),
        sure=_sure(first),
        unknown=_unknown(tables["areas"], board),
        conclude="No cause, and nothing of one person: these are areas. Registers are not adjusted for age: illnesses "
        "of old age look less unequal than they are where the most deprived are younger. Ranks whose intervals "
        "overlap are no league table.",
    )


def _named(code: str) -> str:
    return CONDITIONS[code][0]


def _range(low: float, high: float, written: Any) -> str:
    return f" ({written(low)} to {written(high)})" if np.isfinite(low) else ""


def _gap(first: Mapping[str, Any], where: str) -> str:
    """Who is worst off, and by how much."""
    times = f"{first['ratio']:.2f} times as many"
    bounds = _range(first["ratio_lower"], first["ratio_upper"], lambda v: f"{v:.2f}")
    age = CONDITIONS[str(first["condition"])][1]
    of = f"patients aged {age} and over" if age else "patients"
    return (
        f"Worst off is the most deprived fifth of areas of {where}: {100 * first['most']:.2f}% of its {of} are on the "
        f"register of {_named(str(first['condition']))}, against {100 * first['least']:.2f}% in the least deprived "
        f"fifth, {times}{bounds}."
    )


def _people(rows: pd.DataFrame, first: Mapping[str, Any], areas: pd.DataFrame, board: str) -> str:
    """How many people that is, of this register and of the next."""
    bounds = _range(first["beyond_lower"], first["beyond_upper"], people)
    others = rows[(rows["condition"] != first["condition"]) & (rows["more"] >= _SURE) & (rows["beyond"] > 0)]
    most = others.nlargest(_NEXT, "beyond")
    text = (
        f"If every fifth had the level of the least deprived, about {people(first['beyond'])}{bounds} fewer people "
        "would be on it"
    )
    if len(most):
        each = [f"{_named(str(r['condition']))} {people(r['beyond'])}" for r in most.to_dict("records")]
        text += f"; next come {listed(each)}"
    higher, lower = int((rows["more"] >= _SURE).sum()), int((rows["more"] <= 1 - _SURE).sum())
    text += (
        f". Of {len(rows)} {'register' if len(rows) == 1 else 'registers'}, {higher} {'is' if higher == 1 else 'are'} "
        f"surely higher in the most deprived fifth and {lower} lower"
    )
    if "median_age" in areas:
        column = "fifth_of_all" if board == NATION else "board_fifth"
        own = areas if board == NATION else areas[areas["board"] == board]
        young, old = (own.loc[own[column] == fifth, "median_age"].median() for fifth in (1, 5))
        text += f" (median age there {young:.0f}, in the least deprived {old:.0f})"
    return text + "."


def _ranked(tables: Frames, first: Mapping[str, Any], peers: Sequence[str]) -> str:
    """Where the place stands among boards, and beside the nation and its peers."""
    rows = tables["boards"]
    rows = rows[rows["condition"] == first["condition"]].set_index("place")
    ranked = rows[rows["rank"].notna()].sort_values("rank")
    if first["place"] == NATION:
        if len(ranked) < 2:
            return ""
        ends = [ranked.iloc[0], ranked.iloc[-1]]
        widest, narrowest = (
            f"{short_name(str(row['name']))} ({row['ratio']:.2f} times, rank {row['rank_lower']:.0f} to "
            f"{row['rank_upper']:.0f})"
            for row in ends
        )
        return f"Of {len(ranked)} boards, the gap is widest in {widest} and narrowest in {narrowest}."
    if not np.isfinite(first["rank"]):
        return f"{sentence(short_name(str(first['name'])))} has too few practices for an interval or a rank."
    nation = rows.loc[NATION]
    beside = f"England {nation['ratio']:.2f} times"
    others = rows.loc[[peer for peer in peers if peer in rows.index], "ratio"]
    if len(others):
        beside += f", its {len(others)} peers {others.min():.2f} to {others.max():.2f}"
    return (
        f"Its gap is number {first['rank']:.0f} of {first['boards']} boards, the widest first (rank "
        f"{first['rank_lower']:.0f} to {first['rank_upper']:.0f}); {beside}. Everybody: {100 * first['average']:.2f}% "
        f"on the register, England {100 * nation['average']:.2f}%."
    )


def _sure(first: Mapping[str, Any]) -> str:
    drawn = "local authorities" if first["place"] == NATION else "practices"
    if not np.isfinite(first["ratio_lower"]):
        return "There are too few practices for intervals: read every figure as one of many that could have been."
    return (
        f"Brackets hold 95% intervals: how far a figure would move in another draw of {drawn} like these (Bayesian "
        f"bootstrap). The chance that the most deprived have more: {_chance(float(first['more']))}."
    )


def _chance(probability: float) -> str:
    return "more than 99%" if probability > 0.99 else f"{100 * probability:.0f}%"


def _unknown(areas: pd.DataFrame, board: str) -> str:
    own = areas if board == NATION or "board" not in areas else areas[areas["board"] == board]
    text = "Who is ill and on no register, or with no practice. "
    if "covered" in own:
        share = 1.0 - float((own["covered"] * own["patients"]).sum() / own["patients"].sum())
        text += f"{100 * share:.1f}% of patients are of practices without a register. " if share >= _SAID else ""
    return text + "An area's figure is that of its patients' practices, so the true gap is likely wider."


def gap_places(tables: Frames, code: str, own: str, peers: Sequence[str]) -> pd.DataFrame:
    """Boards with an interval, and which is this one, which its peers."""
    rows = tables["boards"].query("condition == @code and place != @NATION")
    kept = rows[rows["rank"].notna()].copy()
    kept["what"] = ["own" if place == own else "peer" if place in peers else "" for place in kept["place"]]
    return kept.assign(name=kept["name"].map(short_name))


def _charts(tables: Frames, first: Mapping[str, Any], where: str, peers: Sequence[str]) -> list[tuple[Chart, str]]:
    code, place = str(first["condition"]), str(first["place"])
    fifths = tables["board_fifths"].query("place == @place and condition == @code")
    note = "Dots: fifths of areas, ranked within the place. Lines: 95% intervals."
    found = [(plot_fifths(fifths, f"{sentence(_named(code))} by deprivation, {where}", note), note)]
    rows = gap_places(tables, code, place, peers)
    if len(rows) > 1:
        whole = tables["boards"].query("place == @NATION and condition == @code")
        note = "Each line is a board, with its 95% interval. Names are further down."
        title = f"Gap in {_named(code)}: boards in order"
        found.append((plot_places(rows, title, note, whole=float(whole["ratio"].iloc[0])), note))
    return found[:_FIGURES]


def _map(areas: pd.DataFrame, first: Mapping[str, Any], where: str, boundaries: gpd.GeoDataFrame) -> tuple[Chart, str]:
    """Prevalence of areas, with towns or cities again beside the map."""
    code = str(first["condition"])
    own = areas if first["place"] == NATION else areas[areas["board"] == first["place"]]
    column = next(str(name) for name in boundaries if name != "geometry" and boundaries[name].isin(own[AREA]).any())
    shapes = boundaries[boundaries[column].isin(own[AREA])]
    known = own[own[AREA].isin(shapes[column]) & own[code].notna()]
    table = pd.DataFrame({AREA: known[AREA], "mean": known[code]}).set_index(AREA)
    title = f"{sentence(_named(code))} on registers, {where}"
    chart = draw_map(table, outline(shapes), statistic="mean", outcome=_named(code), unit=PERCENT, title=title)
    return chart, "Means of the practices of each area's patients. Squares: places drawn again, larger."
