"""Tables made from persons, as a rule lets them be shown: counts, and whatever was worked out from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayesineq.disclosure.audit import AUDIT, WITHHELD
from bayesineq.disclosure.covered import Covered, reason
from bayesineq.disclosure.rule import DEFAULT_RULE, Rule, is_small, shown_values
from bayesineq.disclosure.suppression import hide_beside
from bayesineq.errors import DisclosureError

type PersonTables = Covered[Mapping[str, pd.DataFrame]]


@dataclass(frozen=True, slots=True)
class Guard:
    """
    What of a table counts people.

    Parameters
    ----------
    key : tuple of str
        Columns that name a row; they are always shown.
    counts : tuple of str
        Columns of counts, which are rounded.
    parts : tuple of tuple of str
        Numbers of people that the columns give away beside the counts: sums of columns, those with a minus taken away.
        Where one is small, the row is withheld.
    within : tuple of tuple of str
        Rows of the same of these add up to what is shown elsewhere: where one alone is withheld, another is too.
    kept : tuple of str
        Counts that are shown of a withheld row, where they are not small themselves.
    """

    key: tuple[str, ...]
    counts: tuple[str, ...]
    parts: tuple[tuple[str, ...], ...] = ()
    within: tuple[tuple[str, ...], ...] = ()
    kept: tuple[str, ...] = ()


FOUR: Final = (
    ("with_first", "-both"),
    ("with_second", "-both"),
    ("people", "-with_first", "-with_second", "both"),
)
"""The other cells of a two by two table."""

GUARDS: Final[Mapping[str, Guard]] = {
    "multimorbidity_conditions": Guard(("condition",), ("people_with", "people"), (("people", "-people_with"),)),
    "multimorbidity_pairs": Guard(
        ("first", "second"), ("both", "with_first", "with_second", "people"), FOUR, kept=("people",)
    ),
    "multimorbidity_groups": Guard(
        ("by", "condition", "level"), ("both", "with_first", "with_second", "people"), FOUR, (("by", "condition"),),
        ("people", "with_first", "with_second"),
    ),
    "multimorbidity_triads": Guard(("first", "second", "third"), ("all_three",)),
    "risk_quality": Guard(
        ("by", "level", "measure", "threshold"), ("people", "events"), (("people", "-events"),),
        (("by", "measure", "threshold"),),
    ),
    "risk_curve": Guard(("by", "level", "bin"), ("people", "events"), (("people", "-events"),), (("by", "level"),)),
    "risk_conformal": Guard(("by", "level"), ("people", "events"), (("people", "-events"),), (("by",),)),
    "risk_about": Guard(("item",), ()),
    "multimorbidity_about": Guard(("item",), ()),
    "burden_groups": Guard(
        ("by", "level", "cause"), ("people", "deaths", "cases"), (("people", "-cases"),),
        (("by", "cause"), ("by", "level")),
    ),
    "burden_gap": Guard(
        ("by", "most", "least", "cause"), ("people", "deaths", "cases"), (), (("by", "most", "least"),)
    ),
    "burden_risks": Guard(
        ("by", "level", "cause", "risk"), ("people", "deaths", "exposed"), (("people", "-exposed"),),
        (("by", "cause", "risk"), ("by", "level", "risk")),
    ),
    "burden_about": Guard(("item",), ()),
    "effect_measures": Guard(
        ("method", "measure"), ("people_exposed", "events_exposed", "people_reference", "events_reference"),
        (("people_exposed", "-events_exposed"), ("people_reference", "-events_reference")),
    ),
    "effect_about": Guard(("item",), ()),
    "undiagnosed_groups": Guard(
        ("by", "level"), ("people", "recorded"), (("people", "-recorded"),), (("by",),)
    ),
    "undiagnosed_tests": Guard(("by", "level"), ("people", "offered"), (("people", "-offered"),), (("by",),)),
    "undiagnosed_about": Guard(("item",), ()),
    "costs_groups": Guard(
        ("segment", "imd_decile"), ("people", "users"), (("people", "-users"),), (("segment",), ("imd_decile",))
    ),
    "costs_next": Guard(("of", "segment"), ("people",), (), (("of",),)),
    "costs_uncosted": Guard(("kind", "source"), ("contacts",)),
    "costs_about": Guard(("item",), ()),
}  # fmt: skip
"""What counts people in each table, by name."""


def covered_persons(tables: Mapping[str, pd.DataFrame], rule: Rule = DEFAULT_RULE) -> PersonTables:
    """
    Withhold and round what tables made from persons hold.

    Parameters
    ----------
    tables : Mapping of str to DataFrame
        By name, as of `GUARDS`. What is covered already may be given; a little more may be withheld then.
    rule : Rule
        Threshold and rounding.

    Returns
    -------
    Covered
        The tables by name. A row with a small count, or from which one follows, has nothing but its key.

    Raises
    ------
    DisclosureError
        A table has no guard: nothing says what in it counts people.

    Examples
    --------
    >>> pairs = pd.DataFrame({"first": ["a", "a"], "second": ["b", "c"], "both": [52, 3], "with_first": 200})
    >>> pairs = pairs.assign(with_second=[90, 100], people=1000, odds_ratio=[3.1, 0.8])
    >>> covered_persons({"multimorbidity_pairs": pairs}).shown["multimorbidity_pairs"].iloc[:, 2:].astype(object)
       both with_first with_second people odds_ratio
    0    50        200          90   1000        3.1
    1  <NA>       <NA>        <NA>   1000        NaN
    """
    if strange := [name for name in tables if name not in GUARDS]:
        raise DisclosureError(f"nothing says what in the tables {strange} counts people")
    shown: dict[str, pd.DataFrame] = {}
    withheld: list[object] = []
    for name, table in tables.items():
        guard, rows = GUARDS[name], table.reset_index(drop=True)
        hidden = _hidden(rows, guard, rule)
        shown[name] = _shown(rows, guard, rule, hidden)
        withheld += [(name, *map(str, row)) for row in rows.loc[hidden, list(guard.key)].itertuples(index=False)]
    why = reason(rule, "people", subtraction=True)
    return Covered(shown, tuple(withheld), sum(map(len, shown.values())), rule, why)


def persons_audit(found: PersonTables) -> pd.DataFrame:
    """What is withheld of tables made from persons and why, without a count: `table`, `cell`, `column`, `reason`."""
    cells = [(str(cell[0]), " / ".join(cell[1:])) for cell in found.withheld if isinstance(cell, tuple)]
    return pd.DataFrame(cells, columns=["table", "cell"]).assign(column="all", reason=WITHHELD)[list(AUDIT)]


def _numbers(table: pd.DataFrame, column: str) -> NDArray[np.float64]:
    return table[column].to_numpy(dtype=np.float64, na_value=np.nan)


def _hidden(table: pd.DataFrame, guard: Guard, rule: Rule) -> NDArray[np.bool_]:
    """Rows that are withheld, those that are withheld already among them."""
    gone = np.zeros(len(table), dtype=bool)
    parts = [(name,) for name in guard.counts] + list(guard.parts)
    for part in parts:
        total = np.zeros(len(table))
        for name in part:
            total += (-1 if name.startswith("-") else 1) * _numbers(table, name.removeprefix("-"))
        # Rounded counts may contradict each other by a little.
        gone |= np.isnan(total) | is_small(np.maximum(np.nan_to_num(total), 0.0), rule)
    if not guard.counts:
        return gone
    first, grown = np.nan_to_num(_numbers(table, guard.counts[0])), True
    while grown:
        # What is withheld beside a row in one sum may stand alone in another.
        before = int(gone.sum())
        for columns in guard.within:
            for rows in table.groupby(list(columns), dropna=False).indices.values():
                gone[rows] = hide_beside(gone[rows], first[rows])
        grown = int(gone.sum()) > before
    return gone


def _shown(table: pd.DataFrame, guard: Guard, rule: Rule, hidden: NDArray[np.bool_]) -> pd.DataFrame:
    out = table.copy()
    for name in guard.counts:
        values = _numbers(table, name)
        small = np.isnan(values) | is_small(np.nan_to_num(values), rule)
        gone = small if name in guard.kept else small | hidden
        out[name] = pd.array(shown_values(np.nan_to_num(values), rule, gone), dtype="Int64")
    numbers: Sequence[str] = [name for name in table.columns if name not in (*guard.key, *guard.counts)]
    for name in numbers:
        if pd.api.types.is_numeric_dtype(table[name]) and not pd.api.types.is_bool_dtype(table[name]):
            out[name] = _four_digits(table[name].astype("float64").mask(hidden))
        else:
            out[name] = table[name].astype(object).mask(hidden, None)
    return out


def _four_digits(column: pd.Series) -> pd.Series:
    """Numbers to four significant digits: more of them would tell the counts that they are made of."""
    return column.map(lambda value: float(f"{value:.4g}"), na_action="ignore")
