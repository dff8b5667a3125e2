"""The section of areas: words, maps and tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import pandas as pd

from bayesineq.dims import AREA
from bayesineq.disclosure.rule import SUPPRESSED
from bayesineq.report.figures.areas import Statistic, area_table, average_draws
from bayesineq.report.figures.hexagons import hexagons
from bayesineq.report.figures.maps import draw_map
from bayesineq.report.figures.outline import Outline
from bayesineq.report.page.alike import Alike
from bayesineq.report.page.parts import Columns, Frame, Record, Section, Table, table_of
from bayesineq.report.tables.measured import estimate_columns
from bayesineq.report.tables.numbers import decimals, estimate, percent, with_unit
from bayesineq.report.words.sentences import SURE, places

_LISTED_AREAS: Final = 15
_TABLED_AREAS: Final = 1_000


def map_section(frame: Frame, like: Alike, shapes: Outline, place: str, names: Mapping[str, str]) -> Section:
    """Areas: words, maps of the estimate, of exceedance and of uncertainty, and tables."""
    like, withheld = like.renamed(place, AREA), len(frame.cover.levels(place))
    table, shown_as = area_table(like.values, prob=frame.prob), frame.shown_as(like)
    drawn: tuple[tuple[Statistic, Outline], ...] = (
        ("mean", shapes),
        ("exceedance", shapes),
        ("exceedance", hexagons(shapes)),
        ("width", shapes),
    )
    charts = tuple(draw_map(table, on, statistic=statistic, withheld=withheld, **shown_as) for statistic, on in drawn)
    table = table.assign(hidden=False).reindex(
        table.index.union(pd.Index([str(code) for code in frame.cover.levels(place)], name=AREA))
    )
    table["hidden"] = table["hidden"].isna()
    if like.is_adjusted:
        table = table.join(area_table(like.crude, prob=frame.prob)[["mean", "lower", "upper"]].add_prefix("crude_"))
    average = with_unit(float(average_draws(like.values).mean()), frame.unit)
    limit = f"{frame.average_of_areas} ({average}, weighted by {frame.size_name})"
    said = places(table["exceedance"], outcome=shown_as["outcome"], limit=limit, withheld=withheld)
    leads = ((charts[1], _in_short(frame, table, names, f"{frame.average_of_areas} ({average})")),)
    return Section("Where", (said,), _area_tables(frame, like, table, names), charts, leads)


def _in_short(frame: Frame, table: pd.DataFrame, names: Mapping[str, str], limit: str) -> str:
    """How many areas surely lie on the bad side of the average, the worst by name, and how many are withheld."""
    gone, shown = int(table["hidden"].sum()), table.dropna(subset=["mean"])
    more = frame.card.outcome.more_is == "worse"
    bad = int((shown["exceedance"] >= SURE).sum() if more else (shown["exceedance"] <= 1.0 - SURE).sum())
    said = (
        f"{bad:,} of {len(shown):,} areas are {'above' if more else 'below'} {limit}, each with a probability of 95% "
    )
    said += "or more."
    if bad:
        worst = int(shown["mean"].argmax() if more else shown["mean"].argmin())
        code, (mean, lower, upper) = str(shown.index[worst]), shown[["mean", "lower", "upper"]].to_numpy()[worst]
        said += (
            f" {'Highest' if more else 'Lowest'}: {names.get(code, code)}, {estimate(mean, lower, upper, frame.unit)}."
        )
    return f"{said} {gone:,} {'is' if gone == 1 else 'are'} withheld." if gone else said


def _area_tables(frame: Frame, like: Alike, table: pd.DataFrame, names: Mapping[str, str]) -> tuple[Table, ...]:
    more = frame.card.outcome.more_is == "worse"
    worst = table[(table["exceedance"] >= SURE) if more else (table["exceedance"] <= 1.0 - SURE)]
    count = len(worst)
    worst = worst.sort_values("mean", ascending=not more).head(_LISTED_AREAS)
    places = decimals([float(v) * frame.unit.factor for v in table["mean"].dropna()])

    def unless_hidden(said: Callable[[Record], str]) -> Callable[[Record], str]:
        return lambda row: SUPPRESSED if row["hidden"] else said(row)

    numbers: Columns = estimate_columns(frame, like, places)
    numbers["Probability of being above average"] = lambda row: percent(row["exceedance"], like.draws)
    columns: Columns = {"Area": lambda row: str(row[AREA])}
    if names:
        columns["Name"] = lambda row: names.get(str(row[AREA]), "")
    columns |= {head: unless_hidden(said) for head, said in numbers.items()}
    made = []
    if len(worst):
        caption = (
            f"Areas that are worse than the average{like.given} with a probability of 95% or more, of which there "
            f"are {count:,}: the {len(worst)} with the {'highest' if more else 'lowest'} estimates"
        )
        made.append(table_of(caption, worst.reset_index(), columns))
    if len(table) <= _TABLED_AREAS:
        caption = f"All areas{',' if like.given else ''}{like.given}"
        made.append(table_of(caption, table.sort_index().reset_index(), columns))
    return tuple(made)
