"""The section on one comparison: the same contrast in three measures, by four methods."""

from __future__ import annotations

from functools import partial
from typing import Final

import numpy as np
import pandas as pd

from bayesineq.disclosure.covered import require_covered
from bayesineq.disclosure.persons import PersonTables
from bayesineq.disclosure.rule import SUPPRESSED
from bayesineq.errors import MeasureError
from bayesineq.report.figures.panels import Panel, plot_panels
from bayesineq.report.figures.style import Chart
from bayesineq.report.page.parts import Columns, Record, Section, table_of
from bayesineq.report.tables.numbers import PERCENT, PLAIN, Unit, estimate
from bayesineq.report.words.labels import Labels
from bayesineq.report.words.sentences import Statement, numbers_withheld_said, sentence

_POINTS: Final = Unit(100.0, "", "", "percentage points")
_METHODS: Final = {
    "model": "Model (g-computation)", "weighting": "Inverse weighting", "matching": "Matching",
    "crude": "Nothing held equal",
}  # fmt: skip
_MEASURES: Final = {
    "risk_exposed": "Risk of the exposed", "risk_reference": "Risk of the reference",
    "risk_difference": "Risk difference", "risk_ratio": "Risk ratio", "odds_ratio": "Odds ratio",
}  # fmt: skip


def effect_section(found: PersonTables, labels: Labels | None = None) -> Section:
    """
    Say how much more often something happens to the exposed, and whether the methods agree.

    Parameters
    ----------
    found : Covered
        Tables of `effect` that may be shown, of `covered_persons`.
    labels : mapping of str to mapping, optional
        Not used: levels are named by the card.

    Returns
    -------
    Section
        Words, figures and tables.

    Examples
    --------
    >>> from bayesineq.disclosure.persons import covered_persons
    >>> one = {"method": "model", "value": 0.05, "lower": 0.01, "upper": 0.09}
    >>> sizes = {f"{what}_{arm}": 100 for what in ("people", "events") for arm in ("exposed", "reference")}
    >>> rows = [one | {"measure": name} | sizes | {f"people_{arm}": 900 for arm in ("exposed", "reference")}
    ...         for name in ("risk_difference", "risk_ratio", "odds_ratio")]
    >>> effect_section(covered_persons({"effect_measures": pd.DataFrame(rows)})).statements[0].text[:51]
    'Risk difference 5.0 percentage points (1.0 to 9.0),'
    """
    require_covered(found)
    table = found.shown["effect_measures"]
    about = found.shown.get("effect_about", pd.DataFrame({"item": [], "value": []})).set_index("item")["value"]
    rows = {(row["method"], row["measure"]): row for row in _records(table)}
    said = [*_all_said(rows, about.to_dict()), *_agreement(rows)]
    said += numbers_withheld_said(found)
    columns: Columns = {"Method": lambda row: _METHODS[row["method"]]}
    for name, words in _MEASURES.items():
        words = "Risk difference, percentage points" if name == "risk_difference" else words
        columns[words] = partial(_at, rows, name)
    each = table.drop_duplicates("method")
    tables = [table_of("One comparison in every measure (95% intervals)", each, columns)]
    kept = about[about.notna() & (about.astype(str) != "")].reset_index()
    if len(kept):
        parts: Columns = {
            "What": lambda row: sentence(row["item"]),
            "Of this comparison": lambda row: str(row["value"]),
        }
        tables.append(table_of("What is compared", kept, parts))
    return Section("One comparison", tuple(map(Statement, said)), tuple(tables), _charts(table))


def _records(rows: pd.DataFrame) -> list[Record]:
    return [{str(key): value for key, value in row.items()} for row in rows.to_dict("records")]


def _written(row: Record) -> str:
    if pd.isna(row["value"]):
        return SUPPRESSED
    risk = row["measure"] in ("risk_exposed", "risk_reference", "risk_difference")
    return estimate(
        row["value"], row["lower"], row["upper"], PERCENT if risk else PLAIN,
        is_difference=row["measure"] == "risk_difference", places=1 if risk else None,
    )  # fmt: skip


def _at(rows: dict[tuple[str, str], Record], measure: str, row: Record) -> str:
    if measure == "risk_difference" and (row["method"], measure) in rows and pd.notna(row["value"]):
        of = rows[row["method"], measure]
        return estimate(of["value"], of["lower"], of["upper"], _POINTS, places=1)
    return _written(rows[row["method"], measure]) if (row["method"], measure) in rows else "not available"


def _all_said(rows: dict[tuple[str, str], Record], about: dict[object, object]) -> list[str]:
    shown = [name for name in _MEASURES if ("model", name) in rows and pd.notna(rows["model", name]["value"])]
    measures = [f"{_MEASURES[name].lower()} {_written(rows['model', name])}" for name in shown if "_" in name
                and name not in ("risk_exposed", "risk_reference")]  # fmt: skip
    if not measures:
        return []
    told = sentence(", ".join(measures)) + "."
    if "exposed" in about:
        told = f"{sentence(str(about['exposed']))} against {about['reference']}: {', '.join(measures)}."
    return [told]


def _agreement(rows: dict[tuple[str, str], Record]) -> list[str]:
    values = {method: rows[method, "risk_difference"] for method in _METHODS if (method, "risk_difference") in rows}
    if "crude" not in values or pd.isna(values["crude"]["value"]):
        return []
    adjusted = [values[name] for name in ("model", "weighting", "matching")]
    signs = {float(np.sign(row["value"])) for row in adjusted}
    said = ["Model, weighting and matching agree on the direction."]
    if len(signs) > 1:
        said = ["Model, weighting and matching do not agree on the direction: the comparison depends on the method."]
    if len(signs) == 1 and float(np.sign(values["crude"]["value"])) not in signs:
        said.append("With nothing held equal, it is the other way round.")
    return said


def _charts(table: pd.DataFrame) -> tuple[Chart, ...]:
    wide = pd.DataFrame({"level": list(_METHODS)})
    for name in ("risk_difference", "odds_ratio"):
        own = table[table["measure"] == name].set_index("method")[["value", "lower", "upper"]]
        wide = wide.join(own.add_prefix(f"{name}_") * (100 if name == "risk_difference" else 1), on="level")
    panels = [
        Panel(words, f"{name}_value", f"{name}_lower", f"{name}_upper", line)
        for name, words, line in (
            ("risk_difference", "Risk difference, percentage points", 0.0), ("odds_ratio", "Odds ratio", 1.0)
        )
    ]  # fmt: skip
    caption = "On the dashed lines there is no difference; lines hold 95% intervals."
    try:
        chart = plot_panels(
            wide, list(_METHODS.items()), panels, title="One comparison, method by method", caption=caption
        )
    except MeasureError:
        return ()
    return (chart,)
