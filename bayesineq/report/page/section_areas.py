"""The section of areas: words, maps and tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import pandas as pd

from bayesineq.dims import AREA
from bayesineq.disclosure.rule import SUPPRESSED
from bayesineq.report.figures.areas import area_table, average_draws
from bayesineq.report.figures.hexagons import hexagons
from bayesineq.report.figures.maps import draw_map
from bayesineq.report.figures.outline import Outline
from bayesineq.report.page.alike import Alike
from bayesineq.report.page.parts import Frame, Row, Section, Table
from bayesineq.report.tables.measured import estimate_headers
from bayesineq.report.tables.numbers import decimals, estimate, percent, with_unit
from bayesineq.report.words.sentences import SURE, places

_LISTED_AREAS: Final = 15
_TABLED_AREAS: Final = 1_000


def map_section(frame: Frame, like: Alike, shapes: Outline, place: str, names: Mapping[str, str]) -> Section:
    """
    Areas: words, maps of the estimate, of exceedance and of uncertainty, and tables.

    Parameters
    ----------
    frame : Frame
        The posterior and how it is shown.
    like : Alike
        Outcome of each area, as it is compared and as it is.
    shapes : Outline
        Boundaries.
    place : str
        The dimension of areas.
    names : mapping of str to str
        Names of areas by code.

    Returns
    -------
    Section
        With the areas that are worse than the average with a probability of 95% or more.
    """
    card = frame.card
    like = like.renamed(place, AREA)
    named = f"{card.outcome.name}{like.given}"
    table = area_table(like.values, prob=frame.prob)
    withheld = len(frame.cover.levels(place))
    charts = tuple(
        draw_map(
            table,
            shapes,
            statistic=statistic,
            prob=frame.prob,
            outcome=named,
            unit=frame.unit,
            more_is=card.outcome.more_is,
            withheld=withheld,
        )
        for statistic in ("mean", "exceedance", "width")
    )
    hexagonal = draw_map(
        table,
        hexagons(shapes),
        statistic="exceedance",
        prob=frame.prob,
        outcome=named,
        unit=frame.unit,
        more_is=card.outcome.more_is,
        withheld=withheld,
    )
    table["hidden"] = False
    gone = pd.Index([str(code) for code in frame.cover.levels(place)], name=AREA)
    table = table.reindex(table.index.union(gone))
    table["hidden"] = table["hidden"].fillna(True).astype(bool)
    if like.is_adjusted:
        own = area_table(like.crude, prob=frame.prob)[["mean", "lower", "upper"]]
        table = table.join(own.add_prefix("crude_"))
    average = with_unit(float(average_draws(like.values).mean()), frame.unit)
    limit = f"{frame.average_of_areas} ({average}, weighted by {frame.size_name})"
    said = (places(table["exceedance"], outcome=named, limit=limit, withheld=withheld),)
    return Section("Where", said, _area_tables(frame, like, table, names), (*charts[:2], hexagonal, charts[2]))


def _area_tables(frame: Frame, like: Alike, table: pd.DataFrame, names: Mapping[str, str]) -> tuple[Table, ...]:
    more = frame.card.outcome.more_is == "worse"
    worst = table[(table["exceedance"] >= SURE) if more else (table["exceedance"] <= 1.0 - SURE)]
    count = len(worst)
    worst = worst.sort_values("mean", ascending=not more).head(_LISTED_AREAS)
    header: Row = ("Area", "Name") if names else ("Area",)
    header = (*header, *estimate_headers(frame, like), "Probability of being above average")
    places = decimals([float(v) * frame.unit.factor for v in table["mean"].dropna()])
    shown = ("", "crude_") if like.is_adjusted else ("",)

    def rows(part: pd.DataFrame) -> tuple[Row, ...]:
        made = []
        for code, row in zip(part.index, part.to_dict("records"), strict=True):
            cells = [str(code), *((names.get(str(code), ""),) if names else ())]
            for prefix in shown:
                mean, lower, upper = (float(row[f"{prefix}{part}"]) for part in ("mean", "lower", "upper"))
                shown_value = estimate(mean, lower, upper, frame.unit, places=places)
                cells.append(SUPPRESSED if row["hidden"] else shown_value)
            made.append((*cells, SUPPRESSED if row["hidden"] else percent(row["exceedance"], like.draws)))
        return tuple(made)

    made = []
    if len(worst):
        made.append(
            Table(
                f"Areas that are worse than the average{like.given} with a probability of 95% or more, of which there "
                f"are {count:,}: the {len(worst)} with the {'highest' if more else 'lowest'} estimates",
                header,
                rows(worst),
            )
        )
    if len(table) <= _TABLED_AREAS:
        made.append(Table(f"All areas{',' if like.given else ''}{like.given}", header, rows(table.sort_index())))
    return tuple(made)
