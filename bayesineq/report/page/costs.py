"""The section on costs of a year by segment and deprivation, and of the next."""

from __future__ import annotations

from functools import partial
from typing import Final

import pandas as pd

from bayesineq.dims import DECILE
from bayesineq.disclosure.covered import require_covered
from bayesineq.disclosure.persons import PersonTables
from bayesineq.disclosure.rule import SUPPRESSED
from bayesineq.errors import MeasureError
from bayesineq.report.figures.panels import Panel, plot_panels
from bayesineq.report.figures.scores import in_order
from bayesineq.report.figures.style import Chart
from bayesineq.report.page.parts import Columns, Record, Section, Table, table_of
from bayesineq.report.tables.numbers import Unit, estimate, with_unit
from bayesineq.report.words.labels import Labels, dimension_label, level_labels
from bayesineq.report.words.sentences import Statement, numbers_withheld_said, sentence

_ALL: Final = "all"
_POUNDS: Final = Unit(1.0, "", "", "pounds")


def costs_section(found: PersonTables, labels: Labels | None = None) -> Section:
    """
    Say what care cost by segment and deprivation, and what it will cost next year.

    Parameters
    ----------
    found : Covered
        Tables of `costs` that may be shown, of `covered_persons`.
    labels : mapping of str to mapping, optional
        By dimension, names of codes.

    Returns
    -------
    Section
        Words, figures and tables.

    Examples
    --------
    >>> from bayesineq.disclosure.persons import covered_persons
    >>> one = {"segment": "all", "imd_decile": "all", "people": 900, "users": 500, "cost": 90000.0, "mean": 100.0}
    >>> one |= {"mean_lower": 90.0, "mean_upper": 110.0, "mean_user": 180.0}
    >>> costs_section(covered_persons({"costs_groups": pd.DataFrame([one])})).statements[0].text
    'Care of a year cost £90,000 in all, £100 (90 to 110) a person.'
    """
    require_covered(found)
    groups = found.shown["costs_groups"].astype({DECILE: str, "segment": str})
    segments = groups[groups[DECILE] == _ALL]
    deciles = groups[(groups["segment"] == _ALL) & (groups[DECILE] != _ALL)]
    said = _all_said(segments)
    ahead = found.shown.get("costs_next")
    if ahead is not None:
        said += _next_said(ahead)
    said += numbers_withheld_said(found)
    tables = [
        _table(segments.assign(named=segments["segment"].map(_plain)), "Segment", "Costs of a year by segment"),
        _table(_by_decile(deciles, labels), "Deprivation decile", "Costs of a year by deprivation"),
    ]
    cells = groups[(groups["segment"] != _ALL) & (groups[DECILE] != _ALL)]
    if len(cells):
        tables.append(_crossed(cells, labels))
    if ahead is not None:
        tables.append(_next_table(ahead))
    lacking = found.shown.get("costs_uncosted")
    if lacking is not None and len(lacking):
        columns: Columns = {
            "Kind": lambda row: str(row["kind"]), "Source": lambda row: str(row["source"]),
            "Contacts": partial(_count, name="contacts"),
        }  # fmt: skip
        tables.append(table_of("Contacts without a cost, which are in no sum", lacking, columns))
    charts = _charts(segments, deciles, labels)
    return Section("What care costs", tuple(map(Statement, said)), tuple(tables), charts)


def _plain(name: object) -> str:
    return "Everyone" if name == _ALL else sentence(str(name).replace("_", " "))


def _count(row: Record, name: str) -> str:
    return SUPPRESSED if pd.isna(row[name]) else f"{round(row[name]):,}"


def _pounds(row: Record, name: str) -> str:
    if pd.isna(row[name]):
        return SUPPRESSED if pd.isna(row["people"]) else "none"
    return "£" + with_unit(row[name], _POUNDS, places=0)


def _interval(row: Record, name: str, money: bool = True) -> str:
    if pd.isna(row[name]):
        return SUPPRESSED
    if pd.isna(row[f"{name}_lower"]):
        return ("£" if money else "") + with_unit(row[name], _POUNDS, places=0)
    return ("£" if money else "") + estimate(row[name], row[f"{name}_lower"], row[f"{name}_upper"], _POUNDS, places=0)


def _records(rows: pd.DataFrame) -> list[Record]:
    return [{str(key): value for key, value in row.items()} for row in rows.to_dict("records")]


def _all_said(segments: pd.DataFrame) -> list[str]:
    every = _records(segments[(segments["segment"] == _ALL) & segments["cost"].notna()])
    said = [f"Care of a year cost {_pounds(row, 'cost')} in all, {_interval(row, 'mean')} a person." for row in every]
    shown = segments[(segments["segment"] != _ALL) & segments["mean"].notna()]
    if every and len(shown) > 1:
        (most,) = _records(shown.nlargest(1, "mean"))
        people, cost = most["people"] / every[0]["people"], most["cost"] / every[0]["cost"]
        share = f"{100 * people:.0f}% of people and {100 * cost:.0f}% of costs"
        said.append(f"{_plain(most['segment'])} costs most a person: {share}.")
    return said


def _next_said(ahead: pd.DataFrame) -> list[str]:
    every = _records(ahead[(ahead["segment"] == _ALL) & ahead["cost"].notna()])
    return [f"If people move between segments as they did, those who are there now will cost {_interval(row, 'cost')} "
            "next year." for row in every]  # fmt: skip


def _by_decile(deciles: pd.DataFrame, labels: Labels | None) -> pd.DataFrame:
    levels = in_order(deciles[DECILE].tolist())
    ranked = deciles.set_index(DECILE).loc[levels].reset_index()
    return ranked.assign(named=level_labels(DECILE, levels, labels))


def _table(rows: pd.DataFrame, head: str, caption: str) -> Table:
    columns: Columns = {
        head: lambda row: str(row["named"]),
        "People": partial(_count, name="people"),
        "Of whom anything was spent on": partial(_count, name="users"),
        "Cost": partial(_pounds, name="cost"),
        "Cost a person": partial(_interval, name="mean"),
        "Cost a person on whom anything was spent": partial(_pounds, name="mean_user"),
    }
    return table_of(f"{caption} (95% intervals)", rows, columns)


def _crossed(cells: pd.DataFrame, labels: Labels | None) -> Table:
    columns: Columns = {
        "Segment": lambda row: _plain(row["segment"]),
        "Deprivation decile": lambda row: level_labels(DECILE, [row[DECILE]], labels)[0],
        "People": partial(_count, name="people"),
        "Cost": partial(_pounds, name="cost"),
        "Cost a person": partial(_interval, name="mean"),
    }
    order = {level: k for k, level in enumerate(in_order(cells[DECILE].unique().tolist()))}
    ranked = cells.assign(_order=cells[DECILE].map(order)).sort_values(["segment", "_order"], kind="stable")
    return table_of("Costs of a year by segment and deprivation (95% intervals)", ranked, columns)


def _next_table(ahead: pd.DataFrame) -> Table:
    columns: Columns = {
        "Segment": lambda row: _plain(row["segment"]),
        "People now": partial(_count, name="people"),
        "People next year": partial(_interval, name="next", money=False),
        "Cost next year": partial(_interval, name="cost"),
    }
    return table_of("Demand next year, if people move as they did (95% intervals)", ahead, columns)


def _charts(segments: pd.DataFrame, deciles: pd.DataFrame, labels: Labels | None) -> tuple[Chart, ...]:
    made: list[Chart] = []
    panel = Panel("Pounds a person in a year", "mean", "mean_lower", "mean_upper")
    caption = "Mean of everybody in the group, users or not; lines hold 95% intervals."
    own = segments[segments["segment"] != _ALL]
    named = [(name, _plain(name)) for name in own["segment"]]
    levels = in_order(deciles[DECILE].tolist())
    deprived = list(zip(levels, level_labels(DECILE, levels, labels), strict=True))
    for rows, column, levels_of, of in (
        (own, "segment", named, "segment"), (deciles, DECILE, deprived, dimension_label(DECILE))
    ):  # fmt: skip
        try:
            title = f"Cost a person, by {of}"
            made.append(plot_panels(rows, levels_of, [panel], title=title, caption=caption, column=column))
        except MeasureError:
            continue
    return tuple(made)
