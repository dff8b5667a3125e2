"""The section on people who have a condition and no record of it, and on what a list for testing does."""

from __future__ import annotations

from functools import partial

import pandas as pd

from bayesineq.disclosure.covered import require_covered
from bayesineq.disclosure.persons import PersonTables
from bayesineq.disclosure.rule import SUPPRESSED
from bayesineq.errors import MeasureError
from bayesineq.report.figures.panels import Panel, plot_panels
from bayesineq.report.figures.scores import in_order
from bayesineq.report.figures.style import Chart
from bayesineq.report.page.parts import Columns, Record, Section, Table, table_of
from bayesineq.report.tables.numbers import PERCENT, PLAIN, Unit, estimate, with_unit
from bayesineq.report.words.labels import Labels, dimension_label, level_labels
from bayesineq.report.words.sentences import Statement, numbers_withheld_said, sentence


def undiagnosed_section(found: PersonTables, labels: Labels | None = None) -> Section:
    """
    Say where a condition is recorded less than people have it, and whom testing would find.

    Parameters
    ----------
    found : Covered
        Tables of `undiagnosed` that may be shown, of `covered_persons`.
    labels : mapping of str to mapping, optional
        By dimension, names of codes.

    Returns
    -------
    Section
        Words, figures and tables.

    Examples
    --------
    >>> from bayesineq.disclosure.persons import covered_persons
    >>> ends = {f"{name}{end}": value for name, value in (("expected", 900), ("undiagnosed", 300), ("gap", 0.03),
    ...         ("diagnosed_share", 0.667)) for end in ("", "_lower", "_upper")}
    >>> one = pd.DataFrame([{"by": "sex", "level": "F", "people": 9000, "recorded": 600, "more": 0.99} | ends])
    >>> undiagnosed_section(covered_persons({"undiagnosed_groups": one})).statements[0].text
    'By sex, the smallest share of those who have it is recorded in Female: 66.7% (66.7 to 66.7).'
    """
    require_covered(found)
    groups = found.shown["undiagnosed_groups"].astype({"level": str})
    tests = found.shown.get("undiagnosed_tests")
    said, tables, charts = [], [], []
    for by, part in groups.groupby("by", sort=False):
        said += _least_said(part, str(by), labels)
        tables.append(_group_table(part, str(by), labels))
        charts += _chart(part, str(by), labels)
    for by, part in () if tests is None else tests.astype({"level": str}).groupby("by", sort=False):
        said += _tests_said(part, str(by), labels)
        tables.append(_tests_table(part, str(by), labels))
    about = found.shown.get("undiagnosed_about")
    if about is not None:
        rows = about[about["value"].notna() & (about["value"].astype(str) != "")]
        columns: Columns = {"What": lambda row: sentence(row["item"]), "How": lambda row: str(row["value"])}
        tables.append(table_of("What the numbers rest on", rows, columns))
    said += numbers_withheld_said(found)
    title = "Who has it without a record"
    return Section(title, tuple(map(Statement, said)), tuple(tables), tuple(charts))


def _value(row: Record, name: str, unit: Unit = PLAIN) -> str:
    if pd.isna(row[name]):
        return SUPPRESSED if pd.isna(row["people"]) else "none to find"
    return estimate(row[name], row[f"{name}_lower"], row[f"{name}_upper"], unit)


def _share(row: Record, name: str) -> str:
    return SUPPRESSED if pd.isna(row[name]) else with_unit(row[name], PERCENT, places=1)


def _count(row: Record, name: str) -> str:
    return SUPPRESSED if pd.isna(row[name]) else f"{int(row[name]):,}"


def _named(part: pd.DataFrame, by: str, labels: Labels | None) -> pd.DataFrame:
    order = {level: k for k, level in enumerate(in_order(part["level"].unique().tolist()))}
    ranked = part.assign(_order=part["level"].map(order)).sort_values("_order", kind="stable")
    return ranked.assign(named=level_labels(by, ranked["level"].tolist(), labels))


def _records(part: pd.DataFrame) -> list[Record]:
    return [{str(key): value for key, value in row.items()} for row in part.to_dict("records")]


def _least_said(part: pd.DataFrame, by: str, labels: Labels | None) -> list[str]:
    shown = _named(part[part["diagnosed_share"].notna()], by, labels)
    if shown.empty:
        return []
    (row,) = _records(shown.nsmallest(1, "diagnosed_share"))
    return [
        f"By {dimension_label(by)}, the smallest share of those who have it is recorded in {row['named']}: "
        f"{_value(row, 'diagnosed_share', PERCENT)}."
    ]


def _tests_said(part: pd.DataFrame, by: str, labels: Labels | None) -> list[str]:
    shown = _named(part[part["reached"].notna()], by, labels)
    under = shown[shown["share_of_tests"] < shown["share_of_need_lower"]]
    over = shown[shown["share_of_tests"] > shown["share_of_need_upper"]]
    said = []
    for rows, what in ((under, "fewer"), (over, "more")):
        if len(rows):
            said.append(f"By {dimension_label(by)}, the list offers {what} tests than their share of need to "
                        f"{'; '.join(rows['named'])}.")  # fmt: skip
    return said or [f"By {dimension_label(by)}, the list offers every group tests as its share of need is."]


def _group_table(part: pd.DataFrame, by: str, labels: Labels | None) -> Table:
    columns: Columns = {
        sentence(dimension_label(by)): lambda row: str(row["named"]),
        "People": partial(_count, name="people"),
        "Recorded": partial(_count, name="recorded"),
        "Expected": partial(_value, name="expected"),
        "Without a record": partial(_value, name="undiagnosed"),
        "Of all people": partial(_value, name="gap", unit=PERCENT),
        "Recorded, of those who have it": partial(_value, name="diagnosed_share", unit=PERCENT),
    }
    return table_of(
        f"Expected and recorded by {dimension_label(by)} (95% intervals)", _named(part, by, labels), columns
    )


def _tests_table(part: pd.DataFrame, by: str, labels: Labels | None) -> Table:
    columns: Columns = {
        sentence(dimension_label(by)): lambda row: str(row["named"]),
        "Without a record": partial(_count, name="people"),
        "Share of people": partial(_share, name="share_of_people"),
        "Share of need": partial(_value, name="share_of_need", unit=PERCENT),
        "Share of tests": partial(_share, name="share_of_tests"),
        "Share of finds": partial(_value, name="share_of_finds", unit=PERCENT),
        "Found": partial(_value, name="finds"),
        "Found, of own need": partial(_value, name="reached", unit=PERCENT),
    }
    return table_of(f"What the list for testing does, by {dimension_label(by)}", _named(part, by, labels), columns)


def _chart(part: pd.DataFrame, by: str, labels: Labels | None) -> list[Chart]:
    levels = in_order(part["level"].unique().tolist())
    value, low, high = (f"diagnosed_share{end}" for end in ("", "_lower", "_upper"))
    drawn = part.assign(**{name: 100 * part[name].astype(float) for name in (value, low, high)})
    panel = Panel("Recorded, % of those who have it", value, low, high, 100.0)
    title = f"Recorded of those who have it, by {dimension_label(by)}"
    caption = "On the dashed line everybody who has it has a record; lines hold 95% intervals."
    named = list(zip(levels, level_labels(by, levels, labels), strict=True))
    try:
        return [plot_panels(drawn, named, [panel], title=title, caption=caption)]
    except MeasureError:
        return []
