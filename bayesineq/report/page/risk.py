"""The section on scores of persons: how right they are for everyone and in each group, and what a threshold does."""

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
from bayesineq.report.figures.scores import in_order, plot_calibration_curve, plot_calibration_groups
from bayesineq.report.figures.style import Chart
from bayesineq.report.page.parts import Columns, Record, Section, Table, table_of
from bayesineq.report.tables.numbers import PERCENT, PLAIN, estimate, with_unit
from bayesineq.report.words.labels import Labels, dimension_label, level_labels
from bayesineq.report.words.sentences import Statement, listed, numbers_withheld_said

_WORDS: Final = {
    "auc": "Area under the curve", "brier": "Brier score", "log_loss": "Log loss",
    "calibration_slope": "Calibration slope", "calibration_in_the_large": "Log odds of happening more than said",
    "expected_calibration_error": "Expected calibration error",
}  # fmt: skip
_AT: Final = ("flagged", "sensitivity", "specificity", "positive_predictive_value")


def risk_section(found: PersonTables, labels: Labels | None = None) -> Section:
    """
    Say how right scores of persons are, for everyone and in each group.

    Parameters
    ----------
    found : Covered
        Tables of `risk` that may be shown, of `covered_persons`.
    labels : mapping of str to mapping, optional
        By dimension, names of codes.

    Returns
    -------
    Section
        Words, figures and tables.

    Examples
    --------
    >>> from bayesineq.disclosure.persons import covered_persons
    >>> one = pd.DataFrame({"by": "everyone", "level": "everyone", "people": 900, "events": 90, "measure": ["auc"]})
    >>> one = one.assign(threshold=float("nan"), value=0.7, lower=0.65, upper=0.75)
    >>> risk_section(covered_persons({"risk_quality": one})).statements[0].text
    'The score tells those to whom it happens from others in 70.0% (65.0 to 75.0) of pairs.'
    """
    require_covered(found)
    quality = found.shown["risk_quality"]
    said = [*_leaks_said(found), *_overall_said(quality), *_groups_said(quality, labels)]
    said += numbers_withheld_said(found)
    dims = [by for by in quality["by"].unique() if by != EVERYONE]
    tables = [_quality_table(quality)]
    tables += [_calibration_table(quality, by, labels) for by in dims]
    thresholds = quality["threshold"].notna()
    if thresholds.any():
        tables.append(_decision_table(quality[thresholds & (quality["by"] == EVERYONE)]))
        tables += [_opportunity_table(quality[thresholds & (quality["by"] == by)], by, labels) for by in dims]
    if "risk_conformal" in found.shown:
        tables.append(_conformal_table(found.shown["risk_conformal"], labels))
    if "risk_curve" in found.shown:
        tables.append(_curve_table(found.shown["risk_curve"], labels))
    return Section(
        "How right a score of persons is", tuple(map(Statement, said)), tuple(tables), _charts(found, labels)
    )


def _charts(found: PersonTables, labels: Labels | None) -> tuple[Chart, ...]:
    made: list[Chart] = []
    quality = found.shown["risk_quality"]
    if "risk_curve" in found.shown:
        made.append(plot_calibration_curve(found))
    for by in quality["by"].unique():
        if by != EVERYONE:
            try:
                made.append(plot_calibration_groups(found, str(by), labels))
            except MeasureError:
                continue
    return tuple(made)


def _value(row: Record, percent: bool = False) -> str:
    if pd.isna(row["value"]):
        return SUPPRESSED if pd.isna(row["people"]) else "not available"
    unit, places = (PERCENT, 1) if percent else (PLAIN, 3)
    return estimate(row["value"], row["lower"], row["upper"], unit, places=places)


def _leaks_said(found: PersonTables) -> list[str]:
    about = found.shown.get("risk_about")
    names = [] if about is None else about.loc[about["item"] == "leak", "value"].astype(str).tolist()
    if not names:
        return []
    return [
        f"Caution: {listed([name.replace('_', ' ') for name in names])} alone tells nearly everything. What is filled "
        "in after the outcome does so; a score that uses it will be of no use beforehand."
    ]


def _overall_said(quality: pd.DataFrame) -> list[str]:
    own = quality[(quality["by"] == EVERYONE) & quality["value"].notna()].drop_duplicates("measure")
    rows = {row["measure"]: row for row in _records(own)}
    said = []
    if "auc" in rows:
        said.append(f"The score tells those to whom it happens from others in {_value(rows['auc'], True)} of pairs.")
    if "calibration_slope" in rows:
        said.append(f"Its calibration slope is {_value(rows['calibration_slope'])}; 1 is right, and below 1 scores lie "
                    "too far apart.")  # fmt: skip
    return said


def _groups_said(quality: pd.DataFrame, labels: Labels | None) -> list[str]:
    said = []
    level = quality[(quality["measure"] == "calibration_in_the_large") & quality["value"].notna()]
    for by, part in level[level["by"] != EVERYONE].groupby("by"):
        under, over = part[part["lower"] > 0], part[part["upper"] < 0]
        words = dimension_label(str(by))
        if under.empty and over.empty:
            said.append(f"In no group by {words} is it clearly too low or too high.")
        for rows, what in ((under, "too low"), (over, "too high")):
            if len(rows):
                names = ", ".join(level_labels(str(by), in_order(rows["level"].tolist()), labels))
                said.append(f"By {words}, it is {what} for {names}.")
    return said


def _named(part: pd.DataFrame, by: str, labels: Labels | None) -> pd.DataFrame:
    """Rows in the order of their levels, with the levels' names."""
    order = {level: k for k, level in enumerate(in_order(part["level"].astype(str).unique().tolist()))}
    ranked = part.assign(_order=part["level"].astype(str).map(order)).sort_values(["_order"], kind="stable")
    return ranked.assign(named=level_labels(by, ranked["level"].astype(str).tolist(), labels))


def _records(table: pd.DataFrame) -> list[Record]:
    return [{str(key): value for key, value in row.items()} for row in table.to_dict("records")]


def _at_level(cells: Mapping[tuple[str, str], Record], name: str, row: Record) -> str:
    return _value(cells[str(row["level"]), name])


def _at_threshold(cells: Mapping[tuple[float, str, str], Record], name: str, row: Record) -> str:
    return _value(cells[row["threshold"], str(row["level"]), name], True)


def _count(row: Record, name: str) -> str:
    return SUPPRESSED if pd.isna(row[name]) else f"{int(row[name]):,}"


def _quality_table(quality: pd.DataFrame) -> Table:
    rows = quality[(quality["by"] == EVERYONE) & quality["measure"].isin(list(_WORDS))]
    columns: Columns = {"Measure": lambda row: _WORDS[row["measure"]], "Value (95% interval)": _value}
    return table_of("Quality of the score, out of sample", rows, columns)


def _calibration_table(quality: pd.DataFrame, by: str, labels: Labels | None) -> Table:
    part = quality[(quality["by"] == by) & quality["measure"].isin(list(_WORDS))]
    wide = {(str(row["level"]), row["measure"]): row for row in _records(part)}
    rows = _named(part.drop_duplicates("level"), by, labels)
    columns: Columns = {
        dimension_label(by).capitalize(): lambda row: str(row["named"]),
        "People": lambda row: _count(row, "people"),
        "To whom it happened": lambda row: _count(row, "events"),
    }
    for name in ("auc", "brier", "calibration_slope", "calibration_in_the_large"):
        columns[_WORDS[name]] = partial(_at_level, wide, name)
    return table_of(f"Quality of the score by {dimension_label(by)} (95% intervals)", rows, columns)


def _decision_table(rows: pd.DataFrame) -> Table:
    cells = {(row["threshold"], row["measure"]): row for row in _records(rows)}
    each = rows.drop_duplicates("threshold")

    def all_treated(row: Record) -> str:
        t = row["threshold"]
        if pd.isna(row["people"]) or pd.isna(row["events"]):
            return SUPPRESSED
        rate = float(row["events"]) / float(row["people"])
        return with_unit(rate - (1 - rate) * t / (1 - t), PLAIN, places=4)

    columns: Columns = {
        "From this score on": lambda row: f"{100 * row['threshold']:g}%",
        "Net benefit (events found, per person)": lambda row: _value(cells[row["threshold"], "net_benefit"]),
        "Net benefit of offering it to everybody": all_treated,
        "Net benefit of offering it to nobody": lambda row: "0",
    }
    return table_of("Decision curve: what acting on the score is worth", each, columns)


def _opportunity_table(rows: pd.DataFrame, by: str, labels: Labels | None) -> Table:
    cells = {(row["threshold"], str(row["level"]), row["measure"]): row for row in _records(rows)}
    each = _named(rows.drop_duplicates(["threshold", "level"]), by, labels)
    heads = ("Offered something", "Of those to whom it happens, reached", "Of others, left alone",
             "Of those offered something, it happens to")  # fmt: skip
    columns: Columns = {
        dimension_label(by).capitalize(): lambda row: str(row["named"]),
        "From this score on": lambda row: f"{100 * row['threshold']:g}%",
    }
    for head, name in zip(heads, _AT, strict=True):
        columns[head] = partial(_at_threshold, cells, name)
    return table_of(f"Equal opportunity by {dimension_label(by)}", each, columns)


def _conformal_table(conformal: pd.DataFrame, labels: Labels | None) -> Table:
    parts = [_named(part, str(by), labels) for by, part in conformal.groupby("by", sort=False)]

    def share(row: Record, name: str) -> str:
        if pd.isna(row[name]):
            return SUPPRESSED if pd.isna(row["people"]) else "too few"
        return with_unit(row[name], PERCENT, places=1)

    columns: Columns = {
        "Group": lambda row: "Everyone" if row["by"] == EVERYONE else f"{dimension_label(row['by'])}: {row['named']}",
        "Ruled out below a score of": lambda row: share(row, "ruled_out_below"),
        "Its absence ruled out above": lambda row: share(row, "ruled_in_above"),
        "People between, of whom neither is": lambda row: share(row, "not_clear"),
    }
    return table_of("What a score rules out with 90% confidence (conformal)", pd.concat(parts), columns)


def _curve_table(curve: pd.DataFrame, labels: Labels | None) -> Table:
    parts = [_named(part, str(by), labels) for by, part in curve.groupby("by", sort=False)]

    def rate(row: Record) -> str:
        if pd.isna(row["rate"]):
            return SUPPRESSED
        return estimate(row["rate"], row["lower"], row["upper"], PERCENT, places=1)

    columns: Columns = {
        "Group": lambda row: "Everyone" if row["by"] == EVERYONE else f"{dimension_label(row['by'])}: {row['named']}",
        "Tenth": lambda row: str(int(row["bin"])),
        "Score": lambda row: SUPPRESSED if pd.isna(row["said"]) else with_unit(row["said"], PERCENT, places=1),
        "It happened to (95% interval)": rate,
    }
    return table_of("Calibration curves", pd.concat(parts), columns)
