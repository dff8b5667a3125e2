"""The section on conditions that come together: which, in which order, and in which groups each is commoner."""

from __future__ import annotations

from typing import Final

import pandas as pd

from bayesineq.dims import CI_PROB
from bayesineq.disclosure.covered import require_covered
from bayesineq.disclosure.persons import PersonTables
from bayesineq.disclosure.rule import SUPPRESSED
from bayesineq.report.figures.network import network_edges, plot_network
from bayesineq.report.page.parts import Columns, Record, Section, Table, table_of
from bayesineq.report.tables.numbers import PERCENT, PLAIN, estimate, write
from bayesineq.report.words.labels import Labels, dimension_label, level_labels
from bayesineq.report.words.sentences import Statement

_LEVEL: Final = f"{100 * CI_PROB:.0f}%"
_NAMED: Final = 3


def multimorbidity_section(found: PersonTables, labels: Labels | None = None) -> Section:
    """
    Say which conditions come together, in which order, and in which groups each is commoner at the same strata.

    Parameters
    ----------
    found : Covered
        Tables of `multimorbidity` that may be shown, of `covered_persons`.
    labels : mapping of str to mapping, optional
        By dimension, names of codes.

    Returns
    -------
    Section
        Words, the network, and tables.

    Examples
    --------
    >>> from bayesineq.disclosure.persons import covered_persons
    >>> pairs = pd.DataFrame({"first": ["gout"], "second": ["stroke"], "both": [90], "with_first": [300]})
    >>> pairs = pairs.assign(with_second=[400], people=9000, odds_ratio=[8.8], lower=[7.0], upper=[11.0])
    >>> pairs = pairs.assign(risk_ratio=[8.0], risk_lower=[6.5], risk_upper=[9.5], probability=[1.0], joined=[True])
    >>> one = pd.DataFrame({"condition": ["gout", "stroke"], "people_with": [300, 400], "people": 9000})
    >>> tables = {"multimorbidity_conditions": one.assign(community=1, joined=1), "multimorbidity_pairs": pairs}
    >>> multimorbidity_section(covered_persons(tables)).statements[1].text
    'Most of all gout and stroke: of those with gout, stroke is 8.00 (6.50 to 9.50) times as common as without.'
    """
    require_covered(found)
    shown = found.shown
    edges = network_edges(found) if "multimorbidity_pairs" in shown else pd.DataFrame()
    said = _pairs_said(found, edges) if "multimorbidity_pairs" in shown else []
    said += [*_groups_said(found, labels), *_triads_said(found)]
    if found.withheld:
        said.append(
            f"{SUPPRESSED} stands where numbers are withheld, in {len(found.withheld):,} of {found.of:,} rows, because "
            f"{found.why}."
        )
    tables = [_edges_table(edges)] if len(edges) else []
    if "multimorbidity_conditions" in shown:
        tables.append(_conditions_table(shown["multimorbidity_conditions"]))
    if "multimorbidity_groups" in shown:
        grouped, held = shown["multimorbidity_groups"].groupby("by"), _held(found)
        tables += [_groups_table(part, str(by), held, labels) for by, part in grouped]
    if "multimorbidity_triads" in shown:
        tables.append(_triads_table(shown["multimorbidity_triads"]))
    charts = (plot_network(found),) if len(edges) else ()
    return Section("Which conditions come together", tuple(map(Statement, said)), tuple(tables), charts)


def _word(name: object) -> str:
    return dimension_label(str(name))


def _held(found: PersonTables) -> str:
    if "multimorbidity_about" not in found.shown:
        return "within the strata that were held equal"
    about = found.shown["multimorbidity_about"].set_index("item")["value"]
    held = [_word(name) for name in str(about["what is held equal"]).split(", ")]
    return "without holding anything equal" if held == ["nothing"] else f"at the same {' and '.join(held)}"


def _pairs_said(found: PersonTables, edges: pd.DataFrame) -> list[str]:
    pairs = found.shown["multimorbidity_pairs"]
    told = int(pairs["odds_ratio"].notna().sum())
    joined = int(pairs["joined"].eq(True).sum())
    said = [f"Of {told:,} pairs of conditions that may be shown, {joined:,} come together more often than by chance "
            f"{_held(found)}."]  # fmt: skip
    if len(edges):
        row = edges.iloc[0]
        one, two = _word(row["first"]), _word(row["second"])
        risk = estimate(row["risk_ratio"], row["risk_lower"], row["risk_upper"], PLAIN, places=2)
        said.append(f"Most of all {one} and {two}: of those with {one}, {two} is {risk} times as common as "
                    "without.")  # fmt: skip
    if "came_first" in edges:
        ordered = edges[edges["came_first"].fillna("").ne("")]
        if len(ordered):
            said.append(f"In {len(ordered):,} of these pairs one condition was mostly recorded before the other; the "
                        "order of diagnosis is not that of onset.")  # fmt: skip
    return said


def _groups_said(found: PersonTables, labels: Labels | None) -> list[str]:
    groups = found.shown.get("multimorbidity_groups")
    if groups is None:
        return []
    said = []
    for by, part in groups.groupby("by"):
        more = part[part["risk_lower"] > 1].nlargest(_NAMED, "risk_ratio")
        if more.empty:
            said.append(f"No condition is clearly commoner in one group by {_word(by)} than in the others.")
            continue
        names = level_labels(str(by), more["level"].tolist(), labels)
        told = [
            f"{_word(row['condition'])} in {name} "
            f"({estimate(row['risk_ratio'], row['risk_lower'], row['risk_upper'], PLAIN, places=2)})"
            for name, row in zip(names, more.to_dict("records"), strict=True)
        ]
        held = _held(found)
        said.append(f"By {_word(by)}, against everybody else {held}, what stands out most is {'; '.join(told)}: times "
                    "as common.")  # fmt: skip
    return said


def _triads_said(found: PersonTables) -> list[str]:
    triads = found.shown.get("multimorbidity_triads")
    if triads is None:
        return []
    told = triads[triads["ratio"].notna()]
    more = int((told["lower"] > 1).sum())
    return [
        f"Of the {len(told):,} commonest triads, {more:,} are met in one person more often than their pairs explain."
    ]


def _numbers(row: Record, names: tuple[str, str, str]) -> str:
    if pd.isna(row[names[0]]):
        return SUPPRESSED
    return estimate(row[names[0]], row[names[1]], row[names[2]], PLAIN, places=2)


def _count(row: Record, name: str) -> str:
    return SUPPRESSED if pd.isna(row[name]) else f"{int(row[name]):,}"


_ODDS: Final = ("odds_ratio", "lower", "upper")
_RISK: Final = ("risk_ratio", "risk_lower", "risk_upper")


def _edges_table(edges: pd.DataFrame) -> Table:
    columns: Columns = {
        "Conditions": lambda row: f"{_word(row['first'])} and {_word(row['second'])}",
        "People with both": lambda row: _count(row, "both"),
        f"Odds ratio ({_LEVEL} interval)": lambda row: _numbers(row, _ODDS),
        f"Risk ratio of the second, with the first against without ({_LEVEL} interval)": lambda row: _numbers(
            row, _RISK
        ),
    }
    if "came_first" in edges:
        columns["Mostly recorded first"] = lambda row: _word(row["came_first"]) if row["came_first"] else "not clear"
    return table_of("Pairs of conditions that come together beyond chance", edges, columns)


def _conditions_table(conditions: pd.DataFrame) -> Table:
    def share(row: Record) -> str:
        if pd.isna(row["people_with"]) or pd.isna(row["people"]):
            return SUPPRESSED
        return f"{write(PERCENT.factor * row['people_with'] / row['people'], 1)}%"

    columns: Columns = {
        "Condition": lambda row: _word(row["condition"]),
        "People with it": lambda row: _count(row, "people_with"),
        "Of everybody": share,
        "Community": lambda row: SUPPRESSED if pd.isna(row["community"]) else str(int(row["community"])),
        "Joined to": lambda row: SUPPRESSED if pd.isna(row["joined"]) else str(int(row["joined"])),
    }
    return table_of("Conditions and their communities", conditions, columns)


def _groups_table(part: pd.DataFrame, by: str, held: str, labels: Labels | None) -> Table:
    names = level_labels(by, part["level"].tolist(), labels)
    columns: Columns = {
        "Condition": lambda row: _word(row["condition"]),
        _word(by).capitalize(): lambda row: str(row["named"]),
        "People of the group": lambda row: _count(row, "with_first"),
        "With the condition": lambda row: _count(row, "both"),
        f"Times as common as in all others ({_LEVEL} interval)": lambda row: _numbers(row, _RISK),
    }
    return table_of(f"Conditions by {_word(by)}, {held}", part.assign(named=names), columns)


def _triads_table(triads: pd.DataFrame) -> Table:
    def expected(row: Record, name: str) -> str:
        return SUPPRESSED if pd.isna(row[name]) else write(row[name], 0)

    columns: Columns = {
        "Conditions": lambda row: ", ".join(_word(row[name]) for name in ("first", "second", "third")),
        "People with all three": lambda row: _count(row, "all_three"),
        "Expected by chance": lambda row: expected(row, "by_chance"),
        "Expected from the pairs": lambda row: expected(row, "by_pairs"),
        f"Times what the pairs explain ({_LEVEL} interval)": lambda row: _numbers(row, ("ratio", "lower", "upper")),
    }
    return table_of("Triads of conditions, the commonest first", triads, columns)
