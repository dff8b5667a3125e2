"""A timeline and the way to a service, to be read: a picture with the table that it is drawn from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from bayesineq.report.figures.timeline import plot_timeline, plot_ways
from bayesineq.report.page.parts import Section, Table
from bayesineq.report.page.plain import plain_page
from bayesineq.report.words.sentences import Statement, sentence

_WITHHELD = "withheld"
_NOT_CAUSES = "Groups differ in more than deprivation: the figures do not say why."


def timeline_page(table: pd.DataFrame, by: Sequence[str], start: str) -> bytes:
    """
    Lay a timeline out as a page: a panel a kind of event, and the table.

    Parameters
    ----------
    table : DataFrame
        From `event_timeline`.
    by : sequence of str
        Its columns of groups.
    start : str
        Event that begins the pathway.

    Returns
    -------
    bytes
        The page, complete in itself.

    Examples
    --------
    >>> rows = {"event": "clinic", "from_day": [0], "to_day": [29], "people": [200], "events": [50], "rate": [0.25]}
    >>> page = timeline_page(pd.DataFrame(rows | {"lower": [0.19], "upper": [0.33]}), [], "referral")
    >>> b"25.0 (19.0 to 33.0)" in page
    True
    """
    title = f"What happens after {start}, and when"
    rows = tuple(
        (
            *(str(row[name]) for name in by),
            sentence(str(row["event"])),
            f"{row['from_day']} to {row['to_day']}",
            _count(row["people"]),
            _count(row["events"]),
            _rate(row),
        )
        for row in table.to_dict("records")
    )
    heads = tuple(sentence(name.replace("_", " ")) for name in by)
    header = (*heads, "Event", "Days since the start", "People", "Events", "Events per 100 people (95%)")
    caption = "People are those who were followed to the end of the interval; counts are rounded, small ones withheld"
    chart = plot_timeline(
        table,
        by,
        title,
        "Dots: events for each 100 people. Bands: 95% intervals of the first and last "
        "group; those of all are in the table. Gaps: withheld.",
    )
    notes = [sentence(f"{note}.") for note in table.attrs.get("notes", ())]
    said = tuple(map(Statement, notes))
    parts = [Section("Events in time", said, (Table(caption, header, rows),), (chart,))]
    return plain_page(title, parts, [_NOT_CAUSES])


def travel_page(table: pd.DataFrame, notes: Sequence[str]) -> bytes:
    """
    Lay the way to the nearest service out as a page: fifths of deprivation, and the slope across them.

    Parameters
    ----------
    table : DataFrame
        From `travel_by_deprivation`.
    notes : sequence of str
        How ways were found.

    Returns
    -------
    bytes
        The page, complete in itself.

    Examples
    --------
    >>> ways = {"group": ["1", "5", "slope"], "areas": [5, 5, 10], "residents": 9000, "without": 0}
    >>> ways |= {"mean": [10.0, 16.0, 7.5], "ninth_decile": [12.0, 20.0, None], "lower": None, "upper": None}
    >>> b"7.5 minutes longer for the least" in travel_page(pd.DataFrame(ways).assign(unit="minutes"), ["by matrix"])
    True
    """
    unit, short = ("minutes", "min") if table["unit"].iloc[0] == "minutes" else ("km", "km")
    title = "How far it is to the nearest service, by deprivation"
    fifths = table[table["group"] != "slope"].to_dict("records")
    slope = table[table["group"] == "slope"].to_dict("records")[0]
    who = "longer" if slope["mean"] >= 0 else "shorter"
    within = f" (95% interval {slope['lower']:.1f} to {slope['upper']:.1f})" if pd.notna(slope["lower"]) else ""
    text = (
        f"Across all areas, ordered by deprivation, the way is {abs(slope['mean']):.1f} {unit} {who} for the least "
        f"than for the most deprived{within}."
    )
    rows = tuple(
        (
            str(row["group"]),
            f"{row['areas']:,.0f}",
            f"{row['residents']:,.0f}",
            f"{row['without']:,.0f}",
            f"{row['mean']:.1f}",
            f"{row['ninth_decile']:.1f}",
        )
        for row in fifths
    )
    header = ("Fifth (1 most deprived)", "Areas", "Residents", "Areas without a way", f"Mean, {short}",
              f"Nine tenths within, {short}")  # fmt: skip
    chart = plot_ways(table, title, "Weighted by residents. Fifths are of areas, 1 the most deprived.")
    said = (
        Statement(text, is_claim=True),
        *(Statement(sentence(note if note[-1:] == "." else f"{note}.")) for note in notes),
    )
    parts = [Section("By deprivation", said, (Table("The way from each fifth of areas", header, rows),), (chart,))]
    return plain_page(title, parts, ["Ways lead from one point of each area, not from each person's home."])


def _count(value: Any) -> str:
    return f"{value:,.0f}" if pd.notna(value) else _WITHHELD


def _rate(row: Mapping[Any, Any]) -> str:
    if pd.isna(row["rate"]):
        return _WITHHELD
    return f"{100 * row['rate']:.1f} ({100 * row['lower']:.1f} to {100 * row['upper']:.1f})"
