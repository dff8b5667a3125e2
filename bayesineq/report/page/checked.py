"""What commands publish, laid out for a checker: people behind every row, figures as pictures with their table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import pandas as pd
import xarray as xr

from bayesineq.decisions.plans import PlanComparison
from bayesineq.decisions.released import shown_tables
from bayesineq.dims import DECILE, POPULATION, QUINTILE, SAMPLE_DIMS
from bayesineq.disclosure.acro import N, Output, Statbarn
from bayesineq.disclosure.cover import Cover, cover
from bayesineq.disclosure.released import residual_degrees
from bayesineq.disclosure.rule import Rule, is_small, rounded
from bayesineq.posterior.population import card_of
from bayesineq.report.figures.style import Chart, to_png
from bayesineq.report.page.content import Content
from bayesineq.report.page.parts import Table
from bayesineq.report.words.labels import level_labels

INSIDE: Final = "["
"""Before the name of a group that stands in brackets."""

type People = Mapping[tuple[str, ...], float | None]
"""Rounded people by code or by what pages call it; None where they are withheld, () for everybody."""


def people_behind(whole: Cover) -> People:
    """The people behind every group that is covered, by the codes and by the names of its levels."""
    found: dict[tuple[str, ...], float | None] = {}
    for level in whole.levels_covered:
        people, hidden = whole.people[level], whole.hidden[level].to_numpy()
        codes = [people[dim].to_numpy().tolist() for dim in level]
        names = [level_labels(dim, own) for dim, own in zip(level, codes, strict=True)]
        size = rounded(people.to_numpy(), whole.rule)
        for at in np.ndindex(size.shape):
            small = bool(is_small(people.to_numpy()[at], whole.rule))
            value = None if hidden[at] or small else float(size[at])
            for called in (codes, names):
                key = tuple(str(own[k]) for own, k in zip(called, at, strict=True))
                found[tuple(sorted(key))] = value
    deciles = (DECILE,) in whole.levels_covered
    for fifth in range(1, 6):
        tenths = [found.get((str(k),), 0.0) for k in (2 * fifth - 1, 2 * fifth)] if deciles else [0.0]
        found[(QUINTILE, str(fifth))] = None if None in tenths else float(sum(k or 0.0 for k in tenths))
    return found


def with_people(table: pd.DataFrame, people: People) -> pd.DataFrame:
    """A table with `n` beside each row: the people of its group, or everybody where it is of no single one."""
    counted = next((name for name in ("people", "population", "Population") if name in table.columns), None)
    told = table.astype(object).iloc[:, :3].map(_name).to_numpy().tolist()
    n: list[float | None] = []
    for place, row in enumerate(told):
        if counted is not None:
            value = pd.to_numeric(str(table[counted].iloc[place]).replace(",", ""), errors="coerce")
            n.append(None if pd.isna(value) else float(value))
            continue
        if INSIDE in row[0]:
            n.append(people.get(tuple(sorted(row[0].removeprefix(INSIDE).split(", ")))))
            continue
        keys = [tuple(sorted(row[:2])), *((name,) for name in row)]
        keys = [(QUINTILE, row[table.columns.get_loc(QUINTILE)])] if QUINTILE in table.columns[:3] else keys
        n.append(next((people[key] for key in keys if key in people), people.get(())))
    shown = table.copy()
    shown[N] = pd.array(n, dtype="Float64")
    return shown


def measured(post: xr.DataTree, by: str, table: pd.DataFrame, rule: Rule) -> list[Output]:
    """A table of measures, for a checker."""
    people = people_behind(cover(post, rule))
    return [_table("measure", with_people(table, people), post, (by,))]


def summarised(post: xr.DataTree, table: pd.DataFrame, rule: Rule) -> list[Output]:
    """Parameters of a model, for a checker."""
    card, left = card_of(post), residual_degrees(post)
    shown = with_people(table, people_behind(cover(post, rule)))
    own = tuple(card.dims)
    return [Output("summary", (shown,), "CorrelationCoefficients", card.outcome.name, own, {}, left)]


def passed_on(whole: Cover, tree: xr.DataTree, content: bytes) -> list[Output]:
    """Draws that are passed on, for a checker: the file, and a table of what it holds of each group."""
    people, outputs = people_behind(whole), []
    for name, node in tree.children.items():
        values = node["estimate"]
        dims = [str(dim) for dim in values.dims if dim not in SAMPLE_DIMS]
        mean = values.mean(SAMPLE_DIMS).rename("mean")
        table = mean.to_series().reset_index() if dims else pd.DataFrame({"mean": [float(mean)]})
        table = table.drop(columns=[POPULATION], errors="ignore")
        outputs.append(_table(f"release {name}", with_people(table, people), whole.post, tuple(dims)))
    return [*outputs, _file("release", "released.nc", content, "joint draws of the tables above")]


def compared_plans(post: xr.DataTree, found: PlanComparison, charts: Mapping[str, Chart], rule: Rule) -> list[Output]:
    """A comparison of plans, for a checker."""
    people = people_behind(cover(post, rule))
    outputs = [
        _table(f"compare {name}", with_people(table, people), post, tuple(d for d in card_of(post).dims if d in table))
        for name, table in shown_tables(found, rule).items()
    ]
    return [*outputs, *(_figure(name, chart, people, post) for name, chart in charts.items())]


def reported(post: xr.DataTree, content: Content, page: bytes, rule: Rule) -> list[Output]:
    """A report, for a checker: its tables and figures one by one, and the page."""
    people = people_behind(cover(post, rule))
    tables: list[Table] = [] if content.inequality is None else [content.inequality]
    tables += [] if content.core20 is None else [content.core20[1]]
    charts: list[Chart] = [*content.trust]
    for section in content.sections:
        tables += section.tables
        charts += section.charts
    outputs = []
    for table in tables:
        frame = pd.DataFrame(list(table.rows), columns=list(table.header))
        outputs.append(_table("report", with_people(frame, people), post, (), comment=table.caption))
    outputs += [_figure(f"figure_{k}", chart, people, post) for k, chart in enumerate(charts, 1)]
    return [*outputs, _file("report", "report.html", page, "the page that holds these tables and figures")]


def _table(method: str, table: pd.DataFrame, post: xr.DataTree, by: Sequence[str], comment: str = "") -> Output:
    counted: Statbarn = (
        "Frequencies" if set(table.columns) - {N} <= {"people", "treated", *by} else "LinearAggregations"
    )
    return Output(method, (table,), counted, card_of(post).outcome.name, tuple(by), {}, comment=comment)


def _figure(name: str, chart: Chart, people: People, post: xr.DataTree) -> Output:
    picture = {f"{name}.png": to_png(chart)}
    table = with_people(chart.table.reset_index(drop=True), people)
    return Output(
        "figure", (table,), None, card_of(post).outcome.name, (), picture, comment=f"{chart.title}. {chart.alt}"
    )


def _file(method: str, name: str, content: bytes, comment: str) -> Output:
    return Output(method, (), None, "", (), {name: content}, comment=comment)


def _name(cell: object) -> str:
    """What a cell calls a group: a code, or what stands in the brackets of a parameter."""
    text = str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell)
    inside = text.partition("[")[2]
    return INSIDE + inside.removesuffix("]") if text.endswith("]") and inside else text
