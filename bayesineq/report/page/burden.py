"""The section on burden of disease: years of healthy life that are lost, by group, and what is due to risks."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Final

import pandas as pd

from bayesineq.disclosure.covered import require_covered
from bayesineq.disclosure.persons import PersonTables
from bayesineq.disclosure.rule import SUPPRESSED
from bayesineq.errors import MeasureError
from bayesineq.measures.scores import EVERYONE
from bayesineq.report.figures.panels import Panel, plot_panels
from bayesineq.report.figures.scores import in_order
from bayesineq.report.figures.style import Chart
from bayesineq.report.page.parts import Columns, Record, Section, Table, table_of
from bayesineq.report.tables.numbers import PERCENT, PLAIN, Unit, estimate
from bayesineq.report.words.labels import Labels, dimension_label, level_labels
from bayesineq.report.words.sentences import Statement, numbers_withheld_said, sentence

_ALL: Final = "all causes"
_RATE: Final = Unit(1.0, " per 100,000", " per 100,000", "per 100,000 people")
_WORDS: Final[Mapping[str, str]] = {
    "daly": "Years of healthy life lost (DALYs)",
    "yll": "Years of life lost (YLLs)",
    "yld": "Years lived with disability (YLDs)",
}


def burden_section(found: PersonTables, labels: Labels | None = None) -> Section:
    """
    Say how many years of healthy life are lost, by group, and how many of them to each risk.

    Parameters
    ----------
    found : Covered
        Tables of `burden` that may be shown, of `covered_persons`.
    labels : mapping of str to mapping, optional
        By dimension, names of codes.

    Returns
    -------
    Section
        Words, figures and tables.

    Examples
    --------
    >>> from bayesineq.disclosure.persons import covered_persons
    >>> one = {"by": "everyone", "level": "everyone", "cause": "all causes", "people": 9000, "deaths": 90, "cases": 400}
    >>> ends = {f"{name}{end}": 2.0 for name in ("yll", "yld", "daly") for end in ("", "_lower", "_upper")}
    >>> rates = {f"{name}_rate{end}": 9.0 for name in ("yll", "yld", "daly") for end in ("", "_lower", "_upper")}
    >>> burden_section(covered_persons({"burden_groups": pd.DataFrame([one | ends | rates])})).statements[0].text
    '2.00 (2.00 to 2.00) years of healthy life are lost: 2.00 to deaths and 2.00 to living with disability.'
    """
    require_covered(found)
    groups = found.shown["burden_groups"].astype({"level": str})
    said = [*_all_said(groups), *_gap_said(found), *_risk_said(found)]
    said += numbers_withheld_said(found)
    tables = [_cause_table(groups)]
    charts: list[Chart] = []
    for by in [by for by in groups["by"].unique() if by != EVERYONE]:
        part = groups[(groups["by"] == by) & (groups["cause"] == _ALL)]
        tables.append(_group_table(part, str(by), labels))
        try:
            charts.append(_chart(part, str(by), labels))
        except MeasureError:
            continue
    if "burden_gap" in found.shown:
        tables.append(_gap_table(found.shown["burden_gap"]))
    if "burden_risks" in found.shown:
        risks = found.shown["burden_risks"].astype({"level": str})
        tables += [_risk_table(risks[risks["by"] == by], str(by), labels) for by in risks["by"].unique()]
    if "burden_about" in found.shown:
        about = found.shown["burden_about"]
        tables.append(_about_table(about[about["value"].notna() & (about["value"].astype(str) != "")]))
    return Section("Years of healthy life that are lost", tuple(map(Statement, said)), tuple(tables), tuple(charts))


def _value(row: Record, name: str, unit: Unit = PLAIN) -> str:
    if pd.isna(row[name]):
        return SUPPRESSED
    return estimate(row[name], row[f"{name}_lower"], row[f"{name}_upper"], unit)


def _count(row: Record, name: str) -> str:
    return SUPPRESSED if pd.isna(row[name]) else f"{int(row[name]):,}"


def _all_said(groups: pd.DataFrame) -> list[str]:
    every = groups[(groups["by"] == EVERYONE) & (groups["cause"] == _ALL) & groups["daly"].notna()]
    if every.empty:
        return []
    (row,) = _records(every)
    lost, lived = (estimate(row[n], row[n], row[n], PLAIN).partition(" ")[0] for n in ("yll", "yld"))
    return [f"{_value(row, 'daly')} years of healthy life are lost: {lost} to deaths and {lived} to living with "
            "disability."]  # fmt: skip


def _gap_said(found: PersonTables) -> list[str]:
    gap = found.shown.get("burden_gap")
    if gap is None:
        return []
    said = []
    for row in _records(gap[(gap["cause"] == _ALL) & gap["ratio"].notna()]):
        clear = row["ratio_lower"] > 1 or row["ratio_upper"] < 1
        what = f"At the same ages, the most deprived {_part(row['by'])} lose {_value(row, 'ratio')} times as "
        said.append(what + f"many as the least deprived{'' if clear else '; the interval includes no difference'}.")
    return said


def _part(by: str) -> str:
    return {"imd_decile": "tenth", "imd_quintile": "fifth"}.get(by, dimension_label(by))


def _risk_said(found: PersonTables) -> list[str]:
    risks = found.shown.get("burden_risks")
    if risks is None:
        return []
    rows = risks[(risks["by"] == EVERYONE) & (risks["cause"] == _ALL) & risks["fraction"].notna()]
    return [
        f"{_value(row, 'fraction', PERCENT)} of them are attributable to {_plain(row['risk'])}, if its relative risks "
        "are causal."
        for row in _records(rows)
    ]


def _plain(name: object) -> str:
    return str(name).replace("_", " ")


def _records(rows: pd.DataFrame) -> list[Record]:
    return [{str(key): value for key, value in row.items()} for row in rows.to_dict("records")]


def _named(part: pd.DataFrame, by: str, labels: Labels | None) -> pd.DataFrame:
    order = {level: k for k, level in enumerate(in_order(part["level"].unique().tolist()))}
    ranked = part.assign(_order=part["level"].map(order)).sort_values("_order", kind="stable")
    return ranked.assign(named=level_labels(by, ranked["level"].tolist(), labels))


def _cause_table(groups: pd.DataFrame) -> Table:
    columns: Columns = {
        "Cause": lambda row: sentence(_plain(row["cause"])),
        "Deaths": lambda row: _count(row, "deaths"),
        "People who have it": lambda row: _count(row, "cases"),
    }
    for name, words in _WORDS.items():
        columns[words] = partial(_value, name=name)
    return table_of("Years lost by cause (95% intervals)", groups[groups["by"] == EVERYONE], columns)


def _group_table(part: pd.DataFrame, by: str, labels: Labels | None) -> Table:
    columns: Columns = {
        sentence(dimension_label(by)): lambda row: str(row["named"]),
        "People": lambda row: _count(row, "people"),
        "DALYs": partial(_value, name="daly"),
        "DALYs per 100,000 at the same ages": partial(_value, name="daly_rate"),
        "YLLs per 100,000": partial(_value, name="yll_rate"),
        "YLDs per 100,000": partial(_value, name="yld_rate"),
    }
    caption = f"Years of healthy life lost by {dimension_label(by)} (95% intervals)"
    return table_of(caption, _named(part, by, labels), columns)


def _gap_table(gap: pd.DataFrame) -> Table:
    columns: Columns = {
        "Cause": lambda row: sentence(_plain(row["cause"])),
        "More DALYs per 100,000 in the most deprived": partial(_value, name="difference"),
        "Times as many as in the least deprived": partial(_value, name="ratio"),
    }
    return table_of("Most against least deprived, at the same ages (95% intervals)", gap, columns)


def _risk_table(part: pd.DataFrame, by: str, labels: Labels | None) -> Table:
    rows = part[part["cause"] == _ALL] if by != EVERYONE else part.assign(level=part["cause"].map(_plain))
    named = _named(rows, by, labels) if by != EVERYONE else rows.assign(named=rows["level"].map(sentence))
    columns: Columns = {
        sentence(dimension_label(by)) if by != EVERYONE else "Cause": lambda row: str(row["named"]),
        "Risk": lambda row: sentence(_plain(row["risk"])),
        "Exposed": lambda row: _count(row, "exposed"),
        "Share of DALYs": partial(_value, name="fraction", unit=PERCENT),
        "DALYs": partial(_value, name="daly_due"),
        "Deaths": partial(_value, name="deaths_due"),
    }
    whom = "of everyone" if by == EVERYONE else f"by {dimension_label(by)}"
    return table_of(f"Attributable to risks, {whom} (95% intervals)", named, columns)


def _about_table(about: pd.DataFrame) -> Table:
    columns: Columns = {"What": lambda row: sentence(str(row["item"])), "How": lambda row: str(row["value"])}
    return table_of("What the years rest on", about, columns)


def _chart(part: pd.DataFrame, by: str, labels: Labels | None) -> Chart:
    levels = in_order(part["level"].unique().tolist())
    panels = [
        Panel("Years of life lost per 100,000", "yll_rate", "yll_rate_lower", "yll_rate_upper"),
        Panel("Years lived with disability per 100,000", "yld_rate", "yld_rate_lower", "yld_rate_upper"),
    ]
    return plot_panels(
        part,
        list(zip(levels, level_labels(by, levels, labels), strict=True)),
        panels,
        title=f"Years of healthy life lost, by {dimension_label(by)}",
        caption="Per 100,000 people at the ages of the European standard population; lines hold 95% intervals. The two "
        "panels have scales of their own.",
    )
